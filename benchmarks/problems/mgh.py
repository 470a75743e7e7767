"""The 35 problems of Moré, Garbow and Hillstrom, in 47 instances.

J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization
software", ACM Trans. Math. Softw. 7(1):17-41, 1981.

The f* of problems 2, 18 and 26 (n = 10) is that of a local minimum; each has a global
minimum 0.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks.problems import residuals as r
from benchmarks.problems.problem import Array, Problem, Residuals, SumOfSquares


def _grid(n: int) -> Array:
    """Return t_j = j / (n + 1), j = 1..n."""
    return np.arange(1.0, n + 1.0) / (n + 1.0)


def _curve(n: int) -> Array:
    """Return t_j (t_j - 1), the start of problems 28 and 29."""
    t = _grid(n)
    return t * (t - 1.0)


def _ramp(n: int) -> Array:
    """Return 1 - j / n, the start of problem 25."""
    return 1.0 - np.arange(1.0, n + 1.0) / n


_OSBORNE_2_START = [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5]

# number in the paper, name, residuals (m as in the comment), x0, f*
_Row = tuple[int, str, Residuals, Sequence[float] | Array, float]
_ROWS: tuple[_Row, ...] = (
    (1, "Rosenbrock", r.rosenbrock, [-1.2, 1.0], 0.0),  # 2
    (2, "Freudenstein-Roth", r.freudenstein_roth, [0.5, -2.0], 48.98425368),  # 2
    (3, "Powell badly scaled", r.powell_badly_scaled, [0.0, 1.0], 0.0),  # 2
    (4, "Brown badly scaled", r.brown_badly_scaled, [1.0, 1.0], 0.0),  # 3
    (5, "Beale", r.beale, [1.0, 1.0], 0.0),  # 3
    (6, "Jennrich-Sampson", r.jennrich_sampson, [0.3, 0.4], 124.3621824),  # 10
    (7, "Helical valley", r.helical_valley, [-1.0, 0.0, 0.0], 0.0),  # 3
    (8, "Bard", r.bard, [1.0, 1.0, 1.0], 0.008214877307),  # 15
    (9, "Gaussian", r.gaussian, [0.4, 1.0, 0.0], 1.12793277e-08),  # 15
    (10, "Meyer", r.meyer, [0.02, 4000.0, 250.0], 87.94585517),  # 16
    (11, "Gulf R&D", r.gulf, [5.0, 2.5, 0.15], 0.0),  # 99
    (12, "Box 3-D", r.box_3d, [0.0, 10.0, 20.0], 0.0),  # 10
    (13, "Powell singular", r.powell_singular, [3.0, -1.0, 0.0, 1.0], 0.0),  # 4
    (14, "Wood", r.wood, [-3.0, -1.0, -3.0, -1.0], 0.0),  # 6
    (15, "Kowalik-Osborne", r.kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 0.0003075056038),  # 11
    (16, "Brown-Dennis", r.brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.20163),  # 20
    (17, "Osborne 1", r.osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], 5.464894697e-05),  # 33
    (18, "Biggs EXP6", r.biggs_exp6, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], 0.005655649926),  # 13
    (19, "Osborne 2", r.osborne_2, _OSBORNE_2_START, 0.04013773629),  # 65
    (20, "Watson 6", r.watson, np.zeros(6), 0.002287670054),  # 31
    (20, "Watson 9", r.watson, np.zeros(9), 1.399760138e-06),  # 31
    (20, "Watson 12", r.watson, np.zeros(12), 4.7223811e-10),  # 31
    (21, "Ext. Rosenbrock 6", r.rosenbrock, [-1.2, 1.0] * 3, 0.0),  # 6
    (21, "Ext. Rosenbrock 12", r.rosenbrock, [-1.2, 1.0] * 6, 0.0),  # 12
    (22, "Ext. Powell 8", r.powell_singular, [3.0, -1.0, 0.0, 1.0] * 2, 0.0),  # 8
    (22, "Ext. Powell 12", r.powell_singular, [3.0, -1.0, 0.0, 1.0] * 3, 0.0),  # 12
    (23, "Penalty I 4", r.penalty_1, np.arange(1.0, 5.0), 2.249977501e-05),  # 5
    (23, "Penalty I 10", r.penalty_1, np.arange(1.0, 11.0), 7.087651467e-05),  # 11
    (24, "Penalty II 4", r.penalty_2, np.full(4, 0.5), 9.37629e-06),  # 8
    (24, "Penalty II 10", r.penalty_2, np.full(10, 0.5), 0.00029366),  # 20
    (25, "Variably dim. 6", r.variably_dimensioned, _ramp(6), 0.0),  # 8
    (25, "Variably dim. 10", r.variably_dimensioned, _ramp(10), 0.0),  # 12
    (26, "Trigonometric 5", r.trigonometric, np.full(5, 0.2), 0.0),  # 5
    (26, "Trigonometric 10", r.trigonometric, np.full(10, 0.1), 2.79506e-05),  # 10
    (27, "Brown almost-linear 5", r.brown_almost_linear, np.full(5, 0.5), 0.0),  # 5
    (27, "Brown almost-linear 10", r.brown_almost_linear, np.full(10, 0.5), 0.0),  # 10
    (28, "Discrete boundary 10", r.discrete_boundary_value, _curve(10), 0.0),  # 10
    (29, "Discrete integral 10", r.discrete_integral_equation, _curve(10), 0.0),  # 10
    (30, "Broyden tridiag 10", r.broyden_tridiagonal, -np.ones(10), 0.0),  # 10
    (31, "Broyden banded 10", r.broyden_banded, -np.ones(10), 0.0),  # 10
    (32, "Linear full rank 5", partial(r.linear_full_rank, m=10), np.ones(5), 5.0),
    (33, "Linear rank 1", partial(r.linear_rank_one, m=10), np.ones(5), 2.142857143),
    (34, "Linear rank1 zero", partial(r.linear_rank_one_zero, m=10), np.ones(5), 3.647058824),
    (35, "Chebyquad 6", r.chebyquad, _grid(6), 0.0),  # 6
    (35, "Chebyquad 8", r.chebyquad, _grid(8), 0.003516873726),  # 8
    (35, "Chebyquad 9", r.chebyquad, _grid(9), 0.0),  # 9
    (35, "Chebyquad 10", r.chebyquad, _grid(10), 0.004772713696),  # 10
)


def mgh() -> list[Problem]:
    """Return the 47 instances, in the order of the paper.

    Returns
    -------
    list of Problem
    """
    return [
        Problem(name, SumOfSquares(residuals), np.array(x0, dtype=float), f_star)
        for _, name, residuals, x0, f_star in _ROWS
    ]
