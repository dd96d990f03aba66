# Files, folders and what runs on workers; signals; names. On each backend.
# SPDX-License-Identifier: MIT
# What is found by comparing comes all at once; elsewhere src/sys/changes_test.c is enough.
set(more)
if(PROA_KQUEUE_IS)
	set(more tests/e_fs/watch_more.c)
endif()
proa_test(fs
	tests/e_fs/file.c
	tests/e_fs/folder.c
	tests/e_fs/names.c
	tests/e_fs/place.c
	tests/e_fs/walk.c
	tests/e_fs/watch.c
	tests/e_fs/watch_mirror.c
	${more}
	tests/e_fs/watched.c
	tests/e_fs/whole.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
# All reads by the ring, also those that need none.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND PROA_TREE STREQUAL "" AND TARGET test_fs)
	proa_add_test(fs-uring-without-read_now
		test_fs --backend io_uring --only file_*)
	set_property(TEST fs-uring-without-read_now APPEND PROPERTY
		ENVIRONMENT PROA_URING_OFF=read_now)
endif()
proa_test(work
	tests/e_fs/work.c
	tests/e_fs/strand.c
	tests/e_fs/signal.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(dns
	tests/d_net/dns.c
	tests/d_net/dns_more.c
	tests/d_net/dns_race.c
	tests/e_fs/gate.c
	tests/c_conform/kit.c
	BACKENDS)
proa_test(doctor tests/e_fs/doctor.c)

# Its command, where folders have modes and links that a copy keeps.
find_program(PROA_PYTHON python3)
if(PROA_PYTHON AND TARGET proa_cli AND NOT WIN32 AND NOT CMAKE_CROSSCOMPILING)
	foreach(backend ${PROA_TEST_BACKENDS})
		proa_add_test(copy-${backend}
			${PROA_PYTHON} ${PROJECT_SOURCE_DIR}/tests/e_fs/copy_run
			$<TARGET_FILE:proa_cli> ${backend})
	endforeach()
endif()
