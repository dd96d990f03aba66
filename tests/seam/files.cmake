# The library's calls to the kernel made to fail: the tests' programs again, over a copy of it.
# SPDX-License-Identifier: MIT

# proa_seam_program(NAME OBJECT...): build/seam/NAME, of these, the seam and tests/host*, linked
# with the copy. All of them are target seam_programs; elsewhere than in the first tree the default
# has those only that are tests by themselves.
function(proa_seam_program name)
	add_executable(seam_${name}
		${ARGN} $<TARGET_OBJECTS:proa_test_host> $<TARGET_OBJECTS:proa_seam>)
	add_dependencies(seam_${name} proa_seam_archive)
	add_dependencies(seam_programs seam_${name})
	if(PROA_TREE AND NOT name MATCHES "^(direct|lacks|script)$")
		set_target_properties(seam_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
	endif()
	target_include_directories(seam_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include
		${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
	target_link_libraries(seam_${name} PRIVATE
		proa_flags ${PROA_SEAM_ARCHIVE} ${PROA_LLHTTP_LIBRARY} ${PROA_CARES_LIBRARY}
		${PROA_SYSTEM_LIBRARIES})
	target_link_options(seam_${name} PRIVATE $<$<BOOL:${PROA_LTO}>:-fno-lto>)
	set_target_properties(seam_${name} PROPERTIES OUTPUT_NAME ${name}
		LINK_DEPENDS ${PROA_SEAM_ARCHIVE}
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/seam)
endfunction()

# For real, so on the library as it is. Alone: a sysctl is the whole machine's, and a test that
# opens a ring while it is set would fail.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND PROA_TREE STREQUAL "")
	proa_test(refused tests/seam/refused_test.c tests/seam/echo.c)
	if(TARGET test_refused) # PROA_TEST_ONLY has some
		set_tests_properties(refused PROPERTIES RUN_SERIAL ON)
	endif()
endif()

if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND NOT CMAKE_OBJCOPY)
	message(WARNING "no objcopy (of binutils): the tests of tests/seam are left out")
endif()

# The same on the frame, with --faults.
function(proa_seam_tests name)
	proa_seam_program(${name}
		${ARGN} $<TARGET_OBJECTS:proa_test_frame> $<TARGET_OBJECTS:proa_seam_run>)
	target_link_options(seam_${name} PRIVATE
		-Wl,--wrap=proa_loop_open -Wl,--wrap=proa_loop_close)
endfunction()

if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND CMAKE_OBJCOPY
	AND PROA_TREE MATCHES "^(asan)?$" AND TARGET test_conform)
	set(PROA_SEAM_ARCHIVE ${PROJECT_BINARY_DIR}/libproa_seam.a)
	add_custom_command(OUTPUT ${PROA_SEAM_ARCHIVE}
		COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${PROJECT_SOURCE_DIR}/tests/seam/symbols
			$<TARGET_FILE:${PROA_PARTS}> ${PROA_SEAM_ARCHIVE}
		DEPENDS ${PROA_PARTS} ${PROJECT_SOURCE_DIR}/tests/seam/symbols VERBATIM)
	add_custom_target(proa_seam_archive DEPENDS ${PROA_SEAM_ARCHIVE})
	add_custom_target(seam_programs)
	proa_files(seam_files
		tests/seam/seam.c tests/seam/seam_posix.c tests/seam/seam_file.c
		tests/seam/seam_child.c tests/seam/seam_uring.c)
	proa_files(run_files tests/seam/run.c)
	add_library(proa_seam OBJECT ${seam_files})
	add_library(proa_seam_run OBJECT ${run_files})
	foreach(part proa_seam proa_seam_run)
		target_include_directories(${part} PRIVATE ${PROJECT_SOURCE_DIR}/include
			${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
		target_link_libraries(${part} PRIVATE proa_flags)
	endforeach()

	# The objects of earlier proa_tests.
	foreach(name loop conform datagram_linux stream forward serve fs work dns local tty child
		regression)
		if(TARGET test_${name}) # PROA_TEST_ONLY has some
			proa_seam_tests(${name} $<TARGET_OBJECTS:test_${name}>)
		endif()
	endforeach()

	# Beside the child tests, which start it.
	proa_files(files tests/e_local/program.c)
	proa_seam_program(child_program ${files})

	proa_files(files
		tests/seam/direct_test.c tests/c_conform/kit.c tests/d_net/forward_kit.c)
	proa_seam_tests(direct ${files})
	foreach(backend ${PROA_TEST_BACKENDS})
		proa_add_test(seam_direct-${backend} seam_direct --backend ${backend})
	endforeach()

	find_program(PROA_PYTHON python3)
	# That a run finds what is planted, and survives programs that die.
	proa_files(files tests/seam/planted.c tests/c_conform/kit.c)
	proa_seam_tests(planted ${files})
	if(PROA_PYTHON AND PROA_TREE STREQUAL "")
		proa_add_test(seam_can_fail ${PROA_PYTHON}
			${PROJECT_SOURCE_DIR}/tests/seam/faults_test ${PROJECT_BINARY_DIR})
	endif()

	# Random programs in a storm of what reaches nobody: they must come out as in calm weather.
	proa_files(files tests/seam/storm.c)
	proa_seam_program(script $<TARGET_OBJECTS:test_script> ${files})
	proa_add_test(seam_storm seam_script --seeds 200)
	set_property(TEST ${PROA_TEST_PREFIX}seam_storm APPEND PROPERTY ENVIRONMENT
		SEAM_RULE=any:1:50)

	# A sample; all of it, also in the address build: ./dev faults
	if(PROA_PYTHON AND PROA_TREE STREQUAL "")
		proa_add_test(seam_faults ${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/seam/faults
			${PROJECT_BINARY_DIR} --only "a*,o*,f*,r*" --first 2 --share 1 --most 250)
	endif()

	proa_files(files tests/seam/lacks_test.c tests/seam/echo.c tests/c_conform/kit.c)
	proa_seam_tests(lacks ${files})
	proa_add_test(seam_lacks seam_lacks)
endif()
