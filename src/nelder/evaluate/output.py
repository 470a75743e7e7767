"""Where in a program's output its value stands, and how it is read from there."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from nelder.errors import InvalidArgumentError

__all__ = ["Output", "OutputError", "inside"]

FAIL = "fail"  # what a program writes where it has no value
LARGEST_FILE = 2**26  # bytes
SHOWN = 80  # characters of what is no number, in a message

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|[+-]?inf(inity)?|[+-]?nan", re.I)
_FORMS = "stdout, json:FIELD, regex:RE, file:PATH, file:PATH:json:FIELD or file:PATH:regex:RE"


class OutputError(Exception):
    """A program's output has no value; the message says why."""


@dataclass(frozen=True)
class Output:
    r"""Where the value stands; by default, alone in the last line of standard output.

    Lines that are empty do not count. Numbers may have Fortran's exponents (``1.5D-3``). The word
    ``fail`` in place of the number, or in the last line, says that there is none.

    Parameters
    ----------
    file : str, optional
        A file that the program writes, in its working directory; default standard output.
    json : str, optional
        A field of the JSON text, which is all of the output or its last line:
        ``"result.loss"``, ``"losses.0"``.
    regex : str, optional
        The value is the first group of the last match, or the match where there is no group; ``^``
        and ``$`` match at lines.

    Raises
    ------
    InvalidArgumentError
        `regex` is none, `json` and `regex` are both given, one is empty, or `file` is not inside
        the working directory.

    Examples
    --------
    >>> Output().read("step 1\nstep 2\n0.25\n")
    0.25
    >>> Output.parse("regex:loss *= *(.*)").read("loss = 0.5\nloss = 0.25\n")
    0.25
    """

    file: str | None = None
    json: str | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            inside(self.file, "value (file)")
        if self.json is not None and self.regex is not None:
            raise InvalidArgumentError(
                f"value: json={self.json!r} and regex={self.regex!r}: expected one of them"
            )
        if self.json is not None and not all(self.json.split(".")):
            raise InvalidArgumentError(
                f"value: json={self.json!r}: expected the names of a field, as in result.loss"
            )
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise InvalidArgumentError(
                    f"value: regex={self.regex!r}: expected a regular expression: {error}"
                ) from error
            if not self.regex:
                raise InvalidArgumentError("value: regex='': expected a regular expression")

    @classmethod
    def parse(cls, text: str) -> Output:
        """Read ``stdout``, ``json:FIELD``, ``regex:RE``, ``file:PATH`` or ``file:PATH:...``.

        Raises
        ------
        InvalidArgumentError
            It is none of these.
        """
        file = None
        rest = text
        if rest.startswith("file:"):
            found = re.fullmatch(r"file:(.+?)(?::((?:json|regex):.*))?", rest, re.DOTALL)
            if found is None:
                raise InvalidArgumentError(f"value={text!r}: expected {_FORMS}")
            file, rest = found[1], found[2] or "stdout"
        way, _, what = rest.partition(":")
        if rest == "stdout":
            return cls(file)
        if way == "json" and what:
            return cls(file, json=what)
        if way == "regex" and what:
            return cls(file, regex=what)
        raise InvalidArgumentError(f"value={text!r}: expected {_FORMS}")

    def __str__(self) -> str:
        parts = [
            f"{name}:{part}"
            for name, part in (("file", self.file), ("json", self.json), ("regex", self.regex))
            if part is not None
        ]
        return ":".join(parts) or "stdout"

    def read(self, stdout: str, directory: str | Path = ".") -> float:
        """Return the value.

        Parameters
        ----------
        stdout : str
            What the program wrote there.
        directory : str or Path
            Where it ran.

        Raises
        ------
        OutputError
            There is none, or no number.
        OSError
            There is a file, but no way to read it at present.
        """
        if self.file is None:
            text, source = stdout, "stdout"
        else:
            text, source = _text_of(directory, self.file), self.file
        last = _last_line(text)
        if last.lower() == FAIL:
            raise OutputError(f"the program says {last!r}, in the last line of {source}")
        if self.json is not None:
            return _field(text, last, self.json, source)
        if self.regex is not None:
            return _number(_match(text, self.regex, source), f"what regex {self.regex!r} found")
        if not last:
            raise OutputError(f"{source} is empty: expected a number in its last line")
        return _number(last, f"the last line of {source}")


def inside(name: str, what: str) -> None:
    """Check that a file name is one inside a working directory.

    Raises
    ------
    InvalidArgumentError
        It is empty, absolute, or leads out of the directory.
    """
    path = os.path.normpath(name)
    if not name or os.path.isabs(name) or path.split(os.sep)[0] == ".." or path == ".":
        raise InvalidArgumentError(
            f"{what}: {name!r}: expected the name of a file in the working directory of the program"
        )


def _text_of(directory: str | Path, name: str) -> str:
    path = Path(directory, name)
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise OutputError(f"{name} has {size} bytes: expected {LARGEST_FILE} at most")
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise OutputError(f"the program wrote no file {name}") from error
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise OutputError(f"cannot read {name}: {error.strerror}") from error


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2].strip()


def _match(text: str, regex: str, source: str) -> str:
    matches = deque(re.finditer(regex, text, re.MULTILINE), maxlen=1)
    if not matches:
        raise OutputError(f"no match of regex {regex!r} in {source}")
    found = matches[0]
    return (found[1] if found.re.groups else found[0]) or ""


def _field(text: str, last: str, path: str, source: str) -> float:
    value = _json(text, last, source)
    names = path.split(".")
    for i, name in enumerate(names):
        value = _entry(value, name, ".".join(names[:i]), source)
    what = f"the field {path} of {source}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise OutputError(f"{what} is a whole number too large for a float") from error
    if isinstance(value, str):
        return _number(value, what)
    raise OutputError(f"{what} is {_shown(json.dumps(value))}: expected a number")


def _json(text: str, last: str, source: str) -> Any:
    for part in (text, last):
        try:
            return json.loads(part)
        except (ValueError, RecursionError):
            continue
    raise OutputError(f"{source} is no JSON, nor is its last line: {_shown(last)}")


def _entry(value: Any, name: str, above: str, source: str) -> Any:
    within = f"{above} in {source}" if above else source
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if name in fields:
            return fields[name]
        raise OutputError(f"no field {name!r} in {within}: there is {_shown(', '.join(fields))}")
    if isinstance(value, list) and name.isdecimal():
        items = cast("list[Any]", value)
        if int(name) < len(items):
            return items[int(name)]
        raise OutputError(f"no entry {name} in {within}: there are {len(items)}, from 0")
    raise OutputError(f"no field {name!r} in {within}: it is {_shown(json.dumps(value))}")


def _number(text: str, what: str) -> float:
    word = text.strip()
    if _NUMBER.fullmatch(word):
        return float(word.replace("D", "e").replace("d", "e"))
    if word.lower() == FAIL:
        raise OutputError(f"the program says {word!r}, as {what}")
    raise OutputError(f"{what} is {_shown(word)}: expected a number")


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
