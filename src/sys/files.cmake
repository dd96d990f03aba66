# Floor 1: the platform, one list for each.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/sys/addr.c
	src/sys/by_hand.c
	src/sys/changes.c
	src/sys/socket.c
	src/sys/system.c)
if(WIN32)
	list(APPEND PROA_SOURCES
		src/sys/win/beneath.c
		src/sys/win/call.c
		src/sys/win/child.c
		src/sys/win/dir.c
		src/sys/win/err.c
		src/sys/win/extension.c
		src/sys/win/fiber.c
		src/sys/win/file.c
		src/sys/win/local.c
		src/sys/win/lookup.c
		src/sys/win/machine.c
		src/sys/win/panic.c
		src/sys/win/path.c
		src/sys/win/pipe.c
		src/sys/win/signal.c
		src/sys/win/sock.c
		src/sys/win/sock_option.c
		src/sys/win/stream.c
		src/sys/win/text.c
		src/sys/win/thread.c
		src/sys/win/tty.c
		src/sys/win/udp.c
		src/sys/win/udp_group.c)
	list(APPEND PROA_UNIT_TESTS src/sys/win_test.c)
else()
	list(APPEND PROA_SOURCES
		src/sys/posix/allocate.c
		src/sys/posix/call.c
		src/sys/posix/child.c
		src/sys/posix/copy.c
		src/sys/posix/err.c
		src/sys/posix/fiber.c
		src/sys/posix/file.c
		src/sys/posix/local.c
		src/sys/posix/lookup.c
		src/sys/posix/pack.c
		src/sys/posix/panic.c
		src/sys/posix/pipe.c
		src/sys/posix/signal.c
		src/sys/posix/sock.c
		src/sys/posix/sock_option.c
		src/sys/posix/thread.c
		src/sys/posix/thread_np.c
		src/sys/posix/tty.c
		src/sys/posix/udp.c
		src/sys/posix/udp_control.c
		src/sys/posix/udp_group.c
		src/sys/posix/walk.c)
	list(APPEND PROA_UNIT_TESTS
		src/sys/posix_test.c)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	list(APPEND PROA_SOURCES
		src/sys/linux/beneath.c
		src/sys/linux/child.c
		src/sys/linux/machine.c)
elseif(NOT WIN32)
	list(APPEND PROA_SOURCES
		src/sys/bsd/beneath.c
		src/sys/bsd/child.c
		src/sys/bsd/machine.c)
endif()
# What Linux can do in the BSDs' way is done so in the tree where kqueue is tested.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT PROA_KQUEUE_TREE)
	list(APPEND PROA_SOURCES
		src/sys/linux/copy_range.c
		src/sys/linux/dir.c
		src/sys/linux/now.c
		src/sys/linux/sendfile.c
		src/sys/linux/splice.c
		src/sys/linux/udp_many.c
		src/sys/linux/wake.c
		src/sys/linux/watch.c
		src/sys/linux/watch_look.c
		src/sys/linux/watch_tree.c)
	list(APPEND PROA_UNIT_TESTS src/sys/linux/now_test.c)
elseif(NOT WIN32)
	list(APPEND PROA_SOURCES
		src/sys/bsd/dir.c
		src/sys/bsd/sendfile.c
		src/sys/bsd/udp_many.c
		src/sys/bsd/wake.c
		src/sys/bsd/watch.c
		src/sys/bsd/watch_list.c
		src/sys/bsd/watch_name.c
		src/sys/bsd/watch_round.c)
else()
	list(APPEND PROA_SOURCES src/sys/win/watch.c)
endif()
# Linux alone can say what would have to wait, and moves bytes within the kernel.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR PROA_KQUEUE_TREE)
	list(APPEND PROA_SOURCES src/sys/copy_none.c src/sys/now_none.c src/sys/splice_none.c)
endif()
# One call with all flags, or macOS' way, which goes everywhere: so the kqueue tree takes that.
if(CMAKE_SYSTEM_NAME STREQUAL "Darwin" OR PROA_KQUEUE_TREE)
	list(APPEND PROA_SOURCES src/sys/bsd/sock_new.c)
elseif(NOT WIN32)
	list(APPEND PROA_SOURCES src/sys/posix/sock_new.c)
endif()
list(APPEND PROA_UNIT_TESTS
	src/sys/addr_test.c
	src/sys/changes_test.c
	src/sys/sys_test.c)
