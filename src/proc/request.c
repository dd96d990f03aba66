/* What a spawn asks for: everything copied into one piece of memory, the ends of its pipes. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "proc/child.h"

#include <string.h>

/* ---- texts ---- */

typedef struct copier {
	char **word; /* the next of the words */
	char *text;  /* the next byte */
} copier;

static size_t words_count(const char *const *words, size_t *bytes)
{
	size_t n = 0;

	for (; words && words[n]; n++)
		*bytes += strlen(words[n]) + 1;
	return n + 1;
}

static char *text_copy(copier *c, const char *text)
{
	size_t n = strlen(text) + 1;
	char *to = c->text;

	memcpy(to, text, n);
	c->text += n;
	return to;
}

static char *const *words_copy(copier *c, const char *const *words)
{
	char **to = c->word;

	for (; words && *words; words++)
		*c->word++ = text_copy(c, *words);
	*c->word++ = NULL;
	return to;
}

/* PATH, as this process has it. */
static const char *search_path(void)
{
	char *const *env = px_sys_environ();

	for (; env && *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

static void request_fill(px_child_request *r, const proa_spawn_options *o, size_t words)
{
	const char *const *env = o->env ? o->env : (const char *const *)px_sys_environ();
	copier c = {r->words, (char *)(r->words + words)};
	px_spawn *s = &r->spawn;

	s->argv = words_copy(&c, o->argv);
	s->env = env ? words_copy(&c, env) : NULL;
	s->file = text_copy(&c, o->file ? o->file : o->argv[0]);
	s->path = text_copy(&c, search_path());
	s->folder = o->folder ? text_copy(&c, o->folder) : NULL;
	s->fds = r->fds;
	s->n = PX_MAX(o->stdio_n, 3u);
	s->flags = o->flags;
	s->uid = o->uid;
	s->gid = o->gid;
}

_Static_assert((int)PROA_SPAWN_GROUP == PX_SPAWN_GROUP &&
                       (int)PROA_SPAWN_SESSION == PX_SPAWN_SESSION &&
                       (int)PROA_SPAWN_UID == PX_SPAWN_UID && (int)PROA_SPAWN_GID == PX_SPAWN_GID,
               "the flags are the system's floor's");

static px_child_request *request_alloc(px_core *core, const proa_spawn_options *o)
{
	const char *const *env = o->env ? o->env : (const char *const *)px_sys_environ();
	size_t texts = strlen(o->file ? o->file : o->argv[0]) + 1, words, bytes;
	px_child_request *r;

	texts += strlen(search_path()) + 1;
	texts += o->folder ? strlen(o->folder) + 1 : 0;
	words = words_count(o->argv, &texts);
	words += words_count(env, &texts);
	bytes = sizeof *r + words * sizeof *r->words + texts;
	if (!(r = px_zalloc(&core->alloc, bytes)))
		return NULL;
	r->bytes = bytes;
	request_fill(r, o, words);
	return r;
}

/* ---- what it gets at its descriptors ---- */

/* A new pipe or pair: the child's end, or an error; the other is the handle's. */
static int64_t stdio_new(px_core *core, const proa_stdio *io, unsigned i)
{
	px_handle *h = px_handle_of(io->handle);
	bool pair = io->how == PROA_STDIO_PAIR, reads = i == 0;
	bool nonblock = px_core_nonblock(core);
	int64_t kind = PROA_PIPE;
	int32_t sys_error;
	int fd[2], mine;

	if (!h || h->state != PX_H_INIT || px_handle_core(h) != core)
		return -PROA_EINVAL;
	mine = reads || pair; /* which of the two is ours: 1 writes */
	if (pair)
		kind = px_sock_pair(fd, false, nonblock, &sys_error);
	else if (reads)
		kind = px_pipe_open(fd, false, true, &sys_error) < 0 ? -1 : PROA_PIPE;
	else
		kind = px_pipe_open(fd, nonblock, false, &sys_error) < 0 ? -1 : PROA_PIPE;
	if (kind < 0)
		return px_sys_error(sys_error);
	px_handle_open(h, fd[mine], (proa_kind)kind);
	return fd[!mine];
}

static int64_t stdio_fd(px_core *core, const proa_stdio *io, unsigned i)
{
	int32_t sys_error;

	switch (io->how) {
	case PROA_STDIO_NULL: return -1;
	case PROA_STDIO_INHERIT: return px_stdio_copy((int)i, &sys_error);
	case PROA_STDIO_OS: return px_fd_copy((int)io->os, &sys_error);
	case PROA_STDIO_PIPE:
	case PROA_STDIO_PAIR: return stdio_new(core, io, i);
	default: return -PROA_EINVAL;
	}
}

static int64_t stdio_open(px_core *core, px_child_request *r, const proa_spawn_options *o)
{
	for (unsigned i = 0; i < r->spawn.n; i++) {
		bool given = i < o->stdio_n && o->stdio[i].how != PROA_STDIO_NULL;
		int64_t fd = given ? stdio_fd(core, &o->stdio[i], i) : -1;

		if (given && fd < 0)
			return fd;
		r->fds[i] = (int)fd;
		if (given)
			r->ours |= UINT64_C(1) << i;
	}
	return 0;
}

/* ---- the whole ---- */

int64_t px_child_request_new(px_core *core, const proa_spawn_options *o, px_child_request **out)
{
	int64_t rc;

	if (o->stdio_n > PX_STDIO_MAX)
		return -PROA_EINVAL;
	if (!(*out = request_alloc(core, o)))
		return -PROA_ENOMEM;
	rc = stdio_open(core, *out, o);
	if (rc < 0)
		px_child_request_free(core, *out);
	return rc;
}

void px_child_request_free(px_core *core, px_child_request *r)
{
	for (unsigned i = 0; i < r->spawn.n; i++)
		if (r->ours >> i & 1)
			px_file_close(r->fds[i]);
	px_free(&core->alloc, r, r->bytes);
}
