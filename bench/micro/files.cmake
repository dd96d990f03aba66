# The small measurements, one program for each library: build/bench/micro/, by target bench_micro.
# SPDX-License-Identifier: MIT
add_custom_target(bench_micro)

# proa_micro(NAME LIBRARIES FILE...): not part of the default build.
function(proa_micro name libraries)
	proa_program(micro_${name} bench/micro ${name} ${ARGN} bench/micro/micro.c bench/common.c)
	set_target_properties(micro_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
	target_link_libraries(micro_${name} PRIVATE ${libraries} m)
	add_dependencies(bench_micro micro_${name})
endfunction()

# The peers that are there (Debian: libuv1-dev, libev-dev, libevent-dev).
find_library(PROA_LIBUV uv)
find_library(PROA_LIBEV ev)
find_library(PROA_LIBEVENT event_core)
find_library(PROA_LIBEVENT_THREADS event_pthreads)

proa_micro(timers_proa "" bench/micro/timers.c bench/micro/timers_proa.c)
proa_micro(post_proa "" bench/micro/post.c bench/micro/post_proa.c)
proa_micro(post_eventfd "" bench/micro/post.c bench/micro/post_eventfd.c)
proa_micro(loops_proa "" bench/micro/loops_proa.c)
proa_micro(udp_proa "" bench/micro/udp_proa.c)
proa_micro(hung_proa "" bench/micro/hung_proa.c)
proa_micro(tasks_proa "" bench/micro/tasks.c bench/micro/tasks_proa.c)
proa_micro(tasks_plain "" bench/micro/tasks.c bench/micro/tasks_plain.c)
proa_micro(tasks_uring "" bench/micro/tasks.c bench/micro/tasks_uring.c bench/ring.c)
target_include_directories(micro_tasks_uring PRIVATE ${PROJECT_SOURCE_DIR}/src)
if(PROA_LIBUV)
	proa_micro(tasks_libuv ${PROA_LIBUV} bench/micro/tasks.c bench/micro/tasks_libuv.c)
	proa_micro(timers_libuv ${PROA_LIBUV} bench/micro/timers.c bench/micro/timers_libuv.c)
	proa_micro(post_libuv ${PROA_LIBUV} bench/micro/post.c bench/micro/post_libuv.c)
endif()
if(PROA_LIBEV)
	proa_micro(timers_libev ${PROA_LIBEV} bench/micro/timers.c bench/micro/timers_libev.c)
endif()
if(PROA_LIBEVENT AND PROA_LIBEVENT_THREADS)
	proa_micro(timers_libevent ${PROA_LIBEVENT}
		bench/micro/timers.c bench/micro/timers_libevent.c)
	proa_micro(post_libevent "${PROA_LIBEVENT_THREADS};${PROA_LIBEVENT}"
		bench/micro/post.c bench/micro/post_libevent.c)
endif()
