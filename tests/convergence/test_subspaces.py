"""Subspaces with many parameters: usual starts, other starts, turned, without derivatives."""

import numpy as np
import pytest

import nelder
from benchmarks.problems import gao_han, mgh
from benchmarks.problems.problem import Problem
from benchmarks.problems.residuals import broyden_banded, broyden_tridiagonal, rosenbrock
from benchmarks.problems.scalable import large, perturbed, rotated
from nelder import Subspaces

SOLVED = 1e-6  # of f0 - f*


def evaluations(problem, budget, tau=SOLVED):
    """Return the evaluations/(n+1) to reach the minimum within `budget`(n+1), or infinity."""
    target = problem.f_star + tau * (problem.fun(problem.x0) - problem.f_star)
    maxfev = budget * (problem.n + 1)
    result = nelder.minimize(
        problem.fun, problem.x0, method=Subspaces(), maxfev=maxfev, target=target
    )
    return result.nfev / (problem.n + 1) if result.fun <= target else np.inf


def missed(problems, budget=200, tau=SOLVED):
    return [problem.name for problem in problems if evaluations(problem, budget, tau) == np.inf]


@pytest.mark.parametrize("n", [12, 16, 32])
def test_usual_starts(n):
    # From there chained Rosenbrock may lead to its other minimum, 3.99.
    assert set(missed(large(n))) <= {"chained Rosenbrock"}


@pytest.mark.parametrize("seed", [1, 2])
def test_perturbed_starts(seed):
    assert len(missed([perturbed(problem, seed) for problem in large(16)])) <= 1


@pytest.mark.parametrize("seed", [1, 2])
def test_rotated(seed):
    assert len(missed([rotated(problem, seed) for problem in large(16)])) <= 1


def test_one_hundred_parameters():
    problems = [problem for problem in large(100) if problem.name != "chained Rosenbrock"]
    assert missed(problems) == []


def test_gao_and_han_with_48_parameters():
    assert evaluations(gao_han(48), 27) * 49 <= 1300


def test_few_parameters_too():
    needed = [evaluations(problem, 500) for problem in mgh()]
    assert sum(value < np.inf for value in needed) >= 42
    assert np.median(needed) <= 35.0


@pytest.mark.parametrize(
    ("residuals", "x0"),
    [
        (rosenbrock, np.resize([-1.2, 1.0], 16)),
        (broyden_tridiagonal, np.full(16, -1.0)),
        (broyden_banded, np.full(16, -1.0)),
    ],
)
def test_sums_of_absolute_residuals(residuals, x0):
    problem = Problem("", lambda x: float(np.abs(residuals(x)).sum()), x0, 0.0)
    assert evaluations(problem, 300, 1e-3) < np.inf


def test_success_means_a_minimum():
    for problem in large(16):
        result = nelder.minimize(problem.fun, problem.x0, method=Subspaces(), maxfev=20000)
        assert result.success, problem.name
        steps = 1e-4 * np.maximum(1.0, np.abs(result.x)) * np.eye(problem.n)
        beside = [problem.fun(result.x + step) for step in (*steps, *-steps)]
        assert min(beside) >= result.fun, problem.name
