"""TensorFlow: eagerly, in ``tf.function``, compiled by XLA, and in graphs of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import optree

from nelder.batched.batch import (
    begin,
    check_finite,
    embedded,
    only_point,
    raise_degenerate,
    result,
)
from nelder.batched.compiled import CompiledBackend, cascade, sizes_for
from nelder.batched.problem import Problem, Shape
from nelder.batched.result import BatchResult
from nelder.batched.state import Outcome
from nelder.batched.vertices import RANKS

if TYPE_CHECKING:
    from nelder.batched.settings import Settings

__all__ = ["BACKEND"]

tf: Any = import_module("tensorflow")
_trees: Any = optree


class _Namespace:
    """What a step uses of the array API, in TensorFlow's operations."""

    int32 = tf.int32
    abs = staticmethod(tf.abs)
    maximum = staticmethod(tf.maximum)
    minimum = staticmethod(tf.minimum)
    isnan = staticmethod(tf.math.is_nan)
    isfinite = staticmethod(tf.math.is_finite)
    equal = staticmethod(tf.equal)
    not_equal = staticmethod(tf.not_equal)
    sqrt = staticmethod(tf.sqrt)
    sin = staticmethod(tf.sin)
    cos = staticmethod(tf.cos)
    asin = staticmethod(tf.asin)
    nextafter = staticmethod(tf.math.nextafter)
    zeros_like = staticmethod(tf.zeros_like)
    ones_like = staticmethod(tf.ones_like)
    concat = staticmethod(tf.concat)
    stack = staticmethod(tf.stack)
    reshape = staticmethod(tf.reshape)
    astype = staticmethod(tf.cast)
    permute_dims = staticmethod(tf.transpose)

    @staticmethod
    def where(mask: Any, a: Any, b: Any) -> Any:
        if not tf.is_tensor(a):
            a = tf.constant(a, b.dtype)
        elif not tf.is_tensor(b):
            b = tf.constant(b, a.dtype)
        return tf.where(mask, a, b)

    @staticmethod
    def full_like(array: Any, value: Any) -> Any:
        return tf.zeros_like(array) + value

    @staticmethod
    def flip(array: Any, axis: int) -> Any:
        return tf.reverse(array, [axis])

    @staticmethod
    def max(array: Any, axis: int) -> Any:
        return tf.reduce_max(array, axis)

    @staticmethod
    def min(array: Any, axis: int) -> Any:
        return tf.reduce_min(array, axis)

    @staticmethod
    def sum(array: Any) -> Any:
        return tf.reduce_sum(array)


class _TensorFlow(CompiledBackend):
    def __init__(self) -> None:
        super().__init__("TensorFlow", _Namespace(), RANKS, resums=True)

    def select(
        self,
        mask: Any,
        function: Callable[..., Any],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Any:
        """Return ``function(*given)`` where `mask`; nothing is computed where no lane wants it."""

        def some() -> list[Any]:
            made = function(*given)
            return [tf.where(mask, *both) for both in zip(made, otherwise, strict=True)]

        def none() -> list[Any]:
            return [tf.identity(array) for array in otherwise]

        return tuple(tf.cond(tf.reduce_any(mask), some, none))

    def whole(self, mask: Any) -> Any:
        return tf.cast(mask, tf.int32)

    def sum(self, array: Any) -> Any:
        return tf.reduce_sum(array, 0)

    def fold(self, array: Any) -> Any:
        return tf.reduce_sum(array, 0)

    def any(self, mask: Any) -> Any:
        return tf.reduce_any(mask, 0)

    def constant(self, array: Any, like: Any) -> Any:
        return tf.constant(array, tf.bool if array.dtype == bool else like.dtype)

    def iota(self, count: int, like: Any) -> Any:
        return tf.constant(np.arange(int(count), dtype=np.int32).reshape(-1, 1))

    # What the loop asks for

    def loop(self, goes_on: Any, body: Any, state: Any) -> Any:
        leaves, structure = _trees.tree_flatten(state)

        def next_(tick: Any, *leaves: Any) -> list[Any]:
            done = body(_trees.tree_unflatten(structure, leaves), tick)
            return [tick + 1, *_trees.tree_leaves(done)]

        def test(tick: Any, *leaves: Any) -> Any:
            return goes_on(_trees.tree_unflatten(structure, leaves))

        shapes = [tf.TensorShape([]), *(leaf.shape for leaf in leaves)]
        looped = tf.while_loop(
            test, next_, [tf.constant(0), *leaves], shape_invariants=shapes, parallel_iterations=1
        )
        return _trees.tree_unflatten(structure, looped[1:])

    def when(self, flag: Any, function: Callable[[Any], Any], array: Any) -> Any:
        return tf.cond(flag, lambda: function(array), lambda: tf.identity(array))

    def first_running(self, done: Any, count: int) -> Any:
        return tf.argsort(tf.cast(done, tf.int32), stable=True)[:count]

    def take(self, tree: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return tf.gather(array, lanes, axis=-1)

        return _trees.tree_map(take, tree)

    def take_data(self, data: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return tf.gather(array, lanes)

        return _trees.tree_map(take, data)

    def put(self, whole: Outcome, lanes: Any, part: Outcome) -> Outcome:
        def put(all_: Any, some: Any) -> Any:
            if all_.shape.rank == 1:
                return tf.tensor_scatter_nd_update(all_, lanes[:, None], some)
            flat = tf.tensor_scatter_nd_update(
                tf.transpose(all_), lanes[:, None], tf.transpose(some)
            )
            return tf.transpose(flat)

        return Outcome(*map(put, whole, part))

    # What the front door asks for

    def is_array(self, value: object) -> bool:
        return tf.is_tensor(value)

    def as_start(self, array: Any) -> Any:
        return tf.convert_to_tensor(array)

    def shape(self, array: Any) -> tuple[Any, ...]:
        return (None,) if array.shape.rank is None else tuple(array.shape.as_list())

    def same_shape(self, values: Any, points: Any) -> bool:
        return values.shape.rank is None or (
            values.shape.rank == 1 and values.shape.is_compatible_with(points.shape[:1])
        )

    def same_length(self, array: Any, other: Any) -> bool:
        return array.shape.rank != 0 and array.shape[:1].is_compatible_with(other.shape[:1])

    def reshaped(self, points: Any, shape: tuple[int, ...]) -> Any:
        return tf.reshape(points, (-1, *shape))

    def check_starts(self, leaves: Sequence[Any]) -> None:
        if _eager(leaves):
            check_finite([leaf.numpy() for leaf in leaves])

    def from_numpy(self, array: Any, like: Any) -> Any:
        return tf.constant(array)

    def dtype_of(self, array: Any) -> str:
        return array.dtype.name

    def columns(self, leaves: Sequence[Any]) -> Any:
        flat = [
            tf.reshape(leaf, (tf.shape(leaf)[0], int(np.prod(self.shape(leaf)[1:]))))
            for leaf in leaves
        ]
        return tf.transpose(tf.concat(flat, axis=1))

    def minimize(self, problem: Problem, settings: Settings, builder: Any) -> BatchResult:
        given = problem.leaves, problem.data
        eager = _eager(given)
        with tf.device(problem.leaves[0].device) if eager else nullcontext():
            if settings.n == 0:
                return only_point(problem, settings)
            if not eager:
                return _solve(problem.shape, settings, builder, *given)[0]
            found, degenerate = _compiled(problem.shape, settings, _Builder(builder))(*given)
        raise_degenerate(degenerate.numpy())
        return found


class _Builder:
    """A first simplex as a key of what has been traced."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        given = isinstance(builder, np.ndarray)
        vertices: Any = builder
        self._key: Any = (vertices.tobytes(), vertices.shape) if given else vertices

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Builder) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _solve(
    shape: Shape, settings: Settings, builder: Any, leaves: Any, data: Any
) -> tuple[BatchResult, Any]:
    """Return the result, and which first simplexes are degenerate."""
    problem = Problem(shape, BACKEND, tuple(leaves), tuple(data))

    def evaluate(point: Any, data: Any) -> Any:
        values = problem.values(embedded(point[-settings.n :], settings, BACKEND), data)
        return tf.ensure_shape(values, point.shape[-1:])

    state, degenerate = begin(BACKEND.columns(leaves), settings, builder, BACKEND)
    lanes = BACKEND.shape(leaves[0])[0]
    sizes = () if lanes is None else sizes_for(lanes)
    found = cascade(evaluate, state, problem.data, settings, BACKEND, sizes)
    return result(found, problem, settings), degenerate


@lru_cache(maxsize=128)
def _compiled(shape: Shape, settings: Settings, builder: _Builder) -> Callable[..., Any]:
    """Return the search as one graph, which runs faster than operations one by one."""

    def solve(leaves: Any, data: Any) -> Any:
        return _solve(shape, settings, builder.builder, leaves, data)

    return tf.function(solve, autograph=False)


def _eager(tree: Any) -> bool:
    return tf.executing_eagerly() and all(
        hasattr(leaf, "numpy") for leaf in _trees.tree_leaves(tree)
    )


BACKEND = _TensorFlow()
