# What is built on sockets: the stream, serving, groups; on each backend.
# SPDX-License-Identifier: MIT
proa_test(stream
	tests/d_net/stream_test.c
	tests/d_net/stream_output_test.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(serve tests/d_net/serve_test.c tests/c_conform/kit.c BACKENDS)
proa_test(group
	tests/d_net/group_test.c
	tests/d_net/group_drain_test.c
	tests/d_net/group_kit.c
	BACKENDS SERIAL)
