/* A whole HTTP connection: bytes cut anywhere into the real server, and its answers read back. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "fuzz.h"
#include "host.h"
#include "host_net.h"
#include "http_answers.h"
#include "proa/http.h"

#include <stdio.h>

enum { INPUT_MAX = 4096, RECORDS_MAX = 512, REQUESTS_MAX = 20, BODY_MAX = 600, PIECE = 700 };
#define PATIENCE_NS (5 * PROA_SEC)

/* One server for all inputs, a connection for each. */
static struct {
	proa_loop *loop;
	proa_http *http;
	proa_server server;
	char path[64]; /* of its socket */
	proa_addr addr;
	proa_op timer;
	proa_http_request *waiting;
	uint64_t handles; /* open when there is no connection */
	answer_record record[RECORDS_MAX];
	size_t records;
	char *got;
	size_t len, cap;
	unsigned rounds;
	bool aborted;
} bed;

/* ---- the handlers: one for each way to answer ---- */

static void hash_set(proa_http_request *req, const char *name, const void *bytes, size_t len)
{
	char text[20];

	snprintf(text, sizeof text, "%016llx", (unsigned long long)answer_hash(bytes, len));
	px_assert(proa_http_set(req, name, text) == 0);
}

/* The connection is reset, and what was not sent yet with it. */
static void answer_abort(proa_http_request *req)
{
	bed.aborted = true;
	proa_http_abort(req);
}

/* In pieces, chunked or until the end, or of a length that is promised and kept or not. */
static void answer_pieces(proa_http_request *req, const char *body, size_t len, int64_t promised)
{
	px_assert(proa_http_begin(req, 200, "text/plain", promised) == 0);
	for (size_t at = 0; at < len; at += 7) {
		int rc = proa_http_write(req, body + at, PX_MIN(len - at, 7));

		if (rc == -PROA_EFULL) { /* of answers before this one; "/w" waits for room */
			answer_abort(req);
			return;
		}
		px_assert(rc == 0);
	}
	proa_http_end(req);
}

static void on_ready(proa_http_request *req, void *user)
{
	static const char piece[PIECE];

	PX_UNUSED(user);
	while (bed.rounds && proa_http_write(req, piece, sizeof piece) == 0)
		bed.rounds--;
	if (bed.rounds)
		proa_http_on_ready(req, on_ready);
	else
		proa_http_end(req);
}

static void on_gone(proa_http_request *req, void *user)
{
	PX_UNUSED(user);
	if (bed.waiting == req)
		bed.waiting = NULL;
}

static void on_timer(proa_op *op)
{
	proa_http_request *req = bed.waiting;

	bed.waiting = NULL;
	if (op->result < 0 || !req)
		return;
	px_assert(proa_http_reply(req, 202, NULL, "later", 5) == 0);
}

static void answer_later(proa_http_request *req)
{
	if (proa_in_flight(&bed.timer)) {
		px_assert(proa_http_reply(req, 503, NULL, NULL, 0) == 0);
		return;
	}
	bed.waiting = req;
	proa_http_later(req, on_gone);
	proa_timer(proa_http_owner(req), &bed.timer, 1, on_timer);
}

static void on_request(proa_http_request *req, void *user)
{
	const char *path = proa_http_path(req), *target = proa_http_target(req);
	size_t len;
	const char *body = proa_http_body(req, &len);

	PX_UNUSED(user);
	hash_set(req, ANSWER_TARGET, target, strlen(target));
	switch (path[0] == '/' && path[1] && !path[2] ? path[1] : 0) {
	case 'e':
		hash_set(req, ANSWER_BODY, body, len);
		px_assert(proa_http_reply(req, 200, "text/plain", body, len) == 0);
		break;
	case 'c':
		hash_set(req, ANSWER_BODY, body, len);
		answer_pieces(req, body, len, -1);
		break;
	case 'p': answer_pieces(req, body, len, (int64_t)len); break;
	case 's': answer_pieces(req, body, len, (int64_t)len + 1); break;
	case 'q':
		px_assert(proa_http_set(req, "X-Query", proa_http_query(req)) == 0);
		px_assert(proa_http_reply(req, 204, NULL, NULL, 0) == 0);
		break;
	case 'w':
		bed.rounds = 60;
		px_assert(proa_http_begin(req, 200, "a/b", -1) == 0);
		proa_http_later(req, NULL);
		on_ready(req, NULL);
		break;
	case 'l': answer_later(req); break;
	case 'a': answer_abort(req); break;
	case 'n': break;
	default: px_assert(proa_http_reply_folder(req) == 0);
	}
}

static void on_piece(proa_http_request *req, const void *bytes, size_t len, void *user)
{
	PX_UNUSED(user);
	px_assert(bytes && len);
	proa_http_pause(req);
	proa_http_resume(req);
}

/* Before the body: some are streamed, some answered at once. */
static void on_head(proa_http_request *req, void *user)
{
	const char *path = proa_http_path(req);

	PX_UNUSED(user);
	if (!strcmp(path, "/S"))
		proa_http_stream(req, on_piece, true);
	else if (!strcmp(path, "/E"))
		px_assert(proa_http_reply(req, 200, NULL, "early", 5) == 0);
}

static void on_log(const proa_http_record *r, void *user)
{
	PX_UNUSED(user);
	px_assert(bed.records < RECORDS_MAX);
	bed.record[bed.records++] = (answer_record){
		.status = r->status,
		.version = r->version,
		.head = !strcmp(r->method, "HEAD"),
		.read = strcmp(r->method, "-") != 0,
		.body_bytes = r->body_bytes,
		.target = answer_hash(r->target, strlen(r->target)),
	};
}

/* ---- requests, told briefly ---- */

/* A byte from 0x80 on stands for one of these, so that most of what is tried gets beyond the head;
 * behind 0xff one stands for itself. */
static const char *const phrase[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET ",
	"HEAD ",
	"POST ",
	"OPTIONS ",
	"/e",
	"/c",
	"/p",
	"/s",
	"/q?",
	"/w",
	"/l",
	"/a",
	"/n",
	"/S",
	"/E",
	"/http_conn.c",
	"/fuzz.h",
	"/dict",
	"/dict/",
	"/corpus/",
	"/../",
	"%2e",
	" HTTP/1.1\r\nHost: a\r\n",
	" HTTP/1.0\r\n",
	"\r\n",
	"\r\n\r\n",
	"Content-Length: ",
	"Content-Length: 9\r\n\r\n123456789",
	"Content-Length: 0\r\n\r\n",
	"Transfer-Encoding: chunked\r\n\r\n",
	"4\r\nabcd\r\n",
	"1e;x=y\r\n",
	"0\r\n\r\n",
	"0\r\nA: b\r\n\r\n",
	"Expect: 100-continue\r\n",
	"Connection: close\r\n",
	"Connection: keep-alive\r\n",
	"Range: bytes=",
	"Range: bytes=0-0,2-8200\r\n",
	"0-,",
	"-9000",
	"If-Match: *\r\n",
	"If-None-Match: *\r\n",
	"If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT\r\n",
	"If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
	"If-Range: Sun Nov  6 08:49:37 1994\r\n",
	"If-Range: \"a\"\r\n",
	"User-Agent: \"\\\r\n",
	"Referer: http://a/\r\n",
	"X: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
};

/* What the client sends; its length in *n; to be freed. */
static uint8_t *expand(fuzz_in in, size_t *n)
{
	uint8_t *out = malloc(INPUT_MAX);

	px_assert(out);
	for (*n = 0; in.left && *n < INPUT_MAX;) {
		uint8_t byte = fuzz_byte(&in);
		const char *words = byte >= 0x80 && byte < 0xff
		                            ? phrase[(byte & 0x7fu) % PX_COUNT(phrase)]
		                            : NULL;
		size_t len = words ? strlen(words) : 1;

		byte = byte == 0xff ? fuzz_byte(&in) : byte;
		if (len > INPUT_MAX - *n)
			break;
		memcpy(out + *n, words ? (const void *)words : &byte, len);
		*n += len;
	}
	return out;
}

/* ---- the server, for all inputs ---- */

static uint64_t handles_open(void)
{
	proa_stats stats = {0};

	proa_loop_stats(bed.loop, &stats);
	return stats.handles;
}

static void path_remove(void)
{
	remove(bed.path);
}

/* ---- the client ---- */

/* Takes what is there: false at the end. */
static bool take(int fd)
{
	long n;

	do {
		if (bed.cap - bed.len < 65536) {
			bed.cap = 2 * bed.cap + 65536;
			bed.got = realloc(bed.got, bed.cap);
			px_assert(bed.got);
		}
		n = host_sock_try_recv(fd, bed.got + bed.len, bed.cap - bed.len);
		bed.len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return n == -1;
}

/* In pieces whose lengths the seed tells; false: the server has ended before all was sent. */
static bool give(int fd, const uint8_t *bytes, size_t n, uint8_t seed)
{
	int64_t end = proa_clock(bed.loop) + PATIENCE_NS;
	px_rng rng;

	px_rng_init(&rng, seed);
	for (size_t at = 0; at < n;) {
		size_t len = seed ? (size_t)px_rng_between(&rng, 1, 1u + seed * 2u) : n;
		long sent = host_sock_try_send(fd, bytes + at, PX_MIN(len, n - at));

		if (sent == -2)
			return false;
		px_assert(proa_clock(bed.loop) < end);
		at += sent > 0 ? (size_t)sent : 0;
		proa_run_once(bed.loop, PROA_POLL);
		if (!take(fd))
			return false;
	}
	return true;
}

static void take_all(int fd)
{
	int64_t end = proa_clock(bed.loop) + PATIENCE_NS;

	while (take(fd)) {
		px_assert(proa_clock(bed.loop) < end);
		proa_run_once(bed.loop, proa_clock(bed.loop) + 20 * PROA_MSEC);
	}
}

/* Until the connection is there, so that a client who leaves early is not taken for the next one;
 * until what it used has gone back, for its end is told last. */
static void wait_conn(bool there)
{
	int64_t end = proa_clock(bed.loop) + PATIENCE_NS;

	while ((handles_open() > bed.handles) != there) {
		px_assert(proa_clock(bed.loop) < end);
		proa_run_once(bed.loop, proa_clock(bed.loop) + 20 * PROA_MSEC);
	}
}

static void connection(const uint8_t *bytes, size_t n, uint8_t seed, bool reset)
{
	int fd = host_sock(&bed.addr, false);

	px_assert(fd >= 0 && host_sock_connect(fd, &bed.addr));
	bed.records = bed.len = bed.rounds = 0;
	bed.aborted = false;
	wait_conn(true);
	if (give(fd, bytes, n, seed) && !reset) {
		host_sock_fin(fd);
		take_all(fd);
	}
	host_sock_close(fd);
	wait_conn(false);
	px_assert(!bed.waiting && !proa_in_flight(&bed.timer));
	answers_hold(bed.got, bed.len, bed.record, bed.records, reset || bed.aborted);
}

/* By a first connection, which says nothing; it stays open. */
static void folder_open(void)
{
	int fd = host_sock(&bed.addr, false);

	bed.handles = handles_open() + 1;
	px_assert(fd >= 0 && host_sock_connect(fd, &bed.addr));
	wait_conn(true);
	host_sock_close(fd);
	wait_conn(false);
	px_assert(handles_open() == bed.handles);
}

static void bed_open(void)
{
	proa_loop_options lo = {.backend = "poll"};
	proa_http_options ho = {.handler = on_request,
	                        .head = on_head,
	                        .log = on_log,
	                        .folder = FUZZ_FOLDER, /* where this file lies */
	                        .head_max_bytes = 2048,
	                        .body_max_bytes = BODY_MAX,
	                        .out_max_bytes = 4096,
	                        .requests_max = REQUESTS_MAX};
	char text[80];

	if (bed.loop)
		return;
	snprintf(bed.path, sizeof bed.path, "/tmp/proa-fuzz-%u.sock", host_pid());
	snprintf(text, sizeof text, "unix:%s", bed.path);
	atexit(path_remove);
	px_assert(proa_addr_parse(&bed.addr, text, 0) == 0);
	px_assert(proa_loop_open(&bed.loop, &lo) == 0 && proa_http_open(&bed.http, &ho) == 0);
	px_assert(proa_http_serve(bed.http, proa_root(bed.loop), &bed.server, text) == 0);
	folder_open();
}

FUZZ(http_conn)
{
	fuzz_in in = {data, size};
	uint8_t how = fuzz_byte(&in), *bytes;
	size_t n;

	bed_open();
	bytes = expand(in, &n);
	connection(bytes, n, how & 0x7f, how & 0x80);
	free(bytes);
}
