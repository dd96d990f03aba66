/* Addresses and names as text: what is taken prints, and comes back the same. */
/* SPDX-License-Identifier: MIT */
#include "dns/name.h"
#include "fuzz.h"
#include "sys/sys.h"

#include <stdio.h>

static void addr_round_trip(const char *text)
{
	char out[PROA_ADDR_TEXT], again[PROA_ADDR_TEXT];
	proa_addr a, b;

	if (px_addr_parse(&a, text, 443) < 0)
		return;
	px_assert(px_addr_print(&a, out, sizeof out) > 0);
	px_assert(px_addr_parse(&b, out, 0) == 0);
	px_assert(px_addr_print(&b, again, sizeof again) > 0);
	px_assert(!strcmp(out, again));
	px_assert(a.len == b.len && !memcmp(a.data, b.data, a.len));
}

/* One number of a dotted address, at most `max`: told by printing it again. */
static const char *number_skip(const char *text, unsigned max)
{
	char again[16];
	unsigned n;
	size_t digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 5)
		return NULL;
	n = (unsigned)strtoul(text, NULL, 10);
	snprintf(again, sizeof again, "%u", n);
	return n <= max && strlen(again) == digits ? text + digits : NULL;
}

/* "a.b.c.d" or "a.b.c.d:port", written a second time. */
static bool is_v4(const char *text)
{
	for (int i = 0; i < 4; i++) {
		if (i && *text++ != '.')
			return false;
		if (!(text = number_skip(text, 255)))
			return false;
	}
	if (*text == ':')
		text = number_skip(text + 1, 65535);
	return text && !*text;
}

/* Exactly those texts begin with a digit, have no second colon, and are addresses. */
static void v4_agrees(const char *text)
{
	const char *colon = strchr(text, ':');
	proa_addr a;

	if (*text < '0' || *text > '9' || (colon && strchr(colon + 1, ':')))
		return;
	px_assert(is_v4(text) == (px_addr_parse(&a, text, 0) == 0));
}

/* What is called a literal has an address and no port; what is called a host is none. */
static void name_holds(const char *text)
{
	proa_addr a;
	px_name what = px_name_parse(text, &a);

	if (what == PX_NAME_LITERAL)
		px_assert(px_sock_kind(&a) == PROA_TCP && px_addr_port(&a) == 0);
	if (what == PX_NAME_HOST)
		px_assert(px_addr_parse(&a, text, 0) < 0 && !strpbrk(text, ":/[]% \r\n"));
	px_assert(px_service_port(text) <= UINT16_MAX);
}

FUZZ(addr)
{
	char *text = fuzz_text(data, size);

	addr_round_trip(text);
	v4_agrees(text);
	name_holds(text);
	free(text);
}
