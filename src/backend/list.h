/* The backends by name; which of them exist is the platform's file list. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_LIST_H
#define PX_BACKEND_LIST_H

#include "op/backend.h"

extern const px_backend_ops px_backend_uring;
extern const px_backend_ops px_backend_epoll;
extern const px_backend_ops px_backend_kqueue;
extern const px_backend_ops px_backend_poll;
extern const px_backend_ops px_backend_iocp;

#endif
