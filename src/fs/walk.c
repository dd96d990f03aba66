/* Folders as multishots: a worker reads some entries, the loop tells them, and so on. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"
#include "op/worker.h"

#include <string.h>

/* ---- who has what ----
 *
 * While the work op is in flight, the worker has all of the walk but the batch that was told; else
 * the loop's thread has it. There are two batches: one is filled while the caller looks at the
 * other. A batch is told (pulled) in one iteration and filled again from the next but one on, for
 * events are looked at when the run function has returned. For the same reason the end is told in
 * an iteration of its own.
 *
 * Folders that are still to be read are known from the entries that were told. Memory is the loop
 * thread's: so the worker puts aside the folders that it has done with. */

enum { BATCH_BYTES = 32 * 1024, OPEN_FLAGS = PROA_O_READ | PROA_O_DIR };

typedef struct folder {
	struct folder *next;
	unsigned depth; /* of its entries */
	size_t bytes;
	char path[];
} folder;

typedef struct batch {
	proa_dir_batch told;
	int32_t sys_error;
	folder *of; /* whose entries they are, if it is not `now`: freed when this is filled again
	             */
	_Alignas(proa_dirent) char entries[BATCH_BYTES];
} batch;

typedef struct walk {
	proa_op work;
	px_op *op;
	unsigned depth_max;
	int base;       /* where the path begins */
	int top;        /* the first folder; -1: not open */
	bool own_top;   /* it is closed with the walk */
	int fd;         /* of `now`; -1: not open */
	bool busy;      /* work is in flight */
	bool ready;     /* batches[turn] is filled, and not told */
	bool over;      /* there is nothing more to fill */
	uint64_t told;  /* the iteration in which a batch was told last */
	int64_t failed; /* why it ends before it is over */
	int32_t sys_error;
	unsigned turn;
	folder *todo, *now;
	size_t path_bytes;
	batch batches[2];
	char path[];
} walk;

/* ---- on a worker ---- */

static void now_close(walk *w)
{
	if (w->fd >= 0 && w->fd != w->top)
		px_file_close(w->fd);
	w->fd = -1;
}

/* `now` has no more entries: it stays with the batch that has its last ones. */
static void now_leave(walk *w, batch *b)
{
	now_close(w);
	b->of = w->now;
	w->now = NULL;
}

static int64_t top_open(walk *w)
{
	int64_t fd = 0;

	if (w->top < 0) {
		fd = px_file_open(w->base, w->path, OPEN_FLAGS, 0, &w->sys_error);
		w->top = (int)PX_MAX(fd, -1);
		w->own_top = fd >= 0;
	}
	return PX_MIN(fd, 0);
}

/* What was a folder when it was told may be a link out of here by now. */
static int64_t now_open(walk *w, int32_t *sys_error)
{
	int64_t fd = *w->now->path ? px_file_open(w->top, w->now->path, OPEN_FLAGS | PROA_O_BENEATH,
	                                          0, sys_error)
	                           : w->top;

	w->fd = (int)PX_MAX(fd, -1);
	return PX_MIN(fd, 0);
}

/* Entries of `now`: bytes, 0 there are no more, or why they cannot be read. */
static int64_t now_read(walk *w, batch *b)
{
	int64_t n = 0;

	b->told = (proa_dir_batch){.folder = w->now->path, .depth = w->now->depth};
	b->told.first = (const proa_dirent *)(const void *)b->entries;
	b->sys_error = 0;
	if (w->fd < 0)
		n = now_open(w, &b->sys_error);
	if (n == 0)
		n = px_dir_read(w->fd, b->entries, BATCH_BYTES, &b->sys_error);
	if (n < 0)
		b->told.error = (int32_t)-n;
	b->told.bytes = (size_t)PX_MAX(n, 0);
	return n;
}

/* One batch of one folder. An empty folder is nothing to tell: the loop gives the next one. */
static int64_t walk_run(proa_op *work)
{
	walk *w = PX_OF(work, walk, work);
	batch *b = &w->batches[w->turn];
	int64_t n = top_open(w);

	if (n == 0)
		n = now_read(w, b);
	else
		return n;
	if (n < 0 && w->now->depth == 1 && !*w->now->path) {
		w->sys_error = b->sys_error;
		return n;
	}
	if (n <= 0)
		now_leave(w, b);
	w->ready = n != 0;
	return 0;
}

/* ---- on the loop's thread ---- */

static void folder_free(px_core *core, folder *f)
{
	if (f)
		px_free(&core->alloc, f, f->bytes);
}

static void walk_free(px_core *core, walk *w)
{
	px_assert(!w->busy);
	now_close(w);
	if (w->own_top)
		px_file_close(w->top);
	for (folder *f = w->todo, *next; f; f = next) {
		next = f->next;
		folder_free(core, f);
	}
	folder_free(core, w->now);
	folder_free(core, w->batches[0].of);
	folder_free(core, w->batches[1].of);
	px_free(&core->alloc, w, sizeof *w + w->path_bytes);
}

/* A folder in `in` (NULL: the first one), to be read in its turn. */
static bool folder_add(px_core *core, walk *w, const folder *in, const char *name)
{
	size_t before = in ? strlen(in->path) : 0, len = strlen(name);
	size_t bytes = sizeof(folder) + before + 1 + len + 1;
	folder *f = px_zalloc(&core->alloc, bytes);

	if (!f)
		return false;
	f->bytes = bytes;
	f->depth = in ? in->depth + 1 : 1;
	if (before) {
		memcpy(f->path, in->path, before);
		f->path[before++] = '/';
	}
	memcpy(f->path + before, name, len);
	f->next = w->todo;
	w->todo = f;
	return true;
}

static bool folders_add(px_core *core, walk *w, const batch *b)
{
	const folder *in = b->of ? b->of : w->now;

	if (w->depth_max && b->told.depth >= w->depth_max)
		return true;
	for (const proa_dirent *d = NULL; (d = proa_dirent_next(&b->told, d));)
		if (d->stat.type == PROA_S_DIR && !folder_add(core, w, in, d->name))
			return false;
	return true;
}

static void walk_done(proa_op *work);

/* On with batches[turn], if there is anything to be had for it. */
static void walk_go(px_core *core, walk *w)
{
	batch *b = &w->batches[w->turn];
	px_op *work;

	folder_free(core, b->of);
	b->of = NULL;
	if (!w->now && (w->now = w->todo))
		w->todo = w->now->next;
	if (!w->now) {
		w->over = true;
		return;
	}
	w->busy = true;
	w->work.want = w->op->want & PROA_BACKGROUND;
	work = px_op_begin(px_handle_pub(w->op->handle), &w->work, PX_WORK, walk_done);
	work->args.work.fn = walk_run;
	work->state = PX_INFLIGHT;
	px_work_submit(core, work, PROA_LANE_FILES);
}

static void walk_done(proa_op *work)
{
	walk *w = PX_OF(work, walk, work);
	px_core *core = px_handle_core(w->op->handle);

	w->busy = false;
	if (work->result < 0)
		w->failed = work->result;
	else if (!w->ready && !px_op_asked(w->op))
		walk_go(core, w);
	if (!w->busy)
		px_op_more(w->op);
}

static uint64_t turn_of(const px_core *core)
{
	return atomic_load_explicit(&core->stat.iterations, memory_order_relaxed);
}

static px_pulled walk_end(px_core *core, px_op *op, walk *w, int64_t result)
{
	int32_t sys_error = w->sys_error;

	walk_free(core, w);
	op->got = result == 0 ? PROA_END : 0;
	px_op_finish_pulled(op, result, 0, result < 0 ? sys_error : 0);
	return PX_PULL_FINAL;
}

static px_pulled batch_tell(px_core *core, px_op *op, walk *w)
{
	batch *b = &w->batches[w->turn];

	w->ready = false;
	w->told = turn_of(core);
	if (!folders_add(core, w, b))
		w->failed = -PROA_ENOMEM;
	w->turn ^= 1;
	op->result = op->count = (int64_t)b->told.bytes;
	op->buf = &b->told;
	op->sys_error = b->sys_error;
	op->got = PROA_MORE;
	if (w->failed == 0)
		walk_go(core, w);
	return PX_PULL_MORE;
}

static px_pulled walk_pull(px_core *core, px_op *op)
{
	walk *w = op->args.engine.a;

	if (w->busy)
		return PX_PULL_NONE;
	if (w->told == turn_of(core)) {
		px_op_more(op); /* the caller may look at the last batch until the next iteration */
		return PX_PULL_NONE;
	}
	if (px_op_asked(op))
		return walk_end(core, op, w, -PROA_ECANCELED);
	if (w->ready)
		return batch_tell(core, op, w);
	return walk_end(core, op, w, w->failed);
}

/* It ends when it is pulled next, which no pause holds up: whoever cancels it in the callback may
 * look at the batch on. */
static void walk_cancel(px_core *core, px_op *op)
{
	walk *w = op->args.engine.a;

	PX_UNUSED(core);
	op->flags &= (uint16_t)~PX_F_PAUSED;
	proa_cancel(&w->work);
	px_op_more(op);
}

static void walk_begin(proa_handle *owner, proa_op *pub, const char *path, unsigned depth_max,
                       proa_done *done)
{
	static const px_engine engine = {.cancel = walk_cancel, .pull = walk_pull};
	px_op *op = px_op_begin(owner, pub, PX_WALK, done);
	px_core *core = px_handle_core(op->handle);
	int64_t rc = path ? *path ? 0 : -PROA_ENOENT : px_fs_open_check(op);
	size_t len = path ? strlen(path) + 1 : 0;
	walk *w;

	if (px_op_refused(op) || !(w = px_fs_request(core, op, sizeof *w + len, rc)))
		return;
	w->op = op;
	w->depth_max = depth_max;
	w->base = (int)px_fs_base(op->handle);
	w->top = path ? -1 : w->base;
	w->fd = -1;
	w->path_bytes = len;
	w->told = turn_of(core) - 1;
	if (path)
		memcpy(w->path, path, len);
	px_op_engine(op, &engine, w, NULL);
	if (folder_add(core, w, NULL, "")) {
		walk_go(core, w);
	} else {
		walk_free(core, w);
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
	}
}

void proa_dir_read_many(proa_handle *dir, proa_op *op, proa_done *done)
{
	walk_begin(dir, op, NULL, 1, done);
}

void proa_walk(proa_handle *owner, proa_op *op, const char *path, unsigned depth_max,
               proa_done *done)
{
	walk_begin(owner, op, path, depth_max, done);
}
