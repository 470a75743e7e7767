"""Standard errors of NIST's fits from the exact Hessian."""

import numpy as np

from benchmarks.problems.nist import NistProblem
from benchmarks.problems.problem import Array

__all__ = ["exact_errors"]


def _jacobian(problem: NistProblem, b: Array) -> Array:
    """Return the derivatives of the model by complex steps, exact to rounding: (m, n)."""
    columns = []
    for j in range(b.size):
        z = b.astype(np.clongdouble)
        step = np.longdouble(1e-30) * abs(b[j])
        z[j] += 1j * step
        columns.append(problem.model(z, problem.x).imag / step)
    return np.array(columns).T


def exact_errors(problem: NistProblem, b: Array, residual_sum: float | None = None) -> Array:
    """Return the standard errors that the exact Hessian of the residual sum at `b` gives, (n,).

    Second derivatives of the model are differences of complex-step Jacobians in extended precision,
    extrapolated once: Bennett5 needs fifteen digits.

    Parameters
    ----------
    problem : NistProblem
    b : ndarray of shape (n,)
    residual_sum : float, optional
        That at `b`, where it is known with more digits.
    """
    n, m = b.size, problem.y.size
    b = b.astype(np.longdouble)
    jacobian = _jacobian(problem, b)
    residuals = problem.y - problem.model(b, problem.x)
    bend = np.empty((n, n), dtype=np.longdouble)
    for k in range(n):
        step = np.zeros(n, dtype=np.longdouble)
        step[k] = 1e-4 * abs(b[k])
        slopes = [
            (_jacobian(problem, b + c * step) - _jacobian(problem, b - c * step)) / (2.0 * c)
            for c in (1.0, 2.0)
        ]
        bend[k] = -(residuals @ (4.0 * slopes[0] - slopes[1])) / (3.0 * step[k])
    scales = np.sqrt((jacobian * jacobian).sum(axis=0))
    half = (jacobian.T @ jacobian + 0.5 * (bend + bend.T)) / np.outer(scales, scales)
    total = residuals @ residuals if residual_sum is None else residual_sum
    inverse = np.linalg.inv(half.astype(np.float64)).diagonal()
    with np.errstate(invalid="ignore"):  # NaN where it is not positive definite
        return (np.sqrt(total / (m - n) * inverse) / scales).astype(np.float64)
