"""Searches whose points are evaluated by workers: one thread that asks, sends, records and tells.

Whatever arrives is recorded first, then used: each search takes its values in its own order, so
that neither time nor the number of workers shows in what it does. What is left of the workers
evaluates what may be needed next.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import time as unix_time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nelder.drive.known import Known
from nelder.drive.loop import Observers, Watch, ended, failed, watched
from nelder.drive.progress import SECONDS
from nelder.errors import EvaluationError, NelderError, ReturnValueError
from nelder.evaluation import Evaluation, Failure, Outcome, Pool, Recorded
from nelder.options import Budget, OnFailure
from nelder.result import Result, Status
from nelder.search.ahead import LEAST, Planned, plan
from nelder.search.search import Search

__all__ = ["Log", "Policy", "Run", "drive_on", "schedule"]

Array = NDArray[np.float64]

LONG = 1.0  # seconds: an evaluation of this length may be ended once it is of no use,
STARTS = 4.0  # and of so many times what a worker takes to start, since ending costs one start
SPARED = 2  # times as many points are looked at before one is said to be of no use
MOMENT = 0.03  # of the typical time: evaluations begun together end within it,
LONGEST_MOMENT = 0.1  # or within so many seconds
LEAST_ROOM = 1000  # values of this call that wait to be used by a search, at most,
ROOM = 10  # and for each worker: what all have brought at once must not drive out itself
MEMORY = 0.2  # weight of the last evaluation in the typical time of one


class Log(Protocol):
    """Where evaluations are recorded."""

    def recorded(self) -> Iterable[Recorded]:
        """Return what is recorded, in order, but for failures that were tried again."""
        ...

    def append(self, evaluations: Sequence[Evaluation]) -> None:
        """Record evaluations; they are on disk when it returns."""
        ...


class NoLog:
    """Records nothing."""

    def recorded(self) -> Iterable[Recorded]:
        """Return nothing."""
        return ()

    def append(self, evaluations: Sequence[Evaluation]) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Policy:
    """What is done about failures, and about workers that have nothing to do.

    Attributes
    ----------
    on_failure : {"raise", "worst", "stop"}
    retries : int
        How often a failed attempt is made again.
    ahead : bool
        Whether spare workers evaluate what may be needed next.
    """

    on_failure: OnFailure
    retries: int = 0
    ahead: bool = True


@dataclass(eq=False)
class Run:
    """One search under way.

    Attributes
    ----------
    index : int
        Which search of the study it is.
    search : Search
    budget : Budget
    watch : Watch
    status : Status
    needed : dict
        What it waits for, by the bytes of the points.
    tries : dict
        Failed attempts of this call, by point.
    """

    index: int
    search: Search
    budget: Budget
    watch: Watch
    status: Status = Status.RUNNING
    needed: dict[bytes, Planned] = field(default_factory=dict[bytes, Planned])
    tries: dict[bytes, int] = field(default_factory=dict[bytes, int])


@dataclass(frozen=True)
class _Task:
    run: Run
    x: Array
    key: bytes
    attempt: int
    sent: float  # Unix time


def drive_on(
    pool: Pool,
    search: Search,
    budget: Budget,
    policy: Policy,
    observers: Observers,
    log: Log | None = None,
) -> Result:
    """Run one search on `pool` to its end or that of `budget`.

    Raises
    ------
    EvaluationError, ReturnValueError, ExecutorError, JournalError, KeyboardInterrupt
        With ``result``, the search so far.
    """
    watch = Watch.begin(search, budget, observers)
    run = Run(0, search, budget, watch)
    deadline = watch.began + budget.maxtime

    def body() -> Status:
        for _ in schedule(pool, [run], policy, log or NoLog(), deadline):
            pass
        return run.status

    return watched(search, watch, body)


def schedule(
    pool: Pool, runs: Iterable[Run], policy: Policy, log: Log, deadline: float = math.inf
) -> Generator[Run]:
    """Drive searches on one pool, and yield each at its end.

    A search is begun when workers have nothing to do for those under way.

    Parameters
    ----------
    pool : Pool
    runs : iterable of Run
        Taken one at a time.
    policy : Policy
    log : Log
    deadline : float
        By ``time.perf_counter``; no evaluation begins later.
    """
    return _Scheduler(pool, iter(runs), policy, log, deadline).all()


class _Scheduler:
    def __init__(
        self, pool: Pool, runs: Iterator[Run], policy: Policy, log: Log, deadline: float
    ) -> None:
        self._pool = pool
        self._runs = runs
        self._policy = policy
        self._log = log
        self._deadline = deadline
        room = LEAST_ROOM + ROOM * pool.workers
        self._known = Known(log.recorded(), policy.on_failure == "worst", room)
        self._active: list[Run] = []
        self._flight: dict[int, _Task] = {}
        self._sent: set[tuple[int, bytes]] = set()  # what is in flight, by search and point
        self._number = count()
        self._begun = False  # whether any value has been used: there is one at least
        self._all_begun = False
        self._typical = 0.0  # seconds of an evaluation
        self._start = 0.0  # seconds from sending a point until its evaluation began, the most
        self._ahead_at = -math.inf  # when to look ahead again

    def all(self) -> Generator[Run]:
        """Yield the runs as they end; however that ends, what is finished is recorded."""
        try:
            yield from self._all()
        except BaseException as error:
            try:
                self._keep_finished()
            except Exception as another:
                error.add_note(f"and then: {another}")
            raise
        self._keep_finished()

    def _all(self) -> Iterator[Run]:
        while True:
            yield from self._send_needed()
            yield from self._begin()
            if not self._active and self._all_begun:
                return
            pause = self._look_ahead()
            for run in self._receive(self._pool.wait(pause)):
                if self._go_on(run):
                    yield run
            for run in self._active:
                run.watch.look(run.search, len(self._flight))

    # Sending

    @property
    def _free(self) -> int:
        return self._pool.workers - len(self._flight)

    def _send_needed(self) -> Iterator[Run]:
        """Send what is needed now; yield the runs for which it is too late."""
        for run in list(self._active):
            if self._late(run):
                yield run
            else:
                self._send(run, run.needed)

    def _begin(self) -> Iterator[Run]:
        """Begin searches while there are workers for them; yield those that end at once."""
        while self._free > 0 and not self._all_begun:
            run = next(self._runs, None)
            if run is None:
                self._all_begun = True
                return
            self._active.append(run)
            if self._go_on(run) or self._late(run):
                yield run
            else:
                self._send(run, run.needed)

    def _late(self, run: Run) -> bool:
        """End a run if it is too late to begin what it needs; return whether it was."""
        first = next(iter(run.needed))
        if self._too_late and (run.index, first) not in self._sent:
            self._end(run, Status.MAXTIME)
            return True
        return False

    @property
    def _too_late(self) -> bool:
        return self._begun and time.perf_counter() >= self._deadline

    def _send(self, run: Run, points: dict[bytes, Planned]) -> None:
        for key, planned in points.items():
            if self._free <= 0 or self._too_late:
                return
            place = (run.index, key)
            if place in self._sent:
                continue
            tried = self._known.attempts(run.index, key) + run.tries.get(key, 0)
            task = next(self._number)
            self._pool.submit(task, planned.x)
            self._flight[task] = _Task(run, planned.x, key, tried + 1, unix_time())
            self._sent.add(place)

    def _look_ahead(self) -> float | None:
        """Send what may be needed next; return how long to wait at most before doing so.

        Evaluations that were begun together end nearly together. So a moment is waited for those
        that are about to end, before what they leave free is filled.
        """
        pause = SECONDS if any(run.watch.monitor for run in self._active) else None
        now = time.perf_counter()
        if not self._policy.ahead or self._pool.workers == 1 or now >= self._deadline:
            return pause
        if now < self._ahead_at:
            return min(self._ahead_at - now, pause or math.inf)
        ending = self._worth_ending and self._guessing
        if self._free <= 0 and not ending:
            return pause
        plans = [(run, self._plan(run, self._pool.workers)) for run in self._active]
        guesses = [(run, key, points[key]) for run, points in plans for key in points]
        if ending:
            self._end_useless({(run.index, key) for run, key, _ in guesses})
        for run, key, planned in sorted(guesses, key=lambda guess: -guess[2].share):
            self._send(run, {key: planned})
        return pause

    def _plan(self, run: Run, points: int, least: float = LEAST) -> dict[bytes, Planned]:
        left = run.budget.maxfev - run.search.nfev
        return plan(run.search, self._known.of(run.index), points, left, least)

    @property
    def _worth_ending(self) -> bool:
        return self._typical >= max(LONG, STARTS * self._start)

    @property
    def _guessing(self) -> bool:
        """Whether any evaluation under way is not needed now."""
        return any(task.key not in task.run.needed for task in self._flight.values())

    def _end_useless(self, planned: set[tuple[int, bytes]]) -> None:
        """End evaluations that nobody has a use for any more, where others wait for workers."""
        lacking = len(planned - self._sent) - self._free
        if lacking <= 0:
            return
        workers = self._pool.workers
        spared = {(r.index, key) for r in self._active for key in self._plan(r, SPARED * workers)}
        self._cancel(
            (n for n, task in self._flight.items() if (task.run.index, task.key) not in spared),
            lacking,
        )

    def _cancel(self, numbers: Iterable[int], most: float = math.inf) -> None:
        """End evaluations, where that can be done; at most so many."""
        for number in list(numbers):
            if most > 0 and self._pool.cancel(number):
                self._forget(number)
                most -= 1

    # Receiving

    def _receive(self, finished: list[tuple[int, Outcome]]) -> list[Run]:
        """Record what has come in; return the runs that have got a value or a final failure."""
        tasks = [self._forget(number) for number, _ in finished]
        records: list[Evaluation] = []
        for task, (_, outcome) in zip(tasks, finished, strict=True):
            tries = task.run.tries.get(task.key, 0) + 1
            final = (
                outcome.failure is None
                or outcome.failure.kind == "return value"
                or tries > self._policy.retries
            )
            records.append(Evaluation(task.run.index, task.x, outcome, task.attempt, final))
            difference = outcome.seconds - self._typical
            self._typical += MEMORY * difference if self._typical else difference
            self._start = max(self._start, outcome.began - task.sent)
        if records:
            self._log.append(records)
        touched: dict[int, Run] = {}
        for task, (_, outcome), record in zip(tasks, finished, records, strict=True):
            run, key = task.run, task.key
            run.watch.nahead += 1
            if outcome.failure is not None and not (record.final and self._raises(run, key)):
                _drop_locals(outcome.failure.error)
            if not record.final:
                run.tries[key] = run.tries.get(key, 0) + 1
            elif run.status is Status.RUNNING:
                run.tries.pop(key, None)
                fleeting = run.search.fleeting
                self._known.put(run.index, key, outcome.value, outcome.failure, fleeting)
                touched[run.index] = run
        return list(touched.values())

    def _raises(self, run: Run, key: bytes) -> bool:
        """Whether a failure of this point is raised as soon as the search is told of it."""
        return self._policy.on_failure == "raise" and key in run.needed

    def _keep_finished(self) -> None:
        """Record what is finished when nothing is waited for any more."""
        self._cancel(self._flight)  # in the calling thread nothing runs, but would if waited for
        while self._flight:
            try:
                finished = self._pool.wait(0.0)
            except NelderError:  # the pool broke; nobody needs it any more
                return
            if not finished:
                return
            self._receive(finished)

    def _forget(self, number: int) -> _Task:
        task = self._flight.pop(number)
        self._sent.discard((task.run.index, task.key))
        return task

    # Going on

    def _go_on(self, run: Run) -> bool:
        """Tell a search what is known for it; return whether it has ended."""
        search, budget, watch = run.search, run.budget, run.watch
        nfev = search.nfev
        while True:
            status = ended(search, budget, False)
            if status is not None:
                self._end(run, status)
                return True
            x = search.stage.x
            key = x.tobytes()
            known = self._known.take(run.index, key)
            if known is None:
                if search.nfev > nfev and self._flight:
                    moment = min(MOMENT * self._typical, LONGEST_MOMENT)
                    self._ahead_at = time.perf_counter() + moment
                run.needed = self._plan(run, self._pool.workers, least=1.0)
                return False
            value, failure, new = known
            self._begun = True
            watch.nahead -= new
            if watch.recorder:
                points, values = watch.recorder.room(search.nfev)
                points[0], values[0] = x, value
            nit = search.nit
            if failure is not None:
                try:
                    over = self._failed(run, x, failure)
                except EvaluationError:
                    run.status = Status.OBJECTIVE_FAILED
                    raise
                if over:
                    self._end(run, Status.OBJECTIVE_FAILED)
                    return True
            else:
                search.stage.tell(value)
                search.advance()
            if watch.observers.callback and search.nit > nit and watch.iterated(search):
                self._end(run, Status.CALLBACK)
                return True

    def _failed(self, run: Run, x: Array, failure: Failure) -> bool:
        restored = run.watch.observers.restore(x)
        if failure.kind == "return value":
            error = ReturnValueError(failure.message)
            error.x = restored
            raise error
        cause = failure.error
        if cause is None and failure.details:
            cause = RuntimeError(f"{failure.message}\n{failure.details}")
        raised = failure.kind == "exception"
        what = f"the objective raised {failure.message}" if raised else failure.message
        return failed(run.search, self._policy.on_failure, restored, what, cause)

    def _end(self, run: Run, status: Status) -> None:
        run.status = status
        self._active.remove(run)
        self._known.forget(run.index)
        if self._worth_ending:
            self._cancel(number for number, task in self._flight.items() if task.run is run)


def _drop_locals(error: BaseException | None) -> None:
    """Free what the frames that led to an error hold: it may wait, or lie in a cycle, for long."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an error may be made its own cause
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
