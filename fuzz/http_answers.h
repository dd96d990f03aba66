/* What a client sees of an HTTP connection, read strictly. */
/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_HTTP_ANSWERS_H
#define FUZZ_HTTP_ANSWERS_H

#include "fuzz.h"

/* One request as the server's log tells it. */
typedef struct answer_record {
	int status, version;
	bool head; /* HEAD */
	bool read; /* it could be */
	int64_t body_bytes;
	uint64_t target; /* answer_hash of it */
} answer_record;

uint64_t answer_hash(const void *bytes, size_t len);
/* The fields by which a handler tells which request it answered, and with what body. */
#define ANSWER_TARGET "X-Target"
#define ANSWER_BODY   "X-Body"

/* Asserts that bytes[0, n), all that a connection brought, is: answers, one for each record, in
 * order and whole, each with a status line, fields that are well formed and known, a body as long
 * as they say; nothing behind one that said "close"; and at the end perhaps one that was cut off,
 * of which the connection's end tells. `cut`: one of both broke the connection off. */
void answers_hold(const char *bytes, size_t n, const answer_record *records, size_t count,
                  bool cut);

#endif
