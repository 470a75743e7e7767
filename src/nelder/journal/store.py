"""The journal as its one writer sees it."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any, cast

from nelder.errors import InvalidArgumentError, JournalError, JournalMismatchError
from nelder.evaluation import Evaluation, Failure, Recorded
from nelder.journal import schema
from nelder.journal.causes import journal_error
from nelder.journal.describe import differences
from nelder.journal.lock import WriterLock
from nelder.journal.opening import open_to_write, read, read_path

__all__ = ["Journal"]

_CHUNK = 10_000  # rows held at a time while reading

_INSERT = "INSERT INTO evaluations VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_READ = f"""SELECT {schema.CHECKED}, message FROM evaluations
    WHERE id > ? AND id <= ? AND study = ? ORDER BY id LIMIT ?"""
_FAILED = """SELECT id, search, x, attempt FROM evaluations
    WHERE id <= ? AND study = ? AND (kind IS NOT NULL OR attempt > 1)
    AND typeof(attempt) = 'integer' ORDER BY id"""


class Journal:
    """A study in a journal file, open to write.

    Nobody else writes to the file while this is open; anybody may read it. One thread and one
    process use it. See `Journal.open`.
    """

    def __init__(
        self, path: str, lock: WriterLock, connection: sqlite3.Connection, study: int
    ) -> None:
        self.path = path
        self._lock = lock
        self._connection = connection
        self._study = study
        self._pid = os.getpid()
        self._workers = self._known_workers()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        study: str = "main",
        settings: Mapping[str, Any] | None = None,
    ) -> Journal:
        """Open a study to write, and make the file and the study where they do not exist.

        Parameters
        ----------
        path : str or path-like
            The file. It should be on a local disk.
        study : str, default "main"
            The name of the study in it.
        settings : mapping, optional
            What the values belong to, of what JSON can hold: dicts, lists, numbers, strings, True,
            False and None. Compared with what is recorded where the study exists.

        Raises
        ------
        JournalMismatchError
            The study was recorded with other settings; the message names each difference.
        JournalLockedError
            The file is open to write already; the message says by whom.
        JournalError
            The file cannot be opened, is damaged, or is not a journal that this version reads.
        """
        file = read_path(path, "journal")
        if not isinstance(study, str) or not study:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"study={study!r}: expected a name")
        _look(file)
        lock = WriterLock(file)
        try:
            connection = open_to_write(file)
            try:
                key = _study(connection, file, study, json.loads(json.dumps(dict(settings or {}))))
                return cls(file, lock, connection, key)
            except BaseException:
                connection.close()
                raise
        except BaseException as error:
            lock.release()
            if isinstance(error, sqlite3.Error):
                raise journal_error(file, "cannot open", error) from error
            raise

    def recorded(self) -> Iterator[Recorded]:
        """Give what was recorded for this study before this call, in order.

        Failures that were followed by another attempt are left out: what became of that counts. A
        few thousand rows are held at a time.

        Raises
        ------
        JournalError
            The file cannot be read, or a row is not what was recorded.
        """
        execute, study = self._connection.execute, self._study
        try:
            last = execute("SELECT ifnull(max(id), 0) FROM evaluations").fetchone()[0]
            tried_again = self._tried_again(last)
            key = 0
            while rows := execute(_READ, (key, last, study, _CHUNK)).fetchall():
                key = rows[-1][0]
                schema.check(self.path, study, rows)
                for row, _, search, attempt, final, x, value, kind, message in rows:
                    if row not in tried_again:
                        yield Recorded(
                            search,
                            x,
                            math.nan if value is None else value,
                            kind and Failure(kind, schema.restore_text(message)),
                            attempt,
                            final == 1,
                        )
        except sqlite3.Error as error:
            raise journal_error(self.path, "cannot read", error) from error

    def _tried_again(self, last: int) -> set[int]:
        """Return the ids, up to `last`, of failures that were followed by another attempt."""
        found: set[int] = set()
        before: dict[tuple[int, bytes], tuple[int, int]] = {}
        for key, search, x, attempt in self._connection.execute(_FAILED, (last, self._study)):
            earlier, number = before.get((search, x), (0, 0))
            if earlier and number + 1 == attempt:
                found.add(earlier)
            before[search, x] = key, attempt
        return found

    def append(self, evaluations: Sequence[Evaluation]) -> None:
        """Record evaluations: all of them are on disk when this returns, or none.

        Raises
        ------
        JournalError
            They could not be written; the message says why, and what was lost. The journal stays
            usable: once the cause is gone, it takes the next ones.
        """
        if os.getpid() != self._pid:
            raise JournalError(
                f"{self.path} was opened by process {self._pid}: a forked child cannot write to it"
            )
        try:
            self._write(evaluations)
        except sqlite3.Error as error:
            raise journal_error(
                self.path, "cannot write to", error, _not_recorded(evaluations)
            ) from error

    def _write(self, evaluations: Sequence[Evaluation]) -> None:
        workers = self._workers
        new = {e.outcome.worker for e in evaluations} - workers.keys()
        if len(evaluations) == 1 and not new:  # the quick way: a statement is a transaction
            self._connection.execute(_INSERT, self._row(evaluations[0], workers))
            return
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            if new:
                workers = dict(workers)
                for name in sorted(new):
                    workers[name] = len(workers) + 1
                    connection.execute(
                        "INSERT INTO workers VALUES (?, ?)",
                        (workers[name], schema.store_text(name)),
                    )
            connection.executemany(_INSERT, [self._row(e, workers) for e in evaluations])
            connection.execute("COMMIT")
            self._workers = workers
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            self._workers = self._known_workers()  # Ctrl-C may have come after the commit
            raise

    def _known_workers(self) -> dict[str, int]:
        rows = self._connection.execute("SELECT id, name FROM workers")
        return {schema.restore_text(name): key for key, name in rows}

    def _row(self, evaluation: Evaluation, workers: Mapping[str, int]) -> tuple[Any, ...]:
        search, x, outcome, attempt, final = evaluation
        point, failure = schema.pack(x), outcome.failure
        kind = message = details = None
        if failure is not None:
            kind = failure.kind
            message = schema.store_text(failure.message)
            details = schema.store_text(failure.details)
        value, study = outcome.value, self._study
        return (
            study,
            search,
            attempt,
            final,
            point,
            value,
            outcome.began,
            outcome.seconds,
            workers[outcome.worker],
            schema.checksum(study, search, attempt, final, point, value, kind),
            kind,
            message,
            details,
        )

    def close(self) -> None:
        """Close the file and let others write; may be called twice."""
        self._connection.close()
        self._lock.release()


def _look(file: str) -> None:
    """See whether a journal can be there, before anything is written beside it.

    Raises
    ------
    JournalError
    """
    folder = os.path.dirname(file)
    if not os.path.isdir(folder):
        raise JournalError(f"cannot open {file}: there is no folder {folder}")
    if os.path.exists(file):
        read(file, lambda connection: schema.identify(connection, file))
    for place, what in ((folder, "its folder"), (file, "it")):
        if os.path.exists(place) and not os.access(place, os.W_OK):
            raise JournalError(f"cannot write to {file}: {what} is read-only")


def _study(connection: sqlite3.Connection, file: str, name: str, settings: Any) -> int:
    """Return the id of a study; make it, or compare its settings."""
    stored = schema.store_text(name)
    row = connection.execute(
        "SELECT id, settings FROM studies WHERE name = ?", (stored,)
    ).fetchone()
    if row is None:
        cursor = connection.execute(
            "INSERT INTO studies VALUES (NULL, ?, ?, ?, ?)",
            (stored, time.time(), _version(), json.dumps(settings)),
        )
        return cast("int", cursor.lastrowid)
    key, recorded = row
    found = differences(json.loads(recorded), settings)
    if found:
        raise JournalMismatchError(
            f"{file}, study {name!r}, belongs to another problem or other settings:\n  "
            + "\n  ".join(found)
            + "\nrepeat that call, or take another file or study"
        )
    return key


def _version() -> str:
    """Return the version of nelder that is installed."""
    try:
        return metadata.version("nelder")
    except metadata.PackageNotFoundError:  # run from a folder
        return "unknown"


def _not_recorded(evaluations: Sequence[Evaluation]) -> str:
    """Say what a failed write would have recorded, so that a dear value can be noted by hand."""
    shown = [f"x={e.x.tolist()}, value={e.outcome.value!r}" for e in evaluations[:20]]
    if len(evaluations) > len(shown):
        shown.append(f"and {len(evaluations) - len(shown)} more")
    return "; not recorded: " + "; ".join(shown)
