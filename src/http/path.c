/* Request paths: decoded once, cleaned, and nothing let through that files take otherwise. */
/* SPDX-License-Identifier: MIT */
#include "http/text.h"

/* The next character of a raw path, decoded: > 0; or 0, if it may not stand in a path. */
static unsigned char next_char(const char **at, const char *end)
{
	int high, low;
	unsigned char c = (unsigned char)*(*at)++;

	if (c == '%') {
		if (end - *at < 2 || (high = px_text_hex((*at)[0])) < 0 ||
		    (low = px_text_hex((*at)[1])) < 0)
			return 0;
		c = (unsigned char)(high << 4 | low);
		*at += 2;
		/* An encoded slash is data, and no file's name can have it as data. */
		if (c == '/')
			return 0;
	}
	return c < 0x20 || c == 0x7f || c == '\\' ? 0 : c;
}

/* out[0, len) is a cleaned path and one more part from `part` on: resolves that part. The new
 * length; 0: above the top. */
static size_t part_end(const char *out, size_t part, size_t len)
{
	size_t n = len - part;

	if (n == 1 && out[part] == '.')
		return part;
	if (n != 2 || out[part] != '.' || out[part + 1] != '.')
		return len;
	if (part < 2)
		return 0;
	for (part--; out[part - 1] != '/'; part--)
		; /* to the beginning of the part before it */
	return part;
}

/* An encoded "#" is a character like others; a bare one begins a fragment, which is never sent
 * (RFC 9112, 3.2). */
static bool has_fragment(const char *raw, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (raw[i] == '#')
			return true;
	return false;
}

bool px_path_clean(const char *raw, size_t len, char *out)
{
	const char *at = raw, *end = raw + len;
	size_t n = 1, part = 1;

	if (!len || *raw != '/' || has_fragment(raw, len))
		return false;
	out[0] = '/';
	for (at++; at < end;) {
		bool slash = *at == '/';
		unsigned char c = next_char(&at, end);

		if (!c)
			return false;
		if (!slash) {
			out[n++] = (char)c;
			continue;
		}
		if (n == part)
			continue; /* "//" */
		n = part_end(out, part, n);
		if (!n)
			return false;
		if (n > part || out[n - 1] != '/')
			out[n++] = '/';
		part = n;
	}
	n = part_end(out, part, n);
	out[n] = 0;
	return n > 0;
}

bool px_path_hidden(const char *path)
{
	for (; *path; path++)
		if (path[0] == '/' && path[1] == '.')
			return true;
	return false;
}
