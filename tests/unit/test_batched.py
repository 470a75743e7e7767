"""The pieces of lanes, by figures worked out by hand."""

import math

import numpy as np
import pytest

import nelder
from nelder import NelderMead, Status, batched
from nelder.batched.box import BatchBox
from nelder.batched.compiled import sizes_for
from nelder.batched.numpy import BACKEND
from nelder.batched.pieces import Pieces, joined, mapped, pieces_of
from nelder.batched.settings import Numbers, Settings
from nelder.batched.state import (
    DONE,
    EXPAND,
    INITIAL,
    INSIDE,
    OUTSIDE,
    PARKED,
    PROBE,
    REFLECT,
    SHRINK,
    first_state,
)
from nelder.batched.step import refresh, step
from nelder.batched.vertices import RANKS, SLOTS, rank_of
from nelder.core.bounds import Box

NAN, INF = math.nan, math.inf


def backend_of(layout):
    made = type(BACKEND)()
    made.vertices = layout
    return made


@pytest.fixture(params=[SLOTS, RANKS], ids=["slots", "ranks"])
def backend(request):
    return backend_of(request.param)


# Vertices


def packed(backend, values, rows):
    """One lane, from values and coordinates (n + 1, w) in the order of rank."""
    values, rows = np.array(values, dtype=float)[:, None], np.array(rows, dtype=float)[:, :, None]
    return backend.vertices.pack(values, rows, backend)


def in_order(backend, rows):
    count = rows.values.shape[0]
    points = [backend.vertices.row(rows, k, backend)[:, 0].tolist() for k in range(count)]
    return rows.values[:, 0].tolist(), points


def put(backend, rows, f, row, at, last):
    lane = np.array([at], dtype=np.int32), np.array([last], dtype=np.int32)
    return backend.vertices.put(rows, np.array([f]), np.array(row)[:, None], *lane, backend)


def test_a_new_vertex_takes_its_rank_and_the_worst_goes(backend):
    rows = packed(backend, [1.0, 2.0, 3.0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    rows = put(backend, rows, 1.5, [9.0, 9.0], 1, 2)
    assert in_order(backend, rows) == ([1.0, 1.5, 2.0], [[1.0, 1.0], [9.0, 9.0], [2.0, 2.0]])


def test_an_expansion_takes_the_place_of_the_best(backend):
    rows = packed(backend, [1.0, 2.0, 3.0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    rows = put(backend, rows, 0.5, [9.0, 9.0], 0, 0)
    assert in_order(backend, rows) == ([0.5, 2.0, 3.0], [[9.0, 9.0], [2.0, 2.0], [3.0, 3.0]])


def test_nothing_is_put_at_rank_minus_one(backend):
    rows = packed(backend, [1.0, 2.0, 3.0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    same = put(backend, rows, 0.5, [9.0, 9.0], -1, -1)
    assert in_order(backend, same) == ([1.0, 2.0, 3.0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])


def test_a_shrink_evaluates_the_second_best_first(backend):
    rows = packed(backend, [1.0, 2.0, 3.0], [[1.0], [2.0], [3.0]])
    rows = backend.vertices.forget(rows, np.array([True]), backend)
    values, points = in_order(backend, rows)
    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()
    assert points == [[1.0], [3.0], [2.0]]
    rows = put(backend, rows, 0.5, [8.0], 0, 2)  # which brings the next one to the end
    values, points = in_order(backend, rows)
    assert values[:2] == [0.5, 1.0]
    assert points == [[8.0], [1.0], [3.0]]


def test_the_sum_leaves_out_the_worst(backend):
    rows = packed(backend, [1.0, 2.0, 3.0], [[1.0, 10.0], [2.0, 20.0], [400.0, 400.0]])
    parts = (rows.rows,) if rows.order is None else (rows.rows, rows.order)
    assert backend.vertices.total(parts, 2, backend)[:, 0].tolist() == [3.0, 30.0]


@pytest.mark.parametrize(
    ("f", "expected"), [(0.5, 0), (1.0, 1), (1.5, 1), (2.0, 2), (9.0, 2), (INF, 2), (NAN, 0)]
)
def test_a_value_ranks_after_equal_ones_and_before_the_unknown(f, expected):
    rows = packed(BACKEND, [1.0, 2.0, NAN, NAN], [[0.0]] * 4)
    assert rank_of(rows, np.array([f]), 3, BACKEND).tolist() == [expected]


# Steps: of one lane, as the machine takes them


def lane(backend, method=None, n=2, **given):
    """A lane with the vertices 0, e_1, ..., e_n, and its settings."""
    settings = Settings.read(method or NelderMead(coefficients=nelder.Standard()), n, "float64")
    vertices = np.concatenate([np.zeros((1, n)), np.eye(n)])[:, :, None]
    return first_state(vertices, settings, backend), settings


def told(state, settings, backend, *values):
    for value in values:
        state = step(state, np.array([value]), settings, backend)
    return state


def test_the_first_simplex_is_evaluated_in_its_order(backend):
    state, settings = lane(backend)
    seen = []
    for value in (3.0, 1.0, 2.0):
        seen.append(state.point[:, 0].tolist())
        assert state.phase.tolist() == [INITIAL]
        state = told(state, settings, backend, value)
    assert seen == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    assert in_order(backend, state.simplex) == ([1.0, 2.0, 3.0], [[1.0, 0.0], [0.0, 1.0], [0, 0]])
    assert state.phase.tolist() == [REFLECT]
    assert state.point[:, 0].tolist() == [1.0, 1.0]  # through (1/2, 1/2)


# After the values 3, 1, 2: best 1 at (1, 0), second worst 2 at (0, 1), worst 3 at (0, 0).
@pytest.mark.parametrize(
    ("values", "phase", "point", "nit"),
    [
        ([0.5], EXPAND, [1.5, 1.5], 0),
        ([1.0], REFLECT, [2.0, 0.0], 1),  # taken; it ranks after the best
        ([2.0], OUTSIDE, [0.75, 0.75], 0),
        ([3.0], INSIDE, [0.25, 0.25], 0),
        ([NAN], INSIDE, [0.25, 0.25], 0),
        ([0.5, 0.4], REFLECT, [2.5, 0.5], 1),
        ([0.5, 0.5], REFLECT, [2.0, 0.0], 1),  # the expansion is no lower
        (
            [2.0, 2.0],
            REFLECT,
            [0.25, 0.25],
            1,
        ),  # as high as the reflection; the worst, after (0, 1)
        ([2.0, 2.5], SHRINK, [0.5, 0.5], 0),
        ([3.0, 2.5], REFLECT, [0.75, 0.75], 1),
        ([3.0, 3.0], SHRINK, [0.5, 0.5], 0),
        ([3.0, 3.0, 5.0], SHRINK, [0.5, 0.0], 0),
    ],
)
def test_what_a_value_leads_to(backend, values, phase, point, nit):
    state, settings = lane(backend)
    state = told(state, settings, backend, 3.0, 1.0, 2.0, *values)
    assert state.phase.tolist() == [phase]
    assert state.point[:, 0].tolist() == point
    assert state.nit.tolist() == [nit]
    assert state.nfev.tolist() == [3 + len(values)]


def test_ties_as_optim_and_tfp_decide_them(backend):
    method = NelderMead(coefficients=nelder.Standard(), equal_outside=False, equal_inside=True)
    state, settings = lane(backend, method)
    state = told(state, settings, backend, 3.0, 1.0, 2.0)
    assert told(state, settings, backend, 2.0, 2.0).phase.tolist() == [SHRINK]
    state, settings = lane(backend, method)
    state = told(state, settings, backend, 3.0, 1.0, 2.0)
    assert told(state, settings, backend, 3.0, 3.0).phase.tolist() == [REFLECT]


def test_sums_that_drifted_are_added_up_anew(backend):
    state, settings = lane(backend)
    state = told(state, settings, backend, 3.0, 1.0, 2.0)
    drifted = state._replace(sum=state.sum + 1.0)
    assert refresh(drifted, settings, backend).sum.tolist() == [[1.0], [1.0]]
    expands = told(state, settings, backend, 0.5)  # the reflection stands in the simplex already
    assert refresh(expands, settings, backend).sum.tolist() == expands.sum.tolist()


def test_lanes_that_look_around_can_be_held(backend):
    method = NelderMead(convergence=nelder.Tolerance(2.0, 5.0), coefficients=nelder.Standard())
    state, settings = lane(backend, method)
    state = told(state, settings, backend, 3.0, 1.0)
    held = step(state, np.array([2.0]), settings, backend, np.array(True))
    assert held.phase.tolist() == [PARKED]
    held = step(held, np.array([-9.0]), settings, backend, np.array(True))
    assert held.phase.tolist() == [PARKED]
    assert held.nfev.tolist() == [3]
    free = step(held, np.array([-9.0]), settings, backend, np.array(False))
    assert free.phase.tolist() == [PROBE]
    assert free.nfev.tolist() == [3]
    at_once = told(state, settings, backend, 2.0)
    assert free.point.tolist() == at_once.point.tolist() == [[1.001], [0.0]]
    there = step(free, np.array([1.0]), settings, backend, np.array(True))  # is not waited for
    assert there.point.tolist() == free.point.tolist()
    assert there.nfev.tolist() == [3]


def test_a_lane_that_is_done_stays_as_it_is(backend):
    state, settings = lane(backend)
    done = told(state, settings, backend, 3.0, 1.0, -INF)
    assert done.phase.tolist() == [DONE]
    assert done.status.tolist() == [int(Status.UNBOUNDED)]
    later = told(done, settings, backend, 0.0)
    for before, after in zip(done[:2] + done[3:-2], later[:2] + later[3:-2], strict=True):
        np.testing.assert_array_equal(before, after)


# The box


BOX = Box(np.array([-2.0, 0.5, -INF, 3.0, -INF]), np.array([1.0, INF, -1.0, 3.0, INF]), clips=False)


def test_the_way_into_the_box_and_out_is_that_of_the_core():
    batch = BatchBox.read(BOX, clips=False)
    assert batch.free == (0, 1, 2, 4)
    z = np.random.default_rng(0).normal(scale=4.0, size=(200, 4))
    z[0] = 0.0
    _, x = batch.place(z.T.copy(), BACKEND)
    expected = np.array([BOX.leave(row) for row in z])
    assert batch.embed(x, BACKEND).T.tobytes() == expected.tobytes()
    inside = expected[:, list(batch.free)]
    entered = batch.enter(inside.T.copy(), BACKEND).T
    assert entered.tobytes() == BOX.enter(inside).tobytes()


def test_clipping_moves_the_search_too():
    box = Box(np.array([-1.0, -INF]), np.array([1.0, 2.0]), clips=True)
    z = np.array([[-3.0, 0.5, 4.0], [5.0, -7.0, 1.0]])
    moved, x = BatchBox.read(box, clips=True).place(z, BACKEND)
    assert x.tolist() == moved.tolist() == [[-1.0, 0.5, 1.0], [2.0, -7.0, 1.0]]


# The rest


def test_each_loop_has_a_sixth_of_the_lanes_of_the_one_before():
    assert sizes_for(511) == ()
    assert sizes_for(512) == (86,)
    assert sizes_for(10_000) == (1667, 278)


def settings_of(n, box=None):
    return Settings.read(NelderMead(), n, "float64", box)


def test_few_lanes_are_one_piece_and_a_thousand_several_of_one_size():
    assert pieces_of(0, settings_of(4)).starts == ()
    assert pieces_of(127, settings_of(4)) == Pieces(127, (0,))
    assert pieces_of(128, settings_of(4)) == Pieces(64, (0, 64))
    assert pieces_of(1001, settings_of(4)) == Pieces(501, (0, 500))
    assert len(pieces_of(10_000, settings_of(4)).starts) == 16  # of 74 numbers a lane, 664 lanes
    assert pieces_of(100, settings_of(20)) == Pieces(50, (0, 50))


def test_in_a_box_a_lane_has_more_numbers():
    box = Box(np.full(20, -1.0), np.full(20, 1.0), clips=False)
    sizes = [pieces_of(10_000, settings_of(20, box)).size for box in (None, box)]
    assert sizes == [79, 47]  # of 602 and 1022 numbers a lane


@pytest.mark.parametrize("n", [1, 4, 20, 200])
def test_pieces_cover_all_lanes_in_their_order(n):
    for lanes in (1, 64, 127, 129, 500, 1001, 9999):
        pieces = pieces_of(lanes, settings_of(n))
        parts = [np.arange(start, start + pieces.size) for start in pieces.starts]
        assert joined(parts, pieces).tolist() == list(range(lanes))


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_pieces_come_in_order_from_any_number_of_cores(monkeypatch, cores):
    monkeypatch.setattr("nelder.batched.pieces._cores", lambda: cores)
    assert mapped(lambda start: 2 * start, (0, 3, 6)) == [0, 6, 12]


def test_limits_of_single_precision():
    numbers = Numbers.of("float32")
    assert numbers.eps == 2.0**-23
    assert numbers.huge < numbers.far < numbers.watched * 1e10 < numbers.largest


def test_what_became_of_the_searches_in_words():
    result = batched.minimize(lambda x: x[:, 0] ** 2, [[1.0], [3.0]], maxfev=4)
    assert result.message(0) == Status.MAXFEV.message
    assert result.best in (0, 1)
    assert repr(result).startswith("nelder.BatchResult: 0 of 2 succeeded")
