"""The decisions of the parallel simplex by hand, and its settings.

Unless a test says otherwise two of four vertices move: A = (0, 0, 0), B = (4, 0, 0), C = (0, 2, 0)
and D = (0, 0, 4) have values 1, 2, 3, 5. With the standard coefficients all points are exact:

    centroid of A and B                 c = (2, 0, 0)
                                        of C             of D
    reflection            2·c - x       (4, -2, 0)       (4, 0, -4)
    expansion             3·c - 2·x     (6, -4, 0)       (6, 0, -8)
    outside contraction   (3·c - x)/2   (3, -1, 0)       (3, 0, -2)
    inside contraction    (c + x)/2     (1, 1, 0)        (1, 0, 2)
    shrink                x/2           (0, 1, 0)        (0, 0, 2)

C is compared with B and D with C: a reflection of C is taken from 1 to below 2 and contracted
outside up to below 3, one of D is taken from 1 to below 3 and contracted outside up to below 5.
"""

import math
import warnings

import numpy as np
import pytest

import nelder
from nelder import KWorst, NelderMead, Optimizer, Status
from nelder.core.coefficients import Coefficients
from nelder.core.convergence import Test as Comparison
from nelder.core.convergence import Tolerance
from nelder.errors import InvalidArgumentError
from tests.uncompiled import uncompiled

INF = math.inf
NAN = math.nan
NEVER = Comparison("none")
MANY = 10**6

A, B, C, D = (0.0, 0.0, 0.0), (4.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 4.0)
VALUES = (1.0, 2.0, 3.0, 5.0)
CR, CE, CO, CI = (4.0, -2.0, 0.0), (6.0, -4.0, 0.0), (3.0, -1.0, 0.0), (1.0, 1.0, 0.0)
DR, DE, DO, DI = (4.0, 0.0, -4.0), (6.0, 0.0, -8.0), (3.0, 0.0, -2.0), (1.0, 0.0, 2.0)
HALF_B, HALF_C, HALF_D = (2.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 2.0)


def below(f):
    return math.nextafter(f, -INF)


def above(f):
    return math.nextafter(f, INF)


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected)


def make(core, simplex=(A, B, C, D), coefficients=None, k=2, **settings):
    settings.setdefault("test", NEVER)
    simplex = np.array(simplex, dtype=float)
    return core.KWorstMachine(simplex, coefficients or Coefficients(), k=k, **settings)


def tell(machine, *values):
    for f in values:
        machine.tell(f)
    return machine


def start(core, *values, first=VALUES, **settings):
    """A machine that knows its first simplex, then was told `values`."""
    return tell(make(core, **settings), *first, *values)


def state(machine):
    """All that a machine shows, to the last bit."""
    x, f = machine.best
    shown = [machine.x, machine.vertices, machine.values, machine.needed(), x]
    counts = (machine.nfev, machine.nfailed, machine.nit, machine.nshrink, machine.done)
    return [a.tobytes() for a in shown], f, machine.phase, machine.end, counts


def simplex(machine, *pairs):
    """Assert that the machine shows these vertices and values."""
    same(machine.vertices, [x for x, _ in pairs])
    same(machine.values, [f for _, f in pairs])


# Batches


def test_the_first_simplex_is_one_batch(core):
    machine = make(core)
    assert (machine.k, machine.n, machine.waiting) == (2, 3, 4)
    same(machine.needed(), [A, B, C, D])
    assert not machine.between


def test_the_reflections_are_needed_together_in_the_order_of_rank(core):
    machine = start(core)
    same(machine.needed(), [CR, DR])
    same(machine.x, CR)
    same(machine.centroid, (2.0, 0.0, 0.0))
    assert (machine.waiting, machine.phase, machine.nfev) == (2, "reflect", 4)
    assert machine.between
    machine.tell(1.5)
    same(machine.needed(), [DR])
    same(machine.x, DR)
    assert (machine.waiting, machine.phase) == (1, "reflect")
    assert not machine.between


def test_an_iteration_of_reflections_alone(core):
    machine = start(core, 1.5, 2.5)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), (DR, 2.5))
    assert (machine.nit, machine.nfev, machine.nshrink) == (1, 6, 0)
    assert machine.between
    # c = (A + CR)/2 = (2, -1, 0), now B and DR move
    same(machine.needed(), [(0.0, -2.0, 0.0), (0.0, -2.0, 4.0)])


SECOND = [
    # values of the reflections, then what is needed: phase and point by mover
    (0.5, 0.5, ("expand", CE), ("expand", DE)),
    (0.5, 1.0, ("expand", CE), None),
    (0.5, 3.0, ("expand", CE), ("contract outside", DO)),
    (0.5, 5.0, ("expand", CE), ("contract inside", DI)),
    (1.0, 0.5, None, ("expand", DE)),
    (below(2.0), 3.0, None, ("contract outside", DO)),
    (1.0, 5.0, None, ("contract inside", DI)),
    (2.0, below(1.0), ("contract outside", CO), ("expand", DE)),
    (2.0, below(3.0), ("contract outside", CO), None),
    (below(3.0), 3.0, ("contract outside", CO), ("contract outside", DO)),
    (2.5, 9.0, ("contract outside", CO), ("contract inside", DI)),
    (3.0, -9.0, ("contract inside", CI), ("expand", DE)),
    (3.0, 2.0, ("contract inside", CI), None),
    (4.0, below(5.0), ("contract inside", CI), ("contract outside", DO)),
    (NAN, INF, ("contract inside", CI), ("contract inside", DI)),
]


@pytest.mark.parametrize(("c", "d", "of_c", "of_d"), SECOND)
def test_each_mover_decides_on_its_own_and_second_points_are_one_batch(core, c, d, of_c, of_d):
    machine = start(core, c, d)
    wanted = [item for item in (of_c, of_d) if item]
    assert machine.waiting == len(wanted)
    for i, (phase, x) in enumerate(wanted):
        same(machine.needed(), [x for _, x in wanted[i:]])
        same(machine.x, x)
        assert machine.phase == phase
        assert not machine.between
        assert machine.nit == 0
        machine.tell(below(0.5))
    assert machine.nit == 1
    assert machine.between
    assert machine.nfev == 6 + len(wanted)


# Moves


def test_lower_expansions_are_taken(core):
    machine = start(core, 0.5, 0.75, below(0.5), below(0.75))
    simplex(machine, (CE, below(0.5)), (DE, below(0.75)), (A, 1.0), (B, 2.0))


@pytest.mark.parametrize("f", [0.75, 0.9, 9.0, INF, NAN])
def test_else_the_reflection_is_kept(core, f):
    machine = start(core, 0.5, 0.75, 0.25, f)
    simplex(machine, (CE, 0.25), (DR, 0.75), (A, 1.0), (B, 2.0))
    machine = start(core, 0.75, 0.5, f, 0.25)
    simplex(machine, (DE, 0.25), (CR, 0.75), (A, 1.0), (B, 2.0))


def test_an_expansion_is_compared_with_its_own_reflection(core):
    # lower than the best, not lower than D's reflection; higher than C's, lower than its own
    machine = start(core, 0.25, 0.75, 0.5, 0.5)
    simplex(machine, (CR, 0.25), (DE, 0.5), (A, 1.0), (B, 2.0))


@pytest.mark.parametrize(("f", "taken"), [(2.5, True), (above(2.5), False), (0.0, True)])
def test_an_outside_contraction_no_higher_than_the_reflection_is_taken(core, f, taken):
    machine = start(core, 2.5, 1.5, f)
    assert ([*CO, f] in np.c_[machine.vertices, machine.values].tolist()) == taken


def test_an_outside_contraction_that_is_refused_leaves_the_vertex(core):
    # not the reflection, 2.5, though that is lower than C
    machine = start(core, 2.5, 1.5, 2.75)
    simplex(machine, (A, 1.0), (DR, 1.5), (B, 2.0), (C, 3.0))


@pytest.mark.parametrize("equal", [True, False])
def test_an_equal_outside_contraction_is_up_to_the_switch(core, equal):
    machine = start(core, 1.5, 4.0, 4.0, equal_outside=equal)
    last = (DO, 4.0) if equal else (D, 5.0)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), last)


@pytest.mark.parametrize("equal", [True, False])
def test_an_equal_inside_contraction_is_up_to_the_switch(core, equal):
    machine = start(core, 1.5, 9.0, 5.0, equal_inside=equal)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), (DI if equal else D, 5.0))


@pytest.mark.parametrize(("f", "taken"), [(below(5.0), True), (5.0, False), (INF, False)])
def test_an_inside_contraction_below_the_vertex_is_taken(core, f, taken):
    # below the vertex itself, though above the other mover
    machine = start(core, 1.5, 9.0, f)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), (DI, f) if taken else (D, 5.0))


def test_a_mover_that_stays_keeps_its_place_among_those_that_move(core):
    machine = start(core, 9.0, 4.0, 3.0, 3.5)  # C refuses 3, D takes 3.5
    simplex(machine, (A, 1.0), (B, 2.0), (C, 3.0), (DO, 3.5))
    machine = start(core, 9.0, 4.0, 3.0, 2.5)
    simplex(machine, (A, 1.0), (B, 2.0), (DO, 2.5), (C, 3.0))
    # c of A and B still, r of D's contraction (3, 0, -2) and of C
    same(machine.needed(), [(1.0, 0.0, 2.0), CR])


# Shrink


def test_the_simplex_is_shrunk_if_no_mover_moved(core):
    machine = start(core, 3.0, 4.0, 3.0, above(4.0))
    assert machine.phase == "shrink"
    same(machine.needed(), [HALF_B, HALF_C, HALF_D])  # C and D, not the reflection 4 of D
    simplex(machine, (A, 1.0), (HALF_B, NAN), (HALF_C, NAN), (HALF_D, NAN))
    assert (machine.nit, machine.nshrink, machine.between) == (0, 0, False)
    tell(machine, 4.0, 0.5)
    simplex(machine, (HALF_C, 0.5), (A, 1.0), (HALF_B, 4.0), (HALF_D, NAN))
    same(machine.best[0], HALF_C)
    machine.tell(3.0)
    simplex(machine, (HALF_C, 0.5), (A, 1.0), (HALF_D, 3.0), (HALF_B, 4.0))
    assert (machine.nit, machine.nshrink, machine.nfev) == (1, 1, 11)
    # c = (0, ½, 0)
    same(machine.needed(), [(0.0, 1.0, -2.0), (-2.0, 1.0, 0.0)])


@pytest.mark.parametrize(
    "values", [(1.5, 9.0, 9.0), (9.0, 2.0, 9.0), (9.0, 9.0, 2.0, 9.0), (9.0, 9.0, 9.0, 4.0)]
)
def test_one_move_is_enough_not_to_shrink(core, values):
    machine = start(core, *values)
    assert machine.between
    assert (machine.nit, machine.nshrink) == (1, 0)


def test_a_constant_objective_shrinks(core):
    machine = start(core, 1.0, 1.0, 1.0, 1.0, first=(1.0, 1.0, 1.0, 1.0))
    assert machine.phase == "shrink"
    tell(machine, 1.0, 1.0, 1.0)
    simplex(machine, (A, 1.0), (HALF_B, 1.0), (HALF_C, 1.0), (HALF_D, 1.0))


# Ties


def test_a_new_vertex_ranks_after_equal_ones(core):
    machine = start(core, 1.0, 1.0)
    simplex(machine, (A, 1.0), (CR, 1.0), (DR, 1.0), (B, 2.0))
    machine = start(core, 1.5, 2.0)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), (DR, 2.0))


def test_a_new_vertex_ranks_after_an_equal_mover_that_stays(core):
    machine = start(core, 9.0, 4.0, 9.0, 3.0)
    simplex(machine, (A, 1.0), (B, 2.0), (C, 3.0), (DO, 3.0))


def test_equal_movers_are_compared_with_each_other(core):
    first = (1.0, 2.0, 3.0, 3.0)
    # D's second worst is C at 3: what is taken lies below, else it is contracted inside
    assert start(core, 1.5, below(3.0), first=first).between
    machine = start(core, 1.5, 3.0, first=first)
    assert machine.phase == "contract inside"
    same(machine.x, DI)


def test_zeros_of_either_sign_are_equal(core):
    machine = start(core, -0.0, 0.5, first=(0.0, 1.0, 2.0, 3.0))
    simplex(machine, (A, 0.0), (CR, -0.0), (DR, 0.5), (B, 1.0))


# NaN and infinite values


def test_nan_ranks_as_inf(core):
    machine = start(core, NAN, 2.0, NAN, first=(1.0, 2.0, 3.0, NAN))
    simplex(machine, (A, 1.0), (B, 2.0), (DR, 2.0), (C, 3.0))
    assert machine.nfailed == 3


def test_movers_that_failed_move_to_any_finite_value(core):
    first = (1.0, 2.0, NAN, INF)
    machine = start(core, INF, 7.0, 6.0, first=first)  # D's second worst is inf: 7 is taken
    simplex(machine, (A, 1.0), (B, 2.0), (CI, 6.0), (DR, 7.0))


def test_only_failures_shrink(core):
    machine = start(core, NAN, NAN, NAN, NAN, first=(NAN, INF, NAN, INF))
    assert machine.phase == "shrink"
    assert machine.nfailed == 8
    assert machine.best[1] == INF
    same(machine.best[0], A)


@pytest.mark.parametrize(
    ("values", "vertices"),
    [
        ((-INF,), [(CR, -INF), (A, 1.0), (B, 2.0), (D, 5.0)]),
        ((1.5, -INF), [(DR, -INF), (A, 1.0), (CR, 1.5), (B, 2.0)]),
        ((0.5, 9.0, -INF), [(CE, -INF), (A, 1.0), (B, 2.0), (D, 5.0)]),
        ((0.5, 4.0, 0.25, -INF), [(DO, -INF), (CE, 0.25), (A, 1.0), (B, 2.0)]),
        ((0.5, 9.0, 0.75, -INF), [(DI, -INF), (CR, 0.5), (A, 1.0), (B, 2.0)]),
    ],
)
def test_minus_inf_ends_with_the_moves_known_so_far(core, values, vertices):
    machine = start(core, *values)
    assert machine.done
    assert machine.end == "unbounded"
    assert machine.best[1] == -INF
    same(machine.best[0], vertices[0][0])
    simplex(machine, *vertices)
    assert machine.needed().shape == (0, 3)
    assert (machine.waiting, machine.between) == (0, False)
    with pytest.raises(RuntimeError, match="done"):
        machine.tell(1.0)


def test_minus_inf_in_the_first_simplex_and_in_a_shrink(core):
    machine = tell(make(core), 1.0, -INF)
    assert machine.end == "unbounded"
    same(machine.best[0], B)
    machine = start(core, 9.0, 9.0, 9.0, 9.0, 1.0, -INF)
    assert machine.end == "unbounded"
    same(machine.best[0], HALF_C)


def far(machine, size):
    """Put D far away, so that points are watched."""
    machine.replace(3, np.array([0.0, 0.0, size]), 5.0)
    return machine


def test_a_reflection_far_away_ends_as_unbounded(core):
    machine = far(start(core), 2e150)  # that of C is near
    assert machine.end == "unbounded"
    assert machine.nfev == 4
    same(machine.best[0], A)


def test_a_second_point_far_away_ends_with_the_best_reflection(core):
    machine = far(start(core), 6e149)
    same(machine.needed(), [CR, (4.0, 0.0, -6e149)])
    taken = tell(machine.clone(), 9.0, 1.5)  # C is contracted, near
    same(taken.needed(), [CI])
    tell(machine, 0.5, 0.75)  # the expansion of D is beyond 1e150
    assert machine.end == "unbounded"
    assert machine.nfev == 6
    simplex(machine, (CR, 0.5), ((4.0, 0.0, -6e149), 0.75), (A, 1.0), (B, 2.0))
    same(machine.best[0], CR)
    assert machine.best[1] == 0.5


# What is seen in the middle of an iteration


def test_moves_that_are_certain_count_before_the_iteration_ends(core):
    machine = start(core, 1.5)
    simplex(machine, (A, 1.0), (CR, 1.5), (B, 2.0), (D, 5.0))
    same(machine.best[0], A)
    machine = start(core, 0.5)
    simplex(machine, (CR, 0.5), (A, 1.0), (B, 2.0), (D, 5.0))
    same(machine.best[0], CR)
    assert machine.best[1] == 0.5
    machine.tell(0.25)  # D's reflection is lower still
    simplex(machine, (DR, 0.25), (CR, 0.5), (A, 1.0), (B, 2.0))
    same(machine.best[0], DR)
    machine.tell(0.125)  # C's expansion
    simplex(machine, (CE, 0.125), (DR, 0.25), (A, 1.0), (B, 2.0))
    same(machine.best[0], CE)
    assert machine.nit == 0


def test_contractions_count_once_they_are_taken(core):
    machine = start(core, 9.0, 9.0)
    simplex(machine, (A, 1.0), (B, 2.0), (C, 3.0), (D, 5.0))
    machine.tell(0.5)
    simplex(machine, (CI, 0.5), (A, 1.0), (B, 2.0), (D, 5.0))
    same(machine.best[0], CI)


def test_what_the_machine_shows_is_a_copy(core):
    machine = start(core, 0.5)
    before = state(machine)
    for array in (machine.x, machine.vertices, machine.values, machine.needed(), machine.best[0]):
        array[:] = 9.0
    assert state(machine) == before


# Branches


@pytest.mark.parametrize(
    ("values", "moves"),
    [
        ((), [("expand", CE), ("contract outside", CO), ("contract inside", CI), None]),
        ((1.5,), [("expand", DE), ("contract outside", DO), ("contract inside", DI), None]),
    ],
)
def test_branches_of_a_reflection_lead_to_every_move(core, values, moves):
    machine = start(core, *values)
    seen = []
    for value, share in machine.branches():
        assert 0.0 < share < 1.0
        twin = tell(machine.clone(), value)
        if not values:
            twin.tell(1.5)  # taken
        seen.append(None if twin.between else (twin.phase, tuple(twin.x)))
    assert sorted(seen, key=str) == sorted(moves, key=str)


@pytest.mark.parametrize("reflected", [(0.5, 0.75), (2.5, 4.0), (9.0, 9.0)])
def test_branches_of_a_second_point_are_those_of_its_mover(core, reflected):
    machine = start(core, *reflected)
    for second in ((), (9.0,)):  # that of C, that of D
        ends = {frozenset(map(tuple, twin.vertices)) for twin in branched(machine, second)}
        assert len(ends) == 2


def branched(machine, values):
    """Clones told `values` and then each of the branches."""
    told = tell(machine.clone(), *values)
    return [tell(told.clone(), value) for value, _ in told.branches()]


def test_the_first_simplex_and_a_shrink_have_no_branches(core):
    assert make(core).branches() == []
    assert start(core, 9.0, 9.0, 9.0, 9.0).branches() == []


# What is foreseen


def foreseen(machine):
    return sorted((x.tolist(), share) for x, share in machine.foreseen())


def test_all_second_points_are_foreseen_with_the_reflections(core):
    machine = start(core)
    before = state(machine)
    points = [x for x, _ in foreseen(machine)]
    assert points == sorted(map(list, [CE, CO, CI, DE, DO, DI]))
    assert 0.5 < sum(share for _, share in foreseen(machine)) / 2 < 1.0  # of each mover
    assert state(machine) == before


@pytest.mark.parametrize(("c", "wanted"), [(0.5, [CE]), (1.5, []), (2.5, [CO]), (3.0, [CI])])
def test_of_a_known_reflection_the_point_it_leads_to_is_foreseen(core, c, wanted):
    machine = start(core, c)
    points = [x for x, _ in foreseen(machine)]
    assert points == sorted(map(list, [*wanted, DE, DO, DI]))
    assert [x for x, share in foreseen(machine) if share == 1.0] == list(map(list, wanted))


def test_foreseen_points_are_in_the_box(core):
    box = core.Box(np.full(3, -1.0), np.full(3, 5.0), True)
    for x, _ in start(core, box=box).foreseen():
        assert np.all(x >= -1.0)
        assert np.all(x <= 5.0)


@pytest.mark.parametrize("values", [(0.5, 0.5), (9.0, 9.0, 9.0, 9.0), (1.5, -INF)])
def test_nothing_is_foreseen_after_the_reflections(core, values):
    assert start(core, *values).foreseen() == []
    assert make(core).foreseen() == []


# Between iterations


def test_a_clone_in_the_middle_of_an_iteration_is_independent(core):
    for values in ((), (0.5,), (0.5, 9.0), (0.5, 9.0, 0.25), (9.0, 9.0, 9.0, 9.0, 1.0)):
        machine = start(core, *values)
        before = state(machine)
        clone = machine.clone()
        assert type(clone) is core.KWorstMachine
        assert state(clone) == before
        tell(clone, 0.125, 0.125)
        assert state(machine) == before
        tell(machine, 0.125, 0.125)
        assert state(clone) == state(machine)


def test_a_vertex_can_be_replaced_only_between_iterations(core):
    machine = start(core)
    machine.replace(3, np.array([0.0, 0.0, 8.0]), 1.5)
    simplex(machine, (A, 1.0), ((0.0, 0.0, 8.0), 1.5), (B, 2.0), (C, 3.0))
    # c = (0, 0, 4)
    same(machine.needed(), [(-4.0, 0.0, 8.0), (0.0, -2.0, 8.0)])
    for values in ((1.5,), (9.0, 9.0), (9.0, 9.0, 9.0), (9.0, 9.0, 9.0, 9.0)):
        with pytest.raises(RuntimeError, match="between iterations"):
            start(core, *values).replace(3, np.zeros(3), 1.0)


def test_restart_goes_on_from_another_simplex(core):
    machine = start(core, 0.5, 9.0)
    machine.restart(np.array([A, B, C, D]), np.array([1.0, NAN, 3.0, NAN]))
    same(machine.needed(), [B, D])
    assert (machine.nfev, machine.nit) == (6, 0)
    tell(machine, 2.0, 5.0)
    simplex(machine, (A, 1.0), (B, 2.0), (C, 3.0), (D, 5.0))
    same(machine.needed(), [CR, DR])
    machine.restart(np.array([A, B, C, D]), np.array(VALUES))
    same(machine.needed(), [CR, DR])
    assert machine.between


def test_it_converges_at_the_end_of_an_iteration_only(core):
    # once C and D moved, all values are within 1 of the best and all coordinates within 8
    machine = start(core, 1.5, test=Tolerance(8.0, 1.0).test)
    assert not machine.done
    machine.tell(1.75)
    assert machine.end == "converged"
    assert machine.nit == 1
    simplex(machine, (A, 1.0), (CR, 1.5), (DR, 1.75), (B, 2.0))
    assert machine.needed().shape == (0, 3)


def test_finish_ends_it(core):
    machine = start(core)
    machine.finish()
    assert machine.end == "converged"
    assert not machine.between


# Other k, coefficients and boxes


def test_all_vertices_but_the_best_may_move(core):
    machine = start(core, k=3)
    # through A itself
    same(machine.needed(), [(-4.0, 0.0, 0.0), (0.0, -2.0, 0.0), (0.0, 0.0, -4.0)])
    tell(machine, 0.5, 1.75, 2.5)
    same(machine.needed(), [(-8.0, 0.0, 0.0)])
    machine.tell(0.75)
    simplex(
        machine,
        ((-4.0, 0.0, 0.0), 0.5),
        (A, 1.0),
        ((0.0, -2.0, 0.0), 1.75),
        ((0.0, 0.0, -4.0), 2.5),
    )


def test_other_coefficients(core):
    c = Coefficients(reflection=0.5, expansion=3.0, contraction=0.25, shrinkage=0.75)
    machine = start(core, coefficients=c)
    same(machine.needed(), [(3.0, -1.0, 0.0), (3.0, 0.0, -2.0)])
    same(tell(machine.clone(), 0.5, 0.5).needed(), [(5.0, -3.0, 0.0), (5.0, 0.0, -6.0)])
    outside = [(2.25, -0.25, 0.0), (2.25, 0.0, -0.5)]
    same(tell(machine.clone(), 2.5, 4.0).needed(), outside)
    tell(machine, 9.0, 9.0)
    same(machine.needed(), [(1.5, 0.5, 0.0), (1.5, 0.0, 1.0)])
    tell(machine, 9.0, 9.0)
    same(machine.needed(), [(3.0, 0.0, 0.0), (0.0, 1.5, 0.0), (0.0, 0.0, 3.0)])


def test_points_are_moved_into_a_box_and_moves_computed_outside_of_it(core):
    box = core.Box(np.full(3, -1.0), np.full(3, 5.0), True)
    machine = start(core, box=box)
    same(machine.needed(), [(4.0, -1.0, 0.0), (4.0, 0.0, -1.0)])
    tell(machine, 0.5, 0.5)
    same(machine.needed(), [(5.0, -1.0, 0.0), (5.0, 0.0, -1.0)])


def test_runs_are_tells(core):
    def fun(x):
        return float((x[0] - 1.0) ** 2 + 3.0 * (x[1] + 2.0) ** 2 + abs(x[2]))

    one, other = make(core), make(core)
    points, values = np.zeros((60, 3)), np.zeros(60)
    one.run(fun, (), 60, MANY, -INF, points, values)
    for x, f in zip(points, values, strict=True):
        same(other.x, x)
        other.tell(f)
    assert state(one) == state(other)


def test_it_runs_without_cython(core):
    def fun(x):
        return float(100.0 * (x[1] - x[0] * x[0]) ** 2 + (1.0 - x[0]) ** 2 + x[2] * x[2])

    machines = [make(core), make(uncompiled(cython=False))]
    for machine in machines:
        machine.run(fun, (), 200, MANY, -INF)
    assert state(machines[0]) == state(machines[1])


# Settings


@pytest.mark.parametrize("name", ["k", "workers"])
@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, True, "2", NAN])
def test_k_and_workers_are_whole_numbers(name, value):
    with pytest.raises(InvalidArgumentError, match=f"{name}=.*expected a whole number, 1 or above"):
        KWorst(**{name: value})


def test_settings_are_those_of_nelder_mead():
    method = KWorst(2, coefficients=nelder.Standard(), bounds_method="clip")
    assert (method.k, method.clips) == (2, True)
    assert method.coefficients_for(9) == Coefficients()
    with pytest.raises(InvalidArgumentError, match="bounds_method='x'"):
        KWorst(2, bounds_method="x")
    with pytest.raises(TypeError):
        KWorst(2, 8)


@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 1), (7, 7), (9, 7)])
def test_k_must_be_below_n(k, n):
    with pytest.raises(InvalidArgumentError, match=f"k={k}: expected fewer vertices than the {n} "):
        nelder.minimize(lambda x: 0.0, np.ones(n), method=KWorst(k))


@pytest.mark.parametrize(("k", "n"), [(2, 3), (2, 5), (4, 11), (10, 11)])
def test_k_above_a_third_of_n_warns_where_the_search_is_begun(k, n):
    with pytest.warns(UserWarning, match=f"k={k} is above a third of the {n} coordinates") as seen:
        nelder.minimize(lambda x: 0.0, np.ones(n), method=KWorst(k), maxfev=1)
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 2), (2, 6), (4, 12)])
def test_k_up_to_a_third_and_one_do_not_warn(k, n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert KWorst(k).k_for(n) == k


def test_k_is_compared_with_the_coordinates_that_are_searched():
    bounds = [(1.0, 1.0), (2.0, 2.0), *[(None, None)] * 3]
    with pytest.raises(InvalidArgumentError, match="than the 3 coordinates searched"):
        nelder.minimize(lambda x: 0.0, np.ones(5), bounds=bounds, method=KWorst(3))


@pytest.mark.parametrize(
    ("n", "workers", "k"),
    [
        (1, 64, 1),
        (8, 64, 1),
        (11, 64, 1),
        (12, 64, 3),
        (15, 64, 3),
        (20, 1, 1),
        (20, 2, 1),
        (20, 3, 3),
        (20, 4, 4),
        (20, 64, 5),
        (20, None, 5),
        (3, None, 1),
    ],
)
def test_the_rule_of_thumb(n, workers, k):
    assert KWorst.rule_of_thumb(n, workers) == k
    assert KWorst(workers=workers).k_for(n) == k


def test_the_first_simplex_is_regular_unless_another_is_given():
    assert KWorst().initial_simplex == nelder.RegularSimplex()
    assert KWorst(2, initial_simplex=nelder.AxisSimplex()).initial_simplex == nelder.AxisSimplex()
    assert NelderMead().initial_simplex == nelder.AxisSimplex()


def test_for_workers_fills_in_what_is_left_open():
    assert KWorst().for_workers(4).k_for(20) == 4
    given, reckoned = KWorst(3, coefficients=nelder.Standard()), KWorst(workers=8)
    assert given.for_workers(16) is given
    assert reckoned.for_workers(16) is reckoned
    clips = KWorst(bounds_method="clip").for_workers(8)
    assert (clips.workers, clips.k, clips.bounds_method) == (8, None, "clip")
    plain = NelderMead()
    assert plain.for_workers(16) is plain


# In a search


def sphere(x):
    return float(np.sum((np.asarray(x) - 0.5) ** 2))


def test_the_optimizer_asks_for_the_vertices_that_move():
    optimizer = Optimizer(np.zeros(8), method=KWorst(2))
    asked = optimizer.ask()
    assert len(asked) == 9
    optimizer.tell(asked, [sphere(x) for x in asked])
    asked = optimizer.ask()
    assert len(asked) == 2
    values = [sphere(x) for x in asked]
    optimizer.tell(asked[1:], values[1:])
    same(optimizer.ask(), asked[:1])
    optimizer.tell(asked[:1], values[:1])
    assert optimizer.result().nfev == 11


def test_restarts_bounds_and_callbacks():
    seen = []
    bounds = [
        (0.0, 0.25),
        (None, None),
        (0.75, None),
        (2.0, 2.0),
        (None, None),
        (None, 0.4),
        (-1, 1),
    ]
    for bounds_method in ("transform", "clip"):
        result = nelder.minimize(
            sphere,
            np.zeros(7),
            bounds=bounds,
            method=KWorst(2, bounds_method=bounds_method, initial_simplex=nelder.AxisSimplex()),
            callback=lambda intermediate_result: seen.append(intermediate_result.nit),
        )
        assert result.success
        expected = [0.25, 0.5, 0.75, 2.0, 0.5, 0.4, 0.5]
        np.testing.assert_allclose(result.x, expected, atol=1e-6)
        assert seen == list(range(1, result.nit + 1))
        seen.clear()


def test_a_rule_of_the_users_is_asked_between_iterations_only():
    asked = []

    def rule(vertices, values):
        asked.append(values.copy())
        return len(asked) > 30

    method = KWorst(2, convergence=rule, probe=False)
    whole = nelder.minimize(sphere, np.zeros(6), method=method, history=True)
    first, asked = asked, []
    # the clock has the search stop after single evaluations, too
    timed = nelder.minimize(sphere, np.zeros(6), method=method, maxtime=1e9, progress=False)
    same(np.array(asked), np.array(first))
    assert whole.status is Status.CONVERGED
    assert (whole.nfev, whole.fun) == (timed.nfev, timed.fun)
    values = np.array(first)
    assert np.all(values[:, 1:] >= values[:, :-1])


def test_check_method_names_both():
    with pytest.raises(InvalidArgumentError, match=r"NelderMead\(\.\.\.\), nelder.KWorst"):
        nelder.minimize(sphere, [0.0], method="k-worst")
