"""The journal: what is appended is what is read, by whom it may be written, and what it refuses."""

import ast
import contextlib
import json
import math
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder.journal
from nelder.errors import (
    InvalidArgumentError,
    JournalError,
    JournalLockedError,
    JournalMismatchError,
    MissingExtraError,
)
from nelder.evaluation import Evaluation, Failure, Outcome
from nelder.journal import schema
from nelder.journal.reading import load
from nelder.journal.store import Journal

NAN = math.nan
INF = math.inf


def evaluation(value, x=(1.0, 2.0), failure=None, search=0, attempt=1, final=True, worker="a:1"):
    outcome = Outcome(value, failure, 1.7e9, 0.25, worker)
    return Evaluation(search, np.array(x, dtype=np.float64), outcome, attempt, final)


def values_of(path, study="main", recorded=None):
    journal = Journal.open(path, study, recorded)
    values = [row[2] for row in journal.recorded()]
    journal.close()
    return values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.db"


@pytest.fixture
def journal(path):
    journal = Journal.open(path, "main", {"names": ["a", "b"]})
    yield journal
    journal.close()


def bits(numbers):
    """Bytes of the numbers, where any NaN is as good as another."""
    return [struct.pack("<d", NAN if math.isnan(number) else number) for number in numbers]


# What is appended is what is read

floats = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
texts = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates, too
kinds = st.sampled_from(["exception", "return value", "timeout", "died", "exit code", "output"])
whole = st.integers(min_value=0, max_value=2**63 - 1)


@st.composite
def evaluations(draw, dim):
    value = draw(floats)
    failure = draw(st.none() | st.builds(Failure, kinds, texts, texts))
    outcome = Outcome(value, failure, draw(floats), draw(floats), draw(texts))
    x = np.array(draw(st.lists(floats, min_size=dim, max_size=dim)), dtype=np.float64)
    return Evaluation(draw(whole), x, outcome, draw(whole), draw(st.booleans()))


batches = st.integers(0, 4).flatmap(
    lambda dim: st.lists(st.lists(evaluations(dim), max_size=4), max_size=4)
)


def tried_again(row, later):
    """Whether the next failure or further attempt at the point is the attempt after this."""
    for other in later:
        same = (other.search, other.x.tobytes()) == (row.search, row.x.tobytes())
        if same and (other.outcome.failure or other.attempt > 1):
            return bool(row.outcome.failure) and other.attempt == row.attempt + 1
    return False


def test_a_failure_that_was_tried_again_is_left_out(journal):
    failure = Failure("timeout", "no answer")
    rows = [
        evaluation(NAN, failure=failure, final=False),
        evaluation(NAN, (3.0, 4.0), failure),
        evaluation(5.0, attempt=2),
        evaluation(NAN, (3.0, 4.0), failure),  # another visit, not another attempt
        evaluation(6.0, (3.0, 4.0), attempt=2),
    ]
    journal.append(rows)
    kept = [(row.value, row.attempt) for row in journal.recorded() if not row.failure]
    assert kept == [(5.0, 2), (6.0, 2)]
    assert [row.x for row in journal.recorded() if row.failure] == [rows[1].x.tobytes()]


@settings(max_examples=60)
@given(batches, texts.filter(len), st.dictionaries(texts, texts | floats | whole))
def test_what_is_appended_is_what_is_read(batches, study, described):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fit.db")
        journal = Journal.open(path, study, described)
        for batch in batches:
            journal.append(batch)
        journal.close()
        journal = Journal.open(path, study, described)
        recorded = list(journal.recorded())
        journal.close()
        read = load(path)[study]
    rows = [row for batch in batches for row in batch]
    outcomes = [row.outcome for row in rows]
    failures = [outcome.failure or Failure("", "") for outcome in outcomes]

    counts = [row for i, row in enumerate(rows) if not tried_again(row, rows[i + 1 :])]
    assert [row.search for row in recorded] == [row.search for row in counts]
    assert [row.x for row in recorded] == [row.x.tobytes() for row in counts]
    assert bits(row.value for row in recorded) == bits(row.outcome.value for row in counts)
    told = [row.outcome.failure for row in counts]
    kinds = [(failure.kind, failure.message) if failure else None for failure in told]
    read_kinds = [row.failure and (row.failure.kind, row.failure.message) for row in recorded]
    assert read_kinds == kinds
    assert [row.attempt for row in recorded] == [row.attempt for row in counts]
    assert [row.final for row in recorded] == [row.final for row in counts]

    table = read.evaluations
    assert len(table) == len(rows)
    assert table.search.tolist() == [row.search for row in rows]
    assert table.X.tobytes() == b"".join(row.x.tobytes() for row in rows)
    assert bits(table.values) == bits(o.value for o in outcomes)
    assert table.failures.tolist() == [failure.kind for failure in failures]
    assert table.messages.tolist() == [failure.message for failure in failures]
    assert table.details.tolist() == [failure.details for failure in failures]
    assert bits(table.began) == bits(o.began for o in outcomes)
    assert bits(table.seconds) == bits(o.seconds for o in outcomes)
    assert table.workers.tolist() == [o.worker for o in outcomes]
    assert table.attempts.tolist() == [row.attempt for row in rows]
    assert table.final.tolist() == [row.final for row in rows]
    assert read.settings.keys() == described.keys()


@pytest.mark.parametrize("value", [NAN, INF, -INF, -0.0, 0.0, 5e-324, 1.0, 2.0**60, 0.1])
def test_values_keep_their_bits(journal, path, value):
    journal.append([evaluation(value, x=[value, -value])])
    (row,) = journal.recorded()
    assert row[1] == struct.pack("<dd", value, -value)
    assert bits([row[2]]) == bits([value])
    assert bits(load(path).evaluations.values) == bits([value])


def test_nan_is_a_value_unless_the_attempt_failed(journal):
    journal.append([evaluation(NAN), evaluation(NAN, failure=Failure("timeout", "no answer"))])
    assert [row.failure for row in journal.recorded()] == [None, Failure("timeout", "no answer")]


def test_points_of_other_kinds_of_array(journal):
    wide = np.arange(6.0)[::2]
    journal.append([evaluation(1.0)._replace(x=wide.astype(">f8"))])
    journal.append([evaluation(1.0)._replace(x=wide)])
    assert [row[1] for row in journal.recorded()] == [struct.pack("<ddd", 0.0, 2.0, 4.0)] * 2


def test_more_rows_than_are_held_at_a_time(journal, path):
    values = np.arange(25_001.0)
    journal.append([evaluation(float(value), [value, -value]) for value in values])
    assert [row[2] for row in journal.recorded()] == values.tolist()
    np.testing.assert_array_equal(load(path).evaluations.values, values)
    np.testing.assert_array_equal(load(path).evaluations.X, np.stack([values, -values], axis=1))


def test_recorded_gives_what_was_there_before_the_call(journal):
    journal.append([evaluation(1.0), evaluation(2.0)])
    rows = journal.recorded()
    first = next(rows)
    journal.append([evaluation(3.0)])
    assert [first[2], *(row[2] for row in rows)] == [1.0, 2.0]
    assert [row[2] for row in journal.recorded()] == [1.0, 2.0, 3.0]


def test_nothing_appended_is_nothing_recorded(journal):
    journal.append([])
    assert list(journal.recorded()) == []


def test_a_batch_is_all_or_nothing(journal, path):
    bad = evaluation(2.0)._replace(outcome=Outcome(2.0, None, object(), 0.25, "b:2"))
    with pytest.raises(JournalError, match=r"fit\.db: .*not supported.*value=1\.0.*value=2\.0"):
        journal.append([evaluation(1.0, worker="c:3"), bad])
    assert list(journal.recorded()) == []
    journal.append([evaluation(4.0, worker="d:4"), evaluation(5.0, worker="b:2")])
    assert load(path).evaluations.workers.tolist() == ["d:4", "b:2"]


def test_an_interrupt_in_a_batch_leaves_nothing_half_done(journal, path):
    rows = [evaluation(1.0, worker="new:1"), evaluation(2.0)._replace(x=Stopping())]
    with pytest.raises(KeyboardInterrupt):
        journal.append(rows)
    journal.append([evaluation(3.0)])
    assert [row[2] for row in journal.recorded()] == [3.0]


class InterruptedAfterCommit:
    """In place of a connection: Ctrl-C comes when a batch is on disk."""

    def __init__(self, connection):
        self.connection = connection

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, statement, *args):
        cursor = self.connection.execute(statement, *args)
        if statement == "COMMIT":
            raise KeyboardInterrupt
        return cursor


def test_an_interrupt_after_a_batch_leaves_it_whole(journal, path):
    connection = journal._connection
    journal._connection = InterruptedAfterCommit(connection)
    with pytest.raises(KeyboardInterrupt):
        journal.append([evaluation(1.0, worker="c:3"), evaluation(2.0, worker="d:4")])
    journal._connection = connection
    journal.append([evaluation(3.0, worker="b:2"), evaluation(4.0, worker="d:4")])
    assert load(path).evaluations.values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert load(path).evaluations.workers.tolist() == ["c:3", "d:4", "b:2", "d:4"]


class Stopping:
    """In place of a point: Ctrl-C comes while it is looked at."""

    def astype(self, *_args, **_keywords):
        raise KeyboardInterrupt


def test_many_unrecorded_evaluations_are_counted(journal):
    journal.close()
    with pytest.raises(JournalError, match=r"value=19\.0; and 5 more$"):
        journal.append([evaluation(float(i)) for i in range(25)])


# On disk


def test_a_commit_is_synced(journal):
    pragma = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync")
    }
    assert pragma == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
    }


def test_the_log_has_its_size_from_the_start(journal, path):
    log = Path(f"{path}-wal")
    before = log.stat().st_size
    for i in range(50):
        journal.append([evaluation(float(i))])
    assert log.stat().st_size == before


def test_after_close_there_is_the_file_and_its_lock(path):
    journal = Journal.open(path)
    journal.append([evaluation(1.0)])
    journal.close()
    journal.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["fit.db", "fit.db-lock"]


# Studies and settings


def test_a_nelder_that_is_not_installed_records(path, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    Journal.open(path).close()
    assert load(path).studies[0].version == "unknown"


def test_several_studies_in_one_file(path):
    for study, value in (("one", 1.0), ("two", 2.0), ("one", 1.5)):
        journal = Journal.open(path, study, {"of": study})
        journal.append([evaluation(value)])
        journal.close()
    assert values_of(path, "one", {"of": "one"}) == [1.0, 1.5]
    assert values_of(path, "two", {"of": "two"}) == [2.0]
    loaded = load(path)
    assert [study.name for study in loaded.studies] == ["one", "two"]
    assert loaded["two"].best.value == 2.0
    for name in ("evaluations", "best", "failures", "settings", "names"):
        with pytest.raises(JournalError, match="the studies 'one', 'two': expected one study"):
            getattr(loaded, name)
    with pytest.raises(JournalError, match="expected one study"):
        loaded.frame()
    with pytest.raises(KeyError, match=r"'three': .* holds the studies 'one', 'two'"):
        loaded["three"]


def test_other_settings_are_refused_and_named(path):
    recorded = {"method": {"xatol": 1e-8, "steps": [1.0, NAN]}, "x0": [0.0, 1.0]}
    Journal.open(path, "main", recorded).close()
    now = {"method": {"xatol": 1e-6, "steps": [1.0, NAN]}, "x0": [0.0, 2.0]}
    with pytest.raises(JournalMismatchError) as caught:
        Journal.open(path, "main", now)
    assert "study 'main'" in str(caught.value)
    assert str(caught.value).splitlines()[1:] == [
        "  method.xatol: recorded 1e-08, now 1e-06",
        "  x0[1]: recorded 1.0, now 2.0",
        "repeat that call, or take another file or study",
    ]
    assert isinstance(caught.value, ValueError)
    Journal.open(path, "main", recorded).close()  # and the refusal holds no lock


def test_settings_are_compared_as_json_has_them(path):
    Journal.open(path, "main", {"x": (1, 2), "n": 3}).close()
    Journal.open(path, "main", {"n": 3.0, "x": [1, 2]}).close()
    assert load(path).settings == {"x": [1, 2], "n": 3}


@pytest.mark.parametrize("study", ["", None, 3])
def test_a_study_has_a_name(path, study):
    with pytest.raises(InvalidArgumentError, match=r"study=.*expected a name"):
        Journal.open(path, study)
    assert not path.exists()


@pytest.mark.parametrize("given", ["", None, 3, ["fit.db"]])
def test_a_path_is_a_path(given):
    with pytest.raises(InvalidArgumentError, match=r"journal=.*expected the path of a file"):
        Journal.open(given)
    with pytest.raises(InvalidArgumentError, match=r"path=.*expected the path of a file"):
        load(given)


@pytest.mark.parametrize("name", ["a b?c#d%20é.db", ":memory:", "file:x.db"])
def test_names_of_files_mean_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    journal = Journal.open(name)
    journal.append([evaluation(1.0)])
    journal.close()
    assert load(name).best.value == 1.0
    assert (tmp_path / name).exists()


# One writer


def test_a_second_writer_in_this_process_is_told(journal, path, tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    for same in (path, link):
        with pytest.raises(JournalLockedError) as caught:
            Journal.open(same, "other")
        assert f"being written by this process, process {os.getpid()} of" in str(caught.value)
    journal.close()
    Journal.open(link, "other").close()


def test_a_forked_child_does_not_write(journal, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(JournalError, match=r"was opened by process .*a forked child cannot write"):
        journal.append([evaluation(1.0)])
    monkeypatch.undo()
    assert list(journal.recorded()) == []


def test_a_user_without_a_name_can_write(path, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    journal = Journal.open(path)
    with pytest.raises(JournalLockedError, match="of unknown on"):
        Journal.open(path)
    journal.close()


def test_a_broken_lock_file_is_named(path):
    Path(f"{path}-lock").write_text("no database, but long enough to be looked at " * 20)
    with pytest.raises(JournalError, match=r"cannot lock .*fit\.db-lock"):
        Journal.open(path)


# What is not a journal


def make_foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (name)")
    connection.close()


def make_foreign_with_log(path):
    make_foreign(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def make_marked(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 77")
    connection.close()


def make_newer(path, version=schema.VERSION + 1):
    Journal.open(path).close()
    Path(f"{path}-lock").unlink()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def make_older(path):
    make_newer(path, 1)


NO_JOURNALS = {
    "foreign": (make_foreign, "an SQLite file, but no journal of nelder"),
    "foreign, with a log": (make_foreign_with_log, "an SQLite file, but no journal of nelder"),
    "foreign, without tables": (make_marked, "an SQLite file, but no journal of nelder"),
    "newer": (make_newer, r"a newer nelder \(format 3, this one knows 2\): update nelder"),
    "older": (make_older, r"an older nelder \(format 1, this one knows 2\): begin another file"),
    "text": (lambda path: path.write_text("a,b\n1,2\n" * 100), "it is not an SQLite file"),
    "one letter": (lambda path: path.write_text("1"), "it is not an SQLite file"),
    "short text": (lambda path: path.write_text("1\n" * 255), "it is not an SQLite file"),
    "folder": (lambda path: path.mkdir(), "it is not an ordinary file"),
    "pipe": (lambda path: os.mkfifo(path), "it is not an ordinary file"),
}


@pytest.mark.parametrize("case", NO_JOURNALS)
def test_what_is_not_a_journal_is_refused_and_left_alone(path, case):
    make, message = NO_JOURNALS[case]
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for use in (Journal.open, load):
        with pytest.raises(JournalError, match=message) as caught:
            use(path)
        assert str(path) in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == ["fit.db"]
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_is_new(path):
    path.touch()
    assert load(path).studies == ()
    Journal.open(path).close()
    assert load(path).best is None


def test_an_empty_file_with_a_log_is_not_new(path):
    journal = Journal.open(path)
    journal.append([evaluation(1.0)])
    log = Path(f"{path}-wal").read_bytes()
    journal.close()
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(log)
    for use in (Journal.open, load):
        with pytest.raises(JournalError, match=r"it is empty, but its log .*fit\.db-wal is not"):
            use(path)
    assert Path(f"{path}-wal").read_bytes() == log


def test_a_journal_that_was_killed_while_it_was_made_is_new(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size > 0
    assert load(path).studies == ()
    Journal.open(path).close()


def test_no_file_and_no_folder(tmp_path):
    missing = tmp_path / "no" / "fit.db"
    with pytest.raises(JournalError, match=r"cannot open .*there is no folder .*no$"):
        Journal.open(missing)
    for path in (missing, tmp_path / "fit.db"):
        with pytest.raises(JournalError, match=r"cannot read .*there is no such file"):
            load(path)
    assert list(tmp_path.iterdir()) == []


# Loading


def test_a_study_in_memory(journal, path):
    journal.append(
        [
            evaluation(3.0, [1.0, 2.0]),
            evaluation(NAN, [2.0, 2.0], Failure("died", "the worker died", "log"), final=False),
            evaluation(1.5, [2.0, 2.0], attempt=2, worker="b:2"),
            evaluation(1.5, [3.0, 2.0], search=1),
        ]
    )
    loaded = load(path)
    (study,) = loaded.studies
    assert study.name == "main"
    assert study.version == metadata.version("nelder")
    assert loaded.settings == study.settings == {"names": ["a", "b"]}
    assert loaded.names == study.names == ("a", "b")
    assert loaded.best.value == 1.5
    np.testing.assert_array_equal(loaded.best.x, [2.0, 2.0])
    assert len(loaded.evaluations) == 4
    assert loaded.evaluations[1:3].attempts.tolist() == [1, 2]
    assert loaded.failures.messages.tolist() == ["the worker died"]
    assert loaded.failures.details.tolist() == ["log"]
    assert repr(loaded.failures) == "<1 evaluations at points of 2 coordinates, 1 of them failed>"
    text = repr(loaded)
    assert f"nelder journal {path}" in text
    assert "nelder study 'main'" in text
    assert "best: 1.5 at a=2, b=2" in text
    assert "evaluations: 4" in text
    assert "failed: 1" in text


def test_a_study_without_a_value(journal, path):
    assert load(path).best is None
    assert load(path).names == ("a", "b")
    assert load(path).evaluations.X.shape == (0, 2)
    assert "best: none" in repr(load(path))
    journal.append([evaluation(NAN), evaluation(NAN, failure=Failure("died", "gone"))])
    assert load(path).best is None
    journal.append([evaluation(INF), evaluation(-INF)])
    assert load(path).best.value == -INF


def test_coordinates_without_names_are_numbered(path):
    journal = Journal.open(path, settings={"names": []})
    journal.append([evaluation(1.0, np.arange(30.0))])
    journal.close()
    assert load(path).names[:2] == ("x[0]", "x[1]")
    assert "x[19]=19, …" in repr(load(path))


def test_the_frame(journal, path):
    pandas = pytest.importorskip("pandas", reason="the frame needs pandas")
    journal.append([evaluation(3.0, [1.0, -2.0]), evaluation(NAN, failure=Failure("died", "gone"))])
    frame = load(path).frame()
    assert list(frame.columns) == [
        *("a", "b", "value", "failure", "message", "details", "attempt", "final", "search"),
        *("worker", "began", "seconds"),
    ]
    assert frame["b"].tolist() == [-2.0, 2.0]
    assert frame["value"].tolist()[0] == 3.0
    assert frame["failure"].tolist() == ["", "died"]
    assert frame["began"][0] == pandas.Timestamp("2023-11-14 22:13:20", tz="UTC")


def test_the_frame_of_parameters_named_as_its_columns(path):
    pytest.importorskip("pandas", reason="the frame needs pandas")
    journal = Journal.open(path, settings={"names": ["value", "rate"]})
    journal.append([evaluation(3.0, [1.0, 2.0])])
    journal.close()
    frame = load(path).frame()
    assert list(frame.columns[:3]) == ["value", "rate", "value_"]
    assert frame["value"].tolist() == [1.0]
    assert frame["value_"].tolist() == [3.0]


def test_the_frame_without_pandas(journal, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"nelder\[pandas\]"):
        load(path).frame()


def test_loading_makes_no_files(journal, path):
    journal.append([evaluation(1.0)])
    present = sorted(path.parent.iterdir())
    load(path)
    assert sorted(path.parent.iterdir()) == present
    journal.close()
    load(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["fit.db", "fit.db-lock"]


def change(path, statement):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evaluations SET worker = 77",
        "UPDATE evaluations SET attempt = 'x'",
        "UPDATE evaluations SET search = 1.5",
        "UPDATE evaluations SET final = 2",
        "UPDATE evaluations SET value = 'low'",
        "UPDATE evaluations SET kind = x'00'",
        "UPDATE evaluations SET x = 1.5",
        "UPDATE evaluations SET x = x'00112233445566778899' WHERE id = 1",
        "UPDATE evaluations SET x = x'0011223344556677' WHERE id = 1",
        "UPDATE studies SET settings = '{'",
        "DELETE FROM evaluations WHERE id = 2",
    ],
)
def test_a_journal_that_nelder_did_not_write_so(path, statement):
    journal = Journal.open(path)
    journal.append([evaluation(1.0), evaluation(2.0), evaluation(3.0)])
    journal.close()
    change(path, statement)
    with pytest.raises(JournalError, match=r"fit\.db is damaged"):
        load(path)
    if "evaluations SET" in statement and "worker" not in statement:
        again = Journal.open(path)
        with contextlib.closing(again), pytest.raises(JournalError, match=r"fit\.db is damaged"):
            list(again.recorded())


COLUMNS = ["study", "search", "attempt", "final", "x", "value", "kind", "checksum"]


def set_bit(path, column, bit):
    """Turn over a bit of the second row, in what stands there and nowhere else."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        where = "FROM evaluations WHERE id = 2"
        [stored] = connection.execute(f"SELECT {column} {where}").fetchone()
        if isinstance(stored, float):
            [number] = struct.unpack("<q", struct.pack("<d", stored))
            changed = struct.unpack("<d", struct.pack("<q", number ^ 1 << bit % 63))[0]
        elif isinstance(stored, int):
            changed = stored ^ 1 << bit % (1 if column == "final" else 31)
        else:
            data = bytearray(stored.encode() if isinstance(stored, str) else stored)
            data[bit // 8 % len(data)] ^= 1 << bit % (6 if isinstance(stored, str) else 8)
            changed = data.decode() if isinstance(stored, str) else bytes(data)
        assert changed != stored
        connection.execute(f"UPDATE evaluations SET {column} = ? WHERE id = 2", (changed,))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("bit", [0, 1, 5, 30, 52, 62, 64, 127])
def test_a_bit_that_turns_over_is_noticed(path, column, bit):
    failure = Failure("exit code", "exit code 3") if column == "kind" else None
    with contextlib.closing(Journal.open(path)) as journal:
        journal.append([evaluation(1.0, [1.0, 2.0]), evaluation(7.25, [3.0, 4.0], failure=failure)])
    set_bit(path, column, bit)
    found = (
        "1 of 2 evaluations are of no study" if column == "study" else "evaluation 2 is not what"
    )
    with pytest.raises(JournalError, match=rf"damaged \({found}"):
        load(path)
    if column == "study":
        with pytest.raises(JournalError, match=rf"damaged \({found}"):
            Journal.open(path)
        return
    journal = Journal.open(path)
    with contextlib.closing(journal), pytest.raises(JournalError, match=rf"damaged \({found}"):
        list(journal.recorded())


def test_a_search_does_not_go_on_from_damaged_values(path):
    calls = []

    def bowl(x):
        calls.append(x)
        return float(x @ x)

    nelder.minimize(bowl, [1.0, 2.0], journal=path, maxfev=30)
    calls.clear()
    change(path, "UPDATE evaluations SET value = -value WHERE id = 20")
    with pytest.raises(JournalError, match=r"damaged \(evaluation 20 is not what was recorded"):
        nelder.minimize(bowl, [1.0, 2.0], journal=path)
    assert not calls


def test_every_value_and_failure_has_a_checksum(journal, path):
    values = [
        0.0,
        -0.0,
        INF,
        -INF,
        NAN,
        -NAN,
        struct.unpack("<d", b"\1" * 6 + b"\xf8\x7f")[0],
        5e-324,
    ]
    journal.append([evaluation(value) for value in values])
    journal.append([evaluation(NAN, failure=Failure("died", "", ""))])
    again = load(path).evaluations.values
    assert [struct.pack("<d", v) for v in again[:4]] == [struct.pack("<d", v) for v in values[:4]]
    assert np.isnan(again[[4, 5, 6, 8]]).all()
    assert again[7] == 5e-324


def test_missing_rows_are_noticed_before_a_resume(path):
    journal = Journal.open(path)
    journal.append([evaluation(1.0), evaluation(2.0), evaluation(3.0)])
    journal.close()
    change(path, "DELETE FROM evaluations WHERE id = 2")
    with pytest.raises(JournalError, match=r"damaged \(1 of 3 evaluations are missing\)"):
        Journal.open(path)


# No code comes out of a file


def test_nothing_can_be_unpickled():
    """Neither the package imports a way to run what stands in a file, nor names one."""
    never = {"pickle", "cloudpickle", "marshal", "shelve", "dill", "joblib", "eval", "exec"}
    for file in Path(nelder.journal.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = {
                *(alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")),
                getattr(node, "module", None),
                getattr(node, "id", None),
                getattr(node, "attr", None),
            }
            assert never.isdisjoint(names), (file.name, names)
            assert getattr(node, "arg", None) != "allow_pickle"


def test_a_pickle_in_a_journal_stays_text(path, tmp_path):
    mark = tmp_path / "ran"
    pickled = f"cposix\nsystem\n(S'touch {mark}'\ntR."
    journal = Journal.open(path, "main", {"x0": pickled})
    journal.append([evaluation(NAN, failure=Failure("died", pickled, pickled), worker=pickled)])
    journal.close()
    loaded = load(path)
    assert loaded.failures.details.tolist() == loaded.failures.workers.tolist() == [pickled]
    assert loaded.settings == {"x0": pickled}
    assert not mark.exists()


def test_the_file_can_be_read_without_nelder(journal, path):
    journal.append([evaluation(2.5, [1.0, -2.0])])
    journal.close()
    code = (
        "import sqlite3, struct, sys; c = sqlite3.connect(sys.argv[1]);"
        "x, value = c.execute('SELECT x, value FROM evaluations').fetchone();"
        "print(struct.unpack(f'<{len(x) // 8}d', x), value,"
        " c.execute('SELECT settings FROM studies').fetchone()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"(1.0, -2.0) 2.5 {json.dumps({'names': ['a', 'b']})}\n"
