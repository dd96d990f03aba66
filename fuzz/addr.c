/* Addresses and names as text: what is taken prints, and comes back the same. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "dns/name.h"
#include "sys/sys.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512];

	if (size >= sizeof text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	addr_round_trip(text);
	name_holds(text);
	return 0;
}
