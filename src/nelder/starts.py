"""Where many searches begin: given, or spread over the bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from nelder.boxes import read_box
from nelder.errors import InvalidArgumentError, missing_extra
from nelder.options import is_whole
from nelder.parameters import Parameters

__all__ = ["Sampler", "read_starts"]

Array = NDArray[np.float64]
Sampler = Literal["sobol", "latin_hypercube"]

PER_COORDINATE = 10  # starts by default


def read_starts(
    x0s: Any, bounds: Any, starts: object, sampler: object, seed: object
) -> tuple[Parameters, Array]:
    """Return the parameters that all searches share, and their starts (searches, dim).

    Parameters
    ----------
    x0s : sequence of starts, or None
        Each as `minimize` takes it.
    bounds
        As `minimize` takes them; both finite where starts are sampled.
    starts : int or None
        How many are sampled; by default 10 for each coordinate.
    sampler : {"sobol", "latin_hypercube"}
    seed : int

    Raises
    ------
    InvalidArgumentError
        One of them is not what it should be.
    MissingExtraError
        Sampling needs SciPy.
    """
    if not (is_whole(seed) and seed >= 0):
        raise InvalidArgumentError(f"seed={seed!r}: expected a whole number, 0 or above")
    if not isinstance(sampler, str) or sampler not in _SAMPLERS:
        raise InvalidArgumentError(f"sampler={sampler!r}: expected one of {list(_SAMPLERS)}")
    if hasattr(bounds, "__next__"):  # such as zip(low, high): it is read more than once
        bounds = list(bounds)
    if x0s is None:
        return _sampled(bounds, starts, sampler, int(seed))
    if starts is not None:
        raise InvalidArgumentError(
            f"starts={starts!r}: expected none with x0s, which gives the starts"
        )
    if not (hasattr(x0s, "__len__") and hasattr(x0s, "__getitem__")) or (
        isinstance(x0s, (Mapping, str)) or getattr(x0s, "ndim", 1) == 0
    ):
        raise InvalidArgumentError(f"x0s={x0s!r}: expected a sequence of starts")
    if len(x0s) == 0:
        raise InvalidArgumentError("x0s is empty: expected at least one start")
    if isinstance(x0s, np.ndarray) and cast("Any", x0s).ndim == 2:
        flat = cast("Any", x0s)
        first = _read(flat[0], 0, bounds)
        if flat.dtype.kind in "iuf" and np.isfinite(flat).all():  # else say below what is wrong
            return first, np.array(flat, dtype=np.float64)
    each = [_read(x0, i, bounds) for i, x0 in enumerate(cast("Sequence[Any]", x0s))]
    first = each[0]
    for i, other in enumerate(each):
        if other.names != first.names or len(other.x0) != len(first.x0):
            raise InvalidArgumentError(
                f"x0s[{i}]={x0s[i]!r}: expected the structure of the first, {x0s[0]!r}"
            )
    return first, np.array([parameters.x0 for parameters in each])


def _read(x0: Any, i: int, bounds: Any) -> Parameters:
    try:
        return Parameters.read(x0, bounds)
    except InvalidArgumentError as error:
        if str(error).startswith("x0"):
            raise InvalidArgumentError(f"x0s[{i}]: {error}") from error
        raise


def _sampled(bounds: Any, starts: object, sampler: str, seed: int) -> tuple[Parameters, Array]:
    if bounds is None or (hasattr(bounds, "__len__") and len(bounds) == 0):
        raise InvalidArgumentError(
            f"x0s=None, bounds={bounds!r}: expected starts, or bounds to sample in"
        )
    parameters = read_box(bounds, "as starts are sampled in them; or give x0s")
    lower, upper = parameters.lower, parameters.upper
    count: Any = PER_COORDINATE * int(np.count_nonzero(lower < upper)) or 1
    if starts is not None:
        count = starts
    if not (is_whole(count) and count > 0):
        raise InvalidArgumentError(f"starts={starts!r}: expected a whole number above 0")
    unit = _SAMPLERS[sampler](len(lower), int(count), seed)
    return parameters, np.clip(lower + (upper - lower) * unit, lower, upper)


def _sobol(dim: int, count: int, seed: int) -> Array:
    """Return the first `count` of a scrambled Sobol sequence, balanced at powers of two."""
    sequence = _quasi_monte_carlo("sobol").Sobol(dim, rng=seed)
    return sequence.random_base2((count - 1).bit_length())[:count]


def _latin_hypercube(dim: int, count: int, seed: int) -> Array:
    return _quasi_monte_carlo("latin_hypercube").LatinHypercube(dim, rng=seed).random(count)


_SAMPLERS: dict[str, Callable[[int, int, int], Array]] = {
    "sobol": _sobol,
    "latin_hypercube": _latin_hypercube,
}


def _quasi_monte_carlo(sampler: str) -> Any:
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise missing_extra(f"sampler={sampler!r}", "scipy") from error
    return qmc
