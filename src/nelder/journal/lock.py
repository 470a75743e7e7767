"""One writer at a time: a lock that the kernel frees when its process ends, however it ends."""

from __future__ import annotations

import getpass
import os
import socket
import sqlite3
import time
from contextlib import closing
from datetime import datetime

from nelder.errors import JournalLockedError
from nelder.journal.causes import journal_error, primary_code

__all__ = ["WriterLock"]


_HOLDER = "SELECT pid, host, user, since FROM holder"
_PATIENCE = 1000  # ms
_NAMING = 0.05  # s; a holder that has only just come may need so long to write its name


class WriterLock:
    """The right to write to the journal at `path`; held until `release` or the process's end.

    It is the write lock of a second, tiny SQLite file beside the journal, ``<path>-lock``, in which
    the holder's name stands: readable while the lock is held, on every system that has SQLite, and
    not inherited by child processes. The file stays when the lock is free, since deleting a file
    that others may be about to lock is a race.

    Raises
    ------
    JournalLockedError
        Another process holds it, or this one does already.
    JournalError
        The file cannot be made or read.
    """

    def __init__(self, path: str) -> None:
        lock = f"; its lock is {path}-lock"
        try:
            self._connection = sqlite3.connect(f"{path}-lock", timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise journal_error(path, "cannot lock", error, lock) from error
        try:
            self._take()
        except sqlite3.Error as error:
            with closing(self._connection):
                if primary_code(error) != sqlite3.SQLITE_BUSY:
                    raise journal_error(path, "cannot lock", error, lock) from error
                raise JournalLockedError(f"{path} is being written by {self._holder()}") from error

    def _take(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA page_size = 512")
        execute("PRAGMA synchronous = OFF")  # who held it does not matter after a power cut
        execute("BEGIN IMMEDIATE")
        execute(f"PRAGMA busy_timeout = {_PATIENCE}")  # others only look who holds it
        execute(
            "CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid, host, user, since)"
        )
        holder = (os.getpid(), socket.gethostname(), _user(), time.time())
        while execute(_HOLDER).fetchone() != holder:
            execute("REPLACE INTO holder VALUES (1, ?, ?, ?, ?)", holder)
            execute("COMMIT")  # free for a moment; the last to write its name here will hold it
            execute("BEGIN IMMEDIATE")

    def _holder(self) -> str:
        time.sleep(_NAMING)
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
            row = self._connection.execute(_HOLDER).fetchone()
        except sqlite3.Error:
            row = None
        if row is None:
            return "another process"
        pid, host, user, since = row
        here = (pid, host) == (os.getpid(), socket.gethostname())
        when = datetime.fromtimestamp(since).astimezone().isoformat(" ", "seconds")
        return f"{'this process, ' * here}process {pid} of {user} on {host}, since {when}"

    def release(self) -> None:
        """Let others write; may be called twice."""
        self._connection.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name, as in some containers
        return "unknown"
