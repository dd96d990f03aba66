# The Windows command under Wine, used by clients on this side.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
if(WIN32 AND CMAKE_CROSSCOMPILING AND PROA_PYTHON AND TARGET proa_cli)
	proa_add_test(wine ${PROA_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/wine/run.py
		${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:proa_cli> 10)
endif()
