/* The canonical trace: for each handle and direction, and for each op beside, results and bytes. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SCRIPT_TRACE_H
#define S_SCRIPT_TRACE_H

#include "s_script/script.h"

enum {
	TRACE_IN,
	TRACE_OUT,
	TRACE_LIFE, /* connect, accept, closes: of a handle, but neither direction's */
	TRACE_LINES = 3 * SCRIPT_HANDLES + SCRIPT_OPS,
	TRACE_TEXT = 1000
};

/* What is in no order to others: of an op alone. */
#define TRACE_OP(op)       ((unsigned)(3 * SCRIPT_HANDLES + (op)))
#define TRACE_OF(h, which) ((unsigned)(3 * (h) + (which)))

typedef struct trace_line {
	uint32_t bytes; /* at the end, not yet written: more may join them */
	uint32_t len;
	char text[TRACE_TEXT];
} trace_line;

typedef struct trace {
	trace_line line[TRACE_LINES];
} trace;

void trace_clear(trace *);
/* Bytes (rings, entries) that came; those without an entry between are joined. */
void trace_bytes(trace *, unsigned line, uint64_t n);
/* An op's end: "send3:300", "recv4:ECANCELED". `note` is put behind, as "/END". */
void trace_result(trace *, unsigned line, unsigned kind, unsigned op, int64_t result,
                  const char *note);
void trace_word(trace *, unsigned line, const char *word);
void trace_end(trace *); /* writes what is not yet written */
void trace_print(const trace *, FILE *);
/* The first line that differs, -1: none. */
int trace_differs(const trace *, const trace *);
void trace_line_name(unsigned line, char *out, size_t size);
uint64_t trace_hash(const trace *);

#endif
