/* The stand-in for kqueue: what the BSD filters would say of a descriptor, found out on Linux. */
/* SPDX-License-Identifier: MIT */
#include "shim.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/sockios.h>

static int option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof value;

	getsockopt(fd, SOL_SOCKET, name, &value, &len);
	return value;
}

int shim_file_learn(shim_file *file, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return EBADF;
	*file = (shim_file){.fd = fd, .kind = SHIM_PIPE};
	if (!S_ISSOCK(st.st_mode))
		return 0;
	file->kind = option(fd, SO_TYPE) == SOCK_STREAM ? SHIM_STREAM : SHIM_DATAGRAM;
	if (file->kind == SHIM_STREAM && option(fd, SO_PROTOCOL) == IPPROTO_TCP)
		file->kind = SHIM_TCP;
	file->listener = option(fd, SO_ACCEPTCONN) != 0;
	return 0;
}

static int64_t count_of(int fd, unsigned long request)
{
	int n = 0;

	return ioctl(fd, request, &n) ? 0 : n;
}

static struct tcp_info tcp_of(const shim_file *file)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	getsockopt(file->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info;
}

/* A BSD's so_error. Linux would forget it by being asked, and then a connect that failed would seem
 * to have come off: so it is guessed. */
static unsigned guessed_error(const shim_file *file, int is)
{
	if (!(is & POLLERR))
		return 0;
	return file->connected ? ECONNRESET : ECONNREFUSED;
}

/* Linux says HUP of a socket that was never connected; the BSDs say nothing. */
static bool never_connected(int is)
{
	return (is & POLLHUP) && !(is & (POLLRDHUP | POLLERR));
}

static bool eof(struct kevent *event, unsigned error)
{
	event->flags |= EV_EOF;
	event->fflags = error;
	return true;
}

/* ---- EVFILT_READ ---- */

static bool listener_look(const shim_file *file, int is, struct kevent *event)
{
	event->data = file->kind == SHIM_TCP ? tcp_of(file).tcpi_unacked : 1;
	return (is & POLLIN) != 0;
}

/* The end comes with what was not read yet in `data`. */
static bool read_look(const shim_file *file, int is, struct kevent *event)
{
	if (file->listener)
		return listener_look(file, is, event);
	event->data = count_of(file->fd, FIONREAD);
	switch (file->kind) {
	case SHIM_PIPE: return is & POLLHUP ? eof(event, 0) : (is & POLLIN) != 0;
	case SHIM_DATAGRAM: return (is & (POLLIN | POLLERR)) != 0;
	case SHIM_TCP:
	case SHIM_STREAM: break;
	}
	if (is & (POLLRDHUP | POLLERR))
		return eof(event, guessed_error(file, is));
	return (is & POLLIN) && !never_connected(is);
}

/* ---- EVFILT_WRITE ---- */

/* Shut down by ourselves; of local sockets Linux does not tell. */
static bool send_side_shut(const shim_file *file)
{
	if (file->kind != SHIM_TCP)
		return false;
	switch (tcp_of(file).tcpi_state) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT: return true;
	default: return false;
	}
}

static bool write_look(const shim_file *file, int is, struct kevent *event)
{
	if (file->listener)
		return false;
	if (file->kind == SHIM_PIPE)
		return is & POLLERR ? eof(event, 0) : (is & POLLOUT) != 0;
	event->data = option(file->fd, SO_SNDBUF) - count_of(file->fd, SIOCOUTQ);
	if (file->kind == SHIM_DATAGRAM)
		return (is & (POLLOUT | POLLERR)) != 0;
	if (never_connected(is))
		return false;
	if ((is & (POLLERR | POLLHUP)) || send_side_shut(file))
		return eof(event, guessed_error(file, is));
	return (is & POLLOUT) != 0;
}

bool shim_file_look(shim_file *file, short filter, struct kevent *event)
{
	struct pollfd p = {.fd = file->fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (poll(&p, 1, 0) < 0 || (p.revents & POLLNVAL))
		return false;
	if (file->kind != SHIM_PIPE && !file->connected)
		file->connected = !getpeername(file->fd, (struct sockaddr *)&peer, &len);
	return filter == EVFILT_READ ? read_look(file, p.revents, event)
	                             : write_look(file, p.revents, event);
}
