/* What happens in a world, told line by line to who asked for it. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>

void px_sim_trace(px_world *w, const px_simnode *node, const char *format, ...)
{
	char text[192];
	va_list args;
	int n;

	if (!w->o.trace)
		return;
	n = snprintf(text, sizeof text, "%lld.%09lld %.64s ", (long long)(w->now_ns / PROA_SEC),
	             (long long)(w->now_ns % PROA_SEC), node ? node->name : "-");
	va_start(args, format);
	vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	w->o.trace(text, w->o.user);
}

void px_sim_trace_op(px_world *w, const px_core *core, const px_op *op)
{
	const px_simnode *node = core->place;
	const char *more = op->got & PROA_MORE ? " more" : "";
	int fd = op->handle ? op->handle->fd : -1;

	if (op->result < 0)
		px_sim_trace(w, node, "#%d %s: %s", fd, px_kind_name[op->kind],
		             proa_err_name(op->result));
	else
		px_sim_trace(w, node, "#%d %s: %lld%s", fd, px_kind_name[op->kind],
		             (long long)op->result, more);
}
