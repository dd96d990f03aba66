/* Simulation: programs of several machines in one thread, on virtual time, with seeded faults. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_SIM_H
#define PROA_SIM_H
#include "proa/net.h"
PROA_C_BEGIN

/* A world holds nodes: simulated machines with a name, an address, a clock, a disk, and loops whose
 * backend is "sim". One thread runs all of it, one generator draws every chance, no wall clock is
 * read: a run is its seed, and two runs of a seed have the same trace hash. docs/SIMULATION.md
 * teaches its use.
 *
 * What runs inside a node (its callbacks, its main, the threads that proa starts for it: workers,
 * groups) is on that node's system: proa_loop_open, proa_group_open and proa_workers_open belong to
 * it, addresses are those of the world, files lie on its disk, and proa_clock is its clock. Code
 * outside of any node (a test) may submit on a node's loop between runs, as if it were the node.
 *
 * All functions here belong to the thread that opened the world, outside of every node. Those that
 * say "anywhere" may be called inside a node too. */
typedef struct proa_world proa_world;
typedef struct proa_node proa_node;

/* ---- faults ---- */

/* X(name, text): what may go wrong, each with a chance of its own in parts per million, for every
 * kind of operation that it can happen to. */
#define PROA_FAULTS(X)                                                                   \
	X(LATE, "a completion comes later than what it tells of")                        \
	X(SHORT, "a call moves fewer bytes than it could")                               \
	X(ONE_BYTE, "a call moves one byte")                                             \
	X(ERROR_BEFORE, "an operation fails before anything moved")                      \
	X(ERROR_DURING, "a send fails with part of its bytes gone, and the connection")  \
	X(ERROR_AFTER, "the connection fails behind the bytes")                          \
	X(RESET, "a connection is reset on its way")                                     \
	X(HALF_CLOSE, "a connection ends early in one direction")                        \
	X(STALL, "bytes lie still for seconds")                                          \
	X(EXHAUSTED, "no descriptor or memory: EMFILE, ENFILE, ENOBUFS, ENOMEM")         \
	X(NO_BUFFER, "the system finds no buffer in a pool, though there is one")        \
	X(MULTISHOT, "the system ends a multishot operation, which is to be armed anew") \
	X(CANCEL_LATE, "a cancel takes its time")                                        \
	X(CANCEL_LOST, "a cancel misses, and is asked again later")                      \
	X(REFUSED, "a connect is refused")                                               \
	X(HANG, "a connect or a look-up is never answered")                              \
	X(ABORTED, "a connection is gone when it is accepted")                           \
	X(STORM, "a crowd connects that goes away at once")                              \
	X(LOST, "a datagram, or a connect's first packet, is lost")                      \
	X(TWICE, "a datagram comes twice")                                               \
	X(REORDER, "what happens at one time happens in another order")                  \
	X(NO_MEMORY, "the allocator of a loop says no")                                  \
	X(DISK_ERROR, "a file's operation fails: EIO, ENOSPC")

typedef enum proa_fault {
#define PROA_FAULT_ENUM(name, text) PROA_FAULT_##name,
	PROA_FAULTS(PROA_FAULT_ENUM)
#undef PROA_FAULT_ENUM
		PROA_FAULT_COUNT
} proa_fault;

/* ---- the world ---- */

typedef struct proa_world_options {
	size_t size;
	uint64_t seed;
	/* Chances in parts per million, for every kind of operation that it can happen to; 0:
	 * never. Each is the fault of that name (short_io_ppm: SHORT); proa_world_fault sets them
	 * for one kind. */
	uint32_t late_ppm, short_io_ppm, one_byte_ppm;
	uint32_t error_before_ppm, error_during_ppm, error_after_ppm;
	uint32_t reset_ppm, half_close_ppm, stall_ppm, exhausted_ppm, no_buffer_ppm, multishot_ppm;
	uint32_t cancel_late_ppm, cancel_lost_ppm;
	uint32_t refused_ppm, hang_ppm, aborted_ppm, storm_ppm;
	uint32_t lost_ppm, twice_ppm, reorder_ppm;
	uint32_t no_memory_ppm, disk_error_ppm;
	/* At a power failure, of each unsynced sector, and of each unsynced write. */
	uint32_t sector_lost_ppm, write_torn_ppm;
	int64_t latency_min_ns, latency_max_ns; /* between nodes, one way (0: 100 us) */
	int64_t late_max_ns;                    /* how late LATE is (0: 10 ms) */
	uint64_t bandwidth;                     /* bytes a second a direction (0: no limit) */
	size_t window_bytes;                    /* on its way and unread, a direction (0: 64 KiB) */
	size_t stack_bytes;                     /* of a simulated thread (0: 256 KiB) */
	/* What all that proa holds for one node's program may come to (its loops, pools, servers,
	 * workers); more is a violation. 0: no bound. */
	size_t memory_max_bytes;
	/* Told of a violation of the contract, by the library or by the program, where it is found:
	 * often in the middle of a node's call, so it submits nothing. The text names the seed.
	 * NULL: it stops the program with that text. */
	void (*violation)(const char *text, void *user);
	/* Told of each completion, fault, start and end of a program, in a line without its end:
	 * time, node ("-": none), what. For looking at one seed; changes nothing in the run. */
	void (*trace)(const char *text, void *user);
	void *user;
} proa_world_options;

/* 0, -PROA_ENOMEM, -PROA_ESIZES. */
PROA_API int proa_world_open(proa_world **world, const proa_world_options *options);
/* Closes every loop, runs their callbacks, frees all; *world becomes NULL. -PROA_ELEAK: memory,
 * descriptors or operations were left, or something could not end within a virtual minute. */
PROA_API int proa_world_close(proa_world **world);

PROA_API int64_t proa_world_now(const proa_world *world); /* virtual ns since it began; anywhere */
/* Runs everything that happens within for_ns; how many events that were. */
PROA_API int64_t proa_world_run(proa_world *world, int64_t for_ns);
/* Runs until this op (submitted with done NULL or not, on any loop) is final: its result. Stops the
 * program if nothing is left that could end it, if its node was killed, or after a virtual day. */
PROA_API int64_t proa_world_await(proa_world *world, proa_op *op);
/* Runs until done(user), asked outside of every node behind each event, says so: 0; or
 * -PROA_ETIMEDOUT when the time is over or nothing is left to happen. */
PROA_API int proa_world_until(proa_world *world, bool (*done)(void *user), void *user,
                              int64_t within_ns);
/* Turns all faults off, heals every link, resumes every node and runs until no operation is in
 * flight but those in the background, or the time is over: 0 or -PROA_ETIMEDOUT. A server always
 * has an accept in flight: where there is one, ask proa_world_until for what is to be done. */
PROA_API int proa_world_settle(proa_world *world, int64_t within_ns);
/* Calls fn(user) at that virtual time, outside of every node, in the middle of a run: it may submit
 * on loops and call what says "anywhere", but not run, await, settle, open or close. Anywhere.
 * -PROA_ENOMEM. */
PROA_API int proa_world_at(proa_world *world, int64_t at_ns, void (*fn)(void *user), void *user);
/* For a program's own choices, from the world's generator: uniform in [0, n), n > 0; anywhere. */
PROA_API uint64_t proa_world_random(proa_world *world, uint64_t n);
/* A hash of everything that was submitted and completed so far, by node: kinds, times, results,
 * counts, and the bytes that were received or read from files. Anywhere. */
PROA_API uint64_t proa_world_trace_hash(const proa_world *world);

/* The chance of a fault from now on; `kind` as proa_stats_kind names it, NULL for all that it can
 * happen to. 0; -PROA_EINVAL: no such kind, or one that it cannot happen to (docs/SIMULATION.md has
 * the table). LATE, say, can happen to one kind; REORDER and NO_MEMORY only to all. Anywhere. */
PROA_API int proa_world_fault(proa_world *world, proa_fault fault, const char *kind, uint32_t ppm);
PROA_API const char *proa_fault_name(proa_fault fault); /* "LATE"...; static text */
/* All faults off, or on again as they were. Anywhere. */
PROA_API void proa_world_calm(proa_world *world, bool calm);

typedef struct proa_world_stats {
	size_t size;
	uint64_t operations;               /* submitted, posts included */
	uint64_t completions;              /* MORE ones included */
	uint64_t events;                   /* of the world */
	uint64_t faults[PROA_FAULT_COUNT]; /* injected */
	uint64_t violations;               /* told */
	uint64_t in_flight;                /* operations, now */
	uint64_t bytes;                    /* moved by connections and datagrams */
} proa_world_stats;
PROA_API void proa_world_get_stats(const proa_world *world, proa_world_stats *out); /* anywhere */

/* ---- nodes ---- */

/* A node with a loop that the world runs; NULL: no memory, or an error of proa_world_add. `addr` is
 * an IP literal without a port; several may be given, with commas between them. Names are looked
 * up: proa_resolve of `name` in another node finds the addresses. */
PROA_API proa_loop *proa_world_node(proa_world *world, const char *name, const char *addr);

typedef struct proa_node_options {
	size_t size;
	const char *name, *addr; /* as above; copied */
	/* The program, in one of two shapes. `start` is called with a loop that the world runs as
	 * long as the node is up (a stop of it ends the program). `main` is called as a program's
	 * own would be: it opens loops and runs them. Both on a simulated thread: they may wait.
	 * When they fail (< 0) or main returns, the node goes down. Called again at each restart.
	 */
	int (*start)(proa_loop *loop, void *user);
	int (*main)(void *user);
	/* The node went down: `result` of the program, or -PROA_ECANCELED when it was killed. Its
	 * loops and their memory are gone, without callbacks; what the program allocated itself is
	 * still there, and nobody else's. As a call of proa_world_at. May be NULL. */
	void (*down)(int result, void *user);
	void *user;
	unsigned cpus;      /* what proa_group_open finds (0: 2) */
	unsigned files_max; /* descriptors (0: 1024) */
	int64_t disk_bytes; /* 0: no limit */
} proa_node_options;

/* Adds a node and starts its program in the next run. 0, -PROA_ENOMEM, -PROA_EINVAL (no name, or
 * one that exists), -PROA_EADDRTEXT, -PROA_EADDRINUSE. */
PROA_API int proa_world_add(proa_world *world, proa_node **node, const proa_node_options *options);
PROA_API proa_node *proa_world_find(proa_world *world, const char *name); /* NULL: none; anywhere */
/* The loop given to `start`, NULL while the node is down; anywhere. */
PROA_API proa_loop *proa_node_loop(proa_node *node);
/* A loop on the node that the caller runs by itself (proa_run and its kin move the whole world's
 * time) and closes. As proa_loop_open. A pause of the node does not stop it; a kill takes it along,
 * and its pointer is dead then (while the caller runs it, a kill stops the program). */
PROA_API int proa_node_open(proa_node *node, proa_loop **loop, const proa_loop_options *options);

typedef enum proa_kill {
	PROA_KILL_PROCESS, /* the system lives on: connections are reset or ended, files kept */
	PROA_KILL_POWER    /* nothing is said to anybody; unsynced writes may be lost or torn */
} proa_kill;
/* Anywhere, also for the node that calls; it happens when the current event is over. Its memory
 * goes back through the allocators that its loops were given, which must still be there. A node
 * that was about to start goes down without having run; one that is down stays so, and nothing is
 * told.
 */
PROA_API void proa_world_kill(proa_world *world, const char *name, proa_kill how);
PROA_API void proa_world_restart(proa_world *world,
                                 const char *name); /* starts it if it is down; anywhere */
/* Runs nothing of the node until resumed; its connections stay. Anywhere. */
PROA_API void proa_world_pause(proa_world *world, const char *name, bool paused);
PROA_API bool proa_world_is_up(proa_world *world, const char *name); /* anywhere */
/* As if the system sent the node's processes a signal; true if somebody listens. Anywhere. */
PROA_API bool proa_world_signal(proa_world *world, const char *name, int signo);

/* ---- the network; NULL for a name: every node; anywhere ---- */

PROA_API void proa_world_partition(proa_world *world, const char *from, const char *to,
                                   bool both_ways);
PROA_API void proa_world_heal(proa_world *world); /* all links */
PROA_API void proa_world_latency(proa_world *world, const char *from, const char *to,
                                 int64_t min_ns, int64_t max_ns);
PROA_API void proa_world_bandwidth(proa_world *world, const char *from, const char *to,
                                   uint64_t bytes_per_sec); /* 0: no limit */
/* Resets the connections between two nodes. */
PROA_API void proa_world_reset(proa_world *world, const char *from, const char *to);
/* Adds a name to the zone that every node's look-ups see; several addresses with commas. 0,
 * -PROA_EADDRTEXT, -PROA_ENOMEM. */
PROA_API int proa_world_zone(proa_world *world, const char *name, const char *addrs);

/* ---- clocks; anywhere ---- */

/* The node's clock gains so much from now on (parts per million, may be negative). */
PROA_API void proa_world_drift(proa_world *world, const char *name, int32_t ppm);
/* Its monotonic clock jumps forward, as after a suspend; its wall clock too. */
PROA_API void proa_world_jump(proa_world *world, const char *name, int64_t ns);
/* Somebody sets its wall clock (proa_wall) by so much, forward or back. */
PROA_API void proa_world_set_wall(proa_world *world, const char *name, int64_t by_ns);

/* ---- disks; not inside a node, where proa_file_open is ---- */

/* Writes a whole file, making folders; durable at once. 0 or an error. */
PROA_API int proa_world_file_put(proa_world *world, const char *name, const char *path,
                                 const void *bytes, size_t len);
/* Reads up to `len` bytes of it; its whole length, or an error. */
PROA_API int64_t proa_world_file_get(proa_world *world, const char *name, const char *path,
                                     void *out, size_t len);
/* The disk's size from now on: full if it holds more. 0: no limit. Anywhere. */
PROA_API void proa_world_disk(proa_world *world, const char *name, int64_t bytes);

PROA_C_END
#endif
