"""What the journal costs, and how long it takes to go on from it."""

import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

import nelder
from benchmarks.peers import NEVER
from benchmarks.problems.problem import Array
from benchmarks.problems.scalable import scalable
from benchmarks.report import RESULTS, Goal, Report, Table, installed
from benchmarks.timing import Run, costs, median
from nelder.evaluation import Evaluation, Outcome
from nelder.journal.store import Journal

__all__ = ["run"]

DIM = 4
SHORT, LONG = 20, 120
ROUNDS = 41
RIVAL_ROUNDS = 5
RECORDED = 1_000_000
AT_ONCE = 10_000  # rows of a transaction that prepares the replay

BARE, APPEND, SEARCH = "bare SQLite commit", "Journal.append", "minimize"
SQLITE = "Optuna, SQLite"


def _outcome(value: float) -> Outcome:
    return Outcome(value, None, 1.7e9, 0.01, "host:1")


# What a commit costs


@contextmanager
def _bare(folder: Path) -> Iterator[Run]:
    """Commit one row of the same size, in a log of the usual kind, with nothing around it."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    execute = connection.execute
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = FULL")
    execute(
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, x BLOB, value REAL, began REAL, seconds REAL)"
    )
    x = bytes(8 * DIM)

    def run(times: int) -> int:
        for _ in range(times):
            execute("INSERT INTO rows VALUES (NULL, ?, ?, ?, ?)", (x, 1.0, 1.7e9, 0.01))
        return times

    with closing(connection):
        yield run


@contextmanager
def _append(folder: Path) -> Iterator[Run]:
    """Record evaluations one by one."""
    x = np.zeros(DIM)

    def run(times: int) -> int:
        for i in range(times):
            journal.append([Evaluation(0, x, _outcome(float(i)), 1, True)])
        return times

    with closing(Journal.open(folder / "append.db", "main", {})) as journal:
        yield run


@contextmanager
def _search(folder: Path) -> Iterator[Run]:
    """Run whole searches of a cheap objective, each with a study of its own."""
    valley = scalable(DIM)[2]
    studies = count()
    method = nelder.NelderMead(convergence=NEVER)

    def run(times: int) -> int:
        journal = (folder / "search.db", str(next(studies)))
        return nelder.minimize(
            valley.fun, valley.x0, method=method, maxfev=times, journal=journal
        ).nfev

    yield run


@contextmanager
def _optuna(folder: Path, sqlite: bool) -> Iterator[Run]:
    """Ask for and tell trials of as many parameters, one by one; the sampler is the cheapest."""
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if sqlite:
        storage = RDBStorage(f"sqlite:///{folder / 'optuna.db'}")
    else:
        storage = JournalStorage(JournalFileBackend(str(folder / "optuna.log")))
    real = optuna.distributions.FloatDistribution(-1.0, 1.0)
    distributions = {f"x{i}": real for i in range(DIM)}

    def run(times: int) -> int:
        study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(0))
        for i in range(times):
            study.tell(study.ask(distributions), float(i))
        return times

    yield run


def _commits(folder: Path, rival: bool) -> dict[str, float]:
    """Return milliseconds for an evaluation."""
    own = {BARE: _bare(folder), APPEND: _append(folder), SEARCH: _search(folder)}
    rivals = {SQLITE: _optuna(folder, True), "Optuna, journal": _optuna(folder, False)}
    found = _slopes(own, ROUNDS)
    return found | (_slopes(rivals, RIVAL_ROUNDS) if rival else {})


def _slopes(contexts: dict[str, AbstractContextManager[Run]], rounds: int) -> dict[str, float]:
    with ExitStack() as stack:
        runs = {name: stack.enter_context(context) for name, context in contexts.items()}
        found = costs(runs, SHORT, LONG, rounds, clock=time.perf_counter)
    return {name: 1e3 * median(cost.per_evaluation) for name, cost in found.items()}


# Going on from a million


class _Falling:
    """Noise that falls slowly, whatever x is, so that a search never ends; it counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Array) -> float:
        self.calls += 1
        return 0.618034 * self.calls % 1.0 - 0.4 * self.calls / (DIM + 1)


def _minimize(fun: _Falling, maxfev: int, **settings: Any) -> nelder.Result:
    method = nelder.NelderMead(convergence=NEVER)
    return nelder.minimize(fun, np.ones(DIM), method=method, maxfev=maxfev, **settings)


def _prepare(path: Path) -> nelder.Result:
    """Make a journal of a long search, many evaluations at a time; return the search."""
    result = _minimize(_Falling(), RECORDED, history=True)
    assert result.history is not None
    _minimize(_Falling(), 1, journal=path)  # the study and its first evaluation
    rows = zip(result.history.points[1:], result.history.values[1:].tolist(), strict=True)
    with closing(Journal.open(path, "main", nelder.load(path).settings)) as journal:
        for some in batched(rows, AT_ONCE):
            journal.append([Evaluation(0, x, _outcome(value), 1, True) for x, value in some])
    return result


def batched(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Return lists of so many rows."""
    rows = iter(rows)
    while some := list(islice(rows, size)):
        yield some


def _replay(folder: Path) -> dict[str, float]:
    """Return the seconds to go on from a journal, to load it, and its size in MB."""
    path = folder / "long.db"
    before = _prepare(path)
    objective = _Falling()
    begin = time.perf_counter()
    after = _minimize(objective, RECORDED, journal=path)
    resumed = time.perf_counter()
    loaded = nelder.load(path)
    assert len(loaded.evaluations.values) == RECORDED
    read = time.perf_counter()
    assert objective.calls == 0, "all of it was recorded"
    assert (after.nfev, after.fun) == (before.nfev, before.fun)
    assert np.array_equal(after.x, before.x)
    return {
        "minimize goes on, s": resumed - begin,
        "nelder.load and its arrays, s": read - resumed,
        "file, MB": path.stat().st_size / 1e6,
    }


# The report


def run() -> Report:
    """Measure in a temporary folder; Optuna where it is installed."""
    packages = installed("optuna", "sqlalchemy") | {"sqlite": sqlite3.sqlite_version}
    rival = packages["optuna"] != "none"
    # /tmp may be in memory, where durability costs nothing
    with tempfile.TemporaryDirectory(prefix="nelder-bench-", dir=RESULTS) as name:
        commits = _commits(Path(name), rival)
        replay = _replay(Path(name))
    goals = [
        Goal(
            "at most 0.2 ms for an evaluation, on disk",
            f"{commits[APPEND]:.3f} ms",
            commits[APPEND] <= 0.2,
        )
    ]
    if rival:
        ratio = commits[SQLITE] / commits[APPEND]
        goals.append(
            Goal("at least 50x less than Optuna with SQLite", f"{ratio:.0f}x", ratio >= 50.0)
        )
    seconds = replay["minimize goes on, s"]
    goals.append(
        Goal(
            f"going on from {RECORDED} evaluations in under 20 s",
            f"{seconds:.1f} s",
            seconds < 20.0,
        )
    )
    return Report(
        "The journal",
        goals,
        [
            Table(
                "Milliseconds for an evaluation",
                ["what", "ms", "/ bare commit"],
                [[name, ms, ms / commits[BARE]] for name, ms in commits.items()],
            ),
            Table(f"{RECORDED} recorded evaluations", list(replay), [list(replay.values())]),
        ],
        [
            f"{DIM} coordinates. Every evaluation is on disk before the next begins, in all rows: "
            "one commit with fsync for nelder and for the bare row, as many as Optuna makes for "
            "asking for a trial and telling its value.",
            f"{BARE}: an INSERT of a row of the same content into a SQLite file with a write-ahead "
            "log and `synchronous = FULL`. nelder's log has smaller pages and its full size from "
            "the start, which can make it cheaper than that.",
            f"{APPEND}: what the journal does. {SEARCH}: a whole search with it, of an objective "
            "of some microseconds.",
            "Optuna: `ask` with fixed distributions and `tell`, the random sampler, its storages "
            "as they come.",
            f"Time on the wall, in the folder of results; the slope between {SHORT} and {LONG} "
            f"evaluations, medians of {ROUNDS} interleaved rounds (Optuna: {RIVAL_ROUNDS}).",
            "Going on: the same call again, whose evaluations are all recorded. It opens, reads "
            "and replays them, and must end where the search without a journal ended, without "
            "calling the objective. The file is in the system's cache.",
            *([] if rival else ["Optuna is not installed (`pip install optuna`)."]),
        ],
        packages=packages,
    )
