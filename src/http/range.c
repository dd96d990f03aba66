/* Byte ranges: numbers of any length, without overflow. */
/* SPDX-License-Identifier: MIT */
#include "http/range.h"

#include "http/text.h"

#include <stdbool.h>
#include <string.h>

/* Digits, saturating at INT64_MAX, which is beyond every file. False: none. */
static bool take_number(const char **at, int64_t *out)
{
	size_t n = strspn(*at, "0123456789");
	const char *text = *at;

	*at += n;
	if (n && !px_text_number(text, n, out))
		*out = INT64_MAX;
	return n > 0;
}

/* One of "first-", "first-last", "-suffix". False: malformed. len 0: not satisfiable. */
static bool take_range(const char **at, int64_t size, px_range *out)
{
	int64_t first = 0, last = INT64_MAX;
	bool has_first = take_number(at, &first);

	if (*(*at)++ != '-')
		return false;
	if (!has_first) {
		if (!take_number(at, &last))
			return false;
		*out = (px_range){last < size ? size - last : 0, last < size ? last : size};
		return true;
	}
	if (take_number(at, &last) && last < first)
		return false;
	if (last > size - 1)
		last = size - 1;
	*out = (px_range){first, first < size ? last - first + 1 : 0};
	return true;
}

int px_range_parse(const char *value, int64_t size, px_range *out)
{
	const char *at = value;
	int64_t left = size; /* of what all of them together may ask for */
	int n = 0, specs = 0;
	bool over = false;

	if (strlen(value) < 6 || !px_text_is(value, 6, "bytes="))
		return 0;
	for (at += 6;; at++) {
		px_range range;

		at += strspn(at, " \t,"); /* empty members are allowed (RFC 9110, 5.6.1) */
		if (!*at)
			break;
		if (++specs > PX_RANGE_MAX || !take_range(&at, size, &range))
			return 0;
		at += strspn(at, " \t");
		if (*at && *at != ',')
			return 0;
		if (range.len) {
			over = over || range.len > left;
			left -= over ? 0 : range.len;
			out[n++] = range;
		}
		if (!*at)
			break;
	}
	if (!specs || over)
		return 0;
	return n ? n : -1;
}
