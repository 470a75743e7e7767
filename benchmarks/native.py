"""Goal 2: what an evaluation costs with an objective in C."""

import ctypes
from collections.abc import Callable

import nlopt
import numpy as np

import nelder
from benchmarks.build import shared_library
from benchmarks.peers import NEVER, first_steps, gsl_library, missing
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import TIMING_NOTE, Run, costs, median

__all__ = ["run"]

DIMENSIONS = (2, 5, 10, 20, 40)
LARGE = (100, 300, 1000)
SHORT, LONG = 200, 2000


def _address(function: Callable[..., object]) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def _start(n: int) -> Array:
    """Return Rosenbrock's start (-1.2, 1, -1.2, ...), seen from the minimum."""
    return np.where(np.arange(n) % 2 == 0, -2.2, 0.0)


def _nelder(x0: Array) -> Run:
    objective = nelder.NativeObjective(_address(shared_library("rosenbrock.c").rosenbrock))
    method = nelder.NelderMead(convergence=NEVER)
    return lambda maxfev: nelder.minimize(objective, x0, method=method, maxfev=maxfev).nfev


def _gsl(x0: Array) -> Run:
    solve = gsl_library().gsl_solve
    address = _address(shared_library("rosenbrock.c").rosenbrock)
    steps = first_steps(x0)

    def run(maxfev: int) -> int:
        x = x0.copy()
        return solve(address, None, x.size, x.ctypes.data, steps.ctypes.data, maxfev, 0.0, None)

    return run


def _nlopt(x0: Array) -> Run:
    """Call NLopt's C functions, which its Python module carries, without Python in the loop."""
    library = ctypes.CDLL(nlopt._nlopt.__file__)
    address = ctypes.c_void_p(_address(shared_library("rosenbrock.c").rosenbrock_nlopt))
    library.nlopt_create.restype = ctypes.c_void_p

    def run(maxfev: int) -> int:
        opt = ctypes.c_void_p(library.nlopt_create(nlopt.LN_NELDERMEAD, x0.size))
        library.nlopt_set_min_objective(opt, address, None)
        library.nlopt_set_maxeval(opt, maxfev)
        x, least = x0.copy(), ctypes.c_double()
        library.nlopt_optimize(opt, ctypes.c_void_p(x.ctypes.data), ctypes.byref(least))
        count = library.nlopt_get_numevals(opt)
        library.nlopt_destroy(opt)
        return count

    return run


def _objective(x0: Array) -> Run:
    library = shared_library("rosenbrock.c")
    library.repeat.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64]
    address = _address(library.rosenbrock)

    def run(times: int) -> int:
        library.repeat(address, x0.size, x0.ctypes.data, times)
        return times

    return run


def _against_peers() -> tuple[Table, dict[str, float]]:
    """Return the table and the least ratio of each peer."""
    makers = {"nelder": _nelder, "GSL": _gsl, "NLopt": _nlopt}
    if missing():
        del makers["GSL"]
    peers = [name for name in makers if name != "nelder"]
    rows, least = [], dict.fromkeys(peers, np.inf)
    for n in DIMENSIONS:
        x0 = _start(n)
        runs = {name: make(x0) for name, make in makers.items()}
        found = costs(runs | {"objective": _objective(x0)}, SHORT, LONG)
        ns = {name: 1e9 * median(cost.per_evaluation) for name, cost in found.items()}
        for name in peers:
            least[name] = min(least[name], ns[name] / ns["nelder"])
        rows.append(
            [n, ns["objective"], *(ns[name] for name in makers)]
            + [ns[name] / ns["nelder"] for name in peers]
            + [f"{ns['objective'] / ns['nelder']:.0%}"]
            + [1e6 * median(found["nelder"].per_call)]
        )
    columns = ["n", "objective ns", *(f"{name} ns" for name in makers)]
    columns += [f"{name} / nelder" for name in peers]
    columns += ["objective's share of nelder", "nelder per call µs"]
    return Table("Nanoseconds per evaluation", columns, rows), least


def _large() -> tuple[Table, float]:
    """Return the table and the slope of log overhead over log n."""
    rows, overheads = [], []
    for n in LARGE:
        x0 = _start(n)
        runs = {"nelder": _nelder(x0), "objective": _objective(x0)}
        found = costs(runs, 4 * (n + 1), 24 * (n + 1))
        total, alone = (1e9 * found[name].per_evaluation for name in runs)
        overheads.append(median(total - alone))
        rows.append([n, median(alone), median(total), overheads[-1], overheads[-1] / n])
    slope = float(np.polyfit(np.log(LARGE), np.log(overheads), 1)[0])
    columns = ["n", "objective ns", "nelder ns", "nelder - objective ns", "the same per coordinate"]
    return Table("Large n", columns, rows), slope


def run() -> Report:
    """Measure nelder, GSL and NLopt on the same compiled objective, then nelder at large n."""
    table, least = _against_peers()
    large, slope = _large()
    wanted = {"GSL": 4.0, "NLopt": 6.0}
    goals = [
        Goal(
            f"at least {wanted[name]:g}x faster per evaluation than {name} at every n",
            f"{ratio:.1f}x",
            ratio >= wanted[name],
        )
        for name, ratio in least.items()
    ]
    goals.append(
        Goal("linear up to n = 1000: slope at most 1.2", f"slope {slope:.2f}", slope <= 1.2)
    )
    return Report(
        "Time per evaluation, objective in C",
        goals,
        [table, large],
        [
            "The extended Rosenbrock function written about its minimum, so that a search of "
            "thousands of evaluations does not run into rounding; compiled once with -O2, and "
            "reached by all through its address, with no Python in any loop.",
            "NLopt's C functions are those of its Python module; GSL is compiled against the "
            "system's library. Each with its default coefficients and first steps (GSL: nelder's).",
            f"Time per evaluation: the difference of a run of {LONG} evaluations and one of "
            f"{SHORT} (large n: 24(n+1) and 4(n+1)), divided by the evaluations between them. "
            "It contains the objective. What a call costs once "
            "cancels; the per-call column is a call with a budget of 1.",
            "Slope: least squares of log(nelder - objective) over log n at "
            f"n = {', '.join(map(str, LARGE))}. It may be a little above 1: at n = 1000 the "
            "simplex is 8 MB and leaves the faster caches. Quadratic work would show as 2.",
            TIMING_NOTE,
            *([missing()] if missing() else []),
        ],
    )
