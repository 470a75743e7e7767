"""The 27 nonlinear regression problems of the NIST Statistical Reference Datasets.

Each data set comes with two starting points and with parameters certified to 11 digits.
The certified parameters minimise the residual sum of squares. Source of the files in
``nist_data``: https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy import exp

from benchmarks.problems.problem import Array, Problem, SumOfSquares

Model = Callable[[Array, Array], Array]

_DATA = Path(__file__).parent / "nist_data"


def _misra1a(b: Array, x: Array) -> Array:
    return b[0] * (1.0 - exp(-b[1] * x))


def _misra1b(b: Array, x: Array) -> Array:
    return b[0] * (1.0 - (1.0 + b[1] * x / 2.0) ** -2.0)


def _misra1c(b: Array, x: Array) -> Array:
    return b[0] * (1.0 - (1.0 + 2.0 * b[1] * x) ** -0.5)


def _misra1d(b: Array, x: Array) -> Array:
    return b[0] * b[1] * x / (1.0 + b[1] * x)


def _chwirut(b: Array, x: Array) -> Array:
    return exp(-b[0] * x) / (b[1] + b[2] * x)


def _lanczos(b: Array, x: Array) -> Array:
    return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x)


def _gauss(b: Array, x: Array) -> Array:
    return (
        b[0] * exp(-b[1] * x)
        + b[2] * exp(-((x - b[3]) ** 2) / b[4] ** 2)
        + b[5] * exp(-((x - b[6]) ** 2) / b[7] ** 2)
    )


def _dan_wood(b: Array, x: Array) -> Array:
    return b[0] * x ** b[1]


def _kirby2(b: Array, x: Array) -> Array:
    return (b[0] + b[1] * x + b[2] * x**2) / (1.0 + b[3] * x + b[4] * x**2)


def _cubic_over_cubic(b: Array, x: Array) -> Array:
    numerator = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return numerator / (1.0 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def _nelson(b: Array, x: Array) -> Array:
    return b[0] - b[1] * x[0] * exp(-b[2] * x[1])


def _mgh17(b: Array, x: Array) -> Array:
    return b[0] + b[1] * exp(-x * b[3]) + b[2] * exp(-x * b[4])


def _roszman1(b: Array, x: Array) -> Array:
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


def _enso(b: Array, x: Array) -> Array:
    t = 2.0 * np.pi * x
    return (
        b[0]
        + b[1] * np.cos(t / 12.0)
        + b[2] * np.sin(t / 12.0)
        + b[4] * np.cos(t / b[3])
        + b[5] * np.sin(t / b[3])
        + b[7] * np.cos(t / b[6])
        + b[8] * np.sin(t / b[6])
    )


def _mgh09(b: Array, x: Array) -> Array:
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def _mgh10(b: Array, x: Array) -> Array:
    return b[0] * exp(b[1] / (x + b[2]))


def _rat42(b: Array, x: Array) -> Array:
    return b[0] / (1.0 + exp(b[1] - b[2] * x))


def _rat43(b: Array, x: Array) -> Array:
    return b[0] / (1.0 + exp(b[1] - b[2] * x)) ** (1.0 / b[3])


def _eckerle4(b: Array, x: Array) -> Array:
    return b[0] / b[1] * exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def _bennett5(b: Array, x: Array) -> Array:
    return b[0] * (b[1] + x) ** (-1.0 / b[2])


# In the order of NIST: of lower, average and higher difficulty.
_MODELS: dict[str, Model] = {
    "Misra1a": _misra1a,
    "Chwirut2": _chwirut,
    "Chwirut1": _chwirut,
    "Lanczos3": _lanczos,
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "DanWood": _dan_wood,
    "Misra1b": _misra1b,
    "Kirby2": _kirby2,
    "Hahn1": _cubic_over_cubic,
    "Nelson": _nelson,
    "MGH17": _mgh17,
    "Lanczos1": _lanczos,
    "Lanczos2": _lanczos,
    "Gauss3": _gauss,
    "Misra1c": _misra1c,
    "Misra1d": _misra1d,
    "Roszman1": _roszman1,
    "ENSO": _enso,
    "MGH09": _mgh09,
    "Thurber": _cubic_over_cubic,
    "BoxBOD": _misra1a,
    "Rat42": _rat42,
    "MGH10": _mgh10,
    "Eckerle4": _eckerle4,
    "Rat43": _rat43,
    "Bennett5": _bennett5,
}


@dataclass(frozen=True, eq=False)
class NistProblem(Problem):
    """A NIST regression problem from one of its two starts.

    `fun` is the residual sum of squares and `f_star` its certified value; `name` is the
    name of the data set, shared by both starts.

    Parameters
    ----------
    start : int
        Which of the starting points `x0` is: 1, far from the solution, or 2, nearer.
    certified : ndarray
        Certified parameters.
    standard_deviations : ndarray
        Certified standard deviations of the parameters.
    x : ndarray
        Predictor: one value per observation, or one row per predictor (Nelson).
    y : ndarray
        The response that the model predicts; for Nelson, the logarithm of the measured one.
    model : callable
        Parameters and `x` to predictions of `y`.
    """

    start: int
    certified: Array
    standard_deviations: Array
    x: Array
    y: Array
    model: Model

    @property
    def residual_sum(self) -> float:
        """The certified residual sum of squares."""
        return self.f_star


def _residuals(b: Array, model: Model, x: Array, y: Array) -> Array:
    return y - model(b, x)


def _read(name: str, model: Model) -> list[NistProblem]:
    """Parse the file of a data set into its two problems."""
    text = (_DATA / f"{name}.dat").read_text(encoding="ascii")
    header, data = text[: text.rindex("Data:")], text[text.rindex("Data:") :]

    # One line per parameter: b1 = start 1, start 2, certified value, standard deviation.
    rows = re.findall(r"^ *b\d+ = +(\S+) +(\S+) +(\S+) +(\S+)", header, flags=re.MULTILINE)
    *starts, certified, standard_deviations = np.array(rows, dtype=float).T
    residual_sum = float(re.findall(r"Residual Sum of Squares: +(\S+)", header)[0])

    y, *predictors = np.loadtxt(data.splitlines()[1:], unpack=True)
    x = predictors[0] if len(predictors) == 1 else np.array(predictors)
    if model is _nelson:
        y = np.log(y)

    fun = SumOfSquares(partial(_residuals, model=model, x=x, y=y))
    return [
        NistProblem(
            name=name,
            fun=fun,
            x0=x0.copy(),
            f_star=residual_sum,
            start=i,
            certified=certified.copy(),
            standard_deviations=standard_deviations.copy(),
            x=x,
            y=y,
            model=model,
        )
        for i, x0 in enumerate(starts, start=1)
    ]


def nist() -> list[NistProblem]:
    """Return the 54 problems: 27 data sets in the order of NIST, each from its two starts.

    Returns
    -------
    list of NistProblem
    """
    return [problem for name, model in _MODELS.items() for problem in _read(name, model)]


def correct_digits(x: Array, certified: Array) -> float:
    """Return to how many significant digits all parameters are right.

    Parameters
    ----------
    x : ndarray
        Computed parameters.
    certified : ndarray
        Certified parameters, none of them zero.

    Returns
    -------
    float
        -log10 of the largest relative error: inf if there is none, nan if `x` has a nan.
    """
    with np.errstate(all="ignore"):
        return float(-np.log10(np.max(np.abs((x - certified) / certified))))
