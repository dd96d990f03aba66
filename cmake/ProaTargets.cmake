# The library (static and shared), the command, examples, benchmarks.
# SPDX-License-Identifier: MIT
include(ProaLlhttp)
include(ProaKqueue)

# proa_object_library(TARGET FILE...): what libraries are made of.
function(proa_object_library target)
	add_library(${target} OBJECT ${ARGN})
	target_include_directories(${target} PUBLIC
		${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_link_libraries(${target} PRIVATE proa_flags proa_llhttp proa_kqueue)
endfunction()

# proa_library(FILE...): targets proa_static (libproa.a) and proa_shared (libproa.so.0), from one
# set of objects; on Windows from two, for what a DLL exports is compiled in.
function(proa_library)
	proa_files(files ${ARGN})
	proa_object_library(proa_objects ${files})
	set(shared_objects proa_objects)
	if(WIN32)
		set(shared_objects proa_dll_objects)
		proa_object_library(proa_dll_objects ${files})
		target_compile_definitions(proa_dll_objects PRIVATE PROA_BUILD_SHARED)
	endif()
	set(objects ${PROA_LLHTTP_OBJECTS} ${PROA_KQUEUE_OBJECTS})
	add_library(proa_static STATIC $<TARGET_OBJECTS:proa_objects> ${objects})
	add_library(proa_shared SHARED $<TARGET_OBJECTS:${shared_objects}> ${objects})
	foreach(target proa_static proa_shared)
		set_target_properties(${target} PROPERTIES OUTPUT_NAME proa LINKER_LANGUAGE C
			LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
			RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
			ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
		target_include_directories(${target} INTERFACE
			$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
			$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
		target_link_libraries(${target} PUBLIC ${PROA_SYSTEM_LIBRARIES}
			PRIVATE $<BUILD_INTERFACE:${PROA_LLHTTP_LIBRARY}>
			"$<BUILD_INTERFACE:${PROA_KQUEUE_LINK}>")
	endforeach()
	set_target_properties(proa_static PROPERTIES EXPORT_NAME static)
	if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT PROA_SANITIZE)
		target_link_options(proa_shared PRIVATE -Wl,--no-undefined)
	endif()
	if(WIN32)
		target_compile_definitions(proa_shared INTERFACE PROA_SHARED)
		target_link_options(proa_shared PRIVATE -static-libgcc)
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

# proa_lab(FILE...): what proa_command takes in for "proa lab". It sees src/ and bench/.
function(proa_lab)
	proa_files(files ${ARGN})
	proa_object_library(proa_lab_objects ${files})
	target_include_directories(proa_lab_objects PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# proa_command(FILE...): build/proa, which sees the public headers and lab/lab.h.
function(proa_command)
	proa_program(proa_cli . proa ${ARGN})
	target_include_directories(proa_cli PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_sources(proa_cli PRIVATE $<TARGET_OBJECTS:proa_lab_objects>)
endfunction()

# proa_example(NAME FILE...): build/examples/NAME.
function(proa_example name)
	proa_program(example_${name} examples ${name} ${ARGN})
endfunction()

# proa_bench(NAME FILE...): build/bench/NAME.
function(proa_bench name)
	proa_program(bench_${name} bench ${name} ${ARGN})
endfunction()
