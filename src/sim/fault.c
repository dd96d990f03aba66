/* Faults: chances by kind of operation, drawn from the world's generator, and counted. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs.h"
#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool px_sim_fault(px_world *w, proa_fault fault, px_kind kind)
{
	uint32_t ppm = w->ppm[fault][kind];

	if (!ppm || w->calm || !px_rng_chance(&w->rng, ppm))
		return false;
	w->stat.faults[fault]++;
	if (PX_UNLIKELY(w->o.trace != NULL))
		px_sim_trace(w, NULL, "fault %s of %s", proa_fault_name(fault), px_kind_name[kind]);
	return true;
}

int64_t px_sim_between(px_world *w, int64_t low, int64_t high)
{
	if (high <= low)
		return low;
	return low + (int64_t)px_rng_below(&w->rng, (uint64_t)(high - low) + 1);
}

size_t px_sim_cut(px_world *w, px_kind kind, size_t n)
{
	if (n > 1 && px_sim_fault(w, PROA_FAULT_ONE_BYTE, kind))
		return 1;
	if (n > 1 && px_sim_fault(w, PROA_FAULT_SHORT, kind))
		return 1 + (size_t)px_rng_below(&w->rng, n - 1);
	return n;
}

/* ---- what can happen to which kinds ---- */

#define BIT(kind) PX_KIND_BIT(PX_##kind)
#define RECVS     (BIT(RECV) | BIT(RECV_POOLED) | BIT(RECV_MANY))
#define SENDS     (BIT(SEND) | BIT(SENDV) | BIT(SEND_POOLED) | BIT(SEND_FILE))
#define ACCEPTS   (BIT(ACCEPT) | BIT(ACCEPT_MANY))
#define FILES     (PX_KINDS_FILE & ~(BIT(READV) | BIT(WRITEV))) /* pieces are read as a read is */
#define ALL       UINT64_MAX                                    /* of the world as a whole */

static const uint64_t strikes[PROA_FAULT_COUNT] = {
	[PROA_FAULT_LATE] = PX_KINDS_SOCKET | FILES | BIT(RESOLVE),
	[PROA_FAULT_SHORT] = RECVS | SENDS | BIT(READ) | BIT(WRITE),
	[PROA_FAULT_ONE_BYTE] = RECVS | SENDS | BIT(READ) | BIT(WRITE),
	[PROA_FAULT_ERROR_BEFORE] = RECVS | SENDS | PX_KINDS_MSG | BIT(CONNECT) | BIT(RESOLVE),
	[PROA_FAULT_ERROR_DURING] = SENDS,
	[PROA_FAULT_ERROR_AFTER] = RECVS | SENDS,
	[PROA_FAULT_RESET] = SENDS,
	[PROA_FAULT_HALF_CLOSE] = SENDS,
	[PROA_FAULT_STALL] = BIT(SEND), /* whatever sends: it is the network's */
	[PROA_FAULT_EXHAUSTED] = ACCEPTS | BIT(CONNECT) | BIT(FILE_OPEN) | BIT(WORK),
	[PROA_FAULT_NO_BUFFER] = BIT(RECV_POOLED) | BIT(RECV_MANY),
	[PROA_FAULT_MULTISHOT] = BIT(ACCEPT_MANY) | BIT(RECV_MANY),
	[PROA_FAULT_CANCEL_LATE] = PX_KINDS_SOCKET,
	[PROA_FAULT_CANCEL_LOST] = PX_KINDS_SOCKET,
	[PROA_FAULT_REFUSED] = BIT(CONNECT),
	[PROA_FAULT_HANG] = BIT(CONNECT) | BIT(RESOLVE),
	[PROA_FAULT_ABORTED] = ACCEPTS,
	[PROA_FAULT_STORM] = ACCEPTS,
	[PROA_FAULT_LOST] = BIT(CONNECT) | BIT(SEND_MSG),
	[PROA_FAULT_TWICE] = BIT(SEND_MSG),
	[PROA_FAULT_REORDER] = ALL,
	[PROA_FAULT_NO_MEMORY] = ALL,
	[PROA_FAULT_DISK_ERROR] = FILES,
};

static void fault_fill(px_world *w, proa_fault fault, uint32_t ppm)
{
	for (unsigned kind = 0; kind < PX_KIND_COUNT; kind++)
		if (strikes[fault] & PX_KIND_BIT(kind))
			w->ppm[fault][kind] = ppm;
}

void px_sim_faults_init(px_world *w, const proa_world_options *o)
{
	const uint32_t ppm[PROA_FAULT_COUNT] = {
		[PROA_FAULT_LATE] = o->late_ppm,
		[PROA_FAULT_SHORT] = o->short_io_ppm,
		[PROA_FAULT_ONE_BYTE] = o->one_byte_ppm,
		[PROA_FAULT_ERROR_BEFORE] = o->error_before_ppm,
		[PROA_FAULT_ERROR_DURING] = o->error_during_ppm,
		[PROA_FAULT_ERROR_AFTER] = o->error_after_ppm,
		[PROA_FAULT_RESET] = o->reset_ppm,
		[PROA_FAULT_HALF_CLOSE] = o->half_close_ppm,
		[PROA_FAULT_STALL] = o->stall_ppm,
		[PROA_FAULT_EXHAUSTED] = o->exhausted_ppm,
		[PROA_FAULT_NO_BUFFER] = o->no_buffer_ppm,
		[PROA_FAULT_MULTISHOT] = o->multishot_ppm,
		[PROA_FAULT_CANCEL_LATE] = o->cancel_late_ppm,
		[PROA_FAULT_CANCEL_LOST] = o->cancel_lost_ppm,
		[PROA_FAULT_REFUSED] = o->refused_ppm,
		[PROA_FAULT_HANG] = o->hang_ppm,
		[PROA_FAULT_ABORTED] = o->aborted_ppm,
		[PROA_FAULT_STORM] = o->storm_ppm,
		[PROA_FAULT_LOST] = o->lost_ppm,
		[PROA_FAULT_TWICE] = o->twice_ppm,
		[PROA_FAULT_REORDER] = o->reorder_ppm,
		[PROA_FAULT_NO_MEMORY] = o->no_memory_ppm,
		[PROA_FAULT_DISK_ERROR] = o->disk_error_ppm,
	};

	for (unsigned f = 0; f < PROA_FAULT_COUNT; f++)
		fault_fill(w, (proa_fault)f, ppm[f]);
}

static uint32_t disk_ppm(const px_world *w, proa_fault fault, px_kind kind)
{
	return w->calm ? 0 : w->ppm[fault][kind];
}

void px_sim_disk_faults(px_world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		px_simfs_faults *f = px_simfs_faults_of(w->nodes[i]->fs);

		f->open_emfile = disk_ppm(w, PROA_FAULT_EXHAUSTED, PX_FILE_OPEN);
		f->open_eio = disk_ppm(w, PROA_FAULT_DISK_ERROR, PX_FILE_OPEN);
		f->read_short = disk_ppm(w, PROA_FAULT_SHORT, PX_READ);
		f->read_eio = disk_ppm(w, PROA_FAULT_DISK_ERROR, PX_READ);
		f->write_short = disk_ppm(w, PROA_FAULT_SHORT, PX_WRITE);
		f->write_eio = f->write_enospc = disk_ppm(w, PROA_FAULT_DISK_ERROR, PX_WRITE) / 2;
		f->sync_eio = disk_ppm(w, PROA_FAULT_DISK_ERROR, PX_FSYNC);
	}
}

void px_sim_disk_counts(const px_world *w, uint64_t faults[PROA_FAULT_COUNT])
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		const px_simfs_counts *c = px_simfs_counts_of(w->nodes[i]->fs);

		faults[PROA_FAULT_EXHAUSTED] += c->open_emfile;
		faults[PROA_FAULT_SHORT] += c->read_short + c->write_short;
		faults[PROA_FAULT_DISK_ERROR] += c->open_eio + c->read_eio + c->write_eio +
		                                 c->write_enospc + c->sync_eio;
	}
}

static int kind_of(const char *name)
{
	for (int kind = 0; kind < PX_KIND_COUNT; kind++)
		if (!strcmp(px_kind_name[kind], name))
			return kind;
	return -1;
}

int proa_world_fault(proa_world *world, proa_fault fault, const char *kind, uint32_t ppm)
{
	px_world *w = px_world_of(world);
	int k = kind ? kind_of(kind) : 0;

	if (k < 0 || (unsigned)fault >= PROA_FAULT_COUNT)
		return -PROA_EINVAL;
	if (kind && (strikes[fault] == ALL || !(strikes[fault] & PX_KIND_BIT(k))))
		return -PROA_EINVAL;
	if (kind)
		w->ppm[fault][k] = ppm;
	else
		fault_fill(w, fault, ppm);
	px_sim_disk_faults(w);
	return 0;
}

void proa_world_calm(proa_world *world, bool calm)
{
	px_world *w = px_world_of(world);

	w->calm = calm;
	px_sim_disk_faults(w);
}

const char *proa_fault_name(proa_fault fault)
{
	static const char *const names[PROA_FAULT_COUNT] = {
#define FAULT_NAME(name, text) #name,
		PROA_FAULTS(FAULT_NAME)
#undef FAULT_NAME
	};

	return (unsigned)fault < PROA_FAULT_COUNT ? names[fault] : NULL;
}

void px_sim_violation(px_world *w, const char *format, ...)
{
	char text[256];
	va_list args;
	int n = snprintf(text, sizeof text, "seed %llu, %lld ns: ", (unsigned long long)w->o.seed,
	                 (long long)w->now_ns);

	va_start(args, format);
	vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	w->stat.violations++;
	if (!w->o.violation)
		px_panic(text, __FILE__, __LINE__);
	w->o.violation(text, w->o.user);
}
