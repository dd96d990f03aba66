# Pipes, local sockets, terminals, child processes. On each backend.
# SPDX-License-Identifier: MIT
set(named)
if(WIN32)
	set(named tests/e_local/named.c tests/e_local/named_wait.c tests/e_local/named_other.c)
endif()
proa_test(local
	tests/e_local/fds.c
	${named}
	tests/e_local/pipe.c
	tests/c_conform/kit.c
	BACKENDS)
if(WIN32)
	proa_test(console
		tests/e_local/console.c
		tests/c_conform/kit.c)
	if(TARGET test_console AND CMAKE_CROSSCOMPILING_EMULATOR)
		proa_add_test(console_in_terminal
			${PROJECT_SOURCE_DIR}/tests/wine/in_terminal
			${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:test_console>)
	endif()
else()
	proa_test(tty
		tests/e_local/tty.c
		tests/c_conform/kit.c
		BACKENDS)
endif()

# An emulator's programs start none of their own sort.
if(NOT (CMAKE_CROSSCOMPILING AND NOT WIN32))
	proa_test(child
		tests/e_local/child.c
		tests/e_local/stdio.c
		tests/c_conform/kit.c
		BACKENDS)
	if(TARGET test_child)
		proa_program(child_program tests child_program tests/e_local/program.c)
		target_link_libraries(child_program PRIVATE proa_test_host)
		add_dependencies(test_child child_program)
	endif()
endif()
