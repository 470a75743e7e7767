"""Problems of any dimension, for time to target.

References
----------
.. [1] A. R. Conn, N. I. M. Gould and P. L. Toint, "Testing a class of methods for solving
   minimization problems with simple bounds on the variables", Math. Comp. 50(182):399-430, 1988.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.problems.problem import Array, Objective, Problem, SumOfSquares
from benchmarks.problems.residuals import (
    broyden_banded,
    broyden_tridiagonal,
    powell_singular,
    rosenbrock,
    variably_dimensioned,
)
from benchmarks.problems.special import gao_han

__all__ = ["large", "perturbed", "rotated", "scalable"]


def quadratic(x: Array) -> Array:
    """Return an ellipsoid about 1 whose curvatures go evenly from 1 to 10."""
    return np.sqrt(np.linspace(1.0, 10.0, x.size)) * (x - 1.0)


def chained_rosenbrock(x: Array) -> Array:
    """Rosenbrock's valley through all coordinates, one after the other [1]_."""
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def chained_powell(x: Array) -> Array:
    """Powell's singular function of every four coordinates in a row."""
    a, b, c, d = x[:-3], x[1:-2], x[2:-1], x[3:]
    return np.concatenate(
        [a + 10.0 * b, np.sqrt(5.0) * (c - d), (b - 2.0 * c) ** 2, np.sqrt(10.0) * (a - d) ** 2]
    )


def turned_ellipsoid(x: Array, axes: Array) -> Array:
    """Return an ellipsoid about 1 whose axes are the rows of `axes`, by one over their length."""
    return axes @ (x - 1.0)


def absolute(x: Array) -> float:
    """Return the distance from (cos 1, cos 2, ...) in the L1 norm."""
    return float(np.abs(x - np.cos(np.arange(1.0, x.size + 1.0))).sum())


@dataclass(frozen=True, eq=False)
class Rotated:
    """An objective in coordinates that are turned about a point.

    Parameters
    ----------
    fun : callable
    about : ndarray of shape (n,)
    rotation : ndarray of shape (n, n)
    """

    fun: Objective
    about: Array
    rotation: Array

    def __call__(self, x: Array) -> float:
        """Return f(about + rotation·(x - about))."""
        return self.fun(self.about + self.rotation @ (x - self.about))


def scalable(n: int) -> list[Problem]:
    """Return six problems with `n` variables, each from its usual start, with minimum 0.

    Parameters
    ----------
    n : int
        At least 4.

    Returns
    -------
    list of Problem
    """
    return [
        Problem("quadratic", SumOfSquares(quadratic), _turns(n, -1.0, 3.0), 0.0),
        gao_han(n),
        Problem("chained Rosenbrock", SumOfSquares(chained_rosenbrock), _turns(n, -1.2, 1.0), 0.0),
        Problem("Broyden tridiagonal", SumOfSquares(broyden_tridiagonal), np.full(n, -1.0), 0.0),
        Problem("Broyden banded", SumOfSquares(broyden_banded), np.full(n, -1.0), 0.0),
        Problem(
            "chained Powell", SumOfSquares(chained_powell), _turns(n, 3.0, -1.0, 0.0, 1.0), 0.0
        ),
    ]


def large(n: int) -> list[Problem]:
    """Return eight problems with `n` variables, each from its usual start, with minimum 0.

    Two valleys, one of them through all coordinates; a singular Hessian; a banded system; a valley
    along one line; an ellipsoid of condition 1e4 turned against the axes; one that has no
    derivatives at the minimum; and Gao and Han's.

    Parameters
    ----------
    n : int
        A multiple of 4.

    Returns
    -------
    list of Problem
    """
    axes = np.sqrt(np.logspace(0.0, 4.0, n))[:, None] * _rotation(n, 1)
    return [
        Problem("extended Rosenbrock", SumOfSquares(rosenbrock), _turns(n, -1.2, 1.0), 0.0),
        Problem("chained Rosenbrock", SumOfSquares(chained_rosenbrock), _turns(n, -1.2, 1.0), 0.0),
        Problem(
            "extended Powell singular",
            SumOfSquares(powell_singular),
            _turns(n, 3.0, -1.0, 0.0, 1.0),
            0.0,
        ),
        Problem("Broyden tridiagonal", SumOfSquares(broyden_tridiagonal), np.full(n, -1.0), 0.0),
        Problem(
            "variably dimensioned",
            SumOfSquares(variably_dimensioned),
            1.0 - np.arange(1.0, n + 1.0) / n,
            0.0,
        ),
        Problem(
            "ellipsoid",
            SumOfSquares(partial(turned_ellipsoid, axes=axes)),
            _turns(n, -1.0, 3.0),
            0.0,
        ),
        Problem("L1", absolute, np.zeros(n), 0.0),
        gao_han(n),
    ]


def perturbed(problem: Problem, seed: int) -> Problem:
    """Return `problem` with each coordinate of the start moved by up to half of max(1, |x0|).

    So that what is the same for many coordinates does not happen to all of them at once.
    """
    x0 = problem.x0
    moves = np.random.default_rng(seed).uniform(-0.5, 0.5, x0.size)
    return Problem(
        problem.name, problem.fun, x0 + moves * np.maximum(1.0, np.abs(x0)), problem.f_star
    )


def rotated(problem: Problem, seed: int) -> Problem:
    """Return `problem` turned about its start by a random rotation."""
    fun = Rotated(problem.fun, problem.x0, _rotation(problem.n, seed))
    return Problem(problem.name, fun, problem.x0, problem.f_star)


def _rotation(n: int, seed: int) -> Array:
    """Return an orthogonal matrix, uniformly distributed."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    return q * np.sign(r.diagonal())


def _turns(n: int, *values: float) -> Array:
    return np.resize(values, n)
