/* Addresses as text: what is taken, what is refused, and that it comes back. */
/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

#include "host.h"
#include "host_net.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char *round_trip(const char *text)
{
	static char out[PROA_ADDR_TEXT];
	proa_addr a;
	int error = px_addr_parse(&a, text, 443);

	if (error)
		return proa_err_name(error);
	return px_addr_print(&a, out, sizeof out) < 0 ? "did not fit" : out;
}

TEST(addr_taken)
{
	CHECK_STR(round_trip("127.0.0.1:80"), "127.0.0.1:80");
	CHECK_STR(round_trip("127.0.0.1"), "127.0.0.1:443");
	CHECK_STR(round_trip("0.0.0.0:0"), "0.0.0.0:0");
	CHECK_STR(round_trip("255.255.255.255:65535"), "255.255.255.255:65535");
	CHECK_STR(round_trip(":80"), "[::]:80");
	CHECK_STR(round_trip("*:80"), "[::]:80");
	CHECK_STR(round_trip("*"), "[::]:443");
	CHECK_STR(round_trip("[::1]:80"), "[::1]:80");
	CHECK_STR(round_trip("[::1]"), "[::1]:443");
	CHECK_STR(round_trip("::1"), "[::1]:443");
	CHECK_STR(round_trip("::ffff:1.2.3.4"), "[::ffff:1.2.3.4]:443");
	CHECK_STR(round_trip("[fe80::1%4000000000]:1"), "[fe80::1%4000000000]:1");
	CHECK_STR(round_trip("unix:/run/x.sock"), "unix:/run/x.sock");
	CHECK_STR(round_trip("unix:x"), "unix:x");
}

TEST(addr_zone)
{
	char named[64], numbered[64], out[64];

	snprintf(named, sizeof named, "[fe80::1%%%s]:80", host_zone());
	CHECK_STR(round_trip(named), named);
	snprintf(numbered, sizeof numbered, "fe80::1%%%u", host_zone_number());
	snprintf(out, sizeof out, "[fe80::1%%%s]:443", host_zone());
	CHECK_STR(round_trip(numbered), out);
	snprintf(named, sizeof named, "[::1%%%s]:80", host_zone());
	CHECK_STR(round_trip(named), "EADDRTEXT"); /* only link-local addresses have one */
	snprintf(named, sizeof named, "[fe80::1%%%s%%%s]:80", host_zone(), host_zone());
	CHECK_STR(round_trip(named), "EADDRTEXT");
}

TEST(addr_refused)
{
	static const char *const bad[] = {
		"",
		":",
		"*:",
		"x",
		"localhost:80",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.0.0.1:1 ",
		"127.0.0.1:080",
		"127.0.0.1:0x50",
		"127.0.0.1:99999999999",
		"127.0.0.1:http",
		"127.1:80",
		"127.0.0.01:80",
		"127.0.0.256:80",
		"1.2.3.4.5:80",
		" 127.0.0.1:80",
		"127.0.0.1/8",
		"[",
		"[]",
		"[]:80",
		"[::1",
		"[::1]80",
		"[::1]:",
		"[::1]:80x",
		"[127.0.0.1]:80",
		"[[::1]]:80",
		"[::1%]:80",
		"[fe80::1%]:80",
		"[fe80::1%0]:80",
		"[fe80::1%nosuchif]:80",
		"[fe80::1%4294967296]:80",
		"[fe80::1%averyveryverylongname]:80",
		":::",
		"1::2::3",
		"unix:",
		"12345:80",
		"*x:80",
		"::g",
	};

	for (unsigned i = 0; i < PX_COUNT(bad); i++)
		if (!CHECK_STR(round_trip(bad[i]), "EADDRTEXT"))
			test_note("\"%s\"", bad[i]);
}

TEST(addr_local_length)
{
	char text[5 + 120] = "unix:";
	proa_addr a;

	memset(text + 5, 'p', 107);
	CHECK_EQ(px_addr_parse(&a, text, 0), 0);
	CHECK_EQ(px_sock_kind(&a), PROA_LOCAL);
	text[5 + 107] = 'p';
	CHECK_EQ(px_addr_parse(&a, text, 0), -PROA_EADDRTEXT);
}

TEST(addr_pipe)
{
	static const char by_path[] = "unix:\\\\.\\pipe\\x";
	bool here = !host_lacks(HOST_NAMED);
	char text[5 + 120] = "pipe:";
	proa_addr a;

	CHECK_STR(round_trip("pipe:x"), here ? "pipe:x" : "EAFNOSUPPORT");
	CHECK_STR(round_trip("pipe:80"), here ? "pipe:80" : "EAFNOSUPPORT");
	CHECK_STR(round_trip("pipe:"), here ? "EADDRTEXT" : "EAFNOSUPPORT");
	CHECK_STR(round_trip("pipe"), "EADDRTEXT");
	CHECK_STR(round_trip(by_path), here ? "pipe:x" : by_path);
	CHECK_EQ(px_addr_parse(&a, by_path, 0), 0);
	CHECK_EQ(px_sock_kind(&a), here ? PROA_PIPE : PROA_LOCAL);
	memset(text + 5, 'p', 98);
	CHECK_STR(round_trip(text), here ? text : "EAFNOSUPPORT");
	text[5 + 98] = 'p';
	CHECK_STR(round_trip(text), here ? "EADDRTEXT" : "EAFNOSUPPORT");
}

TEST(addr_print_cuts_nothing)
{
	char out[PROA_ADDR_TEXT];
	proa_addr a, none = {0};

	CHECK_EQ(px_addr_parse(&a, "127.0.0.1:80", 0), 0);
	CHECK_EQ(px_addr_print(&a, out, 13), 12);
	CHECK_EQ(px_addr_print(&a, out, 12), -PROA_ETOOLONG);
	CHECK_EQ(px_addr_print(&none, out, sizeof out), 4);
}

TEST(addr_kind)
{
	proa_addr a, none = {0};

	CHECK_EQ(px_addr_parse(&a, "[::1]:80", 0), 0);
	CHECK_EQ(px_sock_kind(&a), PROA_TCP);
	CHECK_EQ(px_addr_parse(&a, "unix:/x", 0), 0);
	CHECK_EQ(px_sock_kind(&a), PROA_LOCAL);
	CHECK_EQ(px_sock_kind(&none), PROA_NONE);
}

TEST(lookup_literal)
{
	proa_addr a[4];
	char out[PROA_ADDR_TEXT];
	int32_t sys;

	CHECK_EQ(px_sys_lookup("127.0.0.1", "80", 0, a, 4, &sys), 1);
	CHECK(px_addr_print(&a[0], out, sizeof out) > 0);
	CHECK_STR(out, "127.0.0.1:80");
	CHECK_EQ(px_sys_lookup("127.0.0.1", "no such service", 0, a, 4, &sys), -PROA_EINVAL);
}
