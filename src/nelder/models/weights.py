"""Which weights of a model are searched, and how they make a point (n,)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.models.subspace import Subspace

__all__ = ["Trainable", "Weights", "chosen"]

Array = NDArray[np.float64]
Trainable = str | Sequence[str] | Subspace

MANY = 100  # coordinates: beyond, a simplex gets on slowly


def chosen(paths: Sequence[tuple[str, ...]], which: object) -> list[int]:
    """Return which variables are searched.

    Parameters
    ----------
    paths : sequence of tuple of str
        For each trainable variable the names that lead to it: of models, layers, then its own.
    which : "all", "last", a name, a sequence of names, or Subspace
        A name is that of a layer or a variable, at any depth: some of a path's names in a row, with
        "/" or "." between them. "last" is the layer to which the last variable belongs.

    Raises
    ------
    InvalidArgumentError
        There are no trainable variables, or none of that name.
    """
    if not paths:
        raise InvalidArgumentError("the model has no trainable weights: expected one at least")
    if isinstance(which, Subspace):
        which = which.of
    everything = range(len(paths))
    if which == "all":
        return list(everything)
    if which == "last":
        return [i for i in everything if paths[i][:-1] == paths[-1][:-1]]
    names: Sequence[object] = (
        [which]
        if isinstance(which, str)
        else list(cast("Sequence[object]", which))
        if isinstance(which, (list, tuple, set, frozenset))
        else []
    )
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"trainable={which!r}: expected 'all', 'last', names of layers or variables, or "
            "Subspace(...)"
        )
    found: set[int] = set()
    for name in cast("Sequence[str]", names):
        parts = tuple(name.replace("/", ".").split("."))
        matches = [i for i in everything if _within(parts, paths[i])]
        if not matches:
            known = sorted({"/".join(path) for path in paths})
            raise InvalidArgumentError(
                f"trainable: no layer or trainable variable {name!r}; there are {known}"
            )
        found.update(matches)
    return sorted(found)


def _within(parts: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether `parts` stand in a row in `path`."""
    return any(path[i : i + len(parts)] == parts for i in range(len(path) - len(parts) + 1))


@dataclass(frozen=True, eq=False)
class Weights:
    """The searched weights, flat, and the coordinates in which they are searched.

    Attributes
    ----------
    shapes : tuple of shapes
        Of the searched variables.
    flat : ndarray of shape (weights,)
        Their present values.
    directions : ndarray of shape (n, weights) or None
        Of a subspace; without one the coordinates are the weights.
    """

    shapes: tuple[tuple[int, ...], ...]
    flat: Array
    directions: Array | None

    @classmethod
    def of(
        cls,
        values: Sequence[NDArray[Any]],
        trainable: Trainable,
        inputs: Callable[[tuple[int, ...]], int],
    ) -> Weights:
        """Return the weights of variables that have the present `values`.

        Parameters
        ----------
        values : sequence of ndarray
        trainable
            A `Subspace`, or anything else for the weights themselves.
        inputs : callable
            Gives the number of inputs of a unit for the shape of a variable.

        Raises
        ------
        InvalidArgumentError
            A weight is not finite or not real, or there are fewer weights than directions.

        Warns
        -----
        UserWarning
            More than 100 coordinates are searched.
        """
        for value in values:
            if value.dtype.kind != "f":
                raise InvalidArgumentError(
                    f"a trainable variable has dtype {value.dtype}: expected real numbers"
                )
        flat = np.concatenate([np.asarray(value, dtype=np.float64).ravel() for value in values])
        if not np.all(np.isfinite(flat)):
            raise InvalidArgumentError("the model has weights that are not finite numbers")
        shapes = tuple(tuple(int(length) for length in value.shape) for value in values)
        directions = None
        if isinstance(trainable, Subspace):
            sizes = [value.size for value in values]
            directions = trainable.directions(sizes, [inputs(shape) for shape in shapes])
        weights = cls(shapes, flat, directions)
        if weights.n > MANY:
            warnings.warn(
                f"{weights.n} free weights: beyond about {MANY} a simplex search gets on slowly; "
                "trainable='last' or trainable=Subspace(20) searches fewer",
                UserWarning,
                stacklevel=3,  # of the adapter, where it is called
            )
        return weights

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return len(self.flat if self.directions is None else self.directions)

    @property
    def x0(self) -> Array:
        """The coordinates (n,) of the present weights."""
        return self.flat.copy() if self.directions is None else np.zeros(self.n)

    def at(self, x: Any, flat: Any, directions: Any, library: Any) -> list[Any]:
        """Return the variables' values at `x` (n,), in the library of what is given.

        Parameters
        ----------
        x : array of shape (n,)
        flat, directions : arrays
            Those of this object, as arrays of that library.
        library : module
            Has `matmul` and `reshape` for them.
        """
        weights = x if directions is None else flat + library.matmul(x, directions)
        parts: list[Any] = []
        begin = 0
        for shape in self.shapes:
            end = begin + int(np.prod(shape))
            parts.append(library.reshape(weights[begin:end], shape))
            begin = end
        return parts

    def arrays(self, x: Array) -> list[Array]:
        """Return the variables' values at `x` (n,)."""
        return self.at(x, self.flat, self.directions, np)
