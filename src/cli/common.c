/* What the serving commands have in common: failures in words, signals, lines on stdout. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "host.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

int cli_fail(const char *format, ...)
{
	char small[512], *large = NULL, *text = small;
	va_list list;
	int len;

	va_start(list, format);
	len = vsnprintf(small, sizeof small, format, list);
	va_end(list);
	if (len >= (int)sizeof small && (large = malloc((size_t)len + 1))) {
		va_start(list, format); /* what is wrong is said behind a long name, too */
		vsnprintf(text = large, (size_t)len + 1, format, list);
		va_end(list);
	}
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20) /* one line, whatever an argument holds */
			*at = '?';
	fprintf(stderr, "proa: %s\n", text);
	free(large);
	return CLI_FAILED;
}

int cli_written(int status)
{
	return fflush(stdout) || ferror(stdout) ? cli_fail("cannot write to stdout") : status;
}

int cli_fail_backend(const cli_args *args, int rc)
{
	const char *name = args->backend ? args->backend : getenv("PROA_BACKEND");

	if (rc == -PROA_EINVAL && name)
		return cli_fail("there is no backend '%s'; 'proa doctor' lists them", name);
	if (rc == -PROA_ENOTSUP && name)
		return cli_fail("the backend '%s' cannot work here; 'proa doctor' says why", name);
	return cli_fail("cannot start: %s", proa_err_text(rc));
}

int cli_fail_listen(const char *listen, int rc)
{
	return cli_fail("cannot listen on %s: %s", listen, proa_err_text(rc));
}

/* ---- lines ---- */

void cli_print_listening(const proa_addr *addr)
{
	char text[PROA_ADDR_TEXT];

	if (proa_addr_print(addr, text, sizeof text) < 0)
		snprintf(text, sizeof text, "?");
	printf("listening %s\n", text);
	fflush(stdout);
}

void cli_print_json(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else if (c == '"' || c == '\\')
			printf("\\%c", c);
		else
			putchar(c);
	}
	putchar('"');
}

void cli_unlisten(const char *listen)
{
	if (!strncmp(listen, "unix:", 5))
		cli_host_remove(listen + 5);
}

void cli_print_stats(const char *backend, const proa_stats *s)
{
	printf("stats backend=%s completed=%" PRIu64 " iterations=%" PRIu64 " waits=%" PRIu64
	       " wakeups=%" PRIu64 " system_calls=%" PRIu64 " bytes_in=%" PRIu64
	       " bytes_out=%" PRIu64 " pool_parks=%" PRIu64 " accept_pauses=%" PRIu64
	       " memory_bytes=%" PRIu64 " allocations=%" PRIu64,
	       backend, s->completed, s->iterations, s->waits, s->wakeups, s->system_calls,
	       s->bytes_in, s->bytes_out, s->pool_parks, s->accept_pauses, s->memory_bytes,
	       s->allocations);
	for (unsigned i = 0; proa_stats_kind(i); i++)
		if (s->submitted[i])
			printf(" %s=%" PRIu64, proa_stats_kind(i), s->submitted[i]);
	printf("\n");
	fflush(stdout);
}

void cli_stats_add(proa_stats *sum, const proa_stats *s)
{
	for (unsigned i = 0; proa_stats_kind(i); i++)
		sum->submitted[i] += s->submitted[i];
	sum->completed += s->completed;
	sum->iterations += s->iterations;
	sum->waits += s->waits;
	sum->wakeups += s->wakeups;
	sum->system_calls += s->system_calls;
	sum->bytes_in += s->bytes_in;
	sum->bytes_out += s->bytes_out;
	sum->pool_parks += s->pool_parks;
	sum->accept_pauses += s->accept_pauses;
	sum->memory_bytes += s->memory_bytes;
	sum->allocations += s->allocations;
}

/* ---- signals ---- */

static void signal_came(cli_signals *signals, const proa_op *op, int signo)
{
	if (op->result > 0)
		signals->signo = signo;
	for (int64_t n = op->result; n > 0; n--)
		signals->stop(signals->count++ > 0, signals->user);
}

static void on_term(proa_op *op)
{
	signal_came(PROA_OF(op, cli_signals, term), op, SIGTERM);
}

static void on_interrupt(proa_op *op)
{
	signal_came(PROA_OF(op, cli_signals, interrupt), op, SIGINT);
}

static volatile sig_atomic_t watched;

/* Before there is a loop to tell, the signal ends the program; when there is none any more, it is
 * on its way out already, and what it still has to write gets written. */
static void on_unwatched(int signo)
{
	(void)signo;
	if (!watched)
		_Exit(CLI_OK);
}

void cli_signals_prepare(void)
{
	signal(SIGTERM, on_unwatched);
	signal(SIGINT, on_unwatched);
}

void cli_signals_watch(cli_signals *signals, proa_loop *loop)
{
	watched = 1;
	signals->term.want = signals->interrupt.want = PROA_BACKGROUND;
	proa_signal(proa_root(loop), &signals->term, SIGTERM, on_term);
	proa_signal(proa_root(loop), &signals->interrupt, SIGINT, on_interrupt);
}
