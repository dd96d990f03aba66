/* HTTP's small texts: tokens, lists, numbers, escapes, media types. */
/* SPDX-License-Identifier: MIT */
#include "http/text.h"

#include "fuzz.h"
#include "http/mime.h"

/* Written a second time, on copies. */
static bool lists_again(const char *list, const char *lower)
{
	char *copy = fuzz_text(list, strlen(list));
	bool found = false;

	for (char *at = copy, *end = copy; end; at = end + 1) {
		end = strchr(at, ',');
		if (end)
			*end = 0;
		at += strspn(at, " \t");
		for (char *last = at + strlen(at); last > at && strchr(" \t", last[-1]);)
			*--last = 0;
		found = found || px_text_is(at, strlen(at), lower);
		if (!end)
			break;
	}
	free(copy);
	return found;
}

static void lists_agree(const char *list, const char *word)
{
	char *lower = fuzz_text(word, strlen(word));

	for (char *at = lower; *at; at++)
		*at = px_text_lower(*at);
	if (*lower && !strpbrk(lower, ", \t"))
		px_assert(px_text_lists(list, lower) == lists_again(list, lower));
	px_assert(px_text_is(word, strlen(word), lower));
	free(lower);
}

static void number_agrees(const char *text)
{
	size_t n = strlen(text), digits = strspn(text, "0123456789");
	int64_t value = -1;
	bool good = px_text_number(text, n, &value);

	px_assert(!good || (n && digits == n && value >= 0));
	if (n && digits == n) {
		long long want = strtoll(text, NULL, 10);

		px_assert(good ? value == want : want == INT64_MAX);
	}
}

static void percent_holds(const char *text)
{
	px_buf out = {0};
	size_t at = 0;

	px_put_percent(&out, text);
	for (; *text; text++, at++) {
		unsigned char c = (unsigned char)out.data[at];

		if (c == '%') {
			px_assert(at + 2 < out.len);
			c = (unsigned char)(px_text_hex(out.data[at + 1]) << 4 |
			                    px_text_hex(out.data[at + 2]));
			at += 2;
		} else {
			px_assert(px_text_token(out.data + at, 1) || c == '/');
		}
		px_assert(c == (unsigned char)*text);
	}
	px_assert(at == out.len);
	px_buf_free(&out);
}

/* No character of HTML is left but "&" with an entity behind it, which stands for the original. */
static void html_holds(const char *text)
{
	static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
	px_buf out = {0};
	const char *at;

	px_put_html(&out, text);
	px_buf_char(&out, 0);
	px_assert(!strpbrk(out.data, "<>\"'"));
	for (at = out.data; *text; text++) {
		size_t i = 0;

		while (*at == '&' && i < PX_COUNT(entity) &&
		       strncmp(at, entity[i], strlen(entity[i])))
			i++;
		px_assert(i < PX_COUNT(entity));
		px_assert(*text == (*at == '&' ? "&<>\"'"[i] : *at));
		at += *at == '&' ? strlen(entity[i]) : 1;
	}
	px_assert(!*at);
	px_buf_free(&out);
}

/* The type is fit for a field, and the case of the name does not matter. */
static void mime_holds(const char *name)
{
	char *other = fuzz_text(name, strlen(name));
	const char *type = px_mime_of(name);

	for (char *at = other; *at; at++)
		if (px_text_lower(*at) != *at || (*at >= 'a' && *at <= 'z'))
			*at ^= 0x20;
	px_assert(px_mime_of(other) == type);
	px_assert(px_text_value(type) && strchr(type, '/'));
	free(other);
}

static void token_holds(const char *text, size_t n)
{
	bool token = px_text_token(text, n);

	for (size_t i = 0; i < n && token; i++)
		px_assert(text[i] > ' ' && text[i] < 0x7f &&
		          !strchr("\"(),/:;<=>?@[\\]{}", text[i]));
	if (token)
		px_assert(px_text_value(text));
	px_assert(px_text_value(text) == !strpbrk(text, "\1\2\3\4\5\6\7\10\12\13\14\15\16\17\20\21"
	                                                "\22\23\24\25\26\27\30\31\32\33\34\35\36"
	                                                "\37\177"));
}

FUZZ(http_text)
{
	fuzz_in in = {data, size};
	char *word = fuzz_line(&in), *text = fuzz_text(in.at, in.left);

	lists_agree(text, word);
	number_agrees(word);
	number_agrees(text);
	token_holds(text, strlen(text));
	percent_holds(text);
	html_holds(text);
	mime_holds(text);
	free(word);
	free(text);
}
