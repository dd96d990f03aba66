/* The canonical trace, written, compared and printed. */
/* SPDX-License-Identifier: MIT */
#include "s_script/trace.h"

#include "proa/err.h"

#include <string.h>

void trace_clear(trace *t)
{
	for (unsigned i = 0; i < TRACE_LINES; i++) {
		t->line[i].bytes = t->line[i].len = 0;
		t->line[i].text[0] = 0;
	}
}

/* A line that is full keeps its beginning; lines are far shorter than that. */
static void line_add(trace_line *l, const char *text)
{
	int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s%s", l->len ? " " : "",
	                 text);

	l->len += (uint32_t)n;
	if (l->len >= sizeof l->text)
		l->len = sizeof l->text - 1;
}

static void line_flush(trace_line *l)
{
	char text[32];

	if (!l->bytes)
		return;
	snprintf(text, sizeof text, "+%u", l->bytes);
	l->bytes = 0;
	line_add(l, text);
}

void trace_bytes(trace *t, unsigned line, uint64_t n)
{
	t->line[line].bytes += (uint32_t)n;
}

void trace_word(trace *t, unsigned line, const char *word)
{
	line_flush(&t->line[line]);
	line_add(&t->line[line], word);
}

void trace_result(trace *t, unsigned line, unsigned kind, unsigned op, int64_t result,
                  const char *note)
{
	char text[80];

	if (result < 0)
		snprintf(text, sizeof text, "%s%u:%s%s", script_kind_name[kind], op,
		         proa_err_name(result), note);
	else
		snprintf(text, sizeof text, "%s%u:%lld%s", script_kind_name[kind], op,
		         (long long)result, note);
	trace_word(t, line, text);
}

void trace_end(trace *t)
{
	for (unsigned i = 0; i < TRACE_LINES; i++)
		line_flush(&t->line[i]);
}

void trace_line_name(unsigned line, char *out, size_t size)
{
	static const char *const which[] = {"in", "out", "life"};

	if (line < TRACE_OP(0))
		snprintf(out, size, "h%u.%s", line / 3, which[line % 3]);
	else
		snprintf(out, size, "op%u", line - TRACE_OP(0));
}

void trace_print(const trace *t, FILE *to)
{
	char name[16];

	for (unsigned i = 0; i < TRACE_LINES; i++) {
		if (!t->line[i].len)
			continue;
		trace_line_name(i, name, sizeof name);
		fprintf(to, "%-8s %s\n", name, t->line[i].text);
	}
}

int trace_differs(const trace *a, const trace *b)
{
	for (unsigned i = 0; i < TRACE_LINES; i++)
		if (strcmp(a->line[i].text, b->line[i].text) != 0)
			return (int)i;
	return -1;
}

uint64_t trace_hash(const trace *t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (unsigned i = 0; i < TRACE_LINES; i++)
		for (const char *p = t->line[i].text;; p++) {
			h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
			if (!*p)
				break;
		}
	return h;
}
