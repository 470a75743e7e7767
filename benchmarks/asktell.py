"""Goal 6: ask/tell from Python, and the time to import the package."""

import subprocess
import sys
from itertools import repeat

import numpy as np
from rich.progress import track

import nelder
from benchmarks.overhead import dot, start
from benchmarks.peers import NEVER
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import TIMING_NOTE, Run, costs, median

__all__ = ["run"]

DIMENSIONS = (2, 5, 10, 20, 40)
SHORT, LONG = 200, 2000
STARTS = 31
PACKAGES = ("numpy", "nelder")

_TIMED = "from time import process_time as now\n" + "".join(
    f"begin = now()\nimport {package}\nprint(now() - begin)\n" for package in PACKAGES
)


def _loop(x0: Array, single: bool) -> Run:
    """Return the loop of ask and tell; `single`: a lone point's value is told as a number."""
    objective = dot(x0.size)
    method = nelder.NelderMead(convergence=NEVER)

    def run(evaluations: int) -> int:
        optimizer = nelder.Optimizer(x0, method=method)
        ask, tell = optimizer.ask, optimizer.tell
        count = 0
        while count < evaluations:
            points = ask()
            if single and len(points) == 1:
                tell(points, objective(points[0]))
            else:
                tell(points, [objective(x) for x in points])
            count += len(points)
        return count

    return run


def _calls(x0: Array, single: bool) -> Run:
    """Return the same calls of the objective without ask and tell."""
    objective = dot(x0.size)
    points = x0.reshape(1, -1)

    def run(times: int) -> int:
        for _ in repeat(None, times):
            if single and len(points) == 1:
                objective(points[0])
            else:
                [objective(x) for x in points]
        return times

    return run


def _overheads(n: int) -> tuple[float, float]:
    """Return the µs per evaluation of ask and tell, with numbers and with lists."""
    x0 = start(n)
    runs = {
        "numbers": _loop(x0, True),
        "its calls": _calls(x0, True),
        "lists": _loop(x0, False),
        "their calls": _calls(x0, False),
    }
    us = {name: 1e6 * cost.per_evaluation for name, cost in costs(runs, SHORT, LONG).items()}
    return median(us["numbers"] - us["its calls"]), median(us["lists"] - us["their calls"])


def _import_times() -> dict[str, Array]:
    """Return the milliseconds of each import, one sample for each fresh interpreter."""
    samples = []
    for _ in track(range(STARTS), description="import"):
        done = subprocess.run(
            [sys.executable, "-c", _TIMED], check=True, capture_output=True, text=True
        )
        samples.append([1e3 * float(part) for part in done.stdout.split()])
    return dict(zip(PACKAGES, np.array(samples).T, strict=True))


def run() -> Report:
    """Measure the loop of ask and tell, then fresh interpreters."""
    overheads = {n: _overheads(n) for n in DIMENSIONS}
    rows = [[n, *pair] for n, pair in overheads.items()]
    columns = ["n", "`tell(X, value)` µs", "`tell(X, [value])` µs"]
    times = _import_times()
    most, extra = max(single for single, _ in overheads.values()), median(times["nelder"])
    return Report(
        "Ask/tell, and import",
        [
            Goal(
                "`X = ask(); tell(X, value)` at most 1 µs per evaluation",
                f"{most:.2f} µs",
                most <= 1.0,
            ),
            Goal("import at most 50 ms over NumPy's", f"{extra:.0f} ms", extra <= 50.0),
        ],
        [
            Table("Ask and tell per evaluation, beyond the objective", columns, rows),
            Table(
                "In a fresh interpreter",
                ["statement", "median ms"],
                [[f"import {package}", median(samples)] for package, samples in times.items()],
            ),
        ],
        [
            "The loop asks, evaluates f = `float(x.dot(x))` and tells. The goal is judged on "
            "`tell(X, f(X[0]))`, a number while one point is out; the other column is always "
            "`tell(X, [f(x) for x in X])`. The same calls of f alone are subtracted.",
            f"Time per evaluation: the difference of {LONG} and {SHORT} evaluations, divided by "
            "the evaluations between them. A shrink asks for n points at once.",
            f"Import: nelder after NumPy in the same fresh interpreter; medians of {STARTS}.",
            TIMING_NOTE,
        ],
    )
