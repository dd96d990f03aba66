/* The canonical trace: one script without races says the same on each backend. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_file.h"

#include <stdio.h>

/* ---- recording: results and bytes, the bytes of adjacent recvs joined ---- */

typedef struct line {
	char text[512];
	size_t len;
	bool joined; /* the last entry is bytes, in quotes not yet closed */
} line;

static void line_add(line *l, const char *text, size_t len)
{
	if (l->len + len < sizeof l->text) {
		memcpy(l->text + l->len, text, len);
		l->len += len;
		l->text[l->len] = 0;
	}
}

static void line_bytes(line *l, const void *bytes, size_t len)
{
	if (!l->joined)
		line_add(l, "'", 1);
	l->joined = true;
	line_add(l, bytes, len);
}

static void line_entry(line *l, const char *text)
{
	if (l->joined)
		line_add(l, "' ", 2);
	l->joined = false;
	line_add(l, text, strlen(text));
	line_add(l, " ", 1);
}

static void line_result(line *l, const char *what, const rec *r)
{
	char text[64];

	if (r->result < 0)
		snprintf(text, sizeof text, "%s:%s/%lld", what, proa_err_name(r->result),
		         (long long)r->count);
	else
		snprintf(text, sizeof text, "%s:%lld%s", what, (long long)r->result,
		         r->got & PROA_END ? "/END" : "");
	line_entry(l, text);
}

/* ---- ops that record ---- */

typedef struct traced {
	rec r;
	line *l;
	const char *what;
	char *buf; /* a recv's */
} traced;

static void record(rec *r)
{
	traced *t = (traced *)(void *)r;

	if (t->buf && r->result > 0)
		line_bytes(t->l, t->buf, (size_t)r->result);
	else
		line_result(t->l, t->what, r);
}

static void record_pooled(rec *r)
{
	traced *t = (traced *)(void *)r;

	if (r->result > 0) {
		line_bytes(t->l, r->buf, (size_t)r->result);
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
	} else {
		line_result(t->l, t->what, r);
	}
}

enum { OPS = 40 };

typedef struct script {
	proa_loop *loop;
	traced ops[OPS];
	char bufs[OPS][256];
	unsigned n;
	line owner, a_in, a_out, b_in, b_out, refused;
} script;

static rec *next(script *s, line *l, const char *what)
{
	traced *t = &s->ops[s->n++];

	t->l = l;
	t->what = what;
	t->r.then = record;
	return &t->r;
}

static rec *recv_next(script *s, proa_handle *h, line *l, size_t len)
{
	char *buf = s->bufs[s->n];
	rec *r = next(s, l, "recv");

	((traced *)(void *)r)->buf = buf;
	SUBMIT(proa_recv, h, r, buf, len);
	return r;
}

static void all_final(script *s)
{
	for (unsigned i = 0; i < s->n; i++)
		kit_await(s->loop, &s->ops[i].r);
}

/* ---- the script ---- */

static void open_both(script *s, proa_handle *a, proa_handle *b)
{
	proa_handle l;
	proa_addr addr;
	rec *accept;

	kit_listen(s->loop, &l, &addr);
	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	proa_handle_init(proa_root(s->loop), a);
	proa_handle_init(proa_root(s->loop), b);
	SUBMIT(proa_connect, a, next(s, &s->owner, "connect"), &addr);
	/* These wait for the connection. */
	SUBMIT(proa_send, a, next(s, &s->a_out, "send"), "early ", 6);
	all_final(s);
	accept = next(s, &s->owner, "accept");
	SUBMIT0(proa_accept, &l, accept);
	all_final(s);
	proa_adopt(b, accept->socket);
	kit_end(s->loop, &l);
	SUBMIT0(proa_accept, b, next(s, &s->owner, "accept"));
	all_final(s);
}

static void talk(script *s, proa_handle *a, proa_handle *b)
{
	static const proa_vec vec[3] = {{"one ", 4}, {"", 0}, {"two ", 4}};
	proa_handle f = {0};
	int file = kit_file(0);
	rec *many, *late;

	many = next(s, &s->b_in, "recv");
	many->then = record_pooled;
	SUBMIT(proa_recv_pooled_many, b, many, NULL, 2);
	proa_handle_init(proa_root(s->loop), &f);
	CHECK(host_file_write(file, "from the file ", 14, 0));
	proa_adopt_os(&f, file, PROA_FILE);
	SUBMIT(proa_sendv, a, next(s, &s->a_out, "sendv"), vec, 3);
	SUBMIT(proa_send_file, a, next(s, &s->a_out, "file"), &f, 5, 9);
	SUBMIT(proa_send_file, a, next(s, &s->a_out, "file"), &f, 9, 100);
	SUBMIT(proa_send, a, next(s, &s->a_out, "send"), "", 0);
	late = next(s, &s->owner, "late");
	late->op.deadline_ns = PROA_POLL;
	SUBMIT(proa_send, a, late, "never", 5);
	SUBMIT(proa_send, a, next(s, &s->a_out, "send"), "last", 4);
	SUBMIT0(proa_shutdown, a, next(s, &s->a_out, "shutdown"));
	SUBMIT(proa_send, a, next(s, &s->a_out, "send"), "behind", 6);
	all_final(s);
	kit_end(s->loop, &f);
	/* Half closed: the other way goes on. */
	recv_next(s, a, &s->a_in, 3);
	recv_next(s, a, &s->a_in, 3);
	recv_next(s, a, &s->a_in, 0);
	SUBMIT(proa_send, b, next(s, &s->b_out, "send"), "answer", 6);
	all_final(s);
}

static void end_both(script *s, proa_handle *a, proa_handle *b)
{
	rec *r = recv_next(s, a, &s->a_in, 3);

	kit_settle(s->loop);
	proa_cancel(&r->op);
	all_final(s);
	recv_next(s, a, &s->a_in, 3);
	SUBMIT0(proa_shutdown, b, next(s, &s->b_out, "shutdown"));
	all_final(s);
	proa_close(a, kit_closed);
	recv_next(s, a, &s->a_in, 3);
	SUBMIT(proa_send, a, next(s, &s->a_out, "send"), "x", 1);
	all_final(s);
	kit_settle(s->loop);
	proa_close(b, kit_closed);
	kit_settle(s->loop);
}

static void refuse(script *s)
{
	proa_handle h = {0};
	proa_addr addr;
	int fd = kit_fd_refusing(&addr);

	proa_handle_init(proa_root(s->loop), &h);
	recv_next(s, &h, &s->refused, 3);
	SUBMIT(proa_connect, &h, next(s, &s->refused, "connect"), &addr);
	SUBMIT(proa_send, &h, next(s, &s->refused, "send"), "x", 1);
	all_final(s);
	kit_end(s->loop, &h);
	kit_fd_close(fd);
}

TEST(trace_is_canonical)
{
	static script s;
	proa_handle a, b;
	LOOP(loop);

	memset(&s, 0, sizeof s);
	s.loop = loop;
	open_both(&s, &a, &b);
	talk(&s, &a, &b);
	end_both(&s, &a, &b);
	refuse(&s);
	CHECK_STR(s.owner.text, "connect:0 accept:0 accept:EINVAL/0 late:ETIMEDOUT/0 ");
	CHECK_STR(s.a_out.text, "send:6 sendv:8 file:9 file:5/END send:0 send:4 "
	                        "shutdown:0 send:EPIPE/0 send:ECANCELED/0 ");
	CHECK_STR(s.b_in.text, "'early one two the file file last' recv:0/END ");
	CHECK_STR(s.b_out.text, "send:6 shutdown:0 ");
	CHECK_STR(s.a_in.text, "recv:EINVAL/0 'answer' recv:ECANCELED/0 recv:0/END "
	                       "recv:ECANCELED/0 ");
	CHECK_STR(s.refused.text, "recv:ENOTCONN/0 connect:ECONNREFUSED/0 send:ECONNREFUSED/0 ");
	kit_close(&loop);
}
