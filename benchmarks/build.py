"""Compile a C file of this folder and load it."""

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["BuildError", "compiler", "shared_library"]


class BuildError(RuntimeError):
    """The C file did not compile; the message is the compiler's."""


def compiler() -> str:
    """Return the command of the C compiler: ``$CC``, or ``cc``."""
    return os.environ.get("CC", "cc")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="nelder-bench-")


@cache
def shared_library(source: str, *libraries: str) -> ctypes.CDLL:
    """Return the compiled and loaded file.

    Parameters
    ----------
    source : str
        Its name in this folder.
    *libraries : str
        What to link, as in ``-l``.

    Raises
    ------
    BuildError
        There is no compiler, or a header or library is missing.
    """
    path = Path(__file__).with_name(source)
    target = Path(_folder().name) / f"{path.stem}.so"
    command = [compiler(), "-O2", "-shared", "-fPIC", "-o", str(target), str(path)]
    command += [f"-l{library}" for library in libraries]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BuildError(f"no C compiler: {error}") from error
    except subprocess.CalledProcessError as error:
        raise BuildError(error.stderr.strip().splitlines()[0]) from error
    return ctypes.CDLL(str(target))
