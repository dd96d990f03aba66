/* Byte ranges: against a second parser, for files of every size. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/range.h"

/* A list's member [at, end) without the blanks around it. */
typedef struct member {
	const char *at, *end;
} member;

/* False: that was the last. */
static bool member_next(const char **list, member *m)
{
	size_t n = strcspn(*list, ",");

	*m = (member){*list, *list + n};
	while (m->at < m->end && (*m->at == ' ' || *m->at == '\t'))
		m->at++;
	while (m->at < m->end && (m->end[-1] == ' ' || m->end[-1] == '\t'))
		m->end--;
	*list += n;
	if (!**list)
		return false;
	(*list)++;
	return true;
}

/* Digits from `at` on, and where they end. */
static const char *digits_take(const char *at, int64_t *n)
{
	size_t len = strspn(at, "0123456789");

	*n = len ? strtoll(at, NULL, 10) : -1; /* beyond the end it saturates */
	return at + len;
}

/* 1 and the range; 0: nothing of it is in the file; -1: malformed. */
static int member_read(member m, int64_t size, px_range *out)
{
	int64_t first, last;
	const char *at = digits_take(m.at, &first);

	if (*at != '-' || digits_take(at + 1, &last) != m.end)
		return -1;
	if (first < 0 && last < 0)
		return -1;
	if (first >= 0 && last >= 0 && last < first)
		return -1;
	if (first < 0) {
		first = last < size ? size - last : 0;
		last = last ? size - 1 : -1;
	} else if (last < 0 || last > size - 1) {
		last = size - 1;
	}
	if (first > last)
		return 0;
	*out = (px_range){first, last - first + 1};
	return 1;
}

static int parse_again(const char *value, int64_t size, px_range *out)
{
	int n = 0, members = 0;
	int64_t left = size;
	bool more = true, over = false;

	if (!strchr("bB", value[0]) || strlen(value) < 6 || value[5] != '=')
		return 0;
	for (int i = 0; i < 5; i++)
		if ((value[i] | 0x20) != "bytes"[i])
			return 0;
	for (value += 6; more;) {
		member m;
		int found;

		more = member_next(&value, &m);
		if (m.at == m.end)
			continue;
		if (++members > PX_RANGE_MAX)
			return 0;
		found = member_read(m, size, &out[n]);
		if (found < 0)
			return 0;
		over = over || (found && out[n].len > left);
		left -= found && !over ? out[n].len : 0;
		n += found;
	}
	return !members || (n > 1 && over) ? 0 : n ? n : -1;
}

FUZZ(http_range)
{
	fuzz_in in = {data, size};
	unsigned width = fuzz_byte(&in) % 9u;
	int64_t bytes = (int64_t)(fuzz_word(&in, width) & INT64_MAX);
	char *value = fuzz_text(in.at, in.left);
	px_range found[PX_RANGE_MAX], want[PX_RANGE_MAX + 1];
	int n = px_range_parse(value, bytes, found);

	px_assert(n == parse_again(value, bytes, want));
	for (int i = 0; i < n; i++) {
		px_assert(found[i].first == want[i].first && found[i].len == want[i].len);
		px_assert(found[i].first >= 0 && found[i].len > 0 &&
		          found[i].len <= bytes - found[i].first);
	}
	free(value);
}
