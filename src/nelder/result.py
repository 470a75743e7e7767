"""What a search gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.tables import as_html, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nelder.uncertainty import Covariance, Hessian

__all__ = ["History", "IntermediateResult", "Origin", "Progress", "Result", "Simplex", "Status"]

Kind = Literal["converged", "budget", "user", "failed", "running"]


class Status(IntEnum):
    """Why a search ended; the numbers that SciPy has too are SciPy's.

    ``kind`` sorts them: "converged", "budget", "user", "failed", or "running" where it has not
    ended.
    """

    RUNNING = -1
    CONVERGED = 0
    MAXFEV = 1
    MAXITER = 2
    MAXTIME = 3
    TARGET = 4
    UNBOUNDED = 5
    NO_FINITE_VALUE = 6
    OBJECTIVE_FAILED = 7
    INTERRUPTED = 8
    CALLBACK = 99

    @property
    def kind(self) -> Kind:
        """Which sort of end this is."""
        return _ENDS[self][0]

    @property
    def message(self) -> str:
        """The reason in words."""
        return _ENDS[self][1]

    @property
    def success(self) -> bool:
        """Whether the search ended as hoped (converged, or at the target that was asked for)."""
        return self in (Status.CONVERGED, Status.TARGET)


_ENDS: dict[Status, tuple[Kind, str]] = {
    Status.RUNNING: ("running", "the search has not ended"),
    Status.CONVERGED: ("converged", "the simplex and its values are within the tolerances"),
    Status.MAXFEV: ("budget", "maxfev evaluations are used up"),
    Status.MAXITER: ("budget", "maxiter iterations are used up"),
    Status.MAXTIME: ("budget", "maxtime seconds are used up"),
    Status.TARGET: ("budget", "a value at or below the target was found"),
    Status.UNBOUNDED: (
        "failed",
        "the objective is unbounded below: it gave -inf, or falls without end",
    ),
    Status.NO_FINITE_VALUE: ("failed", "no finite value was found"),
    Status.OBJECTIVE_FAILED: ("failed", "the objective raised an exception"),
    Status.INTERRUPTED: ("user", "interrupted"),
    Status.CALLBACK: ("user", "the callback raised StopIteration"),
}


class Simplex(NamedTuple):
    """Vertices (n + 1, n), best first, and their values (n + 1,); NaN where not evaluated."""

    vertices: NDArray[np.float64]
    values: NDArray[np.float64]


class History(NamedTuple):
    """Every evaluated point (nfev, n), in order, and what the objective returned (nfev,).

    NaN stands where it raised an exception.
    """

    points: NDArray[np.float64]
    values: NDArray[np.float64]


class _Record:
    """Attributes under SciPy's names as dictionary items too."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> tuple[str, ...]:
        """Return the names of all entries."""
        return tuple(f.name for f in fields(self) if f.repr)  # type: ignore[arg-type]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry `name`, or `default`."""
        return getattr(self, name) if name in self.keys() else default


@dataclass(frozen=True, eq=False)
class IntermediateResult(_Record):
    """The search at the end of an iteration, as a callback gets it.

    Attributes
    ----------
    x : ndarray of shape (n,), or the structure of ``x0``
        Best point so far.
    fun : float
        Its value.
    nit : int
        Iterations so far.
    nfev : int
        Evaluations so far.
    simplex : ndarray of shape (n + 1, n)
        The vertices, best first.
    values : ndarray of shape (n + 1,)
        Their values.
    elapsed : float
        Seconds since the search began.
    """

    x: Any
    fun: float
    nit: int
    nfev: int
    simplex: NDArray[np.float64]
    values: NDArray[np.float64]
    elapsed: float


@dataclass(frozen=True, eq=False)
class Progress(_Record):
    """The search while it runs, as a callable given as ``progress`` gets it.

    Attributes
    ----------
    status : Status
        ``RUNNING``, or why the search ended, once, at its end.
    x : ndarray of shape (n,), or the structure of ``x0``
        Best point so far.
    fun : float
        Its value.
    nfev, nit, nfailed : int
        Evaluations that the search has used, iterations, and evaluations without a finite value.
    running : int
        Evaluations under way on workers.
    nahead : int
        Evaluations made that the search has not used, as in `Result`.
    size : float
        Largest distance of a vertex from the best one in any coordinate.
    elapsed : float
        Seconds since the search began.
    """

    status: Status
    x: Any
    fun: float
    nfev: int
    nit: int
    nfailed: int
    running: int
    nahead: int
    size: float
    elapsed: float


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a result comes from, for what may be asked of it later.

    Attributes
    ----------
    lower, upper : ndarray of shape (dim,)
        The bounds, infinite where there is none.
    restore : callable or None
        Gives a flat point (dim,) the structure of ``x0``; None where that is flat.
    begin : callable or None
        Begins the same search again.
    measure : callable or None
        Evaluates points (k, dim) as the search did; NaN or +inf where that fails.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    restore: Callable[[NDArray[np.float64]], Any] | None = None
    begin: Callable[[], Any] | None = None
    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can only be called where the search ran."""
        return {"lower": self.lower, "upper": self.upper}


SHOWN = 20  # parameters, at most
DETAILS = ("nmodel", "nmodel_better", "noise", "nrepeat", "fun_error")


@dataclass(frozen=True, eq=False, repr=False)
class Result(_Record):
    """The outcome of a search. Entries can be read as attributes and as ``result["x"]``.

    Attributes
    ----------
    x : ndarray of shape (n,), or the structure of ``x0``
        The best point evaluated.
    fun : float
        Its value.
    success : bool
        Whether the search converged and the restart probe found nothing lower, or the target was
        reached.
    status : Status
        Why the search ended; ``status.kind`` tells converged, budget, user and failed apart.
    message : str
        The same in words.
    nfev : int
        Evaluations.
    nit : int
        Iterations.
    nshrink : int
        Shrinks.
    nrestart : int
        Restarts after the probe found a lower value.
    nfailed : int
        Evaluations that raised an exception or gave NaN or +inf.
    nahead : int
        Evaluations made by this call that the search did not use: those that workers made ahead of
        need, and failed attempts that were made again.
    elapsed : float
        Seconds.
    final_simplex : Simplex
        ``vertices`` (n + 1, n), best first, and ``values`` (n + 1,).
    history : History or None
        ``points`` (nfev, n) and ``values`` (nfev,) where asked for.
    nmodel, nmodel_better : int or None
        With ``model=True``: evaluations at the minimum of a model, and how many of them gave a new
        best point.
    noise : float or None
        With ``noise=True``: the estimated standard deviation of one evaluation; 0 where the
        objective gives the same value twice.
    nrepeat : int or None
        With ``noise=True``: how often a point was evaluated again.
    fun_error : float or None
        With ``noise=True``: the standard error of `fun`.
    names : tuple of str
        Names of the n parameters, empty where ``x0`` is a plain array.
    """

    x: Any
    fun: float
    success: bool
    status: Status
    message: str
    nfev: int
    nit: int
    nshrink: int
    nrestart: int
    nfailed: int
    elapsed: float
    final_simplex: Simplex
    history: History | None = None
    nahead: int = 0
    nmodel: int | None = None
    nmodel_better: int | None = None
    noise: float | None = None
    nrepeat: int | None = None
    fun_error: float | None = None
    names: tuple[str, ...] = ()
    flat: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False)
    origin: Origin | None = field(default=None, repr=False)
    memory: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)

    def plot(self, parameters: Sequence[str | int] | str | int | None = None) -> Figure:
        """Draw the search: convergence, simplex, parameters, a surface with the path.

        It needs ``history=True``, and ``nelder[plot]``. Nothing is shown, and no state of
        Matplotlib is changed.

        Parameters
        ----------
        parameters : sequence of str or int, optional
            Which parameters are drawn, by name or number, the first two also as a surface. By
            default those that moved farthest, six at most.

        Returns
        -------
        matplotlib.figure.Figure
            Save it by ``figure.savefig("search.png")``.

        Raises
        ------
        InvalidArgumentError
            There is no history, or no such parameter.
        MissingExtraError
            Matplotlib is not installed.
        """
        from nelder.plots import plot_result

        return plot_result(self, parameters)

    def covariance(
        self,
        scale: float | None = None,
        *,
        evaluate: bool = False,
        residuals: Callable[[Any], Any] | None = None,
    ) -> Covariance:
        """Return the covariance of the parameters, scale·H⁻¹, H the Hessian at the minimum.

        Parameters
        ----------
        scale : float
            What the objective is in statistics: 1 for a negative log-likelihood, 2 for chi-square
            (residuals over their known errors, squared and summed), `least_squares_scale` for a
            residual sum of squares. It may be left out where `residuals` are given: then it is that
            of least squares.
        evaluate : bool, default False
            Whether new points may be evaluated, at most 2(n+1)(n+2), where those of the search do
            not tell the standard errors to half a per cent. They are not recorded in a journal.
        residuals : callable, optional
            Of a sum of squares: x, in the structure of ``x0``, to the residuals (m,). They are
            computed at 4n + 1 points, and the Hessian is Gauss and Newton's, 2·J'J, as in SciPy's
            ``curve_fit``, lmfit and NIST's certified values.

        Returns
        -------
        Covariance
            ``matrix`` (n, n), ``standard_errors``, ``correlations``, and ``doubts``.

        Raises
        ------
        InvalidArgumentError
            `scale` is missing or not a number above 0; `evaluate` is asked for of a result that
            cannot evaluate; the residuals are no real numbers; no finite value was found.

        Notes
        -----
        Nelder & Mead (1965) fit a quadratic surface at the minimum. Here it is fitted to what the
        search has evaluated: keep ``history=True``, else there is only the last simplex.
        """
        from nelder.uncertainty import covariance_at

        return covariance_at(self, scale, evaluate=evaluate, residuals=residuals)

    def standard_errors(
        self,
        scale: float | None = None,
        *,
        evaluate: bool = False,
        residuals: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Return the standard errors of the parameters: (n,), or the structure of ``x0``.

        The arguments are those of `covariance`, whose ``doubts`` say how far to trust them.
        """
        return self.covariance(scale, evaluate=evaluate, residuals=residuals).standard_errors

    def hessian(self, *, evaluate: bool = False) -> Hessian:
        """Return the Hessian of the objective at the minimum: an array-like with ``doubts``.

        Parameters
        ----------
        evaluate : bool, default False
            As in `covariance`.
        """
        from nelder.uncertainty import hessian_at

        return hessian_at(self, evaluate=evaluate)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("success", f"{self.success}"),
            ("status", f"{self.status.name} ({self.status.kind})"),
            ("fun", f"{self.fun:.12g}"),
        ]
        covariance: Covariance | None = self.memory.get("covariance")
        if covariance is not None:
            rows += covariance.estimates()
        elif self.names:
            values = [f"{value:.10g}" for value in self.flat.tolist()]
            rows += list(zip(self.names, values, strict=True))[:SHOWN]
            if len(values) > SHOWN:
                rows.append(("…", f"{len(values) - SHOWN} more"))
        else:
            rows.append(("x", np.array2string(self.flat, precision=10, threshold=20)))
        rows += [
            ("nfev", f"{self.nfev}"),
            ("nit", f"{self.nit}"),
            ("nrestart", f"{self.nrestart}"),
            ("nfailed", f"{self.nfailed}"),
            *([("nahead", f"{self.nahead}")] if self.nahead else []),
            *((name, f"{value:.6g}") for name, value in self._details() if value is not None),
            ("elapsed", f"{self.elapsed:.3g} s"),
        ]
        return rows

    def _details(self) -> list[tuple[str, float | None]]:
        return [(name, getattr(self, name)) for name in DETAILS]

    @property
    def _title(self) -> str:
        return f"nelder.{type(self).__name__}: {self.message}"

    def __repr__(self) -> str:
        return as_text(self._title, self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title, self._rows())
