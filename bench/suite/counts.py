# What does not drift: instructions and system calls a request, in runs of their own.
# SPDX-License-Identifier: MIT
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace

from suite.load import run
from suite.machine import Failure, LOAD_CPU, child_setup, read
from suite.servers import Server

REQUESTS = 1000
GONE_SECONDS = 5
# Beyond these, connecting and copying take longer than what is counted, and change nothing of it.
CONNECTIONS_MAX = 50
SIZE_MAX = 1024
DEPTH_MAX = 16


def requests_of(load):
    """At least several on each connection."""
    return max(REQUESTS, 4 * load.connections * load.depth)


def countable(load):
    return (load.connections <= CONNECTIONS_MAX and load.size <= SIZE_MAX
            and load.depth <= DEPTH_MAX and "--close" not in load.more)


def loaded(build, server, load, requests):
    """Runs them on a server that counting makes slow, until it is rid of the connections too."""
    files, end = server.files(), time.monotonic() + GONE_SECONDS
    run(replace(load, busy=False).command(build, server.address, "--timeout", "60",
                                          "--requests", str(requests)))
    while server.files() > files and time.monotonic() < end:
        time.sleep(0.02)


def more_each(count, load):
    """What 2N requests take more than N, a request: connecting, closing and ending fall out.
    `count` is called with a number of requests, first to see what only the first ones take."""
    requests = requests_of(load)
    count(requests)
    less = count(requests)
    return (count(2 * requests) - less) / requests


# ---- system calls ----

class Traced:
    """A running server's system calls, of all its threads. What a ring does for it is none."""

    def __init__(self, build, server, load):
        self.build, self.server, self.load = build, server, load

    def taken(self, requests):
        with tempfile.NamedTemporaryFile("r") as table:
            attach = [part for pid in self.server.pids() for part in ("-p", str(pid))]
            watcher = subprocess.Popen(["strace", "-c", "-f", "-o", table.name, *attach],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       preexec_fn=child_setup(LOAD_CPU))
            try:
                self.attached(watcher)
                loaded(self.build, self.server, self.load, requests)
            finally:
                watcher.send_signal(signal.SIGINT)
                watcher.wait()
                watcher.stderr.close()
            return self.total(table.read())

    @staticmethod
    def attached(watcher):
        said = b""
        if select.select([watcher.stderr], [], [], 5)[0]:
            said = watcher.stderr.readline()
        if b"attached" not in said:
            raise Failure(f"strace: {said.decode().strip() or 'does not attach'}")

    @staticmethod
    def total(table):
        found = re.search(r"^\s*100\.00\s+\S+\s+\S*\s+(\d+)\s+(?:\d+\s+)?total$", table, re.M)
        if not found:
            return 0  # a table without lines: there was no call
        return int(found[1])


def system_calls(build, server, load):
    if not shutil.which("strace"):
        return None
    return more_each(Traced(build, server, load).taken, load)


# ---- instructions ----

class Instrumented:
    """A server under callgrind, in user space. Its counts are fetched while it runs."""

    def __init__(self, build, contestant, load, folder):
        self.build, self.load = build, load
        self.out = f"{folder}/counts"
        self.dumps = 0
        self.server = Server(contestant, ["valgrind", "--tool=callgrind", "-q",
                                          f"--callgrind-out-file={self.out}"])

    def taken(self, requests):
        """Since the last time."""
        loaded(self.build, self.server, self.load, requests)
        self.dumps += 1
        done = subprocess.run(["vgdb", f"--pid={self.server.process.pid}", "dump"],
                              capture_output=True, text=True, timeout=30)
        try:
            return int(re.search(r"^totals: (\d+)", read(f"{self.out}.{self.dumps}"), re.M)[1])
        except (OSError, TypeError) as error:
            raise Failure(f"callgrind told nothing: {done.stderr.strip()[-200:]}") from error

    def stop(self):
        # Valgrind hears a signal when a system call returns, and some never do by themselves.
        self.server.stop(1)


def instructions(build, contestant, load):
    if not shutil.which("valgrind"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Instrumented(build, contestant, load, folder)
        try:
            return more_each(program.taken, load)
        finally:
            program.stop()
