"""A progress line in a terminal or a notebook (rich)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.errors import missing_extra
from nelder.result import Status

if TYPE_CHECKING:
    from nelder.options import Budget
    from nelder.search.search import Search

__all__ = ["ProgressLine"]


class ProgressLine:
    """Evaluations, best value, simplex size, evaluations per second, time left.

    Parameters
    ----------
    budget : Budget
        What may be spent; the bar shows the part that is spent.
    seconds_to_refresh : float, default 0.1
        Shortest time between two drawings.

    Raises
    ------
    MissingExtraError
        rich is not installed.
    """

    def __init__(self, budget: Budget, seconds_to_refresh: float = 0.1) -> None:
        try:
            from rich.progress import BarColumn, Progress, TextColumn
        except ImportError as error:
            raise missing_extra("progress=True", "progress") from error
        self._budget = budget
        self._every = seconds_to_refresh
        self._drawn = -math.inf
        self._bar: Any = Progress(
            TextColumn("nelder"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._bar.start()

    def show(self, search: Search, elapsed: float) -> None:
        """Draw the search as it stands, unless it has just been drawn."""
        if elapsed - self._drawn >= self._every:
            self._drawn = elapsed
            self._draw(search, elapsed, self._spent(search, elapsed))

    def close(self, search: Search, elapsed: float, status: Status) -> None:
        """Draw the end and leave the line standing."""
        self._draw(search, elapsed, 1.0 if status.success else self._spent(search, elapsed))
        self._bar.stop()

    def _spent(self, search: Search, elapsed: float) -> float:
        budget = self._budget
        return max(
            search.nfev / budget.maxfev,
            search.nit / budget.maxiter if budget.maxiter else 0.0,
            elapsed / budget.maxtime,
        )

    def _draw(self, search: Search, elapsed: float, spent: float) -> None:
        rate = search.nfev / elapsed if elapsed > 0.0 else 0.0
        vertices = search.simplex.vertices
        size = float(np.abs(vertices - vertices[0]).max())
        parts = [
            f"{search.nfev} evaluations",
            f"best {search.best[1]:.6g}",
            f"simplex {size:.2g}",
            f"{rate:.3g}/s",
        ]
        if 0.0 < spent < 1.0:
            parts.append(f"at most {_duration(elapsed * (1.0 - spent) / spent)} left")
        self._bar.update(self._task, completed=min(spent, 1.0), description="  ".join(parts))
        self._bar.refresh()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
