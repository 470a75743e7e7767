"""Process groups that end with this process, however it ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import weakref

from nelder.evaluate import guardian

__all__ = ["Groups"]


class Groups:
    """A small process that is told which process groups there are, and ends those that are left.

    It sees the end of this process by that of a pipe. A thread of the groups themselves would not
    do: in a worker that is in C code with the GIL it does not run.

    Parameters
    ----------
    folder : str, optional
        What it deletes at the end.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._marks = itertools.count(1)
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, *([] if folder is None else [folder])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a closed terminal are not for it
        )
        self._lock = threading.Lock()  # once it is closed, the number may be another file's
        self.close = weakref.finalize(self, _close, self._guardian, self._lock)

    def announce(self) -> str:
        """Return a mark for a program that is about to be started, for its environment."""
        mark = f"{self._guardian.pid}-{next(self._marks)}"
        self._tell(f"?{mark}")
        return mark

    def not_begun(self, mark: str) -> None:
        """Note that a program which was announced could not be started."""
        self._tell(f"!{mark}")

    def begun(self, number: int, mark: str = "") -> None:
        """Note that there is a process group; `mark` is that of a program which was announced."""
        self._tell(f"+{number} {mark}")

    def gone(self, number: int) -> None:
        """Note that a group has ended; once its leader is reaped, the number may be another's."""
        self._tell(f"-{number}")

    def _tell(self, line: str) -> None:
        """Tell the guardian; whoever has killed it wants to do without."""
        assert self._guardian.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            if not self._guardian.stdin.closed:
                os.write(self._guardian.stdin.fileno(), f"{line}\n".encode())


def _close(guardian: subprocess.Popen[bytes], lock: threading.Lock) -> None:
    """End the guardian."""
    assert guardian.stdin is not None
    with lock, contextlib.suppress(OSError):
        guardian.stdin.close()
    guardian.wait()
