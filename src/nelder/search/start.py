"""The first simplex of a search, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError

if TYPE_CHECKING:
    from nelder.core.simplexes import SimplexBuilder

__all__ = ["first_simplex"]

Array = NDArray[np.float64]


def first_simplex(given: SimplexBuilder | Array, x0: Array, lower: Array, upper: Array) -> Array:
    """Return the vertices (n + 1, n) that `given` names, inside the bounds.

    A vertex outside is mirrored at the bound, then moved to the nearest point inside.

    Parameters
    ----------
    given : callable or ndarray of shape (n + 1, n)
        The method's ``initial_simplex``.
    x0, lower, upper : ndarray of shape (n,)
        The searched coordinates.

    Raises
    ------
    InvalidArgumentError
        The simplex has another shape, is not finite, or is degenerate.
    """
    n = len(x0)
    made: Any = given(x0.copy(), lower, upper) if callable(given) else given
    try:
        simplex = np.array(made, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"initial_simplex returned {made!r}: expected an array of shape {(n + 1, n)}"
        ) from error
    if simplex.shape != (n + 1, n):
        raise InvalidArgumentError(
            f"initial_simplex has shape {simplex.shape}: expected {(n + 1, n)}, a row for each "
            f"vertex and a column for each of the {n} searched coordinates"
        )
    if not np.isfinite(simplex).all():
        i, j = np.argwhere(~np.isfinite(simplex))[0].tolist()
        raise InvalidArgumentError(
            f"initial_simplex[{i}, {j}]={simplex[i, j]}: expected a finite number"
        )
    if (simplex < lower).any() or (simplex > upper).any():
        simplex = np.where(simplex > upper, upper - (simplex - upper), simplex)
        simplex = np.where(simplex < lower, lower - (simplex - lower), simplex)
        simplex = np.clip(simplex, lower, upper)
    if _degenerate(simplex[1:] - simplex[0]):
        raise InvalidArgumentError(
            "initial_simplex is degenerate: expected vertices that do not all lie in one "
            f"hyperplane, got {np.array2string(simplex, threshold=30)}"
        )
    return simplex


def _degenerate(edges: Array) -> bool:
    """Whether the edges (n, n) are linearly dependent, whatever the units of the coordinates."""
    n = len(edges)
    if np.count_nonzero(edges) == n and edges.reshape(-1)[:: n + 1].all():
        return False  # one step along each axis
    lengths = np.abs(edges).max(axis=0)
    if np.any(lengths == 0.0):
        return True
    scaled = edges / lengths
    rows = np.abs(scaled).max(axis=1, keepdims=True)
    return bool(np.any(rows == 0.0)) or int(np.linalg.matrix_rank(scaled / rows)) < n
