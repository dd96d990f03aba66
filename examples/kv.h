/* A counter that three machines keep: kv.c is the program, sim_kv.c tests it in worlds. */
/* SPDX-License-Identifier: MIT */
#ifndef KV_H
#define KV_H
#include "proa.h"

enum { KV_NODES = 3, KV_SECTOR = 512, KV_FILE = 2 * KV_SECTOR };

/* Defects to plant, so that they are seen to be found. */
enum kv_bug {
	KV_BUG_NONE,
	KV_BUG_SYNC,     /* what is written is taken to be on the disk */
	KV_BUG_MAJORITY, /* the first node answers when its own disk has the increment */
	KV_BUG_RETRY,    /* a sync that failed is asked for again */
	KV_BUG_PLACE,    /* each record is written over the one before */
	KV_BUG_READ,     /* a read that an error made short is taken to be the whole file */
	KV_BUG_COUNT
};

struct kv {
	unsigned id; /* 0 takes increments, the others keep copies */
	const char *addr[KV_NODES];
	const char *path;
	unsigned bug; /* one of enum kv_bug */
};

/* A node: returns only with an error, and may then be started again. */
int kv_main(void *kv);
/* A client: the counter behind an increment of its own; or an error, then it may have been counted,
 * or not. */
int64_t kv_increment(const char *addr);
/* The count that a node's file holds, and at which place (0 or 1; none: 1). */
uint64_t kv_newest(const unsigned char bytes[KV_FILE], unsigned *place);
#endif
