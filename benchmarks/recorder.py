"""Count and record what any solver evaluates, the same way for all of them."""

import math

from benchmarks.problems.problem import Array, Objective, Problem

__all__ = ["Enough", "Recorder", "evaluations_to"]


class Enough(Exception):  # noqa: N818 (not an error)
    """The target is reached or the budget is spent; ends any solver."""


class Recorder:
    """An objective that counts, remembers the best point, and stops the solver.

    Parameters
    ----------
    fun : callable
        The objective.
    maxfev : int
        No evaluation beyond these.
    target : float
        A value at or below it ends the search.

    Attributes
    ----------
    nfev : int
        Evaluations so far.
    best : float
        The lowest value so far.
    x : ndarray or None
        Where it was found.
    """

    def __init__(self, fun: Objective, maxfev: int, target: float = -math.inf) -> None:
        self.fun = fun
        self.maxfev = maxfev
        self.target = target
        self.nfev = 0
        self.best = math.inf
        self.x: Array | None = None

    def __call__(self, x: Array, grad: object = None) -> float:
        """Return f(x); `grad` is NLopt's, and empty."""
        if self.nfev >= self.maxfev:
            raise Enough
        self.nfev += 1
        value = self.fun(x)
        if value < self.best:
            self.best, self.x = value, x.copy()
            if value <= self.target:
                raise Enough
        return value


def evaluations_to(tau: float, problem: Problem, peer, maxfev: int) -> float:
    """Return the evaluations that a solver needs for f - f* <= tau (f(x0) - f*).

    Parameters
    ----------
    tau : float
    problem : Problem
    peer : Peer
        It runs without a tolerance, so that only the budget ends it; nelder with its defaults.
    maxfev : int
        The budget.

    Returns
    -------
    float
        inf if it does not get there.
    """
    target = problem.f_star + tau * (problem.fun(problem.x0) - problem.f_star)
    recorder = Recorder(problem.fun, maxfev, target)
    peer.run(recorder, problem.x0, maxfev, tolerance=0.0)
    return recorder.nfev if recorder.best <= target else math.inf
