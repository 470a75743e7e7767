"""One writer at a time: a lock that the kernel frees when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import sqlite3
import sys
import time
import weakref
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from nelder.errors import JournalError, JournalLockedError
from nelder.journal.causes import journal_error, primary_code

if sys.platform != "win32":  # where locks belong to the opened file anyway
    import fcntl

__all__ = ["Holder", "WriterLock", "holder_of"]


_HOLDER = "SELECT pid, host, user, since FROM holder"
_PATIENCE = 1000  # ms
_LOOKING = 0.1  # s; for so long at most somebody may look who holds it
_NAMING = 0.05  # s; a holder that has only just come may need so long to write its name


class Holder(NamedTuple):
    """Who writes to a journal; None where that is not known.

    Attributes
    ----------
    pid : int or None
    host, user : str or None
    since : float or None
        Unix time, seconds.
    """

    pid: int | None = None
    host: str | None = None
    user: str | None = None
    since: float | None = None

    def __str__(self) -> str:
        if self.since is None:
            return "another process"
        here = (self.pid, self.host) == (os.getpid(), socket.gethostname())
        when = datetime.fromtimestamp(self.since).astimezone().isoformat(" ", "seconds")
        process = f"process {self.pid} of {self.user} on {self.host}, since {when}"
        return f"{'this process, ' * here}{process}"


def holder_of(path: str) -> Holder | None:
    """Return who writes to the journal at `path` now; None where nobody does.

    Whether the lock is free is seen by taking it for a moment, for which writers wait. So it cannot
    be seen by those who may not write the lock's file; None for them too.
    """
    file = f"{Path(path).absolute().as_uri()}-lock?mode=rw"
    try:
        with contextlib.closing(
            sqlite3.connect(file, uri=True, timeout=0, isolation_level=None)
        ) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                if primary_code(error) == sqlite3.SQLITE_BUSY:
                    return _named(connection)
    except sqlite3.Error:  # there is no such file
        pass
    return None


def _named(connection: sqlite3.Connection) -> Holder:
    """Return who has written the name in the lock's file, which somebody holds."""
    time.sleep(_NAMING)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        row = connection.execute(_HOLDER).fetchone()
    except sqlite3.Error:
        row = None
    return Holder(*(row or ()))


class _Held:
    """A file that this process alone holds locked; empty, and there only meanwhile.

    SQLite's locks are POSIX record locks, which a process loses when it closes any descriptor of
    the file, as by copying the journal's folder; see "How To Corrupt An SQLite Database File", 2.2.
    This lock, flock(2), goes with its own descriptor. It needs a file of its own: some systems
    let the two kinds of locks exclude each other.

    Raises
    ------
    BlockingIOError
        Somebody else holds it.
    OSError
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        while self._descriptor < 0:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, path):  # not deleted between opening and locking
                    self._descriptor = descriptor
            finally:
                if self._descriptor < 0:
                    os.close(descriptor)
        _HELD.add(self)

    def leave(self) -> None:
        """In a forked child: it must not hold what its parent holds, and may outlive it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def release(self) -> None:
        """Delete the file and let others lock; may be called twice."""
        if self._descriptor >= 0:
            if _is_at(self._descriptor, self._path):
                with contextlib.suppress(OSError):
                    os.unlink(self._path)
            self.leave()


_HELD: weakref.WeakSet[_Held] = weakref.WeakSet()


def _leave_all() -> None:
    for held in list(_HELD):
        held.leave()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_all)


def _is_at(descriptor: int, path: str) -> bool:
    """Whether a path still leads to an opened file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


class WriterLock:
    """The right to write to the journal at `path`; held until `release` or the process's end.

    It is the write lock of a second, tiny SQLite file beside the journal, ``<path>-lock``, in which
    the holder's name stands: readable while the lock is held, on every system that has SQLite, and
    not inherited by child processes. The file stays when the lock is free, since deleting a file
    that others may be about to lock is a race. Where there is flock(2), it is also the lock of an
    empty file ``<path>-writer``.

    Raises
    ------
    JournalLockedError
        Another process holds it, or this one does already.
    JournalError
        The file cannot be made or read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: _Held | None = None
        lock = f"; its lock is {path}-lock"
        try:
            self._connection = sqlite3.connect(
                f"{path}-lock", timeout=_LOOKING, isolation_level=None
            )
        except sqlite3.Error as error:
            raise journal_error(path, "cannot lock", error, lock) from error
        try:
            self._take()
        except BlockingIOError as error:
            self._refuse(error)
        except OSError as error:
            self.release()
            raise JournalError(f"cannot lock {path}: {error}") from error
        except sqlite3.Error as error:
            if primary_code(error) == sqlite3.SQLITE_BUSY:
                self._refuse(error)
            self.release()
            raise journal_error(path, "cannot lock", error, lock) from error

    def _refuse(self, error: Exception) -> NoReturn:
        try:
            holder = _named(self._connection)
            raise JournalLockedError(f"{self._path} is being written by {holder}") from error
        finally:
            self.release()

    def _take(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA page_size = 512")
        execute("PRAGMA synchronous = OFF")  # who held it does not matter after a power cut
        execute("BEGIN IMMEDIATE")
        if sys.platform != "win32":
            try:
                self._held = _Held(f"{self._path}-writer")
            except OSError:
                execute("ROLLBACK")  # the name in there is that of who holds it
                raise
        execute(f"PRAGMA busy_timeout = {_PATIENCE}")  # others only look who holds it
        execute(
            "CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid, host, user, since)"
        )
        holder = (os.getpid(), socket.gethostname(), _user(), time.time())
        while execute(_HOLDER).fetchone() != holder:
            execute("REPLACE INTO holder VALUES (1, ?, ?, ?, ?)", holder)
            execute("COMMIT")  # free for a moment; the last to write its name here will hold it
            execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        """Let others write; may be called twice."""
        self._connection.close()
        if self._held is not None:
            self._held.release()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name, as in some containers
        return "unknown"
