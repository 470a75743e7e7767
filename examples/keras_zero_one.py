"""A Keras classifier trained on what counts: the share of wrong answers, which has no gradient.

Two half moons: 300 points to learn and 1000 new ones to judge. Beside it the same model trained by
Adam on the cross-entropy, which is the way to go where a gradient will do.

    KERAS_BACKEND=jax python examples/keras_zero_one.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

import nelder.keras


def half_moons(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return points (count, 2) and labels (count,) of two interleaved half circles."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    angle = random.uniform(0.0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(label[:, None] == 0, upper, lower) + random.normal(0.0, 0.15, (count, 2))
    return x.astype("float32"), label.astype("float32")


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def zero_one(y: object, predicted: object) -> object:
    """Return whether each answer is wrong; the mean of it is the loss."""
    return (predicted[:, 0] > 0.5) != (y > 0.5)  # type: ignore[index, operator]


def accuracy(model: keras.Model, x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    predicted = ops.convert_to_numpy(model(x, training=False)[:, 0] > 0.5)
    return float(np.mean(predicted == (y > 0.5)))


def main() -> None:
    x, y = half_moons(300, seed=0)
    x_new, y_new = half_moons(1000, seed=1)
    print(f"backend {keras.backend.backend()}")

    simplex = build()
    result = nelder.keras.fit(simplex, x, y, loss=zero_one, target=0.01)
    print(
        f"0/1 loss by nelder: {accuracy(simplex, x, y):.3f} of the training points right, "
        f"{accuracy(simplex, x_new, y_new):.3f} of new ones; "
        f"{result.nfev} losses in {result.ncall} calls, {result.elapsed:.1f} s"
    )

    gradient = build()
    gradient.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    gradient.fit(x, y, epochs=200, verbose=0)
    print(
        f"cross-entropy by Adam, 200 epochs: {accuracy(gradient, x, y):.3f} of the training points "
        f"right, {accuracy(gradient, x_new, y_new):.3f} of new ones"
    )


if __name__ == "__main__":
    main()
