/* Standard streams as handles, and terminals. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "proa/local.h"
#include "proa/proc.h"
#include "sys/sys.h"

int proa_stdio_open(proa_handle *handle, int number)
{
	px_handle *h = px_handle_of(handle);
	proa_kind kind = PROA_NONE;
	int32_t sys_error;
	px_core *core;
	int64_t fd;

	if (px_handle_closing(h))
		return -PROA_ECANCELED;
	if (h->state != PX_H_INIT || number < 0 || number > 2)
		return -PROA_EINVAL;
	core = px_handle_core(h);
	px_core_enter(core);
	if (core->system)
		return -PROA_ENOTSUP;
	fd = px_stdio_open(number, px_core_nonblock(core), &kind, &sys_error);
	if (fd < 0)
		return (int)fd;
	px_handle_open(h, (int)fd, kind);
	return (int)kind;
}

static bool is_terminal(const px_handle *h)
{
	return h->state == PX_H_OPEN && px_handle_kind(h) == PROA_TTY;
}

int proa_tty_set(proa_handle *tty, proa_tty_how how)
{
	px_handle *h = px_handle_of(tty);

	if (!is_terminal(h))
		return -PROA_ENOTSUP;
	px_core_enter(px_handle_core(h));
	return px_tty_set(h->fd, how);
}

int proa_tty_size(const proa_handle *tty, unsigned *columns, unsigned *rows)
{
	px_handle *h = px_handle_of(tty);

	return is_terminal(h) ? px_tty_size(h->fd, columns, rows) : -PROA_ENOTSUP;
}

/* A signal like others, where there is one. */
void proa_tty_resized(proa_handle *owner, proa_op *op, proa_done *done)
{
	int signo = px_tty_signal();
	px_op *refused;

	if (signo > 0) {
		proa_signal(owner, op, signo, done);
		return;
	}
	refused = px_op_begin(owner, op, PX_SIGNAL, done);
	if (!px_op_refused(refused))
		px_op_finish(refused, -PROA_ENOTSUP, 0, 0);
}
