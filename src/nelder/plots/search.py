"""A picture of a search: convergence, simplex, parameters, and a surface with the path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.plots.canvas import blank
from nelder.plots.course import Course, chosen
from nelder.plots.panels import (
    count,
    draw_convergence,
    draw_curve,
    draw_parameter,
    draw_plane,
    draw_size,
)
from nelder.plots.sizes import sizes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nelder.result import Result
    from nelder.search.search import Search

__all__ = ["plot_result", "plot_search"]

Array = NDArray[np.float64]

COLUMNS = 3  # of parameters
WIDTH, UPPER, ROW = 10.0, 4.4, 1.9  # inches


def plot_result(result: Result, parameters: object = None) -> Figure:
    """Draw a result that has a history; see `Result.plot`."""
    if result.history is None:
        raise InvalidArgumentError(
            "history=False: expected a search with history=True for result.plot(), which draws "
            "the points that were evaluated; after multistart, minimize from best.x with it"
        )
    begin = result.origin and result.origin.begin
    return plot_search(
        *result.history,
        result.names,
        parameters,
        answer=(result.flat, result.fun),
        search=begin() if begin else None,
    )


def plot_search(
    points: Array,
    values: Array,
    names: Sequence[str] = (),
    parameters: object = None,
    *,
    answer: tuple[Array, float] | None = None,
    search: Search | None = None,
) -> Figure:
    """Draw a search from its evaluations.

    Parameters
    ----------
    points : ndarray of shape (m, dim), m >= 1
    values : ndarray of shape (m,)
        NaN or infinite where the objective failed.
    names : sequence of str
        Of the dim parameters; empty where they have none.
    parameters : sequence of str or int, optional
        Those that are drawn, the first two of them as a surface.
    answer : (ndarray of shape (dim,), float), optional
        The point that the search gives for the best, and its value; by default the lowest.
    search : Search, optional
        As it began; without it the simplex's size is not drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidArgumentError
        There is no evaluation, or no such parameter.
    MissingExtraError
        Matplotlib is not installed.
    """
    if not len(values):
        raise InvalidArgumentError("nothing was evaluated: there is nothing to draw")
    course = Course.read(points, values, names, answer)
    which = chosen(course, parameters)
    rows = math.ceil(len(which) / COLUMNS)
    figure = blank("result.plot()", WIDTH, UPPER + ROW * rows)
    upper, lower = figure.subfigures(2, 1, height_ratios=[UPPER, ROW * rows])
    left, right = upper.subfigures(1, 2)
    after, size = sizes(search, points, values) if search else (np.empty(0), np.empty(0))
    if np.unique(size).size > 1:
        above, below = left.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        draw_size(below, after, size)
    else:
        above = below = left.subplots()
    draw_convergence(above, course)
    count(below)
    first, *others = sorted(which, key=lambda i: i not in course.free)  # those that moved first
    if others:
        draw_plane(right.subplots(), course, (first, others[0]))
    else:
        draw_curve(right.subplots(), course, first)
    columns = min(len(which), COLUMNS)
    panels = lower.subplots(rows, columns, squeeze=False, sharex=True).ravel().tolist()
    for k, axes in enumerate(panels):
        if k >= len(which):
            axes.remove()
            continue
        draw_parameter(axes, course, which[k])
        if k + columns >= len(which):
            axes.tick_params(labelbottom=True)
            count(axes)
    return figure
