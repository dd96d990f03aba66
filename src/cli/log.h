/* The access log of proa serve: lines gathered by each loop, written by a worker. */
/* SPDX-License-Identifier: MIT */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include "proa/http.h"
#include "proa/loop.h"

typedef struct cli_log cli_log;

/* For loops of index 0 to loops_max - 1. NULL: no memory. */
cli_log *cli_log_open(unsigned loops_max);
/* On the loop's own thread, before anything is put: 0 or -PROA_ENOMEM. Sets its user pointer. */
int cli_log_attach(cli_log *log, proa_loop *loop, unsigned index);
/* On an attached loop's thread. Never waits: what stdout's reader does not take in time is lost,
 * and counted. */
void cli_log_put(const proa_http_record *record);
/* When the loops have ended: writes what is left, and says what was lost. NULL is nothing. */
void cli_log_close(cli_log *log);

#endif
