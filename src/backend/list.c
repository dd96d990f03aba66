/* The backends of this platform, the best first. */
/* SPDX-License-Identifier: MIT */
#include "backend/list.h"

/* PX_KQUEUE: there is the system's own, or what stands in for it (cmake/ProaKqueue.cmake). */
/* clang-format off */
const px_backend_ops *const px_backends[] = {
#ifdef __linux__
	&px_backend_uring,
	&px_backend_epoll,
#endif
#ifdef PX_KQUEUE
	&px_backend_kqueue,
#endif
#ifdef _WIN32
	&px_backend_iocp,
#else
	&px_backend_poll,
#endif
	NULL,
};
