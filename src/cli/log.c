/* The access log: never in the way of serving, whatever stdout does (a slow pipe, a full disk). */
/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "host.h"
#include "proa/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOG_BYTES = 256 * 1024, LINE_BYTES = 4096 };
#define LOG_DELAY_NS (20 * PROA_MSEC)

/* Two buffers: a worker writes one while the loop fills the other. `op` is a timer that lets lines
 * gather, then the work, in turn. */
typedef struct log_loop {
	proa_loop *loop;
	proa_op op;
	char *text[2];
	size_t len[2];
	unsigned fill;
	uint64_t lost; /* lines */
} log_loop;

struct cli_log {
	unsigned loops_max;
	log_loop *loop[]; /* each written by its own thread */
};

static void on_time(proa_op *op);

cli_log *cli_log_open(unsigned loops_max)
{
	cli_log *log = calloc(1, sizeof *log + loops_max * sizeof log->loop[0]);

	if (!log)
		return NULL;
	log->loops_max = loops_max;
	/* A batch is one write, and a failed one leaves nothing behind. */
	setvbuf(stdout, NULL, _IONBF, 0);
	cli_host_ignore_lost_readers();
	return log;
}

int cli_log_attach(cli_log *log, proa_loop *loop, unsigned index)
{
	log_loop *l = calloc(1, sizeof *l);

	if (!l)
		return -PROA_ENOMEM;
	log->loop[index] = l;
	l->loop = loop;
	l->op.want = PROA_BACKGROUND;
	for (unsigned i = 0; i < 2; i++)
		if (!(l->text[i] = malloc(LOG_BYTES)))
			return -PROA_ENOMEM;
	proa_loop_set_user(loop, l);
	return 0;
}

/* On a worker, or at the end on the main thread. Lines of a batch that cannot be written are lost.
 */
static uint64_t batch_write(const char *text, size_t len)
{
	size_t done = len ? fwrite(text, 1, len, stdout) : 0;
	uint64_t lost = 0;

	for (size_t i = done; i < len; i++)
		lost += text[i] == '\n';
	if (done < len)
		clearerr(stdout);
	return lost;
}

static int64_t batch_work(proa_op *op)
{
	log_loop *l = PROA_OF(op, log_loop, op);

	return (int64_t)batch_write(l->text[!l->fill], l->len[!l->fill]);
}

static void timer_start(log_loop *l)
{
	proa_timer(proa_root(l->loop), &l->op, proa_in(l->loop, LOG_DELAY_NS), on_time);
}

static void on_written(proa_op *op)
{
	log_loop *l = PROA_OF(op, log_loop, op);

	if (op->result < 0)
		return; /* the loop ends before a worker came to it: cli_log_close writes it */
	l->lost += (uint64_t)op->result;
	l->len[!l->fill] = 0;
	if (l->len[l->fill])
		timer_start(l);
}

static void on_time(proa_op *op)
{
	log_loop *l = PROA_OF(op, log_loop, op);

	if (op->result < 0)
		return;
	l->fill = !l->fill;
	proa_work(proa_root(l->loop), op, NULL, batch_work, on_written);
}

void cli_log_put(const proa_http_record *record)
{
	log_loop *l = proa_loop_user(record->loop);
	size_t *len = &l->len[l->fill];

	if (LOG_BYTES - *len < LINE_BYTES)
		l->lost++;
	else
		*len += proa_http_log_line(record, l->text[l->fill] + *len, LINE_BYTES);
	if (!proa_in_flight(&l->op) && !proa_is_closing(proa_root(l->loop)))
		timer_start(l);
}

/* The older batch first. */
static uint64_t loop_close(log_loop *l)
{
	uint64_t lost = l->lost;

	for (unsigned i = 0; i < 2; i++) {
		l->fill = !l->fill;
		if (l->text[l->fill])
			lost += batch_write(l->text[l->fill], l->len[l->fill]);
		free(l->text[l->fill]);
	}
	free(l);
	return lost;
}

void cli_log_close(cli_log *log)
{
	uint64_t lost = 0;

	if (!log)
		return;
	for (unsigned i = 0; i < log->loops_max; i++)
		if (log->loop[i])
			lost += loop_close(log->loop[i]);
	if (lost)
		fprintf(stderr, "proa: %" PRIu64 " lines of the access log could not be written\n",
		        lost);
	free(log);
}
