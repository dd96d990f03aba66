# Hunters: the programs that are to catch a mutant; how each is run, and what it says.
# SPDX-License-Identifier: MIT
"""A hunter is NAME[@BACKEND[/OFF]][:GLOB]: a program of build/tests on the frame of tests/test.h
with the cases that GLOB names; "random" and "script", of which each seed is a case; or
"http_SUITE", of tests/f_http.
OFF: features of io_uring that are forced off, with commas between them."""

import collections
import fnmatch
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time

HTTP = re.compile(r"http_(protocol|files|slow|program|command|chaos)$")
TOLD = re.compile(r" \.\.\. (ok|FAIL|ERROR|skipped.*)$")
BAD = re.compile(r" \.\.\. (FAIL|ERROR)$")
MEMORY = 6 << 30       # bytes of address space: a mutant may allocate for ever
OUTPUT = 8 << 20       # or talk
FEWEST_SEC = 5         # what a case is given at least, and...
COUNT_SEC = 60         # counting cases or seeds stops then, which mutants that hang soon reach
TALLY_SEC = 2          # counting what is always counted ends behind that
TIMES = 6              # ...in times of what the slowest one needs unmutated
SKIPPED = 77

# caught: whether; how: in words; bad, of: how many cases or seeds failed, of how many.
Outcome = collections.namedtuple("Outcome", "caught how bad of seconds skipped",
                                 defaults=(0, 0, 0.0, False))


def limit_self():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def work_in(folder):
    """Programs run in this folder, and have it for their temporary files."""
    os.makedirs(folder, exist_ok=True)
    os.environ.pop("PROA_BACKEND", None)
    os.environ["TMPDIR"] = Run.folder = folder


class Run:
    """A program under way, with its children: ended at a time, or at a line."""

    folder = None  # where what it leaves behind harms nobody

    def __init__(self, argv, env, seconds, stop=None):
        self.lines, self.code, self.stopped, self.late = [], None, False, False
        began = time.monotonic()
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True,
                                  cwd=self.folder, env={**os.environ, **env}, preexec_fn=limit_self)
        try:
            self.read(began + seconds, stop)
        finally:
            self.end()
        self.seconds = time.monotonic() - began

    def read(self, until, stop):
        data, size = b"", 0
        while not self.stopped:
            left = until - time.monotonic()
            if left <= 0 or size > OUTPUT:
                self.late = True
                return
            if not select.select([self.p.stdout], [], [], left)[0]:
                continue
            piece = os.read(self.p.stdout.fileno(), 65536)
            size += len(piece)
            *whole, data = (data + piece).split(b"\n")
            if not piece and data:
                whole.append(data)
            for line in whole:
                self.lines.append(line.decode(errors="replace"))
                self.stopped = self.stopped or bool(stop and stop(self.lines[-1]))
            if not piece:
                return

    def end(self):
        """One that was stopped or is late is ended; else it has closed its output and ends."""
        if not (self.stopped or self.late):
            try:
                self.code = self.p.wait(2)
            except subprocess.TimeoutExpired:
                self.late = True
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.code = self.p.wait() if self.code is None else self.code
        self.p.stdout.close()

    def signal_name(self):
        return signal.Signals(-self.code).name if self.code < 0 else None


def split(text):
    """(name, backend or None, glob, environment) of a hunter's text."""
    name, _, glob = text.partition(":")
    name, _, backend = name.partition("@")
    backend, _, off = backend.partition("/")
    return name, backend or None, glob or "*", {"PROA_URING_OFF": off} if off else {}


def panic_text(run):
    """What the library said as it stopped the program, with the file's name and line."""
    said = [l[6:] for l in run.lines if l.startswith("proa: ")]
    return " (" + re.sub(r"\(\S*/", "(", said[-1]) + ")" if said else ""


class Frame:
    """Cases of a program on the frame of tests/test.h."""

    def __init__(self, text):
        self.text = text
        self.name, self.backend, self.glob, self.env = split(text)
        self.programs = ["tests/" + self.name]
        self.listing = []
        self.limit = FEWEST_SEC * TIMES
        self.whole = 600.0

    def argv(self, paths, only):
        backend = ["--backend", self.backend] if self.backend else []
        return [paths[0], *backend, "--limit", str(self.limit), "--only", only]

    def cases(self, paths):
        text = subprocess.run([paths[0], "--list"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return [c for c in text.split() if fnmatch.fnmatchcase(c, self.glob)]

    def next_case(self, told):
        cases = self.listing
        return cases[len(told)] if len(told) < len(cases) else "its end"

    def judge(self, run, case=None):
        """`case`: the only one there was."""
        failed = [l.split()[1] for l in run.lines if re.match(r"FAIL \S+ \(", l)]
        ended = [l for l in run.lines if "s: ended)" in l]
        told = [l for l in run.lines if re.match(r"(ok  |FAIL|skip) \S+", l)]
        if ended:
            return f"hangs in {failed[-1]}" if failed else "hangs"
        if failed:
            return f"fails {failed[0]}"
        if run.late:
            return f"does not end, behind {case or len(told)} cases"
        if run.code < 0:
            return f"{run.signal_name()} in {case or self.next_case(told)}{panic_text(run)}"
        return None if run.code == 0 else f"exit status {run.code}"

    def once(self, paths, only, stop):
        def fails(line):
            return stop and line.startswith("FAIL ")
        return Run(self.argv(paths, only), self.env, self.whole, fails)

    def baseline(self, paths):
        """Unmutated: it must pass. Learns how long things take."""
        self.listing = self.cases(paths)
        run = self.once(paths, self.glob, False)
        slowest = max([int(l.split("(")[1].split()[0]) for l in run.lines
                       if re.match(r"ok +\S+ \(\d+ ms\)", l)], default=0)
        self.limit = max(FEWEST_SEC, TIMES * slowest // 1000 + 1)
        self.whole = TIMES * run.seconds + 2 * self.limit
        how = None if run.code == SKIPPED else self.judge(run)
        return Outcome(bool(how), how, seconds=run.seconds, skipped=run.code == SKIPPED)

    def hunt(self, paths):
        """Until the first case that fails."""
        run = self.once(paths, self.glob, True)
        how = self.judge(run)
        return Outcome(bool(how), how, seconds=run.seconds)

    def count(self, paths, _):
        """Each case by itself: how many fail."""
        bad, seconds, first, cases = 0, 0.0, None, self.cases(paths)
        for at, case in enumerate(cases):
            if seconds > COUNT_SEC:
                cases = cases[:at]
                break
            run = self.once(paths, case, True)
            how = self.judge(run, case)
            first = first or how
            bad += how is not None
            seconds += run.seconds
        return Outcome(bad > 0, first, bad, len(cases), seconds)


class Seeds(Frame):
    """Random programs: the same number of seeds in each hunt, so that a catch is one again."""

    QUICK = 60

    def once(self, paths, only, stop, first=1, n=QUICK):
        env = {"PROA_RANDOM_SEED": str(first), "PROA_RANDOM_SEEDS": str(n)}
        return Run(self.argv(paths, "*"), env, self.whole, None)

    def count(self, paths, seeds):
        bad, seconds, first = 0, 0.0, None
        self.limit, self.whole = FEWEST_SEC, float(FEWEST_SEC)
        for seed in range(1, seeds + 1):
            if seconds > COUNT_SEC:
                seeds = seed - 1
                break
            run = self.once(paths, "*", True, seed, 1)
            how = self.judge(run, f"seed {seed}")
            first = first or how
            bad += how is not None
            seconds += run.seconds
        return Outcome(bad > 0, first, bad, seeds, seconds)


class Script(Seeds):
    """Random scripts, held against a model of the contract (tests/s_script)."""

    QUICK = 300

    def cases(self, paths):
        return []

    def judge(self, run, case=None):
        said = [l for l in run.lines if l.startswith(("FAIL on ", "hung: ", "ended: "))]
        if said:
            seed = re.search(r"--from (\d+)", " ".join(run.lines))
            return f"fails seed {seed.group(1) if seed else '?'}"
        if run.late:
            return f"hangs in {case or 'some seed'}"
        if run.code < 0:
            return f"{run.signal_name()} in {case or 'some seed'}{panic_text(run)}"
        return None if run.code == 0 else f"exit status {run.code}"

    def once(self, paths, only, stop, first=1, n=QUICK):
        argv = [paths[0], "--backend", self.backend, "--seeds", str(n), "--from", str(first)]
        return Run(argv, self.env, self.whole, lambda line: line.startswith("hung: "))


    def tally(self, paths):
        """How many of the first seeds fail, one after another in few processes."""
        bad, seconds, first, seed = 0, 0.0, None, 1
        while seed <= self.QUICK and seconds < TALLY_SEC:
            argv = [paths[0], "--backend", self.backend, "--keep-on", "--limit", "1",
                    "--from", str(seed), "--seeds", str(self.QUICK + 1 - seed)]
            run = Run(argv, self.env, FEWEST_SEC, None)
            seconds += run.seconds
            bad += sum(l.startswith("FAIL on ") for l in run.lines)
            first = first or self.judge(run)
            if run.code in (0, 1):
                seed = self.QUICK + 1
                break
            ended = [l for l in run.lines if l.startswith(("hung: ", "ended: "))]
            at = re.search(r"--from (\d+)", ended[-1]) if ended else None
            if not at:
                break  # it cannot say where
            bad += 1
            seed = int(at.group(1)) + 1
        return Outcome(bool(first), first, max(bad, first is not None), max(seed - 1, 1), seconds)


class Http(Frame):
    """A suite of tests/f_http against build/proa and its own program."""

    def __init__(self, text):
        super().__init__(text)
        self.programs = ["proa", "tests/http_app"]

    def cases(self, paths):
        return []

    def argv(self, paths, only):
        run_py = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                              "f_http", "run.py")
        some = [] if only == "*" else ["-k", only]
        return [sys.executable, "-B", run_py, self.name[5:], "--backend", self.backend,
                "--proa", paths[0], "--app", paths[1], *some]

    def judge(self, run, case=None):
        test = "what comes before any test"
        for line in run.lines:  # a test that has a text is told on two lines
            test = line.split()[0] if line.startswith("test_") else test
            if BAD.search(line):
                return f"fails {test}"
        if run.late:
            return "does not end"
        return None if run.code == 0 else f"exit status {run.code}"

    def once(self, paths, only, stop):
        return Run(self.argv(paths, only), {}, self.whole,
                   lambda line: stop and BAD.search(line))

    def count(self, paths, _):
        run = self.once(paths, self.glob, False)
        ran = [l for l in run.lines if TOLD.search(l)]
        bad = [l for l in ran if BAD.search(l)]
        how = self.judge(run)
        return Outcome(bool(how), how, max(len(bad), how is not None), max(len(ran), 1),
                       run.seconds)


def hunter(text):
    name = split(text)[0]
    if HTTP.match(name):
        return Http(text)
    return {"random": Seeds, "script": Script}.get(name, Frame)(text)


def known(text, build):
    """Whether there is such a program, and it is told a backend if it needs one."""
    name, backend, _, _ = split(text)
    if HTTP.match(name) or name == "script":
        return backend is not None
    return os.path.exists(os.path.join(build, "tests", name))
