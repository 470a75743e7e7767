"""What holds for every search: any objective, start, box, budget and order of tells."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nelder
from nelder import NelderMead, Optimizer, Status, Tolerance

INF = math.inf
NAN = math.nan


FEWER = settings(max_examples=60, deadline=None)
MORE = settings(max_examples=250, deadline=None)


# Objectives


@dataclass(frozen=True)
class Objective:
    """Smooth, kinked, stepped, noisy or holed; deterministic in x."""

    kind: str
    goal: tuple[float, ...]
    scale: float

    def __call__(self, x):
        d = [v - g for v, g in zip(np.asarray(x).tolist(), self.goal, strict=False)]
        if self.kind == "quadratic":
            value = sum((i + 1.0) * v * v for i, v in enumerate(d))
        elif self.kind == "kinked":
            value = sum(map(abs, d))
        elif self.kind == "steps":
            value = sum(math.floor(min(abs(v), 1e15)) for v in d)
        elif self.kind == "rosenbrock":
            value = sum((1.0 - v) * (1.0 - v) for v in d)
            for a, b in itertools.pairwise(d):
                value += 100.0 * (b - a * a) * (b - a * a)
        elif self.kind == "noise":
            value = float(hash((self.goal, tuple(d))) % 1000)
        elif self.kind == "slope":
            value = sum(d)
        elif self.kind == "constant":
            value = 1.0
        elif self.kind == "nan":
            value = NAN if d[0] > 0.3 else sum(v * v for v in d)
        else:
            assert self.kind == "inf"
            value = INF if sum(d) < 0.0 else sum(v * v for v in d)
        return float(self.scale * value)


KINDS = ["quadratic", "kinked", "steps", "rosenbrock", "noise", "slope", "constant", "nan", "inf"]
coordinates = st.one_of(
    st.floats(-10.0, 10.0),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-12, -1e6, 0.1]),
)
methods = st.sampled_from(
    [
        NelderMead(),
        NelderMead(),
        NelderMead(convergence=Tolerance(1e-2, 1e-2)),
        NelderMead(convergence=Tolerance(1e-2, 1e-2), bounds_method="clip"),
        NelderMead(bounds_method="clip"),
        NelderMead(coefficients=nelder.Standard(), initial_simplex=nelder.AffineSimplex()),
        NelderMead(convergence=lambda simplex, values: values[-1] <= values[0] + 1e-2),
        NelderMead.scipy(),
        NelderMead.optim(),
        NelderMead.tfp(),
        NelderMead.fminsearch(),
        NelderMead(model=True),
        NelderMead(model=True, bounds_method="clip"),
        nelder.Subspaces(),
        NelderMead(noise=True),
    ]
)


@st.composite
def bounds_of(draw, x0):
    """None, or a box that may leave out, hold or fix each coordinate."""
    if draw(st.booleans()):
        return None
    pairs = []
    for x in x0:
        kind = draw(st.sampled_from(["free", "low", "high", "both", "both", "fixed"]))
        at = draw(st.one_of(st.just(x), st.floats(-12.0, 12.0)))
        width = draw(st.one_of(st.floats(1e-6, 20.0), st.just(1.0)))
        low, high = at, at + width
        if kind == "fixed":
            high = low
        pairs.append(
            (None if kind in ("free", "high") else low, None if kind in ("free", "low") else high)
        )
    return pairs


@dataclass
class Problem:
    fun: Objective
    x0: list[float]
    bounds: list[tuple[float | None, float | None]] | None
    method: NelderMead | nelder.Subspaces

    def minimize(self, **given):
        given = {"maxfev": 300, "bounds": self.bounds, "method": self.method, **given}
        return nelder.minimize(given.pop("fun", self.fun), given.pop("x0", self.x0), **given)

    def optimizer(self):
        return Optimizer(self.x0, bounds=self.bounds, method=self.method)

    @property
    def averages(self):
        """Whether values are means of several evaluations."""
        return isinstance(self.method, NelderMead) and self.method.noise

    @property
    def possible(self):
        """Whether the first simplex fits: some libraries' are flat where they are clipped."""
        try:
            self.optimizer()
        except nelder.InvalidArgumentError as error:
            assert "degenerate" in str(error)
            assert not isinstance(self.method.initial_simplex, nelder.AxisSimplex)
            return False
        return True


@st.composite
def problems(draw):
    n = draw(st.integers(1, 4))
    goal = tuple(draw(st.lists(st.floats(-5.0, 5.0), min_size=n, max_size=n)))
    scale = draw(st.sampled_from([1.0, 1.0, 1e-8, 1e8, 1e-300, 1e290]))
    fun = Objective(draw(st.sampled_from(KINDS)), goal, scale)
    x0 = draw(st.lists(coordinates, min_size=n, max_size=n))
    problem = Problem(fun, x0, draw(bounds_of(x0)), draw(methods))
    assume(problem.possible)
    return problem


def same(left, right):
    np.testing.assert_array_equal(left.x, right.x)
    np.testing.assert_equal(left.fun, right.fun)
    for name in ("success", "status", "nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert left[name] == right[name], name
    np.testing.assert_array_equal(left.final_simplex.vertices, right.final_simplex.vertices)
    np.testing.assert_array_equal(left.final_simplex.values, right.final_simplex.values)


# The answer


@MORE
@given(problems())
def test_the_result_is_the_best_point_evaluated(problem):
    result = problem.minimize(history=True)
    points, values = result.history
    assert result.nfev == len(points) == len(values) <= 300
    known = values[~np.isnan(values)]
    assert result.fun == min(known, default=INF)
    if result.fun < INF:
        assert problem.fun(result.x) == result.fun
        assert any(np.array_equal(result.x, x) for x in points[values == result.fun])
    assert result.nfailed == np.count_nonzero(~(values < INF))
    np.testing.assert_array_equal(values, [problem.fun(x) for x in points])
    assert result.success == (result.status is Status.CONVERGED)
    if result.success:
        assert result.fun < INF


@MORE
@given(problems())
def test_every_evaluated_point_is_inside_the_box(problem):
    seen = []
    problem.minimize(fun=lambda x: seen.append(x) or problem.fun(x))
    assert np.all(np.isfinite(seen))
    for i, (low, high) in enumerate(problem.bounds or []):
        column = np.array(seen)[:, i]
        assert low is None or column.min() >= low
        assert high is None or column.max() <= high


@MORE
@given(problems())
def test_final_simplex_is_sorted_and_was_evaluated(problem):
    result = problem.minimize(history=True)
    vertices, values = result.final_simplex
    known = values[~np.isnan(values)]
    assert known.tolist() == sorted(known)
    assert np.isnan(values[len(known) :]).all()
    assert vertices.shape == (len(values), len(problem.x0))
    assert result.fun <= min(known, default=INF)
    points, found = result.history
    for x, value in zip(vertices, known, strict=False):
        there = found[np.all(points == x, axis=1)]
        assert len(there)
        assert problem.averages or value == (INF if np.isnan(there[0]) else there[0])


# Budgets


@MORE
@given(problems(), st.integers(1, 120))
def test_budgets_are_exact(problem, maxfev):
    whole = problem.minimize(history=True)
    result = problem.minimize(history=True, maxfev=maxfev)
    assert result.nfev == min(maxfev, whole.nfev)
    np.testing.assert_array_equal(result.history.points, whole.history.points[: result.nfev])
    assert result.fun == np.nanmin([INF, *result.history.values])
    if result.nfev < whole.nfev:
        assert result.status is Status.MAXFEV


@FEWER
@given(problems(), st.integers(0, 30))
def test_maxiter_is_exact(problem, maxiter):
    whole = problem.minimize(history=True)
    result = problem.minimize(history=True, maxiter=maxiter)
    assert result.nit <= maxiter
    assert result.nit == min(maxiter, whole.nit) or result.nfev <= whole.nfev
    np.testing.assert_array_equal(result.history.points, whole.history.points[: result.nfev])
    assert (result.status is Status.MAXITER) == (result.nfev < whole.nfev)


@FEWER
@given(problems(), st.floats(0.0, 1.0))
def test_target_ends_at_the_first_value_at_or_below_it(problem, part):
    whole = problem.minimize(history=True)
    values = whole.history.values
    target = float(values[int(part * (len(values) - 1))])
    if not target < INF:
        return
    result = problem.minimize(target=target)
    first = int(np.flatnonzero(values <= target)[0])
    assert result.nfev == first + 1
    assert result.fun == values[first]
    assert result.status is Status.TARGET
    np.testing.assert_array_equal(result.x, whole.history.points[first])


# Nobody who watches changes anything


@FEWER
@given(problems())
def test_observers_change_nothing(problem):
    plain = problem.minimize()
    nits = []
    same(problem.minimize(history=True), plain)
    same(
        problem.minimize(callback=lambda intermediate_result: nits.append(intermediate_result.nit)),
        plain,
    )
    assert nits == list(range(1, plain.nit + 1))
    same(problem.minimize(maxtime=1e9), plain)
    same(problem.minimize(on_failure="worst"), plain)
    if len(problem.x0) < 3:
        same(problem.minimize(progress=True, callback=lambda xk: None, history=True), plain)


@FEWER
@given(problems(), st.sets(st.integers(1, 40)))
def test_an_exception_ranked_worst_is_nan(problem, calls):
    def fails(bad):
        count = 0

        def fun(x):
            nonlocal count
            count += 1
            return bad() if count in calls else problem.fun(x)

        return fun

    def raises():
        raise ValueError

    same(
        problem.minimize(fun=fails(raises), on_failure="worst"),
        problem.minimize(fun=fails(lambda: NAN)),
    )


@FEWER
@given(problems())
def test_structured_is_flat(problem):
    flat = problem.minimize(history=True)
    bounds = problem.bounds
    if bounds is not None:
        low = np.array([-INF if pair[0] is None else pair[0] for pair in bounds])
        high = np.array([INF if pair[1] is None else pair[1] for pair in bounds])
        bounds = {"a": bounds[0], "b": {"c": (low[1:], high[1:])}}
    x0 = {"a": problem.x0[0], "b": {"c": np.array(problem.x0[1:])}}
    named = problem.minimize(
        fun=lambda p: problem.fun([p["a"], *p["b"]["c"]]), x0=x0, bounds=bounds, history=True
    )
    np.testing.assert_array_equal([named.x["a"], *named.x["b"]["c"]], flat.x)
    assert (named.fun, named.nfev, named.status) == (flat.fun, flat.nfev, flat.status)
    np.testing.assert_array_equal(named.history.points, flat.history.points)


# Ask and tell


@FEWER
@given(problems(), st.data())
def test_minimize_is_the_optimizer_whatever_the_order_of_tells(problem, data):
    expected = problem.minimize(maxfev=300, history=True)
    random = data.draw(st.randoms(use_true_random=False))
    optimizer = problem.optimizer()
    used = m = 0
    while not optimizer.done:
        points = optimizer.ask()
        used, m = used + m, len(points)
        if used + m > 300:
            break
        np.testing.assert_array_equal(points, expected.history.points[used : used + m])
        order = random.sample(range(m), m)
        while order:
            piece, order = order[: (k := random.randint(1, len(order)))], order[k:]
            optimizer.tell(points[piece], [problem.fun(x) for x in points[piece]])
            if optimizer.done:
                break
    result = optimizer.result()
    if optimizer.done:
        same(result, expected)
    else:
        values = expected.history.values[: result.nfev]
        assert result.status is Status.RUNNING
        assert result.fun == np.nanmin([INF, *values])


@FEWER
@given(problems(), st.integers(1, 6))
def test_asking_for_fewer_points_changes_nothing(problem, most):
    expected = problem.minimize(maxfev=200, history=True)
    optimizer = problem.optimizer()
    asked = []
    while not optimizer.done and len(asked) < 190:
        points = optimizer.ask(most)
        assert 1 <= len(points) <= most
        np.testing.assert_array_equal(optimizer.ask(most), points)
        optimizer.tell(points, [problem.fun(x) for x in points])
        asked.extend(points)
    k = min(len(asked), expected.nfev)
    np.testing.assert_array_equal(asked[:k], expected.history.points[:k])
    if optimizer.done:
        same(optimizer.result(), expected)
