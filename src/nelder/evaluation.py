"""What became of one attempt at the value of one point, and what makes such attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evaluation", "Failure", "FailureKind", "Outcome", "Pool", "Recorded"]

FailureKind = Literal["exception", "return value", "timeout", "died", "exit code", "output"]


@dataclass(frozen=True)
class Failure:
    """Why there is no value.

    Attributes
    ----------
    kind : str
        ``"exception"``, ``"return value"`` (not a real scalar), ``"timeout"``, ``"died"`` (the
        worker), ``"exit code"`` or ``"output"`` (of a program).
    message : str
        What happened, in one line.
    details : str
        A traceback, or what a program wrote, bounded.
    error : Exception or None
        The exception itself, where it was raised in this process or could be sent here. Never
        stored.
    """

    kind: FailureKind
    message: str
    details: str = ""
    error: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Outcome:
    """One attempt at the value of one point.

    Attributes
    ----------
    value : float
        NaN where it failed.
    failure : Failure or None
    began : float
        Unix time, seconds.
    seconds : float
        How long it took.
    worker : str
        Who did it: ``host:pid``, or ``host:pid/thread``.
    """

    value: float
    failure: Failure | None
    began: float
    seconds: float
    worker: str


class Evaluation(NamedTuple):
    """An attempt as it is recorded.

    Attributes
    ----------
    search : int
        Which search of a study asked first; 0 where there is one.
    x : ndarray of shape (dim,)
        The point.
    outcome : Outcome
    attempt : int
        From 1.
    final : bool
        Whether it is a value, or a failure that is not tried again.
    """

    search: int
    x: NDArray[np.float64]
    outcome: Outcome
    attempt: int
    final: bool


class Recorded(NamedTuple):
    """What a search needs of an evaluation that was recorded.

    Attributes
    ----------
    search : int
    x : bytes
        The point, as float64.
    value : float
    failure : Failure or None
    attempt : int
        From 1.
    final : bool
        Whether it is a value, or a failure that was not to be tried again.
    """

    search: int
    x: bytes
    value: float
    failure: Failure | None
    attempt: int
    final: bool


class Pool(Protocol):
    """Workers, used by one thread."""

    @property
    def workers(self) -> int:
        """How many tasks may be submitted at the same time."""
        ...

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Begin to evaluate a point (dim,), which may be changed afterwards."""
        ...

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Return what is finished, once anything is or `timeout` seconds are over.

        Ctrl-C gets through at once.

        Raises
        ------
        ExecutorError
            Tasks are lost; those that are finished have been returned before.
        """
        ...

    def cancel(self, task: int) -> bool:
        """End a task; return whether it is gone, never reported, and its worker free.

        False: it goes on, and will be reported as any other.
        """
        ...

    def close(self) -> None:
        """Stop what runs, and free what is not the caller's. May be called twice."""
        ...
