"""JAX: inside ``jit`` and ``vmap``, on sharded starts, and on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.batched.batch import (
    begin,
    check_finite,
    embedded,
    only_point,
    raise_degenerate,
    result,
)
from nelder.batched.compiled import CompiledBackend, cascade, sizes_for
from nelder.batched.pieces import Pieces, joined, mapped, pieces_of
from nelder.batched.problem import Problem, Shape
from nelder.batched.result import NAMES, BatchResult
from nelder.batched.state import Outcome
from nelder.batched.vertices import SLOTS, Vertices

if TYPE_CHECKING:
    from nelder.batched.settings import Settings

__all__ = ["BACKEND"]

UNROLLED = 24

jax: Any = import_module("jax")
jnp: Any = import_module("jax.numpy")


class _Jax(CompiledBackend):
    def __init__(self, vertices: Vertices = SLOTS, resums: bool = False) -> None:
        super().__init__("JAX", jnp, vertices, resums)

    def opaque(self, x0s: Any) -> Any:
        some = jnp.sum(x0s[0, :1]).astype(jnp.float32)
        bits = jax.lax.bitcast_convert_type(some, jnp.int32)
        return (bits | 1) != 0  # true, but XLA does not know

    def settle(self, opaque: Any, arrays: Any) -> Any:
        """Return arrays that are computed once; XLA would compute them anew at each use.

        It looks through everything but a choice of which it does not know the outcome.
        """

        def other(arrays: Any) -> Any:
            return jax.tree_util.tree_map(jnp.zeros_like, arrays)

        return jax.lax.cond(opaque, _same, other, arrays)

    def constant(self, array: Any, like: Any) -> Any:
        return jnp.asarray(array, dtype=bool if array.dtype == bool else like.dtype)

    def iota(self, count: int, like: Any) -> Any:
        return jnp.arange(count, dtype=jnp.int32).reshape(-1, 1)

    def sum(self, array: Any) -> Any:
        return _folded(jnp.add, array)

    def any(self, mask: Any) -> Any:
        return _folded(jnp.logical_or, mask)

    def select(
        self,
        mask: Any,
        function: Callable[..., Any],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Any:
        """Return ``function(*given)`` where `mask`; nothing is computed where no lane wants it."""

        def some(given: Any, otherwise: Any) -> Any:
            made = function(*given)
            return tuple(jnp.where(mask, *both) for both in zip(made, otherwise, strict=True))

        def none(given: Any, otherwise: Any) -> Any:
            return otherwise

        return jax.lax.cond(jnp.any(mask), some, none, tuple(given), tuple(otherwise))

    # What the loop asks for

    def loop(self, goes_on: Any, body: Any, state: Any) -> Any:
        def next_(carry: Any) -> Any:
            return body(*carry), carry[1] + 1

        def test(carry: Any) -> Any:
            return goes_on(carry[0])

        return jax.lax.while_loop(test, next_, (state, jnp.int32(0)))[0]

    def when(self, flag: Any, function: Callable[[Any], Any], array: Any) -> Any:
        return jax.lax.cond(flag, function, _same, array)

    def first_running(self, done: Any, count: int) -> Any:
        return jnp.argsort(done, stable=True)[:count]

    def take(self, tree: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return jnp.take(array, lanes, axis=-1) if array.ndim else array

        return jax.tree_util.tree_map(take, tree)

    def take_data(self, data: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return array[lanes]

        return jax.tree_util.tree_map(take, data)

    def put(self, whole: Outcome, lanes: Any, part: Outcome) -> Outcome:
        return Outcome(
            *(all_.at[..., lanes].set(some) for all_, some in zip(whole, part, strict=True))
        )

    # What the front door asks for

    def is_array(self, value: object) -> bool:
        return isinstance(value, jax.Array)

    def check_starts(self, leaves: Sequence[Any]) -> None:
        if not _traced(leaves) and not all(bool(jnp.isfinite(leaf).all()) for leaf in leaves):
            check_finite([np.asarray(leaf) for leaf in leaves])

    def from_numpy(self, array: Any, like: Any) -> Any:
        return jnp.asarray(array)

    def flatten(self, tree: Any) -> Any:
        leaves, structure = jax.tree_util.tree_flatten(tree)
        return leaves, partial(jax.tree_util.tree_unflatten, structure)

    def minimize(self, problem: Problem, settings: Settings, builder: Any) -> BatchResult:
        if settings.n == 0:
            return only_point(problem, settings)
        if isinstance(builder, np.ndarray):
            builder = _Given.of(builder)
        given = problem.leaves, problem.data
        if _traced(given):
            return _solve(problem.shape, settings, builder, *given)[0]
        kind = problem.shape, settings, builder
        found = _in_pieces(kind, pieces_of(problem.leaves[0].shape[0], settings), given)
        if found is None:
            found = _compiled(*kind, _lanes_of(problem.leaves))(*given)
        found, degenerate = found
        raise_degenerate(np.asarray(degenerate))
        return found


@dataclass(frozen=True)
class _Given:
    """Vertices as a key of what has been compiled."""

    content: bytes
    shape: tuple[int, ...]

    @classmethod
    def of(cls, vertices: Any) -> _Given:
        return cls(vertices.tobytes(), vertices.shape)


def _solve(
    shape: Shape, settings: Settings, builder: Any, leaves: Any, data: Any
) -> tuple[BatchResult, Any]:
    """Return the result, and which first simplexes are degenerate."""
    problem = Problem(shape, BACKEND, tuple(leaves), tuple(data))
    if isinstance(builder, _Given):
        builder = np.frombuffer(builder.content).reshape(builder.shape)

    def evaluate(point: Any, data: Any) -> Any:
        return problem.values(embedded(point[-settings.n :], settings, BACKEND), data)

    state, degenerate = begin(BACKEND.columns(leaves), settings, builder, BACKEND)
    sizes = sizes_for(leaves[0].shape[0])
    found = cascade(evaluate, state, problem.data, settings, BACKEND, sizes)
    return result(found, problem, settings), degenerate


@lru_cache(maxsize=128)
def _compiled(shape: Shape, settings: Settings, builder: Any, lanes: Any) -> Callable[..., Any]:
    """Return the compiled search; on sharded starts each device does its own lanes."""
    solve = partial(_solve, shape, settings, builder)
    if lanes is not None:
        mesh, spec = lanes
        solve = _shard_map(solve, mesh, spec)
    return jax.jit(solve, compiler_options=_options())


def _in_pieces(kind: Any, pieces: Pieces, given: Any) -> tuple[BatchResult, Any] | None:
    """Return what `_solve` does, by threads that each do some of the lanes; None where not so."""
    arrays, tree = jax.tree_util.tree_flatten(given)
    devices = set[Any]().union(*(array.devices() for array in arrays))
    if len(pieces.starts) < 2 or len(devices) > 1 or jax.default_backend() != "cpu":
        return None
    forms = tuple((array.shape, array.dtype, array.sharding) for array in arrays)
    solve = _compiled_piece(*kind, pieces.size, tree, forms)
    if solve is None:
        return None

    def part(start: int) -> Any:
        return jax.block_until_ready(solve(*given, np.int32(start)))

    def whole(*parts: Any) -> Any:
        return jax.device_put(joined(parts, pieces), device)

    device = devices.pop() if any(array.committed for array in arrays) else None
    return jax.tree_util.tree_map(whole, *mapped(part, pieces.starts))


@lru_cache(maxsize=128)
def _compiled_piece(
    shape: Shape, settings: Settings, builder: Any, size: int, tree: Any, forms: Any
) -> Callable[..., Any] | None:
    """Return the compiled search of `size` lanes from one on, which threads may share.

    Compiled before they do, as each thread has settings of JAX of its own. None for objectives that
    call Python: they gain nothing, and may not be fit for threads.
    """

    def solve(leaves: Any, data: Any, start: Any) -> Any:
        def piece(array: Any) -> Any:
            return jax.lax.dynamic_slice_in_dim(array, start, size)

        return _solve(shape, settings, builder, *jax.tree_util.tree_map(piece, (leaves, data)))

    given = jax.tree_util.tree_unflatten(
        tree, [jax.ShapeDtypeStruct(*form[:2], sharding=form[2]) for form in forms]
    )
    lowered = jax.jit(solve, compiler_options=_options()).lower(*given, np.int32(0))
    return None if "python_cpu_callback" in lowered.as_text() else lowered.compile()


OPTIONS = {
    # XLA of 2026 hands sums of few numbers, as objectives have, to a library that takes twenty
    # times as long for them.
    "xla_cpu_experimental_ynn_fusion_type": "",
    # It shares operations among cores by rows or by lanes, so that a core reads what another has
    # written; where these are far apart all takes twice as long.
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner",
}


@lru_cache(maxsize=1)
def _options() -> dict[str, str] | None:
    """Return those options for XLA on processors that it knows."""
    if jax.default_backend() != "cpu":
        return None
    return {name: value for name, value in OPTIONS.items() if _known(name, value)} or None


def _known(name: str, value: str) -> bool:
    try:
        jax.jit(_same, compiler_options={name: value})(0.0)
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _lanes_of(leaves: Sequence[Any]) -> Any:
    """Return the mesh and the axis that the lanes are sharded over, or None."""
    sharding = leaves[0].sharding
    spec = getattr(sharding, "spec", None)
    if not spec or spec[0] is None or any(part is not None for part in spec[1:]):
        return None
    return sharding.mesh, jax.sharding.PartitionSpec(spec[0])


def _shard_map(function: Callable[..., Any], mesh: Any, spec: Any) -> Callable[..., Any]:
    if hasattr(jax, "shard_map"):
        return jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    old: Any = import_module("jax.experimental.shard_map")
    return old.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec, check_rep=False)


def _traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(tree))


def _same(arrays: Any) -> Any:
    return arrays


def _folded(operation: Any, array: Any) -> Any:
    """Reduce the first axis; by operations of their own where it is short, which are fused."""
    if not 0 < array.shape[0] <= UNROLLED:
        return operation.reduce(array, axis=0)
    folded = array[0]
    for k in range(1, array.shape[0]):
        folded = operation(folded, array[k])
    return folded


BACKEND = _Jax()
jax.tree_util.register_dataclass(BatchResult, data_fields=list(NAMES), meta_fields=[])
