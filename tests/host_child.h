/* What tests of child processes ask of the system, on both sides. */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOST_CHILD_H
#define TEST_HOST_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a program that lies beside this one. */
bool host_beside(const char *name, char *path, size_t bytes);
/* What the system opens once a process, before descriptors are counted. */
void host_children_begin(void);
/* This process has no child, running or dead; true also where nobody can tell. */
bool host_childless(void);

/* In the child: */
void host_bytes(void);                      /* stdin and stdout are to carry bytes as they are */
bool host_folder(char *path, size_t bytes); /* the current one */
/* HOST_SIGNALS: how many signals are blocked or ignored. */
int host_deaf(void);
bool host_is_leader(void); /* of a process group */
unsigned host_user(void);  /* the user's number */

#endif
