"""What SQLite and the system say, in words that help."""

from __future__ import annotations

import sqlite3

from nelder.errors import JournalError

__all__ = ["journal_error", "primary_code"]

# By primary result code; https://www.sqlite.org/rescode.html
_CAUSES = {
    sqlite3.SQLITE_BUSY: "another program holds it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk or the file system failed",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite file",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
}


def journal_error(path: str, failed: str, error: sqlite3.Error, rest: str = "") -> JournalError:
    """Return the error to raise where SQLite failed.

    Parameters
    ----------
    path : str
        The journal.
    failed : str
        What was tried, as in "cannot write to".
    error : sqlite3.Error
        What SQLite said.
    rest : str, default ""
        What else the user should know.
    """
    cause = _CAUSES.get(primary_code(error))
    said = f"{error}" if cause is None else f"{cause} ({error})"
    return JournalError(f"{failed} {path}: {said}{rest}")


def primary_code(error: sqlite3.Error) -> int:
    """Return the primary result code of an error; 0 where it does not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
