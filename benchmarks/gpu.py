"""All libraries of `nelder.batched` on one device: checked, and timed against its memory.

``python benchmarks/gpu.py [seconds]`` takes under eight minutes where there is a GPU. It needs
nelder and any of JAX, PyTorch and TensorFlow. Without a GPU it runs on the processor, with fewer
lanes, so that the script itself can be tried.

A *tick* evaluates one point of each lane and decides. Its floor is the time to read and write the
arrays of the lanes once, at the bandwidth that a copy reaches on the same device.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nelder
from nelder import batched

DIM = 4
TICKS = 300  # as many evaluations for each lane
BYTES = 8 * (5 + 5 * DIM + 4 * DIM + 16)  # of a lane: values, vertices, points and sums, numbers
METHOD = nelder.NelderMead(convergence=nelder.Tolerance(0.0, 0.0, ulps=0.0), probe=False)
SOLVED = nelder.NelderMead()


@dataclass(frozen=True)
class Library:
    """A library on its device.

    Attributes
    ----------
    name, device : str
    on_gpu : bool
    put : callable
        Makes an array of NumPy's.
    total : callable
        Sums along the last axis.
    wait : callable
        Waits until an array is there; returns it as NumPy's.
    copy : callable
        Adds 1 to an array.
    """

    name: str
    device: str
    on_gpu: bool
    put: Callable[[Any], Any]
    total: Callable[[Any], Any]
    wait: Callable[[Any], Any]
    copy: Callable[[Any], Any]


def of_jax() -> Library:
    import jax

    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0]
    return Library(
        f"JAX {jax.__version__}",
        device.device_kind,
        device.platform != "cpu",
        jax.numpy.asarray,
        lambda a: jax.numpy.sum(a, axis=-1),
        np.asarray,
        jax.jit(lambda a: a + 1.0),
    )


def of_torch() -> Library:
    import torch

    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    return Library(
        f"PyTorch {torch.__version__}",
        torch.cuda.get_device_name() if on_gpu else "cpu",
        on_gpu,
        lambda a: torch.tensor(a, device=device),
        lambda a: torch.sum(a, dim=-1),
        lambda a: a.cpu().numpy(),
        lambda a: a + 1.0,
    )


def of_tensorflow() -> Library:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:  # the other libraries want some of it too
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return Library(
        f"TensorFlow {tf.__version__}",
        details.get("device_name", "gpu" if gpus else "cpu"),
        bool(gpus),
        tf.constant,
        lambda a: tf.reduce_sum(a, axis=-1),
        lambda a: a.numpy(),
        lambda a: a + 1.0,
    )


def objective(library: Library) -> Callable[[Any], Any]:
    """Return Rosenbrock's function of rows."""

    def fun(x: Any) -> Any:
        a = x[:, 1:] - x[:, :-1] * x[:, :-1]
        b = 1.0 - x[:, :-1]
        return library.total(100.0 * a * a + b * b)

    return fun


def starts(lanes: int) -> Any:
    return np.random.default_rng(0).uniform(-2.0, 2.0, (lanes, DIM))


def seconds(call: Callable[[], Any], times: int) -> float:
    """Return the least time of some calls, after a first one."""
    call()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def bandwidth(library: Library) -> float:
    """Return bytes a second, read and written by a copy."""
    size = 2**27 if library.on_gpu else 2**24
    array = library.put(np.zeros(size // 8))
    return 2.0 * size / seconds(lambda: library.wait(library.copy(array)[:1]), 5)


def check(library: Library) -> str:
    """Compare 1000 searches with those of NumPy; say how they agree."""
    x0s = starts(1000)
    here = batched.minimize(objective(library_of_numpy()), x0s, method=SOLVED)
    there = batched.minimize(objective(library), library.put(x0s), method=SOLVED)
    x, fun = library.wait(there.x), library.wait(there.fun)
    minima = np.abs(fun - here.fun) < 1e-6
    apart = float(np.abs(x - here.x)[minima].max())
    ended = bool((library.wait(there.status) == here.status).all())
    good = ended and minima.mean() > 0.98 and apart < 1e-3
    return f"{'ok' if good else 'DIFFERS'}: {minima.mean():.1%} the same minimum, {apart:.1e} apart"


def library_of_numpy() -> Library:
    return Library(
        "NumPy", "cpu", False, np.asarray, lambda a: np.sum(a, axis=-1), np.asarray, np.copy
    )


def timed(library: Library, lanes: int, rate: float) -> str:
    """Return a line on `TICKS` evaluations of each lane."""
    x0s, fun = library.put(starts(lanes)), objective(library)

    def search() -> Any:
        return library.wait(batched.minimize(fun, x0s, method=METHOD, maxfev=TICKS).nfev)

    begin = time.perf_counter()
    evaluations = int(search().sum())
    first = time.perf_counter() - begin
    taken = seconds(search, 1 if lanes > 1e5 else 2)
    tick, floor = taken / TICKS, 2.0 * BYTES * lanes / rate
    return (
        f"  B = {lanes:>9,}  {evaluations / taken:10.3g} evaluations/s  {1e6 * tick:9.1f} µs a tick"
        f"  {tick / floor:6.1f} times its floor of {1e6 * floor:.1f} µs  (first call {first:.1f} s)"
    )


def main(limit: float) -> None:
    began = time.perf_counter()
    for make in (of_jax, of_torch, of_tensorflow):
        try:
            library = make()
        except ImportError as error:
            print(f"{make.__name__[3:]} is left out: {error}", flush=True)
            continue
        rate = bandwidth(library)
        print(f"{library.name} on {library.device}: {rate / 1e9:.0f} GB/s", flush=True)
        print(f"  searches: {check(library)}", flush=True)
        for lanes in (10_000, 100_000, 1_000_000) if library.on_gpu else (1_000, 10_000):
            if time.perf_counter() - began > limit:
                print(f"  B = {lanes:,} is left out: {limit:.0f} s are over", flush=True)
                continue
            print(timed(library, lanes, rate), flush=True)
    print(f"{time.perf_counter() - began:.0f} s in all", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 420.0)
