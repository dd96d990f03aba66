# The library (static and shared), the command, examples, benchmarks.
# SPDX-License-Identifier: MIT
include(ProaLlhttp)
include(ProaCares)
include(ProaKqueue)

# proa_object_library(TARGET FILE...): what libraries are made of.
function(proa_object_library target)
	add_library(${target} OBJECT ${ARGN})
	target_include_directories(${target} PUBLIC
		${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_link_libraries(${target} PRIVATE proa_flags proa_llhttp proa_kqueue)
endfunction()

# proa_whole(TARGET OUT): the objects of TARGET, compiled to be optimised together, made into one of
# the ordinary sort: so that users get that without a word of it to their own linker.
function(proa_whole target out)
	set(whole ${PROJECT_BINARY_DIR}/${target}.o)
	set(flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${PROA_BUILD_TYPE}}")
	separate_arguments(flags NATIVE_COMMAND ${flags})
	target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects -O3
		-ffunction-sections -fdata-sections)
	# Its function in assembly has no declaration that the optimiser would see.
	set_source_files_properties(src/sys/posix/fiber.c PROPERTIES COMPILE_OPTIONS -fno-lto)
	add_custom_command(OUTPUT ${whole} VERBATIM COMMAND_EXPAND_LISTS
		COMMAND ${CMAKE_C_COMPILER} ${flags} -O3 -fPIC -r -nostdlib -flto=auto
			-flinker-output=nolto-rel -o ${whole} $<TARGET_OBJECTS:${target}>
		DEPENDS ${target} $<TARGET_OBJECTS:${target}>
		COMMENT "Optimising the library as a whole")
	set(${out} ${whole} PARENT_SCOPE)
endfunction()

# proa_library(FILE...): targets proa_static (libproa.a) and proa_shared (libproa.so.0), from one
# set of objects; on Windows from two, for what a DLL exports is compiled in.
function(proa_library)
	proa_files(files ${ARGN})
	proa_object_library(proa_objects ${files})
	if(PROA_QUICK)
		target_compile_options(proa_objects PRIVATE -O2)
	endif()
	set(shared_objects proa_objects)
	if(WIN32)
		set(shared_objects proa_dll_objects)
		proa_object_library(proa_dll_objects ${files})
		target_compile_definitions(proa_dll_objects PRIVATE PROA_BUILD_SHARED)
	endif()
	set(objects ${PROA_LLHTTP_OBJECTS} ${PROA_KQUEUE_OBJECTS})
	set(static_objects $<TARGET_OBJECTS:proa_objects>)
	set(PROA_PARTS proa_static PARENT_SCOPE)
	set(shared_objects $<TARGET_OBJECTS:${shared_objects}>)
	if(PROA_LTO)
		proa_whole(proa_objects static_objects)
		set(shared_objects ${static_objects})
		# The same in its parts, for tests that replace some of them.
		add_library(proa_parts STATIC $<TARGET_OBJECTS:proa_objects> ${objects})
		target_link_libraries(proa_parts PUBLIC ${PROA_SYSTEM_LIBRARIES}
			PRIVATE ${PROA_LLHTTP_LIBRARY} ${PROA_CARES_LIBRARY})
		target_link_options(proa_parts INTERFACE -fno-lto)
		set(PROA_PARTS proa_parts PARENT_SCOPE)
	endif()
	add_library(proa_static STATIC ${static_objects} ${objects})
	add_library(proa_shared SHARED ${shared_objects} ${objects})
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
			$<BUILD_INTERFACE:${PROA_CARES_LIBRARY}>
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
