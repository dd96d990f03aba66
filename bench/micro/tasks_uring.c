/* Reads and writes of files on a bare ring: submit what there is, wait for one, take all. */
/* SPDX-License-Identifier: MIT */
#include "../ring.h"
#include "tasks.h"

const char px_tasks_name[] = "tasks_uring";

static px_bench_ring ring;
static px_task task;
static int file;
static unsigned under_way;
static char slots[PX_TASK_SLOTS * (PX_BENCH_TAG_MASK + 1)]; /* addresses with room for tags */

void px_tasks_open(const px_micro_args *args)
{
	(void)args;
	px_bench_ring_open(&ring, 64, 256);
}

bool px_tasks_kind(px_task kind, int fd)
{
	task = kind;
	file = fd;
	return fd >= 0 && kind != PX_TASK_POOL_READ;
}

static char *slot_address(unsigned slot)
{
	char *first = slots + (-(uintptr_t)slots & PX_BENCH_TAG_MASK);

	return first + (size_t)slot * (PX_BENCH_TAG_MASK + 1);
}

void px_tasks_start(unsigned slot)
{
	bool reads = task == PX_TASK_READ || task == PX_TASK_DIRECT_READ;
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, reads ? PX_IORING_OP_READ : PX_IORING_OP_WRITE,
	                                      file, slot_address(slot), 0);

	sqe->addr = (uint64_t)(uintptr_t)px_tasks_buffer(slot);
	sqe->len = PX_TASK_BYTES;
	sqe->off = (uint64_t)px_tasks_offset();
	under_way++;
}

void px_tasks_run(void)
{
	px_uring_cqe cqe;

	while (under_way) {
		px_bench_ring_enter(&ring, 1, -1);
		while (px_bench_ring_next(&ring, &cqe)) {
			const char *about = px_bench_cqe_about(&cqe);

			under_way--;
			px_tasks_done((unsigned)(about - slot_address(0)) / (PX_BENCH_TAG_MASK + 1),
			              cqe.res);
		}
	}
}

void px_tasks_close(void)
{
}
