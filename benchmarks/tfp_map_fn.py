"""Many Nelder-Mead searches of TensorFlow Probability, on TensorFlow, by ``tf.map_fn``.

A program of its own, as it needs packages that nelder does not go with:
``python tfp_map_fn.py starts.npy rounds`` prints JSON. The starts are (B, n).
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

TOLERANCE = 1e-8


def rosenbrock(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def search(x0: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    result = tfp.optimizer.nelder_mead_minimize(
        rosenbrock,
        initial_vertex=x0,
        func_tolerance=TOLERANCE,
        position_tolerance=TOLERANCE,
    )
    return result.objective_value, result.num_objective_evaluations


@tf.function
def searches(x0s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.map_fn(search, x0s, fn_output_signature=(tf.float64, tf.int32))


def main(path: str, rounds: int) -> None:
    x0s = tf.constant(np.load(path))
    begin = time.perf_counter()
    values, evaluations = searches(x0s)
    first = time.perf_counter() - begin
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        searches(x0s)
        seconds.append(time.perf_counter() - begin)
    content = {
        "first": first,
        "seconds": seconds,
        "values": values.numpy().tolist(),
        "evaluations": int(evaluations.numpy().sum()),
        "packages": {"tensorflow of TFP": version("tensorflow")},
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
