"""Any program as an objective."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import shutil
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ExecutorError, InvalidArgumentError, NelderError
from nelder.evaluate.attempt import one_line, timed_out
from nelder.evaluate.output import Output, OutputError, inside
from nelder.evaluate.placeholders import fill, names_in
from nelder.evaluate.programs import Finished, Programs
from nelder.evaluation import FailureKind
from nelder.options import check_seconds

__all__ = ["Command", "CommandError", "InputFile", "Template"]

SHOWN = 200  # characters of the last line of stderr, in a message
RECORDED = 2**14  # characters of stdout and of stderr, from their ends, that a failure keeps


class CommandError(NelderError, RuntimeError):
    """A program gave no value.

    Attributes
    ----------
    kind : str
        As of a `Failure`.
    details : str
        The command as it was run, and the ends of its standard output and error.
    """

    def __init__(self, kind: FailureKind, message: str, details: str = "") -> None:
        super().__init__(kind, message, details)
        self.kind: FailureKind = kind
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Template:
    """An input file that is written for each evaluation.

    Parameters
    ----------
    name : str
        In the working directory.
    text : str
        With placeholders, as in the arguments of a `Command`.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        inside(self.name, "templates (name)")


@dataclass(frozen=True)
class InputFile:
    """A file that the program reads as it is.

    Parameters
    ----------
    name : str
        In the working directory, where it is a link to the file.
    path : str
        The file, or a folder; found from the directory of the command.
    digest : str, optional
        Of the file's content, by which another is told from it. A command computes it.
    """

    name: str
    path: str
    digest: str = ""

    def __post_init__(self) -> None:
        inside(self.name, "inputs (name)")

    def found_from(self, directory: str) -> InputFile:
        """Return it with the digest of what is there now.

        Raises
        ------
        InvalidArgumentError
            There is no such file, or it cannot be read.
        """
        path = os.path.join(directory, self.path)
        if os.path.isdir(path):
            return self
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        except OSError as error:
            raise InvalidArgumentError(f"inputs: cannot read {path}: {error.strerror}") from error
        return replace(self, digest=digest.hexdigest())


class _Resources:
    """What a command has besides its fields, which tell it from others."""

    _directory: str
    _timeout: float | None
    _program: str
    _lock: threading.Lock
    _started: Programs | None


@dataclass(frozen=True)
class Command(_Resources):
    """An objective that runs a program for each point. No shell is involved.

    The program gets the parameters through its arguments, its environment, or input files written
    for it, in all of which ``{k}`` stands for the value of the parameter k with all its digits,
    ``{k:.6e}`` for it in that format, and ``{{k}}`` for the text ``{k}``. All other braces are
    text. A non-zero exit code, output without a number where the value should be, and the word
    ``fail`` in its place are failures. Standard input is empty.

    It runs in `directory`. Where there are `templates` or `inputs`, the value is in a file, or
    `fresh` is true, it runs in an empty directory of its own, deleted afterwards, which holds these
    files only. When it has ended, so does whatever it has left in its process group.

    Calls from several threads at once run several programs.

    Parameters
    ----------
    arguments : sequence of str or path
        The program and its arguments. A program with a slash in its name is found from `directory`,
        others on the PATH.
    names : sequence of str
        Of the parameters, in the order of a flat x. Each must be used.
    value : Output, default the last line of standard output
        Where the value stands.
    templates : sequence of Template, optional
        Input files with placeholders.
    inputs : sequence of InputFile, optional
        Input files without.
    environment : mapping of str to str, optional
        Variables besides those of this process; the values may have placeholders.
    fresh : bool, default False
    directory : str or Path, default the current directory
        Like `timeout` not what tells one command from another.
    timeout : float, optional
        Seconds; then the whole process group is ended: SIGTERM, two seconds, SIGKILL.

    Raises
    ------
    InvalidArgumentError
        There is no such program or directory, a placeholder is no parameter's, a parameter is used
        nowhere, a number stands where text should ...

    Examples
    --------
    >>> square = Command(["expr", "{n:.0f}", "*", "{n:.0f}"], ["n"])
    >>> square({"n": 4.0})
    16.0
    """

    arguments: Sequence[str]
    names: Sequence[str]
    value: Output = field(default_factory=Output)
    templates: Sequence[Template] = ()
    inputs: Sequence[InputFile] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    fresh: bool = False
    directory: InitVar[str | Path] = ""
    timeout: InitVar[float | None] = None

    runs_in_threads = True  # while a program runs, its thread only waits

    def __post_init__(self, directory: str | Path, timeout: float | None) -> None:
        put = object.__setattr__
        for name, kind, expected in (
            ("arguments", str, "text or a path, as in ['./simulate', '--k', '{k}']"),
            ("names", str, "the name of a parameter, as in ['k']"),
            ("templates", Template, "a Template"),
            ("inputs", InputFile, "an InputFile"),
        ):
            put(self, name, _items(name, getattr(self, name), kind, expected))
        put(self, "environment", _variables(self.environment))
        if not isinstance(self.value, Output):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(
                f"value={self.value!r}: expected an Output, as in Output.parse('stdout')"
            )
        put(self, "_directory", os.path.abspath(directory))
        if not os.path.isdir(self._directory):
            raise InvalidArgumentError(f"directory={directory!r}: expected a folder that exists")
        put(self, "_timeout", check_seconds("timeout", timeout))
        if os.name != "posix":
            raise InvalidArgumentError(
                "arguments: programs as objectives need process groups, which only POSIX has"
            )
        self._check_names()
        put(self, "_program", self._find_program())
        self._check_use()
        self._check_files()
        put(self, "inputs", tuple(file.found_from(self._directory) for file in self.inputs))
        put(self, "_lock", threading.Lock())
        put(self, "_started", None)

    def _check_names(self) -> None:
        if not self.arguments:
            raise InvalidArgumentError("arguments is empty: expected a program and its arguments")
        if not self.names:
            raise InvalidArgumentError("names is empty: expected the name of a parameter")
        for name in self.names:
            if not name.isidentifier():
                raise InvalidArgumentError(
                    f"names: {name!r}: expected letters, digits and underscores, no digit first"
                )
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise InvalidArgumentError(f"names: {', '.join(sorted(twice))}: expected each once")
        if names_in(self.arguments[0], self.names, "arguments[0]"):
            raise InvalidArgumentError(
                f"arguments[0]={self.arguments[0]!r}: expected the same program for all points"
            )

    def _check_use(self) -> None:
        used = frozenset[str]().union(
            *(names_in(text, self.names, where) for where, text in self._texts())
        )
        for name in self.names:
            if name not in used:
                raise InvalidArgumentError(
                    f"names: the parameter {name!r} is used nowhere: expected {{{name}}} in the "
                    "arguments, the environment or a template"
                )

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield all texts that may have placeholders, and what they are."""
        yield from ((f"arguments[{i}]", text) for i, text in enumerate(self.arguments))
        yield from ((f"environment {name}", text) for name, text in self.environment.items())
        yield from ((f"template {file.name}", file.text) for file in self.templates)

    def _check_files(self) -> None:
        names = [os.path.normpath(file.name) for file in (*self.templates, *self.inputs)]
        for name in names:
            if names.count(name) > 1:
                raise InvalidArgumentError(f"templates, inputs: two files are called {name!r}")
            for other in names:
                if name.startswith(f"{other}{os.sep}"):  # which may be a link to a folder
                    raise InvalidArgumentError(
                        f"templates, inputs: {name!r}: expected no file inside another, {other!r}"
                    )
        for name in self.environment:
            if not name or "=" in name or "\0" in name:
                raise InvalidArgumentError(
                    f"environment: {name!r}: expected the name of a variable"
                )
        for where, text in self._texts():
            if "\0" in text and not where.startswith("template"):
                raise InvalidArgumentError(f"{where}={text!r}: expected no zero byte")

    def _find_program(self) -> str:
        name = self.arguments[0]
        if "/" not in name:
            found = shutil.which(name)
            if found is not None:
                return os.path.abspath(found)
            here = os.path.isfile(os.path.join(self._directory, name))
            hint = f" (the one in {self._directory} is ./{name})" if here else ""
            raise InvalidArgumentError(f"arguments: no program {name!r} on the PATH{hint}")
        path = os.path.join(self._directory, name)
        if not os.path.isfile(path):
            raise InvalidArgumentError(
                f"arguments: there is no program {name}"
                + ("" if os.path.isabs(name) else f" in {self._directory}")
            )
        if not os.access(path, os.X_OK):
            raise InvalidArgumentError(
                f"arguments: {name} is not executable: expected a program (chmod +x {name}, or "
                "name what runs it first, as in  python3 script.py)"
            )
        return path

    def __reduce__(self) -> tuple[Any, ...]:
        shown = (getattr(self, part.name) for part in fields(self))
        return type(self), (*shown, self._directory, self._timeout)

    @property
    def is_fresh(self) -> bool:
        """Whether the program runs in a directory of its own."""
        return bool(self.fresh or self.templates or self.inputs or self.value.file is not None)

    def __call__(self, x: Mapping[str, float] | NDArray[np.float64]) -> float:
        """Run the program.

        Parameters
        ----------
        x : mapping of str to float, or array_like of shape (n,)
            By name, or in the order of `names`.

        Raises
        ------
        CommandError
            It gave no value.
        ExecutorError
            It could not be run: the disk for its files is full, there are too many processes, the
            program has vanished ... Nothing is known of the value at `x` then.
        """
        values = self._values(x)
        arguments = [self._program, *(fill(text, values) for text in self.arguments[1:])]
        own = {name: fill(text, values) for name, text in self.environment.items()}
        shown = shlex.join([self.arguments[0], *arguments[1:]])
        for name, text in self.environment.items():
            if names_in(text, self.names, name):
                shown = f"{name}={shlex.quote(own[name])} {shown}"
        try:
            with (
                self._programs.place(_key(values)) as place,
                self._folder(values) as folder,
            ):
                finished = place.run(arguments, folder, os.environ | own, self._timeout)
                return self._value_of(finished, folder, shown)
        except OSError as error:
            raise ExecutorError(_not_run(error, shown)) from error

    def stop(self, x: Mapping[str, float] | NDArray[np.float64] | None = None) -> None:
        """End the programs that are running now; their calls fail.

        Parameters
        ----------
        x : mapping of str to float, or array_like of shape (n,), optional
            Only those at this point; their end is not waited for.
        """
        if self._started is None:
            return
        if x is None:
            self._started.stop()
        else:
            self._started.stop_at(_key(self._values(x)))

    def _values(self, x: Mapping[str, float] | NDArray[np.float64]) -> dict[str, float]:
        if isinstance(x, Mapping):
            if set(x) != set(self.names):
                raise InvalidArgumentError(
                    f"x has the names {', '.join(map(str, x))}: expected {', '.join(self.names)}"
                )
            return {name: float(x[name]) for name in self.names}
        if np.shape(x) != (len(self.names),):
            raise InvalidArgumentError(
                f"x has shape {np.shape(x)}: expected ({len(self.names)},), "
                f"for {', '.join(self.names)}"
            )
        return {name: float(value) for name, value in zip(self.names, x, strict=True)}

    @property
    def _programs(self) -> Programs:
        with self._lock:
            if self._started is None:
                object.__setattr__(self, "_started", Programs())
            assert self._started is not None
            return self._started

    @contextlib.contextmanager
    def _folder(self, values: Mapping[str, float]) -> Generator[str | Path]:
        """Give the directory to run in, with its files written."""
        if not self.is_fresh:
            yield self._directory
            return
        with self._programs.fresh_folder() as folder:
            for template in self.templates:
                with _made(folder / template.name) as target:
                    target.write_text(fill(template.text, values), encoding="utf-8")
            for file in self.inputs:
                with _made(folder / file.name) as target:
                    target.symlink_to(os.path.join(self._directory, file.path))
            yield folder

    def _value_of(self, finished: Finished, folder: str | Path, shown: str) -> float:
        """Return the value that a program gave, or raise why it gave none."""

        def failure(kind: FailureKind, message: str) -> CommandError:
            return CommandError(kind, message, _details(finished, shown))

        if finished.ended == "timeout":
            late = timed_out(cast("float", self._timeout))
            raise failure(late.kind, late.message)
        if finished.ended == "stopped":
            raise failure("died", "stopped before it had ended")
        if finished.code < 0:
            raise failure("died", f"ended by signal {_signal_name(-finished.code)}")
        if finished.code:
            raise failure("exit code", f"exit code {finished.code}{_last_words(finished.stderr)}")
        try:
            return self.value.read(finished.stdout, folder)
        except OutputError as error:
            lost = " (only its last MiB is kept)" if finished.cut and not self.value.file else ""
            raise failure("output", f"{error}{lost}") from error


def _items(name: str, given: Any, kind: type, expected: str) -> tuple[Any, ...]:
    """Return the elements of an argument that is a list of `kind`; paths as text."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidArgumentError(f"{name}={given!r}: expected a list, each {expected}")
    items: list[Any] = [
        os.fspath(cast("Any", item)) if isinstance(item, os.PathLike) else item
        for item in cast("Iterable[Any]", given)
    ]
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise InvalidArgumentError(f"{name}[{i}]={item!r}: expected {expected}")
    return tuple(items)


def _variables(given: Any) -> dict[str, str]:
    if isinstance(given, Mapping):
        variables = dict(cast("Mapping[Any, Any]", given))
        if all(isinstance(text, str) for item in variables.items() for text in item):
            return variables
    raise InvalidArgumentError(
        f"environment={given!r}: expected texts by name, as in {{'OMP_NUM_THREADS': '1'}}"
    )


def _key(values: Mapping[str, float]) -> tuple[float, ...]:
    return tuple(values.values())


@contextlib.contextmanager
def _made(target: Path) -> Generator[Path]:
    """Have the folder of a file, and the file named where something goes wrong with it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target
    except OSError as error:
        error.filename = f"{target}"  # that of writing has none, that of linking the other
        raise


def _not_run(error: OSError, shown: str) -> str:
    hint = " (is its first line a  #! ?)" if error.errno == errno.ENOEXEC else ""
    where = "" if error.filename is None else f": {error.filename}"
    return f"cannot run  {one_line(shown)}: {error.strerror or error}{hint}{where}"


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return f"{number}"


def _last_words(stderr: str) -> str:
    line = stderr.rstrip().rpartition("\n")[2].strip()
    if len(line) > SHOWN:
        line = f"{line[:SHOWN]} ..."
    return f": {line}" if line else ""


def _details(finished: Finished, shown: str) -> str:
    parts = [f"$ {shown}"]
    for name in ("stdout", "stderr"):
        text: str = getattr(finished, name)
        if text.strip():
            kept = text if len(text) <= RECORDED else f"... {text[-RECORDED:]}"
            parts.append(f"--- {name}\n{kept.rstrip()}")
    return "\n".join(parts)
