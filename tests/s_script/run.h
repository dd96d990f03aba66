/* What runs a script: slots for handles and ops, ends of connections, what went wrong. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SCRIPT_RUN_H
#define S_SCRIPT_RUN_H

#include "host.h"
#include "proa.h"
#include "s_script/trace.h"

enum {
	SLOT_BYTES = 65536,
	CANARY = 8,        /* bytes behind a buffer that must stay as they are */
	PATTERN = 1 << 19, /* bytes of which everything that is sent is a part */
	ENDS = 24,         /* of connections, in one script */
	SEGMENTS = 200,    /* sends of an end */
	TX_MAX = 380000,   /* bytes that an end sends */
	LINKS = 12,        /* steps that wait for an op */
	HELD_MAX = 6       /* buffers that are kept */
};

/* What failed, which is what a shorter script must fail with, too. */
typedef enum script_failure {
	F_NONE,
	F_RESULT, /* a result outside of its stated set */
	F_FINALS, /* not one final, or after the handle's close, or outside of the run functions */
	F_ORDER,
	F_BYTES,  /* others than were sent, or too few */
	F_MEMORY, /* written where or when it may not be */
	F_SETTLE, /* what must end does not */
	F_TRACE,  /* another than the model's, or another backend's */
	F_LEAK,   /* something is left at the end */
	F_PLANTED,
	F_CRASH, /* the program ended: by an assertion, a sanitizer, the time limit */
	F_COUNT
} script_failure;

extern const char *const script_failure_name[F_COUNT];

/* What a world may do: nothing; what only the library sees, so that the outcome stays the same;
 * everything. */
enum { CHANCES_NONE, CHANCES_UNSEEN, CHANCES_ALL };

/* Where and how to run. */
typedef struct script_env {
	const char *backend;
	uint64_t seed;       /* of the world, for the simulation */
	const char *dir;     /* an empty folder for files */
	bool simulated;      /* no threads, no signals, no time but the world's */
	uint8_t chances;     /* CHANCES_..., drawn from the seed */
	int plant;           /* >= 0: a final of an op of this kind ... */
	int64_t plant_min;   /* ... with so much for a result is a failure; for tests */
	int64_t patience_ns; /* what has not come by then does not come; 0: 30 s */
} script_env;

/* What the model knows of a race-free script. */
typedef struct plan_settle {
	unsigned flying, closing;
	uint64_t moved;
} plan_settle;

typedef struct plan {
	plan_settle settle[SCRIPT_STEPS + 1]; /* by step; the last one at the end */
	int64_t result[SCRIPT_OPS];           /* of ops that were final, told once and simply */
	bool told[SCRIPT_OPS];
	trace trace;
} plan;

typedef struct script_result {
	script_failure failure;
	unsigned step; /* that was reached */
	char text[400];
	uint64_t ops; /* that were submitted */
	uint64_t faults;
	trace trace;
} script_result;

/* True if the script is race-free: then *plan is what must happen. Else the first step that is not
 * is in *step. */
bool script_plan(const script *, plan *, unsigned *step);

/* True if the backend works here. `plan` NULL: of a racing script. */
bool script_run(const script *, const plan *, const script_env *, script_result *);

/* Of the folder. */
void script_files_remove(const script_env *);

/* ---- the loop's making, loop.c; its world's, world.c ---- */

/* A loop of env->backend; NULL: it does not work here. In the simulation a world of env->seed is
 * made around it. */
proa_loop *script_loop_open(const script_env *env, const proa_loop_options *);
void script_world_open(proa_loop **loop, const script_env *env, const proa_loop_options *);
int script_world_close(void); /* 0 if there is none */
/* In a world: no faults for now. */
void script_calm(bool calm);
bool script_may(proa_fault fault); /* the seed has given it a chance */
void script_pass(int64_t ns);      /* that time, in which the loop is not run */
/* Within which everything ends that can: a look-up that nobody answers takes a minute. */
int64_t script_patience_ns(void);
/* Faults that the world has injected so far. */
uint64_t script_faults(void);
/* 0, or the error of the close. */
int script_loop_close(proa_loop **loop);

/* ---- inside ---- */

typedef struct segment {
	uint32_t base, count; /* bytes of the pattern */
	bool loose;           /* zeros may stand for them: a file's, in a racing script */
	bool maybe;           /* or fewer, if nothing goes behind it */
} segment;

/* One end of a connection; stays until the script has ended. */
typedef struct end {
	int peer; /* -1: not known */
	uint16_t port, peer_port;
	bool shut, torn, unsure, failed, aborted; /* what was asked, what happened */
	bool closing, eof, whole;
	unsigned n_segments;
	uint32_t tx, rx;
	segment segment[SEGMENTS];
	unsigned char bytes[TX_MAX];
} end;

/* OPENING: by what nothing may wait behind: a pair, a name, a file. */
enum { H_FREE, H_INIT, H_OPENING, H_LISTENER, H_CONNECTING, H_TCP, H_UDP, H_FILE };

typedef struct hand {
	proa_handle h; /* first */
	proa_stream stream;
	uint8_t is, owner;
	bool closing, by_owner;           /* by_owner: its owner's close, and told with that */
	bool reading;                     /* through its stream */
	bool pairing;                     /* is being opened as one of a pair */
	bool untold;                      /* udp: not connected */
	bool idle, asked, timed, refused; /* set an idle time; of a connect on it */
	int end, opener;                  /* -1: none; of the slots */
	unsigned file;
	uint64_t in_seq, out_seq;
	proa_addr addr; /* udp: its own; a listener's */
	proa_addr peer; /* udp */
	unsigned flying;
} hand;

typedef struct slot {
	proa_op op; /* first */
	uint8_t kind, h, how, to;
	bool flying, asked, timed, unopened, bell, rooted;
	bool past; /* its time was over before it was submitted: it is not attempted */
	uint32_t len, done;
	unsigned phase; /* when it was submitted */
	uint64_t seq;
	int64_t aim; /* a timer's time; how many bytes are wanted in all; where in a file */
	int segment; /* of the end; of what is read, where in the pattern */
	uint8_t n_links;
	uint16_t link[LINKS];
	uint32_t poison; /* bytes of buf that nobody may write now */
	proa_vec vec[3];
	proa_msg msg;
	proa_resolve_request request;
	proa_stat_info stat;
	char port[8];
	_Alignas(16) unsigned char buf[SLOT_BYTES + CANARY];
} slot;

/* An op of the runner's own. */
typedef struct own_op {
	proa_op op;
	bool told;
	int64_t result;
	proa_socket socket;
} own_op;

typedef struct run {
	const script *script;
	const plan *plan;
	const script_env *env;
	script_result *result;
	proa_loop *loop;
	bool events, running, tracing, ending;
	unsigned calling; /* inside of a call that may not call back */
	uint64_t seq, moved;
	unsigned phase; /* settles so far */
	unsigned flying, closing, n_ends, n_held;
	void *held[HELD_MAX];
	uint32_t pool_bytes;
	unsigned pool_count;
	proa_handle listener; /* of pairs */
	proa_addr listener_addr, dead_addr;
	bool listening, deadly;
	own_op connect, accept;
	proa_strand strand;
	hand hand[SCRIPT_HANDLES];
	slot slot[SCRIPT_OPS];
	end end[ENDS];
} run;

extern run r;
extern unsigned char script_pattern[PATTERN];

void run_fail(script_failure, const char *format, ...) HOST_PRINTF(2, 3);
bool run_once(int64_t until_ns); /* callbacks or events; false: nothing was told */
void run_until(bool (*there)(void), const char *what);
void run_settle(unsigned step); /* step n: the end */
void run_pair(const script_step *);
proa_addr run_loopback(void);
proa_addr run_loopback_udp(void);
void run_path(char *out, size_t size, int file); /* below 0: of their folder */

/* What a world step (NULL: none) says of the loop's own pool. */
void run_pool_size(const script_step *world, unsigned *count, uint32_t *bytes);

int end_new(void); /* -1: no more */
end *end_of(unsigned h);
void end_match(int e); /* finds its other end, once the ports are known */

/* Steps: passed over where they make no sense; step.c. */
void step_do(const script_step *); /* now, or when what it waits for has ended */
void step_now(const script_step *);
void step_linked(slot *t); /* those that waited for it */
bool hand_sure(unsigned h);
bool hand_begin(unsigned h, unsigned owner);
void hand_adopt(unsigned to, proa_socket socket);
void held_return(unsigned i);
void held_add(void *buf, bool keep);

/* Those with ops; submit.c. */
int64_t run_time(int us);
bool run_stream(unsigned h); /* it has one, or gets it */
void step_submit(const script_step *);
void slot_submit(slot *t); /* also once more */

/* Whether the contract has it; stated.c. */
bool result_stated(const slot *t, int64_t result, int64_t count, uint32_t got);

/* The loop's words; told.c. */
void run_done(proa_op *);
void run_closed(proa_handle *);
void run_told(proa_op *, int64_t result, int64_t count, void *buf, proa_socket, uint32_t got);
void poison_set(slot *);
bool poison_held(const slot *);

/* Where a file's bytes begin in the pattern. */
static inline uint32_t file_base(unsigned file)
{
	return 100000 + file * 7001;
}

static inline proa_done *run_done_of(void)
{
	return r.events ? NULL : run_done;
}

static inline proa_closed *run_closed_of(void)
{
	return r.events ? NULL : run_closed;
}

#endif
