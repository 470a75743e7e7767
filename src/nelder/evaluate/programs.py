"""Programs run in process groups of their own: watched, bounded, and ended as a whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from nelder.evaluate import guardian
from nelder.evaluate.guardian import GRACE

__all__ = ["ERRORS_KEPT", "OUTPUT_KEPT", "Finished", "Programs"]

OUTPUT_KEPT = 2**20  # bytes of standard output, from its end
ERRORS_KEPT = 2**14  # of standard error
AT_ONCE = 2**16
FIRST_PAUSE, LONGEST_PAUSE = 0.0001, 0.05  # seconds between two looks at a silent program
LAST_WORDS = 1.0  # seconds for what stands in the pipes at the end


@dataclass(frozen=True)
class Finished:
    """A program that has run.

    Attributes
    ----------
    code : int
        Its exit code; -n where signal n ended it.
    stdout, stderr : str
        The ends of what it wrote.
    cut : bool
        Whether the beginning of stdout is lost.
    ended : {"timeout", "stopped"} or None
        Why it was ended from here, or None where it ended by itself.
    """

    code: int
    stdout: str
    stderr: str
    cut: bool
    ended: Literal["timeout", "stopped"] | None


class Programs:
    """Runs programs, from any number of threads at a time, and ends them.

    Every program leads a process group, and the group is ended with it: when it has finished, when
    it takes too long, on `stop`, when the calling thread is interrupted, and when this process is
    killed (by a small process that watches it).
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[_Running] = set()
        self._number = itertools.count(1)
        self._folder = tempfile.mkdtemp(prefix="nelder-")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a closed terminal are not for it
        )
        self._close = weakref.finalize(self, _close, self._guardian)

    @contextlib.contextmanager
    def fresh_folder(self) -> Generator[Path]:
        """Make an empty folder, and delete it at the end."""
        folder = Path(self._folder, f"{next(self._number)}")
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(
        self,
        arguments: Sequence[str],
        folder: str | Path,
        environment: Mapping[str, str],
        timeout: float | None,
        key: Hashable = None,
    ) -> Finished:
        """Run a program to its end.

        Parameters
        ----------
        arguments : sequence of str
            The path of the program and its arguments.
        folder : str or Path
            Where it runs.
        environment : mapping
        timeout : float or None
            Seconds; then its process group gets SIGTERM, and what is left of it SIGKILL.
        key : hashable, optional
            By which `stop` knows it.

        Raises
        ------
        OSError
            It cannot be started.
        """
        running = _Running(arguments, folder, environment, key)
        with self._changed:
            self._running.add(running)
        self._tell(f"+{running.process.pid}\n")
        try:
            ended = running.attend(timeout)
            if ended is not None:
                running.end()
        except BaseException:  # Ctrl-C
            running.end()
            raise
        finally:
            running.kill()
            self._tell(f"-{running.process.pid}\n")  # until reaped, the number is nobody else's
            with self._changed:
                self._running.discard(running)
                self._changed.notify_all()
            running.close()
        return Finished(
            running.process.returncode,
            running.stdout.text,
            running.stderr.text,
            running.stdout.cut,
            ended,
        )

    def stop(self, key: Hashable = None) -> None:
        """End the programs that are running now, or those with `key`, and wait for their end."""
        with self._changed:
            those = {run for run in self._running if key is None or run.key == key}
            for running in those:
                running.stopped = True
            self._changed.wait_for(
                lambda: self._running.isdisjoint(those), 2 * GRACE + LONGEST_PAUSE
            )

    def _tell(self, line: str) -> None:
        """Tell the guardian; whoever has killed it wants to do without."""
        assert self._guardian.stdin is not None
        with contextlib.suppress(OSError):
            os.write(self._guardian.stdin.fileno(), line.encode())


def _close(guardian: subprocess.Popen[bytes]) -> None:
    """End the guardian, which deletes the folder."""
    assert guardian.stdin is not None
    with contextlib.suppress(OSError):
        guardian.stdin.close()
    guardian.wait()


class _Running:
    """A program that has been started."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: str | Path,
        environment: Mapping[str, str],
        key: Hashable,
    ) -> None:
        self.key = key
        self.stopped = False
        self.stdout = _Tail(OUTPUT_KEPT)
        self.stderr = _Tail(ERRORS_KEPT)
        self._pipes = selectors.DefaultSelector()
        try:
            self.process = subprocess.Popen(
                arguments,
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            self._pipes.close()
            raise
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._pipes.register(self.process.stdout, selectors.EVENT_READ, self.stdout)
        self._pipes.register(self.process.stderr, selectors.EVENT_READ, self.stderr)

    def attend(self, timeout: float | None) -> Literal["timeout", "stopped"] | None:
        """Read what it writes until it ends, or should be ended; return why it should."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while not _has_ended(self.process):
            if self.stopped:
                return "stopped"
            left = LONGEST_PAUSE if deadline is None else deadline - time.monotonic()
            if left <= 0.0:
                return "timeout"
            pause = FIRST_PAUSE if self._read(min(pause, left)) else min(2 * pause, LONGEST_PAUSE)
        return None

    def end(self) -> None:
        """Ask its group to end, and give it time to."""
        _signal(self.process, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while time.monotonic() < until and (self._pipes.get_map() or not _has_ended(self.process)):
            self._read(LONGEST_PAUSE / 5)

    def kill(self) -> None:
        """End what is left of its group, and read what stands in the pipes."""
        _signal(self.process, signal.SIGKILL)
        until = time.monotonic() + LAST_WORDS  # one who has left the group may write for ever
        while time.monotonic() < until and self._read(0.0):
            pass

    def close(self) -> None:
        """Free what belongs to it, and the number of its process."""
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        self._pipes.close()
        self.process.wait()

    def _read(self, pause: float) -> bool:
        """Read what there is, waiting at most `pause` seconds; return whether there was any."""
        if not self._pipes.get_map():  # it has closed them, or ends at this moment
            time.sleep(pause)
            return False
        events = self._pipes.select(pause)
        for event, _ in events:
            pipe: IO[bytes] = event.fileobj  # type: ignore[assignment]
            data = os.read(pipe.fileno(), AT_ONCE)
            if data:
                event.data.add(data)
            else:
                self._pipes.unregister(pipe)
        return bool(events)


class _Tail:
    """The end of what was written."""

    def __init__(self, limit: int) -> None:
        self.cut = False
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > 2 * self._limit:
            self._shorten()

    @property
    def text(self) -> str:
        self._shorten()
        return self._kept.decode("utf-8", errors="replace")

    def _shorten(self) -> None:
        if len(self._kept) > self._limit:
            self.cut = True
            del self._kept[: -self._limit]


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program has ended; where it can be told, without giving its number free."""
    if not hasattr(os, "waitid"):  # macOS, up to Python 3.12
        return process.poll() is not None
    try:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, flags) is not None
    except ChildProcessError:  # the caller's program ignores SIGCHLD
        return True


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the group of a program."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: zombies only
        os.killpg(process.pid, number)
