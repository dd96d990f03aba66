/* What the systems do differently for a child process. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_POSIX_CHILD_H
#define PX_SYS_POSIX_CHILD_H

#include "sys/sys.h"

/* A child that calls fn(arg), which does not return; -1 and errno. If its memory is the parent's,
 * this thread goes on only once the child has become a program or ended. */
int64_t px_child_fork(int (*fn)(void *), void *arg);
/* Becomes readable when the child has ended: a descriptor, close-on-exec; -1 and errno. */
int px_child_watch(int64_t pid);

/* In the child: */
/* What is open from there on will not be open in the program. */
void px_child_cloexec_from(int first);
/* Takes on user and group, as the flags say; -1 and errno. */
int px_child_identity(const px_spawn *s);

#endif
