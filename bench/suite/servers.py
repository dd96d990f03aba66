# What is measured: proa on each backend, the references on the bare interfaces, the peers.
# SPDX-License-Identifier: MIT
import contextlib
import os
import re
import select
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from string import Template

from peers.peers import PEERS
from suite.machine import Failure, SERVER_CPU, child_setup, cpu_ns, resident_bytes

# What stands beside each of proa's backends.
REFERENCES = {"io_uring": "raw_uring", "epoll": "raw_epoll", "poll": "raw_poll"}
SETUP = "./dev setup bench"


@dataclass
class Contestant:
    """`kind` is proa, raw or peer. `gone`: why it cannot be run. In `command` and in `files`, which
    are written before it starts, $address, $port and $folder (where the files are) are filled in;
    without files the program chooses a port itself and tells it."""
    name: str
    kind: str
    command: list
    backend: str = ""
    gone: str = ""
    files: dict = field(default_factory=dict)

    def missing(self):
        if self.gone or os.access(self.command[0], os.X_OK):
            return self.gone
        return "./dev build" if self.kind != "peer" else SETUP


LISTEN = ["--listen", "127.0.0.1:0"]


def proa(build, backend, *more):
    return Contestant(f"proa {backend}", "proa",
                      [f"{build}/proa", "echo", *LISTEN, "--backend", backend, *more], backend)


def raw(build, name):
    return Contestant(name, "raw", [f"{build}/bench/{name}", *LISTEN])


def echo_peers(build):
    return [Contestant(peer.name, "peer", [*peer.command(build), *LISTEN], peer.interface,
                       peer.missing(build) or "") for peer in PEERS]


def echo_all(build, backends):
    """Every echo server, a backend's reference behind it."""
    found = {}
    for backend in backends:
        for contestant in (proa(build, backend), raw(build, REFERENCES[backend])):
            found.setdefault(contestant.name, contestant)
    found["raw_blocking"] = raw(build, "raw_blocking")
    return [*found.values(), *echo_peers(build)]


def port_free():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """A contestant that runs, pinned, until stop()."""

    def __init__(self, contestant, before=()):
        self.name = contestant.name
        self.errors = tempfile.TemporaryFile("w+")
        self.output = b""
        self.folder = tempfile.TemporaryDirectory()
        address = f"127.0.0.1:{port_free()}"
        command = self.filled(contestant, address)
        self.process = subprocess.Popen([*before, *command], stdout=subprocess.PIPE,
                                        stderr=self.errors, preexec_fn=child_setup(SERVER_CPU))
        self.patience = 60 if before else 10
        self.address = self.reachable(address) if contestant.files else self.listening()

    def filled(self, contestant, address):
        """Writes the files; the command."""
        known = {"address": address, "port": address.rpartition(":")[2],
                 "folder": self.folder.name}
        for name, text in contestant.files.items():
            with open(os.path.join(self.folder.name, name), "w") as file:
                file.write(Template(text).substitute(known))
        return [Template(part).substitute(known) for part in contestant.command]

    def listening(self):
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                part = os.read(self.process.stdout.fileno(), 4096)
                if not part:
                    break
                self.output += part
            found = re.search(rb"listening (\S+:\d+)\s", self.output)
            if found:
                return found.group(1).decode()
        self.fail("does not listen")

    def reachable(self, address):
        host, _, port = address.rpartition(":")
        end = time.monotonic() + self.patience
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return address
            except OSError:
                time.sleep(0.02)
        self.fail("does not listen")

    def fail(self, why):
        self.stop()
        raise Failure(f"{self.name}: {self.last_words or why}")

    def pids(self):
        """Its process and those below it: a server may have a worker."""
        found, new = [], [self.process.pid]
        while new:
            pid = new.pop()
            found.append(pid)
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    new += map(int, file.read().split())
            except OSError:
                pass
        return found

    def cpu_ns(self):
        return self.summed(cpu_ns)

    def summed(self, figure):
        """Of all its processes. One that was forked may end while it is looked at, and then has
        nothing any more; the first may not."""
        total = figure(self.process.pid)
        for pid in self.pids()[1:]:
            with contextlib.suppress(OSError):
                total += figure(pid)
        return total

    def memory(self):
        return self.summed(resident_bytes)

    def files(self):
        if self.process.poll() is not None:
            self.fail(f"died, status {self.process.returncode}")
        return self.summed(lambda pid: len(os.listdir(f"/proc/{pid}/fd")))

    def stop(self, patience=15):
        """Its status; killed when it does not end by itself."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if not self.errors.closed:
            self.errors.seek(0)
            self.last_words = (self.errors.read().strip().splitlines() or [""])[-1]
            self.errors.close()
            self.output += self.process.stdout.read()
            self.folder.cleanup()
            self.process.stdout.close()
        return self.process.returncode
