# Pipes, local sockets, terminals, child processes. On each backend.
# SPDX-License-Identifier: MIT
proa_test(local
	tests/e_local/pipe.c
	tests/c_conform/kit.c
	BACKENDS)
