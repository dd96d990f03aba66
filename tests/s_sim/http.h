/* HTTP in a world: what is asked, what must be answered to it, the server, the clients. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SIM_HTTP_H
#define S_SIM_HTTP_H

#include "proa/http.h"
#include "s_sim/seeds.h"

static inline uint64_t below(proa_world *w, uint64_t n)
{
	return proa_world_random(w, n);
}

static inline bool percent(proa_world *w, unsigned n)
{
	return below(w, 100) < n;
}

/* ---- what is asked: http_ask.c ---- */

/* Everything of an answer follows from the request, so client and server agree without a word. */
typedef enum ask_kind {
	ASK_PLAIN,  /* answered at once */
	ASK_LATER,  /* by a timer */
	ASK_WORK,   /* by a worker's task */
	ASK_CHUNKS, /* written in pieces, its length not told */
	ASK_KNOWN,  /* the same with its length told */
	ASK_ECHO,   /* the body that was sent */
	ASK_SUM,    /* of a body that is streamed, and paused at times */
	ASK_FILE,   /* by its name */
	ASK_FOLDER, /* what the folder has at the request's path */
	ASK_LIST,   /* a folder without an index */
	ASK_404,
	ASK_MUTE,  /* the handler says nothing */
	ASK_HALF,  /* half an answer, then a reset */
	ASK_EARLY, /* answered when the head is there */
	ASK_BAD,   /* no request at all */
	ASK_KINDS
} ask_kind;

typedef struct ask {
	uint8_t kind, file, bad;
	bool head, v10, chunked, expects;
	unsigned id;
	uint32_t len, ms;     /* of the answer, or of the body that is sent */
	uint32_t first, last; /* a range, if `last` > 0 */
} ask;

enum { ASK_BODY = 20000, ASK_TEXT = 24 * 1024, ASK_BADS = 10, FILES = 5, FILE_MAX = 70000 };

typedef struct file_of {
	const char *name, *type;
	uint32_t len;
} file_of;
extern const file_of files[FILES]; /* file i has the bytes of id i */
extern const char *const ask_name[ASK_KINDS];

/* Byte `at` of what has this id. */
static inline unsigned char byte_of(unsigned id, uint32_t at)
{
	return (unsigned char)(id * 167 + at * 7 + (at >> 8) * 13 + 1);
}
void bytes_of(unsigned id, uint32_t at, void *out, size_t len);
static inline bool ask_posts(const ask *a)
{
	return a->kind == ASK_ECHO || a->kind == ASK_SUM || a->kind == ASK_EARLY;
}

/* True: it is the last on its connection. */
bool ask_random(proa_world *w, ask *a, unsigned id, bool calm);
/* The request as it is sent; its bytes. *head_len: those of its head. */
size_t ask_print(const ask *a, char *out, size_t *head_len);
/* The status that a server in no trouble gives. */
int ask_status(const ask *a);
uint64_t ask_sum(const ask *a); /* of its body */
uint64_t sum_add(uint64_t hash, const void *bytes, size_t len);
size_t sum_print(uint64_t hash, uint64_t len, char *out, size_t size);

/* What must be answered. */
typedef struct want {
	int status;
	const char *type;
	unsigned id;   /* whose bytes */
	uint32_t from; /* from there */
	uint32_t len;  /* so many; a listing: any */
	char text[64]; /* instead, if not empty */
	bool chunked;  /* its length is told by chunks */
	bool unsaid;   /* it is not told in the head */
	bool file;     /* it has a file's fields */
	bool ours;     /* the handler's field is there */
} want;
void want_of(const ask *a, want *w);
void want_status(want *w, int status); /* the server's own page of it */

/* ---- the server: http_server.c ---- */

typedef struct served {
	proa_world *w;
	seed_chaos *chaos;
	const char *name;
	bool group;
	proa_http *http;
	proa_server server;
	proa_handle owner;
	proa_group *g;
	proa_loop *loop;
	bool up;    /* it serves */
	bool ended; /* its drain has */
} served;

void server_add(served *s, const char *addr);
/* Drains, for 5 s at most: `ended` tells. */
void server_end(served *s);

/* ---- the clients: http_client.c, http_answer.c ---- */

enum { CONNS = 3, ASKS = 8 };

typedef struct client client;

typedef enum reading {
	READ_HEAD,
	READ_BODY,
	READ_SIZE,      /* of a chunk */
	READ_CHUNK,     /* its bytes */
	READ_CHUNK_END, /* the line's end behind it */
	READ_LAST_END,  /* the one behind the last */
	READ_REST,      /* until the connection ends */
	READ_TAIL       /* what is left of half a head */
} reading;

typedef struct conn {
	proa_handle h;
	proa_stream s;
	proa_op connect, read, drained, pace, slow, leave, shut;
	client *c;
	ask asks[ASKS];
	unsigned n, sent, answered; /* sent: begun; those before are whole */
	unsigned depth;             /* how many may be unanswered */
	char out[ASK_TEXT];
	size_t out_len, out_at, head_len;
	bool continued; /* a 100 has come for the one that is to be answered */
	bool waits;     /* for it */
	bool last;      /* the server has said that it closes */
	bool ended, slow_reader, slow_writer, half_closes, lingers;
	/* The answer that is being read. */
	reading reading;
	want want;
	int64_t left;
	uint32_t got;
	uint64_t list_sum;
} conn;

struct client {
	proa_world *w;
	seed_chaos *chaos;
	const char *name;
	proa_loop *loop;
	conn conn[CONNS];
	unsigned left;  /* connections to make */
	unsigned there; /* that are */
	bool calm;      /* nothing may go wrong: each is answered */
};

/* What all clients of all seeds have seen, and what holds in this seed. */
typedef struct http_seen {
	unsigned long long asked, whole, refused, cut, conns;
	bool closes_tell; /* nothing but the server ends a connection in good order */
	uint64_t list_sum;
	uint32_t list_len;
	unsigned next_id;
} http_seen;
extern http_seen seen;

/* What was read, as c->reading says; false: it is wrong. */
bool answer_take(conn *c, char *bytes, size_t len);
bool answer_cut(conn *c, int64_t result);

void client_add(client *c, const char *addr);
bool client_done(const client *c);
void conn_write(conn *c);

#endif
