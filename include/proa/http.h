/* An HTTP/1.1 server: a folder, a handler of yours, or both; on the other public headers only. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_HTTP_H
#define PROA_HTTP_H
#include "proa/group.h"
#include "proa/net.h"
PROA_C_BEGIN

/* What the protocol asks for (RFC 9110, RFC 9112) is done here: keep-alive, pipelining (answers in
 * order), HEAD, chunked in both directions, Expect, limits with their statuses, and for files
 * conditional requests and byte ranges. Your handler sees only requests that are well formed, and
 * answers at once or later. All calls but proa_http_open, proa_http_serve_group and
 * proa_http_close belong to the connection's loop's thread.
 *
 * Memory comes from the loop's allocator: an idle connection holds its struct (under 450 bytes) and
 * no buffer; one that is being served holds about 5 KiB more, its head, its body if it is buffered,
 * and what is not sent yet, each up to its limit below. A server keeps what 256 such connections
 * need for those to come, a loop, until it ends. */
typedef struct proa_http proa_http;
/* The server's; valid until it is answered, or its connection has gone. */
typedef struct proa_http_request proa_http_request;

typedef void proa_http_fn(proa_http_request *request, void *user);

/* One answered request, for the access log. Everything is valid during the call only. */
typedef struct proa_http_record {
	proa_loop *loop;             /* the connection's, whose thread this is */
	const char *peer;            /* "192.0.2.1" */
	const char *method, *target; /* as they came; "-" if the request could not be read */
	const char *referer, *agent; /* "-" if not sent */
	int status, version;         /* version: 10, 11 */
	int64_t body_bytes;          /* of the answer, handed to the system */
	int64_t time_s;              /* when it ended, since 1970, UTC */
	int64_t duration_ns;         /* from its first byte to its answer's end */
} proa_http_record;

typedef void proa_http_logger(const proa_http_record *record, void *user);

typedef struct proa_http_options {
	size_t size;
	proa_http_fn *handler; /* a request and its whole body are there: answer it. NULL: the
	                          folder answers */
	proa_http_fn *head;    /* only its head is there: answer, call proa_http_stream, or just
	                          return. May be NULL */
	void *user;            /* given to all of them */
	proa_http_logger *log; /* on the loop's thread. May be NULL */
	const char *folder;    /* for proa_http_reply_folder and _file; copied; may be NULL */
	bool listing_off;      /* a folder without index.html is 404, not a page that lists it */
	size_t head_max_bytes; /* request line and fields (0: 16 KiB); more: 431, or 414 */
	size_t body_max_bytes; /* of a request (0: 1 MiB); more: 413 */
	size_t out_max_bytes;  /* unsent output of a streamed answer (0: 256 KiB); more: EFULL */
	int64_t head_ns;       /* a request's first byte, or the connection's start, to the head's
	                          end (0: 10 s); longer: 408 */
	int64_t idle_ns;       /* no byte moved either way (0: 30 s); a body that comes slower than
	                          256 bytes a second, on top of that, ends too */
	unsigned requests_max; /* on one connection, then it is closed (0: 10000) */
	unsigned conn_max;     /* then accepting pauses (0: no limit) */
	const proa_listen_options *listen; /* read by the serve calls; must live until then */
} proa_http_options;

/* Checks and copies the options. Errors: ENOMEM, EINVAL (neither handler nor folder), and for the
 * folder ENOENT, ENOTDIR, EACCES, EMFILE... Any thread. */
PROA_API int proa_http_open(proa_http **http, const proa_http_options *options);

/* Serves `addr` on the owner's loop, until proa_serve_end(server) or the owner's close. 0 or an
 * error of proa_serve. */
PROA_API int proa_http_serve(proa_http *http, proa_handle *owner, proa_server *server,
                             const char *addr);

/* Serves `addr` on all loops of a group, until proa_group_stop; handlers run on each connection's
 * loop, so on several threads at once. `bound` may be NULL. 0 or an error of proa_group_serve. */
PROA_API int proa_http_serve_group(proa_http *http, proa_group *group, const char *addr,
                                   proa_addr *bound);

/* Frees it. The loops that it served on must be closed (proa_loop_close, proa_group_wait). */
PROA_API void proa_http_close(proa_http **http);

/* ---- the request ---- */
/* Texts are 0-terminated and live as long as the request. */

PROA_API const char *proa_http_method(const proa_http_request *request); /* "GET" */
PROA_API const char *proa_http_target(const proa_http_request *request); /* as it came */
/* Decoded and cleaned: begins with "/", has no "//", "." or ".." parts, no control characters and
 * no backslash. What cannot be brought to that form was answered with 400. "*" for OPTIONS of the
 * whole server. */
PROA_API const char *proa_http_path(const proa_http_request *request);
/* Behind "?", not decoded; "" if there is none. */
PROA_API const char *proa_http_query(const proa_http_request *request);
PROA_API int proa_http_version(const proa_http_request *request); /* 10 or 11 */
/* The first field of that name (any case), without surrounding blanks. NULL: none. */
PROA_API const char *proa_http_header(const proa_http_request *request, const char *name);
/* The i-th field's value, its name in *name; NULL past the last. */
PROA_API const char *proa_http_header_at(const proa_http_request *request, unsigned i,
                                         const char **name);
/* The body, complete in `handler`; *len_bytes 0 if it has none or was streamed. */
PROA_API const void *proa_http_body(const proa_http_request *request, size_t *len_bytes);
/* The connection: an owner for timers, work and look-ups which shall end with it. Until the last of
 * them has ended the request stays valid, also if the connection has gone: answering it is then
 * refused with PROA_ECONNRESET. Do not send, receive or close on it. */
PROA_API proa_handle *proa_http_owner(const proa_http_request *request);
PROA_API void *proa_http_data(const proa_http_request *request); /* yours; NULL at first */
PROA_API void proa_http_set_data(proa_http_request *request, void *data);

/* In `head`: the body goes to `piece` as it comes, instead of being buffered, and is not limited in
 * size if any_size. `handler` is called behind the last piece. */
typedef void proa_http_piece(proa_http_request *request, const void *bytes, size_t len, void *user);
PROA_API void proa_http_stream(proa_http_request *request, proa_http_piece *piece, bool any_size);
/* Back-pressure on a streamed body: behind the current piece comes no other, and not `handler`,
 * until proa_http_resume. A paused client is not timed. */
PROA_API void proa_http_pause(proa_http_request *request);
PROA_API void proa_http_resume(proa_http_request *request);

/* ---- the answer ---- */
/* A request is answered exactly once: by proa_http_reply, proa_http_reply_file,
 * proa_http_reply_folder, or by proa_http_begin, any number of writes, and proa_http_end. With that
 * call's return the request belongs to the server again: do not use it any more. A handler which
 * returns without an answer, a begin or proa_http_later gets a 500 sent in its place. */

/* The answer comes later, from a callback on the same loop. If the connection ends first, or the
 * server refuses the rest of a body by itself (400, 408, 413, 503), `gone` is called instead, once:
 * from its start on, the request may only be read, not answered; after it, not used at all but by
 * ops of its owner. Covers answers begun and not ended as well. `gone` may be NULL if what will
 * answer is an op that the connection owns. */
PROA_API void proa_http_later(proa_http_request *request, proa_http_fn *gone);

/* Adds a field to the answer. 0; -PROA_EINVAL: the name is no token, the value has CR, LF, NUL or
 * another control character, or it is one that the server sets (Connection, Content-Length,
 * Transfer-Encoding, Date); -PROA_ENOMEM: the connection will be closed instead of answering. */
PROA_API int proa_http_set(proa_http_request *request, const char *name, const char *value);

/* status: 200 to 599. type: its Content-Type (NULL: none), under the rules of proa_http_set. `body`
 * is copied. 0; -PROA_EINVAL (nothing is answered); -PROA_EALREADY: begun or answered;
 * -PROA_ECONNRESET: the connection has gone; -PROA_ENOMEM: the connection will be closed. */
PROA_API int proa_http_reply(proa_http_request *request, int status, const char *type,
                             const void *body, size_t len);

/* A file of the folder, by its path from there ("a/b.html"), with type, ranges and conditions; GET
 * and HEAD only, else 405. What goes wrong is answered: 404, 403 for a path that leaves the
 * folder... 0; -PROA_EINVAL: no folder, or the path is empty or begins with "/"; -PROA_EALREADY. */
PROA_API int proa_http_reply_file(proa_http_request *request, const char *path);
/* What the folder has at the request's own path: file, index.html, redirect, listing, 404. Names
 * that begin with "." are hidden. */
PROA_API int proa_http_reply_folder(proa_http_request *request);

/* Begins an answer: of len_bytes, or if that is < 0 until proa_http_end (chunked; to HTTP/1.0 by
 * closing). Errors: as proa_http_reply. */
PROA_API int proa_http_begin(proa_http_request *request, int status, const char *type,
                             int64_t len_bytes);
/* Copies into the output. 0; -PROA_EFULL: nothing taken, wait for `ready`; -PROA_ETOOLONG: more
 * than out_max_bytes in one call, or than promised; -PROA_EINVAL: not begun; -PROA_ENOMEM: nothing
 * taken. To HEAD nothing is sent and everything fits. */
PROA_API int proa_http_write(proa_http_request *request, const void *bytes, size_t len);
/* Bytes written and not yet handed to the system, framing included. */
PROA_API size_t proa_http_queued(const proa_http_request *request);
/* Calls `ready` once, when at most a quarter of out_max_bytes is queued; never from inside this
 * call. */
PROA_API void proa_http_on_ready(proa_http_request *request, proa_http_fn *ready);
/* Ends it. Fewer bytes than promised: the connection is closed, so that nobody takes the answer for
 * whole. */
PROA_API void proa_http_end(proa_http_request *request);
/* Instead of ending it: the connection is reset, and `gone` is not called. */
PROA_API void proa_http_abort(proa_http_request *request);

/* ---- helpers ---- */

/* The record as a line of the Combined Log Format, duration in ms behind it, with "\n" and a 0,
 * quotes and control characters escaped; cut to fit. Its length. */
PROA_API size_t proa_http_log_line(const proa_http_record *record, char *out, size_t size);
/* The reason phrase, "Not Found"; "" for a status without one here. */
PROA_API const char *proa_http_reason(int status);

PROA_C_END
#endif
