"""What the search of a model's weights gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.result import Result, Status

__all__ = ["ModelResult"]


@dataclass(frozen=True, eq=False, repr=False)
class ModelResult:
    """The outcome; the model has the best weights.

    Attributes
    ----------
    x : ndarray of shape (n,)
        The best point: the searched weights, or their coordinates in the subspace.
    fun : float
        Its loss.
    success : bool
        Whether the search that found it converged, or reached the target.
    status : Status
        Why that search ended.
    message : str
        The same in words.
    nfev : int
        Losses computed, of all searches.
    ncall : int
        Calls in which they were: ``nfev / ncall`` at a time, on average.
    best : int
        The search that found it.
    results : tuple of Result
        One for each start.
    elapsed : float
        Seconds that the searches took; compiling the model is not counted.
    history : object
        For Keras the `keras.callbacks.History`, with ``history.history["loss"]``; else None.
    """

    x: NDArray[np.float64]
    fun: float
    success: bool
    status: Status
    message: str
    nfev: int
    ncall: int
    best: int
    elapsed: float
    results: tuple[Result, ...]
    history: Any = None

    def __repr__(self) -> str:
        rows = {
            "success": f"{self.success}",
            "status": f"{self.status.name} ({self.status.kind})",
            "fun": f"{self.fun:.12g}",
            "x": np.array2string(self.x, precision=6, threshold=20),
            "nfev": f"{self.nfev} in {self.ncall} calls",
            "best": f"{self.best} of {len(self.results)} searches",
            "elapsed": f"{self.elapsed:.3g} s",
        }
        lines = [f"{name:>7}: " + text.replace("\n", "\n" + " " * 9) for name, text in rows.items()]
        return "\n".join([f"nelder.ModelResult: {self.message}", *lines])
