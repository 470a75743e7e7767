"""Programs run in process groups of their own: watched, bounded, and ended as a whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from nelder.evaluate.groups import Groups
from nelder.evaluate.guardian import GRACE, MARK

__all__ = ["ERRORS_KEPT", "OUTPUT_KEPT", "Finished", "Place", "Programs"]

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
    it takes too long, on `stop` and `stop_at`, when the calling thread is interrupted, and when
    this process is killed.

    Raises
    ------
    OSError
        There is no place for their folder, or no process can be started.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._places: set[Place] = set()
        self._number = itertools.count(1)
        self._folder = tempfile.mkdtemp(prefix="nelder-")
        try:
            self._groups = Groups(self._folder)
        except BaseException:
            os.rmdir(self._folder)
            raise

    @contextlib.contextmanager
    def fresh_folder(self) -> Generator[Path]:
        """Make an empty folder, and delete it at the end."""
        folder = Path(self._folder, f"{next(self._number)}")
        folder.mkdir(parents=True)  # the one above may have been cleaned away
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def place(self, key: Hashable) -> Generator[Place]:
        """Give a place to run a program in.

        Parameters
        ----------
        key : hashable
            By which `stop_at` knows it: from now on, for a program may take long to start.
        """
        place = Place(key, self._groups)
        with self._changed:
            self._places.add(place)
        try:
            yield place
        finally:
            with self._changed:
                self._places.discard(place)
                self._changed.notify_all()

    def stop(self) -> None:
        """End the programs that are running now, and wait for their end."""
        with self._changed:
            those = set(self._places)
            for place in those:
                place.stopped = True
            self._changed.wait_for(
                lambda: self._places.isdisjoint(those), 2 * GRACE + LONGEST_PAUSE
            )

    def stop_at(self, key: Hashable) -> None:
        """Have the programs with `key` end that are running now."""
        with self._changed:
            for place in self._places:
                if place.key == key:
                    place.stopped = True


class Place:
    """Where one program runs.

    Attributes
    ----------
    key : hashable
    stopped : bool
        Whether the program is to be ended.
    """

    def __init__(self, key: Hashable, groups: Groups) -> None:
        self.key = key
        self.stopped = False
        self._groups = groups

    def run(
        self,
        arguments: Sequence[str],
        folder: str | Path,
        environment: Mapping[str, str],
        timeout: float | None,
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

        Raises
        ------
        OSError
            It cannot be started, or not be listened to.
        """
        with selectors.DefaultSelector() as pipes:
            mark = self._groups.announce()  # before: this process may be killed right after
            try:
                program = _Program(arguments, folder, {**environment, MARK: mark}, pipes)
            except Exception:  # after Ctrl-C nobody knows: it stays announced
                self._groups.not_begun(mark)
                raise
            number = program.process.pid
            self._groups.begun(number, mark)
            try:
                ended = self._attend(program, timeout)
                if ended is not None:
                    program.end()
            except BaseException:  # Ctrl-C
                program.end()
                raise
            finally:
                program.kill()
                self._groups.gone(number)
                program.reap()
        return program.finished(ended)

    def _attend(
        self, program: _Program, timeout: float | None
    ) -> Literal["timeout", "stopped"] | None:
        """Read what a program writes until it ends, or should be ended; return why it should."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while not program.has_ended:
            if self.stopped:
                return "stopped"
            left = LONGEST_PAUSE if deadline is None else deadline - time.monotonic()
            if left <= 0.0:
                return "timeout"
            some = program.read(min(pause, left))
            pause = FIRST_PAUSE if some else min(2 * pause, LONGEST_PAUSE)
        return None


class _Program:
    """A program that has been started."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: str | Path,
        environment: Mapping[str, str],
        pipes: selectors.BaseSelector,
    ) -> None:
        self._stdout, self._stderr = _Tail(OUTPUT_KEPT), _Tail(ERRORS_KEPT)
        self._pipes = pipes
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
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        try:
            pipes.register(self.process.stdout, selectors.EVENT_READ, self._stdout)
            pipes.register(self.process.stderr, selectors.EVENT_READ, self._stderr)
        except BaseException:
            self._signal(signal.SIGKILL)
            self.reap()
            raise

    @property
    def has_ended(self) -> bool:
        """Whether it has; where that can be told, without giving its number free."""
        if not hasattr(os, "waitid"):  # macOS, up to Python 3.12
            return self.process.poll() is not None
        try:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.process.pid, flags) is not None
        except ChildProcessError:  # the caller's program ignores SIGCHLD
            return True

    def read(self, pause: float) -> bool:
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

    def end(self) -> None:
        """Ask its group to end, and give it time to."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + GRACE
        while time.monotonic() < until and (self._pipes.get_map() or not self.has_ended):
            self.read(LONGEST_PAUSE / 5)

    def kill(self) -> None:
        """End what is left of its group, and read what stands in the pipes."""
        self._signal(signal.SIGKILL)
        until = time.monotonic() + LAST_WORDS  # one who has left the group may write for ever
        while time.monotonic() < until and self.read(0.0):
            pass

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: zombies only
            os.killpg(self.process.pid, number)

    def reap(self) -> None:
        """Free what belongs to it, and the number of its process."""
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        self.process.wait()

    def finished(self, ended: Literal["timeout", "stopped"] | None) -> Finished:
        """Return what is to be known of it, once it is reaped."""
        return Finished(
            self.process.returncode,
            self._stdout.text,
            self._stderr.text,
            self._stdout.cut,
            ended,
        )


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
