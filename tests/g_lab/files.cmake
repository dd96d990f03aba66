# The laboratory: every model with clients of two kinds, and the course in small.
# SPDX-License-Identifier: MIT
find_program(PROA_PYTHON python3)
# Where it measures (Linux, not an emulator, which cannot start itself again).
if(PROA_PYTHON AND TARGET proa_cli AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
	AND NOT CMAKE_CROSSCOMPILING AND NOT PROA_KQUEUE_TREE)
	# What a sanitizer looks at is the models.
	set(part)
	if(PROA_SANITIZE)
		set(part Models)
	endif()
	# This model hands connections over through the kernel, where no thread sanitizer looks.
	if(PROA_SANITIZE MATCHES "thread")
		list(APPEND part --without epoll-oneshot)
	endif()
	if(PROA_TORTURE)
		list(APPEND part --tiny)
	endif()
	proa_add_test(lab ${PROA_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/g_lab/run
		$<TARGET_FILE:proa_cli> ${part})
	if(NOT PROA_TREE)
		proa_add_test(lab_page
			${PROA_PYTHON} -B ${PROJECT_SOURCE_DIR}/tools/lab_page --check)
	endif()
	proa_test(lab_load src/lab/load_test.c src/lab/load.c src/lab/conn.c src/lab/host.c)
endif()
