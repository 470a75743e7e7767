"""How far a stage is filled before somebody looks again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Leg"]


class Leg(NamedTuple):
    """The limits that `Stage.run` and `Stage.run_native` take, in their order.

    Attributes
    ----------
    evaluations : int
        At most so many evaluations.
    iterations : int
        Return once ``nit`` is at least this.
    target : float
        Return after a value at or below this.
    points, values : ndarray of shape (evaluations, dim) and (evaluations,), or None
        Where to write what was evaluated.
    """

    evaluations: int
    iterations: int
    target: float
    points: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None
