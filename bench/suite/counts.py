# What does not drift: instructions and system calls a request, in runs of their own.
# SPDX-License-Identifier: MIT
import re
import select
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace

from suite.load import run
from suite.machine import Failure, read
from suite.servers import Server

CALLS_REQUESTS = 20000


def system_calls(build, server, load):
    """By all threads of a running server; None where nobody can watch. What a ring does for it is
    no system call."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r") as table:
        attach = [part for pid in server.pids() for part in ("-p", str(pid))]
        watcher = subprocess.Popen(["strace", "-c", "-f", "-o", table.name, *attach],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            if not select.select([watcher.stderr], [], [], 5)[0]:
                return None
            if b"attached" not in watcher.stderr.readline():
                return None
            report, _ = run(patient(build, server, load, requests_of(load, CALLS_REQUESTS)))
        finally:
            watcher.send_signal(signal.SIGINT)
            watcher.wait()
            watcher.stderr.close()
        for line in table.read().splitlines():
            fields = line.split()
            if fields and fields[-1] == "total":
                return int(fields[3]) / report["requests"]
    return None


def patient(build, server, load, requests):
    """How the load generator is called for a server that counting makes slow."""
    return replace(load, busy=False).command(build, server.address, "--timeout", "60",
                                             "--requests", str(requests))


def requests_of(load, requests):
    """Fewer when they are large, but several on each connection."""
    return max(4 * load.connections, requests // max(1, load.size // 4096))


class Instrumented:
    """A server under callgrind, in user space. Its counts are fetched while it runs."""

    def __init__(self, contestant, folder):
        self.out = f"{folder}/counts"
        self.dumps = 0
        self.server = Server(contestant, ["valgrind", "--tool=callgrind", "-q",
                                          f"--callgrind-out-file={self.out}"])

    def taken(self, build, load, requests):
        """Instructions since the last time, so many requests among them."""
        run(patient(build, self.server, load, requests))
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
    """What 2N requests take more than N, so connecting and ending fall out."""
    if not shutil.which("valgrind"):
        return None
    requests = requests_of(load, 4000)
    with tempfile.TemporaryDirectory() as folder:
        program = Instrumented(contestant, folder)
        try:
            program.taken(build, load, requests)  # what only the first ones take
            less = program.taken(build, load, requests)
            return (program.taken(build, load, 2 * requests) - less) / requests
        finally:
            program.stop()
