"""One search of TensorFlow Probability's function beside its replacement, nelder.tfp."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.build import BuildError
from benchmarks.multistart import USUAL, VARIABLE
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import median

__all__ = ["run"]

WAYS = {
    "eager": "eager, the objective as operations",
    "eager, tf.function": "eager, the objective a tf.function",
    "tf.function": "inside a tf.function",
    "XLA": "compiled by XLA",
}
GOALS = {  # of TFP's time by nelder's
    "eager": (10.0, "at least 10x faster"),
    "eager, tf.function": (10.0, "at least 10x faster"),
    "tf.function": (1.0, "no slower"),
    "XLA": (1.0, "no slower"),
}

Found = dict[str, Any]


def _measured() -> Found:
    """Run the program with the Python that has TFP."""
    python = Path(os.environ.get(VARIABLE, USUAL))
    if not python.exists():
        raise BuildError(f"no Python with TFP at {python}; `make bench-tfp` makes one")
    script = Path(__file__).with_name("tfp_one.py")
    done = subprocess.run([str(python), str(script)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"TFP does not run: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _each(found: Found) -> Iterator[tuple[str, str, Found, Found]]:
    """Yield n, the way, and what was found of TFP and of nelder."""
    for way in WAYS:
        for n, rows in found["searches"].items():
            yield n, way, rows[way]["TFP"], rows[way]["nelder"]


def _seconds(row: Found) -> float:
    return median(np.array(row["seconds"]))


def _goals(found: Found) -> list[Goal]:
    goals = []
    for n, way, theirs, own in _each(found):
        least, wanted = GOALS[way]
        ratio = _seconds(theirs) / _seconds(own)
        goals.append(Goal(f"{wanted}: {WAYS[way]}, n = {n}", f"{ratio:.1f}x", ratio >= least))
    for n, way, _, own in _each(found):
        if own["traces"] is not None:
            goals.append(
                Goal(
                    f"no second compilation for a second start: {WAYS[way]}, n = {n}",
                    f"{1e3 * own['first']:.0f} ms, then {1e3 * own['other start']:.1f} ms",
                    own["traces"] == 1 and own["other start"] < 0.5 * own["first"],
                )
            )
    return goals


def _table(found: Found) -> Table:
    columns = ["search", "n", "iterations", "TFP ms", "nelder ms", "TFP / nelder"]
    columns += [
        "nelder µs/evaluation",
        "µs/call of the objective",
        "first: TFP ms",
        "first: nelder ms",
    ]
    columns += ["other start: TFP ms", "other start: nelder ms"]
    rows = []
    for n, way, theirs, own in _each(found):
        objective = found["objective"][n].get(way)
        rows.append(
            [
                WAYS[way],
                int(n),
                own["iterations"],
                1e3 * _seconds(theirs),
                1e3 * _seconds(own),
                _seconds(theirs) / _seconds(own),
                1e6 * _seconds(own) / own["evaluations"],
                None if objective is None else 1e6 * objective,
                1e3 * theirs["first"],
                1e3 * own["first"],
                None if theirs["other start"] is None else 1e3 * theirs["other start"],
                None if own["other start"] is None else 1e3 * own["other start"],
            ]
        )
    return Table("Rosenbrock from (-1.2, 1, -1.2, 1, ...), float64", columns, rows)


def run() -> Report:
    """Measure TFP and nelder in one process of a Python that has both."""
    found = _measured()
    if not found["compiled"]:
        raise BuildError("nelder is not compiled in the Python that has TFP")
    return Report(
        "TensorFlow Probability's nelder_mead_minimize and its replacement",
        _goals(found),
        [_table(found)],
        [
            "Both make the same iterations, with default arguments: tolerances 1e-8, either of "
            "which ends the search. nelder does not evaluate the last reflection.",
            "Operations: the objective is written with slices and operators, as most are, and "
            "called eagerly, as TFP does. What it takes itself, nearly all of nelder's time, no "
            "search can save. A tf.function: the same objective, decorated; "
            "nelder runs its graph, which takes less than a call of it.",
            "First: the first call, with the tracing and compilation of that function. Other "
            "start: the next call, with another start, given as a tensor.",
            "Processor time of all threads, so that other programs on the machine do not count; "
            "medians of interleaved rounds in one process.",
        ],
        packages=found["packages"],
    )
