"""The public surface of `nelder.minimize_global`, and the rules of its course by hand."""

import itertools
import math
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cfunc, types

import nelder
from nelder import Status
from nelder.core.bounds import Box
from nelder.core.coefficients import Adaptive
from nelder.core.convergence import Tolerance
from nelder.minimize_global import GlobalResult, minimize_global
from nelder.search.ahead import plan
from nelder.search.space import Space
from nelder.search.whole_box import WholeBox, _Hopeless

INF = math.inf
BOX = [(-3.0, 3.0), (-2.0, 2.0)]
CAMEL = -1.031628453489877
MINIMA = np.array([[0.0898420131, -0.7126564030], [-0.0898420131, 0.7126564030]])


def camel(x):
    """Dixon & Szegö's six-hump camel: six minima, two of them the lowest."""
    a, b = x
    return (4.0 - 2.1 * a * a + a**4 / 3.0) * a * a + a * b + (4.0 * b * b - 4.0) * b * b


def rastrigin(x):
    return float(np.sum(x * x - 10.0 * np.cos(2.0 * np.pi * x) + 10.0))


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
def native_camel(n, x, data):
    a, b = x[0], x[1]
    return (4.0 - 2.1 * a * a + a**4 / 3.0) * a * a + a * b + (4.0 * b * b - 4.0) * b * b


def same(one, other):
    """Whether two results tell of the same search."""
    assert one.x.tobytes() == other.x.tobytes()
    assert (one.fun, one.nfev, one.nit, one.nrestart) == (
        other.fun,
        other.nfev,
        other.nit,
        other.nrestart,
    )
    assert (one.nlocal, one.nabandoned) == (other.nlocal, other.nabandoned)
    assert [(m.fun, m.count) for m in one.minima] == [(m.fun, m.count) for m in other.minima]
    return True


class TestWhatComesBack:
    def test_best_and_all_minima(self):
        result = minimize_global(camel, BOX)
        assert isinstance(result, GlobalResult)
        assert isinstance(result, nelder.Result)
        assert result.fun == pytest.approx(CAMEL, abs=1e-12)
        assert np.abs(np.abs(result.x) - np.abs(MINIMA[0])).max() < 1e-6
        lowest = [m for m in result.minima if m.fun < CAMEL + 1e-6]
        assert len(lowest) == 2
        assert {tuple(np.sign(m.x)) for m in lowest} == {(1.0, -1.0), (-1.0, 1.0)}
        assert result.minima[0].fun == result.fun
        assert [m.fun for m in result.minima] == sorted(m.fun for m in result.minima)
        assert sum(m.count for m in result.minima) == result.nlocal - result.nabandoned
        assert sorted(i for m in result.minima for i in m.searches)[-1] < result.nlocal

    def test_the_budget_ends_it_and_that_is_no_failure(self):
        result = minimize_global(camel, BOX)
        assert (result.status, result.nfev, result.success) == (Status.MAXFEV, 3000, True)

    def test_no_success_before_anything_has_converged(self):
        result = minimize_global(camel, BOX, maxfev=30)
        assert (result.status, result.nfev, result.success) == (Status.MAXFEV, 30, False)
        assert result.minima == ()
        assert (result.nlocal, result.nabandoned) == (0, 0)

    def test_the_best_of_a_search_under_way_is_no_minimum_yet(self):
        whole = minimize_global(camel, BOX, history=True)
        values = whole.history.values
        lows = np.flatnonzero(values < np.minimum.accumulate(np.append(INF, values))[:-1])
        cut = minimize_global(camel, BOX, maxfev=int(lows[lows > 60][0]) + 1)
        assert cut.fun == values[: cut.nfev].min()
        assert cut.success == any(m.fun <= cut.fun for m in cut.minima)

    def test_repr_and_html(self):
        result = minimize_global(camel, BOX)
        shown = repr(result)
        count = len(result.minima)
        assert re.search(rf"nlocal: {result.nlocal}, {result.nabandoned} abandoned\n", shown)
        assert re.search(rf"minima: {count}\n +-1.0316285 found by \d+\n", shown)
        assert "found by" in result._repr_html_()

    def test_repr_of_many_minima(self):
        def egg_box(x):
            return float(np.sum(np.cos(x))) + 1e-3 * float(x[0])

        result = minimize_global(egg_box, [(0.0, 100.0)] * 2, maxfev=20_000)
        assert len(result.minima) > 10
        assert repr(result).endswith(f"and {len(result.minima) - 10} more")

    def test_what_a_result_can_do(self):
        result = minimize_global(camel, BOX, maxfev=500)
        assert result["nlocal"] == result.nlocal
        again = pickle.loads(pickle.dumps(result))
        assert same(again, result)

    def test_the_final_simplex_is_that_around_the_best(self):
        result = minimize_global(camel, BOX)
        vertices, values = result.final_simplex
        assert vertices[0].tobytes() == result.x.tobytes()
        assert values[0] == result.fun
        assert np.abs(vertices - result.x).max() < 1e-6

    def test_history_callback_progress(self):
        seen, shown = [], []
        result = minimize_global(
            camel, BOX, maxfev=500, history=True, callback=seen.append, progress=shown.append
        )
        assert result.history.points.shape == (500, 2)
        assert result.history.values.min() == result.fun
        assert len(seen) == result.nit
        assert shown[-1].status is Status.MAXFEV

    def test_a_callback_ends_it(self):
        def enough(intermediate_result):
            if intermediate_result.nit == 50:
                raise StopIteration

        result = minimize_global(camel, BOX, callback=enough)
        assert (result.status, result.nit) == (Status.CALLBACK, 50)


class TestBudgets:
    @pytest.mark.parametrize("maxfev", [1, 3, 4, 5, 21, 22, 23, 500])
    def test_evaluations_are_exact(self, maxfev):
        calls = []
        result = minimize_global(lambda x: calls.append(0) or camel(x), BOX, maxfev=maxfev)
        assert result.nfev == len(calls) == maxfev

    def test_the_default(self):
        assert minimize_global(camel, BOX).nfev == 3000
        assert minimize_global(lambda x: camel(x[:2]), [*BOX, (1.0, 1.0)]).nfev == 3000

    def test_iterations(self):
        result = minimize_global(camel, BOX, maxiter=70)
        assert (result.status, result.nit) == (Status.MAXITER, 70)

    def test_target(self):
        result = minimize_global(camel, BOX, target=-1.0, history=True)
        assert result.status is Status.TARGET
        assert result.success
        assert (result.history.values <= -1.0).sum() == 1
        assert result.history.values[-1] == result.fun

    def test_time(self):
        result = minimize_global(camel, BOX, maxfev=INF, maxtime=0.05)
        assert result.status is Status.MAXTIME

    def test_something_must_end_it(self):
        with pytest.raises(nelder.InvalidArgumentError, match="maxfev=inf: expected a whole"):
            minimize_global(camel, BOX, maxfev=INF)
        for budget in ({"target": 0.0}, {"maxiter": 9}):
            assert minimize_global(camel, BOX, maxfev=INF, **budget).nfev > 0


class TestBounds:
    @pytest.mark.parametrize(
        ("bounds", "message"),
        [
            (
                [(-1, 1), (0, INF)],
                r"bounds\[1\]=\(0.0, inf\): expected finite bounds, as the whole",
            ),
            ([(-1, 1), (None, 0)], r"bounds\[1\]=\(-inf, 0.0\): expected finite"),
            ([(-1, 1), None], r"bounds\[1\]=\(-inf, inf\): expected finite"),
            ([(-1.7e308, 1.7e308)], r"bounds\[0\]=.*: expected bounds less far apart"),
            (None, "bounds=None: expected a pair"),
            ([], r"bounds=\[\]: expected a pair"),
            ({}, r"bounds=\{\}: expected a pair"),
            (7, "bounds=7: expected pairs"),
            ([(1, 0)], "low bound is above"),
            ([3.0], r"bounds\[0\]=3.0: expected a pair"),
            ({"a": (0, 1), "b": (0, INF)}, r"b=\(0.0, inf\): expected finite"),
            ({"a": None}, r"a=\(-inf, inf\): expected finite"),
            ({"a": {"b": 1.0}}, r"b=1.0: expected a pair"),
        ],
    )
    def test_they_have_to_be_finite(self, bounds, message):
        calls = []
        with pytest.raises(nelder.InvalidArgumentError, match=message):
            minimize_global(calls.append, bounds)
        assert not calls

    def test_kinds(self):
        scipy_like = SimpleNamespace(lb=[-3.0, -2.0], ub=np.array([3.0, 2.0]))
        first = minimize_global(camel, BOX, maxfev=200)
        for bounds in (np.array(BOX), tuple(BOX), zip([-3, -2], [3, 2], strict=True), scipy_like):
            assert same(minimize_global(camel, bounds, maxfev=200), first)

    def test_names(self):
        box = {"a": (-3, 3), "more": {"b": (-2, 2), "c": ([0, 1], [1, 1])}}

        def named(p):
            assert p["more"]["c"].shape == (2,)
            return camel([p["a"], p["more"]["b"]]) + p["more"]["c"].sum()

        result = minimize_global(named, box, maxfev=2000)
        assert result.names == ("a", "more.b", "more.c[0]", "more.c[1]")
        assert result.x["more"]["c"].tolist() == [0.0, 1.0]
        assert result.fun == pytest.approx(CAMEL + 1.0, abs=1e-9)
        assert abs(result.minima[0].x["a"]) == pytest.approx(0.08984201, abs=1e-6)

    def test_every_point_is_inside(self):
        box = np.array([(-0.05, 3.0), (-2.0, -0.7)])  # with minima on its edges
        result = minimize_global(camel, box, history=True)
        points = result.history.points
        assert (points >= box[:, 0]).all()
        assert (points <= box[:, 1]).all()
        assert result.fun == pytest.approx(CAMEL, abs=1e-9)

    def test_a_minimum_in_a_corner(self):
        result = minimize_global(lambda x: float(x @ [1, -2, 3, -4, 5]), [(-5, 5)] * 5, maxfev=60)
        assert result.fun == -75.0

    def test_a_fixed_coordinate(self):
        seen = []

        def fun(x):
            seen.append(x[1])
            return camel(x[[0, 2]])

        result = minimize_global(fun, [BOX[0], (1.5, 1.5), BOX[1]])
        assert set(seen) == {1.5}
        assert result.fun == pytest.approx(CAMEL, abs=1e-9)
        assert len(result.minima) == 2

    def test_all_coordinates_fixed(self):
        result = minimize_global(camel, [(1.0, 1.0), (2.0, 2.0)])
        assert (result.nfev, result.status, result.success) == (1, Status.CONVERGED, True)
        assert result.x.tolist() == [1.0, 2.0]

    def test_one_coordinate(self):
        result = minimize_global(lambda x: math.cos(3.0 * x[0]) + 0.1 * x[0], [(-4.0, 4.0)])
        assert result.x[0] == pytest.approx(-math.pi - math.asin(1.0 / 30.0) / 3.0, abs=1e-6)
        assert len(result.minima) >= 1


class TestTheStart:
    def test_it_is_looked_at_first(self):
        result = minimize_global(camel, BOX, x0=MINIMA[0], maxfev=4, history=True)
        assert result.history.points[0].tolist() == MINIMA[0].tolist()
        assert result.fun == result.history.values[0]

    def test_the_others_are_those_without_it(self):
        one = minimize_global(camel, BOX, x0=[0.0, 0.0], maxfev=4, history=True).history.points
        other = minimize_global(camel, BOX, maxfev=4, history=True).history.points
        assert (one[1:] == other[1:]).all()
        assert (one[0] != other[0]).all()

    def test_it_gives_names(self):
        result = minimize_global(
            lambda p: camel([p["a"], p["b"]]),
            {"a": BOX[0], "b": BOX[1]},
            x0={"a": 1.0, "b": 1.0},
            maxfev=2000,
        )
        assert result.fun == pytest.approx(CAMEL, abs=1e-9)

    def test_bounds_have_to_be_finite_with_it_too(self):
        with pytest.raises(nelder.InvalidArgumentError, match=r"b=\(-inf, inf\): expected finite"):
            minimize_global(camel, {"a": (0, 1)}, x0={"a": 0.5, "b": 0.5})


class TestTheSeed:
    def test_the_same_seed_gives_the_same_search(self):
        assert same(minimize_global(camel, BOX, seed=7), minimize_global(camel, BOX, seed=7))
        assert same(minimize_global(camel, BOX, seed=0), minimize_global(camel, BOX))

    def test_another_gives_another(self):
        one, other = (minimize_global(camel, BOX, seed=s, maxfev=9, history=True) for s in (1, 2))
        assert (one.history.points != other.history.points).any()

    @pytest.mark.parametrize("seed", [-1, 1.5, None, True])
    def test_it_is_checked(self, seed):
        with pytest.raises(nelder.InvalidArgumentError, match=f"seed={seed}: expected a whole"):
            minimize_global(camel, BOX, seed=seed)


class TestTheRules:
    def test_random_points_lie_in_the_inner_part(self):
        result = minimize_global(camel, BOX, maxfev=4, history=True)
        assert (np.abs(result.history.points) <= [2.4, 1.6]).all()

    def test_axes_that_have_to_do_with_each_other_cost_eight_values_each(self):
        n = 3

        def product(x):
            return float(np.prod(np.cosh(x - 0.3)))

        result = minimize_global(product, [(-5.0, 5.0)] * n, maxfev=200, history=True)
        points, values = result.history
        first = values[: 2 * n].argmin()
        start = points[first]
        rows = slice(2 * n, 9 * n)  # seven on each axis; the start is the eighth
        moved = points[rows] != start
        assert (moved == np.tile(np.eye(n, dtype=bool), (7, 1))).all()
        best = start.copy()
        for i in range(n):
            at = 2 * n + i + n * int(values[rows][i::n].argmin())
            best[i] = points[at, i] if values[at] < values[first] else start[i]
        assert points[9 * n].tolist() == best.tolist()
        lowest = points[values[: 9 * n + 1].argmin()]
        around = (points[9 * n + 1 : 10 * n + 1] != lowest).sum(axis=1)
        assert around.tolist() == [1] * n  # the first simplex

    def test_a_sum_is_searched_axis_by_axis(self):
        n = 6
        result = minimize_global(rastrigin, [(-4.1, 5.2)] * n, target=1e-8)
        assert result.status is Status.TARGET
        assert result.nfev < 2 * n + 128 * n + 500

    def test_a_search_that_closes_up_above_the_best_is_left(self):
        def told(*values):
            space = Space(np.zeros(1), Box(np.full(1, -9.0), np.full(1, 9.0), True))
            machine = space.machine(
                np.array([[0.0], [1.0]]), coefficients=Adaptive()(1), test=Tolerance().test
            )
            for value in values:
                machine.tell(value)
            return machine

        # Reflections and inside contractions are refused, so that it shrinks: three iterations.
        machine = told(10.0, 10.5, *[11.0, 11.0, 10.5] * 3)
        assert machine.nit == 3
        assert machine.values.tolist() == [10.0, 10.5]
        assert _Hopeless(machine, lambda: 4.9)()  # 0.5 < 0.1·(10 - 4.9)
        assert not _Hopeless(machine, lambda: 5.1)()
        assert not _Hopeless(machine, lambda: 11.0)()  # a new best
        assert not _Hopeless(told(10.0, 10.5, *[11.0, 11.0, 10.5] * 2), lambda: 0.0)()  # too early

    def test_it_is_looked_at_every_third_iteration(self):
        space = Space(np.zeros(1), Box(np.full(1, -9.0), np.full(1, 9.0), True))
        machine = space.machine(
            np.array([[0.0], [1.0]]), coefficients=Adaptive()(1), test=Tolerance().test
        )
        for value in (10.0, 14.0, *[15.0, 15.0, 14.0] * 3):
            machine.tell(value)
        hopeless = _Hopeless(machine, lambda: 0.0)
        assert not hopeless()  # 4 is more than a tenth of 10
        for value in (15.0, 15.0, 10.1):
            machine.tell(value)
        assert machine.nit == 4
        assert not hopeless()
        for value in [15.0, 15.0, 10.1] * 2:
            machine.tell(value)
        assert hopeless()

    def test_a_new_best_is_searched_around(self):
        """Simplexes of 0.3 of the steps, the first to the other side, while that gains."""
        n = 2
        search = WholeBox(seed=3).start(np.zeros(n), Box(np.full(n, -8.0), np.full(n, 8.0), True))
        edges, stage = [], None
        while search.nfev < 2000 and len(edges) < 2:
            if search.stage is not stage:
                stage = search.stage
                if getattr(stage, "phase", "") == "initial":
                    best = stage.vertices[0]
                    known = stage.needed()
                    if len(known) == n:  # the start's value is known
                        edges.append((known - best)[np.arange(n), np.arange(n)])
            x = stage.x
            stage.tell(float(np.sum((x - 1.0) ** 2) + np.prod(x - 1.0)))
            if stage.done or search.pauses:
                search.advance()
        first, second = edges
        assert np.abs(first).tolist() == [4.0, 4.0]
        assert second.tolist() == pytest.approx([-1.2, -1.2])
        assert search.nrestart == 1

    def test_minima_that_are_left_are_not_told(self):
        result = minimize_global(rastrigin, [(-5.12, 5.0)] * 2, seed=1)
        assert result.nabandoned > 0
        assert sum(m.count for m in result.minima) == result.nlocal - result.nabandoned


class TestWhatComesLater:
    def search(self):
        return WholeBox(seed=5).start(
            np.zeros(2), Box(np.array([-3.0, -2.0]), np.array([3.0, 2.0]), True)
        )

    def starts(self, count):
        """The random points of a search's first `count` local searches."""
        unit = np.random.default_rng(5).random((count, 4, 2)) - 0.5
        return 0.8 * np.array([6.0, 4.0]) * unit

    def test_spare_workers_evaluate_the_starts_of_the_next_searches(self):
        planned = list(plan(self.search(), {}, 12).values())
        points = np.array([p.x for p in planned]).reshape(3, 4, 2)
        assert points == pytest.approx(self.starts(3))
        assert [p.share for p in planned] == [1.0] * 4 + [0.9] * 8

    def test_and_go_on_from_there(self):
        search = self.search()
        known = {p.x.tobytes(): camel(p.x) for p in plan(search, {}, 12).values()}
        for x in search.stage.needed():
            search.stage.tell(known.pop(x.tobytes()))
        search.advance()  # to the axes
        planned = list(plan(search, known, 6).values())
        assert [p.share for p in planned] == [1.0] * 2 + [0.9] * 4
        lowest = [min(starts, key=camel) for starts in self.starts(3)[1:]]
        simplexes = np.array([p.x for p in planned[2:]]).reshape(2, 2, 2)
        for simplex, start in zip(simplexes, lowest, strict=True):  # the other two vertices
            assert np.abs(simplex - start).max(axis=1) == pytest.approx([1.5, 1.0])

    def test_nothing_is_planned_beyond_the_budget(self):
        assert len(plan(self.search(), {}, 50, evaluations=7)) == 7

    def test_it_leaves_the_search_as_it_is(self):
        one, other = self.search(), self.search()
        known = {}
        while one.nfev < 900:
            for planned in plan(one, known, 9).values():
                known[planned.x.tobytes()] = camel(planned.x)
            assert one.stage.x.tobytes() == other.stage.x.tobytes()
            for search in (one, other):
                search.stage.tell(camel(search.stage.x))
                if search.stage.done or search.pauses:
                    search.advance()
        assert len(one.locals) == len(other.locals) > 2


class TestOddObjectives:
    def test_a_constant(self):
        result = minimize_global(lambda x: 3.0, BOX, maxfev=1000)
        assert (result.fun, result.nfev, result.success) == (3.0, 1000, True)

    def test_nothing_but_nan(self):
        result = minimize_global(lambda x: math.nan, BOX, maxfev=500)
        assert (result.fun, result.nfev, result.success) == (INF, 500, False)
        assert (result.nfailed, result.minima) == (500, ())

    def test_nan_in_half_of_the_box(self):
        result = minimize_global(lambda x: math.nan if x[0] > 0.0 else camel(x), BOX)
        assert result.fun == pytest.approx(CAMEL, abs=1e-9)
        assert result.x[0] < 0.0

    def test_minus_infinity_ends_it(self):
        result = minimize_global(lambda x: -INF if x[0] > 0.0 else camel(x), BOX)
        assert (result.status, result.fun) == (Status.UNBOUNDED, -INF)
        assert not result.success

    def test_huge_values(self):
        result = minimize_global(lambda x: 1e300 * (camel(x) + 1e5), BOX, maxfev=1500)
        assert result.success

    def test_steps_and_plateaus(self):
        result = minimize_global(lambda x: float(np.floor(np.abs(x)).sum()), [(-9.0, 9.0)] * 3)
        assert result.fun == 0.0


class TestFailures:
    def test_raised(self):
        calls = itertools.count()

        def fun(x):
            if next(calls) == 100:
                raise ArithmeticError("no")
            return camel(x)

        with pytest.raises(nelder.EvaluationError, match="ArithmeticError") as caught:
            minimize_global(fun, BOX)
        result = caught.value.result
        assert isinstance(result, GlobalResult)
        assert result.nfev == 101
        assert result.nlocal >= 0

    def test_ranked_worst(self):
        def fun(x):
            if x[0] > 0.0:
                raise ArithmeticError("no")
            return camel(x)

        result = minimize_global(fun, BOX, on_failure="worst")
        assert result.fun == pytest.approx(CAMEL, abs=1e-9)
        assert result.nfailed > 0

    def test_the_end(self):
        def fun(x):
            if x[0] > 0.0:
                raise ArithmeticError("no")
            return camel(x)

        result = minimize_global(fun, BOX, on_failure="stop")
        assert (result.status, result.success) == (Status.OBJECTIVE_FAILED, False)

    def test_an_interrupt_keeps_what_was_found(self):
        calls = itertools.count()

        def fun(x):
            if next(calls) == 1000:
                raise KeyboardInterrupt
            return camel(x)

        with pytest.raises(KeyboardInterrupt) as caught:
            minimize_global(fun, BOX)
        assert isinstance(caught.value.result, GlobalResult)
        assert caught.value.result.minima

    def test_a_wrong_return_value(self):
        with pytest.raises(nelder.ReturnValueError):
            minimize_global(lambda x: "no", BOX)


class TestWays:
    def test_threads(self):
        with ThreadPoolExecutor(4) as executor:
            result = minimize_global(camel, BOX, maxfev=700, workers=executor)
        assert same(result, minimize_global(camel, BOX, maxfev=700))

    def test_vectorized(self):
        sizes = []

        def many(points):
            sizes.append(len(points))
            return np.array([camel(x) for x in points])

        result = minimize_global(many, BOX, maxfev=700, vectorized=True)
        assert same(result, minimize_global(camel, BOX, maxfev=700))
        assert sizes[0] == 4  # the random points are evaluated together
        assert sizes[1] == 2  # and what is next on each axis

    @pytest.mark.parametrize(
        "watched",
        [{"history": True}, {"callback": lambda xk: None}, {"progress": lambda now: None}],
    )
    def test_who_watches_changes_nothing(self, watched):
        """Evaluations are made in legs of other lengths; searches are abandoned where they were."""
        box = [(-5.12, 5.0)] * 2
        assert same(minimize_global(rastrigin, box, **watched), minimize_global(rastrigin, box))

    def test_native(self):
        assert same(minimize_global(native_camel, BOX), minimize_global(camel, BOX))

    def test_a_journal_goes_on(self, tmp_path):
        calls = []

        def counted(x):
            calls.append(x)
            return camel(x)

        journal = tmp_path / "study.db"
        for maxfev in (5, 60, 333):
            before = len(calls)
            result = minimize_global(counted, BOX, maxfev=maxfev, journal=journal)
            assert len(calls) == maxfev
            assert len(calls) > before
            assert same(result, minimize_global(camel, BOX, maxfev=maxfev))

    def test_a_journal_of_another_seed_is_refused(self, tmp_path):
        journal = tmp_path / "study.db"
        minimize_global(camel, BOX, maxfev=10, journal=journal)
        with pytest.raises(nelder.JournalMismatchError, match="seed"):
            minimize_global(camel, BOX, maxfev=10, journal=journal, seed=1)

    def test_ask_and_tell(self):
        """It is a search like others: `AskTell` gives out what is needed at the same time."""
        from nelder.search.ask_tell import AskTell

        box = Box(np.array([-3.0, -2.0]), np.array([3.0, 2.0]), True)
        asked = AskTell(WholeBox().start(np.zeros(2), box))
        nfev = 0
        while nfev < 700:
            points = asked.ask()[: 700 - nfev]
            nfev += len(points)
            asked.tell(points, [camel(x) for x in points])
        result = minimize_global(camel, BOX, maxfev=700)
        assert asked._search.best[0].tobytes() == result.x.tobytes()
        assert asked._search.nit == result.nit
