# Medians, and how far they can be trusted.
# SPDX-License-Identifier: MIT
import math
import statistics
from typing import NamedTuple

COVERAGE = 0.95


class Interval(NamedTuple):
    """The median of a sample and an interval for the true one, with the odds that it holds it."""
    median: float
    low: float
    high: float
    coverage: float

    def reaches(self, limit, at_most):
        return self.low <= limit if at_most else self.high >= limit


def cut(count):
    """How many values of `count` may be left out at each end so that what remains still holds the
    true median with the odds of COVERAGE, and those odds. No shape of the distribution is assumed:
    each value is above the median or below it like a coin."""
    left, below = 0, 0.5 ** count
    while True:
        more = below + math.comb(count, left + 1) * 0.5 ** count
        if left + 1 >= count / 2 or 1 - 2 * more < COVERAGE:
            return left, 1 - 2 * below
        left, below = left + 1, more


def interval(values):
    """Of fewer than 6 values even the whole range has odds below COVERAGE; they are told."""
    values = sorted(values)
    left, coverage = cut(len(values))
    return Interval(statistics.median(values), values[left], values[-1 - left], max(0, coverage))


def ratio(above, below):
    """Of two samples taken in turns: what slowed a pair for a while cancels out."""
    return interval([a / b for a, b in zip(above, below, strict=True) if b])


def spread(values):
    """Of the values, relative to their median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0
