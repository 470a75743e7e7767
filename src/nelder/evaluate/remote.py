"""An objective in other processes: what is sent there, runs there, and comes back.

The objective is pickled once, and unpickled once by each worker, which knows it by its digest from
then on. A point is its bytes; an outcome is a small tuple.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ExecutorError, InvalidArgumentError, missing_extra
from nelder.evaluate.attempt import attempt, failure_of, shown, this_worker
from nelder.evaluation import Failure, Outcome

__all__ = [
    "Broken",
    "Packed",
    "Parcel",
    "Reply",
    "Unknown",
    "Unusable",
    "evaluate",
    "evaluate_parcel",
    "learn",
    "pack_objective",
    "unpack",
]

REMEMBERED = 8  # objectives; a worker may live longer than many searches
LARGEST_ERROR = 2**15  # bytes of a pickled exception; of a larger one only the text is sent


@dataclass(frozen=True)
class Parcel:
    """A pickled objective.

    Attributes
    ----------
    digest : bytes
        By which workers know it.
    pickled : bytes
    """

    digest: bytes
    pickled: bytes


class Packed(NamedTuple):
    """An outcome as it travels; the exception, where there is one, pickled or left behind."""

    value: float
    failure: tuple[str, str, str, bytes | None] | None
    began: float
    seconds: float
    worker: str


class Unknown(NamedTuple):
    """The worker has not got the objective: send the parcel."""


class Unusable(NamedTuple):
    """The worker cannot unpickle the objective."""

    message: str
    details: str


class Broken(NamedTuple):
    """There is no way to evaluate anything there."""

    message: str


Reply = Packed | Unknown | Unusable | Broken


# In the driver


def pack_objective(fun: Callable[..., Any]) -> Parcel:
    """Pickle an objective of any kind: lambdas, closures and functions of notebooks too.

    Raises
    ------
    InvalidArgumentError
        It cannot be pickled.
    MissingExtraError
        cloudpickle is not installed.
    """
    cloudpickle = _cloudpickle()
    try:
        pickled: bytes = cloudpickle.dumps(fun)
    except Exception as error:
        raise InvalidArgumentError(
            f"fun={fun!r}: expected an objective that can be pickled, to be sent to other "
            f"processes; pickling raised {shown(error)}"
        ) from error
    return Parcel(hashlib.blake2b(pickled, digest_size=16).digest(), pickled)


def unpack(packed: Packed | Broken) -> Outcome:
    """Return an outcome as it was in the worker.

    Raises
    ------
    ExecutorError
        It says nothing of the point.
    """
    if isinstance(packed, Broken):
        raise ExecutorError(packed.message)
    value, failed, began, seconds, worker = packed
    if failed is None:
        return Outcome(value, None, began, seconds, worker)
    kind, message, details, pickled = failed
    error = None if pickled is None else _unpickled_error(pickled)
    if error is not None:
        with suppress(Exception):  # one that is frozen
            error.add_note(f"In worker {worker}:\n{details}")  # its traceback stayed there
    failure = Failure(kind, message, details, error)  # type: ignore[arg-type]
    return Outcome(value, failure, began, seconds, worker)


# In a worker

_objectives: dict[bytes, Callable[[NDArray[np.float64]], Any] | Unusable] = {}


def learn(parcel: Parcel) -> None:
    """Unpickle an objective, unless this worker knows it."""
    if parcel.digest in _objectives:
        return
    while len(_objectives) >= REMEMBERED:
        del _objectives[next(iter(_objectives))]
    try:
        _objectives[parcel.digest] = pickle.loads(parcel.pickled)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module that it needs may end the interpreter
        failure = failure_of(error)
        _objectives[parcel.digest] = Unusable(failure.message, failure.details)


def evaluate(digest: bytes, x: bytes) -> Reply:
    """Return what becomes of a point given by its bytes."""
    fun = _objectives.get(digest)
    if fun is None:
        return Unknown()
    if isinstance(fun, Unusable):
        return fun
    try:
        return _pack(attempt(fun, np.frombuffer(x).copy()))
    except ExecutorError as error:  # as text: its result may be of any size
        return Broken(f"in worker {this_worker()}: {error}")


def evaluate_parcel(digest: bytes, pickled: bytes | None, x: bytes, serial: int) -> Reply:
    """Return what becomes of a point that may bring its objective along.

    `serial` only makes calls differ.
    """
    if pickled is not None:
        learn(Parcel(digest, pickled))
    return evaluate(digest, x)


def _pack(outcome: Outcome) -> Packed:
    failure = outcome.failure
    failed = None
    if failure is not None:
        error = None if failure.error is None else _pickled_error(failure.error)
        failed = (failure.kind, failure.message, failure.details, error)
    return Packed(outcome.value, failed, outcome.began, outcome.seconds, outcome.worker)


def _pickled_error(error: Exception) -> bytes | None:
    """Return an exception pickled, or None where it would not survive it."""
    try:
        # its class may be one that the objective has brought along
        pickled: bytes = _cloudpickle().dumps(error)
    except Exception:
        return None
    if len(pickled) > LARGEST_ERROR or _unpickled_error(pickled) is None:
        return None
    return pickled


def _cloudpickle() -> Any:
    try:
        import cloudpickle
    except ImportError as error:
        raise missing_extra("an objective in other processes", "parallel") from error
    return cloudpickle


def _unpickled_error(pickled: bytes) -> Exception | None:
    try:
        error = pickle.loads(pickled)
    except Exception:
        return None
    return error if isinstance(error, Exception) else None
