/* The seam's calls: each counts itself, and fails, stops short or goes on to the system's. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <unistd.h>

#include "seam/seam_posix.h"

/* Returns -1 with the rule's error, if it says so. */
#define FAIL(call)                                      \
	do {                                            \
		int hit_ = seam_hit(SEAM_##call);       \
		if (hit_ > 0 && !(hit_ & SEAM_AFTER)) { \
			errno = hit_;                   \
			return -1;                      \
		}                                       \
	} while (0)

/* ---- what is withheld comes later ----
 *
 * A socket that said EAGAIN, or gave less than it had, must report again, as if the rest had come
 * a moment later: an edge-triggered selector would sleep for ever. */

enum { FDS = 65536 };
static struct {
	int epoll; /* + 1 */
	struct epoll_event event;
} watched[FDS];

static void comes_later(int fd)
{
	int saved = errno;

	if (fd >= 0 && fd < FDS && watched[fd].epoll)
		epoll_ctl(watched[fd].epoll - 1, EPOLL_CTL_MOD, fd, &watched[fd].event);
	errno = saved;
}

static int again(int fd, int hit)
{
	errno = hit;
	if (hit == EAGAIN)
		comes_later(fd);
	return -1;
}

int seam_epoll_ctl(int set, int what, int fd, struct epoll_event *event)
{
	if (what != EPOLL_CTL_DEL)
		FAIL(epoll_ctl);
	if (fd >= 0 && fd < FDS) {
		watched[fd].epoll = what == EPOLL_CTL_DEL ? 0 : set + 1;
		watched[fd].event = *event;
	}
	return epoll_ctl(set, what, fd, event);
}

/* ---- sockets ---- */

int seam_socket(int family, int type, int protocol)
{
	FAIL(socket);
	return seam_opened(socket(family, type, protocol));
}

int seam_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	FAIL(bind);
	return bind(fd, addr, len);
}

int seam_listen(int fd, int backlog)
{
	FAIL(listen);
	return listen(fd, backlog);
}

int seam_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int hit = seam_hit(SEAM_accept4);

	return hit > 0 ? again(fd, hit) : seam_opened(accept4(fd, addr, len, flags));
}

/* Interrupted means that it goes on: so it is begun. */
int seam_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int hit = seam_hit(SEAM_connect), rc;

	if (hit > 0 && !(hit & SEAM_AFTER)) {
		errno = hit;
		return -1;
	}
	rc = connect(fd, addr, len);
	if (rc < 0 && errno == EINPROGRESS && hit > 0)
		errno = hit & ~SEAM_AFTER;
	return rc;
}

/* One byte, and the rest comes later. */
static size_t shorter(int hit, size_t len)
{
	return hit == SEAM_W_short_ && len > 1 ? 1 : len;
}

ssize_t seam_recv(int fd, void *buf, size_t len, int flags)
{
	int hit = seam_hit(SEAM_recv);
	ssize_t n;

	if (hit > 0)
		return again(fd, hit);
	n = recv(fd, buf, shorter(hit, len), flags);
	if (hit)
		comes_later(fd);
	return n;
}

ssize_t seam_recvmsg(int fd, struct msghdr *msg, int flags)
{
	int hit = seam_hit(SEAM_recvmsg);

	return hit > 0 ? again(fd, hit) : recvmsg(fd, msg, flags);
}

ssize_t seam_send(int fd, const void *buf, size_t len, int flags)
{
	int hit = seam_hit(SEAM_send);

	return hit > 0 ? again(fd, hit) : send(fd, buf, shorter(hit, len), flags);
}

ssize_t seam_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int hit = seam_hit(SEAM_sendmsg);

	if (hit > 0)
		return again(fd, hit);
	if (hit == SEAM_W_short_ && msg->msg_iovlen)
		return send(fd, msg->msg_iov->iov_base, shorter(hit, msg->msg_iov->iov_len), flags);
	return sendmsg(fd, msg, flags);
}

ssize_t seam_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t to_len)
{
	int hit = seam_hit(SEAM_sendto);

	return hit > 0 ? again(fd, hit) : sendto(fd, buf, len, flags, to, to_len);
}

ssize_t seam_sendfile(int fd, int file, off_t *at, size_t len)
{
	int hit = seam_hit(SEAM_sendfile);

	return hit > 0 ? again(fd, hit) : sendfile(fd, file, at, shorter(hit, len));
}

int seam_shutdown(int fd, int how)
{
	FAIL(shutdown);
	return shutdown(fd, how);
}

int seam_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	FAIL(getsockopt);
	return getsockopt(fd, level, name, value, len);
}

int seam_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	FAIL(setsockopt);
	return setsockopt(fd, level, name, value, len);
}

int seam_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	FAIL(getsockname);
	return getsockname(fd, addr, len);
}

int seam_socketpair(int family, int type, int protocol, int pair[2])
{
	int rc;

	FAIL(socketpair);
	rc = socketpair(family, type, protocol, pair);
	if (!rc) {
		seam_opened(pair[0]);
		seam_opened(pair[1]);
	}
	return rc;
}

/* ---- waiting and waking ---- */

static int waited(int n)
{
	__atomic_sub_fetch(&seam_waiting, 1, __ATOMIC_RELAXED);
	seam_held--;
	return n;
}

static void wait_begins(void)
{
	__atomic_add_fetch(&seam_waiting, 1, __ATOMIC_RELAXED);
	seam_held++;
}

int seam_eventfd(unsigned value, int flags)
{
	FAIL(eventfd);
	return seam_opened(eventfd(value, flags));
}

int seam_epoll_create1(int flags)
{
	FAIL(epoll_create1);
	return seam_opened(epoll_create1(flags));
}

int seam_epoll_wait(int set, struct epoll_event *events, int most, int ms)
{
	FAIL(epoll_wait);
	wait_begins();
	return waited(epoll_wait(set, events, most, ms));
}

int seam_poll(struct pollfd *fds, nfds_t n, int ms)
{
	FAIL(poll);
	wait_begins();
	return waited(poll(fds, n, ms));
}

int seam_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
	FAIL(ppoll);
	wait_begins();
	return waited(ppoll(fds, n, t, mask));
}

/* ---- files ---- */

ssize_t seam_read(int fd, void *buf, size_t len)
{
	FAIL(read);
	return read(fd, buf, len);
}

ssize_t seam_write(int fd, const void *buf, size_t len)
{
	int hit = seam_hit(SEAM_write);

	/* A counter takes its eight bytes or none. */
	return hit > 0 ? again(-1, hit) : write(fd, buf, len == 8 ? len : shorter(hit, len));
}

ssize_t seam_pread(int fd, void *buf, size_t len, off_t at)
{
	int hit = seam_hit(SEAM_pread);

	return hit > 0 ? again(-1, hit) : pread(fd, buf, shorter(hit, len), at);
}

ssize_t seam_pwrite(int fd, const void *buf, size_t len, off_t at)
{
	int hit = seam_hit(SEAM_pwrite);

	return hit > 0 ? again(-1, hit) : pwrite(fd, buf, shorter(hit, len), at);
}

int seam_fsync(int fd)
{
	FAIL(fsync);
	return fsync(fd);
}

/* The first piece, or a byte of it. */
ssize_t seam_preadv(int fd, const struct iovec *vec, int n, off_t at)
{
	int hit = seam_hit(SEAM_preadv);

	if (hit == SEAM_W_short_ && n)
		return pread(fd, vec->iov_base, shorter(hit, vec->iov_len), at);
	return hit > 0 ? again(-1, hit) : preadv(fd, vec, n, at);
}

ssize_t seam_pwritev(int fd, const struct iovec *vec, int n, off_t at)
{
	int hit = seam_hit(SEAM_pwritev);

	if (hit == SEAM_W_short_ && n)
		return pwrite(fd, vec->iov_base, shorter(hit, vec->iov_len), at);
	return hit > 0 ? again(-1, hit) : pwritev(fd, vec, n, at);
}

int seam_fdatasync(int fd)
{
	FAIL(fdatasync);
	return fdatasync(fd);
}

int seam_ftruncate(int fd, off_t size)
{
	FAIL(ftruncate);
	return ftruncate(fd, size);
}

int seam_renameat(int from_at, const char *from, int to_at, const char *to)
{
	FAIL(renameat);
	return renameat(from_at, from, to_at, to);
}

int seam_linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	FAIL(linkat);
	return linkat(from_at, from, to_at, to, flags);
}

int seam_symlinkat(const char *target, int at, const char *path)
{
	FAIL(symlinkat);
	return symlinkat(target, at, path);
}

ssize_t seam_readlinkat(int at, const char *path, char *buf, size_t len)
{
	FAIL(readlinkat);
	return readlinkat(at, path, buf, len);
}

int seam_unlinkat(int at, const char *path, int flags)
{
	FAIL(unlinkat);
	return unlinkat(at, path, flags);
}

int seam_mkdirat(int at, const char *path, mode_t mode)
{
	FAIL(mkdirat);
	return mkdirat(at, path, mode);
}

int seam_fchmod(int fd, mode_t mode)
{
	FAIL(fchmod);
	return fchmod(fd, mode);
}

int seam_futimens(int fd, const struct timespec times[2])
{
	FAIL(futimens);
	return futimens(fd, times);
}

int seam_openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	FAIL(openat);
	return seam_opened(openat(at, path, flags, mode));
}

int seam_fstat(int fd, struct stat *st)
{
	FAIL(fstat);
	return fstat(fd, st);
}

int seam_fstatfs(int fd, struct statfs *fs)
{
	FAIL(fstatfs);
	return fstatfs(fd, fs);
}

off_t seam_lseek(int fd, off_t at, int whence)
{
	FAIL(lseek);
	return lseek(fd, at, whence);
}

/* Whatever it says, the descriptor is gone. */
int seam_close(int fd)
{
	int hit = seam_hit(SEAM_close), rc;

	if (fd >= 0 && fd < FDS)
		watched[fd].epoll = 0;
	seam_ring_closed(fd);
	seam_closed(fd);
	rc = close(fd);
	if (!hit)
		return rc;
	errno = hit & ~SEAM_AFTER;
	return -1;
}

/* ---- memory, threads, names ---- */

void *seam_mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset)
{
	if (seam_hit(SEAM_mmap)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (fd >= 0 && seam_ring_is(fd))
		return seam_ring_map(fd, bytes, offset);
	return mmap(at, bytes, access, flags, fd, offset);
}

int seam_munmap(void *at, size_t bytes)
{
	return seam_ring_unmap(at) ? 0 : munmap(at, bytes);
}

int seam_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	int hit = seam_hit(SEAM_pthread_create);

	return hit ? hit : pthread_create(id, attr, fn, arg);
}

/* Waiting for another thread: it is known who does, and nothing fails. */
static int released(int error)
{
	seam_held--;
	return error;
}

int seam_pthread_join(pthread_t id, void **value)
{
	seam_held++;
	return released(pthread_join(id, value));
}

int seam_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	seam_held++;
	return released(pthread_cond_wait(cond, mutex));
}

int seam_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                const struct timespec *until)
{
	seam_held++;
	return released(pthread_cond_timedwait(cond, mutex, until));
}

int seam_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	seam_held++;
	return released(pthread_mutex_lock(mutex));
}

int seam_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                     struct addrinfo **out)
{
	int hit = seam_hit(SEAM_getaddrinfo);

	return hit ? hit : getaddrinfo(name, service, hints, out);
}

/* ---- by number ---- */

static long other_call(seam_call call, long number, const long a[6])
{
	int hit = seam_hit(call);

	if (hit > 0) {
		errno = hit;
		return -1;
	}
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long copy_call(const long a[6])
{
	int hit = seam_hit(SEAM_copy_file_range);

	if (hit > 0)
		return again(-1, hit);
	return syscall(SYS_copy_file_range, a[0], a[1], a[2], a[3],
	               (long)shorter(hit, (size_t)a[4]), a[5]);
}

static int ring_enter(const long a[6])
{
	wait_begins();
	return waited(seam_ring_enter((int)a[0], (unsigned)a[1], (unsigned)a[2], (unsigned)a[3],
	                              (const void *)a[4], (size_t)a[5]));
}

enum { CACHESTAT = 451 }; /* older headers have no name for it */

/* How many arguments the library gives to each that it calls by its number. */
static int number_args(long number)
{
	switch (number) {
	case SYS_io_uring_setup: return 2;
	case SYS_getdents64: return 3;
	case SYS_io_uring_register:
	case CACHESTAT:
	case SYS_openat2: return 4;
	default: return 6; /* io_uring_enter, epoll_pwait2, preadv2, copy_file_range */
	}
}

long seam_syscall(long number, ...)
{
	va_list args;
	long a[6] = {0};

	va_start(args, number);
	for (int i = 0; i < number_args(number); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	switch (number) {
	case SYS_io_uring_setup: return seam_ring_setup((unsigned)a[0], (void *)a[1]);
	case SYS_io_uring_enter: return ring_enter(a);
	case SYS_io_uring_register:
		return seam_ring_register((int)a[0], (unsigned)a[1], (const void *)a[2],
		                          (unsigned)a[3]);
	case SYS_epoll_pwait2:
		wait_begins();
		return waited((int)other_call(SEAM_epoll_pwait2, number, a));
	case SYS_getdents64: return other_call(SEAM_getdents64, number, a);
	case CACHESTAT: return other_call(SEAM_cachestat, number, a);
	case SYS_preadv2: return other_call(SEAM_preadv2, number, a);
	case SYS_copy_file_range: return copy_call(a);
	case SYS_openat2: return seam_opened((int)other_call(SEAM_openat2, number, a));
	default: errno = ENOSYS; return -1; /* a new one: it is to be named here */
	}
}
