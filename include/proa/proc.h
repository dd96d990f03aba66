/* What the process is for: blocking work on threads, strands, signals, and child processes. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_PROC_H
#define PROA_PROC_H
#include "proa/loop.h"
PROA_C_BEGIN

/* Lanes keep slow look-ups, files and computing from starving one another: each has its own threads
 * and queue. */
typedef enum proa_lane { PROA_LANE_CPU, PROA_LANE_FILES, PROA_LANE_DNS } proa_lane;

typedef struct proa_workers_options {
	size_t size;
	unsigned threads[3];   /* at most, by lane; started as needed (0: CPUs, 4, 4) */
	unsigned queue_max[3]; /* tasks waiting at most, by lane (0: 65536); more: EFULL */
} proa_workers_options;

/* A pool that several loops may share (proa_loop_options.workers). Errors: ENOMEM, EINVAL. Any
 * thread. */
PROA_API int proa_workers_open(proa_workers **workers, const proa_workers_options *options);
/* Takes no more tasks (they end with -PROA_ESTOPPED), lets those run that it has, and joins the
 * threads. Loops that used it must be closed when it returns 0. -PROA_ETIMEDOUT: a task outlived
 * the deadline (on the monotonic clock, 0: none); the pool is still there, to be closed again. */
PROA_API int proa_workers_close(proa_workers **workers, int64_t deadline_ns);

/* A serial queue on workers: its tasks run on any of one lane's, never two at once, in submission
 * order, and their dones come in that order; what is cancelled before it begins is told at once.
 * All zero is ready. Its first task decides the lane; one for another lane is misuse. Belongs to
 * one loop while it has tasks. */
typedef struct proa_strand {
	uint64_t px_[6];
} proa_strand;

/* Runs on a worker; may block; touches only what it was given. What it returns becomes op->result.
 */
typedef int64_t proa_work_fn(proa_op *op);

/* Submits fn to the CPU lane, through `strand` if not NULL. Cancellable until started; the running
 * function may ask. Errors: EFULL, ENOMEM (no thread could be started), ECANCELED. */
PROA_API void proa_work(proa_handle *owner, proa_op *op, proa_strand *strand, proa_work_fn *fn,
                        proa_done *done);
/* The same in a lane that the caller names: what blocks on a disk belongs to FILES and what waits
 * for somebody else's answer to DNS, so that CPU's few threads keep computing. It waits there
 * behind the library's own files and look-ups, and they behind it. */
PROA_API void proa_work_in(proa_handle *owner, proa_op *op, proa_lane lane, proa_strand *strand,
                           proa_work_fn *fn, proa_done *done);
PROA_API bool proa_work_cancelled(
	const proa_op *op); /* inside fn, on the worker: somebody asked to cancel */

/* Multishot: result: how often the signal came since last told. The signal's disposition is the
 * library's while any such op is in flight anywhere, and what it was before afterwards. Cancellable
 * always. Errors: EINVAL (no such signal, or one that cannot be caught), EBUSY (more than 64 in the
 * process). */
PROA_API void proa_signal(proa_handle *owner, proa_op *op, int signo, proa_done *done);

/* ---- child processes ---- */

/* What a child gets at one of its descriptors. */
typedef enum proa_stdio_how {
	PROA_STDIO_NULL,    /* nothing to read; what it writes goes nowhere */
	PROA_STDIO_INHERIT, /* this process's of the same number */
	PROA_STDIO_OS,      /* a copy of `os` */
	PROA_STDIO_PIPE,    /* of a new pipe: it reads at 0 and writes at others; `handle` is the
	                       other end */
	PROA_STDIO_PAIR     /* one of a proa_pair, both ways; `handle` is the other */
} proa_stdio_how;

typedef struct proa_stdio {
	proa_stdio_how how;
	proa_handle *handle; /* init; open from the submit on, also if the spawn fails: yours to
	                        close. It may belong to another owner on the same loop */
	proa_os_handle os;
} proa_stdio;

enum {
	PROA_SPAWN_GROUP =
		1, /* leads a process group of its own, which proa_child_kill is for then */
	PROA_SPAWN_SESSION = 2, /* leads a session of its own, without a terminal; and a group */
	PROA_SPAWN_UID = 4,     /* takes on `uid`; supplementary groups are dropped */
	PROA_SPAWN_GID = 8      /* takes on `gid`; likewise */
};

typedef struct proa_spawn_options {
	size_t size;
	const char *file;        /* NULL: argv[0]. Without a '/' it is looked for in this process's
	                            PATH; with one, relative to `folder` */
	const char *const *argv; /* the program's name by convention, its arguments, NULL */
	const char *const *env;  /* "NAME=value" each, and NULL; NULL: this process's, of now (on
	                            Windows: of when a worker starts it) */
	const char *folder;      /* NULL: this process's */
	const proa_stdio *stdio; /* by the child's descriptor: 0, 1, 2...; 64 at most */
	unsigned stdio_n;        /* how many; those behind, as far as 2, are PROA_STDIO_NULL */
	unsigned flags;          /* PROA_SPAWN_... */
	uint32_t uid, gid;
} proa_spawn_options;

/* Opens an init handle as a child process (PROA_CHILD) that runs a program; everything is copied.
 * It gets the descriptors that it is given, no others, and no blocked or ignored signal. 0 when the
 * program runs; or why it does not, also if only its last step failed: ENOENT (no program, no
 * folder), EACCES, ENOEXEC, EPERM (user, group), EMFILE, ETOOLONG (arguments and environment),
 * EINVAL (no argv, flags; a stdio handle that is not init)... ENOTSUP in a simulation. Cancellable
 * until a worker has begun. Allocates. The close of the handle kills a program that still runs (its
 * group, if it has one), and waits until it is gone: no child outlives its handle, and none becomes
 * a zombie. What this process may not kill (it has taken on another user, by its own right or as a
 * set-user-ID program) ends by itself or not at all, and its handle's close, and its loop's, are
 * told no sooner. */
PROA_API void proa_spawn(proa_handle *child, proa_op *op, const proa_spawn_options *options,
                         proa_done *done);

/* Completes when the program has ended. result: its exit status; count: the signal that killed it,
 * and the status is 128 more then; else 0. Any number of ops, also afterwards: each is told the
 * same. ECHILD: nothing was spawned; or somebody else in this process has waited for it, and the
 * status is lost. A spawn that fails ends it with its error. Cancellable always: the program goes
 * on. */
PROA_API void proa_exited(proa_handle *child, proa_op *op, proa_done *done);

/* Sends a signal (the system's number) to the program, or its group; 0: only asks. 0, EINVAL,
 * EPERM, ECHILD (has ended, or is not spawned yet). On Windows SIGINT, SIGTERM and SIGKILL end it
 * at once. */
PROA_API int proa_child_kill(proa_handle *child, int signo);

PROA_API int64_t proa_child_pid(const proa_handle *child); /* its number; -PROA_ECHILD */

PROA_C_END
#endif
