/* The hosts file: read whole, searched as it is. */
/* SPDX-License-Identifier: MIT */
#include "dns/hosts.h"

#include "dns/name.h"
#include "sys/sys.h"

#include <string.h>

enum { TEXT_MAX = 1024 * 1024, PATH_ROOM = 512 };
#define LOOK_NS (5 * PROA_SEC)

/* ---- reading ---- */

void px_hosts_free(px_hosts *h, px_allocator *a)
{
	px_free(a, h->text, h->bytes);
	h->text = NULL;
	h->bytes = 0;
}

static bool text_read(int fd, char *text, size_t n)
{
	int32_t sys_error;

	for (size_t at = 0; at < n;) {
		int64_t got = px_file_read(fd, text + at, n - at, (int64_t)at, &sys_error);

		if (got < 0)
			return false;
		if (got == 0) { /* it has become shorter */
			memset(text + at, '\n', n - at);
			return true;
		}
		at += (size_t)got;
	}
	return true;
}

/* What cannot be read is as if it were not there. */
static void hosts_load(px_hosts *h, px_allocator *a, int fd, const proa_stat_info *info)
{
	size_t n = (size_t)info->size_bytes;
	char *text;

	px_hosts_free(h, a);
	h->mtime_ns = info->mtime_ns;
	h->size_bytes = info->size_bytes;
	if (info->size_bytes > TEXT_MAX || !(text = px_alloc(a, n + 1)))
		return;
	if (!text_read(fd, text, n)) {
		px_free(a, text, n + 1);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '\n'; /* no name has one, and it ends nothing */
	text[n] = 0;
	h->text = text;
	h->bytes = n + 1;
}

void px_hosts_look(px_hosts *h, px_allocator *a, const char *path, int64_t now_ns)
{
	char room[PATH_ROOM];
	proa_stat_info info;
	int32_t sys_error;
	int64_t fd;

	if (h->looked_ns && now_ns - h->looked_ns < LOOK_NS)
		return;
	h->looked_ns = now_ns;
	if (!path && px_sys_hosts_path(room, sizeof room))
		path = room;
	fd = path ? px_file_open(-1, path, PROA_O_READ, 0, &sys_error) : -1;
	if (fd < 0) {
		px_hosts_free(h, a);
		h->mtime_ns = 0;
		return;
	}
	if (px_file_stat((int)fd, &info, &sys_error) == 0 && info.type == PROA_S_FILE &&
	    (info.mtime_ns != h->mtime_ns || info.size_bytes != h->size_bytes))
		hosts_load(h, a, (int)fd, &info);
	px_file_close((int)fd);
}

/* ---- searching ---- */

typedef struct word {
	const char *at;
	size_t len;
} word;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line; false: it ends, in a comment or not. */
static bool word_next(const char **at, word *w)
{
	while (is_blank(**at))
		++*at;
	w->at = *at;
	while (**at && **at != '\n' && **at != '#' && !is_blank(**at))
		++*at;
	w->len = (size_t)(*at - w->at);
	return w->len > 0;
}

static const char *line_next(const char *at)
{
	const char *end = strchr(at, '\n');

	return end ? end + 1 : NULL;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static size_t undotted(const char *name, size_t n)
{
	return n && name[n - 1] == '.' ? n - 1 : n;
}

bool px_name_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	a_len = undotted(a, a_len);
	if (a_len != undotted(b, b_len))
		return false;
	for (size_t i = 0; i < a_len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static bool word_addr(const word *w, proa_addr *out)
{
	char text[PROA_ADDR_TEXT];

	if (w->len >= sizeof text)
		return false;
	memcpy(text, w->at, w->len);
	text[w->len] = 0;
	return px_name_parse(text, out) == PX_NAME_LITERAL;
}

static bool line_has(const char **at, const char *name, size_t len)
{
	word w;

	while (word_next(at, &w))
		if (px_name_same(w.at, w.len, name, len))
			return true;
	return false;
}

static unsigned localhost(uint32_t family, proa_addr *out, unsigned max)
{
	static const char *const own[] = {"127.0.0.1", "::1"};
	unsigned n = 0;

	for (unsigned i = 0; i < PX_COUNT(own) && n < max; i++)
		if (px_addr_parse(&out[n], own[i], 0) == 0 && (!family || out[n].family == family))
			n++;
	return n;
}

unsigned px_hosts_find(const char *text, const char *name, uint32_t family, proa_addr *out,
                       unsigned max)
{
	size_t len = strlen(name);
	unsigned n = 0;

	for (const char *line = text; line && *line && n < max; line = line_next(line)) {
		const char *at = line;
		proa_addr addr;
		word w;

		if (!word_next(&at, &w) || !line_has(&at, name, len) || !word_addr(&w, &addr))
			continue;
		if (!family || addr.family == family)
			out[n++] = addr;
	}
	return n || !px_name_same(name, len, "localhost", 9) ? n : localhost(family, out, max);
}

size_t px_hosts_name(const char *text, const proa_addr *addr, char *out, size_t size)
{
	unsigned char want[16], host[16];
	size_t len = px_addr_host(addr, want);

	for (const char *line = text; line && *line; line = line_next(line)) {
		const char *at = line;
		proa_addr a;
		word w;

		if (!word_next(&at, &w) || !word_addr(&w, &a) || px_addr_host(&a, host) != len ||
		    memcmp(host, want, len) != 0 || !word_next(&at, &w) || w.len >= size)
			continue;
		memcpy(out, w.at, w.len);
		out[w.len] = 0;
		return w.len;
	}
	return 0;
}
