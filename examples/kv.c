/* A counter on three nodes: an increment is answered when two of them have it on their disks. */
/* SPDX-License-Identifier: MIT */
#include "kv.h"
#include <string.h>

struct message { /* both ways, in the byte order of one kind of machine */
	uint64_t kind, count;
};
enum { INCREMENT, STORE };

struct node {
	const struct kv *kv;
	proa_loop *loop;
	proa_handle file, listener;
	proa_op op;
	uint64_t count;
	unsigned place;
};

/* ---- the disk: two records, in turn, so that one is whole when the other is being written ---- */

static uint64_t check_of(uint64_t count)
{
	return ~count * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t kv_newest(const unsigned char bytes[KV_FILE], unsigned *place)
{
	uint64_t record[2], newest = 0;

	*place = 1;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(record, bytes + (size_t)i * KV_SECTOR, sizeof record);
		if (record[1] != check_of(record[0]) || record[0] < newest)
			continue;
		newest = record[0];
		*place = i;
	}
	return newest;
}

static int64_t save(struct node *n)
{
	uint64_t record[2] = {n->count, check_of(n->count)};

	proa_write(&n->file, &n->op, record, sizeof record, (int64_t)n->place * KV_SECTOR, NULL);
	n->place ^= n->kv->bug != KV_BUG_PLACE;
	if (proa_await(n->loop, &n->op) < 0 || n->kv->bug == KV_BUG_SYNC)
		return n->op.result;
	do
		proa_fsync(&n->file, &n->op, NULL);
	while (proa_await(n->loop, &n->op) < 0 && n->kv->bug == KV_BUG_RETRY);
	return n->op.result;
}

/* What it reads may be in the system's memory only: it is written again, to the same place, for the
 * other record may be all that the disk has. */
static int64_t load(struct node *n)
{
	unsigned char bytes[KV_FILE] = {0};

	proa_handle_init(proa_root(n->loop), &n->file);
	proa_file_open(&n->file, &n->op, n->kv->path, PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE,
	               0600, NULL);
	if (proa_await(n->loop, &n->op) < 0)
		return n->op.result;
	proa_read(&n->file, &n->op, bytes, sizeof bytes, 0, NULL);
	if (proa_await(n->loop, &n->op) < 0)
		return n->op.result;
	if (n->op.result < KV_FILE && !(n->op.got & PROA_END) && n->kv->bug != KV_BUG_READ)
		return -PROA_EIO; /* of the rest, which the next read would say */
	n->count = kv_newest(bytes, &n->place);
	return save(n);
}

/* ---- the network: a connection a question ---- */

static void close_now(proa_loop *loop, proa_handle *h)
{
	proa_close(h, NULL);
	while (proa_is_closing(h))
		proa_run_once(loop, 0);
}

static int64_t receive(proa_loop *loop, proa_handle *h, proa_op *op, struct message *m)
{
	char *to = (char *)m, *end = to + sizeof *m;

	for (; to < end; to += op->result) {
		proa_recv(h, op, to, (size_t)(end - to), NULL);
		if (proa_await(loop, op) <= 0)
			return op->result < 0 ? op->result : -PROA_EEND;
	}
	return 0;
}

static int64_t ask(proa_loop *loop, const char *addr, struct message *m, int64_t within_ns)
{
	proa_op op = {.deadline_ns = proa_in(loop, within_ns)};
	proa_handle h = {0};
	proa_addr to;
	int64_t rc = proa_addr_parse(&to, addr, 0);

	if (rc < 0)
		return rc;
	proa_handle_init(proa_root(loop), &h);
	proa_connect(&h, &op, &to, NULL);
	if ((rc = proa_await(loop, &op)) == 0) {
		proa_send(&h, &op, m, sizeof *m, NULL);
		if ((rc = proa_await(loop, &op)) >= 0)
			rc = receive(loop, &h, &op, m);
	}
	close_now(loop, &h);
	return rc;
}

/* ---- a node ---- */

static bool other_has_it(struct node *n)
{
	for (unsigned i = 1; i < KV_NODES; i++) {
		struct message m = {STORE, n->count};

		if (n->kv->bug == KV_BUG_MAJORITY ||
		    (ask(n->loop, n->kv->addr[i], &m, PROA_SEC) == 0 && m.count >= n->count))
			return true;
	}
	return false;
}

/* Answers, or does not; < 0: the disk has failed. */
static int64_t serve(struct node *n, proa_handle *h)
{
	proa_op op = {.deadline_ns = proa_in(n->loop, PROA_SEC)};
	struct message m;
	int64_t rc;

	if (receive(n->loop, h, &op, &m) < 0)
		return 0;
	if (m.kind == INCREMENT || m.count > n->count) {
		n->count = m.kind == INCREMENT ? n->count + 1 : m.count;
		if ((rc = save(n)) < 0)
			return rc;
	}
	if (m.kind == INCREMENT && !other_has_it(n))
		return 0;
	m.count = n->count;
	op.deadline_ns = proa_in(n->loop, PROA_SEC);
	proa_send(h, &op, &m, sizeof m, NULL);
	proa_await(n->loop, &op);
	return 0;
}

static int64_t node_run(struct node *n)
{
	proa_addr own;
	int64_t rc;

	if ((rc = load(n)) < 0 || (rc = proa_addr_parse(&own, n->kv->addr[n->kv->id], 0)) < 0)
		return rc;
	proa_handle_init(proa_root(n->loop), &n->listener);
	rc = proa_listen(&n->listener, &own, NULL);
	while (rc == 0) {
		proa_handle h = {0};

		proa_accept(&n->listener, &n->op, NULL);
		if ((rc = proa_await(n->loop, &n->op)) < 0)
			break;
		proa_handle_init(proa_root(n->loop), &h);
		proa_adopt(&h, n->op.socket);
		rc = serve(n, &h);
		close_now(n->loop, &h);
	}
	return rc;
}

int kv_main(void *user)
{
	struct node n = {.kv = user};
	int64_t rc = proa_loop_open(&n.loop, NULL);

	if (rc < 0)
		return (int)rc;
	rc = node_run(&n);
	proa_loop_close(&n.loop, 0);
	return (int)rc;
}

/* ---- a client ---- */

int64_t kv_increment(const char *addr)
{
	struct message m = {.kind = INCREMENT};
	proa_loop *loop;
	int64_t rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return rc;
	rc = ask(loop, addr, &m, 5 * PROA_SEC);
	proa_loop_close(&loop, 0);
	return rc < 0 ? rc : (int64_t)m.count;
}
