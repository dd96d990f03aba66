# The references on the bare interfaces, and what loads them; bench/run runs them.
# SPDX-License-Identifier: MIT
proa_bench(sim bench/sim.c)
proa_bench(http_hello bench/http_hello.c)

include(CheckFunctionExists)
check_function_exists(epoll_pwait2 PROA_HAS_EPOLL_PWAIT2) # glibc 2.35
if(PROA_HAS_EPOLL_PWAIT2)
	proa_bench(raw_epoll bench/raw_epoll.c bench/echo.c bench/common.c)
	proa_bench(raw_poll bench/raw_poll.c bench/echo.c bench/common.c)
	proa_bench(raw_uring bench/raw_uring.c bench/ring.c bench/common.c)
	proa_bench(raw_blocking bench/raw_blocking.c bench/common.c)
	proa_bench(crowd bench/crowd.c bench/common.c)
	proa_bench(flood bench/flood.c bench/common.c)
	proa_bench(load
		bench/load.c
		bench/load_flow.c
		bench/load_watch.c
		bench/load_echo.c
		bench/load_http.c
		bench/load_epoll.c
		bench/load_uring.c
		bench/ring.c
		bench/common.c)

	# The references need the ring's ABI, the load generator the histogram, no more of src/.
	foreach(name raw_epoll raw_uring raw_blocking load)
		if(TARGET bench_${name})
			target_include_directories(bench_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
		endif()
	endforeach()
	include(bench/micro/files.cmake)
	if(TARGET bench_load AND PROA_TESTS)
		find_program(PROA_PYTHON python3)
		if(PROA_PYTHON)
			set(test ${PROJECT_SOURCE_DIR}/bench/load_test)
			proa_add_test(bench_load ${PROA_PYTHON} ${test} ${PROJECT_BINARY_DIR})
			if(NOT PROA_TREE)
				set(test ${PROJECT_SOURCE_DIR}/bench/suite_test)
				proa_add_test(bench_suite ${PROA_PYTHON} ${test})
			endif()
		endif()
	endif()
	include(bench/peers/files.cmake)
endif()
