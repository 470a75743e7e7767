"""Runs a problem to its end, whatever ends it."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Any

import numpy as np

import nelder
from nelder.cli.display import Display
from nelder.cli.endings import Ending, of_error, of_failure, of_interrupt, of_result
from nelder.cli.studies import STUDY, Recorded, new_file, record, study_of
from nelder.errors import EvaluationError, NelderError, ReturnValueError
from nelder.evaluate.command import Command
from nelder.journal.reading import load
from nelder.result import Progress, Result, Status

__all__ = ["execute"]


def execute(path: str | None, run: Recorded, display: Display) -> int:
    """Minimise, show it, and return the exit code.

    Parameters
    ----------
    path : str or None
        Of the study, new or to be resumed; None for a new one in the current directory.
    run : Recorded
    display : Display

    Raises
    ------
    NelderError
        The objective or the study cannot be used.
    """
    objective = run.problem.objective(run.folder, run.options.timeout)
    path = path or new_file(run.problem, run.folder)
    record(path, run)
    ending = None
    try:
        with display.showing(path, run):
            ending = _ending(path, run, objective, display)
        display.end(ending)
    except OSError:  # the terminal is gone, or nobody reads any more
        if ending is None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ending.code


def _ending(path: str, run: Recorded, objective: Any, display: Display) -> Ending:
    try:
        with _ended_by_signals():
            result = _result(path, run, objective, display)
    except KeyboardInterrupt as interrupt:
        number = interrupt.number if isinstance(interrupt, _EndedError) else signal.SIGINT
        result = getattr(interrupt, "result", None)
        return of_interrupt(path, 128 + number, _NAMES[number], result)
    except BrokenPipeError as error:
        result = getattr(error, "result", None)
        return of_interrupt(path, 128 + _CLOSED_PIPE, "nobody reads the output", result)
    except _HopelessError as error:
        return _hopeless(path, objective, error.result)
    except ReturnValueError as error:
        return of_failure(path, f"{error}", "", error.result, resumes=False)
    except EvaluationError as error:
        return of_failure(path, *_failure(path, error.x), error.result, resumes=True)
    except NelderError as error:
        if error.result is None:
            raise
        return of_error(path, error)
    if result.status is Status.OBJECTIVE_FAILED:
        return of_failure(path, *_failure(path), result, resumes=True)
    return of_result(path, result)


def _result(path: str, run: Recorded, objective: Any, display: Display) -> Result:
    problem, options = run.problem, run.options
    of_program = isinstance(objective, Command)
    return nelder.minimize(
        objective,
        problem.start,
        bounds=problem.bounds,
        method=problem.searcher(),
        maxfev=options.maxfev,
        maxtime=options.maxtime,
        target=options.target,
        workers=options.jobs if of_program or options.jobs > 1 else None,
        timeout=None if of_program else options.timeout,
        retries=options.retries,
        on_failure=options.on_failure,
        journal=(path, STUDY),
        progress=_Watch(path, display),
    )


# Signals

_NAMES = {
    2: "interrupted",
    15: "ended by SIGTERM",
    1: "ended by a closed terminal (SIGHUP)",
}
_CLOSED_PIPE = 13


class _EndedError(KeyboardInterrupt):
    """A signal to end has come in."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def _ended_by_signals() -> Generator[None]:
    """Have SIGTERM and SIGHUP end a run as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _EndedError(number)

    numbers = [number for number in signal.Signals if number in (1, 15)]  # Windows has no SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    for number, handler in zip(numbers, before, strict=True):
        if handler is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


# Objectives that never work


class _HopelessError(Exception):
    """Each of the first points failed."""

    result: Result | None = None


class _Watch:
    """Shows a search; ends it when it turns out that the objective does not work at all."""

    def __init__(self, path: str, display: Display) -> None:
        self._path = path
        self._display = display
        self._judged = False

    def __call__(self, now: Progress) -> None:
        self._display.update(now)
        if not self._judged and now.nfev > len(now.x):  # the first simplex
            self._judged = True
            if not now.fun < math.inf and now.nfailed == now.nfev and _all_failed(self._path):
                raise _HopelessError


def _all_failed(path: str) -> bool:
    """Whether no evaluation gave a value; NaN and infinite ones are values."""
    evaluations = study_of(load(path)).evaluations
    return bool((evaluations.failures != "").all())


def _hopeless(path: str, objective: Any, result: Result | None) -> Ending:
    message, details = _failure(path)
    if isinstance(objective, Command) and objective.is_fresh:
        names = ", ".join(file.name for file in (*objective.templates, *objective.inputs))
        details += (
            f"\n(it runs in a directory of its own, with {names or 'no files'}; --input puts other "
            "files there)"
        )
    headline = f"at each of the first points, so the run is ended: {message}"
    return of_failure(path, headline, details, result, resumes=False)


def _failure(path: str, x: Any = None) -> tuple[str, str]:
    """Return message and details of the last failed evaluation, or of that at `x`."""
    study = study_of(load(path))
    failures = study.failures
    if x is not None:  # others may have failed ahead of need
        here = np.array([x[name] for name in study.names])
        failures = failures[np.all(here == failures.X, axis=1)]
    return str(failures.messages[-1]), str(failures.details[-1])
