# Loops without a socket: opening, running, timers, posts, waiting; on each backend.
# SPDX-License-Identifier: MIT
proa_test(loop
	tests/b_loop/open.c
	tests/b_loop/inside.c
	tests/b_loop/run.c
	tests/b_loop/timers.c
	tests/b_loop/posts.c
	tests/b_loop/wait.c
	tests/b_loop/checked.c
	tests/c_conform/kit.c
	BACKENDS)
