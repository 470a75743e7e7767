"""Noise on test problems, and on which of them it was tuned and checked."""

from dataclasses import dataclass

import numpy as np

from benchmarks.problems.problem import Objective, Problem

__all__ = ["CHECKED", "TUNED", "Cell"]

TUNED = (  # of Moré, Garbow and Hillstrom: one for each of 18 functions
    "Rosenbrock",
    "Freudenstein-Roth",
    "Beale",
    "Jennrich-Sampson",
    "Helical valley",
    "Bard",
    "Gaussian",
    "Gulf R&D",
    "Box 3-D",
    "Powell singular",
    "Wood",
    "Kowalik-Osborne",
    "Brown-Dennis",
    "Osborne 1",
    "Biggs EXP6",
    "Osborne 2",
    "Watson 6",
    "Ext. Powell 8",
)
CHECKED = (  # of Moré and Wild: other starts, other functions
    "rosenbrock_bad_start",
    "helical_valley_bad_start",
    "powell_singular_bad_start",
    "freudenstein_roth_bad_start",
    "bard_bad_start",
    "watson_9_good_start",
    "brown_dennis_bad_start",
    "chebyquad_7",
    "bdqrtic_8",
    "bdqrtic_12",
    "cube_5",
    "cube_8",
    "mancino_5_good_start",
    "mancino_12_bad_start",
    "heart_eight_good_start",
)


@dataclass(frozen=True)
class Cell:
    """A kind of noise and a budget.

    Attributes
    ----------
    additive : bool
        f(x) + sigma·(f(x0) - f*)·N(0, 1); else f(x)·(1 + sigma·N(0, 1)).
    sigma : float
    budget : int
        Evaluations/(n + 1).
    """

    additive: bool
    sigma: float
    budget: int

    def __str__(self) -> str:
        return f"{'+' if self.additive else '×'} {self.sigma:g}, {self.budget}(n+1)"

    def objective(self, problem: Problem, seed: int) -> Objective:
        """Return the noisy objective; the k-th call gets the k-th random number of the seed."""
        random = np.random.default_rng([seed, *problem.name.encode()])
        scale = self.sigma * (problem.fun(problem.x0) - problem.f_star)
        if self.additive:
            return lambda x: problem.fun(x) + scale * random.standard_normal()
        return lambda x: problem.fun(x) * (1.0 + self.sigma * random.standard_normal())
