"""Ends the process groups of a process that has been killed; runs as a process of its own.

On its standard input it reads lines: ``?7`` where a program is about to be started that has
``NELDER_PROGRAM=7`` in its environment, ``!7`` where it could not be; ``+123 7`` where its process
group 123 has begun, or ``+123`` where one has that was not announced; ``-123`` where a group is
gone. The input ends when the process at its other end does, however it ends: then the groups that
are left are ended, and the folder given as argument is deleted. A program that was announced last
is found by its environment, where there is a /proc. It needs the standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time

MARK = "NELDER_PROGRAM"
GRACE = 2.0  # seconds between SIGTERM and SIGKILL
PAUSE = 0.05


def main() -> None:
    """Wait for the end of the input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    announced: set[str] = set()
    for line in sys.stdin:
        _note(line, groups, announced)
    if not os.path.isdir("/proc/self"):
        announced.clear()
    until = time.monotonic() + GRACE
    while (groups or announced) and time.monotonic() < until:
        groups |= _found(announced)  # again and again: it may not have got its environment yet
        groups = {group for group in groups if _sent(group, signal.SIGTERM)}
        time.sleep(PAUSE)
    for group in groups | _found(announced):
        _sent(group, signal.SIGKILL)
    if len(sys.argv) > 1:
        _delete(sys.argv[1])


def _note(line: str, groups: set[int], announced: set[str]) -> None:
    sign, (name, *mark) = line[0], line[1:].split()
    if sign == "?":
        announced.add(name)
    elif sign == "!":
        announced.discard(name)
    elif sign == "+":
        groups.add(int(name))
        announced.difference_update(mark)
    else:
        groups.discard(int(name))


def _found(marks: set[str]) -> set[int]:
    """Return the process groups of programs that have one of these marks."""
    if not marks:
        return set()
    wanted = {f"{MARK}={mark}".encode() for mark in marks}
    groups: set[int] = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if wanted.isdisjoint(file.read().split(b"\0")):
                        continue
                groups.add(os.getpgid(int(name)))
            except OSError:  # gone, or another user's
                continue
    return groups


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
