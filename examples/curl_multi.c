/* curl_multi URL...: fetches all at once by libcurl, whose sockets wait as proa's ops. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <curl/curl.h>
#include <stdlib.h>

static CURLM *multi;
static int running;
static proa_loop *loop;
static int64_t until; /* libcurl wants to be called then at the latest; 0: it does not */

struct watch { /* a socket of libcurl's, and what it waits for: its bits are ours */
	proa_handle h;
	proa_op op;
	unsigned wanted;
};

static void on_ready(proa_op *op)
{
	struct watch *w = PROA_OF(op, struct watch, op);
	if (op->result > 0)
		curl_multi_socket_action(multi, (int)proa_os(&w->h), (int)op->result, &running);
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
		proa_adopt_os(&w->h, fd, PROA_FOREIGN);
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

static int on_wish(CURLM *m, long ms, void *user)
{
	until = proa_in(loop, ms < 0 ? -1 : ms * PROA_MSEC);
	return (void)m, (void)user, 0;
}

int main(int argc, char **argv)
{
	int left, failed = 0;
	char *url;
	if (proa_loop_open(&loop, NULL) < 0 || !(multi = curl_multi_init()))
		return say_error("curl_multi", -PROA_ENOMEM);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_wish);
	for (CURL *easy; running < argc - 1; curl_multi_add_handle(multi, easy))
		curl_easy_setopt(easy = curl_easy_init(), CURLOPT_URL, argv[++running]);
	for (; running; proa_run_once(loop, until)) /* what is fetched goes to stdout */
		if (until && proa_clock(loop) >= until)
			until = 0,
			curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
		if (m->data.result != CURLE_OK && ++failed) {
			curl_easy_getinfo(m->easy_handle, CURLINFO_EFFECTIVE_URL, &url);
			fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(m->data.result));
		}
	curl_multi_cleanup(multi);
	return proa_loop_close(&loop, 0) < 0 || failed;
}
