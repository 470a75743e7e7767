"""Problems of any dimension, for time to target.

References
----------
.. [1] A. R. Conn, N. I. M. Gould and P. L. Toint, "Testing a class of methods for solving
   minimization problems with simple bounds on the variables", Math. Comp. 50(182):399-430, 1988.
"""

import numpy as np

from benchmarks.problems.problem import Array, Problem, SumOfSquares
from benchmarks.problems.residuals import broyden_banded, broyden_tridiagonal
from benchmarks.problems.special import gao_han

__all__ = ["scalable"]


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


def _turns(n: int, *values: float) -> Array:
    return np.resize(values, n)
