"""Standard errors and correlations of the parameters, as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.tables import as_html, as_text
from nelder.uncertainty.doubts import Doubt
from nelder.uncertainty.hessian import Hessian

__all__ = ["Covariance", "covariance_of"]

Array = NDArray[np.float64]

AWAY = 0.1  # standard errors from the minimum
NEAR = 2.0  # standard errors from a bound
WORTH_SHOWING = 0.1  # size of a correlation
SHOWN = 20  # parameters, and correlations


@dataclass(frozen=True, eq=False, repr=False)
class Covariance:
    """Covariance of the parameters at a minimum. ``numpy.asarray`` of it is the matrix.

    Attributes
    ----------
    matrix : ndarray of shape (n, n)
        scale·H⁻¹; NaN for coordinates that are fixed or at a bound, and all NaN where there is no
        covariance.
    standard_errors : ndarray of shape (n,), or the structure of ``x0``
        Roots of its diagonal.
    correlations : ndarray of shape (n, n)
    scale : float
    hessian : Hessian
        With ``nfev`` and ``nnew``, the values that it rests on and how many of them are new.
    error : float
        Relative error of the standard errors, the largest, estimated; inf where there are none.
    doubts : tuple of Doubt
        What there is to be said against it. `Doubt` explains them.
    sound : bool
        Whether there is no doubt.
    names : tuple of str
        Names of the n parameters, empty where ``x0`` is a plain array.
    """

    matrix: Array
    standard_errors: Any
    scale: float
    hessian: Hessian
    doubts: tuple[Doubt, ...]
    flat: Array = field(repr=False)

    @property
    def correlations(self) -> Array:
        """The matrix over the standard errors of both, (n, n); 1 on the diagonal."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(self.matrix / np.outer(self.flat, self.flat), -1.0, 1.0)

    @property
    def error(self) -> float:
        """Relative error of the standard errors, the largest, estimated."""
        return self.hessian.error

    @property
    def sound(self) -> bool:
        """Whether there is no doubt."""
        return not self.doubts

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.hessian.evaluated.names

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.matrix, dtype=dtype) if copy else np.asarray(self.matrix, dtype=dtype)

    def shown(self) -> list[str]:
        """Return each parameter with its standard error, as people read it."""
        at = self.hessian.evaluated
        parameters = zip(at.x.tolist(), self.flat.tolist(), at.free.tolist(), strict=True)
        return [
            with_error(value, error) if free else f"{value:.10g} (fixed)"
            for value, error, free in parameters
        ]

    def estimates(self) -> list[tuple[str, str]]:
        """Return parameters with their errors, correlations and doubts, as people read them."""
        n = len(self.flat)
        names = self.names or tuple(f"x[{i}]" for i in range(n))
        rows = list(zip(names[:SHOWN], self.shown()[:SHOWN], strict=True))
        if n > SHOWN:
            rows.append(("…", f"{n - SHOWN} more"))
        first, second = np.triu_indices(n, 1)
        sizes = self.correlations[first, second]
        large = np.flatnonzero(np.abs(sizes) > WORTH_SHOWING)
        large = large[np.argsort(-np.abs(sizes[large]), kind="stable")]
        rows += [
            ("correlation", f"{names[first[i]]}, {names[second[i]]}: {sizes[i]:+.4f}")
            for i in large[:SHOWN].tolist()
        ]
        if len(large) > SHOWN:
            rows.append(("…", f"{len(large) - SHOWN} more above {WORTH_SHOWING:g}"))
        return rows + [("doubt", doubt.value) for doubt in self.doubts]

    def _rows(self) -> list[tuple[str, str]]:
        origin = [("scale", f"{self.scale:.6g}"), ("from", self.hessian.origin)]
        return self.estimates() + origin

    def _title(self) -> str:
        if not math.isfinite(self.error):
            return "nelder.Covariance: no standard errors"
        size = _per_cent(max(self.error, 1e-5), 1)
        return f"nelder.Covariance: standard errors right to about {size}"

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())


def covariance_of(
    hessian: Hessian, scale: float, restore: Callable[[Array], Any] | None = None
) -> Covariance:
    """Return scale·H⁻¹ with its doubts.

    Parameters
    ----------
    hessian : Hessian
    scale : float
        Above 0.
    restore : callable, optional
        Gives an array (n,) the structure of the caller's ``x0``.
    """
    matrix = scale * hessian.inverse
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(matrix.diagonal())
        away = np.abs(hessian.offset) > AWAY * errors
        near = hessian.evaluated.gap < NEAR * errors
    raised = {Doubt.NOT_AT_MINIMUM: away.any(), Doubt.NEAR_BOUND: near.any()}
    doubts = {*hessian.doubts, *(doubt for doubt, there in raised.items() if there)}
    return Covariance(
        matrix,
        errors.copy() if restore is None else restore(errors),
        scale,
        hessian,
        tuple(doubt for doubt in Doubt if doubt in doubts),
        errors,
    )


def with_error(value: float, error: float) -> str:
    """Return value and standard error as people read them: three digits of the error.

    Parameters
    ----------
    value, error : float

    Examples
    --------
    >>> with_error(1288.13968, 4.6648)
    '1288.14 ± 4.66 (0.36 %)'
    """
    if not math.isfinite(error):
        return f"{value:.10g} ± nan"
    if error == 0.0:
        return f"{value:.10g} ± 0"
    digits = 3
    if abs(value) > error:
        digits += math.floor(math.log10(abs(value))) - math.floor(math.log10(error))
    relative = f" ({_per_cent(error / abs(value), 2)})" if value else ""
    return f"{_digits(value, min(digits, 16))} ± {_digits(error, 3)}{relative}"


def _per_cent(share: float, digits: int) -> str:
    """Return a share in per cent, rounded to so many digits; 40 rather than 4e+01."""
    return f"{float(f'{100.0 * share:.{digits}g}'):g} %"


def _digits(value: float, digits: int) -> str:
    """Return a number with so many digits, zeros at its end too."""
    return f"{value:#.{digits}g}".replace(".e", "e").removesuffix(".")
