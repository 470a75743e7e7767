"""A search inside a graph: loops of TensorFlow, under XLA too.

The rank of the reflection decides. With m of the n + 1 vertices higher than it:

======  =======================================  ====================
m       the reflection is                        what is evaluated too
======  =======================================  ====================
n + 1   lower than the best                      the expansion
2 .. n  lower than the second worst              nothing: it is taken
1       lower than the worst only                the outside contraction
0       as high as the worst, or higher          the inside contraction
======  =======================================  ====================

These are the decisions of `core.machine`, which drives the search in eager mode; the tests hold the
two together. They stand here once more because a graph asks for another shape: what costs is the
number of operations, whatever their size. A step of `nelder.batched`, made to cost little for each
of many lanes, has so many that one search in it takes 131 µs an evaluation of Rosenbrock's function
in ten dimensions inside a ``tf.function``, against 21 here. Here an iteration is a product of
matrices, which gives all four points that may be needed, and lookups by m in small tables.

A simplex is an array (n + 1, n + 1): the vertices, best first, and in the last column their values.
It is of float64 whatever the caller's dtype, as in eager mode. Tensors are compared by
``tf.equal``: in a graph of TensorFlow 1, ``==`` asks whether two are the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nelder.tfp.given import Settings, Start
from nelder.tfp.library import tf
from nelder.tfp.results import NelderMeadOptimizerResults
from nelder.tfp.returned import as_tensor, floating, wrong_shape

__all__ = ["search"]

UNLIMITED = 2**31 - 1
INSIDE, OUTSIDE, EXPANSION, REFLECTION = range(4)  # rows of points


class Objective:
    """The caller's objective, from rows of float64 to values of float64, NaN as +inf.

    Parameters
    ----------
    function : callable
    start : Start
    settings : Settings

    Attributes
    ----------
    dtype : DType or None
        Of the values, once that is known.
    """

    def __init__(self, function: Callable[[Any], Any], start: Start, settings: Settings) -> None:
        self.dtype = None if start.values is None else start.values.dtype
        self._function = function
        self._point_dtype = start.simplex.dtype
        self._shape = start.shape
        self._batch = settings.batch
        self._parallel = settings.parallel_iterations

    def point(self, row: Any) -> Any:
        """Return the value of one row (n,)."""
        return self._values(row, ())

    def rows(self, rows: Any) -> Any:
        """Return the values (m,) of rows (m, n)."""
        if self._batch:
            return self._values(rows, (_length(rows),))
        return tf.map_fn(
            self.point, rows, fn_output_signature=tf.float64, parallel_iterations=self._parallel
        )

    def _values(self, rows: Any, shape: tuple[int, ...]) -> Any:
        points = tf.cast(tf.reshape(rows, (*shape, *self._shape)), self._point_dtype)
        values = as_tensor(self._function(points))
        dtype = floating(values.dtype)
        self.dtype = self.dtype or dtype
        if not values.shape.is_compatible_with(shape):
            raise wrong_shape(values.shape, shape)
        return _ranked(tf.ensure_shape(values, shape))


def search(
    objective_function: Callable[[Any], Any], start: Start, settings: Settings
) -> NelderMeadOptimizerResults:
    """Return the tensors of a search.

    Raises
    ------
    ReturnValueError
        `objective_function` returns something of another shape or dtype than expected.
    """
    n = start.n
    objective = Objective(objective_function, start, settings)
    limit = UNLIMITED if settings.max_iterations is None else settings.max_iterations
    if start.sound is not None:
        limit = tf.where(start.sound, limit, 0)
    rows = tf.cast(tf.reshape(start.simplex, (n + 1, n)), tf.float64)
    first, evaluated = _first_values(objective, rows, start.values)
    iteration = _iteration(objective, n, settings)

    def goes_on(simplex: Any, iterations: Any, evaluations: Any) -> Any:
        searches = (iterations < limit) & tf.math.is_finite(simplex[0, n])
        return searches & ~_converged(simplex, n, settings)

    def unless_refused(simplex: Any, iterations: Any, evaluations: Any, refused: Any) -> Any:
        return ~refused & goes_on(simplex, iterations, evaluations)

    def until_refused(simplex: Any, iterations: Any, evaluations: Any) -> Any:
        """Iterate until a contraction is refused; then shrink."""
        simplex, iterations, evaluations, refused = tf.while_loop(
            unless_refused,
            iteration,
            (simplex, iterations, evaluations, tf.constant(False)),
            parallel_iterations=settings.parallel_iterations,
        )
        simplex, evaluations = tf.cond(
            refused,
            lambda: (_shrunk(simplex, objective, n, settings), evaluations + n),
            lambda: (simplex, evaluations),
        )
        return simplex, iterations, evaluations

    # Refused contractions are rare, and as a part of every iteration a shrink would slow all of
    # them, even where it is not taken: a loop of its own keeps it out.
    simplex, iterations, evaluations = tf.while_loop(
        goes_on,
        until_refused,
        (_sorted(rows, first), tf.constant(0), tf.constant(evaluated)),
        parallel_iterations=settings.parallel_iterations,
    )
    converged = (
        _converged(simplex, n, settings) & tf.math.is_finite(simplex[0, n]) & (iterations < limit)
    )
    shape = (n + 1, *start.shape)
    vertices = tf.cast(tf.reshape(simplex[:, :n], shape), start.simplex.dtype)
    values = tf.cast(simplex[:, n], objective.dtype)
    return NelderMeadOptimizerResults(
        converged=converged,
        num_objective_evaluations=evaluations,
        position=vertices[0],
        objective_value=values[0],
        final_simplex=vertices,
        final_objective_values=values,
        initial_simplex=start.simplex,
        initial_objective_values=tf.cast(first, objective.dtype),
        num_iterations=iterations + tf.cast(converged, tf.int32),
    )


def _first_values(objective: Objective, rows: Any, given: Any) -> tuple[Any, int]:
    """Return the values of the first vertices and how many of them were evaluated."""
    if given is None:
        return objective.rows(rows), _length(rows)
    known, count = _ranked(given), _length(rows) - _length(given)
    if count == 0:
        return known, 0
    return tf.concat([known, objective.rows(rows[-count:])], axis=0), count


def _length(rows: Any) -> int:
    """Return the length of the first axis, as a number in version 1 too."""
    return rows.shape.as_list()[0]


def _iteration(objective: Objective, n: int, settings: Settings) -> Callable[..., Any]:
    """Return an iteration without its shrink: state in, state out."""
    weights = _weights(n, settings)
    # By m: whether a second point is evaluated, and which.
    again = tf.constant([True, True, *[False] * (n - 1), True])
    second = tf.constant([INSIDE, OUTSIDE, *[REFLECTION] * (n - 1), EXPANSION])
    # By how many vertices are higher than a new one, the order of all: the new one goes after equal
    # ones, the worst goes away. In the last row nothing changes.
    ranks = [n, n, *range(n - 1, -1, -1)]
    order = tf.constant([[*range(k), n + 1, *range(k, n)] for k in ranks] + [[*range(n + 1)]])
    unchanged = n + 2

    def iteration(simplex: Any, iterations: Any, evaluations: Any, refused: Any) -> Any:
        values = simplex[:, n]
        points = tf.matmul(weights, simplex)
        r = points[REFLECTION, :n]
        f_r = objective.point(r)
        m = _higher(values, f_r)

        def taken() -> tuple[Any, ...]:
            return r, f_r, m, evaluations + 1

        def tried() -> tuple[Any, ...]:
            x = tf.gather(points, tf.gather(second, m))[:n]
            f = objective.point(x)
            expands = m > n
            limit = tf.where(tf.equal(m, 0), values[n], f_r)
            lower = tf.where(expands, f < limit, f <= limit)
            f = tf.where(lower, f, limit)
            higher = tf.where(lower | expands, _higher(values, f), unchanged)
            return tf.where(lower, x, r), f, higher, evaluations + 2

        x, f, higher, evaluations = tf.cond(tf.gather(again, m), tried, taken)
        vertex = tf.concat([x, f[tf.newaxis]], axis=0)
        simplex = tf.concat([simplex, vertex[tf.newaxis]], axis=0)
        simplex = tf.gather(simplex, tf.gather(order, higher))
        return simplex, iterations + 1, evaluations, tf.equal(higher, unchanged)

    return iteration


def _weights(n: int, settings: Settings) -> Any:
    """Return the weights (4, n + 1) of the vertices in the four points c + factor·(c - x_w)."""
    reflection, contraction = settings.reflection, settings.contraction
    factors = {
        INSIDE: -contraction,
        OUTSIDE: contraction * reflection,
        EXPANSION: settings.expansion * reflection,
        REFLECTION: reflection,
    }
    column = tf.stack([tf.convert_to_tensor(factors[row], tf.float64) for row in range(4)])
    column = column[:, tf.newaxis]
    return tf.concat([tf.tile((1.0 + column) / n, (1, n)), -column], axis=1)


def _higher(values: Any, f: Any) -> Any:
    """Return how many of the values are higher than `f`."""
    return tf.reduce_sum(tf.cast(f < values, tf.int32))


def _shrunk(simplex: Any, objective: Objective, n: int, settings: Settings) -> Any:
    """Return the simplex with all vertices but the best moved towards it, and evaluated."""
    best = simplex[0, :n]
    rows = best + settings.shrinkage * (simplex[1:, :n] - best)
    values = tf.concat([simplex[:1, n], objective.rows(rows)], axis=0)
    return _sorted(tf.concat([best[tf.newaxis], rows], axis=0), values)


def _sorted(rows: Any, values: Any) -> Any:
    """Return vertices and values as a simplex, best first, equal ones in the order given."""
    simplex = tf.concat([rows, values[:, tf.newaxis]], axis=1)
    return tf.gather(simplex, tf.argsort(values, stable=True))


def _converged(simplex: Any, n: int, settings: Settings) -> Any:
    """Return whether the values or the vertices are within their tolerance of the best."""
    apart = tf.reduce_max(tf.abs(simplex - simplex[:1]), axis=0)
    return (apart[n] < settings.func_tolerance) | (
        tf.reduce_max(apart[:n]) < settings.position_tolerance
    )


def _ranked(values: Any) -> Any:
    """Return values as they rank: of float64, NaN as +inf."""
    values = tf.cast(values, tf.float64)
    return tf.where(tf.math.is_nan(values), tf.constant(np.inf, tf.float64), values)
