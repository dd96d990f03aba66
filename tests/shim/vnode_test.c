/* The rules of EVFILT_VNODE and EVFILT_TIMER that the stand-in keeps. */
/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "host_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL = 0x7f, PATH = 512 };

static const struct timespec at_once, long_enough = {.tv_sec = 5};
static struct kevent got;

__attribute__((constructor)) static void without_torture(void)
{
	kqueue_shim_torture(0);
}

static int watch(int kq, int fd)
{
	struct kevent c;

	EV_SET(&c, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, ALL, 0, NULL);
	return kevent(kq, &c, 1, NULL, 0, NULL);
}

/* What was told, of one descriptor alone; 0: nothing. */
static unsigned notes(int kq)
{
	got.fflags = 0;
	return kevent(kq, NULL, 0, &got, 1, &at_once) == 1 ? got.fflags : 0;
}

/* A folder tells of names, a file of itself; each is told once. */
TEST(vnode_tells_of_folders_and_files)
{
	char dir[PATH], file[2 * PATH], other[2 * PATH];
	int kq[2] = {kqueue(), kqueue()}, fd[2];

	REQUIRE(host_temp_dir(dir, sizeof dir));
	snprintf(file, sizeof file, "%s/file", dir);
	snprintf(other, sizeof other, "%s/other", dir);
	fd[0] = open(dir, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(watch(kq[0], fd[0]), 0);
	CHECK_EQ(notes(kq[0]), 0);
	CHECK(host_make_file(file));
	CHECK_EQ(notes(kq[0]), NOTE_WRITE);
	CHECK_EQ(notes(kq[0]), 0);
	fd[1] = open(file, O_RDWR | O_CLOEXEC);
	CHECK_EQ(watch(kq[1], fd[1]), 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_EQ(notes(kq[1]), NOTE_WRITE | NOTE_EXTEND);
	CHECK_EQ(fchmod(fd[1], 0600), 0);
	CHECK_EQ(notes(kq[1]), NOTE_ATTRIB);
	CHECK_EQ(notes(kq[0]), 0);
	CHECK_EQ(rename(file, other), 0);
	CHECK_EQ(notes(kq[1]), NOTE_RENAME);
	CHECK_EQ(notes(kq[0]), NOTE_WRITE);
	CHECK(host_remove(other));
	CHECK_EQ(notes(kq[1]) & (NOTE_DELETE | NOTE_RENAME), NOTE_DELETE);
	notes(kq[0]);
	CHECK(host_remove(dir));
	CHECK(notes(kq[0]) & NOTE_DELETE);
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(kq[i]);
	}
}

/* Again and again, with how often; and only until it is deleted. */
TEST(timer_counts)
{
	struct kevent c;
	int kq = kqueue();

	EV_SET(&c, 1, EVFILT_TIMER, EV_ADD, 0, 5, NULL);
	CHECK_EQ(kevent(kq, &c, 1, NULL, 0, NULL), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(kevent(kq, NULL, 0, &got, 1, &long_enough), 1);
		CHECK_EQ(got.filter, EVFILT_TIMER);
		CHECK_GT(got.data, 0);
	}
	c.flags = EV_DELETE;
	CHECK_EQ(kevent(kq, &c, 1, NULL, 0, NULL), 0);
	usleep(20000);
	CHECK_EQ(kevent(kq, NULL, 0, &got, 1, &at_once), 0);
	close(kq);
}
