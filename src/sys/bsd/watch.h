/* Watching by EVFILT_VNODE: what its files share, a tree of what is known. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_BSD_WATCH_H
#define PX_SYS_BSD_WATCH_H

#include "proa/watch.h"
#include "sys/changes.h"
#include "sys/posix/posix.h"

/* What is compared with what was before, where nothing tells of changes. */
typedef struct px_facts {
	int64_t size_bytes, mtime_ns;
	uint64_t ino, dev, links;
	uint32_t mode, uid, gid;
} px_facts;

/* One name that is known: a folder's entry, or what is watched itself. */
typedef struct px_seen {
	struct px_seen *parent; /* NULL: what is watched itself */
	struct px_seen **kids;  /* by name, of a folder that is listed */
	size_t n_kids;
	char *name;
	uint64_t ino, dev; /* as its folder lists it: of a mount point, what lies below */
	uint32_t type;     /* PROA_S_... */
	int fd;            /* -1: none, it can only be compared */
	px_facts facts;
	unsigned notes;        /* NOTE_..., not yet told of */
	size_t depth;          /* when it was last asked for */
	uint32_t pair;         /* of a move */
	struct px_seen *twin;  /* of a new name: the old one of the same file */
	struct px_seen *grave; /* among the buried */
	bool lacks;            /* it should have a descriptor */
	bool dirty, touched;   /* in those lists */
	bool fresh;            /* in the list of the new ones */
	bool gone;             /* its folder does not have it any more */
	bool taken;            /* gone, and there is a new name for it */
	bool unread;           /* it could not be listed, which was told */
	bool buried;
} px_seen;

/* A list that grows; all zero is empty. */
typedef struct px_seens {
	px_seen **at;
	size_t n, room;
} px_seens;

struct px_fswatch {
	int fd; /* a kqueue */
	bool tree, ended;
	bool quiet; /* it begins: nothing is told */
	bool lost;  /* no memory: something of this batch is not told */
	bool timed; /* the timer is set */
	char *root;
	px_seen *top;
	size_t lacking; /* names without a descriptor that should have one */
	long fds_most;  /* for all watches of the process */
	uint32_t pairs;
	px_changes out;
	px_seens dirty;   /* folders to be listed */
	px_seens touched; /* names with notes */
	px_seens news, gone;
	px_seen *graves;
};

/* ---- names, watch_name.c ---- */
px_seen *px_seen_new(px_seen *parent, const char *name); /* NULL: no memory */
/* Takes it and all below it out of everything, but for its memory and its parent's kids. */
void px_seen_bury(px_fswatch *, px_seen *top);
void px_graves_free(px_fswatch *);
/* Looks at it, by a descriptor if it can have one, whose changes are told from then on. */
void px_seen_open(px_fswatch *, px_seen *);
int px_seen_look(px_fswatch *, px_seen *); /* its facts: 0, or -1 and errno */
bool px_seen_listed(const px_fswatch *, const px_seen *);
/* Whether it is below what is watched, and not below something that is gone. */
bool px_seen_inside(const px_seen *);
size_t px_seen_depth(px_seen *);
/* Relative, or with `whole` as the system takes it; NULL: no memory. */
char *px_seen_path(const px_fswatch *, const px_seen *, bool whole);
void px_seen_tell(px_fswatch *, const px_seen *, uint32_t what, uint32_t pair);
bool px_seens_push(px_fswatch *, px_seens *, px_seen *); /* false: no memory, and it is lost */
void px_seen_dirty(px_fswatch *, px_seen *);
void px_seen_touch(px_fswatch *, px_seen *, unsigned notes);

/* ---- comparing, watch_list.c ---- */
/* Lists a folder: what has come and what has gone since goes into the lists. */
void px_seen_list(px_fswatch *, px_seen *folder);

/* ---- a round, watch_round.c ---- */
/* Lists what is dirty and tells what it finds, until nothing is dirty any more. */
void px_watch_rounds(px_fswatch *);
/* Away without another name: they are let go. */
void px_watch_away_drop(px_fswatch *);

#endif
