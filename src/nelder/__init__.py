"""Nelder-Mead done right: minimisation without derivatives.

>>> import nelder
>>> nelder.minimize(lambda x: (x[0] - 3) ** 2 + abs(x[1]), [0.0, 1.0]).success
True
"""

from __future__ import annotations

from importlib import import_module
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
from nelder.minima import Minimum, MultistartProgress, MultistartResult
from nelder.minimize import minimize
from nelder.minimize_global import GlobalResult, minimize_global
from nelder.multistart import multistart
from nelder.optimizer import Optimizer
from nelder.result import History, IntermediateResult, Progress, Result, Simplex, Status
from nelder.search.k_worst import KWorst
from nelder.search.nelder_mead import NelderMead

if TYPE_CHECKING:
    from nelder import batched as batched
    from nelder import keras as keras
    from nelder import tfp as tfp
    from nelder import torch as torch
    from nelder.evaluate.command import Command, InputFile, Template
    from nelder.evaluate.output import Output
    from nelder.journal.reading import load
    from nelder.plots import plot_profile
    from nelder.scipy import scipy_method
    from nelder.search.subspaces import Subspaces
    from nelder.uncertainty import Covariance, Doubt, Hessian, least_squares_scale

__all__ = [
    "Adaptive",
    "AffineSimplex",
    "AxisSimplex",
    "Balanced",
    "Coefficients",
    "Command",
    "Covariance",
    "Doubt",
    "EitherTolerance",
    "EvaluationError",
    "ExecutorError",
    "FminsearchSimplex",
    "GlobalResult",
    "Hessian",
    "History",
    "InputFile",
    "IntermediateResult",
    "InvalidArgumentError",
    "JournalError",
    "JournalLockedError",
    "JournalMismatchError",
    "KWorst",
    "Minimum",
    "MissingExtraError",
    "MultistartProgress",
    "MultistartResult",
    "NativeObjective",
    "NelderError",
    "NelderMead",
    "Optimizer",
    "Output",
    "Progress",
    "RegularSimplex",
    "Result",
    "ReturnValueError",
    "Simplex",
    "Standard",
    "StandardError",
    "Status",
    "StepSimplex",
    "Subspaces",
    "Template",
    "Tolerance",
    "__version__",
    "least_squares_scale",
    "load",
    "minimize",
    "minimize_global",
    "multistart",
    "plot_profile",
    "scipy_method",
]

__version__ = "0.1.0"


# What not everybody uses, or what needs an optional package, is imported when it is used.
_LAZY = {
    "Command": "nelder.evaluate.command",
    "Covariance": "nelder.uncertainty",
    "Doubt": "nelder.uncertainty",
    "Hessian": "nelder.uncertainty",
    "InputFile": "nelder.evaluate.command",
    "Output": "nelder.evaluate.output",
    "Subspaces": "nelder.search.subspaces",
    "Template": "nelder.evaluate.command",
    "least_squares_scale": "nelder.uncertainty",
    "load": "nelder.journal.reading",
    "plot_profile": "nelder.plots",
    "scipy_method": "nelder.scipy",
}
_MODULES = ("batched", "keras", "tfp", "torch")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name in _MODULES:
        return import_module(f"nelder.{name}")
    raise AttributeError(f"module 'nelder' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_MODULES})
