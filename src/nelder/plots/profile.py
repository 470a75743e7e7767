"""Data profiles: how many of a set of problems each solver solves, within how many evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nelder.errors import InvalidArgumentError
from nelder.plots.canvas import COLOURS, GUIDE, Axes, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_profile"]

Array = NDArray[np.float64]

DASHES = ("-", "--", "-.", ":")  # of each seven solvers their own


def plot_profile(
    needed: Mapping[str, ArrayLike],
    *,
    budget: float | None = None,
    title: str = "",
    emphasis: Sequence[str] = (),
) -> Figure:
    """Draw data profiles: the share of problems solved within so many evaluations.

    It needs ``nelder[plot]``.

    Parameters
    ----------
    needed : mapping of str to array_like of shape (problems,)
        For each solver its evaluations/(n + 1) on each problem, the same problems for all; inf
        where a problem is not solved.
    budget : float, optional
        Where the axis ends: what each solver was given, in evaluations/(n + 1). By default a
        little beyond the last problem solved.
    title : str, default none
    emphasis : sequence of str, optional
        Solvers that are drawn bolder than the others.

    Returns
    -------
    matplotlib.figure.Figure
        Save it by ``figure.savefig("profile.png")``. ``figure.axes[0]`` takes further settings.

    Raises
    ------
    InvalidArgumentError
        There is no solver or no problem, a solver has another number of problems than the others,
        or a number is below 0 or NaN.
    MissingExtraError
        Matplotlib is not installed.

    References
    ----------
    Moré & Wild, *Benchmarking derivative-free optimization algorithms*, SIAM Journal on
    Optimization 20:172-191 (2009), equation 2.8.

    Examples
    --------
    >>> import nelder
    >>> figure = nelder.plot_profile({"one": [12.0, 30.0], "other": [8.0, float("inf")]})
    """
    table = _read(needed)
    unknown = [name for name in emphasis if name not in table]
    if unknown:
        raise InvalidArgumentError(
            f"emphasis={list(emphasis)!r}: there is no solver {unknown[0]!r}, only "
            f"{', '.join(table)}"
        )
    end = _end(table) if budget is None else float(budget)
    if not 0.0 < end < math.inf:
        raise InvalidArgumentError(f"budget={budget!r}: expected a number above 0")
    figure = blank("nelder.plot_profile", 8.0, 5.0)
    axes = figure.subplots()
    for i, name in enumerate(table):
        bold = name in emphasis
        axes.step(
            *steps(table[name], end),
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
            linewidth=2.5 if bold else 1.2,
            where="post",
            label=name,
            zorder=3.0 if bold else 2.0,
        )
    problems = len(next(iter(table.values())))
    axes.set(
        xlim=(0.0, end),
        ylim=(0.0, 1.02),
        xlabel="evaluations / (n + 1)",
        ylabel=f"share of {problems} problem{'s' * (problems != 1)} solved",
        title=title,
    )
    axes.grid(color=GUIDE)
    _legend(axes, table, end)
    return figure


def steps(needed: Array, end: float) -> tuple[Array, Array]:
    """Return where a profile rises, from 0 to `end`, and what it rises to.

    Parameters
    ----------
    needed : ndarray of shape (problems,)
    end : float

    Returns
    -------
    at, share : ndarray of shape (k,)
    """
    at, count = np.unique(needed[needed <= end], return_counts=True)
    share = np.cumsum(count) / len(needed)
    last = share[-1] if len(share) else 0.0
    return np.concatenate([[0.0], at, [end]]), np.concatenate([[0.0], share, [last]])


def _read(needed: Mapping[str, ArrayLike]) -> dict[str, Array]:
    if not isinstance(needed, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(
            f"needed={needed!r}: expected a dict of solvers, with a number for each problem"
        )
    table = {name: _row(name, row) for name, row in needed.items()}
    if not table:
        raise InvalidArgumentError("needed is empty: expected at least one solver")
    first, problems = next((name, row.shape) for name, row in table.items())
    for name, row in table.items():
        if row.ndim != 1 or not row.size:
            raise InvalidArgumentError(
                f"needed[{name!r}] has shape {row.shape}: expected a number for each problem"
            )
        if row.shape != problems:
            raise InvalidArgumentError(
                f"needed[{name!r}] has {row.size} problems: expected {problems[0]}, as "
                f"needed[{first!r}] has"
            )
        bad = row[~(row >= 0.0)]
        if bad.size:
            raise InvalidArgumentError(
                f"needed[{name!r}] holds {bad[0]}: expected evaluations/(n + 1), or inf"
            )
    return table


def _row(name: str, row: ArrayLike) -> Array:
    try:
        return np.array(row, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"needed[{name!r}]={row!r}: expected a number for each problem"
        ) from error


def _end(table: Mapping[str, Array]) -> float:
    solved = np.concatenate([row[np.isfinite(row)] for row in table.values()])
    return 1.05 * float(solved.max(initial=0.0)) or 1.0


def _legend(axes: Axes, table: Mapping[str, Array], end: float) -> None:
    """Name the solvers in the order in which their lines end."""
    lines = dict(zip(table, axes.get_lines(), strict=True))
    order = sorted(table, key=lambda name: -float(np.mean(table[name] <= end)))
    axes.legend([lines[name] for name in order], order, loc="lower right", fontsize="small")
