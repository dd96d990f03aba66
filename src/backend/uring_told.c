/* The descriptor by which a foreign loop is told that a ring has completions. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Not the ring's own: what has happened becomes a completion when the thread asks for it
 * (DEFER_TASKRUN), and until then a ring wakes nobody who polls it. An event counter of the ring's
 * is told at once. But one counter's ring does not ring another (Linux 6.18: once late, then
 * never), so what other threads ring is watched beside it, in an epoll set, edge-triggered: neither
 * counter is read. This costs something at each completion, so only rings whose program has asked
 * have it. */

static int set_add(int set, int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) < 0 ? (int)px_sys_error(errno) : 0;
}

static int told_open(px_uring *u)
{
	int rc = px_wake_open(&u->told);

	if (rc < 0)
		return rc;
	u->told_set = epoll_create1(EPOLL_CLOEXEC);
	if (u->told_set < 0)
		return (int)px_sys_error(errno);
	px_count_add(&u->core->stat.system_calls, 4);
	if ((rc = set_add(u->told_set, u->told.rd)) < 0 ||
	    (rc = set_add(u->told_set, u->wake.rd)) < 0)
		return rc;
	rc = px_ur_register(u, PX_IORING_REGISTER_EVENTFD, &u->told.rd, 1);
	return rc < 0 ? (int)px_sys_error(-rc) : 0;
}

int px_ur_fd(px_core *core)
{
	px_uring *u = px_ur_of(core);
	int rc;

	if (u->told_set >= 0)
		return u->told_set;
	if (!u->started)
		px_ur_start(u);
	rc = told_open(u);
	if (rc == 0)
		return u->told_set;
	px_ur_told_close(u);
	return rc;
}

/* Before completions are looked for: what comes from now on is told again. */
void px_ur_told(px_uring *u)
{
	struct epoll_event e[2];

	if (PX_LIKELY(u->told_set < 0))
		return;
	px_count(&u->core->stat.system_calls);
	while (epoll_wait(u->told_set, e, 2, 0) < 0 && errno == EINTR) {
		/* not taken: again */
	}
}

void px_ur_told_close(px_uring *u)
{
	if (u->told_set >= 0)
		close(u->told_set);
	if (u->told.rd >= 0)
		px_wake_close(&u->told);
	u->told_set = -1;
}
