/* What needs a look-up, what is none, and the order of a race. */
/* SPDX-License-Identifier: MIT */
#include "dns/name.h"

#include "base/util.h"
#include "dns/race.h"
#include "host_net.h"
#include "sys/sys.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char *kind_of(const char *name)
{
	static const char *const text[] = {"bad", "literal", "host"};
	proa_addr a;

	return text[px_name_parse(name, &a)];
}

TEST(names)
{
	char zoned[64];

	CHECK_STR(kind_of("example.org"), "host");
	CHECK_STR(kind_of("example.org."), "host");
	CHECK_STR(kind_of("localhost"), "host");
	CHECK_STR(kind_of("_srv.a-b.c3"), "host");
	CHECK_STR(kind_of("b\xc3\xbc"
	                  "cher.example"),
	          "host");
	CHECK_STR(kind_of("3com.com"), "host");
	CHECK_STR(kind_of("127.0.0.1"), "literal");
	CHECK_STR(kind_of("::1"), "literal");
	CHECK_STR(kind_of("[::1]"), "literal");
	snprintf(zoned, sizeof zoned, "fe80::1%%%s", host_zone());
	CHECK_STR(kind_of(zoned), "literal");
}

TEST(names_bad)
{
	static const char *const bad[] = {
		"",       ".",        "..",         "a..b",         ".a",        "a b",
		"a\n",    "a/b",      "a:80",       "127.0.0.1:80", "[::1]:80",  "[::1",
		"[]",     "*",        "unix:/x",    "unix:a:b",     "127.1",     "0x7f.1",
		"pipe:x", "pipe:a:b", "0x7f000001", "2130706433",   "1.2.3.4.5", "256.1.1.1",
		"a.1",    "a.0x1",    "a@b",        "a%b",          "a?b",       "a#b",
		"a\\b",   "::1::",    "127.0.0.1.", "a,b",          "\x7f",
	};
	char label[65], name[255];

	for (unsigned i = 0; i < PX_COUNT(bad); i++)
		if (!CHECK_STR(kind_of(bad[i]), "bad"))
			test_note("\"%s\"", bad[i]);
	CHECK_STR(kind_of(NULL), "bad");
	memset(label, 'a', 64);
	label[64] = 0;
	CHECK_STR(kind_of(label), "bad");
	CHECK_STR(kind_of(label + 1), "host");
	for (unsigned i = 0; i < sizeof name; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[254] = 0;
	CHECK_STR(kind_of(name), "bad");
	CHECK_STR(kind_of(name + 2), "host");
}

TEST(services)
{
	CHECK_EQ(px_service_port(NULL), 0);
	CHECK_EQ(px_service_port("80"), 80);
	CHECK_EQ(px_service_port("65535"), 65535);
	CHECK_EQ(px_service_port("https"), 443);
	CHECK_EQ(px_service_port("imap"), PX_SERVICE_ASK);
	CHECK_EQ(px_service_port(""), -PROA_EINVAL);
	CHECK_EQ(px_service_port("65536"), -PROA_EINVAL);
	CHECK_EQ(px_service_port("99999999999999999999"), -PROA_EINVAL);
	CHECK_EQ(px_service_port("80x"), -PROA_EINVAL);
	CHECK_EQ(px_service_port("-1"), PX_SERVICE_ASK);
}

/* Families as letters: 4 and 6, with the port as the number within the family. */
static const char *raced(const char *families)
{
	static char out[64];
	proa_addr a[8];
	unsigned n = (unsigned)strlen(families), port[2] = {0, 0};
	char *p = out;

	for (unsigned i = 0; i < n; i++) {
		px_addr_parse(&a[i], families[i] == '4' ? "127.0.0.1" : "::1", 0);
		px_addr_set_port(&a[i], (uint16_t)++port[families[i] == '4']);
	}
	px_addrs_interleave(a, n);
	for (unsigned i = 0; i < n; i++) {
		*p++ = px_sock_kind(&a[i]) == PROA_TCP && a[i].len > 16 ? '6' : '4';
		*p++ = (char)('0' + px_addr_port(&a[i]));
	}
	*p = 0;
	return out;
}

TEST(interleave)
{
	CHECK_STR(raced(""), "");
	CHECK_STR(raced("4"), "41");
	CHECK_STR(raced("666"), "616263");
	CHECK_STR(raced("6644"), "61416242");
	CHECK_STR(raced("4666"), "41616263");
	CHECK_STR(raced("66644"), "6141624263");
	CHECK_STR(raced("44444466"), "4161426243444546");
}
