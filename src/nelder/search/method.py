"""What every method's settings offer to those who run it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.search.search import Search

__all__ = ["Method", "check_method"]

Array = NDArray[np.float64]


class Method:
    """The settings of a way to search: `NelderMead`, `KWorst`, `Subspaces`."""

    @property
    def clips(self) -> bool:
        """Whether points are moved to the nearest bound, rather than transformed."""
        return False

    def for_workers(self, workers: int) -> Method:
        """Return the method to be run by so many `workers`: this one, whose decisions stay."""
        return self

    def start(self, x0: Array, box: Box | None, maxfev: float = math.inf) -> Search:
        """Return a search.

        Parameters
        ----------
        x0 : ndarray of shape (dim,)
        box : Box or None
            Bounds.
        maxfev : float
            Evaluations that it may plan for. It is ended by whoever drives it.
        """
        raise NotImplementedError


def check_method(method: object) -> Method:
    """Return `method`, or raise InvalidArgumentError where it is none."""
    if isinstance(method, Method):
        return method
    raise InvalidArgumentError(
        f"method={method!r}: expected nelder.NelderMead(...), nelder.KWorst(...) or "
        "nelder.Subspaces(...)"
    )
