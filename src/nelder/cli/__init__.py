"""The command line: ``nelder run``, ``resume``, ``show`` and ``export``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nelder.errors import missing_extra

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, default those of the process
    """
    try:
        import cyclopts  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import rich  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        print(missing_extra("the command nelder", "cli"), file=sys.stderr)
        return 2
    from nelder.cli.app import call

    return call(sys.argv[1:] if arguments is None else arguments)
