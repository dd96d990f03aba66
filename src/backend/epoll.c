/* The epoll selector: every handle registered once, edge-triggered, for both directions. */
/* SPDX-License-Identifier: MIT */
#include "backend/list.h"
#include "backend/ready.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef PX_TORTURE
enum { BATCH = 2 };
#else
enum { BATCH = 256 };
#endif

/* The same number on every architecture (Linux 5.11). */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

typedef struct epoll_set {
	px_ready ready; /* first */
	int fd;
	bool no_pwait2; /* an older kernel, or one that is not allowed to */
	struct epoll_event events[BATCH];
} epoll_set;

static epoll_set *set_of(px_ready *ready)
{
	return (epoll_set *)(void *)ready;
}

static int set_control(px_ready *ready, int what, int fd, uint32_t events, void *ptr)
{
	struct epoll_event e = {.events = events, .data.ptr = ptr};

	px_count(&ready->core->stat.system_calls);
	return epoll_ctl(set_of(ready)->fd, what, fd, &e) < 0 ? errno : 0;
}

static int set_open(px_ready *ready, char *why)
{
	epoll_set *set = set_of(ready);
	int error = 0, rc;

	set->fd = -1;
	if ((rc = px_ready_wake_open(ready, why)) < 0)
		return rc;
	set->fd = epoll_create1(EPOLL_CLOEXEC);
	if (set->fd < 0)
		error = errno;
	else
		/* each ring of its counter is an edge, so it need not be read */
		error = set_control(ready, EPOLL_CTL_ADD, ready->wake.rd, EPOLLIN | EPOLLET, NULL);
	if (!error)
		return 0;
	px_ready_why(why, set->fd < 0 ? "epoll_create1" : "epoll_ctl", error);
	return (int)px_sys_error(error);
}

static void set_close(px_ready *ready, bool forked)
{
	epoll_set *set = set_of(ready);

	/* Nothing is taken out of the set: after a fork it is the parent's as well. */
	PX_UNUSED(forked);
	if (set->fd >= 0)
		close(set->fd);
}

/* EPOLLPRI: at an urgent byte a recv stops short with more behind it. */
#define WATCHED (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET)

static int64_t set_add(px_ready *ready, px_handle *h, int32_t *sys_error)
{
	*sys_error = set_control(ready, EPOLL_CTL_ADD, h->fd, WATCHED, h);
	return *sys_error ? px_sys_error(*sys_error) : 0;
}

/* Changing a registration, even into itself, reports what is so now. */
static int64_t set_arm(px_ready *ready, px_handle *h, unsigned bits, int32_t *sys_error)
{
	PX_UNUSED(bits);
	*sys_error = set_control(ready, EPOLL_CTL_MOD, h->fd, WATCHED, h);
	return *sys_error ? px_sys_error(*sys_error) : 0;
}

static void set_remove(px_ready *ready, px_handle *h)
{
	set_control(ready, EPOLL_CTL_DEL, h->fd, 0, NULL);
}

/* The whole milliseconds that are at least so long: never early. */
static int whole_ms(int64_t ns)
{
	return ns < 0 ? -1 : (int)PX_MIN((ns + 999999) / 1000000, (int64_t)INT32_MAX);
}

static int set_sleep(epoll_set *set, int64_t left_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(left_ns / PROA_SEC),
	                      .tv_nsec = left_ns % PROA_SEC};

	px_count(&set->ready.core->stat.system_calls);
	if (left_ns > 0 && !set->no_pwait2) {
		int n = (int)syscall(SYS_epoll_pwait2, set->fd, set->events, BATCH, &ts, NULL,
		                     (size_t)0);

		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		set->no_pwait2 = true;
	}
	return epoll_wait(set->fd, set->events, BATCH, whole_ms(left_ns));
}

static unsigned ready_bits(uint32_t events)
{
	unsigned bits = 0;

	if (events & EPOLLIN)
		bits |= PX_READY_IN;
	if (events & EPOLLOUT)
		bits |= PX_READY_OUT;
	if (events & (EPOLLRDHUP | EPOLLPRI))
		bits |= PX_READY_IN | PX_READY_HUP;
	if (events & (EPOLLHUP | EPOLLERR))
		bits |= PX_READY_IN | PX_READY_OUT | PX_READY_HUP;
	return bits;
}

static void set_wait(px_ready *ready, int64_t deadline_ns)
{
	epoll_set *set = set_of(ready);
	int n = set_sleep(set, px_ready_left_ns(ready->core, deadline_ns));

	px_ready_slept(ready);
	for (int i = 0; i < n; i++) { /* n < 0: interrupted; the loop comes again */
		px_handle *h = set->events[i].data.ptr;

		if (h) /* else it was only woken */
			px_ready_event(ready, h, ready_bits(set->events[i].events));
	}
}

static int set_fd(px_ready *ready)
{
	return set_of(ready)->fd;
}

static const px_selector epoll_selector = {
	.name = "epoll",
	.size_bytes = sizeof(epoll_set),
	.level = false,
	.short_drains = true,
	.open = set_open,
	.close = set_close,
	.add = set_add,
	.arm = set_arm,
	.remove = set_remove,
	.wait = set_wait,
	.fd = set_fd,
};

static int backend_open(px_core *core, char *why)
{
	return px_ready_open(core, &epoll_selector, why);
}

const px_backend_ops px_backend_epoll = {.name = "epoll", .open = backend_open, PX_READY_OPS};
