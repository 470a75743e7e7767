"""Errors of a model or its loss, in words."""

from __future__ import annotations

from nelder.errors import EvaluationError
from nelder.evaluate.attempt import one_line

__all__ = ["raised", "said"]


def said(error: Exception) -> str:
    """Return the kind of an error and what it says, in one line of bounded length."""
    return one_line(f"{type(error).__name__}: {error}")


def raised(what: str, error: Exception) -> EvaluationError:
    """Return the error to be raised from `error`, which `what` raised."""
    return EvaluationError(f"{what} raised {said(error)}")
