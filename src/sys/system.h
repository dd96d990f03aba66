/* What another system than the machine's own, a simulated one, does in its place. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_SYSTEM_H
#define PX_SYS_SYSTEM_H

#include "sys/sys.h"

/* A thread is on the machine's own system until px_system_enter says otherwise. From then on those
 * calls of sys.h that open, look up, tell the time, or wait for threads go through this table; what
 * moves bytes on sockets does not, for a simulated loop has a backend of its own. Each is as sys.h
 * says of the name with px_ (and sys_) before it. */
struct px_system {
	int64_t (*now_ns)(void);
	void (*yield)(void);
	unsigned (*cpus)(void);
	void (*lock_init)(px_lock *lock);
	void (*lock_destroy)(px_lock *lock);
	void (*lock_enter)(px_lock *lock);
	void (*lock_leave)(px_lock *lock);
	void (*lock_wait)(px_lock *lock);
	bool (*lock_wait_until)(px_lock *lock, int64_t deadline_ns);
	void (*lock_wake_one)(px_lock *lock);
	void (*lock_wake_all)(px_lock *lock);
	int (*thread_start)(px_thread *thread, void (*fn)(void *), void *arg, const char *name);
	void (*thread_join)(px_thread *thread);
	const volatile unsigned char *(*fork_mark)(void);
	void (*fork_unmark)(const volatile unsigned char *mark);
	int64_t (*sock_open)(const proa_addr *addr, bool nonblock, int32_t *sys_error);
	int (*sock_listen)(int fd, const proa_addr *addr, const proa_listen_options *options,
	                   int32_t *sys_error);
	void (*sock_close)(int fd, bool reset);
	/* One that no handle has, from inside or outside of where it is. */
	void (*socket_close)(proa_socket);
	void (*socket_adopted)(proa_socket);
	int (*sock_set_nonblock)(int fd, bool on);
	int (*sock_set_nodelay)(int fd, bool on);
	int (*sock_set_keepalive)(int fd, int idle_s, int interval_s, int probes);
	int (*sock_set_buffers)(int fd, int recv_bytes, int send_bytes);
	int (*sock_local)(int fd, proa_addr *addr);
	int (*sock_peer)(int fd, proa_addr *addr);
	int64_t (*udp_open)(const proa_addr *addr, bool nonblock, int32_t *sys_error);
	int (*udp_bind)(int fd, const proa_addr *addr, const proa_udp_options *options,
	                int32_t *sys_error);
	int (*udp_connect)(int fd, const proa_addr *addr, int32_t *sys_error);
	int (*udp_join)(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
	                bool join);
	int (*udp_set)(int fd, proa_udp_option option, int value);
	uint32_t (*if_index)(const char *name);
	int64_t (*lookup)(const char *name, const char *service, uint32_t family, proa_addr *out,
	                  unsigned max, int32_t *sys_error);
	int64_t (*reverse)(const proa_addr *addr, char *out, size_t size, int32_t *sys_error);
	int64_t (*file_open)(int dir_fd, const char *path, unsigned flags, unsigned mode,
	                     int32_t *sys_error);
	int64_t (*file_stat)(int fd, proa_stat_info *info, int32_t *sys_error);
	int64_t (*file_read)(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error);
	int64_t (*file_write)(int fd, const void *buf, size_t len, int64_t offset,
	                      int32_t *sys_error);
	int64_t (*file_sync)(int fd, int32_t *sys_error);
	int64_t (*file_call)(const px_call_args *args, int32_t *sys_error);
	int64_t (*dir_read)(int fd, void *buf, size_t len, int32_t *sys_error);
	void (*file_close)(int fd);
	int (*signal_watch)(int signo, void (*ring)(void *), void *arg);
	void (*signal_unwatch)(int slot);
	int64_t (*wall_ns)(void);
	int64_t (*clock)(const void *place); /* now_ns of there */
	int64_t (*wall)(const void *place);  /* wall_ns of there */
	/* Names the simulated thread that is running. */
	const void *(*thread)(void);
	/* A call comes in for something that lives at `place` (px_core.place): from inside, which
	 * must be the same place, or from outside, which is there from now on. As `thread`. */
	const void *(*come)(void *place);
	/* Memory of what is opened here, in front of the user's own allocator (NULL: none). */
	void (*allocator)(px_allocator *, px_alloc_fn *fn, void *user);
	const struct px_backend_ops *backend; /* what a loop waits with here */
	/* Where it is now: for px_core.place. */
	void *(*place)(void);
};

/* The calling thread runs inside `system` (NULL: the machine's own again) until told otherwise. */
void px_system_enter(const px_system *system);
/* It is not inside any more, but its next call may concern what lives there: so the system stays
 * until px_system_come or px_system_plain. */
void px_system_leave(void);

#endif
