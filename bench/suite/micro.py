# The small measurements of bench/micro: each program tells its own figures.
# SPDX-License-Identifier: MIT
"""A program is called TOPIC_WHOSE, takes --count N, and proa's --backend NAME; it pins itself. Each
line that it prints is {"program": "TOPIC_WHOSE", "figures": {"arm_ns": 17.2, ...}}."""
import json
import os
import statistics
import subprocess

from suite.machine import Failure, alone, child_setup
from suite.scenario import Scenario

TOPICS = {
    "timers": "1,000,000 timers: arm, cancel, fire",
    "post": "a callback from another thread: the loop busy, asleep, spinning",
    "tasks": "file reads and writes, cached and past the cache; look-ups; jobs for the worker pool",
    "loops": "two loops against one",
    "hung": "reads by the pool of threads, alone and beside look-ups that hang",
    "udp": "UDP echo: a datagram an op, batches, runs that the system joins",
}
ONE_BACKEND = ("timers",)  # what they measure has nothing to do with the backend
PATIENCE = 120
# How a name begins; others are peers.
KINDS = {"proa": "proa", "raw": "raw", "eventfd": "raw", "plain": "raw", "uring": "raw"}


def programs(build, topic):
    folder = f"{build}/bench/micro"
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [f"{folder}/{name}" for name in names if name.split("_")[0] == topic and
            os.access(f"{folder}/{name}", os.X_OK)]


def commands(bench, topic):
    """(what is called so, its command); proa's once for each backend."""
    for program in programs(bench.build, topic):
        whose = os.path.basename(program).partition("_")[2]
        if whose.startswith("proa") and topic not in ONE_BACKEND:
            for backend in bench.backends:
                yield backend, [program, "--backend", backend]
        else:
            yield "", [program]


def row_name(topic, program, backend):
    """proa's as elsewhere: "proa epoll", and what else the program says of itself behind it."""
    whose = program.removeprefix(f"{topic}_")
    if not backend:
        return whose
    head, _, rest = whose.partition("_")
    return f"{head} {backend}" + (f", {rest}" if rest else "")


def told(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE,
                          preexec_fn=child_setup(None))
    if done.returncode:
        raise Failure(done.stderr.strip()[-200:] or f"status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Topic:
    def __init__(self, bench, topic):
        self.bench, self.topic = bench, topic
        self.rounds, self.failed = {}, {}

    def once(self, backend, command):
        name = row_name(self.topic, os.path.basename(command[0]), backend)
        if name in self.failed or not self.bench.matches(name):
            return
        self.bench.progress.say(f"{self.topic}: {name}")
        try:
            with alone(self.bench.lock):
                lines = told(command)
        except (Failure, OSError, ValueError, subprocess.TimeoutExpired) as failure:
            self.failed[name] = str(failure)
            return
        for line in lines:
            self.rounds.setdefault(row_name(self.topic, line["program"], backend), []).append(
                line["figures"])

    def cell(self):
        here = list(commands(self.bench, self.topic))
        for _ in range(self.bench.rounds):
            for backend, command in here:
                self.once(backend, command)
        self.bench.progress.say("")
        rows = [micro_row(name, rounds) for name, rounds in self.rounds.items()]
        columns = list(dict.fromkeys(key for row in rows for key in row["figures"]))
        missing = {} if here else {f"the programs of {self.topic}": "./dev build"}
        return {"name": self.topic, "rows": rows, "columns": columns, "failed": self.failed,
                "notes": {}, "missing": missing}


def micro_row(name, rounds):
    series = {key: [r[key] for r in rounds if r.get(key) is not None] for key in rounds[0]}
    kind = next((kind for begin, kind in KINDS.items() if name.startswith(begin)), "peer")
    return {"name": name, "kind": kind, "noisy": 0, "spread": None, "rounds": series,
            "figures": {key: statistics.median(values) if values else None
                        for key, values in series.items()}}


def scenario(topic, about):
    def run(bench):
        yield Topic(bench, topic).cell()
    return Scenario(topic, about, run, ())


SCENARIOS = tuple(scenario(topic, about) for topic, about in TOPICS.items())
