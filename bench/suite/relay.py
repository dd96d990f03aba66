# Relays: proa's beside socat and HAProxy, flooded in one direction.
# SPDX-License-Identifier: MIT
"""Each relay on one CPU. What floods it copies no byte itself and is at both ends; its sink listens
at one address for all. socat forks a process for each connection, all on that CPU. A request is
64 KiB that have arrived."""
import os
from dataclasses import dataclass, replace

from suite.contest import contest
from suite.load import Load
from suite.scenario import Scenario
from suite.servers import SETUP, Contestant, port_free

COUNTS = (1, 50, 1000)
HAPROXY = """global
	nbthread 1
	maxconn 2000
defaults
	mode tcp
	timeout client 1h
	timeout server 1h
	timeout connect 10s
$option
listen l
	bind $$address backlog 4096
	server s $sink
"""


@dataclass(frozen=True)
class Flood(Load):
    sink: str = ""

    @staticmethod
    def of(count, sink):
        """proa's keeps pipes for the next: 64 at most, and two for each connection that was."""
        return Flood(count, 65536, busy=False, kept=2 * min(64, 2 * count), sink=sink)

    def command(self, build, address, *more):
        return [f"{build}/bench/flood", "--connect", address, "--sink", self.sink,
                "--connections", str(self.connections), *more]


def peer(name, command, config=""):
    gone = "" if os.access(command[0], os.X_OK) else SETUP
    return Contestant(name, "peer", command, gone=gone, files={"conf": config})


def haproxy(name, sink, option=""):
    config = HAPROXY.replace("$$", "\0").replace("$option", option).replace("$sink", sink)
    return peer(name, ["/usr/sbin/haproxy", "-db", "-f", "$folder/conf"],
                config.replace("\0", "$"))


def socat(name, sink, *more):
    return peer(name, ["/usr/bin/socat", *more,
                       "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr,backlog=4096",
                       f"TCP:{sink}"])


def relays(bench, sink):
    for backend in bench.backends:
        yield Contestant(f"proa {backend}", "proa",
                         [f"{bench.build}/proa", "relay", "127.0.0.1:0", sink,
                          "--backend", backend], backend)
    yield haproxy("haproxy", sink)
    yield haproxy("haproxy, splice", sink, "\toption splice-auto")
    yield socat("socat", sink)
    yield socat("socat, 64 KiB", sink, "-b65536")


def relay_run(bench):
    bare = replace(bench, calls=False, instructions=False)
    for count in COUNTS:
        name = f"flood x {count}"
        if bench.wants(name):
            sink = f"127.0.0.1:{port_free()}"
            yield contest(bare, name, list(relays(bench, sink)),
                          Flood.of(count, sink))


SCENARIOS = (
    Scenario("relay", "relays flooded in one direction by 1, 50 and 1,000 connections", relay_run,
             (("server_ns", "CPU of the relay for 64 KiB, ns"), ("bytes_s", "bytes a second"))),
)
