"""The box of `core.bounds` for many points at once, coordinates first: arrays (n, B).

Of the same formulas, in the same order: on NumPy float64 the answers are `Box`'s, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.core.bounds import Box

if TYPE_CHECKING:
    from nelder.batched.backend import Backend

__all__ = ["BatchBox"]

# The kinds of `core.bounds`.
FREE, LOWER, UPPER, BOTH, CLIP = range(5)

PI = 3.141592653589793


@dataclass(frozen=True)
class BatchBox:
    """Bounds of all lanes; hashable.

    Attributes
    ----------
    dim : int
        Coordinates of a point that the objective sees.
    free : tuple of int
        Indices of those that are searched.
    fixed : tuple of float
        All coordinates where low = high; elsewhere any number.
    lower, upper : tuple of float
        Bounds of the free coordinates; infinite where there is none.
    kinds : tuple of int
        How each of them is kept inside: constants of `core.bounds`.
    """

    dim: int
    free: tuple[int, ...]
    fixed: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    kinds: tuple[int, ...]

    @classmethod
    def read(cls, box: Box, clips: bool) -> BatchBox:
        """Return the bounds of `box`."""
        low, high = box.lower[box.free], box.upper[box.free]
        kinds = np.isfinite(low) * LOWER + np.isfinite(high) * UPPER
        if clips:
            kinds[kinds != FREE] = CLIP
        return cls(
            box.dim,
            tuple(box.free.tolist()),
            tuple(np.where(box.lower == box.upper, box.lower, 0.0).tolist()),
            tuple(low.tolist()),
            tuple(high.tolist()),
            tuple(kinds.tolist()),
        )

    @property
    def reach(self) -> float:
        """The largest size of a coordinate that is fixed."""
        return max((abs(v) for v in self.fixed), default=0.0)

    def place(self, z: Any, backend: Backend) -> tuple[Any, Any]:
        """Return z, which clipping moves, and x = T(z), both (n, B)."""
        kinds = set(self.kinds)
        if kinds == {FREE}:
            return z, z
        xp, column = backend.xp, self._columns(backend, z)
        low, high = column(self.lower), column(self.upper)
        x = z
        if BOTH in kinds:
            finite = [k == BOTH for k in self.kinds]
            half = column([0.5 * h - 0.5 * lo if f else 0.0 for lo, h, f in self._ends(finite)])
            base = column([lo if f else 0.0 for lo, _, f in self._ends(finite)])
            top = column([h if f else 0.0 for _, h, f in self._ends(finite)])
            sine = backend.sine(0.5 * z)
            t = 2.0 * sine * sine
            cosine = backend.cosine(0.5 * z, ~(t <= 1.0))
            both = xp.where(t <= 1.0, base + half * t, top - half * (2.0 * cosine * cosine))
            x = both if kinds == {BOTH} else xp.where(column(finite), both, x)
        if LOWER in kinds:
            x = xp.where(column([k == LOWER for k in self.kinds]), low + z * z, x)
        if UPPER in kinds:
            x = xp.where(column([k == UPPER for k in self.kinds]), high - z * z, x)
        bounded = column([k != FREE for k in self.kinds])
        inside = xp.where(x >= low, xp.where(x > high, high, x), low)  # NaN may not leave either
        x = inside if FREE not in kinds else xp.where(bounded, inside, x)
        if CLIP in kinds:
            z = x
        return z, x

    def enter(self, x: Any, backend: Backend) -> Any:
        """Return z with T(z) = x for points (n, B) in the box."""
        xp, column = backend.xp, self._columns(backend, x)
        kinds = set(self.kinds)
        z = x
        if LOWER in kinds:
            which = [k == LOWER for k in self.kinds]
            low = column([lo if f else 0.0 for lo, _, f in self._ends(which)])
            here = column(which)
            z = xp.where(here, xp.sqrt(xp.where(here, x - low, xp.zeros_like(x))), z)
        if UPPER in kinds:
            which = [k == UPPER for k in self.kinds]
            high = column([h if f else 0.0 for _, h, f in self._ends(which)])
            here = column(which)
            z = xp.where(here, xp.sqrt(xp.where(here, high - x, xp.zeros_like(x))), z)
        if BOTH in kinds:
            which = [k == BOTH for k in self.kinds]
            ends = [(lo, h) if f else (0.0, 1.0) for lo, h, f in self._ends(which)]
            units = [1.0 if abs(h - lo) < float("inf") else 0.5 for lo, h in ends]
            unit = column(units)
            low = column([u * lo for u, (lo, _) in zip(units, ends, strict=True)])
            high = column([u * h for u, (_, h) in zip(units, ends, strict=True)])
            width = column([u * h - u * lo for u, (lo, h) in zip(units, ends, strict=True)])
            here = column(which)
            x = xp.where(here, x, xp.zeros_like(x))
            from_low = (unit * x - low) / width
            from_high = (high - unit * x) / width
            near = from_low <= from_high
            zero = xp.zeros_like(from_low)
            angle = 2.0 * xp.asin(xp.sqrt(xp.maximum(xp.where(near, from_low, from_high), zero)))
            z = xp.where(here, xp.where(near, angle, PI - angle), z)
        return z

    def embed(self, x: Any, backend: Backend) -> Any:
        """Return points (dim, B) of the free coordinates (n, B)."""
        if len(self.free) == self.dim:
            return x
        xp = backend.xp
        rank = {axis: i for i, axis in enumerate(self.free)}
        like = xp.zeros_like(x[:1])
        rows = [
            x[rank[i] : rank[i] + 1] if i in rank else like + self.fixed[i] for i in range(self.dim)
        ]
        return xp.concat(rows, axis=0)

    def _ends(self, which: list[bool]) -> list[tuple[float, float, bool]]:
        return list(zip(self.lower, self.upper, which, strict=True))

    def _columns(self, backend: Backend, like: Any) -> Any:
        def column(values: Any) -> Any:
            array = np.asarray(values)
            return backend.constant(array.reshape(-1, 1), like)

        return column
