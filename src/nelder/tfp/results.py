"""What a search returns, with the names and the order of TensorFlow Probability."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["NelderMeadOptimizerResults"]


class NelderMeadOptimizerResults(NamedTuple):
    """What a search of n coordinates found, as tensors; s is the shape of a point.

    Attributes
    ----------
    converged : bool tensor of shape ()
        Whether a tolerance was met within `max_iterations`, at a finite value.
    num_objective_evaluations : int32 tensor of shape ()
        Points at which the objective was evaluated, every one of them.
    position : tensor of shape s
        The best vertex, in the dtype of the first one.
    objective_value : tensor of shape ()
        Its value, in the dtype of the objective.
    final_simplex : tensor of shape (n + 1,) + s
        The last vertices, best first.
    final_objective_values : tensor of shape (n + 1,)
        Their values; +inf where the objective gave NaN.
    initial_simplex : tensor of shape (n + 1,) + s
        The first vertices, as given or built.
    initial_objective_values : tensor of shape (n + 1,)
        Their values, as given or evaluated.
    num_iterations : int32 tensor of shape ()
        Iterations. The one that only finds the search converged counts, as in TensorFlow
        Probability.
    """

    converged: Any
    num_objective_evaluations: Any
    position: Any
    objective_value: Any
    final_simplex: Any
    final_objective_values: Any
    initial_simplex: Any
    initial_objective_values: Any
    num_iterations: Any
