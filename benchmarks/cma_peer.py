"""CMA-ES (pycma, Hansen) as a peer, begun as nelder is: from x0 with nelder's first steps.

Only the budget ends it: every stopping rule of its own is off, as for the other peers.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cma
import numpy as np

from benchmarks.peers import first_steps
from benchmarks.problems.problem import Array, Objective

__all__ = ["CMA_NOTE", "Found", "cma_es", "cma_peer"]

CMA_NOTE = (
    "CMA-ES is pycma with its default settings but sigma0 = 0.5 and `CMA_stds` = nelder's first "
    "steps: a first standard deviation of half a step, which does better than a whole one. None of "
    "its stopping rules ends it before the budget."
)

SIGMA = 0.5
_ENDLESS: dict[str, Any] = {
    "tolfun": -1.0,  # below it, never at it
    "tolfunhist": -1.0,
    "tolfunrel": -1.0,
    "tolx": -1.0,
    "tolxstagnation": False,
    "tolstagnation": math.inf,
    "tolflatfitness": math.inf,
    "tolconditioncov": math.inf,
    "tolfacupx": math.inf,
    "tolupsigma": math.inf,
    "maxiter": math.inf,
    "verbose": -9,
}


@dataclass
class Found:
    """What a run gave.

    Attributes
    ----------
    mean : ndarray of shape (n,)
        The mean of the last distribution: what to return under noise (Hansen's ``xfavorite``).
    best : ndarray of shape (n,)
        The point with the lowest value seen: what to return without noise.
    value : float
        That value.
    nfev : int
    """

    mean: Array
    best: Array = field(init=False)
    value: float = math.inf
    nfev: int = 0

    def __post_init__(self) -> None:
        self.best = self.mean

    def counted(self, fun: Objective, maxfev: int) -> Callable[[Array], float]:
        """Return `fun`, counted; it raises StopIteration once `maxfev` is spent."""

        def counted(x: Array) -> float:
            if self.nfev >= maxfev:
                raise StopIteration
            self.nfev += 1
            value = float(fun(np.array(x)))
            if value < self.value:
                self.value, self.best = value, np.array(x)
            return value if math.isfinite(value) else 1e300  # it takes no infinite values

        return counted


def cma_es(
    fun: Objective, x0: Array, maxfev: int, seed: int, *, handles_noise: bool = False
) -> Found:
    """Run CMA-ES until `maxfev` evaluations are made, exactly.

    Parameters
    ----------
    fun : callable
        The objective. It must not use NumPy's global random state, which CMA-ES seeds and uses.
        What it raises comes out.
    x0 : ndarray of shape (n,)
        n = 1 too.
    maxfev : int
    seed : int
        1 or more; the same seed gives the same run.
    handles_noise : bool, default False
        Whether `cma.NoiseHandler` re-evaluates points and enlarges the step where their ranks
        change, with up to 30 evaluations for a value, as in pycma's own example.

    Returns
    -------
    Found
    """
    options = _ENDLESS | {"CMA_stds": first_steps(x0), "seed": seed}
    found = Found(x0.copy())
    counted = found.counted(fun, maxfev)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        es = cma.CMAEvolutionStrategy(x0.copy(), SIGMA, options)
        handler = cma.NoiseHandler(x0.size, [1, 1, 30]) if handles_noise else None
        try:
            while found.nfev < maxfev:
                if handler is None:
                    points = es.ask()
                    es.tell(points, [counted(x) for x in points])
                else:
                    points, values = es.ask_and_eval(counted, evaluations=handler.evaluations)
                    es.tell(points, values)
                    es.sigma *= handler(points, values, counted, es.ask)
                found.mean = np.array(es.mean)
        except StopIteration:  # within a generation
            pass
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            pass  # its distribution has collapsed or overflowed, and it has no more to ask
    return found


def cma_peer(fun: Objective, x0: Array, maxfev: int, _tolerance: float | None) -> Array:
    """Run CMA-ES, without noise, as a `Peer` does; return the best point. Seed 1."""
    return cma_es(fun, x0, maxfev, 1).best
