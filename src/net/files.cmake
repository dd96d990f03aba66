# Floor 5: sockets and what is built on them.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/net/finish.c
	src/net/forward.c
	src/net/group_serve.c
	src/net/local.c
	src/net/net.c
	src/net/poll.c
	src/net/serve.c
	src/net/stream.c
	src/net/udp.c
)
