"""Few directions in the space of many weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.options import is_whole

__all__ = ["Subspace"]


@dataclass(frozen=True)
class Subspace:
    """Search k random directions through the present weights, rather than every weight.

    The weights are w0 + z·D with z (k,), which the search moves, and fixed directions
    D (k, weights) of normal random numbers. They are scaled by 1/√inputs of each weight's unit, so
    that a step of 1 changes what a unit adds up by about the size of its inputs.

    Parameters
    ----------
    k : int
        How many directions; a simplex copes with some dozens.
    of : "all", "last", a name or a sequence of names, default "all"
        The weights that the directions move, as ``trainable`` takes them.
    seed : int, default 0
        The same seed gives the same directions.

    Raises
    ------
    InvalidArgumentError
        `k` or `seed` is not a whole number, `k` not above 0.

    References
    ----------
    Li, Farkhoor, Liu & Yosinski, Measuring the intrinsic dimension of objective landscapes, ICLR
    2018.
    """

    k: int
    of: str | Sequence[str] = "all"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("seed", 0)):
            value: object = getattr(self, name)
            if not (is_whole(value) and value >= least):
                raise InvalidArgumentError(
                    f"{name}={value!r}: expected a whole number, {least} or above"
                )

    def directions(self, sizes: Sequence[int], inputs: Sequence[int]) -> NDArray[np.float64]:
        """Return D (k, weights).

        Parameters
        ----------
        sizes : sequence of int
            Weights of each variable.
        inputs : sequence of int
            Of a unit, for each variable.

        Raises
        ------
        InvalidArgumentError
            There are fewer weights than directions.
        """
        total = sum(sizes)
        if self.k > total:
            raise InvalidArgumentError(
                f"k={self.k}: expected at most as many directions as there are weights, {total}"
            )
        scale = np.repeat(1.0 / np.sqrt(np.asarray(inputs, dtype=np.float64)), sizes)
        return np.random.default_rng(int(self.seed)).normal(size=(int(self.k), total)) * scale
