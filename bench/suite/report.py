# What is shown: tables on the terminal, JSON and charts in a folder.
# SPDX-License-Identifier: MIT
import json
import os
import shutil
import subprocess
import time

from peers.peers import PEERS, said

from suite import goals, machine
from suite.load import NOISE_MAX


HTTP_PACKAGES = {"nginx": "nginx", "h2o": "h2o", "lighttpd": "lighttpd", "haproxy": "haproxy"}


def si(value):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.{2 if unit != 'k' else 1}f} {unit}"
    return f"{value:.0f}"


def plain(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def per(value):
    return f"{value:.3f}" if value < 10 else f"{value:.0f}"


# Title, figure, how a value is written. A column without any value is not shown.
COLUMNS = (("req/s", "rps", si), ("bytes/s", "bytes_s", si), ("p50 us", "p50_us", plain),
           ("p99 us", "p99_us", plain), ("p99.9 us", "p999_us", plain),
           ("server ns", "server_ns", plain), ("client ns", "client_ns", plain),
           ("busy", "server_busy", lambda value: f"{value * 100:.0f} %"),
           ("instr", "instructions", plain), ("calls", "calls", per),
           ("slept", "slept", per), ("preempted", "preempted", per),
           ("resident B", "resident_bytes", plain), ("slab B", "slab_bytes", plain),
           ("answered", "answered", plain))
LEGEND = f"""Medians of the rounds; +- is (largest - smallest) / median of req/s. Of a request: ns
of CPU time (without what the client looked in vain), instructions in user space, system calls (none
is what a ring does), how often a thread slept or was preempted. Of a connection: resident bytes of
the server, bytes of kernel objects. ~N behind a name: in N rounds others took more than
{NOISE_MAX:.0%} of a CPU."""


def cell_text(row, figure, write):
    value = row["figures"].get(figure)
    return "-" if value is None else write(value)


def table_lines(header, rows):
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    for line in [header, *rows]:
        yield "  ".join([line[0].ljust(widths[0])] +
                        [text.rjust(width) for text, width in zip(line[1:], widths[1:])])


def cell_print(cell):
    print(f"\n{cell['name']}")
    columns = [(name.replace("_", " "), name, plain) for name in cell.get("columns", ())]
    shown = [c for c in columns or COLUMNS
             if any(r["figures"].get(c[1]) is not None for r in cell["rows"])]
    rows = []
    for row in cell["rows"]:
        noisy = f" ~{row['noisy']}" if row.get("noisy") else ""
        spread = "" if row.get("spread") is None else f"{row['spread'] * 100:.0f} %"
        rows.append([row["name"] + noisy, spread, *(cell_text(row, c[1], c[2]) for c in shown)])
    if rows:
        print("\n".join(table_lines(["", "+-", *(c[0] for c in shown)], rows)))
    for kind in ("failed", "notes"):
        for name, why in cell.get(kind, {}).items():
            print(f"{name}: {'FAILED, ' if kind == 'failed' else ''}{why}")
    lacking = {}
    for name, install in cell.get("missing", {}).items():
        lacking.setdefault(install, []).append(name)
    for install, names in lacking.items():
        print(f"not here: {', '.join(names)} ({install})")


def goals_print(verdicts):
    rows = []
    for v in verdicts:
        i = v.interval
        ratio = f"{i.median:.3g}" if i else "-"
        bounds = "" if not i or i.low == i.high else f"{i.low:.3g} to {i.high:.3g}"
        odds = f"{i.coverage:.0%}" if bounds else ""
        rows.append([v.goal.what, goals.limit_text(v.goal), ratio, bounds, odds, v.state, v.note])
    lines = list(table_lines(["goal", "wants", "is", "interval", "odds", "", "of"], rows))
    print("\n" + "\n".join(lines))
    counted = [v.state for v in verdicts]
    print(f"\n{counted.count('pass')} pass, {counted.count('fail')} fail, "
          f"{counted.count('not measured')} not measured. A ratio passes when its interval reaches "
          "the number.")


# ---- the goals as a table of a page ----

BEGIN, END = "<!-- goals -->\n", "<!-- goals end -->\n"


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def goal_line(v):
    i, at_most = v.interval, v.goal.at_most
    bounds = "" if not i or i.low == i.high else f"{number(i.low)} to {number(i.high)}"
    cells = [v.goal.what, f"{'≤' if at_most else '≥'} {number(v.goal.limit)}",
             number(i.median) if i else "-", bounds, v.state, v.note]
    return "| " + " | ".join(cells) + " |\n"


def measured_lines(results):
    """Which commits the figures are of: those that the scenarios' cells name."""
    by_commit = {}
    for name, result in results.items():
        for cell in result["cells"]:
            by_commit.setdefault(cell.get("commit", result["commit"]), {})[name] = None
    return "".join(f"Measured at {commit}: {', '.join(names)}.\n"
                   for commit, names in by_commit.items())


def page_text(text, verdicts, results):
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise machine.Failure(f"no lines {BEGIN.strip()} and {END.strip()} in that page")
    counted = [v.state for v in verdicts]
    said = (f"\n{counted.count('pass')} pass, {counted.count('fail')} fail, "
            f"{counted.count('not measured')} not measured.\n")
    head = "| goal | wants | is | interval | | of |\n|---|---|---|---|---|---|\n"
    return (before + begin + head + "".join(map(goal_line, verdicts)) + said +
            measured_lines(results) + end + after)


def page_write(path, verdicts, results):
    with open(path) as file:
        text = page_text(file.read(), verdicts, results)
    with open(path, "w") as file:
        file.write(text)


# ---- files ----

def cell_stamped(cell):
    """With when it was measured and of what: cells of one file may come from several runs."""
    return {**cell, "when": now(), "commit": machine.commit()}


def now():
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def cells_merged(old, new):
    """Cells of an earlier run keep their place until they are measured again."""
    again = {cell["name"]: cell for cell in new}
    kept = [again.pop(cell["name"], cell) for cell in old]
    return kept + list(again.values())


def results_write(folder, scenario, options, cells):
    os.makedirs(folder, exist_ok=True)
    result = {"scenario": scenario.name, "about": scenario.about,
              "when": now(),
              "commit": machine.commit(), "machine": machine.describe(), "options": options,
              "versions": versions(os.path.join(machine.TOP, options.get("build", ""))),
              "cells": cells}
    path = f"{folder}/{scenario.name}.json"
    with open(f"{path}.new", "w") as file:
        file.write(json_text(result) + "\n")
    os.replace(f"{path}.new", path)  # a run that is broken off leaves one or the other whole
    return result


def versions(build):
    """Of the peers that are here."""
    found = {peer.name: peer.version(build) for peer in PEERS if not peer.missing(build)}
    for name, package in HTTP_PACKAGES.items():
        found[name] = said(["dpkg-query", "-W", "-f", "${Version}", package])
    return {name: version for name, version in found.items() if version}


def rounded(value):
    """To five digits: what is behind them is noise, and differs at every run."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return value


def json_text(value, depth=0):
    """As json.dumps with tabs, but what holds no object stands on one line."""
    value = rounded(value) if depth == 0 else value
    inner = "\t" * (depth + 1)
    if isinstance(value, dict) and value and any(isinstance(v, (dict, list))
                                                 for v in value.values()):
        parts = [f"{inner}{json.dumps(key)}: {json_text(v, depth + 1)}"
                 for key, v in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + "\t" * depth + "}"
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        parts = [inner + json_text(v, depth + 1) for v in value]
        return "[\n" + ",\n".join(parts) + "\n" + "\t" * depth + "]"
    return json.dumps(value)


def results_read(folder):
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith(".json"):
            with open(f"{folder}/{name}") as file:
                result = json.load(file)
            if "cells" in result:
                found[result["scenario"]] = result
    return found


# ---- charts ----

COLOURS = {"proa": ("#0b5394", "#3d85c6", "#9fc5e8", "#cfe2f3"),
           "raw": ("#434343", "#7f7f7f", "#b7b7b7", "#d9d9d9"),
           "peer": ("#a61c00", "#e69138", "#f1c232", "#6aa84f", "#45818e", "#674ea7", "#a64d79",
                    "#b45f06", "#38761d", "#783f04", "#990000", "#20124d")}


def colours_of(rows):
    """name -> colour; the kinds of contestants differ at first sight."""
    used, found = {}, {}
    for row in rows:
        if row["name"] not in found:
            palette = COLOURS.get(row["kind"], COLOURS["peer"])
            nth = used[row["kind"]] = used.get(row["kind"], -1) + 1
            found[row["name"]] = palette[nth % len(palette)]
    return found


WIDE = 30  # largest to smallest: then bars on a linear scale would vanish


def scale_of(rows, figure):
    values = [row["figures"][figure] for row in rows if row["figures"][figure] > 0]
    if not values or max(values) < WIDE * min(values):
        return ["set yrange [0:*]"]
    return ["set logscale y", f"set yrange [{min(values) / 2:.6g}:*]"]


def chart_script(path, title, label, cells, figure):
    """Bars, a group for each cell, for gnuplot."""
    rows = [row for cell in cells for row in cell["rows"]
            if row["figures"].get(figure) is not None]
    colours = colours_of(rows)
    lines = ["$data << EOD"]
    for cell in cells:
        by_name = {row["name"]: row["figures"].get(figure) for row in cell["rows"]}
        values = [by_name.get(name) for name in colours]
        lines.append(" ".join([f'"{cell["name"]}"', *("NaN" if v is None else f"{v:.6g}"
                                                      for v in values)]))
    width = max(640, 160 + 14 * len(colours) * len(cells))
    lines += ["EOD", f"set terminal svg size {min(width, 2400)},420 noenhanced",
              f"set output '{path}'", f"set title '{title}'", f"set ylabel '{label}'",
              "set style data histogram", "set style histogram clustered gap 1.5",
              "set style fill solid border -1", *scale_of(rows, figure), "set grid ytics",
              "set format y '%.0s%c'", "set key outside right", "set xtics rotate by -20"]
    plots = [f"$data using {i + 2}:xtic(1) title '{name}' linecolor rgb '{colour}'"
             for i, (name, colour) in enumerate(colours.items())]
    return "\n".join([*lines, "plot " + ", \\\n\t".join(plots)]) + "\n"


def charts_write(folder, scenario, cells):
    """False: gnuplot is missing."""
    if not shutil.which("gnuplot"):
        return False
    for figure, label in scenario.charts:
        some = [c for c in cells if any(r["figures"].get(figure) is not None for r in c["rows"])]
        if not some:
            continue
        path = f"{folder}/{scenario.name}-{figure}.svg"
        script = chart_script(path, f"{scenario.name}: {label}", label, some, figure)
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return True
