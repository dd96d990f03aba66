# Floor 8, beside the command that shows it: the laboratory. It measures Linux's interfaces.
# SPDX-License-Identifier: MIT
set(PROA_LAB_SOURCES src/lab/none.c)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	set(PROA_LAB_SOURCES
		src/lab/accepts.c
		src/lab/cell.c
		src/lab/chart.c
		src/lab/conn.c
		src/lab/count.c
		src/lab/course.c
		src/lab/group.c
		src/lab/host.c
		src/lab/json.c
		src/lab/load.c
		src/lab/stall.c
		src/lab/table.c
		src/lab/models/blocking.c
		src/lab/models/epoll_edge.c
		src/lab/models/epoll_level.c
		src/lab/models/epoll_oneshot.c
		src/lab/models/epoll_reuseport.c
		src/lab/models/list.c
		src/lab/models/poll.c
		src/lab/models/pool.c
		src/lab/models/proa.c
		src/lab/models/proa_serve.c
		src/lab/models/process.c
		src/lab/models/select.c
		src/lab/models/stall_epoll.c
		src/lab/models/stall_proa.c
		src/lab/models/thread.c
		src/lab/models/uring_complete.c
		src/lab/models/uring_multishot.c
		src/lab/models/uring_ready.c
		bench/common.c
		bench/ring.c)
endif()
