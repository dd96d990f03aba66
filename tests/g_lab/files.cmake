# The laboratory: every model with clients of two kinds, and the course in small.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
# Where it measures (Linux, not an emulator, which cannot start itself again).
if(PROA_PYTHON AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING
	AND NOT PROA_KQUEUE_TREE)
	proa_add_test(lab ${PROA_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/g_lab/run
		$<TARGET_FILE:proa_cli>)
endif()
