"""Many searches of one library, a program of its own.

``python batched_searches.py library method starts.npy rounds`` prints JSON. The starts are (B, n);
method is "nelder" as it is, "tfp" with TensorFlow Probability's decisions, or "-".
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

TOLERANCE = 1e-8

Search = Callable[[], tuple[Any, Any]]
"""Runs all searches; their values and numbers of evaluations."""


def rosenbrock(x: Any, total: Any) -> Any:
    """Return the values (m,) at x (m, n)."""
    return total(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2)


def method_of(name: str) -> Any:
    import nelder

    if name == "tfp":
        return nelder.NelderMead.tfp(func_tolerance=TOLERANCE, position_tolerance=TOLERANCE)
    return nelder.NelderMead(convergence=nelder.Tolerance(TOLERANCE, TOLERANCE))


def on_numpy(starts: np.ndarray, method: str) -> Search:
    from nelder import batched

    def fun(x: Any) -> Any:
        return rosenbrock(x, lambda a: np.sum(a, axis=-1))

    def search() -> tuple[Any, Any]:
        found = batched.minimize(fun, starts, method=method_of(method))
        return found.fun, found.nfev

    return search


def on_jax(starts: np.ndarray, method: str) -> Search:
    import jax

    from nelder import batched

    jax.config.update("jax_enable_x64", True)
    x0s = jax.numpy.asarray(starts)
    decisions = method_of(method)

    def fun(x: Any) -> Any:
        return rosenbrock(x, lambda a: jax.numpy.sum(a, axis=-1))

    def search() -> tuple[Any, Any]:
        found = jax.block_until_ready(batched.minimize(fun, x0s, method=decisions))
        return found.fun, found.nfev

    return search


def on_torch(starts: np.ndarray, method: str) -> Search:
    import torch

    from nelder import batched

    x0s = torch.tensor(starts)

    def fun(x: Any) -> Any:
        return rosenbrock(x, lambda a: torch.sum(a, dim=-1))

    def search() -> tuple[Any, Any]:
        found = batched.minimize(fun, x0s, method=method_of(method))
        return found.fun.numpy(), found.nfev.numpy()

    return search


def on_tensorflow(starts: np.ndarray, method: str, compiled: bool = False) -> Search:
    import tensorflow as tf

    from nelder import batched

    x0s = tf.constant(starts)
    decisions = method_of(method)

    def fun(x: Any) -> Any:
        return rosenbrock(x, lambda a: tf.reduce_sum(a, axis=-1))

    def minimize(x0s: Any) -> Any:
        return batched.minimize(fun, x0s, method=decisions)

    call = tf.function(minimize, jit_compile=True) if compiled else minimize

    def search() -> tuple[Any, Any]:
        found = call(x0s)
        return found.fun.numpy(), found.nfev.numpy()

    return search


def on_xla(starts: np.ndarray, method: str) -> Search:
    return on_tensorflow(starts, method, compiled=True)


def on_optimistix(starts: np.ndarray, method: str) -> Search:
    import jax
    import optimistix

    jax.config.update("jax_enable_x64", True)
    x0s = jax.numpy.asarray(starts)
    solver = optimistix.NelderMead(rtol=TOLERANCE, atol=TOLERANCE)

    def fun(x: Any, args: Any) -> Any:
        return rosenbrock(x[None], lambda a: jax.numpy.sum(a, axis=-1))[0]

    def one(x0: Any) -> tuple[Any, Any]:
        found = optimistix.minimise(fun, solver, x0, max_steps=20_000, throw=False)
        return fun(found.value, None), found.stats["num_steps"]

    many = jax.jit(jax.vmap(one))

    def search() -> tuple[Any, Any]:
        return jax.block_until_ready(many(x0s))

    return search


LIBRARIES: dict[str, tuple[Callable[[np.ndarray, str], Search], tuple[str, ...]]] = {
    "numpy": (on_numpy, ("numpy",)),
    "jax": (on_jax, ("jax", "jaxlib")),
    "torch": (on_torch, ("torch",)),
    "tensorflow": (on_tensorflow, ("tensorflow",)),
    "xla": (on_xla, ("tensorflow",)),
    "optimistix": (on_optimistix, ("optimistix",)),
}


def versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        for distribution in (name, f"{name}_cpu"):
            try:
                found[name] = version(distribution)
                break
            except ImportError:
                continue
    return found


def main(library: str, method: str, path: str, rounds: int) -> None:
    make, packages = LIBRARIES[library]
    search = make(np.load(path), method)
    begin = time.perf_counter()
    values, evaluations = search()
    first = time.perf_counter() - begin
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        search()
        seconds.append(time.perf_counter() - begin)
    content = {
        "first": first,
        "seconds": seconds,
        "values": np.asarray(values).tolist(),
        "evaluations": int(np.asarray(evaluations).sum()),
        "packages": versions(packages),
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
