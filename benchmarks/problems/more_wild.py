"""The 53 smooth problems of Moré and Wild.

J. J. Moré and S. M. Wild, "Benchmarking derivative-free optimization algorithms",
SIAM J. Optim. 20(1):172-191, 2009.

An instance is a function number, n, m and a power ns: the start is 10^ns times the
standard one. The starts of Osborne 1 and Watson differ from those of Moré, Garbow and
Hillstrom (1981). Freudenstein-Roth has the f* of its local minimum from both starts;
the global minimum is 0.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.problems import residuals as r
from benchmarks.problems.problem import Array, Problem, Residuals, SumOfSquares

# The linear functions, 1 to 3, take m; of the others, n determines it.
_RESIDUALS: dict[int, Callable[..., Array]] = {
    1: r.linear_full_rank,
    2: r.linear_rank_one,
    3: r.linear_rank_one_zero,
    4: r.rosenbrock,
    5: r.helical_valley,
    6: r.powell_singular,
    7: r.freudenstein_roth,
    8: r.bard,
    9: r.kowalik_osborne,
    10: r.meyer,
    11: r.watson,
    12: r.box_3d,
    13: r.jennrich_sampson,
    14: r.brown_dennis,
    15: r.chebyquad,
    16: r.brown_almost_linear,
    17: r.osborne_1,
    18: r.osborne_2,
    19: r.bdqrtic,
    20: r.cube,
    21: r.mancino,
    22: r.heart_eight,
}

# One number: the same in all n coordinates.
_STARTS: dict[int, float | list[float] | Callable[[int], Array]] = {
    1: 1.0,
    2: 1.0,
    3: 1.0,
    4: [-1.2, 1.0],
    5: [-1.0, 0.0, 0.0],
    6: [3.0, -1.0, 0.0, 1.0],
    7: [0.5, -2.0],
    8: 1.0,
    9: [0.25, 0.39, 0.415, 0.39],
    10: [0.02, 4000.0, 250.0],
    11: 0.5,
    12: [0.0, 10.0, 20.0],
    13: [0.3, 0.4],
    14: [25.0, 5.0, -5.0, -1.0],
    15: lambda n: np.arange(1.0, n + 1.0) / (n + 1.0),
    16: 0.5,
    17: [0.5, 1.5, 1.0, 0.01, 0.02],
    18: [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5],
    19: 1.0,
    20: 0.5,
    21: r.mancino_start,
    22: [-0.3, -0.39, 0.3, -0.344, -1.2, 2.69, 1.59, -1.5],
}

# name, nprob, n, m, ns, f*
_ROWS: tuple[tuple[str, int, int, int, int, float], ...] = (
    ("linear_full_rank_good_start", 1, 9, 45, 0, 36.0),
    ("linear_full_rank_bad_start", 1, 9, 45, 1, 36.0),
    ("linear_rank_one_good_start", 2, 7, 35, 0, 8.38028169014),
    ("linear_rank_one_bad_start", 2, 7, 35, 1, 8.380282),
    ("linear_rank_one_zero_columns_rows_good_start", 3, 7, 35, 0, 9.88059701493),
    ("linear_rank_one_zero_columns_rows_bad_start", 3, 7, 35, 1, 9.88059701493),
    ("rosenbrock_good_start", 4, 2, 2, 0, 0.0),
    ("rosenbrock_bad_start", 4, 2, 2, 1, 0.0),
    ("helical_valley_good_start", 5, 3, 3, 0, 0.0),
    ("helical_valley_bad_start", 5, 3, 3, 1, 0.0),
    ("powell_singular_good_start", 6, 4, 4, 0, 0.0),
    ("powell_singular_bad_start", 6, 4, 4, 1, 0.0),
    ("freudenstein_roth_good_start", 7, 2, 2, 0, 48.9842536792),
    ("freudenstein_roth_bad_start", 7, 2, 2, 1, 48.9842536792),
    ("bard_good_start", 8, 3, 15, 0, 0.00821487730658),
    ("bard_bad_start", 8, 3, 15, 1, 0.00821487730658),
    ("kowalik_osborne", 9, 4, 11, 0, 0.000307505603849),
    ("meyer", 10, 3, 16, 0, 87.9458551704),
    ("watson_6_good_start", 11, 6, 31, 0, 0.00228767005355),
    ("watson_6_bad_start", 11, 6, 31, 1, 0.00228767005355),
    ("watson_9_good_start", 11, 9, 31, 0, 1.39976e-06),
    ("watson_9_bad_start", 11, 9, 31, 1, 1.39976e-06),
    ("watson_12_good_start", 11, 12, 31, 0, 4.722381e-10),
    ("watson_12_bad_start", 11, 12, 31, 1, 4.722381e-10),
    ("box_3d", 12, 3, 10, 0, 0.0),
    ("jennrich_sampson", 13, 2, 10, 0, 124.362182356),
    ("brown_dennis_good_start", 14, 4, 20, 0, 85822.2016263),
    ("brown_dennis_bad_start", 14, 4, 20, 1, 85822.2016263),
    ("chebyquad_6", 15, 6, 6, 0, 0.0),
    ("chebyquad_7", 15, 7, 7, 0, 0.0),
    ("chebyquad_8", 15, 8, 8, 0, 0.00351687372568),
    ("chebyquad_9", 15, 9, 9, 0, 0.0),
    ("chebyquad_10", 15, 10, 10, 0, 0.00477271369638),
    ("chebyquad_11", 15, 11, 11, 0, 0.00279976155187),
    ("brown_almost_linear", 16, 10, 10, 0, 0.0),
    ("osborne_one", 17, 5, 33, 0, 5.46489469748e-05),
    ("osborne_two_good_start", 18, 11, 65, 0, 0.0401377362935),
    ("osborne_two_bad_start", 18, 11, 65, 1, 0.0401377362935),
    ("bdqrtic_8", 19, 8, 8, 0, 10.2389734213),
    ("bdqrtic_10", 19, 10, 12, 0, 18.2811617536),
    ("bdqrtic_11", 19, 11, 14, 0, 22.2605917349),
    ("bdqrtic_12", 19, 12, 16, 0, 26.2727663968),
    ("cube_5", 20, 5, 5, 0, 0.0),
    ("cube_6", 20, 6, 6, 0, 0.0),
    ("cube_8", 20, 8, 8, 0, 0.0),
    ("mancino_5_good_start", 21, 5, 5, 0, 0.0),
    ("mancino_5_bad_start", 21, 5, 5, 1, 0.0),
    ("mancino_8", 21, 8, 8, 0, 0.0),
    ("mancino_10", 21, 10, 10, 0, 0.0),
    ("mancino_12_good_start", 21, 12, 12, 0, 0.0),
    ("mancino_12_bad_start", 21, 12, 12, 1, 0.0),
    ("heart_eight_good_start", 22, 8, 8, 0, 0.0),
    ("heart_eight_bad_start", 22, 8, 8, 1, 0.0),
)


def _residuals(nprob: int, m: int) -> Residuals:
    """Return the residual function of problem `nprob`."""
    function = _RESIDUALS[nprob]
    return partial(function, m=m) if nprob <= 3 else function


def _start(nprob: int, n: int, ns: int) -> Array:
    """Return 10^ns times the standard start of problem `nprob`."""
    start = _STARTS[nprob]
    return 10.0**ns * np.broadcast_to(start(n) if callable(start) else start, n)


def more_wild() -> list[Problem]:
    """Return the 53 instances, in the order of the paper.

    Returns
    -------
    list of Problem
    """
    return [
        Problem(name, SumOfSquares(_residuals(nprob, m)), _start(nprob, n, ns), f_star)
        for name, nprob, n, m, ns, f_star in _ROWS
    ]
