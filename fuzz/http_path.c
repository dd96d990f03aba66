/* Request paths: against a second way to clean them, and none leaves the folder. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/text.h"

enum { PARTS_MAX = 4096 };

/* Decodes all of it first; false: not to be had. */
static bool path_decode(const char *raw, size_t len, char *out, size_t *n)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";

	*n = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c == '#')
			return false;
		if (c == '%') {
			const char *h = i + 2 < len && raw[i + 1] ? strchr(hex, raw[i + 1]) : NULL;
			const char *l = h && raw[i + 2] ? strchr(hex, raw[i + 2]) : NULL;

			if (!l)
				return false;
			c = (unsigned char)((h - hex) % 16 * 16 + (l - hex) % 16);
			i += 2;
			if (c == '/')
				return false;
		}
		if (c < ' ' || c == 0x7f || c == '\\')
			return false;
		out[(*n)++] = (char)c;
	}
	return true;
}

static bool part_is(const char *part, size_t len, const char *text)
{
	return strlen(text) == len && !memcmp(part, text, len);
}

/* Then a stack of parts. A path ends with "/" if its last part is empty or dots. */
static bool path_stack(const char *path, size_t len, char *out)
{
	static size_t start[PARTS_MAX];
	size_t depth = 0, n = 0;
	bool folder = false;

	for (size_t at = 1; at <= len;) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t part = slash ? (size_t)(slash - path) - at : len - at;

		folder = slash || !part || part_is(path + at, part, ".") ||
		         part_is(path + at, part, "..");
		if (part_is(path + at, part, "..")) {
			if (!depth)
				return false;
			n = start[--depth];
		} else if (part && !part_is(path + at, part, ".")) {
			start[depth++] = n;
			out[n++] = '/';
			memcpy(out + n, path + at, part);
			n += part;
		}
		at += part + 1;
	}
	if (folder || !n)
		out[n++] = '/';
	out[n] = 0;
	return true;
}

static bool path_again(const char *raw, size_t len, char *out)
{
	char *decoded = malloc(len + 1);
	size_t n;
	bool good = len && *raw == '/' && path_decode(raw, len, decoded, &n) &&
	            path_stack(decoded, n, out);

	free(decoded);
	return good;
}

static bool has_part(const char *path, const char *part)
{
	size_t n = strlen(part);

	for (const char *at = path; (at = strchr(at, '/')); at++)
		if (!strncmp(at + 1, part, n) && (!at[1 + n] || at[1 + n] == '/'))
			return true;
	return false;
}

/* What is promised to handlers; and cleaned once is clean. */
static void clean_holds(const char *path, size_t len)
{
	px_buf raw = {0};
	char *again = malloc(3 * len + 2);

	px_assert(again && *path == '/' && strlen(path) <= len);
	px_assert(!strstr(path, "//") && !strchr(path, '\\'));
	px_assert(!has_part(path, ".") && !has_part(path, ".."));
	px_assert(px_path_hidden(path) == (strstr(path, "/.") != NULL));
	for (const char *at = path; *at; at++)
		px_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	px_put_percent(&raw, path);
	px_assert(!raw.failed && px_path_clean(raw.data, raw.len, again));
	px_assert(!strcmp(again, path));
	px_buf_free(&raw);
	free(again);
}

FUZZ(http_path)
{
	char *raw, *out, *want;
	bool good;

	if (size > PARTS_MAX)
		return;
	raw = fuzz_copy(data, size);
	out = malloc(size + 2);
	want = malloc(size + 2);
	good = px_path_clean(raw, size, out);
	px_assert(good == path_again(raw, size, want));
	if (good) {
		px_assert(!strcmp(out, want));
		clean_holds(out, size);
	}
	free(raw);
	free(out);
	free(want);
}
