"""What the caller's x0 and bounds mean: a flat start, names, a box; and the way back.

The only place that reads x0 and bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.bounds import Box
from nelder.errors import InvalidArgumentError

__all__ = ["Parameters"]

Array = NDArray[np.float64]
Path = tuple[Any, ...]


@dataclass(frozen=True)
class Parameters:
    """A start and its bounds, flat, with the structure that they came in.

    Attributes
    ----------
    x0 : ndarray of shape (dim,)
    lower, upper : ndarray of shape (dim,)
        Infinite where there is no bound.
    names : tuple of str
        One for each entry where ``x0`` is structured, else empty.
    restore : callable
        Gives a flat point (dim,) the structure of the caller's ``x0``.
    structured : bool
        Whether that is anything but a flat array.
    """

    x0: Array
    lower: Array
    upper: Array
    names: tuple[str, ...] = ()
    restore: Callable[[Array], Any] = field(default=lambda x: x)

    @classmethod
    def read(cls, x0: object, bounds: object) -> Parameters:
        """Check a caller's `x0` and `bounds`.

        Raises
        ------
        InvalidArgumentError
            One of them is not what it should be; the message says which entry and why.
        """
        if _is_structure(x0):
            return _read_structure(x0, bounds)
        flat = _real_array(x0, "x0")
        if flat.ndim == 0:
            flat = flat.reshape(1)
        if flat.ndim != 1:
            raise InvalidArgumentError(
                f"x0 has shape {flat.shape}: expected (n,), or a dict, list or tuple of arrays"
            )
        _check_start(flat, "x0")
        lower, upper = _read_bounds(bounds, len(flat))
        return cls(flat, lower, upper)

    @property
    def structured(self) -> bool:
        """Whether x0 is anything but a flat array."""
        return bool(self.names)

    def problem(self, fun: Any, args: Any) -> dict[str, Any]:
        """Return what a journal records of one search for `fun`, but for the method."""
        return {
            "objective": fun,
            "args": args,
            "x0": self.x0,
            "lower": self.lower,
            "upper": self.upper,
            "names": self.names,
        }

    def box(self, clips: bool) -> Box | None:
        """Return the box, or None where there are no bounds at all."""
        if not (np.isfinite(self.lower).any() or np.isfinite(self.upper).any()):
            return None
        return Box(self.lower, self.upper, clips)


def _is_structure(x0: object) -> bool:
    """Whether x0 is a nest of containers rather than one flat array-like."""
    if isinstance(x0, Mapping) or hasattr(x0, "_fields"):
        return True
    return isinstance(x0, (list, tuple)) and any(
        isinstance(item, (Mapping, list, tuple)) or getattr(item, "ndim", 0)
        for item in cast("Sequence[object]", x0)
    )


def _real_array(value: object, name: str) -> Array:
    try:
        array = np.asarray(value)
    except Exception as error:
        raise InvalidArgumentError(f"{name}={value!r}: expected real numbers") from error
    if array.dtype.kind == "O":  # Fraction, Decimal, None ...
        try:
            if any(item is None for item in array.flat):
                raise TypeError("None is not a number")
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidArgumentError(f"{name}={value!r}: expected real numbers") from error
    if array.dtype.kind not in "iuf":
        raise InvalidArgumentError(
            f"{name}={value!r}: expected real numbers, got dtype {array.dtype}"
        )
    return np.array(array, dtype=np.float64)


def _check_start(x0: Array, name: str) -> None:
    if x0.size == 0:
        raise InvalidArgumentError(f"{name} is empty: expected at least one number")
    bad = np.flatnonzero(~np.isfinite(x0))
    if bad.size:
        i = int(bad[0])
        raise InvalidArgumentError(f"{name}[{i}]={float(x0.flat[i])}: expected a finite number")


# Bounds of a flat x0


def _read_bounds(bounds: Any, n: int) -> tuple[Array, Array]:
    if bounds is None:
        return np.full(n, -math.inf), np.full(n, math.inf)
    if isinstance(bounds, Mapping):
        raise InvalidArgumentError("bounds by name need an x0 by name: x0 is a plain array")
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return _checked_pair(bounds.lb, bounds.ub, (n,), "bounds")
    try:
        pairs = list(cast("Iterable[object]", bounds))
    except TypeError as error:
        raise InvalidArgumentError(
            f"bounds={bounds!r}: expected a sequence of {n} pairs (low, high), or SciPy's Bounds"
        ) from error
    if len(pairs) != n:
        raise InvalidArgumentError(
            f"bounds has {len(pairs)} entries: expected {n}, a pair (low, high) for each "
            "coordinate of x0"
        )
    ends = [_read_pair(pair, (), f"bounds[{i}]") for i, pair in enumerate(pairs)]
    return (
        np.array([low for low, _ in ends], dtype=np.float64),
        np.array([high for _, high in ends], dtype=np.float64),
    )


def _read_pair(pair: Any, shape: tuple[int, ...], name: str) -> tuple[Array, Array]:
    """Read (low, high), each None, a number, or an array of the leaf's shape."""
    if pair is None:
        pair = (None, None)
    if hasattr(pair, "lb") and hasattr(pair, "ub"):
        pair = (pair.lb, pair.ub)
    try:
        low, high = pair
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{name}={pair!r}: expected a pair (low, high)") from error
    return _checked_pair(
        -math.inf if low is None else low, math.inf if high is None else high, shape, name
    )


def _checked_pair(
    low: object, high: object, shape: tuple[int, ...], name: str
) -> tuple[Array, Array]:
    ends: list[Array] = []
    for end, side in ((low, "low"), (high, "high")):
        array = _real_array(end, f"{name} ({side})")
        if array.size == 1:
            array = array.reshape(())
        try:
            ends.append(np.array(np.broadcast_to(array, shape), dtype=np.float64))
        except ValueError as error:
            raise InvalidArgumentError(
                f"{name} ({side}) has shape {array.shape}: expected {shape} or a number"
            ) from error
    lows, highs = ends
    for i in np.ndindex(shape):
        where = name + "".join(f"[{k}]" for k in i)
        lo, hi = float(lows[i]), float(highs[i])
        if math.isnan(lo) or math.isnan(hi):
            raise InvalidArgumentError(f"{where}=({lo}, {hi}): expected numbers, not NaN")
        if lo > hi:
            raise InvalidArgumentError(
                f"{where}=({lo}, {hi}): the low bound is above the high bound"
            )
        if lo == math.inf or hi == -math.inf:
            raise InvalidArgumentError(f"{where}=({lo}, {hi}): no number lies between them")
    return lows, highs


# Structured x0


def _name(path: Path, x0: Any) -> str:
    """Join a path into `x0` as people write it: decay.rate, knots[2]."""
    text = ""
    for key in path:
        fields: Any = getattr(x0, "_fields", None)
        x0 = x0[key]
        part = key if fields is None else fields[key]
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else f"{part}"
    return text


def _read_structure(x0: object, bounds: object) -> Parameters:
    import optree  # only structured starts need it

    paths, leaves, spec = optree.tree_flatten_with_path(cast("Any", x0), none_is_leaf=True)
    if not leaves:
        raise InvalidArgumentError("x0 is empty: expected at least one number")
    arrays: list[Array] = []
    names: list[str] = []
    for path, leaf in zip(paths, leaves, strict=True):
        name = _name(path, x0)
        array = _real_array(leaf, f"x0 at {name}")
        if array.size:
            _check_start(array.ravel(), f"x0 at {name}")
        arrays.append(array)
        names += [name + "".join(f"[{k}]" for k in i) for i in np.ndindex(array.shape)]
    shapes = [array.shape for array in arrays]
    ends = np.cumsum([array.size for array in arrays]).tolist()
    if ends[-1] == 0:
        raise InvalidArgumentError("x0 is empty: expected at least one number")

    given = dict(_bounds_by_name(bounds, x0, ()))
    pairs = [
        _read_pair(given.get(path), shape, f"bounds at {_name(path, x0)}")
        for path, shape in zip(paths, shapes, strict=True)
    ]

    def restore(x: Array) -> Any:
        parts: list[Any] = []
        start = 0
        for end, shape in zip(ends, shapes, strict=True):
            parts.append(x[start:end].reshape(shape).copy() if shape else float(x[start]))
            start = end
        return optree.tree_unflatten(spec, parts)

    return Parameters(
        np.concatenate([array.ravel() for array in arrays]),
        np.concatenate([low.ravel() for low, _ in pairs]),
        np.concatenate([high.ravel() for _, high in pairs]),
        tuple(names),
        restore,
    )


def _bounds_by_name(bounds: Any, x0: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Walk bounds along x0, yielding what is given for each leaf; parts may be left out."""
    if bounds is None:
        return
    where = "bounds" + " at " * bool(path) + ".".join(str(key) for key in path)
    if isinstance(x0, Mapping) or (hasattr(x0, "_fields") and isinstance(bounds, Mapping)):
        names: list[Any] = list(getattr(cast("Any", x0), "_fields", cast("Any", x0)))
        if not isinstance(bounds, Mapping):
            raise InvalidArgumentError(
                f"{where}={bounds!r}: expected a dict with some of the names {names}"
            )
        for key, part in cast("Mapping[Any, Any]", bounds).items():
            if key not in names:
                raise InvalidArgumentError(f"{where}: no parameter {key!r}; x0 has {names}")
            if isinstance(x0, Mapping):
                yield from _bounds_by_name(part, x0[key], (*path, key))
            else:
                yield from _bounds_by_name(part, getattr(x0, key), (*path, names.index(key)))
    elif isinstance(x0, (list, tuple)):
        parts = cast("Sequence[Any]", x0)
        if not isinstance(bounds, (list, tuple)) or len(cast("Sequence[Any]", bounds)) != len(
            parts
        ):
            raise InvalidArgumentError(
                f"{where}={bounds!r}: expected {len(parts)} entries, as x0 has; None for no bounds"
            )
        for i, part in enumerate(cast("Sequence[Any]", bounds)):
            yield from _bounds_by_name(part, parts[i], (*path, i))
    else:
        yield path, bounds
