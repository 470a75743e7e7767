"""The losses of many sets of weights in one call of a Keras model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.real import as_real
from nelder.errors import InvalidArgumentError, ReturnValueError
from nelder.keras.compiled import Many, compiled
from nelder.keras.data import read_rows, to_numpy
from nelder.models.failures import raised, said
from nelder.models.weights import Weights

__all__ = ["Losses"]

Array = NDArray[np.float64]
Loss = Callable[[Any, Any], Any]


class Losses:
    """The losses of a model on fixed rows, at many points.

    Parameters
    ----------
    keras : module
    model : keras.Model
    which : list of int
        The searched ones of ``model.trainable_variables``.
    weights : Weights
        Of these.
    loss : callable
        ``loss(y, predicted)`` -> scalar or (rows,).
    x, y : arrays of shape (rows, ...), or nests of them; y may be None
    batch : int
        Points of a call at most.

    Raises
    ------
    InvalidArgumentError
        x or y are no arrays or do not fit together; the loss returned another shape.
    EvaluationError
        The model or the loss raised.
    """

    def __init__(
        self,
        keras: Any,
        model: Any,
        which: list[int],
        weights: Weights,
        loss: Loss,
        x: Any,
        y: Any,
        batch: int,
    ) -> None:
        self.loss = loss
        self._keras = keras
        self._model = model
        self._which = which
        self._weights = weights
        x, self._rows = read_rows(keras, x, "x")
        if y is not None:
            y, rows = read_rows(keras, y, "y")
            if rows != self._rows:
                raise InvalidArgumentError(f"y has {rows} rows: expected {self._rows}, as x has")
        self._y = y
        variables = model.trainable_variables
        self._dtypes = [keras.backend.standardize_dtype(variables[i].dtype) for i in which]
        self._dtype = "float64" if "float64" in self._dtypes else "float32"
        tensor = keras.ops.convert_to_tensor
        directions = weights.directions
        data = {
            "x": x,
            "y": y,
            "flat": tensor(weights.flat.astype(self._dtype)),
            "directions": None if directions is None else tensor(directions.astype(self._dtype)),
            "trainable": [tensor(variable) for variable in variables],
            "others": [tensor(variable) for variable in model.non_trainable_variables],
        }
        point = weights.x0.reshape(1, -1).astype(self._dtype)
        self._many = self._chosen(point, data, batch)

    def _chosen(self, point: NDArray[Any], data: Any, batch: int) -> Many:
        """Return the first way to compute losses that does, tried at the present weights.

        So what is wrong with the model or the loss is said before the search.
        """
        errors: list[Exception] = []
        for together in (True, False):
            ways = (
                lambda: compiled(self._keras, self._loss_at, data, batch, together),  # noqa: B023
                lambda: self._uncompiled(
                    compiled(self._keras, self._predicted_at, data, batch, together)  # noqa: B023
                ),
            )
            for way in ways:
                many = way()
                try:
                    many(point)
                except InvalidArgumentError:
                    raise
                except Exception as error:
                    errors.append(error)
                    continue
                if not together:
                    warnings.warn(
                        "the model is evaluated for one set of weights at a time, as its backend "
                        f"cannot do it for many ({said(errors[0])})",
                        UserWarning,
                        stacklevel=4,  # of fit, where it is called
                    )
                return many
        failure = raised("the model or the loss", errors[-1])
        failure.add_note(f"It could not be compiled either: {said(errors[0])}")
        raise failure from errors[-1]

    def __call__(self, points: Array) -> Array:
        """Return the losses (m,) of `points` (m, n), m at most `batch`."""
        try:
            return np.asarray(self._many(points.astype(self._dtype)), dtype=np.float64)
        except InvalidArgumentError:
            raise
        except Exception as error:
            raise raised("the model or the loss", error) from error

    def _predicted_at(self, point: Any, data: Any) -> Any:
        """Return what the model predicts at `point` (n,)."""
        ops = self._keras.ops
        searched = self._weights.at(point, data["flat"], data["directions"], ops)
        values = list(data["trainable"])
        for i, value, dtype in zip(self._which, searched, self._dtypes, strict=True):
            values[i] = ops.cast(value, dtype)
        predicted, _ = self._model.stateless_call(values, data["others"], data["x"], training=False)
        return predicted

    def _loss_at(self, point: Any, data: Any) -> Any:
        """Return the loss at `point` (n,)."""
        ops = self._keras.ops
        loss = ops.convert_to_tensor(self.loss(data["y"], self._predicted_at(point, data)))
        dtype = self._keras.backend.standardize_dtype(loss.dtype)
        if "complex" in dtype or dtype == "string":
            raise InvalidArgumentError(f"the loss returned dtype {dtype}: expected real numbers")
        if "float" not in dtype:
            loss = ops.cast(loss, self._dtype)
        return ops.mean(loss) if self._per_row(tuple(loss.shape)) else loss

    def _uncompiled(self, predict: Many) -> Many:
        """Return what predicts many at a time, then calls the loss with NumPy arrays."""
        map_structure = self._keras.tree.map_structure
        y = None if self._y is None else map_structure(to_numpy, self._y)

        def many(points: NDArray[Any]) -> list[float]:
            predicted = predict(points)

            def loss(i: int) -> float:
                def of_point(array: Any) -> Any:
                    return array[i]

                return self._real(self.loss(y, map_structure(of_point, predicted)))

            return [loss(i) for i in range(len(points))]

        return many

    def _real(self, loss: Any) -> float:
        """Return what a loss that gets NumPy arrays returned as a float."""
        if self._per_row(tuple(getattr(loss, "shape", ()))):
            return float(np.mean(to_numpy(loss)))
        try:
            return as_real(loss)
        except ReturnValueError as error:
            raise InvalidArgumentError(str(error).replace("the objective", "the loss")) from error

    def _per_row(self, shape: tuple[Any, ...]) -> bool:
        """Whether a loss of this shape is one for each row."""
        if shape not in ((), (self._rows,)):
            raise InvalidArgumentError(
                f"the loss returned shape {shape}: expected (), or ({self._rows},) of which the "
                "mean is taken"
            )
        return shape != ()
