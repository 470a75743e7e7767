"""Nelder-Mead done right: minimisation without derivatives.

>>> import nelder
>>> nelder.minimize(lambda x: (x[0] - 3) ** 2 + abs(x[1]), [0.0, 1.0]).success
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nelder.core.coefficients import Adaptive, Balanced, Coefficients, Standard
from nelder.core.convergence import EitherTolerance, StandardError, Tolerance
from nelder.core.simplexes import (
    AffineSimplex,
    AxisSimplex,
    FminsearchSimplex,
    RegularSimplex,
    StepSimplex,
)
from nelder.errors import (
    EvaluationError,
    ExecutorError,
    InvalidArgumentError,
    JournalError,
    JournalLockedError,
    JournalMismatchError,
    MissingExtraError,
    NelderError,
    ReturnValueError,
)
from nelder.evaluate.native import NativeObjective
from nelder.minimize import minimize
from nelder.optimizer import Optimizer
from nelder.result import History, IntermediateResult, Result, Simplex, Status
from nelder.search.nelder_mead import NelderMead

if TYPE_CHECKING:
    from nelder.scipy import scipy_method

__all__ = [
    "Adaptive",
    "AffineSimplex",
    "AxisSimplex",
    "Balanced",
    "Coefficients",
    "EitherTolerance",
    "EvaluationError",
    "ExecutorError",
    "FminsearchSimplex",
    "History",
    "IntermediateResult",
    "InvalidArgumentError",
    "JournalError",
    "JournalLockedError",
    "JournalMismatchError",
    "MissingExtraError",
    "NativeObjective",
    "NelderError",
    "NelderMead",
    "Optimizer",
    "RegularSimplex",
    "Result",
    "ReturnValueError",
    "Simplex",
    "Standard",
    "StandardError",
    "Status",
    "StepSimplex",
    "Tolerance",
    "__version__",
    "minimize",
    "scipy_method",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what needs an optional package only when it is used."""
    if name == "scipy_method":
        from nelder.scipy import scipy_method

        return scipy_method
    raise AttributeError(f"module 'nelder' has no attribute {name!r}")
