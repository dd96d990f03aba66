# The Windows command under Wine, used by clients on this side, and the installed tree.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
if(WIN32 AND CMAKE_CROSSCOMPILING_EMULATOR AND PROA_PYTHON AND TARGET proa_cli)
	proa_add_test(wine ${PROA_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/wine/run.py
		${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:proa_cli> 10)
	proa_add_test(install ${PROJECT_SOURCE_DIR}/tests/install/run_win ${PROJECT_BINARY_DIR}
		${CMAKE_TOOLCHAIN_FILE} ${CMAKE_CROSSCOMPILING_EMULATOR})
endif()
if(PROA_PYTHON AND PROA_TREE STREQUAL "" AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
	proa_add_test(wine_steady ${PROJECT_SOURCE_DIR}/tests/wine/steady_test)
endif()
