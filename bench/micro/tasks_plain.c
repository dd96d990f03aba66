/* What blocks, by hand: the calls themselves; and for work a queue, a lock and threads. */
/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char px_tasks_name[] = "tasks_plain";

/* Slots are few, so no queue is ever full. */
typedef struct queue {
	pthread_mutex_t lock;
	pthread_cond_t some;
	unsigned slots[2 * PX_TASK_SLOTS], first, n;
	bool end;
} queue;

static queue to_do = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};
static queue done = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};
static pthread_t threads[PX_TASK_THREADS];
static unsigned threads_n;
static px_task task;
static int file;
static unsigned under_way;
static long places[PX_TASK_SLOTS], results[PX_TASK_SLOTS];

static void queue_put(queue *q, unsigned slot)
{
	pthread_mutex_lock(&q->lock);
	q->slots[(q->first + q->n++) % (2 * PX_TASK_SLOTS)] = slot;
	pthread_cond_signal(&q->some);
	pthread_mutex_unlock(&q->lock);
}

static bool queue_get(queue *q, unsigned *slot)
{
	bool got;

	pthread_mutex_lock(&q->lock);
	while (!q->n && !q->end)
		pthread_cond_wait(&q->some, &q->lock);
	got = q->n > 0;
	if (got) {
		*slot = q->slots[q->first++ % (2 * PX_TASK_SLOTS)];
		q->first %= 2 * PX_TASK_SLOTS;
		q->n--;
	}
	pthread_mutex_unlock(&q->lock);
	return got;
}

/* A job is a function of nothing, or reads. */
static void *worker(void *unused)
{
	unsigned slot;

	while (queue_get(&to_do, &slot)) {
		if (task == PX_TASK_POOL_READ)
			results[slot] = pread(file, px_tasks_buffer(slot), PX_TASK_BYTES,
			                      places[slot]);
		queue_put(&done, slot);
	}
	return unused;
}

void px_tasks_open(const px_micro_args *args)
{
	(void)args;
}

/* As many as proa has for it: of jobs the CPUs, of files four. */
static void threads_start(unsigned count)
{
	while (threads_n < count)
		if (pthread_create(&threads[threads_n++], NULL, worker, NULL))
			px_bench_fail("pthread_create");
}

static void threads_end(void)
{
	pthread_mutex_lock(&to_do.lock);
	to_do.end = true;
	pthread_cond_broadcast(&to_do.some);
	pthread_mutex_unlock(&to_do.lock);
	while (threads_n)
		pthread_join(threads[--threads_n], NULL);
	to_do.end = false;
}

bool px_tasks_kind(px_task kind, int fd)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	threads_end();
	task = kind;
	file = fd;
	if (kind == PX_TASK_POOL_READ)
		threads_start(PX_TASK_THREADS);
	if (kind == PX_TASK_WORK)
		threads_start(cpus < PX_TASK_THREADS ? (unsigned)cpus : PX_TASK_THREADS);
	return true;
}

void px_tasks_start(unsigned slot)
{
	if (task != PX_TASK_WORK && task != PX_TASK_POOL_READ) {
		px_tasks_queue(slot);
		return;
	}
	places[slot] = task == PX_TASK_POOL_READ ? (long)px_tasks_offset() : 0;
	under_way++;
	queue_put(&to_do, slot);
}

static long look_up(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *a;
	long n = 0;

	if (getaddrinfo(px_tasks_host(), "80", &hints, &found))
		return 0;
	for (a = found; a; a = a->ai_next)
		n++;
	freeaddrinfo(found);
	return n;
}

static long task_do(unsigned slot)
{
	void *buffer = px_tasks_buffer(slot);

	if (task == PX_TASK_READ || task == PX_TASK_DIRECT_READ)
		return pread(file, buffer, PX_TASK_BYTES, px_tasks_offset());
	if (task == PX_TASK_WRITE || task == PX_TASK_DIRECT_WRITE)
		return pwrite(file, buffer, PX_TASK_BYTES, px_tasks_offset());
	return look_up();
}

void px_tasks_run(void)
{
	unsigned slot;

	while (px_tasks_next(&slot))
		px_tasks_done(slot, task_do(slot));
	while (under_way && queue_get(&done, &slot)) {
		under_way--;
		px_tasks_done(slot, results[slot]);
	}
}

void px_tasks_close(void)
{
	threads_end();
}
