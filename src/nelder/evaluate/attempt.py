"""One call of an objective: timed, its value a float, its exception a failure."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from nelder.core.real import as_real
from nelder.errors import ExecutorError, ReturnValueError
from nelder.evaluation import Failure, FailureKind, Outcome

__all__ = [
    "NO_FAILURES",
    "attempt",
    "bounded",
    "failed",
    "failure_of",
    "one_line",
    "shown",
    "this_host",
    "this_worker",
    "timed_out",
]

# What says nothing of the point: Ctrl-C, and that there is no way to evaluate it at present.
NO_FAILURES = (KeyboardInterrupt, ExecutorError)

LONGEST_MESSAGE = 500  # characters
LONGEST_DETAILS = 40_000  # what a program keeps of both its streams goes in

_KINDS = get_args(FailureKind)


def attempt(
    fun: Callable[[NDArray[np.float64]], Any],
    x: NDArray[np.float64],
    caught: type[BaseException] = BaseException,
) -> Outcome:
    """Call ``fun(x)`` and return what became of it.

    Parameters
    ----------
    fun : callable
        An exception of its that has a `kind` among those of a `Failure`, and `details`, says
        itself what failed.
    x : ndarray of shape (dim,)
        `fun` may keep or change it.
    caught : class of exceptions
        What counts as a failure. In a worker that is everything: `SystemExit` ends this attempt
        only. In the caller's thread it is `Exception`: what is none, such as the `SystemExit` of
        the caller's handler of a signal, ends the search, as it ends any other code.

    Raises
    ------
    KeyboardInterrupt, ExecutorError
        Ctrl-C is never the objective's failure, nor is a full disk where a program was to run.
    """
    began = time.time()
    clock = time.perf_counter()
    value, failure = float("nan"), None
    try:
        returned = fun(x)
    except NO_FAILURES:
        raise
    except caught as error:
        failure = failure_of(error)
    else:
        try:
            value = as_real(returned)
        except KeyboardInterrupt:
            raise
        except ReturnValueError as error:
            failure = Failure("return value", one_line(str(error)), error=error)
        except caught as error:  # what was returned computes its number only now
            failure = failure_of(error)
    return Outcome(value, failure, began, time.perf_counter() - clock, this_worker())


def failed(failure: Failure, began: float, worker: str) -> Outcome:
    """Return the outcome of an attempt that began then and has failed just now."""
    return Outcome(float("nan"), failure, began, max(time.time() - began, 0.0), worker)


def timed_out(seconds: float) -> Failure:
    """Return the failure of what has not answered within so many seconds."""
    return Failure("timeout", f"no answer within {seconds:g} s")


def failure_of(error: BaseException) -> Failure:
    """Return what the objective raised as a failure; called where it was caught."""
    told = error if isinstance(error, Exception) else None
    with suppress(Exception):  # it runs code of the caller's: properties, __str__
        kind: Any = getattr(error, "kind", None)
        details: Any = getattr(error, "details", None)
        if isinstance(kind, str) and kind in _KINDS and isinstance(details, str):
            message = one_line(str(error))
            return Failure(cast("FailureKind", kind), message, bounded(details), told)
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_globals.get("__name__")):
        frames = frames.tb_next
    error = BaseException.with_traceback(error, frames)
    details = ""
    with suppress(Exception):
        details = "".join(traceback.format_exception(error))
    return Failure("exception", shown(error), bounded(details), told)


def shown(error: BaseException) -> str:
    """Return an exception as one line, whatever its class does."""
    try:
        return one_line(repr(error))
    except Exception:
        return f"{type(error).__name__} (its repr raises)"


def _is_ours(module: object) -> bool:
    """Whether a frame only leads to the objective."""
    return isinstance(module, str) and module.startswith(("nelder.evaluate.", "nelder.cli."))


def one_line(text: str) -> str:
    """Return `text` as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]} ..."


def bounded(text: str) -> str:
    """Return `text` without its middle, where it is long."""
    half = LONGEST_DETAILS // 2
    return text if len(text) <= 2 * half else f"{text[:half]}\n...\n{text[-half:]}"


def this_worker() -> str:
    """Return the name of this process, and of this thread unless it is the main one."""
    thread = threading.current_thread()
    name = f"{this_host()}:{os.getpid()}"
    return name if thread is threading.main_thread() else f"{name}/{thread.name}"


@functools.cache
def this_host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()
