# The machine: which CPU does what, what others take of it, what it is.
# SPDX-License-Identifier: MIT
import contextlib
import ctypes
import fcntl
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER_CPU, LOAD_CPU = 0, 1
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    pass


def read(path):
    with open(path) as file:
        return file.read()


def child_setup(cpu):
    """Pinned (None: where it likes), before others where that is allowed, never left behind when
    this program dies."""
    libc = ctypes.CDLL(None)

    def setup():
        libc.prctl(1, signal.SIGTERM)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            os.setsid()  # the scheduler weighs sessions, and threads only within one
            with open("/proc/self/autogroup", "w") as file:
                file.write("-20")
        except OSError:
            pass
    return setup


def cpu_ns(pid):
    """CPU time of a process with all its threads, ended ones too, to the nanosecond."""
    return int(time.clock_gettime((~pid << 3) | 2) * 1e9)


def busy_ns():
    """Time that the two CPUs were not idle, taken by the hypervisor included."""
    total = 0
    for line in read("/proc/stat").splitlines():
        fields = line.split()
        if fields[0] in (f"cpu{SERVER_CPU}", f"cpu{LOAD_CPU}"):
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
            total += user + nice + system + irq + softirq + steal
    return total * TICK_NS


class Noise:
    """Of one CPU, what others took while it was looked at; ours: pids and what ended meanwhile."""

    def __init__(self, pids):
        self.own = {}
        for pid in pids:
            with contextlib.suppress(OSError):
                self.own[pid] = cpu_ns(pid)
        self.busy = busy_ns()
        self.begin = time.monotonic_ns()

    def used(self, pid):
        try:
            return cpu_ns(pid) - self.own[pid]
        except OSError:  # one that was forked, and has ended
            return 0

    def share(self, ended_ns):
        wall = time.monotonic_ns() - self.begin
        own = sum(map(self.used, self.own)) + ended_ns
        return max(0, busy_ns() - self.busy - own) / wall


LOCK_PATIENCE = 60  # seconds


@contextlib.contextmanager
def alone(path):
    """With a lock's path: nobody else who asks for it uses the machine meanwhile. Those who share
    it in turns may never let go all at once, so after a while we measure beside them: what they
    take is told as noise."""
    if not path:
        yield
        return
    with open(path, "a") as file:
        end = time.monotonic() + LOCK_PATIENCE
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        yield


def slab_bytes():
    """Kernel objects in use on the whole machine; None without the right to look."""
    try:
        lines = read("/proc/slabinfo").splitlines()[2:]
    except OSError:
        return None
    return sum(int(fields[1]) * int(fields[3]) for fields in map(str.split, lines))


def resident_bytes(pid):
    """Counted page by page: the figure in /proc/PID/status is off by some hundred KiB."""
    found = re.search(r"^Rss:\s*(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(found[1]) * 1024 if found else 0  # it has ended, and nobody has waited for it yet


def describe():
    cpu = re.search(r"model name\s*:\s*(.*)", read("/proc/cpuinfo"))
    return {"kernel": platform.release(), "cpus": os.cpu_count(),
            "model": cpu.group(1) if cpu else platform.machine(),
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1]}


def git(*words):
    done = subprocess.run(["git", "-C", TOP, *words], capture_output=True, text=True)
    return done.stdout.strip()


def commit():
    """Of what is measured; "+" behind it: and changes of more than figures and pages."""
    changed = git("status", "--porcelain", "-uno", "--", ".", ":!bench/results", ":!docs")
    return git("describe", "--always") + ("+" if changed else "")


class Progress:
    """On a terminal only."""

    def __init__(self):
        self.on = sys.stderr.isatty()

    def say(self, text):
        if self.on:
            sys.stderr.write(f"\r\033[K{text[:100]}")
            sys.stderr.flush()
