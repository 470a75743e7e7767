"""From starts to a first state, and from what became of the lanes to a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.batched.result import BatchResult
from nelder.batched.simplexes import bounds, first_simplexes
from nelder.batched.state import Outcome, State, first_state
from nelder.errors import InvalidArgumentError
from nelder.result import Status

if TYPE_CHECKING:
    from nelder.batched.backend import Backend
    from nelder.batched.problem import Problem
    from nelder.batched.settings import Settings

__all__ = ["begin", "check_finite", "embedded", "only_point", "raise_degenerate", "result"]


def begin(x0s: Any, settings: Settings, builder: Any, backend: Backend) -> tuple[State, Any]:
    """Return lanes at their starts (dim, B), and which first simplexes are degenerate, (B,).

    What array operations see of that: a vertex that is the start, or a coordinate in which all are
    the same.
    """
    xp = backend.xp
    x0s = backend.pick_rows(x0s, settings.box.free) if settings.box is not None else x0s
    lower, upper = bounds(settings, x0s, backend)
    if lower is not None:
        x0s = xp.minimum(xp.maximum(x0s, lower), upper)
    vertices = first_simplexes(builder, x0s, settings, backend)
    edges = xp.abs(vertices[1:] - vertices[:1])
    flat = backend.any(xp.equal(xp.max(edges, axis=0), 0.0))
    same = backend.any(xp.equal(xp.max(edges, axis=1), 0.0))
    return first_state(vertices, settings, backend), flat | same


def raise_degenerate(degenerate: Any) -> None:
    """Raise InvalidArgumentError where a first simplex is degenerate, of truth values (B,)."""
    lanes = np.flatnonzero(degenerate)
    if lanes.size:
        raise InvalidArgumentError(
            f"initial_simplex of x0s[{lanes[0]}] is degenerate: expected vertices that do not all "
            "lie in one hyperplane"
        )


def check_finite(leaves: Sequence[Any]) -> None:
    """Raise InvalidArgumentError where starts, NumPy arrays (B, ...), are not finite."""
    for leaf in leaves:
        if not np.isfinite(leaf).all():
            at = np.argwhere(~np.isfinite(leaf))[0].tolist()
            where = ", ".join(map(str, at))
            raise InvalidArgumentError(f"x0s[{where}]={leaf[tuple(at)]}: expected a finite number")


def embedded(x: Any, settings: Settings, backend: Backend) -> Any:
    """Return points (m, dim) as the objective sees them, of columns (n, m)."""
    if settings.box is not None:
        x = settings.box.embed(x, backend)
    return backend.points(x)


def only_point(problem: Problem, settings: Settings) -> BatchResult:
    """Return the result where every variable is fixed: there is one point to evaluate."""
    backend, box = problem.library, settings.box
    assert box is not None
    xp = backend.xp
    x0s = backend.columns(problem.leaves)
    x = backend.constant(np.array(box.fixed).reshape(-1, 1), x0s) + xp.zeros_like(x0s)
    f = problem.values(backend.points(x), problem.data)
    zero = backend.whole(xp.not_equal(f, f)) * 0
    f = xp.where(xp.isnan(f), float("inf"), f)
    status = xp.where(f < float("inf"), zero + int(Status.CONVERGED), int(Status.NO_FINITE_VALUE))
    status = xp.where(f <= settings.target, zero + int(Status.TARGET), status)
    status = xp.where(xp.equal(f, -float("inf")), zero + int(Status.UNBOUNDED), status)
    failed = backend.whole(xp.equal(f, float("inf")))
    return _result(x, Outcome(x, f, status, zero + 1, zero, zero, zero, failed), problem)


def result(found: Outcome, problem: Problem, settings: Settings) -> BatchResult:
    """Return what became of the lanes, as users see it."""
    x = found.x
    if settings.box is not None:
        x = settings.box.embed(x, problem.library)
    return _result(x, found, problem)


def _result(x: Any, found: Outcome, problem: Problem) -> BatchResult:
    status, xp = found.status, problem.library.xp
    return BatchResult(
        x=problem.structured(problem.library.points(x)),
        fun=found.fun,
        success=xp.equal(status, int(Status.CONVERGED)) | xp.equal(status, int(Status.TARGET)),
        status=status,
        nfev=found.nfev,
        nit=found.nit,
        nshrink=found.nshrink,
        nrestart=found.nrestart,
        nfailed=found.nfailed,
    )
