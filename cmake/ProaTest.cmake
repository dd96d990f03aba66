# proa_test and proa_unit_tests: programs on the frame of tests/test.h, run by CTest.
# SPDX-License-Identifier: MIT

# Each build names its tests after itself, so that one CTest run can hold several builds.
set(PROA_TEST_PREFIX)
if(PROA_TREE)
	set(PROA_TEST_PREFIX ${PROA_TREE}.)
endif()
set(PROA_TEST_BACKENDS poll)
if(PROA_KQUEUE_IS STREQUAL "system")
	set(PROA_TEST_BACKENDS kqueue poll)
elseif(PROA_KQUEUE_IS)
	set(PROA_TEST_BACKENDS kqueue) # the tree that is there for it
elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_CROSSCOMPILING)
	set(PROA_TEST_BACKENDS epoll poll) # an emulator has no io_uring
elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	set(PROA_TEST_BACKENDS io_uring epoll poll)
elseif(WIN32)
	set(PROA_TEST_BACKENDS iocp)
endif()

# What the tests ask of the system: tests/host*.h, one list for each.
if(WIN32)
	set(host_files
		tests/host_win.c
		tests/host_win_child.c
		tests/host_win_file.c
		tests/host_win_net.c
		tests/host_win_thread.c)
else()
	set(host_files
		tests/host_posix.c
		tests/host_posix_child.c
		tests/host_posix_file.c
		tests/host_posix_net.c
		tests/host_posix_thread.c)
endif()
foreach(part host frame)
	set(${part}_list ${host_files})
	if(part STREQUAL "frame")
		set(frame_list tests/main.c)
	endif()
	proa_files(part_files ${${part}_list})
	add_library(proa_test_${part} OBJECT ${part_files})
	target_include_directories(proa_test_${part} PUBLIC ${PROJECT_SOURCE_DIR}/tests)
	target_include_directories(proa_test_${part} PRIVATE ${PROJECT_SOURCE_DIR}/include)
	target_link_libraries(proa_test_${part} PRIVATE proa_flags proa_kqueue)
endforeach()

# Those that take long, and about how many seconds: they begin first, so that none of them is left
# to run alone at the end. CTest itself knows that of tests it has run in this folder before.
set(PROA_LONG_TESTS conform-iocp=67 wine=41 seam_can_fail=18 http_slow=18 seam_faults=15
	campaign_can_fail=30 conform-.*=13 mutants_.*=12 lab=12 bench_load=10 http_command-iocp=9)

# Under Wine, whose server may crash beneath a test.
if(WIN32 AND CMAKE_CROSSCOMPILING_EMULATOR)
	find_program(PROA_PYTHON python3)
	set(PROA_STEADY ${PROA_PYTHON} -BSE ${PROJECT_SOURCE_DIR}/tests/wine/steady
		${PROJECT_SOURCE_DIR}/build/wine)
endif()

# proa_add_test(NAME COMMAND...): add_test with this build's prefix and common properties.
function(proa_add_test name)
	set(environment ASAN_OPTIONS=detect_stack_use_after_return=1 TSAN_OPTIONS=halt_on_error=1)
	set(command ${ARGN})
	list(POP_FRONT command first)
	if(PROA_STEADY AND TARGET ${first})
		set(first ${PROA_STEADY} ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${first}>)
	elseif(PROA_STEADY)
		set(first ${PROA_STEADY} ${first})
	endif()
	add_test(NAME ${PROA_TEST_PREFIX}${name} COMMAND ${first} ${command}
		WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
	set_tests_properties(${PROA_TEST_PREFIX}${name} PROPERTIES
		TIMEOUT 600 SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
	foreach(long ${PROA_LONG_TESTS})
		string(REPLACE "=" ";" long ${long})
		list(GET long 0 pattern)
		list(GET long 1 seconds)
		if(name MATCHES "^${pattern}")
			set_tests_properties(${PROA_TEST_PREFIX}${name} PROPERTIES COST ${seconds})
			break()
		endif()
	endforeach()
endfunction()

# What each program of BACKENDS told (--results), and which there are, for tools/conformance.
set(results_dir ${PROJECT_BINARY_DIR}/results)
file(WRITE ${results_dir}/programs.txt "")

# proa_test(NAME FILE... [ARGS ARG...] [BACKENDS] [SERIAL] [OWN_MAIN] [TIMEOUT SECONDS]): program
# build/tests/NAME and a test of that name. BACKENDS: instead one test NAME-BACKEND for each, with
# --backend. SERIAL: few others run meanwhile. OWN_MAIN: not on the frame, only on tests/host*.
# It sees the internal headers (src/) too.
function(proa_test name)
	if(PROA_TEST_ONLY AND NOT name IN_LIST PROA_TEST_ONLY)
		return()
	endif()
	cmake_parse_arguments(T "BACKENDS;SERIAL;OWN_MAIN" "TIMEOUT" "ARGS" ${ARGN})
	proa_program(test_${name} tests ${name} ${T_UNPARSED_ARGUMENTS})
	target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_link_libraries(test_${name} PRIVATE proa_test_host proa_llhttp
		$<$<NOT:$<BOOL:${T_OWN_MAIN}>>:proa_test_frame>)
	set(tests)
	if(T_BACKENDS)
		foreach(backend ${PROA_TEST_BACKENDS})
			proa_add_test(${name}-${backend}
				test_${name} --backend ${backend}
				--results ${results_dir}/${name}-${backend}.json ${T_ARGS})
			file(APPEND ${results_dir}/programs.txt "${name}-${backend}\n")
			list(APPEND tests ${PROA_TEST_PREFIX}${name}-${backend})
		endforeach()
	else()
		proa_add_test(${name} test_${name} ${T_ARGS})
		set(tests ${PROA_TEST_PREFIX}${name})
	endif()
	# Sanitized builds say the same once more.
	if(T_BACKENDS AND PROA_TREE MATCHES "^(kqueue|win|aarch64|musl)?$")
		set_tests_properties(${tests} PROPERTIES FIXTURES_SETUP results)
	endif()
	# With at most a few others, for alone they would cost a minute; before all others, for then
	# three places are free at once.
	if(T_SERIAL)
		set_tests_properties(${tests} PROPERTIES
			PROCESSORS 3 RESOURCE_LOCK serial COST 100)
	endif()
	if(T_TIMEOUT)
		set_tests_properties(${tests} PROPERTIES TIMEOUT ${T_TIMEOUT})
	endif()
endfunction()

# proa_unit_tests(FILE...): src/base/list_test.c becomes program and test base_list.
function(proa_unit_tests)
	foreach(file ${ARGN})
		string(REGEX REPLACE "^src/(.*)_test\\.c$" "\\1" name ${file})
		string(REPLACE "/" "_" name ${name})
		proa_test(${name} ${file})
	endforeach()
endfunction()

# proa_valgrind_test(NAME SUFFIX ARG...): the program of an earlier proa_test again, under valgrind;
# not in builds that look at memory themselves, and not where valgrind is missing.
find_program(PROA_VALGRIND valgrind)
function(proa_valgrind_test name suffix)
	if(NOT PROA_VALGRIND OR PROA_TREE)
		return()
	endif()
	proa_add_test(valgrind.${name}-${suffix} ${PROA_VALGRIND} -q --error-exitcode=9
		--leak-check=full $<TARGET_FILE:test_${name}> ${ARGN})
endfunction()
