/* Local sockets: datagrams, who is at the other end, and descriptors in messages. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- datagrams and pairs ---- */

/* With no more than its family for an address, Linux finds a name that nobody has; elsewhere there
 * is none. */
static int gram_bind(int fd, const proa_addr *own)
{
#ifdef __linux__
	const struct sockaddr any = {.sa_family = AF_UNIX};

	if (!own)
		return bind(fd, &any, sizeof any.sa_family);
#endif
	return own ? bind(fd, (const struct sockaddr *)(const void *)own->data, own->len) : 0;
}

int64_t px_local_gram(const proa_addr *own, bool nonblock, int32_t *sys_error)
{
	int fd = px_sock_new(AF_UNIX, SOCK_DGRAM, nonblock);
	int64_t rc;

	*sys_error = 0;
	if (fd < 0)
		return px_errno(sys_error);
	if (!gram_bind(fd, own))
		return fd;
	rc = px_errno(sys_error);
	close(fd);
	return rc;
}

/* Where messages in sequence are unknown, datagrams are the nearest; but they do not connect. */
#ifdef __APPLE__
enum { MESSAGES = SOCK_DGRAM };

int64_t px_local_msg(bool nonblock, int32_t *sys_error)
{
	PX_UNUSED(nonblock);
	*sys_error = EAFNOSUPPORT;
	return -PROA_EAFNOSUPPORT;
}
#else
enum { MESSAGES = SOCK_SEQPACKET };

int64_t px_local_msg(bool nonblock, int32_t *sys_error)
{
	int fd = px_sock_new(AF_UNIX, MESSAGES, nonblock);

	*sys_error = 0;
	return fd < 0 ? px_errno(sys_error) : fd;
}
#endif

int px_local_pair_msg(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error)
{
	*sys_error = 0;
	if (px_sock_pair_new(MESSAGES, fd))
		return (int)px_errno(sys_error);
	if (a_nonblock)
		px_fd_nonblock(fd[0], true);
	if (b_nonblock)
		px_fd_nonblock(fd[1], true);
	return 0;
}

/* ---- who is there ---- */

#if defined(SO_PEERCRED)
#ifdef __OpenBSD__
typedef struct sockpeercred peer;
#else
typedef struct ucred peer;
#endif

int px_local_cred(int fd, proa_cred *out)
{
	peer p;
	socklen_t len = sizeof p;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &p, &len))
		return (int)px_sys_error(errno);
	if (p.pid <= 0) /* nobody has connected it */
		return -PROA_ENOTCONN;
	*out = (proa_cred){.pid = p.pid, .uid = p.uid, .gid = p.gid};
	return 0;
}
#else
int px_local_cred(int fd, proa_cred *out)
{
	uid_t uid;
	gid_t gid;

	if (getpeereid(fd, &uid, &gid))
		return (int)px_sys_error(errno);
	*out = (proa_cred){.pid = -1, .uid = uid, .gid = gid};
#ifdef LOCAL_PEERPID
	{
		pid_t pid;
		socklen_t len = sizeof pid;

		if (!getsockopt(fd, 0, LOCAL_PEERPID, &pid, &len))
			out->pid = pid;
	}
#endif
	return 0;
}
#endif

/* ---- descriptors ---- */

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

typedef union control {
	char room[CMSG_SPACE(PROA_FDS_MOST * sizeof(int))];
	struct cmsghdr align;
} control;

static void fds_put(struct msghdr *m, control *c, const proa_fds *fds)
{
	int fd[PROA_FDS_MOST];
	struct cmsghdr *head;

	memset(c, 0, sizeof *c);
	for (unsigned i = 0; i < fds->n; i++)
		fd[i] = (int)fds->fd[i];
	m->msg_control = c->room;
	m->msg_controllen = (socklen_t)CMSG_SPACE(fds->n * sizeof(int));
	head = CMSG_FIRSTHDR(m);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = (socklen_t)CMSG_LEN(fds->n * sizeof(int));
	memcpy(CMSG_DATA(head), fd, fds->n * sizeof(int));
}

int64_t px_local_send_fds(int fd, const proa_fds *fds, size_t skip, int32_t *sys_error)
{
	struct iovec iov = {(char *)fds->buf + skip, PX_MIN(fds->len - skip, PX_IO_MOST)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	control c;
	ssize_t n;

	if (!skip && fds->n)
		fds_put(&m, &c, fds);
	do
		n = sendmsg(fd, &m, PX_MSG_QUIET | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return px_moved(n, sys_error);
}

static void fd_take(proa_fds *out, int fd)
{
	if (out->n == PROA_FDS_MOST) {
		close(fd);
		return;
	}
	if (!MSG_CMSG_CLOEXEC)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	out->fd[out->n++] = fd;
}

static void fds_take(proa_fds *out, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = px_control_next(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			fd_take(out, fd);
		}
	}
}

int64_t px_local_recv_fds(int fd, proa_fds *out, bool *cut, int32_t *sys_error)
{
	struct iovec iov = {out->buf, PX_MIN(out->len, PX_IO_MOST)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	control c;
	ssize_t n;

	out->n = 0;
	do {
		m.msg_control = c.room;
		m.msg_controllen = sizeof c.room;
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	*cut = n >= 0 && (m.msg_flags & MSG_CTRUNC);
	if (n >= 0)
		fds_take(out, &m);
	return px_moved(n, sys_error);
}
