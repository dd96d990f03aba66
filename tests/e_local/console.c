/* The console of Windows as a terminal: lines and keys, letters of all sorts, what comes back. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdio.h>
#include <windows.h>

/* Keys are put into the console's queue, and what is on the screen is read from there. It is this
 * process's own console; where there is none, the tests are skipped by name. */

typedef struct console {
	HANDLE in, out; /* another view of what the handles have */
	proa_handle h, screen;
} console;

static HANDLE device(const char *name)
{
	return CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
	                   NULL, OPEN_EXISTING, 0, NULL);
}

static bool console_is(void)
{
	HANDLE in = device("CONIN$");
	DWORD mode;
	bool there = GetConsoleMode(in, &mode);

	CloseHandle(in);
	return there;
}

#define NEED_CONSOLE       \
	if (!console_is()) \
	SKIP("this process has no console")

static void console_open(proa_loop *loop, console *c)
{
	memset(c, 0, sizeof *c);
	c->in = device("CONIN$");
	c->out = device("CONOUT$");
	proa_handle_init(proa_root(loop), &c->h);
	proa_handle_init(proa_root(loop), &c->screen);
	proa_adopt_os(&c->h, (proa_os_handle)(intptr_t)device("CONIN$"), PROA_TTY);
	proa_adopt_os(&c->screen, (proa_os_handle)(intptr_t)device("CONOUT$"), PROA_TTY);
	FlushConsoleInputBuffer(c->in);
	SetConsoleMode(c->in, ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT);
}

static void console_close(proa_loop *loop, console *c)
{
	if (proa_is_open(&c->h))
		kit_end(loop, &c->h);
	kit_end(loop, &c->screen);
	CloseHandle(c->in);
	CloseHandle(c->out);
}

static void type(console *c, const wchar_t *keys)
{
	for (; *keys; keys++) {
		INPUT_RECORD r = {.EventType = KEY_EVENT};
		KEY_EVENT_RECORD *k = &r.Event.KeyEvent;
		DWORD n;

		*k = (KEY_EVENT_RECORD){.wRepeatCount = 1};
		k->uChar.UnicodeChar = *keys;
		k->wVirtualKeyCode = *keys == L'\r' ? VK_RETURN : 0;
		for (int down = 1; down >= 0; down--) {
			k->bKeyDown = down;
			CHECK(WriteConsoleInputW(c->in, &r, 1, &n) && n == 1);
		}
	}
}

static DWORD mode_of(const console *c)
{
	DWORD mode = 0;

	CHECK(GetConsoleMode(c->in, &mode));
	return mode & (ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT);
}

TEST(console_lines_and_keys)
{
	char buf[64];
	rec r = {0};
	console c;
	NEED_CONSOLE;
	LOOP(loop);

	console_open(loop, &c);
	SUBMIT(proa_recv, &c.h, &r, buf, sizeof buf);
	kit_settle(loop);
	type(&c, L"h\x00e4\x20ac");
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	type(&c, L"\r");
	CHECK_EQ(kit_await(loop, &r), 8);
	CHECK_MEM(buf, "h\xc3\xa4\xe2\x82\xac\r\n", 8);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_KEYS), 0);
	SUBMIT(proa_recv, &c.h, &r, buf, sizeof buf);
	type(&c, L"k");
	CHECK_EQ(kit_await(loop, &r), 1);
	CHECK_EQ(buf[0], 'k');
	console_close(loop, &c);
	kit_close(&loop);
}

TEST(console_recv_cancelled_and_closed)
{
	char buf[64];
	rec r = {0}, many = {0};
	console c;
	NEED_CONSOLE;
	LOOP(loop);

	console_open(loop, &c);
	SUBMIT(proa_recv, &c.h, &r, buf, sizeof buf);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	type(&c, L"late\r"); /* is the next one's */
	SUBMIT(proa_recv, &c.h, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 6);
	CHECK_MEM(buf, "late\r\n", 6);
	SUBMIT(proa_recv_pooled_many, &c.h, &many, NULL, 0);
	kit_settle(loop);
	kit_end(loop, &c.h);
	CHECK_EQ(many.result, -PROA_ECANCELED);
	console_close(loop, &c);
	kit_close(&loop);
}

/* The bytes of one letter in two sends are one letter on the screen. */
TEST(console_written)
{
	static const char text[] = "z\xe2\x82\xac!";
	CONSOLE_SCREEN_BUFFER_INFO info;
	wchar_t seen[3] = L"";
	rec s = {0};
	console c;
	DWORD n;
	NEED_CONSOLE;
	LOOP(loop);

	console_open(loop, &c);
	SUBMIT(proa_send, &c.screen, &s, "\r\n", 2);
	CHECK_EQ(kit_await(loop, &s), 2);
	SUBMIT(proa_send, &c.screen, &s, text, 2);
	CHECK_EQ(kit_await(loop, &s), 2);
	SUBMIT(proa_send, &c.screen, &s, text + 2, 3);
	CHECK_EQ(kit_await(loop, &s), 3);
	CHECK(GetConsoleScreenBufferInfo(c.out, &info));
	CHECK_EQ(info.dwCursorPosition.X, 3);
	info.dwCursorPosition.X = 0;
	CHECK(ReadConsoleOutputCharacterW(c.out, seen, 3, info.dwCursorPosition, &n));
	CHECK(seen[0] == L'z' && seen[1] == 0x20ac && seen[2] == L'!');
	console_close(loop, &c);
	kit_close(&loop);
}

TEST(console_comes_back)
{
	DWORD before;
	console c;
	NEED_CONSOLE;
	LOOP(loop);

	console_open(loop, &c);
	before = mode_of(&c);
	CHECK_EQ(before, ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_AS_FOUND), 0);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_RAW), 0);
	CHECK_EQ(mode_of(&c), 0);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_KEYS), 0);
	CHECK_EQ(mode_of(&c), ENABLE_PROCESSED_INPUT);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_AS_FOUND), 0);
	CHECK_EQ(mode_of(&c), before);
	CHECK_EQ(proa_tty_set(&c.h, PROA_TTY_RAW), 0);
	kit_end(loop, &c.h);
	CHECK_EQ(mode_of(&c), before);
	console_close(loop, &c);
	kit_close(&loop);
}

TEST(console_size)
{
	enum { GONE_US = 600000 }; /* until nobody looks any more */
	CONSOLE_SCREEN_BUFFER_INFO info;
	SMALL_RECT window = {0, 0, 49, 19};
	unsigned columns = 0, rows = 0;
	rec r = {0};
	console c;
	NEED_CONSOLE;
	LOOP(loop);

	console_open(loop, &c);
	CHECK(GetConsoleScreenBufferInfo(c.out, &info));
	CHECK_EQ(proa_tty_size(&c.screen, &columns, &rows), 0);
	CHECK_EQ(columns, info.srWindow.Right - info.srWindow.Left + 1);
	CHECK_EQ(rows, info.srWindow.Bottom - info.srWindow.Top + 1);
	SUBMIT0(proa_tty_resized, proa_root(loop), &r);
	kit_settle(loop);
	CHECK(SetConsoleWindowInfo(c.out, TRUE, &window));
	UNTIL(loop, r.mores == 1);
	CHECK_EQ(proa_tty_size(&c.h, &columns, &rows), 0);
	CHECK_EQ(columns, 50);
	CHECK_EQ(rows, 20);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK(SetConsoleWindowInfo(c.out, TRUE, &info.srWindow));
	host_sleep_us(GONE_US);
	console_close(loop, &c);
	kit_close(&loop);
}
