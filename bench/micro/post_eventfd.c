/* Posts by hand: a list without a lock, an event counter, epoll. The yardstick. */
/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

const char px_post_name[] = "post_eventfd";

typedef struct message {
	struct message *next;
} message;

static struct side {
	message messages[PX_POST_MESSAGES];
	int event, epoll;
	int64_t spin_ns;
	bool stop, busy;
	_Alignas(64) _Atomic(message *) inbox;
	_Atomic int asleep;
} sides[2];

bool px_post_open(unsigned side, const px_micro_args *args, int64_t spin_ns)
{
	struct side *s = &sides[side];
	struct epoll_event in = {.events = EPOLLIN};

	(void)args;
	memset(s, 0, sizeof *s);
	s->spin_ns = spin_ns;
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->event < 0 || s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->event, &in))
		px_bench_die("eventfd or epoll", errno);
	return true;
}

/* In the order of sending. */
static void inbox_take(unsigned side)
{
	message *m = atomic_exchange_explicit(&sides[side].inbox, NULL, memory_order_acquire);
	message *first = NULL, *next;

	for (; m; m = next) {
		next = m->next;
		m->next = first;
		first = m;
	}
	for (; first; first = next) {
		next = first->next;
		px_post_came(side, (unsigned)(first - sides[side].messages));
	}
}

static bool inbox_empty(struct side *s)
{
	return !atomic_load_explicit(&s->inbox, memory_order_acquire);
}

static void side_wait(struct side *s)
{
	struct epoll_event event;
	uint64_t n;
	int64_t until = s->spin_ns ? px_bench_now_ns() + s->spin_ns : 0;

	while (until && inbox_empty(s) && px_bench_now_ns() < until) {
		/* looks */
	}
	if (!inbox_empty(s))
		return;
	atomic_store(&s->asleep, 1);
	if (inbox_empty(s) && epoll_wait(s->epoll, &event, 1, -1) == 1)
		while (read(s->event, &n, sizeof n) < 0 && errno == EINTR) {
			/* again */
		}
	atomic_store(&s->asleep, 0);
}

void px_post_run(unsigned side)
{
	while (!sides[side].stop) {
		if (!sides[side].busy)
			side_wait(&sides[side]);
		inbox_take(side);
	}
}

void px_post_stop(unsigned side)
{
	sides[side].stop = true;
}

void px_post_close(unsigned side)
{
	close(sides[side].event);
	close(sides[side].epoll);
}

void px_post_send(unsigned side, unsigned i)
{
	static const uint64_t one = 1;
	struct side *s = &sides[side];
	message *m = &s->messages[i], *head = atomic_load_explicit(&s->inbox, memory_order_relaxed);

	do
		m->next = head;
	while (!atomic_compare_exchange_weak(&s->inbox, &head, m));
	if (!head && atomic_exchange(&s->asleep, 0) && write(s->event, &one, sizeof one) < 0)
		px_bench_die("write", errno);
}

void px_post_keep_awake(unsigned side)
{
	sides[side].busy = true;
}
