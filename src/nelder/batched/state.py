"""The state of B lanes, and the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nelder.batched.vertices import Rows
from nelder.core.machine import PHASES
from nelder.result import Status

if TYPE_CHECKING:
    from nelder.batched.backend import Backend
    from nelder.batched.settings import Settings

__all__ = [
    "CENTROID",
    "DONE",
    "EXPAND",
    "INITIAL",
    "INSIDE",
    "OUTSIDE",
    "PARKED",
    "PROBE",
    "REFLECT",
    "SHRINK",
    "Looking",
    "Outcome",
    "State",
    "first_state",
    "outcome",
]

# Phases of the machine, and those beyond it.
INITIAL, REFLECT, EXPAND, OUTSIDE, INSIDE, SHRINK = range(len(PHASES))
PROBE = 6
CENTROID = 7
PARKED = 8  # converged, and not looking around yet
DONE = 9

NAN, INF = float("nan"), float("inf")


class Looking(NamedTuple):
    """What the probe knows of each lane, and the lowest of the points outside the simplex.

    Attributes
    ----------
    steps : array (n, B)
        Of the first simplex, then of the next restart.
    radii : array (n, B)
        How far it looks along each axis; once it has begun a restart, where the vertices are.
    blind : array of bool (n, B)
        Axes along which nothing was seen to change.
    index, last : array of int32 (B,)
        Which point of the look is pending, 2·axis + side, and which is its last; -1 for none. In a
        restart the vertex that is pending.
    x, f : array (n, B) and (B,)
        The lowest point and its value.
    """

    steps: Any
    radii: Any
    blind: Any
    index: Any
    last: Any
    x: Any
    f: Any


class State(NamedTuple):
    """B lanes, each waiting for the value of one point.

    Attributes
    ----------
    phase : array of int32 (B,)
        What the pending point is: a phase of the machine, ``PROBE``, ``CENTROID``,
        ``PARKED`` or ``DONE``.
    status : array of int32 (B,)
        A `nelder.Status`; ``RUNNING`` until the lane is done.
    simplex : Rows
        While an expansion is pending, the reflection counts as a vertex already.
    point : array (w, B)
        The pending point, a row.
    sum : array (n, B)
        Of all vertices but the worst.
    base : array (n, B)
        What a shrink moves towards.
    reflected : array (B,)
        The value of the reflection, where an outside contraction is pending.
    stale : array of int32 (B,)
        Vertices accepted since the sum was added up.
    seen_huge, huge : array of bool (B,)
        Whether a point was far out, and whether points are watched for that.
    far : array (B,)
        Beyond what there is no minimum.
    nfev, nit, nshrink, nrestart, nfailed : array of int32 (B,)
    looking : Looking or None
        With a probe or a final centroid.
    opaque : bool array () or None
        Of no meaning; see `Backend.settle`.
    """

    phase: Any
    status: Any
    simplex: Rows
    point: Any
    sum: Any
    base: Any
    reflected: Any
    stale: Any
    seen_huge: Any
    huge: Any
    far: Any
    nfev: Any
    nit: Any
    nshrink: Any
    nrestart: Any
    nfailed: Any
    looking: Looking | None
    opaque: Any


class Outcome(NamedTuple):
    """What became of B lanes so far: the best point (n, B), its value, and counts, (B,) each."""

    x: Any
    fun: Any
    status: Any
    nfev: Any
    nit: Any
    nshrink: Any
    nrestart: Any
    nfailed: Any


def first_state(vertices: Any, settings: Settings, backend: Backend) -> State:
    """Return lanes that wait for their first values.

    Parameters
    ----------
    vertices : array (n + 1, n, B)
        Of the first simplexes, the searched coordinates as the objective sees them.
    settings : Settings
    backend : Backend
    """
    xp = backend.xp
    n, box = settings.n, settings.box
    size = xp.max(xp.max(xp.abs(vertices), axis=0), axis=0)
    rows, reach = vertices, size
    if box is not None:
        z = xp.stack([box.enter(vertices[k], backend) for k in range(n + 1)])
        reach = xp.max(xp.max(xp.abs(z), axis=0), axis=0)
        size = xp.maximum(xp.maximum(size, reach), xp.zeros_like(size) + box.reach)
        rows = xp.concat([z, vertices], axis=1)
    none, no = xp.zeros_like(size), xp.zeros_like(size) > 0.0
    unknown = xp.zeros_like(vertices[:, 0]) + NAN
    simplex = backend.vertices.pack(unknown, xp.flip(rows, axis=0), backend)
    zero = backend.whole(no)
    looking = None
    if settings.probe or settings.final_centroid:
        steps = xp.max(xp.abs(vertices[1:] - vertices[:1]), axis=0)
        looking = Looking(
            steps, steps * 0.0, steps < 0.0, zero - 1, zero - 1, vertices[0], none + INF
        )
    point = backend.vertices.row(simplex, n, backend)
    return State(
        phase=zero + INITIAL,
        status=zero + int(Status.RUNNING),
        simplex=simplex,
        point=point,
        sum=xp.zeros_like(vertices[0]),
        base=xp.zeros_like(vertices[0]),
        reflected=none,
        stale=zero,
        seen_huge=reach >= settings.numbers.huge,
        huge=no,
        far=settings.far(size, xp),
        nfev=zero,
        nit=zero,
        nshrink=zero,
        nrestart=zero,
        nfailed=zero,
        looking=looking,
        opaque=backend.opaque(vertices[0]),
    )


def outcome(s: State, settings: Settings, backend: Backend) -> Outcome:
    """Return what became of each lane so far; its best point in the searched coordinates."""
    x = backend.vertices.row(s.simplex, 0, backend)[-settings.n :]
    fun = s.simplex.values[0]
    if s.looking is not None:
        lower = s.looking.f < fun
        x = backend.xp.where(lower, s.looking.x, x)
        fun = backend.xp.where(lower, s.looking.f, fun)
    return Outcome(x, fun, s.status, s.nfev, s.nit, s.nshrink, s.nrestart, s.nfailed)
