"""Ends the programs of a process that has been killed; runs as a process of its own.

On its standard input it reads ``+123`` where process group 123 has begun, ``-123`` where it is
gone. The input ends when the process at its other end does, however it ends: then the groups that
are left are ended and the folder given as argument is deleted. It needs the standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE = 2.0  # seconds between SIGTERM and SIGKILL


def main() -> None:
    """Wait for the end of the input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    until = time.monotonic() + GRACE
    while groups and time.monotonic() < until:
        groups = {group for group in groups if _sent(group, signal.SIGTERM)}
        time.sleep(0.05)
    for group in groups:
        _sent(group, signal.SIGKILL)
    _delete(sys.argv[1])


def _sent(group: int, number: int) -> bool:
    """Send a signal to a process group; return whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user by now
        return False
    return True


def _delete(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
