"""What a step asks of an array library.

Arrays have the lanes last: a value (B,), a point (n, B), the vertices (n + 1, n, B). So every
operation runs along the lanes, however small n is, and a mask (B,) selects among arrays of any
rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import optree

from nelder.errors import InvalidArgumentError

if TYPE_CHECKING:
    from nelder.batched.problem import Problem
    from nelder.batched.result import BatchResult
    from nelder.batched.settings import Settings
    from nelder.batched.state import Outcome
    from nelder.batched.vertices import Vertices

_trees: Any = optree
__all__ = ["Arrays", "Backend"]

Arrays = tuple[Any, ...]


class Backend:
    """An array library, and what libraries do differently; of the array API where it can be.

    Parameters
    ----------
    name : str
        Of the library, as users write it.
    xp : namespace
        Of the array API, or as much of it as a step uses.
    vertices : Vertices
        How vertices are kept.
    resums : bool
        Whether the sum of the vertices is added up anew when the machine does, rather than from
        time to time for all lanes (`step.refresh`).
    """

    def __init__(self, name: str, xp: Any, vertices: Vertices, resums: bool) -> None:
        self.name = name
        self.xp = xp
        self.vertices = vertices
        self.resums = resums

    def select(
        self,
        mask: Any,
        function: Callable[..., Arrays],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Arrays:
        """Return ``function(*given)`` for the lanes of `mask`, and `otherwise` for all others.

        Here it is computed for all lanes, so that nobody waits for the mask.
        """
        made = function(*given)
        where = self.xp.where
        return tuple(where(mask, new, old) for new, old in zip(made, otherwise, strict=True))

    def owned(self, rows: Any) -> Any:
        """Return rows that `write` may change."""
        return rows

    def read(self, rows: Any, slot: Any) -> Any:
        """Return of rows (k, w, B) those (w, B) at `slot` (B,)."""
        return self.xp.take_along_axis(rows, slot[None, None, :], axis=0)[0]

    def write(self, rows: Any, slot: Any, row: Any) -> Any:
        """Return rows (k, w, B) with `row` (w, B) at `slot` (B,); nowhere where that is -1."""
        here = self.iota(rows.shape[0], row) == slot
        return self.xp.where(here[:, None, :], row, rows)

    def opaque(self, x0s: Any) -> Any:
        """Return what `settle` needs, kept in the state."""
        return None

    def settle(self, opaque: Any, arrays: Any) -> Any:
        """Return arrays that are computed once, where a compiler would do so at each use."""
        return arrays

    def whole(self, mask: Any) -> Any:
        """Return a mask as int32."""
        return self.xp.astype(mask, self.xp.int32)

    def sum(self, array: Any) -> Any:
        """Return the sum along the first axis, of whole numbers as int32."""
        return self.xp.sum(array, axis=0, dtype=array.dtype)

    def fold(self, array: Any) -> Any:
        """Return the sum along the first axis, added in its order."""
        total = array[0]
        for k in range(1, array.shape[0]):
            total = total + array[k]
        return total

    def constant(self, array: np.ndarray[Any, Any], like: Any) -> Any:
        """Return an array of numbers, in the dtype of `like`, or of truth values; on its device."""
        raise NotImplementedError

    def iota(self, count: int, like: Any) -> Any:
        """Return 0, 1, ... as int32 of shape (count, 1), on the device of `like`."""
        raise NotImplementedError

    def any(self, mask: Any) -> Any:
        """Return where any along the first axis is true."""
        return self.xp.any(mask, axis=0)

    def spacing(self, x: Any) -> Any:
        """Return the unit of rounding of each number's size."""
        xp = self.xp
        size = xp.abs(x)
        return xp.nextafter(size, xp.full_like(size, float("inf"))) - size

    def sine(self, x: Any) -> Any:
        """Return the sine of an array."""
        return self.xp.sin(x)

    def cosine(self, x: Any, where: Any) -> Any:
        """Return the cosine of an array; it need only be right where `where` is true."""
        return self.xp.cos(x)

    def pick_rows(self, array: Any, rows: Sequence[int]) -> Any:
        """Return some rows of an array."""
        return self.xp.stack([array[i] for i in rows]) if len(rows) else array[:0]

    def quiet(self) -> AbstractContextManager[Any]:
        """Return a context in which operations on infinite values do not warn."""
        return nullcontext()

    def built(self, builder: Any, x0s: Any, lower: Any, upper: Any) -> Any:
        """Return the vertices that a user's own builder gives at the starts (n, B)."""
        raise InvalidArgumentError(
            f"initial_simplex={builder!r}: expected one of nelder's builders or vertices "
            f"(n + 1, n), as {self.name} cannot call it for many starts"
        )

    # What the loops need

    def take(self, tree: Any, lanes: Any) -> Any:
        """Return all arrays of a tree for some lanes, their last axis."""
        raise NotImplementedError

    def take_data(self, data: Any, lanes: Any) -> Any:
        """Return all arrays of a tree for some lanes, their first axis."""
        raise NotImplementedError

    def put(self, whole: Outcome, lanes: Any, part: Outcome) -> Outcome:
        """Return the outcome of all lanes with that of some put in; `whole` may be changed."""
        raise NotImplementedError

    # What the front door needs

    @property
    def article(self) -> str:
        """The name with its article."""
        return f"a {self.name}"

    def fitting(self, array: Any) -> Backend:
        """Return the backend for the device of `array`."""
        return self

    def same_device(self, array: Any, other: Any) -> bool:
        """Whether two arrays are on the same device, as far as that matters."""
        return True

    def is_array(self, value: object) -> bool:
        """Whether `value` is an array of this library."""
        raise NotImplementedError

    def as_start(self, array: Any) -> Any:
        """Return what counts as a start, of whatever dtype."""
        return array

    def check_starts(self, leaves: Sequence[Any]) -> None:
        """Raise InvalidArgumentError where starts are not finite, if that can be known."""

    def from_numpy(self, array: Any, like: Any) -> Any:
        """Return a NumPy array as one of this library, on the device of `like`."""
        raise NotImplementedError

    def flatten(self, tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
        """Return the leaves of a tree, and what makes such a tree of others."""
        leaves, structure = _trees.tree_flatten(tree)
        return leaves, lambda parts: _trees.tree_unflatten(structure, parts)

    def shape(self, array: Any) -> tuple[Any, ...]:
        """Return an array's shape, None where an axis is not known yet."""
        return tuple(array.shape)

    def dtype_of(self, array: Any) -> str:
        """Return the name of an array's dtype, as NumPy has it."""
        return str(array.dtype)

    def cast(self, array: Any, like: Any) -> Any:
        """Return an array in the dtype of `like`."""
        return self.xp.astype(array, like.dtype)

    def same_shape(self, values: Any, points: Any) -> bool:
        """Whether values are (m,) for points (m, dim)."""
        return tuple(values.shape) == (points.shape[0],)

    def same_length(self, array: Any, other: Any) -> bool:
        """Whether two arrays have the same leading axis."""
        return len(array.shape) > 0 and array.shape[0] == other.shape[0]

    def reshaped(self, points: Any, shape: tuple[int, ...]) -> Any:
        """Return points (m, size) as (m, *shape)."""
        return self.xp.reshape(points, (points.shape[0], *shape))

    def columns(self, leaves: Sequence[Any]) -> Any:
        """Return starts with the lanes last, (dim, B), of leaves (B, ...)."""
        sizes = [math.prod(leaf.shape[1:]) for leaf in leaves]
        flat = [
            self.xp.reshape(leaf, (leaf.shape[0], size))
            for leaf, size in zip(leaves, sizes, strict=True)
        ]
        return self.xp.permute_dims(self.xp.concat(flat, axis=1), (1, 0))

    def points(self, columns: Any) -> Any:
        """Return points (m, dim) that nobody else holds, of columns (dim, m)."""
        return self.xp.permute_dims(columns, (1, 0))

    def minimize(self, problem: Problem, settings: Settings, builder: Any) -> BatchResult:
        """Return what the searches of `problem` find.

        Parameters
        ----------
        problem : Problem
        settings : Settings
        builder
            The method's first simplex.
        """
        raise NotImplementedError
