/* Tests of the framing: where heads end, and chunked bodies, cut at every place. */
/* SPDX-License-Identifier: MIT */
#include "http/scan.h"

#include "http/chunk.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* Fed in steps of `step` bytes. -1: bad; 0: not complete; else the bytes used. */
static long scan(const char *text, size_t n, size_t step)
{
	px_scan s = {0};
	size_t at = 0;

	while (at < n) {
		size_t skip, used, give = n - at < step ? n - at : step;
		px_scan_verdict v = px_scan_head(&s, text + at, give, &skip, &used);

		CHECK(skip <= used && used <= give);
		at += used;
		if (v == PX_SCAN_BAD)
			return -1;
		if (v == PX_SCAN_DONE)
			return (long)at;
		CHECK_EQ(used, give);
	}
	return 0;
}

static long scan_all(const char *text, size_t n)
{
	long whole = scan(text, n, n);

	for (size_t step = 1; step < n; step++)
		CHECK_EQ(scan(text, n, step), whole);
	return whole;
}

#define SCAN(text) scan_all(text, sizeof text - 1)

TEST(heads)
{
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\n\r\n"), 18);
	CHECK_EQ(SCAN("\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nrest"), 28);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\nA: b\r\n"), 0);
	CHECK_EQ(SCAN("\r\n\r\n\r\n\r\n\r\nGET"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\n\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\nA: b\r\n\r\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\nA: b\r\r\n\r\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\n A: b\r\n\r\n"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\n\rX"), -1);
	CHECK_EQ(SCAN("GET / HTTP/1.1\r\nA: \0\r\n\r\n"), -1);
	CHECK_EQ(SCAN(" GET"), -1);
	CHECK_EQ(SCAN("\x16\x03\x01"), -1);
}

/* -1: bad; 0: not complete; else 1 + the body's length. The body must be the letters "x". */
static long chunks(const char *text, size_t n, size_t step)
{
	px_chunk c = {0};
	size_t at = 0, end = n < step ? n : step;
	long body = 0;

	for (;;) {
		size_t used, data;
		px_chunk_verdict v = px_chunk_feed(&c, text + at, end - at, &used, &data);

		at += used;
		for (size_t i = 0; i < data; i++)
			CHECK_EQ(text[at - data + i], 'x');
		body += (long)data;
		if (v == PX_CHUNK_BAD)
			return -1;
		if (v == PX_CHUNK_DONE)
			return 1 + body;
		if (v == PX_CHUNK_DATA)
			continue;
		CHECK_EQ(at, end);
		if (end == n)
			return 0;
		end = n - end < step ? n : end + step;
	}
}

static long chunks_all(const char *text)
{
	size_t n = strlen(text);
	long whole = chunks(text, n, n);

	for (size_t step = 1; step < n; step++)
		CHECK_EQ(chunks(text, n, step), whole);
	return whole;
}

TEST(chunked)
{
	CHECK_EQ(chunks_all("0\r\n\r\n"), 1);
	CHECK_EQ(chunks_all("1\r\nx\r\n0\r\n\r\n"), 2);
	CHECK_EQ(chunks_all("0000000000000002;a=b\r\nxx\r\n1\r\nx\r\n0\r\nT: v\r\nU: w\r\n\r\n"),
	         4);
	CHECK_EQ(chunks_all("A\r\nxxxxxxxxxx\r\n00\r\n\r\n"), 11);
	CHECK_EQ(chunks_all("1\r\nx\r\n0\r\n"), 0);
	CHECK_EQ(chunks_all("00000000000000002\r\nxx\r\n0\r\n\r\n"), -1);
	CHECK_EQ(chunks_all("8000000000000000\r\n"), -1);
	CHECK_EQ(chunks_all("7fffffffffffffff\r\nx"), 0);
	CHECK_EQ(chunks_all("ffffffffffffffff\r\n"), -1);
	CHECK_EQ(chunks_all("-1\r\nx"), -1);
	CHECK_EQ(chunks_all("+1\r\nx"), -1);
	CHECK_EQ(chunks_all("0x1\r\nx"), -1);
	CHECK_EQ(chunks_all(" 1\r\nx"), -1);
	CHECK_EQ(chunks_all("1 \r\nx"), -1);
	CHECK_EQ(chunks_all("\r\nx"), -1);
	CHECK_EQ(chunks_all(";\r\nx"), -1);
	CHECK_EQ(chunks_all("1\nx\r\n"), -1);
	CHECK_EQ(chunks_all("1\r\nxx\r\n"), -1);
	CHECK_EQ(chunks_all("1\r\nx\n0\r\n\r\n"), -1);
	CHECK_EQ(chunks_all("1;a\nb\r\nx"), -1);
	CHECK_EQ(chunks_all("0\r\nT: v\r \r\n\r\n"), -1);
	CHECK_EQ(chunks_all("0\r\n folded\r\n\r\n"), -1);
}

TEST(chunk_framing_is_bounded)
{
	size_t n = 200000, at = 0;
	char *text = malloc(n);

	REQUIRE(text);
	memset(text, 'a', n);
	memcpy(text, "1;", 2);
	CHECK_EQ(chunks(text, n, n), -1);
	for (at = 0; at + 6 <= n; at += 6)
		memcpy(text + at, "1\r\nx\r\n", 6);
	CHECK_EQ(chunks(text, at, at),
	         0); /* one-byte chunks are legal, and not free of charge for the client */
	memcpy(text, "0\r\n", 3);
	for (at = 3; at + 4 <= n; at += 4)
		memcpy(text + at, "a:\r\n", 4);
	CHECK_EQ(chunks(text, at, at), -1);
	free(text);
}

TEST(chunk_encoding)
{
	px_buf out = {0};

	px_put_chunk(&out, "hello world, here", 17);
	px_put_last_chunk(&out);
	CHECK_MEM(out.data, "11\r\nhello world, here\r\n0\r\n\r\n", out.len);
	CHECK_EQ(out.len, 4 + 17 + 2 + 5);
	px_buf_free(&out);
}
