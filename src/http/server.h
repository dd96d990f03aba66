/* The HTTP server from the inside: what a loop, a connection and a request keep. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_SERVER_H
#define PX_HTTP_SERVER_H

#include "base/list.h"
#include "base/util.h"
#include "http/buf.h"
#include "http/chunk.h"
#include "http/cond.h"
#include "http/date.h"
#include "http/range.h"
#include "http/scan.h"
#include "proa/fs.h"
#include "proa/http.h"

typedef struct px_conn px_conn;
typedef struct px_local px_local;
typedef struct px_service px_service;

enum {
	PX_FIELDS_MAX = 100,      /* header fields of a request; more: 431 */
	PX_TARGET_MAX = 8 * 1024, /* bytes of a request line; more: 414 */
	PX_BODY_RATE = 256,       /* bytes a second that a body must come with */
#ifdef PX_TORTURE
	PX_KEEP_BYTES = 64,
	PX_KEEP_REQUESTS = 1,
	PX_PIPELINE_BYTES = 300,
	PX_SMALL_FILE = 11,
	PX_PART_BYTES = 100,
	PX_HOLD_BYTES = 300,
	PX_RECENT_FILES = 1,
	PX_READ_BYTES = 1024
#else
	PX_KEEP_BYTES = 32 * 1024, /* a buffer larger than that is not kept for the next request */
	PX_KEEP_REQUESTS = 256,    /* a loop keeps that many for connections to come */
	PX_PIPELINE_BYTES = 64 * 1024, /* unsent answers beyond which no further request is begun */
	PX_SMALL_FILE = 8 * 1024,      /* files up to that go out in one send with their head */
	PX_PART_BYTES = 32 * 1024,     /* of a larger one that is read and sent part by part */
	PX_HOLD_BYTES = 16 * 1024,     /* answers that may wait for the next one to be read */
	PX_RECENT_FILES = 8,
	PX_READ_BYTES = 32 * 1024 /* of a folder's entries at a time */
#endif
};

/* ---- a request and its answer ---- */

/* One is lent to a connection from the first byte of a head until nothing of it is left to send: an
 * idle connection has none. A connection has one at a time, so pipelined requests are answered in
 * order by construction.
 *
 *   HEAD --head complete--> BODY --body complete--> ANSWER --answered--> HEAD (the next one)
 *                            \--answered early, connection closes--/
 */
typedef enum px_phase { PX_HEAD, PX_BODY, PX_ANSWER } px_phase;

typedef struct px_field {
	char *name, *value;
	size_t name_len, value_len;
} px_field;

/* Where a file's answer stands. WAIT_DIR: the loop's folder is not open yet; WAIT_FREE: the
 * connection's file handle is still closing after the request before. */
typedef enum px_file_stage {
	PX_FILE_NONE,
	PX_FILE_WAIT_DIR,
	PX_FILE_WAIT_FREE,
	PX_FILE_OPENING,
	PX_FILE_READING,
	PX_FILE_SENDING,
	PX_FILE_LISTING
} px_file_stage;

/* A small file as it was in a turn of the loop (proa_turn); 0: nothing. */
typedef struct px_recent {
	uint64_t turn;
	proa_stat_info stat;
	const char *type; /* for Content-Type */
	px_buf path, bytes;
} px_recent;

typedef struct px_file_job {
	px_file_stage stage;
	bool exact; /* a program's file: no index, no listing, no redirect, dotfiles allowed */
	bool index; /* it is the folder's index.html that is tried */
	bool send;  /* the next piece waits for the head before it to be on its way */
	const px_recent *loaded; /* its bytes, while it is being answered from memory */
	px_buf path;             /* from the folder, 0-terminated */
	px_buf entries;          /* of a listing, as proa_dir_read packs them */
	proa_stat_info stat;
	char boundary[20];            /* of a multipart answer */
	px_range range[PX_RANGE_MAX]; /* what is left of the one that is next */
	int ranges, next;
} px_file_job;

#define PX_REQUEST_MAGIC PX_MAGIC('h', 'r', 'e', 'q')

struct proa_http_request {
	uint32_t magic;
	px_conn *conn;
	px_local *local;
	proa_http_request *next_free;
	px_node wait; /* in local->waiting */

	/* what was asked */
	uint8_t phase; /* px_phase */
	uint8_t version;
	bool known;     /* the head was understood: method and target are there */
	bool keep;      /* the client wants to go on */
	bool chunked;   /* its body is */
	bool expects;   /* 100-continue */
	bool body_done; /* all of it has been read */
	bool head_only; /* HEAD */
	px_scan scan;
	px_chunk chunk;
	px_buf head; /* the bytes; names and values are 0-terminated in place */
	px_buf path;
	px_buf body;
	const char *method, *target, *query;
	size_t target_len;
	px_field field[PX_FIELDS_MAX];
	unsigned fields;
	int64_t length, got; /* of the body */
	int64_t begin_ns;    /* the head's first byte */
	int64_t body_ns;     /* the body's beginning, later by as long as it was paused */
	int64_t moved_ns;    /* when something of the body came, or could come again */
	int64_t paused_ns;   /* since when it is */
	proa_http_piece *piece;
	bool any_size, paused;

	/* what is answered */
	bool later, begun, answered, chunked_out, no_body;
	bool logged;
	int status;
	int64_t promised, written; /* body bytes; promised < 0: unknown */
	px_buf extra;              /* fields the program set */
	px_buf out[2];             /* one is filled while the other is being sent */
	unsigned fill;             /* which */
	proa_op out_op;            /* its send */
	proa_op aux_op;            /* file operations */
	proa_op bell;              /* see px_conn_settle */
	proa_http_fn *gone, *ready;
	void *data;
	px_file_job file;
};

/* ---- a connection ---- */

/* From proa_serve's slab. `dead` once it is being closed or finished: then nothing is begun any
 * more; each op in flight ends, and the request goes back when the close completes. */
struct px_conn {
	proa_handle h; /* first: proa_serve asks for it */
	proa_handle file;
	proa_op in;
	px_local *local;
	proa_http_request *req;
	char *buf; /* a pooled buffer with bytes not looked at yet, or NULL */
	uint32_t buf_at, buf_len;
	uint32_t served; /* requests */
	int64_t start_ns;
	bool dead, eof, closing, draining, turning;
	bool file_bound; /* `file` is an init handle, or in use: */
	bool file_used;
	bool by_hand;   /* the system sends no file on it */
	bool end_tells; /* an answer's length, alone: cut off, it must not look whole (a reset) */
	char peer[];    /* PX_PEER_TEXT if there is a log */
};
enum { PX_PEER_TEXT = 64 };

/* ---- what a loop keeps, and all of them ---- */

/* A file's validators, and the fields of an answer that tell them. fields_len 0: nothing. */
typedef struct px_version {
	int64_t mtime_ns, size_bytes;
	uint64_t ino;
	char etag[PX_ETAG_TEXT];
	size_t fields_len;
	char fields[2 * PX_ETAG_TEXT + PX_DATE_TEXT];
} px_version;
enum { PX_VERSIONS = 16 };

typedef enum px_dir_state { PX_DIR_NONE_YET, PX_DIR_OPENING, PX_DIR_OPEN } px_dir_state;

struct px_local {
	proa_http *http;
	proa_loop *loop;
	proa_op keeper;          /* see px_local_keep */
	bool kept, vanishes;     /* vanishes: the loop may go without a word, in a simulation */
	proa_http_request *free; /* those not lent, up to PX_KEEP_REQUESTS */
	unsigned free_count, lent;
	px_list waiting; /* requests that wait for the folder */
	proa_handle dir;
	proa_op dir_op;
	px_dir_state dir_state;
	bool dir_bound; /* the handle is: opening may fail, and be tried again */
	px_recent recent[PX_RECENT_FILES];
	unsigned recent_next;
	px_version version[PX_VERSIONS]; /* by what the inode's number hashes to */
	uint64_t date_turn;              /* when it was looked at */
	int64_t date_s;
	char date[PX_DATE_TEXT];
};

struct px_service {
	px_service *next;
	proa_http *http;
	unsigned locals;
	px_local local[];
};

#define PX_HTTP_MAGIC PX_MAGIC('h', 't', 't', 'p')

struct proa_http {
	uint32_t magic;
	proa_http_options o; /* no member is 0 where 0 means a default */
	char *folder;
	px_service *services;
};

/* ---- conn.c: the connection ---- */

void px_conn_start(proa_handle *h, void *service);
void px_conn_drain(proa_handle *h, void *service);
/* Goes as far as it can with the bytes that are there, then settles. */
void px_conn_turn(px_conn *c);
/* Sends what is queued, receives if more is wanted, gives back what an idle connection need not
 * hold; ends it if it is to be ended. */
void px_conn_settle(px_conn *c);
/* Has px_conn_turn called in a coming iteration, from wherever this is called. */
void px_conn_kick(px_conn *c);
/* Ends it now; tells the program if an answer was still to come. */
void px_conn_die(px_conn *c);
/* At the end of every op: true on a dead connection, or one that is being closed by its server or
 * loop; there is nothing else to do then. */
bool px_conn_over(px_conn *c);
void px_conn_log(px_conn *c);

/* ---- read.c, parse.c: the request; each step is true if there may be another ---- */

bool px_read_head(px_conn *c);
bool px_read_body(px_conn *c);
/* req->head is whole: 0, or the status to refuse it with. */
int px_request_parse(proa_http_request *req);
/* First byte not used yet; how many. */
const char *px_conn_bytes(const px_conn *c, size_t *len);
void px_conn_used(px_conn *c, size_t n);

/* ---- version.c ---- */

/* Valid until the next call. */
const px_version *px_version_of(px_local *local, const proa_stat_info *stat);

/* ---- answer.c ---- */

/* The head of an answer; length < 0: not stated. */
void px_put_head(proa_http_request *req, int status, const char *type, int64_t length);
/* A short text with the status, in place of what was asked. */
void px_answer_status(proa_http_request *req, int status);
/* The same, and the connection ends after it. If an answer is under way already, it just ends. */
void px_answer_fail(proa_http_request *req, int status);
/* Everything of the answer is queued. */
void px_answered(proa_http_request *req);
/* Whether the connection goes on after this request. */
bool px_answer_keeps(const proa_http_request *req);
void px_answer_flush(proa_http_request *req);
/* Calls the program's ready if it is due. */
void px_answer_ready(proa_http_request *req);
px_buf *px_out(proa_http_request *req); /* what is filled */
size_t px_out_queued(const proa_http_request *req);

/* ---- open.c, file.c, listing.c ---- */

void px_dir_start(px_local *local);
/* Also to go on after WAIT_DIR and WAIT_FREE. */
void px_file_start(proa_http_request *req);
/* It is a file, as file.stat says, and open or loaded. */
void px_file_answer(proa_http_request *req);
/* What a file that cannot be opened or read is answered with. */
int px_file_status(int64_t error);
void px_file_refuse(proa_http_request *req, int status);
/* Submits the next piece if its turn has come. */
void px_file_pump(proa_http_request *req);
/* More to be read into the same answer, so that sending may wait a moment. */
bool px_file_soon(const proa_http_request *req);
void px_list_start(proa_http_request *req);
/* The connection's file handle is not needed any more. */
void px_file_leave(px_conn *c);
/* The page, from entries as proa_dir_read packs them (they are sorted in the way). False: ENOMEM.
 */
bool px_list_page(px_buf *out, const char *path, px_buf *entries);

/* ---- recent.c ---- */

/* NULL: not read in this turn, or not to be shared. */
const px_recent *px_recent_find(px_local *local, const px_buf *path);
/* Room for one file in `bytes`; NULL: there is none. */
px_recent *px_recent_take(px_local *local);
/* What was taken holds a file now, as `stat` says. */
void px_recent_keep(px_local *local, px_recent *r, const px_buf *path);
void px_recent_free(px_local *local);

/* ---- request.c ---- */

/* NULL: no memory. */
proa_http_request *px_request_take(px_conn *c);
/* Ready for the next head; what is queued stays. */
void px_request_reset(proa_http_request *req);
void px_request_give(proa_http_request *req);
void px_local_init(px_local *local, proa_http *http, proa_loop *loop);
/* At the start of a connection. What is kept for connections to come is the loop's memory, and goes
 * back when the server ends, which a bell that nobody rings tells. */
void px_local_keep(px_local *local, px_conn *c);
/* Stops the program if its server has not ended. */
void px_local_check(const px_local *local);
const char *px_request_field(const proa_http_request *req, const char *lower);

#endif
