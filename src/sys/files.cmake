# Floor 1: the platform, one list for each.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/sys/posix/addr.c
	src/sys/posix/err.c
	src/sys/posix/file.c
	src/sys/posix/panic.c
	src/sys/posix/signal.c
	src/sys/posix/sock.c
	src/sys/posix/sock_option.c
	src/sys/posix/thread.c
	src/sys/posix/udp.c
	src/sys/posix/walk.c)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	list(APPEND PROA_SOURCES
		src/sys/linux/beneath.c
		src/sys/linux/dir.c
		src/sys/linux/machine.c
		src/sys/linux/sendfile.c
		src/sys/linux/sock_new.c
		src/sys/linux/wake.c)
endif()
list(APPEND PROA_UNIT_TESTS
	src/sys/addr_test.c
	src/sys/sys_test.c)
