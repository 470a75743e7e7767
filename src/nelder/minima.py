"""What many searches found: the best of all, and which of them found the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.result import Result, Status
from nelder.tables import as_text

__all__ = ["APART", "Minimum", "MultistartProgress", "MultistartResult", "distinct_minima"]

Array = NDArray[np.float64]

APART = 1e-3  # of a coordinate's range, or size: minima nearer than this are the same


@dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum that one or more searches converged to.

    Attributes
    ----------
    x : ndarray of shape (n,), or the structure of the starts
        The lowest point of those searches.
    fun : float
        Its value.
    count : int
        How many searches converged here: a measure of its basin.
    searches : ndarray of int, shape (count,)
        Which ones, by their index, the lowest first.
    """

    x: Any
    fun: float
    count: int
    searches: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MultistartProgress:
    """Many searches while they run, as a callable given as ``progress`` gets them.

    Attributes
    ----------
    over : bool
        False, and once, at the end, True.
    x : ndarray of shape (n,), or the structure of the starts
        The best point of all so far; the first start where there is no value yet.
    fun : float
        Its value; infinite where there is none yet.
    total : int
        How many searches there are.
    ended : int
        How many of them have ended.
    nfev : int
        Evaluations that they have used.
    nahead : int
        Evaluations made that they have not used, as in `MultistartResult`.
    running : int
        Evaluations under way on workers.
    elapsed : float
        Seconds.
    """

    over: bool
    x: Any
    fun: float
    total: int
    ended: int
    nfev: int
    nahead: int
    running: int
    elapsed: float


@dataclass(frozen=True, eq=False, repr=False)
class MultistartResult:
    """The outcome of many searches. What is by search is in the order of the starts.

    Attributes
    ----------
    x : ndarray of shape (n,), or the structure of the starts
        The best point of all.
    fun : float
        Its value.
    success : bool
        Whether the search that found it converged, or reached the target.
    message : str
        Why that search ended.
    best : Result
        That search.
    minima : tuple of Minimum
        All distinct minima, lowest first, with how many searches converged to each.
    starts : ndarray of shape (searches, n)
        Where the searches began.
    points : ndarray of shape (searches, n)
        The best point of each.
    values : ndarray of shape (searches,)
        Their values.
    statuses : ndarray of int, shape (searches,)
        Why each ended, as in `Status`: ``INTERRUPTED`` where it was cut short, -1 where it was not
        begun.
    nfevs : ndarray of int, shape (searches,)
        Evaluations of each.
    nfev : int
        Evaluations of all.
    nahead : int
        Evaluations made ahead of need and not used, and failed attempts made again.
    elapsed : float
        Seconds.
    """

    x: Any
    fun: float
    success: bool
    message: str
    best: Result
    minima: tuple[Minimum, ...]
    starts: Array
    points: Array
    values: Array
    statuses: NDArray[np.intp]
    nfevs: NDArray[np.intp]
    nfev: int
    nahead: int
    elapsed: float
    names: tuple[str, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        shown = 10
        flat = self.best.flat
        rows = [("success", f"{self.success}"), ("fun", f"{self.fun:.12g}")]
        if self.names:
            rows += [
                (name, f"{value:.10g}")
                for name, value in zip(self.names[:20], flat.tolist(), strict=False)
            ]
        else:
            rows.append(("x", np.array2string(flat, precision=10, threshold=20)))
        ended = int(np.isin(self.statuses, (Status.RUNNING, Status.INTERRUPTED), invert=True).sum())
        rows += [
            ("searches", f"{ended} of {len(self.starts)} ended"),
            ("nfev", f"{self.nfev}"),
            ("elapsed", f"{self.elapsed:.3g} s"),
            ("minima", f"{len(self.minima)}"),
        ]
        rows += [("", f"{m.fun:.8g} found by {m.count}") for m in self.minima[:shown]]
        if len(self.minima) > shown:
            rows.append(("", f"and {len(self.minima) - shown} more"))
        return as_text(f"nelder.MultistartResult: {self.message}", rows)


def distinct_minima(
    points: Array, values: Array, converged: NDArray[np.bool_], apart: Array
) -> list[NDArray[np.intp]]:
    """Return the searches that found each distinct minimum, lowest minimum and search first.

    A search belongs to the first minimum that is within `apart` in every coordinate.

    Parameters
    ----------
    points : ndarray of shape (searches, n)
    values : ndarray of shape (searches,)
    converged : ndarray of bool, shape (searches,)
        The others have found nothing.
    apart : ndarray of shape (n,)
    """
    left = np.argsort(values, kind="stable")
    left = left[converged[left]]
    groups: list[NDArray[np.intp]] = []
    while left.size:
        near = (np.abs(points[left] - points[left[0]]) <= apart).all(axis=1)
        groups.append(left[near])
        left = left[~near]
    return groups
