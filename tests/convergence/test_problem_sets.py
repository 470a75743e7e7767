"""Problem sets: how many are solved. The tables against other libraries are in `benchmarks`."""

import pytest

import nelder
from benchmarks.problems import mgh

SOLVED = 1e-6  # of f0 - f*


@pytest.fixture(scope="module")
def runs():
    """Every instance with default settings within 500·(n + 1) evaluations."""
    found = []
    for problem in mgh():
        maxfev = 500 * (problem.n + 1)
        found.append(
            (problem, nelder.minimize(problem.fun, problem.x0, maxfev=maxfev, history=True))
        )
    return found


def test_more_garbow_hillstrom_at_least_46_of_47_are_solved(runs):
    assert len(runs) == 47
    missed = []
    for problem, result in runs:
        first = problem.fun(problem.x0)
        assert result.history.values[0] == first
        if not result.fun - problem.f_star <= SOLVED * (first - problem.f_star):
            missed.append((problem.name, result.fun, problem.f_star))
    assert len(missed) <= 1, missed


def test_more_garbow_hillstrom_no_success_where_it_is_not_solved(runs):
    for problem, result in runs:
        first = problem.fun(problem.x0)
        if result.success:
            assert result.fun - problem.f_star <= SOLVED * (first - problem.f_star), problem.name


def test_more_garbow_hillstrom_the_answer_is_the_best_point_evaluated(runs):
    for problem, result in runs:
        values = result.history.values
        assert result.fun == values[values == values].min()
        assert result.fun == problem.fun(result.x)
        assert result.nfev == len(values) <= 500 * (problem.n + 1)
