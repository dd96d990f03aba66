/* A folder that is watched by a test: opened, closed, what is told of it written down. */
/* SPDX-License-Identifier: MIT */
#include "watched.h"

#include <stdlib.h>

static const char *mark_of(uint32_t what)
{
	if (what & PROA_W_OVERFLOW)
		return "!";
	if (what & PROA_W_CREATED)
		return what & PROA_W_MOVED ? ">" : "+";
	if (what & PROA_W_REMOVED)
		return what & PROA_W_MOVED ? "<" : "-";
	return what & PROA_W_CHANGED ? "~" : "*";
}

void watched_note(watched *w, const proa_change *c)
{
	CHECK_EQ(strlen(c->name), c->name_len);
	CHECK_EQ(c->bytes % 8, 0);
	w->lost += (c->what & PROA_W_OVERFLOW) != 0;
	if (w->each)
		w->each(c);
	if (w->used > SAID - PATH)
		w->used = 0; /* the oldest are of no use any more */
	if (c->what & PROA_W_MOVED && w->n_pairs < 8)
		w->pairs[w->n_pairs++] = c->pair;
	w->used += (size_t)snprintf(w->said + w->used, SAID - w->used, "%s%s%s ", mark_of(c->what),
	                            c->name,
	                            c->what & PROA_W_DIR && !(c->what & PROA_W_REMOVED) ? "/" : "");
}

void watched_took(rec *r)
{
	watched *w = r->ctx;
	int64_t at = 0;

	if (!(r->got & PROA_MORE))
		return;
	w->begun += !r->result;
	while (at < r->result) {
		const proa_change *c = (const void *)((char *)r->buf + at);

		at += c->bytes;
		watched_note(w, c);
	}
	CHECK_EQ(at, r->result);
}

void watched_open(proa_loop *loop, watched *w, unsigned flags)
{
	*w = (watched){.r = {.then = watched_took, .ctx = w}};
	REQUIRE(host_temp_dir(w->dir, sizeof w->dir));
	proa_watch(proa_root(loop), kit_op(&w->r), w->dir, flags, kit_done);
	UNTIL(loop, w->begun || w->r.finals);
	CHECK_EQ(w->begun, 1);
}

void watched_close(proa_loop *loop, watched *w)
{
	proa_cancel(&w->r.op);
	CHECK_EQ(kit_await(loop, &w->r), -PROA_ECANCELED);
	CHECK(host_remove(w->dir));
}

const char *watched_in(const watched *w, const char *name)
{
	static char path[4][2 * PATH];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof path[0], "%s/%s", w->dir, name);
	return out;
}

void watched_append(const char *path)
{
	FILE *file = fopen(path, "a");

	REQUIRE(file);
	fputs("more", file);
	fclose(file);
}

bool watched_told(const watched *w, const char *what)
{
	const char *at = w->said;
	char word[PATH];
	int n;

	while (sscanf(what, " %511s%n", word, &n) == 1) {
		size_t len = strlen(word);

		while ((at = strstr(at, word)) && at[len] != ' ')
			at += len;
		if (!at)
			return false;
		what += n;
	}
	return true;
}
