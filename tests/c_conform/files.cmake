# The contract through the public API, on each backend.
# SPDX-License-Identifier: MIT
proa_test(conform
	tests/c_conform/kit.c
	tests/c_conform/cancel.c
	tests/c_conform/close.c
	tests/c_conform/owners.c
	tests/c_conform/deadline.c
	tests/c_conform/order.c
	tests/c_conform/bytes.c
	tests/c_conform/ends.c
	tests/c_conform/gather.c
	tests/c_conform/accept.c
	tests/c_conform/pool.c
	tests/c_conform/misuse.c
	tests/c_conform/trace.c
	tests/c_conform/nomem.c
	tests/c_conform/count.c
	tests/c_conform/connect.c
	tests/c_conform/datagram.c
	tests/c_conform/datagram_batch.c
	tests/c_conform/datagram_many.c
	tests/c_conform/datagram_peer.c
	tests/c_conform/foreign.c
	tests/c_conform/world.c
	tests/c_conform/many.c
	tests/c_conform/soak.c
	BACKENDS)

proa_test(random
	tests/c_conform/kit.c
	tests/c_conform/random_side.c
	tests/c_conform/random_test.c
	BACKENDS)

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
	proa_test(datagram_linux
		tests/c_conform/kit.c
		tests/c_conform/datagram_linux.c
		BACKENDS)
endif()

# Valgrind does not see what a ring's kernel writes, so only where system calls do.
foreach(backend epoll poll)
	proa_valgrind_test(conform ${backend} --backend ${backend} --only "c*")
endforeach()

# io_uring with features forced off: everything in four groups and with none of them; each alone in
# the soak. Once is enough: the release tree.
set(groups
	no_sqarray,defer_taskrun,ring_fd,multishot_accept,poll_first,read_now
	single_issuer,defer_taskrun,cqsize,multishot_poll,submit_now
	coop_taskrun,taskrun_flag,defer_taskrun,submit_all,ext_arg,pbuf_ring
	r_disabled,clamp,multishot_recv)
string(REPLACE ";" "," all "${groups}")
string(REPLACE "," ";" features "${all}")
list(REMOVE_DUPLICATES features)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND PROA_TREE STREQUAL "" AND TARGET test_conform)
	foreach(off ${groups} ${all} ${features})
		string(REPLACE "," "-" name ${off})
		if(off STREQUAL "${all}")
			set(name everything)
		endif()
		set(only "*")
		if(off IN_LIST features)
			set(only "soak*")
		endif()
		proa_add_test(conform-uring-without-${name}
			test_conform --backend io_uring --only ${only})
		set_property(TEST conform-uring-without-${name} APPEND PROPERTY
			ENVIRONMENT PROA_URING_OFF=${off})
	endforeach()
endif()

find_program(PROA_PYTHON python3)
if(PROA_PYTHON AND PROA_TREE STREQUAL "")
	proa_add_test(contract_names ${PROA_PYTHON}
		${PROJECT_SOURCE_DIR}/tests/c_conform/contract_names ${PROJECT_SOURCE_DIR})
endif()

# Windows' own way to send a file, which only editions for servers take by themselves. Not the file
# that shrinks: Wine needs half a minute to notice.
if(WIN32)
	foreach(case whole_and_part that_ends_first cancelled_and_reset holds_the_files_close)
		proa_add_test(conform-iocp-transmitfile-${case}
			test_conform --backend iocp --only send_file_${case})
		set_property(TEST ${PROA_TEST_PREFIX}conform-iocp-transmitfile-${case} APPEND
			PROPERTY ENVIRONMENT PROA_IOCP_TRANSMIT=1)
	endforeach()
endif()
