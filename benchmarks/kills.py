"""What is lost when the driver of a search is killed, again and again."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nelder
from benchmarks.killed import (
    ACKNOWLEDGED,
    ANSWERED,
    JOURNAL,
    MANY,
    MANY_MAXFEV,
    RESULT,
    WORKERS,
    is_many,
    read_log,
    search,
    told,
    valley,
)
from benchmarks.report import RESULTS, Goal, Report, Table, installed

__all__ = ["run"]

KILLS = 200
SEED = 0
# Seconds from the beginning of the call to the kill, at most: processes have to start first.
WINDOW = {"none": 0.3, "threads": 0.3, "processes": 1.2}
PATIENCE = 120  # seconds for a run that is not killed in time


@dataclass
class Count:
    """What was found over all searches.

    Attributes
    ----------
    searches : int
        Or calls of `multistart`.
    many : int
        Of these, calls of `multistart`.
    kills : int
    kills_of_many : int
        Of these, those of a `multistart`.
    changes : int
        Runs that went on with another kind of workers than the one before.
    acknowledged : int
        Evaluations that the journal has said to have recorded.
    missing : int
        Those of them that were not in the journal after a kill.
    again : int
        Those of them that a later run asked for again.
    differing : int
        Searches whose result is not, bit for bit, that of the search nobody killed.
    wasted : int
        Evaluations that were made but on their way to the journal when the driver was killed.
    by_workers : Counter of str
        Kills.
    """

    searches: int = 0
    many: int = 0
    kills: int = 0
    kills_of_many: int = 0
    changes: int = 0
    acknowledged: int = 0
    missing: int = 0
    again: int = 0
    differing: int = 0
    wasted: int = 0
    by_workers: Counter[str] = field(default_factory=Counter)


def _run(folder: Path, seed: int, workers: str, number: int, seconds: float) -> bool:
    """Run the search, and kill it after so many seconds; return whether it ended before."""
    command = [sys.executable, "-m", "benchmarks.killed", str(folder), str(seed), workers]
    root = Path(__file__).parents[1]
    log = folder / "stderr"  # a file: a pipe would be held open by workers
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            [*command, str(number)], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=root
        ) as driver,
    ):
        assert driver.stdout is not None
        driver.stdout.readline()  # "begins"
        try:
            driver.wait(seconds)
        except subprocess.TimeoutExpired:
            driver.kill()
            return False
    assert driver.returncode == 0, log.read_text(encoding="utf-8")
    return True


def _missing(folder: Path) -> int:
    """Return how many acknowledged evaluations are not in the journal."""
    wanted = Counter((x, value) for _, x, value in read_log(folder / ACKNOWLEDGED))
    if not wanted:
        return 0
    found = nelder.load(folder / JOURNAL).evaluations
    pairs = zip(found.X, found.values.tolist(), strict=True)
    return (wanted - Counter((x.tobytes().hex(), value.hex()) for x, value in pairs)).total()


def _again(folder: Path) -> int:
    """Return how many evaluations were made in a run after the one that acknowledged them."""
    known: dict[str, int] = {}
    for run, x, _ in read_log(folder / ACKNOWLEDGED):
        known.setdefault(x, run)
    return sum(x in known and known[x] < run for run, x, _ in read_log(folder / ANSWERED))


def _one_search(folder: Path, seed: int, moments: random.Random, count: Count) -> None:
    """Kill a search until it ends; add what became of it to the count."""
    kinds, before, number = list(WORKERS), None, 0
    while True:
        workers = moments.choice(kinds)
        moment = moments.uniform(0.0, WINDOW[workers] * (MANY if is_many(seed) else 1))
        count.changes += before not in (None, workers)
        before = workers
        ended = _run(folder, seed, workers, number, moment if count.kills < KILLS else PATIENCE)
        number += 1
        if ended:
            break
        assert count.kills < KILLS, f"a run did not end within {PATIENCE} s"
        count.kills += 1
        count.kills_of_many += is_many(seed)
        count.by_workers[workers] += 1
        count.missing += _missing(folder)
    time.sleep(1.5)  # workers of killed drivers end themselves
    acknowledged, answered = (read_log(folder / name) for name in (ACKNOWLEDGED, ANSWERED))
    result = json.loads((folder / RESULT).read_text(encoding="ascii"))
    count.searches += 1
    count.many += is_many(seed)
    count.acknowledged += len(acknowledged)
    count.missing += _missing(folder)
    count.again += _again(folder)
    count.wasted += len(answered) - len(acknowledged)
    count.differing += result != told(search(seed, valley))


def run() -> Report:
    """Kill searches until there were enough kills."""
    count, moments = Count(), random.Random(SEED)
    begin = time.perf_counter()
    while count.kills < KILLS:
        # /tmp may be in memory
        with tempfile.TemporaryDirectory(prefix="nelder-bench-", dir=RESULTS) as folder:
            _one_search(Path(folder), count.searches, moments, count)
    seconds = time.perf_counter() - begin
    lost = count.missing + count.again
    return Report(
        "Kills of the driver",
        [
            Goal(
                f"{KILLS} kills: no evaluation lost",
                f"{lost} of {count.acknowledged}; {count.missing} missing, {count.again} repeated",
                lost == 0 and count.kills == KILLS,
            ),
            Goal(
                "no result that differs in any bit",
                f"{count.differing} of {count.searches}",
                count.differing == 0,
            ),
        ],
        [
            Table(
                "Kills, by what evaluated when it happened",
                ["workers", "kills"],
                [[name, count.by_workers[name]] for name in WORKERS],
            ),
            Table(
                "Searches",
                [
                    "calls",
                    "ended",
                    "kills",
                ],
                [
                    [
                        "`minimize`",
                        count.searches - count.many,
                        count.kills - count.kills_of_many,
                    ],
                    [
                        f"`multistart`, {MANY} searches of {MANY_MAXFEV} evaluations",
                        count.many,
                        count.kills_of_many,
                    ],
                ],
            ),
            Table(
                "All together",
                [
                    "gone on with other workers",
                    "evaluations recorded",
                    "on their way when killed",
                    "s",
                ],
                [[count.changes, count.acknowledged, count.wasted, seconds]],
            ),
        ],
        [
            "A search, or a `multistart` of several, runs in a process of its own, which is killed "
            "with SIGKILL at a random moment after the call, up to "
            f"{WINDOW['none']:g} s ({WINDOW['processes']:g} s with processes), or {MANY} times as "
            "long for a `multistart`: so while it opens, replays, evaluates, records or closes. "
            "The same call goes on, with other workers as chance will have it (none, three "
            "threads, two processes of nelder's), until it has ended. The moments are drawn with "
            "a fixed seed.",
            "An evaluation counts as finished once its value has come back to the driver and "
            "`Journal.append` has returned; only then is it used. The driver then notes it in a "
            "log of its own (O_APPEND, fsync). It is lost if it is not in the journal after a "
            "kill, as `nelder.load` reads it, or if a later run calls the objective with the same "
            "point, as a log shows that the objective writes before it returns.",
            "On their way when killed: evaluations that were made, but whose values the driver had "
            "not recorded yet, at most as many at a time as there are workers; they are made "
            "again. Guesses of the look-ahead count in all figures.",
            "Results are compared with those of the call without workers and journal: every point "
            "and value in order, the last simplex, all counters and the status, and of a "
            "`multistart` what each search found; but not what was looked ahead for, nor times.",
            "A kill does not take the system's cache with it, as a power failure would: that "
            "everything is on the disk rests on SQLite's and the journal's fsync, and is not "
            "tested here.",
        ],
        packages=installed("pebble", "loky"),
    )
