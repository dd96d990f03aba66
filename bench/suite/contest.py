# One cell of a scenario: contestants under one load, in turns, until each has all its rounds.
# SPDX-License-Identifier: MIT
import statistics
import subprocess
import time

from suite import counts, stats
from suite.load import NOISE_MAX, measure
from suite.machine import Failure, alone
from suite.servers import Server

WARM_SECONDS = "0.1"
RESIDENT_MIN = 1000  # connections; fewer are lost among what a server needs anyway


def row_make(contestant, rounds, noise_max=NOISE_MAX):
    figures = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
    return {"name": contestant.name, "kind": contestant.kind, "backend": contestant.backend,
            "figures": figures, "spread": stats.spread([r["rps"] for r in rounds]),
            "noisy": sum(r["noise"] > noise_max for r in rounds),
            "rounds": {key: [r[key] for r in rounds] for key in rounds[0]}}


class Contest:
    """`bench` gives build, rounds, seconds, lock, progress and which figures are counted."""

    def __init__(self, bench, name, contestants, load):
        self.bench, self.name, self.load = bench, name, load
        self.missing = [c for c in contestants if c.missing()]
        self.contestants = [c for c in contestants if not c.missing()]
        self.servers, self.files, self.memory = {}, {}, {}
        self.rounds, self.counts = {}, {}
        self.failed, self.notes = {}, {}

    def say(self, text):
        self.bench.progress.say(f"{self.name}: {text}")

    def live(self):
        return [c for c in self.contestants if c.name not in self.failed]

    def attempt(self, contestant, work, problems=None):
        """One contestant's failure is told and does not end the others."""
        try:
            return work()
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            (self.failed if problems is None else problems)[contestant.name] = str(failure)
            return None

    def start(self):
        for c in self.contestants:
            self.say(f"starting {c.name}")
            server = self.attempt(c, lambda c=c: Server(c))
            if server:
                self.servers[c.name] = server
                self.memory[c.name] = server.memory()
                self.rounds[c.name] = []

    def warm(self):
        for c in self.live():
            self.attempt(c, lambda c=c: measure(self.bench.build, self.servers[c.name], self.load,
                                                "--seconds", WARM_SECONDS))

    def files_note(self):
        """What a server keeps open after its first clients, a file's cache included."""
        time.sleep(0.2)
        for c in self.live():
            self.files[c.name] = self.attempt(c, self.servers[c.name].files)

    def round(self, nth):
        """Every second one backwards, so that nobody always comes behind the same."""
        order = self.live() if nth % 2 == 0 else self.live()[::-1]
        with alone(self.bench.lock):
            for c in order:
                self.say(f"round {nth + 1} of {self.bench.rounds}, {c.name}")
                found = self.attempt(c, lambda c=c: measure(
                    self.bench.build, self.servers[c.name], self.load,
                    "--warmup", WARM_SECONDS, "--seconds", str(self.bench.seconds)))
                if found:
                    self.rounds[c.name].append(found)

    def left_behind(self, name):
        """Descriptors, a while after the last client went."""
        server, end = self.servers[name], time.monotonic() + 2
        most = self.files[name] + self.load.kept
        while (count := server.files()) > most:
            if time.monotonic() > end:
                raise Failure(f"{count - self.files[name]} descriptors left behind")
            time.sleep(0.02)

    def count(self):
        if not counts.countable(self.load):
            return
        for c in self.live():
            found = self.counts.setdefault(c.name, {})
            if self.bench.calls:
                self.say(f"system calls of {c.name}")
                found["calls"] = self.attempt(c, lambda c=c: counts.system_calls(
                    self.bench.build, self.servers[c.name], self.load), self.notes)
            if self.bench.instructions:
                self.say(f"instructions of {c.name}")
                found["instructions"] = self.attempt(c, lambda c=c: counts.instructions(
                    self.bench.build, c, self.load), self.notes)

    def stop(self):
        for c in self.contestants:
            server = self.servers.get(c.name)
            if server and server.stop() != 0 and c.kind == "proa":
                self.failed.setdefault(c.name, f"ended with {server.process.returncode}")

    def result(self, **more):
        rows = []
        for c in self.contestants:
            if c.name not in self.failed and self.rounds.get(c.name):
                row = row_make(c, self.rounds[c.name], self.load.noise_max)
                row["figures"].update(self.counts.get(c.name, {}))
                if self.load.connections >= RESIDENT_MIN and "resident" in row["figures"]:
                    row["figures"]["resident_bytes"] = (
                        row["figures"]["resident"] - self.memory[c.name]) / self.load.connections
                rows.append(row)
        return {"name": self.name, "rows": rows, "failed": self.failed, "notes": self.notes,
                "missing": {c.name: c.missing() for c in self.missing},
                "load": {"connections": self.load.connections, "size": self.load.size,
                         "depth": self.load.depth, "engine": self.load.engine}, **more}


def contest(bench, name, contestants, load):
    """The cell's result. Connections of one round end with it; the servers stay."""
    c = Contest(bench, name, bench.chosen(contestants), load)
    try:
        c.start()
        c.warm()
        c.files_note()
        for nth in range(bench.rounds):
            c.round(nth)
        for contestant in c.live():
            c.attempt(contestant, lambda name=contestant.name: c.left_behind(name),
                      c.notes if contestant.kind == "peer" else c.failed)
        c.count()
    finally:
        c.stop()
        bench.progress.say("")
    return c.result()
