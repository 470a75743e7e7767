"""Reads what the caller gives: where a search begins, and its settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nelder.core.coefficients import Adaptive
from nelder.core.convergence import EitherTolerance
from nelder.errors import InvalidArgumentError
from nelder.options import check_whole
from nelder.search.start import first_simplex
from nelder.tfp.library import known, tf

__all__ = ["Settings", "Start", "read_settings", "read_start"]

NEGLIGIBLE = 1e-10  # a coordinate below this counts as 0, in TFP as here
ABSOLUTE, RELATIVE = 0.00025, 0.05  # its first steps
DTYPES = (tf.float32, tf.float64)


@dataclass(frozen=True)
class Start:
    """Where a search begins.

    Attributes
    ----------
    simplex : tensor of shape (n + 1,) + shape
    values : tensor of shape (k,), or None
        Those of the first k vertices, where the caller knows them.
    n : int
        Coordinates of a point.
    shape : tuple of int
        Of a point.
    sound : bool tensor of shape (), or None
        Whether the vertices are finite and independent; None where that is known already, as it
        always is outside a graph.
    """

    simplex: Any
    values: Any
    n: int
    shape: tuple[int, ...]
    sound: Any


@dataclass(frozen=True)
class Settings:
    """How a search decides and ends; what is known only when a graph runs is a tensor.

    Attributes
    ----------
    reflection, expansion, contraction, shrinkage : float, or float64 tensor
    func_tolerance, position_tolerance : float, or float64 tensor
    max_iterations : int, or int32 tensor, or None
    batch : bool
        Whether the objective takes many points at once.
    parallel_iterations : int
    """

    reflection: Any
    expansion: Any
    contraction: Any
    shrinkage: Any
    func_tolerance: Any
    position_tolerance: Any
    max_iterations: Any
    batch: bool
    parallel_iterations: int


def read_start(
    initial_simplex: object,
    initial_vertex: object,
    step_sizes: object,
    objective_at_initial_simplex: object,
    objective_at_initial_vertex: object,
) -> Start:
    """Read where a search begins.

    Raises
    ------
    InvalidArgumentError
        The arguments contradict each other, or one is not what it should be.
    """
    if (initial_simplex is None) == (initial_vertex is None):
        found = "neither" if initial_simplex is None else "both"
        raise InvalidArgumentError(f"expected initial_simplex or initial_vertex, got {found}")
    companions: tuple[tuple[str, object, str, object], ...] = (
        ("step_sizes", step_sizes, "initial_vertex", initial_vertex),
        (
            "objective_at_initial_vertex",
            objective_at_initial_vertex,
            "initial_vertex",
            initial_vertex,
        ),
        (
            "objective_at_initial_simplex",
            objective_at_initial_simplex,
            "initial_simplex",
            initial_simplex,
        ),
    )
    for name, value, other, beside in companions:
        if value is not None and beside is None:
            raise InvalidArgumentError(f"{name} is given without {other}: expected both or neither")
    if initial_vertex is not None:
        return _from_vertex(initial_vertex, step_sizes, objective_at_initial_vertex)
    return _from_simplex(initial_simplex, objective_at_initial_simplex)


def _from_vertex(initial_vertex: object, step_sizes: object, value: object) -> Start:
    vertex = _real_tensor("initial_vertex", initial_vertex)
    shape = _shape("initial_vertex", vertex)
    n = math.prod(shape)
    if n == 0:
        raise InvalidArgumentError(f"initial_vertex has shape {shape}: expected coordinates")
    steps = _steps(vertex, shape, step_sizes)
    units = tf.reshape(tf.eye(n, dtype=vertex.dtype), (n, *shape))
    simplex = tf.concat([vertex[tf.newaxis], vertex + steps * units], axis=0)
    origin, lengths = known(vertex), None if step_sizes is None else known(steps)
    sound = None
    if origin is not None:
        _check_finite("initial_vertex", origin)
    if origin is not None and lengths is not None:
        _check_steps(origin, np.broadcast_to(lengths, shape))
    elif origin is None or step_sizes is not None:
        ends = vertex + steps
        sound = tf.math.is_finite(vertex) & tf.math.is_finite(ends) & tf.not_equal(ends, vertex)
        sound = tf.reduce_all(sound)
        simplex = _asserted(simplex, sound)
    values = _known_values("objective_at_initial_vertex", value, vertex.dtype, ())
    return Start(simplex, None if values is None else values[tf.newaxis], n, shape, sound)


def _steps(vertex: Any, shape: tuple[int, ...], step_sizes: object) -> Any:
    """Return steps of a shape that broadcasts to `shape`."""
    if step_sizes is None:
        small = tf.constant(ABSOLUTE, vertex.dtype)
        return tf.where(tf.abs(vertex) < NEGLIGIBLE, small, vertex * RELATIVE)
    steps = _real_tensor("step_sizes", step_sizes, vertex.dtype)
    given = _shape("step_sizes", steps)
    try:
        fits = np.broadcast_shapes(given, shape) == shape
    except ValueError:
        fits = False
    if fits:
        return steps
    raise InvalidArgumentError(
        f"step_sizes has shape {given}: expected one that broadcasts to that of initial_vertex, "
        f"{shape}"
    )


def _from_simplex(initial_simplex: object, values: object) -> Start:
    simplex = _real_tensor("initial_simplex", initial_simplex)
    shape = _shape("initial_simplex", simplex)
    n = math.prod(shape[1:])
    if not shape or n == 0 or shape[0] != n + 1:
        raise InvalidArgumentError(
            f"initial_simplex has shape {shape}: expected (n + 1, ...), a row for each vertex, "
            "where n is the number of coordinates of a point"
        )
    vertices, sound = known(simplex), None
    if vertices is None:
        sound = _independent(simplex, n)
        simplex = _asserted(simplex, sound)
    else:
        rows = vertices.reshape(n + 1, n).astype(np.float64)
        unbounded = np.full(n, math.inf)
        first_simplex(rows, rows[0], -unbounded, unbounded)
    of_vertices = _known_values("objective_at_initial_simplex", values, simplex.dtype, (n + 1,))
    return Start(simplex, of_vertices, n, shape[1:], sound)


def _independent(simplex: Any, n: int) -> Any:
    """Return whether the vertices are finite and do not all lie in one hyperplane.

    As `search.start.first_simplex` does, whatever the units of the coordinates.
    """
    rows = tf.reshape(simplex, (n + 1, n))
    edges = rows[1:] - rows[:1]
    edges = edges / tf.reduce_max(tf.abs(edges), axis=0)
    edges = edges / tf.reduce_max(tf.abs(edges), axis=1, keepdims=True)
    heights = tf.abs(tf.linalg.diag_part(tf.linalg.qr(edges).r))
    return tf.reduce_all(heights > n * np.finfo(simplex.dtype.as_numpy_dtype).eps)


def _asserted(simplex: Any, sound: Any) -> Any:
    """Return the simplex once it is known to be sound; XLA, which cannot raise, leaves this out."""
    message = "the first simplex is degenerate or not finite: expected independent vertices"
    with tf.control_dependencies([tf.debugging.Assert(sound, [message, simplex])]):
        return tf.identity(simplex)


def _known_values(name: str, given: object, dtype: Any, shape: tuple[int, ...]) -> Any:
    if given is None:
        return None
    values = _real_tensor(name, given, None if hasattr(given, "dtype") else dtype)
    if _shape(name, values) != shape:
        raise InvalidArgumentError(f"{name} has shape {_shape(name, values)}: expected {shape}")
    return values


def _real_tensor(name: str, given: object, dtype: Any = None) -> Any:
    """Return `given` as a tensor of float32 or float64.

    Plain numbers and lists become `dtype`, or float32, as ``tf.constant`` makes them; what has a
    dtype keeps it.
    """
    expected = "float32 or float64" if dtype is None else dtype.name
    try:
        if hasattr(given, "dtype"):
            tensor = tf.convert_to_tensor(given)
        else:
            tensor = tf.convert_to_tensor(given, dtype or tf.float32)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"{name}={given!r}: expected a tensor of {expected}, or numbers"
        ) from error
    if tensor.dtype not in DTYPES or dtype not in (None, tensor.dtype):
        wanted = "float32" if dtype is None else dtype.name
        raise InvalidArgumentError(
            f"{name} has dtype {tensor.dtype.name}: expected {expected}, as by "
            f"tf.cast({name}, tf.{wanted})"
        )
    return tensor


def _shape(name: str, tensor: Any) -> tuple[int, ...]:
    if not tensor.shape.is_fully_defined():
        raise InvalidArgumentError(
            f"{name} has shape {tensor.shape}: expected one that is known when the graph is made, "
            f"as by tf.ensure_shape"
        )
    return tuple(tensor.shape.as_list())  # numbers in version 1 too


def _check_finite(name: str, array: Any) -> None:
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise InvalidArgumentError(f"{name}{list(at)}={array[at]}: expected a finite number")


def _check_steps(origin: Any, steps: Any) -> None:
    with np.errstate(over="ignore"):
        reached = np.asarray(origin + steps)
    wrong = np.argwhere((reached == origin) | ~np.isfinite(reached))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise InvalidArgumentError(
            f"step_sizes={steps[at]}: expected a step that leads from initial_vertex{list(at)}="
            f"{origin[at]} to another finite number, got {reached[at]}"
        )


def read_settings(
    n: int,
    *,
    batch_evaluate_objective: bool,
    func_tolerance: object,
    position_tolerance: object,
    parallel_iterations: object,
    max_iterations: object,
    **coefficients: object,
) -> Settings:
    """Read how a search decides and ends; None stands for TFP's own choice.

    Raises
    ------
    InvalidArgumentError
        A setting is not what it should be.
    """
    if batch_evaluate_objective not in (True, False):
        raise InvalidArgumentError(
            f"batch_evaluate_objective={batch_evaluate_objective!r}: expected True or False"
        )
    tolerances = {"func_tolerance": func_tolerance, "position_tolerance": position_tolerance}
    given = coefficients | tolerances
    numbers = {
        name: _number(name, value, tf.float64) for name, value in given.items() if value is not None
    }
    later = {name: value for name, value in numbers.items() if tf.is_tensor(value)}
    now = {name: value for name, value in numbers.items() if name not in later}
    tolerance = EitherTolerance(**{name: now[name] for name in tolerances if name in now})
    chosen = replace(Adaptive()(n), **{name: now[name] for name in coefficients if name in now})
    limit = max_iterations
    if limit is not None:
        limit = _number("max_iterations", limit, tf.int32)
        limit = limit if tf.is_tensor(limit) else check_whole("max_iterations", limit, 0)
    settings = vars(chosen) | vars(tolerance) | later
    if limit is None and settings["func_tolerance"] == settings["position_tolerance"] == 0.0:
        raise InvalidArgumentError(
            "func_tolerance=0 and position_tolerance=0: expected one above 0, or max_iterations, "
            "as nothing is below 0 and the search would not end"
        )
    return Settings(
        **settings,
        max_iterations=limit,
        batch=bool(batch_evaluate_objective),
        parallel_iterations=check_whole("parallel_iterations", parallel_iterations, 1),
    )


def _number(name: str, given: object, dtype: Any) -> Any:
    """Return a Python number for a scalar tensor or array, and other things as they are.

    A tensor whose value is known only when its graph runs becomes one of `dtype`.
    """
    if not hasattr(given, "dtype"):
        return given
    tensor = tf.convert_to_tensor(given)
    if not tensor.shape.is_compatible_with(()):
        raise InvalidArgumentError(f"{name} has shape {tensor.shape}: expected a scalar")
    value = known(tensor)
    return tf.cast(tensor, dtype) if value is None else value.item()
