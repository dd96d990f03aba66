/* The models by name, for their files and the table. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_MODELS_LIST_H
#define PX_LAB_MODELS_LIST_H

#include "lab/model.h"

extern const px_lab_model px_lab_blocking, px_lab_process, px_lab_thread_each, px_lab_pool,
	px_lab_select, px_lab_poll, px_lab_epoll_level, px_lab_epoll_edge, px_lab_epoll_oneshot,
	px_lab_epoll_reuseport, px_lab_uring_ready, px_lab_uring_complete, px_lab_uring_multishot,
	px_lab_proa_uring, px_lab_proa_epoll, px_lab_proa_poll, px_lab_stall_epoll,
	px_lab_stall_proa, px_lab_stall_workers;

#endif
