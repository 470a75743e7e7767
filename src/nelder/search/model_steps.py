"""Model steps: between iterations, to the minimum of a quadratic fitted to what is known.

What pays is the fit. It is a ridge regression whose strength is chosen by leave-one-out error, so
it is of use from n + 1 points on and says itself when it is not; and a value counts the less the
farther away it is. The step is the minimiser in a trust region. A point that is a new best replaces
a vertex; any other is remembered, but never a vertex: that would collapse the simplex.

Lengths are measured in units of the first simplex.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import Regression
from nelder.core.trust_region import minimum_within

if TYPE_CHECKING:
    from nelder.core.machine import Machine

__all__ = ["ModelSteps"]

Array = NDArray[np.float64]

STRENGTHS = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
FIRST_STRENGTH = 2  # the index
PAST = 6.0  # evaluations looked at, in multiples of the coefficients of a quadratic
FITTED = 1.5  # points fitted, likewise
FARTHEST = 30.0  # trust radii from the best: what is beyond is not fitted
FADING = 3  # power of the squared distance, beyond a trust radius, by which a value counts less
FIRST_RADIUS = 2.0  # of the trust region, in median distances of the vertices from the best
SMALLEST_RADIUS, LARGEST_RADIUS = 0.25, 8.0
USELESS = 0.7  # leave-one-out error above which there is no step
TRUSTED = 0.3  # and below which a step that failed is tried again
SAME = 1e-4  # trust radii: a point so close to one that is known tells nothing
GOOD, POOR = 0.5, 0.1  # actual by predicted gain: for a larger, a smaller radius
BOUNDARY = 0.9  # of the trust radius: a step beyond asks for a larger one
SHORT = 0.1  # of the vertices' median distance: a good step so short shrinks the simplex
CLOSED = 5.0  # times the step's length it then has,
LEAST_CLOSED, MOST_CLOSED = 1e-3, 0.5  # within these shares of what it had
ROUNDING = 1e-13  # of the best point: no simplex is shrunk to less


class Proposal(NamedTuple):
    """A point that was proposed, and all that is needed once its value is there.

    Attributes
    ----------
    z : ndarray of shape (n,)
        In the coordinates of the search.
    step : ndarray of shape (n,)
        From the best vertex, in trust radii.
    gain : float
        By how much the model promises to undercut `lowest`, the best vertex's value.
    loo : float
        The model's leave-one-out error.
    nfev : int
        Evaluations of the search before it.
    lowest : float
    edges : ndarray of shape (n + 1, n)
        The vertices from the best one, in units of the first simplex.
    point : ndarray of shape (n,)
        The point likewise.
    median : float
        Distance of the vertices from the best one likewise.
    """

    z: Array
    step: Array
    gain: float
    loo: float
    nfev: int
    lowest: float
    edges: Array
    point: Array
    median: float


class ModelSteps:
    """When to step by a model, and where.

    Parameters
    ----------
    n : int
        Coordinates of the search.

    Attributes
    ----------
    rows : int
        How many evaluations the machine must remember for it.
    next : float
        No step before the search has made so many evaluations.
    radius : float
        Of the trust region, in median distances of the vertices from the best.
    steps, better : int
        Points evaluated, and those of them that were a new best.
    """

    def __init__(self, n: int) -> None:
        terms = (n + 1) * (n + 2) // 2
        self.n = n
        self.rows = int(PAST * terms)
        self.next = 1.0
        self.radius = FIRST_RADIUS
        self.steps = 0
        self.better = 0
        self._fitted = int(FITTED * terms)
        self._base = max(1.0, (n + 1) / 2.0)
        self._wait = self._base
        self._strength = FIRST_STRENGTH
        self._retried = False
        self._unit: Array | None = None
        self._proposal: Proposal | None = None

    def restarted(self) -> None:
        """Take note that the machine has begun a fresh simplex."""
        self.radius = FIRST_RADIUS

    def propose(self, machine: Machine, nfev: int) -> Array | None:
        """Return the point z (n,) to be evaluated before the machine's next iteration, if any.

        Parameters
        ----------
        machine : Machine
            Between two iterations, and remembering at least `rows` evaluations.
        nfev : int
            Evaluations of the search so far.
        """
        if nfev < self.next:
            return None
        with np.errstate(all="ignore"):
            return self._propose(machine, nfev)

    def _propose(self, machine: Machine, nfev: int) -> Array | None:
        simplex = machine.simplex
        best, lowest = simplex[0], machine.best[1]
        size = self._unit
        if size is None:
            size = self._unit = simplex.max(axis=0) - simplex.min(axis=0)
        edges = (simplex - best) / size
        lengths = sorted(_squares(edges).tolist())  # the best one's 0 first
        median = 0.5 * sum(math.sqrt(lengths[i // 2]) for i in (self.n + 1, self.n + 2))
        reach = self.radius * median
        unit = size * reach
        z, values = machine.past()
        points = (z - best) / unit
        squares = _squares(points)
        near = np.flatnonzero((squares > 0.0) & (squares <= FARTHEST**2) & (values < math.inf))
        if len(near) < self.n + 1:
            self.next = nfev + 1
            return None
        self.next = nfev + self._base
        if len(near) > self._fitted:
            near = near[squares[near].argpartition(self._fitted)[: self._fitted]]
        spread = np.maximum(1.0, squares[near]) ** FADING
        last = self._strength
        fit = Regression(points[near], values[near] - lowest, spread, constant=False).fit(
            *STRENGTHS[max(last - 1, 0) : last + 2]
        )
        self._strength = STRENGTHS.index(fit.strength)
        if fit.loo > USELESS:
            return None
        surface = fit.quadratic
        step = minimum_within(surface.gradient, surface.hessian)
        gain = -float(step @ (surface.gradient + 0.5 * (surface.hessian @ step)))
        same = SAME**2
        if not (gain > 0.0 and step @ step > same and _squares(points - step).min() > same):
            if gain >= 0.0 and step @ step <= same and fit.loo < TRUSTED:
                self._close_in(machine, LEAST_CLOSED)
            return None
        self._proposal = Proposal(
            best + unit * step, step, gain, fit.loo, nfev, lowest, edges, reach * step, median
        )
        return self._proposal.z

    def take(self, machine: Machine, f: float) -> None:
        """Take the value `f` of the point proposed; a new best replaces a vertex of `machine`."""
        asked = self._proposal
        assert asked is not None
        self._proposal = None
        with np.errstate(all="ignore"):
            self._take(machine, asked, f)

    def _take(self, machine: Machine, asked: Proposal, f: float) -> None:
        self.steps += 1
        machine.note(asked.z, f)
        lowest = asked.lowest
        ratio = (lowest - f) / asked.gain if f < math.inf else -math.inf
        if ratio >= GOOD and math.sqrt(float(asked.step @ asked.step)) > BOUNDARY:
            self.radius = min(2.0 * self.radius, LARGEST_RADIUS)
        elif ratio < POOR:
            self.radius = max(0.5 * self.radius, SMALLEST_RADIUS)
        if f < lowest:
            self.better += 1
            machine.replace(replaced(asked.edges, asked.point, asked.median), asked.z, f)
        now = asked.nfev + 1
        if ratio > POOR:
            self._wait, self._retried, self.next = self._base, False, now
            share = math.sqrt(float(asked.point @ asked.point)) / asked.median
            if share < SHORT and asked.loo < TRUSTED:
                self._close_in(machine, min(max(CLOSED * share, LEAST_CLOSED), MOST_CLOSED))
        elif asked.loo < TRUSTED and not self._retried:
            self._retried, self.next = True, now
        else:
            self._retried = False
            self.next = now + self._wait
            self._wait = min(2.0 * self._wait, 2.0 * self._base)

    def _close_in(self, machine: Machine, share: float) -> None:
        """Shrink the simplex to a `share` of its size about the best vertex, all at once.

        A model that is right is far ahead of the simplex, which is to be as small before the search
        has converged, and before the next model sees what lies beyond this one.
        """
        simplex = machine.simplex
        best = simplex[0]
        shrunk = best + share * (simplex - best)
        extent = np.abs(shrunk[1:] - best).max(axis=1).min()
        if extent > ROUNDING * np.abs(best).max():
            machine.surround(shrunk[1:])
            self.restarted()


def _squares(rows: Array) -> Array:
    """Return the squared lengths of `rows`."""
    return np.einsum("ij,ij->i", rows, rows)


def replaced(edges: Array, point: Array, median: float) -> int:
    """Return the rank of the vertex whose place a point is to take.

    The simplex keeps the more of its volume the larger the barycentric coordinate of the point is
    in absolute value; and a vertex farther away from it than the median is to go the sooner.

    Parameters
    ----------
    edges : ndarray of shape (n + 1, n)
        The vertices, from the first.
    point : ndarray of shape (n,)
    median : float
        Distance of the vertices from the first.
    """
    try:
        others = np.linalg.solve(edges[1:].T, point)
    except np.linalg.LinAlgError:
        return len(edges) - 1
    shares = np.abs(np.concatenate([[1.0 - others.sum()], others]))
    far = np.sqrt(_squares(edges - point)) / median
    return int((shares * np.maximum(1.0, far)).argmax())
