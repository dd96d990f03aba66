/* runtime [ADDRESS]: echo on coroutines, resumed by completion, with no callback anywhere. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include "fiber.h"
#include <stdlib.h>

enum { BATCH = 64 };

struct co {
	fiber *fiber;
	struct co *next; /* in the run queue */
	void (*main)(struct co *);
	proa_event ev;
	proa_socket socket; /* what it was started with */
	const char *address;
};

static fiber *sched;
static struct co *current, *ready, **ready_end = &ready;
static proa_loop *loop;

static void co_ready(struct co *co)
{
	co->next = NULL;
	*ready_end = co;
	ready_end = &co->next;
}

static void co_main(void *arg)
{
	struct co *co = arg;

	co->main(co);
	co->main = NULL; /* the scheduler frees it: we stand on its stack */
	fiber_switch(co->fiber, sched);
}

static struct co *co_start(void (*fn)(struct co *))
{
	struct co *co = calloc(1, sizeof *co);

	if (!co)
		abort();
	co->main = fn;
	co->fiber = fiber_new(co_main, co);
	co_ready(co);
	return co;
}

static void co_free(struct co *co)
{
	fiber_free(co->fiber);
	free(co);
}

static proa_event *await(proa_op *op)
{
	op->user = current;
	fiber_switch(current->fiber, sched);
	return &current->ev;
}

static void await_close(proa_handle *h)
{
	h->user = current;
	proa_close(h, NULL);
	fiber_switch(current->fiber, sched);
}

static void echo_main(struct co *co)
{
	proa_handle h = {0};
	proa_op op = {0};
	proa_event *ev;

	proa_handle_init(proa_root(loop), &h);
	proa_adopt(&h, co->socket);
	proa_set_idle(&h, 30 * PROA_SEC);
	for (;;) {
		proa_recv_pooled(&h, &op, NULL, NULL);
		ev = await(&op);
		if (ev->result <= 0)
			break;
		proa_send_pooled(&h, &op, ev->buf, (size_t)ev->result, NULL);
		if (await(&op)->result < 0)
			break;
	}
	await_close(&h);
}

static void listen_main(struct co *co)
{
	proa_handle h = {0};
	proa_op op = {0};
	proa_event *ev;
	proa_addr a;
	int rc;

	proa_handle_init(proa_root(loop), &h);
	if ((rc = proa_addr_parse(&a, co->address, 7)) == 0 &&
	    (rc = proa_listen(&h, &a, NULL)) == 0) {
		say_where(&h);
		do { /* one-shot: a multishot may complete while nobody awaits it */
			proa_accept(&h, &op, NULL);
			if ((ev = await(&op))->result >= 0)
				co_start(echo_main)->socket = ev->socket;
		} while (ev->result >= 0);
	} else {
		say_error("runtime", rc);
	}
	await_close(&h);
}

static void run_ready(void)
{
	while ((current = ready)) {
		if (!(ready = current->next))
			ready_end = &ready;
		fiber_switch(sched, current->fiber);
		if (!current->main)
			co_free(current);
	}
}

int main(int argc, char **argv)
{
	proa_event ev[BATCH];
	int n = proa_loop_open(&loop, NULL);

	if (n < 0)
		return say_error("runtime", n);
	sched = fiber_here();
	co_start(listen_main)->address = argc > 1 ? argv[1] : "127.0.0.1:7777";
	do {
		run_ready();
		n = proa_wait(loop, ev, BATCH, 0);
		for (int i = 0; i < n; i++) {
			struct co *co = ev[i].op ? ev[i].op->user : ev[i].handle->user;

			co->ev = ev[i];
			co_ready(co);
		}
	} while (n > 0);
	return proa_loop_close(&loop, 0) < 0;
}
