# Echo servers under every load: sizes, connections, pipelines, streams, tails.
# SPDX-License-Identifier: MIT
import os
from dataclasses import replace

from suite.contest import contest
from suite.load import Load
from suite.scenario import Scenario
from suite.servers import echo_all

SIZES = {64: "64 B", 4096: "4 KiB", 65536: "64 KiB"}
COUNTS = (1, 50, 1000, 10000)
CROWDED = 10000  # connecting takes longer than a round: fewer of them
CROWDED_ROUNDS = 3
CPU = ("server_ns", "server CPU a request, ns")
RATE = ("rps", "requests a second")
TAIL = ("p99_us", "99 of 100 answers within, us")


def fits(connections):
    """Of descriptors, for a server and some more."""
    return connections + 100 <= os.sysconf("SC_OPEN_MAX")


def echo_cell(bench, name, load):
    if load.connections >= CROWDED:
        bench = replace(bench, rounds=min(bench.rounds, CROWDED_ROUNDS))
    return contest(bench, name, echo_all(bench.build, bench.backends), load)


def echo_run(bench):
    for size, text in SIZES.items():
        for count in COUNTS:
            name = f"{text} x {count}"
            if bench.wants(name) and fits(count):
                yield echo_cell(bench, name, Load(count, size))


def pipelined_run(bench):
    yield contest(bench, "64 B x 50, 16 deep", echo_all(bench.build, bench.backends),
                  Load(50, 64, 16))


# More than the socket's buffers hold: the client never waits for an answer before it sends.
STREAM_DEPTH = 4096


def stream_run(bench):
    yield contest(bench, "512 B x 4", echo_all(bench.build, bench.backends),
                  Load(4, 512, STREAM_DEPTH))


def roundtrip_run(bench):
    timed = replace(bench, calls=False, instructions=False)  # echo counts the same
    yield contest(timed, "64 B x 1", echo_all(bench.build, bench.backends), Load(1, 64))


def tail_run(bench):
    """The rate is half of what the median server can do, the same for all: who is faster has no
    harder time."""
    servers = echo_all(bench.build, bench.backends)
    short = replace(bench, rounds=1, seconds=min(bench.seconds, 0.5), calls=False,
                    instructions=False)
    most = contest(short, "the maximum", servers, Load(50, 64))
    rates = sorted(row["figures"]["rps"] for row in most["rows"] if row["name"] != "uvloop")
    if not rates:
        return
    rate = int(rates[len(rates) // 2] / 2)
    cell = contest(bench, "64 B x 50, half load", servers,
                   Load(50, 64).plus("--open-loop", str(rate)))
    yield {**cell, "rate": rate}


SCENARIOS = (
    Scenario("echo", "closed loop: 1 to 10,000 connections of 64 B, 4 KiB and 64 KiB", echo_run,
             (CPU, RATE, TAIL)),
    Scenario("pipelined", "16 messages of 64 B in flight on each of 50 connections",
             pipelined_run, (CPU, RATE)),
    Scenario("stream", "4 connections stream 512 B messages without waiting", stream_run,
             (CPU, RATE)),
    Scenario("roundtrip", "one connection, one message at a time", roundtrip_run,
             (("mean_us", "round trip, us"),)),
    Scenario("tail", "open loop at half of the median server's maximum, measured from when each "
             "request was due", tail_run, (TAIL, ("p999_us", "999 of 1,000 answers within, us"))),
)
