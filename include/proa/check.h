/* A checker of the contract: watches loops, and says what must never happen. For tests. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_CHECK_H
#define PROA_CHECK_H
#include "proa/loop.h"
PROA_C_BEGIN

/* It keeps an account of its own of everything that is submitted and told on the loops it watches,
 * on any backend, and holds the library to these, at each completion:
 *   - every op ends exactly once; no MORE behind the end; nothing of a handle behind its close
 *   - what succeeded in one direction of a handle did so in the order of its submission
 *   - the library's own counts agree with the account
 *   - every error has a name; ECANCELED only where somebody asked, ETIMEDOUT only when it was time,
 *     a timer never early; MORE only of multishot ops
 * It takes memory from the C library, and some tens of ns an op. A world has one by itself. */
typedef struct proa_checker proa_checker;

typedef struct proa_checker_options {
	size_t size;
	/* Told of each violation, on the loop's thread. NULL: it stops the program with the text.
	 */
	void (*violation)(const char *text, void *user);
	void *user;
} proa_checker_options;

/* 0, -PROA_ENOMEM, -PROA_ESIZES. */
PROA_API int proa_checker_open(proa_checker **checker, const proa_checker_options *options);
/* From now on, until the loop or the checker is closed. Nothing may be in flight on the loop: that
 * stops the program. Who watched it before (a world, another checker) goes on doing so, and is the
 * last to be closed. All loops of a checker are used on one thread. */
PROA_API void proa_checker_watch(proa_checker *checker, proa_loop *loop);
/* Ops in flight on the loops it watches. */
PROA_API uint64_t proa_checker_in_flight(const proa_checker *checker);
/* Frees it. What is still in flight counts as never ended. The number of violations. */
PROA_API int64_t proa_checker_close(proa_checker **checker);

PROA_C_END
#endif
