/* What each completion may say: the stated sets of docs/CONTRACT.md. */
/* SPDX-License-Identifier: MIT */
#include "s_script/run.h"

static bool is_socket(unsigned kind)
{
	return (kind >= S_accept && kind <= S_stream_drained) && kind != S_accept &&
	       kind != S_accept_many;
}

static bool is_connect(const slot *t)
{
	return t->kind == S_connect || t->kind == S_connect_name;
}

static bool is_out(const slot *t)
{
	return script_is_send(t->kind) || t->kind == S_shutdown || t->kind == S_stream_drained;
}

/* Errors of a file by what it was asked for. */
static bool file_error_stated(const slot *t, int64_t error)
{
	switch (error) {
	case PROA_ENOENT:
	case PROA_EEXIST:
	case PROA_ENOTDIR:
	case PROA_EISCONN: return t->kind == S_file_open || t->kind == S_dir_read;
	case PROA_EISDIR:
	case PROA_EINVAL: /* a folder's */
	case PROA_EACCES: return true;
	case PROA_EBADF: return t->kind != S_file_open;
	default: return false;
	}
}

static bool call_error_stated(const slot *t, int64_t error)
{
	const hand *h = &r.hand[t->h];

	switch (error) {
	case PROA_EINVAL:
		return (script_is_recv(t->kind) || t->kind == S_recv_msg || t->kind == S_accept ||
		        t->kind == S_accept_many || script_is_read(t->kind) ||
		        t->kind == S_send_file || t->kind == S_connect ||
		        t->kind == S_connect_name);
	case PROA_EISCONN:
	case PROA_EALREADY:
		return is_connect(t) || script_is_read(t->kind) || t->kind == S_stream_drained;
	case PROA_ECONNREFUSED:
		return is_socket(t->kind) &&
		       (h->refused || h->is == H_UDP || (is_connect(t) && !r.plan));
	case PROA_ENOTSUP: return is_socket(t->kind);
	case PROA_EMSGSIZE: return t->kind == S_send_msg;
	case PROA_EISDIR:
	case PROA_EBADF: return t->kind == S_send_file; /* not opened to be read */
	case PROA_EEND: return script_is_read(t->kind);
	case PROA_ENOTCONN: return t->unopened || t->kind == S_shutdown;
	default: return false;
	}
}

/* Of what went through a stream nobody tells whether it was torn. */
static bool may_be_torn(const end *e)
{
	bool maybe = e->torn || e->unsure;

	for (unsigned i = 0; i < e->n_segments; i++)
		maybe |= e->segment[i].maybe;
	return maybe;
}

/* What asks workers, who are threads that may not be had. */
static bool is_worked(const slot *t)
{
	return script_is_file(t->kind) || t->kind == S_send_file || t->kind == S_work ||
	       t->kind == S_resolve || t->kind == S_connect_name;
}

/* What may take memory; behind a connect, that one's. */
static bool takes_memory(const slot *t)
{
	return is_worked(t) || is_socket(t->kind) || t->kind == S_accept_many ||
	       t->kind == S_signal;
}

/* Only in a world that has been asked for it. */
static bool fault_stated(const slot *t, int64_t error)
{
	bool socket = is_socket(t->kind), opens = socket || t->kind == S_file_open;

	switch (error) {
	case PROA_ENETUNREACH:
	case PROA_EHOSTUNREACH:
	case PROA_EADDRNOTAVAIL: return socket && script_may(PROA_FAULT_ERROR_BEFORE);
	case PROA_ENAMETEMP:
		return (socket || t->kind == S_resolve) && script_may(PROA_FAULT_ERROR_BEFORE);
	case PROA_ECONNREFUSED: return socket && script_may(PROA_FAULT_REFUSED);
	case PROA_ENOBUFS:
		return (socket && script_may(PROA_FAULT_ERROR_BEFORE)) ||
		       (opens && script_may(PROA_FAULT_EXHAUSTED));
	case PROA_EMFILE:
	case PROA_ENFILE: return opens && script_may(PROA_FAULT_EXHAUSTED);
	case PROA_ENOMEM:
		return ((opens || is_worked(t)) && script_may(PROA_FAULT_EXHAUSTED)) ||
		       (takes_memory(t) && script_may(PROA_FAULT_NO_MEMORY));
	case PROA_EIO:
	case PROA_ENOSPC:
		return (script_is_file(t->kind) || t->kind == S_send_file) &&
		       script_may(PROA_FAULT_DISK_ERROR);
	default: return false;
	}
}

static bool error_stated(const slot *t, int64_t error)
{
	const hand *h = &r.hand[t->h];
	const end *e = end_of(t->h);

	switch (error) {
	case PROA_ECANCELED:
		return t->asked || r.ending || (!t->rooted && (h->closing || h->asked));
	case PROA_ETIMEDOUT: return t->timed || (is_socket(t->kind) && (h->idle || h->timed));
	case PROA_ECONNRESET: return is_socket(t->kind);
	case PROA_EPIPE: return is_out(t) && e && e->shut;
	case PROA_EBROKEN: return is_out(t) && e && may_be_torn(e);
	default:
		return script_is_file(t->kind) ? file_error_stated(t, error)
		                               : call_error_stated(t, error);
	}
}

static bool count_stated(const slot *t, int64_t result, int64_t count)
{
	if (!script_is_send(t->kind))
		return true;
	return count >= 0 && count <= (int64_t)t->len && (result < 0 || count == result);
}

static bool value_stated(const slot *t, int64_t result, uint32_t got)
{
	int64_t len = t->len;
	bool ends = (got & PROA_END) && !(got & PROA_MORE);

	switch (t->kind) {
	case S_recv:
	case S_recv_pooled:
	case S_recv_pooled_many:
	case S_stream_read_some: return result ? result <= len : ends;
	case S_stream_read_exact: return result ? result == len : ends;
	case S_recv_msg: return result <= len && (!(got & PROA_TRUNC) || result == len);
	case S_read:
		if (t->asked || t->timed || r.hand[t->h].closing)
			return result <= len; /* what it had by then */
		return result == len || (result < len && (got & PROA_END));
	case S_send_file: return result == len || (result < len && (got & PROA_END));
	case S_send:
	case S_sendv:
	case S_send_pooled:
	case S_send_msg:
	case S_write:
	case S_work: return result == len;
	case S_doorbell:
	case S_signal: return result > 0 && (got & PROA_MORE);
	case S_timer: return result == 0 && proa_clock(r.loop) >= t->aim;
	case S_resolve: return result >= 1 && result == t->request.n;
	case S_dir_read: return result ? result <= len : ends;
	case S_accept: return !(got & PROA_MORE);
	case S_accept_many: return (got & PROA_MORE) != 0;
	default: return result == 0;
	}
}

bool result_stated(const slot *t, int64_t result, int64_t count, uint32_t got)
{
	if (!count_stated(t, result, count))
		return false;
	if (result < 0)
		return !(got & PROA_MORE) && (error_stated(t, -result) || fault_stated(t, -result));
	return value_stated(t, result, got);
}
