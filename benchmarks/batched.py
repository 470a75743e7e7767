"""Thousands of searches at once, beside TensorFlow Probability and optimistix."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.build import BuildError
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table
from benchmarks.timing import median

__all__ = ["run"]

SEARCHES, DIM = 10_000, 4
TOLERANCE = 1e-8
ROUNDS = 5  # twice of nelder's, before and after TFP
ONE_BY_ONE = 100  # searches by tf.map_fn, whose time is that much a search
OTHERS = ((100, 4), (100_000, 4), (SEARCHES, 2), (1000, 10), (100, 20))
VARIABLE = "NELDER_BENCH_TFP"
USUAL = Path(__file__).parents[1] / ".venv-bench-tfp" / "bin" / "python"

TFP, MAP_FN = "TFP on JAX, jit(vmap)", "TFP on TensorFlow, tf.map_fn"
OPTIMISTIX = "optimistix, jit(vmap)"
OWN = {
    "nelder on JAX": ("jax", "nelder"),
    "nelder on JAX, TFP's decisions": ("jax", "tfp"),
    "nelder on TensorFlow": ("tensorflow", "nelder"),
    "nelder on TensorFlow, XLA": ("xla", "nelder"),
    "nelder on PyTorch": ("torch", "nelder"),
    "nelder on NumPy": ("numpy", "nelder"),
}
SLOW = ("torch", "numpy")  # libraries that are measured less often


@dataclass
class Searches:
    """What became of all searches: values, evaluations in all, seconds by round and of the first.

    `searches` is how many there were.
    """

    values: Array
    evaluations: int
    seconds: list[float]
    first: float
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def searches(self) -> int:
        return len(self.values)

    @property
    def each(self) -> float:
        """Seconds a search."""
        return median(np.array(self.seconds)) / self.searches

    def share(self, least: float) -> float:
        return float(np.mean(self.values <= least))


def _python() -> Path:
    return Path(os.environ.get(VARIABLE, USUAL))


def _run(python: str, script: str, *arguments: str, lanes: int, n: int) -> Searches:
    """Run a program of this folder on the starts; the last line that it prints is JSON."""
    with tempfile.TemporaryDirectory(prefix="nelder-bench-") as folder:
        path = Path(folder) / "starts.npy"
        np.save(path, np.random.default_rng(0).uniform(-2.0, 2.0, (lanes, n)))
        given = [str(path) if argument == "-starts" else argument for argument in arguments]
        command = [python, str(Path(__file__).with_name(script)), *given]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"{script} does not run: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    found["first"] = found.pop("compile", None) or found.get("first")
    return Searches(**(found | {"values": np.array(found["values"])}))


def _own(name: str, lanes: int = SEARCHES, n: int = DIM, rounds: int = ROUNDS) -> Searches:
    library, method = OWN[name]
    rounds = 1 if library in SLOW else rounds
    script = "batched_searches.py"
    arguments = (library, method, "-starts", str(rounds))
    return _run(sys.executable, script, *arguments, lanes=lanes, n=n)


def _tfp(lanes: int = SEARCHES, n: int = DIM, rounds: int = ROUNDS) -> Searches:
    arguments = ("-starts", str(lanes), str(rounds))
    return _run(str(_python()), "tfp_searches.py", *arguments, lanes=lanes, n=n)


def _row(name: str, found: Searches, against: float | None) -> list[str | int | float | None]:
    return [
        name,
        found.searches,
        found.each * found.searches,
        1e6 * found.each,
        found.evaluations / found.searches,
        f"{found.share(1e-8):.1%}",
        f"{found.share(1e-4):.1%}",
        found.first,
        None if against is None else against / found.each,
    ]


def _measure(rival: bool) -> dict[str, Searches]:
    found = {name: _own(name) for name in OWN}
    found[OPTIMISTIX] = _run(
        sys.executable, "batched_searches.py", "optimistix", "-", "-starts", "2",
        lanes=SEARCHES, n=DIM,
    )  # fmt: skip
    if rival:
        found[TFP] = _tfp()
        found[MAP_FN] = _run(
            str(_python()), "tfp_map_fn.py", "-starts", "1", lanes=ONE_BY_ONE, n=DIM
        )
    for name in OWN:
        found[name].seconds += _own(name).seconds
    return found


def _goals(found: dict[str, Searches]) -> list[Goal]:
    goals = []
    for name in ("nelder on JAX, TFP's decisions", "nelder on JAX"):
        ratio = found[TFP].each / found[name].each
        goal = f"at least 6x faster than TFP under jit(vmap): {name}"
        goals.append(Goal(goal, f"{ratio:.1f}x", ratio >= 6.0))
    own, theirs = found["nelder on JAX"].share(1e-4), found[TFP].share(1e-4)
    goals.append(
        Goal("at least TFP's share solved (f ≤ 1e-4)", f"{own:.1%}, {theirs:.1%}", own >= theirs)
    )
    ratio = found[MAP_FN].each / found["nelder on TensorFlow"].each
    goals.append(
        Goal("at least 50x faster than tf.map_fn over TFP", f"{ratio:.0f}x", ratio >= 50.0)
    )
    return goals


def _other(lanes: int, n: int) -> list[str | int | float | None]:
    rounds = 1 if n >= 10 or lanes * n > 1e5 else ROUNDS
    own = _own("nelder on JAX", lanes, n, rounds)
    same = _own("nelder on JAX, TFP's decisions", lanes, n, rounds)
    rival = _tfp(lanes, n, rounds)
    return [
        lanes,
        n,
        own.each * lanes,
        same.each * lanes,
        rival.each * lanes,
        rival.each / own.each,
        rival.each / same.each,
        f"{own.share(1e-4):.1%}",
        f"{rival.share(1e-4):.1%}",
    ]


def run() -> Report:
    """Measure nelder's libraries, and TFP where there is a Python that has it."""
    rival = _python().exists()
    found = _measure(rival)
    against = found[TFP].each if rival else None
    columns = ["solver", "searches", "s", "µs/search", "evaluations/search", "f ≤ 1e-8"]
    columns += ["f ≤ 1e-4", "first call s", "TFP on JAX / it"]
    tables = [
        Table(
            f"Rosenbrock, n = {DIM}",
            columns,
            [_row(name, each, against) for name, each in found.items()],
        )
    ]
    if rival:
        titles = ["B", "n", "nelder s", "TFP's decisions s", "TFP s", "TFP / nelder"]
        titles += ["TFP / same decisions", "nelder f ≤ 1e-4", "TFP f ≤ 1e-4"]
        tables.append(
            Table("Other numbers of searches and dimensions, on JAX", titles,
                  [_other(lanes, n) for lanes, n in OTHERS])
        )  # fmt: skip
    packages = {name: text for each in found.values() for name, text in each.packages.items()}
    if rival:  # its JAX is another one
        theirs = found[TFP].packages
        packages = packages | {f"{name} of TFP": text for name, text in theirs.items()}
        packages |= found["nelder on JAX"].packages
    return Report(
        f"{SEARCHES} searches at once",
        _goals(found) if rival else [],
        tables,
        [
            f"Starts: uniform in [-2, 2], `default_rng(0)`, the same for all; double precision. "
            f"nelder: `nelder.batched.minimize`; both tolerances {TOLERANCE:g}, and a look around "
            f"each point found. TFP's decisions: its first simplex, coefficients and rule, either "
            f"tolerance {TOLERANCE:g}, and no look around.",
            "TFP: `nelder_mead_minimize` under `jax.jit(jax.vmap(...))`, and on TensorFlow by "
            f"`tf.map_fn` in a `tf.function`, of the first {ONE_BY_ONE} starts. optimistix: "
            f"`NelderMead(rtol={TOLERANCE:g}, atol={TOLERANCE:g})` under `jit(vmap)`; it counts "
            "steps, not evaluations.",
            "f ≤ 1e-4 is the share of searches in the basin of the minimum 0: there is a second "
            "minimum at 3.70. f ≤ 1e-8 is the share that also came near.",
            f"Time on the wall, medians of {ROUNDS} calls after a first one, which traces and "
            "compiles; of nelder's of twice as many, before and after the others. Each solver in a "
            "process of its own.",
            *([] if rival else [f"No Python with TFP at {_python()}; `make bench-tfp` makes one."]),
        ],
        packages=packages,
    )


if __name__ == "__main__":
    print(run().markdown())
