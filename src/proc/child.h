/* A child process from the inside: its record, and the request that a worker is given. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_PROC_CHILD_H
#define PX_PROC_CHILD_H

#include "op/core.h"
#include "proa/proc.h"
#include "sys/sys.h"

/* Copies of all that the options say. */
typedef struct px_child_request {
	px_spawn spawn;
	size_t bytes;
	uint64_t ours; /* a bit for each of fds that is closed with this */
	int fds[PX_STDIO_MAX];
	char *words[]; /* argv and env with their ends; behind them all texts */
} px_child_request;

typedef struct child {
	proa_op work, reap, life;
	px_op *spawn; /* until it is told */
	px_core *core;
	px_handle *handle;
	px_child_request *request; /* until the worker is back */
	int64_t pid;
	int watch;
	bool group;
	bool running; /* `reap` is in flight */
	bool busy;    /* `work` or `reap` is: they end before `life` does */
	bool ended;   /* what follows holds */
	int signo;
	int32_t sys_error;
	int64_t status;
} child;

/* 0, or why not. The handles of its stdio are open then, and perhaps otherwise too. */
int64_t px_child_request_new(px_core *core, const proa_spawn_options *o, px_child_request **out);
void px_child_request_free(px_core *core, px_child_request *r);

#endif
