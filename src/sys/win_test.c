/* Windows' side of the platform: errors, names, ways out of a folder, appending, Ctrl-Break. */
/* SPDX-License-Identifier: MIT */
#include "win/win.h"

#include "host_file.h"
#include "host_net.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(errors_by_one_table)
{
	static const struct {
		int theirs, ours;
	} same[] = {
		{WSAECONNRESET, -PROA_ECONNRESET},
		{ERROR_NETNAME_DELETED, -PROA_ECONNRESET},
		{ERROR_VC_DISCONNECTED, -PROA_ECONNRESET},
		{WSAENETRESET, -PROA_ETIMEDOUT},
		{ERROR_SEM_TIMEOUT, -PROA_ETIMEDOUT},
		{ERROR_CONNECTION_REFUSED, -PROA_ECONNREFUSED},
		{ERROR_REM_NOT_LIST, -PROA_ECONNREFUSED},
		{ERROR_OPERATION_ABORTED, -PROA_EABORTED},
		{WSAEINTR, -PROA_EABORTED},
		{676, -PROA_EABORTED},
		{ERROR_DISK_FULL, -PROA_ENOSPC},
		{WSAHOST_NOT_FOUND, -PROA_ENONAME},
		{ERROR_INVALID_NETNAME, -PROA_EADDRNOTAVAIL},
		{ERROR_INVALID_ADDRESS, -PROA_EADDRNOTAVAIL},
		{ERROR_INCORRECT_ADDRESS, -PROA_EADDRNOTAVAIL},
		{ERROR_TOO_MANY_NAMES, -PROA_EADDRINUSE},
		{ERROR_BAD_NET_RESP, -PROA_ENETDOWN},
		{ERROR_NETWORK_BUSY, -PROA_ENETDOWN},
		{ERROR_NOT_CONNECTED, -PROA_ENOTCONN},
		{ERROR_PAGEFILE_QUOTA, -PROA_ENOMEM},
		{WSAEWOULDBLOCK, -PROA_ENOBUFS},
		{WSAEPROVIDERFAILEDINIT, -PROA_ENOBUFS},
		{ERROR_INSUFFICIENT_BUFFER, -PROA_EINVAL},
		{ERROR_INVALID_LEVEL, -PROA_EINVAL},
		{ERROR_SYMLINK_NOT_SUPPORTED, -PROA_EINVAL},
		{225, -PROA_EACCES},
		{ERROR_REPARSE_TAG_INVALID, -PROA_EACCES},
		{ERROR_REPARSE_TAG_MISMATCH, -PROA_EACCES},
		{ERROR_UNRECOGNIZED_VOLUME, -PROA_EIO},
		{ERROR_FILE_INVALID, -PROA_EIO},
	};

	for (unsigned i = 0; i < PX_COUNT(same); i++)
		if (!CHECK_EQ(px_sys_error(same[i].theirs), same[i].ours))
			test_note("%d", same[i].theirs);
	CHECK_EQ(px_sys_error(12345), -PROA_ESYS);
}

TEST(statuses)
{
	CHECK_EQ(px_win_status(0), 0);
	CHECK_EQ(px_win_status((int32_t)0xC0000120), ERROR_OPERATION_ABORTED);
	CHECK_EQ(px_win_status((int32_t)0xC0000034), ERROR_FILE_NOT_FOUND);
	CHECK_EQ(px_sys_error(px_win_status((int32_t)0xC00000BA)), -PROA_EISDIR);
	CHECK_EQ(px_sys_error(px_win_status((int32_t)0xC0000236)), -PROA_ECONNREFUSED);
	CHECK_EQ(px_sys_error(px_win_status((int32_t)0xC000020D)), -PROA_ECONNRESET);
	CHECK_EQ(px_win_status((int32_t)0xC000A012), WSAENETRESET);
}

TEST(text_both_ways)
{
	static const char text[] = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa3";
	wchar_t wide[32];
	char back[64];
	int n = px_win_wide(text, wide, 32);

	CHECK_EQ(n, 9);
	CHECK_EQ(px_win_utf8(wide, n, back, sizeof back), sizeof text - 1);
	CHECK_STR(back, text);
	CHECK_EQ(px_win_utf8(wide, n, back, 8), -1);
	CHECK_EQ(px_win_utf8(wide, 0, back, 8), 0);
	CHECK_EQ(px_win_wide("\xff", wide, 32), -1);
	CHECK_EQ(px_win_wide("\xc0\xaf", wide, 32), -1);
	CHECK_EQ(px_win_wide("0123456789", wide, 10), -1);
}

TEST(clock_goes_on)
{
	int64_t before = px_sys_now_ns(), after;

	host_sleep_us(20000);
	after = px_sys_now_ns();
	CHECK_GE(after - before, 15 * PROA_MSEC);
	CHECK_LT(after - before, 10 * PROA_SEC);
}

/* ---- sockets ---- */

/* Winsock keeps a handle of its own from the first socket on, which is no leak of the test that
 * makes it. */
__attribute__((constructor)) static void sockets_start(void)
{
	px_win_extend();
}

TEST(sockets_have_what_the_backend_needs)
{
	const px_win_extensions *x = px_win_extend();
	SOCKET s = px_win_socket_new(AF_INET6, SOCK_STREAM, true);
	DWORD flags = HANDLE_FLAG_INHERIT, v6only = 1;
	int len = sizeof v6only, fd = px_win_fd(s);
	int32_t sys;
	char byte;

	REQUIRE(x != NULL && s != INVALID_SOCKET);
	CHECK(x == px_win_extend());
	CHECK(x->accept && x->connect && x->transmit);
	CHECK_EQ(px_win_family(fd), AF_INET6);
	CHECK(GetHandleInformation((HANDLE)s, &flags));
	CHECK_EQ(flags & HANDLE_FLAG_INHERIT, 0);
	CHECK_EQ(getsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (char *)&v6only, &len), 0);
	CHECK_EQ(v6only, 0);
	CHECK(!px_win_nodelay(fd));
	CHECK_EQ(px_sock_set_nodelay(fd, true), 0);
	CHECK(px_win_nodelay(fd));
	CHECK_EQ(px_sock_set_keepalive(fd, 10, 2, 3), 0);
	CHECK_EQ(px_sock_set_keepalive(fd, 0, 0, 0), 0);
	CHECK_EQ(px_sock_recv(fd, &byte, 1, &sys), -PROA_ENOTCONN);
	CHECK_EQ(sys, WSAENOTCONN);
	px_sock_close(fd, false);
}

TEST(nobody_shares_a_port)
{
	proa_listen_options shared = {.reuseport = true};
	proa_addr a;
	int32_t sys;
	int first, second;

	REQUIRE(px_addr_parse(&a, host_loopback(), 0) == 0);
	first = (int)px_sock_open(&a, true, &sys);
	second = (int)px_sock_open(&a, true, &sys);
	CHECK_EQ(px_sock_listen(second, &a, &shared, &sys), -PROA_ENOTSUP);
	CHECK_EQ(px_sock_listen(first, &a, NULL, &sys), 0);
	CHECK_EQ(px_sock_local(first, &a), 0);
	CHECK_EQ(px_sock_listen(second, &a, NULL, &sys), -PROA_EADDRINUSE);
	px_sock_close(first, false);
	px_sock_close(second, false);
}

/* ---- files ---- */

static char top[MAX_PATH];
static int top_fd = -1;

static bool top_make(void)
{
	int32_t sys;

	if (!CHECK(host_temp_dir(top, sizeof top)))
		return false;
	top_fd = (int)px_file_open(-1, top, PROA_O_READ | PROA_O_DIR, 0, &sys);
	return CHECK_GE(top_fd, 0);
}

static void top_drop(void)
{
	px_file_close(top_fd);
	CHECK(host_remove(top));
}

/* The result of opening in the top folder. */
static int64_t open_in(const char *path, unsigned flags)
{
	int32_t sys;
	int64_t fd = px_file_open(top_fd, path, flags, 0600, &sys);

	if (fd < 0)
		return fd;
	px_file_close((int)fd);
	return 0;
}

/* Of any length: verbatim. */
static void wide_in(const char *path, wchar_t *out)
{
	char full[PX_WIN_PATH];

	snprintf(full, sizeof full, "\\\\?\\%s\\%s", top, path);
	for (char *c = full; *c; c++)
		*c = *c == '/' ? '\\' : *c;
	CHECK_GT(px_win_wide(full, out, PX_WIN_PATH), 0);
}

static void remove_in(const char *path)
{
	wchar_t wide[PX_WIN_PATH];

	wide_in(path, wide);
	if (!CHECK(DeleteFileW(wide) || RemoveDirectoryW(wide)))
		test_note("%s", path);
}

static void folder_in(const char *path)
{
	wchar_t wide[PX_WIN_PATH];

	wide_in(path, wide);
	CHECK(CreateDirectoryW(wide, NULL));
}

enum {
	NEW = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE,
	BELOW = PROA_O_READ | PROA_O_BENEATH,
	NEW_BELOW = NEW | PROA_O_BENEATH
};

TEST(beneath_refuses)
{
	static const char *const out[] = {
		"..",      "../x",       "in/../../x", "in/..",       "..\\x",  "in\\f",
		"/",       "/x",         "\\x",        "C:",          "C:x",    "C:/x",
		"C:\\x",   "//server/x", "\\\\?\\x",   "in/f:",       "in/f:s", "in::$DATA",
		"in/f.",   "in/f ",      "in/f. .",    "...",         "in./f",  "NUL",
		"nul",     "in/nul.x",   "con",        "Aux.txt",     "com1",   "LPT9.a.b",
		"in/COM0", "prn ",       "conin$",     "COM\xc2\xb9",
	};

	REQUIRE(top_make());
	CHECK_EQ(open_in("f", NEW_BELOW), 0);
	folder_in("in");
	for (unsigned i = 0; i < PX_COUNT(out); i++) {
		if (!CHECK_EQ(open_in(out[i], BELOW), -PROA_EACCES) ||
		    !CHECK_EQ(open_in(out[i], NEW_BELOW), -PROA_EACCES))
			test_note("%s", out[i]);
	}
	CHECK_EQ(open_in("f\xff", BELOW), -PROA_ENOENT);
	CHECK_EQ(open_in("f*", BELOW), -PROA_ENOENT);
	CHECK_EQ(open_in("f?", NEW_BELOW), -PROA_ENOENT);
	CHECK_EQ(open_in("a\001", NEW_BELOW), -PROA_ENOENT);
	CHECK_EQ(open_in("", BELOW), -PROA_ENOENT);
	remove_in("f");
	remove_in("in");
	top_drop();
}

TEST(beneath_allows)
{
	char name[300];

	REQUIRE(top_make());
	memset(name, 'n', sizeof name);
	name[255] = 0;
	CHECK_EQ(open_in("a \xc3\xbc.txt", NEW_BELOW), 0);
	CHECK_EQ(open_in("./A \xc3\x9c.TXT", BELOW), 0); /* case does not count */
	CHECK_EQ(open_in(".//a \xc3\xbc.txt", BELOW), 0);
	CHECK_EQ(open_in("a \xc3\xbc.txt/", BELOW), -PROA_ENOTDIR);
	CHECK_EQ(open_in("a \xc3\xbc.txt/x", BELOW), -PROA_ENOTDIR);
	CHECK_EQ(open_in("none/x", BELOW), -PROA_ENOENT);
	CHECK_EQ(open_in(".", BELOW | PROA_O_DIR), 0);
	CHECK_EQ(open_in("./", BELOW | PROA_O_DIR), 0);
	CHECK_EQ(open_in(".", BELOW | PROA_O_WRITE), -PROA_EISDIR);
	CHECK_EQ(open_in("nullify", NEW_BELOW), 0);
	CHECK_EQ(open_in("com10", NEW_BELOW), 0);
	CHECK_EQ(open_in("x~y~1", NEW_BELOW), 0);
	CHECK_EQ(open_in("x~y~1", BELOW), 0);
	CHECK_EQ(open_in(name, NEW), 0);
	CHECK_EQ(open_in(name, BELOW), 0);
	remove_in(name);
	name[255] = 'n';
	name[256] = 0;
	CHECK_EQ(open_in(name, BELOW), -PROA_ENAMETOOLONG);
	remove_in("a \xc3\xbc.txt");
	remove_in("nullify");
	remove_in("com10");
	remove_in("x~y~1");
	top_drop();
}

/* A short name is a second one, which a check of names has not seen. */
TEST(beneath_short_name)
{
	wchar_t wide[MAX_PATH], alias[MAX_PATH];
	char full[2 * MAX_PATH], text[MAX_PATH];
	const wchar_t *last;

	REQUIRE(top_make());
	CHECK_EQ(open_in(".hidden from all", NEW_BELOW), 0);
	snprintf(full, sizeof full, "%s/.hidden from all", top);
	REQUIRE(px_win_wide(full, wide, MAX_PATH) > 0);
	REQUIRE(GetShortPathNameW(wide, alias, MAX_PATH) > 0);
	last = alias + wcslen(alias);
	while (last > alias && last[-1] != L'\\' && last[-1] != L'/')
		last--;
	REQUIRE(px_win_utf8(last, (int)wcslen(last), text, sizeof text) > 0);
	if (strchr(text, '~')) {
		CHECK_EQ(open_in(text, PROA_O_READ), 0);
		CHECK_EQ(open_in(text, BELOW), -PROA_EACCES);
	}
	remove_in(".hidden from all");
	top_drop();
	if (!strchr(text, '~'))
		SKIP("no short names on this disk");
}

TEST(beneath_link)
{
	char link[2 * MAX_PATH];

	NEED(HOST_LINKS);
	REQUIRE(top_make());
	snprintf(link, sizeof link, "%s/link", top);
	REQUIRE(host_make_link(link, host_path_outside()));
	CHECK_EQ(open_in("link", PROA_O_READ), 0);
	CHECK_EQ(open_in("link", BELOW), -PROA_EACCES);
	CHECK_EQ(open_in("link/x", BELOW), -PROA_EACCES);
	CHECK_EQ(open_in("link/x", NEW_BELOW), -PROA_EACCES);
	remove_in("link");
	top_drop();
}

TEST(path_as_people_write_it)
{
	int32_t sys;

	REQUIRE(top_make());
	CHECK(host_make_dir("proa-win-test"));
	CHECK_EQ(open_in("one", NEW), 0);
	CHECK_EQ(open_in(".\\one", PROA_O_READ), 0);
	CHECK_EQ(open_in("x/../one", PROA_O_READ), 0);
	CHECK_EQ(open_in(".//one", PROA_O_READ), 0);
	CHECK_EQ(open_in("one.", PROA_O_READ), 0); /* Win32 drops the dot */
	CHECK_EQ(open_in("NUL", PROA_O_READ), 0);
	CHECK_EQ(open_in("one\\two", NEW), -PROA_ENOENT);
	CHECK_EQ(open_in("./", PROA_O_READ | PROA_O_DIR), 0);
	CHECK_EQ(open_in("one/", PROA_O_READ | PROA_O_DIR), -PROA_ENOTDIR);
	CHECK_EQ(open_in("one/", PROA_O_READ), -PROA_ENOTDIR);
	CHECK_EQ(open_in("", PROA_O_READ), -PROA_ENOENT);
	CHECK_EQ(px_file_open(-1, "proa-win-test", PROA_O_WRITE, 0, &sys), -PROA_EISDIR);
	CHECK_EQ(px_file_open(-1, "proa-win-test", PROA_O_WRITE | PROA_O_DIR, 0, &sys),
	         -PROA_EISDIR);
	CHECK(host_remove("proa-win-test"));
	remove_in("one");
	top_drop();
}

/* Far longer than MAX_PATH: folders in folders, from the top and back. */
TEST(path_long)
{
	enum { DEPTH = 12 };
	char path[DEPTH * 51] = "", full[DEPTH * 51 + 2 * MAX_PATH];
	int32_t sys;
	int64_t fd;

	REQUIRE(top_make());
	for (int i = 0; i < DEPTH; i++) {
		snprintf(path + strlen(path), 51, "%s%049d", i ? "/" : "", i);
		folder_in(path);
	}
	strncat(path, "/file", sizeof path - strlen(path) - 1);
	CHECK_EQ(open_in(path, NEW), 0);
	CHECK_EQ(open_in(path, BELOW), 0);
	snprintf(full, sizeof full, "%s/%s", top, path);
	fd = px_file_open(-1, full, PROA_O_READ, 0, &sys);
	if (CHECK_GE(fd, 0))
		px_file_close((int)fd);
	for (int i = 0; i <= DEPTH; i++) {
		remove_in(path);
		*(strrchr(path, '/') ? strrchr(path, '/') : path) = 0;
	}
	top_drop();
}

TEST(append_and_empty)
{
	char buf[16];
	int32_t sys;
	int fd;

	REQUIRE(top_make());
	fd = (int)px_file_open(top_fd, "log", NEW | PROA_O_APPEND, 0600, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_write(fd, "one", 3, 0, &sys), 3);
	CHECK_EQ(px_file_write(fd, "two", 3, 0, &sys), 3);
	CHECK_EQ(px_file_read(fd, buf, sizeof buf, 0, &sys), 6);
	CHECK_MEM(buf, "onetwo", 6);
	px_file_close(fd);
	fd = (int)px_file_open(top_fd, "log", NEW | PROA_O_APPEND | PROA_O_TRUNC, 0600, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_read(fd, buf, sizeof buf, 0, &sys), 0);
	CHECK_EQ(px_file_write(fd, "three", 5, 9, &sys), 5);
	CHECK_EQ(px_file_write(fd, "4", 1, 0, &sys), 1);
	CHECK_EQ(px_file_read(fd, buf, sizeof buf, 0, &sys), 6);
	CHECK_MEM(buf, "three4", 6);
	px_file_close(fd);
	CHECK_EQ(open_in("log", PROA_O_READ | PROA_O_TRUNC), -PROA_EINVAL);
	CHECK_EQ(open_in("log", NEW | PROA_O_EXCL), -PROA_EEXIST);
	fd = (int)px_file_open(top_fd, "log", PROA_O_READ, 0, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_write(fd, "x", 1, 0, &sys), -PROA_EBADF);
	CHECK_EQ(px_file_read(fd, buf, sizeof buf, 6, &sys), 0);
	CHECK_EQ(px_file_sync(fd, &sys), 0);
	CHECK_EQ(px_dir_read(fd, buf, sizeof buf, &sys), -PROA_ENOTDIR);
	px_file_close(fd);
	CHECK_EQ(px_file_read(top_fd, buf, sizeof buf, 0, &sys), -PROA_EISDIR);
	remove_in("log");
	top_drop();
}

/* Each name once, from records of one kind. */
static void dir_read_as(int kind, int names, bool numbers)
{
	_Alignas(proa_dirent) char buf[1024];
	int32_t sys;
	int64_t n;
	int seen = 0, fd = (int)px_file_open(top_fd, ".", PROA_O_READ, 0, &sys); /* as a file */

	REQUIRE(fd >= 0);
	while ((n = px_win_dir_read(fd, kind, buf, sizeof buf, &sys)) > 0)
		for (int64_t at = 0; at < n;) {
			const proa_dirent *d = (const proa_dirent *)(const void *)(buf + at);

			CHECK_EQ(d->name_len, 255);
			CHECK_EQ(d->stat.type, PROA_S_FILE);
			CHECK_EQ(d->stat.ino != 0, numbers);
			CHECK_EQ(seen & 1 << (d->name[0] - 'a'), 0);
			seen |= 1 << (d->name[0] - 'a');
			at += d->bytes;
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(seen, (1 << names) - 1);
	px_file_close(fd);
}

/* The longest names in the smallest room, also on file systems that do not know the best records.
 */
TEST(dir_longest_names)
{
	enum { NAMES = 9, NO_SUCH_KIND = 999 };
	char name[256];

	REQUIRE(top_make());
	memset(name, 0, sizeof name);
	for (int i = 0; i < NAMES; i++) {
		memset(name, 'a' + i, 255);
		CHECK_EQ(open_in(name, NEW), 0);
	}
	dir_read_as(PX_WIN_DIR_ID_BOTH, NAMES, true);
	dir_read_as(PX_WIN_DIR_FULL, NAMES, false);
	dir_read_as(NO_SUCH_KIND, NAMES, false);
	for (int i = 0; i < NAMES; i++) {
		memset(name, 'a' + i, 255);
		remove_in(name);
	}
	dir_read_as(PX_WIN_DIR_ID_BOTH, 0, true); /* empty */
	top_drop();
}

/* ---- signals ---- */

static int rung;

static void ring_count(void *arg)
{
	*(int *)arg += 1;
}

TEST(signals_that_there_are)
{
	int slot = px_signal_watch(SIGBREAK, ring_count, &rung);

	CHECK_EQ(px_signal_watch(SIGSEGV, ring_count, &rung), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(SIGABRT, ring_count, &rung), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(0, ring_count, &rung), -PROA_EINVAL);
	REQUIRE(slot >= 0);
	rung = 0;
	raise(SIGBREAK);
	raise(SIGBREAK); /* the runtime's default came back in between */
	CHECK_EQ(rung, 2);
	px_signal_unwatch(slot);
	CHECK(signal(SIGBREAK, SIG_DFL) == SIG_DFL);
}
