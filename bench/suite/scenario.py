# A scenario, and the settings that all of them share.
# SPDX-License-Identifier: MIT
import fnmatch
from dataclasses import dataclass
from typing import Callable

from suite.machine import Progress


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    run: Callable  # of a Bench; yields cells
    charts: tuple  # (figure, label)


@dataclass(frozen=True)
class Bench:
    build: str
    rounds: int
    seconds: float
    backends: tuple
    cells: tuple = ()        # patterns of names; empty: all
    contestants: tuple = ()  # likewise
    calls: bool = True
    instructions: bool = True
    lock: str = ""
    idle_max: int = 0
    progress: Progress = Progress()

    def wants(self, cell):
        return not self.cells or any(fnmatch.fnmatch(cell, p) for p in self.cells)

    def matches(self, contestant):
        return not self.contestants or any(fnmatch.fnmatch(contestant, p)
                                           for p in self.contestants)

    def chosen(self, contestants):
        return [c for c in contestants if self.matches(c.name)]
