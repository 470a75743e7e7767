"""Model steps: problems solved with and without them, smooth, rough, noisy, in a box; their cost.

Their constants were tuned on the Moré-Garbow-Hillstrom problems from the published starts only. All
else here is a check.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean, median
from unittest.mock import patch

import nlopt
import numpy as np
from rich.progress import track
from threadpoolctl import threadpool_limits

import nelder
from benchmarks.cma_peer import CMA_NOTE, cma_peer
from benchmarks.peers import STEPS_NOTE, Peer, peers
from benchmarks.problems import Problem, mgh, more_wild
from benchmarks.problems.nonsmooth import nonsmooth
from benchmarks.problems.problem import Array, Objective
from benchmarks.problems.scalable import scalable
from benchmarks.recorder import Recorder, evaluations_to
from benchmarks.report import Goal, Report, Table, installed
from nelder.search.model_steps import ModelSteps

__all__ = ["run"]

MODEL = "nelder, model steps"
ADAPTIVE = "nelder, model steps, Adaptive()"
PLAIN = "nelder"
OTHERS = (
    "SciPy",
    "SciPy adaptive",
    "NLopt NELDERMEAD",
    "NLopt SBPLX",
    "NLopt BOBYQA",
)
SETS: dict[str, tuple[Callable[[], list[Problem]], int, float]] = {
    "Moré-Garbow-Hillstrom": (mgh, 500, 1e-6),
    "Moré-Wild": (more_wild, 300, 1e-6),
    "nonsmooth": (nonsmooth, 200, 1e-4),
}
PERTURBED = 5  # sets of starts
NOISE = (1e-4, 1e-2)
NOISY_BUDGET = 50
SEEDS = 3
BOXED_BUDGET = 300
LIMITS_MS = {2: 0.15, 5: None, 10: 0.8, 20: 8.0}

Found = dict[str, list[float]]
"""For each solver, evaluations/(n+1) on each problem; inf where it is not solved."""


def _nelder(
    fun: Objective,
    x0: Array,
    maxfev: int,
    _tolerance: float | None,
    method: nelder.NelderMead,
    bounds: list[tuple[float, float]] | None = None,
) -> Array:
    """Run nelder as it is, with its own stopping rule and restart probe."""
    try:
        return nelder.minimize(fun, x0, bounds=bounds, method=method, maxfev=maxfev).x
    except nelder.EvaluationError as error:
        raise (error.__cause__ or error) from None


def _own() -> list[Peer]:
    methods = {
        MODEL: nelder.NelderMead(model=True),
        ADAPTIVE: nelder.NelderMead(model=True, coefficients=nelder.Adaptive()),
        PLAIN: nelder.NelderMead(),
    }
    return [Peer(name, partial(_nelder, method=method)) for name, method in methods.items()]


def _others() -> list[Peer]:
    return [peer for peer in peers() if peer.name in OTHERS]


def _measure(title: str, problems: list[Problem], solvers: list[Peer], budget: int, tau: float):
    found: Found = {solver.name: [] for solver in solvers}
    for problem in track(problems, description=title):
        for solver in solvers:
            needed = evaluations_to(tau, problem, solver, budget * (problem.n + 1))
            found[solver.name].append(needed / (problem.n + 1))
    return found


def _solved(needed: list[float]) -> list[float]:
    return [value for value in needed if math.isfinite(value)]


def _summary(title: str, problems: list[Problem], found: Found) -> Table:
    rows = []
    for name, needed in found.items():
        unsolved = [p.name for p, v in zip(problems, needed, strict=True) if v == math.inf]
        shown = ", ".join(unsolved[:6]) + (" ..." if len(unsolved) > 6 else "")
        within = _solved(needed)
        rows.append([name, len(within), median(within), median(needed), shown])
    columns = ["solver", f"solved of {len(problems)}", "median ev/(n+1), its solved ones"]
    return Table(title, [*columns, "median ev/(n+1), all", "not solved"], rows)


# Checks


def _moved(problems: list[Problem], seed: int) -> list[Problem]:
    """Return the problems with each coordinate of the start moved by up to 10 %, 0.1 at zero."""
    moved = []
    for i, problem in enumerate(problems):
        by = np.random.default_rng([seed, i]).uniform(-0.1, 0.1, problem.n)
        x0 = problem.x0 + by * np.where(problem.x0 == 0.0, 1.0, problem.x0)
        moved.append(replace(problem, x0=x0))
    return moved


def _perturbed() -> Table:
    """Return problems solved and medians, each the mean of several sets of starts."""
    solvers = [*_own()[::2], *(peer for peer in _others() if "NLopt" in peer.name)]
    rows: list[list] = [[solver.name] for solver in solvers]
    columns = ["solver"]
    for name, (problems, budget, tau) in SETS.items():
        runs = [
            _measure(f"{name}, perturbed", _moved(problems(), seed), solvers, budget, tau)
            for seed in range(PERTURBED)
        ]
        columns += [f"{name}: solved of {len(problems())}", "median ev/(n+1)"]
        for row, solver in zip(rows, solvers, strict=True):
            each = [_solved(found[solver.name]) for found in runs]
            row += [f"{mean(map(len, each)):.1f}", mean(median(values) for values in each)]
    return Table(
        f"Starts moved by up to 10 %: means of {PERTURBED} sets, same budgets", columns, rows
    )


@dataclass
class _Noisy:
    """An objective with additive Gaussian noise of standard deviation `size`."""

    fun: Objective
    size: float
    rng: np.random.Generator

    def __call__(self, x: Array) -> float:
        return self.fun(x) + self.size * self.rng.standard_normal()


def _noise() -> Table:
    """Return geometric-mean true gaps of what is returned, relative to that of the start."""
    gaps: dict[tuple[str, float], list[float]] = {}
    for problem in track(mgh(), description="noise"):
        first = problem.fun(problem.x0) - problem.f_star
        for noise in NOISE:
            for seed in range(SEEDS):
                for solver in _own()[::2]:
                    rng = np.random.default_rng([seed, 1])
                    fun = _Noisy(problem.fun, noise * first, rng)
                    x = solver.run(fun, problem.x0, NOISY_BUDGET * (problem.n + 1))
                    gap = problem.fun(x) - problem.f_star if x is not None else first
                    gaps.setdefault((solver.name, noise), []).append(max(gap / first, 1e-12))
    rows = [
        [name, *(f"{math.exp(mean(map(math.log, gaps[name, noise]))):.2e}" for noise in NOISE)]
        for name in (MODEL, PLAIN)
    ]
    return Table(
        f"Noise: true gap after {NOISY_BUDGET}(n+1) evaluations, relative to the start's; "
        f"geometric mean over Moré-Garbow-Hillstrom and {SEEDS} seeds",
        ["solver", *(f"standard deviation {noise:g}·(f(x0) - f*)" for noise in NOISE)],
        rows,
    )


def _bobyqa_in(
    fun: Objective, x0: Array, maxfev: int, _tolerance: float | None, low: Array, high: Array
) -> Array | None:
    opt = nlopt.opt(nlopt.LN_BOBYQA, x0.size)
    opt.set_min_objective(fun)
    opt.set_lower_bounds(low)
    opt.set_upper_bounds(high)
    opt.set_maxeval(maxfev)
    try:
        return opt.optimize(x0)
    except (RuntimeError, nlopt.RoundoffLimited):
        return None


def _boxed(low: Array, high: Array) -> list[Peer]:
    """Return solvers in a box."""
    bounds = list(zip(low, high, strict=True))
    own = [
        Peer(name, partial(_nelder, method=nelder.NelderMead(model=model), bounds=bounds))
        for name, model in ((MODEL, True), (PLAIN, False))
    ]
    return [*own, Peer("NLopt BOBYQA", partial(_bobyqa_in, low=low, high=high))]


class _Curve(Recorder):
    """A recorder that keeps each new lowest value and when it came."""

    def __init__(self, fun: Objective, maxfev: int) -> None:
        super().__init__(fun, maxfev)
        self.curve: list[tuple[int, float]] = []

    def __call__(self, x: Array, grad: object = None) -> float:
        before = self.best
        value = super().__call__(x)
        if self.best < before:
            self.curve.append((self.nfev, value))
        return value


def _boxes() -> Table:
    """Return problems solved in a box of one first step around the start; most minima are on it."""
    found: Found = {}
    for problem in track(mgh(), description="boxes"):
        reach = np.maximum(0.5, 0.5 * np.abs(problem.x0))
        curves: dict[str, list[tuple[int, float]]] = {}
        for solver in _boxed(problem.x0 - reach, problem.x0 + reach):
            recorder = _Curve(problem.fun, BOXED_BUDGET * (problem.n + 1))
            solver.run(recorder, problem.x0, recorder.maxfev, tolerance=0.0)
            curves[solver.name] = recorder.curve
        lowest = min(curve[-1][1] for curve in curves.values())
        target = lowest + 1e-6 * (problem.fun(problem.x0) - lowest)
        for name, curve in curves.items():
            reached = [nfev for nfev, value in curve if value <= target]
            needed = reached[0] / (problem.n + 1) if reached else math.inf
            found.setdefault(name, []).append(needed)
    title = (
        f"In a box: Moré-Garbow-Hillstrom within x0 ± max(0.5, 0.5·|x0|), {BOXED_BUDGET}(n+1) "
        "evaluations; f* is the lowest value of the three"
    )
    return _summary(title, mgh(), found)


# How many evaluations until it stops


def _stops() -> Table:
    rows = []
    for solver in _own():
        counts = []
        for problem in track(mgh(), description=f"{solver.name}, to its own stop"):
            recorder = Recorder(problem.fun, 1000 * (problem.n + 1))
            solver.run(recorder, problem.x0, recorder.maxfev)
            counts.append(recorder.nfev / (problem.n + 1))
        rows.append([solver.name, median(counts), mean(counts)])
    return Table(
        "Until nelder stops by itself: evaluations/(n+1) on Moré-Garbow-Hillstrom, 1000 at most",
        ["solver", "median", "mean"],
        rows,
    )


# The cost of a step


@contextmanager
def _timed(times: list[float]) -> Iterator[None]:
    """Have the time of each step added: of the fit, and of taking its value where it has one."""
    propose, take = ModelSteps.propose, ModelSteps.take

    def timed_propose(self: ModelSteps, machine, nfev: int):
        if nfev < self.next:
            return None
        begun = time.perf_counter()
        z = propose(self, machine, nfev)
        times.append(time.perf_counter() - begun)
        return z

    def timed_take(self: ModelSteps, machine, f: float) -> None:
        begun = time.perf_counter()
        take(self, machine, f)
        times[-1] += time.perf_counter() - begun

    with (
        patch.object(ModelSteps, "propose", timed_propose),
        patch.object(ModelSteps, "take", timed_take),
    ):
        yield


def _steps_ms(n: int) -> list[float]:
    """Return the milliseconds of each step of searches for the minimum of four problems."""
    times: list[float] = []
    method = nelder.NelderMead(model=True)
    if n < 4:
        problems = [p for p in mgh() if p.n == n]
    else:
        problems = [p for p in scalable(n) if p.name != "chained Powell"]
    with _timed(times):
        for problem in track(problems, description=f"cost of a step, n = {n}"):
            nelder.minimize(problem.fun, problem.x0, method=method, maxfev=50 * (n + 1))
    return [1e3 * seconds for seconds in times]


def _cost() -> tuple[Table, dict[int, tuple[float, float]]]:
    rows, costs = [], {}
    for n, limit in LIMITS_MS.items():
        row: list = [n]
        for threads in (None, 1):
            with threadpool_limits(threads):
                steps = _steps_ms(n)
            row += [len(steps), median(steps), mean(steps)]
            if threads == 1:
                costs[n] = (median(steps), mean(steps))
        rows.append([*row, limit])
    columns = ["n", "steps", "median ms", "mean ms", "steps, 1 thread", "median ms, 1 thread"]
    return Table(
        "Cost of a step: fit, trust region, and taking the value",
        [*columns, "mean ms, 1 thread", "goal"],
        rows,
    ), costs


def _goals(found: dict[str, Found], costs: dict[int, tuple[float, float]]) -> list[Goal]:
    goals = []
    for name, least, most in (
        ("Moré-Garbow-Hillstrom", 47, 28.0),
        ("Moré-Wild", 49, 25.0),
        ("nonsmooth", 34, math.inf),
    ):
        within = _solved(found[name][MODEL])
        middle = median(within)
        goals.append(
            Goal(
                f"{name}: at least {least} solved"
                + (f", median at most {most:g}" if most < math.inf else ""),
                f"{len(within)}, {middle:.1f}",
                len(within) >= least and middle <= most,
            )
        )
    for n, limit in LIMITS_MS.items():
        if limit is not None:
            middle, average = costs[n]
            goals.append(
                Goal(
                    f"a step at n = {n}: at most {limit:g} ms, on one core",
                    f"median {middle:.3g} ms, mean {average:.3g} ms",
                    max(middle, average) <= limit,
                )
            )
    return goals


def run() -> Report:
    """Run all solvers on all sets, the checks, and the cost of a step."""
    costs_table, costs = _cost()
    solvers = [*_own(), *_others(), Peer("CMA-ES", cma_peer)]
    tables, found = [], {}
    with threadpool_limits(1):  # two threads that wait for each other take longer than one
        for name, (problems, budget, tau) in SETS.items():
            title = f"{name} {len(problems())}, {budget}(n+1) evaluations, τ = {tau:g}"
            found[name] = _measure(title, problems(), solvers, budget, tau)
            tables.append(_summary(title, problems(), found[name]))
        checks = [_perturbed(), _stops(), _noise(), _boxes()]
    return Report(
        "Model steps",
        _goals(found, costs),
        [*tables, *checks, costs_table],
        [
            "Solved: f - f* <= τ·(f(x0) - f*). Evaluations are counted by one wrapper around the "
            "objective, up to the first value that reaches it.",
            "The constants of model steps were tuned on Moré-Garbow-Hillstrom from the published "
            "starts, and on nothing else.",
            "The nonsmooth problems are the sums of absolute residuals of Moré and Wild's; their "
            "f* are the lowest values known to be reached from each start "
            "(`benchmarks/nonsmooth_references.py`).",
            "nelder runs with its own stopping rule (1e-8) and restart probe. All others run "
            "without tolerances, so that none stops before the budget.",
            "A step is the whole of one decision: choosing points, three fits, the trust region, "
            "and taking the value. One core: BLAS with one thread; the columns before are as it "
            "comes.",
            STEPS_NOTE,
            CMA_NOTE,
        ],
        packages=installed("cma", "threadpoolctl"),
    )
