/* The access log's line: one line, whatever a client sends, and cut to any size. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "proa/http.h"

enum { LINE_BYTES = 8192 };

/* The length of the quoted text at `at`, quotes included; what it stands for is the beginning of
 * `text`, and all of it if that fits. */
static size_t quoted_holds(const char *at, const char *text, size_t max)
{
	size_t n = 1, len = 0;

	px_assert(*at == '"');
	for (; at[n] != '"'; len++) {
		unsigned char c = (unsigned char)at[n++];

		px_assert(c >= 0x20 && c < 0x7f);
		if (c == '\\') {
			char hex[3] = {at[n + 1], at[n + 2], 0};

			px_assert(at[n] == 'x' && strspn(hex, "0123456789abcdef") == 2);
			c = (unsigned char)strtoul(hex, NULL, 16);
			n += 3;
		}
		px_assert((unsigned char)text[len] == c);
	}
	px_assert(!text[len] || len == max);
	return n + 1;
}

static void plain_holds(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		px_assert(text[i] >= 0x20 && text[i] < 0x7f);
}

/* A whole line: the quotes stand where they belong, and are those of the record. */
static void line_holds(const proa_http_record *r, const char *text, size_t len)
{
	const char *at = strchr(text, '"');
	char *agent;

	px_assert(len && text[len - 1] == '\n' && strlen(text) == len);
	plain_holds(text, len - 1);
	px_assert(at && strlen(r->method) < 16);
	at = strchr(at + 1, '"');
	px_assert(at);
	at = strchr(at + 1, '"'); /* behind the status: the referer */
	px_assert(at);
	at += quoted_holds(at, r->referer, SIZE_MAX);
	px_assert(*at == ' ');
	agent = fuzz_text(r->agent, strlen(r->agent));
	at += 1 + quoted_holds(at + 1, agent, SIZE_MAX);
	px_assert(*at == ' ' && strspn(at, " .-0123456789") == strlen(at) - 1);
	free(agent);
}

/* Cut, it is the beginning of the whole line, and a line. */
static void cut_holds(const proa_http_record *r, const char *whole, size_t size)
{
	char *text = malloc(size ? size : 1);
	size_t n = proa_http_log_line(r, text, size);

	px_assert(n < size || !size);
	if (size > 1) {
		px_assert(text[n] == 0 && text[n - 1] == '\n');
		px_assert(!memcmp(text, whole, n - 1));
		plain_holds(text, n - 1);
	}
	free(text);
}

FUZZ(http_log)
{
	static char whole[4 * LINE_BYTES];
	fuzz_in in = {data, size};
	size_t cut = fuzz_word(&in, 2) % 512;
	char *peer, *target, *referer, *agent;
	proa_http_record r;

	if (size > LINE_BYTES / 2)
		return;
	r = (proa_http_record){.status = 200 + fuzz_byte(&in),
	                       .version = 11,
	                       .method = "GET",
	                       .time_s = (int64_t)fuzz_word(&in, 5),
	                       .body_bytes = (int64_t)fuzz_word(&in, 8),
	                       .duration_ns = (int64_t)fuzz_word(&in, 7)};
	r.peer = peer = fuzz_line(&in);
	r.target = target = fuzz_line(&in);
	r.referer = referer = fuzz_line(&in);
	r.agent = agent = fuzz_text(in.at, in.left);
	line_holds(&r, whole, proa_http_log_line(&r, whole, sizeof whole));
	cut_holds(&r, whole, cut);
	free(peer);
	free(target);
	free(referer);
	free(agent);
}
