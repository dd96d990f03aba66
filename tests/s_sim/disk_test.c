/* Disks of nodes through proa_file_*: what is kept by a kill, lost by a power failure, full. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <stdlib.h>

static int64_t file_open(bed *s, proa_loop *loop, proa_handle *h, const char *path, unsigned flags)
{
	proa_op op = {0};

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	proa_file_open(h, &op, path, flags, 0644, NULL);
	return proa_world_await(s->w, &op);
}

static int64_t file_write(bed *s, proa_handle *h, const void *bytes, size_t len, int64_t at)
{
	proa_op op = {0};

	proa_write(h, &op, bytes, len, at, NULL);
	return proa_world_await(s->w, &op);
}

static int64_t file_read(bed *s, proa_handle *h, void *bytes, size_t len, int64_t at)
{
	proa_op op = {0};

	proa_read(h, &op, bytes, len, at, NULL);
	return proa_world_await(s->w, &op);
}

static int64_t file_sync(bed *s, proa_handle *h)
{
	proa_op op = {0};

	proa_fsync(h, &op, NULL);
	return proa_world_await(s->w, &op);
}

enum { NEW = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE };

TEST(disk_of_each_node_is_its_own)
{
	char got[16];
	proa_stat_info info;
	proa_op op = {0};
	proa_handle f;
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_file_put(s.w, "a", "/etc/x/name", "hello", 5), 0);
	CHECK_EQ(proa_world_file_get(s.w, "a", "/etc/x/name", got, 3), 5);
	CHECK_MEM(got, "hel", 3);
	CHECK_EQ(proa_world_file_get(s.w, "b", "/etc/x/name", got, 3), -PROA_ENOENT);
	CHECK_EQ(file_open(&s, s.b, &f, "/etc/x/name", PROA_O_READ), -PROA_ENOENT);
	bed_end(&s, &f);
	CHECK_EQ(file_open(&s, s.a, &f, "/etc/x/name", PROA_O_READ | PROA_O_WRITE), 0);
	CHECK_EQ(file_read(&s, &f, got, 16, 0), 5);
	CHECK_MEM(got, "hello", 5);
	CHECK_EQ(file_write(&s, &f, "J", 1, 0), 1);
	CHECK_EQ(file_write(&s, &f, "!", 1, 9), 1); /* a hole of zeros */
	proa_fstat(&f, &op, &info, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	CHECK_EQ(info.size_bytes, 10);
	CHECK_EQ(info.type, PROA_S_FILE);
	CHECK_LE(info.mtime_ns, proa_wall(s.a));
	CHECK_GE(info.mtime_ns, proa_wall(s.a) - PROA_SEC);
	bed_end(&s, &f);
	CHECK_EQ(proa_world_file_get(s.w, "a", "/etc/x/name", got, 16), 10);
	CHECK_MEM(got, "Jello\0\0\0\0!", 10);
	bed_close(&s);
}

TEST(disk_folder_is_read)
{
	static const char *const names[] = {"/d/abcde", "/d/bcde", "/d/cde", "/d/de", "/d/e"};
	_Alignas(8) char buf[2048];
	proa_op op = {0};
	proa_handle dir;
	int n = 0;
	bed s;

	bed_open(&s, NULL);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(proa_world_file_put(s.w, "a", names[i], "x", 1), 0);
	CHECK_EQ(file_open(&s, s.a, &dir, "/d", PROA_O_READ | PROA_O_DIR), 0);
	for (;;) {
		int64_t got;

		proa_dir_read(&dir, &op, buf, sizeof buf, NULL);
		if ((got = proa_world_await(s.w, &op)) <= 0)
			break;
		for (int64_t at = 0; at < got; n++) {
			proa_dirent *e = (proa_dirent *)(void *)(buf + at);

			CHECK_EQ(e->name_len + (unsigned)(e->name[0] - 'a'), 5);
			at += e->bytes;
		}
	}
	CHECK_EQ(op.result, 0);
	CHECK_EQ(n, 5);
	bed_end(&s, &dir);
	bed_close(&s);
}

/* A kill of the process keeps what was written, synced or not. */
TEST(disk_survives_the_process)
{
	char got[8];
	proa_handle f;
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(file_open(&s, s.a, &f, "log", NEW), 0);
	CHECK_EQ(file_write(&s, &f, "12345678", 8, 0), 8);
	proa_world_kill(s.w, "a", PROA_KILL_PROCESS);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(proa_world_file_get(s.w, "a", "log", got, 8), 8);
	CHECK_MEM(got, "12345678", 8);
	bed_close(&s);
}

/* How many of ten unsynced sectors are there after a power failure; synced ones always are.
 * Torn: what is there of the write is its beginning. */
static int sectors_kept(uint64_t seed, uint32_t lost_ppm, uint32_t torn_ppm, bool *torn)
{
	enum { SECTOR = 512, N = 10, ALL = SECTOR * N };
	static unsigned char bytes[ALL], got[2 * ALL];
	bool gap = false;
	proa_handle f, dir;
	int n = 0;
	bed s;

	bed_open(&s, &(proa_world_options){.seed = seed,
	                                   .sector_lost_ppm = lost_ppm,
	                                   .write_torn_ppm = torn_ppm});
	memset(bytes, 0xaa, sizeof bytes);
	memset(got, 0, sizeof got);
	CHECK_EQ(file_open(&s, s.a, &f, "/log", NEW), 0);
	CHECK_EQ(file_open(&s, s.a, &dir, "/", PROA_O_READ | PROA_O_DIR), 0);
	CHECK_EQ(file_write(&s, &f, bytes, ALL, 0), ALL);
	CHECK_EQ(file_sync(&s, &f), 0);
	CHECK_EQ(file_sync(&s, &dir), 0); /* its name, too */
	memset(bytes, 0x55, sizeof bytes);
	CHECK_EQ(file_write(&s, &f, bytes, ALL, ALL), ALL);
	proa_world_kill(s.w, "a", PROA_KILL_POWER);
	proa_world_run(s.w, PROA_SEC);
	CHECK_GE(proa_world_file_get(s.w, "a", "/log", got, sizeof got), ALL);
	for (int i = 0; i < ALL; i++)
		CHECK(got[i] == 0xaa);
	for (int i = 0; i < N; i++) {
		const unsigned char *sector = got + ALL + i * SECTOR;

		if (memcmp(sector, bytes, SECTOR) != 0) {
			gap = true;
			continue;
		}
		*torn = *torn && !gap;
		n++;
	}
	*torn = *torn && gap;
	bed_close(&s);
	return n;
}

TEST(disk_after_a_power_failure)
{
	int some = 0, all = 0, none = 0;
	bool torn = true;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		int n = sectors_kept(seed, 500000, 0, &torn);

		some += n > 0 && n < 10;
		all += sectors_kept(seed, 0, 0, &torn);
		none += sectors_kept(seed, 1000000, 0, &torn);
	}
	CHECK_GE(some, 20);
	CHECK_EQ(all, 400);
	CHECK_EQ(none, 0);
	some = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		torn = true;
		some += sectors_kept(seed, 0, 1000000, &torn) > 0;
		CHECK(torn);
	}
	CHECK_GE(some, 20);
}

/* ---- full ---- */

TEST(disk_full)
{
	enum { HALF = 32768 };
	static char bytes[2 * HALF];
	proa_node_options o = {.name = "c", .addr = "10.0.0.3", .disk_bytes = HALF + 4096};
	proa_node *node;
	proa_loop *loop;
	proa_handle f;
	proa_op op = {0};
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_add(s.w, &node, &o), 0);
	proa_world_run(s.w, PROA_MSEC);
	loop = proa_node_loop(node);
	REQUIRE(loop);
	CHECK_EQ(file_open(&s, loop, &f, "x", NEW), 0);
	CHECK_EQ(file_write(&s, &f, bytes, HALF, 0), HALF);
	proa_write(&f, &op, bytes, HALF, HALF, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ENOSPC);
	CHECK_GE(op.count, 0);
	CHECK_LE(op.count, 4096);
	proa_world_disk(s.w, "c", 0);
	CHECK_EQ(file_write(&s, &f, bytes, HALF, HALF), HALF);
	proa_world_disk(s.w, "c", 4096); /* smaller than what it holds */
	CHECK_EQ(file_write(&s, &f, bytes, HALF, 4 * HALF), -PROA_ENOSPC);
	CHECK_EQ(file_read(&s, &f, bytes, 2 * HALF, 0), 2 * HALF);
	bed_end(&s, &f);
	bed_close(&s);
}

/* Sockets and files are of one limit. */
TEST(disk_files_are_descriptors)
{
	proa_node_options o = {.name = "c", .addr = "10.0.0.3", .files_max = 3};
	proa_handle f[4];
	proa_node *node;
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_add(s.w, &node, &o), 0);
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(proa_world_file_put(s.w, "c", "/x", "1", 1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(file_open(&s, proa_node_loop(node), &f[i], "/x", PROA_O_READ), 0);
	CHECK_EQ(file_open(&s, proa_node_loop(node), &f[3], "/x", PROA_O_READ), -PROA_EMFILE);
	bed_end(&s, &f[3]);
	bed_end(&s, &f[0]);
	CHECK_EQ(file_open(&s, proa_node_loop(node), &f[3], "/x", PROA_O_READ), 0);
	for (int i = 1; i < 4; i++)
		bed_end(&s, &f[i]);
	bed_close(&s);
}

/* ---- send_file ---- */

TEST(disk_send_file)
{
	enum { LEN = 200000 };
	char *bytes = malloc(LEN), *got = calloc(1, LEN);
	proa_op send = {0};
	size_t at = 0;
	proa_handle f;
	link3 l;
	bed s;

	REQUIRE(bytes && got);
	for (int i = 0; i < LEN; i++)
		bytes[i] = (char)(i * 31 + i / 1000);
	bed_open(&s, NULL);
	bed_link(&s, &l);
	CHECK_EQ(proa_world_file_put(s.w, "a", "/page", bytes, LEN), 0);
	CHECK_EQ(file_open(&s, s.a, &f, "/page", PROA_O_READ), 0);
	proa_send_file(&l.a, &send, &f, 100, LEN, NULL);
	for (int64_t n; at < LEN - 100; at += (size_t)n)
		if ((n = bed_recv(&s, &l.b, got + at, LEN - at)) <= 0)
			break;
	CHECK_EQ(proa_world_await(s.w, &send), LEN - 100);
	CHECK_EQ(send.got, PROA_END); /* the file was shorter */
	CHECK_MEM(got, bytes + 100, LEN - 100);
	bed_end(&s, &f);
	bed_unlink(&s, &l);
	bed_close(&s);
	free(bytes);
	free(got);
}

/* ---- the disk's faults ---- */

TEST(disk_errors)
{
	proa_handle f;
	char got[8];
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(file_open(&s, s.a, &f, "x", NEW), 0);
	CHECK_EQ(file_write(&s, &f, "12345678", 8, 0), 8);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_DISK_ERROR, "read", 1000000), 0);
	CHECK_EQ(file_read(&s, &f, got, 8, 0), -PROA_EIO);
	CHECK_EQ(file_write(&s, &f, "1", 1, 0), 1);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_DISK_ERROR, "fsync", 1000000), 0);
	CHECK_EQ(file_sync(&s, &f), -PROA_EIO);
	CHECK_EQ(bed_faults(&s, PROA_FAULT_DISK_ERROR), 2);
	proa_world_calm(s.w, true);
	CHECK_EQ(file_read(&s, &f, got, 8, 0), 8);
	proa_world_calm(s.w, false);
	CHECK_EQ(file_read(&s, &f, got, 8, 0), -PROA_EIO);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_DISK_ERROR, NULL, 0), 0);
	CHECK_EQ(file_read(&s, &f, got, 8, 0), 8);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_SHORT, NULL, 1000000), 0);
	CHECK_EQ(file_read(&s, &f, got, 8, 0), 8); /* which nobody sees */
	CHECK_GT(bed_faults(&s, PROA_FAULT_SHORT), 0);
	CHECK_EQ(bed_faults(&s, PROA_FAULT_DISK_ERROR), 3);
	bed_end(&s, &f);
	bed_close(&s);
}
