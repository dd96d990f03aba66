# Connections themselves: many that are silent, many that are short, more than there are buffers.
# SPDX-License-Identifier: MIT
import json
import resource
import time
from dataclasses import replace

from suite import machine
from suite.contest import contest, row_make
from suite.load import Load, command_idle, run_all
from suite.machine import Failure
from suite.scenario import Scenario
from suite.servers import LISTEN, REFERENCES, Contestant, Server, echo_all, proa, raw

# ---- silent ones: what each costs, and whether all answer after it ----

IDLE_COUNTS = (1000, 4000, 10000, 19000)
SPARE = 100    # descriptors that a process needs for other things
SETTLE = 0.3   # seconds until what connecting left in the kernel is gone
PATIENCE = 60  # seconds until all are connected


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE


def idle_counts(bench):
    """A server has one descriptor a connection; clients are as many processes as it takes."""
    most = min(bench.idle_max or IDLE_COUNTS[-1], descriptors())
    counts = [n for n in IDLE_COUNTS if n <= most]
    while counts and counts[-1] * 4 <= most:
        counts.append(counts[-1] * 4)
    return counts if not counts or counts[-1] == most else counts + [most]


def parts(count):
    """Connections by client processes."""
    share = descriptors()
    return [min(share, count - begin) for begin in range(0, count, share)]


class Held:
    """Silent connections to a server, and what they cost while they are."""

    def __init__(self, build, server, count):
        self.server, self.count = server, count
        self.files, self.memory = server.files(), server.memory()
        self.slab = machine.slab_bytes()
        commands = [command_idle(build, server.address, part) for part in parts(count)]
        self.figures = {}
        self.reports = run_all(commands, self.look)

    def connected(self, processes):
        end = time.monotonic() + PATIENCE
        while self.server.files() - self.files < self.count:
            if time.monotonic() > end or any(p.poll() is not None for p in processes):
                return False
            time.sleep(0.02)
        return True

    def look(self, processes):
        if not self.connected(processes):
            return
        time.sleep(SETTLE)
        slab = machine.slab_bytes()
        self.figures["resident_bytes"] = (self.server.memory() - self.memory) / self.count
        if slab is not None:
            self.figures["slab_both_bytes"] = (slab - self.slab) / self.count

    def result(self):
        if not self.figures:
            raise Failure(f"not all of {self.count} were accepted")
        answered = sum(report["requests"] for report in self.reports)
        if answered != self.count:
            raise Failure(f"{answered} of {self.count} answered")
        longest = max(report["seconds"] for report in self.reports)
        return {**self.figures, "answered": answered, "rps": answered / max(longest, 1e-9),
                "noise": 0}


def held_once(build, contestant, count):
    server = Server(contestant)
    try:
        return Held(build, server, count).result()
    finally:
        server.stop()


def slab_split(rows):
    """The machine counts the objects of both ends. The client's end costs half of what both cost
    where the ends are alike: epoll here, epoll there."""
    alike = next((row for row in rows if row["name"] == "raw_epoll"), None)
    if not alike or "slab_both_bytes" not in alike["figures"]:
        return
    client = alike["figures"]["slab_both_bytes"] / 2
    for row in rows:
        both = row["rounds"]["slab_both_bytes"]
        row["rounds"]["slab_bytes"] = [value - client for value in both]
        row["figures"]["slab_bytes"] = row["figures"]["slab_both_bytes"] - client


def idle_cell(bench, count):
    name = f"{count} silent"
    contestants = bench.chosen(echo_all(bench.build, bench.backends))
    here = [c for c in contestants if not c.missing()]
    found, failed = {c.name: [] for c in here}, {}
    for nth in range(max(1, bench.rounds // 3)):
        for c in here:
            bench.progress.say(f"{name}: round {nth + 1}, {c.name}")
            try:
                with machine.alone(bench.lock):
                    found[c.name].append(held_once(bench.build, c, count))
            except (Failure, OSError) as failure:
                failed[c.name] = str(failure)
    bench.progress.say("")
    rows = [row_make(c, found[c.name]) for c in here if c.name not in failed]
    slab_split(rows)
    return {"name": name, "rows": rows, "failed": failed, "notes": {},
            "missing": {c.name: c.missing() for c in contestants if c.missing()}}


def idle_run(bench):
    for count in idle_counts(bench):
        if bench.wants(f"{count} silent"):
            yield idle_cell(bench, count)


# ---- silent ones, and timers and posts by the million beside them ----

CROWD = 1_000_000
CROWD_WAIT = 6  # seconds in which all have to be connected


def crowd_once(build, backend, count):
    """The figures of one run: connections are silent while the timers are pending, and all ask
    while those come out and posts come in. Each has to be done exactly once."""
    begin = time.monotonic()
    server = Server(Contestant(f"proa {backend}", "proa", [
        f"{build}/bench/crowd", *LISTEN, "--backend", backend, "--count", str(CROWD), "--wait",
        str(CROWD_WAIT)], backend))

    def look(_):
        time.sleep(max(0, begin + CROWD_WAIT + 0.2 - time.monotonic()))

    try:
        reports = run_all([command_idle(build, server.address, part)
                           for part in parts(count)], look)
        time.sleep(1.5)
    finally:
        status = server.stop()
    if status != 0:
        raise Failure(f"status {status}: {server.last_words}")
    told = json.loads(server.output.decode().splitlines()[-1])
    answered = sum(report["requests"] for report in reports)
    wanted = {"fired": CROWD, "posted": CROWD, "early": 0, "again": 0, "connections": count}
    wrong = {key: told[key] for key, value in wanted.items() if told[key] != value}
    if wrong or answered != count:
        raise Failure(f"{answered} of {count} answered; of the others {wrong}")
    longest = max(report["seconds"] for report in reports)
    return {**told, "answered": answered, "rps": answered / max(longest, 1e-9), "noise": 0}


def crowd_run(bench):
    count = min(IDLE_COUNTS[-1], descriptors())
    rows, failed = [], {}
    for backend in bench.backends:
        contestant = Contestant(f"proa {backend}", "proa", [], backend)
        if not bench.matches(contestant.name):
            continue
        bench.progress.say(f"crowd: {contestant.name}")
        try:
            rows.append(row_make(contestant, [crowd_once(bench.build, backend, count)]))
        except (Failure, OSError) as failure:
            failed[contestant.name] = str(failure)
    bench.progress.say("")
    yield {"name": f"{count} silent", "rows": rows, "failed": failed, "notes": {}, "missing": {},
           "columns": ["answered", "connections", "pending", "fired", "posted", "armed_bytes",
                       "rps"]}


# ---- short ones ----

SOURCES = ("--sources", "64")  # a client's ports rest for a second behind a connection


CHURN_NOISE = 0.5  # the kernel frees sockets in threads of its own


def churn_run(bench):
    """With resets, every second connection ends before its answer and is counted nowhere."""
    servers = echo_all(bench.build, bench.backends)
    load = Load(20, 64, noise_max=CHURN_NOISE).plus("--churn", *SOURCES)
    for name, more in (("closed", ()), ("reset", ("--reset",))):
        if bench.wants(name):
            yield contest(bench, name, servers, load.plus(*more))


# ---- more than there are buffers ----

FEW = 16


def pool_run(bench):
    """The same server with its own ample pool and with one far too small."""
    servers = []
    for backend in bench.backends:
        few = proa(bench.build, backend, "--buffers", str(FEW))
        servers += [proa(bench.build, backend),
                    replace(few, name=f"{few.name}, {FEW} buffers"),
                    raw(bench.build, REFERENCES[backend])]
    unique = list({c.name: c for c in servers}.values())
    yield contest(bench, "64 B x 1000", unique, Load(1000, 64))


CPU = ("server_ns", "server CPU a request, ns")
SCENARIOS = (
    Scenario("idle", "1,000 to 19,000 silent connections (--idle-max N: more, where descriptors "
             "allow): bytes of each; then all at once", idle_run,
             (("resident_bytes", "resident bytes a connection"),
              ("slab_bytes", "bytes of kernel objects a connection"))),
    Scenario("crowd", "19,000 silent connections, 1,000,000 timers and as many posts on one loop: "
             "each done exactly once", crowd_run, ()),
    Scenario("churn", "connect, one message, close, over and over; and with resets", churn_run,
             (CPU, ("rps", "connections a second"))),
    Scenario("pool", "1,000 busy connections on 16 buffers, and on enough", pool_run, (CPU,)),
)
