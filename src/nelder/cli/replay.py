"""How far a search has come, from its record alone: resuming is replay, and so is this."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np

import nelder
from nelder.cli.studies import Recorded
from nelder.journal.study import Study
from nelder.result import Result, Status

__all__ = ["Standing", "standing"]


@dataclass(frozen=True)
class Standing:
    """How far a search has come.

    Attributes
    ----------
    result : Result
        As of the recorded values.
    ended : bool
        Whether it has ended by itself, or at the target.
    """

    result: Result
    ended: bool


class _UnansweredError(BaseException):  # one that no policy for failures takes for a failure
    """The value of a point is not recorded."""

    result: Result


def standing(run: Recorded, study: Study, history: bool = False) -> Standing:
    """Tell the search what is recorded, until it asks for more.

    Budgets of evaluations and time are left out: they end a run, not a search. Under noise a search
    plans with its evaluations: there they are those of the last run.

    Parameters
    ----------
    run : Recorded
    study : Study
    history : bool, default False
        Whether the result is to have one.
    """
    problem, options = run.problem, run.options
    values = _values(study, failures=options.on_failure == "worst")

    def recorded(x: dict[str, float]) -> float:
        known = values.get(np.array([x[name] for name in study.names]).tobytes())
        if not known:
            raise _UnansweredError
        return known.popleft() if len(known) > 1 else known[0]

    try:
        result = nelder.minimize(
            recorded,
            problem.start,
            bounds=problem.bounds,
            method=problem.searcher(),
            maxfev=run.planned if problem.noise else math.inf,  # type: ignore[arg-type]
            target=options.target,
            history=history,
        )
    except _UnansweredError as unanswered:
        return Standing(unanswered.result, ended=False)
    return Standing(result, ended=result.status is not Status.MAXFEV)


def _values(study: Study, failures: bool) -> dict[bytes, deque[float]]:
    """Return what is known of each point, in order; NaN for a failure that counts."""
    rows = study.evaluations
    counts = (rows.failures == "") | (rows.final & failures)
    values: defaultdict[bytes, deque[float]] = defaultdict(deque)
    for x, value in zip(rows.X[counts], rows.values[counts].tolist(), strict=True):
        values[x.tobytes()].append(value)
    return values
