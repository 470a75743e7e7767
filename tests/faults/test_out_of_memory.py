"""What the kernel kills for its memory takes only its own evaluation with it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

import nelder

LIMIT = 2**26  # bytes
ENOUGH = 2**29  # bytes that nobody gets, lest the whole machine runs out of them

# Where a group of processes is made, its file for the limit, and the one that takes swap away:
# cgroup v2, cgroup v1.
GROUPS = [
    ("/sys/fs/cgroup", "memory.max", ("memory.swap.max", 0)),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", LIMIT)),
]


def put(path, text):
    """Write to a file of the kernel's, which has to be there."""
    with open(path, "r+") as file:
        file.write(str(text))


def made(root, limit, swap):
    """Return the folder of a new group with little memory; raise OSError where that cannot be."""
    root = Path(root)
    if not os.path.ismount(root) or not (root / "cgroup.procs").exists():
        raise FileNotFoundError
    with contextlib.suppress(OSError):
        put(root / "cgroup.subtree_control", "+memory")
    folder = root / f"nelder-test-{os.getpid()}"
    folder.mkdir()
    try:
        put(folder / limit, LIMIT)
        with contextlib.suppress(OSError):  # there is no swap
            put(folder / swap[0], swap[1])
    except OSError:
        folder.rmdir()
        raise
    return folder


@pytest.fixture
def group():
    """The file in which a process writes its number, to be killed when it needs too much."""
    for place in GROUPS:
        with contextlib.suppress(OSError):
            folder = made(*place)
            break
    else:
        pytest.skip("needs Linux's memory cgroup and the right to make a group (root)")
    yield str(folder / "cgroup.procs")
    until = time.monotonic() + 60.0
    while True:
        try:
            return folder.rmdir()
        except OSError:  # the killed are not reaped yet
            assert time.monotonic() < until, "the group is still in use"
            time.sleep(0.05)


GREEDY = f"""
import os
with open({{group!r}}, "r+") as file:
    file.write(str(os.getpid()))
kept = []
while len(kept) < {ENOUGH >> 20}:
    kept.append(b"x" * 2**20)
raise RuntimeError("nobody has killed it")
"""


def test_a_worker_that_is_killed_for_its_memory(group, tmp_path):
    pytest.importorskip("pebble", reason="workers need pebble: install nelder[parallel]")
    greedy = GREEDY.format(group=group)

    def fun(x):
        if x[0] < 0.6:
            exec(greedy)
        return float((x[0] - 0.75) ** 2)

    journal = tmp_path / "fit.db"
    with pytest.raises(nelder.EvaluationError, match=r"died \(exit code -9, SIGKILL\)") as caught:
        nelder.minimize(fun, [1.0], workers=2, journal=journal)
    assert caught.value.x[0] < 0.6
    result = nelder.minimize(fun, [1.0], workers=2, journal=journal, on_failure="worst")
    assert result.x[0] == pytest.approx(0.75, abs=1e-6)
    failures = nelder.load(journal).failures
    assert len(failures) >= 2
    assert set(failures.failures) == {"died"}
    assert (failures.X[:, 0] < 0.6).all()


def test_a_program_that_is_killed_for_its_memory(group):
    greedy = GREEDY.format(group=group)
    code = f"k = {{k}}\nif k < 0.6:\n    exec({greedy!r})\nprint((k - 0.75) ** 2)"
    command = nelder.Command([sys.executable, "-c", code], ["k"])
    with pytest.raises(nelder.EvaluationError, match="ended by signal 9") as caught:
        nelder.minimize(command, {"k": 1.0}, workers=2)
    assert caught.value.result.fun == 0.0625
