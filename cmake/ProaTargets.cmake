# The library (static and shared, from one set of objects), the command, examples, benchmarks.
# SPDX-License-Identifier: MIT
include(ProaLlhttp)
include(ProaKqueue)

# proa_library(FILE...): targets proa_static (libproa.a) and proa_shared (libproa.so.0).
function(proa_library)
	proa_files(files ${ARGN})
	add_library(proa_objects OBJECT ${files})
	target_include_directories(proa_objects PUBLIC
		${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_link_libraries(proa_objects PRIVATE proa_flags proa_llhttp proa_kqueue)
	set(objects $<TARGET_OBJECTS:proa_objects> ${PROA_LLHTTP_OBJECTS} ${PROA_KQUEUE_OBJECTS})
	add_library(proa_static STATIC ${objects})
	add_library(proa_shared SHARED ${objects})
	foreach(target proa_static proa_shared)
		set_target_properties(${target} PROPERTIES OUTPUT_NAME proa LINKER_LANGUAGE C
			LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
			ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
		target_include_directories(${target} INTERFACE
			$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
			$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
		target_link_libraries(${target} PUBLIC Threads::Threads
			PRIVATE $<BUILD_INTERFACE:${PROA_LLHTTP_LIBRARY}>
			"$<BUILD_INTERFACE:${PROA_KQUEUE_LINK}>")
	endforeach()
	set_target_properties(proa_static PROPERTIES EXPORT_NAME static)
	if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT PROA_SANITIZE)
		target_link_options(proa_shared PRIVATE -Wl,--no-undefined)
	endif()
	set_target_properties(proa_shared PROPERTIES EXPORT_NAME shared
		VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
endfunction()

# A program that sees the public headers only, in folder `folder` of the build.
function(proa_program target folder name)
	proa_files(files ${ARGN})
	add_executable(${target} ${files})
	target_link_libraries(${target} PRIVATE proa_static proa_flags)
	set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()

# proa_command(FILE...): build/proa.
function(proa_command)
	proa_program(proa_cli . proa ${ARGN})
endfunction()

# proa_example(NAME FILE...): build/examples/NAME.
function(proa_example name)
	proa_program(example_${name} examples ${name} ${ARGN})
endfunction()

# proa_bench(NAME FILE...): build/bench/NAME.
function(proa_bench name)
	proa_program(bench_${name} bench ${name} ${ARGN})
endfunction()

# proa_fuzz(NAME FILE...): a libFuzzer target; only in the tree that ./dev fuzz builds.
function(proa_fuzz name)
	if(PROA_SANITIZE MATCHES "fuzzer")
		proa_program(fuzz_${name} fuzz ${name} ${ARGN})
		target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
		target_link_libraries(fuzz_${name} PRIVATE proa_llhttp)
		target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
	endif()
endfunction()
