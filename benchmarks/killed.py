"""The search, or searches, that `kills` kills: a program of its own.

``python -m benchmarks.killed FOLDER SEED WORKERS RUN`` minimises, or goes on, and writes the result
to FOLDER. WORKERS is "none", "threads" or "processes". SEED says from where; every fourth is a
`multistart`.

Beside the journal it keeps two logs of its own, a line each, on disk before anything goes on:
``answered`` by the objective before it returns a value, ``acknowledged`` by the driver once the
journal has said that values are recorded.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nelder
from nelder.evaluation import Evaluation
from nelder.journal.store import Journal

__all__ = [
    "ACKNOWLEDGED",
    "ANSWERED",
    "JOURNAL",
    "MANY",
    "MANY_MAXFEV",
    "RESULT",
    "WORKERS",
    "is_many",
    "read_log",
    "search",
    "told",
]

ANSWERED, ACKNOWLEDGED, JOURNAL, RESULT = "answered", "acknowledged", "fit.db", "result.json"
RUN = "NELDER_BENCH_RUN"  # the number of the run, which workers inherit
SLEEP = 0.001  # seconds, of an evaluation
MAXFEV = 400
DIMENSIONS = (2, 4, 8)  # then many searches, in the last of these
MANY = 3  # searches of a multistart,
MANY_MAXFEV = 2500  # each of far more evaluations than a search has room for guesses
WORKERS = {"none": None, "threads": ThreadPoolExecutor(3), "processes": 2}


def valley(x: NDArray[np.float64]) -> float:
    return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


@dataclass(frozen=True)
class Logged:
    """An objective that notes what it answers."""

    log: str

    def __call__(self, x: NDArray[np.float64]) -> float:
        time.sleep(SLEEP)
        value = valley(x)
        note(self.log, [(x, value)])
        return value


def note(log: str, pairs: Sequence[tuple[NDArray[np.float64], float]]) -> None:
    """Add lines to a log: run, x and value. They are on disk when this returns."""
    run = os.environ[RUN]
    lines = "".join(f"{run} {x.tobytes().hex()} {float(value).hex()}\n" for x, value in pairs)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, lines.encode())
        os.fsync(file)
    finally:
        os.close(file)


def read_log(log: Path) -> list[tuple[int, str, str]]:
    """Return the whole lines of a log: run, x and value, these as hexadecimal digits."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="ascii").splitlines(keepends=True)
    words = [line.split() for line in lines if line.endswith("\n")]
    return [(int(run), x, value) for run, x, value in words]


def is_many(seed: int) -> bool:
    """Whether `search` runs several searches."""
    return seed % (len(DIMENSIONS) + 1) == len(DIMENSIONS)


def search(seed: int, fun: Any, **settings: Any) -> nelder.Result | nelder.MultistartResult:
    """Minimise from a start, or from several, that `seed` draws."""
    random = np.random.default_rng(seed)
    if is_many(seed):
        x0s = random.uniform(-2.0, 2.0, (MANY, DIMENSIONS[-1]))
        return nelder.multistart(fun, x0s, maxfev=MANY_MAXFEV, **settings)
    x0 = random.uniform(-2.0, 2.0, DIMENSIONS[seed % (len(DIMENSIONS) + 1)])
    return nelder.minimize(fun, x0, maxfev=MAXFEV, history=True, **settings)


def told(result: nelder.Result | nelder.MultistartResult) -> dict[str, Any]:
    """Return all of a result but times and what was looked ahead for, to the last bit."""
    if isinstance(result, nelder.MultistartResult):
        each = {name: getattr(result, name) for name in ("points", "values", "statuses", "nfevs")}
        minima = [[m.fun.hex(), m.searches.tolist()] for m in result.minima]
        return _exact(each) | {"minima": minima, "best": told(result.best)}
    arrays = {"x": result.x, **result.final_simplex._asdict()}
    if result.history is not None:
        arrays |= result.history._asdict()
    counts = {name: result[name] for name in ("nfev", "nit", "nshrink", "nrestart", "nfailed")}
    return _exact(arrays) | counts | {"fun": result.fun.hex(), "status": result.status.name}


def _exact(arrays: dict[str, NDArray[Any]]) -> dict[str, str]:
    return {name: array.tobytes().hex() for name, array in arrays.items()}


def main(folder: Path, seed: int, workers: str, run: str) -> None:
    os.environ[RUN] = run
    append = Journal.append

    def noted(journal: Journal, evaluations: Sequence[Evaluation]) -> None:
        append(journal, evaluations)
        note(str(folder / ACKNOWLEDGED), [(e.x, e.outcome.value) for e in evaluations])

    Journal.append = noted
    print("begins", flush=True)
    objective = Logged(str(folder / ANSWERED))
    result = search(seed, objective, workers=WORKERS[workers], journal=folder / JOURNAL)
    partial = folder / f"{RESULT}-"
    partial.write_text(json.dumps(told(result)), encoding="ascii")
    partial.rename(folder / RESULT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
