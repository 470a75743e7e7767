"""Standard errors of the NIST fits: against the certified ones, and the exact Hessian's."""

import numpy as np
import pytest

import nelder
from benchmarks.problems import nist
from benchmarks.problems.exact_errors import exact_errors

TOLERANCE = 0.01
PROBLEMS = [problem for problem in nist() if problem.start == 2]


@pytest.fixture(scope="module")
def results():
    return [nelder.minimize(p.fun, p.x0, maxfev=2000 * (p.n + 1), history=True) for p in PROBLEMS]


def judged(covariances, right):
    """Return which are right to 1 %, and which are wrong without a doubt."""
    close = [
        bool((np.abs(c.standard_errors / r - 1.0) <= TOLERANCE).all())
        for c, r in zip(covariances, right, strict=True)
    ]
    names = [problem.name for problem in PROBLEMS]
    silent = [
        name
        for name, good, c in zip(names, close, covariances, strict=True)
        if not good and c.sound
    ]
    return [name for name, good in zip(names, close, strict=True) if good], silent


def test_residuals_give_the_certified_ones(results):
    with np.errstate(all="ignore"):
        covariances = [
            r.covariance(residuals=lambda b, p=p: p.y - p.model(b, p.x))
            for p, r in zip(PROBLEMS, results, strict=True)
        ]
    close, silent = judged(covariances, [p.standard_deviations for p in PROBLEMS])
    assert len(close) >= 25, close
    assert silent == []
    for problem, covariance in zip(PROBLEMS, covariances, strict=True):
        assert covariance.hessian.nnew == 4 * problem.n + 1
        if problem.name in close:
            assert covariance.sound, problem.name


@pytest.mark.parametrize("evaluate", [False, True])
def test_values_give_those_of_the_exact_hessian(results, evaluate):
    covariances = [
        r.covariance(nelder.least_squares_scale(r.fun, p.y.size, p.n), evaluate=evaluate)
        for p, r in zip(PROBLEMS, results, strict=True)
    ]
    right = [exact_errors(p, r.x) for p, r in zip(PROBLEMS, results, strict=True)]
    close, silent = judged(covariances, right)
    assert len(close) >= 25, close
    assert silent == []
    for problem, covariance in zip(PROBLEMS, covariances, strict=True):
        most = 2 * (problem.n + 1) * (problem.n + 2) if evaluate else 0
        assert covariance.hessian.nnew <= most


def test_values_alone_cannot_give_the_certified_ones():
    # Why there are two yardsticks: the second derivatives of the model count for more than 1 %.
    far = [
        p.name
        for p in PROBLEMS
        if (
            np.abs(exact_errors(p, p.certified, p.residual_sum) / p.standard_deviations - 1.0)
            > TOLERANCE
        ).any()
    ]
    assert len(far) == 15, far
