"""The front door: `minimize_module`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.real import as_real
from nelder.errors import InvalidArgumentError, ReturnValueError, missing_extra
from nelder.models.failures import raised, said
from nelder.models.result import ModelResult
from nelder.models.search import Settings, minimise
from nelder.models.weights import Trainable, Weights, chosen
from nelder.options import Budget
from nelder.search.method import Method

__all__ = ["minimize_module"]

Array = NDArray[np.float64]


def minimize_module(
    module: Any,
    loss: Callable[[Callable[..., Any]], Any],
    *,
    trainable: Trainable = "all",
    starts: int = 4,
    batch: int = 64,
    step: float = 1.0,
    maxfev: int | None = None,
    target: float | None = None,
    callback: Callable[[int, float], object] | None = None,
    vectorized: bool = True,
    method: Method | None = None,
    seed: int = 0,
) -> ModelResult:
    """Minimise a loss over the parameters of a PyTorch module, without gradients.

    The loss is computed for many sets of parameters in one call, by `torch.func.functional_call`
    under `torch.func.vmap`. The module is given parameters only when they are the best so far. It
    is in evaluation mode meanwhile.

    Parameters
    ----------
    module : torch.nn.Module
        Its present parameters are the start; those with ``requires_grad`` are searched. The search
        runs on their device, in their precision.
    loss : callable
        ``loss(net)`` -> a real scalar, where ``net(...)`` is the module with other parameters, such
        as ``lambda net: (net(x) - y).abs().mean()``. It need not be differentiable. NaN and +inf
        rank worst.
    trainable : "all", "last", a name, a sequence of names, or Subspace, default "all"
        Which of these parameters: all, those of the last submodule that has any, those of
        submodules or parameters of these names ("head", "head.weight"), or a `Subspace` of any of
        these.
    starts : int, default 4
        How many simplexes search side by side, and the best is taken: the first from the present
        parameters. Several find more minima; one needs fewer losses, where the module takes long.
    batch : int, default 64
        Sets of parameters in one call at most.
    step : float, default 1.0
        How far each parameter is moved in the first simplex. Starts after the first are drawn from
        a normal distribution of this width around the first.
    maxfev : int, default 1000·(n + 1)
        Losses of each start at most, n being the searched parameters.
    target : float, optional
        End once a loss at or below it was found.
    callback : callable, optional
        ``callback(epoch, loss)`` after every n + 1 losses of each start, with the lowest so far;
        the module has those parameters then. `StopIteration` ends the search.
    vectorized : bool, default True
        Whether the loss can be called under ``vmap``. One that cannot, because it branches on
        values or leaves PyTorch, is called for one set of parameters at a time, with a warning
        unless this is False.
    method : NelderMead, optional
        How each search decides; the default is that of `nelder.keras.fit`.
    seed : int, default 0
        Of the starts after the first.

    Returns
    -------
    ModelResult
        ``fun``, ``success``, ``message``, ``nfev`` and more.

    Raises
    ------
    InvalidArgumentError
        An argument is not what is expected; the module has no parameters of that name; the loss
        returned no real scalar.
    EvaluationError
        The module or the loss raised, ``__cause__`` says what. ``error.result`` is the search so
        far, where there is one.
    KeyboardInterrupt
        Ctrl-C; its ``result`` is the search so far. The module has the best parameters then too,
        as after any other error.
    MissingExtraError
        PyTorch is not installed.

    Warns
    -----
    UserWarning
        There are more than 100 free parameters, or `loss` cannot be called under ``vmap``.

    Examples
    --------
    >>> import torch
    >>> from nelder.torch import minimize_module
    >>> x = torch.linspace(-1.0, 1.0, 50).reshape(-1, 1)
    >>> line = torch.nn.Linear(1, 1)
    >>> result = minimize_module(line, lambda net: (net(x) - 2.0 * x - 1.0).abs().max())
    >>> round(line.weight.item(), 2), round(line.bias.item(), 2)
    (2.0, 1.0)
    """
    try:
        torch: Any = import_module("torch")
    except ImportError as error:
        raise missing_extra("nelder.torch.minimize_module", "torch") from error
    if not isinstance(module, torch.nn.Module):
        raise InvalidArgumentError(f"module={module!r}: expected a torch.nn.Module")
    for name, given in (("loss", loss), ("callback", callback)):
        if not callable(given) and (name == "loss" or given is not None):
            raise InvalidArgumentError(f"{name}={given!r}: expected a callable")
    if vectorized not in (True, False):
        raise InvalidArgumentError(f"vectorized={vectorized!r}: expected True or False")
    settings = Settings(starts, batch, step, seed, method)
    named = {
        name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad
    }
    names = list(named)
    which = chosen([tuple(name.split(".")) for name in names], trainable)
    searched = {names[i]: named[names[i]] for i in which}
    weights = Weights.of(
        [parameter.detach().cpu().double().numpy() for parameter in searched.values()],
        trainable,
        _inputs,
    )
    budget = Budget(maxfev, None, None, target, weights.n)

    def install(x: Array) -> None:
        with torch.no_grad():
            for parameter, value in zip(searched.values(), weights.arrays(x), strict=True):
                parameter.copy_(torch.from_numpy(np.array(value)))

    with _evaluating(module), torch.no_grad():
        losses = _Losses(torch, module, searched, weights, loss)
        many = losses.tried(vectorized)
        return minimise(many, weights.x0, settings, budget, _Watcher(install, callback))


def _inputs(shape: tuple[int, ...]) -> int:
    """Return the inputs of a unit: weights of PyTorch are (units, inputs, ...)."""
    return max(1, math.prod(shape[1:]))


@contextmanager
def _evaluating(module: Any) -> Generator[None]:
    """Have a module in evaluation mode, and each of its parts in its own mode again at the end."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


class _Watcher:
    """The caller's callback."""

    every_call = False

    def __init__(
        self, give: Callable[[Array], None], callback: Callable[[int, float], object] | None
    ) -> None:
        self._give = give
        self._callback = callback

    def install(self, x: Array) -> None:
        """Give the module the parameters at `x` (n,)."""
        self._give(x)

    def called(self, fun: float) -> None:
        """Nobody looks."""

    def begin(self, epoch: int) -> None:
        """Nobody looks."""

    def end(self, epoch: int, fun: float) -> bool:
        """Call the callback; return whether it wants no more."""
        if self._callback is None:
            return False
        try:
            self._callback(epoch, fun)
        except StopIteration:
            return True
        return False


class _Losses:
    """The losses of a module at points (m, n): under vmap, or one by one."""

    def __init__(
        self,
        torch: Any,
        module: Any,
        searched: dict[str, Any],
        weights: Weights,
        loss: Callable[[Callable[..., Any]], Any],
    ) -> None:
        self._torch = torch
        self._module = module
        self._searched = searched
        self._weights = weights
        self._loss = loss
        first = next(iter(searched.values()))
        wide = any(parameter.dtype == torch.float64 for parameter in searched.values())
        self._kind = {"device": first.device, "dtype": torch.float64 if wide else torch.float32}
        self._flat = torch.tensor(weights.flat, **self._kind)
        self._directions = (
            None if weights.directions is None else torch.tensor(weights.directions, **self._kind)
        )
        self._mapped = torch.func.vmap(self._real_at)

    def tried(self, vectorized: bool) -> Callable[[Array], Array]:
        """Return what computes losses, tried at the present parameters."""
        point = self._weights.x0.reshape(1, -1)
        if vectorized:
            try:
                self._together(point)
            except InvalidArgumentError:
                raise
            except Exception as error:
                self._separately(point)  # whatever is wrong in either way is raised here
                warnings.warn(
                    "the loss is computed for one set of parameters at a time, as it cannot be "
                    f"called under torch.func.vmap ({said(error)}); vectorized=False "
                    "says that this is meant",
                    UserWarning,
                    stacklevel=3,
                )
            else:
                return self._guarded
        else:
            self._separately(point)
        return self._separately

    def _at(self, point: Any) -> Any:
        """Return the loss at `point` (n,), as the caller's function returned it."""
        parts = self._weights.at(point, self._flat, self._directions, self._torch)
        parameters = {
            name: part.to(dtype=parameter.dtype, device=parameter.device)
            for (name, parameter), part in zip(self._searched.items(), parts, strict=True)
        }
        call = self._torch.func.functional_call

        def net(*args: Any, **kwargs: Any) -> Any:
            return call(self._module, parameters, args, kwargs)

        return self._loss(net)

    def _real_at(self, point: Any) -> Any:
        """Return the loss at `point` (n,) as a real scalar tensor."""
        returned = self._at(point)
        if not isinstance(returned, self._torch.Tensor):
            raise TypeError(f"the loss returned a {type(returned).__name__}, not a tensor")
        if returned.shape != () or returned.is_complex():
            raise InvalidArgumentError(
                f"the loss returned a tensor of shape {tuple(returned.shape)} and dtype "
                f"{returned.dtype}: expected a real scalar"
            )
        return returned.to(self._torch.float64)

    def _together(self, points: Array) -> Array:
        return self._mapped(self._torch.tensor(points, **self._kind)).cpu().numpy()

    def _guarded(self, points: Array) -> Array:
        try:
            return self._together(points)
        except Exception as error:
            raise raised("the module or the loss", error) from error

    def _separately(self, points: Array) -> Array:
        values: list[float] = []
        for point in self._torch.tensor(points, **self._kind):
            try:
                returned = self._at(point)
            except Exception as error:
                raise raised("the module or the loss", error) from error
            try:
                values.append(as_real(returned))
            except ReturnValueError as error:
                raise InvalidArgumentError(str(error).replace("objective", "loss")) from error
        return np.array(values)
