/* The readiness engine: makes completions out of readiness, for every selector. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_READY_H
#define PX_BACKEND_READY_H

#include "op/backend.h"
#include "sys/sys.h"

/* ---- how it works ----
 *
 * Try first; wait only when the system said "would block". What is known of a handle are two flags:
 *
 *   READABLE   a recv or accept may achieve something: try it at once
 *   WRITABLE   the same for a send; true from the start
 *
 *   set by     the selector's event (px_ready_event), a new descriptor (WRITABLE)
 *   cleared by "would block", and by a short recv: it has emptied the socket, so what comes
 *              later makes an event of its own, and the recv that only confirms it is saved
 *              (a datagram tells nothing of those behind it: there, only by "would block")
 *
 * HANGUP says that a short recv proves nothing: the end of the stream may stand behind the bytes,
 * and its event has been consumed together with theirs. Then every recv is tried until the call
 * itself says 0, an error or "would block". Hang-ups and errors are never results: they mean "try,
 * the call decides".
 *
 * An op that has to wait is known by standing at the head of its direction, INFLIGHT, with the flag
 * clear. There is no other record of it. So ending it needs no word with the selector, and a handle
 * is registered once, by its first op that waits, for both directions at once.
 *
 * No event can be stale: a batch is consumed whole before any user code runs, and a handle leaves
 * its selector before its descriptor is closed. So events carry the handle's address and need no
 * generation. */

typedef struct px_ready px_ready;

enum { PX_READY_IN = 1, PX_READY_OUT = 2, PX_READY_HUP = 4 };

/* What a system's selector does for the engine. */
typedef struct px_selector {
	const char *name;
	size_t size_bytes; /* of its state, whose first member is the px_ready */
	bool level;        /* reports what is so each time it is asked: wants `arm` for each wait */
	bool short_drains; /* a short recv counts as drained */

	/* The state is zero but for the px_ready. One that has no way of its own to be woken opens
	 * ready->wake (px_ready_wake_open) and watches it too. 0 or -PROA_E..., and `why` tells. */
	int (*open)(px_ready *, char *why);
	void (*close)(px_ready *, bool forked); /* also after a failed open */
	/* From now on both directions are reported (level: those that are armed). 0 or an error;
	 * one that is known only at the next wait goes to px_ready_refused there. */
	int64_t (*add)(px_ready *, px_handle *, int32_t *sys_error);
	/* Tell PX_READY_IN, _OUT or both as soon as it is so, even if it has been so all along. */
	int64_t (*arm)(px_ready *, px_handle *, unsigned bits, int32_t *sys_error);
	void (*remove)(px_ready *, px_handle *);
	/* Waits and calls px_ready_event for what happened. */
	void (*wait)(px_ready *, int64_t deadline_ns);
	/* Any thread, signal handlers too: the current or the next wait returns. NULL: by
	 * ready->wake. */
	void (*wake)(px_ready *);
	/* The selector's own descriptor. NULL: it has none. */
	int (*fd)(px_ready *);
	/* As the backend's. NULL: never. */
	bool (*unsaid)(px_ready *);
} px_selector;

#define PX_READY_MAGIC PX_MAGIC('r', 'e', 'd', 'y')

struct px_ready {
	uint32_t magic;
	const px_selector *selector;
	px_core *core;
	px_wake wake; /* -1, -1 unless the selector opened it */
	bool opened;  /* selector->open has been called */
};

/* ---- for selectors ---- */

/* Makes core->backend, of selector->size_bytes. */
int px_ready_open(px_core *core, const px_selector *selector, char *why);
void px_ready_close(px_core *core, bool forked);
/* One call for each handle of a batch; tries what waits. Afterwards the handle may have lost its
 * descriptor (a connect that failed), but is still there. */
void px_ready_event(px_ready *ready, px_handle *h, unsigned bits);
/* The selector could not add or arm the handle after all, and has nothing of it left: what waits
 * ends with the error, an accept rests. */
void px_ready_refused(px_ready *ready, px_handle *h, int32_t sys_error);
/* 0 or an error, and why. */
int px_ready_wake_open(px_ready *ready, char *why);
/* Somebody rang ready->wake. */
void px_ready_woken(px_ready *ready);
/* How long to wait: -1 for ever, 0 only look, else ns. */
int64_t px_ready_left_ns(const px_core *core, int64_t deadline_ns);
/* After the sleep, before the events: what moves now is not stamped with the time it began. */
void px_ready_slept(px_ready *ready);
void px_ready_why(char *why, const char *what, int sys_error);

/* The rest of px_backend_ops, the same for each. */
void px_ready_submit(px_core *core, px_op *op);
void px_ready_cancel(px_core *core, px_op *op);
px_pulled px_ready_pull(px_core *core, px_op *op);
void px_ready_attach(px_core *core, px_handle *h);
void px_ready_detach(px_core *core, px_handle *h);
void px_ready_wait(px_core *core, int64_t deadline_ns);
void px_ready_wake(px_core *core);
int px_ready_fd(px_core *core);
bool px_ready_unsaid(px_core *core);

#define PX_READY_OPS                                                                 \
	.native = PX_KINDS_READY | PX_KINDS_FDS, .close = px_ready_close,            \
	.submit = px_ready_submit, .cancel = px_ready_cancel, .pull = px_ready_pull, \
	.attach = px_ready_attach, .detach = px_ready_detach, .wait = px_ready_wait, \
	.wake = px_ready_wake, .fd = px_ready_fd, .unsaid = px_ready_unsaid

/* ---- ready_try.c: one attempt at the system call of each kind ---- */

/* First: an op's own scratch. */
void px_try_prepare(px_op *op);
/* True: the op has to wait for its direction, whose flag is clear now. False: it has ended, or
 * somebody else has it (a pool without buffers, an accept's back-off, the list of ops to pull). */
bool px_try(px_core *core, px_op *op);
/* The same for one completion of a multishot; *waits as above when it is PX_PULL_NONE. */
px_pulled px_try_pull(px_core *core, px_op *op, bool *waits);
/* An accept that cannot even be watched for want of memory: it rests as after EMFILE, and true. */
bool px_try_rests(px_core *core, px_op *op, int64_t error);

/* ---- ready_try_msg.c: those of the datagrams ---- */

bool px_try_recv_msg(px_core *core, px_op *op);
bool px_try_send_msg(px_core *core, px_op *op);
bool px_try_recv_msgs(px_core *core, px_op *op);
bool px_try_send_msgs(px_core *core, px_op *op);

/* ---- ready_poll.c: foreign descriptors ---- */

bool px_try_poll(px_core *core, px_op *op);
/* Each poll in flight on the handle; `each` may end that one. */
void px_ready_polls(px_core *core, px_handle *h, void (*each)(px_core *, px_op *));

static inline px_ready *px_ready_of(const px_core *core)
{
	px_ready *ready = core->backend;

	PX_MAGIC_CHECK(ready, PX_READY_MAGIC);
	return ready;
}

/* The flags of a handle that say `dirs` (PX_READY_IN, _OUT) may be tried. */
static inline unsigned px_ready_flags(unsigned dirs)
{
	return (dirs & PX_READY_IN ? PX_HF_READABLE : 0u) |
	       (dirs & PX_READY_OUT ? PX_HF_WRITABLE : 0u);
}

static inline unsigned px_again_flags(unsigned dirs)
{
	return (dirs & PX_READY_IN ? PX_HF_AGAIN_IN : 0u) |
	       (dirs & PX_READY_OUT ? PX_HF_AGAIN_OUT : 0u);
}

static inline void px_ready_set(px_handle *h, unsigned flags)
{
	h->flags |= (uint16_t)flags;
}

static inline void px_ready_clear(px_handle *h, unsigned flags)
{
	h->flags &= (uint16_t)~flags;
}

/* Its turn is over, though it could go on: the selector is asked again, behind the others. */
static inline bool px_ready_turn_over(px_handle *h, unsigned ready, unsigned again)
{
	px_ready_clear(h, ready);
	px_ready_set(h, again);
	return true;
}

#endif
