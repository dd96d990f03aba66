/* Files as wholes: all that is in one, and one written so that nobody sees a half of it. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"
#include "proa/proc.h"

#include <string.h>

static bool is_cancelled(const px_op *op)
{
	return proa_work_cancelled(px_op_pub(op));
}

/* ---- reading ----
 *
 * A worker reads, and the loop's thread has the memory: so it goes back and forth until there is
 * room for all and for one byte more, which tells that there is no more. */

enum { FIRST_BYTES = 4096, MORE = 1 };

typedef struct reading {
	int base, fd; /* fd -1: not open */
	char *buf;
	size_t room, have, limit;
	size_t next; /* how much room it takes to go on */
	size_t bytes;
	char path[];
} reading;

static int64_t reading_open(reading *r, int32_t *sys_error)
{
	int64_t rc = px_file_open(r->base, r->path, PROA_O_READ | PX_O_NO_WAIT, 0, sys_error);
	proa_stat_info info;

	if (rc < 0)
		return rc;
	r->fd = (int)rc;
	rc = px_file_stat(r->fd, &info, sys_error);
	if (rc < 0)
		return rc;
	if (info.type == PROA_S_DIR)
		return -PROA_EISDIR;
	if (info.type == PROA_S_FILE && (uint64_t)info.size_bytes > r->limit)
		return -PROA_ETOOLONG;
	r->next = info.size_bytes ? (size_t)info.size_bytes + 1 : FIRST_BYTES;
	return MORE;
}

static int64_t reading_on(reading *r, px_op *op)
{
	int64_t n = 1;

	while (r->have < r->room && n > 0) {
		if (is_cancelled(op))
			return -PROA_ECANCELED;
		n = px_file_read(r->fd, r->buf + r->have,
		                 PX_MIN(r->room - r->have, (size_t)PX_FS_AT_ONCE_BYTES),
		                 (int64_t)r->have, &op->sys_error);
		r->have += n > 0 ? (size_t)n : 0;
	}
	if (n <= 0)
		return n;
	r->next = 2 * r->room;
	return r->have > r->limit ? -PROA_ETOOLONG : MORE;
}

static void reading_close(reading *r)
{
	if (r->fd >= 0)
		px_file_close(r->fd);
	r->fd = -1;
}

static int64_t reading_run(px_op *op)
{
	reading *r = op->args.call.request;
	int64_t rc = r->fd < 0 ? reading_open(r, &op->sys_error) : reading_on(r, op);

	if (rc != MORE)
		reading_close(r);
	return rc;
}

/* So much room: false, there is no memory. */
static bool reading_room(px_core *core, reading *r, size_t room)
{
	char *buf = px_realloc(&core->alloc, r->buf, r->room, room);

	if (!buf)
		return false;
	r->buf = buf;
	r->room = room;
	return true;
}

static void reading_end(px_core *core, px_op *op, reading *r, int64_t result)
{
	void *buf = NULL;
	size_t have = r->have;

	reading_close(r);
	if (result == 0 && !reading_room(core, r, have + 1))
		result = -PROA_ENOMEM;
	if (result == 0) {
		r->buf[have] = 0;
		buf = r->buf;
		px_count_add(&core->stat.bytes_in, have);
	} else {
		px_free(&core->alloc, r->buf, r->room);
	}
	px_free(&core->alloc, r, r->bytes);
	op->buf = buf;
	px_op_finish(op, result < 0 ? result : (int64_t)have, (int64_t)have, op->sys_error);
}

static void reading_returned(px_core *core, px_op *op, int64_t result)
{
	reading *r = op->args.call.request;

	if (result == MORE && px_op_asked(op))
		result = -PROA_ECANCELED;
	else if (result == MORE && !reading_room(core, r, PX_MIN(r->next, r->limit + 1)))
		result = -PROA_ENOMEM;
	if (result == MORE)
		px_file_submit(core, op);
	else
		reading_end(core, op, r, result);
}

void proa_read_file(proa_handle *owner, proa_op *pub, const char *path, size_t limit,
                    proa_done *done)
{
	static const px_file_task task = {.run = reading_run, .returned = reading_returned};
	px_op *op = px_op_begin(owner, pub, PX_FILE_CALL, done);
	size_t len = strlen(path) + 1, bytes = sizeof(reading) + len;
	reading *r;

	if (px_op_refused(op) ||
	    !(r = px_fs_request(px_handle_core(op->handle), op, bytes, *path ? 0 : -PROA_ENOENT)))
		return;
	*r = (reading){.fd = -1, .bytes = bytes};
	r->base = (int)px_fs_base(op->handle);
	r->limit = PX_MIN(limit, (size_t)PTRDIFF_MAX - 1);
	memcpy(r->path, path, len);
	px_fs_task(px_handle_core(op->handle), op, &task, r);
}

/* ---- writing ---- */

static const char temp_name[] = ".tmp-XXXXXX";

typedef struct writing {
	int base, fd;
	unsigned mode;
	const char *data;
	size_t len, bytes;
	char *folder, *temp; /* behind path: where it is, and the temporary one there */
	char path[];
} writing;

static int64_t temp_make(void *arg, int32_t *sys_error)
{
	const writing *w = arg;

	return px_file_open(w->base, w->temp, PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL, w->mode,
	                    sys_error);
}

static int64_t temp_write(const writing *w, px_op *op)
{
	size_t gone = 0;
	int64_t n = 0;

	while (gone < w->len) {
		size_t len = PX_MIN(w->len - gone, (size_t)PX_FS_AT_ONCE_BYTES);

		if (is_cancelled(op))
			return -PROA_ECANCELED;
		n = px_file_write(w->fd, w->data + gone, len, (int64_t)gone, &op->sys_error);
		if (n <= 0)
			return n ? n : -PROA_EIO;
		gone += (size_t)n;
	}
	return 0;
}

/* Its own mode, whatever the process lets new files have. */
static int64_t temp_mode(const writing *w, int32_t *sys_error)
{
	px_call_args there = {.call = PX_CALL_STAT, .fd = w->base, .path = w->path};
	px_call_args mode = {.call = PX_CALL_CHMOD, .fd = w->fd};
	proa_stat_info info;

	there.out = &info;
	if (px_file_call(&there, sys_error) < 0 || info.type != PROA_S_FILE) {
		*sys_error = 0;
		return 0;
	}
	mode.mode = info.mode;
	return px_file_call(&mode, sys_error);
}

/* Not every system has such a thing, and not every file system lets it be. */
static int64_t folder_sync(const writing *w, int32_t *sys_error)
{
	int64_t fd = px_file_open(w->base, w->folder, PROA_O_READ | PROA_O_DIR, 0, sys_error), rc;

	if (fd < 0)
		return fd;
	rc = px_file_sync((int)fd, sys_error);
	px_file_close((int)fd);
	if (rc == -PROA_EIO || rc == -PROA_ENOSPC || rc == -PROA_EDQUOT)
		return rc;
	*sys_error = 0;
	return 0;
}

static int64_t temp_fill(writing *w, px_op *op)
{
	int64_t rc = temp_write(w, op);

	if (rc == 0)
		rc = temp_mode(w, &op->sys_error);
	if (rc == 0)
		rc = px_file_sync(w->fd, &op->sys_error);
	px_file_close(w->fd);
	return rc;
}

static int64_t writing_run(px_op *op)
{
	writing *w = op->args.call.request;
	px_call_args name = {.call = PX_CALL_RENAME, .fd = w->base, .path = w->temp, .to = w->path};
	int64_t rc = px_temp_try(w->temp, temp_make, w, &op->sys_error);
	int32_t ignored;

	if (rc < 0)
		return rc;
	w->fd = (int)rc;
	rc = temp_fill(w, op);
	if (rc == 0)
		rc = px_file_call(&name, &op->sys_error);
	if (rc == 0)
		return folder_sync(w, &op->sys_error);
	name.call = PX_CALL_UNLINK;
	px_file_call(&name, &ignored);
	return rc;
}

static void writing_returned(px_core *core, px_op *op, int64_t result)
{
	writing *w = op->args.call.request;
	int64_t len = result < 0 ? 0 : (int64_t)w->len;

	px_count_add(&core->stat.bytes_out, (uint64_t)len);
	px_free(&core->alloc, w, w->bytes);
	px_op_finish(op, result < 0 ? result : len, len, op->sys_error);
}

/* Bytes of the path up to its last separator. */
static size_t folder_len(const char *path)
{
	size_t len = strlen(path);

	while (len && !px_path_separates(path[len - 1]))
		len--;
	return len;
}

static void names_fill(writing *w, const char *path, size_t len)
{
	size_t in = folder_len(path);

	memcpy(w->path, path, len);
	w->folder = w->path + len;
	memcpy(w->folder, in ? path : ".", in ? in : 1);
	w->temp = w->folder + in + 2;
	memcpy(w->temp, path, in);
	memcpy(w->temp + in, temp_name, sizeof temp_name);
}

void proa_write_file(proa_handle *owner, proa_op *pub, const char *path, const void *data,
                     size_t len, unsigned mode, proa_done *done)
{
	static const px_file_task task = {.run = writing_run, .returned = writing_returned};
	px_op *op = px_op_begin(owner, pub, PX_FILE_CALL, done);
	size_t path_len = strlen(path) + 1;
	size_t bytes = sizeof(writing) + 3 * path_len + 2 + sizeof temp_name;
	writing *w;

	if (px_op_refused(op) ||
	    !(w = px_fs_request(px_handle_core(op->handle), op, bytes, *path ? 0 : -PROA_ENOENT)))
		return;
	*w = (writing){.fd = -1, .mode = mode, .data = data, .len = len, .bytes = bytes};
	w->base = (int)px_fs_base(op->handle);
	names_fill(w, path, path_len);
	px_fs_task(px_handle_core(op->handle), op, &task, w);
}
