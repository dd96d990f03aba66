/* Which system a thread is on: the machine's own, or a simulated one. */
/* SPDX-License-Identifier: MIT */
#include "sys/system.h"

#include "sys/os.h"

_Thread_local px_here_type px_here;

void px_system_enter(const px_system *system)
{
	px_here.system = system;
	px_here.inside = system != NULL;
	if (system)
		px_here.simulated = system;
}

void px_system_leave(void)
{
	px_here.inside = false;
}

void px_system_plain(void)
{
	if (PX_UNLIKELY(px_here.system != NULL) && !px_here.inside)
		px_here.system = NULL;
}

int64_t px_system_now_ns(void)
{
	return px_here.system->now_ns();
}

const void *px_system_come_in(const px_system *system, void *place)
{
	if (PX_UNLIKELY(px_here.system != system)) {
		if (px_here.inside)
			PX_PANIC("a loop of another system was used inside a simulation");
		px_here.system = system;
	}
	return PX_UNLIKELY(system != NULL) ? system->come(place) : (const void *)&px_here;
}

const px_system *px_system_here(void)
{
	return px_here.system;
}

void *px_system_place(void)
{
	return px_here.system ? px_here.system->place() : NULL;
}

int64_t px_system_clock(const px_system *system, const void *place)
{
	return PX_UNLIKELY(system != NULL) ? system->clock(place) : px_os_sys_now_ns();
}

int64_t px_system_wall(const px_system *system, const void *place)
{
	return PX_UNLIKELY(system != NULL) ? system->wall(place) : px_os_sys_wall_ns();
}

const struct px_backend_ops *px_system_backend(const px_system *system)
{
	return system->backend;
}

void px_system_allocator(px_allocator *a, px_alloc_fn *fn, void *user)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->allocator(a, fn, user);
	else
		px_allocator_init(a, fn, user);
}

const void *px_sys_thread(void)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->thread();
	return &px_here; /* no two threads have the same */
}

int64_t px_sys_wall_ns(void)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->wall_ns();
	return px_os_sys_wall_ns();
}

/* ---- locks and threads stay with the system that they were made on ---- */

void px_lock_init(px_lock *lock)
{
	lock->system = px_here.system;
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_init(lock);
	else
		px_os_lock_init(lock);
}

int px_thread_start(px_thread *thread, void (*fn)(void *), void *arg, const char *name)
{
	thread->system = px_here.system;
	if (PX_UNLIKELY(thread->system != NULL))
		return thread->system->thread_start(thread, fn, arg, name);
	return px_os_thread_start(thread, fn, arg, name);
}

void px_sys_yield(void)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->yield();
	else
		px_os_sys_yield();
}

unsigned px_sys_cpus(void)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->cpus();
	return px_os_sys_cpus();
}

void px_lock_destroy(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_destroy(lock);
	else
		px_os_lock_destroy(lock);
}

void px_lock_enter(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_enter(lock);
	else
		px_os_lock_enter(lock);
}

void px_lock_leave(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_leave(lock);
	else
		px_os_lock_leave(lock);
}

void px_lock_wait(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_wait(lock);
	else
		px_os_lock_wait(lock);
}

bool px_lock_wait_until(px_lock *lock, int64_t deadline_ns)
{
	if (PX_UNLIKELY(lock->system != NULL))
		return lock->system->lock_wait_until(lock, deadline_ns);
	return px_os_lock_wait_until(lock, deadline_ns);
}

void px_lock_wake_one(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_wake_one(lock);
	else
		px_os_lock_wake_one(lock);
}

void px_lock_wake_all(px_lock *lock)
{
	if (PX_UNLIKELY(lock->system != NULL))
		lock->system->lock_wake_all(lock);
	else
		px_os_lock_wake_all(lock);
}

void px_thread_join(px_thread *thread)
{
	if (PX_UNLIKELY(thread->system != NULL))
		thread->system->thread_join(thread);
	else
		px_os_thread_join(thread);
}

const volatile unsigned char *px_sys_fork_mark(void)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->fork_mark();
	return px_os_sys_fork_mark();
}

void px_sys_fork_unmark(const volatile unsigned char *mark)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->fork_unmark(mark);
	else
		px_os_sys_fork_unmark(mark);
}

int64_t px_sock_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_open(addr, nonblock, sys_error);
	return px_os_sock_open(addr, nonblock, sys_error);
}

int px_sock_listen(int fd, const proa_addr *addr, const proa_listen_options *options,
                   int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_listen(fd, addr, options, sys_error);
	return px_os_sock_listen(fd, addr, options, sys_error);
}

void px_sock_close(int fd, bool reset)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->sock_close(fd, reset);
	else
		px_os_sock_close(fd, reset);
}

void px_system_socket_close(proa_socket s)
{
	if (PX_UNLIKELY(px_socket_kind(s) == PROA_PIPE)) /* Windows accepts those */
		px_file_close(px_socket_fd(s));
	else if (PX_LIKELY(!px_socket_world(s)))
		px_sock_close(px_socket_fd(s), false);
	else if (px_here.simulated)
		px_here.simulated->socket_close(s);
	else
		PX_PANIC("a simulated socket was closed on a thread without its world");
}

void px_system_socket_adopted(const px_system *system, proa_socket s)
{
	if (PX_UNLIKELY((system != NULL) != (px_socket_world(s) != 0)))
		PX_PANIC("a socket was adopted on another system than its own");
	if (PX_UNLIKELY(system != NULL))
		system->socket_adopted(s);
}

int px_sock_set_nonblock(int fd, bool on)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_set_nonblock(fd, on);
	return px_os_sock_set_nonblock(fd, on);
}

int px_sock_set_nodelay(int fd, bool on)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_set_nodelay(fd, on);
	return px_os_sock_set_nodelay(fd, on);
}

int px_sock_set_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_set_keepalive(fd, idle_s, interval_s, probes);
	return px_os_sock_set_keepalive(fd, idle_s, interval_s, probes);
}

int px_sock_set_buffers(int fd, int recv_bytes, int send_bytes)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_set_buffers(fd, recv_bytes, send_bytes);
	return px_os_sock_set_buffers(fd, recv_bytes, send_bytes);
}

int px_sock_local(int fd, proa_addr *addr)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_local(fd, addr);
	return px_os_sock_local(fd, addr);
}

int px_sock_peer(int fd, proa_addr *addr)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->sock_peer(fd, addr);
	return px_os_sock_peer(fd, addr);
}

int64_t px_udp_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->udp_open(addr, nonblock, sys_error);
	return px_os_udp_open(addr, nonblock, sys_error);
}

int px_udp_bind(int fd, const proa_addr *addr, const proa_udp_options *options, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->udp_bind(fd, addr, options, sys_error);
	return px_os_udp_bind(fd, addr, options, sys_error);
}

int px_udp_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->udp_connect(fd, addr, sys_error);
	return px_os_udp_connect(fd, addr, sys_error);
}

int px_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                bool join)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->udp_join(fd, group, source, if_index, join);
	return px_os_udp_join(fd, group, source, if_index, join);
}

int px_udp_set(int fd, proa_udp_option option, int value)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->udp_set(fd, option, value);
	return px_os_udp_set(fd, option, value);
}

uint32_t px_if_index(const char *name)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->if_index(name);
	return px_os_if_index(name);
}

int64_t px_sys_lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                      unsigned max, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->lookup(name, service, family, out, max, sys_error);
	return px_os_sys_lookup(name, service, family, out, max, sys_error);
}

int64_t px_sys_reverse(const proa_addr *addr, char *out, size_t size, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->reverse(addr, out, size, sys_error);
	return px_os_sys_reverse(addr, out, size, sys_error);
}

int64_t px_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                     int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_open(dir_fd, path, flags, mode, sys_error);
	return px_os_file_open(dir_fd, path, flags, mode, sys_error);
}

int64_t px_file_stat(int fd, proa_stat_info *info, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_stat(fd, info, sys_error);
	return px_os_file_stat(fd, info, sys_error);
}

int64_t px_file_read(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_read(fd, buf, len, offset, sys_error);
	return px_os_file_read(fd, buf, len, offset, sys_error);
}

int64_t px_file_write(int fd, const void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_write(fd, buf, len, offset, sys_error);
	return px_os_file_write(fd, buf, len, offset, sys_error);
}

int64_t px_file_sync(int fd, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_sync(fd, sys_error);
	return px_os_file_sync(fd, sys_error);
}

/* A simulated disk knows neither pieces nor parts of a sync, and copies as anybody does. */
int64_t px_file_readv(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                      int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_hand_readv(fd, vec, n, skip, offset, sys_error);
	return px_os_file_readv(fd, vec, n, skip, offset, sys_error);
}

int64_t px_file_writev(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                       int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_hand_writev(fd, vec, n, skip, offset, sys_error);
	return px_os_file_writev(fd, vec, n, skip, offset, sys_error);
}

int64_t px_file_datasync(int fd, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_sync(fd, sys_error);
	return px_os_file_datasync(fd, sys_error);
}

int64_t px_file_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_hand_copy(from, to, offset, len, sys_error);
	return px_os_file_copy(from, to, offset, len, sys_error);
}

int64_t px_file_call(const px_call_args *args, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->file_call(args, sys_error);
	return px_os_file_call(args, sys_error);
}

int64_t px_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->dir_read(fd, buf, len, sys_error);
	return px_os_dir_read(fd, buf, len, sys_error);
}

void px_file_close(int fd)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->file_close(fd);
	else
		px_os_file_close(fd);
}

/* A simulated disk holds nothing in memory: each call takes its time. */
bool px_file_near(int fd)
{
	return PX_LIKELY(px_here.system == NULL) && px_os_file_near(fd);
}

int px_signal_watch(int signo, void (*ring)(void *), void *arg)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		return px_here.system->signal_watch(signo, ring, arg);
	return px_os_signal_watch(signo, ring, arg);
}

void px_signal_unwatch(int slot)
{
	if (PX_UNLIKELY(px_here.system != NULL))
		px_here.system->signal_unwatch(slot);
	else
		px_os_signal_unwatch(slot);
}
