"""How sure a minimum is: Hessian, covariance and standard errors of its parameters.

    plain data (`Evaluated`) -> surface (`Estimate`) -> `Hessian` -> `Covariance`

A surface comes from what the search has evaluated (`fitted`), from new points (`differences`), or
from the residuals of a sum of squares (`residuals`).
"""

from nelder.uncertainty.asked import covariance_at, hessian_at
from nelder.uncertainty.covariance import Covariance
from nelder.uncertainty.doubts import Doubt
from nelder.uncertainty.hessian import Hessian
from nelder.uncertainty.scale import least_squares_scale

__all__ = [
    "Covariance",
    "Doubt",
    "Hessian",
    "covariance_at",
    "hessian_at",
    "least_squares_scale",
]
