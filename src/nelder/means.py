"""With what a call evaluates: its workers, what it does about failures, where it records."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Points
from nelder.drive.loop import Observers, drive
from nelder.drive.schedule import Log, Policy, drive_on
from nelder.errors import InvalidArgumentError
from nelder.options import Budget, OnFailure, check_on_failure, check_seconds, check_whole, is_whole
from nelder.result import Origin, Result, Status
from nelder.search.course import Course, CourseSearch
from nelder.search.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from nelder.evaluate.native import NativeObjective
    from nelder.evaluate.pool import Objective
    from nelder.evaluate.python import PythonObjective
    from nelder.evaluation import Pool
    from nelder.parameters import Parameters
    from nelder.search.method import Method
    from nelder.search.search import Search

__all__ = ["Means"]


@dataclass(frozen=True)
class Means:
    """The arguments of `minimize` and `multistart` of these names, checked.

    Attributes
    ----------
    workers : int, Executor, (Executor, int) or None
    vectorized : bool
    timeout : float or None
    journal : path, (path, study) or None
    policy : Policy
        Of ``on_failure`` and ``retries``.
    """

    workers: Any
    vectorized: bool
    timeout: float | None
    journal: Any
    policy: Policy

    @classmethod
    def read(
        cls,
        workers: object,
        vectorized: object,
        timeout: object,
        retries: object,
        on_failure: object,
        journal: object,
    ) -> Means:
        """Check a caller's arguments, but for workers and journal: who opens them checks them.

        Raises
        ------
        InvalidArgumentError
        """
        if not isinstance(vectorized, bool):
            raise InvalidArgumentError(f"vectorized={vectorized!r}: expected True or False")
        failure: OnFailure = check_on_failure(on_failure)
        # A vectorised objective of which nobody says how many points it takes gets no guesses.
        again = check_whole("retries", retries, 0)
        policy = Policy(failure, again, not vectorized or workers is not None)
        return cls(workers, vectorized, check_seconds("timeout", timeout), journal, policy)

    @property
    def here(self) -> bool:
        """Whether every evaluation is a plain call in this thread."""
        return (
            self.workers is None
            and self.timeout is None
            and self.journal is None
            and not self.vectorized
            and not self.policy.retries
        )

    @property
    def in_threads(self) -> bool:
        """Whether whole searches may run in threads: there is nothing but a number of workers."""
        return replace(self, workers=None).here and (
            self.workers is None or (is_whole(self.workers) and self.workers > 0)
        )

    def pool(self, objective: Objective) -> AbstractContextManager[Pool]:
        """Return the workers, to be closed at the end."""
        from nelder.evaluate.pool import make_pool

        return closing(make_pool(objective, self.workers, self.vectorized, self.timeout))

    def run(
        self,
        objective: PythonObjective | NativeObjective,
        method: Method,
        begin: Callable[[Method], Search],
        budget: Budget,
        observers: Observers,
        problem: dict[str, Any],
    ) -> Result:
        """Return the result of the one search that `begin` starts.

        Parameters
        ----------
        objective : PythonObjective or NativeObjective
        method : Method
            `begin` gets it as it is with so many workers.
        begin : callable
        budget : Budget
        observers : Observers
        problem : dict
            What a journal records beside the method.
        """
        if self.here:
            search = begin(method.for_workers(1))
            return drive(search, objective, budget, self.policy.on_failure, observers)
        with self.pool(objective) as pool:
            method = self.method_for(method, pool.workers)
            with self.log({**problem, "method": method}) as log:
                return drive_on(pool, begin(method), budget, self.policy, observers, log)

    def origin(
        self,
        objective: PythonObjective | NativeObjective,
        parameters: Parameters,
        begin: Callable[[], Search],
    ) -> Origin:
        """Return where the results of a search come from."""
        return Origin(
            parameters.lower,
            parameters.upper,
            parameters.restore if parameters.structured else None,
            begin,
            partial(self.measure, objective),
        )

    def measure(
        self, objective: PythonObjective | NativeObjective, points: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the values (k,) at `points` (k, dim); NaN or +inf where an evaluation fails.

        They are not recorded.
        """
        dim = points.shape[1]
        begin = np.zeros(dim, dtype=np.float64)
        search = CourseSearch(Space(begin, None), lambda _: _wanted(points))
        budget = Budget(max(len(points), 1), None, None, None, dim)
        observers = Observers(lambda x: x, history=True)
        if self.here:
            result = drive(search, objective, budget, "worst", observers)
        else:
            with self.pool(objective) as pool:
                policy = replace(self.policy, on_failure="worst")
                result = drive_on(pool, search, budget, policy, observers)
        assert result.history is not None
        values = np.full(len(points), math.nan)  # less than all are known after a value of -inf
        values[: result.nfev] = result.history.values
        return values

    def method_for(self, method: Method, workers: int) -> Method:
        """Return what `method` is with so many workers; as recorded, where a study goes on."""
        made = method.for_workers(workers)
        if made is method or self.journal is None:
            return made
        from nelder.journal.reading import recorded_settings

        settings = recorded_settings(*self._study) or {}
        recorded: Any = settings.get("method", {}).get("workers")
        return method.for_workers(recorded or workers)

    @property
    def _study(self) -> tuple[Any, Any]:
        """The path of the journal and the name of the study."""
        journal: object = self.journal
        if isinstance(journal, tuple):
            pair = cast("tuple[Any, ...]", journal)
            if len(pair) != 2 or not isinstance(pair[1], str) or not pair[1]:
                raise InvalidArgumentError(
                    f"journal={pair!r}: expected a path, or a path and the name of a study"
                )
            return pair
        return journal, "main"

    def log(self, problem: dict[str, Any]) -> AbstractContextManager[Log | None]:
        """Return where evaluations of `problem` are recorded, or None; to be closed at the end."""
        if self.journal is None:
            return nullcontext()
        from nelder.journal.describe import describe
        from nelder.journal.store import Journal

        path, study = self._study
        return closing(Journal.open(path, study, describe(problem)))


def _wanted(points: NDArray[np.float64]) -> Course:
    """Evaluate all of `points` (k, dim)."""
    yield Points(points, -math.inf)
    return Status.CONVERGED
