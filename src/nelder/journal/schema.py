"""What a journal file looks like: its tables, its marks, and how numbers and text stand in it."""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from nelder.errors import JournalError

__all__ = ["create", "identify", "inspect", "pack", "restore_text", "store_text", "unpack"]

APPLICATION_ID = 0x6E6C6472  # "nldr", in the header of every journal
VERSION = 1

# Columns without a type take numbers as they are: a REAL column would store -0.0 as the integer 0.
# SQLite has no NaN: it stands as NULL. Rows are only ever added, so the ids are 1, 2, 3 ... without
# a gap. The long texts stand last, so that reading the rest does not touch them.
_TABLES = (
    """CREATE TABLE studies (
        id INTEGER PRIMARY KEY, name NOT NULL UNIQUE, created REAL NOT NULL,
        version TEXT NOT NULL, settings TEXT NOT NULL)""",
    "CREATE TABLE workers (id INTEGER PRIMARY KEY, name NOT NULL UNIQUE)",
    """CREATE TABLE evaluations (
        id INTEGER PRIMARY KEY, study INTEGER NOT NULL, search INTEGER NOT NULL,
        attempt INTEGER NOT NULL, final INTEGER NOT NULL, x BLOB NOT NULL, value,
        began, seconds, worker INTEGER NOT NULL, kind TEXT, message, details)""",
)


def create(connection: sqlite3.Connection) -> None:
    """Mark an empty file as a journal and make its tables, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        connection.execute(table)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def identify(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file is a journal that this version reads; False where it is empty.

    Raises
    ------
    JournalError
        It is a database of something else, or of a newer version.
    """
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application == version == tables == 0:
        return False
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is an SQLite file, but no journal of nelder: expected another path"
        )
    if version > VERSION:
        raise JournalError(
            f"{path} was written by a newer nelder (format {version}, this one knows {VERSION}): "
            "update nelder"
        )
    return True


def inspect(connection: sqlite3.Connection, path: str) -> None:
    """Look through a journal for damage: about 0.2 s for a million evaluations.

    Raises
    ------
    JournalError
        It is damaged.
    """
    rows, last = connection.execute(  # first, as it reads forwards: four times as fast from a disk
        "SELECT count(*), ifnull(max(id), 0) FROM evaluations"
    ).fetchone()
    if rows != last:
        raise JournalError(f"{path} is damaged ({last - rows} of {last} evaluations are missing)")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalError(f"{path} is damaged ({found})")


def pack(x: NDArray[np.float64]) -> bytes:
    """Return the bytes of a point: little-endian float64."""
    return x.astype("<f8", copy=False).tobytes()


def unpack(data: bytes) -> NDArray[np.float64]:
    """Return the numbers in the bytes of one or more points, flat."""
    return np.frombuffer(data, dtype="<f8").astype(np.float64)


def store_text(text: str) -> str | bytes:
    """Return what is stored for `text`: itself, or bytes where UTF-8 has no form of it."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as in undecodable file names
        return text.encode("utf-8", "surrogatepass")
    return text


def restore_text(stored: str | bytes | None) -> str:
    """Undo `store_text`; nothing stored is the empty text."""
    if isinstance(stored, bytes):
        return stored.decode("utf-8", "surrogatepass")
    return stored or ""
