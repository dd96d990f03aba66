/* Chunked bodies: cut at any place they decode alike, and as a second decoder does. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/chunk.h"

/* What a decoder came to; at: bytes taken. */
typedef struct outcome {
	px_chunk_verdict verdict;
	size_t at;
	px_buf body;
} outcome;

/* In pieces of `step` bytes, the first one shorter by `first`. */
static outcome decode_cut(const char *bytes, size_t n, size_t first, size_t step)
{
	outcome o = {.verdict = PX_CHUNK_MORE};
	px_chunk chunk = {0};
	size_t end = first < n ? first : n;

	for (;;) {
		size_t used, data;

		o.verdict = px_chunk_feed(&chunk, bytes + o.at, end - o.at, &used, &data);
		px_assert(data <= used && used <= end - o.at);
		px_assert((o.verdict == PX_CHUNK_DATA) == (data > 0));
		o.at += used;
		px_buf_put(&o.body, bytes + o.at - data, data);
		if (o.verdict == PX_CHUNK_DONE || o.verdict == PX_CHUNK_BAD)
			return o;
		if (o.verdict == PX_CHUNK_DATA)
			continue;
		px_assert(o.at == end);
		if (end == n)
			return o;
		end = n - end < step ? n : end + step;
	}
}

/* A line from `at`, which must be whole and of plain text: its length with CR LF. 0: there is none
 * yet; -1: never. */
static long line_take(const char *bytes, size_t n, size_t at)
{
	for (size_t i = at; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\r')
			return i + 1 == n ? 0 : bytes[i + 1] == '\n' ? (long)(i + 2 - at) : -1;
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return -1;
	}
	return 0;
}

/* The size line at `at`, whose length is `line`. False: malformed. */
static bool size_take(const char *bytes, size_t at, size_t line, uint64_t *size)
{
	size_t digits = 0;

	*size = 0;
	while (strchr("0123456789abcdefABCDEF", bytes[at + digits]) && bytes[at + digits])
		digits++;
	if (!digits || digits > 16 || !strchr("\r;", bytes[at + digits]) || digits >= line)
		return false;
	for (size_t i = 0; i < digits; i++) {
		char one[2] = {bytes[at + i], 0};

		*size = *size * 16 + strtoul(one, NULL, 16);
	}
	return *size <= INT64_MAX;
}

/* The second decoder sees everything at once, and only whole bodies: true, with what it found. */
static bool decode_whole(const char *bytes, size_t n, outcome *o)
{
	uint64_t size;
	long line;

	for (o->at = 0;; o->at += (size_t)size + 2) {
		if ((line = line_take(bytes, n, o->at)) <= 0 ||
		    !size_take(bytes, o->at, (size_t)line, &size))
			return false;
		o->at += (size_t)line;
		if (!size)
			break;
		if (size > n - o->at || n - o->at - size < 2 ||
		    memcmp(bytes + o->at + size, "\r\n", 2))
			return false;
		px_buf_put(&o->body, bytes + o->at, (size_t)size);
	}
	for (;;) {
		if ((line = line_take(bytes, n, o->at)) <= 0 || strchr(" \t", bytes[o->at]))
			return false;
		o->at += (size_t)line;
		if (line == 2)
			return true;
	}
}

static bool same(const outcome *a, const outcome *b)
{
	return a->at == b->at && a->body.len == b->body.len &&
	       (!a->body.len || !memcmp(a->body.data, b->body.data, a->body.len));
}

static bool floods(const outcome *o)
{
	return o->at - o->body.len > 16 * 1024;
}

/* What we write ourselves we read. */
static void round_trip(const char *bytes, size_t n, size_t step)
{
	px_buf out = {0};
	outcome o;

	for (size_t at = 0; at < n; at += step)
		px_put_chunk(&out, bytes + at, n - at < step ? n - at : step);
	px_put_last_chunk(&out);
	o = decode_cut(out.data, out.len, step, 7);
	px_assert(o.verdict == PX_CHUNK_DONE && o.at == out.len && o.body.len == n);
	px_assert(!n || !memcmp(o.body.data, bytes, n));
	px_buf_free(&o.body);
	px_buf_free(&out);
}

FUZZ(http_chunk)
{
	fuzz_in in = {data, size};
	size_t first = fuzz_byte(&in), step = 1u + fuzz_byte(&in);
	char *bytes = fuzz_copy(in.at, in.left);
	outcome whole = decode_cut(bytes, in.left, in.left, 1);
	outcome cut = decode_cut(bytes, in.left, first, step), want = {0};
	bool good = decode_whole(bytes, in.left, &want);

	px_assert(cut.verdict == whole.verdict && same(&cut, &whole));
	if (!floods(&whole))
		px_assert(good == (whole.verdict == PX_CHUNK_DONE));
	if (good && whole.verdict == PX_CHUNK_DONE)
		px_assert(same(&want, &whole));
	round_trip(bytes, in.left, step);
	px_buf_free(&whole.body);
	px_buf_free(&cut.body);
	px_buf_free(&want.body);
	free(bytes);
}
