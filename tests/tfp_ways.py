"""The ways in which `nelder.tfp` searches: each takes its arguments and returns arrays."""

import numpy as np
import tensorflow as tf

from nelder.tfp import nelder_mead_minimize

__all__ = ["WAYS"]


def eager(fun, **given):
    return tf.nest.map_structure(np.asarray, nelder_mead_minimize(fun, **given))


def graph(fun, *, jit_compile=False, **given):
    """Inside a tf.function that closes over all arguments."""

    def search():
        return nelder_mead_minimize(fun, **given)

    function = tf.function(search, autograph=False, jit_compile=jit_compile)
    return tf.nest.map_structure(np.asarray, function())


def compiled(fun, **given):
    """By XLA."""
    return graph(fun, jit_compile=True, **given)


def session(fun, **given):
    """In a graph of TensorFlow 1."""
    with tf.Graph().as_default():
        given = {
            name: tf.constant(np.asarray(value)) if tf.is_tensor(value) else value
            for name, value in given.items()
        }
        found = nelder_mead_minimize(fun, **given)
        with tf.compat.v1.Session() as running:
            return running.run(found)


WAYS = {"eager": eager, "graph": graph, "compiled": compiled, "session": session}
