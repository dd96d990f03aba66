/* Tokens, numbers, lists, escapes. */
/* SPDX-License-Identifier: MIT */
#include "http/text.h"

#include <string.h>

char px_text_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool px_text_is(const char *text, size_t len, const char *lower)
{
	size_t i = 0;

	while (i < len && lower[i] && px_text_lower(text[i]) == lower[i])
		i++;
	return i == len && !lower[i];
}

bool px_text_lists(const char *list, const char *lower)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		const char *next = list + len + (list[len] == ',');

		while (len && (*list == ' ' || *list == '\t'))
			list++, len--;
		while (len && (list[len - 1] == ' ' || list[len - 1] == '\t'))
			len--;
		if (px_text_is(list, len, lower))
			return true;
		list = next;
	}
	return false;
}

static bool is_alnum(char c)
{
	char l = px_text_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 9110, 5.6.2: a bit for each character of ASCII that is one of a token's. */
static bool is_token(unsigned char c)
{
	static const uint32_t bits[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

	return bits[c / 32] >> c % 32 & 1;
}

bool px_text_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token((unsigned char)text[i]))
			return false;
	return len > 0;
}

bool px_text_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

bool px_text_number(const char *text, size_t len, int64_t *out)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = text[i] - '0';

		if (digit < 0 || digit > 9 || n > (INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return len > 0;
}

int px_text_hex(char c)
{
	char l = px_text_lower(c);

	if (c >= '0' && c <= '9')
		return c - '0';
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

void px_put_percent(px_buf *out, const char *text)
{
	for (; *text; text++) {
		if (is_alnum(*text) || strchr("-._~/", *text)) {
			px_buf_char(out, *text);
			continue;
		}
		px_buf_char(out, '%');
		px_buf_char(out, "0123456789ABCDEF"[(unsigned char)*text >> 4]);
		px_buf_char(out, "0123456789ABCDEF"[(unsigned char)*text & 15]);
	}
}

void px_put_html(px_buf *out, const char *text)
{
	static const char special[] = "&<>\"'";
	static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

	while (*text) {
		size_t plain = strcspn(text, special);

		px_buf_put(out, text, plain);
		text += plain;
		if (*text)
			px_buf_text(out, entity[strchr(special, *text++) - special]);
	}
}
