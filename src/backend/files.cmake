# Floor 3: what a loop waits with.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/backend/list.c
	src/backend/poll.c
	src/backend/ready.c
	src/backend/ready_try.c)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	list(APPEND PROA_SOURCES
		src/backend/epoll.c)
	list(APPEND PROA_UNIT_TESTS
		src/backend/ready_many_test.c
		src/backend/ready_test.c)
endif()
