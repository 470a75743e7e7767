"""A device of PyTorch's that is not the processor, on a machine that has no other.

``pretended()`` is a context in which there is one, named "pretended". Its tensors lie in memory as
all others do, but to mix them with those of the processor, or to ask them for a NumPy array, is an
error, as it is with a GPU. It cannot be taken back, so use it in a process of its own.
"""

from typing import ClassVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretended"
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)

_setup_privateuseone_for_python_backend(NAME)


class There(torch.Tensor):
    """A tensor on the pretended device; `here` is what it holds."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here):
        made = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, strides=here.stride(), dtype=here.dtype, device=f"{NAME}:0"
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


class pretended(TorchDispatchMode):  # noqa: N801
    """Where tensors can be made on the device.

    Attributes
    ----------
    computed : int
        Operations there so far.
    """

    computed: ClassVar[int] = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def compute(func, args, kwargs):
    """Do an operation where its tensors are, or where it is asked to be done."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, There)]
    if there and func not in COPIES:
        for tensor in tensors:  # a number of the processor may go with tensors of any device
            if not isinstance(tensor, There) and tensor.ndim:
                raise RuntimeError(f"{func}: tensors of {NAME} and of {tensor.device}")
    device = kwargs.get("device")
    if func is torch.ops.aten.copy_.default:
        device = args[0].device
    goes_there = bool(there) if device is None else torch.device(device).type == NAME
    made = func(
        *tree_map(_held, args),
        **{name: "cpu" if name == "device" else _held(value) for name, value in kwargs.items()},
    )
    if not goes_there:
        return made
    pretended.computed += 1
    changed = {id(tensor.here): tensor for tensor in there}  # in its place
    return tree_map(lambda value: changed[id(value)] if id(value) in changed else _put(value), made)


def _held(value):
    return value.here if isinstance(value, There) else value


def _put(value):
    return There(value) if isinstance(value, torch.Tensor) else value
