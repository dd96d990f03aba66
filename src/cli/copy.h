/* proa copy: what its files share. */
/* SPDX-License-Identifier: MIT */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include "cli.h"

/* So many files under way, and so many known of before the walk is held. */
enum { COPY_FLYING = 64, COPY_QUEUE_MOST = 4096 };

typedef struct copy copy;

/* A file or a link to be copied: two texts behind it. */
typedef struct copy_job {
	proa_op op;
	copy *c;
	struct copy_job *next;      /* not begun */
	unsigned slot;              /* under way: in flight[] */
	proa_stat_info info, there; /* of `from`; of what is at `to` already */
	proa_handle in, out;        /* of a large one */
	int64_t at, failed;         /* of that: how far it is, and why it ends */
	bool made;                  /* likewise: `to` was not there */
	bool same;                  /* `to` is another name of it */
	bool replaced;              /* of a link: what was there has made way */
	char *link;                 /* what it says */
	const char *from, *to;
	char text[];
} copy_job;

/* A folder that was made: it gets its mode and time when all is in it. */
typedef struct copy_folder {
	struct copy_folder *next;
	unsigned mode;
	int64_t mtime_ns;
	char path[];
} copy_folder;

struct copy {
	proa_loop *loop;
	const char *from;
	char *to;
	proa_op walk, tick, op;
	copy_job *first, **last; /* jobs that have not begun */
	copy_job *flight[COPY_FLYING];
	unsigned queued, flying;
	unsigned making; /* folders */
	bool walking, held;
	copy_folder *folders; /* the last one first */
	copy_folder *refused; /* could not be made */
	uint64_t files, files_found, failed;
	int64_t bytes, bytes_found;
	bool bar; /* there is a terminal to draw it on */
	cli_signals signals;
	bool stopped; /* by one of them */
};

void *copy_memory(size_t bytes); /* zeros; without any the program ends */
/* Says so, on one line; `to` may be NULL. */
void copy_failed(copy *c, const char *from, const char *to, int64_t rc);
/* The same for what has no number: `why` takes two texts. */
void copy_refused(copy *c, const char *why, const char *from, const char *to);

/* ---- copy_job.c ---- */
copy_job *copy_job_new(copy *c, const char *from, const char *to, const proa_stat_info *info);
/* Takes it, now or when there is room. */
void copy_job_add(copy *c, copy_job *job);
/* It has ended: frees it, and begins the next. */
void copy_job_end(copy_job *job, int64_t rc);
/* What has not begun never does, and what is under way ends as soon as it can. */
void copy_jobs_stop(copy *c);

/* ---- copy_big.c ---- */
void copy_big_start(copy_job *job);

/* ---- copy_bar.c ---- */
void copy_bar_begin(copy *c);
void copy_bar_end(copy *c);

#endif
