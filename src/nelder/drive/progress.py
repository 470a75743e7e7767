"""How what runs is shown: by a progress line (rich), or a callable of the user's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError, missing_extra
from nelder.result import Progress, Status

if TYPE_CHECKING:
    from nelder.minima import MultistartProgress
    from nelder.options import Budget
    from nelder.search.search import Search

__all__ = [
    "MakeMonitor",
    "Monitor",
    "MultistartLine",
    "Restore",
    "SearchMonitor",
    "read_progress",
    "read_show",
]

SECONDS = 0.1  # between two looks, at least

Restore = Callable[[NDArray[np.float64]], Any]


class Monitor(Protocol):
    """What looks at a search while it is driven, and at its end."""

    def look(
        self,
        search: Search,
        elapsed: float,
        running: int = 0,
        nahead: int = 0,
        status: Status = Status.RUNNING,
    ) -> None:
        """Look at the search as it stands."""
        ...


MakeMonitor = Callable[["Budget", Restore], Monitor]


def read_progress(progress: object) -> MakeMonitor | None:
    """Return what makes the thing that shows a search, or None where nothing does.

    Parameters
    ----------
    progress : bool or callable
        True is a progress line; a callable gets a `Progress`.

    Raises
    ------
    InvalidArgumentError
        It is neither.
    """
    show = read_show(progress, ProgressLine)
    if show is None:
        return None
    return lambda budget, restore: SearchMonitor(show(budget), restore)


def read_show(
    progress: object, line: Callable[[Budget], Callable[[Any], object]]
) -> Callable[[Budget], Callable[[Any], object]] | None:
    """Return what makes, of the budget, what is called to show something; None for nothing.

    Parameters
    ----------
    progress : bool or callable
        True means `line`; a callable is called itself.

    Raises
    ------
    InvalidArgumentError
        It is neither.
    """
    if isinstance(progress, (bool, np.bool_)):
        return line if progress else None
    if callable(progress):
        return lambda _: progress
    raise InvalidArgumentError(f"progress={progress!r}: expected True, False or a callable")


class SearchMonitor:
    """Shows a search from time to time, and at its end.

    Parameters
    ----------
    show : callable
        Gets a `Progress`. Once it has raised something it is not called again.
    restore : callable
        Gives a flat point (dim,) the caller's structure.
    """

    def __init__(self, show: Callable[[Progress], object], restore: Restore) -> None:
        self._show: Callable[[Progress], object] | None = show
        self._restore = restore
        self._shown = -math.inf

    def look(
        self,
        search: Search,
        elapsed: float,
        running: int = 0,
        nahead: int = 0,
        status: Status = Status.RUNNING,
    ) -> None:
        """Show the search as it stands, unless it has just been shown and has not ended."""
        show = self._show
        if show is None or (status is Status.RUNNING and elapsed - self._shown < SECONDS):
            return
        self._shown = elapsed
        self._show = None
        x, fun = search.best
        vertices = search.simplex.vertices
        show(
            Progress(
                status=status,
                x=self._restore(x),
                fun=fun,
                nfev=search.nfev,
                nit=search.nit,
                nfailed=search.nfailed,
                running=running,
                nahead=nahead,
                size=float(np.abs(vertices - vertices[0]).max()),
                elapsed=elapsed,
            )
        )
        if status is Status.RUNNING:
            self._show = show


class _Line:
    """A bar with words beside it (rich); begun when it is first drawn.

    Raises
    ------
    MissingExtraError
        rich is not installed.
    """

    def __init__(self) -> None:
        try:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar
        except ImportError as error:
            raise missing_extra("progress=True", "progress") from error
        self._bar: Any = Bar(
            TextColumn("nelder"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=1.0)

    def draw(self, spent: float, parts: list[str], over: bool) -> None:
        """Draw it, a part `spent` of it filled; where that is the end, leave it standing."""
        self._bar.start()
        self._bar.update(self._task, completed=min(spent, 1.0), description="  ".join(parts))
        self._bar.refresh()
        if over:
            self._bar.stop()


class ProgressLine(_Line):
    """Evaluations, best value, simplex size, evaluations per second, time left.

    Parameters
    ----------
    budget : Budget
        What may be spent; the bar shows the part that is spent.

    Raises
    ------
    MissingExtraError
        rich is not installed.
    """

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def __call__(self, now: Progress) -> None:
        """Draw the search; at its end leave the line standing."""
        spent = 1.0 if now.status.success else self._spent(now)
        parts = [
            f"{now.nfev} evaluations",
            f"best {now.fun:.6g}",
            f"simplex {now.size:.2g}",
            _rate(now.nfev, now.elapsed),
        ]
        if now.running:
            parts.append(f"{now.running} running")
        if 0.0 < spent < 1.0:
            parts.append(f"at most {_duration(now.elapsed * (1.0 - spent) / spent)} left")
        self.draw(spent, parts, now.status is not Status.RUNNING)

    def _spent(self, now: Progress) -> float:
        budget = self._budget
        return max(
            now.nfev / budget.maxfev,
            now.nit / budget.maxiter if budget.maxiter else 0.0,
            now.elapsed / budget.maxtime,
        )


class MultistartLine(_Line):
    """Searches that have ended, evaluations, best value, evaluations per second, time left.

    Parameters
    ----------
    budget : Budget
        Of which the time is that of all searches.

    Raises
    ------
    MissingExtraError
        rich is not installed.
    """

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._maxtime = budget.maxtime

    def __call__(self, now: MultistartProgress) -> None:
        """Draw the searches; at their end leave the line standing."""
        spent = max(now.ended / now.total, now.elapsed / self._maxtime)
        parts = [
            f"{now.ended} of {now.total} searches",
            f"{now.nfev} evaluations",
            f"best {now.fun:.6g}",
            _rate(now.nfev, now.elapsed),
        ]
        if now.running:
            parts.append(f"{now.running} running")
        if 0.0 < spent < 1.0 and not now.over:
            parts.append(f"about {_duration(now.elapsed * (1.0 - spent) / spent)} left")
        self.draw(spent, parts, now.over)


def _rate(evaluations: int, elapsed: float) -> str:
    return f"{evaluations / elapsed if elapsed > 0.0 else 0.0:.3g}/s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
