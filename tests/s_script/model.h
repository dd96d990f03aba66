/* What the contract makes of a race-free script: outcomes, step by step, without any loop. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SCRIPT_MODEL_H
#define S_SCRIPT_MODEL_H

#include "base/util.h"
#include "s_script/run.h"

/* Time is cut into phases by the settle steps. Within a phase the loop does not run, so steps are
 * submitted in their order, before anything of them happens; what happens until the next settle is
 * in no order. A step is race-free if the end of its phase does not depend on that order, so the
 * model keeps an account for each direction of a connection, a *pipe*: who sends into it in this
 * phase, and whether something was cancelled or closed there. Steps that would meet are refused.
 *
 * The pipe of a handle is the one into which it sends. */

enum {
	FIT = 12000,        /* bytes that the kernel takes though nobody reads */
	FIT_SMALL = 400,    /* the same with small buffers */
	STALL_MIN = 200000, /* bytes that small buffers do not take */
	LINKED_MAX = 300,   /* of a send in a callback */
	GRAMS = 8
};

enum { GONE_NOT, GONE_END, GONE_RESET };

typedef struct m_op {
	uint8_t kind, h, how, to;
	bool used, flying, rooted, paused, far, begun, refused; /* refused: by the port */
	int due; /* the error with which it ends; 0: none */
	uint16_t n, at;
	uint32_t len, done, upto, rings;
	uint8_t n_links, link_of; /* link_of: k + 1 if it is done in k's callback */
	uint16_t link[LINKS];
} m_op;

typedef struct m_hand {
	uint8_t is, owner, flags; /* flags: of a file */
	bool closing, finishing, by_owner, reserved, small, untold, stream, idle;
	int peer; /* -1: none, or not yet */
	uint8_t gone;
	uint32_t tx, rx, allotted; /* bytes into its pipe; out of its peer's; asked to be sent */
	bool shut, fin, broken, murky, put;
	bool lost; /* how much of a torn send comes, nobody knows */
	/* of its pipe, in this phase */
	bool busy, frozen;
	unsigned claims; /* sends that wait in a callback, and other steps that need it */
	uint8_t claimed_by;
	bool noin; /* a recv is in flight whose share of later bytes nobody knows */
	unsigned n_in, n_out;
	uint8_t in[SCRIPT_OPS], out[SCRIPT_OPS];
	unsigned n_grams;
	uint16_t gram[GRAMS]; /* on their way to it */
	int backlog, many;    /* a listener's: who waits to be accepted; the accept_many */
	unsigned file;
	bool read_out;    /* a folder of which all was read, */
	unsigned entries; /* so many */
} m_hand;

typedef struct m_file {
	bool exists, open;
	uint32_t size;
	uint8_t busy; /* in this phase: 1 read, 2 changed */
} m_file;

typedef struct model {
	const script *script;
	plan *plan; /* NULL: nobody wants it */
	m_hand hand[SCRIPT_HANDLES];
	m_op op[SCRIPT_OPS];
	m_file file[SCRIPT_FILES];
	unsigned held, pool_count, ends;
	uint32_t pool_bytes;
	uint64_t moved;
	bool events, clean, files_change, files_listed, raised;
	uint8_t linked; /* k + 1: in the callback of op k */
} model;

void model_begin(model *, const script *, plan *);
/* False: the step's outcome is not determined; the model is of no use then. */
bool model_step(model *, const script_step *);
bool model_settle(model *, unsigned step);

/* ---- inside ---- */

/* Bytes that its peer has sent and it has not received. */
static inline uint32_t m_avail(const model *m, const m_hand *h)
{
	return h->peer >= 0 ? m->hand[h->peer].tx - h->rx : 0;
}

/* The other end has said that no more comes, and all was read. */
static inline bool m_at_end(const model *m, const m_hand *h)
{
	return (h->gone == GONE_END || (h->peer >= 0 && m->hand[h->peer].fin)) && !m_avail(m, h);
}

bool m_stays(const model *, const m_op *); /* nothing that is there, or comes, ends it */
bool m_receives(const model *, unsigned h, const m_op *but);
unsigned m_pool_taken(const model *);
bool m_stream(const model *, m_hand *); /* it has one, or the pool can bear another */
bool m_submit(model *, const script_step *);
bool m_close(model *, const script_step *);
unsigned m_files(const model *); /* that there are */
void m_queue_drop(uint8_t *queue, unsigned *n, unsigned op);

#endif
