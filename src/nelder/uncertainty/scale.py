"""What the objective is in statistics, as one number."""

from __future__ import annotations

import math

from nelder.errors import InvalidArgumentError
from nelder.options import check_whole, is_real

__all__ = ["check_scale", "least_squares_scale"]

MEANING = (
    "1 for a negative log-likelihood, 2 for chi-square (residuals over their known errors, squared "
    "and summed), nelder.least_squares_scale(residual_sum, m, p) for a residual sum of squares"
)


def check_scale(scale: object) -> float:
    """Return a caller's `scale` as a number.

    Raises
    ------
    InvalidArgumentError
        It is not a finite number above 0.
    """
    if is_real(scale) and 0.0 < scale < math.inf:
        return float(scale)
    raise InvalidArgumentError(f"scale={scale!r}: expected a number above 0: {MEANING}")


def least_squares_scale(residual_sum: float, m: int, p: int) -> float:
    """Return the scale of a residual sum of squares of observations with equal, unknown errors.

    Parameters
    ----------
    residual_sum : float
        Sum of the squares of the residuals at the minimum, above 0.
    m : int
        Observations.
    p : int
        Fitted parameters, fewer than m. Fixed ones do not count.

    Returns
    -------
    float
        2·residual_sum/(m - p). With H the Hessian of the sum, scale·H⁻¹ is s²·(H/2)⁻¹, where
        s² = residual_sum/(m - p) estimates the variance of an observation.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range.

    Examples
    --------
    >>> from nelder.uncertainty import least_squares_scale
    >>> least_squares_scale(3.0, m=14, p=2)
    0.5
    """
    m, p = check_whole("m", m, 1), check_whole("p", p, 0)
    if m <= p:
        raise InvalidArgumentError(f"m={m}, p={p}: expected more observations than parameters")
    if not (is_real(residual_sum) and 0.0 < residual_sum < math.inf):
        raise InvalidArgumentError(f"residual_sum={residual_sum!r}: expected a number above 0")
    return 2.0 * float(residual_sum) / (m - p)
