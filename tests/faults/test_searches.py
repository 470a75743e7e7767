"""What goes wrong under a search ends in a finished search, or an error with the best point.

And in either case in a journal that goes on from there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import nelder

X0 = np.array([-1.2, 1.0, 0.5])
MAXFEV = 60
FATAL = 9  # the evaluation at which it happens


def bowl(x):
    return float(np.sum((x - 0.25) ** 2 * (1.0, 3.0, 9.0)))


class UnpicklableError(Exception):
    def __reduce__(self):
        raise TypeError("not to be sent anywhere")


def kill():
    os.kill(os.getpid(), 9)


def leave():
    os._exit(3)


def exit_python():
    sys.exit(4)


def segfault():
    ctypes.string_at(0)


def hang():
    time.sleep(1000.0)


def fail():
    raise UnpicklableError("at this point")


class Ill:
    """A bowl that goes wrong at one point, the first so many times."""

    def __init__(self, folder, how, times):
        self.folder, self.how, self.times = str(folder), how, times

    def __call__(self, x):
        if x.tobytes() == fatal_point():
            count = len(os.listdir(self.folder))
            if count < self.times:
                Path(self.folder, str(count)).touch()
                self.how()
        return bowl(x)


def fatal_point():
    return whole().history.points[FATAL].tobytes()


def whole():
    return nelder.minimize(bowl, X0, maxfev=MAXFEV, history=True)


def same(result, other):
    assert result.history.points.tobytes() == other.history.points.tobytes()
    assert result.final_simplex.vertices.tobytes() == other.final_simplex.vertices.tobytes()
    assert (result.fun, result.status, result.nfev) == (other.fun, other.status, other.nfev)


def run(objective, journal, **options):
    given = {"workers": 2, "maxfev": MAXFEV, "history": True, "journal": journal, **options}
    return nelder.minimize(objective, X0, **given)


FAULTS = {
    "killed": (kill, "the worker died"),
    "os._exit": (leave, "the worker died"),
    "sys.exit": (exit_python, "SystemExit"),
    "segfault": (segfault, "the worker died"),
    "hangs": (hang, "no answer within 1"),
    "unpicklable": (fail, "UnpicklableError"),
}


@pytest.fixture
def ill(tmp_path):
    folder = tmp_path / "times"
    folder.mkdir()
    return lambda how, times=1: Ill(folder, how, times)


@pytest.mark.parametrize(("how", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_raises_with_the_best_point_and_the_journal_goes_on(ill, tmp_path, how, message):
    journal = tmp_path / "fit.db"
    objective = ill(how)
    with pytest.raises(nelder.EvaluationError, match=message) as error:
        run(objective, journal, timeout=1.0)
    assert error.value.x.tobytes() == fatal_point()
    assert error.value.result.nfev == FATAL + 1
    assert error.value.result.fun == whole().history.values[:FATAL].min()
    failures = nelder.load(journal).failures
    assert len(failures) == 1
    assert message in failures.messages[0]
    same(run(objective, journal, timeout=1.0), whole())


@pytest.mark.parametrize("how", [kill, hang])
def test_a_fault_that_a_retry_mends_leaves_no_trace(ill, tmp_path, how):
    result = run(ill(how, 2), tmp_path / "fit.db", timeout=1.0, retries=2)
    same(result, whole())
    attempts = nelder.load(tmp_path / "fit.db").failures.attempts
    assert attempts.tolist() == [1, 2]


@pytest.mark.parametrize("how", [kill, fail])
def test_a_fault_for_good_ranks_worst_and_is_replayed_as_such(ill, tmp_path, how):
    objective = ill(how, 99)
    first = run(objective, tmp_path / "fit.db", on_failure="worst")
    assert first.nfev == MAXFEV
    assert first.nfailed == 1
    again = run(objective, tmp_path / "fit.db", on_failure="worst", workers=None)
    same(again, first)


def test_a_broken_executor_is_an_error_and_another_goes_on(ill, tmp_path):
    journal = tmp_path / "fit.db"
    objective = ill(kill)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        with pytest.raises(nelder.ExecutorError) as error:
            run(objective, journal, workers=executor)
        assert error.value.result.nfev >= 4
        recorded = nelder.load(journal)
        assert error.value.result.fun in recorded.evaluations.values
        assert error.value.result.fun >= recorded.best.value  # what was made ahead may be lower
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        same(run(objective, journal, workers=executor), whole())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, and a function that makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("file systems can be mounted by root on Linux only")
    yield (
        folder,
        lambda: subprocess.run(["mount", "-o", "remount,size=16M", str(folder)], check=True),
    )
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_error_and_the_search_goes_on_when_there_is_room(small_disk):
    folder, enlarge = small_disk
    journal = folder / "fit.db"
    options = {"workers": None, "maxfev": 300}
    expected = nelder.minimize(bowl, X0, maxfev=300, history=True)
    evaluated = []

    def filling(x):
        evaluated.append(x.tobytes())
        if len(evaluated) == 20:  # somebody else takes what is left
            other = os.open(folder / "other", os.O_WRONLY | os.O_CREAT)
            with contextlib.suppress(OSError):
                while os.write(other, bytes(4096)):
                    pass
            os.close(other)
        return bowl(x)

    with pytest.raises(nelder.JournalError, match="full") as error:
        run(filling, journal, **options)
    recorded = len(nelder.load(journal).evaluations)
    assert error.value.result.nfev == recorded == len(evaluated) - 1
    assert error.value.result.fun == expected.history.values[:recorded].min()
    last = repr(expected.history.values[recorded].item())
    assert last in str(error.value), "the value that could not be recorded is not told"
    enlarge()
    same(run(filling, journal, **options), expected)
    assert len(evaluated) == expected.nfev + 1  # the one that was not recorded


def must_not_be_called(x):
    raise AssertionError("evaluated before the journal was looked at")


@pytest.mark.parametrize("what", ["text", "database", "truncated", "folder", "nowhere"])
def test_a_file_that_is_no_good_is_refused_before_anything_is_evaluated(tmp_path, what):
    journal = tmp_path / "fit.db"
    if what == "text":
        journal.write_text("a = 1\n" * 1000)
    elif what == "database":
        import sqlite3

        other = sqlite3.connect(journal)
        other.execute("CREATE TABLE t (x)")
        other.commit()
        other.close()
    elif what == "truncated":
        run(bowl, journal, workers=None)
        os.truncate(journal, journal.stat().st_size // 2)
    elif what == "folder":
        journal.mkdir()
    else:
        journal = tmp_path / "none" / "fit.db"
    before = journal.read_bytes() if journal.is_file() else None
    with pytest.raises(nelder.JournalError, match=r"fit\.db") as error:
        run(must_not_be_called, journal, workers=None)
    assert error.value.result is None
    assert before is None or journal.read_bytes() == before


def test_another_problem_is_refused_with_the_difference_named(tmp_path):
    journal = tmp_path / "fit.db"
    run(bowl, journal, workers=None)
    with pytest.raises(nelder.JournalMismatchError, match=r"objective.*bowl.*must_not_be_called"):
        run(must_not_be_called, journal, workers=None)
    method = nelder.NelderMead(convergence=nelder.Tolerance(xatol=1e-4))
    with pytest.raises(nelder.JournalMismatchError, match=r"xatol: recorded 1e-08, now 0.0001"):
        run(bowl, journal, workers=None, method=method)
    data = np.arange(1000.0)
    nelder.minimize(lambda x, d: bowl(x), X0, args=(data,), journal=(journal, "data"), maxfev=9)
    with pytest.raises(nelder.JournalMismatchError, match=r"args\[0\]"):
        nelder.minimize(
            lambda x, d: bowl(x), X0, args=(data + 1.0,), journal=(journal, "data"), maxfev=9
        )


def test_a_second_call_on_a_study_is_told_who_holds_it(tmp_path):
    journal = tmp_path / "fit.db"

    def nested(x):
        run(bowl, journal, workers=None)
        return 0.0

    with pytest.raises(nelder.EvaluationError) as error:
        run(nested, journal, workers=None)
    assert isinstance(error.value.__cause__, nelder.JournalLockedError)
    assert str(os.getpid()) in str(error.value.__cause__)
