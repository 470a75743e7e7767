"""What nelder raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nelder.result import Result

__all__ = [
    "EvaluationError",
    "ExecutorError",
    "InvalidArgumentError",
    "JournalError",
    "JournalLockedError",
    "JournalMismatchError",
    "MissingExtraError",
    "NelderError",
    "ReturnValueError",
    "missing_extra",
]


class NelderError(Exception):
    """Base of every error that nelder raises itself.

    Attributes
    ----------
    result : Result or None
        Where a search was under way: the best point found before the error.
    """

    result: Result | None = None


class InvalidArgumentError(NelderError, ValueError):
    """An argument is not what the function takes.

    The message names the argument, the value and what was expected. It is raised before the first
    evaluation.
    """


class EvaluationError(NelderError, RuntimeError):
    """The objective raised an exception; the original is the ``__cause__``.

    Attributes
    ----------
    x : object
        The point at which the objective raised, in the structure of ``x0``.
    """

    x: object = None


class ReturnValueError(EvaluationError, TypeError):
    """The objective returned something that is not a real scalar."""


class ExecutorError(NelderError, RuntimeError):
    """There is no way to evaluate at present.

    An executor broke, a process or program cannot be started, the disk for its files is full.
    Points that were under way are asked for again when the call is repeated.
    """


class JournalError(NelderError, RuntimeError):
    """A journal cannot be read or written; the message names the file and the cause."""


class JournalLockedError(JournalError):
    """Another process has the journal open to write; the message says who."""


class JournalMismatchError(JournalError, ValueError):
    """A journal belongs to another problem or other settings; the message names the differences."""


class MissingExtraError(NelderError, ImportError):
    """A feature needs a package that is not installed; the message names the install command."""


def missing_extra(feature: str, extra: str) -> MissingExtraError:
    """Return the error for a feature whose optional packages are absent.

    Parameters
    ----------
    feature : str
        What the user asked for, as they wrote it.
    extra : str
        The extra of the ``nelder`` distribution that brings it.
    """
    return MissingExtraError(
        f"{feature} needs packages that are not installed: run  pip install 'nelder[{extra}]'"
    )
