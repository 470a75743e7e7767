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
    PARKED,
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


# What the value of the pending point means. In an order by which ranges have a meaning too.
NOTHING = 0  # to the simplex
TRY_INSIDE = 1  # a contraction comes next
TRY_OUTSIDE = 2
CONTRACTS = 3  # a contraction was refused, so the simplex shrinks
REFUSED = 4  # an expansion is no lower than its reflection
BETTER = 5  # an expansion is lower, and takes the reflection's place
RESTARTS = 6  # the probe found something lower, which takes the place of the best
TRY_EXPAND = 7  # from here on the point enters: a reflection; an expansion comes next
TAKEN = 8  # in the place of the worst vertex, which ends the iteration
OF_SHRINK = 9  # a vertex of a shrink
OF_BEGIN = 10  # a vertex of the first simplex or of a restart

# What comes next.
KEEPS = 0  # nothing: the lane is done or held
REFLECTS = 1
EXPANDS = 2
CONTRACTS_OUTSIDE = 3
CONTRACTS_INSIDE = 4
SHRINKS = 5
BEGINS = 6
LOOKS = 7
CLOSES = 8  # at the centroid
PARKS = 9
ENDS = 10


class Moved(NamedTuple):
    """What the values lead to, (B,) each.

    Attributes
    ----------
    f : the value; +inf where it is NaN, or is not waited for
    waits : whether it counts
    move : one of the constants above
    rank : after how many values of the simplex it ranks
    """

    f: Any
    waits: Any
    move: Any
    rank: Any


def step(s: State, f: Any, settings: Settings, backend: Backend, hold: Any = None) -> State:
    """Return the state after the values `f` (B,) of the pending points ``s.point``.

    Parameters
    ----------
    s : State
    f : array (B,)
    settings : Settings
    backend : Backend
    hold : bool array (), optional
        Whether lanes that look around, or are about to, do not move this time: so that, where all
        is computed for all lanes or for none, many of them look around together.
    """
    xp, n, whole = backend.xp, settings.n, backend.whole
    held = None
    if hold is not None and settings.probe:
        held = hold & (xp.equal(s.phase, PROBE) | xp.equal(s.phase, PARKED))
    f, waits, move, rank = backend.settle(s.opaque, _moves(s, f, held, settings, backend))
    minus = xp.equal(f, -INF)

    # The vertices. The worst may go, or be moved away from; the one before it is the worst then, or
    # is the next to be evaluated.
    row = s.point
    if settings.probe and settings.box is not None:
        row = _entered(row, xp.equal(move, RESTARTS), settings, backend)
    best = backend.vertices.row(s.simplex, 0, backend)
    worst = backend.vertices.row(s.simplex, n, backend)
    near = backend.vertices.either(s.simplex, xp.equal(move, CONTRACTS), 1, n - 1, backend)
    enters = move >= TRY_EXPAND
    first = xp.equal(move, BETTER) | xp.equal(move, RESTARTS)
    at = xp.where(first, 0, xp.zeros_like(rank) - 1)
    last = xp.where(enters, n, at)
    at = xp.where(enters, rank, at)
    best, worst, near, row, at, last = backend.settle(s.opaque, (best, worst, near, row, at, last))
    forget = xp.equal(move, CONTRACTS) | xp.equal(move, RESTARTS)
    simplex = backend.vertices.forget(s.simplex, forget, backend)
    simplex = backend.vertices.put(simplex, f, row, at, last, backend)
    new_best = xp.where(xp.equal(at, 0), row, best)
    queued = move >= OF_SHRINK
    complete = queued & ~xp.isnan(simplex.values[n])
    stays = xp.equal(move, REFUSED) | xp.equal(move, BETTER) | xp.equal(move, TRY_EXPAND)
    stays = stays | xp.equal(move, TRY_OUTSIDE) | xp.equal(move, TRY_INSIDE)
    new_worst = xp.where(stays, worst, xp.where(xp.equal(rank, n), row, near))

    # Their sum.
    accepted = xp.equal(move, TAKEN) | xp.equal(move, REFUSED) | xp.equal(move, BETTER)
    stale = s.stale + whole(accepted)
    due = (accepted & (stale > REFRESH * n)) | complete
    stale = xp.where(due, 0, stale)
    total = _sum(s, row, best, worst, near, move, rank, n, backend)
    if backend.resums:
        (total,) = backend.select(
            due,
            lambda *parts: (backend.vertices.total(parts, n, backend) + 0.0,),
            _parts(simplex),
            (total,),
        )
    else:
        total = _sum_of_queue(total, row, best, new_worst, move, complete, n, backend)
    seen_huge = s.seen_huge | backend.any(xp.abs(row[:n]) >= settings.numbers.huge)
    huge = xp.where(due, seen_huge, s.huge)

    # What comes next.
    shrunk = complete & xp.equal(move, OF_SHRINK)
    iterated = (accepted & ~minus) | shrunk
    asked = iterated | complete
    stale, total, new_best, new_worst, asked, complete = backend.settle(
        s.opaque, (stale, total, new_best, new_worst, asked, complete)
    )
    converged = _converged(simplex, new_best, new_worst, stale, asked, settings, backend)
    then = _then(s, move, asked, complete, converged, minus, settings, backend)
    if held is not None:
        then = xp.where(hold & xp.equal(then, LOOKS), PARKS, then)
        then = xp.where(held, KEEPS, then)
    factor = _factor(then, settings, backend, total)
    then, factor = backend.settle(s.opaque, (then, factor))

    # The next point.
    centroid = total * (1.0 / n)
    z = centroid + factor * (centroid - new_worst[:n])
    base = xp.where(xp.equal(move, CONTRACTS), best[:n], s.base)
    z = xp.where(xp.equal(then, SHRINKS), base + settings.shrinkage * (near[:n] - base), z)
    if settings.final_centroid:
        z = _final(z, xp.equal(then, CLOSES), simplex, n, backend)
    point = z
    if settings.box is not None:
        z, x = settings.box.place(z, backend)
        point = xp.concat([z, x], axis=0)
    tries = (then >= REFLECTS) & (then <= CONTRACTS_INSIDE)
    far = tries & huge & backend.any(~(xp.abs(point) <= s.far))
    point = xp.where(xp.equal(then, BEGINS), near, point)

    # What is outside of the simplex.
    looking = s.looking
    nrestart, lowest, done = s.nrestart, simplex.values[0], xp.equal(then, ENDS)
    if looking is not None:
        outside = waits & (xp.equal(s.phase, PROBE) | xp.equal(s.phase, CENTROID))
        lower = outside & (f < looking.f)
        looking = looking._replace(
            x=xp.where(lower, s.point[-n:], looking.x), f=xp.where(lower, f, looking.f)
        )
        if settings.probe:
            looking, point, done = _look(
                s, looking, f, point, move, then, new_best, settings, backend
            )
            nrestart = nrestart + whole(xp.equal(move, RESTARTS))
        lowest = xp.where(looking.f < lowest, looking.f, lowest)

    # Whether the lane is done, and why.
    nfev, nit = s.nfev + whole(waits), s.nit + whole(iterated)
    status = _status(s, then, done, minus | far, lowest, nfev, nit, looking, settings, backend)
    stop = xp.not_equal(status, int(Status.RUNNING))
    phase = s.phase
    for next_, becomes in _PHASES.items():
        phase = xp.where(xp.equal(then, next_), becomes, phase)
    return State(
        phase=xp.where(stop, DONE, phase),
        status=status,
        simplex=simplex,
        point=xp.where(stop | xp.equal(then, KEEPS) | xp.equal(then, PARKS), s.point, point),
        sum=total,
        base=base,
        reflected=xp.where(xp.equal(move, TRY_OUTSIDE), f, s.reflected),
        stale=stale,
        seen_huge=seen_huge,
        huge=huge,
        far=s.far,
        nfev=nfev,
        nit=nit,
        nshrink=s.nshrink + whole(shrunk),
        nrestart=nrestart,
        nfailed=s.nfailed + whole(waits & xp.equal(f, INF)),
        looking=looking,
        opaque=s.opaque,
    )


_PHASES = {
    REFLECTS: REFLECT,
    EXPANDS: EXPAND,
    CONTRACTS_OUTSIDE: OUTSIDE,
    CONTRACTS_INSIDE: INSIDE,
    SHRINKS: SHRINK,
    BEGINS: INITIAL,
    LOOKS: PROBE,
    CLOSES: CENTROID,
    PARKS: PARKED,
}


def _moves(s: State, f: Any, held: Any, settings: Settings, backend: Backend) -> Moved:
    """Decide by the table of `core.machine`; -inf is taken wherever it comes."""
    xp, n, phase, values = backend.xp, settings.n, s.phase, s.simplex.values
    best, second, worst = values[0], values[n - 1], values[n]
    waits = xp.not_equal(phase, DONE)
    if settings.probe:
        assert s.looking is not None
        waits = waits & ~(xp.equal(phase, PROBE) & (s.looking.index < 0))
    if held is not None:
        waits = waits & ~(held | xp.equal(phase, PARKED))
    f = xp.where(xp.isnan(f) | ~waits, INF, f)
    lower, minus = f < best, xp.equal(f, -INF)
    out = (
        (f < s.reflected) | xp.equal(f, s.reflected) if settings.equal_outside else f < s.reflected
    )
    into = (f < worst) | xp.equal(f, worst) if settings.equal_inside else f < worst
    zero = xp.zeros_like(phase)
    reflected = xp.where(f < worst, zero + TRY_OUTSIDE, TRY_INSIDE)
    reflected = xp.where((f < second) | minus, TAKEN, reflected)
    reflected = xp.where(lower & ~minus, TRY_EXPAND, reflected)
    move = xp.where(xp.equal(phase, INITIAL), zero + OF_BEGIN, NOTHING)
    move = xp.where(xp.equal(phase, REFLECT), reflected, move)
    move = xp.where(xp.equal(phase, EXPAND), xp.where(lower, zero + BETTER, REFUSED), move)
    move = xp.where(xp.equal(phase, OUTSIDE), xp.where(out, zero + TAKEN, CONTRACTS), move)
    move = xp.where(xp.equal(phase, INSIDE), xp.where(into, zero + TAKEN, CONTRACTS), move)
    move = xp.where(xp.equal(phase, SHRINK), OF_SHRINK, move)
    if settings.probe:
        size = xp.abs(best)
        below = xp.where(size < INF, best - 4.0 * settings.numbers.eps * size, best)
        move = xp.where(xp.equal(phase, PROBE) & (f < below) & ~minus, RESTARTS, move)
    return Moved(f, waits, move, rank_of(s.simplex, f, n, backend))


def _then(
    s: State,
    move: Any,
    asked: Any,
    complete: Any,
    converged: Any,
    minus: Any,
    settings: Settings,
    backend: Backend,
) -> Any:
    """Return what comes next."""
    xp = backend.xp
    zero = xp.zeros_like(move)
    after = LOOKS if settings.probe else CLOSES if settings.final_centroid else ENDS
    then = xp.where(xp.equal(s.phase, DONE), zero + KEEPS, LOOKS if settings.probe else ENDS)
    then = xp.where(asked & ~minus, xp.where(converged, zero + after, REFLECTS), then)
    then = xp.where(xp.equal(move, TRY_EXPAND), EXPANDS, then)
    then = xp.where(xp.equal(move, TRY_OUTSIDE), CONTRACTS_OUTSIDE, then)
    then = xp.where(xp.equal(move, TRY_INSIDE), CONTRACTS_INSIDE, then)
    then = xp.where(
        xp.equal(move, CONTRACTS) | (xp.equal(move, OF_SHRINK) & ~complete), SHRINKS, then
    )
    return xp.where(xp.equal(move, RESTARTS) | (xp.equal(move, OF_BEGIN) & ~complete), BEGINS, then)


def _factor(then: Any, settings: Settings, backend: Backend, total: Any) -> Any:
    """Return the factor of c - x_w in the next point."""
    xp = backend.xp
    reflection, expansion, outside, inside = settings.factors
    factor = xp.where(xp.equal(then, EXPANDS), expansion, xp.zeros_like(total[0]) + reflection)
    factor = xp.where(xp.equal(then, CONTRACTS_OUTSIDE), outside, factor)
    return xp.where(xp.equal(then, CONTRACTS_INSIDE), inside, factor)


def _status(
    s: State,
    then: Any,
    done: Any,
    unbounded: Any,
    lowest: Any,
    nfev: Any,
    nit: Any,
    looking: Looking | None,
    settings: Settings,
    backend: Backend,
) -> Any:
    """Return each lane's status; what ends it first comes last, as in `drive.loop.ended`."""
    xp = backend.xp
    spent = nfev >= settings.maxfev
    iterated = nit >= settings.maxiter
    if settings.maxiter < UNLIMITED:
        iterated = iterated & ((nit > 0) | xp.equal(then, REFLECTS))
    if settings.probe:  # a look without points is over before anything is spent
        assert looking is not None
        waits = ~(xp.equal(then, LOOKS) & (looking.index < 0))
        waits = waits & ~(xp.equal(then, KEEPS) | xp.equal(then, PARKS))
        spent, iterated = spent & waits, iterated & waits
    status = s.status
    if settings.maxiter < UNLIMITED:
        status = xp.where(iterated, int(Status.MAXITER), status)
    status = xp.where(spent, int(Status.MAXFEV), status)
    end = xp.where(lowest < INF, xp.zeros_like(status), int(Status.NO_FINITE_VALUE))
    status = xp.where(done, end, status)
    status = xp.where(unbounded, int(Status.UNBOUNDED), status)
    if settings.targets:
        hit = (lowest <= settings.target) & (lowest > -INF)
        status = xp.where(hit, int(Status.TARGET), status)
    return xp.where(xp.equal(s.phase, DONE), s.status, status)


def _parts(simplex: Rows) -> tuple[Any, ...]:
    """Return the arrays that the vertices are in."""
    return (simplex.rows,) if simplex.order is None else (simplex.rows, simplex.order)


def _sum(
    s: State,
    row: Any,
    best: Any,
    worst: Any,
    near: Any,
    move: Any,
    rank: Any,
    n: int,
    backend: Backend,
) -> Any:
    """Return the sum after an accepted vertex: it comes, and that which is the worst now goes."""
    xp = backend.xp
    expanded = xp.equal(move, REFUSED) | xp.equal(move, BETTER)
    new = xp.where(xp.equal(move, REFUSED), best, row)[:n]
    old = xp.where(expanded, worst, near)[:n]
    changes = expanded | (xp.equal(move, TAKEN) & (rank < n))
    return xp.where(changes, s.sum + (new - old), s.sum)


def _sum_of_queue(
    total: Any,
    row: Any,
    best: Any,
    new_worst: Any,
    move: Any,
    complete: Any,
    n: int,
    backend: Backend,
) -> Any:
    """Return the sum after a vertex of a queue: each comes, at last the worst goes."""
    xp = backend.xp
    total = xp.where(move >= OF_SHRINK, total + row[:n], total)
    total = xp.where(complete, total - new_worst[:n], total)
    total = xp.where(xp.equal(move, CONTRACTS), best[:n], total)
    return xp.where(xp.equal(move, RESTARTS), row[:n], total)


def refresh(s: State, settings: Settings, backend: Backend) -> State:
    """Return the state with the sums added up anew, so that rounding cannot drift.

    For backends that do not do so at each lane's own time.
    """
    simplex, xp = s.simplex, backend.xp
    known = ~xp.isnan(simplex.values[settings.n])
    total = backend.vertices.total(_parts(simplex), settings.n, backend)
    expands = xp.equal(s.phase, EXPAND)  # then the sum is still that before the reflection
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

    def mean(*parts: Any) -> Arrays:
        return (backend.vertices.total(parts, n, backend) / n,)

    return backend.select(mask, mean, _parts(simplex), (z,))[0]


# The rules of convergence


def _converged(
    simplex: Rows,
    best: Any,
    worst: Any,
    stale: Any,
    asked: Any,
    settings: Settings,
    backend: Backend,
) -> Any:
    """Return in which of the lanes `asked` the simplex has converged."""
    xp, n, values = backend.xp, settings.n, simplex.values
    if settings.rule == "none":
        return asked & ~asked
    low, high = values[0], values[n]
    spread = xp.where(xp.equal(high, low), 0.0, high - low)
    if settings.rule == "standard error":
        error = _standard_error(values, settings, backend)
        return asked & (xp.equal(high, low) | (error <= settings.fatol))
    if settings.rule == "either":
        small = spread <= settings.fatol
        within = _within(
            simplex,
            best,
            worst,
            asked & ~small,
            xp.zeros_like(low) + settings.xatol,
            settings,
            backend,
        )
        return asked & (small | within)
    assert settings.rule == "both"
    floor = settings.ulps * settings.numbers.eps * xp.abs(low)
    small = (spread <= settings.fatol) | ((spread <= floor) & (xp.abs(low) < INF))
    look_at = asked & small
    if settings.ulps > 0.0:  # collapsed to its rounding
        look_at = look_at | (asked & xp.equal(stale, 0))
    tolerance = xp.where(small, settings.xatol, xp.zeros_like(low))
    return look_at & _within(simplex, best, worst, look_at, tolerance, settings, backend)


def _within(
    simplex: Rows,
    best: Any,
    worst: Any,
    mask: Any,
    xatol: Any,
    settings: Settings,
    backend: Backend,
) -> Any:
    """Return for lanes of `mask` whether no vertex is farther than `xatol` from the best.

    The worst is looked at first, so that all are only where the end is near.
    """
    xp, n = backend.xp, settings.n

    def far(x: Any, best: Any, xatol: Any) -> Any:
        distance = xp.abs(x - best)
        near = distance <= xatol
        if settings.ulps > 0.0:
            near = near | (distance <= settings.ulps * settings.numbers.eps * xp.abs(best))
        return ~near

    def within(rows: Any, best: Any, xatol: Any) -> Arrays:
        return (~backend.any(backend.any(far(rows[:, -n:], best, xatol))),)

    best = best[-n:]
    mask = mask & ~backend.any(far(worst[-n:], best, xatol))
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
    move: Any,
    then: Any,
    best: Any,
    settings: Settings,
    backend: Backend,
) -> tuple[Looking, Any, Any]:
    """Return what the probe knows now, the next point, and which lanes are done."""
    xp, n = backend.xp, settings.n
    looks, restarts = xp.equal(then, LOOKS), xp.equal(move, RESTARTS)
    x = point[-n:]
    given = Look(
        xp.not_equal(s.phase, PROBE),
        best[-n:],
        s.simplex.values[0],
        f,
        looking.steps,
        looking.radii,
        looking.blind,
        looking.index,
        looking.last,
    )
    otherwise = (looking.radii, looking.blind, looking.index, looking.last, x, looks & ~looks)
    radii, blind, index, last, x, done = backend.select(
        looks, lambda *columns: look(Look(*columns), settings, backend), given, otherwise
    )

    # A restart: at the point found, a tenth of the steps, then larger ones.
    def begin(x: Any, steps: Any, radii: Any) -> Arrays:
        return restarted(x, steps, radii, settings, backend)

    ends, steps = backend.select(
        restarts, begin, (s.point[-n:], looking.steps, looking.radii), (radii, looking.steps)
    )
    queue = xp.equal(then, BEGINS) & (restarts | (s.nrestart > 0))
    index = xp.where(restarts, 1, xp.where(queue, looking.index + 1, index))
    x = xp.where(queue, xp.where(xp.equal(backend.iota(n, x), index - 1), ends, looking.x), x)
    if settings.box is None:
        point = xp.where(looks | queue, x, point)
    else:
        point = _entered(xp.concat([point[:n], x], axis=0), queue, settings, backend)
    return (
        looking._replace(steps=steps, radii=ends, blind=blind, index=index, last=last),
        point,
        done,
    )
