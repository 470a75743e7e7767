"""Time to target with an objective that takes its time, on several workers."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

import numpy as np

import nelder
from benchmarks.problems.problem import Array, Problem, Slow
from benchmarks.problems.scalable import scalable
from benchmarks.report import Goal, Report, Table, installed

__all__ = ["run"]

SLEEP = 0.02  # seconds: the objective
TAUS = (1e-2, 1e-4)  # the targets, of f(x0) - f*; a search ends at the last
BUDGET = 100  # evaluations for each of n + 1
DIMENSIONS = (5, 10, 20)
LARGEST = 20  # workers
RIVALLED = (4, 16, 20)  # workers with which optimagic is compared

LAST = len(TAUS) - 1

OWN, REGULAR, K_WORST, SAME, RIVAL = (
    "NelderMead",
    "NelderMead, regular first simplex",
    "KWorst",
    "KWorst, optimagic's first simplex",
    "optimagic neldermead_parallel",
)


@dataclass(frozen=True)
class Timed:
    """One search.

    Parameters
    ----------
    reached : tuple of float
        Seconds to each of the targets; inf where it was not reached.
    seconds : float
        Until the search ended, at the last target or with its budget.
    evaluations : int
    history : History, optional
    """

    reached: tuple[float, ...]
    seconds: float
    evaluations: int
    history: nelder.History | None = None

    def solved(self, target: int) -> bool:
        return math.isfinite(self.reached[target])

    def at_least(self, target: int) -> float:
        """Return the seconds to a target, or those that did not suffice."""
        return min(self.reached[target], self.seconds)


Solve = Callable[[Problem, int], Timed]
Found = dict[tuple[str, int, int], list[Timed]]  # by solver, workers and n; one for each problem


def _timed(
    problem: Problem, values: Array, seconds: Array, history: nelder.History | None = None
) -> Timed:
    """Return when the targets were reached, by values and the seconds at which they were known."""
    reached = [
        float(seconds[np.argmax(values <= target)]) if values.min() <= target else math.inf
        for target in _targets(problem)
    ]
    return Timed(tuple(reached), float(seconds.max()), len(values), history)


class _Over(Exception):  # noqa: N818 (not an error)
    """The last target is reached or the budget is spent; ends optimagic."""


class _Stopwatch:
    """An objective for several threads that notes when each value is known.

    Parameters
    ----------
    problem : Problem
    target : float
        After a value at or below it, and
    budget : float
        after so many evaluations, it raises `_Over`.
    """

    def __init__(self, problem: Problem, target: float, budget: float) -> None:
        self.fun = Slow(problem.fun, SLEEP)
        self.target = target
        self.budget = budget
        self.values: list[float] = []
        self.seconds: list[float] = []  # of each value, since the first evaluation began
        self.known: dict[bytes, float] = {}  # the same by point
        self._begun: float | None = None
        self._asked = 0
        self._lock = Lock()

    @property
    def over(self) -> bool:
        return self._asked >= self.budget or min(self.values, default=math.inf) <= self.target

    def __call__(self, x: Array) -> float:
        key = x.tobytes()
        with self._lock:
            self._begun = self._begun or time.perf_counter()
            if self.over:
                raise _Over
            self._asked += 1
        value = self.fun(x)
        with self._lock:
            self.values.append(value)
            self.seconds.append(time.perf_counter() - self._begun)
            self.known.setdefault(key, self.seconds[-1])
        return value


def _targets(problem: Problem) -> list[float]:
    return [problem.f_star + tau * (problem.fun(problem.x0) - problem.f_star) for tau in TAUS]


def _budget(problem: Problem) -> int:
    return BUDGET * (problem.n + 1)


# The solvers


def _nelder(problem: Problem, workers: int, method: nelder.NelderMead) -> Timed:
    """Minimise with threads; what was evaluated ahead counts once the search gets there."""
    watch = _Stopwatch(problem, -math.inf, math.inf)
    with ThreadPoolExecutor(workers) as threads:
        history = _minimize(problem, watch, method, None if workers == 1 else threads)
    known = [watch.known[x.tobytes()] for x in history.points]
    return _timed(problem, history.values, np.maximum.accumulate(known), history)


def _minimize(
    problem: Problem,
    objective: Callable[[Array], float],
    method: nelder.NelderMead,
    workers: Executor | int | None,
) -> nelder.History:
    """Search until the last target or the budget."""
    history = nelder.minimize(
        objective,
        problem.x0,
        method=method,
        maxfev=_budget(problem),
        target=_targets(problem)[-1],
        workers=workers,
        history=True,
    ).history
    assert history is not None
    return history


def _optimagic_simplex(x0: Array, lower: Array, upper: Array) -> Array:
    """Return the first simplex that optimagic takes: regular, about the start (Gao & Han)."""
    n = x0.size
    edge = min(max(x0.max(), 1.0), 10.0)
    corner = np.full((1, n), (1.0 - math.sqrt(n + 1.0)) / n)
    return x0 + edge * np.vstack([corner, np.eye(n)])


def _optimagic(problem: Problem, workers: int) -> Timed:
    """Minimise with threads, which have no start and no pickling to pay for."""
    import optimagic
    from optimagic.batch_evaluators import threading_batch_evaluator

    watch = _Stopwatch(problem, _targets(problem)[-1], _budget(problem))
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
        if not watch.over:
            raise
    return _timed(problem, np.array(watch.values), np.array(watch.seconds))


# All of them


def _plan(rival: bool) -> dict[str, tuple[Solve, tuple[int, ...]]]:
    """Return the solvers, and with how many workers each is measured."""
    k_worst = partial(_nelder, method=nelder.KWorst())
    same = partial(_nelder, method=nelder.KWorst(initial_simplex=_optimagic_simplex))
    regular = nelder.NelderMead(initial_simplex=nelder.RegularSimplex())
    plan: dict[str, tuple[Solve, tuple[int, ...]]] = {
        OWN: (partial(_nelder, method=nelder.NelderMead()), (1, 4, LARGEST)),
        REGULAR: (partial(_nelder, method=regular), (1,)),
        K_WORST: (k_worst, RIVALLED),
    }
    if rival:
        plan |= {SAME: (same, RIVALLED), RIVAL: (_optimagic, RIVALLED)}
    return plan


def _problems(n: int) -> list[Problem]:
    """Return the problems from their usual starts, and each from one beside it."""
    usual = scalable(n)
    random = np.random.default_rng(n)
    shifts = random.uniform(-0.2, 0.2, (len(usual), n))
    return usual + [
        replace(p, name=f"{p.name}, moved", x0=p.x0 + shift * np.maximum(np.abs(p.x0), 0.5))
        for p, shift in zip(usual, shifts, strict=True)
    ]


def _measure(rival: bool) -> Found:
    """Run all; at any time there are about as many workers as the largest search has."""
    found: Found = {}
    longest_first = [problem for n in reversed(DIMENSIONS) for problem in _problems(n)]
    for name, (solve, numbers) in _plan(rival).items():
        for workers in numbers:
            with ThreadPoolExecutor(LARGEST // workers) as lanes:
                timed = list(lanes.map(partial(solve, workers=workers), longest_first))
            for n in DIMENSIONS:
                found[name, workers, n] = [
                    each for p, each in zip(longest_first, timed, strict=True) if p.n == n
                ]
    return found


def _ratio(slow: Sequence[Timed], quick: Sequence[Timed], target: int, both: bool = True) -> float:
    """Return the geometric mean of the ratios of times to a target.

    Parameters
    ----------
    slow, quick : sequence of Timed
        By problem.
    target : int
    both : bool
        Whether only what both have solved counts; else a search that has not got there counts with
        all its time, and what neither has solved does not.
    """
    least = all if both else any
    ratios = [
        a.at_least(target) / b.at_least(target)
        for a, b in zip(slow, quick, strict=True)
        if least((a.solved(target), b.solved(target)))
    ]
    return math.exp(float(np.mean(np.log(ratios)))) if ratios else math.nan


def _same(one: nelder.History | None, other: nelder.History | None) -> bool:
    assert one is not None
    assert other is not None
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _solved(timed: Sequence[Timed], target: int) -> int:
    return sum(each.solved(target) for each in timed)


# The report


def _speed_goals(found: Found) -> list[Goal]:
    goals = []
    for workers, least in ((4, 1.4), (LARGEST, 2.5)):
        ratios = {n: _ratio(found[OWN, 1, n], found[OWN, workers, n], LAST) for n in DIMENSIONS}
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
    same = sum(_same(one.history, other.history) for one, other in pairs)
    goals.append(
        Goal(
            "the same trajectory with any number of workers",
            f"{same} of {len(pairs)} searches",
            same == len(pairs),
        )
    )
    n = DIMENSIONS[-1]
    for name, what in ((OWN, "one worker"), (REGULAR, "one worker with the same first simplex")):
        for target, tau in enumerate(TAUS):
            ratio = _ratio(found[name, 1, n], found[K_WORST, 16, n], target)
            goals.append(
                Goal(
                    f"KWorst, 16 workers, n = {n}: at least 4x faster than {what}, to {tau:g}",
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
        for target, tau in enumerate(TAUS):
            ratio = _ratio(other, own, target, both=False)
            solved = _solved(own, target), _solved(other, target)
            goals.append(
                Goal(
                    f"KWorst, {workers} workers, to {tau:g}: faster than optimagic, more solved",
                    f"{ratio:.2f}x ({_ratio(other, own, target):.2f}x where both solve); "
                    f"{solved[0]} against {solved[1]} of {len(own)}",
                    ratio > 1.0 and solved[0] > solved[1],
                )
            )
    return goals


def _times(found: Found) -> Table:
    workers = [(name, w) for name in (OWN, K_WORST) for w in _plan(False)[name][1]]
    columns = ["n", "problem", "evaluations", *(f"{name}, {w}: s" for name, w in workers)]
    rows = []
    for n in DIMENSIONS:
        for i, problem in enumerate(_problems(n)):
            seconds = [found[name, w, n][i].reached[LAST] for name, w in workers]
            rows.append([n, problem.name, found[OWN, 1, n][i].evaluations, *seconds])
    return Table(f"Seconds to {TAUS[LAST]:g}, by workers", columns, rows)


def _ratios(found: Found) -> Table:
    rows = []
    for name, (_, numbers) in _plan(False).items():
        for workers in numbers:
            row = [name, workers]
            for n in DIMENSIONS:
                one, each = found[OWN, 1, n], found[name, workers, n]
                row += [_ratio(one, each, target) for target in range(len(TAUS))]
            rows.append(row)
    columns = [f"n = {n}, to {tau:g}" for n in DIMENSIONS for tau in TAUS]
    return Table(
        "Times faster than NelderMead with one worker", ["method", "workers", *columns], rows
    )


def _against(found: Found, target: int) -> Table:
    rows = []
    for workers in RIVALLED:
        for name in (K_WORST, SAME, RIVAL):
            row: list[str | int | float] = [workers, name]
            for n in DIMENSIONS:
                timed, other = found[name, workers, n], found[RIVAL, workers, n]
                row += [
                    _solved(timed, target),
                    _ratio(other, timed, target, both=False),
                    _ratio(other, timed, target),
                ]
            rows.append(row)
    columns = ["workers", "solver"]
    for n in DIMENSIONS:
        columns += [f"n = {n}: solved of {len(_problems(n))}", "times faster", "where both solve"]
    return Table(f"Against optimagic, with the same workers, to {TAUS[target]:g}", columns, rows)


def _processes() -> Table:
    """Time one problem with processes too, their start included."""
    problem = scalable(DIMENSIONS[-1])[1]
    objective = Slow(problem.fun, SLEEP)
    rows = []
    for workers in (4, LARGEST):
        histories, seconds = [], []
        with ThreadPoolExecutor(workers) as threads:
            for given in (threads, workers):
                begin = time.perf_counter()
                histories.append(_minimize(problem, objective, nelder.NelderMead(), given))
                seconds.append(time.perf_counter() - begin)
        assert _same(*histories)
        rows.append([workers, *seconds])
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
            *(_against(found, target) for target in range(len(TAUS)) if rival),
            _times(found),
            _processes(),
        ],
        [
            f"The objective sleeps {1000 * SLEEP:g} ms, so that workers need no cores. Workers are "
            "threads; for nelder a ThreadPoolExecutor, for optimagic its batch evaluator "
            "`threading`, which has neither processes to start nor anything to pickle.",
            "The targets are f* + tau·(f(x0) - f*). For Rosenbrock's function the first is the "
            f"floor of the valley. The budget is {BUDGET}·(n + 1) evaluations; of nelder those "
            "that the search uses count, of optimagic all. A search that does not reach a target "
            "in it has not solved the problem.",
            "The problems start where they usually do, and from one point beside that, up to a "
            "fifth of each coordinate away: where all coordinates of a start are equal, the "
            "minimum may lie on a line that a regular simplex happens to follow.",
            "Time is that on the wall, from the first evaluation to the end of the one that "
            "reaches the target. What nelder has evaluated ahead counts once its search has got "
            "there.",
            "Times faster: the geometric mean over problems. Against optimagic it is over those "
            "that either solves, and one that did not get there counts with all the time it took, "
            "less than it would have needed. Otherwise, and where it says so, over those that both "
            "solve.",
            f"Searches run side by side, {LARGEST} workers or a few less at any time, so that the "
            "machine has about as much to do for one worker as for many.",
            "KWorst picks k by its rule of thumb: n/4, if there are as many workers, but 1 for "
            "n < 12. optimagic moves as many vertices as there are workers, at most n - 1.",
            "Every solver takes its own first simplex: NelderMead steps of half of each "
            "coordinate; KWorst the same, made regular; optimagic a regular one about the start, "
            "with edges of at least 1.4, not less than the largest coordinate. "
            f"'{SAME}' shows what that is worth, and '{REGULAR}' what of KWorst's speed is due to "
            "its first simplex.",
            "The rule for k was chosen on problems like these, with 4, 16 and 20 workers.",
            "The same trajectory: all points and values of `history`, compared bit for bit.",
            *([] if rival else ["optimagic is not installed (`pip install optimagic`)."]),
        ],
        packages=packages,
    )
