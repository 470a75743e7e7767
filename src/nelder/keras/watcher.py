"""A search as Keras's callbacks see it: a training whose epochs leave the best weights so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.keras.losses import Losses

__all__ = ["KerasWatcher"]

Array = NDArray[np.float64]


class KerasWatcher:
    """The training; a context manager, which begins and ends it.

    Parameters
    ----------
    keras : module
    model : keras.Model
    x0 : ndarray of shape (n,)
        The point of the present weights.
    install : callable
        Gives the model the weights at a point.
    validation : Losses or None
    callbacks : sequence of keras.callbacks.Callback or None
    epochs : int
    verbose : int

    Raises
    ------
    InvalidArgumentError
        `callbacks` has something else in it.
    """

    def __init__(
        self,
        keras: Any,
        model: Any,
        x0: Array,
        install: Callable[[Array], None],
        validation: Losses | None,
        callbacks: Sequence[Any] | None,
        epochs: int,
        verbose: int,
    ) -> None:
        given: list[Any] = [] if callbacks is None else keras.tree.flatten(callbacks)
        base = keras.callbacks.Callback
        for callback in given:
            if not isinstance(callback, base):
                raise InvalidArgumentError(
                    f"callbacks has {callback!r}: expected keras.callbacks.Callback objects"
                )
        self._model = model
        self._give = install
        self._validation = validation
        self._x = x0
        self._val_loss: float | None = None  # at _x, once it was asked for
        self._calls = 0
        self._logs: dict[str, float] = {}
        self._callbacks = keras.callbacks.CallbackList(
            given,
            add_history=True,
            add_progbar=bool(verbose),
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=1,  # the progress bar shows epochs; how many calls make one varies
        )
        # Giving the model weights takes time, so only where somebody looks.
        self.every_call = any(
            getattr(callback.__class__, name) is not getattr(base, name)
            for callback in given
            for name in (
                "on_train_batch_begin",
                "on_train_batch_end",
                "on_batch_begin",
                "on_batch_end",
            )
        )

    @property
    def history(self) -> Any:
        """The `keras.callbacks.History`."""
        return self._model.history

    def __enter__(self) -> KerasWatcher:
        self._model.stop_training = False
        self._callbacks.on_train_begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._callbacks.on_train_end(self._logs)

    def install(self, x: Array) -> None:
        """Give the model the weights at `x` (n,)."""
        self._give(x)
        self._x, self._val_loss = x, None

    def called(self, fun: float) -> None:
        """Let the callbacks see a batch."""
        self._callbacks.on_train_batch_begin(self._calls)
        self._callbacks.on_train_batch_end(self._calls, {"loss": fun})
        self._calls += 1

    def begin(self, epoch: int) -> None:
        """Let the callbacks see the beginning of an epoch."""
        self._calls = 0
        self._callbacks.on_epoch_begin(epoch)

    def end(self, epoch: int, fun: float) -> bool:
        """Let the callbacks see the end of an epoch; return whether they want no more."""
        self._logs = {"loss": fun}
        if self._validation is not None:
            if self._val_loss is None:
                self._val_loss = float(self._validation(self._x.reshape(1, -1))[0])
            self._logs["val_loss"] = self._val_loss
        self._callbacks.on_epoch_end(epoch, dict(self._logs))
        return bool(self._model.stop_training)
