# Tests that are not programs on the frame: tidy, the header as C++, the installed tree.
# SPDX-License-Identifier: MIT

# They say the same in every build, so only the first has them.
if(NOT PROA_TREE STREQUAL "")
	return()
endif()
set(dir ${PROJECT_SOURCE_DIR})

find_program(PROA_PYTHON python3)
if(PROA_PYTHON)
	proa_add_test(tidy ${PROA_PYTHON} ${dir}/tools/tidy)
	proa_add_test(tidy_can_fail ${PROA_PYTHON} ${dir}/tools/tidy_test)
	proa_add_test(conformance_can_fail ${PROA_PYTHON} ${dir}/tools/conformance_test)
	# Behind the programs whose results it reads, in this build and in the others of the run.
	proa_add_test(skips_have_reasons
		${PROA_PYTHON} ${dir}/tools/conformance --build ${PROJECT_BINARY_DIR})
	set_tests_properties(skips_have_reasons PROPERTIES FIXTURES_REQUIRED results)
endif()

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
	enable_language(CXX)
	foreach(std 11 17 20)
		add_library(header_cxx${std} OBJECT EXCLUDE_FROM_ALL tests/header.cpp)
		target_include_directories(header_cxx${std} PRIVATE include)
		target_compile_options(header_cxx${std} PRIVATE -std=c++${std}
			-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
		proa_add_test(header_cxx${std}
			${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target header_cxx${std})
		set_tests_properties(header_cxx${std} PROPERTIES RESOURCE_LOCK build)
	endforeach()
endif()

proa_add_test(install ${dir}/tests/install/run ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER})
set_tests_properties(install PROPERTIES RESOURCE_LOCK build)

# One CTest run over several builds: PROA_TREES="asan tsan" ctest --test-dir build
file(WRITE ${PROJECT_BINARY_DIR}/trees.cmake [[
separate_arguments(trees UNIX_COMMAND "$ENV{PROA_TREES}")
foreach(tree ${trees})
	subdirs(${tree})
endforeach()
]])
set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${PROJECT_BINARY_DIR}/trees.cmake)
