/* What the conformance programs in a world share: the world, and what is wrapped. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SIM_KIT_SIM_H
#define S_SIM_KIT_SIM_H

#include "host.h"
#include "host_file.h"
#include "host_net.h"
#include "proa.h"
#include "sim/sim.h"

px_world *sim_world(void);  /* of the current test, begun if there is none */
px_simnode *sim_node(void); /* its one node */
void sim_pass(int64_t ns);  /* lets it go on for so long */
bool sim_until(bool (*done)(void *), void *user, int64_t ns);
const char *sim_lacks(const char *test); /* why this test cannot run in a world; NULL: it can */

/* X(result, name, parameters): files.cmake wraps the same names. */
#define SIM_WRAPPED(X)                                                             \
	X(long long, host_now_ns, (void))                                          \
	X(void, host_sleep_us, (unsigned long))                                    \
	X(void, host_yield, (void))                                                \
	X(const char *, host_lacks, (host_feature))                                \
	X(bool, host_thread_start, (host_thread *, void *(*)(void *), void *))     \
	X(void, host_thread_join, (host_thread *))                                 \
	X(unsigned long long, host_thread_id, (void))                              \
	X(void, host_lock_init, (host_lock *))                                     \
	X(void, host_lock_destroy, (host_lock *))                                  \
	X(void, host_lock_enter, (host_lock *))                                    \
	X(void, host_lock_leave, (host_lock *))                                    \
	X(void, host_lock_wait, (host_lock *))                                     \
	X(void, host_lock_wake, (host_lock *))                                     \
	X(void, host_limit_low, (unsigned))                                        \
	X(void, host_limit_back, (void))                                           \
	X(void, host_exhaust, (void))                                              \
	X(void, host_relieve, (void))                                              \
	X(void, host_raise, (int))                                                 \
	X(int, proa_loop_open, (proa_loop **, const proa_loop_options *))          \
	X(int, proa_workers_open, (proa_workers **, const proa_workers_options *)) \
	X(int, proa_workers_close, (proa_workers **, int64_t))                     \
	X(int, host_sock, (const proa_addr *, bool))                               \
	X(int, host_sock_listen, (proa_addr *, int))                               \
	X(int, host_sock_bound, (proa_addr *))                                     \
	X(int, host_sock_accept, (int))                                            \
	X(bool, host_sock_connect, (int, const proa_addr *))                       \
	X(void, host_sock_close, (int))                                            \
	X(void, host_sock_reset, (int))                                            \
	X(bool, host_sock_fin, (int))                                              \
	X(void, host_sock_nodelay, (int))                                          \
	X(void, host_sock_buffers, (int, int))                                     \
	X(void, host_sock_timeout, (int, int))                                     \
	X(long, host_sock_send, (int, const void *, size_t))                       \
	X(long, host_sock_recv, (int, void *, size_t))                             \
	X(long, host_sock_try_send, (int, const void *, size_t))                   \
	X(long, host_sock_try_recv, (int, void *, size_t))                         \
	X(int, host_sock_wait, (const int *, bool *, int, int))                    \
	X(bool, host_temp_dir, (char *, size_t))                                   \
	X(int, host_file_temp, (void))                                             \
	X(bool, host_file_write, (int, const void *, size_t, long long))

#define SIM_DECLARE(result, name, parameters) \
	result __real_##name parameters;      \
	result __wrap_##name parameters;
SIM_WRAPPED(SIM_DECLARE)

#endif
