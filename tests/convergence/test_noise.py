"""Noisy searches on the Moré-Garbow-Hillstrom problems: near the minimum, and honest about it."""

import math

import numpy as np
import pytest

import nelder
from benchmarks.problems import mgh
from benchmarks.problems.noisy import TUNED, Cell
from nelder import NelderMead

BUDGET = 100  # evaluations/(n + 1)
SEEDS = (1, 2, 3)
PROBLEMS = [problem for problem in mgh() if problem.name in TUNED]


def gap(problem, x):
    """Return how much of f(x0) - f* is left at `x`, without noise."""
    first = problem.fun(problem.x0) - problem.f_star
    return max((problem.fun(x) - problem.f_star) / first, 1e-12)


def search(problem, cell, seed, method):
    fun = cell.objective(problem, seed)
    maxfev = cell.budget * (problem.n + 1)
    return nelder.minimize(fun, problem.x0, method=method, maxfev=maxfev)


def runs(cell, noise):
    method = NelderMead(noise=noise)
    return [(p, search(p, cell, seed, method)) for p in PROBLEMS for seed in SEEDS]


@pytest.mark.parametrize("sigma", [1e-2, 1e-4])
def test_several_times_nearer_than_the_plain_search(sigma):
    cell = Cell(True, sigma, BUDGET)
    noisy, plain = (
        np.log([gap(problem, result.x) for problem, result in runs(cell, noise)])
        for noise in (True, False)
    )
    assert math.exp(plain.mean() - noisy.mean()) > 3.0
    assert np.quantile(noisy, 0.9) <= np.quantile(plain, 0.9)


def test_multiplicative_noise_does_not_keep_it_from_the_minimum():
    cell = Cell(False, 1e-2, BUDGET)
    noisy, plain = (
        np.log([gap(problem, result.x) for problem, result in runs(cell, noise)])
        for noise in (True, False)
    )
    assert noisy.mean() < plain.mean()


@pytest.mark.parametrize("sigma", [1e-2, 1e-4])
def test_what_it_says_of_the_noise_and_of_its_answer_is_true(sigma):
    noise, off = [], []
    for problem, result in runs(Cell(True, sigma, BUDGET), True):
        scale = sigma * (problem.fun(problem.x0) - problem.f_star)
        noise.append(result.noise / scale)
        off.append(abs(result.fun - problem.fun(result.x)) / result.fun_error)
        assert 0 < result.nrepeat < result.nfev
    assert 0.9 < np.median(noise) < 1.1
    assert np.quantile(noise, 0.1) > 0.6
    assert np.quantile(noise, 0.9) < 1.5
    assert np.mean(np.array(off) <= 2.0) > 0.8
    assert np.mean(np.array(off) <= 1.0) > 0.5  # of a normal error 68 %


def test_no_more_than_one_evaluation_is_lost_where_there_is_no_noise():
    for problem in mgh():
        if problem.n > 6:
            continue
        maxfev = 500 * (problem.n + 1)
        plain = nelder.minimize(problem.fun, problem.x0, maxfev=maxfev)
        method = NelderMead(noise=True)
        careful = nelder.minimize(problem.fun, problem.x0, maxfev=maxfev + 1, method=method)
        assert careful.nfev == plain.nfev + 1
        assert (careful.fun, careful.status) == (plain.fun, plain.status)
        np.testing.assert_array_equal(careful.x, plain.x)


@pytest.mark.parametrize("n", [2, 3])
def test_more_evaluations_are_of_use(n):
    def gaps(budget):
        found = []
        for seed in range(5):
            random = np.random.default_rng(seed)
            result = nelder.minimize(
                lambda x: float(np.sum((x - 1.3) ** 2)) + 0.3 * random.standard_normal(),  # noqa: B023
                np.zeros(n),
                method=NelderMead(noise=True),
                maxfev=budget * (n + 1),
            )
            found.append(math.log(np.sum((result.x - 1.3) ** 2)))
        return np.mean(found)

    assert gaps(2000) < gaps(200) - 1.0
