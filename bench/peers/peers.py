#!/usr/bin/env python3
# The peers: which there are, how each is built and started, its version, why one is missing.
# SPDX-License-Identifier: MIT
"""bench/peers/peers.py [--build DIR]    a line of JSON a peer
bench/peers/peers.py --install [NAME]   builds what cargo and pip bring, below build/bench"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")
UVLOOP = "uvloop==0.23.*"


class Peer(typing.NamedTuple):
    name: str      # as tables show it
    program: str   # below build/bench
    comes: str     # debian, cargo or pip
    package: str   # whose version is told
    interface: str

    def file(self, build):
        return os.path.join(build, "bench", self.program)

    def command(self, build):
        """What starts it, but for --listen."""
        if self.comes == "pip":
            return [self.file(build), os.path.join(HERE, "peer_uvloop.py")]
        return [self.file(build)]

    def version(self, build):
        return VERSIONS[self.comes](self, build)

    def missing(self, build):
        """Why it cannot be run, or None."""
        if not os.access(self.file(build), os.X_OK):
            return REASONS[self.comes].format(self.package)
        if self.comes == "pip" and not self.version(build):
            return REASONS["pip"].format(self.package)
        return None


# Of one kind first those that others are measured against most often.
PEERS = (
    Peer("libuv", "peer_libuv", "debian", "libuv1-dev", "epoll"),
    Peer("libevent", "peer_libevent", "debian", "libevent-dev", "epoll"),
    Peer("bufferevent", "peer_bufferevent", "debian", "libevent-dev", "epoll"),
    Peer("libev", "peer_libev", "debian", "libev-dev", "epoll"),
    Peer("asio", "peer_asio", "debian", "libasio-dev", "epoll"),
    Peer("asio-uring", "peer_asio_uring", "debian", "libasio-dev", "io_uring"),
    Peer("mio", "rust/release/peer_mio", "cargo", "mio", "epoll"),
    Peer("tokio", "rust/release/peer_tokio", "cargo", "tokio", "epoll"),
    Peer("monoio", "rust/release/peer_monoio", "cargo", "monoio", "io_uring"),
    Peer("uvloop", "venv/bin/python", "pip", "uvloop", "epoll"),
)

REASONS = {
    "debian": "not built: {} is not installed (./dev setup bench), or its program failed to build",
    "cargo": "not built: cargo is missing, or could not fetch {}",
    "pip": "not installed: python3-venv is missing, or pip could not fetch {}",
}


def said(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def debian_version(peer, _build):
    return said(["dpkg-query", "-W", "-f", "${Version}", peer.package])


def cargo_version(peer, _build):
    with open(os.path.join(HERE, "rust", peer.package, "Cargo.toml")) as file:
        found = re.search(rf'^{peer.package} = {{ version = "=([^"]+)"', file.read(), re.M)
    return found.group(1)


def pip_version(peer, build):
    return said([peer.file(build), "-c", "import uvloop; print(uvloop.__version__)"])


VERSIONS = {"debian": debian_version, "cargo": cargo_version, "pip": pip_version}


def cargo_build(build):
    if not shutil.which("cargo"):
        return "cargo is not installed"
    # Of a copy: cargo writes its lock beside the manifest. The peers' own versions stand there.
    target = os.path.join(build, "bench", "rust")
    source = os.path.join(target, "source")
    shutil.copytree(os.path.join(HERE, "rust"), source, dirs_exist_ok=True)
    command = ["cargo", "build", "--release", "-j2", "--quiet",
               "--manifest-path", os.path.join(source, "Cargo.toml"), "--target-dir", target]
    return None if not subprocess.run(command).returncode else "cargo build failed"


def pip_install(build):
    venv = os.path.join(build, "bench", "venv")
    python = os.path.join(venv, "bin", "python")
    steps = [[sys.executable, "-m", "venv", venv]] if not os.access(python, os.X_OK) else []
    if not said([python, "-c", "import uvloop; print(uvloop.__version__)"]):
        steps.append([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                      UVLOOP])
    for step in steps:
        if subprocess.run(step).returncode:
            return f"{' '.join(step[:4])} failed"
    return None


def install(build, only=None):
    """A line on stderr for what cannot be had; the others are measured without it."""
    for name, make in (("cargo", cargo_build), ("pip", pip_install)):
        problem = make(build) if only in (None, name) else None
        if problem:
            print(f"peers: {problem}: without its peers then", file=sys.stderr)


def describe(peer, build):
    return {"name": peer.name, "command": peer.command(build), "package": peer.package,
            "version": peer.version(build), "comes": peer.comes, "interface": peer.interface,
            "missing": peer.missing(build)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=BUILD)
    parser.add_argument("--install", nargs="?", const="all", choices=("all", "cargo", "pip"))
    options = parser.parse_args()
    if options.install:
        install(options.build, None if options.install == "all" else options.install)
        return
    for peer in PEERS:
        print(json.dumps(describe(peer, options.build)))


if __name__ == "__main__":
    main()
