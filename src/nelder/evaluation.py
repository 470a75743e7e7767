"""What became of one attempt at the value of one point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evaluation", "Failure", "FailureKind", "Outcome", "Recorded"]

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
