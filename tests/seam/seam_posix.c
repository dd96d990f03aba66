/* The seam's calls: each counts itself, and fails, stops short or goes on to the system's. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam_posix.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what is withheld comes later ----
 *
 * A socket that said EAGAIN, or gave less than it had, must report again, as if the rest had come
 * a moment later: an edge-triggered selector would sleep for ever. */

enum { FDS = 65536 };
static struct {
	int epoll; /* + 1 */
	struct epoll_event event;
} watched[FDS];

void seam_comes_later(int fd)
{
	int saved = errno;

	if (fd >= 0 && fd < FDS && watched[fd].epoll)
		epoll_ctl(watched[fd].epoll - 1, EPOLL_CTL_MOD, fd, &watched[fd].event);
	errno = saved;
}

int seam_again(int fd, int hit)
{
	errno = hit;
	if (hit == EAGAIN)
		seam_comes_later(fd);
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

	return hit > 0 ? seam_again(fd, hit) : seam_opened(accept4(fd, addr, len, flags));
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

ssize_t seam_recv(int fd, void *buf, size_t len, int flags)
{
	int hit = seam_hit(SEAM_recv);
	ssize_t n;

	if (hit > 0)
		return seam_again(fd, hit);
	n = recv(fd, buf, seam_shorter(hit, len), flags);
	if (hit)
		seam_comes_later(fd);
	return n;
}

/* Descriptors that came with it are the library's until it tells of them. */
static void rights_opened(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)c + at, sizeof fd);
			seam_opened(fd);
		}
	}
}

ssize_t seam_recvmsg(int fd, struct msghdr *msg, int flags)
{
	int hit = seam_hit(SEAM_recvmsg);
	ssize_t n;

	if (hit > 0)
		return seam_again(fd, hit);
	n = recvmsg(fd, msg, flags);
	if (n >= 0)
		rights_opened(msg);
	return n;
}

int seam_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags, struct timespec *until)
{
	int hit = seam_hit(SEAM_recvmmsg), got;

	if (hit > 0)
		return seam_again(fd, hit);
	got = recvmmsg(fd, msgs, (unsigned)seam_shorter(hit, n), flags, until);
	if (hit)
		seam_comes_later(fd);
	return got;
}

int seam_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	int hit = seam_hit(SEAM_sendmmsg);

	return hit > 0 ? seam_again(fd, hit)
	               : sendmmsg(fd, msgs, (unsigned)seam_shorter(hit, n), flags);
}

ssize_t seam_send(int fd, const void *buf, size_t len, int flags)
{
	int hit = seam_hit(SEAM_send);

	return hit > 0 ? seam_again(fd, hit) : send(fd, buf, seam_shorter(hit, len), flags);
}

ssize_t seam_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int hit = seam_hit(SEAM_sendmsg);

	if (hit > 0)
		return seam_again(fd, hit);
	if (hit == SEAM_W_short_ && msg->msg_iovlen && !msg->msg_controllen) /* of a stream */
		return send(fd, msg->msg_iov->iov_base, seam_shorter(hit, msg->msg_iov->iov_len),
		            flags);
	return sendmsg(fd, msg, flags);
}

ssize_t seam_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t to_len)
{
	int hit = seam_hit(SEAM_sendto);

	return hit > 0 ? seam_again(fd, hit) : sendto(fd, buf, len, flags, to, to_len);
}

ssize_t seam_sendfile(int fd, int file, off_t *at, size_t len)
{
	int hit = seam_hit(SEAM_sendfile);

	return hit > 0 ? seam_again(fd, hit) : sendfile(fd, file, at, seam_shorter(hit, len));
}

/* One end is a pipe, which nobody watches. */
ssize_t seam_splice(int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags)
{
	int hit = seam_hit(SEAM_splice);
	ssize_t n;

	if (hit > 0) {
		seam_again(from, hit);
		return seam_again(to, hit);
	}
	n = splice(from, from_at, to, to_at, seam_shorter(hit, len), flags);
	if (hit) {
		seam_comes_later(from);
		seam_comes_later(to);
	}
	return n;
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

int seam_two_opened(const int pair[2])
{
	seam_opened(pair[0]);
	seam_opened(pair[1]);
	return 0;
}

int seam_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	FAIL(getpeername);
	return getpeername(fd, addr, len);
}

int seam_socketpair(int family, int type, int protocol, int pair[2])
{
	int rc;

	FAIL(socketpair);
	rc = socketpair(family, type, protocol, pair);
	return rc ? rc : seam_two_opened(pair);
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

/* ---- the end of each ---- */

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

int seam_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_len,
                     char *service, socklen_t service_len, int flags)
{
	int hit = seam_hit(SEAM_getnameinfo);

	return hit ? hit : getnameinfo(addr, len, host, host_len, service, service_len, flags);
}

/* What is not asked of a loop's hook. Not realloc: it is the hook of those who give none, and of
 * the checker, which dies of it. */
static bool memory_wants(void)
{
	if (!seam_hit(SEAM_malloc))
		return false;
	errno = ENOMEM;
	return true;
}

void *seam_malloc(size_t bytes)
{
	return memory_wants() ? NULL : malloc(bytes);
}

void *seam_calloc(size_t n, size_t bytes)
{
	return memory_wants() ? NULL : calloc(n, bytes);
}

/* ---- by number ---- */

enum { PIDFD_OPEN = 434, CLOSE_RANGE = 436, CACHESTAT = 451 }; /* older headers have no names */

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
		return seam_again(-1, hit);
	return syscall(SYS_copy_file_range, a[0], a[1], a[2], a[3],
	               (long)seam_shorter(hit, (size_t)a[4]), a[5]);
}

static int ring_enter(const long a[6])
{
	wait_begins();
	return waited(seam_ring_enter((int)a[0], (unsigned)a[1], (unsigned)a[2], (unsigned)a[3],
	                              (const void *)a[4], (size_t)a[5]));
}

/* How many arguments the library gives to each that it calls by its number. */
static int number_args(long number)
{
	switch (number) {
	case SYS_io_uring_setup:
	case PIDFD_OPEN:
	case SYS_setgroups: return 2;
	case SYS_getdents64:
	case CLOSE_RANGE:
	case SYS_setresgid:
	case SYS_setresuid: return 3;
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
	case PIDFD_OPEN: return seam_opened((int)other_call(SEAM_pidfd_open, number, a));
	case CLOSE_RANGE: return other_call(SEAM_close_range, number, a);
	case SYS_setgroups: return other_call(SEAM_setgroups, number, a);
	case SYS_setresgid: return other_call(SEAM_setresgid, number, a);
	case SYS_setresuid: return other_call(SEAM_setresuid, number, a);
	default: errno = ENOSYS; return -1; /* a new one: it is to be named here */
	}
}
