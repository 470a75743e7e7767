"""What all lanes of a batch have in common, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nelder.batched.box import BatchBox
from nelder.core.bounds import Box
from nelder.errors import InvalidArgumentError
from nelder.options import Budget
from nelder.search.method import check_method
from nelder.search.nelder_mead import NelderMead

__all__ = ["REFRESH", "UNLIMITED", "Numbers", "Settings"]

UNLIMITED = 2**31 - 1  # counts are int32
REFRESH = 4  # as in the machine: sums are added up anew once in so many times n vertices


@dataclass(frozen=True)
class Numbers:
    """Limits of a floating-point type.

    Attributes
    ----------
    eps : float
        Its unit of rounding at 1.
    huge, far, largest, watched : float
        From where on points are watched, beyond which there is no minimum, the largest number, and
        up to which size of a first simplex ten decades more are allowed.
    """

    eps: float
    huge: float
    far: float
    largest: float
    watched: float

    @classmethod
    def of(cls, dtype: str) -> Numbers:
        """Return the limits of "float64", which are the machine's, or "float32"."""
        if dtype == "float64":
            info = np.finfo(np.float64)
            return cls(float(info.eps), 1e100, 1e150, float(info.max), 1e290)
        info = np.finfo(np.float32)
        return cls(float(info.eps), 1e25, 1e30, float(info.max), 1e27)


@dataclass(frozen=True)
class Settings:
    """How lanes decide; hashable, so that compiled loops are kept by it.

    Attributes
    ----------
    n : int
        Coordinates searched.
    dtype : str
        "float32" or "float64".
    numbers : Numbers
    reflection, expansion, contraction, shrinkage : float
        As in `core.coefficients.Coefficients`.
    rule : str
        The kind of `core.convergence.Test`, with its `xatol`, `fatol`, `ulps`.
    equal_outside, equal_inside, probe, final_centroid : bool
        As in `NelderMead`.
    box : BatchBox or None
    least_step : float
        No restart steps less.
    maxfev, maxiter : int
    target : float
    """

    n: int
    dtype: str
    numbers: Numbers
    reflection: float
    expansion: float
    contraction: float
    shrinkage: float
    rule: str
    xatol: float
    fatol: float
    ulps: float
    equal_outside: bool
    equal_inside: bool
    probe: bool
    final_centroid: bool
    box: BatchBox | None
    least_step: float
    maxfev: int
    maxiter: int
    target: float

    @classmethod
    def read(
        cls,
        method: NelderMead,
        n: int,
        dtype: str,
        box: Box | None = None,
        maxfev: object = None,
        maxiter: object = None,
        target: object = None,
    ) -> Settings:
        """Return the settings of `method` for `n` searched coordinates.

        Raises
        ------
        InvalidArgumentError
            The method decides in a way that lanes cannot, or a budget is not what it should be.
        """
        check(method)
        coefficients = method.coefficients_for(max(n, 1))
        budget = Budget(maxfev, maxiter, None, target, n)
        test = method.test
        return cls(
            n=n,
            dtype=dtype,
            numbers=Numbers.of(dtype),
            reflection=coefficients.reflection,
            expansion=coefficients.expansion,
            contraction=coefficients.contraction,
            shrinkage=coefficients.shrinkage,
            rule=test.kind,
            xatol=test.xatol,
            fatol=test.fatol,
            ulps=test.ulps,
            equal_outside=bool(method.equal_outside),
            equal_inside=bool(method.equal_inside),
            probe=bool(method.probe),
            final_centroid=bool(method.final_centroid),
            box=None if box is None else BatchBox.read(box, method.clips),
            least_step=1e3 * test.xatol,
            maxfev=int(min(budget.maxfev, UNLIMITED)),
            maxiter=int(min(budget.maxiter, UNLIMITED)),
            target=budget.target,
        )

    @property
    def factors(self) -> tuple[float, float, float, float]:
        """Of c - x_w in a reflection, an expansion, an outside and an inside contraction."""
        return (
            self.reflection,
            self.expansion * self.reflection,
            self.contraction * self.reflection,
            -self.contraction,
        )

    @property
    def targets(self) -> bool:
        """Whether a value is looked for."""
        return self.target > -float("inf")

    def far(self, first: Any, xp: Any) -> Any:
        """Return beyond what a lane is unbounded whose first simplex reaches to `first`."""
        numbers = self.numbers
        far = xp.maximum(1e10 * first, xp.zeros_like(first) + numbers.far)
        return xp.where(first < numbers.watched, far, xp.zeros_like(far) + numbers.largest)


def check(method: object) -> NelderMead:
    """Return `method`, or raise InvalidArgumentError where lanes cannot decide as it does."""
    method = check_method(method)
    if (
        not isinstance(method, NelderMead)
        or type(method).machine is not NelderMead.machine
        or method.model
        or method.noise
    ):
        raise InvalidArgumentError(
            f"method={method!r}: expected nelder.NelderMead(...) without model or noise: "
            "lanes move one vertex at a time"
        )
    if method.rule is not None:
        raise InvalidArgumentError(
            f"convergence={method.convergence!r}: expected Tolerance(...), StandardError(...) or "
            "EitherTolerance(...), as a callable cannot be asked about many lanes"
        )
    return method
