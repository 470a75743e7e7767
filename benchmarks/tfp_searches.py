"""Many Nelder-Mead searches of TensorFlow Probability's JAX substrate.

A program of its own, as it needs packages that nelder does not go with:
``python tfp_searches.py starts.npy batch rounds`` prints JSON. The searches are those of the starts
(m, n), `batch` of them at a time under ``jit(vmap)``.
"""

import json
import sys
import time
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
from tensorflow_probability.substrates import jax as tfp

TOLERANCE = 1e-8


def rosenbrock(x: jax.Array) -> jax.Array:
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def search(x0: jax.Array) -> tuple[jax.Array, jax.Array]:
    result = tfp.optimizer.nelder_mead_minimize(
        rosenbrock,
        initial_vertex=x0,
        func_tolerance=TOLERANCE,
        position_tolerance=TOLERANCE,
    )
    return result.objective_value, result.num_objective_evaluations


def main(path: str, batch: int, rounds: int) -> None:
    jax.config.update("jax_enable_x64", True)
    starts = np.load(path)
    parts = [jnp.asarray(starts[i : i + batch]) for i in range(0, len(starts), batch)]
    begin = time.perf_counter()
    searches = jax.jit(jax.vmap(search)).lower(parts[0]).compile()
    compiled = time.perf_counter() - begin
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        found = jax.block_until_ready([searches(part) for part in parts])
        seconds.append(time.perf_counter() - begin)
    values, evaluations = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    packages = ("jax", "jaxlib", "tensorflow-probability")
    content = {
        "compile": compiled,
        "seconds": seconds,
        "values": values.tolist(),
        "evaluations": int(evaluations.sum()),
        "packages": {name: version(name) for name in packages},
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
