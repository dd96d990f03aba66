/* What proa asks of the system: one contract, one implementation per platform. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_SYS_H
#define PX_SYS_SYS_H

#include "base/alloc.h"
#include "base/util.h"
#include "proa/fs.h"
#include "proa/local.h"
#include "proa/net.h"

/* Results: >= 0, or -PROA_E... with the system's own code in *sys_error (where there is such an
 * argument; never NULL). Sockets and files are an int (on Windows the low 32 bits of a SOCKET or
 * HANDLE, see win.h). "Would block" is PX_AGAIN, which is no PROA
 * error and never leaves the backends. EINTR is retried inside. */
#define PX_AGAIN INT64_C(-1000000)

/* The most that one call moves of what it is given; callers go on behind it. macOS refuses what is
 * longer than INT_MAX, and Linux cuts it. */
#define PX_IO_MOST ((size_t)1 << 30)

/* ---- which system, system.c: the machine's own, or a simulated one (system.h) ---- */
typedef struct px_system px_system;

/* The one thing in proa that a thread carries with it. `inside`: the system runs this thread's
 * code; else the code called in from outside, last for something that lives there. */
#if defined(_WIN32) || defined(__APPLE__)
#define PX_TLS_STATIC
#else
#define PX_TLS_STATIC __attribute__((tls_model("initial-exec"))) /* no call to find it */
#endif
typedef struct px_here_type {
	const px_system *system;    /* NULL: the machine's own */
	const px_system *simulated; /* the last one that was not */
	bool inside;
} px_here_type;
extern _Thread_local px_here_type px_here PX_TLS_STATIC;
const px_system *px_system_here(void); /* the calling thread's; NULL: the machine's own */
void *px_system_place(void);           /* where in it: px_core.place */
const struct px_backend_ops *px_system_backend(const px_system *system);
int64_t px_system_clock(const px_system *system, const void *place); /* px_sys_now_ns there */
int64_t px_system_wall(const px_system *system, const void *place);  /* px_sys_wall_ns there */
/* A public call concerns something that was opened on `system` at `place`. As px_sys_thread. */
const void *px_system_come_in(const px_system *system, void *place);
static inline const void *px_system_come(const px_system *system, void *place)
{
	if (PX_LIKELY(!system && !px_here.system))
		return &px_here; /* no two threads have the same */
	return px_system_come_in(system, place);
}
/* A public call that opens something anew: on the machine's own system, unless a simulated one runs
 * the caller. */
void px_system_plain(void);
/* As px_allocator_init, for what is opened here. */
void px_system_allocator(px_allocator *, px_alloc_fn *fn, void *user);

/* ---- stacks to switch between, fiber.c ---- */
typedef struct px_fiber px_fiber;
/* A new one that runs fn(arg), which never returns, when it is first switched to; NULL: no memory.
 */
px_fiber *px_fiber_open(size_t stack_bytes, void (*fn)(void *), void *arg);
px_fiber *px_fiber_here(void); /* the calling thread's own stack becomes one; NULL: no memory */
/* From the running one to another, until somebody switches back. `ending`: nobody will. */
void px_fiber_switch(px_fiber *from, px_fiber *to, bool ending);
void px_fiber_close(px_fiber *); /* not the running one */

/* ---- errors, err.c ---- */
int64_t px_sys_error(int sys_error); /* -PROA_E... for the system's code; -PROA_ESYS if unnamed */

/* ---- time and threads, thread.c ---- */
int64_t px_os_sys_now_ns(void);           /* of the machine */
int64_t px_system_now_ns(void);           /* of the simulated system that the thread is on */
int64_t px_sys_wall_ns(void);             /* since 1970 began, UTC; may be set back and forth */
static inline int64_t px_sys_now_ns(void) /* monotonic */
{
	return PX_UNLIKELY(px_here.system != NULL) ? px_system_now_ns() : px_os_sys_now_ns();
}
const void *px_sys_thread(void); /* names the calling thread; cheap */
void px_sys_yield(void);         /* lets another thread run */
unsigned px_sys_cpus(void);      /* that this process may use, >= 1 */

/* A mutex with a condition, sized for every platform; zero-filled memory is not enough: init. */
typedef struct px_lock {
	uint64_t opaque[16];
	const px_system *system;
} px_lock;
void px_lock_init(px_lock *);
void px_lock_destroy(px_lock *);
void px_lock_enter(px_lock *);
void px_lock_leave(px_lock *);
void px_lock_wait(px_lock *); /* entered; spurious wake-ups happen */
bool px_lock_wait_until(px_lock *,
                        int64_t deadline_ns); /* false: the time is over; INT64_MAX none */
void px_lock_wake_one(px_lock *);
void px_lock_wake_all(px_lock *);

typedef struct px_thread {
	uint64_t opaque[4];
	const px_system *system;
} px_thread;
/* Starts fn(arg) with every signal blocked; `name` (15 bytes at most) for debuggers. 0 or
 * -PROA_ENOMEM. */
int px_thread_start(px_thread *, void (*fn)(void *), void *arg, const char *name);
void px_thread_join(px_thread *);

/* SIGPIPE blocked for this thread; px_sys_sigpipe_restore swallows a pending one and unblocks if
 * this blocked it. For system calls that have no flag for it; false where there are none. */
bool px_sys_sigpipe_block(void);
void px_sys_sigpipe_restore(void);

/* A byte of memory that reads 0 in a child after fork and 1 before; NULL if the system has no such
 * memory. */
const volatile unsigned char *px_sys_fork_mark(void);
void px_sys_fork_unmark(const volatile unsigned char *);
int64_t px_sys_pid(void);

/* ---- waking, wake.c: an event counter (eventfd) or a pipe; not on Windows, where a port is woken
 * by a packet ---- */
typedef struct px_wake {
	int rd, wr;
} px_wake;
int px_wake_open(px_wake *); /* non-blocking unless `blocking`: 0 or an error */
void px_wake_close(px_wake *);
void px_wake_ring(px_wake *); /* any thread, signal handlers too */
void px_wake_drain(px_wake *);

/* ---- sockets, sock.c ---- */
/* Non-blocking or not is the backend's wish: nonblock is passed in. Always close-on-exec. */
int64_t px_sock_open(const proa_addr *, bool nonblock, int32_t *sys_error);
int px_sock_listen(int fd, const proa_addr *, const proa_listen_options *,
                   int32_t *sys_error); /* opts, bind, listen */
int64_t px_sock_accept(int fd, bool nonblock,
                       int32_t *sys_error); /* the fd, PX_AGAIN, or an error */
/* Before an accept that may find no descriptor: 0, or the error it would end with and throw away
 * the connection; always 0 where it stays in the backlog. Not on Windows. */
int64_t px_sock_accept_probe(int fd, int32_t *sys_error);
/* 0 connected, PX_AGAIN in progress (wait for writable, then px_sock_error), or an error. */
int64_t px_sock_connect(int fd, const proa_addr *, int32_t *sys_error);
int64_t px_sock_error(int fd, int32_t *sys_error); /* SO_ERROR as 0 or -PROA_E... */
int64_t px_sock_recv(int fd, void *, size_t,
                     int32_t *sys_error); /* bytes, 0 end, PX_AGAIN, error */
int64_t px_sock_send(int fd, const void *, size_t, int32_t *sys_error); /* never raises SIGPIPE */
int64_t px_sock_send_first(int fd, const void *, size_t, bool followed,
                           int32_t *sys_error); /* `followed`: by another at once; not on Windows */
int64_t px_sock_sendv(int fd, const proa_vec *, unsigned n, size_t skip,
                      int32_t *sys_error); /* skip: bytes already sent */
int64_t px_sock_send_file(int fd, int file, int64_t offset, int64_t count,
                          int32_t *sys_error);        /* may raise SIGPIPE; 0: file ended; not on
                                                         Windows, whose backend has TransmitFile */
int64_t px_sock_shutdown(int fd, int32_t *sys_error); /* the send side */
void px_sock_close(int fd, bool reset);               /* reset: SO_LINGER 0 first */
int px_sock_set_nonblock(int fd, bool on);
int px_sock_set_nodelay(int fd, bool on);
int px_sock_set_keepalive(int fd, int idle_s, int interval_s, int probes);
int px_sock_set_buffers(int fd, int recv_bytes, int send_bytes);
int px_sock_local(int fd, proa_addr *);
int px_sock_peer(int fd, proa_addr *);
proa_kind px_sock_kind(const proa_addr *); /* PROA_TCP, PROA_LOCAL; PROA_PIPE: Windows only */
/* proa_socket <-> descriptor: fd in bits 0 to 31, the kind in 32 to 39, bit 41 always set. That it
 * is non-blocking already, which spares the adopter a call, is bit 40. */
proa_socket px_socket_pack(int fd, proa_kind, bool nonblock);
int px_socket_fd(proa_socket);
proa_kind px_socket_kind(proa_socket);
bool px_socket_nonblock(proa_socket);
/* One of a simulated world, which has that number (from 1); 0: it is the machine's own. */
enum { PX_SOCKET_WORLDS = 1 << 10, PX_SOCKET_BIRTHS = 1 << 12 };
proa_socket px_socket_of_world(proa_socket, unsigned world, unsigned birth);
unsigned px_socket_world(proa_socket);
unsigned px_socket_birth(proa_socket);
void px_system_socket_close(proa_socket); /* on the system that it is of */
/* A loop of this system adopts it: stops the program if it is of another one, or stale. */
void px_system_socket_adopted(const px_system *system, proa_socket);

/* ---- pipes and terminals, pipe.c: what moves bytes and is no socket ---- */
/* A pipe, close-on-exec: fd[0] reads, fd[1] writes; each non-blocking as wished. 0 or an error. */
int px_pipe_open(int fd[2], bool rd_nonblock, bool wr_nonblock, int32_t *sys_error);
/* One that came from elsewhere. Non-blocking, but for one that is only read where the backend wants
 * (`blocking`) to wait in the kernel. */
void px_pipe_prepare(int fd, bool blocking);
int64_t px_pipe_read(int fd, void *, size_t, int32_t *sys_error); /* bytes, 0 end, PX_AGAIN */
/* May raise SIGPIPE. skip: bytes already gone. Neither this nor the next on Windows, whose backend
 * writes. */
int64_t px_pipe_writev(int fd, const proa_vec *, unsigned n, size_t skip, int32_t *sys_error);
/* The peer sees the end, though the descriptor stays. */
int64_t px_pipe_shutdown(int fd, int32_t *sys_error);

/* Listens at a pipe's name, which nobody else may have: a descriptor, or an error. Only Windows
 * has such names; who connects opens one with px_sock_open, and the backend does the rest. */
int64_t px_pipe_listen(const proa_addr *, const proa_listen_options *, int32_t *sys_error);

/* Two stream sockets that are connected, or what stands for them: their kind, or an error. */
int64_t px_sock_pair(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error);

/* ---- datagrams, udp.c ---- */
int64_t px_udp_open(const proa_addr *, bool nonblock, int32_t *sys_error); /* IP only */
int px_udp_bind(int fd, const proa_addr *, const proa_udp_options *,
                int32_t *sys_error);                               /* opts, bind */
int px_udp_connect(int fd, const proa_addr *, int32_t *sys_error); /* also anew; never waits */
/* Groups, and what proa_udp_option names: 0 or an error. */
int px_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                bool join);
int px_udp_set(int fd, proa_udp_option option, int value);
uint32_t px_if_index(const char *name);
/* Not on Windows, whose datagrams are its backend's. Neither waits, whatever the descriptor says.
 * Bytes stored, PX_AGAIN, error; the message's outputs unless it fails. `info`: it may come with
 * more than from whom. */
int64_t px_udp_recv(int fd, proa_msg *msg, bool info, int32_t *sys_error);
/* Bytes that went, PX_AGAIN, error: the whole of what is behind `skip`, or so many of its segments
 * as the system takes at once. */
int64_t px_udp_send(int fd, const proa_msg *msg, size_t skip, int32_t *sys_error);
/* The same for n of them, each with its own outputs; no more than PX_UDP_BATCH at once. How many,
 * >= 1. Of a send each is whole, and none has more segments than one call takes. */
int64_t px_udp_recv_many(int fd, proa_msg *msgs, unsigned n, bool info, int32_t *sys_error);
int64_t px_udp_send_many(int fd, const proa_msg *msgs, unsigned n, int32_t *sys_error);
enum { PX_UDP_BATCH = 16, PX_UDP_SEGMENTS = 64, PX_UDP_PART = 65000 };
/* How much of what is behind `skip` one call takes; `alone`: it has refused to take segments. */
size_t px_udp_part(const proa_msg *msg, size_t skip, bool alone);
/* Where its byte `skip` is; an empty datagram's may be nowhere. */
static inline unsigned char *px_msg_at(const proa_msg *msg, size_t skip)
{
	return skip ? (unsigned char *)msg->buf + skip : msg->buf;
}
/* The system has written `len` bytes of its sockaddr into addr->data: makes a value of it, the rest
 * being zero. */
void px_addr_told(proa_addr *addr, size_t len);

/* ---- look-ups, addr.c; px_sys_lookup blocks ---- */
int px_addr_parse(proa_addr *, const char *text, uint16_t default_port);
int px_addr_print(const proa_addr *, char *out, size_t size);
uint16_t px_addr_port(const proa_addr *); /* 0 if it has none */
void px_addr_set_port(proa_addr *, uint16_t port);
/* The IP address alone, v4 also where it is mapped into v6: 4 or 16 bytes, 0: it is none. */
size_t px_addr_host(const proa_addr *, unsigned char out[16]);
/* Of the family of `like`: v4 as ::ffff:1.2.3.4 and back, where that can be. */
void px_addr_like(proa_addr *addr, const proa_addr *like);
int64_t px_sys_lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                      unsigned max, int32_t *sys_error); /* how many, or an error */

/* The name of an address; blocks: its length, or an error. */
int64_t px_sys_reverse(const proa_addr *, char *out, size_t size, int32_t *sys_error);
bool px_sys_hosts_path(char *out, size_t size); /* where the hosts file is */

/* ---- files, file.c; all of them may block ---- */
/* Beside PROA_O_...: opening a FIFO does not wait for its other side. */
enum { PX_O_NO_WAIT = 1 << 15 };
int64_t px_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                     int32_t *sys_error); /* dir_fd -1: current folder */
int64_t px_file_stat(int fd, proa_stat_info *, int32_t *sys_error);
int64_t px_file_read(int fd, void *, size_t, int64_t offset, int32_t *sys_error);
int64_t px_file_write(int fd, const void *, size_t, int64_t offset,
                      int32_t *sys_error); /* one write, may be short */
/* As read and write, of pieces together PX_IO_MOST at most; skip: bytes of them already moved. */
int64_t px_file_readv(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                      int32_t *sys_error);
int64_t px_file_writev(int fd, const proa_vec *, unsigned n, size_t skip, int64_t offset,
                       int32_t *sys_error);
int64_t px_file_sync(int fd, int32_t *sys_error);
int64_t px_file_datasync(int fd, int32_t *sys_error); /* what is needed to read it again */
/* Up to len bytes from offset on to the same place of another file: bytes, 0 at its end. */
int64_t px_file_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error);
int64_t px_dir_read(int fd, void *buf, size_t len,
                    int32_t *sys_error); /* packs proa_dirents; 0 no more */
void px_file_close(int fd);
bool px_path_separates(char c); /* it stands between two components of a path */

/* ---- names, and what a file is, call.c; all of them may block ---- */

typedef enum px_call {
	PX_CALL_STAT,
	PX_CALL_LSTAT,
	PX_CALL_ACCESS,
	PX_CALL_RENAME,
	PX_CALL_LINK,
	PX_CALL_SYMLINK,
	PX_CALL_READLINK,
	PX_CALL_UNLINK,
	PX_CALL_MKDIR,
	PX_CALL_RMDIR,
	PX_CALL_CHMOD,
	PX_CALL_UTIME,
	PX_CALL_TRUNCATE,
	PX_CALL_ALLOCATE,
	PX_CALL_COUNT
} px_call;

/* What each takes, as proa/fs.h says of its namesake. */
typedef struct px_call_args {
	px_call call;
	int fd;           /* where relative paths begin (-1: the current folder); with no path: the
	                     open file itself */
	const char *path; /* NULL: CHMOD, UTIME of fd; TRUNCATE and ALLOCATE have none */
	const char *to;   /* RENAME, LINK: the new name; SYMLINK: what it points at */
	void *out;        /* STAT, LSTAT: a proa_stat_info; READLINK: room for len bytes */
	size_t len;
	int64_t a, b;  /* UTIME: of access and of writing; TRUNCATE: the size; ALLOCATE: where
	                  and how much */
	unsigned mode; /* ACCESS, MKDIR, CHMOD */
} px_call_args;

/* 0; READLINK: bytes without the 0 behind them, -PROA_ETOOLONG if there is no room for both; or an
 * error. */
int64_t px_file_call(const px_call_args *, int32_t *sys_error);

/* ---- files at once, now.c: what memory holds, for a loop's own thread. PX_AGAIN: it would have to
 * wait, or might; nothing was done, and the calls above do it on a worker ---- */
/* Whether these calls may be made for an open file or folder: it is on a file system of this
 * machine's, where opening, looking and reading ask nobody. May itself block. Never in a
 * simulation. */
bool px_file_near(int fd);
/* For reading, below a near folder and on its file system: a descriptor; ENOENT and ENOTDIR, if
 * that is known; else PX_AGAIN. */
int64_t px_file_open_now(int dir_fd, const char *path, int32_t *sys_error);
/* Of a near file: some bytes, 0 at its end, an error. */
bool px_file_held(int fd, int64_t offset, int64_t len); /* all of that is in memory */
int64_t px_file_read_now(int fd, void *, size_t, int64_t offset, int32_t *sys_error);

/* ---- watching files and folders, watch.c; not in a simulation ---- */
/* Opening and reading block, and are one worker's at a time; the descriptor is to be polled for
 * reading between. */
typedef struct px_fswatch px_fswatch;
int64_t px_fswatch_open(px_fswatch **, const char *path, bool tree, int32_t *sys_error);
int px_fswatch_fd(const px_fswatch *);
/* What there is, as packed proa_changes that stay until the next call: their bytes, perhaps 0. */
int64_t px_fswatch_read(px_fswatch *, const void **changes);
bool px_fswatch_ended(const px_fswatch *); /* nothing comes any more: what was watched is gone */
void px_fswatch_close(px_fswatch *);       /* NULL is nothing */

/* ---- signals, signal.c: the one process-wide table (a signal is a process-wide thing) ---- */
/* While a slot is held, `ring` is called in the handler's context for each `signo`. The slot >= 0,
 * or -PROA_EINVAL, -PROA_EBUSY. */
int px_signal_watch(int signo, void (*ring)(void *), void *arg);
void px_signal_unwatch(int slot); /* afterwards no ring of this slot runs or will */

/* ---- local sockets, local.c ---- */
int64_t px_local_gram(const proa_addr *own, bool nonblock, int32_t *sys_error); /* bound */
int64_t px_local_msg(bool nonblock, int32_t *sys_error); /* one that connects and keeps messages */
int px_local_pair_msg(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error);
int px_local_cred(int fd, proa_cred *);
/* Both wait never, also on blocking sockets: bytes, PX_AGAIN, error. skip: bytes already gone, with
 * the descriptors. *cut: there were more descriptors. Not on Windows. */
int64_t px_local_send_fds(int fd, const proa_fds *, size_t skip, int32_t *sys_error);
int64_t px_local_recv_fds(int fd, proa_fds *, bool *cut, int32_t *sys_error);

/* ---- from one stream to another within the kernel, splice.c ---- */
/* A pipe to hold what is on its way; -PROA_ENOTSUP where there is no such way. */
int px_splice_open(int fd[2], int32_t *sys_error);
/* One of the two is such a pipe, which never waits; the other one does unless it is non-blocking.
 * Bytes, 0 at the end of `from`, PX_AGAIN, error. May raise SIGPIPE. */
int64_t px_splice(int from, int to, int64_t len, int32_t *sys_error);

/* ---- standard streams and terminals, tty.c ---- */
/* A descriptor for the standard stream of that number, non-blocking as wished if it is a socket,
 * and always if it is none; and what it is. */
int64_t px_stdio_open(int number, bool nonblock, proa_kind *kind, int32_t *sys_error);
int px_tty_set(int fd, proa_tty_how);
void px_tty_forget(int fd); /* before its close: it is as it was found */
int px_tty_size(int fd, unsigned *columns, unsigned *rows);
int px_tty_signal(void); /* that tells of a new size; -1: there is none */

/* ---- child processes, child.c; px_child_spawn may block ---- */
enum { PX_STDIO_MAX = 64 };
enum { PX_SPAWN_GROUP = 1, PX_SPAWN_SESSION = 2, PX_SPAWN_UID = 4, PX_SPAWN_GID = 8 };
typedef struct px_spawn {
	const char *file;
	char *const *argv, *const *env; /* behind the last one NULL */
	const char *path;   /* where a file without a separator is looked for; NULL: nowhere */
	const char *folder; /* NULL: this process's */
	const int *fds;     /* by the child's number, what it gets there; -1: nothing to read, and
	                       what is written goes nowhere. It gets no others */
	unsigned n, flags;  /* n: from 3 to PX_STDIO_MAX; PX_SPAWN_... */
	uint32_t uid, gid;
} px_spawn;
/* The process's number once the program runs, or an error. *watch: a descriptor that can be read
 * when it has ended (Windows: the process's handle). */
int64_t px_child_spawn(const px_spawn *, int *watch, int32_t *sys_error);
/* The exit status of one that has ended, which is forgotten then; PX_AGAIN: it runs. *signo: what
 * killed it, and the result is 128 more; or 0. */
int64_t px_child_reap(int64_t pid, int watch, int *signo, int32_t *sys_error);
/* Of one that is not reaped yet. 0 or an error. */
int px_child_kill(int64_t pid, int watch, bool group, int signo);
void px_child_bury(int64_t pid, int watch); /* waits until it has ended, and forgets it */
int64_t px_child_number(int64_t pid);       /* what the system calls it */
enum { PX_SIGNAL_KILL = 9 };
/* A copy, close-on-exec: of a descriptor, or of this process's own 0, 1, 2 and so on. */
int64_t px_fd_copy(int fd, int32_t *sys_error);
int64_t px_stdio_copy(int number, int32_t *sys_error);
/* "NAME=value" each, behind the last one NULL; NULL where that is what a px_spawn says for it. */
char *const *px_sys_environ(void);

/* ---- limits, for doctor ---- */
int px_sys_name(char *out, size_t size); /* "Linux 6.18 x86_64"; the length */
int64_t px_sys_limit_files(void);
int64_t px_sys_limit_memlock(void); /* bytes, -1 unlimited */

#endif
