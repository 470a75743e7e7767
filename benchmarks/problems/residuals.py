"""Residual functions r(x) of the least-squares test problems; f(x) = sum_i r_i(x)^2.

The functions are those of Moré, Garbow and Hillstrom [1]_, numbered as there, and the
four that Moré and Wild [2]_ add. Where the papers leave the number of residuals m free,
it is fixed here to the value both test sets use; the linear functions take it as an
argument.

References
----------
.. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization
   software", ACM Trans. Math. Softw. 7(1):17-41, 1981.
.. [2] J. J. Moré and S. M. Wild, "Benchmarking derivative-free optimization algorithms",
   SIAM J. Optim. 20(1):172-191, 2009.
"""

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.polynomial.polynomial import polyval

from benchmarks.problems.problem import Array


def _count(m: int) -> Array:
    """Return 1, 2, ..., m as floats."""
    return np.arange(1.0, m + 1.0)


# Moré, Garbow and Hillstrom (1981)


def rosenbrock(x: Array) -> Array:
    """MGH 1 (n = 2) and 21, the extended function (n even)."""
    odd, even = x[0::2], x[1::2]
    return np.concatenate([10.0 * (even - odd**2), 1.0 - odd])


def freudenstein_roth(x: Array) -> Array:
    """MGH 2. Zero at (5, 4); a local minimum 48.98425... at (11.41..., -0.8968...)."""
    x1, x2 = x
    return np.array(
        [
            -13.0 + x1 + ((5.0 - x2) * x2 - 2.0) * x2,
            -29.0 + x1 + ((x2 + 1.0) * x2 - 14.0) * x2,
        ]
    )


def powell_badly_scaled(x: Array) -> Array:
    """MGH 3."""
    x1, x2 = x
    return np.array([1e4 * x1 * x2 - 1.0, np.exp(-x1) + np.exp(-x2) - 1.0001])


def brown_badly_scaled(x: Array) -> Array:
    """MGH 4. Zero at (1e6, 2e-6)."""
    x1, x2 = x
    return np.array([x1 - 1e6, x2 - 2e-6, x1 * x2 - 2.0])


_BEALE_Y = np.array([1.5, 2.25, 2.625])


def beale(x: Array) -> Array:
    """MGH 5. Zero at (3, 0.5)."""
    x1, x2 = x
    return _BEALE_Y - x1 * (1.0 - x2 ** _count(3))


def jennrich_sampson(x: Array) -> Array:
    """MGH 6, m = 10."""
    i = _count(10)
    return 2.0 + 2.0 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def helical_valley(x: Array) -> Array:
    """MGH 7. Zero at (1, 0, 0)."""
    x1, x2, x3 = x
    theta = np.arctan2(x2, x1) / (2.0 * np.pi)
    if theta < -0.25:  # MGH cut the plane along the negative x2 axis
        theta += 1.0
    return np.array([10.0 * (x3 - 10.0 * theta), 10.0 * (np.hypot(x1, x2) - 1.0), x3])


_BARD_Y = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def bard(x: Array) -> Array:
    """MGH 8."""
    x1, x2, x3 = x
    u = _count(15)
    v = 16.0 - u
    w = np.minimum(u, v)
    return _BARD_Y - (x1 + u / (v * x2 + w * x3))


_GAUSSIAN_Y = np.array(
    [
        0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
        0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009,
    ]
)  # fmt: skip


def gaussian(x: Array) -> Array:
    """MGH 9."""
    x1, x2, x3 = x
    t = (8.0 - _count(15)) / 2.0
    return x1 * np.exp(-x2 * (t - x3) ** 2 / 2.0) - _GAUSSIAN_Y


_MEYER_Y = np.array(
    [
        34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0,
        8261.0, 7030.0, 6005.0, 5147.0, 4427.0, 3820.0, 3307.0, 2872.0,
    ]
)  # fmt: skip


def meyer(x: Array) -> Array:
    """MGH 10."""
    x1, x2, x3 = x
    t = 45.0 + 5.0 * _count(16)
    return x1 * np.exp(x2 / (t + x3)) - _MEYER_Y


_GULF_T = _count(99) / 100.0
_GULF_Y = 25.0 + (-50.0 * np.log(_GULF_T)) ** (2.0 / 3.0)


def gulf(x: Array) -> Array:
    """MGH 11, m = 99. Zero at (50, 25, 1.5).

    The factor "m i" printed in the exponent of the paper is a known misprint.
    """
    x1, x2, x3 = x
    return np.exp(-(np.abs(_GULF_Y - x2) ** x3) / x1) - _GULF_T


def box_3d(x: Array) -> Array:
    """MGH 12, m = 10. Zero at (1, 10, 1), (10, 1, -1) and where x1 = x2, x3 = 0."""
    x1, x2, x3 = x
    t = 0.1 * _count(10)
    return np.exp(-t * x1) - np.exp(-t * x2) - x3 * (np.exp(-t) - np.exp(-10.0 * t))


def powell_singular(x: Array) -> Array:
    """MGH 13 (n = 4) and 22, the extended function (n a multiple of 4). Zero at 0."""
    x1, x2, x3, x4 = x.reshape(-1, 4).T
    return np.concatenate(
        [
            x1 + 10.0 * x2,
            np.sqrt(5.0) * (x3 - x4),
            (x2 - 2.0 * x3) ** 2,
            np.sqrt(10.0) * (x1 - x4) ** 2,
        ]
    )


def wood(x: Array) -> Array:
    """MGH 14. Zero at 1."""
    x1, x2, x3, x4 = x
    return np.array(
        [
            10.0 * (x2 - x1**2),
            1.0 - x1,
            np.sqrt(90.0) * (x4 - x3**2),
            1.0 - x3,
            np.sqrt(10.0) * (x2 + x4 - 2.0),
            (x2 - x4) / np.sqrt(10.0),
        ]
    )


_KOWALIK_OSBORNE_Y = np.array(
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
)
_KOWALIK_OSBORNE_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])


def kowalik_osborne(x: Array) -> Array:
    """MGH 15."""
    x1, x2, x3, x4 = x
    u = _KOWALIK_OSBORNE_U
    return _KOWALIK_OSBORNE_Y - x1 * (u**2 + u * x2) / (u**2 + u * x3 + x4)


def brown_dennis(x: Array) -> Array:
    """MGH 16, m = 20."""
    x1, x2, x3, x4 = x
    t = _count(20) / 5.0
    return (x1 + t * x2 - np.exp(t)) ** 2 + (x3 + x4 * np.sin(t) - np.cos(t)) ** 2


_OSBORNE_1_Y = np.array(
    [
        0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
        0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
        0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
    ]
)  # fmt: skip


def osborne_1(x: Array) -> Array:
    """MGH 17."""
    x1, x2, x3, x4, x5 = x
    t = 10.0 * (_count(33) - 1.0)
    return _OSBORNE_1_Y - (x1 + x2 * np.exp(-t * x4) + x3 * np.exp(-t * x5))


_BIGGS_T = 0.1 * _count(13)
_BIGGS_Y = np.exp(-_BIGGS_T) - 5.0 * np.exp(-10.0 * _BIGGS_T) + 3.0 * np.exp(-4.0 * _BIGGS_T)


def biggs_exp6(x: Array) -> Array:
    """MGH 18, m = 13. Zero at (1, 10, 1, 5, 4, 3); a local minimum 0.0056556..."""
    x1, x2, x3, x4, x5, x6 = x
    t = _BIGGS_T
    return x3 * np.exp(-t * x1) - x4 * np.exp(-t * x2) + x6 * np.exp(-t * x5) - _BIGGS_Y


_OSBORNE_2_Y = np.array(
    [
        1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746,
        0.679, 0.608, 0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649,
        0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395,
        0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653,
        0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739,
        0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054,
    ]
)  # fmt: skip


def osborne_2(x: Array) -> Array:
    """MGH 19."""
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x
    t = (_count(65) - 1.0) / 10.0
    return _OSBORNE_2_Y - (
        x1 * np.exp(-t * x5)
        + x2 * np.exp(-((t - x9) ** 2) * x6)
        + x3 * np.exp(-((t - x10) ** 2) * x7)
        + x4 * np.exp(-((t - x11) ** 2) * x8)
    )


def watson(x: Array) -> Array:
    """MGH 20, 2 <= n <= 31: fit a polynomial p to p' - p^2 = 1, p(0) = 0 on [0, 1]."""
    t = _count(29) / 29.0
    derivative = polyval(t, _count(x.size - 1) * x[1:])
    return np.concatenate([derivative - polyval(t, x) ** 2 - 1.0, [x[0], x[1] - x[0] ** 2 - 1.0]])


def penalty_1(x: Array) -> Array:
    """MGH 23."""
    return np.concatenate([np.sqrt(1e-5) * (x - 1.0), [x @ x - 0.25]])


def penalty_2(x: Array) -> Array:
    """MGH 24."""
    n = x.size
    i = _count(n)
    a = np.sqrt(1e-5)
    y = np.exp(i[1:] / 10.0) + np.exp(i[:-1] / 10.0)
    e = np.exp(x / 10.0)
    return np.concatenate(
        [
            [x[0] - 0.2],
            a * (e[1:] + e[:-1] - y),
            a * (e[1:] - np.exp(-0.1)),
            [(n - i + 1.0) @ x**2 - 1.0],
        ]
    )


def variably_dimensioned(x: Array) -> Array:
    """MGH 25. Zero at 1."""
    s = _count(x.size) @ (x - 1.0)
    return np.concatenate([x - 1.0, [s, s**2]])


def trigonometric(x: Array) -> Array:
    """MGH 26."""
    n = x.size
    c = np.cos(x)
    return n - c.sum() + _count(n) * (1.0 - c) - np.sin(x)


def brown_almost_linear(x: Array) -> Array:
    """MGH 27. Zero at 1."""
    return np.concatenate([x[:-1] + x.sum() - (x.size + 1.0), [x.prod() - 1.0]])


def discrete_boundary_value(x: Array) -> Array:
    """MGH 28."""
    h = 1.0 / (x.size + 1.0)
    t = h * _count(x.size)
    padded = np.concatenate([[0.0], x, [0.0]])
    return 2.0 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1.0) ** 3 / 2.0


def discrete_integral_equation(x: Array) -> Array:
    """MGH 29. The two sums of the paper are one, with the kernel min(s, t) (1 - max(s, t))."""
    h = 1.0 / (x.size + 1.0)
    t = h * _count(x.size)
    kernel = np.minimum.outer(t, t) * (1.0 - np.maximum.outer(t, t))
    return x + h / 2.0 * (kernel @ (x + t + 1.0) ** 3)


def broyden_tridiagonal(x: Array) -> Array:
    """MGH 30."""
    padded = np.concatenate([[0.0], x, [0.0]])
    return (3.0 - 2.0 * x) * x - padded[:-2] - 2.0 * padded[2:] + 1.0


_BAND = np.array([1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])  # offsets j - i = 1, 0, -1, ..., -5


def broyden_banded(x: Array) -> Array:
    """MGH 31. Five bands below the diagonal, one above."""
    neighbours = np.convolve(x * (1.0 + x), _BAND)[1 : x.size + 1]
    return x * (2.0 + 5.0 * x**2) + 1.0 - neighbours


def linear_full_rank(x: Array, m: int) -> Array:
    """MGH 32. Minimum m - n, at -1."""
    r = np.full(m, -2.0 / m * x.sum() - 1.0)
    r[: x.size] += x
    return r


def linear_rank_one(x: Array, m: int) -> Array:
    """MGH 33. Minimum m (m - 1) / (2 (2 m + 1))."""
    return _count(m) * (_count(x.size) @ x) - 1.0


def linear_rank_one_zero(x: Array, m: int) -> Array:
    """MGH 34, with zero columns and rows. Minimum (m^2 + 3 m - 6) / (2 (2 m - 3))."""
    i = np.arange(m, dtype=float)
    i[-1] = 0.0
    return i * (_count(x.size)[1:-1] @ x[1:-1]) - 1.0


def chebyquad(x: Array) -> Array:
    """MGH 35, m = n. Quadrature error of the nodes x for the Chebyshev polynomials on [0, 1]."""
    n = x.size
    means = chebvander(2.0 * x - 1.0, n)[:, 1:].mean(axis=0)
    integrals = np.zeros(n)
    integrals[1::2] = -1.0 / (_count(n)[1::2] ** 2 - 1.0)
    return means - integrals


# Moré and Wild (2009)


def bdqrtic(x: Array) -> Array:
    """Moré-Wild 19, n >= 5, m = 2 (n - 4)."""
    square = x**2
    return np.concatenate(
        [
            3.0 - 4.0 * x[:-4],
            square[:-4]
            + 2.0 * square[1:-3]
            + 3.0 * square[2:-2]
            + 4.0 * square[3:-1]
            + 5.0 * square[-1],
        ]
    )


def cube(x: Array) -> Array:
    """Moré-Wild 20. Zero at 1."""
    return np.concatenate([[x[0] - 1.0], 10.0 * (x[1:] - x[:-1] ** 3)])


def _mancino_sums(x: Array) -> Array:
    """Return sum_j v_ij (sin^5 log v_ij + cos^5 log v_ij), v_ij = sqrt(x_i^2 + i/j)."""
    i = _count(x.size)
    v = np.sqrt(x[:, None] ** 2 + np.divide.outer(i, i))
    log_v = np.log(v)
    return (v * (np.sin(log_v) ** 5 + np.cos(log_v) ** 5)).sum(axis=1)


def mancino(x: Array) -> Array:
    """Moré-Wild 21."""
    return 1400.0 * x + (_count(x.size) - 50.0) ** 3 + _mancino_sums(x)


def mancino_start(n: int) -> Array:
    """Return the standard starting point of `mancino`."""
    return -8.710996e-4 * ((_count(n) - 50.0) ** 3 + _mancino_sums(np.zeros(n)))


_HEART_SUMS = np.array([0.69 + 0.044j, 1.57 + 1.31j, 2.65 - 2.0j, 12.6 - 9.48j])


def heart_eight(x: Array) -> Array:
    """Moré-Wild 22, the dipole model of the heart.

    With the eight variables paired into complex a, b, c, d, the eight equations are
    a c^k + b d^k + s_k = 0 for k = 0, ..., 3.
    """
    a, b, c, d = x[[0, 1, 4, 5]] + 1j * x[[2, 3, 6, 7]]
    k = np.arange(4)
    r = a * c**k + b * d**k + _HEART_SUMS
    return np.concatenate([r.real, r.imag])
