/* Addresses as text, the same for every system. */
/* SPDX-License-Identifier: MIT */
#include "inet.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct sockaddr_un) <= sizeof((proa_addr *)0)->data, "every address fits");

/* A piece of the text. */
typedef struct span {
	const char *p;
	size_t n;
} span;

static bool span_copy(span s, char *out, size_t size)
{
	if (s.n >= size)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = 0;
	return true;
}

/* Digits only, no leading zero, at most `max`. */
static bool span_number(span s, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > 10 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= max;
}

int px_addr_set(proa_addr *out, int family, const void *sockaddr, size_t len)
{
	memset(out, 0, sizeof *out);
	out->family = (uint32_t)family;
	out->len = (uint32_t)len;
	memcpy(out->data, sockaddr, len);
	/* The BSDs begin with the length. Their kernels write it and do not read it; written here
	 * too, what was parsed and what was told are the same bytes. */
	if (offsetof(struct sockaddr, sa_family) > 0)
		out->data[0] = (unsigned char)len;
	return 0;
}

bool px_addr_is_any6(const proa_addr *addr)
{
	struct sockaddr_in6 in6;

	if (addr->family != AF_INET6)
		return false;
	memcpy(&in6, addr->data, sizeof in6);
	return IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

void px_addr_any4(proa_addr *addr)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(px_addr_port(addr))};

	px_addr_set(addr, AF_INET, &in, sizeof in);
}

/* ---- parse ---- */

static int parse_v4(proa_addr *out, span host, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	char text[INET_ADDRSTRLEN];

	if (!span_copy(host, text, sizeof text) || inet_pton(AF_INET, text, &in.sin_addr) != 1)
		return -PROA_EADDRTEXT;
	return px_addr_set(out, AF_INET, &in, sizeof in);
}

/* A zone is an interface, by name or number; only link-local addresses have one (RFC 4007). */
static bool parse_zone(struct sockaddr_in6 *in6, span zone)
{
	char name[PX_ZONE_TEXT];
	uint32_t index = 0;

	if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) && !IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr))
		return false;
	if (!span_number(zone, UINT32_MAX, &index)) {
		if (!zone.n || !span_copy(zone, name, sizeof name))
			return false;
		index = px_zone_index(name);
	}
	in6->sin6_scope_id = index;
	return index != 0;
}

static int parse_v6(proa_addr *out, span host, uint16_t port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const char *percent = memchr(host.p, '%', host.n);
	span digits = {host.p, percent ? (size_t)(percent - host.p) : host.n};
	char text[INET6_ADDRSTRLEN];

	if (!span_copy(digits, text, sizeof text) || inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return -PROA_EADDRTEXT;
	if (percent && !parse_zone(&in6, (span){percent + 1, host.n - digits.n - 1}))
		return -PROA_EADDRTEXT;
	return px_addr_set(out, AF_INET6, &in6, sizeof in6);
}

/* On Linux a name that begins with 0 is not in the file system: unix(7). Elsewhere it ends there.
 */
#ifdef __linux__
enum { ABSTRACT_NAMES = true };
#else
enum { ABSTRACT_NAMES = false };
#endif

static int parse_local(proa_addr *out, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof un.sun_path)
		return -PROA_EADDRTEXT;
	memcpy(un.sun_path, path, n + 1);
	if (!ABSTRACT_NAMES || *path != '@')
		return px_addr_set(out, AF_UNIX, &un,
		                   offsetof(struct sockaddr_un, sun_path) + n + 1);
	un.sun_path[0] = 0; /* it has no end but its length */
	return n == 1 ? -PROA_EADDRTEXT
	              : px_addr_set(out, AF_UNIX, &un, offsetof(struct sockaddr_un, sun_path) + n);
}

/* A pipe's name is a path of Windows' own, and nothing elsewhere. */
#ifdef _WIN32
enum { PIPE_NAMES = true };
#else
enum { PIPE_NAMES = false };
#endif
#define PIPE_PREFIX "\\\\.\\pipe\\"

static int parse_pipe(proa_addr *out, const char *name)
{
	char path[sizeof PIPE_PREFIX + PX_PIPE_TEXT];

	if (!PIPE_NAMES)
		return -PROA_EAFNOSUPPORT;
	if (!*name || strlen(name) >= PX_PIPE_TEXT)
		return -PROA_EADDRTEXT;
	snprintf(path, sizeof path, PIPE_PREFIX "%s", name);
	return parse_local(out, path);
}

bool px_addr_pipe(const proa_addr *addr, char name[PX_PIPE_TEXT])
{
	struct sockaddr_un un;
	size_t prefix = sizeof PIPE_PREFIX - 1;

	if (!PIPE_NAMES || addr->family != AF_UNIX)
		return false;
	memcpy(&un, addr->data, sizeof un);
	if (strncmp(un.sun_path, PIPE_PREFIX, prefix) != 0)
		return false;
	snprintf(name, PX_PIPE_TEXT, "%.*s", (int)(sizeof un.sun_path - prefix),
	         un.sun_path + prefix);
	return true;
}

/* What follows a host: nothing, or a colon and a port. */
static bool parse_port(const char *text, uint16_t *port)
{
	uint32_t n;

	if (!*text)
		return true;
	if (*text != ':' || !span_number((span){text + 1, strlen(text + 1)}, UINT16_MAX, &n))
		return false;
	*port = (uint16_t)n;
	return true;
}

static int parse_bracketed(proa_addr *out, const char *text, uint16_t port)
{
	const char *end = strchr(text, ']');

	if (!end || !parse_port(end + 1, &port))
		return -PROA_EADDRTEXT;
	return parse_v6(out, (span){text + 1, (size_t)(end - text - 1)}, port);
}

int px_addr_parse(proa_addr *out, const char *text, uint16_t default_port)
{
	const char *colon = strchr(text, ':');
	span host = {text, colon ? (size_t)(colon - text) : strlen(text)};
	uint16_t port = default_port;

	if (!strncmp(text, "unix:", 5))
		return parse_local(out, text + 5);
	if (!strncmp(text, "pipe:", 5))
		return parse_pipe(out, text + 5);
	if (*text == '[')
		return parse_bracketed(out, text, port);
	if (colon && strchr(colon + 1, ':'))
		return parse_v6(out, (span){text, strlen(text)}, port);
	if (!*text || (colon && !parse_port(colon, &port)))
		return -PROA_EADDRTEXT;
	if (host.n == 0 || (host.n == 1 && *text == '*'))
		return parse_v6(out, (span){"::", 2}, port);
	return parse_v4(out, host, port);
}

/* ---- print ---- */

static int print_v4(const proa_addr *addr, char *out, size_t size)
{
	struct sockaddr_in in;
	char text[INET_ADDRSTRLEN];

	memcpy(&in, addr->data, sizeof in);
	inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
	return snprintf(out, size, "%s:%u", text, (unsigned)ntohs(in.sin_port));
}

/* The zone by its number if the interface has gone. */
static int print_v6(const proa_addr *addr, char *out, size_t size)
{
	struct sockaddr_in6 in6;
	char text[INET6_ADDRSTRLEN], zone[PX_ZONE_TEXT] = "";
	unsigned port;

	memcpy(&in6, addr->data, sizeof in6);
	port = ntohs(in6.sin6_port);
	inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
	if (in6.sin6_scope_id && !px_zone_name(in6.sin6_scope_id, zone))
		snprintf(zone, sizeof zone, "%u", (unsigned)in6.sin6_scope_id);
	return snprintf(out, size, "[%s%s%s]:%u", text, *zone ? "%" : "", zone, port);
}

/* No path: a pair, or a client. */
static int print_local(const proa_addr *addr, char *out, size_t size)
{
	size_t at = offsetof(struct sockaddr_un, sun_path);
	size_t n = addr->len > at ? addr->len - at : 0;
	const char *path = (const char *)addr->data + at;
	bool abstract = ABSTRACT_NAMES && n && !*path;
	char name[PX_PIPE_TEXT];

	if (px_addr_pipe(addr, name))
		return snprintf(out, size, "pipe:%s", name);
	if (abstract)
		return snprintf(out, size, "unix:@%.*s", (int)(n - 1), path + 1);
	return snprintf(out, size, "unix:%.*s", (int)n, path);
}

int px_addr_print(const proa_addr *addr, char *out, size_t size)
{
	int n;

	switch (addr->family) {
	case AF_INET: n = print_v4(addr, out, size); break;
	case AF_INET6: n = print_v6(addr, out, size); break;
	case AF_UNIX: n = print_local(addr, out, size); break;
	default: n = snprintf(out, size, "none");
	}
	return n < 0 || (size_t)n >= size ? -PROA_ETOOLONG : n;
}

/* ---- ports ---- */

uint16_t px_addr_port(const proa_addr *addr)
{
	struct sockaddr_in in; /* sockaddr_in6 has its port in the same place */

	if (addr->family != AF_INET && addr->family != AF_INET6)
		return 0;
	memcpy(&in, addr->data, sizeof in);
	return ntohs(in.sin_port);
}

void px_addr_set_port(proa_addr *addr, uint16_t port)
{
	uint16_t wire = htons(port);

	if (addr->family == AF_INET || addr->family == AF_INET6)
		memcpy(addr->data + offsetof(struct sockaddr_in, sin_port), &wire, sizeof wire);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "one place for the port");

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

size_t px_addr_host(const proa_addr *addr, unsigned char out[16])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (addr->family == AF_INET) {
		memcpy(&in, addr->data, sizeof in);
		memcpy(out, &in.sin_addr, 4);
		return 4;
	}
	if (addr->family != AF_INET6)
		return 0;
	memcpy(&in6, addr->data, sizeof in6);
	memcpy(out, &in6.sin6_addr, 16);
	if (memcmp(out, mapped, sizeof mapped) != 0)
		return 16;
	memmove(out, out + 12, 4);
	return 4;
}

void px_addr_like(proa_addr *addr, const proa_addr *like)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	unsigned char host[16];
	uint16_t port = px_addr_port(addr);

	if (addr->family == like->family || px_addr_host(addr, host) != 4)
		return;
	if (like->family == AF_INET6) {
		memcpy(&in6.sin6_addr, mapped, sizeof mapped);
		memcpy((unsigned char *)&in6.sin6_addr + sizeof mapped, host, 4);
		px_addr_set(addr, AF_INET6, &in6, sizeof in6);
	} else if (like->family == AF_INET) {
		memcpy(&in.sin_addr, host, 4);
		px_addr_set(addr, AF_INET, &in, sizeof in);
	}
	px_addr_set_port(addr, port);
}
