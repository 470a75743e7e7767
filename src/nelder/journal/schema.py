"""What a journal file looks like: its tables, its marks, and how numbers and text stand in it."""

from __future__ import annotations

import math
import sqlite3
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import JournalError

__all__ = [
    "CHECKED",
    "check",
    "checksum",
    "create",
    "identify",
    "inspect",
    "pack",
    "restore_text",
    "store_text",
    "unpack",
]

APPLICATION_ID = 0x6E6C6472  # "nldr", in the header of every journal
VERSION = 2

# Columns without a type take numbers as they are: a REAL column would store -0.0 as the integer 0.
# SQLite has no NaN: it stands as NULL. Rows are only ever added, so the ids are 1, 2, 3 ... without
# a gap. SQLite notices damage to its own structure, not to what stands in it: for that there is a
# checksum. The long texts stand last, so that reading the rest does not touch them.
_TABLES = (
    """CREATE TABLE studies (
        id INTEGER PRIMARY KEY, name NOT NULL UNIQUE, created REAL NOT NULL,
        version TEXT NOT NULL, settings TEXT NOT NULL)""",
    "CREATE TABLE workers (id INTEGER PRIMARY KEY, name NOT NULL UNIQUE)",
    """CREATE TABLE evaluations (
        id INTEGER PRIMARY KEY, study INTEGER NOT NULL, search INTEGER NOT NULL,
        attempt INTEGER NOT NULL, final INTEGER NOT NULL, x BLOB NOT NULL, value,
        began, seconds, worker INTEGER NOT NULL, checksum INTEGER NOT NULL, kind TEXT, message,
        details)""",
)

CHECKED = "id, checksum, search, attempt, final, x, value, kind"  # columns, for `check`
_NUMBERS = struct.Struct("<qqqbd")


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
    if version != VERSION:
        age, remedy = (
            ("a newer", "update nelder")
            if version > VERSION
            else ("an older", "begin another file, or go on with that nelder")
        )
        raise JournalError(
            f"{path} was written by {age} nelder (format {version}, this one knows {VERSION}): "
            f"{remedy}"
        )
    return True


def inspect(connection: sqlite3.Connection, path: str) -> None:
    """Look through a journal for damage: about 0.2 s for a million evaluations.

    What stands in a row is compared with its checksum when it is read.

    Raises
    ------
    JournalError
        It is damaged.
    """
    rows, last, strays = connection.execute(  # first: forwards is four times as fast from a disk
        "SELECT count(*), ifnull(max(id), 0), ifnull(sum(study NOT IN (SELECT id FROM studies)), 0)"
        " FROM evaluations"
    ).fetchone()
    if rows != last:
        raise JournalError(f"{path} is damaged ({last - rows} of {last} evaluations are missing)")
    if strays:
        raise JournalError(f"{path} is damaged ({strays} of {last} evaluations are of no study)")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalError(f"{path} is damaged ({found})")


def checksum(
    study: int,
    search: int,
    attempt: int,
    final: bool,
    x: bytes,
    value: float | None,
    kind: str | None,
) -> int:
    """Return the checksum of a row: of all that a search makes use of.

    It is the CRC-32 of study, search and attempt as int64, final as a byte and the value as
    float64, all little-endian, where NaN is that of C's ``NAN``, then of x, then of the kind of
    failure in UTF-8.
    """
    number = math.nan if value is None or value != value else value
    row = zlib.crc32(x, zlib.crc32(_NUMBERS.pack(study, search, attempt, final, number)))
    return row if kind is None else zlib.crc32(kind.encode(), row)


def check(path: str, study: int, rows: Iterable[tuple[Any, ...]]) -> None:
    """Compare rows of a study, each beginning with `CHECKED`, with their checksums.

    Raises
    ------
    JournalError
        One is not what was recorded.
    """
    for row in rows:
        try:
            if checksum(study, *row[2:8]) == row[1]:
                continue
        except (AttributeError, TypeError, struct.error):  # of another type than was recorded
            pass
        raise JournalError(f"{path} is damaged (evaluation {row[0]} is not what was recorded)")


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
