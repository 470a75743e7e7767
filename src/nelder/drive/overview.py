"""How many searches are shown while they run: all as one."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.drive.progress import SECONDS, Restore
from nelder.minima import MultistartProgress
from nelder.result import Status

if TYPE_CHECKING:
    from nelder.search.search import Search

__all__ = ["Overview", "Tally"]


class Tally(NamedTuple):
    """What the searches that are no longer under way have come to.

    Attributes
    ----------
    x : ndarray of shape (dim,)
        The best point of theirs; any where there is none.
    fun : float
        Its value, or inf.
    total, ended : int
        How many there are in all, and how many of them have ended.
    nfev, nahead : int
    """

    x: NDArray[np.float64]
    fun: float
    total: int
    ended: int
    nfev: int
    nahead: int


class Overview:
    """Shows many searches from time to time, and at their end; in the thread that made it only.

    Parameters
    ----------
    show : callable
        Gets a `MultistartProgress`. Once it has raised something it is not called again.
    restore : callable
        Gives a flat point (dim,) the caller's structure.
    tally : callable
        Gives the tally of the searches whose part has been dropped.
    turn : Lock
        Held while a search goes over from its part to the tally, where threads do that.
    """

    def __init__(
        self,
        show: Callable[[MultistartProgress], object],
        restore: Restore,
        tally: Callable[[], Tally],
        turn: threading.Lock,
    ) -> None:
        self._show: Callable[[MultistartProgress], object] | None = show
        self._restore = restore
        self._tally = tally
        self._turn = turn
        self._thread = threading.get_ident()
        self._began = self._shown = time.perf_counter()
        self._parts: dict[int, _Part] = {}
        self._any = False

    def part(self, index: int) -> _Part:
        """Return what looks at the search `index`, which begins."""
        self._any = True
        self._parts[index] = part = _Part(self)
        return part

    def drop(self, index: int) -> None:
        """Leave a search out, which is in the tally from now on."""
        self._parts.pop(index, None)

    def look(self, running: int) -> None:
        """Show the searches, unless they have just been shown.

        Parameters
        ----------
        running : int
            Evaluations under way on workers.
        """
        if threading.get_ident() == self._thread and time.perf_counter() - self._shown >= SECONDS:
            self._tell(running, over=False)

    def end(self) -> None:
        """Show them for the last time, if any has begun."""
        if self._any:
            self._tell(0, over=True)

    def _tell(self, running: int, over: bool) -> None:
        show, self._show = self._show, None
        if show is None:
            return
        self._shown = time.perf_counter()
        with self._turn:
            parts = list(self._parts.values())
            x, fun, total, ended, nfev, nahead = self._tally()
        for part in parts:
            at, value = part.best
            if value < fun:
                x, fun = at, value
        show(
            MultistartProgress(
                over=over,
                x=self._restore(x.copy()),
                fun=fun,
                total=total,
                ended=ended,
                nfev=nfev + sum(part.nfev for part in parts),
                nahead=nahead + sum(part.nahead for part in parts),
                running=running,
                elapsed=self._shown - self._began,
            )
        )
        if not over:
            self._show = show


class _Part:
    """One search under way, as it was when it was last looked at."""

    def __init__(self, whole: Overview) -> None:
        self._whole = whole
        self._seen = -math.inf
        self.best = np.empty(0), math.inf
        self.nfev = 0
        self.nahead = 0

    def look(
        self,
        search: Search,
        elapsed: float,
        running: int = 0,
        nahead: int = 0,
        status: Status = Status.RUNNING,
    ) -> None:
        """Take note of the search, and show all where it is time to."""
        if elapsed - self._seen >= SECONDS:
            self._seen = elapsed
            self.nfev, self.nahead, self.best = search.nfev, nahead, search.best
        self._whole.look(running)
