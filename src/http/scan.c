/* Where a request's head ends. */
/* SPDX-License-Identifier: MIT */
#include "http/scan.h"

#include <stdbool.h>
#include <string.h>

enum { BLANKS_MAX = 4 };

/* SCAN_START: before the request line; SCAN_START_CR: in an empty line there; SCAN_LINE: inside
 * a line; SCAN_CR: behind its CR; SCAN_NEXT: at a line's beginning; SCAN_END: behind the CR of
 * the empty line. */
enum { SCAN_START, SCAN_START_CR, SCAN_LINE, SCAN_CR, SCAN_NEXT, SCAN_END, SCAN_DONE, SCAN_BAD };

static bool is_text(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static uint8_t state_next(px_scan *scan, unsigned char c)
{
	switch (scan->state) {
	case SCAN_START:
		if (c == '\r')
			return scan->blank++ < BLANKS_MAX ? SCAN_START_CR : SCAN_BAD;
		return is_text(c) && c != ' ' && c != '\t' ? SCAN_LINE : SCAN_BAD;
	case SCAN_START_CR: return c == '\n' ? SCAN_START : SCAN_BAD;
	case SCAN_LINE:
		if (c == '\r')
			return SCAN_CR;
		return is_text(c) ? SCAN_LINE : SCAN_BAD;
	case SCAN_CR: scan->lines++; return c == '\n' ? SCAN_NEXT : SCAN_BAD;
	case SCAN_NEXT:
		if (c == '\r')
			return SCAN_END;
		/* A blank would fold the line before (RFC 9112, 5.2: reject). */
		return is_text(c) && c != ' ' && c != '\t' ? SCAN_LINE : SCAN_BAD;
	case SCAN_END: return c == '\n' ? SCAN_DONE : SCAN_BAD;
	default: return SCAN_BAD;
	}
}

/* Whether each of eight bytes is text, and no tab: none below 0x20, none 0x7f. A byte of 0x80 and
 * more is; a false "no", which a neighbour's borrow may make, only costs time. */
static bool is_text8(const char *bytes)
{
	const uint64_t one = UINT64_C(0x0101010101010101), top = one << 7;
	uint64_t w, del;

	memcpy(&w, bytes, sizeof w);
	del = w ^ (one * 0x7f);
	return !((((w - one * 0x20) & ~w) | ((del - one) & ~del)) & top);
}

/* How many of the next bytes certainly leave a line where it is. */
static size_t text_len(const char *bytes, size_t n)
{
	size_t i = 0;

	while (n - i >= 8 && is_text8(bytes + i))
		i += 8;
	while (i < n && is_text((unsigned char)bytes[i]))
		i++;
	return i;
}

px_scan_verdict px_scan_head(px_scan *scan, const char *bytes, size_t n, size_t *skip, size_t *used)
{
	size_t i = 0;

	*skip = 0;
	while (i < n && scan->state < SCAN_DONE) {
		if (scan->state == SCAN_LINE && (i += text_len(bytes + i, n - i)) == n)
			break;
		scan->state = state_next(scan, (unsigned char)bytes[i++]);
		if (scan->state <= SCAN_START_CR)
			*skip = i;
	}
	*used = i;
	return scan->state == SCAN_DONE  ? PX_SCAN_DONE
	       : scan->state == SCAN_BAD ? PX_SCAN_BAD
	                                 : PX_SCAN_MORE;
}
