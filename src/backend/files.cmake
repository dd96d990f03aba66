# Floor 3: what a loop waits with.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/backend/gather.c
	src/backend/list.c
	src/backend/pooled.c
	src/backend/scratch.c)
if(WIN32)
	list(APPEND PROA_SOURCES
		src/backend/iocp.c
		src/backend/iocp_accept.c
		src/backend/iocp_child.c
		src/backend/iocp_file.c
		src/backend/iocp_grams.c
		src/backend/iocp_msg.c
		src/backend/iocp_named.c
		src/backend/iocp_poll.c
		src/backend/iocp_recv.c
		src/backend/iocp_send.c
		src/backend/iocp_sendfile.c
		src/backend/iocp_stream.c
		src/backend/iocp_timer.c)
else()
	list(APPEND PROA_SOURCES
		src/backend/grams.c
		src/backend/pipe.c
		src/backend/poll.c
		src/backend/ready.c
		src/backend/ready_poll.c
		src/backend/ready_try.c
		src/backend/ready_try_msg.c
		src/backend/splice.c)
endif()
if(PROA_KQUEUE_IS)
	list(APPEND PROA_SOURCES src/backend/kqueue.c src/backend/kqueue_change.c)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	list(APPEND PROA_SOURCES
		src/backend/epoll.c
		src/backend/uring.c
		src/backend/uring_direct.c
		src/backend/uring_file.c
		src/backend/uring_gather.c
		src/backend/uring_msg.c
		src/backend/uring_multi.c
		src/backend/uring_pipe.c
		src/backend/uring_poll.c
		src/backend/uring_pool.c
		src/backend/uring_prep.c
		src/backend/uring_probe.c
		src/backend/uring_ring.c
		src/backend/uring_send.c
		src/backend/uring_told.c
		src/backend/uring_try.c)
	list(APPEND PROA_UNIT_TESTS
		src/backend/ready_many_test.c
		src/backend/ready_test.c
		src/backend/uring_left_test.c
		src/backend/uring_test.c)
endif()
