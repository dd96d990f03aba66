/* What of threads differs between POSIX systems. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_THREAD_NP_H
#define PX_SYS_THREAD_NP_H

#include "posix.h"

#include <pthread.h>
#include <signal.h>

int px_cond_init(pthread_cond_t *cond); /* 0, or an errno */
/* 0, or an errno: ETIMEDOUT at px_os_sys_now_ns() >= deadline_ns. */
int px_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns);
void px_thread_name(const char *name); /* of the calling thread, for debuggers */
#endif
