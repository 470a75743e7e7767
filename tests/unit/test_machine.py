"""The machine's decisions by hand.

Unless a test says otherwise the simplex is A = (0, 0), B = (4, 0), C = (0, 2) with values 1, 2, 3,
so that with the standard coefficients all points are exact:

    centroid of A and B                 c = (2, 0)
    reflection            c + (c - C)     = (4, -2)
    expansion             c + 2·(r - c)   = (6, -4)
    outside contraction   c + ½·(r - c)   = (3, -1)
    inside contraction    c + ½·(C - c)   = (1, 1)
    shrink                A + ½·(B - A)   = (2, 0) and A + ½·(C - A) = (0, 1)
"""

import ctypes
import math
import signal
import warnings

import numpy as np
import pytest

from nelder.core.coefficients import Coefficients
from nelder.core.convergence import Test as Comparison
from nelder.core.convergence import Tolerance
from nelder.errors import ReturnValueError
from tests.uncompiled import uncompiled

INF = math.inf
NAN = math.nan
NEVER = Comparison("none")
MANY = 10**6

A, B, C = (0.0, 0.0), (4.0, 0.0), (0.0, 2.0)
R, E, OUTSIDE, INSIDE = (4.0, -2.0), (6.0, -4.0), (3.0, -1.0), (1.0, 1.0)
HALF_B, HALF_C = (2.0, 0.0), (0.0, 1.0)


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected, strict=isinstance(expected, np.ndarray))


def start(core, simplex=(A, B, C), values=(1.0, 2.0, 3.0), coefficients=None, **settings):
    """A machine that was told `values`, in the order of the vertices."""
    settings.setdefault("test", NEVER)
    machine = core.Machine(
        np.array(simplex, dtype=float), coefficients or Coefficients(), **settings
    )
    for f in values:
        machine.tell(f)
    return machine


def tell(machine, *values):
    for f in values:
        machine.tell(f)
    return machine


def state(machine):
    """All that a machine shows, to the last bit."""
    x, f = machine.best
    shown = [machine.x, machine.vertices, machine.values, machine.needed(), x]
    counts = (machine.nfev, machine.nfailed, machine.nit, machine.nshrink, machine.done)
    return [a.tobytes() for a in shown], f, machine.phase, machine.end, counts


# The first simplex


def test_the_first_simplex_is_evaluated_in_the_order_given(core):
    machine = start(core, values=())
    assert (machine.n, machine.dim) == (2, 2)
    for k, (vertex, f) in enumerate(zip((A, B, C), (3.0, 1.0, 2.0), strict=True)):
        assert machine.phase == "initial"
        same(machine.x, vertex)
        same(machine.needed(), [A, B, C][k:])
        machine.tell(f)
    assert machine.phase == "reflect"
    assert machine.nfev == 3
    assert machine.nit == 0


def test_the_first_simplex_is_ranked_by_value(core):
    machine = start(core, values=(3.0, 1.0, 2.0))
    same(machine.vertices, [B, C, A])
    same(machine.values, [1.0, 2.0, 3.0])
    same(machine.centroid, (2.0, 1.0))
    same(machine.x, (4.0, 2.0))  # 2·(2, 1) - (0, 0)


def test_equal_first_values_rank_in_the_order_given(core):
    machine = start(core, values=(1.0, 1.0, 1.0))
    same(machine.vertices, [A, B, C])
    machine = start(core, values=(2.0, 1.0, 1.0))
    same(machine.vertices, [B, C, A])


def test_the_first_simplex_while_it_is_half_known(core):
    machine = start(core, values=(3.0, 1.0))
    same(machine.vertices, [B, A, C])
    same(machine.values, [1.0, 3.0, NAN])
    same(machine.best[0], B)
    assert machine.best[1] == 1.0


def test_the_best_before_any_value_is_the_first_point_at_inf(core):
    x, f = start(core, values=()).best
    same(x, A)
    assert f == INF


def test_the_simplex_given_is_not_kept(core):
    simplex = np.array([A, B, C])
    machine = core.Machine(simplex, Coefficients(), NEVER)
    simplex[:] = 9.0
    same(machine.needed(), [A, B, C])


def test_what_the_machine_shows_is_a_copy(core):
    machine = start(core)
    before = state(machine)
    machine.x[:] = 9.0
    machine.vertices[:] = 9.0
    machine.values[:] = 9.0
    machine.best[0][:] = 9.0
    machine.needed()[:] = 9.0
    machine.centroid[:] = 9.0
    assert state(machine) == before


# Reflection and expansion


@pytest.mark.parametrize("f", [1.0, 1.5, math.nextafter(2.0, 0.0)])
def test_a_reflection_below_the_second_worst_is_taken(core, f):
    machine = start(core)
    assert machine.phase == "reflect"
    same(machine.x, R)
    same(machine.needed(), [R])
    machine.tell(f)
    assert machine.phase == "reflect"
    same(machine.vertices, [A, R, B])  # after A, also where it equals A
    same(machine.values, [1.0, f, 2.0])
    # B is the worst now: c = (A + R)/2 = (2, -1), 2c - B = (0, -2)
    same(machine.centroid, (2.0, -1.0))
    same(machine.x, (0.0, -2.0))
    assert machine.nit == 1


@pytest.mark.parametrize("f", [0.0, math.nextafter(1.0, 0.0), -1e300])
def test_a_reflection_below_the_best_is_expanded(core, f):
    machine = tell(start(core), f)
    assert machine.phase == "expand"
    same(machine.x, E)
    same(machine.needed(), [E])
    assert machine.nit == 0


@pytest.mark.parametrize("f", [-1.0, math.nextafter(0.0, -1.0)])
def test_a_lower_expansion_is_taken(core, f):
    machine = tell(start(core), 0.0, f)
    assert machine.phase == "reflect"
    same(machine.vertices, [E, A, B])
    same(machine.values, [f, 1.0, 2.0])
    assert machine.nit == 1
    # c = (E + A)/2 = (3, -2), 2c - B = (2, -4)
    same(machine.x, (2.0, -4.0))


@pytest.mark.parametrize("f", [0.0, 0.5, 9.0, INF, NAN])
def test_else_the_reflection_is_kept(core, f):
    machine = tell(start(core), 0.0, f)
    assert machine.phase == "reflect"
    same(machine.vertices, [R, A, B])
    same(machine.values, [0.0, 1.0, 2.0])
    assert machine.nit == 1
    # c = (R + A)/2 = (2, -1), 2c - B = (0, -2)
    same(machine.x, (0.0, -2.0))


def test_the_expansion_is_compared_with_the_reflection_not_with_the_best(core):
    machine = tell(start(core), -5.0, -4.0)  # below the best, above the reflection
    same(machine.vertices, [R, A, B])


def test_the_best_while_an_expansion_is_pending_is_the_reflection(core):
    machine = tell(start(core), 0.25)
    x, f = machine.best
    same(x, R)
    assert f == 0.25
    same(machine.vertices, [R, A, B])
    same(machine.values, [0.25, 1.0, 2.0])
    same(machine.centroid, (2.0, -1.0))  # of these vertices


# Contractions


@pytest.mark.parametrize("f", [2.0, 2.5, math.nextafter(3.0, 0.0)])
def test_a_reflection_from_the_second_worst_to_the_worst_is_contracted_outside(core, f):
    machine = tell(start(core), f)
    assert machine.phase == "contract outside"
    same(machine.x, OUTSIDE)
    same(machine.needed(), [OUTSIDE])
    same(machine.vertices, [A, B, C])


@pytest.mark.parametrize(("f", "rank"), [(0.0, 0), (1.0, 1), (1.5, 1), (2.0, 2), (2.25, 2)])
def test_a_lower_outside_contraction_is_taken(core, f, rank):
    machine = tell(start(core), 2.5, f)
    assert machine.phase == "reflect"
    expected = [A, B]
    expected.insert(rank, OUTSIDE)
    same(machine.vertices, expected)
    assert machine.nit == 1


def test_an_equal_outside_contraction_is_taken(core):
    machine = tell(start(core), 2.5, 2.5)
    assert machine.phase == "reflect"
    same(machine.vertices, [A, B, OUTSIDE])


def test_an_equal_outside_contraction_is_refused_by_the_switch(core):
    machine = tell(start(core, equal_outside=False), 2.5, 2.5)
    assert machine.phase == "shrink"
    lower = tell(start(core, equal_outside=False), 2.5, math.nextafter(2.5, 0.0))
    assert lower.phase == "reflect"


def test_the_branches_of_a_contraction_know_one_equal_to_all_it_is_compared_with(core):
    """Taken, and the worst still: r ranks as the second worst does."""
    machine = tell(start(core), 2.0)
    assert machine.phase == "contract outside"
    told = [tell(machine.clone(), value) for value, _ in machine.branches()]
    ends = [(twin.phase, tuple(map(tuple, twin.vertices))) for twin in told]
    assert ("reflect", (A, B, OUTSIDE)) in ends
    assert len(set(ends)) == 3


@pytest.mark.parametrize("f", [math.nextafter(2.5, 3.0), 2.75, 3.0, INF, NAN])
def test_a_higher_outside_contraction_is_refused(core, f):
    # also where it is below the worst, 3
    machine = tell(start(core), 2.5, f)
    assert machine.phase == "shrink"


@pytest.mark.parametrize("f", [3.0, 3.5, 1e300, INF, NAN])
def test_a_reflection_from_the_worst_is_contracted_inside(core, f):
    machine = tell(start(core), f)
    assert machine.phase == "contract inside"
    same(machine.x, INSIDE)
    same(machine.needed(), [INSIDE])
    same(machine.vertices, [A, B, C])


@pytest.mark.parametrize(("f", "rank"), [(0.0, 0), (1.0, 1), (2.0, 2), (math.nextafter(3, 0), 2)])
def test_a_lower_inside_contraction_is_taken(core, f, rank):
    machine = tell(start(core), 4.0, f)
    assert machine.phase == "reflect"
    expected = [A, B]
    expected.insert(rank, INSIDE)
    same(machine.vertices, expected)


def test_an_equal_inside_contraction_is_refused(core):
    assert tell(start(core), 4.0, 3.0).phase == "shrink"


def test_an_equal_inside_contraction_is_taken_by_the_switch(core):
    machine = tell(start(core, equal_inside=True), 4.0, 3.0)
    assert machine.phase == "reflect"
    same(machine.vertices, [A, B, INSIDE])
    higher = tell(start(core, equal_inside=True), 4.0, math.nextafter(3.0, 4.0))
    assert higher.phase == "shrink"


@pytest.mark.parametrize("f", [3.0, 3.5, INF, NAN])
def test_an_inside_contraction_from_the_worst_is_refused(core, f):
    # also where it is below the reflection, 4
    assert tell(start(core), 4.0, f).phase == "shrink"


def test_each_switch_is_for_its_own_contraction(core):
    assert tell(start(core, equal_outside=False), 4.0, 3.0).phase == "shrink"
    both = {"equal_outside": False, "equal_inside": True}
    assert tell(start(core, **both), 2.5, 2.5).phase == "shrink"
    assert tell(start(core, **both), 4.0, 3.0).phase == "reflect"


# Shrink


def shrinking(core, **settings):
    return tell(start(core, **settings), 4.0, 4.0)


def test_a_shrink_evaluates_all_but_the_best_in_order_of_rank(core):
    machine = start(core, values=(2.0, 3.0, 1.0))  # ranks C, A, B
    # c = (C + A)/2 = (0, 1), r = (-4, 2), inside = c + ½·(B - c) = (2, ½)
    same(machine.x, (-4.0, 2.0))
    machine.tell(4.0)
    same(machine.x, (2.0, 0.5))
    machine.tell(4.0)
    assert machine.phase == "shrink"
    # C + ½·(A - C) = (0, 1), C + ½·(B - C) = (2, 1)
    same(machine.needed(), [(0.0, 1.0), (2.0, 1.0)])
    same(machine.x, (0.0, 1.0))
    machine.tell(5.0)
    assert machine.phase == "shrink"
    same(machine.needed(), [(2.0, 1.0)])
    same(machine.x, (2.0, 1.0))
    machine.tell(0.5)
    assert machine.phase == "reflect"
    same(machine.vertices, [(2.0, 1.0), C, (0.0, 1.0)])
    same(machine.values, [0.5, 1.0, 5.0])
    # c = ((2, 1) + (0, 2))/2 = (1, 3/2), r = 2c - (0, 1) = (2, 2)
    same(machine.x, (2.0, 2.0))


def test_a_shrink_is_taken_whatever_its_values(core):
    machine = tell(shrinking(core), 50.0, 60.0)
    same(machine.vertices, [A, HALF_B, HALF_C])
    same(machine.values, [1.0, 50.0, 60.0])


def test_vertices_while_a_shrink_is_half_told(core):
    machine = shrinking(core)
    same(machine.vertices, [A, HALF_B, HALF_C])
    same(machine.values, [1.0, NAN, NAN])
    assert machine.best[1] == 1.0
    machine.tell(0.5)
    same(machine.vertices, [HALF_B, A, HALF_C])
    same(machine.values, [0.5, 1.0, NAN])
    same(machine.best[0], HALF_B)
    assert machine.best[1] == 0.5


def test_shrunk_vertices_rank_after_an_equal_best(core):
    machine = tell(shrinking(core), 1.0, 1.0)
    same(machine.vertices, [A, HALF_B, HALF_C])


def test_a_shrink_counts_once_it_is_told(core):
    machine = shrinking(core)
    assert (machine.nit, machine.nshrink, machine.nfev) == (0, 0, 5)
    machine.tell(2.0)
    assert (machine.nit, machine.nshrink, machine.nfev) == (0, 0, 6)
    machine.tell(2.0)
    assert (machine.nit, machine.nshrink, machine.nfev) == (1, 1, 7)


# Other coefficients and dimensions


def test_other_coefficients(core):
    c = Coefficients(reflection=0.5, expansion=3.0, contraction=0.25, shrinkage=0.75)
    machine = start(core, coefficients=c)
    same(machine.x, (3.0, -1.0))  # (2, 0) + ½·(2, -2)
    same(tell(machine.clone(), 0.0).x, (5.0, -3.0))  # (2, 0) + 3·(1, -1)
    same(tell(machine.clone(), 2.5).x, (2.25, -0.25))  # (2, 0) + ¼·(1, -1)
    same(tell(machine.clone(), 3.0).x, (1.5, 0.5))  # (2, 0) + ¼·(-2, 2)
    # (0, 0) + ¾·(4, 0) and (0, 0) + ¾·(0, 2)
    same(tell(machine, 3.0, 3.0).needed(), [(3.0, 0.0), (0.0, 1.5)])


def test_one_dimension(core):
    machine = start(core, simplex=[[0.0], [4.0]], values=(1.0, 2.0))
    same(machine.x, [-4.0])  # c = 0
    # best and second worst are the same vertex: nothing lies between them
    outside = tell(machine.clone(), 1.0)
    assert outside.phase == "contract outside"
    same(outside.x, [-2.0])
    expand = tell(machine.clone(), 0.5)
    assert expand.phase == "expand"
    same(expand.x, [-8.0])
    same(tell(expand, 0.25).vertices, [[-8.0], [0.0]])
    inside = tell(machine.clone(), 2.0)
    assert inside.phase == "contract inside"
    same(inside.x, [2.0])
    shrink = tell(inside, 2.0)
    assert shrink.phase == "shrink"
    same(shrink.needed(), [[2.0]])
    shrink.tell(0.0)
    same(shrink.vertices, [[2.0], [0.0]])
    assert shrink.nshrink == 1


def test_one_dimension_to_the_minimum(core):
    machine = start(core, [[0.0], [1.0]], values=(), test=Tolerance().test)
    machine.run(lambda x: (x[0] - 3.0) ** 2, (), 1000, MANY, -INF)
    assert machine.end == "converged"
    assert abs(machine.best[0][0] - 3.0) < 1e-6


def test_three_dimensions_have_a_second_worst(core):
    simplex = [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]
    machine = start(core, simplex, values=(1.0, 2.0, 4.0, 8.0))
    np.testing.assert_allclose(machine.x, [2.0, 2.0, -3.0], rtol=1e-15)  # c = (1, 1, 0)
    assert tell(machine.clone(), 3.0).phase == "reflect"  # below the second worst, 4
    assert tell(machine.clone(), 4.0).phase == "contract outside"
    same(tell(machine, 3.0).values, [1.0, 2.0, 3.0, 4.0])


# Ties


def test_a_new_vertex_ranks_after_equal_ones(core):
    machine = start(core, values=(1.0, 1.0, 3.0))
    machine.tell(2.0)  # second worst 1 <= 2 < 3
    same(machine.x, OUTSIDE)
    machine.tell(1.0)
    same(machine.vertices, [A, B, OUTSIDE])


def test_a_reflection_equal_to_the_second_worst_is_contracted_outside(core):
    assert tell(start(core), 2.0).phase == "contract outside"


def test_a_reflection_equal_to_equal_worst_ones_is_contracted_inside(core):
    assert tell(start(core, values=(1.0, 3.0, 3.0)), 3.0).phase == "contract inside"


def test_zeros_of_either_sign_are_equal(core):
    machine = start(core, values=(0.0, 1.0, 2.0))
    assert tell(machine, -0.0).phase == "reflect"
    same(machine.vertices, [A, R, B])


def test_a_constant_objective_shrinks(core):
    machine = start(core, values=(1.0, 1.0, 1.0))
    assert tell(machine, 1.0).phase == "contract inside"
    assert tell(machine, 1.0).phase == "shrink"
    same(tell(machine, 1.0, 1.0).vertices, [A, HALF_B, HALF_C])


# NaN and infinite values


def test_nan_ranks_worst(core):
    machine = start(core, values=(2.0, NAN, 1.0))
    same(machine.vertices, [C, A, B])
    same(machine.values, [1.0, 2.0, INF])
    assert machine.nfailed == 1


@pytest.mark.parametrize("first", [INF, NAN])
def test_nan_and_inf_rank_as_equal(core, first):
    machine = start(core, values=(first, INF if math.isnan(first) else NAN, 1.0))
    same(machine.vertices, [C, A, B])
    same(machine.values, [1.0, INF, INF])
    assert machine.nfailed == 2


def test_only_nan(core):
    machine = start(core, values=(NAN, NAN, NAN))
    same(machine.vertices, [A, B, C])
    same(machine.best[0], A)
    assert machine.best[1] == INF
    assert tell(machine, NAN).phase == "contract inside"
    assert tell(machine, NAN).phase == "shrink"
    assert tell(machine, NAN, NAN).phase == "reflect"
    assert machine.nfailed == machine.nfev == 7


def test_a_first_finite_value_among_infinite_ones_is_best(core):
    machine = start(core, values=(NAN, NAN, NAN))
    assert tell(machine, 5.0).phase == "expand"
    assert tell(machine, NAN).phase == "reflect"
    same(machine.values, [5.0, INF, INF])


def test_an_infinite_inside_contraction_equals_an_infinite_worst(core):
    values = (1.0, 2.0, INF)
    assert tell(start(core, values=values), NAN, NAN).phase == "shrink"
    taken = tell(start(core, values=values, equal_inside=True), NAN, NAN)
    assert taken.phase == "reflect"
    same(taken.vertices, [A, B, INSIDE])


def test_nan_in_a_shrink(core):
    machine = tell(shrinking(core), NAN, 1.5)
    same(machine.vertices, [A, HALF_C, HALF_B])
    same(machine.values, [1.0, 1.5, INF])


BEFORE_MINUS_INF = {
    "initial, first": ((), A),
    "initial, second": ((3.0,), B),
    "initial, last": ((3.0, 2.0), C),
    "reflect": ((1.0, 2.0, 3.0), R),
    "expand": ((1.0, 2.0, 3.0, 0.5), E),
    "contract outside": ((1.0, 2.0, 3.0, 2.5), OUTSIDE),
    "contract inside": ((1.0, 2.0, 3.0, 3.0), INSIDE),
    "shrink, first": ((1.0, 2.0, 3.0, 3.0, 3.0), HALF_B),
    "shrink, last": ((1.0, 2.0, 3.0, 3.0, 3.0, 2.0), HALF_C),
}


@pytest.mark.parametrize("when", BEFORE_MINUS_INF)
@pytest.mark.parametrize("fatol", [1e-8, 0.75])
def test_minus_inf_ends_the_search_as_unbounded(core, when, fatol):
    told, x = BEFORE_MINUS_INF[when]
    machine = start(core, values=told, test=Tolerance(1e3, fatol).test)
    assert machine.phase == when.split(",")[0]
    same(machine.x, x)
    machine.tell(-INF)
    assert machine.done
    assert machine.end == "unbounded"
    same(machine.best[0], x)
    assert machine.best[1] == -INF
    same(machine.vertices[0], x)
    assert machine.values[0] == -INF
    assert len(np.unique(machine.vertices, axis=0)) == 3
    assert machine.needed().shape == (0, 2)
    assert machine.nfev == len(told) + 1
    assert machine.nfailed == 0
    with pytest.raises(RuntimeError, match="done"):
        machine.tell(1.0)


@pytest.mark.parametrize("when", ["reflect", "expand"])
def test_a_point_that_overflows_ends_the_search_as_unbounded(core, when):
    if when == "reflect":  # c = 1e308, r = 3e308
        machine = start(core, simplex=[[1e308], [-1e308]], values=(1.0, 2.0))
        best = 1e308
    else:  # c = 0, r = -1e308, e = -2e308
        machine = start(core, simplex=[[0.0], [1e308]], values=(1.0, 2.0))
        assert machine.x == -1e308
        machine.tell(0.5)
        best = -1e308
    assert machine.done
    assert machine.end == "unbounded"
    assert machine.best[0] == best
    assert machine.best[1] == machine.values[0] == (1.0 if when == "reflect" else 0.5)
    assert np.all(np.isfinite(machine.vertices))
    assert np.all(np.isfinite(machine.x))
    assert machine.needed().shape == (0, 1)
    with pytest.raises(RuntimeError, match="done"):
        machine.tell(1.0)


@pytest.mark.parametrize("lower", [None, -INF, 0.0])
def test_falling_without_end_is_unbounded(core, lower):
    seen = []

    def fun(x):
        seen.append(float(x[0]))
        return -math.log2(abs(seen[-1]) + 1.0)

    box = None if lower is None else core.Box(np.array([lower]), np.array([INF]), clips=False)
    machine = start(core, simplex=[[0.0], [1.0]], values=(), box=box)
    machine.run(fun, (), 10_000, MANY, -INF)
    assert machine.end == "unbounded"
    assert np.all(np.isfinite(seen))
    assert machine.best[1] == min(-math.log2(abs(x) + 1.0) for x in seen) < -450.0


# Reading


EVERY_PHASE = {
    "initial": (3.0,),
    "reflect": (1.0, 2.0, 3.0),
    "expand": (1.0, 2.0, 3.0, 0.5),
    "contract outside": (1.0, 2.0, 3.0, 2.5),
    "contract inside": (1.0, 2.0, 3.0, 3.0),
    "shrink": (1.0, 2.0, 3.0, 3.0, 3.0, 2.0),
}


def boxed(core, **settings):
    """The simplex A, B, C in the first and third coordinate; the first has a lower bound -8."""
    box = core.Box(np.array([-8.0, 5.0, -INF]), np.array([INF, 5.0, INF]), clips=True)
    return start(core, box=box, **settings)


@pytest.mark.parametrize("phase", EVERY_PHASE)
def test_needed_begins_with_the_pending_point(core, phase):
    machine = start(core, values=EVERY_PHASE[phase])
    assert machine.phase == phase
    needed = machine.needed()
    assert needed.shape == ({"initial": 2}.get(phase, 1), 2)
    same(needed[0], machine.x)


@pytest.mark.parametrize("phase", EVERY_PHASE)
@pytest.mark.parametrize("make", [start, boxed])
def test_reading_changes_nothing(core, phase, make):
    machine, other = (make(core, values=EVERY_PHASE[phase]) for _ in range(2))
    before = state(machine)
    assert machine.centroid.shape == (machine.dim,)
    assert state(machine) == before
    for f in (2.5, 0.1, 7.0):
        machine.tell(f)
        other.tell(f)
        assert state(machine) == state(other)


def test_a_box_in_the_machine(core):
    machine = boxed(core, values=())
    assert (machine.n, machine.dim) == (2, 3)
    same(machine.needed(), [(0.0, 5.0, 0.0), (4.0, 5.0, 0.0), (0.0, 5.0, 2.0)])
    tell(machine, 1.0, 2.0, 3.0)
    same(machine.x, (4.0, 5.0, -2.0))
    same(machine.centroid, (2.0, 5.0, 0.0))
    same(machine.vertices, [(0.0, 5.0, 0.0), (4.0, 5.0, 0.0), (0.0, 5.0, 2.0)])


# Finish, restart, replace, clone


def test_tell_after_the_end_raises_and_changes_nothing(core):
    machine = start(core)
    machine.finish()
    before = state(machine)
    with pytest.raises(RuntimeError, match="no value is waited for: the search is done"):
        machine.tell(0.0)
    assert state(machine) == before


def test_finish(core):
    machine = start(core)
    assert machine.end is None
    assert not machine.done
    machine.finish()
    assert machine.done
    assert machine.end == "converged"
    assert machine.needed().shape == (0, 2)
    same(machine.vertices, [A, B, C])
    machine.run(lambda x: pytest.fail("evaluated"), (), 5, MANY, -INF)
    assert machine.nfev == 3


def test_restart_with_all_values_known(core):
    machine = tell(start(core), 1.5)
    machine.restart(np.array([(0.0, 8.0), (8.0, 0.0), (0.0, 0.0)]), np.array([5.0, 3.0, 4.0]))
    assert machine.phase == "reflect"
    same(machine.vertices, [(8.0, 0.0), (0.0, 0.0), (0.0, 8.0)])
    same(machine.values, [3.0, 4.0, 5.0])
    same(machine.x, (8.0, -8.0))  # c = (4, 0)
    assert (machine.nfev, machine.nit) == (4, 1)  # counts stay


def test_restart_with_some_values_known(core):
    machine = start(core)
    machine.restart(np.array([(0.0, 8.0), (8.0, 0.0), (1.0, 1.0)]), np.array([NAN, 3.0, NAN]))
    assert machine.phase == "initial"
    same(machine.needed(), [(0.0, 8.0), (1.0, 1.0)])
    same(machine.best[0], (8.0, 0.0))
    assert machine.best[1] == 3.0
    same(machine.values, [3.0, NAN, NAN])
    tell(machine, 4.0, 2.0)
    assert machine.phase == "reflect"
    same(machine.vertices, [(1.0, 1.0), (8.0, 0.0), (0.0, 8.0)])
    assert machine.nfev == 5


def test_others_around_the_best(core):
    machine = tell(start(core), 1.5, 2.5)
    x, f = machine.best
    machine.surround(np.array([(0.0, 8.0), (8.0, 0.0)]))
    same(machine.needed(), [(0.0, 8.0), (8.0, 0.0)])
    same(machine.vertices, [x, (0.0, 8.0), (8.0, 0.0)])
    same(machine.values, [f, NAN, NAN])


def test_others_around_a_best_that_rounding_would_move(core):
    box, x = core.Box(np.zeros(1), np.array([3.0]), False), np.array([[0.1], [1.0]])
    z = box.enter(x)
    assert box.leave(z[0])[0] != 0.1
    machine = core.Machine(z, Coefficients(), Comparison("none"), box=box)
    machine.restart(z, np.array([2.0, 5.0]), x)
    machine.surround(z[1:] / 2.0)
    same(machine.vertices, [[0.1], box.leave(z[1] / 2.0)])


@pytest.mark.parametrize("phase", EVERY_PHASE)
def test_restart_in_any_phase_is_a_fresh_machine(core, phase):
    machine = start(core, values=EVERY_PHASE[phase])
    simplex = np.array([(0.0, 8.0), (8.0, 0.0), (1.0, 1.0)])
    machine.restart(simplex, np.full(3, NAN))
    fresh = start(core, simplex, values=())
    for f in (1.0, 2.0, 3.0, 0.5, 0.75, 9.0, 9.0, 1.5, 2.5):
        same(machine.x, fresh.x)
        same(machine.needed(), fresh.needed())
        assert machine.phase == fresh.phase
        machine.tell(f)
        fresh.tell(f)
    same(machine.vertices, fresh.vertices)


@pytest.mark.parametrize("ended", ["converged", "unbounded"])
def test_restart_after_the_end(core, ended):
    machine = start(core)
    machine.finish() if ended == "converged" else machine.tell(-INF)
    machine.restart(np.array([A, B, C]), np.array([1.0, 2.0, 3.0]))
    assert not machine.done
    assert machine.end is None
    same(machine.x, R)
    assert tell(machine, 0.0).phase == "expand"


@pytest.mark.parametrize(
    ("vertex", "f", "expected"),
    [
        (0, 0.0, ["X", B, C]),
        (0, 2.0, [B, "X", C]),
        (0, 2.5, [B, "X", C]),
        (0, 9.0, [B, C, "X"]),
        (1, 1.0, [A, "X", C]),  # after an equal one
        (1, 0.5, ["X", A, C]),
        (2, 0.5, ["X", A, B]),
        (2, 3.5, [A, B, "X"]),
        (2, INF, [A, B, "X"]),
    ],
)
def test_replace(core, vertex, f, expected):
    x = (2.0, 6.0)
    machine = start(core)
    machine.replace(vertex, np.array(x), f)
    expected = [x if v == "X" else v for v in expected]
    same(machine.vertices, expected)
    assert np.all(np.diff(machine.values[np.isfinite(machine.values)]) >= 0.0)
    assert f in machine.values
    first, second, worst = np.array(expected)
    same(machine.x, first + second - worst)  # 2c - worst, with the new sum
    assert machine.phase == "reflect"
    assert machine.nfev == 3


def test_replace_then_go_on(core):
    machine = start(core)
    machine.replace(1, np.array([2.0, 6.0]), 0.0)  # X, A, C
    tell(machine, 0.5)  # r = X + A - C = (2, 4) is taken
    same(machine.vertices, [(2.0, 6.0), (2.0, 4.0), A])


def test_replace_in_a_box(core):
    machine = boxed(core)
    machine.replace(2, np.array([-9.0, 7.0]), 0.5)
    same(machine.vertices[0], (-8.0, 5.0, 7.0))


@pytest.mark.parametrize("phase", [p for p in EVERY_PHASE if p != "reflect"] + ["done"])
def test_replace_within_an_iteration_raises(core, phase):
    machine = start(core, values=EVERY_PHASE.get(phase, (1.0, 2.0, 3.0)))
    if phase == "done":
        machine.finish()
    before = state(machine)
    with pytest.raises(RuntimeError, match="between iterations"):
        machine.replace(0, np.array([9.0, 9.0]), 0.0)
    assert state(machine) == before


@pytest.mark.parametrize("phase", [*EVERY_PHASE, "done"])
@pytest.mark.parametrize("make", [start, boxed])
def test_a_clone_is_independent(core, phase, make):
    machine = make(core, values=EVERY_PHASE.get(phase, (1.0, 2.0, 3.0, NAN)))
    if phase == "done":
        machine.finish()
    before = state(machine)
    clone = machine.clone()
    assert state(clone) == before
    if phase == "done":
        clone.restart(np.array([B, C, A]), np.full(3, NAN))
    tell(clone, -3.0, 9.0, 1.5, NAN)
    assert state(machine) == before
    after = state(clone)
    if phase != "done":
        tell(machine, 1.0, 1.0, 1.0, 1.0, 1.0)
        assert state(clone) == after


@pytest.mark.parametrize("phase", EVERY_PHASE)
def test_a_clone_goes_the_same_way(core, phase):
    settings = {"equal_outside": False, "equal_inside": True, "test": Tolerance(0.1, 0.1).test}
    c = Coefficients(0.75, 1.5, 0.25, 0.5)
    machine = start(core, values=EVERY_PHASE[phase], coefficients=c, **settings)
    clone = machine.clone()
    while not machine.done and machine.nfev < 500:
        f = float(np.sum(np.abs(machine.x - 0.3)))
        machine.tell(f)
        clone.tell(f)
        assert state(clone) == state(machine)
    assert machine.end == "converged"


@pytest.mark.parametrize("settled", range(40, 60))
def test_a_clone_rounds_the_same_way(core, settled):
    # The sum of the vertices is recomputed now and then: the clone must do it at the same time.
    def fun(x):
        return sum((k + 1.1) * abs(float(v) - 1.0 / (k + 3.0)) for k, v in enumerate(x))

    simplex = np.vstack([np.full(5, 7.7), 7.7 + np.diag([0.1, 1.3, -0.7, 2.9, 0.3])])
    machine = start(core, simplex, values=())
    machine.run(fun, (), settled, MANY, -INF)
    clone = machine.clone()
    for _ in range(40):
        machine.run(fun, (), 1, MANY, -INF)
        clone.run(fun, (), 1, MANY, -INF)
        assert state(clone) == state(machine)


# The end


def test_convergence_is_tested_after_an_iteration_and_after_the_first_simplex(core):
    wide = Tolerance(1e3, 0.5).test
    assert start(core, values=(1.0, 1.0, 1.25), test=wide).end == "converged"
    machine = start(core, values=(1.0, 1.0, 2.0), test=wide)
    assert not machine.done
    machine.tell(0.75)  # with it the values would be within ½, but an expansion is due
    assert machine.phase == "expand"
    assert not machine.done
    machine.tell(0.75)
    assert machine.end == "converged"
    assert machine.nit == 1
    same(machine.vertices, [R, A, B])


def test_counters(core):
    machine = start(core, values=(1.0, NAN, 3.0))
    assert (machine.nfev, machine.nfailed, machine.nit, machine.nshrink) == (3, 1, 0, 0)
    tell(machine, 2.0)  # A, C, B: reflection of B taken
    assert (machine.nfev, machine.nfailed, machine.nit, machine.nshrink) == (4, 1, 1, 0)
    tell(machine, INF, INF)  # inside contraction refused
    assert (machine.nfev, machine.nfailed, machine.nit, machine.nshrink) == (6, 3, 1, 0)
    tell(machine, 2.0, 2.0)
    assert (machine.nfev, machine.nfailed, machine.nit, machine.nshrink) == (8, 3, 2, 1)


@pytest.mark.parametrize(
    "name", ["nfev", "nfailed", "nit", "nshrink", "done", "n", "dim", "phase", "end", "x"]
)
def test_what_a_machine_shows_cannot_be_set(compiled_core, name):
    with pytest.raises(AttributeError):
        setattr(start(compiled_core), name, 0)


# The run loops


def rosenbrock(x):
    x = [float(value) for value in x]
    return 100.0 * (x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0]) + (1.0 - x[0]) * (1.0 - x[0])


ROSENBROCK = ((-1.25, 1.0), (-1.0, 1.0), (-1.25, 1.5))


def asked(core, evaluations, fun=rosenbrock, **settings):
    """The evaluations of a search by x and tell: points, values, machine."""
    machine = start(core, ROSENBROCK, values=(), **settings)
    points, values = [], []
    while not machine.done and len(points) < evaluations:
        points.append(machine.x)
        values.append(fun(machine.x))
        machine.tell(values[-1])
    return np.array(points), np.array(values), machine


def test_run_is_ask_and_tell(core):
    points, values, expected = asked(core, 60)
    machine = start(core, ROSENBROCK, values=())
    seen = []

    def fun(x):
        seen.append(x.copy())
        return rosenbrock(x)

    got_points, got_values = np.full((60, 2), NAN), np.full(60, NAN)
    machine.run(fun, (), 60, MANY, -INF, got_points, got_values)
    same(np.array(seen), points)
    same(got_points, points)
    same(got_values, values)
    assert state(machine) == state(expected)
    assert machine.nshrink + machine.nit > 0


@pytest.mark.parametrize("budget", [0, 1, 2, 3, 4, 5, 6, 7, 11])
def test_the_evaluation_budget_is_exact(core, budget):
    # a constant objective: 3 first vertices, then r, inside and 2 shrunk, again and again
    machine = start(core, values=())
    calls = []
    machine.run(lambda x: calls.append(1) or 1.0, (), budget, MANY, -INF)
    assert len(calls) == machine.nfev == budget
    machine.run(lambda x: calls.append(1) or 1.0, (), 1, MANY, -INF)  # a budget is for one call
    assert len(calls) == machine.nfev == budget + 1


@pytest.mark.parametrize("limit", [0, 1, 2, 17])
def test_the_iteration_limit_is_exact(core, limit):
    machine = start(core, ROSENBROCK, values=())
    machine.run(rosenbrock, (), MANY, limit, -INF)
    assert machine.nit == limit
    if limit:
        assert machine.phase == "reflect"
    else:
        assert machine.nfev == 0
    nfev = machine.nfev
    machine.run(rosenbrock, (), MANY, limit, -INF)
    assert machine.nfev == nfev


def test_the_target_ends_the_run_but_not_the_search(core):
    _, values, _ = asked(core, 60)
    target = float(np.sort(values)[3])
    first = int(np.flatnonzero(values <= target)[0])
    machine = start(core, ROSENBROCK, values=())
    machine.run(rosenbrock, (), 60, MANY, target)  # at the target is enough
    assert machine.nfev == first + 1
    assert machine.best[1] == values[first] <= target
    assert not machine.done
    machine = start(core, ROSENBROCK, values=())
    machine.run(rosenbrock, (), first + 1, MANY, math.nextafter(values[first], -INF))
    assert machine.nfev == first + 1


@pytest.mark.parametrize("value", [NAN, INF])
def test_the_target_is_not_reached_by_a_failed_value(core, value):
    machine = start(core, values=())
    machine.run(lambda x: value, (), 3, MANY, 1e300)
    assert machine.nfev == machine.nfailed == 3


def test_run_ends_at_the_end_of_the_search(core):
    machine = start(core, ROSENBROCK, values=(), test=Tolerance().test)
    machine.run(rosenbrock, (), MANY, MANY, -INF)
    assert machine.end == "converged"
    np.testing.assert_allclose(machine.best[0], 1.0, atol=1e-7)
    machine = start(core, ROSENBROCK, values=())
    machine.run(lambda x: -INF if machine.nfev == 4 else 1.0, (), MANY, MANY, -1e308)
    assert machine.end == "unbounded"
    assert machine.nfev == 5


def test_run_records_either_points_or_values_alone(core):
    points, values, _ = asked(core, 20)
    got_points, got_values = np.full((20, 2), NAN), np.full(20, NAN)
    start(core, ROSENBROCK, values=()).run(rosenbrock, (), 20, MANY, -INF, points=got_points)
    start(core, ROSENBROCK, values=()).run(rosenbrock, (), 20, MANY, -INF, values=got_values)
    same(got_points, points)
    same(got_values, values)


def test_run_records_what_was_returned(core):
    returned = iter([3.0, NAN, INF, np.float32(0.5), True])
    values = np.zeros(6)
    machine = start(core, values=())
    machine.run(lambda x: next(returned), (), 5, MANY, -INF, values=values)
    same(values, [3.0, NAN, INF, 0.5, 1.0, 0.0])
    same(machine.nfailed, 2)


def test_run_passes_the_arguments(core):
    machine = start(core, ROSENBROCK, values=())
    machine.run(lambda x, a, b: a * float(x[0]) + b, (2.0, 1.0), 1, MANY, -INF)
    assert machine.best[1] == 2.0 * -1.25 + 1.0


def test_run_hands_out_a_writeable_array_of_floats(core):
    arrays = []

    def fun(x):
        arrays.append((type(x), x.dtype, x.shape, x.flags.c_contiguous, x.flags.writeable))
        return 1.0

    start(core, values=()).run(fun, (), 5, MANY, -INF)
    assert set(arrays) == {(np.ndarray, np.dtype(np.float64), (2,), True, True)}


def keep(x, kept):
    kept.append(x)


def keep_a_view(x, kept):
    kept.append(x[:])


def keep_a_buffer(x, kept):
    kept.append(memoryview(x))


@pytest.mark.parametrize("how", [keep, keep_a_view, keep_a_buffer])
def test_arrays_that_the_callable_keeps_stay_as_they_were(core, how):
    points, _, _ = asked(core, 40)
    kept = []

    def fun(x):
        how(x, kept)
        return rosenbrock(x)

    start(core, ROSENBROCK, values=()).run(fun, (), 40, MANY, -INF)
    same(np.array([np.asarray(x) for x in kept]), points)


def test_arrays_that_the_callable_keeps_for_a_while_stay_as_they_were(core):
    points, _, _ = asked(core, 40)
    kept, seen = [], []

    def fun(x):
        kept.append(x)
        if len(kept) == 3:
            seen.extend(k.copy() for k in kept)
            kept.clear()
        return rosenbrock(x)

    start(core, ROSENBROCK, values=()).run(fun, (), 39, MANY, -INF)
    same(np.array(seen), points[:39])


def test_the_array_may_be_what_the_callable_returns(core):
    machine = start(core, [[0.0], [4.0]], values=())
    values = np.zeros(6)
    machine.run(lambda x: x, (), 6, MANY, -INF, values=values)
    # 0, 4, r = 0 - 4, e = 0 - 8 is taken; c = -8: r = -16, e = -24
    same(values, [0.0, 4.0, -4.0, -8.0, -16.0, -24.0])


def change(x):
    x[:] = NAN


def reshape(x):
    x.shape = (2, 1)


def enlarge(x):
    x.resize(7, refcheck=False)


def make_smaller(x):
    x.resize(1, refcheck=False)


def lock(x):
    x.setflags(write=False)


def reinterpret(x):
    x.dtype = np.int64


def swap_bytes(x):
    x.dtype = x.dtype.newbyteorder()


@pytest.mark.parametrize(
    "how", [change, reshape, enlarge, make_smaller, lock, reinterpret, swap_bytes]
)
def test_what_the_callable_does_to_its_array_does_not_matter(core, how):
    points, values, expected = asked(core, 40)
    seen = []

    def fun(x):
        seen.append(x.tolist())
        assert x.flags.writeable
        value = rosenbrock(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, for some of these
            how(x)
        return value

    machine = start(core, ROSENBROCK, values=())
    got_points, got_values = np.zeros((40, 2)), np.zeros(40)
    machine.run(fun, (), 40, MANY, -INF, got_points, got_values)
    same(np.array(seen), points)
    same(got_points, points)
    same(got_values, values)
    assert state(machine) == state(expected)


@pytest.mark.parametrize("call", [1, 3, 4, 17])
@pytest.mark.parametrize("problem", ["raises", "returns None", "interrupted"])
def test_after_an_error_the_same_point_is_pending(core, call, problem):
    points, values, expected = asked(core, 40)
    calls = []

    def fun(x):
        calls.append(1)
        if len(calls) == call:
            if problem == "raises":
                raise ZeroDivisionError("here")
            if problem == "interrupted":
                raise KeyboardInterrupt
            return None
        return rosenbrock(x)

    errors = {
        "raises": ZeroDivisionError,
        "returns None": ReturnValueError,
        "interrupted": KeyboardInterrupt,
    }
    machine = start(core, ROSENBROCK, values=())
    got_values = np.full(40, NAN)
    with pytest.raises(errors[problem]):
        machine.run(fun, (), 40, MANY, -INF, values=got_values)
    assert machine.nfev == call - 1
    same(machine.x, points[call - 1])
    same(got_values[: call - 1], values[: call - 1])
    assert np.all(np.isnan(got_values[call - 1 :]))
    machine.run(fun, (), 40 - machine.nfev, MANY, -INF)
    assert state(machine) == state(expected)


def test_the_error_of_a_bad_return_says_what_came(core):
    with pytest.raises(ReturnValueError, match=r"shape \(2,\)"):
        start(core, values=()).run(lambda x: x, (), 1, MANY, -INF)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm")
def test_signals_are_seen_also_while_no_python_code_runs(core):
    class AlarmError(Exception):
        pass

    def ring(number, frame):
        raise AlarmError

    machine = start(core, values=())
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(AlarmError):
            # of floats and without bytecode, in which Python would look for signals itself
            machine.run(math.dist, ((1.0, 2.0),), 10_000_000, MANY * MANY, -INF)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert 0 < machine.nfev < 10_000_000


# Native objectives


def native_rosenbrock(n, x, data):
    total = 0.0
    for i in range(n - 1):
        step = x[i + 1] - x[i] * x[i]
        rest = 1.0 - x[i]
        total += 100.0 * step * step + rest * rest
    return total


@pytest.fixture(scope="module")
def numba_address():
    numba = pytest.importorskip("numba")
    types = numba.types
    signature = types.float64(types.int64, types.CPointer(types.float64), types.voidptr)
    compiled = numba.cfunc(signature)(native_rosenbrock)
    yield compiled.address
    del compiled


def as_python(x):
    return native_rosenbrock(len(x), x.tolist(), None)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("recorded", [False, True])
def test_run_native_equals_run(core, numba_address, n, recorded):
    simplex = np.vstack([np.full(n, -1.2), np.full(n, -1.2) + 0.5 * np.eye(n)])
    machine, expected = (start(core, simplex, values=(), test=Tolerance().test) for _ in range(2))
    points, values = np.zeros((300, n)), np.zeros(300)
    got_points, got_values = np.zeros((300, n)), np.zeros(300)
    expected.run(as_python, (), 300, MANY, -INF, points, values)
    machine.run_native(
        numba_address, 0, 300, MANY, -INF, *((got_points, got_values) if recorded else ())
    )
    assert state(machine) == state(expected)
    if recorded:
        same(got_points, points)
        same(got_values, values)


def test_run_native_in_a_box(core, numba_address):
    def make():
        box = core.Box(np.array([-2.0, 0.5, -INF]), np.array([2.0, 0.5, 0.75]), clips=False)
        z = [(0.5, 0.5), (1.0, 0.5), (0.5, 1.0)]
        return start(core, z, values=(), box=box)

    machine, expected = make(), make()
    machine.run_native(numba_address, 0, 200, MANY, -INF)
    expected.run(as_python, (), 200, MANY, -INF)
    assert state(machine) == state(expected)


@pytest.mark.parametrize("budget", [0, 1, 2, 3, 4, 11])
@pytest.mark.parametrize("recorded", [False, True])
def test_the_native_evaluation_budget_is_exact(core, numba_address, budget, recorded):
    machine = start(core, ROSENBROCK, values=())
    kept = (np.zeros((budget, 2)), np.zeros(budget)) if recorded else ()
    machine.run_native(numba_address, 0, budget, MANY, -INF, *kept)
    assert machine.nfev == budget


@pytest.mark.parametrize("recorded", [False, True])
def test_the_native_iteration_limit_and_target(core, numba_address, recorded):
    kept = (np.zeros((60, 2)), np.zeros(60)) if recorded else ()
    machine = start(core, ROSENBROCK, values=())
    machine.run_native(numba_address, 0, 60, 9, -INF, *kept)
    assert machine.nit == 9
    _, values, _ = asked(core, 60, fun=as_python)
    target = float(np.sort(values)[3])
    machine = start(core, ROSENBROCK, values=())
    machine.run_native(numba_address, 0, 60, MANY, target, *kept)
    assert machine.nfev == int(np.flatnonzero(values <= target)[0]) + 1
    assert not machine.done


def test_run_native_records_either_points_or_values_alone(core, numba_address):
    points, values, _ = asked(core, 20, fun=as_python)
    got_points, got_values = np.full((20, 2), NAN), np.full(20, NAN)
    one, other = (start(core, ROSENBROCK, values=()) for _ in range(2))
    one.run_native(numba_address, 0, 20, MANY, -INF, points=got_points)
    other.run_native(numba_address, 0, 20, MANY, -INF, values=got_values)
    same(got_points, points)
    same(got_values, values)


def test_run_native_passes_n_and_data(core):
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_double, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p
    )
    seen = []

    def fun(n, x, data):
        scale = ctypes.cast(data, ctypes.POINTER(ctypes.c_double))[0]
        seen.append((n, [x[i] for i in range(n)], scale))
        return scale * x[0]

    number = ctypes.c_double(2.5)
    native = prototype(fun)
    address = ctypes.cast(native, ctypes.c_void_p).value
    machine = start(core, values=())
    machine.run_native(address, ctypes.addressof(number), 2, MANY, -INF)
    assert seen == [(2, [0.0, 0.0], 2.5), (2, [4.0, 0.0], 2.5)]
    same(machine.values, [0.0, 10.0, NAN])


def test_run_native_takes_nan_and_minus_inf(core):
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    values = iter([NAN, 1.0, INF, -INF])
    native = prototype(lambda n, x, data: next(values))
    machine = start(core, values=())
    machine.run_native(ctypes.cast(native, ctypes.c_void_p).value, 0, 10, MANY, -1e308)
    assert machine.end == "unbounded"
    assert (machine.nfev, machine.nfailed) == (4, 2)


# Points


POINTS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))


def test_points_are_evaluated_in_order_until_one_is_below(core):
    stage = core.Points(np.array(POINTS), 2.0)
    assert (stage.dim, stage.below) == (2, 2.0)
    same(stage.x, POINTS[0])
    same(stage.needed(), POINTS[:1])  # the others only if it is not lower
    same(stage.values, [NAN, NAN, NAN])
    assert (stage.found, stage.count, stage.done) == (-1, 0, False)
    stage.tell(2.0)  # equal is not below
    same(stage.x, POINTS[1])
    same(stage.needed(), POINTS[1:2])
    same(stage.values, [2.0, NAN, NAN])
    assert (stage.found, stage.count, stage.done) == (-1, 1, False)
    stage.tell(math.nextafter(2.0, 0.0))
    assert (stage.found, stage.count, stage.done) == (1, 2, True)
    assert stage.needed().shape == (0, 2)
    same(stage.points, POINTS)
    same(stage.values[2:], [NAN])
    assert (stage.nfev, stage.nfailed, stage.nit) == (2, 0, 0)
    with pytest.raises(RuntimeError, match="done"):
        stage.tell(1.0)


def test_points_without_a_lower_one(core):
    stage = core.Points(np.array(POINTS), 2.0)
    tell(stage, 3.0, NAN, 2.0)
    assert (stage.found, stage.count, stage.done) == (-1, 3, True)
    same(stage.values, [3.0, INF, 2.0])
    assert (stage.nfev, stage.nfailed) == (3, 1)


def test_minus_inf_is_below(core):
    stage = core.Points(np.array(POINTS), -1e308)
    stage.tell(-INF)
    assert (stage.found, stage.done) == (0, True)


def test_no_points(core):
    stage = core.Points(np.zeros((0, 2)), 1.0)
    assert (stage.found, stage.count, stage.done) == (-1, 0, True)
    assert stage.needed().shape == (0, 2)
    stage.run(lambda x: pytest.fail("evaluated"), (), 5, MANY, -INF)


def test_points_are_copied(core):
    points = np.array(POINTS)
    stage = core.Points(points, 1.0)
    points[:] = 9.0
    same(stage.points, POINTS)
    stage.needed()[:] = 9.0
    same(stage.points, POINTS)


def test_points_run(core):
    points, values = np.full((3, 2), NAN), np.full(3, NAN)
    stage = core.Points(np.array(POINTS), -4.0)
    stage.run(lambda x: -float(x[0]), (), 1, MANY, -INF, points, values)
    assert stage.count == 1
    stage.run(lambda x: -float(x[0]), (), MANY, MANY, -3.0, points[1:], values[1:])
    assert (stage.count, stage.found) == (2, -1)  # the target stops it
    stage.run(lambda x: -float(x[0]), (), MANY, MANY, -INF, points[2:], values[2:])
    assert (stage.count, stage.found, stage.done) == (3, 2, True)
    same(points, POINTS)
    same(values, [-1.0, -3.0, -5.0])


def test_points_run_native(core, numba_address):
    stage = core.Points(np.array(POINTS), 150.0)
    stage.run_native(numba_address, 0, MANY, MANY, -INF)
    # (1, 2): 100·1 + 0, the first below 150
    assert (stage.found, stage.count) == (0, 1)
    same(stage.values, [100.0, NAN, NAN])


# Without Cython


def test_the_core_runs_without_cython(core):
    bare = uncompiled(cython=False)
    for clips in (False, True):
        machines = []
        for flavour in (core, bare):
            box = flavour.Box(np.array([-2.0, -INF]), np.array([0.5, INF]), clips)
            machines.append(start(flavour, ROSENBROCK, (), box=box))
            machines[-1].run(rosenbrock, (), 100, MANY, -INF)
        assert state(machines[0]) == state(machines[1])


def test_native_without_cython(numba_address):
    machine = start(uncompiled(cython=False), ROSENBROCK, values=())
    machine.run_native(numba_address, 0, 100, MANY, -INF)
    expected = start(uncompiled(), ROSENBROCK, values=())
    expected.run(as_python, (), 100, MANY, -INF)
    assert state(machine) == state(expected)
