"""The front door: `fit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError, missing_extra
from nelder.keras.data import to_numpy
from nelder.keras.losses import Losses
from nelder.keras.watcher import KerasWatcher
from nelder.models.result import ModelResult
from nelder.models.search import Settings, minimise
from nelder.models.weights import Trainable, Weights, chosen
from nelder.options import Budget, is_whole
from nelder.result import Status
from nelder.search.method import Method

__all__ = ["fit"]


def fit(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    loss: Callable[[Any, Any], Any] | str,
    trainable: Trainable = "all",
    epochs: int = 1000,
    starts: int = 4,
    batch: int = 64,
    step: float = 1.0,
    target: float | None = None,
    callbacks: Sequence[Any] | None = None,
    validation_data: tuple[Any, Any] | None = None,
    verbose: int = 0,
    method: Method | None = None,
    seed: int = 0,
) -> ModelResult:
    """Fit the weights of a Keras model without gradients, so that the loss may be anything.

    The loss is computed for many sets of weights in one compiled call of the model, in inference
    mode, on all rows. The model is given weights only when they are the best so far.

    Parameters
    ----------
    model : keras.Model
        Built; it need not be compiled. Its present weights are the start.
    x : array of shape (rows, ...), or a nest of them
        What the model takes.
    y : array of shape (rows, ...), a nest of them, or None
        What the loss takes; floats become Keras's `floatx`, as in ``model.fit``.
    loss : callable, or a name of Keras
        ``loss(y, predicted)`` -> a real scalar, or one for each row (rows,), of which the mean is
        taken. It need not be differentiable. Written with ``keras.ops``, or the backend's own
        functions, it is compiled with the model. Any other, such as scikit-learn's, gets NumPy
        arrays, for one set of weights at a time. NaN and +inf rank worst.
    trainable : "all", "last", a name, a sequence of names, or Subspace, default "all"
        Which of the trainable weights are searched: all, those of the last layer that has any,
        those of layers or variables of these names ("dense", "dense/kernel"), or a `Subspace` of
        any of these.
    epochs : int, default 1000
        An epoch is n + 1 losses for each start, with n searched weights: as many as its simplex has
        vertices. 1000 is `minimize`'s default of ``maxfev``.
    starts : int, default 4
        How many simplexes search side by side, and the best is taken: the first from the present
        weights. Several find more minima; one needs fewer losses, where the model takes long.
    batch : int, default 64
        Sets of weights in one call at most; less where there is too little memory for the
        activations of so many.
    step : float, default 1.0
        How far each weight is moved in the first simplex. Starts after the first are drawn from a
        normal distribution of this width around the first.
    target : float, optional
        End once a loss at or below it was found.
    callbacks : sequence of keras.callbacks.Callback, optional
        Called as in ``model.fit``. At the end of an epoch the model has the best weights so far,
        and ``logs["loss"]`` is their loss.
    validation_data : (x, y), optional
        At the end of each epoch ``logs["val_loss"]`` is the loss of the best weights on them.
    verbose : int, default 0
        As in ``model.fit``: 1 for a progress bar, 2 for a line per epoch.
    method : NelderMead, optional
        How each search decides. By default `KWorst`, which moves up to a third of the vertices at
        once, or `NelderMead` where that is one; its first simplex of size `step`, ``Tolerance(1e-4,
        1e-6)``.
    seed : int, default 0
        Of the starts after the first.

    Returns
    -------
    ModelResult
        ``fun``, ``success``, ``message``, ``nfev`` and more, with the ``history``.

    Raises
    ------
    InvalidArgumentError
        An argument is not what is expected; the model is not built, or has no weights of that name;
        the loss returned neither a scalar nor (rows,).
    EvaluationError
        The model or the loss raised, ``__cause__`` says what. ``error.result`` is the search so
        far, where there is one.
    KeyboardInterrupt
        Ctrl-C; its ``result`` is the search so far. The model has the best weights then too, as
        after any other error.
    MissingExtraError
        Keras, or its backend, is not installed.

    Warns
    -----
    UserWarning
        There are more than 100 free weights.

    Notes
    -----
    Lee & Wiswall's parallel simplex (2007) needs about as many calls of the model for one move of k
    vertices as Nelder & Mead's for one move of one.
    """
    keras = _keras()
    if not isinstance(model, keras.Model):
        raise InvalidArgumentError(f"model={model!r}: expected a keras.Model")
    if not model.built:
        raise InvalidArgumentError(
            f"model {model.name!r} is not built, so it has no weights: expected one with "
            "keras.Input, or that was called or built: model.build(input_shape)"
        )
    if not (is_whole(epochs) and epochs >= 1):
        raise InvalidArgumentError(f"epochs={epochs!r}: expected a whole number, 1 or above")
    settings = Settings(starts, batch, step, seed, method)
    variables = model.trainable_variables
    which = chosen([tuple(variable.path.split("/")) for variable in variables], trainable)
    searched = [variables[i] for i in which]
    weights = Weights.of([_present(keras, variable) for variable in searched], trainable, _inputs)
    budget = Budget(int(epochs) * (weights.n + 1), None, None, target, weights.n)
    losses = Losses(keras, model, which, weights, _loss(keras, loss), x, y, int(batch))
    validation = None
    if validation_data is not None:
        if len(validation_data) != 2:
            raise InvalidArgumentError(
                f"validation_data has {len(validation_data)} entries: expected a pair (x, y)"
            )
        validation = Losses(keras, model, which, weights, losses.loss, *validation_data, 1)

    def install(point: NDArray[np.float64]) -> None:
        for variable, value in zip(searched, weights.arrays(point), strict=True):
            variable.assign(value)

    with KerasWatcher(
        keras, model, weights.x0, install, validation, callbacks, int(epochs), verbose
    ) as watcher:
        result = minimise(losses, weights.x0, settings, budget, watcher)
    if result.status is Status.CALLBACK:
        result = replace(result, message="a callback set model.stop_training")
    return replace(result, history=watcher.history)


def _keras() -> Any:
    """Import Keras 3, and with it its backend."""
    try:
        keras: Any = import_module("keras")
    except ImportError as error:
        backend = error.name if error.name in ("tensorflow", "jax", "torch") else None
        extra = f"keras,{backend}" if backend else "keras"
        raise missing_extra("nelder.keras.fit", extra) from error
    if int(keras.__version__.split(".")[0]) < 3:
        raise missing_extra(f"nelder.keras.fit, which found Keras {keras.__version__},", "keras")
    return keras


def _loss(keras: Any, loss: object) -> Callable[[Any, Any], Any]:
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError as error:
            raise InvalidArgumentError(
                f"loss={loss!r}: expected a callable, or a name that keras.losses.get knows"
            ) from error
    if isinstance(loss, keras.metrics.Metric):
        raise InvalidArgumentError(
            f"loss={loss!r}: expected a function of (y, predicted) that is lower the better; a "
            "metric remembers what it has seen"
        )
    if not callable(loss):
        raise InvalidArgumentError(f"loss={loss!r}: expected a callable (y, predicted)")
    return loss


def _present(keras: Any, variable: Any) -> NDArray[Any]:
    """Return the present value of a variable, in a precision that NumPy has."""
    wide = "float64" if keras.backend.standardize_dtype(variable.dtype) == "float64" else "float32"
    return to_numpy(keras.ops.cast(variable.value, wide))


def _inputs(shape: tuple[int, ...]) -> int:
    """Return the inputs of a unit: kernels of Keras are (..., inputs, units)."""
    return max(1, math.prod(shape[:-1]))
