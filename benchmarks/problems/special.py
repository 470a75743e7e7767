"""Functions from the analysis of the Nelder-Mead method.

References
----------
.. [1] F. Gao and L. Han, "Implementing the Nelder-Mead simplex algorithm with adaptive
   parameters", Comput. Optim. Appl. 51(1):259-277, 2012.
.. [2] K. I. M. McKinnon, "Convergence of the Nelder-Mead simplex method to a
   nonstationary point", SIAM J. Optim. 9(1):148-158, 1998.
.. [3] L. Han, "Algorithms in unconstrained optimization", PhD thesis, University of
   Connecticut, 2000.
"""

from functools import partial

import numpy as np

from benchmarks.problems.problem import Array, Problem

_SQRT_33 = 33.0**0.5

MCKINNON_SIMPLEX: Array = np.array(
    [[0.0, 0.0], [(1.0 + _SQRT_33) / 8.0, (1.0 - _SQRT_33) / 8.0], [1.0, 1.0]]
)
"""The simplex that contracts onto its vertex (0, 0), where the gradient is not zero."""

HAN_SIMPLEX: Array = np.array([[0.0, -1.0], [0.0, 1.0], [1.0, 0.0]])
"""The simplex that contracts onto a segment of the y axis."""


@np.errstate(all="ignore")
def _gao_han(x: Array, diagonal: Array, sigma: float) -> float:
    d = x - 1.0
    u_d = np.cumsum(d[::-1])  # U d upside down, U the upper triangle of ones
    return float(diagonal @ d**2 + sigma * (u_d @ u_d) ** 2)


def gao_han(n: int, epsilon: float = 0.05, sigma: float = 1e-4) -> Problem:
    """Return the scaled quadratic-plus-quartic of Gao and Han [1]_.

    f(x) = (x-1)' D (x-1) + sigma ((x-1)' B (x-1))^2 with D = diag((1+epsilon)^i),
    i = 1..n, and B = U'U, U the upper triangle of ones. The start is 2 in every
    coordinate, the minimum 0 at 1.

    Parameters
    ----------
    n : int
        Number of variables.
    epsilon : float
        Spread of the diagonal; 0 makes all coordinates scale alike.
    sigma : float
        Weight of the quartic term.

    Returns
    -------
    Problem
    """
    diagonal = (1.0 + epsilon) ** np.arange(1.0, n + 1.0)
    fun = partial(_gao_han, diagonal=diagonal, sigma=sigma)
    return Problem(f"Gao-Han {n}", fun, np.full(n, 2.0), 0.0)


@np.errstate(all="ignore")
def _mckinnon(xy: Array, tau: float, theta: float, phi: float) -> float:
    x, y = xy
    weight = theta * phi if x <= 0.0 else theta
    return float(weight * np.abs(x) ** tau + y + y**2)


def mckinnon(tau: float = 2.0, theta: float = 6.0, phi: float = 60.0) -> Problem:
    """Return the function of McKinnon [2]_, to be run from `MCKINNON_SIMPLEX`.

    f(x, y) = theta phi |x|^tau + y + y^2 for x <= 0, theta x^tau + y + y^2 for x >= 0,
    with the minimum -1/4 at (0, -1/2). The paper uses (tau, theta, phi) = (1, 15, 10),
    (2, 6, 60) and (3, 6, 400): f is strictly convex for tau > 1, and has continuous
    second derivatives for tau > 2.

    Parameters
    ----------
    tau, theta, phi : float
        Constants of the function, all positive.

    Returns
    -------
    Problem
        Its x0 is (1, 1), a vertex of the simplex.
    """
    fun = partial(_mckinnon, tau=tau, theta=theta, phi=phi)
    name = f"McKinnon ({tau:g}, {theta:g}, {phi:g})"
    return Problem(name, fun, MCKINNON_SIMPLEX[2].copy(), -0.25)


@np.errstate(all="ignore")
def _han(xy: Array) -> float:
    x, y = xy
    return float(x**2 + y * (y + 2.0) * (y - 0.5) * (y - 2.0))


def han() -> Problem:
    """Return the function of Han [3]_, to be run from `HAN_SIMPLEX`.

    f(x, y) = x^2 + y (y + 2) (y - 1/2) (y - 2).

    Returns
    -------
    Problem
        Its x0 is (1, 0), a vertex of the simplex; its f_star the global minimum.
    """
    return Problem("Han", _han, HAN_SIMPLEX[2].copy(), -5.439704188630361)
