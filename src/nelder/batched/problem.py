"""What is given to `minimize`: starts, their structure, bounds and data, checked.

Nothing here computes: libraries are recognised by the names of their modules, so that none is
imported unless its arrays come in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optree

from nelder.core.bounds import Box
from nelder.errors import InvalidArgumentError, ReturnValueError, missing_extra
from nelder.parameters import Parameters

if TYPE_CHECKING:
    from nelder.batched.backend import Backend
    from nelder.search.nelder_mead import NelderMead

_trees: Any = optree
__all__ = ["Problem", "Shape", "read_problem"]

DTYPES = ("float32", "float64")

# By the module that an array's class stands in: where its backend is.
_LIBRARIES = {
    "numpy": "nelder.batched.numpy",
    "jax": "nelder.batched.jax",
    "jaxlib": "nelder.batched.jax",
    "torch": "nelder.batched.torch",
    "tensorflow": "nelder.batched.tensorflow",
}


@dataclass(frozen=True)
class Shape:
    """What of a problem is the same for all starts and data; a key of what has been compiled.

    Attributes
    ----------
    fun : callable
    restore : callable
        Gives the leaves of starts or points their structure.
    dtype : str
    """

    fun: Callable[..., Any]
    restore: Callable[[Any], Any]
    dtype: str


@dataclass(frozen=True, eq=False)
class Problem:
    """An objective, and where its searches begin.

    Attributes
    ----------
    shape : Shape
    library : Backend
    leaves : tuple of arrays (B, ...)
        The starts.
    data : tuple
        Further arguments of the objective: trees of arrays with leading axis B.
    box : Box or None
    """

    shape: Shape
    library: Backend
    leaves: tuple[Any, ...]
    data: tuple[Any, ...]
    box: Box | None = None

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the leaves of one start."""
        return tuple(self.library.shape(leaf)[1:] for leaf in self.leaves)

    @property
    def dim(self) -> int:
        """Coordinates of a start."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return self.dim if self.box is None else self.box.n

    def structured(self, points: Any) -> Any:
        """Return points (m, dim) in the structure of the starts."""
        if self.shapes == ((self.dim,),):
            return self.shape.restore((points,))
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes]).tolist()
        leaves: list[Any] = []
        for shape, begin, end in zip(self.shapes, [0, *ends], ends, strict=False):
            leaves.append(self.library.reshaped(points[:, begin:end], shape))
        return self.shape.restore(tuple(leaves))

    def values(self, points: Any, data: Any) -> Any:
        """Return the objective's values (m,) at points (m, dim).

        Raises
        ------
        ReturnValueError
            It returned something else.
        """
        library = self.library
        returned = self.shape.fun(self.structured(points), *data)
        expected = f"expected {library.article} array of shape ({library.shape(points)[0]},)"
        if not library.is_array(returned):
            kind = type(cast("object", returned))
            raise ReturnValueError(
                f"the objective returned a {kind.__module__}.{kind.__qualname__}: {expected}"
            )
        if not library.same_shape(returned, points):
            raise ReturnValueError(
                f"the objective returned an array of shape {library.shape(returned)}: {expected}, "
                f"a value for each of the points {library.shape(points)}"
            )
        dtype = library.dtype_of(returned)
        if not dtype.startswith(("float", "bfloat", "int", "uint")):
            raise ReturnValueError(
                f"the objective returned dtype {dtype}: expected {self.shape.dtype}"
            )
        return returned if dtype == self.shape.dtype else library.cast(returned, points)


def read_problem(fun: object, x0s: Any, args: object, bounds: Any, method: NelderMead) -> Problem:
    """Check what was given to `minimize`.

    Raises
    ------
    InvalidArgumentError
        An argument is not what is expected; the message says which and why.
    MissingExtraError
        A package that the library needs is not installed.
    """
    if not callable(fun):
        raise InvalidArgumentError(f"fun={fun!r}: expected a callable")
    name, leaves, restore, tree = _read_starts(x0s)
    library = _backend(name)
    leaves = [_checked(leaf, library, where) for leaf, where in leaves]
    first = leaves[0]
    library = library.fitting(first)
    for leaf in leaves:
        if not library.same_length(leaf, first):
            raise InvalidArgumentError(
                f"x0s has leaves of shapes {[library.shape(leaf) for leaf in leaves]}: "
                "expected the same leading axis B"
            )
        if leaf.dtype != first.dtype:
            raise InvalidArgumentError(
                f"x0s has leaves of dtypes {[library.dtype_of(leaf) for leaf in leaves]}: "
                "expected one"
            )
    shape = Shape(_hashable(fun), restore, library.dtype_of(first))
    problem = Problem(shape, library, tuple(leaves), _read_data(args, library, first))
    if problem.dim == 0:
        raise InvalidArgumentError(
            f"x0s has shape {library.shape(first)}: expected at least one coordinate"
        )
    library.check_starts(leaves)
    if bounds is None:
        return problem
    one = [np.zeros(shape) for shape in problem.shapes]
    read = Parameters.read(one[0] if tree is None else _trees.tree_unflatten(tree, one), bounds)
    box = read.box(method.clips)
    return replace(problem, box=box)


def _backend(name: str) -> Backend:
    where = _LIBRARIES[name]
    try:
        return cast("Backend", import_module(where).BACKEND)
    except ImportError as error:  # a part of the library, or of what it needs
        raise missing_extra(f"nelder.batched with {name}", where.rpartition(".")[2]) from error


def _hashable(fun: Callable[..., Any]) -> Callable[..., Any]:
    try:
        hash(fun)
    except TypeError:
        return _Unhashable(fun)
    return fun


class _Unhashable:
    """A callable that has no hash: it is equal to itself only."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self._fun = fun

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashable) and other._fun is self._fun

    def __hash__(self) -> int:
        return id(self._fun)

    def __call__(self, *given: Any) -> Any:
        return self._fun(*given)


def _library_of(value: object) -> str | None:
    for base in type(value).__mro__:
        name = base.__module__.partition(".")[0]
        if name in _LIBRARIES:
            return name
    return None


def _read_starts(
    x0s: Any,
) -> tuple[str, list[tuple[Any, str]], Callable[[Any], Any], Any]:
    """Return the library, the leaves with their names, how to restore them, and their structure."""
    x0s = _numbers(x0s)
    name = _library_of(x0s)
    if name is not None:
        shape = _backend(name).shape(x0s)
        if len(shape) != 2:
            raise InvalidArgumentError(
                f"x0s has shape {shape}: expected (B, n), a row for each start, or a "
                "nest of arrays with leading axis B"
            )
        return name, [(x0s, "x0s")], _only, None
    paths, leaves, tree = _trees.tree_flatten_with_path(x0s)
    kinds = {_library_of(leaf) for leaf in leaves}
    if kinds == {"jax"} or kinds == {"jaxlib"} or kinds == {"jax", "jaxlib"} or None in kinds:
        from_jax = _of_jax(x0s)
        if from_jax is not None:
            return from_jax
    names = {_LIBRARIES[kind] for kind in kinds if kind is not None}
    if None in kinds or len(names) != 1:
        found = sorted({f"{type(leaf).__module__}.{type(leaf).__name__}" for leaf in leaves})
        what = f"leaves of {found}" if leaves else f"{x0s!r}"
        raise InvalidArgumentError(
            f"x0s is {what}: expected an array (B, n) of NumPy, JAX, PyTorch or TensorFlow, or a "
            "nest of such arrays of one library with leading axis B"
        )
    where = ["x0s" + "".join(f"[{key!r}]" for key in path) for path in paths]
    return (
        cast("str", kinds.pop()),
        list(zip(leaves, where, strict=True)),
        _Restore(_trees.tree_unflatten, tree),
        tree,
    )


def _numbers(x0s: Any) -> Any:
    """Return nested lists of numbers as an array, and anything else as it is."""
    if not isinstance(x0s, (list, tuple)):
        return x0s
    if any(_library_of(leaf) is not None for leaf in _trees.tree_leaves(x0s)):
        return cast("Any", x0s)
    try:
        return np.asarray(x0s, dtype=np.float64)
    except (TypeError, ValueError):
        return cast("Any", x0s)


def _of_jax(
    x0s: Any,
) -> tuple[str, list[tuple[Any, str]], Callable[[Any], Any], Any] | None:
    """Read a pytree, whose nodes only JAX may know; None where it is not of JAX's arrays."""
    if "jax" not in sys.modules:
        return None
    jax: Any = sys.modules["jax"]
    paths, tree = jax.tree_util.tree_flatten_with_path(x0s)
    if not paths or any(
        _LIBRARIES.get(_library_of(leaf) or "") != _LIBRARIES["jax"] for _, leaf in paths
    ):
        return None
    leaves = [(leaf, "x0s" + jax.tree_util.keystr(path)) for path, leaf in paths]
    restore = _Restore(jax.tree_util.tree_unflatten, tree)
    return "jax", leaves, restore, _trees.tree_structure(x0s)


def _only(leaves: Sequence[Any]) -> Any:
    """Return the one leaf of starts that have no structure."""
    return leaves[0]


@dataclass(frozen=True)
class _Restore:
    """Gives leaves a structure; equal where the structures are."""

    unflatten: Callable[[Any, Any], Any]
    tree: Any

    def __call__(self, leaves: Sequence[Any]) -> Any:
        return self.unflatten(self.tree, leaves)


def _checked(leaf: Any, library: Backend, where: str) -> Any:
    if not library.is_array(leaf):
        raise InvalidArgumentError(
            f"{where} is a {type(leaf).__module__}.{type(leaf).__name__}: expected "
            f"{library.article} array"
        )
    leaf = library.as_start(leaf)
    dtype = library.dtype_of(leaf)
    if dtype not in DTYPES:
        raise InvalidArgumentError(f"{where} has dtype {dtype}: expected float32 or float64")
    if library.shape(leaf) == ():
        raise InvalidArgumentError(f"{where} has shape (): expected a leading axis B")
    return leaf


def _read_data(args: object, library: Backend, first: Any) -> tuple[Any, ...]:
    """Return the data of the lanes, in the starts' library."""
    if not isinstance(args, (tuple, list)):
        raise InvalidArgumentError(
            f"args={_short(args)}: expected a tuple of arrays with leading axis B"
        )
    count = library.shape(first)[0]
    data: list[Any] = []
    for i, argument in enumerate(cast("Iterable[Any]", args)):
        leaves, restore = library.flatten(argument)
        read: list[Any] = []
        for leaf in leaves:
            array: Any = leaf
            if isinstance(array, np.ndarray):
                array = library.from_numpy(cast("Any", array), first)
            if not library.is_array(array):
                raise InvalidArgumentError(
                    f"args[{i}] holds a {type(leaf).__module__}.{type(leaf).__name__}: expected "
                    f"{library.article} arrays, as the starts are, with leading axis B={count}; "
                    "what all searches share belongs into the objective"
                )
            if not library.same_length(array, first):
                raise InvalidArgumentError(
                    f"args[{i}] holds an array of shape {library.shape(array)}: expected a leading "
                    f"axis B={count}, a row for each start"
                )
            if not library.same_device(array, first):
                raise InvalidArgumentError(
                    f"args[{i}] holds an array on {array.device}: expected {first.device}, where "
                    "the starts are"
                )
            read.append(array)
        data.append(restore(read))
    return tuple(data)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
