/* Tests of byte ranges and conditional requests. */
/* SPDX-License-Identifier: MIT */
#include "http/range.h"

#include "http/cond.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static px_range got[PX_RANGE_MAX];

static int ask(const char *value, int64_t size)
{
	return px_range_parse(value, size, got);
}

static bool asks_one(const char *value, int64_t size, int64_t first, int64_t len)
{
	return ask(value, size) == 1 && got[0].first == first && got[0].len == len;
}

TEST(single_ranges)
{
	CHECK(asks_one("bytes=0-0", 10, 0, 1));
	CHECK(asks_one("bytes=0-", 10, 0, 10));
	CHECK(asks_one("bytes=9-", 10, 9, 1));
	CHECK(asks_one("bytes=9-9", 10, 9, 1));
	CHECK(asks_one("bytes=-1", 10, 9, 1));
	CHECK(asks_one("bytes=-10", 10, 0, 10));
	CHECK(asks_one("bytes=-11", 10, 0, 10));
	CHECK(asks_one("Bytes= 2-4 ", 10, 2, 3));
	CHECK_EQ(ask("bytes=10-", 10), -1);
	CHECK_EQ(ask("bytes=10-11", 10), -1);
	CHECK_EQ(ask("bytes=-0", 10), -1);
	CHECK_EQ(ask("bytes=0-", 0), -1);
	CHECK_EQ(ask("bytes=-5", 0), -1);
}

TEST(malformed_ranges_are_ignored)
{
	static const char *const bad[] = {"bytes=",      "bytes",       "",           "byte=0-1",
	                                  "bytes=1",     "bytes=a-b",   "bytes=2-1",  "bytes=-",
	                                  "bytes=1-2-3", "bytes=0x1-2", "bytes=+1-2", "bytes=1-2;3",
	                                  "bytes=--1",   "bytes=,",     "bytes=1 -2"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_EQ(ask(bad[i], 10), 0);
}

TEST(numbers_at_the_edges)
{
	CHECK(asks_one("bytes=0-9223372036854775807", 10, 0, 10));
	CHECK(asks_one("bytes=0-9223372036854775808", 10, 0, 10));
	CHECK(asks_one("bytes=0-18446744073709551615", 10, 0, 10));
	CHECK(asks_one("bytes=0-18446744073709551616", 10, 0, 10));
	CHECK(asks_one("bytes=0-18446744073709551617", 10, 0, 10));
	CHECK(asks_one("bytes=-9223372036854775807", 10, 0, 10));
	CHECK(asks_one("bytes=-9223372036854775808", 10, 0, 10));
	CHECK(asks_one("bytes=-18446744073709551617", 10, 0, 10));
	CHECK_EQ(ask("bytes=9223372036854775807-", 10), -1);
	CHECK_EQ(ask("bytes=9223372036854775808-", 10), -1);
	CHECK_EQ(ask("bytes=18446744073709551615-18446744073709551617", 10), -1);
	CHECK_EQ(ask("bytes=18446744073709551616-", 10), -1);
	CHECK(asks_one("bytes=9223372036854775806-", INT64_MAX, INT64_MAX - 1, 1));
	CHECK(asks_one("bytes=-9223372036854775807", INT64_MAX, 0, INT64_MAX));
}

TEST(several_ranges)
{
	static char many[70000] = "bytes=";

	CHECK_EQ(ask("bytes=0-1,4-5", 10), 2);
	CHECK_EQ(got[1].first, 4);
	CHECK_EQ(ask("bytes=0-1,100-", 10), 1);
	CHECK_EQ(ask("bytes=0-1, ,-2", 10), 2);
	CHECK_EQ(ask("bytes=0-8,0-8", 10), 0);
	CHECK_EQ(ask("bytes=0-,0-,0-", 10), 0);
	CHECK_EQ(ask("bytes=90-,91-", 10), -1);
	CHECK_EQ(ask("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14", 100), 8);
	CHECK_EQ(ask("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16", 100), 0);
	CHECK_EQ(ask("bytes=0-,0-", INT64_MAX), 0); /* whose sum no number holds */
	CHECK_EQ(ask("bytes=0-,0-,0-,0-0", INT64_MAX), 0);
	for (size_t at = 6; at + 5 < sizeof many; at += 4)
		memcpy(many + at, "0-0,", 4);
	CHECK_EQ(ask(many, 1000000), 0);
}

#define TAG "\"1-2-3\""

static int check(px_cond cond)
{
	return px_cond_check(&cond, TAG, 1000000000, 1800000000);
}

TEST(conditions)
{
	char tag[PX_ETAG_TEXT], other[PX_ETAG_TEXT];
	const char *exact = "Sun, 09 Sep 2001 01:46:40 GMT",
		   *before = "Sun, 09 Sep 2001 01:46:39 GMT";

	CHECK_EQ(check((px_cond){0}), 0);
	CHECK_EQ(check((px_cond){.if_none_match = TAG}), 304);
	CHECK_EQ(check((px_cond){.if_none_match = "W/" TAG}), 304);
	CHECK_EQ(check((px_cond){.if_none_match = "*"}), 304);
	CHECK_EQ(check((px_cond){.if_none_match = "\"a\", " TAG ",\"b\""}), 304);
	CHECK_EQ(check((px_cond){.if_none_match = "\"a\""}), 0);
	CHECK_EQ(check((px_cond){.if_none_match = "\"1-2-3"}), 0);
	CHECK_EQ(check((px_cond){.if_none_match = "\"a\"", .if_modified = exact}), 0);
	CHECK_EQ(check((px_cond){.if_modified = exact}), 304);
	CHECK_EQ(check((px_cond){.if_modified = before}), 0);
	CHECK_EQ(check((px_cond){.if_modified = "yesterday"}), 0);
	CHECK_EQ(check((px_cond){.if_match = TAG}), 0);
	CHECK_EQ(check((px_cond){.if_match = "W/" TAG}), 412);
	CHECK_EQ(check((px_cond){.if_match = "\"x\""}), 412);
	CHECK_EQ(check((px_cond){.if_match = "*"}), 0);
	CHECK_EQ(check((px_cond){.if_unmodified = before}), 412);
	CHECK_EQ(check((px_cond){.if_unmodified = exact}), 0);
	CHECK_EQ(check((px_cond){.if_match = TAG, .if_unmodified = before}), 0);
	CHECK(px_cond_range(&(px_cond){.if_range = TAG}, TAG, 1, 9));
	CHECK(!px_cond_range(&(px_cond){.if_range = "W/" TAG}, TAG, 1, 9));
	CHECK(px_cond_range(&(px_cond){.if_range = exact}, TAG, 1000000000, 1800000000));
	CHECK(!px_cond_range(&(px_cond){.if_range = exact}, TAG, 1000000000, 1000000000));
	CHECK(!px_cond_range(&(px_cond){.if_range = before}, TAG, 1000000000, 1800000000));
	px_etag_print(INT64_MIN, INT64_MAX, UINT64_MAX, tag);
	px_etag_print(INT64_MIN, INT64_MAX, UINT64_MAX - 1, other);
	CHECK(strcmp(tag, other) != 0);
	CHECK_EQ(tag[strlen(tag) - 1], '"');
}
