"""Global search: the BBOB functions, as the package `ioh` has them."""

import math
import multiprocessing
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import median

import cma
import ioh
import nlopt
import numpy as np
import scipy.optimize
from rich.progress import track

import nelder
from benchmarks.recorder import Enough, Recorder
from benchmarks.report import Goal, Report, Table, installed
from nelder.minimize_global import minimize_global

__all__ = ["run"]

INSTANCES = (1, 2, 3)
TUNED_ON = "21 to 30"
DIMENSIONS = (2, 5, 10)
FUNCTIONS = tuple(range(1, 25))
BUDGET = 1000  # evaluations for each coordinate
TOLERANCE = 1e-8
LOW, HIGH = -5.0, 5.0
PROCESSES = 2

GROUPS = {
    "separable": range(1, 6),
    "moderate": range(6, 10),
    "ill-conditioned": range(10, 15),
    "multimodal, with a trend": range(15, 20),
    "multimodal, without": range(20, 25),
}

Solve = Callable[[Recorder, int, int], None]
"""Of the recorded objective, the dimension and a seed; the recorder ends it."""


def _box(n: int) -> list[tuple[float, float]]:
    return [(LOW, HIGH)] * n


def _whole_box(fun: Recorder, n: int, seed: int) -> None:
    minimize_global(fun, _box(n), seed=seed, maxfev=BUDGET * n)


def _multistart(fun: Recorder, n: int, seed: int) -> None:
    nelder.multistart(fun, bounds=_box(n), starts=256, seed=seed)


def _cma(fun: Recorder, n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    options = {
        "bounds": [LOW, HIGH],
        "seed": seed,
        "maxfevals": BUDGET * n,
        "ftarget": fun.target,
        "verbose": -9,
        "verb_log": 0,
    }
    cma.fmin2(fun, lambda: random.uniform(-4.0, 4.0, n), 2.0, options, restarts=9, bipop=True)


def _differential_evolution(fun: Recorder, n: int, seed: int) -> None:
    for again in count():
        scipy.optimize.differential_evolution(
            fun, _box(n), rng=np.random.default_rng([seed, again]), maxiter=10**9
        )


def _dual_annealing(fun: Recorder, n: int, seed: int) -> None:
    for again in count():
        scipy.optimize.dual_annealing(
            fun,
            _box(n),
            rng=np.random.default_rng([seed, again]),
            maxiter=10**9,
            maxfun=BUDGET * n,
        )


def _nlopt(fun: Recorder, n: int, seed: int, algorithm: int) -> None:
    nlopt.srand(seed)
    opt = nlopt.opt(algorithm, n)
    opt.set_min_objective(fun)
    opt.set_lower_bounds(LOW)
    opt.set_upper_bounds(HIGH)
    opt.set_maxeval(BUDGET * n)
    opt.set_stopval(fun.target)
    if algorithm == nlopt.G_MLSL_LDS:
        local = nlopt.opt(nlopt.LN_BOBYQA, n)
        local.set_xtol_abs(1e-8)
        local.set_ftol_abs(1e-10)
        opt.set_local_optimizer(local)
    with suppress(RuntimeError, nlopt.RoundoffLimited):
        opt.optimize(np.random.default_rng(seed).uniform(LOW, HIGH, n))


OWN, CMA = "nelder minimize_global", "CMA-ES bipop"
EVOLUTION, ANNEALING = "SciPy differential evolution", "SciPy dual annealing"

SOLVERS: dict[str, Solve] = {
    OWN: _whole_box,
    "nelder multistart": _multistart,
    CMA: _cma,
    EVOLUTION: _differential_evolution,
    ANNEALING: _dual_annealing,
    "NLopt MLSL (BOBYQA)": partial(_nlopt, algorithm=nlopt.G_MLSL_LDS),
    "NLopt CRS2": partial(_nlopt, algorithm=nlopt.GN_CRS2_LM),
    "NLopt DIRECT-L": partial(_nlopt, algorithm=nlopt.GN_DIRECT_L),
}
RIVALS = (CMA, EVOLUTION, ANNEALING)


@dataclass(frozen=True)
class _Task:
    """A solver on all instances of a function."""

    solver: str
    n: int
    function: int

    def run(self) -> list[float]:
        """Return the evaluations that it needs on each instance; inf where it is not solved."""
        return [self._needed(instance) for instance in INSTANCES]

    def _needed(self, instance: int) -> float:
        bbob = ioh.ProblemClass.BBOB
        problem = ioh.get_problem(
            self.function, instance=instance, dimension=self.n, problem_class=bbob
        )
        lowest = problem.optimum.y
        recorder = Recorder(lambda x: problem(x) - lowest, BUDGET * self.n, TOLERANCE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(Enough, nelder.EvaluationError):
                SOLVERS[self.solver](recorder, self.n, instance)
        return recorder.nfev if recorder.best <= recorder.target else math.inf


def _measure() -> dict[_Task, list[float]]:
    tasks = [_Task(s, n, f) for n in reversed(DIMENSIONS) for f in FUNCTIONS for s in SOLVERS]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as executor:
        futures = {executor.submit(task.run): task for task in tasks}
        done = track(as_completed(futures), description="BBOB", total=len(tasks))
        found = {futures[future]: future.result() for future in done}
    return {task: found[task] for task in tasks}


def _count(found: dict[_Task, list[float]], **wanted: object) -> int:
    """Return how many problems are solved in the tasks with these attributes."""
    return sum(
        math.isfinite(needed)
        for task, each in found.items()
        for needed in each
        if all(getattr(task, name) in value for name, value in wanted.items())
    )


def _totals(found: dict[_Task, list[float]]) -> Table:
    rows = []
    for solver in SOLVERS:
        solved = [_count(found, solver=(solver,), n=(n,)) for n in DIMENSIONS]
        needed = [
            each / task.n
            for task, list_ in found.items()
            if task.solver == solver
            for each in list_
            if math.isfinite(each)
        ]
        rows.append([solver, *solved, sum(solved), median(needed) if needed else None])
    each = len(FUNCTIONS) * len(INSTANCES)
    columns = ["solver", *(f"{n}-D, of {each}" for n in DIMENSIONS)]
    columns += [f"all, of {each * len(DIMENSIONS)}", "median ev/n, its solved ones"]
    return Table(f"Solved to {TOLERANCE:g} within {BUDGET}·n evaluations", columns, rows)


def _by_group(found: dict[_Task, list[float]]) -> Table:
    each = len(DIMENSIONS) * len(INSTANCES)
    columns = ["solver", *(f"{name}, of {each * len(fs)}" for name, fs in GROUPS.items())]
    rows = [
        [solver, *(_count(found, solver=(solver,), function=fs) for fs in GROUPS.values())]
        for solver in SOLVERS
    ]
    return Table("By group of functions", columns, rows)


def _by_function(found: dict[_Task, list[float]], n: int) -> Table:
    rows = [
        [f, *(_count(found, solver=(s,), n=(n,), function=(f,)) for s in SOLVERS)]
        for f in FUNCTIONS
    ]
    return Table(f"{n}-D: instances solved, of {len(INSTANCES)}", ["function", *SOLVERS], rows)


def run() -> Report:
    """Run all solvers on all functions, in two processes."""
    found = _measure()
    solved = {solver: _count(found, solver=(solver,)) for solver in SOLVERS}
    goals = [
        Goal(
            f"more solved than {rival}",
            f"{solved[OWN]} against {solved[rival]}",
            solved[OWN] > solved[rival],
        )
        for rival in RIVALS
    ]
    return Report(
        "Global search",
        goals,
        [_totals(found), _by_group(found), *(_by_function(found, n) for n in DIMENSIONS)],
        [
            f"The 24 noiseless functions of BBOB (Hansen et al. 2009), instances "
            f"{', '.join(map(str, INSTANCES))}, as the package `ioh` computes them. The rules of "
            f"`minimize_global` were chosen on instances {TUNED_ON}.",
            f"Solved: a value within {TOLERANCE:g} of the lowest, within {BUDGET}·n evaluations in "
            f"the box [{LOW:g}, {HIGH:g}]^n, counted by one wrapper around the objective. The seed "
            "is the instance. All get f - f*, since some of SciPy's tolerances are relative to f.",
            "CMA-ES: pycma's `fmin2` with `bipop=True`, 9 restarts, sigma0 = 2 (a fifth of the "
            "box), starts uniform in [-4, 4]^n, and the bounds.",
            "SciPy's solvers run with their defaults; one that ends by itself is begun anew, with "
            "another seed, until the budget is spent.",
            "NLopt: MLSL with its low-discrepancy sequence and BOBYQA (1e-8 in x, 1e-10 in f) as "
            "the local search; CRS2 and DIRECT-L as they are.",
            "`multistart`: nelder's defaults, from starts of a Sobol sequence.",
        ],
        packages=installed("cma", "ioh"),
    )
