"""Ten thousand searches with an objective in C, beside JAX."""

import ctypes
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

import nelder
from benchmarks.build import BuildError, shared_library
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import median

__all__ = ["run"]

SEARCHES, DIM = 10_000, 4
THREADS = 2
TOLERANCE = 1e-8
ROUNDS = 3  # twice of nelder's, before and after JAX
BATCH = 500  # with which JAX was quickest
VARIABLE = "NELDER_BENCH_TFP"
USUAL = Path(__file__).parents[1] / ".venv-bench-tfp" / "bin" / "python"

OWN, SAME = "nelder", "nelder, TFP's decisions"
TFP, BATCHES = "TFP on JAX", f"TFP on JAX, {BATCH} at a time"


@dataclass
class Searches:
    """What became of all searches: their values, their evaluations in all, and seconds by round."""

    values: Array
    evaluations: int
    seconds: list[float]
    compile: float | None = None
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def middle(self) -> float:
        return median(np.array(self.seconds))

    def share(self, least: float) -> str:
        return f"{np.mean(self.values <= least):.1%}"


def _starts() -> Array:
    return np.random.default_rng(0).uniform(-2.0, 2.0, (SEARCHES, DIM))


def _nelder(threads: int, method: nelder.NelderMead) -> Searches:
    function = shared_library("rosenbrock.c").rosenbrock_usual
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    objective, starts, seconds = nelder.NativeObjective(address), _starts(), []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        result = nelder.multistart(objective, starts, method=method, workers=threads)
        seconds.append(time.perf_counter() - begin)
    return Searches(result.values, result.nfev, seconds)


def _tfp(batch: int) -> Searches:
    """Run TFP with the Python that has it."""
    with tempfile.TemporaryDirectory(prefix="nelder-bench-") as folder:
        path = Path(folder) / "starts.npy"
        np.save(path, _starts())
        script = Path(__file__).with_name("tfp_searches.py")
        command = [str(_python()), str(script), str(path), str(batch), str(ROUNDS)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"TFP does not run: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Searches(**(found | {"values": np.array(found["values"])}))


def _python() -> Path:
    return Path(os.environ.get(VARIABLE, USUAL))


def _row(name: str, found: Searches, against: float) -> list[str | int | float | None]:
    return [
        name,
        found.middle,
        1e6 * found.middle / SEARCHES,
        found.evaluations / SEARCHES,
        1e9 * found.middle / found.evaluations,
        found.share(1e-8),
        found.share(1e-4),
        found.compile,
        found.middle / against,
    ]


def _measure(rival: bool) -> dict[str, Searches]:
    stop = nelder.EitherTolerance(TOLERANCE, TOLERANCE)
    both = nelder.Tolerance(TOLERANCE, TOLERANCE)
    default = nelder.NelderMead(convergence=stop)
    compared = {
        OWN: partial(_nelder, THREADS, default),
        SAME: partial(_nelder, THREADS, replace(nelder.NelderMead.tfp(), convergence=stop)),
    }
    found = {name: measure() for name, measure in compared.items()}
    if rival:
        found |= {TFP: _tfp(SEARCHES), BATCHES: _tfp(BATCH)}
    for name, measure in compared.items():
        found[name].seconds += measure().seconds
    return found | {
        "nelder, one thread": _nelder(1, default),
        "nelder, both tolerances": _nelder(THREADS, nelder.NelderMead(convergence=both)),
    }


def _goals(found: dict[str, Searches]) -> list[Goal]:
    ratios = {
        f"at least 20x faster than TFP under jit(vmap): {what}": found[TFP].middle / own.middle
        for what, own in (("the same work", found[SAME]), ("nelder as it is", found[OWN]))
    }
    return [Goal(goal, f"{ratio:.1f}x", ratio >= 20.0) for goal, ratio in ratios.items()]


def run() -> Report:
    """Measure nelder, and TFP where there is a Python that has it."""
    rival = _python().exists()
    found = _measure(rival)
    own = found[OWN].middle
    columns = ["solver", "s", "µs/search", "evaluations/search", "ns/evaluation"]
    columns += ["f ≤ 1e-8", "f ≤ 1e-4", "compile s", "/ nelder"]
    return Report(
        f"{SEARCHES} searches of an objective in C",
        _goals(found) if rival else [],
        [
            Table(
                f"Rosenbrock, n = {DIM}, {THREADS} threads",
                columns,
                [_row(name, each, own) for name, each in found.items()],
            )
        ],
        [
            f"Starts: uniform in [-2, 2], `default_rng(0)`, the same for all. A search ends once "
            f"its simplex or its values are within {TOLERANCE:g}, TFP's rule, which nelder has as "
            "EitherTolerance; the last row asks for both, as nelder does by default. Each "
            "takes its own first simplex and coefficients, and nelder looks around what it "
            "found. The same work: nelder with TFP's coefficients and first simplex, and no look "
            "around.",
            "f ≤ 1e-4 is the share of searches in the basin of the minimum 0: there is a second "
            "minimum at 3.70. f ≤ 1e-8 is the share that also came near.",
            "TFP: `jax.jit(jax.vmap(nelder_mead_minimize))` in double precision, compiled before "
            "the clock starts; all searches at once, each step taken for all until the last is "
            f"done, or {BATCH} at a time, which was the quickest of 10 to 10,000. XLA uses as many "
            "threads as it likes.",
            "nelder: one call of `multistart`, with all that it returns.",
            f"Time on the wall, medians of {ROUNDS} runs; of the first two rows of twice as many, "
            "before and after TFP's.",
            *([] if rival else [f"No Python with TFP at {_python()}; `make bench-tfp` makes one."]),
        ],
        packages=found[TFP].packages if rival else {},
    )
