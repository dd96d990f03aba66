/* Tests of what the kernel's caches hold: opened and read at once, or left to who may wait. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"
#include "test.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool kernel_knows(int dir)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = 0x20};
	int fd = (int)syscall(SYS_openat2, dir, ".", &how, sizeof how);

	return fd >= 0 && !close(fd);
}

static void file_make(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, "bytes", 5) == 5);
	close(fd);
}

TEST(now_opens_and_reads)
{
	char top[] = "proa-now-XXXXXX", buf[16];
	int32_t e;
	int64_t fd, n;
	int dir;

	REQUIRE(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file_make(dir, "file");
	fd = px_file_open_now(dir, "file", &e);
	if (kernel_knows(dir))
		CHECK(fd >= 0);
	else
		CHECK_EQ(fd, PX_AGAIN);
	if (fd >= 0) {
		n = px_file_read_now((int)fd, buf, sizeof buf, 1, &e);
		if (n == PX_AGAIN) /* a file system that cannot say */
			n = pread((int)fd, buf, sizeof buf, 1);
		CHECK_EQ(n, 4);
		CHECK_MEM(buf, "ytes", 4);
		CHECK(!px_file_held((int)fd, 0, 1 << 20)); /* it has no such page */
		n = px_file_read_now((int)fd, buf, sizeof buf, 5, &e);
		CHECK(n == 0 || n == PX_AGAIN);
		CHECK_EQ(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
		close((int)fd);
	}
	CHECK_EQ(unlinkat(dir, "file", 0), 0);
	n = px_file_open_now(dir, "file", &e); /* known to be gone, or not looked up */
	CHECK(n == -PROA_ENOENT || n == PX_AGAIN);
	close(dir);
	CHECK_EQ(rmdir(top), 0);
}

/* Its reads wait for the disk, whatever they are told. */
TEST(now_not_past_the_cache)
{
	char top[] = "proa-now-XXXXXX";
	int dir, fd;

	REQUIRE(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file_make(dir, "file");
	fd = openat(dir, "file", O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0) { /* else this file system has no such thing */
		CHECK(!px_os_file_near(fd));
		close(fd);
	}
	CHECK_EQ(unlinkat(dir, "file", 0), 0);
	close(dir);
	CHECK_EQ(rmdir(top), 0);
}

TEST(now_leads_nowhere_else)
{
	static const char *const out[] = {"..", "../x", "/etc/passwd", "up", "away", "../sys_now"};
	char top[] = "proa-now-XXXXXX";
	int32_t e;
	int dir;

	REQUIRE(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(symlinkat("../..", dir, "up"), 0);
	CHECK_EQ(symlinkat("/etc/passwd", dir, "away"), 0);
	for (size_t i = 0; i < PX_COUNT(out); i++)
		CHECK_EQ(px_file_open_now(dir, out[i], &e), PX_AGAIN);
	CHECK_EQ(unlinkat(dir, "up", 0), 0);
	CHECK_EQ(unlinkat(dir, "away", 0), 0);
	close(dir);
	CHECK_EQ(rmdir(top), 0);
}

/* A folder whose files others make up as they are opened; and another file system in a folder. */
TEST(now_not_everywhere)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int32_t e;

	REQUIRE(proc >= 0 && root >= 0);
	CHECK(!px_os_file_near(proc));
	CHECK(!px_os_file_near(-1));
	CHECK_EQ(px_file_open_now(root, "proc/version", &e), PX_AGAIN);
	close(proc);
	close(root);
}
