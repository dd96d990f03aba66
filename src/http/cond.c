/* Conditional requests. */
/* SPDX-License-Identifier: MIT */
#include "http/cond.h"

#include "http/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void px_etag_print(int64_t mtime_ns, int64_t size, uint64_t ino, char *out)
{
	snprintf(out, PX_ETAG_TEXT, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", (uint64_t)mtime_ns,
	         (uint64_t)size, ino);
}

/* One tag of a list: its length with quotes, 0 if there is none. */
static size_t tag_len(const char *at)
{
	const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;

	return end ? (size_t)(end - at) + 1 : 0;
}

/* "*", or a list of tags with ours in it. A weak tag never equals in a strong comparison (RFC
 * 9110, 8.8.3.2). */
static bool list_has(const char *list, const char *etag, bool strong)
{
	size_t own = strlen(etag);

	if (!strcmp(list, "*"))
		return true;
	for (list += strspn(list, " \t,"); *list; list += strspn(list, " \t,")) {
		bool weak = list[0] == 'W' && list[1] == '/';
		size_t len;

		list += weak ? 2 : 0;
		len = tag_len(list);
		if (!len)
			return false;
		if (len == own && !memcmp(list, etag, len) && !(weak && strong))
			return true;
		list += len;
	}
	return false;
}

/* The order is that of RFC 9110, 13.2.2; a date that cannot be read is as if it were not sent. */
int px_cond_check(const px_cond *cond, const char *etag, int64_t mtime_s, int64_t now_s)
{
	int64_t date;

	if (cond->if_match) {
		if (!list_has(cond->if_match, etag, true))
			return 412;
	} else if (cond->if_unmodified && px_date_parse(cond->if_unmodified, now_s, &date) &&
	           mtime_s > date) {
		return 412;
	}
	if (cond->if_none_match)
		return list_has(cond->if_none_match, etag, false) ? 304 : 0;
	if (cond->if_modified && px_date_parse(cond->if_modified, now_s, &date) && mtime_s <= date)
		return 304;
	return 0;
}

/* A date counts only if the file is older than this second, else it may have changed again
 * within it (RFC 9110, 13.1.5). */
bool px_cond_range(const px_cond *cond, const char *etag, int64_t mtime_s, int64_t now_s)
{
	int64_t date;

	if (!cond->if_range)
		return true;
	if (cond->if_range[0] == '"')
		return !strcmp(cond->if_range, etag);
	return px_date_parse(cond->if_range, now_s, &date) && date == mtime_s && mtime_s < now_s;
}
