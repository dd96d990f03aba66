# The C of the guide compiles, and that is checked by something that can fail.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
if(PROA_PYTHON AND PROA_TREE STREQUAL "" AND NOT WIN32 AND NOT CMAKE_CROSSCOMPILING)
	foreach(name guide guide_can_fail)
		set(script run)
		set(pages ${PROJECT_SOURCE_DIR}/docs/GUIDE.md ${PROJECT_SOURCE_DIR}/docs/guide --)
		if(name STREQUAL "guide_can_fail")
			set(script run_test)
			set(pages)
		endif()
		proa_add_test(${name} ${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/guide/${script}
			${CMAKE_C_COMPILER} ${PROJECT_SOURCE_DIR}/include
			$<TARGET_FILE:proa_static> ${PROJECT_BINARY_DIR}/${name} ${pages}
			-pthread ${PROA_LLHTTP_LIBRARY} ${PROA_CARES_LIBRARY})
	endforeach()
endif()
