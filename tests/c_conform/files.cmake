# The contract through the public API, on each backend.
# SPDX-License-Identifier: MIT
proa_test(conform
	tests/c_conform/kit.c
	tests/c_conform/cancel.c
	tests/c_conform/close.c
	tests/c_conform/owners.c
	tests/c_conform/deadline.c
	tests/c_conform/order.c
	tests/c_conform/bytes.c
	tests/c_conform/ends.c
	tests/c_conform/accept.c
	tests/c_conform/pool.c
	tests/c_conform/misuse.c
	tests/c_conform/trace.c
	tests/c_conform/nomem.c
	tests/c_conform/count.c
	tests/c_conform/many.c
	tests/c_conform/soak.c
	BACKENDS)

# Valgrind does not see what a ring's kernel writes, so only where system calls do.
foreach(backend epoll poll)
	proa_valgrind_test(conform ${backend} --backend ${backend} --only "c*")
endforeach()
