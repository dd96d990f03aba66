# The numbers that proa must show, and whether it does.
# SPDX-License-Identifier: MIT
"""A goal compares one figure of two rows of a cell, round by round, with a limit. `subject` and
`reference` choose rows: a row's name, "best proa", "best peer", or "best of A, B"."""
from dataclasses import dataclass

from suite import stats

# Figures of which more is better; of the others less is.
MORE = ("rps", "bytes_s", "answered")
NO_CELL = "without its cell"


@dataclass(frozen=True)
class Goal:
    what: str       # the goal's name
    scenario: str
    cell: str
    figure: str
    subject: str
    reference: str  # empty: the figure itself is held against the limit
    limit: float
    at_most: bool = True
    instead: tuple = ()  # (figure, limit) that does as well, at most


@dataclass(frozen=True)
class Verdict:
    goal: Goal
    state: str      # pass, fail, not measured
    interval: object = None
    note: str = ""  # which rows were the best, or why there is nothing


def rows_among(cell, chooser):
    rows = cell["rows"]
    if chooser.startswith("best of "):
        names = [name.strip() for name in chooser.removeprefix("best of ").split(",")]
        return [row for row in rows if row["name"] in names]
    if chooser.startswith("best "):
        return [row for row in rows if row["kind"] == chooser.removeprefix("best ")]
    return [row for row in rows if row["name"] == chooser]


def row_chosen(cell, chooser, figure):
    rows = [row for row in rows_among(cell, chooser) if row["figures"].get(figure) is not None]
    if not rows:
        return None
    pick = max if figure in MORE else min
    return pick(rows, key=lambda row: row["figures"][figure])


def values(row, figure):
    """Counted figures have no rounds: one value, sure."""
    return row["rounds"].get(figure) or [row["figures"][figure]]


def compared(cell, figure, subject, reference):
    """The interval of the ratio of two chosen rows, and the rows; None where one is missing."""
    rows = [row_chosen(cell, subject, figure)]
    if reference:
        rows.append(row_chosen(cell, reference, figure))
    if None in rows:
        return None, rows
    columns = [values(row, figure) for row in rows]
    if len(rows) == 1:
        return stats.interval(columns[0]), rows
    count = min(map(len, columns))
    return stats.ratio(columns[0][:count], columns[1][:count]), rows


def names(rows):
    return " / ".join(row["name"] for row in rows)


def judge(goal, results):
    """`results`: scenario name -> what its JSON holds."""
    scenario = results.get(goal.scenario)
    if not scenario:
        return Verdict(goal, "not measured", note=f"./dev bench {goal.scenario}")
    cell = next((c for c in scenario["cells"] if c["name"] == goal.cell), None)
    if not cell:
        return Verdict(goal, "not measured", note=f"{NO_CELL} {goal.cell}")
    found, rows = compared(cell, goal.figure, goal.subject, goal.reference)
    if found and goal.instead and not found.reaches(goal.limit, goal.at_most):
        figure, limit = goal.instead
        other, others = compared(cell, figure, goal.subject, goal.reference)
        if other and other.reaches(limit, True):
            return Verdict(goal, "pass", other, f"{names(others)}: {figure} <= {limit:g}")
    if not found:
        lacking = [name for name, row in zip((goal.subject, goal.reference), rows) if not row]
        return Verdict(goal, "not measured", note=f"no figure for {' and '.join(lacking)}")
    reached = found.reaches(goal.limit, goal.at_most)
    return Verdict(goal, "pass" if reached else "fail", found, names(rows))


# ---- the table ----

BACKENDS = (("io_uring", "raw_uring"), ("epoll", "raw_epoll"), ("poll", "raw_poll"))


def echo_goals():
    for count in (1, 50, 1000):
        cell = f"64 B x {count}"
        for backend, raw in BACKENDS:
            yield Goal(f"echo {cell}: server CPU, proa {backend} / {raw}", "echo", cell,
                       "server_ns", f"proa {backend}", raw, 1.03)
        yield Goal(f"echo {cell}: server CPU, best proa / best peer", "echo", cell, "server_ns",
                   "best proa", "best peer", 1.00)
    large = "64 KiB x 50"
    yield Goal("echo 64 KiB x 50: throughput, proa io_uring / raw_uring", "echo", large, "rps",
               "proa io_uring", "raw_uring", 0.97, at_most=False)
    yield Goal("echo 64 KiB x 50: throughput, best proa / best peer", "echo", large, "rps",
               "best proa", "best peer", 1.5, at_most=False)
    yield Goal("pipelined x16, 64 B: throughput, best proa / best peer", "pipelined",
               "64 B x 50, 16 deep", "rps", "best proa", "best peer", 1.15, at_most=False)
    yield Goal("streaming 512 B x 4: throughput, best proa / best peer", "stream",
               "512 B x 4", "rps", "best proa", "best peer", 1.3, at_most=False)


def time_goals():
    for backend, raw in BACKENDS[:2]:
        yield Goal(f"round trip of 1 connection: proa {backend} / {raw}", "roundtrip",
                   "64 B x 1", "mean_us", f"proa {backend}", raw, 1.02)
    yield Goal("p99 at half load: best proa / best peer", "tail", "64 B x 50, half load", "p99_us",
               "best proa", "best peer", 0.95)
    for peer, limit in (("libuv", 0.5), ("asio", 0.33)):
        yield Goal(f"instructions an echo: best proa / {peer}", "echo", "64 B x 50", "instructions",
                   "best proa", peer, limit)


def conns_goals():
    for count in (1000, 19000):
        yield Goal(f"{count} idle connections: resident bytes each, best proa", "idle",
                   f"{count} silent", "resident_bytes", "best proa", "", 400)
    for backend, raw in BACKENDS[:2]:
        yield Goal(f"10000 idle connections: slab bytes each, proa {backend} / {raw}", "idle",
                   "10000 silent", "slab_bytes", f"proa {backend}", raw, 1.05)
    for backend, raw in BACKENDS:
        yield Goal(f"connect-request-close: server CPU, proa {backend} / {raw}", "churn", "closed",
                   "server_ns", f"proa {backend}", raw, 1.05)
    for backend, _ in BACKENDS:
        yield Goal(f"19000 idle connections, 1,000,000 timers, as many posts, each once: {backend}",
                   "crowd", "19000 silent", "answered", f"proa {backend}", "", 19000,
                   at_most=False)
    yield Goal("idle echo connection: bytes of an armed handle and op alone", "crowd",
               "19000 silent", "armed_bytes", "best proa", "", 240)
    for backend, _ in BACKENDS:
        yield Goal(f"16 buffers, 1,000 busy connections: server CPU, proa {backend} / ample",
                   "pool", "64 B x 1000", "server_ns", f"proa {backend}, 16 buffers",
                   f"proa {backend}", 1.3)


def http_goals():
    yield Goal("HTTP hello: server CPU, best proa / best of nginx, h2o, haproxy", "http", "hello",
               "server_ns", "best proa", "best of nginx, h2o, haproxy", 0.85)
    for peer in ("nginx", "h2o"):
        yield Goal(f"HTTP hello x16 pipelined: requests/s, best proa / {peer}", "http",
                   "hello, 16 deep", "rps", "best proa", peer, 5, at_most=False,
                   instead=("server_ns", 0.2))
    yield Goal("HTTP 1 KiB file: server CPU, best proa / best of h2o, lighttpd, nginx", "http",
               "1 KiB", "server_ns", "best proa", "best of h2o, lighttpd, nginx", 0.8)
    yield Goal("HTTP 100 KiB file: server CPU, best proa / nginx", "http", "100 KiB", "server_ns",
               "best proa", "nginx", 0.95)


def relay_goals():
    for count in (1, 1000):
        cell = f"flood x {count}"
        yield Goal(f"relay {cell}: throughput, best proa / socat", "relay", cell, "bytes_s",
                   "best proa", "socat", 1.5, at_most=False)
        yield Goal(f"relay {cell}: throughput, best proa / haproxy", "relay", cell, "bytes_s",
                   "best proa", "best of haproxy", 1.0, at_most=False)


def udp_goals():
    for backend, _ in BACKENDS:
        yield Goal(f"UDP echo: datagrams/s, joined / one at a time: {backend}", "udp", "udp",
                   "rps", f"proa {backend}, joined", f"proa {backend}, one", 2, at_most=False,
                   instead=("server_ns", 0.5))


def timer_goals():
    for figure, limit in (("arm_ns", 1.0), ("cancel_ns", 1.0), ("fire_ns", 0.6)):
        yield Goal(f"1,000,000 timers, {figure}: proa / libev", "timers", "timers", figure,
                   "proa", "libev", limit)
        yield Goal(f"1,000,000 timers, {figure}: proa / libuv", "timers", "timers", figure,
                   "proa", "libuv", 0.25)


def post_goals():
    for figure, reference, limit in (("awake_writes", "", 0.001), ("awake_ns", "libevent", 0.5),
                                     ("asleep_ns", "eventfd", 1.02), ("spin_ns", "", 2000)):
        against = f" / {reference}" if reference else ""
        yield Goal(f"post from another thread, {figure}: best proa{against}", "post", "post",
                   figure, "best proa", reference, limit)


def hung_goals():
    for backend in "epoll", "poll":
        yield Goal(f"4 KiB read by a pool beside 4 hung look-ups / without, proa {backend}", "hung",
                   "hung", "beside_alone", f"proa {backend}", "", 1.05)


def task_goals():
    for depth in 1, 16:
        yield Goal(f"4 KiB read of a cached file, {depth} at once: proa io_uring / a raw ring",
                   "tasks", "tasks", f"read_{depth}_ns", "proa io_uring", "uring", 1 / 0.97)
    yield Goal("4 KiB reads of a cached file: the kernel's worker threads, proa io_uring", "tasks",
               "tasks", "read_kernel_threads", "proa io_uring", "", 0)
    for backend in "epoll", "poll":
        yield Goal(f"4 KiB read by a pool, 16 at once: proa {backend} / pthreads by hand", "tasks",
                   "tasks", "pool_read_16_ns", f"proa {backend}", "plain", 1 / 0.9)


def copy_goals():
    for what in "20,000 small files", "one file of 2 GiB":
        for where in "in memory", "on the disk":
            yield Goal(f"copying {what} {where}: seconds, proa copy / cp -r", "copy",
                       f"{what}, {where}", "seconds", "proa copy", "cp -r", 1.0)


GOALS = (*echo_goals(), *time_goals(), *conns_goals(), *http_goals(), *relay_goals(),
         *udp_goals(), *timer_goals(), *post_goals(), *task_goals(),
         *hung_goals(), *copy_goals())


def verdicts(results, scenarios=None):
    return [judge(goal, results) for goal in GOALS
            if scenarios is None or goal.scenario in scenarios]


def limit_text(goal):
    return f"{'<=' if goal.at_most else '>='} {goal.limit:g}"

