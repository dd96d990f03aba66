/* The stand-in for kqueue: EVFILT_VNODE, out of what inotify tells. */
/* SPDX-License-Identifier: MIT */
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what it does ----
 *
 * inotify watches files, not descriptors, and gives the same number to all that watch the same: who
 * is meant is found by going through all notes. It tells nothing of the end of a folder that
 * somebody has open, so the folder above is watched as well, and when something happens there, the
 * one below is looked at. */

enum { IN_BYTES = 16 * 1024 };
enum {
	OF_FOLDER = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_MOVE_SELF,
	OF_FILE = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF
};

static shim_note *vnode_at(const shim_queue *q, size_t fd)
{
	return q->files[fd * SHIM_FILTERS + SHIM_VNODE];
}

/* ---- watches ---- */

static int names_open(shim_queue *q)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = SHIM_OF_NAMES};

	if (q->names >= 0)
		return 0;
	q->names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (q->names < 0)
		return errno;
	return epoll_ctl(q->fd, EPOLL_CTL_ADD, q->names, &e) ? errno : 0;
}

static int wd_of(const shim_queue *q, int fd, const char *rest, unsigned mask)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d%s", fd, rest);
	return inotify_add_watch(q->names, path, mask | IN_MASK_ADD);
}

int shim_vnode_watch(shim_queue *q, shim_note *n)
{
	shim_vnode *v = &n->vnode;
	struct stat st;
	int error = fstat(n->file.fd, &st) ? errno : names_open(q);

	if (error)
		return error;
	*v = (shim_vnode){.above = -1, .size = st.st_size, .links = st.st_nlink};
	v->folder = S_ISDIR(st.st_mode);
	v->wd = wd_of(q, n->file.fd, "", v->folder ? OF_FOLDER : OF_FILE);
	if (v->wd < 0)
		return errno;
	if (v->folder)
		v->above = wd_of(q, n->file.fd, "/..", OF_FOLDER);
	return 0;
}

static void wd_release(const shim_queue *q, int wd)
{
	for (size_t fd = 0; fd < q->n_files; fd++) {
		const shim_note *n = vnode_at(q, fd);

		if (n && (n->vnode.wd == wd || n->vnode.above == wd))
			return;
	}
	if (wd >= 0)
		inotify_rm_watch(q->names, wd);
}

/* It is in its place no more. */
void shim_vnode_forget(shim_queue *q, shim_note *n)
{
	wd_release(q, n->vnode.wd);
	if (n->vnode.above != n->vnode.wd)
		wd_release(q, n->vnode.above);
}

/* ---- what happens ---- */

/* Names of files come and go with their numbers of links. */
static unsigned links_look(shim_vnode *v, const struct stat *st)
{
	unsigned notes = 0;

	if (!st->st_nlink && !v->deleted) {
		notes |= NOTE_DELETE;
		v->deleted = true;
	}
	if (st->st_nlink != v->links)
		notes |= NOTE_LINK;
	v->links = st->st_nlink;
	return notes;
}

static unsigned notes_of(shim_vnode *v, const struct inotify_event *e, const struct stat *st)
{
	unsigned notes = links_look(v, st);

	if (e->wd != v->wd)
		return notes; /* of the folder above */
	if (e->mask & IN_MOVE_SELF)
		notes |= NOTE_RENAME;
	if (e->len) /* in it: what happens to a file there is the file's, and not told of this */
		return e->mask & IN_ATTRIB ? notes : notes | NOTE_WRITE;
	if (e->mask & IN_ATTRIB && !(notes & (NOTE_DELETE | NOTE_LINK)))
		notes |= NOTE_ATTRIB;
	if (e->mask & IN_MODIFY)
		notes |= st->st_size > v->size ? NOTE_WRITE | NOTE_EXTEND : NOTE_WRITE;
	v->size = st->st_size;
	return notes;
}

static void event_share(shim_queue *q, const struct inotify_event *e)
{
	for (size_t fd = 0; fd < q->n_files; fd++) {
		shim_note *n = vnode_at(q, fd);
		struct stat st;

		if (!n || (n->vnode.wd != e->wd && n->vnode.above != e->wd))
			continue;
		if (e->mask & IN_IGNORED || fstat(n->file.fd, &st))
			continue;
		n->vnode.happened |= notes_of(&n->vnode, e, &st) & n->is.fflags;
		if (n->vnode.folder && e->wd == n->vnode.wd && e->mask & IN_MOVE_SELF)
			n->vnode.above = wd_of(q, n->file.fd, "/..", OF_FOLDER);
		if (n->vnode.happened)
			shim_note_activate(q, n);
	}
}

void shim_vnodes_take(shim_queue *q)
{
	_Alignas(struct inotify_event) char in[IN_BYTES];
	ssize_t n, at;

	while ((n = read(q->names, in, sizeof in)) > 0)
		for (at = 0; at < n;) {
			const struct inotify_event *e =
				(const struct inotify_event *)(const void *)(in + at);

			at += (ssize_t)sizeof *e + (ssize_t)e->len;
			event_share(q, e);
		}
}
