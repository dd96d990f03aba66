# What is built on sockets: the stream, serving, groups; on each backend.
# SPDX-License-Identifier: MIT
proa_test(stream
	tests/d_net/stream_test.c
	tests/d_net/stream_output_test.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(forward
	tests/d_net/forward_test.c
	tests/d_net/forward_end_test.c
	tests/d_net/forward_kit.c
	tests/c_conform/kit.c
	BACKENDS)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT PROA_KQUEUE_TREE)
	proa_test(forward_linux
		tests/d_net/forward_linux.c
		tests/d_net/forward_local.c
		tests/d_net/forward_kit.c
		tests/c_conform/kit.c
		BACKENDS)
endif()
proa_test(serve tests/d_net/serve_test.c tests/c_conform/kit.c BACKENDS)
proa_test(group
	tests/d_net/group_test.c
	tests/d_net/group_drain_test.c
	tests/d_net/group_kit.c
	BACKENDS SERIAL)
