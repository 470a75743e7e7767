"""The front door: reads what it is given, picks the library, and wires the parts together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nelder.batched.problem import read_problem
from nelder.batched.result import BatchResult
from nelder.batched.settings import Settings, check
from nelder.search.nelder_mead import NelderMead

__all__ = ["minimize"]

_DEFAULT = NelderMead()


def minimize(
    fun: Callable[..., Any],
    x0s: Any,
    args: Any = (),
    *,
    bounds: Any = None,
    method: NelderMead = _DEFAULT,
    maxfev: int | None = None,
    maxiter: int | None = None,
    target: float | None = None,
) -> BatchResult:
    """Minimise from B starts at once, in the array library that they come in.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` of m points (m, n), returning their values (m,), in the library and dtype
        of `x0s`. Its value at a point must not depend on the other points. m falls as searches end.
        NaN and +inf rank worst, -inf ends a search.
    x0s : array of shape (B, n), or a nest of arrays with leading axis B
        The starts: a NumPy, JAX, PyTorch or TensorFlow array, float32 or float64. Library, dtype
        and device of everything follow it. A nested dict, list or tuple of such arrays (under JAX,
        any pytree) works too; `fun` gets the same structure, with leading axis m.
    args : tuple, default ()
        Data of the searches: arrays, or nests of arrays, with leading axis B. `fun` gets the rows
        of those searches whose points it gets.
    bounds : optional
        As `nelder.minimize` takes them, for one start; the same for all.
    method : NelderMead, default NelderMead()
        How searches decide. The rule of convergence has to be one of nelder's.
    maxfev, maxiter : int, optional
        Evaluations, by default 1000·(n + 1), and iterations of each search; exact.
    target : float, optional
        A search ends at its first value at or below it.

    Returns
    -------
    BatchResult
        ``x``, ``fun``, ``success``, ``status``, ``nfev``, ``nit`` and more, arrays by search.

    Raises
    ------
    InvalidArgumentError
        An argument is not what is expected, or arrays are of several libraries. A `ValueError`.
    ReturnValueError
        `fun` returned something else than (m,) numbers of its library. A `TypeError`.
    MissingExtraError
        A package that the library needs beside itself is not installed. An `ImportError`.

    Notes
    -----
    Each search takes the decisions of `nelder.minimize`; on NumPy in float64 it gives the same
    numbers, to the last bit, on other libraries as long as no comparison is within rounding of a
    tie. What a search finds does not depend on the others.

    Under JAX the call works inside ``jit``, under ``vmap``, and on sharded starts. Under TensorFlow
    it works eagerly, in ``tf.function``, with ``jit_compile=True``, and in graphs of TensorFlow 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nelder import batched
    >>> def fun(x):
    ...     return (x[:, 0] - 1.0) ** 2 + (x[:, 1] + 2.0) ** 2
    >>> result = batched.minimize(fun, np.random.default_rng(0).normal(size=(1000, 2)))
    >>> bool(result.success.all()), result.x[result.best].round(6)
    (True, array([ 1., -2.]))
    """
    method = check(method)
    problem = read_problem(fun, x0s, args, bounds, method)
    settings = Settings.read(
        method, problem.n, problem.shape.dtype, problem.box, maxfev, maxiter, target
    )
    return problem.library.minimize(problem, settings, method.initial_simplex)


# TensorFlow's autograph leaves functions with this mark as they are.
minimize.autograph_info__ = {}  # type: ignore[attr-defined]
