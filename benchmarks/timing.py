"""The cost of one more evaluation, of several things side by side.

A run of `long` evaluations takes longer than one of `short`, and the difference is the cost of
the evaluations between them; what a call costs once cancels. Rounds are interleaved: in each one
everything is timed once, so that a machine that is slow for a while is slow for all. Time is
processor time, so that what other programs take does not count; or, where other processes and
disks do the work, time on the wall.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.problems.problem import Array

__all__ = ["ROUNDS", "TIMING_NOTE", "Cost", "Run", "costs", "median"]

ROUNDS = 101

TIMING_NOTE = (
    "Processor time (user and system), so that other programs on the machine do not count; "
    f"medians of {ROUNDS} interleaved rounds."
)

Run = Callable[[int], int]
"""Runs at most so many evaluations; returns how many there were."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Cost:
    """What a run takes, in seconds: one sample for each round.

    Parameters
    ----------
    per_evaluation : ndarray
        The cost of one more evaluation.
    per_call : ndarray
        The cost of a run of one evaluation: what a call costs once.
    """

    per_evaluation: Array
    per_call: Array


def median(samples: Array) -> float:
    """Return the median as a Python float."""
    return float(np.median(samples))


@contextmanager
def _no_gc() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _time(run: Run, evaluations: int, times: int, clock: Clock) -> tuple[float, int]:
    """Return the seconds and the evaluations of one call, averaged over `times` calls."""
    begin = clock()
    for _ in range(times):
        count = run(evaluations)
    return (clock() - begin) / times, count


def costs(
    runs: Mapping[str, Run],
    short: int,
    long: int,
    rounds: int = ROUNDS,
    seconds: float = 0.005,
    clock: Clock = time.process_time,
) -> dict[str, Cost]:
    """Time all runs in interleaved rounds.

    Parameters
    ----------
    runs : mapping of str to callable
    short, long : int
        Budgets of the two runs whose difference counts; a third is 1.
    rounds : int
    seconds : float
        A run is repeated in a round until it has taken about this long.
    clock : callable, default time.process_time
        Returns seconds.

    Returns
    -------
    dict of str to Cost
    """
    plan = []
    for name, run in runs.items():
        for budget in (1, short, long):
            run(budget)  # warm up
            once, _ = _time(run, budget, 1, clock)
            plan.append((name, run, budget, max(1, round(seconds / max(once, 1e-9)))))
    samples: dict[tuple[str, int], list[tuple[float, int]]] = {}
    with _no_gc():
        for _ in range(rounds):
            for name, run, budget, times in plan:
                samples.setdefault((name, budget), []).append(_time(run, budget, times, clock))
    found = {}
    for name in runs:
        t_short, m_short = np.array(samples[name, short]).T
        t_long, m_long = np.array(samples[name, long]).T
        per_evaluation = (t_long - t_short) / (m_long - m_short)
        found[name] = Cost(per_evaluation, np.array(samples[name, 1])[:, 0])
    return found
