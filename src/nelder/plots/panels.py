"""The panels of a picture of a search; each draws into axes that it is given."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.plots.canvas import BEST, EVALUATED, FAILED, GUIDE, Axes
from nelder.plots.course import Course
from nelder.plots.cut import fitted
from nelder.plots.spline import interpolated
from nelder.plots.surface import Surface, whole

__all__ = ["count", "draw_convergence", "draw_curve", "draw_parameter", "draw_plane", "draw_size"]

Array = NDArray[np.float64]

DOTS = 5000  # drawn at most
FAR = 3.0  # times the range of the best: dots spread more widely are not all shown
LEVELS = 18
DECADES = 2.0  # of sizes from which on their axis is logarithmic
LEAST = 1e-280  # height of a surface: of lower ones Matplotlib cannot count the decades
LOWEST = 1e-5  # that is told apart on a surface, of its highest
COLOURMAP = "YlGnBu_r"


def count(axes: Axes) -> None:
    """Let the axis below count evaluations."""
    ticker: Any = importlib.import_module("matplotlib.ticker")
    axes.set_xlabel("evaluations")
    whole_numbers = {"integer": True, "steps": [1, 2, 5, 10], "min_n_ticks": 1}
    axes.xaxis.set_major_locator(ticker.MaxNLocator("auto", **whole_numbers))


def draw_convergence(axes: Axes, course: Course) -> None:
    """Draw the best value so far, all values, and where the objective failed."""
    better, last = course.better, len(course.values)
    gaps = course.gaps
    values = course.values if gaps is None else gaps
    if gaps is not None:
        better = better[gaps[better] > 0.0]
        axes.set_yscale("log")
    some = _some(course.finite)
    _dots(axes, course.numbers[some], values[some], label="evaluated")
    if better.size:
        line = np.append(values[better], values[better[-1]])
        at = np.append(better + 1.0, last)
        axes.step(at, line, color=BEST, linewidth=1.8, where="post", label="best so far")
        axes.plot(at[:1], line[:1], ".", color=BEST, markersize=4.0)
        axes.set_ylim(*_limits(line, values[some], gaps is not None))
    if course.answer and course.answer[1] > course.lowest:  # under noise
        level = course.answer[1] - (course.lowest if gaps is not None else 0.0)
        axes.axhline(level, color=FAILED, linewidth=1.2, linestyle="--", label="result")
    _crosses(axes, course.numbers[course.failed], None)
    axes.set_ylabel("value" if gaps is None else "value − best value")
    axes.legend(loc="best", fontsize="small")
    _grid(axes)


def draw_size(axes: Axes, after: Array, size: Array) -> None:
    """Draw how large the simplex was, after so many evaluations."""
    shown = size > 0.0
    axes.step(after[shown], size[shown], color=BEST, linewidth=1.2, where="post")
    if shown.any() and math.log10(size[shown].max()) - math.log10(size[shown].min()) > DECADES:
        axes.set_yscale("log")
    axes.set_ylabel("simplex size")
    _grid(axes)


def draw_parameter(axes: Axes, course: Course, which: int) -> None:
    """Draw a parameter: of the best point so far, and of all points."""
    values, better = course.points[:, which], course.better
    some = _some(np.arange(len(values)))
    _dots(axes, course.numbers[some], values[some])
    if better.size:
        line = np.append(values[better], values[better[-1]])
        at = np.append(better + 1.0, len(values))
        axes.step(at, line, color=BEST, linewidth=1.5, where="post")
        axes.plot(at[:1], line[:1], ".", color=BEST, markersize=4.0)
        axes.set_ylim(*_limits(line, values[some], log=False))
    axes.set_ylabel(course.names[which])
    _grid(axes)


def draw_curve(axes: Axes, course: Course, which: int) -> None:
    """Draw the values over the only parameter that is drawn."""
    x, values, better = course.points[:, which], course.values, course.better
    some = _some(course.finite)
    if len(course.free) == 1:
        order = some[np.argsort(x[some], kind="stable")]
        axes.plot(x[order], values[order], "-", color=BEST, linewidth=1.0)
    _dots(axes, x[some], values[some])
    if better.size:
        window = whole(course, (which, which))
        if not window.empty:
            axes.set_xlim(*window.x)
        axes.set_ylim(*_limits(values[better], values[some], log=False))
    _crosses(axes, x[course.failed], None)
    if course.answer:
        end, fun = course.answer
        first = int(better[0])
        _ends(axes, (float(x[first]), float(values[first])), (float(end[which]), fun))
    axes.set(xlabel=course.names[which], ylabel="value")
    _grid(axes)


def draw_plane(axes: Axes, course: Course, pair: tuple[int, int]) -> None:
    """Draw the surface over two parameters and the path of the best point."""
    i, j = pair
    surface = _surface(course, pair)
    window = whole(course, pair) if surface is None else surface.window
    if surface is not None:
        _fill(axes, surface)
        axes.set_title(f"{surface.kind}, error {100.0 * surface.error:.2g} %", fontsize="small")
    some = _some(course.finite)
    _dots(axes, course.points[some, i], course.points[some, j])
    _crosses(axes, course.points[course.failed, i], course.points[course.failed, j])
    path = course.points[course.better]
    axes.plot(path[:, i], path[:, j], "-", color=FAILED, linewidth=1.3)
    if course.answer:
        end = course.answer[0]
        _ends(axes, (float(path[0, i]), float(path[0, j])), (float(end[i]), float(end[j])))
    else:
        axes.set_title("no finite value", fontsize="small")
    if not window.empty:
        axes.set_xlim(*window.x)
        axes.set_ylim(*window.y)
    axes.set(xlabel=course.names[i], ylabel=course.names[j])
    axes.locator_params(axis="x", nbins=6)


def _surface(course: Course, pair: tuple[int, int]) -> Surface | None:
    free = set(course.free.tolist())
    if not free.issuperset(pair):
        return None
    return interpolated(course, pair) if len(free) == 2 else fitted(course, pair)


def _fill(axes: Axes, surface: Surface) -> None:
    """Colour by height, on a logarithmic scale, fading where nothing is known."""
    mpl: Any = importlib.import_module("matplotlib")
    seen = surface.known > 0.25
    high = float(surface.heights[seen].max())
    low = max(float(np.quantile(surface.heights[seen], 0.01)), high * LOWEST)
    if not LEAST < low < 0.999 * high < math.inf:  # too small, or flat
        return
    scale = mpl.colors.LogNorm(low, high)
    heights = np.maximum(surface.heights, 0.1 * low)
    colours = mpl.colormaps[COLOURMAP](scale(heights))
    colours[..., 3] = np.clip(2.0 * surface.known, 0.0, 1.0)
    window = surface.window
    extent = (*window.x, *window.y)
    axes.imshow(colours, extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    x, y = np.linspace(window.low, window.high, len(heights)).T
    masked: Any = np.ma.masked_where(~seen, heights)  # pyright: ignore[reportUnknownMemberType]
    levels = np.geomspace(low, high, LEVELS)
    axes.contour(x, y, masked, levels=levels, colors="white", linewidths=0.5)
    shown = mpl.cm.ScalarMappable(scale, COLOURMAP)
    axes.figure.colorbar(shown, ax=axes, label="above the lowest")


def _ends(axes: Axes, start: tuple[float, float], best: tuple[float, float]) -> None:
    """Mark the first of the best points, and the answer."""
    for at, marker, label, size, inside, edge in (
        (start, "o", "start", 6.0, "white", FAILED),
        (best, "*", "best", 13.0, FAILED, "white"),
    ):
        colours = {"color": inside, "markeredgecolor": edge}
        axes.plot(*at, marker, label=label, markersize=size, linestyle="none", **colours)
    axes.legend(loc="best", fontsize="small")


def _crosses(axes: Axes, x: Array, y: Array | None) -> None:
    """Mark where the objective failed: at (x, y), or at the top where there is no y."""
    some = _some(np.arange(x.size))
    if not some.size:
        return
    across = {} if y is not None else {"transform": axes.get_xaxis_transform()}
    up = np.full(x.size, 0.96) if y is None else y
    axes.plot(x[some], up[some], "x", color=FAILED, markersize=4.0, label="not finite", **across)


def _dots(axes: Axes, x: Array, y: Array, **more: Any) -> None:
    axes.plot(
        x, y, ".", color=EVALUATED, markersize=3.5, markeredgewidth=0.0, rasterized=True, **more
    )


def _some(which: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return so many of them that they can be drawn."""
    return which[:: -(-which.size // DOTS)] if which.size > DOTS else which


def _limits(line: Array, dots: Array, log: bool) -> tuple[float, float]:
    """Return limits that hold the line, and all dots but those far off."""
    if log:
        line, dots = np.log10(line), np.log10(dots[dots > 0.0])
    low, high = float(line.min()), float(line.max())
    if dots.size:
        all_in = float(dots.min()), float(dots.max())
        if all_in[1] - all_in[0] > FAR * (high - low) > 0.0:
            all_in = float(np.quantile(dots, 0.05)), float(np.quantile(dots, 0.95))
        low, high = low if log else min(low, all_in[0]), max(high, all_in[1])
    pad = 0.06 * (high - low) or max(abs(high) * 0.1, 0.1)
    low, high = low - pad, high + pad
    return (10.0**low, 10.0**high) if log else (low, high)


def _grid(axes: Axes) -> None:
    axes.grid(color=GUIDE)
    axes.set_axisbelow(True)
