"""The 53 problems of Moré and Wild with the sum of absolute values for that of squares.

The starts are the same. The reference of each is the lowest value that is known to be reached from
its start, as Moré and Wild have it: `benchmarks.nonsmooth_references` says how it was found.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.problems.more_wild import more_wild
from benchmarks.problems.problem import Array, Problem, Residuals

__all__ = ["SumOfAbsolutes", "nonsmooth"]


@dataclass(frozen=True)
class SumOfAbsolutes:
    """The objective f(x) = sum_i abs(r_i(x)).

    Overflow and invalid operations give inf or nan without a warning.

    Parameters
    ----------
    residuals : callable
        The residual vector r, a function of x alone.
    """

    residuals: Residuals

    @np.errstate(all="ignore")
    def __call__(self, x: Array) -> float:
        """Return f(x)."""
        return float(np.abs(self.residuals(x)).sum())


# 0 where it is not given: all residuals vanish together.
_REFERENCES = {
    "linear_full_rank_good_start": 22.5,
    "linear_full_rank_bad_start": 22.5,
    "linear_rank_one_good_start": 14.2,
    "linear_rank_one_bad_start": 14.2,
    "linear_rank_one_zero_columns_rows_good_start": 15.375,
    "linear_rank_one_zero_columns_rows_bad_start": 15.375,
    "freudenstein_roth_good_start": 9.89790419021,
    "bard_good_start": 0.124338315728,
    "bard_bad_start": 0.124338315728,
    "kowalik_osborne": 0.0387679733591,
    "meyer": 26.3373579614,
    "watson_6_good_start": 0.193579134332,
    "watson_6_bad_start": 0.193579134331,
    "watson_9_good_start": 0.005107246107,
    "watson_9_bad_start": 0.005107246107,
    "watson_12_good_start": 8.54545232548e-05,
    "watson_12_bad_start": 8.54545232575e-05,
    "jennrich_sampson": 32.0919410566,
    "brown_dennis_good_start": 903.234331796,
    "brown_dennis_bad_start": 903.234331796,
    "chebyquad_8": 0.144521188306,
    "chebyquad_10": 0.139651485139,
    "chebyquad_11": 0.102692974984,
    "osborne_one": 0.0293911875676,
    "osborne_two_good_start": 1.15524758114,
    "osborne_two_bad_start": 1.15524758114,
    "bdqrtic_8": 7.1625,
    "bdqrtic_10": 12.3625,
    "bdqrtic_11": 14.9625,
    "bdqrtic_12": 17.5625,
}


def nonsmooth() -> list[Problem]:
    """Return the 53 instances, in the order of the paper."""
    return [
        Problem(p.name, SumOfAbsolutes(p.fun.residuals), p.x0, _REFERENCES.get(p.name, 0.0))
        for p in more_wild()
    ]
