"""Goal 1: what an evaluation costs beyond the objective, driven from Python."""

from collections.abc import Callable
from functools import cache
from itertools import repeat

import nlopt
import numpy as np
import scipy.optimize

import nelder
from benchmarks.peers import NEVER
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import TIMING_NOTE, Cost, Run, costs, median

__all__ = ["dot", "run", "start"]

DIMENSIONS = (2, 5, 10, 20, 40)
SHORT, LONG = 200, 2000
SOLVERS = ("nelder", "SciPy", "NLopt")

Make = Callable[[int], Callable[..., float]]


@cache
def _falling(n: int) -> list[float]:
    """Return uniform noise of width 1 that falls by 0.4 over n + 1 evaluations."""
    count = LONG + 100
    noise = np.random.default_rng(0).random(count)
    return (noise - 0.4 * np.arange(count) / (n + 1)).tolist()


def dot(n: int) -> Callable[..., float]:
    """Return x·x: an ordinary search."""

    def objective(x: Array, grad: object = None) -> float:
        return float(x.dot(x))

    return objective


def drawn(n: int) -> Callable[..., float]:
    """Return pre-drawn values, whatever x is: the cheapest objective of all kinds of steps."""
    following = iter(_falling(n)).__next__

    def objective(x: Array, grad: object = None) -> float:
        return following()

    return objective


def start(n: int) -> Array:
    """Return a start so far from 0 that x·x does not underflow on the way there."""
    return 1e50 * np.arange(1.0, n + 1.0)


def _solvers(make: Make, x0: Array) -> dict[str, Run]:
    method = nelder.NelderMead(convergence=NEVER)

    def run_nelder(maxfev: int) -> int:
        return nelder.minimize(make(x0.size), x0, method=method, maxfev=maxfev).nfev

    def run_scipy(maxfev: int) -> int:
        options = {"maxfev": maxfev, "xatol": 0.0, "fatol": 0.0}
        return scipy.optimize.minimize(
            make(x0.size), x0, method="Nelder-Mead", options=options
        ).nfev

    def run_nlopt(maxfev: int) -> int:
        opt = nlopt.opt(nlopt.LN_NELDERMEAD, x0.size)
        opt.set_min_objective(make(x0.size))
        opt.set_maxeval(maxfev)
        opt.optimize(x0)
        return opt.get_numevals()

    return dict(zip(SOLVERS, (run_nelder, run_scipy, run_nlopt), strict=True))


def _objective(make: Make, x0: Array) -> dict[str, Run]:
    """Return a loop of bare calls, and the empty loop to subtract from it."""

    def calls(times: int) -> int:
        objective = make(x0.size)
        for _ in repeat(None, times):
            objective(x0)
        return times

    def empty(times: int) -> int:
        for _ in repeat(None, times):
            pass
        return times

    return {"calls": calls, "empty": empty}


def _rows(found: dict[str, Cost]) -> tuple[dict[str, float], float, float]:
    """Return the overheads, the cost of the objective, and the floor, all in µs."""
    objective = 1e6 * (found["calls"].per_evaluation - found["empty"].per_evaluation)
    floor = median(np.abs(objective - median(objective)))
    return (
        {name: median(1e6 * found[name].per_evaluation - objective) for name in SOLVERS},
        median(objective),
        floor,
    )


def _measure(make: Make) -> tuple[list[list], dict[int, dict[str, float]]]:
    rows, overheads = [], {}
    for n in DIMENSIONS:
        x0 = start(n)
        found = costs(_solvers(make, x0) | _objective(make, x0), SHORT, LONG)
        over, objective, floor = _rows(found)
        least = max(over["nelder"], floor)
        ratios = {name: over[name] / least for name in SOLVERS}
        overheads[n] = {"nelder": over["nelder"]} | {f"{s} ratio": ratios[s] for s in SOLVERS[1:]}
        rows.append(
            [n, objective, floor]
            + [1e6 * median(found[s].per_evaluation) for s in SOLVERS]
            + [over[s] for s in SOLVERS]
            + [ratios[s] for s in SOLVERS[1:]]
            + [1e6 * median(found[s].per_call) for s in SOLVERS]
        )
    return rows, overheads


def _goals(overheads: dict[int, dict[str, float]]) -> list[Goal]:
    most = max(found["nelder"] for found in overheads.values())
    scipy_least = min(found["SciPy ratio"] for found in overheads.values())
    nlopt_2, nlopt_20 = overheads[2]["NLopt ratio"], overheads[20]["NLopt ratio"]
    return [
        Goal("at most 0.15 µs at every n", f"{most:.3f} µs", most <= 0.15),
        Goal(
            "at least 60x less than SciPy at every n",
            f"{scipy_least:.0f}x",
            scipy_least >= 60.0,
        ),
        Goal("at least 3x less than NLopt at n = 2", f"{nlopt_2:.1f}x", nlopt_2 >= 3.0),
        Goal("at least 15x less than NLopt at n = 20", f"{nlopt_20:.1f}x", nlopt_20 >= 15.0),
    ]


def run() -> Report:
    """Measure two objectives: pre-drawn values, and an ordinary search."""
    columns = ["n", "objective µs", "floor µs"]
    columns += [f"{s} µs/evaluation" for s in SOLVERS]
    columns += [f"{s} overhead µs" for s in SOLVERS]
    columns += [f"{s} / nelder" for s in SOLVERS[1:]]
    columns += [f"{s} per call µs" for s in SOLVERS]
    rows, overheads = _measure(drawn)
    search, _ = _measure(dot)
    return Report(
        "Overhead per evaluation, Python objective",
        _goals(overheads),
        [
            Table("Pre-drawn values", columns, rows),
            Table("An ordinary search, for comparison: x·x", columns, search),
        ],
        [
            "drawn: pre-drawn noise that falls slowly, whatever x is. It is the cheapest objective "
            "under which a simplex makes all kinds of steps and does not converge, and the same "
            "for all. The goals are judged on it.",
            "x·x: `float(x.dot(x))`, an ordinary search. It starts at 1e50·(1, 2, ...), because "
            "floating-point numbers are as dense near its minimum 0 as anywhere, so that nothing "
            "converges. Here the overhead contains what the objective itself costs more because x "
            "was written just before, which the bare loop does not do; for all solvers alike. That "
            "and the floor are as large as nelder's overhead, so no goal is judged on it.",
            f"Time per evaluation: the difference of a run of {LONG} evaluations and one of "
            f"{SHORT}, divided by the evaluations between them. What a call costs once cancels; "
            "the per-call column is a call with a budget of 1.",
            "objective: the same function called in a Python loop, less the empty loop. Overhead: "
            "time per evaluation less objective, in the same round.",
            "floor: the median absolute deviation of the objective's own time. An overhead below "
            "it cannot be told from it, and counts as the floor in a ratio.",
            "No tolerance ever fires: nelder's and SciPy's are 0, NLopt has none. Default "
            "coefficients and first steps for each.",
            TIMING_NOTE,
        ],
    )
