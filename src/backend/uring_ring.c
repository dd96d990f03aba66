/* The ring itself: set up, its two queues, and the one system call that turns it. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* ---- set up ---- */

static const uint32_t setup_flag[PX_UR_FEATURE_COUNT] = {
#define FEATURE_FLAG(id, name, flag, text) [PX_UR_##id] = (flag),
	PX_UR_FEATURES(FEATURE_FLAG)
#undef FEATURE_FLAG
};

/* What stands or falls together. */
static uint32_t features_consistent(const px_uring *u, uint32_t has)
{
	/* One thread's from the start, a ring would be bound to the thread that opened it. */
	if (!(has & PX_UR_BIT(R_DISABLED)) && !u->trial)
		has &= ~PX_UR_BIT(SINGLE_ISSUER);
	if (!(has & PX_UR_BIT(SINGLE_ISSUER)))
		has &= ~PX_UR_BIT(DEFER_TASKRUN);
	if (has & PX_UR_BIT(DEFER_TASKRUN))
		has &= ~PX_UR_BIT(COOP_TASKRUN);
	if (!(has & (PX_UR_BIT(DEFER_TASKRUN) | PX_UR_BIT(COOP_TASKRUN))))
		has &= ~PX_UR_BIT(TASKRUN_FLAG);
	return has;
}

static int ring_setup(const px_uring *u, uint32_t has, px_uring_params *params)
{
	unsigned n = u->trial ? 4 : PX_UR_SQ_ENTRIES;

	*params = (px_uring_params){0};
	for (unsigned i = 0; i < PX_UR_FEATURE_COUNT; i++)
		params->flags |= has >> i & 1 ? setup_flag[i] : 0;
	params->cq_entries = has & PX_UR_BIT(CQSIZE) && !u->trial ? PX_UR_CQ_ENTRIES : 0;
	if (!params->cq_entries)
		params->flags &= ~PX_IORING_SETUP_CQSIZE;
	return px_uring_setup(n, params);
}

/* The newest features are given up one by one, until the kernel knows those that are left. */
static int ring_peel(px_uring *u, px_uring_params *params)
{
	uint32_t wanted = u->has & PX_UR_SETUP_BITS, has;
	int fd;

	for (;;) {
		has = features_consistent(u, wanted);
		fd = ring_setup(u, has, params);
		if (fd != -EINVAL || !wanted)
			break;
		wanted &= wanted - 1; /* the lowest bit is the newest */
	}
	u->has = (u->has & ~PX_UR_SETUP_BITS) | has;
	return fd;
}

static void *map_open(px_uring *u, size_t bytes, off_t offset)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
	                 offset);

	return map == MAP_FAILED ? NULL : map;
}

static uint32_t *ring_word(const px_uring *u, uint32_t offset)
{
	return (uint32_t *)(void *)((char *)u->ring_map + offset);
}

static int ring_map(px_uring *u, const px_uring_params *p)
{
	size_t sq_bytes = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	size_t cq_bytes = p->cq_off.cqes + p->cq_entries * sizeof(px_uring_cqe);
	uint32_t *array;

	u->ring_bytes = PX_MAX(sq_bytes, cq_bytes);
	u->sqe_bytes = p->sq_entries * sizeof(px_uring_sqe);
	u->ring_map = map_open(u, u->ring_bytes, PX_IORING_OFF_SQ_RING);
	u->sqe_map = map_open(u, u->sqe_bytes, PX_IORING_OFF_SQES);
	if (!u->ring_map || !u->sqe_map)
		return -PROA_ENOMEM;
	u->sqes = u->sqe_map;
	u->sq_khead = ring_word(u, p->sq_off.head);
	u->sq_ktail = ring_word(u, p->sq_off.tail);
	u->sq_kflags = ring_word(u, p->sq_off.flags);
	u->sq_entries = p->sq_entries;
	u->sq_mask = p->sq_entries - 1;
	u->cq_khead = ring_word(u, p->cq_off.head);
	u->cq_ktail = ring_word(u, p->cq_off.tail);
	u->cq_mask = p->cq_entries - 1;
	u->cqes = (px_uring_cqe *)(void *)ring_word(u, p->cq_off.cqes);
	if (px_ur_has(u, PX_UR_NO_SQARRAY))
		return 0;
	array = ring_word(u, p->sq_off.array);
	for (uint32_t i = 0; i < p->sq_entries; i++)
		array[i] = i;
	return 0;
}

int px_ur_ring_open(px_uring *u, char *why)
{
	const uint32_t needed = PX_IORING_FEAT_SINGLE_MMAP | PX_IORING_FEAT_NODROP |
	                        PX_IORING_FEAT_SUBMIT_STABLE | PX_IORING_FEAT_FAST_POLL;
	px_uring_params params;
	int fd = ring_peel(u, &params);

	if (fd < 0)
		return px_ur_refused(-fd, why);
	u->fd = u->enter_fd = fd;
	u->setup_flags = params.flags;
	if ((params.features & needed) != needed) {
		snprintf(why, 160, "this kernel's io_uring is too old: it cannot wait for sockets");
		return -PROA_ENOTSUP;
	}
	if (!(params.features & PX_IORING_FEAT_EXT_ARG))
		u->has &= ~PX_UR_BIT(EXT_ARG);
	if (!(params.features & PX_IORING_FEAT_RECVSEND_BUNDLE))
		u->has &= ~PX_UR_BIT(BUNDLE);
	if (!(params.features & PX_IORING_FEAT_MIN_TIMEOUT))
		u->has &= ~PX_UR_BIT(MIN_WAIT);
	if (ring_map(u, &params) < 0) {
		snprintf(why, 160, "no memory to map the ring");
		return -PROA_ENOMEM;
	}
	return 0;
}

void px_ur_ring_close(px_uring *u, bool forked)
{
	/* Registered with a thread, it would live as long as that one. */
	if (!forked && u->enter_fd != u->fd && u->thread == px_sys_thread()) {
		px_uring_rsrc_update arg = {.offset = (uint32_t)u->enter_fd};

		px_ur_register(u, PX_IORING_UNREGISTER_RING_FDS, &arg, 1);
	}
	if (u->sqe_map)
		munmap(u->sqe_map, u->sqe_bytes);
	if (u->ring_map)
		munmap(u->ring_map, u->ring_bytes);
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

/* ---- system calls ---- */

int px_ur_register(px_uring *u, unsigned opcode, const void *arg, unsigned n)
{
	px_count(&u->core->stat.system_calls);
	return px_uring_register(u->fd, opcode, arg, n);
}

static bool sq_full(const px_uring *u)
{
	return u->sq_tail - u->sq_head == u->sq_entries;
}

/* What waited for room moves into the queue, in its order. */
static void spill_drain(px_uring *u)
{
	while (u->spill_n && !sq_full(u)) {
		u->sqes[u->sq_tail++ & u->sq_mask] = u->spill[u->spill_first++];
		u->spill_n--;
	}
	if (!u->spill_n)
		u->spill_first = 0;
}

static void enter_failed(int error)
{
	switch (error) {
	case EBADR:
		PX_PANIC(
			"io_uring lost completions: the kernel had no memory to keep them (EBADR)");
	case EEXIST: PX_PANIC("io_uring: the ring belongs to another thread (EEXIST)");
	case EBADF:
	case EBADFD:
	case ENXIO: PX_PANIC("io_uring: the ring's descriptor was closed, or is disabled");
	default:
		/* EINTR, ETIME: what they say. EBUSY: completions are to be taken first, as comes
		 * next. EAGAIN, ENOMEM: what was not taken is submitted by the next call. */
		break;
	}
}

/* One system call: submits what fits, runs put-off work, waits for `n`. */
static int ring_turn(px_uring *u, unsigned n, unsigned flags, const void *arg, size_t size)
{
	int rc;

	spill_drain(u);
	px_uring_store(u->sq_ktail, u->sq_tail);
	px_uring_store(u->cq_khead, u->cq_head);
	px_count(&u->core->stat.system_calls);
	rc = px_uring_enter(u->enter_fd, u->sq_tail - u->sq_head, n, flags | u->enter_flags, arg,
	                    size);
	u->sq_head = px_uring_load(u->sq_khead);
	if (rc < 0)
		enter_failed(-rc);
	return rc;
}

/* ---- submission queue ---- */

/* An entry behind those that wait for room. */
static px_uring_sqe *spill_entry(px_uring *u)
{
	uint32_t end = u->spill_first + u->spill_n;

	if (end == u->spill_size) {
		uint32_t size = u->spill_size ? 2 * u->spill_size : (uint32_t)PX_UR_SPILL_FIRST;
		void *spill = px_alloc(&u->core->alloc, size * sizeof *u->spill);

		if (!spill)
			PX_PANIC("out of memory, and the kernel takes no submissions for it");
		if (u->spill_n)
			memcpy(spill, u->spill + u->spill_first, u->spill_n * sizeof *u->spill);
		px_free(&u->core->alloc, u->spill, u->spill_size * sizeof *u->spill);
		u->spill = spill;
		u->spill_size = size;
		u->spill_first = 0;
		end = u->spill_n;
	}
	u->spill_n++;
	return &u->spill[end];
}

static px_uring_sqe *sqe_place(px_uring *u)
{
	if (PX_UNLIKELY(u->spill_n || sq_full(u))) {
		if (px_ur_has(u, PX_UR_SUBMIT_NOW))
			ring_turn(u, 0, 0, NULL, 0);
		if (u->spill_n || sq_full(u))
			return spill_entry(u);
	}
	return &u->sqes[u->sq_tail++ & u->sq_mask];
}

px_uring_sqe *px_ur_sqe(px_uring *u, unsigned opcode, int fd, uint64_t user_data)
{
	px_uring_sqe *sqe = sqe_place(u);

	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = (uint8_t)opcode;
	sqe->fd = fd;
	sqe->user_data = user_data;
	return sqe;
}

/* ---- waiting ---- */

bool px_ur_unsaid(const px_uring *u)
{
	return u->sq_tail != u->sq_head || u->spill_n;
}

bool px_ur_pending(const px_uring *u)
{
	const uint32_t put_off = PX_IORING_SETUP_COOP_TASKRUN | PX_IORING_SETUP_DEFER_TASKRUN;
	uint32_t flags = __atomic_load_n(u->sq_kflags, __ATOMIC_RELAXED);

	return px_ur_unsaid(u) || (flags & (PX_IORING_SQ_CQ_OVERFLOW | PX_IORING_SQ_TASKRUN)) ||
	       ((u->setup_flags & put_off) && !(u->setup_flags & PX_IORING_SETUP_TASKRUN_FLAG));
}

static px_uring_timespec timespec_of(int64_t ns)
{
	return (px_uring_timespec){.sec = ns / PROA_SEC, .nsec = ns % PROA_SEC};
}

/* An entry that ends with the next completion, or at the deadline: then it is one itself. */
static void timeout_push(px_uring *u, int64_t left_ns)
{
	px_uring_sqe *sqe = px_ur_sqe(u, PX_IORING_OP_TIMEOUT, -1,
	                              (uint64_t)PX_UR_I_TIMEOUT << 3 | PX_UR_INTERNAL);

	u->timeout = timespec_of(left_ns); /* read when submitted: SUBMIT_STABLE */
	sqe->addr = px_ur_addr(&u->timeout);
	sqe->len = 1;
	sqe->off = 1;
}

void px_ur_enter(px_uring *u, bool wait, int64_t deadline_ns)
{
	bool timed = wait && deadline_ns != INT64_MAX;
	int64_t left = timed ? deadline_ns - px_sys_now_ns() : 0;
	px_uring_timespec ts = timespec_of(left);
	px_uring_getevents_arg arg = {.ts = px_ur_addr(&ts)};
	int rc = 1;

	if (timed && left <= 0)
		wait = timed = false;
	if (timed && !px_ur_has(u, PX_UR_EXT_ARG)) {
		timeout_push(u, left);
		timed = false;
	}
	spill_drain(u);
	/* more than one queue full: sleep only when all of it is in */
	while (u->spill_n && rc > 0) {
		rc = ring_turn(u, 0, PX_IORING_ENTER_GETEVENTS, NULL, 0);
		spill_drain(u);
	}
	if (u->spill_n)
		wait = timed = false;
	if (timed)
		ring_turn(u, 1, PX_IORING_ENTER_GETEVENTS | PX_IORING_ENTER_EXT_ARG, &arg,
		          sizeof arg);
	else
		ring_turn(u, wait, PX_IORING_ENTER_GETEVENTS, NULL, 0);
}
