"""How the vertices of B simplexes are kept, by rank.

Two ways with the same meaning. ``SLOTS`` keeps them in rows that stay where they are, and an order:
replacing a vertex writes one row. ``RANKS`` keeps the rows themselves in the order of rank, so that
best, second worst and worst stand at known places: nothing is gathered, but replacing a vertex
moves rows. It is for compilers, and few coordinates.

A row holds all that belongs to a vertex, (w, B): its coordinates as the search moves in them and,
in a box, after them those that the objective sees.

A vertex that is not evaluated yet has the value NaN and ranks behind all others. The next one to be
evaluated is the last: `put` takes the last row away and puts a row in at its rank, which brings the
one before it to the end. So the first simplex and a shrink need no queue of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from nelder.batched.backend import Backend

__all__ = ["RANKS", "SLOTS", "Rows", "Vertices", "rank_of"]

NAN = float("nan")


class Rows(NamedTuple):
    """Values by rank, and vertices.

    Attributes
    ----------
    values : array (n + 1, B)
        Lowest first; NaN where not evaluated.
    rows : array (n + 1, w, B)
    order : array of int32 (n + 1, B), or None
        With slots: the row of each rank.
    """

    values: Any
    rows: Any
    order: Any = None


class Vertices(Protocol):
    """How rows are kept."""

    def pack(self, values: Any, rows: Any, backend: Backend) -> Rows:
        """Return rows for values (n + 1, B) and vertices (n + 1, w, B) in the order of rank."""
        ...

    def row(self, rows: Rows, rank: int, backend: Backend) -> Any:
        """Return the vertices (w, B) of a rank."""
        ...

    def either(self, rows: Rows, mask: Any, rank: int, other: int, backend: Backend) -> Any:
        """Return those of `rank` for the lanes of `mask`, of `other` for the others."""
        ...

    def put(self, rows: Rows, f: Any, row: Any, at: Any, last: Any, backend: Backend) -> Rows:
        """Return rows with `row` (w, B) of value `f` (B,) at rank `at` (B,).

        That of rank `last`, 0 or n, goes, and those from `at` to before `last` move up by one.
        Where both are -1 nothing changes.
        """
        ...

    def forget(self, rows: Rows, mask: Any, backend: Backend) -> Rows:
        """Return rows with all but the best to be evaluated, in their order, where `mask`."""
        ...

    def total(self, parts: tuple[Any, ...], n: int, backend: Backend) -> Any:
        """Return the sum (n, B) of all vertices but the last, added in the order of rank.

        `parts` are ``rows.rows`` and, with slots, ``rows.order``.
        """
        ...


def rank_of(rows: Rows, f: Any, n: int, backend: Backend) -> Any:
    """Return after how many of the first n values each of `f` (B,) ranks: equal ones go before."""
    return backend.sum(backend.whole(rows.values[:n] <= f))


def _moved(array: Any, new: Any, here: Any, up: Any, backend: Backend) -> Any:
    """Return `array` with `new` where `here`, and the entry before where `up`."""
    xp = backend.xp
    before = xp.concat([array[:1], array[:-1]], axis=0)
    return xp.where(here, new, xp.where(up, before, array))


class _Slots:
    """Rows that stay where they are, and an order."""

    def pack(self, values: Any, rows: Any, backend: Backend) -> Rows:
        order = backend.iota(values.shape[0], values) + 0 * backend.whole(values[:1] > 0.0)
        return Rows(values, backend.owned(rows), order)

    def row(self, rows: Rows, rank: int, backend: Backend) -> Any:
        return backend.read(rows.rows, rows.order[rank])

    def either(self, rows: Rows, mask: Any, rank: int, other: int, backend: Backend) -> Any:
        return backend.read(rows.rows, backend.xp.where(mask, rows.order[rank], rows.order[other]))

    def put(self, rows: Rows, f: Any, row: Any, at: Any, last: Any, backend: Backend) -> Rows:
        xp = backend.xp
        ranks = backend.iota(rows.values.shape[0], rows.values)
        here, up = xp.equal(ranks, at), (ranks > at) & (ranks <= last)
        slot = xp.where(xp.equal(last, 0), rows.order[0], rows.order[-1])
        return Rows(
            _moved(rows.values, f, here, up, backend),
            backend.write(rows.rows, xp.where(last < 0, last, slot), row),
            _moved(rows.order, slot, here, up, backend),
        )

    def forget(self, rows: Rows, mask: Any, backend: Backend) -> Rows:
        xp = backend.xp
        turned = xp.concat([rows.order[:1], xp.flip(rows.order[1:], axis=0)], axis=0)
        return Rows(
            _forgotten(rows.values, mask, backend), rows.rows, xp.where(mask, turned, rows.order)
        )

    def total(self, parts: tuple[Any, ...], n: int, backend: Backend) -> Any:
        data, order = parts
        total = backend.read(data, order[0])[:n]
        for k in range(1, n):
            total = total + backend.read(data, order[k])[:n]
        return total


class _Ranks:
    """Rows in the order of rank."""

    def pack(self, values: Any, rows: Any, backend: Backend) -> Rows:
        return Rows(values, rows)

    def row(self, rows: Rows, rank: int, backend: Backend) -> Any:
        return rows.rows[rank]

    def either(self, rows: Rows, mask: Any, rank: int, other: int, backend: Backend) -> Any:
        return backend.xp.where(mask, rows.rows[rank], rows.rows[other])

    def put(self, rows: Rows, f: Any, row: Any, at: Any, last: Any, backend: Backend) -> Rows:
        xp = backend.xp
        ranks = backend.iota(rows.values.shape[0], rows.values)
        here, up = xp.equal(ranks, at), (ranks > at) & (ranks <= last)
        return Rows(
            _moved(rows.values, f, here, up, backend),
            _moved(rows.rows, row, here[:, None, :], up[:, None, :], backend),
        )

    def forget(self, rows: Rows, mask: Any, backend: Backend) -> Rows:
        xp = backend.xp
        turned = xp.concat([rows.rows[:1], xp.flip(rows.rows[1:], axis=0)], axis=0)
        return Rows(_forgotten(rows.values, mask, backend), xp.where(mask, turned, rows.rows))

    def total(self, parts: tuple[Any, ...], n: int, backend: Backend) -> Any:
        return backend.fold(parts[0][:n, :n])


def _forgotten(values: Any, mask: Any, backend: Backend) -> Any:
    rest = backend.iota(values.shape[0], values) > 0
    return backend.xp.where(mask & rest, NAN, values)


SLOTS: Vertices = _Slots()
RANKS: Vertices = _Ranks()
