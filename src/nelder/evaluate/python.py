"""A Python callable as objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.leg import Leg
from nelder.core.machine import Stage

__all__ = ["PythonObjective"]


@dataclass(frozen=True)
class PythonObjective:
    """``fun(x, *args)`` of x (n,), called in this thread.

    Attributes
    ----------
    chunked : bool
        Whether calls of `run` have to be short for signals and clocks to be seen.
    """

    fun: Callable[..., Any]
    args: tuple[Any, ...] = ()
    chunked = False

    def __call__(self, x: NDArray[np.float64]) -> Any:
        """Return what `fun` returns."""
        return self.fun(x, *self.args)

    def __repr__(self) -> str:
        return repr(self.fun)

    @property
    def runs_in_threads(self) -> bool:
        """Whether `fun` says that it leaves the GIL to others while it works."""
        return bool(getattr(self.fun, "runs_in_threads", False))

    def stop(self) -> None:
        """End what runs in threads, where `fun` can."""
        if self.runs_in_threads and hasattr(self.fun, "stop"):
            self.fun.stop()  # type: ignore[attr-defined]

    def run(self, stage: Stage, leg: Leg) -> None:
        """Fill `stage`; see `core.machine.Stage.run`."""
        stage.run(self.fun, self.args, *leg)

    def guarded(self, check: Callable[[], None]) -> PythonObjective:
        """Return the same objective with `check` called before every evaluation."""
        fun = self.fun

        def checked(x: NDArray[np.float64], *args: Any) -> Any:
            check()
            return fun(x, *args)

        return PythonObjective(checked, self.args)
