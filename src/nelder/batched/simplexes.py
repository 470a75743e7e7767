"""The first simplexes of many starts, in array operations, coordinates first.

The same as `core.simplexes` and `search.start` make, of arrays (n, B).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nelder.core.simplexes import (
    AffineSimplex,
    AxisSimplex,
    FminsearchSimplex,
    RegularSimplex,
    StepSimplex,
)
from nelder.errors import InvalidArgumentError
from nelder.search.start import first_simplex

if TYPE_CHECKING:
    from nelder.batched.backend import Backend
    from nelder.batched.settings import Settings

__all__ = ["axis_ends", "bounds", "first_simplexes"]


def bounds(settings: Settings, like: Any, backend: Backend) -> tuple[Any, Any]:
    """Return the bounds of the searched coordinates, (n, 1) each, or None and None."""
    box = settings.box
    if box is None:
        return None, None
    lower, upper = (np.array(end).reshape(-1, 1) for end in (box.lower, box.upper))
    return backend.constant(lower, like), backend.constant(upper, like)


def axis_ends(x: Any, steps: Any, lower: Any, upper: Any, backend: Backend) -> Any:
    """Return x + steps (n, B); as `core.simplexes.axis_steps`, a step that leaves turns round."""
    xp = backend.xp
    least = 4.0 * backend.spacing(x)
    steps = xp.where(xp.abs(steps) < least, xp.where(steps < 0.0, -least, least), steps)
    ahead, back = x + steps, x - steps
    fits = xp.isfinite(ahead)
    if lower is not None:
        fits = fits & (lower <= ahead) & (ahead <= upper)
        farther = xp.where(upper - x >= x - lower, upper, lower)
        back = xp.where((lower <= back) & (back <= upper), back, farther)
    return xp.where(fits, ahead, back)


def first_simplexes(builder: Any, x0s: Any, settings: Settings, backend: Backend) -> Any:
    """Return the vertices (n + 1, n, B) at the starts (n, B), which are in the bounds.

    Parameters
    ----------
    builder
        One of the package's builders, vertices (n + 1, n), or a callable, where the library takes
        it.

    Raises
    ------
    InvalidArgumentError
        The builder cannot be called for many starts, or does not fit.
    """
    xp, n = backend.xp, settings.n
    lower, upper = bounds(settings, x0s, backend)
    if isinstance(builder, np.ndarray):  # the same for all
        vertices = first_simplex(cast("Any", builder), np.zeros(n), *_bounds(settings))
        return backend.constant(vertices[:, :, None], x0s) + xp.zeros_like(x0s)
    if isinstance(builder, RegularSimplex):
        rows = _regular(builder, x0s, lower, upper, backend)
    elif isinstance(builder, (AffineSimplex, AxisSimplex, FminsearchSimplex, StepSimplex)):
        ends = _ends(builder, x0s, lower, upper, backend)
        axes = backend.iota(n, x0s)
        rows = [x0s, *(xp.where(xp.equal(axes, i), ends, x0s) for i in range(n))]
    else:
        return backend.built(builder, x0s, *_bounds(settings))
    vertices = xp.stack(rows)
    return vertices if lower is None else _inside(vertices, lower, upper, backend)


def _bounds(settings: Settings) -> tuple[Any, Any]:
    box = settings.box
    if box is None:
        return np.full(settings.n, -math.inf), np.full(settings.n, math.inf)
    return np.array(box.lower), np.array(box.upper)


def _ends(builder: Any, x0s: Any, lower: Any, upper: Any, backend: Backend) -> Any:
    xp, n = backend.xp, x0s.shape[0]
    if isinstance(builder, AffineSimplex):
        return (1.0 + builder.b) * x0s + builder.a
    if isinstance(builder, FminsearchSimplex):
        return xp.where(xp.equal(x0s, 0.0), builder.a, (1.0 + builder.b) * x0s)
    if isinstance(builder, StepSimplex):
        steps = np.asarray(builder.steps, dtype=np.float64)
        if steps.ndim and len(steps) != n:
            raise InvalidArgumentError(
                f"steps has {len(steps)} entries: expected {n}, one for each coordinate"
            )
        column = np.broadcast_to(steps, (n,)).reshape(-1, 1)
        given = backend.constant(column, x0s) + xp.zeros_like(x0s)
        return axis_ends(x0s, given, lower, upper, backend)
    assert isinstance(builder, AxisSimplex)
    return axis_ends(x0s, _axis_steps(builder, x0s, lower, upper, backend), lower, upper, backend)


def _axis_steps(builder: AxisSimplex, x0s: Any, lower: Any, upper: Any, backend: Backend) -> Any:
    xp = backend.xp
    relative = builder.relative * xp.abs(x0s)
    steps = xp.where(xp.equal(relative, 0.0), builder.absolute, relative)
    if lower is None:
        return steps
    quarter = 0.25 * upper - 0.25 * lower + xp.zeros_like(x0s)
    return xp.where(quarter < math.inf, quarter, steps)


def _regular(
    builder: RegularSimplex, x0s: Any, lower: Any, upper: Any, backend: Backend
) -> list[Any]:
    n = x0s.shape[0]
    shift = (math.sqrt(n + 1.0) - 1.0) / n
    edge: Any = builder.edge
    if edge is None:
        longest = (1.0 + shift) * _axis_steps(AxisSimplex(), x0s, lower, upper, backend)
        steps = (axis_ends(x0s, longest, lower, upper, backend) - x0s) / (1.0 + shift)
    else:
        steps = backend.xp.full_like(x0s, edge / math.sqrt(2.0))
    parts: Any = shift + np.eye(n)
    return [x0s, *(x0s + steps * backend.constant(part.reshape(-1, 1), x0s) for part in parts)]


def _inside(rows: Any, lower: Any, upper: Any, backend: Backend) -> Any:
    """Return vertices mirrored at bounds that they are beyond, then moved inside."""
    xp = backend.xp
    rows = xp.where(rows > upper, upper - (rows - upper), rows)
    rows = xp.where(rows < lower, lower - (rows - lower), rows)
    return xp.minimum(xp.maximum(rows, lower), upper)
