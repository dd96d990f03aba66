# Floor 3, beside the backends: simulated machines. Pure C.
# SPDX-License-Identifier: MIT
list(APPEND PROA_SOURCES
	src/sim/backend.c
	src/sim/backend_msg.c
	src/sim/backend_send.c
	src/sim/dgram.c
	src/sim/event.c
	src/sim/fault.c
	src/sim/file.c
	src/sim/fs.c
	src/sim/fs_call.c
	src/sim/fs_crash.c
	src/sim/fs_dir.c
	src/sim/fs_inode.c
	src/sim/fs_page.c
	src/sim/fs_tree.c
	src/sim/fs_walk.c
	src/sim/memory.c
	src/sim/node.c
	src/sim/seg.c
	src/sim/socket.c
	src/sim/stream.c
	src/sim/system.c
	src/sim/thread.c
	src/sim/trace.c)
list(APPEND PROA_UNIT_TESTS
	src/sim/fs_crash_test.c
	src/sim/fs_random_test.c
	src/sim/fs_test.c)
# Where what it imitates is at hand.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	list(APPEND PROA_UNIT_TESTS src/sim/fs_same_call_test.c src/sim/fs_same_test.c)
endif()
