/* Windows' pipes with names, at whose other end is a program without proa. */
/* SPDX-License-Identifier: MIT */
#include "e_local/named.h"

#include <stdio.h>
#include <windows.h>

/* Its one instance, and a client of ours in it. */
static HANDLE other_serve(proa_loop *loop, proa_handle *client)
{
	char name[128];
	proa_addr addr;
	rec c = {0};
	HANDLE pipe;

	CHECK_EQ(proa_addr_parse(&addr, named_text(), 0), 0);
	snprintf(name, sizeof name, "\\\\.\\pipe\\%s", named_text() + strlen("pipe:"));
	pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
	CHECK(pipe != INVALID_HANDLE_VALUE);
	named_dial(loop, client, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	return pipe;
}

static void other_say(HANDLE pipe, const char *text)
{
	DWORD n = 0;

	CHECK(WriteFile(pipe, text, (DWORD)strlen(text), &n, NULL) && n == strlen(text));
}

TEST(named_other_says_and_closes)
{
	proa_handle client;
	HANDLE pipe;
	LOOP(loop);

	pipe = other_serve(loop, &client);
	other_say(pipe, "hello");
	named_hear(loop, &client, "hello");
	CloseHandle(pipe);
	named_hear(loop, &client, ""); /* an end like any other */
	kit_end(loop, &client);
	kit_close(&loop);
}

/* What it had said is gone with the connection: no end, for then all would have come. */
TEST(named_other_throws_its_client_out)
{
	proa_handle client;
	HANDLE pipe;
	char buf[8];
	rec r = {0};
	LOOP(loop);

	pipe = other_serve(loop, &client);
	SUBMIT(proa_recv, &client, &r, buf, sizeof buf);
	kit_settle(loop);
	CHECK(DisconnectNamedPipe(pipe));
	CHECK_EQ(kit_await(loop, &r), -PROA_ECONNRESET);
	CloseHandle(pipe);
	kit_end(loop, &client);
	kit_close(&loop);
}
