/* What this kernel's io_uring has: asked where it can be asked, tried where it cannot. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include "proa/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const struct {
	const char *name, *text;
} features[PX_UR_FEATURE_COUNT] = {
#define FEATURE_TEXT(id, name, flag, text) [PX_UR_##id] = {name, text},
	PX_UR_FEATURES(FEATURE_TEXT)
#undef FEATURE_TEXT
};

/* ---- PROA_URING_OFF ---- */

static uint32_t feature_bit(const char *name, size_t len)
{
	for (unsigned i = 0; i < PX_UR_FEATURE_COUNT; i++) {
		if (strlen(features[i].name) == len && !memcmp(features[i].name, name, len))
			return UINT32_C(1) << i;
	}
	/* of another version, or a slip: it is a tool for tests, which look at the doctor's report
	 */
	return 0;
}

uint32_t px_ur_wanted(void)
{
	const char *at = getenv("PROA_URING_OFF");
	uint32_t has = UINT32_MAX >> (32 - PX_UR_FEATURE_COUNT);

	while (at && *at) {
		size_t len = strcspn(at, ",");

		has &= ~feature_bit(at, len);
		at += len + (at[len] == ',');
	}
	return has;
}

/* ---- refusals ---- */

/* kernel.io_uring_disabled (since Linux 6.6): 1 for the unprivileged, 2 for all. 0: no, or no such
 * thing. */
static char sysctl_disabled(void)
{
	char c = '0';
	int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return c;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c;
}

int px_ur_refused(int error, char *why)
{
	char disabled = sysctl_disabled();

	switch (error) {
	case ENOSYS:
		snprintf(why, 160,
		         "the kernel has no io_uring, or a seccomp filter hides it (ENOSYS)");
		return -PROA_ENOTSUP;
	case EPERM:
	case EACCES:
		if (disabled != '0')
			snprintf(why, 160, "forbidden by the sysctl kernel.io_uring_disabled = %c",
			         disabled);
		else
			snprintf(why, 160,
			         "forbidden by a seccomp filter or a security module (%s)",
			         error == EPERM ? "EPERM" : "EACCES");
		return -PROA_ENOTSUP;
	case ENOMEM:
		snprintf(why, 160,
		         "not enough memory that may be locked (RLIMIT_MEMLOCK is %lld bytes)",
		         (long long)px_sys_limit_memlock());
		return -PROA_ENOMEM;
	default:
		snprintf(why, 160, "io_uring_setup: %s", strerror(error));
		return error == EMFILE || error == ENFILE ? (int)px_sys_error(error)
		                                          : -PROA_ENOTSUP;
	}
}

/* ---- asking ---- */

static bool opcode_known(const px_uring_probe *p, unsigned opcode)
{
	return opcode <= p->last_op && (p->ops[opcode].flags & PX_IO_URING_OP_SUPPORTED);
}

static int opcodes_probe(px_uring *u, char *why)
{
	static const struct {
		uint8_t opcode;
		const char *name;
	} needed[] = {
		{PX_IORING_OP_POLL_ADD, "POLL_ADD"}, {PX_IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
		{PX_IORING_OP_ACCEPT, "ACCEPT"},     {PX_IORING_OP_CONNECT, "CONNECT"},
		{PX_IORING_OP_SEND, "SEND"},         {PX_IORING_OP_RECV, "RECV"},
		{PX_IORING_OP_SENDMSG, "SENDMSG"},   {PX_IORING_OP_READ, "READ"},
		{PX_IORING_OP_WRITE, "WRITE"},       {PX_IORING_OP_FSYNC, "FSYNC"},
		{PX_IORING_OP_TIMEOUT, "TIMEOUT"},
	};
	px_uring_probe probe = {0};
	int rc = px_ur_register(u, PX_IORING_REGISTER_PROBE, &probe, PX_COUNT(probe.ops));

	if (rc < 0) {
		snprintf(why, 160, "io_uring cannot be probed (%s): too old, or a seccomp filter",
		         strerror(-rc));
		return -PROA_ENOTSUP;
	}
	for (unsigned i = 0; i < PX_COUNT(needed); i++) {
		if (opcode_known(&probe, needed[i].opcode))
			continue;
		snprintf(why, 160, "this kernel's io_uring lacks the operation %s", needed[i].name);
		return -PROA_ENOTSUP;
	}
	if (!opcode_known(&probe, PX_IORING_OP_SEND_ZC))
		u->has &= ~PX_UR_BIT(SEND_ZC);
	if (!opcode_known(&probe, PX_IORING_OP_MSG_RING))
		u->has &= ~PX_UR_BIT(MSG_RING);
	return 0;
}

enum { TRY_GROUP = UINT16_MAX, TRY_RING_BYTES = 4096 };

static void *buffer_ring_open(px_uring *u, px_uring_buf_reg *reg)
{
	void *ring = mmap(NULL, TRY_RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                  -1, 0);

	if (ring == MAP_FAILED)
		return NULL;
	reg->ring_addr = px_ur_addr(ring);
	if (px_ur_register(u, PX_IORING_REGISTER_PBUF_RING, reg, 1) >= 0)
		return ring;
	munmap(ring, TRY_RING_BYTES);
	return NULL;
}

static void buffer_ring_close(px_uring *u, px_uring_buf_reg *reg, void *ring)
{
	px_uring_buf_reg gone = {.bgid = reg->bgid};

	px_ur_register(u, PX_IORING_UNREGISTER_PBUF_RING, &gone, 1);
	munmap(ring, TRY_RING_BYTES);
}

/* Registered and taken back: with these flags, does the kernel take one? */
static bool buffer_ring_works(px_uring *u, uint16_t flags)
{
	px_uring_buf_reg reg = {.ring_entries = 8, .bgid = TRY_GROUP, .flags = flags};
	void *ring = buffer_ring_open(u, &reg);

	if (ring)
		buffer_ring_close(u, &reg, ring);
	return ring != NULL;
}

/* Some filters let the set-up pass and forbid the rest. A disabled ring answers EBADFD, which is
 * fine. */
static int enter_probe(px_uring *u, char *why)
{
	int rc = px_uring_enter(u->fd, 0, 0, 0, NULL, 0);

	if (rc != -EPERM && rc != -ENOSYS && rc != -EACCES)
		return 0;
	snprintf(why, 160, "io_uring_enter is forbidden by a seccomp filter (%s)", strerror(-rc));
	return -PROA_ENOTSUP;
}

int px_ur_probe(px_uring *u, char *why)
{
	int rc = opcodes_probe(u, why);

	if (rc < 0 || (rc = enter_probe(u, why)) < 0)
		return rc;
	if (!buffer_ring_works(u, 0))
		u->has &= ~PX_UR_BIT(PBUF_RING);
	if (!px_ur_has(u, PX_UR_PBUF_RING)) /* a multishot recv takes its buffers from one */
		u->has &= ~(PX_UR_BIT(RECV_MULTI) | PX_UR_BIT(PBUF_INC));
	return 0;
}

/* ---- trying ---- */

/* On a descriptor that is no socket: a kernel that knows the flag says so (or that it will not
 * wait, the descriptor being non-blocking); one that does not, calls the entry invalid. Neither
 * takes time. */
static void try_push(px_uring *u, unsigned opcode, unsigned ioprio, uint64_t what)
{
	px_uring_sqe *sqe = px_ur_sqe(u, opcode, u->wake.rd, what << 3 | PX_UR_INTERNAL);

	sqe->ioprio = (uint16_t)ioprio;
	if (what == PX_UR_I_TRY_RECV)
		sqe->flags = PX_IOSQE_BUFFER_SELECT;
}

static void try_reap(px_uring *u)
{
	for (uint32_t tail = px_uring_load(u->cq_ktail); u->cq_head != tail; u->cq_head++) {
		const px_uring_cqe *cqe = &u->cqes[u->cq_head & u->cq_mask];

		px_ur_probed(u, cqe->user_data >> 3, cqe->res);
	}
}

/* The end of a stream, close behind bytes: some kernels take both for one event, of which a
 * multishot recv sees the bytes and never the end. */
static void try_end(px_uring *u, int ours, int peer)
{
	px_uring_sqe *sqe = px_ur_sqe(u, PX_IORING_OP_RECV, ours,
	                              (uint64_t)PX_UR_I_TRY_END << 3 | PX_UR_INTERNAL);
	bool both = false;

	sqe->flags = PX_IOSQE_BUFFER_SELECT;
	sqe->buf_group = TRY_GROUP;
	sqe->ioprio = PX_IORING_RECV_MULTISHOT;
	px_ur_enter(u, false, 0);
	u->has &= ~PX_UR_BIT(RECV_MULTI); /* until the end has been seen */
	both = send(peer, "", 1, MSG_NOSIGNAL) == 1 && shutdown(peer, SHUT_WR) == 0;
	px_ur_enter(u, false, 0);
	try_reap(u);
	if (both && px_ur_has(u, PX_UR_RECV_MULTI))
		return;
	sqe = px_ur_sqe(u, PX_IORING_OP_ASYNC_CANCEL, -1,
	                (uint64_t)PX_UR_I_TRY_CANCEL << 3 | PX_UR_INTERNAL);
	sqe->addr = (uint64_t)PX_UR_I_TRY_END << 3 | PX_UR_INTERNAL;
	px_ur_enter(u, false, 0);
	u->cq_head = px_uring_load(u->cq_ktail);
}

static void try_multishot(px_uring *u)
{
	px_uring_buf_reg reg = {.ring_entries = 8, .bgid = TRY_GROUP};
	unsigned char bytes[8];
	void *ring;
	int pair[2];

	if (!px_ur_has(u, PX_UR_RECV_MULTI) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return;
	ring = buffer_ring_open(u, &reg);
	if (ring) {
		for (uint16_t i = 0; i < 8; i++)
			px_uring_buf_set(ring, i, &bytes[i], 1, i);
		px_uring_buf_publish(ring, 8);
		try_end(u, pair[0], pair[1]);
		buffer_ring_close(u, &reg, ring);
	}
	close(pair[0]);
	close(pair[1]);
}

void px_ur_probe_start(px_uring *u)
{
	try_push(u, PX_IORING_OP_ACCEPT, PX_IORING_ACCEPT_MULTISHOT, PX_UR_I_TRY_ACCEPT);
	try_push(u, PX_IORING_OP_RECV, PX_IORING_RECV_MULTISHOT, PX_UR_I_TRY_RECV);
	try_push(u, PX_IORING_OP_RECV, PX_IORING_RECVSEND_POLL_FIRST, PX_UR_I_TRY_FIRST);
	px_ur_enter(u, false, 0);
	/* Taken here, before any op is submitted by what they say. Nothing else is in the ring yet.
	 */
	try_reap(u);
	try_multishot(u);
}

void px_ur_probed(px_uring *u, uint64_t what, int res)
{
	uint32_t bit = what == PX_UR_I_TRY_ACCEPT ? PX_UR_BIT(ACCEPT_MULTI)
	               : what == PX_UR_I_TRY_RECV ? PX_UR_BIT(RECV_MULTI)
	                                          : PX_UR_BIT(POLL_FIRST);

	if (what == PX_UR_I_TRY_END)
		u->has |= res == 0 ? PX_UR_BIT(RECV_MULTI) : 0;
	else if (res == -EINVAL)
		u->has &= ~bit;
}

/* ---- for the doctor ---- */

static void report_features(const px_uring *u, uint32_t wanted, proa_doctor_report *report)
{
	for (unsigned i = 0;
	     i < PX_UR_FEATURE_COUNT && report->features < PX_COUNT(report->feature); i++) {
		proa_doctor_item *item = &report->feature[report->features++];
		bool off = !(wanted >> i & 1);

		snprintf(item->name, sizeof item->name, "%s", features[i].name);
		item->works = px_ur_has(u, (px_ur_feature)i);
		snprintf(item->why, sizeof item->why, "%s%s", features[i].text,
		         off ? " (off, by PROA_URING_OFF)" : "");
	}
}

void px_ur_examine(proa_doctor_report *report)
{
	px_core core = {.magic = PX_CORE_MAGIC};
	char why[160] = "";
	px_uring *u;

	px_allocator_init(&core.alloc, NULL, NULL);
	px_list_init(&core.pools);
	if (px_ur_open(&core, why) >= 0) {
		u = core.backend;
		px_ur_start(u);
		if (px_ur_has(u, PX_UR_PBUF_INC) && !buffer_ring_works(u, PX_IOU_PBUF_RING_INC))
			u->has &= ~PX_UR_BIT(PBUF_INC);
		report_features(u, px_ur_wanted(), report);
	}
	px_ur_close(&core, false);
}
