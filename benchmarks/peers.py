"""The solvers that the benchmarks compare, each as ``solve(fun, x0, maxfev, tolerance) -> x``.

`tolerance` is the distance in x (and in f, where the solver asks for both) at which a solver stops:
0 is never, so that the budget ends it; None is what the library does when it is not told.

Every solver takes the first step that its library takes by default. GSL has no default and takes
nelder's.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import nlopt
import numpy as np
import scipy.optimize

import nelder
from benchmarks.build import BuildError, shared_library
from benchmarks.problems.problem import Array, Objective
from benchmarks.recorder import Enough

__all__ = [
    "NELDER",
    "NEVER",
    "STEPS_NOTE",
    "Peer",
    "first_steps",
    "gsl_library",
    "missing",
    "peers",
]

NELDER = "nelder"
NEVER = nelder.Tolerance(0.0, 0.0, ulps=0.0)

STEPS_NOTE = (
    "First steps are each library's own default: nelder 0.5·|x0| (0.5 at zero), SciPy 5 % "
    "(0.00025 at zero), NLopt |x0| (1 at zero). GSL has no default and takes nelder's. "
    "The rows named a nelder preset are nelder with the coefficients, first simplex and decisions "
    "of that library, which is not installed here."
)

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)

Solve = Callable[[Objective, Array, int, float | None], Array | None]


@dataclass(frozen=True)
class Peer:
    """A solver.

    Parameters
    ----------
    name : str
        As the tables show it.
    solve : callable
        ``solve(fun, x0, maxfev, tolerance)``, returning the solution, or None where the library
        raised an error of its own instead of returning one.
    """

    name: str
    solve: Solve

    def run(
        self, fun: Objective, x0: Array, maxfev: int, tolerance: float | None = None
    ) -> Array | None:
        """Return what the solver returns; None if the objective or the library ended it."""
        try:
            return self.solve(fun, x0.copy(), maxfev, tolerance)
        except Enough:
            return None


def first_steps(x0: Array) -> Array:
    """Return nelder's default first steps: 0.5·|x0|, or 0.5 at zero."""
    return np.where(x0 == 0.0, 0.5, 0.5 * np.abs(x0))


def _nelder(fun: Objective, x0: Array, maxfev: int, _: float | None) -> Array:
    """Run nelder with its defaults, whatever the tolerance."""
    return _by(nelder.NelderMead(), fun, x0, maxfev)


def _preset(
    fun: Objective, x0: Array, maxfev: int, tolerance: float | None, method: nelder.NelderMead
) -> Array:
    """Run nelder as another library."""
    if tolerance == 0.0:
        method = replace(method, convergence=NEVER)
    return _by(method, fun, x0, maxfev)


def _by(method: nelder.NelderMead, fun: Objective, x0: Array, maxfev: int) -> Array:
    try:
        return nelder.minimize(fun, x0, method=method, maxfev=maxfev).x
    except nelder.EvaluationError as error:
        raise (error.__cause__ or error) from None


def _scipy(
    fun: Objective, x0: Array, maxfev: int, tolerance: float | None, adaptive: bool
) -> Array:
    options: dict[str, object] = {"maxfev": maxfev, "adaptive": adaptive}
    if tolerance is not None:
        options |= {"xatol": tolerance, "fatol": tolerance}
    return scipy.optimize.minimize(fun, x0, method="Nelder-Mead", options=options).x


def _nlopt(
    fun: Objective, x0: Array, maxfev: int, tolerance: float | None, algorithm: int
) -> Array | None:
    opt = nlopt.opt(algorithm, x0.size)
    opt.set_min_objective(fun)
    opt.set_maxeval(maxfev)
    if tolerance is not None:
        opt.set_xtol_abs(tolerance)  # it stops at either tolerance: the one in x is the careful one
    try:
        return opt.optimize(x0)
    except (RuntimeError, nlopt.RoundoffLimited):
        return None


@cache
def gsl_library() -> ctypes.CDLL:
    """Return the compiled driver of GSL, or raise BuildError."""
    library = shared_library("gsl_driver.c", "gsl", "gslcblas", "m")
    library.version.restype = ctypes.c_char_p
    solve = library.gsl_solve
    solve.restype = ctypes.c_int64
    pointer, count, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    solve.argtypes = [pointer, pointer, count, pointer, pointer, count, real, pointer]
    return library


def _gsl(fun: Objective, x0: Array, maxfev: int, tolerance: float | None) -> Array:
    stop = ctypes.c_int(0)
    raised: list[BaseException] = []

    def callback(n: int, address: int, _data: int) -> float:
        try:
            return fun(np.ctypeslib.as_array((ctypes.c_double * n).from_address(address)))
        except BaseException as error:  # C cannot pass it on
            raised.append(error)
            stop.value = 1
            return np.inf

    x, steps = x0.copy(), first_steps(x0)
    gsl_library().gsl_solve(
        _CALLBACK(callback),
        None,
        x.size,
        x.ctypes.data,
        steps.ctypes.data,
        maxfev,
        tolerance or 0.0,
        ctypes.addressof(stop),
    )
    if raised:
        raise raised[0]
    return x


@cache
def missing() -> str:
    """Return which solvers are left out and why; empty if none is."""
    try:
        gsl_library()
    except BuildError as error:
        return f"GSL is left out (Debian and Ubuntu: apt install libgsl-dev gcc): {error}"
    return ""


def peers() -> list[Peer]:
    """Return all solvers, nelder with its defaults first.

    Returns
    -------
    list of Peer
        Without those that `missing` names.
    """
    optim, tfp = nelder.NelderMead.optim(), nelder.NelderMead.tfp()
    found = [
        Peer(NELDER, _nelder),
        Peer("SciPy", partial(_scipy, adaptive=False)),
        Peer("SciPy adaptive", partial(_scipy, adaptive=True)),
        Peer("NLopt NELDERMEAD", partial(_nlopt, algorithm=nlopt.LN_NELDERMEAD)),
        Peer("NLopt SBPLX", partial(_nlopt, algorithm=nlopt.LN_SBPLX)),
        Peer("NLopt BOBYQA", partial(_nlopt, algorithm=nlopt.LN_BOBYQA)),
        Peer("GSL nmsimplex2", _gsl),
        Peer("Optim.jl's decisions (nelder preset)", partial(_preset, method=optim)),
        Peer("TFP's decisions (nelder preset)", partial(_preset, method=tfp)),
    ]
    return [peer for peer in found if not (missing() and peer.solve is _gsl)]
