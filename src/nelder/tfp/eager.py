"""A search whose objective is called eagerly, driven by the scalar machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.coefficients import Coefficients
from nelder.core.machine import Machine
from nelder.search.nelder_mead import NelderMead
from nelder.tfp.given import Settings, Start
from nelder.tfp.library import tf
from nelder.tfp.results import NelderMeadOptimizerResults
from nelder.tfp.returned import as_tensor, floating, wrong_shape

__all__ = ["search"]

Array = NDArray[np.float64]


class Objective:
    """The caller's objective, from rows of float64 to Python floats.

    Points become the caller's dtype only here. The search itself runs in float64, so that it does
    not stall where float32 has no numbers left between two vertices.

    Parameters
    ----------
    function : callable
    start : Start
    batch : bool
        Whether it takes many points at once.

    Attributes
    ----------
    nfev : int
        Points evaluated.
    dtype : DType or None
        Of the values, once that is known.
    """

    def __init__(self, function: Callable[[Any], Any], start: Start, batch: bool) -> None:
        self.nfev = 0
        self.dtype = None if start.values is None else start.values.dtype
        self._function = function
        self._calls: dict[tuple[int, ...], Callable[[Any], Any]] = {}  # by the shape of points
        self._shape = start.shape
        self._dtype = start.simplex.dtype
        self._narrow = self._dtype != tf.float64
        self._batch = batch

    def point(self, row: Array) -> float:
        """Return the value of one row, (n,) or (1, n); no leading axis goes with it, as in TFP."""
        return float(self._values(row.reshape(self._shape), ()))

    def rows(self, rows: Array) -> Iterable[float]:
        """Return the values of rows (m, n), by one call where the objective takes many points."""
        if not self._batch:
            return map(self.point, rows)
        m = len(rows)
        return self._values(rows.reshape((m, *self._shape)), (m,)).tolist()

    def _values(self, points: Array, shape: tuple[int, ...]) -> NDArray[Any]:
        call = self._calls.get(points.shape) or self._call_of(points.shape)
        returned = call(self.tensor(points))
        self.nfev += math.prod(shape)
        if self.dtype is None:
            self.dtype = floating(as_tensor(returned).dtype)
        values = np.asarray(returned)
        if values.shape != shape:
            raise wrong_shape(values.shape, shape)
        return values

    def _call_of(self, shape: tuple[int, ...]) -> Callable[[Any], Any]:
        """Return what to call with points of that shape, for a ``tf.function`` its graph."""
        call = self._function
        polymorphic = tf.types.experimental.PolymorphicFunction
        if isinstance(call, polymorphic) and not tf.config.functions_run_eagerly():
            spec = tf.TensorSpec(shape, self._dtype)
            call = _operation(cast("Any", call).get_concrete_function(spec))
        self._calls[shape] = call
        return call

    def tensor(self, points: Array) -> Any:
        """Return points as a tensor of the caller's dtype."""
        if not self._narrow:
            return tf.constant(points)
        with np.errstate(over="ignore"):
            return tf.constant(points.astype(np.float32))


def _operation(graph: Any) -> Callable[[Any], Any]:
    """Return the operation that runs `graph`, a function of TensorFlow for one shape.

    A call of the function, or of the graph, does the same after work in Python that takes ten times
    as long. Those that XLA compiles, or that do not return one tensor, are called as they are.
    """
    returned = graph.structured_outputs
    compiled = "_XlaMustCompile" in graph.function_def.attr  # to read what is absent puts it there
    if compiled or not isinstance(returned, (tf.Tensor, tf.TensorSpec)):
        return graph
    run, types = tf.raw_ops.StatefulPartitionedCall, [returned.dtype]

    def call(point: Any) -> Any:
        return run(args=[point, *graph.captured_inputs], Tout=types, f=graph)[0]

    return call


def search(
    objective_function: Callable[[Any], Any], start: Start, settings: Settings
) -> NelderMeadOptimizerResults:
    """Search, calling `objective_function` eagerly.

    Raises
    ------
    ReturnValueError
        It returned something of another shape or dtype than expected.
    """
    objective = Objective(objective_function, start, settings.batch)
    rows = start.simplex.numpy().reshape(start.n + 1, start.n).astype(np.float64)
    first = _first_values(objective, rows, start.values)
    limit = math.inf if settings.max_iterations is None else settings.max_iterations
    machine = _machine(rows, settings)
    vertices, values = rows[order := np.argsort(first, kind="stable")], first[order]
    if math.isfinite(values[0]):  # else there is nothing lower to find, or nothing to go by
        _tell(machine, first.tolist())
        while not machine.done and machine.nit < limit:
            if machine.waiting == 1:
                machine.tell(objective.point(machine.pending()))
            else:
                _tell(machine, objective.rows(machine.needed()))
        vertices, values = machine.vertices, machine.values
    converged = machine.end == "converged" and machine.nit < limit
    simplex = objective.tensor(vertices.reshape(start.simplex.shape))
    return NelderMeadOptimizerResults(
        converged=tf.constant(converged),
        num_objective_evaluations=tf.constant(objective.nfev, tf.int32),
        position=simplex[0],
        objective_value=tf.constant(values[0], objective.dtype),
        final_simplex=simplex,
        final_objective_values=tf.constant(values, objective.dtype),
        initial_simplex=start.simplex,
        initial_objective_values=tf.constant(first, objective.dtype),
        num_iterations=tf.constant(machine.nit + converged, tf.int32),
    )


def _first_values(objective: Objective, rows: Array, given: Any) -> Array:
    """Return the values of the first vertices, NaN as +inf; some may be given."""
    values: list[float] = [] if given is None else given.numpy().tolist()
    if len(values) < len(rows):
        values.extend(objective.rows(rows[len(values) :]))
    first = np.array(values, dtype=np.float64)
    return np.where(np.isnan(first), math.inf, first)


def _machine(rows: Array, settings: Settings) -> Machine:
    coefficients = Coefficients(
        settings.reflection, settings.expansion, settings.contraction, settings.shrinkage
    )
    method = NelderMead.tfp(
        func_tolerance=settings.func_tolerance, position_tolerance=settings.position_tolerance
    )
    return replace(method, coefficients=coefficients).machine(rows, None, None)


def _tell(machine: Machine, values: Iterable[float]) -> None:
    """Tell values in order until the search has ended; what is left of them does not matter."""
    for value in values:
        machine.tell(value)
        if machine.done:
            break
