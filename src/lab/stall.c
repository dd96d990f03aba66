/* What blocks: a read from the disk, and a look-up at a name server that takes its time. */
/* SPDX-License-Identifier: MIT */
#include "lab/stall.h"

#include "lab/model.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, CHUNK = 256 * 1024, FILE_BYTES = 8 * 1024 * 1024, SAMPLES = 15 };
#define FAST_NS (500 * 1000) /* a loop that stands still for less is not seen to */

static struct {
	int file; /* -1: none that goes around the cache */
	bool sleeps;
	pid_t server;
	struct sockaddr_in names;
	atomic_uint turn;
} stall;

/* ---- the disk ---- */

static int file_open(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	char *chunk = aligned_alloc(BLOCK, CHUNK);

	if (!chunk)
		px_lab_die("memory", ENOMEM);
	memset(chunk, 'x', CHUNK);
	/* Written, not only made longer: what was never written is not read from the disk. */
	for (off_t at = 0; fd >= 0 && at < FILE_BYTES; at += CHUNK) {
		if (pwrite(fd, chunk, CHUNK, at) != CHUNK) {
			close(fd);
			fd = -1;
		}
	}
	free(chunk);
	return fd;
}

static void disk_read(void)
{
	static const struct timespec instead = {.tv_nsec = SLEEP_MS * 1000000};
	unsigned turn = atomic_fetch_add(&stall.turn, 1);
	char room[2 * BLOCK];
	char *block = room + (BLOCK - (uintptr_t)room % BLOCK); /* O_DIRECT wants it aligned */
	off_t at = (off_t)(turn * 2654435761u % (FILE_BYTES / BLOCK)) * BLOCK;

	if (stall.sleeps)
		nanosleep(&instead, NULL);
	else if (pread(stall.file, block, BLOCK, at) != BLOCK)
		px_lab_die("reading around the cache", errno);
}

/* ---- the name server ---- */

/* Every question is answered after the same time, so they are answered in the order they came. */
static _Noreturn void names_run(int fd)
{
	enum { WAITING = 4096 };
	static struct question {
		struct sockaddr_in from;
		int64_t due_ns;
	} queue[WAITING];
	unsigned first = 0, count = 0;

	for (;;) {
		struct pollfd asked = {.fd = fd, .events = POLLIN};
		int64_t left_ns = count ? queue[first].due_ns - px_lab_now_ns() : 0;
		struct timespec wait = {.tv_nsec = left_ns > 0 ? left_ns : 0};
		struct question *q = &queue[(first + count) % WAITING];
		socklen_t len = sizeof q->from;
		char byte;

		ppoll(&asked, 1, count ? &wait : NULL, NULL);
		if (count < WAITING &&
		    recvfrom(fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&q->from, &len) >= 0) {
			q->due_ns = px_lab_now_ns() + NAME_MS * INT64_C(1000000);
			count++;
		}
		for (; count && queue[first].due_ns <= px_lab_now_ns(); count--) {
			sendto(fd, "a", 1, 0, (struct sockaddr *)&queue[first].from, len);
			first = (first + 1) % WAITING;
		}
	}
}

static void names_start(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof stall.names;

	stall.names = (struct sockaddr_in){.sin_family = AF_INET};
	stall.names.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&stall.names, len) ||
	    getsockname(fd, (struct sockaddr *)&stall.names, &len) || (stall.server = fork()) < 0)
		px_lab_die("a stand-in for a name server", errno);
	if (stall.server == 0) {
		px_lab_end_with_parent();
		close(1);
		names_run(fd);
	}
	close(fd);
}

/* What getaddrinfo does in the end: a datagram out, and sleep until the answer is there. */
static void name_ask(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char byte = 'q';

	if (fd < 0 || connect(fd, (struct sockaddr *)&stall.names, sizeof stall.names) ||
	    send(fd, &byte, 1, 0) < 0 || recv(fd, &byte, 1, 0) < 0)
		px_lab_die("asking the name server", errno);
	close(fd);
}

/* ---- both ---- */

bool px_lab_stall_open(int64_t *read_ns)
{
	const char *decided = getenv(PX_LAB_DISK);
	int64_t took_ns;

	stall.file = file_open();
	took_ns = stall.file >= 0 ? px_lab_stall_ns(STALL_DISK) : 0;
	stall.sleeps = stall.file < 0 || (decided ? !strcmp(decided, "sleep") : took_ns < FAST_NS);
	if (read_ns)
		*read_ns = took_ns;
	names_start();
	return !stall.sleeps;
}

void px_lab_stall_close(void)
{
	close(stall.file);
	kill(stall.server, SIGKILL);
	waitpid(stall.server, NULL, 0);
}

void px_lab_stall(char kind)
{
	if (kind == STALL_DISK)
		disk_read();
	else if (kind == STALL_NAME)
		name_ask();
}

static int earlier(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

int64_t px_lab_stall_ns(char kind)
{
	int64_t took_ns[SAMPLES];

	for (int i = 0; i < SAMPLES; i++) {
		int64_t begin_ns = px_lab_now_ns();

		px_lab_stall(kind);
		took_ns[i] = px_lab_now_ns() - begin_ns;
	}
	qsort(took_ns, SAMPLES, sizeof *took_ns, earlier);
	return took_ns[SAMPLES / 2];
}
