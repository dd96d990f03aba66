/* Large files on connections which the system sends no file on: they are read and sent. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_child.h"
#include "host_file.h"
#include "http/server.h"
#include "op/op.h"
#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a server, a file, and a client ---- */

enum {
	FILE_BYTES = 5 * PX_PART_BYTES + 1234, /* and more than any pipe takes at once */
	FILE_COUNT = 8,
	HEAD_BYTES = 1024
};
static char folder[64], path[80];
static proa_http *http;
static proa_server by_http, by_test;
static proa_handle client;
static rec said, heard;
static char answer[FILE_COUNT * FILE_BYTES + 8 * HEAD_BYTES];
static size_t answer_len;

/* On Windows the thread that waits for a pipe's clients is one of those that stay. */
__attribute__((constructor)) static void wait_begin(void)
{
	host_children_begin();
}

static bool file_make(void)
{
	char *bytes = malloc(FILE_BYTES);
	FILE *file;
	bool made;

	snprintf(folder, sizeof folder, "proa-by-hand-%u-%s", host_pid(), test_backend);
	snprintf(path, sizeof path, "%s/f", folder);
	kit_fill(bytes, FILE_BYTES, 0);
	made = host_make_dir(folder) && (file = fopen(path, "wb")) &&
	       fwrite(bytes, FILE_BYTES, 1, file) == 1 && !fclose(file);
	free(bytes);
	return made;
}

/* On Windows this is a pipe. Where no pipes go both ways, a socket says that it is one before it is
 * used: read(2) and write(2) are good for it, too, if it does not block, as pipes do not. */
static void conn_start(proa_handle *h, void *service)
{
	if (host_lacks(HOST_NAMED)) {
		host_sock_buffers((int)proa_os(h), 4096);
		CHECK_EQ(px_sock_set_nonblock((int)proa_os(h), true), 0);
	}
	px_handle_of(h)->kind = PX_HANDLE_TAG | PROA_PIPE;
	px_conn_start(h, service);
}

static bool serve(proa_loop *loop)
{
	proa_http_options o = {.folder = folder};
	proa_serve_options by_test_options = {
		.conn_bytes = sizeof(px_conn), .start = conn_start, .drain = px_conn_drain};
	char name[64];
	proa_addr addr;
	const char *at = host_lacks(HOST_NAMED) ? host_loopback() : name;

	snprintf(name, sizeof name, "pipe:proa-by-hand-%u", host_pid());
	if (!CHECK_EQ(proa_http_open(&http, &o), 0) ||
	    !CHECK_EQ(proa_http_serve(http, proa_root(loop), &by_http, host_loopback()), 0))
		return false;
	by_test_options.user = http->services;
	if (!CHECK_EQ(proa_serve(proa_root(loop), &by_test, at, &by_test_options), 0) ||
	    !CHECK_EQ(proa_serve_addr(&by_test, &addr), 0))
		return false;
	memset(&client, 0, sizeof client);
	proa_handle_init(proa_root(loop), &client);
	said = heard = (rec){0};
	answer_len = 0;
	SUBMIT(proa_connect, &client, &said, &addr);
	return CHECK_EQ(kit_await(loop, &said), 0);
}

static void leave(proa_loop **loop)
{
	kit_close(loop);
	proa_http_close(&http);
	CHECK(host_remove(path) && host_remove(folder));
}

static void ask(proa_loop *loop, int times)
{
	static const char text[] = "GET /f HTTP/1.1\r\nHost: x\r\n\r\n";

	for (int i = 0; i < times; i++) {
		SUBMIT(proa_send, &client, &said, text, sizeof text - 1);
		kit_await(loop, &said);
	}
}

/* Where the answer's body begins; 0: the head is not there yet. */
static size_t body_of(const char *text, size_t len)
{
	for (size_t at = 4; at <= len; at++)
		if (!memcmp(text + at - 4, "\r\n\r\n", 4))
			return at;
	return 0;
}

/* One answer; false: it is another one, or the connection ended first. */
static bool answer_came(proa_loop *loop)
{
	static const char good[] = "HTTP/1.1 200 OK\r\n";
	size_t body;

	while (!(body = body_of(answer, answer_len)) || answer_len < body + FILE_BYTES) {
		if (!CHECK_LT(answer_len, sizeof answer) ||
		    (body && memcmp(answer, good, sizeof good - 1) != 0))
			return false;
		SUBMIT(proa_recv, &client, &heard, answer + answer_len, sizeof answer - answer_len);
		if (kit_await(loop, &heard) <= 0)
			return false;
		answer_len += (size_t)heard.result;
	}
	CHECK_MEM(answer, good, sizeof good - 1);
	CHECK(kit_filled(answer + body, FILE_BYTES, 0));
	answer_len -= body + FILE_BYTES;
	memmove(answer, answer + body + FILE_BYTES, answer_len);
	return true;
}

/* ---- the tests ---- */

TEST(files_one_after_another)
{
	LOOP(loop);

	REQUIRE(CHECK(file_make()) && serve(loop));
	for (int i = 0; i < 3; i++) {
		ask(loop, 1);
		CHECK(answer_came(loop));
	}
	CHECK_GE(kit_submitted(loop, "read"), 3 * (FILE_BYTES / PX_PART_BYTES));
	leave(&loop);
}

TEST(a_client_that_waits_is_waited_for)
{
	LOOP(loop);

	REQUIRE(CHECK(file_make()) && serve(loop));
	ask(loop, FILE_COUNT);
	kit_settle(loop);
	CHECK_LT(kit_submitted(loop, "read"), FILE_COUNT * (FILE_BYTES / PX_PART_BYTES) / 2);
	for (int i = 0; i < FILE_COUNT; i++)
		CHECK(answer_came(loop));
	leave(&loop);
}

TEST(a_client_that_leaves)
{
	LOOP(loop);

	REQUIRE(CHECK(file_make()) && serve(loop));
	ask(loop, 1);
	UNTIL(loop, proa_serve_count(&by_test) == 1);
	kit_settle(loop);
	kit_end(loop, &client);
	UNTIL(loop, proa_serve_count(&by_test) == 0);
	leave(&loop);
}

/* It gets the file, or less; then nothing more. */
TEST(files_without_memory)
{
	int failed = 0;

	REQUIRE(CHECK(file_make()));
	for (int at = 1; at <= 12; at++) {
		LOOP(loop);

		REQUIRE(serve(loop));
		kit_settle(loop);
		kit_mem.fail_at = kit_mem.calls + at;
		ask(loop, 1);
		failed += !answer_came(loop);
		kit_close(&loop);
		proa_http_close(&http);
	}
	CHECK_GT(failed, 0);
	CHECK(host_remove(path) && host_remove(folder));
}
