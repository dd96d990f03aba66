/* Several datagrams in one system call. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/uio.h>

/* One of them as the system wants it. */
typedef struct place {
	struct iovec iov;
	px_udp_control control;
} place;

static unsigned batch_fill_recv(struct mmsghdr *m, place *p, proa_msg *msgs, unsigned n, bool info)
{
	n = PX_MIN(n, (unsigned)PX_UDP_BATCH);
	for (unsigned i = 0; i < n; i++) {
		p[i].iov = (struct iovec){msgs[i].buf, PX_MIN(msgs[i].len, PX_IO_MOST)};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &p[i].iov, .msg_iovlen = 1}};
		m[i].msg_hdr.msg_name = msgs[i].addr.data;
		m[i].msg_hdr.msg_namelen = sizeof msgs[i].addr.data;
		m[i].msg_hdr.msg_control = info ? &p[i].control : NULL;
		m[i].msg_hdr.msg_controllen = info ? sizeof p[i].control : 0;
	}
	return n;
}

int64_t px_udp_recv_many(int fd, proa_msg *msgs, unsigned n, bool info, int32_t *sys_error)
{
	struct mmsghdr m[PX_UDP_BATCH];
	place p[PX_UDP_BATCH];
	int got;

	n = batch_fill_recv(m, p, msgs, n, info);
	do
		got = recvmmsg(fd, m, n, MSG_DONTWAIT, NULL);
	while (got < 0 && errno == EINTR);
	for (int i = 0; i < got; i++)
		px_udp_told(&m[i].msg_hdr, &msgs[i], m[i].msg_len);
	return px_udp_result(got, sys_error);
}

static unsigned batch_fill_send(struct mmsghdr *m, place *p, const proa_msg *msgs, unsigned n)
{
	n = PX_MIN(n, (unsigned)PX_UDP_BATCH);
	for (unsigned i = 0; i < n; i++) {
		size_t len = px_udp_control_put(&p[i].control, &msgs[i], msgs[i].len);

		p[i].iov = (struct iovec){msgs[i].buf, msgs[i].len};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &p[i].iov, .msg_iovlen = 1}};
		m[i].msg_hdr.msg_name = msgs[i].addr.len ? (void *)(uintptr_t)msgs[i].addr.data
		                                         : NULL;
		m[i].msg_hdr.msg_namelen = msgs[i].addr.len;
		m[i].msg_hdr.msg_control = len ? &p[i].control : NULL;
		m[i].msg_hdr.msg_controllen = (socklen_t)len;
	}
	return n;
}

int64_t px_udp_send_many(int fd, const proa_msg *msgs, unsigned n, int32_t *sys_error)
{
	struct mmsghdr m[PX_UDP_BATCH];
	place p[PX_UDP_BATCH];
	int sent;

	n = batch_fill_send(m, p, msgs, n);
	do
		sent = sendmmsg(fd, m, n, PX_MSG_QUIET | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && msgs->segment_bytes && (errno == EIO || errno == EINVAL))
		return px_udp_send_whole(fd, msgs, sys_error);
	return px_udp_result(sent, sys_error);
}
