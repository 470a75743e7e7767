"""Test problems for derivative-free minimisation.

========================  =====================================================
`mgh`                     47 instances of Moré, Garbow and Hillstrom (1981)
`more_wild`               53 instances of Moré and Wild (2009)
`nist`                    54 fits: NIST StRD nonlinear regression, two starts
`scalable`                six problems of any n
`large`, `perturbed`,     eight problems of many parameters, other starts,
`rotated`                 turned
`gao_han`                 quadratic-plus-quartic of Gao and Han (2012), any n
`mckinnon`, `han`         functions on which Nelder-Mead is known to fail
========================  =====================================================
"""

from benchmarks.problems.mgh import mgh
from benchmarks.problems.more_wild import more_wild
from benchmarks.problems.nist import NistProblem, correct_digits, nist
from benchmarks.problems.problem import Problem, SumOfSquares
from benchmarks.problems.scalable import scalable
from benchmarks.problems.special import (
    HAN_SIMPLEX,
    MCKINNON_SIMPLEX,
    gao_han,
    han,
    mckinnon,
)

__all__ = [
    "HAN_SIMPLEX",
    "MCKINNON_SIMPLEX",
    "NistProblem",
    "Problem",
    "SumOfSquares",
    "correct_digits",
    "gao_han",
    "han",
    "mckinnon",
    "mgh",
    "more_wild",
    "nist",
    "scalable",
]
