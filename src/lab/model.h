/* What the models share: their table, a connection, an echo's one turn. Each model is a file. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_MODEL_H
#define PX_LAB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every model is the same server: what a connection sends is sent back to it. They differ in how
 * they wait, and in nothing else. */
typedef struct px_lab_model {
	const char *name, *about;
	const char *wall;  /* why it leaves connections unanswered; NULL: it does not */
	uint32_t kib_each; /* of memory, about, that a connection takes */
	void (*serve)(const char *addr); /* until a signal ends the process */
} px_lab_model;

extern const px_lab_model *const px_lab_models[]; /* up to a NULL, as is the next */
/* Servers of the course's second part: they block when a message says so. */
extern const px_lab_model *const px_lab_stalls[];

const px_lab_model *px_lab_model_named(const char *name, size_t len); /* of both; NULL: none */

/* Threads of the models with a fixed number of them. */
enum { LAB_THREADS = 4, LAB_POOL = 64 };

/* ---- host.c: the process ---- */

/* One line on stderr, the first time only: what a model could not do. Any thread. */
void px_lab_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void px_lab_die(const char *what, int sys_error);

int64_t px_lab_now_ns(void);
/* As many descriptors as may be had, no SIGPIPE, and SIGTERM and SIGINT end it with status 0. */
void px_lab_prepare(void);
/* In a child: it ends with its parent, whatever ended that. */
void px_lab_end_with_parent(void);
/* Starts a thread that nobody waits for, with a small stack; 0 or an error number. */
int px_lab_thread(void *(*run)(void *), void *arg);

/* ---- conn.c ---- */

/* A listening socket. TCP_NODELAY is set on it, for accepted sockets inherit it: no system call a
 * connection. `flags` of socket(2); share: SO_REUSEPORT. */
int px_lab_listen(const char *addr, int flags, bool share);
/* Its address as text. */
enum { PX_LAB_ADDR = 128 };
void px_lab_name(int listener, char text[PX_LAB_ADDR]);
/* Says it on stdout. */
void px_lab_announce(int listener);

/* A connection as a blocking descriptor; waits for it, and for a free descriptor. */
int px_lab_accept_fd(int listener);

/* Without blocking. When the peer does not read what it is sent, the rest is kept, and nothing is
 * read from it until that is out: a slow reader costs one buffer, no more. */
typedef struct px_lab_conn {
	int fd;
	uint32_t from, to; /* of kept */
	char *kept;        /* NULL: nothing */
} px_lab_conn;

/* The next connection in `bytes` of zeroed memory that begin with a px_lab_conn; NULL: none now. */
void *px_lab_accept(int listener, size_t bytes);
void px_lab_close(px_lab_conn *c);

/* What a connection waits for after its turn. LAB_AGAIN: to be read, and there may be more at once
 * (it filled the buffer). */
typedef enum px_lab_next { LAB_READ, LAB_AGAIN, LAB_WRITE, LAB_GONE } px_lab_next;
/* What was kept is sent, else what came is received and sent back: one recv and one send. */
px_lab_next px_lab_turn(px_lab_conn *c);

/* ---- models/blocking.c ---- */

/* Serves a connection until it ends, and closes it. */
void px_lab_serve_one(int fd);

#endif
