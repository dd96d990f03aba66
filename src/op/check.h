/* The checker from the inside: what a world and a loop use of it. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_CHECK_H
#define PX_OP_CHECK_H

#include "op/core.h"
#include "proa/check.h"

typedef struct px_checked { /* what is known of an op or a handle, by its address */
	const void *key;    /* NULL: free */
	const px_core *core;
	const px_handle *handle;
	uint64_t seq;        /* op: its number; handle: of ops in flight */
	uint64_t last[3];    /* handle: the number that succeeded last, by direction */
	int64_t deadline_ns; /* op: as submitted */
	uint8_t kind;
	px_core *loop;    /* loop: it itself, */
	px_tracer *under; /* and whoever watched it before, who is told too */
} px_checked;

typedef struct px_check_table {
	px_checked *slots;
	size_t n, size;
} px_check_table;

struct proa_checker {
	px_tracer tracer; /* first */
	px_allocator alloc;
	proa_checker_options o;
	px_check_table ops, handles;
	uint64_t seq, violations;
};

/* Its tables are `a`'s from here on, which it keeps a copy of. */
int px_checker_init(proa_checker *c, const proa_checker_options *o, const px_allocator *a);
void px_checker_free(proa_checker *c);
/* It is in flight on a loop that is watched; a post only once its loop has received it. */
bool px_checker_knows(const proa_checker *c, const proa_op *op);
/* The loop is gone with all that was in flight on it. */
void px_checker_forget(proa_checker *c, const px_core *core);

#endif
