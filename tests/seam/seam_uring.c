/* Rings in the seam: the library has a shadow, and entries are carried to the kernel's and back. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam.h"

#include "proa/net.h"
#include "sys/linux/uring_abi.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* ---- how it works ----
 *
 * The memory that the library maps is the shadow: of the same layout, and the kernel does not know
 * it. An enter takes the new entries out of the shadow's queue, changes them by the rule, and hands
 * them in; what the kernel has completed is kept on a list, and goes from there to the shadow's
 * completion queue, in its order or, by the rule, in another one. Completions of one entry keep
 * their order always.
 *
 * The shadow's flags say at all times that the kernel has something put off: so the library enters
 * when it only wants to look, and nothing stays on the list for ever. A kernel may say so. */

enum { RINGS = 64, KEPT = 16384, THREAD_RINGS = 16, LATE_ENTERS = 3 };

typedef struct kept {
	px_uring_cqe cqe;
	int late; /* enters that it still stays here */
} kept;

typedef struct map {
	char *real, *shadow;
	size_t bytes;
} map;

typedef struct ring {
	int fd; /* + 1, 0: free */
	px_uring_params p;
	map queues, entries;
	kept list[KEPT];
	unsigned n;
} ring;

/* A loop's ring is used by one thread; the table is walked by many, but changes at open and close
 * only, which the tests do not let race with each other's numbers. */
static ring rings[RINGS];
static __thread int registered[THREAD_RINGS]; /* descriptor + 1 */

static struct {
	uint32_t flags;
	int registration, operation;
} lacks = {0, -1, -1};

void seam_ring_lacks(uint32_t setup_flags, int registration, int operation)
{
	lacks.flags = setup_flags;
	lacks.registration = registration;
	lacks.operation = operation;
}

static ring *ring_of(int fd)
{
	for (int i = 0; i < RINGS && fd >= 0; i++)
		if (__atomic_load_n(&rings[i].fd, __ATOMIC_ACQUIRE) == fd + 1)
			return &rings[i];
	return NULL;
}

bool seam_ring_is(int fd)
{
	return ring_of(fd) != NULL;
}

static ring *ring_free(void)
{
	for (int i = 0; i < RINGS; i++) {
		int none = 0;

		if (__atomic_compare_exchange_n(&rings[i].fd, &none, -1, false, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED))
			return &rings[i];
	}
	return NULL;
}

static uint32_t *word(const map *m, bool real, uint32_t offset)
{
	return (uint32_t *)(void *)((real ? m->real : m->shadow) + offset);
}

/* ---- set up and taken down ---- */

int seam_ring_setup(unsigned entries, void *params)
{
	int hit = seam_hit(SEAM_uring_setup), fd;
	ring *r;

	if (((px_uring_params *)params)->flags & lacks.flags)
		hit = EINVAL;
	if (hit > 0) {
		errno = hit;
		return -1;
	}
	fd = seam_opened((int)syscall(SYS_io_uring_setup, entries, params));
	if (fd < 0 || !(r = ring_free()))
		return fd;
	r->p = *(px_uring_params *)params;
	r->queues = r->entries = (map){0};
	r->n = 0;
	__atomic_store_n(&r->fd, fd + 1, __ATOMIC_RELEASE);
	return fd;
}

void *seam_ring_map(int fd, size_t bytes, long long offset)
{
	ring *r = ring_of(fd);
	map *m = offset == PX_IORING_OFF_SQES ? &r->entries : &r->queues;
	void *real = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
	                  (off_t)offset);
	void *shadow;

	if (real == MAP_FAILED)
		return real;
	shadow = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shadow == MAP_FAILED) {
		munmap(real, bytes);
		return shadow;
	}
	memcpy(shadow, real, bytes);
	*m = (map){real, shadow, bytes};
	return shadow;
}

static bool map_close(map *m)
{
	munmap(m->real, m->bytes);
	munmap(m->shadow, m->bytes);
	*m = (map){0};
	return true;
}

bool seam_ring_unmap(void *at)
{
	for (int i = 0; i < RINGS; i++) {
		if (rings[i].fd <= 0)
			continue;
		if (rings[i].queues.shadow == at)
			return map_close(&rings[i].queues);
		if (rings[i].entries.shadow == at)
			return map_close(&rings[i].entries);
	}
	return false;
}

void seam_ring_closed(int fd)
{
	ring *r = ring_of(fd);

	if (r)
		__atomic_store_n(&r->fd, 0, __ATOMIC_RELEASE);
}

int seam_ring_register(int fd, unsigned opcode, const void *arg, unsigned n)
{
	const px_uring_rsrc_update *update = arg;
	/* No kernel refuses to enable a ring that it made disabled, or to let go of something. */
	bool sure = opcode == PX_IORING_REGISTER_ENABLE_RINGS ||
	            opcode == PX_IORING_UNREGISTER_RING_FDS ||
	            opcode == PX_IORING_UNREGISTER_PBUF_RING;
	int hit = sure ? SEAM_PASS : seam_hit(SEAM_uring_register), rc;

	if ((int)opcode == lacks.registration)
		hit = EINVAL;
	if (hit > 0) {
		errno = hit;
		return -1;
	}
	rc = (int)syscall(SYS_io_uring_register, fd, opcode, arg, n);
	if (rc >= 0 && opcode == PX_IORING_REGISTER_PROBE && lacks.operation >= 0)
		((px_uring_probe *)(uintptr_t)arg)->ops[lacks.operation].flags = 0;
	if (rc == 1 && opcode == PX_IORING_REGISTER_RING_FDS && update->offset < THREAD_RINGS)
		registered[update->offset] = (int)update->data + 1;
	return rc;
}

/* ---- entries ---- */

/* What a kernel of 6.11 and later completes as it is told to. */
enum { NOP_INJECT_RESULT = 1 };

static void entry_fails(px_uring_sqe *sqe, int error)
{
	*sqe = (px_uring_sqe){.opcode = PX_IORING_OP_NOP,
	                      .fd = -1,
	                      .len = (uint32_t)-error,
	                      .op_flags = NOP_INJECT_RESULT,
	                      .user_data = sqe->user_data};
}

/* A pipe has no positions; and its other end cannot be read, whatever happens. */
static int read_call(const px_uring_sqe *sqe)
{
	if (sqe->off != UINT64_MAX)
		return SEAM_uring_read;
	return (fcntl(sqe->fd, F_GETFL) & O_ACCMODE) == O_WRONLY ? -1 : SEAM_uring_pipe_read;
}

static int entry_call(const px_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case PX_IORING_OP_ACCEPT: return SEAM_uring_accept;
	case PX_IORING_OP_CONNECT: return SEAM_uring_connect;
	case PX_IORING_OP_RECV: return SEAM_uring_recv;
	case PX_IORING_OP_RECVMSG: return SEAM_uring_recvmsg;
	case PX_IORING_OP_SEND: return SEAM_uring_send;
	case PX_IORING_OP_SENDMSG: return SEAM_uring_sendmsg;
	case PX_IORING_OP_READ: return read_call(sqe);
	case PX_IORING_OP_READV: return SEAM_uring_read;
	case PX_IORING_OP_WRITE:
	case PX_IORING_OP_WRITEV: return SEAM_uring_write;
	case PX_IORING_OP_FSYNC: return SEAM_uring_fsync;
	case PX_IORING_OP_POLL_ADD: return SEAM_uring_poll;
	case PX_IORING_OP_ASYNC_CANCEL: return SEAM_uring_cancel;
	case PX_IORING_OP_TIMEOUT: return SEAM_uring_timeout;
	default: return -1;
	}
}

/* Which bit makes it one that completes many times. */
static bool entry_multi(px_uring_sqe *sqe, bool clear)
{
	uint16_t bit = sqe->opcode == PX_IORING_OP_ACCEPT ? PX_IORING_ACCEPT_MULTISHOT
	               : sqe->opcode == PX_IORING_OP_RECV ? PX_IORING_RECV_MULTISHOT
	                                                  : 0;
	bool poll = sqe->opcode == PX_IORING_OP_POLL_ADD && sqe->len == PX_IORING_POLL_ADD_MULTI;
	bool multi = poll || (sqe->ioprio & bit);

	if (clear && poll)
		sqe->len = 0;
	else if (clear)
		sqe->ioprio &= (uint16_t)~bit;
	return multi;
}

/* Of pieces the first; a kernel would not stop before there is a byte. */
static bool entry_cuts(const px_uring_sqe *sqe)
{
	const proa_vec *first = (const proa_vec *)(uintptr_t)sqe->addr;

	if (sqe->opcode == PX_IORING_OP_READV || sqe->opcode == PX_IORING_OP_WRITEV)
		return sqe->len > 1 && first->len > 0;
	return sqe->len > 1 || (sqe->flags & PX_IOSQE_BUFFER_SELECT);
}

static void entry_change(px_uring_sqe *sqe, int hit)
{
	if (hit > 0)
		entry_fails(sqe, hit);
	else if (hit == SEAM_W_single_)
		entry_multi(sqe, true);
	else if (hit == SEAM_W_short_ && !entry_multi(sqe, false))
		sqe->len = entry_cuts(sqe) ? 1 : sqe->len;
	else if (hit == SEAM_W_async_ && !entry_multi(sqe, false))
		sqe->flags |= PX_IOSQE_ASYNC;
}

static void entry_judge(px_uring_sqe *sqe)
{
	int call = entry_call(sqe);
	int hit = call < 0 ? SEAM_PASS : seam_hit((seam_call)call);

	if (sqe->opcode == lacks.operation)
		hit = EINVAL;

	if (!hit && call == SEAM_uring_recv && (sqe->flags & PX_IOSQE_BUFFER_SELECT))
		hit = seam_hit(SEAM_uring_nobufs);
	entry_change(sqe, hit);
}

/* The next n entries, to the kernel's queue. Its tail is ours between two enters. */
static void entries_carry(ring *r, unsigned n, uint32_t from, uint32_t to)
{
	bool indirect = !(r->p.flags & PX_IORING_SETUP_NO_SQARRAY);
	px_uring_sqe *in = (px_uring_sqe *)(void *)r->entries.shadow;
	px_uring_sqe *out = (px_uring_sqe *)(void *)r->entries.real;
	uint32_t mask = r->p.sq_entries - 1;

	for (unsigned i = 0; i < n; i++) {
		uint32_t at = (from + i) & mask, place = (to + i) & mask;

		if (indirect) {
			at = word(&r->queues, false, r->p.sq_off.array)[at];
			word(&r->queues, true, r->p.sq_off.array)[place] = place;
		}
		out[place] = in[at];
		entry_judge(&out[place]);
	}
	px_uring_store(word(&r->queues, true, r->p.sq_off.tail), to + n);
}

/* ---- completions ---- */

/* In front of what is kept already, but behind the same entry's. */
static unsigned place_in_front(const ring *r, uint64_t user_data)
{
	unsigned at = r->n;

	while (at && r->list[at - 1].cqe.user_data != user_data)
		at--;
	return at;
}

static void list_put(ring *r, const px_uring_cqe *cqe)
{
	int hit = seam_hit(SEAM_uring_cqe);
	unsigned at = hit == SEAM_W_shuffle_ ? place_in_front(r, cqe->user_data) : r->n;

	if (hit == SEAM_W_lost_)
		return;
	memmove(&r->list[at + 1], &r->list[at], (r->n - at) * sizeof *r->list);
	r->list[at] = (kept){*cqe, hit == SEAM_W_late_ ? LATE_ENTERS : 0};
	r->n++;
}

/* From the kernel's queue, as much as there is room for: the rest waits there. */
static void completions_take(ring *r)
{
	uint32_t *khead = word(&r->queues, true, r->p.cq_off.head);
	const px_uring_cqe *cqes = (const px_uring_cqe *)(const void *)word(&r->queues, true,
	                                                                    r->p.cq_off.cqes);
	uint32_t tail = px_uring_load(word(&r->queues, true, r->p.cq_off.tail)), head = *khead;

	for (; head != tail && r->n < KEPT - 1; head++)
		list_put(r, &cqes[head & (r->p.cq_entries - 1)]);
	px_uring_store(khead, head);
}

/* One that is late holds back the later ones of its own entry. */
static bool list_held(const ring *r, unsigned at)
{
	for (unsigned i = 0; i <= at; i++)
		if (r->list[i].late && r->list[i].cqe.user_data == r->list[at].cqe.user_data)
			return true;
	return false;
}

static unsigned completions_give(ring *r)
{
	uint32_t *tail = word(&r->queues, false, r->p.cq_off.tail);
	uint32_t head = px_uring_load(word(&r->queues, false, r->p.cq_off.head));
	px_uring_cqe *cqes = (px_uring_cqe *)(void *)word(&r->queues, false, r->p.cq_off.cqes);
	unsigned given = 0, at = 0;

	while (at < r->n && *tail - head < r->p.cq_entries) {
		if (list_held(r, at)) {
			at++;
			continue;
		}
		cqes[*tail & (r->p.cq_entries - 1)] = r->list[at].cqe;
		px_uring_store(tail, *tail + 1);
		memmove(&r->list[at], &r->list[at + 1], (r->n - at - 1) * sizeof *r->list);
		r->n--;
		given++;
	}
	for (unsigned i = 0; i < r->n; i++)
		r->list[i].late -= r->list[i].late > 0;
	return given;
}

/* ---- enter ---- */

static int ring_enter(ring *r, int fd, unsigned submit, unsigned wait, unsigned flags,
                      const void *arg, size_t bytes)
{
	uint32_t *khead = word(&r->queues, true, r->p.sq_off.head), before = px_uring_load(khead);
	uint32_t *shead = word(&r->queues, false, r->p.sq_off.head), gone;
	int rc, error;

	entries_carry(r, submit, *shead, before);
	rc = (int)syscall(SYS_io_uring_enter, fd, submit, r->n ? 0 : wait, flags, arg, bytes);
	error = errno;
	gone = px_uring_load(khead) - before;
	px_uring_store(word(&r->queues, true, r->p.sq_off.tail), before + gone);
	px_uring_store(shead, *shead + gone);
	completions_take(r);
	if (!completions_give(r) && wait && rc == 0) {
		rc = -1; /* it ends early: as if a signal had come */
		error = EINTR;
	}
	px_uring_store(word(&r->queues, false, r->p.sq_off.flags),
	               px_uring_load(word(&r->queues, true, r->p.sq_off.flags)) |
	                       PX_IORING_SQ_CQ_OVERFLOW | PX_IORING_SQ_TASKRUN);
	errno = error;
	return rc;
}

int seam_ring_enter(int fd, unsigned submit, unsigned wait, unsigned flags, const void *arg,
                    size_t bytes)
{
	int hit = seam_hit(SEAM_uring_enter), real = fd;
	ring *r;

	if (hit > 0) {
		errno = hit;
		return -1;
	}
	if (flags & PX_IORING_ENTER_REGISTERED_RING)
		real = fd >= 0 && fd < THREAD_RINGS ? registered[fd] - 1 : -1;
	r = ring_of(real);
	if (!r || !r->queues.real || !r->entries.real)
		return (int)syscall(SYS_io_uring_enter, fd, submit, wait, flags, arg, bytes);
	return ring_enter(r, fd, submit, wait, flags, arg, bytes);
}

/* ---- whether entries can fail ---- */

static int nop_result(int fd, px_uring_params *p)
{
	size_t bytes = p->cq_off.cqes + p->cq_entries * sizeof(px_uring_cqe);
	char *q = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PX_IORING_OFF_SQ_RING);
	px_uring_sqe *e = mmap(NULL, p->sq_entries * sizeof *e, PROT_READ | PROT_WRITE, MAP_SHARED,
	                       fd, PX_IORING_OFF_SQES);
	int res = 0;

	if (q == MAP_FAILED || (void *)e == MAP_FAILED)
		return 0;
	entry_fails(e, EDOM);
	*(uint32_t *)(void *)(q + p->sq_off.array) = 0;
	px_uring_store((uint32_t *)(void *)(q + p->sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, PX_IORING_ENTER_GETEVENTS, NULL, 0) == 1)
		res = ((px_uring_cqe *)(void *)(q + p->cq_off.cqes))->res;
	munmap(e, p->sq_entries * sizeof *e);
	munmap(q, bytes);
	return res;
}

bool seam_ring_can(void)
{
	px_uring_params p = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 4, &p), res = 0;

	if (fd >= 0) {
		res = nop_result(fd, &p);
		close(fd);
	}
	return res == -EDOM;
}
