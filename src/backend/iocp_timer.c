/* The end of a wait, finer than the port's own time-out, which counts in ticks of the system. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* ---- how it works ----
 *
 * GetQueuedCompletionStatusEx may be 16 ms late. Two ways to be woken in time, the better first:
 *
 *   packet   a high-resolution timer (Windows 10 1803) whose signal becomes a packet of the port,
 *            by a wait completion packet of ntdll's (Windows 8, not in Wine 8)
 *   call     a plain timer that calls back this thread, which ends an alertable wait. Such timers
 *            cannot be of high resolution, so on Windows this is late by a tick of the system
 *
 * The port's own time-out is given all the same: should a timer fail, a wait is late and not
 * endless. A timer that is set already for the same deadline is left alone: so a server whose next
 * deadline is far away sets it once. */

/* Not in every header of Windows. */
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

/* ntdll's, as its users know them; NTSTATUS, >= 0 is success. */
typedef LONG NTAPI packet_create(HANDLE *packet, ACCESS_MASK access, void *attributes);
typedef LONG NTAPI packet_associate(HANDLE packet, HANDLE port, HANDLE target, void *key,
                                    void *overlapped, LONG status, ULONG_PTR bytes,
                                    BOOLEAN *signaled);
typedef LONG NTAPI packet_cancel(HANDLE packet, BOOLEAN remove_signaled);

enum { STILL_PENDING = 0x103 };

static px_win_any_fn *nt(const char *name)
{
	return px_win_find(L"ntdll.dll", name);
}

/* ---- open and close ---- */

static bool packet_open(px_io_timer *t)
{
	packet_create *create = (packet_create *)nt("NtCreateWaitCompletionPacket");

	t->associate = nt("NtAssociateWaitCompletionPacket");
	t->cancel = nt("NtCancelWaitCompletionPacket");
	if (!create || !t->associate || !t->cancel)
		return false;
	t->timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
	                                  TIMER_ALL_ACCESS);
	if (t->timer && create(&t->packet, MAXIMUM_ALLOWED, NULL) >= 0)
		return true;
	t->packet = NULL;
	return false;
}

void px_io_timer_open(px_iocp *io)
{
	px_io_timer *t = &io->timer;

	if (packet_open(t))
		return;
	if (t->timer)
		CloseHandle(t->timer);
	t->timer = CreateWaitableTimerExW(NULL, NULL, 0, TIMER_ALL_ACCESS);
}

void px_io_timer_close(px_iocp *io)
{
	if (io->timer.packet)
		CloseHandle(io->timer.packet);
	if (io->timer.timer)
		CloseHandle(io->timer.timer);
}

/* ---- set ---- */

/* Being called is all: it ends the wait. */
static void CALLBACK timer_called(void *arg, DWORD low, DWORD high)
{
	PX_UNUSED(arg);
	PX_UNUSED(low);
	PX_UNUSED(high);
}

static bool packet_set(px_iocp *io, const LARGE_INTEGER *due)
{
	px_io_timer *t = &io->timer;
	packet_associate *associate = (packet_associate *)t->associate;

	if (t->associated && ((packet_cancel *)t->cancel)(t->packet, TRUE) == STILL_PENDING)
		return false; /* on its way this moment, and not to be used again before it came */
	t->associated = SetWaitableTimer(t->timer, due, 0, NULL, NULL, FALSE) &&
	                associate(t->packet, io->port, t->timer, (void *)(uintptr_t)PX_IO_KEY_TIMER,
	                          NULL, 0, 0, NULL) >= 0;
	return t->associated;
}

bool px_io_timer_set(px_iocp *io, int64_t deadline_ns, int64_t left_ns)
{
	px_io_timer *t = &io->timer;
	LARGE_INTEGER due = {.QuadPart = -((left_ns + 99) / 100)}; /* relative, in 100 ns */
	bool set;

	if (!t->timer)
		return false;
	if (t->due_ns != deadline_ns) {
		px_count_add(&io->core->stat.system_calls, t->packet ? 2 : 1);
		if (t->packet)
			set = packet_set(io, &due);
		else
			set = SetWaitableTimer(t->timer, &due, 0, timer_called, NULL, FALSE);
		t->due_ns = set ? deadline_ns : 0;
	}
	return !t->packet && t->due_ns;
}

void px_io_timer_over(px_iocp *io, bool fired)
{
	io->timer.due_ns = 0;
	if (fired)
		io->timer.associated = false;
}
