"""The parallel simplex on the Moré-Garbow-Hillstrom problems."""

import numpy as np
import pytest

import nelder
from benchmarks.problems import mgh
from nelder import KWorst, NelderMead

SOLVED = 1e-6  # of f0 - f*
AXES = nelder.AxisSimplex()  # as NelderMead begins, so that only the number of vertices differs


def search(problem, method):
    """Return the result within 1000·(n + 1) evaluations, and whether it is the minimum."""
    maxfev = 1000 * (problem.n + 1)
    result = nelder.minimize(problem.fun, problem.x0, maxfev=maxfev, method=method)
    first = problem.fun(problem.x0)
    return result, result.fun - problem.f_star <= SOLVED * (first - problem.f_star)


def test_all_but_one_are_solved_with_two_vertices_to_a_third_of_them():
    missed, runs = [], 0
    for problem in mgh():
        for k in range(2, problem.n // 3 + 1):
            runs += 1
            result, solved = search(problem, KWorst(k, initial_simplex=AXES))
            if not solved:
                missed.append((problem.name, k, result.fun, problem.f_star))
                assert not result.success
    assert runs == 42
    assert len(missed) <= 1, missed


def test_all_but_one_are_solved_as_it_is():
    missed = [problem.name for problem in mgh() if not search(problem, KWorst())[1]]
    assert len(missed) <= 1, missed


@pytest.mark.filterwarnings("ignore:k=2 is above a third")
@pytest.mark.parametrize("name", ["Powell singular", "Wood", "Kowalik-Osborne", "Osborne 1"])
def test_small_problems_are_solved_with_two_vertices(name):
    (problem,) = [problem for problem in mgh() if problem.name.startswith(name)]
    result, solved = search(problem, KWorst(2, initial_simplex=AXES))
    assert solved
    assert result.success


@pytest.mark.filterwarnings("ignore:k=2 is above a third")
def test_rosenbrock_in_four_dimensions():
    def fun(x):
        steps = x[1:] - x[:-1] ** 2
        return float(100.0 * steps @ steps + (1.0 - x[:-1]) @ (1.0 - x[:-1]))

    result = nelder.minimize(fun, [-1.2, 1.0, -1.2, 1.0], method=KWorst(2, initial_simplex=AXES))
    assert result.success
    np.testing.assert_allclose(result.x, np.ones(4), atol=1e-6)


def test_with_more_vertices_fewer_iterations_reach_the_minimum():
    """What it is for: the evaluations of a batch are made at the same time."""
    counts = []
    for problem in mgh():
        if problem.n >= 9:
            target = problem.f_star + SOLVED * (problem.fun(problem.x0) - problem.f_star)
            counts.append(
                [
                    nelder.minimize(problem.fun, problem.x0, method=method, target=target).nit
                    for method in (
                        NelderMead(),
                        KWorst(2, initial_simplex=AXES),
                        KWorst(3, initial_simplex=AXES),
                    )
                ]
            )
    one, two, three = np.median(counts, axis=0)
    assert three < two < one
