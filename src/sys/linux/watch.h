/* Watching by inotify: what its files share, a tree of the folders that are known. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_LINUX_WATCH_H
#define PX_SYS_LINUX_WATCH_H

#include "base/list.h"
#include "proa/watch.h"
#include "sys/changes.h"
#include "sys/posix/posix.h"

#include <sys/inotify.h>

enum { PX_BY_WD, PX_BY_NAME, PX_BYS };

/* What inotify tells: of a folder's entries, and of what is watched itself. */
enum {
	PX_IN_ENTRY = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
	PX_IN_SEEN = PX_IN_ENTRY | IN_MODIFY | IN_ATTRIB,
	PX_IN_SELF = IN_DELETE_SELF | IN_MOVE_SELF
};

/* A folder as it was by the last event that was taken; or what is watched itself. */
typedef struct px_folder {
	struct px_folder *parent; /* NULL: of what is watched itself, and of what is away */
	px_list kids;             /* folders that are known in it */
	px_node kin;              /* among them, or in `away` */
	px_node wait;             /* in `pending` or `stuck` */
	struct px_folder *chain[PX_BYS];
	uint32_t key[PX_BYS];
	char *name;
	int wd;          /* -1: not watched, yet */
	unsigned tries;  /* to watch it, while nothing said why that fails */
	bool maybe;      /* nobody has told that it is there */
	bool missed;     /* away, while something happened below */
	bool doubt;      /* away again at once, and perhaps what it had replaced has */
	uint32_t cookie; /* of what is away */
	uint64_t left;   /* the place from where it went away */
	uint64_t origin; /* that from where it had come to that place; 0: none */
	uint32_t came;   /* the last entry that came or went was this, moved here; 0: no */
} px_folder;

typedef struct px_folders {
	px_folder **at;
	size_t room, n; /* room: a power of two */
} px_folders;

struct px_fswatch {
	int fd;
	bool tree, ended;
	bool quiet;  /* nothing is told but what is lost */
	bool lost;   /* all; told when all folders are watched again */
	bool taking; /* events: these stay where they are */
	bool begun;  /* what was lost before it is told by the first read */
	char *root;
	px_folder *top;
	px_folders by[PX_BYS];
	px_list pending; /* to be watched and listed */
	px_list stuck;   /* could not be, and an event has to say why */
	px_list away; /* moved from somewhere, not yet to anywhere; or replaced, and perhaps gone */
	uint64_t left; /* the place from where the last move was, and its cookie */
	uint32_t left_cookie;
	unsigned let_go; /* watches, each of which makes an event */
	px_changes out;
	char *path; /* the last one that was asked for */
	size_t path_room;
	char *in; /* events that were read and not yet taken */
	size_t in_used, in_room;
	bool in_all; /* there were no more */
	char *names; /* of a folder that was listed: a type and a text each */
	size_t names_used, names_room;
};

/* Memory for `bytes` more behind `used`, which may move; false: none, and it stays. */
bool px_room_make(char **at, size_t *room, size_t used, size_t bytes);

/* ---- the tree, watch_tree.c ---- */
px_folder *px_folder_new(px_fswatch *, px_folder *parent, const char *name); /* and pending */
void px_folder_drop(px_fswatch *, px_folder *); /* and all below: watched no more */
px_folder *px_folder_of(const px_fswatch *, int wd);
px_folder *px_folder_in(const px_fswatch *, const px_folder *parent, const char *name);
void px_folder_watched(px_fswatch *, px_folder *, int wd); /* -1: no more */
void px_folder_leave(px_fswatch *, px_folder *, uint32_t cookie);
bool px_folder_enter(px_fswatch *, px_folder *, px_folder *parent, const char *name);
/* The highest one above it: what is watched itself, or what is away. */
px_folder *px_folder_top(px_folder *);
bool px_folder_above(const px_folder *top, const px_folder *); /* or it is that */
/* Relative or, with `whole`, as the system takes it; stays until the next call. NULL: no memory. */
const char *px_folder_path(px_fswatch *, const px_folder *, bool whole);
uint32_t px_name_hash(uint32_t seed, const char *name); /* never 0 */
/* Of dir, or with a name in it. */
void px_folder_tell(px_fswatch *, const px_folder *dir, uint32_t what, uint32_t pair,
                    const char *name);
/* Whatever it is now, it has to be looked at: as if it were gone, and perhaps another were there.
 */
void px_folder_anew(px_fswatch *, px_folder *);
void px_folder_maybe(px_fswatch *, px_folder *parent, const char *name);

/* ---- looking, watch_look.c ---- */
/* Events are read, not taken; whether there are some. */
bool px_events_fetch(px_fswatch *);
/* The next of them, or NULL; *at begins as 0. */
const struct inotify_event *px_event_next(const px_fswatch *, size_t *at);
/* Watches a pending folder and tells what is in it, if all events were taken before; some may have
 * been read then. false: something happened meanwhile that may concern it; later. */
bool px_folder_settle(px_fswatch *, px_folder *);

#endif
