"""One objective of TensorFlow, minimised by gradients, by one simplex and by many."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.build import BuildError
from benchmarks.report import Table
from benchmarks.timing import median

__all__ = ["ONE_THREAD", "WAYS_NOTES", "ways"]

STARTS = 100
STEPS = 1000  # of Adam, by when it has settled
RATE = 0.05
ROUNDS = 7
USUAL = [1.0, 5.0, 0.0]  # amplitude, frequency, phase: a first guess

SMOOTH = "mean square"
# One thread each, so that processor time is the time of an idle machine.
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

Found = tuple[Any, int]  # the values found (searches,), and how often the loss was computed


# In a process of its own


def _losses(tf: Any) -> dict[str, Callable[[Any], Any]]:
    """Return losses (m,) of points (m, 3): of a sine, for noisy readings as they are or rounded."""
    times = np.linspace(0.0, 4.0, 100)
    clean = 1.5 * np.sin(7.0 * times + 0.5)
    noisy = clean + np.random.default_rng(0).normal(0.0, 0.1, 100)
    t, y, steps = tf.constant(times), tf.constant(noisy), tf.constant(np.round(2.0 * noisy) / 2.0)

    def signal(p: Any) -> Any:
        amplitude, frequency, phase = tf.unstack(p[:, :, None], axis=1)
        return amplitude * tf.sin(frequency * t + phase)

    def smooth(p: Any) -> Any:
        return tf.reduce_mean(tf.square(signal(p) - y), axis=1)

    def rounded(p: Any) -> Any:
        return tf.reduce_mean(tf.abs(tf.round(2.0 * signal(p)) / 2.0 - steps), axis=1)

    return {SMOOTH: smooth, "readings rounded to ½": rounded}


def _ways(tf: Any, loss: Callable[[Any], Any], smooth: bool) -> dict[str, Callable[[], Found]]:
    import keras

    import nelder
    import nelder.batched

    many = np.random.default_rng(1).uniform([0.5, 0.0, -3.0], [3.0, 20.0, 3.0], (STARTS, 3))
    start = np.array(USUAL)
    single = tf.TensorSpec((3,), tf.float64)
    traced = tf.function(lambda x: loss(x[None])[0], input_signature=[single])

    def adam(starts: Any) -> Callable[[], Found]:
        p = tf.Variable(starts)
        optimizer = keras.optimizers.Adam(RATE)
        optimizer.build([p])
        initial = [tf.identity(variable.value) for variable in optimizer.variables]

        @tf.function
        def step() -> None:
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(loss(p))
            optimizer.apply([tape.gradient(total, p)])

        def descend() -> Found:
            p.assign(starts)
            for variable, value in zip(optimizer.variables, initial, strict=True):
                variable.assign(value)
            for _ in range(STEPS):
                step()
            return loss(p).numpy(), STEPS * len(starts)

        return descend

    def one(fun: Callable[[Any], Any]) -> Found:
        result = nelder.minimize(fun, start)
        return np.array([result.fun]), result.nfev

    def batched() -> Found:
        result = nelder.batched.minimize(loss, tf.constant(many))
        return result.fun.numpy(), int(tf.reduce_sum(result.nfev))

    by_gradients = {"Adam": adam(start[None]), f"Adam from {STARTS} starts": adam(many)}
    return (by_gradients if smooth else {}) | {
        "minimize": lambda: one(lambda x: loss(x[None])[0]),
        "minimize, traced": lambda: one(traced),
        f"batched.minimize, {STARTS} starts": batched,
    }


def _main() -> None:
    import tensorflow as tf

    found: dict[str, list[list[Any]]] = {}
    for name, loss in _losses(tf).items():
        ways = _ways(tf, loss, name == SMOOTH)
        results = {way: search() for way, search in ways.items()}  # traced here
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, search in ways.items():
                begin = time.process_time()
                search()
                seconds[way].append(time.process_time() - begin)
        lowest = min(values.min() for values, _ in results.values())
        found[name] = [
            [
                way,
                median(np.array(seconds[way])),
                evaluations,
                float(values.min()),
                f"{int(np.sum(values <= 1.01 * lowest))} of {len(values)}",
            ]
            for way, (values, evaluations) in results.items()
        ]
    print(json.dumps(found))


# Here


WAYS_NOTES = [
    "One objective of TensorFlow: a sine of unknown amplitude, frequency and phase fitted to 100 "
    f"readings, float64; from the usual start {USUAL}, or from {STARTS} drawn from a box, seed 1.",
    f"Adam of Keras, rate {RATE}, {STEPS} steps in a `tf.function`; its losses come with "
    "gradients. Rounding has none: Keras raises a ValueError.",
    "minimize: the function as it is, in eager mode; traced: a `tf.function` with an "
    "`input_signature`.",
    "Found the best minimum: within 1 per cent of the lowest value of all ways. Processor time "
    f"there is the median of {ROUNDS} interleaved rounds, each way traced before.",
]


def ways() -> list[Table]:
    """Measure all ways, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tensorflow_ways"],
        env=os.environ | ONE_THREAD | {"KERAS_BACKEND": "tensorflow"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BuildError(f"TensorFlow: {done.stderr.strip().splitlines()[-1]}")
    return [
        Table(
            f"One objective of TensorFlow: {name}",
            ["way", "s", "losses computed", "lowest", "found the best minimum"],
            rows,
        )
        for name, rows in json.loads(done.stdout.splitlines()[-1]).items()
    ]


if __name__ == "__main__":
    _main()
