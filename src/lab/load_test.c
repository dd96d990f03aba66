/* The course's client against servers with a fault: it sees each, and none where none is. */
/* SPDX-License-Identifier: MIT */
#include "lab/load.h"

#include "lab/model.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 3, FAULT_AFTER = 3 /* messages of a connection */ };

typedef enum fault_kind { NONE, CORRUPT, SWAPPED, EXTRA, STALE, CLOSES, SHORT, SILENT } fault_kind;

typedef struct session {
	int fd;
	fault_kind fault;
} session;

/* What is sent back instead of a message; its length. */
static size_t message_spoil(fault_kind fault, char *message, const char *before)
{
	size_t len = LAB_MESSAGE;

	if (fault == CORRUPT)
		message[LAB_MESSAGE - 1] ^= 1;
	if (fault == SWAPPED)
		memcpy(message, "?", 1);
	if (fault == STALE)
		memcpy(message, before, LAB_MESSAGE);
	if (fault == EXTRA)
		len++;
	if (fault == SHORT)
		len--;
	return len;
}

static void *session_run(void *arg)
{
	session *s = arg;
	char message[LAB_MESSAGE + 1] = "", before[LAB_MESSAGE];

	for (int i = 0; recv(s->fd, message, LAB_MESSAGE, MSG_WAITALL) == LAB_MESSAGE; i++) {
		size_t len = LAB_MESSAGE;

		if (i == FAULT_AFTER) {
			len = message_spoil(s->fault, message, before);
			if (s->fault == CLOSES)
				break;
			if (s->fault == SILENT)
				continue;
		}
		memcpy(before, message, LAB_MESSAGE);
		if (send(s->fd, message, len, MSG_NOSIGNAL) < 0)
			break;
	}
	close(s->fd);
	return NULL;
}

static _Noreturn void server_run(int listener, fault_kind fault)
{
	static session sessions[CONNECTIONS];

	px_lab_end_with_parent();
	for (int i = 0;; i++) {
		session *s = &sessions[i % CONNECTIONS];

		*s = (session){px_lab_accept_fd(listener), fault};
		px_lab_thread(session_run, s);
	}
}

/* What the client found, in `load`; its exit status. */
static int client_run(px_lab_load *load, fault_kind fault)
{
	int listener = px_lab_listen("127.0.0.1:0", 0, false), status = -1;
	pid_t server, client;

	memset(load, 0, sizeof *load);
	load->connections = CONNECTIONS;
	/* Who waits for an answer that does not come has to wait to the end. */
	load->run_ns = fault < CLOSES ? INT64_C(5000000000) : 200 * 1000 * 1000;
	load->quiet_ns = fault < CLOSES ? INT64_C(5000000000) : 300 * 1000 * 1000;
	load->requests_max = 300;
	load->go = load->leave = true;
	px_lab_name(listener, load->addr);
	if ((server = fork()) == 0)
		server_run(listener, fault);
	if ((client = fork()) == 0) {
		px_lab_load_run(load);
		_exit(*load->error != 0);
	}
	waitpid(client, &status, 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	close(listener);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(load_finds_nothing_where_nothing_is)
{
	px_lab_load *load = mmap(NULL, sizeof *load, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(client_run(load, NONE), 0);
	CHECK(!*load->error);
	CHECK_EQ(load->connected, CONNECTIONS);
	CHECK_EQ(load->served, CONNECTIONS);
	CHECK_EQ(load->dropped, 0);
	CHECK_EQ(load->phase, LOAD_DONE);
	munmap(load, sizeof *load);
}

TEST(load_sees_what_is_wrong)
{
	static const fault_kind wrong[] = {CORRUPT, SWAPPED, EXTRA, STALE};
	px_lab_load *load = mmap(NULL, sizeof *load, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		CHECK_EQ(client_run(load, wrong[i]), 1);
		CHECK(strstr(load->error, wrong[i] == EXTRA ? "more bytes" : "other bytes"));
	}
	munmap(load, sizeof *load);
}

/* What does not come is no defect of an answer, but a figure: dropped, or waited for. */
TEST(load_counts_what_does_not_come)
{
	px_lab_load *load = mmap(NULL, sizeof *load, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(client_run(load, CLOSES), 0);
	CHECK_EQ(load->dropped, CONNECTIONS);
	CHECK_EQ(load->served, CONNECTIONS);
	CHECK_EQ(client_run(load, SILENT), 0);
	CHECK_EQ(load->dropped, 0);
	CHECK(load->latency.max >= 100 * 1000 * 1000);
	CHECK_EQ(client_run(load, SHORT), 0);
	CHECK_EQ(load->dropped, 0);
	CHECK(load->latency.max >= 100 * 1000 * 1000);
	munmap(load, sizeof *load);
}
