/* What this kernel's io_uring has, as far as it can be asked; and what the doctor says of it. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include "proa/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
		{PX_IORING_OP_SENDMSG, "SENDMSG"},   {PX_IORING_OP_RECVMSG, "RECVMSG"},
		{PX_IORING_OP_READ, "READ"},         {PX_IORING_OP_WRITE, "WRITE"},
		{PX_IORING_OP_READV, "READV"},       {PX_IORING_OP_WRITEV, "WRITEV"},
		{PX_IORING_OP_FSYNC, "FSYNC"},       {PX_IORING_OP_TIMEOUT, "TIMEOUT"},
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
	if (!px_ur_try_buffer_ring(u, 0))
		u->has &= ~PX_UR_BIT(PBUF_RING);
	if (!px_ur_try(u)) {
		snprintf(why, 160, "a ring cannot be enabled: forbidden by a seccomp filter");
		return -PROA_ENOTSUP;
	}
	if (!px_ur_has(u, PX_UR_PBUF_RING)) /* a multishot recv takes its buffers from one */
		u->has &= ~(PX_UR_BIT(RECV_MULTI) | PX_UR_BIT(PBUF_INC));
	return 0;
}

/* ---- for the doctor ---- */

static void report_features(const px_uring *u, uint32_t wanted, proa_doctor_report *report)
{
	for (unsigned i = 0;
	     i < PX_UR_FEATURE_COUNT && report->features < PX_COUNT(report->feature); i++) {
		proa_doctor_item *item = &report->feature[report->features++];
		bool off = !(wanted >> i & 1);

		snprintf(item->name, sizeof item->name, "%s", features[i].name);
		item->works = px_ur_has(u, (px_ur_feature)i) ||
		              (i == PX_UR_COOP_TASKRUN && px_ur_has(u, PX_UR_DEFER_TASKRUN));
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
		if (px_ur_has(u, PX_UR_PBUF_INC) && !px_ur_try_buffer_ring(u, PX_IOU_PBUF_RING_INC))
			u->has &= ~PX_UR_BIT(PBUF_INC);
		report_features(u, px_ur_wanted(), report);
	}
	px_ur_close(&core, false);
}
