"""What the searches of a batch give back."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nelder.result import Status

__all__ = ["NAMES", "BatchResult"]


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult:
    """What B searches found; all attributes are arrays of the library that the starts came in.

    Under JAX it is a pytree, so that it may be returned from ``jit`` and ``vmap``.

    Attributes
    ----------
    x : array of shape (B, n), or the structure of the starts
        The best point of each search.
    fun : array of shape (B,)
        Its value.
    success : array of bool, shape (B,)
        Whether a search converged, or reached the target.
    status : array of int32, shape (B,)
        Why it ended: a `nelder.Status`.
    nfev, nit, nshrink, nrestart, nfailed : array of int32, shape (B,)
        Evaluations, iterations, shrinks, restarts, and evaluations that gave NaN or +inf.
    """

    x: Any
    fun: Any
    success: Any
    status: Any
    nfev: Any
    nit: Any
    nshrink: Any
    nrestart: Any
    nfailed: Any

    @property
    def best(self) -> Any:
        """Index of the search with the lowest value."""
        fun = self.fun
        if hasattr(fun, "argmin"):
            return fun.argmin(0) if type(fun).__module__.startswith("torch") else fun.argmin()
        return sys.modules["tensorflow"].argmin(fun)  # its tensors have no such method

    def __tf_flatten__(self) -> tuple[Any, tuple[Any, ...]]:
        """Let TensorFlow return it from ``tf.function``."""
        return (), tuple(getattr(self, name) for name in NAMES)

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: Any) -> BatchResult:
        """Return what `__tf_flatten__` took apart."""
        return cls(*components)

    def message(self, lane: int) -> str:
        """Return in words why the search `lane` ended."""
        return Status(int(self.status[lane])).message

    def __repr__(self) -> str:
        try:
            status = np.asarray(self.status)
        except Exception:  # within a compiled function there are no values yet
            return f"nelder.BatchResult: {self.fun.shape} searches"
        ends = [
            f"{int((status == each).sum()):>9} {each.message}"
            for each in Status
            if (status == each).any()
        ]
        fun = np.asarray(self.fun)
        lowest = [f"  lowest: {fun.min():.12g}"] if fun.size else []
        evaluations = f"    nfev: {int(np.asarray(self.nfev).sum())}"
        head = f"nelder.BatchResult: {int(np.asarray(self.success).sum())} of {fun.size} succeeded"
        return "\n".join([head, *lowest, evaluations, *ends])


NAMES = tuple(field.name for field in fields(BatchResult))
