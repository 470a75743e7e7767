"""One search of TensorFlow Probability beside one of nelder.tfp.

A program of its own, as it needs TensorFlow Probability, tf_keras and a TensorFlow they go with,
and nelder beside them: ``python tfp_one.py`` prints JSON. Rounds are interleaved, and begin with
either in turn. Time is processor time, of all threads.
"""

import json
import os
import time
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import nelder.core.machine
from nelder.tfp import nelder_mead_minimize

SOLVERS = {"TFP": tfp.optimizer.nelder_mead_minimize, "nelder": nelder_mead_minimize}
DIMENSIONS = (2, 10)
ROUNDS = {"eager": (3, 1), "eager, tf.function": (3, 1), "tf.function": (15, 3), "XLA": (31, 10)}


def rosenbrock(x):
    return tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def start(n, shift=0.0):
    return tf.constant(np.tile([-1.2, 1.0], n // 2) + shift, tf.float64)


def eager(solver, objective):
    return lambda x: solver(objective, initial_vertex=x)


def in_graph(solver, jit_compile):
    def search(x):
        return solver(rosenbrock, initial_vertex=x)

    return tf.function(search, autograph=False, jit_compile=jit_compile)


def seconds(search, x, repeats=1):
    begin = time.process_time()
    for _ in range(repeats):
        found = search(x)
        found.objective_value.numpy()
    return (time.process_time() - begin) / repeats, found


def searches(solver):
    """Return what is timed; each call makes them anew."""
    return {
        "eager": eager(solver, rosenbrock),
        "eager, tf.function": eager(solver, tf.function(rosenbrock)),
        "tf.function": in_graph(solver, False),
        "XLA": in_graph(solver, True),
    }


def measure(n):
    x, found = start(n), {}
    every = {name: searches(solver) for name, solver in SOLVERS.items()}
    for way, (rounds, repeats) in ROUNDS.items():
        rows = {}
        for name in SOLVERS:
            search = every[name][way]
            first, result = seconds(search, x)
            rows[name] = {
                "first": first,
                "other start": None,
                "traces": None,
                "seconds": [],
                "evaluations": int(result.num_objective_evaluations),
                "iterations": int(result.num_iterations),
                "value": float(result.objective_value),
            }
            if not way.startswith("eager"):
                rows[name]["other start"], _ = seconds(search, start(n, 0.01))
                rows[name]["traces"] = search.experimental_get_tracing_count()
        for i in range(rounds):
            for name in sorted(SOLVERS, reverse=bool(i % 2)):
                rows[name]["seconds"].append(seconds(every[name][way], x, repeats)[0])
        found[way] = rows
    return found


def objective_seconds(n):
    """Return what one call of the objective takes, as operations and as a tf.function."""
    x, found = start(n), {}
    for way, function in (("eager", rosenbrock), ("eager, tf.function", tf.function(rosenbrock))):
        function(x)
        samples = []
        for _ in range(9):
            begin = time.process_time()
            for _ in range(200):
                function(x)
            samples.append((time.process_time() - begin) / 200)
        found[way] = float(np.median(samples))
    return found


def main():
    content = {
        "searches": {n: measure(n) for n in DIMENSIONS},
        "objective": {n: objective_seconds(n) for n in DIMENSIONS},
        "packages": {
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
            **{name: version(name) for name in ("tensorflow-probability", "tf_keras")},
        },
        "compiled": not str(nelder.core.machine.__file__).endswith(".py"),
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main()
