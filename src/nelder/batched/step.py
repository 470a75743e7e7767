"""One step of B lanes: the decisions of `core.machine` and `search`, in array operations.

Every lane waits for the value of one point. `step` takes the values, decides in each lane what
`Machine`, `Points` and `Search` decide, and sets the next points. It branches on nothing: what a
lane does is a matter of masks, and each lane depends on its own numbers only.

An expansion that is pending differs from the machine in one thing that does not show: the
reflection has replaced the worst vertex already, at the first rank, and the expansion then replaces
it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nelder.batched.looking import Look, look, restarted
from nelder.batched.settings import REFRESH, UNLIMITED
from nelder.batched.state import (
    CENTROID,
    DONE,
    EXPAND,
    INITIAL,
    INSIDE,
    OUTSIDE,
    PROBE,
    REFLECT,
    SHRINK,
    Looking,
    State,
)
from nelder.batched.vertices import Rows, rank_of
from nelder.result import Status

if TYPE_CHECKING:
    from nelder.batched.backend import Arrays, Backend
    from nelder.batched.settings import Settings

__all__ = ["refresh", "step"]

INF = float("inf")


class Moves(NamedTuple):
    """What the value of the pending point means, a mask (B,) each.

    Attributes
    ----------
    queued : of the first simplex, of a restart's or of a shrink
    begins : of the first simplex or of a restart's
    better : an expansion lower than its reflection
    taken : the pending point replaces the worst vertex, and the iteration ends
    expand, outside, inside : what a reflection leads to
    shrink : a contraction is refused
    """

    queued: Any
    begins: Any
    expanded: Any
    better: Any
    taken: Any
    expand: Any
    outside: Any
    inside: Any
    shrink: Any


def step(s: State, f: Any, settings: Settings, backend: Backend) -> State:
    """Return the state after the values `f` (B,) of the pending points ``s.point``."""
    xp, n = backend.xp, settings.n
    whole, rows = backend.whole, backend.vertices
    waits = s.phase != DONE
    if settings.probe:
        assert s.looking is not None
        waits = waits & ~((s.phase == PROBE) & (s.looking.index < 0))
    f = xp.where(xp.isnan(f) | ~waits, INF, f)
    nfev = s.nfev + whole(waits)
    nfailed = s.nfailed + whole(waits & (f == INF))

    # What it is compared with, and what may move.
    move = _moves(s, f, settings)
    best = rows.row(s.simplex, 0, backend)
    worst = rows.row(s.simplex, n, backend)
    near = rows.either(s.simplex, move.shrink, 1, n - 1, backend)
    minus = f == -INF
    enters = move.queued | move.taken | move.expand
    probing = s.phase == PROBE
    restart = None
    row = s.point
    if settings.probe:
        below = s.simplex.values[0]
        margin = 4.0 * settings.numbers.eps * xp.abs(below)
        below = xp.where(xp.abs(below) < INF, below - margin, below)
        restart = probing & waits & (f < below) & ~minus
        if settings.box is not None:
            row = _entered(row, restart, settings, backend)

    # The vertices.
    rank = rank_of(s.simplex, f, n, backend)
    at = xp.where(enters, rank, -1)
    last = xp.where(enters, n, -1)
    first = move.better if restart is None else move.better | restart
    at, last = xp.where(first, 0, at), xp.where(first, 0, last)
    simplex = rows.put(s.simplex, f, row, at, last, backend)
    forget = move.shrink if restart is None else move.shrink | restart
    simplex = rows.forget(simplex, forget, backend)
    is_worst = rank == n
    complete = move.queued & ~xp.isnan(simplex.values[n])
    shrunk = complete & ~move.begins
    ends = ((move.taken | move.expanded) & ~minus) | shrunk  # an iteration
    nit = s.nit + whole(ends)
    nshrink = s.nshrink + whole(shrunk)
    new_best = xp.where(first | (enters & (rank == 0)), row, best)
    new_worst = xp.where(
        move.expanded | move.expand | move.outside | move.inside,
        worst,
        xp.where(is_worst, row, near),
    )

    # Their sum.
    accepted = move.taken | move.expanded
    stale = s.stale + whole(accepted)
    due = (accepted & (stale > REFRESH * n)) | complete
    stale = xp.where(due, 0, stale)
    total = _sum(s, row, best, worst, near, move, is_worst & enters, n, backend)
    if backend.resums:
        parts = (simplex.rows,) if simplex.order is None else (simplex.rows, simplex.order)
        (total,) = backend.select(
            due, lambda *parts: (rows.total(parts, n, backend) + 0.0,), parts, (total,)
        )
    else:
        total = _sum_of_queue(total, s, row, best, new_worst, move, complete, restart, n, backend)
    seen_huge = s.seen_huge | backend.any(xp.abs(row[:n]) >= settings.numbers.huge)
    huge = xp.where(due, seen_huge, s.huge)
    seen_huge = xp.where(due, seen_huge & huge, seen_huge)

    # Whether the simplex has converged.
    asked = ends | (complete & move.begins)
    converged = _converged(simplex, new_best, stale, asked, settings, backend)
    reflects = asked & ~converged & ~minus

    # The next point.
    phase = xp.where(reflects, REFLECT, s.phase)
    factor_r, factor_e, factor_o, factor_i = settings.factors
    phase = xp.where(move.expand, EXPAND, phase)
    phase = xp.where(move.outside, OUTSIDE, phase)
    phase = xp.where(move.inside, INSIDE, phase)
    phase = xp.where(move.shrink, SHRINK, phase)
    factor = xp.where(move.expand, factor_e, xp.zeros_like(f) + factor_r)
    factor = xp.where(move.outside, factor_o, factor)
    factor = xp.where(move.inside, factor_i, factor)
    centroid = total * (1.0 / n)
    z = centroid + factor * (centroid - new_worst[:n])
    moved = reflects | move.expand | move.outside | move.inside
    base = xp.where(move.shrink, best[:n], s.base)
    shrinks = move.shrink | (move.queued & ~complete & ~move.begins)
    z = xp.where(shrinks, base + settings.shrinkage * (near[:n] - base), z)
    ended = converged & ~minus
    closing = None
    if settings.final_centroid:
        closing = ended
        z = _final(z, closing, simplex, n, backend)
    point = z
    if settings.box is not None:
        z, x = settings.box.place(z, backend)
        point = xp.concat([z, x], axis=0)
    far = moved & huge & backend.any(~(xp.abs(point) <= s.far))
    unbounded = minus | far
    next_vertex = move.queued & ~complete & move.begins
    point = xp.where(next_vertex, near, point)

    # What is outside of the simplex.
    looking, nrestart, done = s.looking, s.nrestart, ended
    lowest = simplex.values[0]
    if looking is not None:
        outside = probing if settings.probe else s.phase == CENTROID
        lower = outside & waits & (f < looking.f)
        x = s.point[-n:]
        looking = looking._replace(x=xp.where(lower, x, looking.x), f=xp.where(lower, f, looking.f))
        if settings.probe:
            assert restart is not None
            looking, point, phase, done = _look(
                s,
                looking,
                f,
                point,
                phase,
                ended,
                restart,
                new_best,
                next_vertex,
                settings,
                backend,
            )
            nrestart = nrestart + whole(restart)
        else:
            done = s.phase == CENTROID
            phase = xp.where(ended, CENTROID, phase)
        lowest = xp.where(looking.f < lowest, looking.f, lowest)

    # Whether the lane is done, and why: in the order of `drive.loop.ended`.
    zero = xp.zeros_like(s.status)
    status = xp.where(lowest < INF, zero + int(Status.CONVERGED), int(Status.NO_FINITE_VALUE))
    over = nfev >= settings.maxfev
    spent = xp.where(over, zero + int(Status.MAXFEV), int(Status.MAXITER))
    if settings.maxiter < UNLIMITED:
        over = over | ((nit >= settings.maxiter) & ((nit > 0) | (phase == REFLECT)))
    if settings.probe:  # a look without points is over before anything is spent
        assert looking is not None
        over = over & ~((phase == PROBE) & (looking.index < 0))
    status = xp.where(done, status, spent)
    over = over | done | unbounded
    status = xp.where(unbounded, int(Status.UNBOUNDED), status)
    if settings.targets:
        hit = (lowest <= settings.target) & ~minus
        over = over | hit
        status = xp.where(hit, int(Status.TARGET), status)
    was = s.phase == DONE
    over = over & ~was
    stop = over | was
    return State(
        phase=xp.where(stop, DONE, phase),
        status=xp.where(over, status, s.status),
        simplex=simplex,
        point=xp.where(stop, s.point, point),
        sum=total,
        base=base,
        reflected=xp.where(move.outside, f, s.reflected),
        stale=stale,
        seen_huge=seen_huge,
        huge=huge,
        far=s.far,
        nfev=nfev,
        nit=nit,
        nshrink=nshrink,
        nrestart=nrestart,
        nfailed=nfailed,
        looking=looking,
    )


def _moves(s: State, f: Any, settings: Settings) -> Moves:
    """Decide by the table of `core.machine`; -inf is taken wherever it comes."""
    values, phase, n = s.simplex.values, s.phase, settings.n
    best, second, worst = values[0], values[n - 1], values[n]
    begins = phase == INITIAL
    reflected, expanded = phase == REFLECT, phase == EXPAND
    outside, inside = phase == OUTSIDE, phase == INSIDE
    lower = f < best
    out = (f < s.reflected) | (f == s.reflected) if settings.equal_outside else f < s.reflected
    into = (f < worst) | (f == worst) if settings.equal_inside else f < worst
    contracted = (outside & out) | (inside & into)
    minus = f == -INF
    return Moves(
        queued=begins | (phase == SHRINK),
        begins=begins,
        expanded=expanded,
        better=expanded & lower,
        taken=contracted | (reflected & ((~lower & (f < second)) | minus)),
        expand=reflected & lower & ~minus,
        outside=reflected & ~lower & ~(f < second) & (f < worst),
        inside=reflected & ~lower & ~(f < second) & ~(f < worst),
        shrink=(outside | inside) & ~contracted,
    )


def _sum(
    s: State,
    row: Any,
    best: Any,
    worst: Any,
    near: Any,
    move: Moves,
    is_worst: Any,
    n: int,
    backend: Backend,
) -> Any:
    """Return the sum after an accepted vertex: it comes, and that which is the worst now goes."""
    where = backend.xp.where
    new = where(move.expanded & ~move.better, best, row)[:n]
    old = where(move.expanded, worst, near)[:n]
    changes = move.expanded | (move.taken & ~is_worst)
    return where(changes, s.sum + (new - old), s.sum)


def _sum_of_queue(
    total: Any,
    s: State,
    row: Any,
    best: Any,
    new_worst: Any,
    move: Moves,
    complete: Any,
    restart: Any,
    n: int,
    backend: Backend,
) -> Any:
    """Return the sum after a vertex of a queue: each comes, at last the worst goes."""
    where = backend.xp.where
    total = where(move.queued, total + row[:n], total)
    total = where(complete, total - new_worst[:n], total)
    total = where(move.shrink, best[:n], total)
    return total if restart is None else where(restart, row[:n], total)


def refresh(s: State, settings: Settings, backend: Backend) -> State:
    """Return the state with the sums added up anew, so that rounding cannot drift.

    For backends that do not do so at each lane's own time.
    """
    simplex, xp = s.simplex, backend.xp
    parts = (simplex.rows,) if simplex.order is None else (simplex.rows, simplex.order)
    known = ~xp.isnan(simplex.values[settings.n])
    total = backend.vertices.total(parts, settings.n, backend)
    expands = s.phase == EXPAND  # then the sum is still that before the reflection
    return s._replace(sum=xp.where(known & ~expands, total, s.sum))


def _entered(row: Any, mask: Any, settings: Settings, backend: Backend) -> Any:
    """Return rows with the coordinates that the search moves in, for the lanes of `mask`."""
    box, n = settings.box, settings.n
    assert box is not None

    def enter(x: Any) -> Arrays:
        return (box.enter(x, backend),)

    (z,) = backend.select(mask, enter, (row[n:],), (row[:n],))
    return backend.xp.concat([z, row[n:]], axis=0)


def _final(z: Any, mask: Any, simplex: Rows, n: int, backend: Backend) -> Any:
    """Return the centroid for the lanes of `mask`, as the mean of the vertices kept."""
    parts = (simplex.rows,) if simplex.order is None else (simplex.rows, simplex.order)

    def mean(*parts: Any) -> Arrays:
        return (backend.vertices.total(parts, n, backend) / n,)

    return backend.select(mask, mean, parts, (z,))[0]


# The rules of convergence


def _converged(
    simplex: Rows, best: Any, stale: Any, asked: Any, settings: Settings, backend: Backend
) -> Any:
    """Return in which of the lanes `asked` the simplex has converged."""
    xp, n, values = backend.xp, settings.n, simplex.values
    if settings.rule == "none":
        return asked & ~asked
    low, high = values[0], values[n]
    spread = xp.where(high == low, 0.0, high - low)
    if settings.rule == "standard error":
        error = _standard_error(values, settings, backend)
        return asked & ((high == low) | (error <= settings.fatol))
    if settings.rule == "either":
        small = spread <= settings.fatol
        within = _within(
            simplex, best, asked & ~small, xp.zeros_like(low) + settings.xatol, settings, backend
        )
        return asked & (small | within)
    assert settings.rule == "both"
    floor = settings.ulps * settings.numbers.eps * xp.abs(low)
    small = (spread <= settings.fatol) | ((spread <= floor) & (xp.abs(low) < INF))
    look_at = asked & small
    if settings.ulps > 0.0:  # collapsed to its rounding
        look_at = look_at | (asked & (stale == 0))
    tolerance = xp.where(small, settings.xatol, xp.zeros_like(low))
    return look_at & _within(simplex, best, look_at, tolerance, settings, backend)


def _within(
    simplex: Rows, best: Any, mask: Any, xatol: Any, settings: Settings, backend: Backend
) -> Any:
    """Return for lanes of `mask` whether no vertex is farther than `xatol` from the best."""
    xp, n = backend.xp, settings.n

    def within(rows: Any, best: Any, xatol: Any) -> Arrays:
        distance = xp.abs(rows[:, -n:] - best[-n:])
        near = distance <= xatol
        if settings.ulps > 0.0:
            near = near | (distance <= settings.ulps * settings.numbers.eps * xp.abs(best[-n:]))
        return (~backend.any(backend.any(~near)),)

    return backend.select(mask, within, (simplex.rows, best, xatol), (mask & ~mask,))[0]


def _standard_error(values: Any, settings: Settings, backend: Backend) -> Any:
    xp, count = backend.xp, settings.n + 1
    above = values - values[:1]
    mean = backend.fold(above / count)
    d = above - mean
    return xp.sqrt(backend.fold(d * d) / count)


# The probe and the restarts


def _look(
    s: State,
    looking: Looking,
    f: Any,
    point: Any,
    phase: Any,
    ended: Any,
    restart: Any,
    best: Any,
    next_vertex: Any,
    settings: Settings,
    backend: Backend,
) -> tuple[Looking, Any, Any, Any]:
    """Return what the probe knows now, the next point, the phase, and which lanes are done."""
    xp, n = backend.xp, settings.n
    probing = (s.phase == PROBE) & ~restart & ~(f == -INF)
    lanes = ended | probing
    given = Look(
        ended,
        best[-n:],
        s.simplex.values[0],
        f,
        looking.steps,
        looking.radii,
        looking.blind,
        looking.index,
        looking.last,
    )
    x = point[-n:]
    otherwise = (looking.radii, looking.blind, looking.index, looking.last, x, lanes & ~lanes)
    radii, blind, index, last, x, done = backend.select(
        lanes, lambda *columns: look(Look(*columns), settings, backend), given, otherwise
    )
    phase = xp.where(ended, PROBE, phase)

    # A restart: at the point found, a tenth of the steps, then larger ones.
    def begin(x: Any, steps: Any, radii: Any) -> Arrays:
        return restarted(x, steps, radii, settings, backend)

    ends, steps = backend.select(
        restart, begin, (s.point[-n:], looking.steps, looking.radii), (radii, looking.steps)
    )
    phase = xp.where(restart, INITIAL, phase)
    queue = restart | (next_vertex & (s.nrestart > 0))
    index = xp.where(restart, 1, xp.where(queue, looking.index + 1, index))
    here = backend.iota(n, x) == index - 1
    x = xp.where(queue, xp.where(here, ends, looking.x), x)
    if settings.box is None:
        return (
            looking._replace(steps=steps, radii=ends, blind=blind, index=index, last=last),
            xp.where(lanes | queue, x, point),
            phase,
            done,
        )
    point = _entered(xp.concat([point[:n], x], axis=0), queue, settings, backend)
    looking = looking._replace(steps=steps, radii=ends, blind=blind, index=index, last=last)
    return looking, point, phase, done
