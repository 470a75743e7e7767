"""The probe and the restarts of `search.probe`, for the lanes that are there, coordinates first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nelder.batched.simplexes import axis_ends, bounds
from nelder.search.probe import FIRST, GROWTH, WIDER

if TYPE_CHECKING:
    from nelder.batched.backend import Arrays, Backend
    from nelder.batched.settings import Settings

__all__ = ["Look", "look", "restarted"]


class Look(NamedTuple):
    """Lanes that look around, after the value of a point or, new ones, before the first.

    Attributes
    ----------
    new : array of bool (B,)
    best : array (n, B)
        The best vertex.
    lowest, f : array (B,)
        Its value, and that of the point.
    steps, radii, blind, index, last
        As in `state.Looking`.
    """

    new: Any
    best: Any
    lowest: Any
    f: Any
    steps: Any
    radii: Any
    blind: Any
    index: Any
    last: Any


def look(s: Look, settings: Settings, backend: Backend) -> Arrays:
    """Return radii, blind, index and last, the next point (n, B), and which lanes are done.

    Where a look has no points at all, index is -1 and there is none.
    """
    xp, n = backend.xp, settings.n
    axes = backend.iota(n, s.best)
    near = 64.0 * settings.numbers.eps * xp.abs(s.lowest)
    unseen = xp.equal(s.f, s.lowest) | (xp.abs(s.f - s.lowest) <= near)
    blind = s.blind & ~(xp.equal(axes, s.index // 2) & ~unseen & (s.index >= 0))

    # The look: the same, a wider one where it is over, or the first.
    over = ~s.new & xp.equal(s.index, s.last)
    scale = _scale(s.best, s.steps, backend)
    wider = xp.minimum(xp.maximum(WIDER * s.radii, FIRST * scale), scale)
    wider = xp.where(blind & (wider > s.radii), wider, xp.zeros_like(wider))
    radii = xp.where(s.new, FIRST * s.steps, xp.where(over, wider, s.radii))
    fresh = s.new | over
    blind = xp.where(fresh, radii > 0.0, blind)
    done = fresh & ~backend.any(radii > 0.0)

    # Its next point: those that rounding or the bounds leave where they are, are none.
    lower, upper = bounds(settings, s.best, backend)
    sides: list[Any] = []
    for radius in (radii, -radii):
        end = s.best + radius
        if lower is not None:
            end = xp.minimum(xp.maximum(end, lower), upper)
        sides.append(end)
    there = [(xp.not_equal(end, s.best)) & xp.isfinite(end) for end in sides]
    start = xp.where(fresh, -1, s.index)
    none = xp.zeros_like(axes) + 2 * n
    candidates = [
        xp.where(is_there & (2 * axes + side > start), 2 * axes + side, none)
        for side, is_there in enumerate(there)
    ]
    index = xp.min(xp.minimum(*candidates), axis=0)
    index = xp.where(index < 2 * n, index, -1)
    points = [
        xp.where(is_there, 2 * axes + side, xp.zeros_like(axes) - 1)
        for side, is_there in enumerate(there)
    ]
    last = xp.where(fresh, xp.max(xp.maximum(*points), axis=0), s.last)
    end = xp.where(xp.equal(index % 2, 0), *sides)
    x = xp.where(xp.equal(axes, index // 2) & (index >= 0), end, s.best)
    return radii, blind, index, last, x, done


def restarted(x: Any, steps: Any, radii: Any, settings: Settings, backend: Backend) -> Arrays:
    """Return where the vertices of a restart at `x` (n, B) are along their axes, and next steps."""
    xp = backend.xp
    first = xp.maximum(xp.maximum(steps / 10.0, radii), xp.zeros_like(x) + settings.least_step)
    lower, upper = bounds(settings, x, backend)
    scale = _scale(x, steps, backend)
    larger = xp.where(radii > FIRST * steps, scale, xp.minimum(GROWTH * steps, scale))
    return axis_ends(x, first, lower, upper, backend), larger


def _scale(x: Any, steps: Any, backend: Backend) -> Any:
    xp = backend.xp
    return xp.maximum(steps, 0.5 * xp.maximum(xp.ones_like(x), xp.abs(x)))
