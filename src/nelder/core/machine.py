"""The simplex machine: the one scalar implementation of every decision.

A machine waits for the value of one pending point, ``machine.x``. ``machine.tell(f)`` takes the
value, decides, and sets the next point. It knows no objective except in the two run loops, which
only call it and tell: ``run`` a Python callable, ``run_native`` a C function without the GIL.

With best x_b, second worst x_s, worst x_w and c the centroid of all but the worst:

=====================================  ==============================  ======================
step                                   point                           taken when
=====================================  ==============================  ======================
reflection                             r = c + reflection·(c - x_w)    f_b <= f_r < f_s
expansion (f_r < f_b)                  e = c + expansion·(r - c)       f_e < f_r, else r is
outside contraction (f_s <= f_r < f_w) c + contraction·(r - c)         f <= f_r
inside contraction (f_r >= f_w)        c + contraction·(x_w - c)       f < f_w
shrink (contraction refused)           x_b + shrinkage·(x_i - x_b)     always, all i but b
=====================================  ==============================  ======================

A new vertex ranks after equal ones. NaN ranks as +inf.

Compiled by Cython where there is a compiler (types in ``machine.pxd``); the same file runs without
one, slower, with the same answers to the last bit. Work per evaluation is O(n) and allocates
nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.buffers import array_of, doubles, indices
from nelder.core.real import as_real

try:
    import cython
except ImportError:  # uncompiled, and Cython is not a runtime dependency
    from nelder.core import uncompiled as cython

if not cython.compiled:
    import ctypes
    from math import fabs, sqrt

    from nelder.core.bounds import Box

    _NATIVE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)

    def call_native(address: int, n: int, x: memoryview[float], at: int, data: int) -> float:
        """Call the C function at `address` with the point at x[at : at + n]."""
        pointer = array_of(x).ctypes.data + 8 * at
        return _NATIVE(address)(n, pointer, data)

    def check_signals() -> None:
        """Python itself runs signal handlers between bytecodes."""

    def reusable(array: object, n: int) -> bool:
        """Return False: who holds `array` is known to compiled code only."""
        return False

    def fill(array: NDArray[np.float64], x: memoryview[float], at: int, n: int) -> None:
        """Write x[at : at + n] into `array`."""
        array.reshape(-1)[:] = x[at : at + n]

    def new_row(n: int) -> NDArray[np.float64]:
        """Return an empty array of shape (1, n)."""
        return np.empty((1, n))

    def same_row(array: object, x: memoryview[float], at: int, n: int) -> bool:
        """Return whether `array` is the row x[at : at + n], bit for bit."""
        if not isinstance(array, np.ndarray):
            return False
        given = cast("NDArray[Any]", array)
        fits = given.dtype == np.float64 and given.shape in ((n,), (1, n))
        return fits and given.tobytes() == array_of(x)[at : at + n].tobytes()

else:
    import_array()  # noqa: F821  (of NumPy, in machine.pxd)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nelder.core.coefficients import Coefficients
    from nelder.core.convergence import Test

# Phases: what the pending point is.
INITIAL = 0
REFLECT = 1
EXPAND = 2
OUTSIDE = 3
INSIDE = 4
SHRINK = 5
PHASES = ("initial", "reflect", "expand", "contract outside", "contract inside", "shrink")

# Rules of convergence.
NO_RULE = 0
BOTH = 1
STANDARD_ERROR = 2
EITHER = 3
RULES = {"none": NO_RULE, "both": BOTH, "standard error": STANDARD_ERROR, "either": EITHER}

# How a machine ended.
RUNNING = 0
CONVERGED = 1
UNBOUNDED = 2
ENDS = (None, "converged", "unbounded")

INF = math.inf
NAN = math.nan
EPS = 2.220446049250313e-16
HUGE = 1e100  # from here on points are watched
FAR = 1e150  # beyond this, or 1e10 times the first simplex, there is no minimum to be found
LARGEST = 1.7976931348623157e308
REFRESH = 4  # what costs O(n²) is done once in so many times n iterations


class Stage:
    """Something that waits for the value of one point at a time.

    Attributes
    ----------
    dim : int
        Coordinates of a point.
    nfev : int
        Values taken.
    nfailed : int
        How many of them were NaN or +inf.
    nit : int
        Iterations done.
    done : bool
        Whether it waits for no more.
    """

    if not cython.compiled:  # compiled, the types stand in machine.pxd
        nit: int
        _pending: int
        _f: memoryview[float]
        _room: int

    def __init__(self, dim: int, rows: int) -> None:
        self.dim = dim
        self.nfev = 0
        self.nfailed = 0
        self.nit = 0
        self.done = False
        self._x = doubles(np.zeros(rows * dim))
        self._f = doubles(np.full(rows, math.nan))
        self._pending = 0
        self._room = 0

    def _take(self, f: cython.double):
        """Decide what the value `f` of the pending point means; subclasses do."""

    def _remember(self, f: cython.double):
        """Keep the pending point and its value, where there is room; subclasses do."""

    @property
    def x(self) -> NDArray[np.float64]:
        """A copy of the pending point, (dim,)."""
        return self._rows()[self._pending].copy()

    @property
    def waiting(self) -> int:
        """How many points `needed` gives."""
        return 0 if self.done else 1

    def pending(self) -> NDArray[np.float64]:
        """Return the pending point in a new array of shape (1, dim)."""
        row = new_row(self.dim)
        fill(row, self._x, self._pending * self.dim, self.dim)
        return row

    def tell_row(self, row: object, f: float) -> bool:
        """Take the value `f` if `row` is the pending point, (1, dim) or (dim,), bit for bit.

        Returns
        -------
        bool
            Whether it was.
        """
        if self.done or not same_row(row, self._x, self._pending * self.dim, self.dim):
            return False
        self._receive(f)
        return True

    def needed(self) -> NDArray[np.float64]:
        """Return the points whose values are needed now, (k, dim), in the order of need."""
        raise NotImplementedError

    def clone(self) -> Stage:
        """Return an independent stage in the same state."""
        raise NotImplementedError

    def branches(self) -> list[tuple[float, float]]:
        """Return values of the pending point that lead to different moves, and their shares."""
        raise NotImplementedError

    @property
    def between(self) -> bool:
        """Whether the pending point begins an iteration."""
        return False

    def foreseen(self) -> list[tuple[NDArray[np.float64], float]]:
        """Return points that may be needed once those waited for are known, and their shares.

        Only where that takes more than one value, so that `branches` shows them late.
        """
        return []

    def _copy_stage(self, copy: Stage) -> None:
        copy.dim = self.dim
        copy.nfev = self.nfev
        copy.nfailed = self.nfailed
        copy.nit = self.nit
        copy.done = self.done
        copy._x = doubles(array_of(self._x))
        copy._f = doubles(array_of(self._f))
        copy._pending = self._pending
        copy._room = 0

    def _rows(self) -> NDArray[np.float64]:
        return array_of(self._x).reshape(-1, self.dim)

    def tell(self, f: float) -> None:
        """Take the value of the pending point.

        Raises
        ------
        RuntimeError
            It waits for no value.
        """
        if self.done:
            raise RuntimeError("no value is waited for: the search is done")
        self._receive(f)

    def _receive(self, f: cython.double):
        """Count the value and let NaN rank as +inf, here and nowhere else."""
        self.nfev += 1
        if f != f:
            f = INF
        if f == INF:
            self.nfailed += 1
        if self._room > 0:
            self._remember(f)
        self._take(f)

    def run(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        evaluations: int,
        iterations: int,
        target: float,
        points: NDArray[np.float64] | None = None,
        values: NDArray[np.float64] | None = None,
    ) -> None:
        """Evaluate pending points with a Python callable until something says stop.

        The array that `fun` gets is used again only while nobody else holds it.

        Parameters
        ----------
        fun : callable
            ``fun(x, *args)`` of x (dim,), returning a real scalar.
        args : tuple
        evaluations : int
            At most so many evaluations in this call.
        iterations : int
            Return once ``nit`` is at least this.
        target : float
            Return after a value at or below this.
        points, values : ndarray of shape (evaluations, dim) and (evaluations,), optional
            Where to write what was evaluated.

        Raises
        ------
        ReturnValueError
            `fun` returned something else; the point is still pending, as after an error in `fun`.
        """
        left: cython.Py_ssize_t = evaluations
        until: cython.Py_ssize_t = iterations
        goal: cython.double = target
        value: cython.double
        count: cython.Py_ssize_t = 0
        array = np.empty(self.dim)
        while count < left and not self.done and self.nit < until:
            if not reusable(array, self.dim):
                array = np.empty(self.dim)
            fill(array, self._x, self._pending * self.dim, self.dim)
            if points is not None:
                points[count] = array
            returned = fun(array, *args) if args else fun(array)
            value = returned if type(returned) is float else as_real(returned)
            if values is not None:
                values[count] = value
            count += 1
            self._receive(value)
            if value <= goal:
                break
            check_signals()

    def run_native(
        self,
        address: int,
        data: int,
        evaluations: int,
        iterations: int,
        target: float,
        points: NDArray[np.float64] | None = None,
        values: NDArray[np.float64] | None = None,
    ) -> None:
        """Evaluate pending points with a C function, without the GIL; else as `run`.

        Parameters
        ----------
        address : int
            Of ``double f(int64_t n, const double *x, void *data)``.
        data : int
            Its last argument.
        evaluations, iterations, target, points, values
            As in `run`.
        """
        where: cython.Py_ssize_t = address
        user: cython.Py_ssize_t = data
        left: cython.Py_ssize_t = evaluations
        until: cython.Py_ssize_t = iterations
        goal: cython.double = target
        value: cython.double
        count: cython.Py_ssize_t = 0
        if points is not None or values is not None:  # recording needs the GIL
            while count < left and not self.done and self.nit < until:
                if points is not None:
                    points[count] = self.x
                value = call_native(where, self.dim, self._x, self._pending * self.dim, user)
                if values is not None:
                    values[count] = value
                count += 1
                self._receive(value)
                if value <= goal:
                    break
            return
        with cython.nogil:
            while count < left and not self.done and self.nit < until:
                value = call_native(where, self.dim, self._x, self._pending * self.dim, user)
                count += 1
                self._receive(value)
                if value <= goal:
                    break


class Points(Stage):
    """Given points, evaluated in order until one is lower than the best known.

    Parameters
    ----------
    points : ndarray of shape (m, dim)
    below : float
        The value to be undercut; -inf where all the points are wanted.

    Attributes
    ----------
    found : int
        Index of the point whose value was below, or -1.
    count : int
        How many are known.
    """

    def __init__(self, points: NDArray[np.float64], below: float) -> None:
        Stage.__init__(self, points.shape[1], points.shape[0])
        array_of(self._x)[:] = points.ravel()
        self.below = below
        self.found = -1
        self.count = 0
        self.done = points.shape[0] == 0

    @property
    def points(self) -> NDArray[np.float64]:
        """All the points, (m, dim), known or not."""
        return self._rows()

    @property
    def values(self) -> NDArray[np.float64]:
        """Their values, (m,); NaN where not evaluated."""
        return array_of(self._f)

    @property
    def waiting(self) -> int:
        """How many points `needed` gives."""
        if self.done:
            return 0
        return len(self._f) - self.count if self.below == -INF else 1

    def needed(self) -> NDArray[np.float64]:
        """Return the next point, (1, dim), since the others are needed only if it is not lower.

        All that are left, (k, dim), where none can be.
        """
        return self._rows()[self._pending : self._pending + self.waiting].copy()

    def clone(self) -> Points:
        """Return independent points in the same state."""
        copy: Points = Points.__new__(Points)
        self._copy_stage(copy)
        copy.below = self.below
        copy.found = self.found
        copy.count = self.count
        return copy

    def branches(self) -> list[tuple[float, float]]:
        """Return a value that is not below, as nearly always, and one that is.

        None where all are needed: what follows depends on all their values.
        """
        if self.below == -INF:
            return []
        return [(INF, 0.95), (math.nextafter(self.below, -INF), 0.05)]

    def _take(self, f: cython.double):
        self._f[self._pending] = f
        self.count += 1
        if f < self.below:
            self.found = self._pending
            self.done = True
        elif self.count == len(self._f):
            self.done = True
        else:
            self._pending += 1


class Machine(Stage):
    """The simplex, and what to evaluate next.

    Parameters
    ----------
    simplex : ndarray of shape (n + 1, n)
        First vertices, in the coordinates the search moves in.
    coefficients : Coefficients
    test : Test
        The rule of convergence.
    equal_outside, equal_inside : bool
        Whether a contraction is taken whose value equals the one it is compared with.
    box : Box, optional
        Maps the search's coordinates (n,) to the objective's (dim,); without it they are the same.
    points : ndarray of shape (n + 1, dim), optional
        With a box: the first vertices as the objective is to see them, to the last bit.
    k : int, default 1
        How many of the worst vertices an iteration moves; more than one in subclasses only.

    Attributes
    ----------
    n : int
        Coordinates searched.
    nshrink : int
        Shrinks done.
    """

    if not cython.compiled:
        n: int
        _kept: int
        _order: memoryview[int]

    def __init__(
        self,
        simplex: NDArray[np.float64],
        coefficients: Coefficients,
        test: Test,
        equal_outside: bool = True,
        equal_inside: bool = False,
        box: Box | None = None,
        points: NDArray[np.float64] | None = None,
        k: int = 1,
    ) -> None:
        n = simplex.shape[1]
        rows = n + 1 + 2 * k  # the vertices, and for each that moves a reflection and a trial point
        Stage.__init__(self, n if box is None else box.dim, rows)
        self.n = n
        self.nshrink = 0
        self.coefficients = coefficients
        self.test = test
        self.box = box
        self._rule = RULES[test.kind]
        self._xatol, self._fatol, self._ulps = test.xatol, test.fatol, test.ulps
        self._reflection = coefficients.reflection
        self._expansion = coefficients.expansion
        self._contraction = coefficients.contraction
        self._shrinkage = coefficients.shrinkage
        self._equal_outside = equal_outside
        self._equal_inside = equal_inside
        self._kept = n + 1 - k
        self._per_kept = 1.0 / self._kept
        if box is None:
            self._z = self._x
        else:
            self._z = doubles(np.zeros(rows * n))
            array_of(self._x)[:] = np.tile(box.lower, rows)  # stays where low = high
        self._sum = doubles(np.zeros(n))
        self._centroid = doubles(np.zeros(n))
        self._order = indices(np.arange(n + 1))
        self._queue = indices(np.arange(n + 1))
        self._phase = INITIAL
        self._end = RUNNING
        self._seen_rank, self._seen_axis = n, 0
        self._stale = 0
        self._remembered = 0
        self._past_z = doubles(np.empty(0))
        self._past_f = doubles(np.empty(0))
        self._huge = False
        self._far = LARGEST
        self.restart(simplex, np.full(len(simplex), NAN), points)
        self._set_far()

    def run_each_native(
        self,
        address: int,
        data: int,
        evaluations: int,
        target: float,
        simplexes: NDArray[np.float64],
        points: NDArray[np.float64] | None,
        best: NDArray[np.float64],
        values: NDArray[np.float64],
        counts: NDArray[np.int64],
    ) -> None:
        """Begin anew from each of many simplexes and run it, without the GIL; else as `run_native`.

        Parameters
        ----------
        address, data, evaluations, target
            As in `run_native`; `evaluations` of each.
        simplexes : ndarray of shape (m, n + 1, n)
            As `restart` takes them.
        points : ndarray of shape (m, n + 1, dim) or None
            With a box: the vertices as the objective sees them.
        best, values : ndarray of shape (m, dim) and (m,)
            Where the best point of each and its value are written.
        counts : ndarray of int64, shape (m, 5)
            Where for each is written how it ended (an index of ``ENDS``), its evaluations, those
            that failed, its iterations and its shrinks.
        """
        found, lowest, counted = doubles(best), doubles(values), indices(counts)
        self._run_lanes(
            address,
            data,
            evaluations,
            target,
            doubles(simplexes),
            doubles(simplexes if points is None else points),
            found,
            lowest,
            counted,
        )
        best[:] = array_of(found).reshape(best.shape)
        values[:] = array_of(lowest)
        counts[:] = array_of(counted).reshape(counts.shape)

    def _run_lanes(self, address, data, evaluations, target, z, x, best, values, counts):
        # type: (int, int, int, float, memoryview[float], memoryview[float], memoryview[float], memoryview[float], memoryview[int]) -> None
        value: cython.double
        done: cython.Py_ssize_t
        lane: cython.Py_ssize_t
        j: cython.Py_ssize_t
        row: cython.Py_ssize_t
        lanes: cython.Py_ssize_t = len(values)
        z_size: cython.Py_ssize_t = (self.n + 1) * self.n
        x_size: cython.Py_ssize_t = (self.n + 1) * self.dim
        with cython.nogil:
            for lane in range(lanes):
                self._begin_lane(z, lane * z_size, x, lane * x_size)
                done = 0
                while done < evaluations and not self.done:
                    value = call_native(address, self.dim, self._x, self._pending * self.dim, data)
                    done += 1
                    self._receive(value)
                    if value <= target:
                        break
                row = self._best_row()
                for j in range(self.dim):
                    best[lane * self.dim + j] = self._x[row * self.dim + j]
                values[lane] = self._f[row]
                counts[5 * lane] = self._end
                counts[5 * lane + 1] = self.nfev
                counts[5 * lane + 2] = self.nfailed
                counts[5 * lane + 3] = self.nit
                counts[5 * lane + 4] = self.nshrink

    # What users of the machine read

    @property
    def phase(self) -> str:
        """What the pending point is: one of ``PHASES``."""
        return PHASES[self._phase]

    @property
    def between(self) -> bool:
        """Whether the pending point begins an iteration."""
        return self._phase == REFLECT and not self.done

    @property
    def end(self) -> str | None:
        """Why it is done: "converged", "unbounded", or None while it is not."""
        return ENDS[self._end]

    @property
    def best(self) -> tuple[NDArray[np.float64], float]:
        """The best point evaluated (dim,) and its value; before any value +inf at the first."""
        row = self._best_row()
        f = self._f[row]
        return self._rows()[row].copy(), INF if f != f else f

    @property
    def vertices(self) -> NDArray[np.float64]:
        """The vertices as the objective sees them, (n + 1, dim), best first; unknown ones last."""
        return self._rows()[self._ranks()]

    @property
    def simplex(self) -> NDArray[np.float64]:
        """The vertices in the coordinates the search moves in, (n + 1, n), in the same order."""
        return array_of(self._z).reshape(-1, self.n)[self._ranks()]

    @property
    def values(self) -> NDArray[np.float64]:
        """The values at the vertices, (n + 1,); NaN where not evaluated yet."""
        return array_of(self._f)[self._ranks()]

    @property
    def centroid(self) -> NDArray[np.float64]:
        """The centroid of the vertices kept, all but the worst, as the objective sees it."""
        z = self.simplex[: self._kept].mean(axis=0)
        return z if self.box is None else self.box.leave(z)

    def needed(self) -> NDArray[np.float64]:
        """Return the points whose values are needed now, (k, dim), in the order of need."""
        if self.done:
            return self._rows()[:0]
        if self._phase in (INITIAL, SHRINK):
            return self._rows()[array_of(self._queue)[self._head : self._queued]]
        return self._rows()[self._pending : self._pending + 1].copy()

    @property
    def waiting(self) -> int:
        """How many points `needed` gives."""
        if self.done:
            return 0
        queued = self._phase == INITIAL or self._phase == SHRINK
        return self._queued - self._head if queued else 1

    def _ranks(self) -> NDArray[np.intp]:
        """Rows of the vertices, best first; a reflection about to be accepted counts already."""
        order = array_of(self._order)
        if self._phase in (INITIAL, SHRINK):
            waiting = array_of(self._queue)[self._head : self._queued]
            return np.concatenate([order[: self._ranked], waiting])
        if self._phase == EXPAND:
            return np.concatenate([[self._r], order[: self.n]])
        return order.copy()

    # What policies of a search do between iterations

    def restart(
        self,
        simplex: NDArray[np.float64],
        values: NDArray[np.float64],
        points: NDArray[np.float64] | None = None,
    ) -> None:
        """Go on from another simplex; counts and settings stay.

        Parameters
        ----------
        simplex : ndarray of shape (n + 1, n)
            In the coordinates the search moves in.
        values : ndarray of shape (n + 1,)
            NaN where not known: those points are evaluated.
        points : ndarray of shape (n + 1, dim), optional
            With a box: the vertices as the objective sees them, to the last bit.
        """
        array_of(self._z)[: simplex.size] = simplex.ravel()
        row: cython.Py_ssize_t
        for row in range(self.n + 1):
            self._place(row)
            if points is not None:
                self._rows()[row] = points[row]
            self._f[row] = values[row]
        self._go_on()

    def surround(self, others: NDArray[np.float64]) -> None:
        """Go on from the best vertex, with `others` in the place of the rest.

        Parameters
        ----------
        others : ndarray of shape (n, n)
            In the coordinates the search moves in.
        """
        x, f = self.best
        values = np.full(self.n + 1, NAN)
        values[0] = f
        self.restart(np.vstack([self.simplex[:1], others]), values)
        self._rows()[0] = x  # which T(z) need not be to the last bit

    def _go_on(self):
        """Go on from the vertices in the first rows, as if nothing had been done yet."""
        row: cython.Py_ssize_t
        self._r = self.n + 1
        self._t = self.n + 2
        self._phase = INITIAL
        self._end = RUNNING
        self.done = False
        self._ranked = 0
        self._head = 0
        self._queued = 0
        for row in range(self.n + 1):
            if self._f[row] != self._f[row]:
                self._queue[self._queued] = row
                self._queued += 1
            else:
                self._insert(row)
        if self._queued > 0:
            self._pending = self._queue[0]
        else:
            self._refresh()
            self._reflect()

    def _begin_lane(self, z, z_at, x, x_at):
        # type: (memoryview[float], int, memoryview[float], int) -> None
        """Begin anew from a simplex at z[z_at], which the objective sees as x[x_at]."""
        i: cython.Py_ssize_t
        for i in range((self.n + 1) * self.n):
            self._z[i] = z[z_at + i]
        for i in range(self.n + 1):
            self._place(i)
            self._f[i] = NAN
        for i in range((self.n + 1) * self.dim):
            self._x[i] = x[x_at + i]
        self.nfev = 0
        self.nfailed = 0
        self.nit = 0
        self.nshrink = 0
        self._seen_rank = self.n
        self._seen_axis = 0
        self._go_on()
        self._set_far()

    def _set_far(self):
        """Set where points are too far away: beyond `FAR`, or far beyond the first simplex."""
        i: cython.Py_ssize_t
        first: cython.double = 0.0
        for i in range((self.n + 1) * self.n):
            if fabs(self._z[i]) > first:
                first = fabs(self._z[i])
        for i in range((self.n + 1) * self.dim):
            if fabs(self._x[i]) > first:
                first = fabs(self._x[i])
        self._far = LARGEST
        if first < 1e290:
            self._far = 1e10 * first if 1e10 * first > FAR else FAR

    def replace(self, vertex: int, x: NDArray[np.float64], f: float) -> None:
        """Put the point `x` (n,) of known value `f` in the place of the vertex of rank `vertex`.

        Raises
        ------
        RuntimeError
            An iteration is under way.
        """
        if not self.between:
            raise RuntimeError("a vertex can be replaced only between iterations")
        if not 0 <= vertex <= self.n:
            raise IndexError(f"vertex={vertex}: expected a rank from 0 to {self.n}")
        rank: cython.Py_ssize_t
        at: cython.Py_ssize_t = vertex
        row: cython.Py_ssize_t = self._order[at]
        array_of(self._z)[row * self.n : (row + 1) * self.n] = x
        self._place(row)
        self._f[row] = INF if math.isnan(f) else f
        for rank in range(at, self.n):
            self._order[rank] = self._order[rank + 1]
        self._ranked = self.n
        self._insert(row)
        self._refresh()
        self._reflect()

    def keep(self, rows: int) -> None:
        """Remember the last `rows` points evaluated, in the coordinates the search moves in.

        A clone remembers nothing.
        """
        self._room = rows
        self._remembered = 0
        self._past_z = doubles(np.zeros(rows * self.n))
        self._past_f = doubles(np.zeros(rows))

    def past(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the points remembered, (m, n), and their values (m,), the oldest first."""
        room = self._room
        count = min(self._remembered, room)
        if count == 0:
            return np.empty((0, self.n)), np.empty(0)
        z, f = array_of(self._past_z).reshape(room, self.n), array_of(self._past_f)
        first = self._remembered % room if self._remembered > room else 0
        order = np.arange(first, first + count) % room
        return z[order], f[order]

    def note(self, z: NDArray[np.float64], f: float) -> None:
        """Remember a point `z` (n,) that was evaluated elsewhere, and its value."""
        if self._room > 0:
            at = self._remembered % self._room
            array_of(self._past_z)[at * self.n : (at + 1) * self.n] = z
            self._past_f[at] = INF if math.isnan(f) else f
            self._remembered += 1

    def _remember(self, f: cython.double):
        """Write the pending point and its value into the ring."""
        j: cython.Py_ssize_t
        at: cython.Py_ssize_t = self._remembered % self._room
        for j in range(self.n):
            self._past_z[at * self.n + j] = self._z[self._pending * self.n + j]
        self._past_f[at] = f
        self._remembered += 1

    def finish(self) -> None:
        """Call the simplex converged; for rules that the machine does not know."""
        self._finish(CONVERGED)

    def clone(self) -> Machine:
        """Return an independent machine in the same state."""
        copy: Machine = Machine.__new__(Machine)
        self._copy_to(copy)
        return copy

    def _copy_to(self, copy: Machine) -> None:
        """Give a machine that is made but not begun the state of this one."""
        self._copy_stage(copy)
        copy.n = self.n
        copy.nshrink = self.nshrink
        copy.coefficients = self.coefficients
        copy.test = self.test
        copy.box = self.box
        copy._rule = self._rule
        copy._xatol, copy._fatol, copy._ulps = self._xatol, self._fatol, self._ulps
        copy._reflection = self._reflection
        copy._expansion = self._expansion
        copy._contraction = self._contraction
        copy._shrinkage = self._shrinkage
        copy._equal_outside = self._equal_outside
        copy._equal_inside = self._equal_inside
        copy._kept = self._kept
        copy._per_kept = self._per_kept
        copy._z = copy._x if self.box is None else doubles(array_of(self._z))
        copy._sum = doubles(array_of(self._sum))
        copy._centroid = doubles(array_of(self._centroid))
        copy._order = indices(array_of(self._order))
        copy._queue = indices(array_of(self._queue))
        copy._phase = self._phase
        copy._end = self._end
        copy._ranked = self._ranked
        copy._head = self._head
        copy._queued = self._queued
        copy._r = self._r
        copy._t = self._t
        copy._stale = self._stale
        copy._remembered = 0
        copy._huge = self._huge
        copy._far = self._far
        copy._seen_rank = self._seen_rank
        copy._seen_axis = self._seen_axis

    def branches(self) -> list[tuple[float, float]]:
        """Return values of the pending point that lead to different moves, most frequent first.

        Returns
        -------
        list of (value, share)
            The shares are how often a move was met on the Moré-Garbow-Hillstrom problems. None
            where what follows depends on more than one value: in the first simplex and a shrink.
        """
        best, second, worst, r = self._compared()
        kinds: list[tuple[float, float, bool]] = []  # value, share, whether there is such a value
        if self._phase == REFLECT:
            kinds = [
                (worst, 0.37, True),  # inside contraction
                (best, 0.35, best < second),  # taken
                (math.nextafter(best, -INF), 0.22, best > -INF),  # expansion
                (second, 0.06, second < worst),  # outside contraction
            ]
        elif self._phase == EXPAND:
            kinds = [(math.nextafter(r, -INF), 0.52, r > -INF), (r, 0.48, True)]
        elif self._phase == OUTSIDE or self._phase == INSIDE:
            limit = r if self._phase == OUTSIDE else worst
            equal = self._equal_outside if self._phase == OUTSIDE else self._equal_inside
            refused = math.nextafter(limit, INF) if equal else limit
            kinds = [
                (math.nextafter(second, -INF), 0.98, second > -INF),  # no longer the worst
                (second, 0.01, second < refused),  # the worst still
                (refused, 0.01, True),  # shrink
            ]
        return [(value, share) for value, share, there in kinds if there]

    def _compared(self) -> tuple[float, float, float, float]:
        """Return what values are compared with: those of best, second worst, worst, reflection."""
        order, f = self._order, self._f
        return f[order[0]], f[order[self.n - 1]], f[order[self.n]], f[self._r]

    # The decisions

    def _take(self, f: cython.double):
        worst: cython.double
        self._f[self._pending] = f
        if f == -INF:
            if self._phase != INITIAL and self._phase != SHRINK:
                self._accept(self._pending)
                self._phase = REFLECT
            else:
                self._take_queued(f)
            self._finish(UNBOUNDED)
        elif self._phase == REFLECT:
            worst = self._f[self._order[self.n]]
            if f < self._f[self._order[0]]:
                self._try(EXPAND, self._expansion * self._reflection)
            elif f < self._f[self._order[self.n - 1]]:
                self._accept(self._r)
                self._end_iteration()
            elif f < worst:
                self._try(OUTSIDE, self._contraction * self._reflection)
            else:
                self._try(INSIDE, -self._contraction)
        elif self._phase == EXPAND:
            self._accept(self._t if f < self._f[self._r] else self._r)
            self._end_iteration()
        elif self._phase == OUTSIDE:
            if f < self._f[self._r] or (self._equal_outside and f == self._f[self._r]):
                self._accept(self._t)
                self._end_iteration()
            else:
                self._shrink()
        elif self._phase == INSIDE:
            worst = self._f[self._order[self.n]]
            if f < worst or (self._equal_inside and f == worst):
                self._accept(self._t)
                self._end_iteration()
            else:
                self._shrink()
        else:
            self._take_queued(f)

    def _take_queued(self, f: cython.double):
        """Rank a vertex of the first simplex or of a shrink; after the last one go on."""
        self._insert(self._pending)
        self._head += 1
        if self._head < self._queued:
            self._pending = self._queue[self._head]
            return
        self._refresh()
        if self._phase == SHRINK:
            self.nshrink += 1
            self._end_iteration()
        elif self._converged():
            self._finish(CONVERGED)
        else:
            self._reflect()

    def _reflect(self):
        """Set the centroid and the reflection of the worst vertex as pending point."""
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n
        worst: cython.Py_ssize_t = self._order[n] * n
        r: cython.Py_ssize_t = self._r * n
        c: cython.double
        for j in range(n):
            c = self._sum[j] * self._per_kept
            self._centroid[j] = c
            self._z[r + j] = c + self._reflection * (c - self._z[worst + j])
        self._phase = REFLECT
        self._wait_for(self._r)

    def _try(self, phase, factor):
        # type: (int, float) -> None
        """Set c + factor·(c - x_w) as pending point: e, or a contraction towards r or x_w.

        Written with x_w, r itself may have been moved into the box without changing the others.
        """
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n
        t: cython.Py_ssize_t = self._t * n
        worst: cython.Py_ssize_t = self._order[n] * n
        for j in range(n):
            self._z[t + j] = self._centroid[j] + factor * (self._centroid[j] - self._z[worst + j])
        self._phase = phase
        self._wait_for(self._t)

    def _wait_for(self, row: cython.Py_ssize_t):
        """Set `row` as pending point, unless it is so far away that there is no minimum."""
        self._place(row)
        if self._huge and self._is_far(row):
            self._finish(UNBOUNDED)
        else:
            self._pending = row

    def _is_far(self, row):
        # type: (int) -> bool
        j: cython.Py_ssize_t
        far: cython.bint = False
        for j in range(self.n):
            far |= not fabs(self._z[row * self.n + j]) <= self._far
        for j in range(self.dim):
            far |= not fabs(self._x[row * self.dim + j]) <= self._far
        return far

    def _accept(self, row: cython.Py_ssize_t):
        """Let `row` replace the worst vertex, whose row becomes free; nothing is copied."""
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n
        out: cython.Py_ssize_t = self._order[n]
        if row == self._r:
            self._r = out
        else:
            self._t = out
        self._ranked = n
        self._insert(row)
        self._stale += 1
        if self._stale > REFRESH * n:
            self._refresh()
            return
        out = self._order[n] * n
        row *= n
        if row != out:
            for j in range(n):
                self._sum[j] += self._z[row + j] - self._z[out + j]

    def _shrink(self):
        """Move all vertices towards the best one and queue them for evaluation."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n
        b: cython.Py_ssize_t = self._order[0] * n
        p: cython.Py_ssize_t
        for i in range(n):
            self._queue[i] = self._order[i + 1]
            p = self._queue[i] * n
            for j in range(n):
                self._z[p + j] = self._z[b + j] + self._shrinkage * (
                    self._z[p + j] - self._z[b + j]
                )
            self._place(self._queue[i])
            self._f[self._queue[i]] = NAN
        self._phase = SHRINK
        self._ranked = 1
        self._head = 0
        self._queued = n
        self._pending = self._queue[0]

    def _insert(self, row: cython.Py_ssize_t):
        """Rank `row` among the ranked vertices, after equal ones."""
        k: cython.Py_ssize_t = self._ranked
        f: cython.double = self._f[row]
        while k > 0 and self._f[self._order[k - 1]] > f:
            self._order[k] = self._order[k - 1]
            k -= 1
        self._order[k] = row
        self._ranked += 1

    def _refresh(self):
        """Do what is not worth doing at every iteration: O(n) each on average."""
        i: cython.Py_ssize_t
        self._stale = 0
        self._sum_kept()
        self._huge = False
        for i in range(len(self._z)):
            if fabs(self._z[i]) >= HUGE:
                self._huge = True

    def _sum_kept(self):
        """Add up the vertices kept anew, so that rounding cannot drift."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n
        p: cython.Py_ssize_t
        for j in range(n):
            self._sum[j] = 0.0
        for i in range(self._kept):
            p = self._order[i] * n
            for j in range(n):
                self._sum[j] += self._z[p + j]

    def _place(self, row: cython.Py_ssize_t):
        """Write the point that the objective sees for the search's coordinates in `row`."""
        if self.box is not None:
            self.box.place(self._z, row * self.n, self._x, row * self.dim)

    def _end_iteration(self):
        self.nit += 1
        if self._converged():
            self._phase = REFLECT
            self._finish(CONVERGED)
            return
        self._reflect()

    def _finish(self, end):
        # type: (int) -> None
        self._end = end
        self.done = True

    def _best_row(self):
        # type: () -> int
        """Return the row of the best value: before an expansion that of the reflection."""
        if self._phase == EXPAND:
            return self._r
        return self._order[0] if self._ranked > 0 else self._queue[0]

    # The rules of convergence

    def _converged(self):
        # type: () -> bool
        best: cython.double = self._f[self._order[0]]
        worst: cython.double = self._f[self._order[self.n]]
        spread: cython.double = 0.0 if worst == best else worst - best
        floor: cython.double = self._ulps * EPS * fabs(best) if fabs(best) < INF else 0.0
        if self._rule == NO_RULE:
            return False
        if self._rule == BOTH:
            if spread <= self._fatol or spread <= floor:
                return self._within(self._xatol)
            return self._stale == 0 and self._ulps > 0.0 and self._within(0.0)
        if self._rule == EITHER:
            return spread <= self._fatol or self._within(self._xatol)
        return self._standard_error() <= self._fatol

    def _within(self, xatol):
        # type: (float) -> bool
        """Whether no vertex is farther than `xatol` from the best one in any coordinate.

        The vertex that decided last time is looked at first, so that this is O(1) until the end.
        """
        rank: cython.Py_ssize_t
        axis: cython.Py_ssize_t
        if self._apart(self._seen_rank, self._seen_axis, xatol):
            return False
        for rank in range(self.n, 0, -1):
            for axis in range(self.dim):
                if self._apart(rank, axis, xatol):
                    self._seen_rank = rank
                    self._seen_axis = axis
                    return False
        return True

    def _apart(self, rank, axis, xatol):
        # type: (int, int, float) -> bool
        best: cython.double = self._x[self._order[0] * self.dim + axis]
        distance: cython.double = fabs(self._x[self._order[rank] * self.dim + axis] - best)
        if self._ulps > 0.0 and distance <= self._ulps * EPS * fabs(best):
            return False
        return not distance <= xatol

    def _standard_error(self):
        # type: () -> float
        i: cython.Py_ssize_t
        first: cython.double = self._f[self._order[0]]
        mean: cython.double = 0.0
        total: cython.double = 0.0
        d: cython.double
        if self._f[self._order[self.n]] == first:
            return 0.0
        for i in range(self.n + 1):
            mean += (self._f[self._order[i]] - first) / (self.n + 1)
        for i in range(self.n + 1):
            d = (self._f[self._order[i]] - first) - mean
            total += d * d
        return sqrt(total / (self.n + 1))
