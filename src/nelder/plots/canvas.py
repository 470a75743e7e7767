"""What all figures share: where they come from, and their colours."""

from __future__ import annotations

from typing import Any

from nelder.errors import missing_extra

__all__ = ["BEST", "COLOURS", "EVALUATED", "FAILED", "GUIDE", "Axes", "blank"]

Axes = Any  # Matplotlib's, whose types are known in part only

# Okabe and Ito's colours, which colour-blind readers can tell apart; without their yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

BEST = COLOURS[0]
FAILED = COLOURS[1]
EVALUATED = "0.45"
GUIDE = "0.9"


def blank(feature: str, width: float, height: float) -> Any:
    """Return an empty `matplotlib.figure.Figure`, in inches.

    Parameters
    ----------
    feature : str
        What the user asked for, as they wrote it.
    width, height : float

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    """
    try:
        import matplotlib.figure
    except ImportError as error:
        raise missing_extra(feature, "plot") from error
    return matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
