# The example programs, run against clients on each backend, and those that are simulated.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
if(PROA_PYTHON AND TARGET example_echo)
	set(programs)
	# runtime changes stacks under the sanitizer's feet, and needs a libc that can.
	if(PROA_SANITIZE OR NOT TARGET example_runtime)
		set(programs chat copy dns echo echo_serve file get get_await group relay
			relay_serve strand sim_kv spawn udp_echo)
	endif()
	set(runner)
	if(CMAKE_CROSSCOMPILING_EMULATOR)
		set(runner --runner ${CMAKE_CROSSCOMPILING_EMULATOR})
	endif()
	foreach(backend ${PROA_TEST_BACKENDS})
		proa_add_test(examples-${backend}
			${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/examples/run ${runner}
			${PROJECT_BINARY_DIR}/examples ${backend} ${programs})
	endforeach()
	set(exe)
	set(seeds 100)
	if(WIN32)
		set(exe --exe)
	elseif(NOT PROA_TREE)
		set(seeds 1000)
	endif()
	proa_add_test(examples-sim ${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/examples/sim
		${runner} ${exe} ${PROJECT_BINARY_DIR}/examples ${seeds})
	if(NOT PROA_TREE AND NOT WIN32)
		proa_add_test(examples-page ${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/examples/page
			${CMAKE_C_COMPILER} ${PROJECT_SOURCE_DIR}/include $<TARGET_FILE:proa_static>
			${PROJECT_BINARY_DIR}/page -pthread ${PROA_LLHTTP_LIBRARY}
			${PROA_CARES_LIBRARY})
	endif()
endif()
