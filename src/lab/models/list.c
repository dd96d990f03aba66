/* The table of the models, in the order of the course. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <string.h>

const px_lab_model *const px_lab_models[] = {
	&px_lab_blocking,
	&px_lab_process,
	&px_lab_thread_each,
	&px_lab_pool,
	&px_lab_select,
	&px_lab_poll,
	&px_lab_epoll_level,
	&px_lab_epoll_edge,
	&px_lab_epoll_oneshot,
	&px_lab_epoll_reuseport,
	&px_lab_uring_ready,
	&px_lab_uring_complete,
	&px_lab_uring_multishot,
	&px_lab_proa_uring,
	&px_lab_proa_epoll,
	&px_lab_proa_poll,
	NULL,
};

const px_lab_model *const px_lab_stalls[] = {
	&px_lab_stall_epoll,
	&px_lab_stall_proa,
	&px_lab_stall_workers,
	NULL,
};

static const px_lab_model *find(const px_lab_model *const *list, const char *name, size_t len)
{
	for (; *list; list++)
		if (strlen((*list)->name) == len && !memcmp((*list)->name, name, len))
			return *list;
	return NULL;
}

const px_lab_model *px_lab_model_named(const char *name, size_t len)
{
	const px_lab_model *found = find(px_lab_models, name, len);

	return found ? found : find(px_lab_stalls, name, len);
}
