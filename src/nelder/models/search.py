"""One simplex or several on the weights of a model, their points evaluated together.

Every search asks for all that it needs now, and the answers come from one call: n + 1 points in the
beginning, k in an iteration, of all searches. Nothing is evaluated ahead of need: on the models
that this is for, a call takes less time than guesses would.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nelder.core.convergence import Tolerance
from nelder.core.simplexes import StepSimplex
from nelder.drive.loop import Observers, ended, result_of
from nelder.errors import EvaluationError, InvalidArgumentError
from nelder.models.result import ModelResult
from nelder.options import Budget, is_real, is_whole
from nelder.result import Status
from nelder.search.ask_tell import AskTell
from nelder.search.k_worst import KWorst
from nelder.search.method import Method, check_method
from nelder.search.nelder_mead import NelderMead
from nelder.search.search import Search

__all__ = ["Many", "Settings", "Watcher", "minimise"]

Array = NDArray[np.float64]
Many = Callable[[Array], Array]  # the losses (m,) of points (m, n)

# Weights are single precision, and a loss is known to about 1e-7 of itself.
TOLERANCE = Tolerance(xatol=1e-4, fatol=1e-6)
# A third of the vertices move at once, as many as do good: points of the same call cost little. On
# workers, which cost more, KWorst's own rule moves fewer.
MOVERS = 3


class Watcher(Protocol):
    """Who has the model, and watches the search."""

    @property
    def every_call(self) -> bool:
        """Whether `called` is to be called."""
        ...

    def install(self, x: Array) -> None:
        """Give the model the weights at `x` (n,)."""
        ...

    def called(self, fun: float) -> None:
        """See the end of a call; the model has the best weights so far, `fun` is their loss."""
        ...

    def begin(self, epoch: int) -> None:
        """See the beginning of an epoch."""
        ...

    def end(self, epoch: int, fun: float) -> bool:
        """See the end of an epoch; return whether the search is to end.

        The model has the best weights so far, `fun` is their loss.
        """
        ...


@dataclass(frozen=True)
class Settings:
    """How a model's weights are searched; checked on construction.

    Parameters
    ----------
    starts : int
        Searches.
    batch : int
        Points in one call of the model at most.
    step : float
        Of each coordinate in the first simplex; the starts after the first are drawn from a normal
        distribution of this width around it.
    seed : int
        Of these starts.
    method : Method or None
        None is `KWorst`, with as many movers as do good and fit in a batch.

    Raises
    ------
    InvalidArgumentError
        One of them is of the wrong type or out of range.
    """

    starts: int
    batch: int
    step: float
    seed: int
    method: Method | None

    def __post_init__(self) -> None:
        for name, least in (("starts", 1), ("batch", 1), ("seed", 0)):
            value: object = getattr(self, name)
            if not (is_whole(value) and value >= least):
                raise InvalidArgumentError(
                    f"{name}={value!r}: expected a whole number, {least} or above"
                )
        if not is_real(self.step) or not 0.0 < self.step < math.inf:
            raise InvalidArgumentError(f"step={self.step!r}: expected a number above 0")
        if self.method is not None:
            check_method(self.method)

    def method_for(self, n: int) -> Method:
        """Return the method for dimension `n`."""
        if self.method is not None:
            return self.method
        k = max(1, min(n // MOVERS, self.batch // self.starts))
        made: dict[str, Any] = {
            "initial_simplex": StepSimplex(self.step),
            "convergence": TOLERANCE,
        }
        return KWorst(k, **made) if k > 1 else NelderMead(**made)

    def begins(self, x0: Array) -> Array:
        """Return the starts (starts, n), `x0` (n,) the first of them."""
        random = np.random.default_rng(int(self.seed))
        others = random.normal(x0, self.step, size=(int(self.starts) - 1, len(x0)))
        return np.concatenate([x0.reshape(1, -1), others])


@dataclass(eq=False)
class _Lane:
    """A search, what it asks for, and why it has ended."""

    search: Search
    asker: AskTell = field(init=False)
    status: Status = Status.RUNNING

    def __post_init__(self) -> None:
        self.asker = AskTell(self.search)


class _Searches:
    """All searches of a model, and the best they have found."""

    def __init__(
        self, many: Many, x0: Array, settings: Settings, budget: Budget, watcher: Watcher
    ) -> None:
        method = settings.method_for(len(x0))
        self.lanes = [_Lane(method.start(start, None)) for start in settings.begins(x0)]
        self._many = many
        self._batch = int(settings.batch)
        self._budget = budget
        self._watcher = watcher
        self._began = time.perf_counter()
        self._best = self._given = (x0, math.inf)  # and what the model has been given of it
        self._ncall = 0
        # An epoch is as many evaluations of each search as its simplex has vertices.
        self._epoch_size = (len(x0) + 1) * len(self.lanes)

    def run(self) -> None:
        """Search until every search has ended, or the watcher wants no more."""
        epoch, evaluated = 0, 0
        begun = False
        active = self.lanes
        while active:
            if not begun:
                self._watcher.begin(epoch)
                begun = True
            evaluated += self._round(active)
            over = self._best[1] <= self._budget.target
            for lane in active:
                status = ended(lane.search, self._budget, False)
                lane.status = Status.RUNNING if status is None else status
            active = [lane for lane in active if lane.status is Status.RUNNING]
            if evaluated >= (epoch + 1) * self._epoch_size or over or not active:
                self.install()
                if self._watcher.end(epoch, self._best[1]):
                    self._end(Status.CALLBACK)
                    return
                epoch, begun = epoch + 1, False
            if over:
                return

    def _round(self, lanes: list[_Lane]) -> int:
        """Have all that the searches need now evaluated; return how many points that was."""
        asked: list[Array] = []
        for lane in lanes:
            left = self._budget.maxfev - lane.search.nfev
            asked.append(lane.asker.ask(None if left == math.inf else int(left)))
        points = np.concatenate(asked)
        values = np.concatenate(
            [self._call(points[i : i + self._batch]) for i in range(0, len(points), self._batch)]
        )
        begin = 0
        for lane, x in zip(lanes, asked, strict=True):
            end = begin + len(x)
            lane.asker.tell(x, values[begin:end].tolist())
            begin = end
        return len(points)

    def _call(self, points: Array) -> Array:
        values = self._many(points)
        self._ncall += 1
        i = int(np.where(np.isnan(values), math.inf, values).argmin())
        if values[i] < self._best[1]:
            self._best = points[i].copy(), float(values[i])
        if self._watcher.every_call:
            self.install()
            self._watcher.called(self._best[1])
        return values

    def install(self) -> None:
        """Give the model the best weights, unless it has them."""
        best = self._best
        if best is not self._given:
            self._watcher.install(best[0])
            self._given = best

    def _end(self, status: Status) -> None:
        """End the searches that are under way."""
        for lane in self.lanes:
            if lane.status is Status.RUNNING:
                lane.status = status

    def result(self, otherwise: Status) -> ModelResult:
        """Return what was found; searches that are under way ended for the reason `otherwise`."""
        self._end(otherwise)
        elapsed = time.perf_counter() - self._began
        observers = Observers(lambda x: x)
        results = tuple(
            result_of(lane.search, lane.status, elapsed, observers) for lane in self.lanes
        )
        best = min(range(len(results)), key=lambda i: results[i].fun)
        status = results[best].status
        return ModelResult(
            x=self._best[0],
            fun=self._best[1],
            success=status.success,
            status=status,
            message=status.message,
            nfev=sum(result.nfev for result in results),
            ncall=self._ncall,
            best=best,
            elapsed=elapsed,
            results=results,
        )


def minimise(
    many: Many, x0: Array, settings: Settings, budget: Budget, watcher: Watcher
) -> ModelResult:
    """Search the weights of a model; leave the best in it, whatever happens.

    Parameters
    ----------
    many : callable
        ``many(X)`` of X (m, n) with at most ``settings.batch`` rows -> losses (m,), float64.
    x0 : ndarray of shape (n,)
    settings : Settings
    budget : Budget
        Of each search; its target ends all.
    watcher : Watcher

    Raises
    ------
    EvaluationError, KeyboardInterrupt, and whatever a callback raises
        With ``result``, the search so far.
    """
    searches = _Searches(many, x0, settings, budget, watcher)
    try:
        searches.run()
    except BaseException as error:
        failed = isinstance(error, EvaluationError)
        searches.install()
        error.result = searches.result(  # type: ignore[attr-defined]
            Status.OBJECTIVE_FAILED if failed else Status.INTERRUPTED
        )
        raise
    searches.install()
    return searches.result(Status.INTERRUPTED)
