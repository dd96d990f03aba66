/* curl_multi URL...: fetches all at once by libcurl, whose sockets and time-outs are proa's ops. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <curl/curl.h>
#include <stdlib.h>

static CURLM *multi;
static int running;
static proa_loop *loop;
static proa_op timer; /* of no time of its own: its deadline moves as libcurl wishes */

struct watch { /* a socket of libcurl's, and what it waits for: its bits are ours */
	proa_handle h;
	proa_op op;
	curl_socket_t fd;
	unsigned wanted;
};

static void on_ready(proa_op *op)
{
	struct watch *w = PROA_OF(op, struct watch, op);
	if (op->result > 0)
		curl_multi_socket_action(multi, w->fd, (int)op->result, &running);
	if (w->wanted && !proa_in_flight(op)) /* it lives until its close is told */
		proa_poll(&w->h, op, w->wanted, on_ready);
}

static void on_closed(proa_handle *h)
{
	free(PROA_OF(h, struct watch, h));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
	struct watch *w = known ? known : calloc(1, sizeof *w);
	if (!w)
		return -1;
	if (!known) {
		proa_handle_init(proa_root(loop), &w->h);
		proa_adopt_os(&w->h, w->fd = fd, PROA_FOREIGN);
		curl_multi_assign(multi, fd, w);
	}
	w->wanted = (unsigned)what & CURL_POLL_INOUT;
	if (what == CURL_POLL_REMOVE)
		proa_close(&w->h, on_closed); /* from now on libcurl may close the socket */
	else if (proa_in_flight(&w->op))
		proa_cancel(&w->op); /* on_ready asks for what is wanted now */
	else if (w->wanted)
		proa_poll(&w->h, &w->op, w->wanted, on_ready);
	return (void)easy, (void)user, 0;
}

static void on_time(proa_op *op)
{
	if (op->result == -PROA_ETIMEDOUT)
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int on_wish(CURLM *m, long ms, void *user)
{
	proa_deadline(&timer, proa_in(loop, ms < 0 ? -1 : ms * PROA_MSEC));
	if (timer.deadline_ns && !proa_in_flight(&timer))
		proa_timer(proa_root(loop), &timer, INT64_MAX, on_time);
	return (void)m, (void)user, 0;
}

int main(int argc, char **argv)
{
	if (proa_loop_open(&loop, NULL) < 0 || !(multi = curl_multi_init()))
		return say_error("curl_multi", -PROA_ENOMEM);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_wish);
	for (CURL *easy; running < argc - 1; curl_multi_add_handle(multi, easy))
		curl_easy_setopt(easy = curl_easy_init(), CURLOPT_URL, argv[++running]);
	while (running)
		proa_run_once(loop, 0); /* what is fetched goes to stdout */
	curl_multi_cleanup(multi);
	return proa_loop_close(&loop, 0) < 0;
}
