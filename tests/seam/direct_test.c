/* What only a failing kernel provokes: aborted accepts, want of files, aborts nobody asked for. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "d_net/forward_kit.h"
#include "seam/seam.h"

/* The k-th call of a ring's entry or of the plain call fails from now on; times as in a rule. */
static void fails(const char *ring, const char *plain, const char *how)
{
	char text[64];

	snprintf(text, sizeof text, "%s:%s",
	         test_backend && !strcmp(test_backend, "io_uring") ? ring : plain, how);
	CHECK(!seam_rule_set(text));
	*seam_now = (seam_account){0};
	seam_armed = true;
}

static long fails_no_more(void)
{
	seam_armed = false;
	return seam_now->hits;
}

/* The entries of a ring can be made to fail since Linux 6.11. */
#define NEED_ENTRIES                                                             \
	do {                                                                     \
		if (!seam_ring_can())                                            \
			SKIP("this kernel's ring entries are not made to fail"); \
	} while (0)

static uint64_t aborted(proa_loop *loop)
{
	proa_stats stats;

	proa_loop_stats(loop, &stats);
	return stats.accept_aborted;
}

/* What accept(2) names as an error of the connection, not of the listener. */
static const char *const aborts[] = {"ECONNABORTED", "EPROTO",     "EPERM",        "ENETDOWN",
                                     "EHOSTDOWN",    "ENONET",     "EHOSTUNREACH", "ENETUNREACH",
                                     "ETIMEDOUT",    "ENOPROTOOPT"};
enum { ABORTS = sizeof aborts / sizeof *aborts };

TEST(accept_aborted_is_counted_and_the_next_taken)
{
	proa_handle l;
	proa_addr addr;
	char how[32];
	LOOP(loop);

	NEED_ENTRIES;
	kit_listen(loop, &l, &addr);
	for (int i = 0; i < ABORTS; i++) {
		rec r = {0};
		int fd;

		snprintf(how, sizeof how, "1:%s", aborts[i]);
		fails("uring_accept", "accept4", how);
		SUBMIT0(proa_accept, &l, &r);
		fd = kit_connect(&addr);
		if (!CHECK_EQ(kit_await(loop, &r), 0))
			test_note("%s ends it", aborts[i]);
		CHECK_EQ(fails_no_more(), 1);
		CHECK_EQ(aborted(loop), i + 1);
		proa_socket_close(r.socket);
		kit_fd_close(fd);
	}
	kit_close(&loop);
}

static void then_close(rec *r)
{
	if (r->result >= 0 && (r->got & PROA_MORE))
		proa_socket_close(r->socket);
}

TEST(accept_many_goes_on_behind_aborted_ones)
{
	proa_handle l;
	proa_addr addr;
	char how[32];
	rec r = {.then = then_close};
	LOOP(loop);

	NEED_ENTRIES;
	kit_listen(loop, &l, &addr);
	for (unsigned i = 0; i < ABORTS; i++) {
		int fd;

		snprintf(how, sizeof how, "1:%s:3", aborts[i]);
		fails("uring_accept", "accept4", how);
		if (!i)
			SUBMIT0(proa_accept_many, &l, &r);
		fd = kit_connect(&addr);
		UNTIL(loop, r.mores == i + 1);
		fails_no_more();
		kit_fd_close(fd);
	}
	CHECK_GT(aborted(loop), 2);
	CHECK_EQ(r.finals, 0);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
}

/* ---- want of files ---- */

static int n_noticed;
static int64_t noticed;

static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	(void)loop;
	(void)user;
	CHECK_STR(what, "accept");
	n_noticed++;
	noticed = error;
}

static void accept_without(const char *what, int64_t error, bool many)
{
	proa_loop_options o = {.notice = on_notice};
	proa_loop *loop = kit_open(&o);
	rec r = {.then = many ? then_close : NULL};
	proa_stats stats;
	proa_handle l;
	proa_addr addr;
	char how[32];
	int fd;

	if (!loop)
		return;
	n_noticed = 0;
	kit_listen(loop, &l, &addr);
	snprintf(how, sizeof how, "1:%s:3", what);
	fails("uring_accept", "accept4", how);
	if (many)
		SUBMIT0(proa_accept_many, &l, &r);
	else
		SUBMIT0(proa_accept, &l, &r);
	fd = kit_connect(&addr);
	UNTIL(loop, r.mores + r.finals == 1);
	CHECK_EQ(fails_no_more(), 3);
	CHECK_EQ(r.result, 0);
	CHECK_EQ(n_noticed, 1);
	CHECK_EQ(noticed, error);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.accept_pauses, 1);
	if (!many)
		proa_socket_close(r.socket);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(accept_rests_without_files_or_memory)
{
	static const struct {
		const char *name;
		int64_t error;
	} wants[] = {{"EMFILE", -PROA_EMFILE},
	             {"ENFILE", -PROA_ENFILE},
	             {"ENOBUFS", -PROA_ENOBUFS},
	             {"ENOMEM", -PROA_ENOMEM}};

	NEED_ENTRIES;
	for (unsigned i = 0; i < 2 * sizeof wants / sizeof *wants; i++)
		accept_without(wants[i / 2].name, wants[i / 2].error, i % 2);
}

/* ---- aborts that nobody asked for ---- */

/* The kernel's "cancelled" is ours only if we asked: what certainly moved nothing is begun anew. */
TEST(abort_of_a_recv_is_begun_anew)
{
	proa_handle h;
	rec r = {0};
	char buf[8];
	int fd;
	LOOP(loop);

	NEED_ENTRIES;
	if (test_backend && strcmp(test_backend, "io_uring") != 0) {
		kit_close(&loop);
		SKIP("a plain recv is not cancelled by the kernel");
	}
	fd = kit_half(loop, &h);
	fails("uring_recv", "", "1:ECANCELED:5");
	SUBMIT(proa_recv, &h, &r, buf, sizeof buf);
	kit_settle(loop);
	CHECK_EQ(fails_no_more(), 5);
	CHECK_EQ(r.finals, 0);
	kit_fd_write(fd, "hello", 5);
	CHECK_EQ(kit_await(loop, &r), 5);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* A connect is not: another attempt might meet what the first has left. */
TEST(abort_of_a_connect_is_told_as_eaborted)
{
	proa_handle l, h = {0};
	proa_addr addr;
	rec r = {0};
	LOOP(loop);

	NEED_ENTRIES;
	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &h);
	fails("uring_connect", "connect", "1:ECANCELED");
	SUBMIT(proa_connect, &h, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), -PROA_EABORTED);
	CHECK_EQ(fails_no_more(), 1);
	CHECK_EQ(r.count, 0);
	kit_close(&loop);
}

/* And one that was asked for is our own, whatever the kernel says. */
TEST(abort_that_was_asked_for_is_ecanceled)
{
	proa_handle h;
	rec r = {0};
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	SUBMIT(proa_recv, &h, &r, buf, sizeof buf);
	kit_once(loop, 1);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- opening a loop ---- */

/* Want of what the system has little of is told as that, not as a backend that cannot work. */
TEST(open_tells_what_there_is_too_little_of)
{
	static const struct {
		const char *how;
		int result;
	} wants[] = {{"1:ENOSPC", -PROA_ENOSPC}, {"1:ENOMEM", -PROA_ENOMEM}};
	proa_loop *loop;

	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
		fails("epoll_ctl", "epoll_ctl", wants[i].how);
		CHECK_EQ(proa_loop_open(&loop, &(proa_loop_options){.backend = "epoll"}),
		         wants[i].result);
		CHECK_EQ(fails_no_more(), 1);
		CHECK(!loop);
	}
}

/* ---- the last words ---- */

static void panic(void)
{
	PX_PANIC("said to the end");
}

/* The system has some again before the forward ends, and none is missed for ever. */
TEST(forward_asks_again_for_the_pipe_it_did_not_get)
{
	static const char *const none[] = {"EMFILE", "ENFILE", "ENOMEM"};

	for (unsigned i = 0; i < PX_COUNT(none); i++) {
		char how[32];
		LOOP(loop);

		snprintf(how, sizeof how, "1:%s", none[i]);
		fails("pipe2", "pipe2", how);
		way_whole(loop);
		CHECK_EQ(fails_no_more(), 1);
		if (!CHECK_GT(kit_submitted(loop, "splice_out"), 0))
			test_note("%s is for ever", none[i]);
		kit_close(&loop);
	}
}

TEST(panic_is_said_when_interrupted_too)
{
	fails("write", "write", "1:EINTR:2");
	CHECK_DIES(panic, "said to the end");
	fails("write", "write", "1:short");
	CHECK_DIES(panic, "said to the end");
	fails_no_more();
}
