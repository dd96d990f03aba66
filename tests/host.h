/* What the tests ask of the system: time, processes, threads, limits, signals. */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h> /* says which printf it is */

/* One implementation per platform (host_posix*.c, host_win*.c); sockets are in host_net.h, files in
 * host_file.h. A test that needs what a system has not says so by NEED, and is skipped there. */

#ifdef __MINGW_PRINTF_FORMAT /* mingw's own printf behind the standard's names */
#define HOST_PRINTF(text, args) __attribute__((format(__MINGW_PRINTF_FORMAT, text, args)))
#else
#define HOST_PRINTF(text, args) __attribute__((format(printf, text, args)))
#endif

/* ---- what there is ---- */

typedef enum host_feature {
	HOST_FORK,       /* a child that has what its parent had */
	HOST_LIMIT,      /* a limit of descriptors that a process can lower */
	HOST_SIGNALS,    /* signals between threads, masks, EINTR */
	HOST_GRAMS,      /* local sockets of every sort, with descriptors in their messages */
	HOST_MSG,        /* local sockets that connect and keep messages */
	HOST_ABSTRACT,   /* local sockets with names that are in no file system */
	HOST_LOCAL,      /* stream sockets with a path for a name */
	HOST_PAIR,       /* socketpair */
	HOST_SILENT,     /* a listener whose queue is full lets connects wait */
	HOST_RESETS,     /* a reset is told as one, also if nobody waited when it came */
	HOST_REUSEPORT,  /* several listeners at one port, among which the system spreads */
	HOST_REFUSALS,   /* a recv that waits is told that nobody took a datagram */
	HOST_GROUPS,     /* joined by the number of an interface, and left */
	HOST_FULL_DISK,  /* a file that says so */
	HOST_LINKS,      /* symbolic links that anybody may make */
	HOST_SWAP,       /* two names of a folder change places by one call */
	HOST_FOREIGN,    /* descriptors that are not the library's */
	HOST_WATCH,      /* folders that can be watched */
	HOST_WATCH_SELF, /* and that are told to be gone, or by their names when they were moved */
	HOST_WATCH_LOG   /* changes that nobody takes are kept one by one, and too many are lost */
} host_feature;

/* Why it is not there, in words; NULL: it is. */
const char *host_lacks(host_feature);

/* How many times longer than on a plain machine a test may take. */
int host_slowness(void);

/* ---- time ---- */

long long host_now_ns(void); /* monotonic */
void host_sleep_us(unsigned long us);
void host_yield(void);

/* ---- this process ---- */

unsigned host_pid(void);

/* Open descriptors of this process, of each kind that the system knows; -1 if it does not tell. */
long host_descriptors(void);

void host_setenv(const char *name, const char *value); /* NULL: takes it out */

/* Ends the program with `text` on stderr once `seconds` are over; 0 disarms. `text` lives on. */
void host_watchdog(int seconds, const char *text);

/* The most descriptors that may be open, after the limit was raised as far as it goes. */
unsigned long host_descriptors_max(void);
/* HOST_LIMIT: lowers the limit so that so many more can be opened; puts it back. */
void host_limit_low(unsigned spare);
void host_limit_back(void);
/* Opens descriptors until there are no more, and closes them. */
void host_exhaust(void);
void host_relieve(void);

/* ---- other processes ---- */

typedef struct host_child {
	unsigned long long opaque[2];
} host_child;
/* Runs fn(arg) in a process of its own, whose exit status is what it returns: with HOST_FORK a copy
 * of this one, else this program begun anew. It has two minutes. */
bool host_child_start(host_child *, int (*fn)(const char *arg), const char *arg);
int host_child_wait(host_child *); /* its status; -1 if it ended in another way */
/* For main: runs what a parent said behind --child, as far as host_child_start says it so. */
int host_child_main(const char *which, const char *arg);

/* Runs fn in a child and keeps what it wrote to stderr, as text, cut to fit. 1: it aborted, 0: it
 * ended in another way, -1: it could not be started. */
int host_dies(void (*fn)(void), char *said, size_t bytes);

/* ---- threads ---- */

typedef struct host_thread {
	unsigned long long opaque[2];
} host_thread;
bool host_thread_start(host_thread *, void *(*fn)(void *), void *arg);
void host_thread_join(host_thread *);
unsigned long long host_thread_id(void); /* names the calling thread */

/* A mutex and a condition; host_lock_init before use. */
typedef struct host_lock {
	unsigned long long opaque[16];
} host_lock;
void host_lock_init(host_lock *);
void host_lock_destroy(host_lock *);
void host_lock_enter(host_lock *);
void host_lock_leave(host_lock *);
void host_lock_wait(host_lock *); /* entered; may come back for nothing */
void host_lock_wake(host_lock *); /* all */

/* ---- signals ---- */

/* Numbers by name; -1, which no signal has, where there is no such signal. */
typedef enum host_signal { HOST_SIG_A, HOST_SIG_B, HOST_SIG_KILL, HOST_SIG_STOP } host_signal;
int host_signo(host_signal);
/* As if it came from outside; told to who listens before this returns. */
void host_raise(int signo);

/* HOST_SIGNALS: a thread that sends the calling one a signal every `pause_us` (0: no pause).
 * `handled`: to a handler that does nothing, installed so that it interrupts system calls. */
void host_storm_start(int signo, bool handled, unsigned pause_us);
long host_storm_sent(void);
long host_storm_stop(void); /* how many were sent */

/* HOST_SIGNALS: what this thread does with SIGPIPE, to be compared: its handler, whether it is
 * blocked, whether one is pending. */
typedef struct host_sigpipe {
	unsigned long long handler;
	bool blocked, pending;
} host_sigpipe;
host_sigpipe host_sigpipe_now(void);

#endif
