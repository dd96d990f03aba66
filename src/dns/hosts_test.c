/* The hosts file as text, and the cache: what is found, and what is not. */
/* SPDX-License-Identifier: MIT */
#include "dns/hosts.h"

#include "base/util.h"
#include "dns/cache.h"
#include "sys/sys.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char text[] = "# names of this machine\n"
			   "127.0.0.1\tlocalhost loop\n"
			   "\n"
			   "10.0.0.1  one.example One # the first\n"
			   "::1 localhost ip6-localhost\r\n"
			   "fd00::1 one.example\n"
			   "10.0.0.2 two.example.\n"
			   "not-an-address bad.example\n"
			   "10.0.0.3\n"
			   "10.0.0.1 second.example";

/* Every address of the name, with blanks between. */
static const char *found(const char *name, uint32_t family)
{
	static char out[512];
	proa_addr a[8];
	unsigned n = px_hosts_find(text, name, family, a, PX_COUNT(a));
	size_t at = 0;

	out[0] = 0;
	for (unsigned i = 0; i < n; i++) {
		char one[PROA_ADDR_TEXT];

		px_addr_print(&a[i], one, sizeof one);
		at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i ? " " : "", one);
	}
	return out;
}

static proa_addr addr_of(const char *literal)
{
	proa_addr a = {0};

	CHECK_EQ(px_addr_parse(&a, literal, 0), 0);
	return a;
}

TEST(hosts_by_name)
{
	CHECK_STR(found("loop", 0), "127.0.0.1:0");
	CHECK_STR(found("one.example", 0), "10.0.0.1:0 [fd00::1]:0");
	CHECK_STR(found("ONE.Example.", 0), "10.0.0.1:0 [fd00::1]:0");
	CHECK_STR(found("one.example", addr_of("::1").family), "[fd00::1]:0");
	CHECK_STR(found("two.example", 0), "10.0.0.2:0");
	CHECK_STR(found("ip6-localhost", 0), "[::1]:0");
	CHECK_STR(found("second.example", 0), "10.0.0.1:0"); /* the last line has no end */
	CHECK_STR(found("the", 0), "");                      /* of a comment */
	CHECK_STR(found("bad.example", 0), "");
	CHECK_STR(found("one", addr_of("::1").family), "");
	CHECK_STR(found("example", 0), "");
	CHECK_STR(found("one.exampl", 0), "");
}

TEST(hosts_localhost_without_a_file)
{
	proa_addr a[2];

	CHECK_EQ(px_hosts_find(NULL, "localhost", 0, a, 2), 2);
	CHECK_EQ(px_hosts_find(NULL, "LOCALHOST.", a[1].family, a, 2), 1);
	CHECK_EQ(px_hosts_find("", "localhos", 0, a, 2), 0);
	CHECK_EQ(px_hosts_find(text, "one.example", 0, a, 1), 1); /* no more than there is room */
}

TEST(hosts_by_address)
{
	proa_addr one = addr_of("10.0.0.1"), mapped = addr_of("::ffff:10.0.0.2"),
		  none = addr_of("10.0.0.3"), v6 = addr_of("fd00::1");
	char name[16], small[8];

	CHECK_EQ(px_hosts_name(text, &one, name, sizeof name), 11);
	CHECK_STR(name, "one.example");
	CHECK_EQ(px_hosts_name(text, &v6, name, sizeof name), 11);
	CHECK_EQ(px_hosts_name(text, &mapped, name, sizeof name), 12);
	CHECK_EQ(px_hosts_name(text, &none, name, sizeof name), 0);
	CHECK_EQ(px_hosts_name(text, &one, small, sizeof small), 0);
	CHECK_EQ(px_hosts_name(NULL, &one, name, sizeof name), 0);
}

TEST(cache_keeps_as_long_as_it_may)
{
	static px_cache c;
	proa_addr a = addr_of("10.0.0.1"), out[PX_CACHE_ADDRS];
	int64_t left;

	px_cache_put(&c, "a.example", 0, &a, 1, 1000, 10 * PROA_SEC);
	CHECK_EQ(px_cache_find(&c, "A.example.", 0, 1000, out, &left), 1);
	CHECK_EQ(left, 10 * PROA_SEC);
	CHECK_MEM(out, &a, sizeof a);
	CHECK_EQ(px_cache_find(&c, "a.example", a.family, 1000, out, &left), 0);
	CHECK_EQ(px_cache_find(&c, "a.example", 0, 1000 + 10 * PROA_SEC, out, &left), 0);
	px_cache_put(&c, "b.example", 0, &a, 1, 1000, 0); /* not to be kept */
	CHECK_EQ(px_cache_find(&c, "b.example", 0, 1000, out, &left), 0);
	px_cache_put(&c, "c.example", 0, &a, 1, 1000, INT64_MAX); /* an hour is enough */
	CHECK_EQ(px_cache_find(&c, "c.example", 0, 1000, out, &left), 1);
	CHECK_EQ(left, 3600 * PROA_SEC);
}

TEST(cache_of_many_keeps_the_longest)
{
	static px_cache c;
	proa_addr a = addr_of("10.0.0.1"), out[PX_CACHE_ADDRS];
	char name[32];
	int64_t left;

	for (int i = 0; i < PX_CACHE_NAMES + 1; i++) {
		snprintf(name, sizeof name, "%d.example", i);
		px_cache_put(&c, name, 0, &a, 1, 1000, (i + 1) * PROA_SEC);
	}
	CHECK_EQ(px_cache_find(&c, "0.example", 0, 1000, out, &left), 0);
	CHECK_EQ(px_cache_find(&c, "1.example", 0, 1000, out, &left), 1);
	px_cache_put(&c, "1.example", 0, &a, 1, 2000, 100 * PROA_SEC); /* anew, in its place */
	CHECK_EQ(px_cache_find(&c, "2.example", 0, 1000, out, &left), 1);
	CHECK_EQ(px_cache_find(&c, "1.example", 0, 2000, out, &left), 1);
	CHECK_EQ(left, 100 * PROA_SEC);
}
