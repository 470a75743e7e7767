"""How a journal file is opened: to write, and in several ways to read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from nelder.errors import InvalidArgumentError, JournalError
from nelder.journal import schema
from nelder.journal.causes import journal_error, primary_code

__all__ = ["open_to_write", "read", "read_path"]

T = TypeVar("T")

# A commit is one write and one fsync of the write-ahead log. Small pages make the write short. The
# log is moved into the file, and begun again from its start, whenever it holds so many pages.
_PAGE_SIZE = 1024  # bytes
_LOG_PAGES = 256

# SQLite maps an index of the log into memory, and the system kills a process that writes to a map
# for which the disk has no room.
_ROOM = 100_000  # bytes

_PATIENCE = 30  # s; how long another program may hold the file
_COPIES = 5
_SMALLEST_PAGE = 512  # bytes; no database is smaller


def read_path(path: object, name: str) -> str:
    """Return the absolute path of the argument `name`, links resolved.

    Raises
    ------
    InvalidArgumentError
        It is no path.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):  # pyright: ignore[reportUnknownArgumentType]
        raise InvalidArgumentError(f"{name}={path!r}: expected the path of a file")
    return os.path.realpath(os.fsdecode(path))  # pyright: ignore[reportUnknownArgumentType]


def _full(file: str) -> bool:
    """Whether the disk of a file has no room for an index."""
    disk = shutil.disk_usage(os.path.dirname(file))
    return disk.free < _ROOM and disk.total > 0  # a network's disk may not know


def _connect(file: str, query: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{Path(file).as_uri()}?{query}", uri=True, timeout=_PATIENCE, isolation_level=None
    )


# To write


def open_to_write(file: str) -> sqlite3.Connection:
    """Open a journal to write; make it where there is nothing, or an empty file.

    Raises
    ------
    sqlite3.Error
    JournalError
        The file is something else, or damaged; or its file system is unfit or full.
    """
    if _full(file):
        raise JournalError(
            f"cannot write to {file}: the disk is full (expected {_ROOM} bytes of room)"
        )
    connection = _connect(file, "mode=rwc")
    try:
        _prepare(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, file: str) -> None:
    exists = schema.identify(connection, file)
    if exists:
        schema.inspect(connection, file)
    execute = connection.execute
    execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    if execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise JournalError(
            f"{file}: its file system cannot hold a write-ahead log, expected one on a local disk"
        )
    execute("PRAGMA synchronous = FULL")
    execute("PRAGMA fullfsync = ON")  # macOS: past the cache of the drive, too
    execute("PRAGMA checkpoint_fullfsync = ON")
    execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    execute(f"PRAGMA journal_size_limit = {4 * _LOG_PAGES * _PAGE_SIZE}")  # after a long reader
    if not exists:
        schema.create(connection)
    _grow_log(connection)


def _grow_log(connection: sqlite3.Connection) -> None:
    """Give the log its full size at once: a commit that makes it longer takes half as long again.

    A transaction that does not fit into memory is written to the log, and undone.
    """
    execute = connection.execute
    execute("PRAGMA cache_size = 10")  # pages
    try:
        execute("PRAGMA wal_checkpoint")  # what a killed process left in the log
        execute("BEGIN IMMEDIATE")
        execute("CREATE TABLE filler (data)")
        execute("INSERT INTO filler VALUES (zeroblob(?))", (_PAGE_SIZE * _LOG_PAGES,))
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_FULL:  # then commits are only slower
            raise
    finally:
        if connection.in_transaction:
            execute("ROLLBACK")
        execute("PRAGMA cache_size = -2000")  # kB, the default


# To read. Nothing is ever made beside the file: its folder may be read-only or full, and files of
# ours might keep its owner out.

_NO_INDEX = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL)


class _OtherWay(Exception):  # noqa: N818
    """The file cannot be read in this way now."""


def read(file: str, job: Callable[[sqlite3.Connection], T]) -> T:
    """Return what `job` reads from a journal, which another process may be writing.

    Raises
    ------
    JournalError
        There is no such file, it cannot be read, is damaged, or is no journal of this version.
    """
    if not os.path.isfile(file):
        found = "it is not an ordinary file" if os.path.exists(file) else "there is no such file"
        raise JournalError(f"cannot read {file}: {found}")
    if not os.access(file, os.R_OK):
        raise JournalError(f"cannot read {file}: access is denied")
    size = os.path.getsize(file)
    if 0 < size < _SMALLEST_PAGE:  # SQLite would take it for empty
        raise JournalError(f"cannot read {file}: it is not an SQLite file")
    if size == 0 and os.path.exists(f"{file}-wal") and os.path.getsize(f"{file}-wal"):
        raise JournalError(f"{file} is damaged (it is empty, but its log {file}-wal is not)")
    try:
        for way in (_at_rest, _in_use):
            with suppress(_OtherWay):
                return way(file, job)
        return _copied(file, job)
    except sqlite3.Error as error:
        raise journal_error(file, "cannot read", error) from error
    except OSError as error:
        raise JournalError(f"cannot read {file}: {error}") from error


def _state(file: str) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes when anybody writes to the file or its log."""
    state: list[tuple[int, int, int] | None] = []
    for name in (file, f"{file}-wal"):
        try:
            found = os.stat(name)
        except FileNotFoundError:
            state.append(None)
        else:
            state.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(state)


def _unchanged(file: str, job: Callable[[], T]) -> T:
    """Return what `job` gives; unless somebody wrote meanwhile, when nothing it gave counts."""
    before = _state(file)
    try:
        result = job()
    except (sqlite3.Error, JournalError) as error:
        if _state(file) != before:
            raise _OtherWay from error
        raise
    if _state(file) != before:
        raise _OtherWay
    return result


def _at_rest(file: str, job: Callable[[sqlite3.Connection], T]) -> T:
    """Read a file that nobody writes, without locks."""
    if _state(file)[1] is not None:
        raise _OtherWay

    def settled() -> T:
        with closing(_connect(file, "mode=ro&immutable=1")) as connection:
            return job(connection)

    return _unchanged(file, settled)


def _in_use(file: str, job: Callable[[sqlite3.Connection], T]) -> T:
    """Read a file that has a log with an index: somebody writes it, or was killed.

    SQLite makes the index of a dead writer anew, in its file if there is room, else in memory. The
    latter does not work when he died while he began the log again, which takes it 10 s to see.
    """
    if not os.path.exists(f"{file}-shm"):
        raise _OtherWay
    query = "mode=ro&readonly_shm=1" if _full(file) else "mode=ro"
    with closing(_connect(file, query)) as connection:
        try:
            return job(connection)
        except sqlite3.OperationalError as error:
            if primary_code(error) in _NO_INDEX:
                raise _OtherWay from error
            raise


def _copied(file: str, job: Callable[[sqlite3.Connection], T]) -> T:
    """Read a copy of a file whose log has no index: SQLite would make one beside it."""
    for _ in range(_COPIES):
        with tempfile.TemporaryDirectory(prefix="nelder-") as folder, suppress(_OtherWay):
            copy = os.path.join(folder, "journal")
            _unchanged(file, lambda copy=copy: _copy(file, copy))
            with closing(_connect(copy, "mode=rw")) as connection:
                return job(connection)
    raise JournalError(f"cannot read {file}: it changed each of {_COPIES} times it was copied")


def _copy(file: str, copy: str) -> None:
    shutil.copyfile(file, copy)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{file}-wal", f"{copy}-wal")
