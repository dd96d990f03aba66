/* Conditional requests: lists of tags and dates, as a client may write them. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/cond.h"
#include "http/date.h"

#define NOW_S 1800000000

static char *line_or_null(fuzz_in *in, bool sent)
{
	return sent ? fuzz_line(in) : NULL;
}

/* A tag is one quoted text, which no list can take for two. */
static void etag_holds(const char *etag)
{
	size_t n = strlen(etag);

	px_assert(n >= 7 && n < PX_ETAG_TEXT && etag[0] == '"' && etag[n - 1] == '"');
	px_assert(strspn(etag + 1, "0123456789abcdef-") == n - 2);
}

static void cond_holds(const px_cond *c, const char *etag, int64_t mtime_s, int status)
{
	int64_t date;

	if (status == 412) {
		px_assert(c->if_match || c->if_unmodified);
		px_assert(!c->if_match || strcmp(c->if_match, "*"));
		px_assert(!c->if_match || strcmp(c->if_match, etag));
	} else if (status == 304) {
		px_assert(c->if_none_match || c->if_modified);
		if (c->if_none_match)
			px_assert(!strcmp(c->if_none_match, "*") || strstr(c->if_none_match, etag));
		else
			px_assert(px_date_parse(c->if_modified, NOW_S, &date) && mtime_s <= date);
	} else {
		px_assert(!status);
	}
	if (c->if_match && status != 412)
		px_assert(!strcmp(c->if_match, "*") || strstr(c->if_match, etag));
}

/* What equals strongly equals weakly too; and a list of our own making is understood, whatever
 * stands in its other members. */
static void lists_hold(const char *other, const char *etag)
{
	px_cond strong = {.if_match = other}, weak = {.if_none_match = other};
	size_t n = strlen(other), m = strlen(etag);
	char *list = malloc(n + m + 16);

	px_assert(list);
	if (px_cond_check(&strong, etag, 0, NOW_S) == 0)
		px_assert(px_cond_check(&weak, etag, 0, NOW_S) == 304);
	*list = 0;
	if (!strchr(other, '"')) {
		list[0] = '"';
		memcpy(list + 1, other, n);
		memcpy(list + 1 + n, "\" ,\t", 5);
	}
	memcpy(list + strlen(list), etag, m + 1);
	strong.if_match = weak.if_none_match = list;
	px_assert(px_cond_check(&strong, etag, 0, NOW_S) == 0);
	px_assert(px_cond_check(&weak, etag, 0, NOW_S) == 304);
	free(list);
}

FUZZ(http_cond)
{
	fuzz_in in = {data, size};
	uint8_t sent = fuzz_byte(&in);
	int64_t mtime_s = (int64_t)fuzz_word(&in, 4);
	char etag[PX_ETAG_TEXT];
	char *text[5];
	px_cond c;

	px_etag_print(mtime_s * 1000000000, (int64_t)fuzz_word(&in, 1), sent, etag);
	etag_holds(etag);
	for (unsigned i = 0; i < 5; i++)
		text[i] = line_or_null(&in, sent >> i & 1);
	c = (px_cond){.if_match = text[0],
	              .if_none_match = text[1],
	              .if_modified = text[2],
	              .if_unmodified = text[3],
	              .if_range = text[4]};
	cond_holds(&c, etag, mtime_s, px_cond_check(&c, etag, mtime_s, NOW_S));
	if (px_cond_range(&c, etag, mtime_s, NOW_S) && c.if_range && c.if_range[0] == '"')
		px_assert(!strcmp(c.if_range, etag));
	for (unsigned i = 0; i < 2; i++)
		if (text[i])
			lists_hold(text[i], etag);
	for (unsigned i = 0; i < 5; i++)
		free(text[i]);
}
