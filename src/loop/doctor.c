/* What this machine can do: every backend opened once to see. */
/* SPDX-License-Identifier: MIT */
#include "proa/doctor.h"

#include "loop/loop.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>

static void text_copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

/* A core without a loop around it: all that a backend's open and close look at. */
static bool backend_works(px_core *core, const px_backend_ops *ops, char *why)
{
	static const proa_loop_options none;
	int rc;

	memset(core, 0, sizeof *core);
	px_core_init(core, &none);
	core->ops = ops;
	rc = ops->open(core, why);
	ops->close(core, false);
	px_sys_fork_unmark(core->fork_mark);
	return rc == 0;
}

static void backends_look(proa_doctor_report *r)
{
	px_allocator a;
	px_core *core;

	px_allocator_init(&a, NULL, NULL);
	if (!(core = px_alloc(&a, sizeof *core)))
		return;
	for (unsigned i = 0; px_backends[i] && r->backends < PX_COUNT(r->backend); i++) {
		proa_doctor_item *item = &r->backend[r->backends++];

		text_copy(item->name, sizeof item->name, px_backends[i]->name);
		item->works = backend_works(core, px_backends[i], item->why);
		if (px_backends[i]->examine)
			px_backends[i]->examine(r);
	}
	px_free(&a, core, sizeof *core);
}

static void chosen_look(proa_doctor_report *r)
{
	proa_loop *loop;

	if (proa_loop_open(&loop, NULL) < 0)
		return;
	text_copy(r->chosen, sizeof r->chosen, proa_loop_backend(loop));
	proa_loop_close(&loop, 0);
}

void proa_doctor(proa_doctor_report *r)
{
	if (r->size && r->size != sizeof *r)
		PX_PANIC("proa_doctor: the report is another version's");
	memset(r, 0, sizeof *r);
	r->size = sizeof *r;
	r->op_bytes = sizeof(proa_op);
	r->handle_bytes = sizeof(proa_handle);
	r->files_max = px_sys_limit_files();
	r->memlock_bytes = px_sys_limit_memlock();
	r->cpus = px_sys_cpus();
	px_sys_name(r->system, sizeof r->system);
	backends_look(r);
	chosen_look(r);
}
