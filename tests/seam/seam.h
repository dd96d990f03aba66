/* The seam between the library and the kernel: which call fails, how, and who counts. */
/* SPDX-License-Identifier: MIT */
#ifndef SEAM_SEAM_H
#define SEAM_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- how it is put in ----
 *
 * The library's archive is copied, and in the copy the names in tests/seam/symbols are others: recv
 * is seam_recv. So the library's calls come by here, and those of the tests and of libc do not.
 * Rings are shadowed (seam_uring.c): the library writes and reads memory of ours, and entries are
 * carried to the kernel and back at each enter.
 *
 * One rule at a time says what happens:  CALL:K:WHAT[:TIMES]
 *
 *   CALL  a name of SEAM_CALLS
 *   K     the number of the call, from 1, counted by name while a test runs
 *   WHAT  a name of an error, or one of SEAM_WORDS
 *   TIMES that many calls from K on, 1 if not said; "ever": all of them
 *
 * or, for programs that look at what comes out and not at how:  any:SEED:PERMILLE
 *
 * Then each call is struck with that probability by one of those things that reach nobody. Want of
 * descriptors and memory is none of them: it takes time, and is noticed.
 *
 * Nothing is done that a kernel could not have done. */

/* Name, what it can answer. In front of the bar stands what the contract says reaches nobody: with
 * those a test must pass. Behind it what is told as an error of an op or a call. */
#define SEAM_CALLS(X)                                                                              \
	X(socket, "| EMFILE ENFILE ENOBUFS ENOMEM")                                                \
	X(bind, "| EADDRINUSE EACCES")                                                             \
	X(listen, "| EADDRINUSE")                                                                  \
	X(accept4, "EINTR EAGAIN ECONNABORTED EPROTO EPERM ENETDOWN EHOSTDOWN ENONET ETIMEDOUT "   \
	           "EMFILE ENFILE ENOBUFS ENOMEM | EINVAL")                                        \
	X(connect, "after_EINTR | ECONNREFUSED ENETUNREACH EADDRNOTAVAIL EAGAIN ETIMEDOUT")        \
	X(recv, "EINTR EAGAIN | short ECONNRESET ETIMEDOUT ENOMEM")                                \
	X(recvmsg, "EINTR EAGAIN | ECONNREFUSED ENOMEM")                                           \
	X(recvmmsg, "EINTR EAGAIN | short ECONNREFUSED ENOMEM")                                    \
	X(sendmmsg, "EINTR EAGAIN short | ECONNREFUSED ENOBUFS")                                   \
	X(send, "EINTR EAGAIN short | EPIPE ECONNRESET ENOBUFS ENOMEM ETIMEDOUT")                  \
	X(sendmsg, "EINTR EAGAIN short | EPIPE ECONNRESET ENOBUFS")                                \
	X(sendto, "EINTR EAGAIN | ENOBUFS ENETUNREACH EPERM ECONNREFUSED")                         \
	X(sendfile, "EINTR EAGAIN short EINVAL ENOSYS | EIO EPIPE ECONNRESET ENOMEM")              \
	X(splice, "EINTR EAGAIN short | EINVAL ENOSYS ENOMEM EPIPE ECONNRESET")                    \
	X(shutdown, "| ENOTCONN")                                                                  \
	X(getsockopt, "| ENOBUFS")                                                                 \
	X(setsockopt, "| ENOBUFS ENOMEM")                                                          \
	X(getsockname, "| ENOBUFS")                                                                \
	X(socketpair, "| EMFILE ENOBUFS")                                                          \
	X(eventfd, "| EMFILE ENFILE ENOMEM")                                                       \
	X(epoll_create1, "| EMFILE ENFILE ENOMEM")                                                 \
	X(epoll_ctl, "| ENOMEM ENOSPC")                                                            \
	X(epoll_wait, "EINTR")                                                                     \
	X(epoll_pwait2, "EINTR ENOSYS EPERM")                                                      \
	X(poll, "EINTR ENOMEM EINVAL")                                                             \
	X(ppoll, "EINTR ENOMEM EINVAL")                                                            \
	X(read, "EINTR")                                                                           \
	X(write, "EINTR")                                                                          \
	X(pread, "EINTR short | EIO ENOMEM")                                                       \
	X(pwrite, "EINTR short | EIO ENOSPC EDQUOT EFBIG")                                         \
	X(fsync, "EINTR | EIO ENOSPC EDQUOT")                                                      \
	X(preadv, "EINTR short | EIO ENOMEM")                                                      \
	X(pwritev, "EINTR short | EIO ENOSPC EDQUOT EFBIG")                                        \
	X(fdatasync, "EINTR | EIO ENOSPC EDQUOT")                                                  \
	X(ftruncate, "EINTR | EIO EFBIG")                                                          \
	X(renameat, "| EIO ENOSPC EACCES")                                                         \
	X(linkat, "| EIO ENOSPC")                                                                  \
	X(symlinkat, "| EIO ENOSPC")                                                               \
	X(readlinkat, "| EIO")                                                                     \
	X(unlinkat, "| EIO EBUSY")                                                                 \
	X(mkdirat, "| EIO ENOSPC")                                                                 \
	X(fchmod, "EINTR | EIO EPERM")                                                             \
	X(futimens, "| EIO EPERM")                                                                 \
	X(copy_file_range, "EINTR EXDEV EINVAL ENOSYS EOPNOTSUPP EPERM short | EIO ENOSPC ENOMEM") \
	X(openat, "EINTR | EMFILE ENFILE ENOMEM EACCES")                                           \
	X(openat2, "EINTR EAGAIN ENOSYS EPERM | EMFILE ENOMEM EXDEV")                              \
	X(getdents64, "| EIO ENOENT")                                                              \
	X(preadv2, "EINTR EAGAIN EOPNOTSUPP")                                                      \
	X(cachestat, "ENOSYS EPERM EOPNOTSUPP")                                                    \
	X(fstat, "| EIO ENOMEM")                                                                   \
	X(fstatfs, "EINTR EIO ENOSYS")                                                             \
	X(lseek, "| EIO")                                                                          \
	X(close, "after_EINTR after_EIO")                                                          \
	X(mmap, "| ENOMEM")                                                                        \
	X(getaddrinfo, "| EAI_AGAIN EAI_MEMORY EAI_FAIL")                                          \
	X(pthread_create, "| EAGAIN")                                                              \
	X(alloc, "| ENOMEM")                                                                       \
	X(pipe2, "| EMFILE ENFILE")                                                                \
	X(pipe_read, "EINTR EAGAIN | short EIO ENOMEM")                                            \
	X(writev, "EINTR EAGAIN short | EPIPE EIO ENOMEM")                                         \
	X(dup, "| EMFILE")                                                                         \
	X(dup2, "| EBUSY")                                                                         \
	X(open, "| EMFILE ENFILE ENOMEM EACCES")                                                   \
	X(fdopendir, "| ENOMEM")                                                                   \
	X(readdir, "| EIO")                                                                        \
	X(inotify_init1, "| EMFILE ENOMEM")                                                        \
	X(inotify_add_watch, "| ENOSPC ENOMEM EACCES")                                             \
	X(inotify_rm_watch, "after_EINVAL")                                                        \
	X(fchmodat, "EINTR | EIO EPERM")                                                           \
	X(utimensat, "EINTR | EIO EPERM")                                                          \
	X(faccessat, "| EIO ENOMEM")                                                               \
	X(fstatat, "| EIO ENOMEM")                                                                 \
	X(posix_fallocate, "EINTR | EIO ENOSPC EFBIG")                                             \
	X(realpath, "| EIO ENOMEM")                                                                \
	X(tcgetattr, "| EIO")                                                                      \
	X(tcsetattr, "EINTR | EIO")                                                                \
	X(fork, "| EAGAIN ENOMEM")                                                                 \
	X(waitpid, "EINTR | after_ECHILD")                                                         \
	X(execve, "| EACCES ENOMEM E2BIG ETXTBSY ENOEXEC EIO")                                     \
	X(chdir, "| EACCES EIO")                                                                   \
	X(setpgid, "| EPERM")                                                                      \
	X(setsid, "| EPERM")                                                                       \
	X(setgroups, "EPERM | ENOMEM")                                                             \
	X(setresgid, "| EPERM")                                                                    \
	X(setresuid, "| EPERM EAGAIN")                                                             \
	X(pidfd_open, "| EMFILE ENFILE ENOMEM")                                                    \
	X(close_range, "ENOSYS EPERM EINVAL")                                                      \
	X(getpeername, "| ENOBUFS")                                                                \
	X(getnameinfo, "| EAI_AGAIN EAI_MEMORY EAI_FAIL")                                          \
	X(malloc, "| ENOMEM")                                                                      \
	X(uring_setup, "EINVAL | EPERM ENOSYS ENOMEM EMFILE")                                      \
	X(uring_register, "| EINVAL ENOMEM EPERM")                                                 \
	X(uring_enter, "EINTR EAGAIN EBUSY ENOMEM")                                                \
	X(uring_cqe, "late shuffle")                                                               \
	X(uring_accept, "ECANCELED EINTR EAGAIN single async ECONNABORTED EPROTO EPERM EHOSTDOWN " \
	                "ENONET EMFILE ENFILE ENOBUFS ENOMEM | EINVAL")                            \
	X(uring_connect, "async | ECANCELED EINTR ECONNREFUSED ENETUNREACH EADDRNOTAVAIL "         \
	                 "ETIMEDOUT")                                                              \
	X(uring_recv, "ECANCELED EINTR EAGAIN single async | short ECONNRESET ETIMEDOUT ENOMEM")   \
	X(uring_nobufs, "ENOBUFS")                                                                 \
	X(uring_recvmsg, "ECANCELED EINTR EAGAIN async | ECONNREFUSED ENOMEM")                     \
	X(uring_send, "ECANCELED EINTR EAGAIN short async | EPIPE ECONNRESET ENOBUFS ENOMEM")      \
	X(uring_sendmsg, "ECANCELED EINTR EAGAIN async | EPIPE ECONNRESET ENOBUFS")                \
	X(uring_read, "ECANCELED EINTR EAGAIN short async | EIO ENOMEM")                           \
	X(uring_pipe_read, "ECANCELED EINTR EAGAIN async | short EIO ENOMEM")                      \
	X(uring_write, "ECANCELED EINTR EAGAIN short async | EIO ENOSPC EDQUOT EFBIG")             \
	X(uring_fsync, "ECANCELED EINTR async | EIO ENOSPC EDQUOT")                                \
	X(uring_poll, "ECANCELED EINTR single | ENOMEM")                                           \
	X(uring_cancel, "EALREADY")                                                                \
	X(uring_timeout, "ECANCELED | ENOMEM")

typedef enum seam_call {
#define SEAM_ENUM(name, can) SEAM_##name,
	SEAM_CALLS(SEAM_ENUM)
#undef SEAM_ENUM
		SEAM_CALL_COUNT
} seam_call;

/* short: one byte moves, or one message of several. single: a multishot is none. async: by a thread
 * of the kernel's. late: the completion is kept back for some enters. shuffle: it overtakes those
 * of other ops. lost: it never comes, which no kernel does: in no table, but the account must find
 * it. */
#define SEAM_WORDS(X) X(short) X(single) X(async) X(late) X(shuffle) X(lost)

enum {
	SEAM_PASS = 0, /* errors are above */
#define SEAM_WORD_ENUM(name) SEAM_W_##name##_,
	SEAM_WORDS_BASE = -64,
	SEAM_WORDS(SEAM_WORD_ENUM)
#undef SEAM_WORD_ENUM
		SEAM_AFTER = 0x10000 /* or-ed to an error: the call is made all the same */
};

/* Shared with whoever started this process. */
typedef struct seam_account {
	long calls[SEAM_CALL_COUNT];
	long hits;    /* how often the rule did something */
	long excused; /* checks that did not hold, and need not */
	bool left;    /* the test was given up */
	bool stuck;   /* because it waited for something of its own that could not come */
} seam_account;

extern seam_account *seam_now;
extern bool seam_armed;  /* a test runs */
extern bool seam_says;   /* each call that a rule of any strikes, on stderr */
extern int seam_waiting; /* threads in a call of the library's that waits for the kernel */
extern _Thread_local int seam_held; /* this one is, or in one that waits for another thread */

/* Reads a rule; what is wrong with it, or NULL. An empty one makes nothing fail. */
const char *seam_rule_set(const char *text);
bool seam_rule_benign(void);
const char *seam_call_name(seam_call);
/* Prints each call, its place in time (benign or not), and what it can answer. */
void seam_table_print(void);

/* Counts a call; what is to happen to it: SEAM_PASS, an error, or a word. */
int seam_hit(seam_call);

/* ---- descriptors of the library ---- */

/* A child process that has not come to its program: what it opens is its own. */
extern _Thread_local bool seam_in_child;

int seam_opened(int fd); /* fd, also if it is an error */
void seam_closed(int fd);
/* Handed out to the test, whose it is from now on. */
void seam_given(int fd);
/* How many are open that the library opened, and has not closed or handed out; their numbers. */
int seam_leaked(char *text, size_t bytes);

/* ---- rings, seam_uring.c ---- */

int seam_ring_setup(unsigned entries, void *params);
int seam_ring_enter(int fd, unsigned submit, unsigned wait, unsigned flags, const void *arg,
                    size_t bytes);
int seam_ring_register(int fd, unsigned opcode, const void *arg, unsigned n);
bool seam_ring_is(int fd);
void *seam_ring_map(int fd, size_t bytes, long long offset);
bool seam_ring_unmap(void *at);
void seam_ring_closed(int fd);
/* A kernel that lacks these, as an older one does: setup flags and registrations are EINVAL, an
 * operation is not in the probe, and EINVAL as an entry. -1: none. */
void seam_ring_lacks(uint32_t setup_flags, int registration, int operation);
/* Whether this kernel can be made to fail an entry. */
bool seam_ring_can(void);

#endif
