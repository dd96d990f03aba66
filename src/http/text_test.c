/* Tests of HTTP's small texts: tokens, lists, numbers, escapes, dates, media types. */
/* SPDX-License-Identifier: MIT */
#include "http/text.h"

#include "http/date.h"
#include "http/mime.h"
#include "test.h"

#include <string.h>

TEST(lists_and_tokens)
{
	CHECK(px_text_is("GzIp", 4, "gzip"));
	CHECK(!px_text_is("gzi", 3, "gzip"));
	CHECK(!px_text_is("gzipp", 5, "gzip"));
	CHECK(px_text_lists("keep-alive , Close", "close"));
	CHECK(!px_text_lists("not-close,closed", "close"));
	CHECK(!px_text_lists("", "close"));
	CHECK(px_text_token("X-A_b!", 6));
	CHECK(!px_text_token("a b", 3));
	CHECK(!px_text_token("a:", 2));
	CHECK(!px_text_token("a\0", 2));
	CHECK(!px_text_token("", 0));
	CHECK(px_text_value("a\tb \xc3\xa4"));
	CHECK(!px_text_value("a\rb"));
	CHECK(!px_text_value("a\nb"));
	CHECK(!px_text_value("a\x7f"));
}

static int64_t number(const char *text)
{
	int64_t n;

	return px_text_number(text, strlen(text), &n) ? n : -1;
}

TEST(numbers)
{
	CHECK_EQ(number("0"), 0);
	CHECK_EQ(number("007"), 7);
	CHECK_EQ(number("9223372036854775807"), INT64_MAX);
	CHECK_EQ(number("9223372036854775808"), -1);
	CHECK_EQ(number("18446744073709551617"), -1);
	CHECK_EQ(number(""), -1);
	CHECK_EQ(number("-1"), -1);
	CHECK_EQ(number("+1"), -1);
	CHECK_EQ(number(" 1"), -1);
	CHECK_EQ(number("0x1"), -1);
}

static void check_put(void (*put)(px_buf *, const char *), const char *in, const char *out)
{
	px_buf buf = {0};

	put(&buf, in);
	px_buf_char(&buf, 0);
	CHECK_STR(buf.data, out);
	px_buf_free(&buf);
}

TEST(escapes)
{
	check_put(px_put_html, "<a href=\"x\">'&'", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
	check_put(px_put_html, "plain", "plain");
	check_put(px_put_percent, "a b/%\xc3\xa4?#\"-._~", "a%20b/%25%C3%A4%3F%23%22-._~");
}

static const char *cleaned(const char *raw)
{
	static char out[256];

	return px_path_clean(raw, strlen(raw), out) ? out : "(bad)";
}

TEST(paths)
{
	static const char *const pairs[][2] = {
		{"/", "/"},
		{"/a", "/a"},
		{"/a/", "/a/"},
		{"//", "/"},
		{"//a//b//", "/a/b/"},
		{"/.", "/"},
		{"/./a/./", "/a/"},
		{"/a/..", "/"},
		{"/a/../", "/"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a/"},
		{"/a/b/../..", "/"},
		{"/a/%2e%2e/b", "/b"},
		{"/%2E", "/"},
		{"/...", "/..."},
		{"/..a", "/..a"},
		{"/a..", "/a.."},
		{"/%252e%252e/x", "/%2e%2e/x"},
		{"/a%20b", "/a b"},
		{"/%C3%a4", "/\xc3\xa4"},
		{"/%23", "/#"},
		{"/..", "(bad)"},
		{"/../a", "(bad)"},
		{"/a/../../b", "(bad)"},
		{"/%2e%2e/b", "(bad)"},
		{"/.%2e/b", "(bad)"},
		{"/a%2fb", "(bad)"},
		{"/a\\b", "(bad)"},
		{"/a%5Cb", "(bad)"},
		{"/a%00b", "(bad)"},
		{"/%", "(bad)"},
		{"/%4", "(bad)"},
		{"/%zz", "(bad)"},
		{"/a%0ab", "(bad)"},
		{"/a#b", "(bad)"},
		{"", "(bad)"},
		{"a", "(bad)"},
		{"/a%7f", "(bad)"},
		{"/a/./../..", "(bad)"},
		{"/a//../..", "(bad)"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		CHECK_STR(cleaned(pairs[i][0]), pairs[i][1]);
	CHECK(px_path_hidden("/.git/config"));
	CHECK(px_path_hidden("/a/.b"));
	CHECK(!px_path_hidden("/a.b/c."));
}

static int64_t date(const char *text)
{
	int64_t out;

	return px_date_parse(text, 1800000000, &out) ? out : -1;
}

TEST(dates)
{
	char text[PX_DATE_TEXT];

	CHECK_EQ(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	CHECK_EQ(date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	CHECK_EQ(date("Sun Nov  6 08:49:37 1994"), 784111777);
	CHECK_EQ(date("Thu Jan  1 00:00:00 1970"), 0);
	CHECK_EQ(date("Thu, 29 Feb 2024 00:00:00 GMT"), 1709164800);
	CHECK_EQ(date("Sun, 06 Nov 1994 08:49:37 GM"), -1);
	CHECK_EQ(date("Sun, 06 Nov 1994 08:49:37 GMTx"), -1);
	CHECK_EQ(date("Sun, 32 Nov 1994 08:49:37 GMT"), -1);
	CHECK_EQ(date("Sun, 06 Nov 1994 24:49:37 GMT"), -1);
	CHECK_EQ(date("Sun, 06 Nox 1994 08:49:37 GMT"), -1);
	CHECK_EQ(date(""), -1);
	CHECK_EQ(date("0"), -1);
	for (int64_t s = 0; s < 5000000000; s += 86400 * 11 + 12345) {
		px_date_print(s, text);
		CHECK_EQ(strlen(text), 29);
		CHECK_EQ(date(text), s);
	}
	px_date_print(784111777, text);
	CHECK_STR(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(media_types)
{
	CHECK_STR(px_mime_of("a.html"), "text/html; charset=utf-8");
	CHECK_STR(px_mime_of("dir.d/B.JPG"), "image/jpeg");
	CHECK_STR(px_mime_of("x.tar.gz"), "application/gzip");
	CHECK_STR(px_mime_of("README"), "text/plain; charset=utf-8");
	CHECK_STR(px_mime_of("a.b/noext"), "application/octet-stream");
	CHECK_STR(px_mime_of("x.webmanifestx"), "application/octet-stream");
	CHECK_STR(px_mime_of("x."), "application/octet-stream");
	CHECK_STR(px_mime_of("x.7z"), "application/x-7z-compressed");
	CHECK_STR(px_mime_of("x.zst"), "application/zstd");
	CHECK_STR(px_mime_of("x.avif"), "image/avif");
}
