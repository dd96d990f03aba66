# Copying: proa copy beside cp -r, in memory and on the disk.
# SPDX-License-Identifier: MIT
"""A round is one copy by each, in an order that chance gives; where it goes is emptied and synced
before each. What is copied is in memory, for it was written just before, or read. The time is that
of the command; beside it is the time until all of it is on the disk, too."""
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Callable

from suite import stats
from suite.machine import Failure, alone, child_setup, read
from suite.scenario import Scenario

MEMORY = "/dev/shm"
SPARE = 6 << 30  # what two copies of the largest take, and some room
PIECE = 1 << 20
FOLDER_FILES = 200
SEED = 20


@dataclass(frozen=True)
class Tree:
    name: str
    make: Callable  # (path)


def small_files_make(path):
    """20,000 in 100 folders, of 0 to 8 KiB, most of them below 4."""
    dice = random.Random(SEED)
    text = dice.randbytes(8192)
    for folder in range(20000 // FOLDER_FILES):
        os.makedirs(f"{path}/{folder}")
        for name in range(FOLDER_FILES):
            with open(f"{path}/{folder}/{name}", "wb") as file:
                file.write(text[:min(dice.randrange(8192), dice.randrange(8192))])


def large_file_make(path):
    piece = random.Random(SEED).randbytes(PIECE)
    os.makedirs(path)
    with open(f"{path}/large", "wb") as file:
        for _ in range((2 << 30) // PIECE):
            file.write(piece)


TREES = (Tree("20,000 small files", small_files_make),
         Tree("one file of 2 GiB", large_file_make))


def commands(bench):
    """name -> (kind, command)"""
    return {"proa copy": ("proa", [f"{bench.build}/proa", "copy"]),
            "cp -r": ("peer", ["/bin/cp", "-r"])}


def sync(folder):
    """That file system alone."""
    subprocess.run(["sync", "-f", folder], check=True)


def same(left, right):
    """Whether it was a copy: names and sizes, which a round can afford to look at."""
    def told(top):
        return {os.path.relpath(os.path.join(folder, name), top):
                os.lstat(os.path.join(folder, name)).st_size
                for folder, _, names in os.walk(top) for name in names}
    return told(left) == told(right)


def warm(path):
    for folder, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                while file.read(PIECE):
                    pass  # it is in memory now


def copy_once(command, source, to):
    """The figures of one copy, into a folder that is not there yet."""
    shutil.rmtree(to, ignore_errors=True)
    sync(os.path.dirname(to))
    begin = time.monotonic()
    process = subprocess.Popen([*command, source, to], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               preexec_fn=child_setup(None))
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    sync(os.path.dirname(to))
    synced = time.monotonic() - begin
    if process.returncode or not same(source, to):
        raise Failure(said.strip()[-200:] or f"no copy; status {process.returncode}")
    return {"seconds": seconds, "synced_seconds": synced,
            "cpu_seconds": usage.ru_utime + usage.ru_stime}


def row(name, kind, rounds):
    series = {key: [r[key] for r in rounds] for key in rounds[0]}
    return {"name": name, "kind": kind, "noisy": 0, "spread": stats.spread(series["seconds"]),
            "rounds": series,
            "figures": {key: statistics.median(values) for key, values in series.items()}}


def copy_rounds(bench, name, folder, source):
    here = {who: what for who, what in commands(bench).items() if bench.matches(who)}
    rounds, failed, dice = {who: [] for who in here}, {}, random.Random()
    for nth in range(bench.rounds):
        order = dice.sample(list(here), len(here))
        warm(source)
        with alone(bench.lock):
            for who in order:
                bench.progress.say(f"{name}: round {nth + 1} of {bench.rounds}, {who}")
                if who not in failed:
                    try:
                        rounds[who].append(copy_once(here[who][1], source, f"{folder}/copy"))
                    except (Failure, OSError, subprocess.SubprocessError) as failure:
                        failed[who] = str(failure)
    bench.progress.say("")
    rows = [row(who, here[who][0], rounds[who]) for who in here if who not in failed]
    return {"name": name, "rows": rows, "failed": failed, "notes": {}, "missing": {},
            "columns": ["seconds", "synced_seconds", "cpu_seconds"]}


def file_system(path):
    """Its type, as the mount with the longest name says that holds the path."""
    path, found = os.path.realpath(path), ("", "")
    for line in read("/proc/mounts").splitlines():
        _, at, kind = line.split()[:3]
        if path == at or path.startswith(at.rstrip("/") + "/"):
            found = max(found, (at, kind), key=lambda pair: len(pair[0]))
    return found[1]


def room(folder):
    left = os.statvfs(folder)
    return left.f_bavail * left.f_frsize


def places(bench):
    """(what it is called, folder, why not)"""
    memory = "" if os.path.isdir(MEMORY) and room(MEMORY) >= SPARE else \
        f"less than {SPARE >> 30} GiB in {MEMORY}"
    yield "in memory", MEMORY, memory
    disk = "" if room(bench.build) >= SPARE else f"less than {SPARE >> 30} GiB at {bench.build}"
    if file_system(bench.build) in ("tmpfs", "ramfs"):
        disk = f"{bench.build} is in memory"
    yield "on the disk", bench.build, disk


def copy_run(bench):
    for where, place, gone in places(bench):
        for tree in TREES:
            name = f"{tree.name}, {where}"
            if not bench.wants(name):
                continue
            if gone:
                yield {"name": name, "rows": [], "failed": {}, "notes": {name: gone},
                       "missing": {}}
                continue
            bench.progress.say(f"{name}: what is copied")
            with tempfile.TemporaryDirectory(prefix="bench-copy-", dir=place) as folder:
                tree.make(f"{folder}/source")
                yield copy_rounds(bench, name, folder, f"{folder}/source")


SCENARIOS = (
    Scenario("copy", "proa copy and cp -r: 20,000 small files and one of 2 GiB, in memory and on "
             "the disk", copy_run, (("seconds", "seconds"),)),
)
