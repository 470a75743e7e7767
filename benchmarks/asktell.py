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


def _runs(x0: Array) -> dict[str, Run]:
    objective = dot(x0.size)
    method = nelder.NelderMead(convergence=NEVER)

    def ask_tell(evaluations: int) -> int:
        optimizer = nelder.Optimizer(x0, method=method)
        ask, tell = optimizer.ask, optimizer.tell
        count = 0
        while count < evaluations:
            points = ask()
            tell(points, [objective(x) for x in points])
            count += len(points)
        return count

    def calls(times: int) -> int:
        points = x0.reshape(1, -1)
        for _ in repeat(None, times):
            [objective(x) for x in points]
        return times

    return {"ask/tell": ask_tell, "calls": calls}


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
    rows, overheads = [], []
    for n in DIMENSIONS:
        found = costs(_runs(start(n)), SHORT, LONG)
        total, alone = (1e6 * cost.per_evaluation for cost in found.values())
        overheads.append(median(total - alone))
        rows.append([n, median(alone), median(total), overheads[-1]])
    columns = ["n", "objective µs", "ask/tell loop µs", "ask/tell overhead µs"]
    times = _import_times()
    most, extra = max(overheads), median(times["nelder"])
    return Report(
        "Ask/tell, and import",
        [
            Goal("ask and tell at most 1 µs per evaluation", f"{most:.2f} µs", most <= 1.0),
            Goal("import at most 50 ms over NumPy's", f"{extra:.0f} ms", extra <= 50.0),
        ],
        [
            Table("Ask/tell, per evaluation", columns, rows),
            Table(
                "In a fresh interpreter",
                ["statement", "median ms"],
                [[f"import {package}", median(samples)] for package, samples in times.items()],
            ),
        ],
        [
            "The loop is `X = ask(); tell(X, [f(x) for x in X])` with f = `float(x.dot(x))`; the "
            "objective is the same list of calls without ask and tell.",
            f"Time per evaluation: the difference of {LONG} and {SHORT} evaluations, divided by "
            "the evaluations between them. A shrink asks for n points at once.",
            f"Import: nelder after NumPy in the same fresh interpreter; medians of {STARTS}.",
            TIMING_NOTE,
        ],
    )
