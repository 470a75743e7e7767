"""Time to target with an objective that takes its time, on several workers."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np

import nelder
from benchmarks.problems.problem import Array, Problem, Slow
from benchmarks.problems.scalable import scalable
from benchmarks.report import Goal, Report, Table, installed

__all__ = ["run"]

SLEEP = 0.02  # seconds: the objective
TAU = 1e-2  # the target, of f(x0) - f*
BUDGET = 100  # evaluations for each of n + 1
DIMENSIONS = (5, 10, 20)
LARGEST = 20  # workers
RIVALLED = (4, 16, 20)  # workers with which optimagic is compared

OWN, K_WORST, SAME, RIVAL = (
    "NelderMead",
    "KWorst",
    "KWorst, optimagic's first simplex",
    "optimagic neldermead_parallel",
)


@dataclass(frozen=True)
class Timed:
    """One search: seconds to the target, inf where it was not reached, and what was evaluated."""

    seconds: float
    evaluations: int
    history: nelder.History | None = None

    @property
    def solved(self) -> bool:
        return math.isfinite(self.seconds)


Solve = Callable[[Problem, int], Timed]
Found = dict[tuple[str, int, int], list[Timed]]  # by solver, workers and n; one for each problem


def _target(problem: Problem) -> float:
    return problem.f_star + TAU * (problem.fun(problem.x0) - problem.f_star)


def _budget(problem: Problem) -> int:
    return BUDGET * (problem.n + 1)


# nelder


def _nelder(problem: Problem, workers: int, method: nelder.NelderMead, own: bool = False) -> Timed:
    """Minimise with threads, or with nelder's own processes."""
    target = _target(problem)
    with ThreadPoolExecutor(workers) as threads:
        begin = time.perf_counter()
        result = nelder.minimize(
            Slow(problem.fun, SLEEP),
            problem.x0,
            method=method,
            maxfev=_budget(problem),
            target=target,
            workers=workers if own else None if workers == 1 else threads,
            history=True,
        )
        seconds = time.perf_counter() - begin
    return Timed(seconds if result.fun <= target else math.inf, result.nfev, result.history)


def _optimagic_simplex(x0: Array, lower: Array, upper: Array) -> Array:
    """Return the first simplex that optimagic takes: regular, about the start (Gao & Han)."""
    n = x0.size
    edge = min(max(x0.max(), 1.0), 10.0)
    corner = np.full((1, n), (1.0 - math.sqrt(n + 1.0)) / n)
    return x0 + edge * np.vstack([corner, np.eye(n)])


# optimagic


class _Over(Exception):  # noqa: N818 (not an error)
    """The target is reached or the budget is spent; ends optimagic."""


class _Stopwatch:
    """An objective for several threads that notes when the target is reached."""

    def __init__(self, problem: Problem) -> None:
        self.fun = Slow(problem.fun, SLEEP)
        self.target = _target(problem)
        self.budget = _budget(problem)
        self.begun: float | None = None
        self.reached: float | None = None
        self.evaluations = 0
        self._lock = Lock()

    def __call__(self, x: Array) -> float:
        with self._lock:
            self.begun = self.begun or time.perf_counter()
            if self.reached is not None or self.evaluations >= self.budget:
                raise _Over
            self.evaluations += 1
        value = self.fun(x)
        if value <= self.target:
            with self._lock:
                self.reached = self.reached or time.perf_counter()
            raise _Over
        return value


def _optimagic(problem: Problem, workers: int) -> Timed:
    """Minimise with threads, which have no start and no pickling to pay for."""
    import optimagic
    from optimagic.batch_evaluators import threading_batch_evaluator

    watch = _Stopwatch(problem)
    options = {
        "n_cores": workers,
        "batch_evaluator": partial(threading_batch_evaluator, error_handling="raise"),
        "stopping_maxiter": 1_000_000,
        "convergence_ftol_abs": 0.0,
        "convergence_xtol_abs": 0.0,
    }
    try:
        optimagic.minimize(watch, problem.x0, algorithm="neldermead_parallel", algo_options=options)
    except Exception:
        if watch.reached is None and watch.evaluations < watch.budget:
            raise
    assert watch.begun is not None
    seconds = math.inf if watch.reached is None else watch.reached - watch.begun
    return Timed(seconds, watch.evaluations)


# All of them


def _plan(rival: bool) -> dict[str, tuple[Solve, tuple[int, ...]]]:
    """Return the solvers, and with how many workers each is measured."""
    k_worst = partial(_nelder, method=nelder.KWorst())
    same = partial(_nelder, method=nelder.KWorst(initial_simplex=_optimagic_simplex))
    plan: dict[str, tuple[Solve, tuple[int, ...]]] = {
        OWN: (partial(_nelder, method=nelder.NelderMead()), (1, 4, LARGEST)),
        K_WORST: (k_worst, RIVALLED),
    }
    if rival:
        plan |= {SAME: (same, RIVALLED), RIVAL: (_optimagic, RIVALLED)}
    return plan


def _measure(rival: bool) -> Found:
    """Run all; at any time there are about as many workers as the largest search has."""
    found: Found = {}
    problems = [problem for n in DIMENSIONS for problem in scalable(n)]
    longest_first = sorted(problems, key=lambda problem: -problem.n)
    for name, (solve, numbers) in _plan(rival).items():
        for workers in numbers:
            with ThreadPoolExecutor(LARGEST // workers) as lanes:
                timed = list(lanes.map(partial(solve, workers=workers), longest_first))
            for n in DIMENSIONS:
                found[name, workers, n] = [
                    each for p, each in zip(longest_first, timed, strict=True) if p.n == n
                ]
    return found


def _ratio(slow: Sequence[Timed], quick: Sequence[Timed]) -> float:
    """Return the geometric mean of the ratios of times, over what both have solved."""
    ratios = [
        a.seconds / b.seconds for a, b in zip(slow, quick, strict=True) if a.solved and b.solved
    ]
    return math.exp(float(np.mean(np.log(ratios)))) if ratios else math.nan


def _same(one: Timed, other: Timed) -> bool:
    assert one.history is not None
    assert other.history is not None
    return all(np.array_equal(a, b) for a, b in zip(one.history, other.history, strict=True))


def _solved(timed: Sequence[Timed]) -> int:
    return sum(each.solved for each in timed)


# The report


def _speed_goals(found: Found) -> list[Goal]:
    goals = []
    for workers, least in ((4, 1.4), (LARGEST, 2.5)):
        ratios = {n: _ratio(found[OWN, 1, n], found[OWN, workers, n]) for n in DIMENSIONS}
        goals.append(
            Goal(
                f"NelderMead, {workers} workers: at least {least:g}x faster than one at every n",
                ", ".join(f"n = {n}: {ratio:.2f}x" for n, ratio in ratios.items()),
                min(ratios.values()) >= least,
            )
        )
    pairs = [
        pair
        for workers in (4, LARGEST)
        for n in DIMENSIONS
        for pair in zip(found[OWN, 1, n], found[OWN, workers, n], strict=True)
    ]
    same = sum(_same(one, other) for one, other in pairs)
    goals.append(
        Goal(
            "the same trajectory with any number of workers",
            f"{same} of {len(pairs)} searches",
            same == len(pairs),
        )
    )
    n = DIMENSIONS[-1]
    ratio = _ratio(found[OWN, 1, n], found[K_WORST, 16, n])
    goals.append(
        Goal(
            f"KWorst with look-ahead, 16 workers, n = {n}: at least 4x faster than one worker",
            f"{ratio:.2f}x",
            ratio >= 4.0,
        )
    )
    return goals


def _joined(found: Found, name: str, workers: int) -> list[Timed]:
    return [each for n in DIMENSIONS for each in found[name, workers, n]]


def _rival_goals(found: Found) -> list[Goal]:
    goals = []
    for workers in RIVALLED:
        own, other = (_joined(found, name, workers) for name in (K_WORST, RIVAL))
        ratio, more = _ratio(other, own), _solved(own) - _solved(other)
        goals.append(
            Goal(
                f"KWorst with {workers} workers: faster than optimagic, and more solved",
                f"{ratio:.2f}x; {_solved(own)} against {_solved(other)} of {len(own)}",
                ratio > 1.0 and more > 0,
            )
        )
    return goals


def _times(found: Found) -> Table:
    workers = [(name, w) for name in (OWN, K_WORST) for w in _plan(False)[name][1]]
    columns = ["n", "problem", "evaluations", *(f"{name}, {w}: s" for name, w in workers)]
    rows = []
    for n in DIMENSIONS:
        for i, problem in enumerate(scalable(n)):
            seconds = [found[name, w, n][i].seconds for name, w in workers]
            rows.append([n, problem.name, found[OWN, 1, n][i].evaluations, *seconds])
    return Table("Seconds to the target, by workers", columns, rows)


def _ratios(found: Found) -> Table:
    rows = []
    for name, (_, numbers) in _plan(False).items():
        for workers in numbers:
            row = [found[name, workers, n] for n in DIMENSIONS]
            speed = [
                _ratio(found[OWN, 1, n], each) for n, each in zip(DIMENSIONS, row, strict=True)
            ]
            rows.append([name, workers, *speed])
    return Table(
        "Times faster than NelderMead with one worker",
        ["method", "workers", *(f"n = {n}" for n in DIMENSIONS)],
        rows,
    )


def _against(found: Found) -> Table:
    rows = []
    for workers in RIVALLED:
        for name in (K_WORST, SAME, RIVAL):
            row: list[str | int | float] = [workers, name]
            for n in DIMENSIONS:
                timed = found[name, workers, n]
                row += [_solved(timed), _ratio(found[RIVAL, workers, n], timed)]
            rows.append(row)
    columns = ["workers", "solver"]
    for n in DIMENSIONS:
        columns += [f"n = {n}: solved of {len(scalable(n))}", "times faster than optimagic"]
    return Table("Against optimagic, with the same workers", columns, rows)


def _processes() -> Table:
    """Time one problem with processes too, their start included."""
    problem = scalable(DIMENSIONS[-1])[1]
    method = nelder.NelderMead()
    rows = []
    for workers in (4, LARGEST):
        threads, processes = (_nelder(problem, workers, method, own) for own in (False, True))
        assert _same(threads, processes)
        rows.append([workers, threads.seconds, processes.seconds])
    return Table(
        f"Threads, and processes with their start: {problem.name}",
        ["workers", "threads s", "processes s"],
        rows,
    )


def run() -> Report:
    """Measure nelder with 1, 4, 16 and 20 workers, and optimagic where it is installed."""
    packages = installed("optimagic", "pebble", "loky")
    rival = packages["optimagic"] != "none"
    found = _measure(rival)
    return Report(
        "Time to target on several workers",
        _speed_goals(found) + (_rival_goals(found) if rival else []),
        [
            _ratios(found),
            *([_against(found)] if rival else []),
            _times(found),
            _processes(),
        ],
        [
            f"The objective sleeps {1000 * SLEEP:g} ms, so that workers need no cores. Workers are "
            "threads; for nelder a ThreadPoolExecutor, for optimagic its batch evaluator "
            "`threading`, which has neither processes to start nor anything to pickle.",
            f"The target is f* + {TAU:g}·(f(x0) - f*): 30 to 1000 evaluations of one worker. For "
            "Rosenbrock's function that is the floor of the valley. The budget is "
            f"{BUDGET}·(n + 1) evaluations; of nelder those that the search uses count, of "
            "optimagic all. A search that does not reach the target in it is not solved.",
            "Time is that on the wall. nelder's is that of the call; optimagic's is from its first "
            "evaluation to the end of the one that reaches the target.",
            "Times faster: the geometric mean over the problems that both solve.",
            f"Searches run side by side, {LARGEST} workers or a few less at any time, so that the "
            "machine has about as much to do for one worker as for many.",
            "KWorst picks k by its rule of thumb: 1 with 4 workers, at most n/4 with more. So with "
            "4 workers, and at n = 5, it is NelderMead. optimagic moves as many vertices as there "
            "are workers, at most n - 1.",
            "Every solver takes its own first simplex: nelder steps of half of each coordinate, "
            "optimagic a regular one about the start, with edges of at least 1.4. That decides "
            "about many evaluations at such a loose target; the third row takes nelder with "
            "optimagic's. From a start whose coordinates are all equal it happens to hold a point "
            "that is nearly the minimum in some problems.",
            "The same trajectory: all points and values of `history`, compared bit for bit.",
            *([] if rival else ["optimagic is not installed (`pip install optimagic`)."]),
        ],
        packages=packages,
    )
