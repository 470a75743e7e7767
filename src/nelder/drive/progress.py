"""How a running search is shown: by a progress line (rich), or a callable of the user's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError, missing_extra
from nelder.result import Progress, Status

if TYPE_CHECKING:
    from nelder.options import Budget
    from nelder.search.search import Search

__all__ = ["Monitor", "Show", "read_progress"]

SECONDS = 0.1  # between two looks, at least

Show = Callable[[Progress], object]


def read_progress(progress: object) -> Callable[[Budget], Show] | None:
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
    if isinstance(progress, (bool, np.bool_)):
        return ProgressLine if progress else None
    if callable(progress):
        return lambda _: progress
    raise InvalidArgumentError(f"progress={progress!r}: expected True, False or a callable")


class Monitor:
    """Shows a search from time to time, and at its end.

    Parameters
    ----------
    show : callable
    restore : callable
        Gives a flat point (dim,) the caller's structure.
    """

    def __init__(self, show: Show, restore: Callable[[NDArray[np.float64]], Any]) -> None:
        self._show = show
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
        if status is Status.RUNNING and elapsed - self._shown < SECONDS:
            return
        self._shown = elapsed
        x, fun = search.best
        vertices = search.simplex.vertices
        self._show(
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


class ProgressLine:
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
        try:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar
        except ImportError as error:
            raise missing_extra("progress=True", "progress") from error
        self._budget = budget
        self._bar: Any = Bar(
            TextColumn("nelder"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._bar.start()

    def __call__(self, now: Progress) -> None:
        """Draw the search; at its end leave the line standing."""
        spent = 1.0 if now.status.success else self._spent(now)
        rate = now.nfev / now.elapsed if now.elapsed > 0.0 else 0.0
        parts = [
            f"{now.nfev} evaluations",
            f"best {now.fun:.6g}",
            f"simplex {now.size:.2g}",
            f"{rate:.3g}/s",
        ]
        if now.running:
            parts.append(f"{now.running} running")
        if 0.0 < spent < 1.0:
            parts.append(f"at most {_duration(now.elapsed * (1.0 - spent) / spent)} left")
        self._bar.update(self._task, completed=min(spent, 1.0), description="  ".join(parts))
        self._bar.refresh()
        if now.status is not Status.RUNNING:
            self._bar.stop()

    def _spent(self, now: Progress) -> float:
        budget = self._budget
        return max(
            now.nfev / budget.maxfev,
            now.nit / budget.maxiter if budget.maxiter else 0.0,
            now.elapsed / budget.maxtime,
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
