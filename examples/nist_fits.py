"""Fit NIST's Thurber and Misra1a data and compare with the certified values.

Run it with ``make demo`` or ``python examples/nist_fits.py``. It writes a picture of data and fits.

Data, starting values and certified values are those of the NIST Statistical Reference Datasets,
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml (Thurber: R. Thurber, NIST, semiconductor
electron mobility against the natural logarithm of density; Misra1a: D. Misra, NIST, dental
research, monomolecular adsorption: volume against pressure).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import nelder

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DataSet:
    """Data (m,), a model, and NIST's figures for its parameters."""

    name: str
    formula: str
    model: Callable[[Array, dict[str, float]], Array]
    start: dict[str, float]
    certified: dict[str, float]
    residual_sum: float
    x: Array
    y: Array


def thurber(x: Array, b: dict[str, float]) -> Array:
    above = b["b1"] + x * (b["b2"] + x * (b["b3"] + x * b["b4"]))
    return above / (1.0 + x * (b["b5"] + x * (b["b6"] + x * b["b7"])))


def misra1a(x: Array, b: dict[str, float]) -> Array:
    return b["b1"] * (1.0 - np.exp(-b["b2"] * x))


THURBER = DataSet(
    name="Thurber",
    formula="(b1 + b2 x + b3 x² + b4 x³) / (1 + b5 x + b6 x² + b7 x³)",
    model=thurber,
    start={"b1": 1000.0, "b2": 1000.0, "b3": 400.0, "b4": 40.0, "b5": 0.7, "b6": 0.3, "b7": 0.03},
    certified={
        "b1": 1288.13968,
        "b2": 1491.0792535,
        "b3": 583.23836877,
        "b4": 75.416644291,
        "b5": 0.96629502864,
        "b6": 0.39797285797,
        "b7": 0.049727297349,
    },
    residual_sum=5642.7082397,
    x=np.array(
        [
            -3.067,
            -2.981,
            -2.921,
            -2.912,
            -2.84,
            -2.797,
            -2.702,
            -2.699,
            -2.633,
            -2.481,
            -2.363,
            -2.322,
            -1.501,
            -1.46,
            -1.274,
            -1.212,
            -1.1,
            -1.046,
            -0.915,
            -0.714,
            -0.566,
            -0.545,
            -0.4,
            -0.309,
            -0.109,
            -0.103,
            0.01,
            0.119,
            0.377,
            0.79,
            0.963,
            1.006,
            1.115,
            1.572,
            1.841,
            2.047,
            2.2,
        ]
    ),
    y=np.array(
        [
            80.574,
            84.248,
            87.264,
            87.195,
            89.076,
            89.608,
            89.868,
            90.101,
            92.405,
            95.854,
            100.696,
            101.06,
            401.672,
            390.724,
            567.534,
            635.316,
            733.054,
            759.087,
            894.206,
            990.785,
            1090.109,
            1080.914,
            1122.643,
            1178.351,
            1260.531,
            1273.514,
            1288.339,
            1327.543,
            1353.863,
            1414.509,
            1425.208,
            1421.384,
            1442.962,
            1464.35,
            1468.705,
            1447.894,
            1457.628,
        ]
    ),
)


MISRA1A = DataSet(
    name="Misra1a",
    formula="b1 (1 - exp(-b2 x))",
    model=misra1a,
    start={"b1": 500.0, "b2": 0.0001},
    certified={
        "b1": 238.94212918,
        "b2": 0.00055015643181,
    },
    residual_sum=0.12455138894,
    x=np.array(
        [
            77.6,
            114.9,
            141.1,
            190.8,
            239.9,
            289.0,
            332.8,
            378.4,
            434.8,
            477.3,
            536.8,
            593.1,
            689.1,
            760.0,
        ]
    ),
    y=np.array(
        [
            10.07,
            14.73,
            17.94,
            23.93,
            29.61,
            35.18,
            40.02,
            44.82,
            50.76,
            55.05,
            61.01,
            66.4,
            75.47,
            81.78,
        ]
    ),
)


def fit(data: DataSet) -> nelder.Result:
    """Minimise the residual sum of squares from NIST's first start."""

    def residual_sum(b: dict[str, float]) -> float:
        residuals = data.y - data.model(data.x, b)
        return float(residuals @ residuals)

    return nelder.minimize(
        residual_sum, data.start, maxfev=2000 * (len(data.start) + 1), progress=True
    )


def correct_digits(fitted: float, certified: float) -> float:
    """Return -log10 of the relative error, at most 11: NIST certifies 11 digits."""
    error = abs(fitted - certified) / abs(certified)
    return 11.0 if error == 0.0 else min(11.0, -np.log10(error))


def show(console: Console, data: DataSet, result: nelder.Result) -> None:
    table = Table(title=f"{data.name}: y = {data.formula}", title_justify="left")
    for head in ("parameter", "fitted", "certified", "correct digits"):
        table.add_column(head, justify="left" if head == "parameter" else "right")
    rows = [(name, result.x[name], value) for name, value in data.certified.items()]
    for name, fitted, certified in [*rows, ("residual sum", result.fun, data.residual_sum)]:
        digits = f"{correct_digits(fitted, certified):.1f}"
        table.add_row(name, f"{fitted:.11g}", f"{certified:.11g}", digits)
    console.print(table)
    console.print(
        f"{result.nfev} evaluations, {result.nit} iterations, {result.nrestart} restarts; "
        f"{result.status.name.lower()}: {result.message}\n"
    )


def draw(fits: list[tuple[DataSet, nelder.Result]], path: str) -> None:
    figure, panels = plt.subplots(1, len(fits), figsize=(11, 4.5), layout="constrained")
    for panel, (data, result) in zip(panels, fits, strict=True):
        x = np.linspace(data.x.min(), data.x.max(), 400)
        panel.plot(data.x, data.y, "o", ms=5, mfc="none", color="#555555", label="NIST data")
        panel.plot(x, data.model(x, result.x), color="#d1495b", lw=1.8, label="fit")
        panel.set(title=f"{data.name}, {result.nfev} evaluations", xlabel="x", ylabel="y")
        panel.legend(frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit two NIST data sets with nelder.")
    parser.add_argument("--picture", default="nist_fits.png", help="where to write the picture")
    picture = parser.parse_args().picture
    console = Console()
    fits: list[tuple[DataSet, nelder.Result]] = []
    for data in (THURBER, MISRA1A):
        result = fit(data)
        show(console, data, result)
        fits.append((data, result))
    draw(fits, picture)
    console.print(f"Picture of data and fits: {picture}")


if __name__ == "__main__":
    main()
