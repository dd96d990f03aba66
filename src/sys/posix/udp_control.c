/* What goes with a datagram beside its bytes: control messages, in and out. */
/* SPDX-License-Identifier: MIT */
#if defined(__APPLE__)
#define __APPLE_USE_RFC_3542 1 /* or there is no IPV6_RECVPKTINFO */
#endif
#include "posix.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#if !defined(__linux__)
#include <net/if_dl.h>
#endif

/* Linux' own, not in every header. */
#if defined(__linux__)
enum { UDP_LEVEL = 17, SEGMENT = 103, GRO = 104 };
#endif

static int option_on(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof on);
}

/* ---- what is to be told ---- */

static int info_v4(int fd)
{
#if defined(IP_PKTINFO)
	if (option_on(fd, IPPROTO_IP, IP_PKTINFO))
		return -1;
#else
	if (option_on(fd, IPPROTO_IP, IP_RECVDSTADDR) || option_on(fd, IPPROTO_IP, IP_RECVIF))
		return -1;
#endif
	return option_on(fd, IPPROTO_IP, IP_RECVTTL);
}

int px_udp_info(int fd, uint32_t family)
{
	if (family != AF_INET6)
		return info_v4(fd);
	if (option_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) ||
	    option_on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT))
		return -1;
	option_on(fd, IPPROTO_IP, IP_RECVTTL); /* of v4 that comes this way, if the system can */
	return 0;
}

void px_udp_gro(int fd)
{
#if defined(__linux__)
	option_on(fd, UDP_LEVEL, GRO); /* an old kernel gives them one by one */
#else
	PX_UNUSED(fd);
#endif
}

/* ---- in ---- */

static void local_v4(proa_msg *msg, const struct in_addr *in)
{
	struct sockaddr_in *a = (struct sockaddr_in *)(void *)msg->local.data;

	memset(&msg->local, 0, sizeof msg->local);
	a->sin_family = AF_INET;
	a->sin_addr = *in;
	px_addr_told(&msg->local, sizeof *a);
}

static void local_v6(proa_msg *msg, const struct in6_pktinfo *info)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)(void *)msg->local.data;

	memset(&msg->local, 0, sizeof msg->local);
	a->sin6_family = AF_INET6;
	a->sin6_addr = info->ipi6_addr;
	if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&info->ipi6_addr))
		a->sin6_scope_id = (uint32_t)info->ipi6_ifindex;
	px_addr_told(&msg->local, sizeof *a);
}

/* A number of the size that the system chose for it. */
static int32_t control_number(const struct cmsghdr *c)
{
	unsigned char byte;
	uint16_t half;
	int32_t n;

	if (c->cmsg_len >= CMSG_LEN(sizeof n)) {
		memcpy(&n, CMSG_DATA(c), sizeof n);
		return n;
	}
	if (c->cmsg_len >= CMSG_LEN(sizeof half)) {
		memcpy(&half, CMSG_DATA(c), sizeof half);
		return half;
	}
	memcpy(&byte, CMSG_DATA(c), sizeof byte);
	return byte;
}

static void control_v4(const struct cmsghdr *c, proa_msg *msg)
{
#if defined(IP_PKTINFO)
	struct in_pktinfo info;

	if (c->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		local_v4(msg, &info.ipi_addr);
		msg->if_index = (uint32_t)info.ipi_ifindex;
		return;
	}
#else
	struct sockaddr_dl dl;
	struct in_addr in;

	if (c->cmsg_type == IP_RECVDSTADDR) {
		memcpy(&in, CMSG_DATA(c), sizeof in);
		local_v4(msg, &in);
		return;
	}
	if (c->cmsg_type == IP_RECVIF) {
		memset(&dl, 0, sizeof dl);
		memcpy(&dl, CMSG_DATA(c), PX_MIN(sizeof dl, c->cmsg_len - CMSG_LEN(0)));
		msg->if_index = dl.sdl_index;
		return;
	}
#endif
	if (c->cmsg_type == IP_TTL || c->cmsg_type == IP_RECVTTL)
		msg->ttl = control_number(c);
}

static void control_v6(const struct cmsghdr *c, proa_msg *msg)
{
	struct in6_pktinfo info;

	if (c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		local_v6(msg, &info);
		msg->if_index = (uint32_t)info.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_HOPLIMIT) {
		msg->ttl = control_number(c);
	}
}

void px_udp_control_get(struct msghdr *m, proa_msg *msg)
{
	msg->local.len = 0;
	msg->local.family = 0;
	msg->segment_bytes = 0;
	msg->if_index = 0;
	msg->ttl = -1;
	if (!m->msg_controllen)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = px_control_next(m, c)) {
		if (c->cmsg_level == IPPROTO_IP)
			control_v4(c, msg);
		else if (c->cmsg_level == IPPROTO_IPV6)
			control_v6(c, msg);
#if defined(__linux__)
		else if (c->cmsg_level == UDP_LEVEL && c->cmsg_type == GRO)
			msg->segment_bytes = (uint32_t)control_number(c);
#endif
	}
}

/* ---- out ---- */

static size_t control_add(px_udp_control *control, size_t at, int level, int type, const void *data,
                          size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)(control->bytes + at);

	memset(c, 0, CMSG_SPACE(len));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = (socklen_t)CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return at + CMSG_SPACE(len);
}

static size_t control_from_v4(px_udp_control *control, const proa_addr *local)
{
	const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)local->data;
#if defined(IP_PKTINFO)
	struct in_pktinfo info;

	memset(&info, 0, sizeof info);
#if defined(__NetBSD__)
	info.ipi_addr = a->sin_addr;
#else
	info.ipi_spec_dst = a->sin_addr;
#endif
	return control_add(control, 0, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
#else
	return control_add(control, 0, IPPROTO_IP, IP_RECVDSTADDR, &a->sin_addr,
	                   sizeof a->sin_addr);
#endif
}

static size_t control_from(px_udp_control *control, const proa_addr *local)
{
	const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)local->data;
	struct in6_pktinfo info;

	if (local->family != AF_INET6)
		return control_from_v4(control, local);
	memset(&info, 0, sizeof info);
	info.ipi6_addr = a->sin6_addr;
	info.ipi6_ifindex = a->sin6_scope_id;
	return control_add(control, 0, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

size_t px_udp_control_put(px_udp_control *control, const proa_msg *msg, size_t part)
{
	size_t n = msg->local.len ? control_from(control, &msg->local) : 0;
#if defined(__linux__)
	uint16_t segment = (uint16_t)msg->segment_bytes;

	if (msg->segment_bytes && part > msg->segment_bytes)
		n = control_add(control, n, UDP_LEVEL, SEGMENT, &segment, sizeof segment);
#else
	PX_UNUSED(part);
#endif
	return n;
}

size_t px_udp_part(const proa_msg *msg, size_t skip, bool alone)
{
	size_t left = msg->len - skip, segment = msg->segment_bytes;

#if defined(__linux__)
	size_t most = PX_UDP_PART / PX_MAX(segment, (size_t)1);

	if (!alone && segment && most)
		return PX_MIN(left, segment * PX_MIN((size_t)PX_UDP_SEGMENTS, most));
#else
	PX_UNUSED(alone);
#endif
	return segment ? PX_MIN(left, segment) : left;
}
