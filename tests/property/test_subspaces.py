"""What holds for every search by subspaces, and for what it decides by."""

import math
import zlib

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import nelder
from nelder import Status, Subspaces
from nelder.search.subspace_directions import (
    combined,
    first_directions,
    shorter,
    simplex_gradient,
    updated,
)
from nelder.search.subspace_lines import independent, next_steps, parabola, quadratic_step

INF = math.inf
NAN = math.nan

SOME = settings(max_examples=60, deadline=None)

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 7)


def objective(kind, n, seed):
    """Return a deterministic objective of n variables."""
    rng = np.random.default_rng(seed)
    goal = rng.normal(size=n)
    mixing = rng.normal(size=(n, n))

    def fun(x):
        r = mixing @ (x - goal)
        value = {
            "quadratic": lambda: float(r @ r),
            "kinked": lambda: float(np.abs(r).sum()),
            "steps": lambda: float(np.floor(np.abs(r)).sum()),
            "valley": lambda: float(r @ r + 100.0 * (r[0] - r[-1] ** 2) ** 2),
            "noise": lambda: float(zlib.crc32((x + 0.0).tobytes()) % 1000),  # of +0.0, not -0.0
            "holes": lambda: NAN if r[0] > 0.5 else float(r @ r),
            "walls": lambda: INF if r.sum() < -0.5 else float(r @ r),
            "constant": lambda: 1.0,
        }[kind]()
        return value

    return fun


kinds = st.sampled_from(
    ["quadratic", "kinked", "steps", "valley", "noise", "holes", "walls", "constant"]
)
methods = st.sampled_from(
    [
        Subspaces(),
        Subspaces(bounds_method="clip"),
        Subspaces(probe=False),
        Subspaces(convergence=nelder.Tolerance(1e-3, 1e-3)),
        Subspaces(convergence=nelder.Tolerance(0.0, 0.0, ulps=0.0)),
        Subspaces(initial_simplex=nelder.StepSimplex(1e-9)),
    ]
)


@st.composite
def boxes(draw, n):
    """Bounds of every kind, or none at all."""
    if draw(st.booleans()):
        return None
    kind = st.sampled_from([(-1.0, 1.0), (0.0, None), (None, 0.0), (None, None), (0.5, 0.5)])
    return draw(st.lists(kind, min_size=n, max_size=n))


# Searches


@SOME
@given(kind=kinds, n=sizes, seed=seeds, method=methods, data=st.data())
def test_budgets_are_exact_and_bounds_are_kept(kind, n, seed, method, data):
    bounds = data.draw(boxes(n))
    maxfev = data.draw(st.integers(1, 400))
    fun = objective(kind, n, seed)
    seen = []

    def watched(x):
        seen.append(x.copy())
        return fun(x)

    x0 = np.random.default_rng(seed).uniform(-1.0, 1.0, n)
    result = nelder.minimize(watched, x0, method=method, bounds=bounds, maxfev=maxfev)
    points = np.array(seen)
    assert len(points) == result.nfev <= maxfev
    assert result.nfev == maxfev or result.status is not Status.MAXFEV
    assert np.isfinite(points).all()
    for axis, (low, high) in enumerate(bounds or []):
        assert low is None or points[:, axis].min() >= low
        assert high is None or points[:, axis].max() <= high
    values = [fun(x) for x in seen]
    values = [INF if math.isnan(value) else value for value in values]
    assert result.fun == min(values)
    if result.fun < INF:
        assert fun(result.x) == result.fun
    assert result.nfailed == values.count(INF)


@SOME
@given(kind=kinds, n=st.integers(1, 5), seed=seeds, clips=st.booleans(), data=st.data())
def test_asked_and_told_in_any_order_it_is_the_same_search(kind, n, seed, clips, data):
    bounds = data.draw(boxes(n))
    method = Subspaces(
        convergence=nelder.Tolerance(1e-2, 1e-2), bounds_method="clip" if clips else "transform"
    )
    fun = objective(kind, n, seed)
    x0 = np.random.default_rng(seed).uniform(-1.0, 1.0, n)
    expected = nelder.minimize(fun, x0, method=method, bounds=bounds, maxfev=3000)
    assume(expected.status is not Status.MAXFEV)
    optimizer = nelder.Optimizer(x0, bounds=bounds, method=method)
    rng = np.random.default_rng(seed + 1)
    while not optimizer.done:
        points = optimizer.ask(int(rng.integers(1, 9)), ahead=bool(rng.integers(2)))
        order = rng.permutation(len(points))
        optimizer.tell(points[order], [fun(points[i]) for i in order])
    found = optimizer.result()
    assert_array_equal(found.x, expected.x)
    assert_array_equal(found.final_simplex.vertices, expected.final_simplex.vertices)
    assert (found.fun, found.nfev, found.status) == (expected.fun, expected.nfev, expected.status)


@SOME
@given(kind=kinds, n=sizes, seed=seeds, data=st.data())
def test_the_units_of_coordinates_do_not_matter(kind, n, seed, data):
    powers = data.draw(st.lists(st.integers(-40, 40), min_size=n, max_size=n))
    units = 2.0 ** np.array(powers)
    fun = objective(kind, n, seed)
    x0 = np.random.default_rng(seed).uniform(0.5, 1.0, n)
    method = Subspaces(convergence=nelder.Tolerance(0.0, 0.0, ulps=0.0), probe=False)
    seen = []

    def watched(x, scale):
        seen.append(x / scale)
        return fun(seen[-1])

    for scale in (np.ones(n), units):
        nelder.minimize(watched, x0 * scale, args=(scale,), method=method, maxfev=300)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert_array_equal(first, second)


# Lines


@given(
    curvature=st.floats(1e-3, 1e3),
    lowest=st.floats(-3.0, 3.0),
    points=st.lists(st.integers(-50, 50), min_size=3, max_size=3, unique=True),
)
def test_a_parabola_is_found_again(curvature, lowest, points):
    offsets = sorted((p / 10 for p in points), key=lambda t: (t - lowest) ** 2)
    values = [0.5 * curvature * (t - lowest) ** 2 for t in offsets]
    found = parabola(offsets, values)
    if not math.isnan(found.curvature):
        assert_allclose(found.curvature, curvature, rtol=1e-6)
    reach = 2.0 * max(abs(t - offsets[0]) for t in offsets)
    assert abs(found.step) <= reach * (1.0 + 1e-12)
    if found.step and abs(lowest - offsets[0]) <= 0.99 * reach:
        assert_allclose(offsets[0] + found.step, lowest, atol=1e-6)


@given(st.lists(st.floats(allow_nan=False), min_size=6, max_size=6))
def test_no_parabola_is_followed_to_nowhere(numbers):
    with np.errstate(all="ignore"):
        found = parabola(numbers[:3], sorted(numbers[3:]))
    assert not math.isnan(found.step)


@given(n=sizes, seed=seeds)
def test_steps_stay_between_a_tenth_and_ten_times(n, seed):
    rng = np.random.default_rng(seed)
    steps, unit = 10.0 ** rng.uniform(-8, 2, (2, n))
    move = rng.normal(size=n) * 10.0 ** rng.uniform(-9, 3, n) * (rng.random(n) < 0.7)
    found = next_steps(steps, move, unit)
    floor = 0.01 * np.mean(np.abs(move) / unit) * unit
    assert np.all(found >= np.maximum(0.1 * steps, floor) * (1 - 1e-12))
    assert np.all(found <= np.maximum(10.0 * steps, floor) * (1 + 1e-12))


@given(n=sizes, m=st.integers(1, 4), seed=seeds)
def test_moves_that_are_kept_are_independent(n, m, seed):
    rng = np.random.default_rng(seed)
    moves = list(rng.integers(-2, 3, (m, n)).astype(float))
    moves = [move for move in moves if move.any()]
    kept = independent(moves, rng.uniform(0.5, 2.0, n))
    rank = int(np.linalg.matrix_rank(np.array(moves))) if moves else 0
    assert len(kept) == rank
    assert rank == 0 or int(np.linalg.matrix_rank(np.array(kept))) == rank


@given(k=st.integers(1, 3), seed=seeds)
def test_a_convex_quadratic_is_solved_by_its_points(k, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    hessian = root @ root.T + np.eye(k)
    goal = rng.uniform(-0.5, 0.5, k)
    points = rng.normal(size=((k + 1) * (k + 2) // 2, k))
    values = np.array([0.5 * (p - goal) @ hessian @ (p - goal) for p in points])
    best = int(values.argmin())
    step = quadratic_step(points, values, points[best], float(values[best]))
    if step is not None and np.linalg.norm(goal - points[best]) < 0.1:
        fitted = points[best] + step
        assert 0.5 * (fitted - goal) @ hessian @ (fitted - goal) <= values[best]


# Directions


def positive_definite(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    return root @ root.T / n + 0.1 * np.eye(n), rng


@given(n=sizes, seed=seeds)
def test_directions_fit_the_last_step_and_keep_their_sign(n, seed):
    hessian, rng = positive_definite(n, seed)
    directions = np.eye(n) + 0.3 * rng.normal(size=(n, n)) / n
    at = rng.normal(size=n)
    before = directions @ hessian @ at
    step = rng.normal(size=n)
    moved = combined(step, directions)
    after = directions @ hessian @ (at + moved)
    learned, slopes = updated(directions, before, step, after)
    if learned is directions:
        assert step @ (after - before) <= 1e-4 * (step @ step)
        return
    # The secant equation: the estimated inverse Hessian takes the change of gradient to the move.
    assert_allclose(learned.T @ (learned @ hessian @ moved), moved, rtol=1e-6, atol=1e-8)
    assert_allclose(slopes, learned @ hessian @ (at + moved), rtol=1e-6, atol=1e-8)
    assert np.sign(np.linalg.det(learned)) == np.sign(np.linalg.det(directions))


@given(n=st.integers(1, 5), seed=seeds)
def test_exact_steps_make_directions_conjugate(n, seed):
    """On a quadratic, with exact line searches, BFGS ends after n steps (Nocedal & Wright, 6.4)."""
    hessian, rng = positive_definite(n, seed)
    directions, at = np.eye(n), rng.normal(size=n)
    slopes = directions @ hessian @ at
    for _ in range(n):
        if np.linalg.norm(slopes) < 1e-9:
            break
        step = -slopes
        whole = combined(step, directions)
        share = -(whole @ hessian @ at) / (whole @ hessian @ whole)
        at = at + share * whole
        directions, slopes = updated(directions, slopes, share * step, directions @ hessian @ at)
    assert np.linalg.norm(at) < 1e-5


@given(n=sizes, seed=seeds)
def test_slopes_along_directions_of_curvature_one_are_exact(n, seed):
    rng = np.random.default_rng(seed)
    curvatures = 10.0 ** rng.uniform(-3, 3, n)
    directions = first_directions(curvatures, np.ones(n))
    assert_allclose(directions @ np.diag(curvatures) @ directions, np.eye(n), rtol=1e-9)
    gradient, lengths = rng.normal(size=n), rng.uniform(0.1, 1.0, n) * rng.choice([-1.0, 1.0], n)
    points = lengths[:, None] * directions
    values = points @ gradient + 0.5 * (points**2 @ curvatures)
    assert_allclose(
        simplex_gradient(0.0, values, lengths), directions @ gradient, rtol=1e-6, atol=1e-9
    )


@given(share=st.floats(1e-6, 1.0), slope=st.floats(-1e6, -1e-6), rise=st.floats(0.0, INF))
def test_a_shorter_step_is_between_a_tenth_and_a_half(share, slope, rise):
    assert 0.1 * share <= shorter(share, slope, rise) <= 0.5 * share
