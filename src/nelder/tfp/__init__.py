"""TensorFlow Probability's Nelder-Mead function, without TensorFlow Probability.

It takes the arguments of ``tfp.optimizer.nelder_mead_minimize`` and returns the
same named tuple. Called eagerly it is driven by the scalar machine (`nelder.tfp.eager`), inside a
graph by a loop of TensorFlow (`nelder.tfp.graph`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nelder.tfp import eager, graph
from nelder.tfp.given import read_settings, read_start
from nelder.tfp.library import tf, unconverted
from nelder.tfp.results import NelderMeadOptimizerResults

__all__ = ["NelderMeadOptimizerResults", "nelder_mead_minimize"]


@unconverted
def nelder_mead_minimize(
    objective_function: Callable[[Any], Any],
    initial_simplex: Any = None,
    initial_vertex: Any = None,
    step_sizes: Any = None,
    objective_at_initial_simplex: Any = None,
    objective_at_initial_vertex: Any = None,
    batch_evaluate_objective: bool = False,
    func_tolerance: Any = 1e-8,
    position_tolerance: Any = 1e-8,
    parallel_iterations: int = 1,
    max_iterations: Any = None,
    reflection: Any = None,
    expansion: Any = None,
    contraction: Any = None,
    shrinkage: Any = None,
    name: str | None = None,
) -> NelderMeadOptimizerResults:
    """Minimise as ``tfp.optimizer.nelder_mead_minimize`` of TensorFlow Probability 0.25 does.

    n is the number of coordinates of a point and s its shape, of any rank. All arguments may be
    tensors, those but the first two and the flags also ones whose values are known only when a
    graph runs.

    Parameters
    ----------
    objective_function : callable
        From a point, a tensor of shape s, to its value, a floating-point tensor of shape (). With
        `batch_evaluate_objective` also from (m,) + s to (m,).
    initial_simplex : tensor of shape (n + 1,) + s, optional
        The first vertices, float32 or float64. Either this or `initial_vertex` is given.
    initial_vertex : tensor of shape s, optional
        The first vertex, float32 or float64; the others are a step along each axis away.
    step_sizes : tensor that broadcasts to s, optional
        Those steps; by default 0.05 times the coordinate, or 0.00025 where that is 0.
    objective_at_initial_simplex : tensor of shape (n + 1,), optional
        Values at `initial_simplex`, which are then not evaluated.
    objective_at_initial_vertex : tensor of shape (), optional
        The value at `initial_vertex`, which is then not evaluated.
    batch_evaluate_objective : bool, default False
        Whether the first simplex and each shrink are evaluated in one call, rather than point by
        point. Single points are given without a leading axis all the same.
    func_tolerance : float, default 1e-8
        The search has converged when the highest and the lowest value differ by less.
    position_tolerance : float, default 1e-8
        Or when no coordinate of a vertex differs by as much from that of the best one.
    parallel_iterations : int, default 1
        Of the loops in a graph; without effect in eager mode, as in TFP.
    max_iterations : int, optional
        Iterations allowed; no limit by default.
    reflection, expansion, contraction, shrinkage : float, optional
        Coefficients, as in `nelder.Coefficients`; by default those of `nelder.Adaptive`: 1,
        1 + 2/n, 3/4 - 1/(2n), 1 - 1/n (Gao & Han 2012, eq. 4.1).
    name : str, default "minimize"
        Prefix of the operations in a graph.

    Returns
    -------
    NelderMeadOptimizerResults
        A named tuple of tensors.

    Raises
    ------
    InvalidArgumentError
        Arguments contradict each other, or one is not what it should be. It is a ``ValueError``.
        For a first simplex whose values are known only when a graph runs,
        ``tf.errors.InvalidArgumentError`` is raised then; under XLA, which cannot raise, the search
        ends before its first iteration, not converged.
    ReturnValueError
        `objective_function` returned something of another shape or dtype.

    References
    ----------
    Gao & Han, Computational Optimization and Applications 51:259-277 (2012).
    """
    with tf.name_scope(name or "minimize"):
        start = read_start(
            initial_simplex,
            initial_vertex,
            step_sizes,
            objective_at_initial_simplex,
            objective_at_initial_vertex,
        )
        settings = read_settings(
            start.n,
            batch_evaluate_objective=batch_evaluate_objective,
            func_tolerance=func_tolerance,
            position_tolerance=position_tolerance,
            parallel_iterations=parallel_iterations,
            max_iterations=max_iterations,
            reflection=reflection,
            expansion=expansion,
            contraction=contraction,
            shrinkage=shrinkage,
        )
        search = eager.search if tf.executing_eagerly() else graph.search
        return search(objective_function, start, settings)
