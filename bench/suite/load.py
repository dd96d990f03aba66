# Runs the load generator, and makes figures a request of what it tells.
# SPDX-License-Identifier: MIT
import json
import os
import subprocess
from dataclasses import dataclass, replace

from suite.machine import Failure, LOAD_CPU, Noise, child_setup

NOISE_MAX = 0.06  # of one CPU, taken by others meanwhile
TRIES = 3         # of a round, if others take more


@dataclass(frozen=True)
class Load:
    """What the load generator is asked for; `more` are further arguments."""
    connections: int = 50
    size: int = 64
    depth: int = 1
    engine: str = "epoll"
    busy: bool = True
    noise_max: float = NOISE_MAX
    more: tuple = ()
    kept: int = 0  # descriptors that a server may keep for its next clients

    def command(self, build, address, *more):
        command = [f"{build}/bench/load", "--connect", address, "--engine", self.engine,
                   "--connections", str(self.connections), "--size", str(self.size),
                   "--depth", str(self.depth), *self.more, *more]
        return command + (["--busy"] if self.busy else [])

    def plus(self, *more, **changes):
        return replace(self, more=self.more + more, **changes)


def start(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=child_setup(LOAD_CPU))


def end(process):
    """The report, and the CPU time that it took in all."""
    out, said = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode:
        raise Failure(said.strip() or f"load: ended with status {process.returncode}")
    return json.loads(out), int((usage.ru_utime + usage.ru_stime) * 1e9)


def run(command):
    process = start(command)
    process.stdin.close()
    return end(process)


def run_all(commands, watch):
    """At once; their standard input ends when watch(processes) has returned."""
    processes = [start(command) for command in commands]
    try:
        watch(processes)
    finally:
        for process in processes:
            process.stdin.close()
    return [end(process)[0] for process in processes]


def command_idle(build, address, count):
    return [f"{build}/bench/load", "--connect", address, "--idle", str(count), "--hold-stdin",
            "--sources", "64", "--timeout", "30"]


AS_TOLD = {"rps": "rps", "p50_us": "p50_us", "p99_us": "p99_us", "p999_us": "p999_us",
           "mean_us": "mean_us", "requests": "requests", "server_resident": "resident"}
EACH = ("server_ns", "client_ns", "slept", "preempted")


def figures(report):
    """What is measured once a round, each by request where it can be; not all loads know all."""
    requests, seconds = max(1, report["requests"]), max(report["seconds"], 1e-9)
    return {**{name: report[key] for key, name in AS_TOLD.items() if key in report},
            **{key: report[key] / requests for key in EACH if key in report},
            "bytes_s": report["bytes"] / seconds,
            "server_busy": report["server_ns"] / 1e9 / seconds}


def once(build, server, load, *more):
    """The figures of one run, and what others took of the machine meanwhile."""
    pids = server.pids()
    noise = Noise(pids)
    report, load_ns = run(load.command(build, server.address, *more,
                                       "--watch", ",".join(map(str, pids))))
    return {**figures(report), "noise": noise.share(load_ns)}


def measure(build, server, load, *more):
    """Again at once when others used the machine; the quietest counts."""
    best = None
    for _ in range(TRIES):
        found = once(build, server, load, *more)
        if best is None or found["noise"] < best["noise"]:
            best = found
        if best["noise"] <= load.noise_max:
            break
    return best
