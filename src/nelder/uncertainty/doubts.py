"""Why a standard error may not be what it seems: a closed set of reasons."""

from __future__ import annotations

from enum import Enum

__all__ = ["Doubt"]


class Doubt(Enum):
    """A reason for doubt; the value says it in words.

    FEW_POINTS
        Nothing was estimated: fewer points are known than a quadratic surface needs, or there are
        more than 30 parameters, for which none is fitted.
    NOT_POSITIVE_DEFINITE
        The surface does not rise in every direction: there is no covariance.
    NOT_CONVERGED
        The search ended before it had converged.
    INEXACT
        The curvature changes with the points that it is taken from: a standard error may be wrong
        by more than 1 %.
    NOT_AT_MINIMUM
        The surface is lowest elsewhere, more than a tenth of a standard error from ``x``.
    AT_BOUND
        A coordinate is at a bound. It has no standard error; the others are those with it fixed.
    NEAR_BOUND
        A bound is within two standard errors.
    NOISY
        The objective gives different values for the same point.
    NO_VALUE
        The objective has no finite value at some of the points that were needed.
    """

    FEW_POINTS = (
        "too few points near the minimum for so many parameters: keep history=True, or "
        "evaluate=True"
    )
    NOT_POSITIVE_DEFINITE = (
        "the objective does not rise in every direction: the parameters are not determined, or "
        "this is no minimum"
    )
    NOT_CONVERGED = "the search ended before it had converged"
    INEXACT = "standard errors may be wrong by more than 1 %: evaluate=True may help"
    NOT_AT_MINIMUM = (
        "the surface is lowest more than a tenth of a standard error away: search on from here"
    )
    AT_BOUND = "a parameter is at a bound: it is taken as fixed there, without a standard error"
    NEAR_BOUND = "a bound is within two standard errors: the error is not the same to both sides"
    NOISY = "the objective is noisy: its curvature is known only as well as the noise allows"
    NO_VALUE = "the objective has no finite value at some of the points that were needed"
