"""Ask and tell, for people who evaluate themselves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nelder.drive.loop import Observers, result_of
from nelder.parameters import Parameters
from nelder.result import Result
from nelder.search.ask_tell import AskTell
from nelder.search.method import Method, check_method
from nelder.search.nelder_mead import NelderMead

__all__ = ["Optimizer"]

_DEFAULT = NelderMead()


class Optimizer(AskTell):
    """A search that asks for values instead of calling an objective.

    Parameters
    ----------
    x0 : array_like of shape (n,), or a nested dict, list or tuple of numbers and arrays
        The start.
    bounds : optional
        As in `minimize`.
    method : NelderMead, default NelderMead()

    Raises
    ------
    InvalidArgumentError
        An argument is not what is expected.

    Notes
    -----
    Values may be told in any order and any number at a time; the search takes them in its own
    order, so that the outcome does not depend on it. There is no budget: stop asking when enough
    has been spent.

    Examples
    --------
    >>> import nelder
    >>> optimizer = nelder.Optimizer([0.0, 0.0])
    >>> while not optimizer.done:
    ...     X = optimizer.ask()
    ...     optimizer.tell(X, [(x[0] - 1) ** 2 + (x[1] + 2) ** 2 for x in X])
    >>> optimizer.result().x.round(6)
    array([ 1., -2.])
    """

    def __init__(self, x0: Any, *, bounds: Any = None, method: Method = _DEFAULT) -> None:
        parameters = Parameters.read(x0, bounds)
        method = check_method(method)
        super().__init__(method.start(parameters.x0, parameters.box(method.clips)))
        self._observers = Observers(parameters.restore, parameters.names)
        self._began = time.perf_counter()

    @property
    def done(self) -> bool:
        """Whether the search has ended by itself."""
        return self._search.done

    def restore(self, x: Any) -> Any:
        """Give a flat point (n,) the structure of ``x0``."""
        return self._observers.restore(np.array(x, dtype=np.float64))

    def result(self) -> Result:
        """Return the search so far; ``status`` is ``RUNNING`` while it has not ended."""
        elapsed = time.perf_counter() - self._began
        return result_of(self._search, self._search.status, elapsed, self._observers)
