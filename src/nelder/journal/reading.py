"""Reading a journal: at rest, while another process writes it, or after that was killed."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import JournalError
from nelder.journal import schema
from nelder.journal.opening import read, read_path
from nelder.journal.study import Best, Evaluations, Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LoadedJournal", "load", "recorded_settings"]

_CHUNK = 10_000  # rows held as Python objects at a time

_READ = f"""SELECT {schema.CHECKED}, message, details, began, seconds, worker FROM evaluations
    WHERE id > ? AND id <= ? AND study = ? ORDER BY id LIMIT ?"""


@dataclass(frozen=True, eq=False, repr=False)
class LoadedJournal:
    """What a journal held when it was loaded.

    ``settings``, ``names``, ``evaluations``, ``best``, ``failures`` and ``frame()`` are those of
    its study where there is one, or one that holds evaluations; where there are several, take one
    of them: ``journal["name"]``.

    Attributes
    ----------
    path : str
    studies : tuple of Study
    """

    path: str
    studies: tuple[Study, ...]

    def __getitem__(self, name: str) -> Study:
        for study in self.studies:
            if study.name == name:
                return study
        raise KeyError(f"{name!r}: {self.path} holds {self._names()}")

    @property
    def settings(self) -> dict[str, Any]:
        """What was recorded of the problem and the method."""
        return self._only().settings

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each coordinate, that in ``x0`` or ``x[0]``, ``x[1]`` and so on."""
        return self._only().names

    @property
    def evaluations(self) -> Evaluations:
        """Every attempt, in the order in which they were recorded."""
        return self._only().evaluations

    @property
    def best(self) -> Best | None:
        """The lowest value and its point; None without any."""
        return self._only().best

    @property
    def failures(self) -> Evaluations:
        """The attempts that failed."""
        return self._only().failures

    def frame(self) -> pd.DataFrame:
        """Return the evaluations as a pandas frame; see `Study.frame`."""
        return self._only().frame()

    def _only(self) -> Study:
        begun = [study for study in self.studies if len(study.evaluations)]
        one = begun or self.studies  # a study without evaluations may be but a note
        if len(one) != 1:
            raise JournalError(f"{self.path} holds {self._names()}: expected one study")
        return one[0]

    def _names(self) -> str:
        names = ", ".join(repr(study.name) for study in self.studies)
        return f"the studies {names}" if names else "no study"

    def __repr__(self) -> str:
        return "\n\n".join((f"nelder journal {self.path}", *(repr(s) for s in self.studies)))


def load(path: str | os.PathLike[str]) -> LoadedJournal:
    """Load a journal.

    It may be open in another process, which is not disturbed, left by one that was killed, or be
    in a folder in which nothing can be written. Nothing in it is ever executed.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    LoadedJournal
        What it holds at this moment: later evaluations are seen by loading it again.

    Raises
    ------
    JournalError
        There is no such file, it cannot be read, is damaged, or is no journal of this version.

    Examples
    --------
    >>> nelder.load("fit.db").best.value  # doctest: +SKIP
    0.25
    """
    file = read_path(path, "path")
    try:
        return LoadedJournal(file, read(file, lambda connection: _studies(connection, file)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(f"{file} is damaged ({error})") from error


def recorded_settings(path: object, study: str) -> dict[str, Any] | None:
    """Return the settings of a study; None where there is no such file or study yet.

    Raises
    ------
    JournalError
        The file cannot be read, or is no journal.
    """
    file = read_path(path, "journal")
    if not os.path.exists(file) or not os.path.getsize(file):
        return None

    def settings(connection: sqlite3.Connection) -> dict[str, Any] | None:
        if not schema.identify(connection, file):
            return None
        row = connection.execute(
            "SELECT settings FROM studies WHERE name = ?", (schema.store_text(study),)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    return read(file, settings)


def _studies(connection: sqlite3.Connection, file: str) -> tuple[Study, ...]:
    if not schema.identify(connection, file):
        return ()
    schema.inspect(connection, file)
    last = connection.execute("SELECT ifnull(max(id), 0) FROM evaluations").fetchone()[0]
    workers = {
        key: schema.restore_text(name)
        for key, name in connection.execute("SELECT id, name FROM workers")
    }
    rows = connection.execute("SELECT id, name, settings, created, version FROM studies").fetchall()
    studies: list[Study] = []
    for key, name, text, created, version in rows:
        settings = json.loads(text)
        parts = list(_parts(connection, file, key, last, workers))
        evaluations = Evaluations.joined(parts or [_nothing(len(settings.get("names", ())))])
        studies.append(Study(schema.restore_text(name), settings, created, version, evaluations))
    return tuple(studies)


def _parts(
    connection: sqlite3.Connection, file: str, study: int, last: int, workers: dict[int, str]
) -> Iterator[Evaluations]:
    """Give the evaluations of a study, in order and in parts, so that no reading takes long."""
    key = 0
    while rows := connection.execute(_READ, (key, last, study, _CHUNK)).fetchall():
        key = rows[-1][0]
        schema.check(file, study, rows)
        yield _columns(rows, workers)


def _columns(rows: Sequence[tuple[Any, ...]], workers: dict[int, str]) -> Evaluations:
    _, _, search, attempt, final, x, value, kind, message, details, began, seconds, worker = zip(
        *rows, strict=True
    )
    return Evaluations(
        np.array(search, np.int64),
        schema.unpack(b"".join(x)).reshape(len(rows), -1),
        np.array(value, np.float64),  # None becomes NaN
        _texts(kind),
        _texts(message),
        _texts(details),
        np.array(began, np.float64),
        np.array(seconds, np.float64),
        _objects([workers[w] for w in worker]),
        np.array(attempt, np.int64),
        np.array(final, np.bool_),
    )


def _nothing(dim: int) -> Evaluations:
    numbers, whole, texts = np.empty(0), np.empty(0, np.int64), _objects([])
    return Evaluations(
        whole,
        np.empty((0, dim)),
        numbers,
        texts,
        texts,
        texts,
        numbers,
        numbers,
        texts,
        whole,
        np.empty(0, np.bool_),
    )


def _texts(stored: Sequence[str | bytes | None]) -> NDArray[np.object_]:
    return _objects([schema.restore_text(text) if text else "" for text in stored])


def _objects(items: list[str]) -> NDArray[np.object_]:
    array = np.empty(len(items), np.object_)
    array[:] = items
    return array
