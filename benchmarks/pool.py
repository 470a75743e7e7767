"""What an evaluation costs on workers, with an objective that does nothing."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import nelder
from benchmarks.peers import NEVER
from benchmarks.problems.problem import Array
from benchmarks.problems.scalable import scalable
from benchmarks.report import Goal, Report, Table, installed
from benchmarks.timing import Run, costs, median

__all__ = ["run"]

DIM = 4
LONG_DIM = 40  # of a Rosenbrock valley that is longer than the evaluations below
WORKERS = 2
ROUNDS = 41
SHORT, LONG = 20, 120
MEMORY = (5_000, 55_000)  # evaluations: where the driver's memory is read
MOST = 1.3  # times the bare round trip
KEPT = 16  # bytes an evaluation: a list of points that grew would show


def empty(x: Array) -> float:
    """Return 0."""
    return 0.0


Submit = Callable[[Array], Future[float]]
Opened = Iterator[tuple[Submit, Executor | int]]


@dataclass(frozen=True)
class Kind:
    """A kind of workers.

    Parameters
    ----------
    name : str
    package : str
        Which brings it; "" for the standard library.
    open : callable
        A context manager: how it submits without nelder, and what `nelder.minimize` takes as
        ``workers``.
    rounds : int
    """

    name: str
    package: str
    open: Callable[[], AbstractContextManager[tuple[Submit, Executor | int]]]
    rounds: int = ROUNDS


@contextmanager
def _pebble() -> Opened:
    from loky.backend import get_context as loky_context
    from pebble import ProcessPool

    with ProcessPool(WORKERS, context=loky_context("loky")) as pool:
        yield (lambda x: pool.schedule(empty, args=[x])), WORKERS
        pool.stop()


@contextmanager
def _threads() -> Opened:
    with ThreadPoolExecutor(WORKERS) as executor:
        yield (lambda x: executor.submit(empty, x)), executor


@contextmanager
def _processes() -> Opened:
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as executor:
        yield (lambda x: executor.submit(empty, x)), executor


@contextmanager
def _loky() -> Opened:
    from loky import ProcessPoolExecutor as LokyExecutor

    with LokyExecutor(WORKERS) as executor:
        yield (lambda x: executor.submit(empty, x)), executor


@contextmanager
def _dask() -> Opened:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, processes=True
    )
    with cluster, Client(cluster) as client:
        executor = client.get_executor(pure=False)
        yield (lambda x: executor.submit(empty, x)), executor


KINDS = (
    Kind("own processes, against pebble", "pebble", _pebble),
    Kind("ThreadPoolExecutor", "", _threads),
    Kind("ProcessPoolExecutor", "", _processes),
    Kind("loky", "loky", _loky),
    Kind("dask.distributed", "distributed", _dask, rounds=5),
)


# The cost of an evaluation


def _bare(submit: Submit, x: Array) -> Run:
    def run(times: int) -> int:
        for _ in range(times):
            submit(x).result()
        return times

    return run


def _pooled(pool, x: Array) -> Run:
    numbers = count()

    def run(times: int) -> int:
        for _ in range(times):
            pool.submit(next(numbers), x)
            while not pool.wait(None):
                pass
        return times

    return run


def _round_trips(kind: Kind) -> list[float]:
    """Return the microseconds of a bare round trip, and of one through nelder's pool."""
    from nelder.evaluate.pool import make_pool

    x = np.zeros(DIM)
    with kind.open() as (submit, workers), closing(make_pool(empty, workers, False, None)) as pool:
        runs = {"bare": _bare(submit, x), "nelder": _pooled(pool, x)}
        found = costs(runs, SHORT, LONG, kind.rounds, clock=time.perf_counter)
    return [1e6 * median(cost.per_evaluation) for cost in found.values()]


# The memory of the driver


class _Resident:
    """A callback that reads the memory of the process after so many evaluations, then ends."""

    def __init__(self) -> None:
        self.bytes: list[int] = []

    def __call__(self, intermediate_result: nelder.IntermediateResult) -> None:
        if intermediate_result.nfev >= MEMORY[len(self.bytes)]:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.bytes.append(pages * os.sysconf("SC_PAGE_SIZE"))
            if len(self.bytes) == len(MEMORY):
                raise StopIteration


def _growth(threads: bool) -> float:
    """Return the bytes by which this process grows with an evaluation."""
    memory = _Resident()
    valley = scalable(LONG_DIM)[2]
    with ThreadPoolExecutor(WORKERS) as executor:
        nelder.minimize(
            valley.fun,
            valley.x0,
            method=nelder.NelderMead(convergence=NEVER),
            maxfev=2 * MEMORY[-1],
            callback=memory,
            workers=executor if threads else WORKERS,
        )
    first, last = memory.bytes
    return (last - first) / (MEMORY[1] - MEMORY[0])


def _growths() -> dict[str, float]:
    """Measure in fresh processes: in an old one, growth may go into memory that it had before."""
    found = {}
    for name, threads in (("ThreadPoolExecutor", True), ("own processes", False)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            found[name] = fresh.submit(_growth, threads).result()
    return found


# The report


def run() -> Report:
    """Measure all kinds of workers that are installed."""
    packages = installed("pebble", "loky", "distributed")
    kinds = [kind for kind in KINDS if packages.get(kind.package) != "none"]
    left_out = [kind.package for kind in KINDS if kind not in kinds]
    rows: list[list[str | int | float | None]] = []
    for kind in kinds:
        bare, own = _round_trips(kind)
        rows.append([kind.name, bare, own, own / bare, own - bare])
    goals = [
        Goal(
            f"{kind.name}: at most {MOST:g}x its own round trip",
            f"{row[2]:.0f} µs against {row[1]:.0f} µs, {row[3]:.2f}x",
            row[3] <= MOST,
        )
        for kind, row in zip(kinds, rows, strict=True)
    ]
    growths = _growths() if Path("/proc/self/statm").exists() else {}
    goals += [
        Goal(
            f"{name}: the driver's memory is constant: at most {KEPT} bytes an evaluation",
            f"{growth:.1f} bytes",
            growth <= KEPT,
        )
        for name, growth in growths.items()
    ]
    return Report(
        "Cost of an evaluation on workers",
        goals,
        [
            Table(
                "Microseconds of a round trip of an empty objective",
                ["workers", "bare µs", "nelder's pool µs", "nelder / bare", "difference µs"],
                rows,
            ),
            Table(
                f"Growth of the driver from evaluation {MEMORY[0]} to {MEMORY[1]}",
                ["workers", "bytes an evaluation"],
                [[name, growth] for name, growth in growths.items()],
            ),
        ],
        [
            f"The objective returns 0; x has {DIM} coordinates; there are {WORKERS} workers and "
            "one task at a time, so that nothing overlaps.",
            "Bare: `submit(fun, x).result()` of the executor, and pebble's `schedule().result()`, "
            "on processes of the same kind as nelder's. nelder's pool: `submit` and `wait`, which "
            "also time the objective, check what it returns, and say who did it.",
            f"Time on the wall; the slope between {SHORT} and {LONG} evaluations; medians of "
            f"{ROUNDS} interleaved rounds (dask: 5).",
            "Memory: that of a whole search, in a fresh process, as the system counts it "
            "(resident set; Linux only), with look-ahead and without history: along the chained "
            f"Rosenbrock valley in {LONG_DIM} dimensions.",
            *([f"Not installed: {', '.join(left_out)}."] if left_out else []),
        ],
        packages=packages,
    )
