"""What a history says of a search: its best point so far, what failed, what is worth drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.options import is_whole

__all__ = ["Course", "chosen"]

Array = NDArray[np.float64]

MOST = 6  # parameters that are drawn unasked
DECADES = 2.0  # of gaps from which on an axis is logarithmic


@dataclass(frozen=True)
class Course:
    """The evaluations of a search, in order.

    Attributes
    ----------
    points : ndarray of shape (m, dim)
    values : ndarray of shape (m,)
        +inf where the objective failed.
    names : tuple of str
        Of the dim parameters.
    answer : (ndarray of shape (dim,), float) or None
        The point that the search gives for the best, and its value: under noise an estimate. None
        where no value is finite.
    """

    points: Array
    values: Array
    names: tuple[str, ...]
    answer: tuple[Array, float] | None

    @classmethod
    def read(
        cls,
        points: Array,
        values: Array,
        names: Sequence[str] = (),
        answer: tuple[Array, float] | None = None,
    ) -> Course:
        """Take a history as it is: NaN for failures, no names for a plain array.

        Without an answer the lowest value is it.
        """
        known = np.where(np.isnan(values), math.inf, values)
        given = tuple(names) or tuple(f"x[{i}]" for i in range(points.shape[1]))
        lowest = int(np.argmin(np.where(np.isfinite(known), known, math.inf)))
        if not math.isfinite(known[lowest]):
            answer = None
        elif answer is None or not math.isfinite(answer[1]):
            answer = points[lowest], float(known[lowest])
        return cls(points, known, given, answer)

    @property
    def numbers(self) -> Array:
        """How many evaluations there had been after each, (m,)."""
        return np.arange(1.0, len(self.values) + 1.0)

    @property
    def failed(self) -> NDArray[np.intp]:
        """Which evaluations gave no finite value."""
        return np.flatnonzero(~np.isfinite(self.values))

    @property
    def finite(self) -> NDArray[np.intp]:
        """Which gave one."""
        return np.flatnonzero(np.isfinite(self.values))

    @property
    def better(self) -> NDArray[np.intp]:
        """Which were lower than all before them."""
        values = np.where(np.isfinite(self.values), self.values, math.inf)
        before = np.concatenate([[math.inf], np.minimum.accumulate(values)[:-1]])
        return np.flatnonzero(values < before)

    @property
    def free(self) -> NDArray[np.intp]:
        """Which parameters ever changed."""
        return np.flatnonzero((self.points != self.points[0]).any(axis=0))

    @property
    def units(self) -> Array:
        """The extent of the first simplex along each parameter, (dim,); 1 where it is fixed.

        Where the first simplex is not complete, or is flat there, that of all points.
        """
        first = _extent(self.points[: len(self.free) + 1])
        extent = np.where(first > 0.0, first, _extent(self.points))
        return np.where(extent > 0.0, extent, 1.0)

    @property
    def lowest(self) -> float:
        """The lowest finite value; +inf where there is none."""
        return float(self.values[self.better[-1]]) if self.better.size else math.inf

    @property
    def gaps(self) -> Array | None:
        """The values less the lowest, (m,); None where a logarithm of them shows nothing."""
        with np.errstate(invalid="ignore"):
            gaps = self.values - self.lowest
        shown = gaps[self.better]
        shown = shown[shown > 0.0]
        if not shown.size or math.log10(shown.max()) - math.log10(shown.min()) < DECADES:
            return None
        return gaps


def _extent(points: Array) -> Array:
    return points.max(axis=0) - points.min(axis=0)


def chosen(course: Course, parameters: object) -> list[int]:
    """Return the parameters to be drawn, by number.

    Parameters
    ----------
    course : Course
    parameters : sequence of str or int, str, int, or None
        Names or numbers; None for those that moved farthest, 6 at most, in their own order.

    Raises
    ------
    InvalidArgumentError
        There is no such parameter, it stands there twice, or there is none at all.
    """
    if parameters is None:
        return _farthest(course)
    if isinstance(parameters, str) or not isinstance(parameters, Sequence):
        parameters = [parameters]
    asked: list[object] = list(parameters)  # pyright: ignore[reportUnknownArgumentType]
    found = [_number(course, one) for one in asked]
    if not found or len(set(found)) < len(found):
        raise InvalidArgumentError(
            f"parameters={asked!r}: expected at least one parameter, and each once"
        )
    return found


def _farthest(course: Course) -> list[int]:
    end = course.answer[0] if course.answer else course.points[0]
    moved = np.abs(end - course.points[0]) / course.units
    order = np.argsort(-moved, kind="stable")
    free = set(course.free.tolist())
    first = [i for i in order.tolist() if i in free] or order.tolist()
    return sorted(first[:MOST])


def _number(course: Course, one: object) -> int:
    names = course.names
    if isinstance(one, str) and one in names:
        return names.index(one)
    if is_whole(one) and 0 <= one < len(names):
        return int(one)
    shown = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
    raise InvalidArgumentError(
        f"parameters: there is no {one!r}: expected of {shown}, or numbers from 0 to "
        f"{len(names) - 1}"
    )
