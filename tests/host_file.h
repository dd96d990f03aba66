/* Files and folders of the system under the tests. */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOST_FILE_H
#define TEST_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* A new file to read and write, gone when it is closed. -1: there is none. */
int host_file_temp(void);
/* The same file from its begin, for somebody whose calls wait. -1: it cannot be had. */
int host_file_again(int fd);
void host_file_close(int fd);
bool host_file_write(int fd, const void *, size_t, long long at); /* all */
bool host_file_truncate(int fd, long long size);

/* The reading and the writing end of a pipe whose calls wait, as the system makes them. */
bool host_pipe(int fd[2]);

/* Paths of files that are there: an empty one, one with many zeros at its begin. */
const char *host_path_empty(void);
const char *host_path_zeros(void);
const char *host_path_full_disk(void); /* HOST_FULL_DISK */
/* A folder outside of what tests make. */
const char *host_path_outside(void);
/* Paths that lead out of a folder on this system alone; the last is NULL. */
const char *const *host_path_escapes(void);

bool host_make_file(const char *path); /* empty */
bool host_make_dir(const char *path);
bool host_make_link(const char *path, const char *to); /* HOST_LINKS */
bool host_make_fifo(const char *path);                 /* HOST_LINKS: where there are links */
bool host_remove(const char *path);                    /* of any kind; false: is not there */
/* Each gets the other's name, at once; false: it cannot be done here. */
bool host_swap(const char *a, const char *b);
/* A new folder for short paths. */
bool host_temp_dir(char *path, size_t bytes);

#endif
