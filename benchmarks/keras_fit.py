"""Keras without gradients: what a call costs beyond the model, and which search gets lowest."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.build import BuildError
from benchmarks.problems.problem import Array
from benchmarks.report import Goal, Report, Table, installed
from benchmarks.tensorflow_ways import ONE_THREAD, WAYS_NOTES, ways
from benchmarks.timing import median

__all__ = ["run"]

BACKENDS = ("tensorflow", "jax", "torch")
ROWS, INPUTS, HIDDEN = 256, 4, 8  # 49 weights
BATCH = 64
ROUNDS = 11
GOAL = 2.0  # ms a batch beyond the model
SECONDS = (0.3, 1.0, 2.0)
SEEDS = 3
Points = list[Array]


# In a process of its own, which has one backend


def _data(seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(ROWS, INPUTS)).astype("float32")
    y = np.sin(2.0 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.2 * random.normal(size=ROWS)
    return x, y.astype("float32")


def _build(seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((INPUTS,)), layers.Dense(HIDDEN, activation="tanh"), layers.Dense(1)]
    )


def _zero_one(y: Any, predicted: Any) -> Any:
    """Return whether each sign is wrong."""
    return (predicted[:, 0] > 0.0) != (y > 0.0)


def _squares(y: Any, predicted: Any) -> Any:
    from keras import ops

    return (predicted[:, 0] - ops.reshape(y, (-1,))) ** 2


class _Recorded:
    """Keeps the points of each call of a fit, while it is entered."""

    def __enter__(self) -> Points:
        from nelder.keras.losses import Losses

        calls: Points = []
        original = self._original = Losses.__call__

        def call(losses: Losses, points: Array) -> Array:
            calls.append(points.copy())
            return original(losses, points)

        Losses.__call__ = call  # type: ignore[method-assign]
        return calls

    def __exit__(self, *_: object) -> None:
        from nelder.keras.losses import Losses

        Losses.__call__ = self._original  # type: ignore[method-assign]


def _fit_seconds(x: Array, y: Array, settings: dict[str, Any]) -> tuple[float, float]:
    """Return the processor time of the epochs after the first, and that until the first ended."""
    import keras

    import nelder.keras

    ends: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ends.append(time.process_time())

    begin = time.process_time()
    nelder.keras.fit(_build(0), x, y, loss=_squares, callbacks=[Clock()], **settings)
    return ends[-1] - ends[0], ends[0] - begin


def _calls_after_first_epoch(x: Array, y: Array, settings: dict[str, Any]) -> Points:
    """Return the points of the calls that `_fit_seconds` times."""
    import keras

    import nelder.keras

    firsts: list[int] = []

    with _Recorded() as calls:

        class Count(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                firsts.append(len(calls))

        nelder.keras.fit(_build(0), x, y, loss=_squares, callbacks=[Count()], **settings)
    return calls[firsts[0] :]


def _own(x: Array, y: Array) -> Callable[[Any], Any]:
    """Return the losses of the model by hand, at points that are tensors: what it costs itself."""
    import keras
    from keras import ops

    model = _build(0)
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes]).tolist()
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)

    def one(w: Any) -> Any:
        begins = [0, *ends[:-1]]
        parts = [
            ops.reshape(w[a:b], shape) for a, b, shape in zip(begins, ends, shapes, strict=True)
        ]
        predicted, _ = model.stateless_call(parts, [], x, training=False)
        return ops.mean(_squares(y, predicted))

    def many(points: Any) -> Any:
        return ops.vectorized_map(one, points)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(many, input_signature=[tf.TensorSpec((None, ends[-1]), tf.float32)])
    if backend == "jax":
        import jax

        compiled = jax.jit(many)
        return lambda points: jax.block_until_ready(compiled(points))
    import torch

    return torch.no_grad()(many)


def _own_seconds(own: Callable[[Any], Any], calls: list[Any]) -> float:
    begin = time.process_time()
    for points in calls:
        own(points)
    return time.process_time() - begin


def _loop_seconds(x: Array, y: Array, points: Array) -> float:
    """Return the processor time of set_weights and test_on_batch for each of the points."""
    model = _build(0)
    model.compile(loss=_squares)
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    sets = [
        [
            part.reshape(shape)
            for part, shape in zip(np.split(w.astype("float32"), ends), shapes, strict=True)
        ]
        for w in points
    ]
    y = y.reshape(-1, 1)
    model.test_on_batch(x, y)  # compiled
    begin = time.process_time()
    for weights in sets:
        model.set_weights(weights)
        model.test_on_batch(x, y)
    return time.process_time() - begin


def _padded(points: Array) -> Array:
    """Return points as `nelder.keras` hands them to JAX: filled up to a power of two."""
    size = min(1 << (len(points) - 1).bit_length(), BATCH)
    return np.concatenate([points, np.repeat(points[:1], size - len(points), axis=0)])


def _cost(settings: dict[str, Any]) -> dict[str, float]:
    """Return ms a batch of a fit, of the model itself and of the loop, side by side."""
    import keras
    from keras import ops

    x, y = _data()
    calls = _calls_after_first_epoch(x, y, settings)
    own = _own(x, y)
    filled = _padded if keras.backend.backend() == "jax" else np.asarray
    tensors = [ops.convert_to_tensor(filled(points).astype("float32")) for points in calls]
    _own_seconds(own, tensors)  # compiled
    fits, firsts, owns, loops = [], [], [], []
    for _ in range(ROUNDS):
        fit, first = _fit_seconds(x, y, settings)
        fits.append(fit)
        firsts.append(first)
        owns.append(_own_seconds(own, tensors))
        loops.append(_loop_seconds(x, y, calls[0]) / len(calls[0]))
    count, points = len(calls), sum(map(len, calls))
    return {
        "points": points / count,
        "fit": 1e3 * median(np.array(fits)) / count,
        "own": 1e3 * median(np.array(owns)) / count,
        "beyond": 1e3 * median(np.array(fits) - np.array(owns)) / count,
        "loop": 1e3 * median(np.array(loops)) * points / count,
        "ratio": median(np.array(loops)) * points / median(np.array(fits)),
        "first": median(np.array(firsts)),
    }


def _curve(loss: Any, seed: int, settings: dict[str, Any]) -> list[float]:
    """Return the lowest loss after `SECONDS` of processor time, the compilation not counted."""
    import keras

    import nelder.keras

    x, y = _data()
    found: list[tuple[float, float]] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            """Its being there makes each call end with `on_train_batch_end`."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            found.append((time.process_time(), logs["loss"]))
            if found[-1][0] - found[0][0] > SECONDS[-1]:
                self.model.stop_training = True

    nelder.keras.fit(
        _build(seed), x, y, loss=loss, callbacks=[Clock()], epochs=10**6, seed=seed, **settings
    )
    begin = found[0][0]
    return [min(f for t, f in found if t - begin <= seconds) for seconds in SECONDS]


def _adam(seed: int) -> list[float]:
    """Return the lowest squares that Adam has after `SECONDS`, whole batches, three rates."""
    import keras

    x, y = _data()
    best = [np.inf] * len(SECONDS)
    for rate in (0.003, 0.01, 0.03):
        model = _build(seed)
        model.compile(keras.optimizers.Adam(rate), "mse")
        model.train_on_batch(x, y[:, None])
        begin, lowest = time.process_time(), np.inf
        for i, seconds in enumerate(SECONDS):
            while time.process_time() - begin < seconds:
                lowest = min(lowest, float(model.train_on_batch(x, y[:, None])))
            best[i] = min(best[i], lowest)
    return best


WAYS: dict[str, dict[str, Any]] = {
    "4 simplexes, 16 vertices of each at once (the default)": {},
    "one simplex, 16 vertices at once": {"starts": 1},
    "one simplex, one vertex at a time": {"starts": 1, "simple": True},
    "8 simplexes, 8 vertices of each at once": {"starts": 8},
    "64 simplexes, one vertex at a time": {"starts": 64},
}


def _settings(way: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `fit` for a way to search."""
    from nelder import NelderMead, StepSimplex, Tolerance

    if "simple" not in way:
        return way
    method = NelderMead(initial_simplex=StepSimplex(1.0), convergence=Tolerance(1e-4, 1e-6))
    return {"starts": way["starts"], "method": method}


def _curves() -> dict[str, dict[str, list[float]]]:
    """Return, by loss and way, the median over seeds of the lowest loss."""
    losses = {"0/1 error": _zero_one, "mean square": _squares}
    found: dict[str, dict[str, list[float]]] = {}
    for name, loss in losses.items():
        found[name] = {
            way: np.median(
                [_curve(loss, seed, _settings(settings)) for seed in range(SEEDS)], axis=0
            ).tolist()
            for way, settings in WAYS.items()
        }
    found["mean square"]["Adam, the best of three rates at each time"] = np.median(
        [_adam(seed) for seed in range(SEEDS)], axis=0
    ).tolist()
    return found


def _main(job: str) -> None:
    jobs: dict[str, Callable[[], object]] = {
        "cost": lambda: {
            "64 simplexes": _cost({"starts": BATCH, "epochs": 5}),
            "4 simplexes of 16 (the default)": _cost({"epochs": 100}),
            "one simplex of 16": _cost({"starts": 1, "epochs": 200}),
        },
        "curves": _curves,
    }
    print(json.dumps(jobs[job]()))


# Here


@dataclass(frozen=True)
class _Job:
    name: str
    backend: str

    def run(self) -> Any:
        """Return what the job found in a process of its own; raise BuildError where it cannot."""
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.keras_fit", self.name],
            env=os.environ | ONE_THREAD | {"KERAS_BACKEND": self.backend},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise BuildError(f"Keras on {self.backend}: {done.stderr.strip().splitlines()[-1]}")
        return json.loads(done.stdout.splitlines()[-1])


def run() -> Report:
    """Measure each backend in a process of its own."""
    costs = {backend: _Job("cost", backend).run() for backend in BACKENDS}
    curves = _Job("curves", "tensorflow").run()
    judged = costs["tensorflow"]["64 simplexes"]
    names = ("points", "own", "fit", "beyond", "loop", "ratio", "first")
    rows = [
        [backend, search, *(found[name] for name in names)]
        for backend, searches in costs.items()
        for search, found in searches.items()
    ]
    return Report(
        "Models and objectives of Keras and TensorFlow",
        [
            Goal(
                f"49 weights, {ROWS} rows, {BATCH} points a batch, TensorFlow: at most "
                f"{GOAL:.0f} ms a batch beyond the model's own cost",
                f"{judged['beyond']:.2f} ms; {judged['ratio']:.0f} times as fast as the "
                "set_weights loop",
                judged["beyond"] <= GOAL,
            )
        ],
        [
            Table(
                "A batch: one call of the model for many sets of weights",
                [
                    "backend",
                    "search",
                    "points a batch",
                    "model ms",
                    "fit ms",
                    "beyond ms",
                    "set_weights loop ms",
                    "loop / fit",
                    "until the first epoch's end s",
                ],
                rows,
            ),
            *(
                Table(
                    f"{loss}, lowest after so many seconds",
                    ["search", *(f"{seconds} s" for seconds in SECONDS)],
                    [[way, *values] for way, values in found.items()],
                )
                for loss, found in curves.items()
            ),
            *ways(),
        ],
        [
            f"Model: {INPUTS} inputs, {HIDDEN} tanh units, 1 output, mean square unless said "
            "otherwise; data of a known function with noise, seed 0.",
            "Model: its losses at the same points, as tensors of the backend, by `stateless_call` "
            "and `vectorized_map` compiled by hand. Beyond: `nelder.keras.fit` less that, with the "
            "search, the conversions and Keras's callbacks; its epochs after the first.",
            "set_weights loop: `set_weights` and `test_on_batch` for each of as many points.",
            f"Medians of {ROUNDS} interleaved rounds; the curves' of {SEEDS} first weights, on "
            "TensorFlow, tracing not counted.",
            "Processor time, with one thread for each library, so that other programs on the "
            "machine do not count.",
            *WAYS_NOTES,
        ],
        packages=installed("keras", "tensorflow-cpu", "tensorflow", "jax", "torch"),
    )


if __name__ == "__main__":
    _main(sys.argv[1])
