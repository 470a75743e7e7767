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
    """``fun(x, *args)`` of x (n,), or of what `restore` makes of it.

    Attributes
    ----------
    fun : callable
    args : tuple
    restore : callable or None
        Gives x the caller's structure; None where points are flat.
    chunked : bool
        Whether calls of `run` have to be short for signals and clocks to be seen.
    """

    fun: Callable[..., Any]
    args: tuple[Any, ...] = ()
    restore: Callable[[NDArray[np.float64]], Any] | None = None
    chunked = False

    def __call__(self, x: NDArray[np.float64]) -> Any:
        """Return what `fun` returns."""
        return self._flat(x, *self.args)

    def __repr__(self) -> str:
        return repr(self.fun)

    @property
    def runs_in_threads(self) -> bool:
        """Whether `fun` says that it leaves the GIL to others while it works."""
        return bool(getattr(self.fun, "runs_in_threads", False))

    @property
    def stop(self) -> Callable[..., None] | None:
        """What ends all calls that run in threads, or those at a point x (n,); None: `fun` cannot.

        See `evaluate.pool.make_pool`.
        """
        stop: Callable[..., None] | None = getattr(self.fun, "stop", None)
        if stop is None or not self.runs_in_threads:
            return None
        restore = self.restore
        if restore is None:
            return stop

        def stop_flat(x: NDArray[np.float64] | None = None) -> None:
            stop(None if x is None else restore(x))

        return stop_flat

    def run(self, stage: Stage, leg: Leg) -> None:
        """Fill `stage`; see `core.machine.Stage.run`."""
        stage.run(self._flat, self.args, *leg)

    def guarded(self, check: Callable[[], None]) -> PythonObjective:
        """Return the same objective with `check` called before every evaluation."""
        fun = self.fun

        def checked(x: Any, *args: Any) -> Any:
            check()
            return fun(x, *args)

        return PythonObjective(checked, self.args, self.restore)

    @property
    def _flat(self) -> Callable[..., Any]:
        """The objective as a function of x (n,)."""
        fun, restore = self.fun, self.restore
        if restore is None:
            return fun

        def flat(x: NDArray[np.float64], *args: Any) -> Any:
            return fun(restore(x), *args)

        return flat
