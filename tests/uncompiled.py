"""The core in both flavours: as installed, and the same files without the compiler."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import nelder.core.bounds
import nelder.core.k_worst
import nelder.core.machine
import nelder.core.spanned


def is_compiled(module: ModuleType) -> bool:
    """Whether `module` is an extension."""
    return not str(module.__file__).endswith(".py")


def flavour(
    name: str, bounds: ModuleType, machine: ModuleType, k_worst: ModuleType, spanned: ModuleType
) -> SimpleNamespace:
    """Gather what the tests take from a core."""
    return SimpleNamespace(
        name=name,
        Machine=machine.Machine,
        KWorstMachine=k_worst.KWorstMachine,
        Points=machine.Points,
        Spanned=spanned.Spanned,
        Box=bounds.Box,
        module=machine,
    )


def installed() -> SimpleNamespace:
    """Return the core as it is installed, compiled or not."""
    core = nelder.core
    return flavour("compiled", core.bounds, core.machine, core.k_worst, core.spanned)


def uncompiled(cython: bool = True) -> SimpleNamespace:
    """Return the core from its .py files, with their own Box; optionally as if without Cython."""
    absent = {} if cython else {"cython": None}
    with mock.patch.dict(sys.modules, absent):
        bounds = _load(nelder.core.bounds)
        with mock.patch.dict(sys.modules, {"nelder.core.bounds": bounds}):
            machine = _load(nelder.core.machine)
            with mock.patch.dict(sys.modules, {"nelder.core.machine": machine}):
                k_worst = _load(nelder.core.k_worst)
                spanned = _load(nelder.core.spanned)
    return flavour("uncompiled", bounds, machine, k_worst, spanned)


def _load(module: ModuleType) -> ModuleType:
    path = Path(str(module.__file__)).parent / f"{module.__name__.rpartition('.')[2]}.py"
    spec = importlib.util.spec_from_file_location(f"uncompiled_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    assert not is_compiled(copy)
    return copy
