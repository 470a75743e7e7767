"""The benchmark problems against published figures."""

import pickle

import numpy as np
import pytest

from benchmarks.problems import (
    HAN_SIMPLEX,
    MCKINNON_SIMPLEX,
    SumOfSquares,
    correct_digits,
    gao_han,
    han,
    mckinnon,
    mgh,
    more_wild,
    nist,
)

SIX_DIGITS = 5e-6

# Moré, Garbow and Hillstrom: name, n, m, f(x0), f*
MGH = [
    ("Rosenbrock", 2, 2, 24.2, 0.0),
    ("Freudenstein-Roth", 2, 2, 400.5, 48.98425368),
    ("Powell badly scaled", 2, 2, 1.1352617, 0.0),
    ("Brown badly scaled", 2, 3, 9.99998e11, 0.0),
    ("Beale", 2, 3, 14.203125, 0.0),
    ("Jennrich-Sampson", 2, 10, 4171.3062, 124.3621824),
    ("Helical valley", 3, 3, 2500.0, 0.0),
    ("Bard", 3, 15, 41.681696, 0.008214877307),
    ("Gaussian", 3, 15, 3.888107e-06, 1.12793277e-08),
    ("Meyer", 3, 16, 1.6936078e09, 87.94585517),
    ("Gulf R&D", 3, 99, 12.110706, 0.0),
    ("Box 3-D", 3, 10, 1031.1538, 0.0),
    ("Powell singular", 4, 4, 215.0, 0.0),
    ("Wood", 4, 6, 19192.0, 0.0),
    ("Kowalik-Osborne", 4, 11, 0.0053131723, 0.0003075056038),
    ("Brown-Dennis", 4, 20, 7926693.3, 85822.20163),
    ("Osborne 1", 5, 33, 0.87902629, 5.464894697e-05),
    ("Biggs EXP6", 6, 13, 0.77907008, 0.005655649926),
    ("Osborne 2", 11, 65, 2.0934195, 0.04013773629),
    ("Watson 6", 6, 31, 30.0, 0.002287670054),
    ("Watson 9", 9, 31, 30.0, 1.399760138e-06),
    ("Watson 12", 12, 31, 30.0, 4.7223811e-10),
    ("Ext. Rosenbrock 6", 6, 6, 72.6, 0.0),
    ("Ext. Rosenbrock 12", 12, 12, 145.2, 0.0),
    ("Ext. Powell 8", 8, 8, 430.0, 0.0),
    ("Ext. Powell 12", 12, 12, 645.0, 0.0),
    ("Penalty I 4", 4, 5, 885.06264, 2.249977501e-05),
    ("Penalty I 10", 10, 11, 148032.57, 7.087651467e-05),
    ("Penalty II 4", 4, 8, 2.3400088, 9.37629e-06),
    ("Penalty II 10", 10, 20, 162.65278, 0.00029366),
    ("Variably dim. 6", 6, 8, 53145.334, 0.0),
    ("Variably dim. 10", 10, 12, 2198551.2, 0.0),
    ("Trigonometric 5", 5, 5, 0.011657379, 0.0),
    ("Trigonometric 10", 10, 10, 0.0070757595, 2.79506e-05),
    ("Brown almost-linear 5", 5, 5, 36.938477, 0.0),
    ("Brown almost-linear 10", 10, 10, 273.24805, 0.0),
    ("Discrete boundary 10", 10, 10, 0.0007885191, 0.0),
    ("Discrete integral 10", 10, 10, 0.063416842, 0.0),
    ("Broyden tridiag 10", 10, 10, 21.0, 0.0),
    ("Broyden banded 10", 10, 10, 360.0, 0.0),
    ("Linear full rank 5", 5, 10, 25.0, 5.0),
    ("Linear rank 1", 5, 10, 84985.0, 2.142857143),
    ("Linear rank1 zero", 5, 10, 15886.0, 3.647058824),
    ("Chebyquad 6", 6, 6, 0.046428172, 0.0),
    ("Chebyquad 8", 8, 8, 0.038617698, 0.003516873726),
    ("Chebyquad 9", 9, 9, 0.02888298, 0.0),
    ("Chebyquad 10", 10, 10, 0.033763265, 0.004772713696),
]

# Moré and Wild: name, n, m, f(x0), f*
MORE_WILD = [
    ("linear_full_rank_good_start", 9, 45, 72.0, 36.0),
    ("linear_full_rank_bad_start", 9, 45, 1125.0, 36.0),
    ("linear_rank_one_good_start", 7, 35, 1.16542e07, 8.38028169014),
    ("linear_rank_one_bad_start", 7, 35, 1.168591e09, 8.380282),
    ("linear_rank_one_zero_columns_rows_good_start", 7, 35, 4989195.0, 9.88059701493),
    ("linear_rank_one_zero_columns_rows_bad_start", 7, 35, 5.009356e08, 9.88059701493),
    ("rosenbrock_good_start", 2, 2, 24.2, 0.0),
    ("rosenbrock_bad_start", 2, 2, 1795769.0, 0.0),
    ("helical_valley_good_start", 3, 3, 2500.0, 0.0),
    ("helical_valley_bad_start", 3, 3, 10600.0, 0.0),
    ("powell_singular_good_start", 4, 4, 215.0, 0.0),
    ("powell_singular_bad_start", 4, 4, 1615400.0, 0.0),
    ("freudenstein_roth_good_start", 2, 2, 400.5, 48.9842536792),
    ("freudenstein_roth_bad_start", 2, 2, 1.545754e08, 48.9842536792),
    ("bard_good_start", 3, 15, 41.6817, 0.00821487730658),
    ("bard_bad_start", 3, 15, 1306.234, 0.00821487730658),
    ("kowalik_osborne", 4, 11, 0.005313172, 0.000307505603849),
    ("meyer", 3, 16, 1.693608e09, 87.9458551704),
    ("watson_6_good_start", 6, 31, 16.43083, 0.00228767005355),
    ("watson_6_bad_start", 6, 31, 2323367.0, 0.00228767005355),
    ("watson_9_good_start", 9, 31, 26.90417, 1.39976e-06),
    ("watson_9_bad_start", 9, 31, 8158877.0, 1.39976e-06),
    ("watson_12_good_start", 12, 31, 73.67821, 4.722381e-10),
    ("watson_12_bad_start", 12, 31, 2.059384e07, 4.722381e-10),
    ("box_3d", 3, 10, 1031.154, 0.0),
    ("jennrich_sampson", 2, 10, 4171.306, 124.362182356),
    ("brown_dennis_good_start", 4, 20, 7926693.0, 85822.2016263),
    ("brown_dennis_bad_start", 4, 20, 3.081064e11, 85822.2016263),
    ("chebyquad_6", 6, 6, 0.04642817, 0.0),
    ("chebyquad_7", 7, 7, 0.03377064, 0.0),
    ("chebyquad_8", 8, 8, 0.0386177, 0.00351687372568),
    ("chebyquad_9", 9, 9, 0.02888298, 0.0),
    ("chebyquad_10", 10, 10, 0.03376327, 0.00477271369638),
    ("chebyquad_11", 11, 11, 0.0267406, 0.00279976155187),
    ("brown_almost_linear", 10, 10, 273.248, 0.0),
    ("osborne_one", 5, 33, 16.17411, 5.46489469748e-05),
    ("osborne_two_good_start", 11, 65, 2.09342, 0.0401377362935),
    ("osborne_two_bad_start", 11, 65, 199.6847, 0.0401377362935),
    ("bdqrtic_8", 8, 8, 904.0, 10.2389734213),
    ("bdqrtic_10", 10, 12, 1356.0, 18.2811617536),
    ("bdqrtic_11", 11, 14, 1582.0, 22.2605917349),
    ("bdqrtic_12", 12, 16, 1808.0, 26.2727663968),
    ("cube_5", 5, 5, 56.5, 0.0),
    ("cube_6", 6, 6, 70.5625, 0.0),
    ("cube_8", 8, 8, 98.6875, 0.0),
    ("mancino_5_good_start", 5, 5, 2.539084e09, 0.0),
    ("mancino_5_bad_start", 5, 5, 6.873795e12, 0.0),
    ("mancino_8", 8, 8, 3.367961e09, 0.0),
    ("mancino_10", 10, 10, 3.735127e09, 0.0),
    ("mancino_12_good_start", 12, 12, 3.991072e09, 0.0),
    ("mancino_12_bad_start", 12, 12, 1.130015e13, 0.0),
    ("heart_eight_good_start", 8, 8, 9.385672, 0.0),
    ("heart_eight_bad_start", 8, 8, 3.365815e10, 0.0),
]

# Points where the sum of squares vanishes
ZEROS = {
    "Rosenbrock": [1.0, 1.0],
    "Freudenstein-Roth": [5.0, 4.0],
    "Brown badly scaled": [1e6, 2e-6],
    "Beale": [3.0, 0.5],
    "Helical valley": [1.0, 0.0, 0.0],
    "Gulf R&D": [50.0, 25.0, 1.5],
    "Box 3-D": [1.0, 10.0, 1.0],
    "Powell singular": [0.0] * 4,
    "Wood": [1.0] * 4,
    "Biggs EXP6": [1.0, 10.0, 1.0, 5.0, 4.0, 3.0],
    "Ext. Rosenbrock 12": [1.0] * 12,
    "Ext. Powell 12": [0.0] * 12,
    "Variably dim. 10": [1.0] * 10,
    "Brown almost-linear 10": [1.0] * 10,
    "cube_8": [1.0] * 8,
}

# NIST: name, number of parameters, number of observations
NIST = [
    ("Misra1a", 2, 14),
    ("Chwirut2", 3, 54),
    ("Chwirut1", 3, 214),
    ("Lanczos3", 6, 24),
    ("Gauss1", 8, 250),
    ("Gauss2", 8, 250),
    ("DanWood", 2, 6),
    ("Misra1b", 2, 14),
    ("Kirby2", 5, 151),
    ("Hahn1", 7, 236),
    ("Nelson", 3, 128),
    ("MGH17", 5, 33),
    ("Lanczos1", 6, 24),
    ("Lanczos2", 6, 24),
    ("Gauss3", 8, 250),
    ("Misra1c", 2, 14),
    ("Misra1d", 2, 14),
    ("Roszman1", 4, 25),
    ("ENSO", 9, 168),
    ("MGH09", 4, 11),
    ("Thurber", 7, 37),
    ("BoxBOD", 2, 6),
    ("Rat42", 3, 9),
    ("MGH10", 3, 16),
    ("Eckerle4", 3, 35),
    ("Rat43", 4, 15),
    ("Bennett5", 3, 154),
]

ALL = [*mgh(), *more_wild(), *nist(), gao_han(8), mckinnon(), han()]


@pytest.mark.parametrize(
    ("problem", "expected"),
    [*zip(mgh(), MGH, strict=True), *zip(more_wild(), MORE_WILD, strict=True)],
    ids=[row[0] for row in [*MGH, *MORE_WILD]],
)
def test_sum_of_squares(problem, expected):
    name, n, m, f0, f_star = expected
    assert isinstance(problem.fun, SumOfSquares)
    assert problem.name == name
    assert problem.n == n
    assert problem.fun.residuals(problem.x0).size == m
    assert problem.fun(problem.x0) == pytest.approx(f0, rel=SIX_DIGITS)
    assert problem.f_star == f_star
    assert problem.f_star <= problem.fun(problem.x0)


@pytest.mark.parametrize("name", ZEROS)
def test_zero(name):
    (problem,) = [p for p in [*mgh(), *more_wild()] if p.name == name]
    assert problem.fun(np.array(ZEROS[name])) == pytest.approx(0.0, abs=1e-20)


def test_helical_valley_angle():
    """The angle runs from -1/4 to 3/4 turn, with its cut along the negative x2 axis."""
    (problem,) = [p for p in mgh() if p.name == "Helical valley"]
    half = np.sqrt(0.5)
    for turns, x1, x2 in [
        (-0.25, 0.0, -1.0),
        (-0.125, half, -half),
        (0.25, 0.0, 1.0),
        (0.5, -1.0, 0.0),
        (0.625, -half, -half),
    ]:
        assert problem.fun(np.array([x1, x2, 0.0])) == pytest.approx((100.0 * turns) ** 2)


def test_broyden_banded_neighbours():
    """The bands as the paper writes them: j from max(1, i - 5) to min(n, i + 1), not i."""
    (problem,) = [p for p in mgh() if p.name == "Broyden banded 10"]
    x = np.linspace(-1.0, 2.0, 10)
    expected = [
        x[i] * (2.0 + 5.0 * x[i] ** 2)
        + 1.0
        - sum(x[j] * (1.0 + x[j]) for j in range(max(0, i - 5), min(9, i + 1) + 1) if j != i)
        for i in range(10)
    ]
    np.testing.assert_allclose(problem.fun.residuals(x), expected)


def test_nist_sets():
    found = [(p.name, p.n, p.y.size, p.start) for p in nist()]
    assert found == [(*row, start) for row in NIST for start in (1, 2)]


@pytest.mark.parametrize("problem", nist(), ids=lambda p: f"{p.name}-{p.start}")
def test_nist_certified(problem):
    """The certified sum of squares, to the digits that the certified parameters carry.

    The sum of squares of Lanczos1, 1.4e-25, is below what 11 digits of parameters resolve.
    """
    assert problem.x0.shape == problem.certified.shape == problem.standard_deviations.shape
    assert problem.f_star == problem.residual_sum
    assert problem.x.shape[-1] == problem.y.size
    value = problem.fun(problem.certified)
    assert value == pytest.approx(problem.residual_sum, rel=1e-8, abs=1e-20)
    assert problem.residual_sum < problem.fun(problem.x0)


@pytest.mark.parametrize("problem", nist()[::2], ids=lambda p: p.name)
def test_nist_standard_deviations(problem):
    """They are sqrt(diag(s^2 (J'J)^-1)), s^2 = RSS / (m - n), J the Jacobian of the model."""
    b, m, n = problem.certified, problem.y.size, problem.n
    h = 1e-5 * b
    columns = [
        (problem.model(b + step, problem.x) - problem.model(b - step, problem.x)) / (2.0 * step[i])
        for i, step in enumerate(np.diag(h))
    ]
    jacobian = np.array(columns).T * b  # scaled by b, for conditioning
    _, triangle = np.linalg.qr(jacobian)
    norms = np.linalg.norm(np.linalg.inv(triangle), axis=1)
    deviations = np.sqrt(problem.residual_sum / (m - n)) * norms * np.abs(b)
    np.testing.assert_allclose(deviations, problem.standard_deviations, rtol=1e-3)


def test_nist_start_values():
    """Misra1a and Nelson as printed in their files."""
    problems = {(p.name, p.start): p for p in nist()}
    first, second = problems["Misra1a", 1], problems["Misra1a", 2]
    np.testing.assert_array_equal(first.x0, [500.0, 0.0001])
    np.testing.assert_array_equal(second.x0, [250.0, 0.0005])
    np.testing.assert_array_equal(first.certified, [2.3894212918e02, 5.5015643181e-04])
    np.testing.assert_array_equal(first.standard_deviations, [2.7070075241e00, 7.2668688436e-06])
    assert (first.x[0], first.y[0]) == (77.6, 10.07)
    nelson = problems["Nelson", 1]
    np.testing.assert_array_equal(nelson.x[:, 0], [1.0, 180.0])
    assert nelson.y[0] == np.log(15.0)


def test_correct_digits():
    certified = np.array([2.0, -50.0])
    assert correct_digits(np.array([2.0002, -50.0]), certified) == pytest.approx(4.0)
    assert correct_digits(np.array([2.0002, -55.0]), certified) == pytest.approx(1.0)
    assert correct_digits(certified, certified) == np.inf
    assert np.isnan(correct_digits(np.array([np.nan, -50.0]), certified))


@pytest.mark.parametrize("n", [1, 4, 24])
def test_gao_han(n):
    problem = gao_han(n)
    assert problem.n == n
    assert problem.fun(np.ones(n)) == problem.f_star == 0.0
    x = np.linspace(-1.0, 3.0, n)
    upper = np.triu(np.ones((n, n)))
    d = x - 1.0
    expected = d @ np.diag(1.05 ** np.arange(1, n + 1)) @ d + 1e-4 * (d @ upper.T @ upper @ d) ** 2
    assert problem.fun(x) == pytest.approx(expected)


@pytest.mark.parametrize("constants", [(1.0, 15.0, 10.0), (2.0, 6.0, 60.0), (3.0, 6.0, 400.0)])
def test_mckinnon(constants):
    tau, theta, phi = constants
    problem = mckinnon(tau, theta, phi)
    assert problem.fun(np.array([0.0, -0.5])) == problem.f_star == -0.25
    assert problem.fun(np.array([0.5, 1.0])) == pytest.approx(theta * 0.5**tau + 2.0)
    assert problem.fun(np.array([-0.5, 1.0])) == pytest.approx(theta * phi * 0.5**tau + 2.0)
    # The best vertex is the origin, where the method stalls.
    assert np.argmin([problem.fun(vertex) for vertex in MCKINNON_SIMPLEX]) == 0


def test_han():
    problem = han()
    np.testing.assert_allclose([problem.fun(v) for v in HAN_SIMPLEX], [-4.5, -1.5, 1.0])
    y = np.linspace(-2.0, 2.0, 100001)
    values = y * (y + 2.0) * (y - 0.5) * (y - 2.0)
    assert problem.f_star == pytest.approx(values.min(), abs=1e-8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("problem", ALL, ids=lambda p: p.name)
def test_objective(problem):
    """A float everywhere, without warnings; x is left alone; the problem pickles."""
    f0 = problem.fun(problem.x0)
    for x in (problem.x0, 0.0 * problem.x0, 1e200 * problem.x0, np.full(problem.n, np.nan)):
        before = x.copy()
        assert type(problem.fun(x)) is float
        np.testing.assert_array_equal(x, before)
    assert pickle.loads(pickle.dumps(problem)).fun(problem.x0) == f0
