/* Prints a script as a C test, which compiles as it is and needs nothing of the scripts. */
/* SPDX-License-Identifier: MIT */
#include "s_script/shrink.h"

#include <stdarg.h>
#include <string.h>

/* The test has the script's handles as h[], its ops as recs op[], what they lend as buf[]. What a
 * step does in an op's callback, and what an op does again in it, stands in a function then_K. */

static struct {
	FILE *to;
	const script *script;
	bool init[SCRIPT_HANDLES]; /* has been initialised */
	int indent;
} out;

HOST_PRINTF(1, 2) static void say(const char *format, ...)
{
	va_list args;

	for (int i = 0; i < out.indent; i++)
		putc('\t', out.to);
	va_start(args, format);
	vfprintf(out.to, format, args);
	va_end(args);
	putc('\n', out.to);
}

static bool has(unsigned kind)
{
	for (unsigned i = 0; i < out.script->n; i++)
		if (out.script->step[i].kind == kind)
			return true;
	return false;
}

static bool has_any(unsigned first, unsigned last)
{
	for (unsigned k = first; k <= last; k++)
		if (has(k))
			return true;
	return false;
}

/* ---- times and owners ---- */

static const char *time_of(int us)
{
	static char text[60];

	if (us == SCRIPT_PAST)
		return "PROA_POLL";
	if (us == SCRIPT_FAR)
		return "proa_in(loop, 3600 * PROA_SEC)";
	snprintf(text, sizeof text, "proa_in(loop, %d * PROA_USEC)", us);
	return text;
}

static const char *owner_of(unsigned h)
{
	static char text[20];

	if (!out.init[h])
		return "proa_root(loop)";
	snprintf(text, sizeof text, "&h[%u]", h);
	return text;
}

static void say_init(unsigned h, unsigned owner)
{
	if (out.init[h])
		return;
	say("memset(&h[%u], 0, sizeof h[%u]);", h, h);
	say("proa_handle_init(%s, &h[%u]);", owner_of(owner == h ? h : owner), h);
	out.init[h] = true;
}

/* ---- steps ---- */

static void say_pair(const script_step *s)
{
	say("kit_pair(loop, &h[%u], &h[%u]);", s->h, s->to);
	if (s->how & SCRIPT_SMALL) {
		say("proa_set_buffers(&h[%u], 32768, 32768);", s->h);
		say("proa_set_buffers(&h[%u], 32768, 32768);", s->to);
	}
	out.init[s->h] = out.init[s->to] = true;
}

static void say_udp(const script_step *s)
{
	say("udp_pair(&h[%u], &h[%u], %s);", s->h, s->to,
	    s->how & SCRIPT_UNTOLD ? "false" : "true");
	out.init[s->h] = out.init[s->to] = true;
}

static void say_recv(const script_step *s)
{
	if (s->kind == S_recv)
		say("SUBMIT(proa_recv, &h[%u], &op[%u], buf[%u], %u);", s->h, s->op, s->op, s->n);
	else if (s->kind == S_recv_pooled)
		say("SUBMIT(proa_recv_pooled, &h[%u], &op[%u], NULL);", s->h, s->op);
	else if (s->kind == S_recv_pooled_many)
		say("SUBMIT(proa_recv_pooled_many, &h[%u], &op[%u], NULL, %u);", s->h, s->op, s->n);
	else
		say("SUBMIT(proa_recv_msg, &h[%u], &op[%u], msg_of(%u, %u));", s->h, s->op, s->op,
		    s->n);
}

static void say_send(const script_step *s)
{
	if (s->kind == S_sendv)
		say("SUBMIT(proa_sendv, &h[%u], &op[%u], &(proa_vec){filled(%u, %u), %u}, 1);",
		    s->h, s->op, s->op, s->n, s->n);
	else if (s->kind == S_send_pooled)
		say("SUBMIT(proa_send_pooled, &h[%u], &op[%u], held, %u);", s->h, s->op, s->n);
	else if (s->kind == S_send_file)
		say("SUBMIT(proa_send_file, &h[%u], &op[%u], &h[%u], %u, %u);", s->h, s->op, s->to,
		    s->at, s->n);
	else if (s->kind == S_send_msg)
		say("SUBMIT(proa_send_msg, &h[%u], &op[%u], msg_of(%u, %u));", s->h, s->op, s->op,
		    s->n);
	else
		say("SUBMIT(proa_send, &h[%u], &op[%u], filled(%u, %u), %u);", s->h, s->op, s->op,
		    script_send_bytes(s), script_send_bytes(s));
}

static void say_stream(const script_step *s)
{
	const char *call = s->kind == S_stream_drained ? "drained" : "read_exact";

	if (s->kind == S_stream_read_some)
		call = "read_some";
	if (s->kind == S_stream_put)
		say("proa_stream_put(stream_of(%u), filled(0, %u), %u);", s->h, s->n, s->n);
	else
		say("SUBMIT(proa_stream_%s, stream_of(%u), &op[%u], %u);", call, s->h, s->op, s->n);
}

static void say_file(const script_step *s)
{
	switch (s->kind) {
	case S_file_open:
		say_init(s->h, s->h);
		say("SUBMIT(proa_file_open, &h[%u], &op[%u], path_of(%d), %u, 0600);", s->h, s->op,
		    s->how & PROA_O_DIR ? -1 : s->n % SCRIPT_FILES, s->how);
		break;
	case S_fstat:
		say("SUBMIT(proa_fstat, &h[%u], &op[%u], (proa_stat_info *)(void *)buf[%u]);", s->h,
		    s->op, s->op);
		break;
	case S_read:
		say("SUBMIT(proa_read, &h[%u], &op[%u], buf[%u], %u, %u);", s->h, s->op, s->op,
		    s->n, s->at);
		break;
	case S_write:
		say("SUBMIT(proa_write, &h[%u], &op[%u], filled(%u, %u), %u, %u);", s->h, s->op,
		    s->op, s->n, s->n, s->at);
		break;
	case S_dir_read:
		say("SUBMIT(proa_dir_read, &h[%u], &op[%u], buf[%u], 4096);", s->h, s->op, s->op);
		break;
	default: say("SUBMIT0(proa_fsync, &h[%u], &op[%u]);", s->h, s->op);
	}
}

static void say_connect(const script_step *s)
{
	char addr[20] = "nobody";

	if (s->to != s->h)
		snprintf(addr, sizeof addr, "addr[%u]", s->to);
	say_init(s->h, s->h);
	if (s->kind == S_connect)
		say("SUBMIT(proa_connect, &h[%u], &op[%u], &%s);", s->h, s->op, addr);
	else
		say("connect_name(&h[%u], &op[%u], &%s);", s->h, s->op, addr);
}

static void say_other_op(const script_step *s)
{
	switch (s->kind) {
	case S_accept:
	case S_accept_many:
		say("SUBMIT0(proa_%s, &h[%u], &op[%u]);", script_kind_name[s->kind], s->h, s->op);
		break;
	case S_shutdown: say("SUBMIT0(proa_shutdown, &h[%u], &op[%u]);", s->h, s->op); break;
	case S_timer:
		say("SUBMIT(proa_timer, %s, &op[%u], %s);", owner_of(s->h), s->op, time_of(s->us));
		break;
	case S_post:
	case S_post_thread: say("proa_post(loop, kit_op(&op[%u]), kit_done);", s->op); break;
	case S_doorbell: say("SUBMIT_BELL(%s, &op[%u]);", owner_of(s->h), s->op); break;
	case S_signal:
		say("op[%u].bell = true;", s->op);
		say("SUBMIT(proa_signal, %s, &op[%u], host_signo(HOST_SIG_A));", owner_of(s->h),
		    s->op);
		break;
	case S_work:
		say("op[%u].op.user = (void *)(intptr_t)%u;", s->op, s->n);
		say("SUBMIT(proa_work_in, %s, &op[%u], (proa_lane)%u, %s, work);", owner_of(s->h),
		    s->op, script_lane(s->how, s->n), s->how & SCRIPT_STRAND ? "&strand" : "NULL");
		break;
	default:
		say("SUBMIT(proa_resolve, %s, &op[%u], &request[%u]);", owner_of(s->h), s->op,
		    s->op);
	}
}

static void say_action(const script_step *s)
{
	switch (s->kind) {
	case S_settle: say("kit_settle(loop);"); break;
	case S_run: say("kit_once(loop, 0);"); break;
	case S_stop: say("proa_stop(loop);"); break;
	case S_init: say_init(s->h, s->to); break;
	case S_pair: say_pair(s); break;
	case S_udp: say_udp(s); break;
	case S_listen:
		say("kit_listen(loop, &h[%u], &addr[%u]);", s->h, s->h);
		out.init[s->h] = true;
		break;
	case S_stream_put: say_stream(s); break;
	case S_notify:
	case S_notify_thread: say("proa_notify(&op[%u].op);", s->op); break;
	case S_raise: say("host_raise(host_signo(HOST_SIG_A));"); break;
	case S_pause:
	case S_resume:
	case S_cancel: say("proa_%s(&op[%u].op);", script_kind_name[s->kind], s->op); break;
	case S_buffer_return: say("held_return();"); break;
	case S_deadline:
		say("proa_deadline(&op[%u].op, %s);", s->op, s->us ? time_of(s->us) : "0");
		break;
	case S_set_idle: say("proa_set_idle(&h[%u], %d * PROA_USEC);", s->h, s->us); break;
	case S_close:
	case S_close_abort:
		say("proa_%s(&h[%u], kit_closed);", script_kind_name[s->kind], s->h);
		break;
	case S_finish:
		say("proa_finish(&h[%u], %s, kit_closed);", s->h, s->us ? time_of(s->us) : "0");
		break;
	default: break; /* world: at the loop's opening */
	}
}

/* What is done in an op's callback: those that wait for it, and its own bytes' way. */
static bool has_then(const script_step *s, unsigned at)
{
	if (script_is_recv(s->kind) || s->kind == S_accept || s->kind == S_accept_many ||
	    s->kind == S_dir_read)
		return true;
	for (unsigned i = at + 1; i < out.script->n; i++)
		if (out.script->step[i].in == s->op + 1)
			return true;
	return false;
}

static void say_submit(const script_step *s)
{
	if (script_is_recv(s->kind) || s->kind == S_recv_msg)
		say_recv(s);
	else if (script_is_send(s->kind) || s->kind == S_send_msg)
		say_send(s);
	else if (script_is_file(s->kind))
		say_file(s);
	else if (s->kind == S_connect || s->kind == S_connect_name)
		say_connect(s);
	else if (script_is_read(s->kind) || s->kind == S_stream_drained)
		say_stream(s);
	else
		say_other_op(s);
}

static void say_step(const script_step *s)
{
	unsigned at = (unsigned)(s - out.script->step);
	bool deadline = s->us && s->kind != S_timer && script_submits[s->kind];

	if (!script_submits[s->kind]) {
		say_action(s);
		return;
	}
	if (has_then(s, at))
		say("op[%u].then = then_%u;", s->op, at);
	if (deadline)
		say("op[%u].op.deadline_ns = %s;", s->op, time_of(s->us));
	say_submit(s);
}

/* ---- the functions behind it ---- */

static void say_then_own(const script_step *s)
{
	if (script_is_recv(s->kind) && s->kind != S_recv)
		say("pooled(r, %s);", s->how & SCRIPT_HOLD ? "true" : "false");
	if (s->kind == S_accept || s->kind == S_accept_many)
		say("adopt(r, &h[%u]);", s->to);
	if (s->kind == S_dir_read ||
	    (s->how & SCRIPT_WHOLE && script_is_recv(s->kind) && s->kind != S_recv_pooled_many)) {
		say("if (r->result > 0%s) {", s->kind == S_dir_read ? "" : " && r->bytes < WANTED");
		out.indent++;
		say_submit(s);
		say("return;");
		out.indent--;
		say("}");
	}
}

/* Callbacks come when the test's own steps have opened what they open. */
static void opened_elsewhere(void)
{
	memset(out.init, 0, sizeof out.init);
	for (unsigned i = 0; i < out.script->n; i++) {
		const script_step *s = &out.script->step[i];
		bool two = s->kind == S_pair || s->kind == S_udp;

		if (s->in)
			continue;
		if (two || s->kind == S_listen || s->kind == S_init || s->kind == S_connect ||
		    s->kind == S_connect_name || s->kind == S_file_open)
			out.init[s->h] = true;
		if (two || s->kind == S_accept || s->kind == S_accept_many)
			out.init[s->to] = true;
	}
}

/* The last ones first: a step in a callback may have a callback of its own. */
static void say_thens(void)
{
	for (unsigned at = out.script->n; at-- > 0;) {
		const script_step *s = &out.script->step[at];

		if (!script_submits[s->kind] || !has_then(s, at))
			continue;
		fprintf(out.to, "\nstatic void then_%u(rec *r)\n{\n", at);
		out.indent = 1;
		opened_elsewhere();
		if (s->how & SCRIPT_WHOLE && (s->kind == S_recv || s->kind == S_recv_pooled))
			say("enum { WANTED = %u };\n", s->n);
		say("(void)r;");
		say_then_own(s);
		say("if (proa_in_flight(&r->op))");
		say("\treturn;");
		for (unsigned i = at + 1; i < out.script->n; i++)
			if (out.script->step[i].in == s->op + 1)
				say_step(&out.script->step[i]);
		fprintf(out.to, "}\n");
	}
}

static void text(const char *lines)
{
	fputs(lines, out.to);
}

static void say_helpers(void)
{
	if (has_any(S_send, S_sendv) || has(S_stream_put) || has(S_write))
		text("\nstatic void *filled(unsigned k, size_t n)\n{\n\tkit_fill(buf[k], n, 0);\n"
		     "\treturn buf[k];\n}\n");
	if (has(S_recv_msg) || has(S_send_msg))
		text("\nstatic proa_msg *msg_of(unsigned k, size_t n)\n{\n\tmsg[k].buf = buf[k];\n"
		     "\tmsg[k].len = n;\n\treturn &msg[k];\n}\n");
	if (has_any(S_recv_pooled, S_recv_pooled_many))
		text("\nstatic void pooled(rec *r, bool keep)\n{\n"
		     "\tif (r->result > 0 && keep && !held)\n"
		     "\t\theld = r->buf;\n\telse if (r->result > 0)\n"
		     "\t\tproa_buffer_return(loop, r->buf);\n}\n");
	if (has(S_buffer_return))
		text("\nstatic void held_return(void)\n{\n\tproa_buffer_return(loop, held);\n"
		     "\theld = NULL;\n}\n");
	if (has_any(S_accept, S_accept_many))
		text("\nstatic void adopt(rec *r, proa_handle *to)\n{\n\tif (r->result < 0)\n"
		     "\t\treturn;\n\tmemset(to, 0, sizeof *to);\n"
		     "\tproa_handle_init(proa_root(loop), to);\n\tproa_adopt(to, r->socket);\n}\n");
	if (has(S_work))
		text("\nstatic int64_t work(proa_op *it)\n{\n\treturn (intptr_t)it->user;\n}\n");
	if (has_any(S_stream_read_some, S_stream_put))
		text("\nstatic proa_stream *stream_of(unsigned k)\n{\n\tif (!streams[k]) {\n"
		     "\t\tstreams[k] = true;\n\t\tproa_stream_init(&stream[k], &h[k], NULL);\n\t}\n"
		     "\treturn &stream[k];\n}\n");
	if (has(S_connect_name))
		text("\nstatic void connect_name(proa_handle *to, rec *r, const proa_addr *at)\n{\n"
		     "\tchar host[PROA_ADDR_TEXT], *colon;\n\n"
		     "\tproa_addr_print(at, host, sizeof host);\n\tcolon = strrchr(host, ':');\n"
		     "\t*colon = 0;\n\tSUBMIT(proa_connect_name, to, r, host, colon + 1);\n}\n");
	if (has(S_file_open))
		text("\nstatic const char *path_of(int k)\n{\n\tstatic char path[200];\n\n"
		     "\tif (!*folder)\n\t\thost_temp_dir(folder, sizeof folder);\n"
		     "\tsnprintf(path, sizeof path, k < 0 ? \"%s\" : \"%s/f%d\", folder, k);\n"
		     "\treturn path;\n}\n");
	if (has(S_udp))
		text("\nstatic void udp_open(proa_handle *a, proa_addr *at)\n{\n"
		     "\tmemset(a, 0, sizeof *a);\n\tproa_handle_init(proa_root(loop), a);\n"
		     "\tproa_addr_parse(at, host_loopback(), 0);\n"
		     "\tCHECK_EQ(proa_udp_bind(a, at, NULL), 0);\n"
		     "\tCHECK_EQ(proa_local_addr(a, at), 0);\n}\n"
		     "\nstatic void udp_pair(proa_handle *a, proa_handle *b, bool told)\n{\n"
		     "\tproa_addr of_a, of_b;\n\n\tudp_open(a, &of_a);\n\tudp_open(b, &of_b);\n"
		     "\tif (told) {\n\t\tCHECK_EQ(proa_udp_connect(a, &of_b), 0);\n"
		     "\t\tCHECK_EQ(proa_udp_connect(b, &of_a), 0);\n\t}\n}\n");
}

static void say_variables(void)
{
	text("static proa_loop *loop;\n");
	text("static proa_handle h[8];\n");
	text("static rec op[48];\n");
	if (has_any(S_recv, S_recv_msg) || has_any(S_send, S_send_msg) || has(S_stream_put) ||
	    has_any(S_fstat, S_dir_read))
		text("static _Alignas(16) unsigned char buf[48][300000];\n");
	if (has(S_recv_msg) || has(S_send_msg))
		text("static proa_msg msg[48];\n");
	if (has_any(S_recv_pooled, S_recv_pooled_many) || has(S_buffer_return) ||
	    has(S_send_pooled))
		text("static void *held;\n");
	if (has(S_listen) || has(S_connect) || has(S_connect_name))
		text("static proa_addr addr[8], nobody;\n");
	if (has(S_resolve))
		text("static proa_resolve_request request[48];\n");
	if (has(S_work))
		text("static proa_strand strand;\n");
	if (has_any(S_stream_read_some, S_stream_put))
		text("static proa_stream stream[8];\nstatic bool streams[8];\n");
	if (has(S_file_open))
		text("static char folder[120];\n");
}

static void say_test(void)
{
	const script_step *w = out.script->n && out.script->step[0].kind == S_world
	                               ? out.script->step
	                               : NULL;
	unsigned count;
	uint32_t bytes;

	run_pool_size(w, &count, &bytes);
	memset(out.init, 0, sizeof out.init);
	fprintf(out.to, "\nTEST(script)\n{\n");
	say("proa_loop_options o = {.buffers_count = %u, .buffers_size_bytes = %u};\n", count,
	    bytes);
	say("if (!(loop = kit_open(&o)))");
	say("\treturn;");
	if (has(S_connect) || has(S_connect_name)) {
		say("kit_listen(loop, &h[0], &nobody);");
		say("kit_end(loop, &h[0]);");
	}
	for (unsigned i = 0; i < SCRIPT_OPS && has(S_resolve); i++)
		for (unsigned k = 0; k < out.script->n; k++)
			if (out.script->step[k].kind == S_resolve && out.script->step[k].op == i)
				say("request[%u].name = \"127.0.0.1\";", i);
	for (unsigned i = 0; i < out.script->n; i++)
		if (!out.script->step[i].in)
			say_step(&out.script->step[i]);
}

/* The results that the model knows. */
static void say_results(void)
{
	static plan p;
	unsigned step;

	if (!script_plan(out.script, &p, &step)) {
		say("kit_settle(loop);");
		return;
	}
	say("kit_settle(loop);");
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (p.told[i] && p.result[i] < 0)
			say("CHECK_EQ(op[%u].result, -PROA_%s);", i, proa_err_name(p.result[i]));
		else if (p.told[i])
			say("CHECK_EQ(op[%u].result, %lld);", i, (long long)p.result[i]);
}

void script_print_c(const script *s, const char *title, FILE *to)
{
	memset(&out, 0, sizeof out);
	out.to = to;
	out.script = s;
	fprintf(to, "/* %s */\n/* SPDX-License-Identifier: MIT */\n", title);
	text("#include \"c_conform/kit.h\"\n");
	if (has(S_file_open))
		text("#include \"host_file.h\"\n\n#include <stdio.h>\n");
	text("\n");
	say_variables();
	say_helpers();
	say_thens();
	out.indent = 1;
	say_test();
	say_results();
	say("kit_close(&loop);");
	text("}\n");
}
