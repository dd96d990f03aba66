/* proa copy: files and trees, many files at a time. */
/* SPDX-License-Identifier: MIT */
#include "copy.h"
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4, OWNER_ALL = 0700 };

void *copy_memory(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		exit(cli_fail("%s", proa_err_text(-PROA_ENOMEM)));
	return memory;
}

/* Counts it, and leaves the bar's line. */
static void failure_begin(copy *c)
{
	c->failed++;
	if (c->bar)
		fprintf(stderr, "\n");
}

void copy_failed(copy *c, const char *from, const char *to, int64_t rc)
{
	failure_begin(c);
	if (to)
		cli_fail("cannot copy '%s' to '%s': %s", from, to, proa_err_text(rc));
	else
		cli_fail("cannot copy '%s': %s", from, proa_err_text(rc));
}

void copy_refused(copy *c, const char *why, const char *from, const char *to)
{
	failure_begin(c);
	cli_fail(why, from, to);
}

/* ---- paths ---- */

static char *path_join(const char *folder, const char *in, const char *name)
{
	size_t bytes = strlen(folder) + strlen(in) + strlen(name) + 3;
	char *path = copy_memory(bytes);

	snprintf(path, bytes, "%s%s%s%s%s", folder, *in ? "/" : "", in, *name ? "/" : "", name);
	return path;
}

/* What is behind the last separator, those at the end apart; of "." and ".." nothing. */
static const char *path_name(char *path)
{
	size_t len = strlen(path);
	char *at;

	while (len > 1 && cli_host_separates(path[len - 1]))
		path[--len] = 0;
	at = path + len;
	while (at > path && !cli_host_separates(at[-1]))
		at--;
	return !strcmp(at, ".") || !strcmp(at, "..") ? "" : at;
}

/* ---- folders: made before what is in them, finished behind it ---- */

static void folder_add(copy_folder **list, const char *path, const proa_stat_info *info)
{
	size_t len = strlen(path) + 1;
	copy_folder *f = copy_memory(sizeof *f + len);

	f->mode = info->mode;
	f->mtime_ns = info->mtime_ns;
	memcpy(f->path, path, len);
	f->next = *list;
	*list = f;
}

static void folders_free(copy_folder *f)
{
	while (f) {
		copy_folder *next = f->next;

		free(f);
		f = next;
	}
}

static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (!path[len] || cli_host_separates(path[len]));
}

/* Nothing goes into one that could not be made: it has been said, and what is there in its place is
 * somebody else's. */
static bool is_refused(const copy *c, const char *in)
{
	char *path = path_join(c->to, in, "");
	const copy_folder *f = c->refused;

	while (f && !is_within(path, f->path))
		f = f->next;
	free(path);
	return f != NULL;
}

static void folder_end(copy_job *job, bool there)
{
	copy *c = job->c;

	folder_add(there ? &c->folders : &c->refused, job->to, &job->info);
	c->making--;
	free(job);
	if (c->held && !c->making && c->queued < COPY_QUEUE_MOST) {
		c->held = false;
		proa_resume(&c->walk);
	}
}

/* One that is there already is as good, but a link to one is not: what it leads to may be anywhere.
 */
static void on_there(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);
	bool folder = op->result == 0 && job->there.type == PROA_S_DIR;

	if (op->result < 0)
		copy_failed(job->c, job->from, job->to, op->result);
	else if (!folder)
		copy_refused(job->c, "cannot copy folder '%s' over '%s', which is none", job->from,
		             job->to);
	folder_end(job, folder);
}

static void on_made(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result == -PROA_EEXIST) {
		proa_lstat(proa_root(job->c->loop), op, job->to, &job->there, on_there);
		return;
	}
	if (op->result < 0)
		copy_failed(job->c, job->from, job->to, op->result);
	folder_end(job, op->result == 0);
}

static void folder_make(copy *c, copy_job *job)
{
	c->making++;
	proa_mkdir(proa_root(c->loop), &job->op, job->to, job->info.mode | OWNER_ALL, on_made);
}

static void finish_next(copy *c);

static void on_timed(proa_op *op)
{
	copy *c = PROA_OF(op, copy, op);
	copy_folder *f = c->folders;

	if (op->result < 0)
		copy_refused(c, "cannot set the mode and time of '%s': %s", f->path,
		             proa_err_text(op->result));
	c->folders = f->next;
	free(f);
	finish_next(c);
}

static void on_moded(proa_op *op)
{
	copy *c = PROA_OF(op, copy, op);

	if (op->result < 0)
		on_timed(op);
	else
		proa_utime(proa_root(c->loop), op, c->folders->path, PROA_TIME_KEEP,
		           c->folders->mtime_ns, on_timed);
}

/* The innermost first: who may not enter a folder cannot change what is in it. */
static void finish_next(copy *c)
{
	if (c->folders)
		proa_chmod(proa_root(c->loop), &c->op, c->folders->path, c->folders->mode,
		           on_moded);
}

/* ---- the walk ---- */

static void entry_take(copy *c, const proa_dir_batch *b, const proa_dirent *d)
{
	char *from = path_join(c->from, b->folder, d->name);
	char *to = path_join(c->to, b->folder, d->name);
	copy_job *job = copy_job_new(c, from, to, &d->stat);

	if (d->stat.type == PROA_S_DIR) {
		folder_make(c, job);
	} else if (d->stat.type == PROA_S_OTHER) {
		copy_refused(c, "cannot copy '%s': %s", from,
		             "it is no file, no folder and no link");
		free(job);
	} else {
		copy_job_add(c, job);
	}
	free(from);
	free(to);
}

/* Held until the folders are there that what comes next may be in, and while much is queued. */
static void on_batch(proa_op *op)
{
	copy *c = PROA_OF(op, copy, walk);
	const proa_dir_batch *b = op->buf;
	const proa_dirent *d = NULL;

	if (!(op->got & PROA_MORE)) {
		c->walking = false;
		if (op->result < 0 && !c->stopped)
			copy_failed(c, c->from, NULL, op->result);
		return;
	}
	if (c->stopped || is_refused(c, b->folder))
		return;
	if (b->error) {
		char *folder = path_join(c->from, b->folder, "");

		copy_failed(c, folder, NULL, -(int64_t)b->error);
		free(folder);
	}
	while ((d = proa_dirent_next(b, d)))
		entry_take(c, b, d);
	if (c->making || c->queued >= COPY_QUEUE_MOST) {
		c->held = true;
		proa_pause(op);
	}
}

/* ---- what is meant ---- */

static int64_t look(copy *c, const char *path, bool itself, proa_stat_info *info)
{
	if (itself)
		proa_lstat(proa_root(c->loop), &c->op, path, info, NULL);
	else
		proa_stat(proa_root(c->loop), &c->op, path, info, NULL);
	return proa_await(c->loop, &c->op);
}

/* False, and said: the copy would go into itself, or over itself. */
static bool is_elsewhere(const char *from, const char *in, const char *to)
{
	char *whole = cli_host_full_path(from), *target = cli_host_full_path(in);
	bool inside = whole && target && is_within(target, whole);

	free(whole);
	free(target);
	if (inside)
		cli_fail("cannot copy '%s' into itself, '%s'", from, to);
	return !inside;
}

/* `given`: by this name, and then a link to a folder is as good as one. */
static bool top_make(copy *c, const proa_stat_info *info, bool given)
{
	proa_stat_info there;
	int64_t rc;

	proa_mkdir(proa_root(c->loop), &c->op, c->to, info->mode | OWNER_ALL, NULL);
	rc = proa_await(c->loop, &c->op);
	if (rc == -PROA_EEXIST)
		rc = look(c, c->to, !given, &there);
	else
		there.type = PROA_S_DIR;
	if (rc < 0)
		cli_fail("cannot make '%s': %s", c->to, proa_err_text(rc));
	else if (there.type != PROA_S_DIR)
		cli_fail("cannot copy folder '%s' over '%s', which is none", c->from, c->to);
	return rc == 0 && there.type == PROA_S_DIR;
}

static bool tree_begin(copy *c, const proa_stat_info *info, const char *parent, bool given)
{
	if (!is_elsewhere(c->from, parent, c->to) || !top_make(c, info, given))
		return false;
	folder_add(&c->folders, c->to, info);
	c->walking = true;
	proa_walk(proa_root(c->loop), &c->walk, c->from, 0, on_batch);
	return true;
}

/* The folder that `to` is or will be in. */
static bool folder_begin(copy *c, const proa_stat_info *info, bool given)
{
	char *parent = path_join(c->to, "", "");
	const char *name = path_name(parent);
	proa_stat_info there;
	bool begun;

	if (*name && look(c, c->to, false, &there) < 0)
		parent[name - parent] = 0;
	begun = tree_begin(c, info, *parent ? parent : ".", given);
	free(parent);
	return begun;
}

/* Into a folder that is there, or in the place of what is. */
static bool copy_begin(copy *c, const cli_args *args)
{
	char *from = path_join(args->dir, "", "");
	proa_stat_info info, there;
	int64_t rc = look(c, args->dir, true, &info);

	if (rc < 0) {
		cli_fail("cannot copy '%s': %s", args->dir, proa_err_text(rc));
		free(from);
		return false;
	}
	rc = look(c, args->to, false, &there);
	c->to = path_join(args->to, "", rc == 0 && there.type == PROA_S_DIR ? path_name(from) : "");
	free(from);
	if (info.type == PROA_S_DIR && rc == 0 && there.type != PROA_S_DIR) {
		cli_fail("cannot copy a folder over '%s', which is none", args->to);
		return false;
	}
	if (info.type == PROA_S_DIR)
		return folder_begin(c, &info, !strcmp(c->to, args->to));
	if (info.type == PROA_S_OTHER) {
		cli_fail("cannot copy '%s': it is no file, no folder and no link", args->dir);
		return false;
	}
	if (look(c, c->to, true, &there) == 0 && there.ino == info.ino && there.dev == info.dev) {
		cli_fail("'%s' and '%s' are the same file", args->dir, c->to);
		return false;
	}
	copy_job_add(c, copy_job_new(c, args->dir, c->to, &info));
	return true;
}

/* ---- the command ---- */

/* So that no half of a file stays; a second one ends it wherever it is. */
static void copy_stop(unsigned again, void *user)
{
	copy *c = user;

	if (again) {
		signal(c->signals.signo, SIG_DFL);
		raise(c->signals.signo);
	}
	c->stopped = true;
	c->held = false;
	proa_cancel(&c->walk);
	copy_jobs_stop(c);
}

/* As a shell without job control starts what is to go on behind it. */
static bool is_ignored(int signo)
{
	void (*was)(int) = signal(signo, SIG_DFL);

	if (was == SIG_IGN)
		signal(signo, SIG_IGN);
	return was == SIG_IGN;
}

static void signals_watch(copy *c)
{
	bool ignored = is_ignored(SIGINT);

	c->signals.stop = copy_stop;
	c->signals.user = c;
	cli_signals_watch(&c->signals, c->loop);
	if (ignored)
		proa_cancel(&c->signals.interrupt);
}

static int copy_all(copy *c, const cli_args *args)
{
	int rc = CLI_FAILED;

	c->from = args->dir;
	c->last = &c->first;
	if (copy_begin(c, args)) {
		signals_watch(c);
		copy_bar_begin(c);
		proa_run(c->loop);
		finish_next(c);
		proa_run(c->loop);
		copy_bar_end(c);
		rc = c->failed ? CLI_FAILED : CLI_OK;
	}
	folders_free(c->folders);
	folders_free(c->refused);
	free(c->to);
	return rc;
}

static int copy_run(const cli_args *args)
{
	proa_workers_options workers = {.threads = {0, args->workers ? args->workers : WORKERS}};
	proa_loop_options options = {.backend = args->backend};
	copy c = {0};
	int rc;

	if (!args->dir || !args->to)
		return cli_fail("copy takes what to copy and where to: proa copy SRC DST");
	if ((rc = proa_workers_open(&options.workers, &workers)) < 0)
		return cli_fail("cannot start: %s", proa_err_text(rc));
	rc = proa_loop_open(&c.loop, &options);
	if (rc < 0) {
		proa_workers_close(&options.workers, 0);
		return cli_fail_backend(args, rc);
	}
	rc = copy_all(&c, args);
	proa_loop_close(&c.loop, 0);
	proa_workers_close(&options.workers, 0);
	if (!c.stopped)
		return rc;
	raise(c.signals.signo); /* as if it had not been held up */
	return CLI_FAILED;
}

const cli_command cli_copy = {
	.name = "copy",
	.usage = "SRC DST [--workers N] [--backend NAME]",
	.about = "Copies a file, or a folder with all that is in it.",
	.help = "Modes and times are kept, links are copied as links. If DST is a folder, the\n"
		"copy is made in it. A terminal sees how far it is.\n\n"
		"  --workers N      threads that wait for the disk (4)\n"
		"  --backend NAME   what the loop waits with; 'proa doctor' lists them\n",
	.takes = CLI_DIR | CLI_TO | CLI_WORKERS | CLI_BACKEND,
	.run = copy_run,
};
