"""The exit codes of ``nelder``."""

from __future__ import annotations

from nelder.errors import (
    InvalidArgumentError,
    JournalError,
    MissingExtraError,
    NelderError,
)
from nelder.result import Status

__all__ = ["BUDGET", "DONE", "FAILED", "JOURNAL", "MEANING", "USAGE", "of_error", "of_status"]

DONE = 0
USAGE = 2
BUDGET = 3
FAILED = 4
JOURNAL = 5

MEANING = (
    (DONE, "the search converged, or reached the target"),
    (USAGE, "the command line or the problem is wrong; nothing was evaluated"),
    (BUDGET, "maxfev or maxtime is used up"),
    (FAILED, "the objective failed, has no finite value, or falls without end"),
    (JOURNAL, "the study cannot be read or written, is in use, or is another problem's"),
    (130, "interrupted by Ctrl-C; 143 by SIGTERM, 129 by a closed terminal, 141 by a closed pipe"),
)

_BY_STATUS = {
    Status.CONVERGED: DONE,
    Status.TARGET: DONE,
    Status.MAXFEV: BUDGET,
    Status.MAXITER: BUDGET,
    Status.MAXTIME: BUDGET,
}

# The first that fits.
_BY_ERROR: tuple[tuple[type[NelderError], int], ...] = (
    (JournalError, JOURNAL),
    (InvalidArgumentError, USAGE),
    (MissingExtraError, USAGE),
    (NelderError, FAILED),
)


def of_status(status: Status) -> int:
    """Return the exit code for the end of a search."""
    return _BY_STATUS.get(status, FAILED)


def of_error(error: NelderError) -> int:
    """Return the exit code for an error."""
    return next(code for kind, code in _BY_ERROR if isinstance(error, kind))
