# The library's calls to the kernel made to fail: the tests' programs again, over a copy of it.
# SPDX-License-Identifier: MIT
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND CMAKE_OBJCOPY
	AND PROA_TREE MATCHES "^(asan)?$")
	set(archive ${PROJECT_BINARY_DIR}/libproa_seam.a)
	add_custom_command(OUTPUT ${archive}
		COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${PROJECT_SOURCE_DIR}/tests/seam/symbols
			$<TARGET_FILE:proa_static> ${archive}
		DEPENDS proa_static ${PROJECT_SOURCE_DIR}/tests/seam/symbols VERBATIM)
	add_custom_target(proa_seam_archive DEPENDS ${archive})
	proa_files(files tests/seam/run.c tests/seam/seam.c tests/seam/seam_posix.c
		tests/seam/seam_uring.c)
	add_library(proa_seam OBJECT ${files})
	target_include_directories(proa_seam PRIVATE ${PROJECT_SOURCE_DIR}/include
		${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
	target_link_libraries(proa_seam PRIVATE proa_flags)

	# The objects of an earlier proa_test, linked with the copy: build/seam/NAME.
	foreach(name loop conform stream serve fs work dns regression)
		if(NOT TARGET test_${name})
			continue() # PROA_TEST_ONLY has others
		endif()
		add_executable(seam_${name} $<TARGET_OBJECTS:test_${name}>
			$<TARGET_OBJECTS:proa_test_frame> $<TARGET_OBJECTS:proa_seam>)
		add_dependencies(seam_${name} proa_seam_archive)
		target_link_options(seam_${name} PRIVATE
			-Wl,--wrap=proa_loop_open -Wl,--wrap=proa_loop_close)
		target_link_libraries(seam_${name} PRIVATE
			${archive} ${PROA_LLHTTP_LIBRARY} ${PROA_SYSTEM_LIBRARIES})
		set_target_properties(seam_${name} PROPERTIES OUTPUT_NAME ${name}
			LINK_DEPENDS ${archive} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/seam)
	endforeach()
endif()
