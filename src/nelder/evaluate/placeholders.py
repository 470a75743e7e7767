"""Text with the parameters' values put in: arguments, environment variables, input files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from nelder.errors import InvalidArgumentError

__all__ = ["fill", "names_in"]

# {k}, {k:.3e}, and {{k}} for the text {k}. All other braces are text: programs read braces too.
_NAME = r"([^\W\d]\w*)(:[^{}\s]+)?"
_PLACEHOLDER = re.compile(rf"\{{(\{{{_NAME}\}})\}}|\{{{_NAME}\}}")


def fill(text: str, values: Mapping[str, float]) -> str:
    """Put `values` into `text`.

    Parameters
    ----------
    text : str
        ``{k}`` becomes the value of k with all its digits, ``{k:.3e}`` the value in Python's
        format ``.3e``, ``{{k}}`` the text ``{k}``. All other braces stay as they are.
    values : mapping of str to float
        For each of `names_in` the text.
    """

    def put(found: re.Match[str]) -> str:
        escaped, _, _, name, form = found.groups()
        if escaped:
            return escaped
        value = values[name]
        return format(value, form[1:]) if form else repr(value)

    return _PLACEHOLDER.sub(put, text)


def names_in(text: str, known: Collection[str], where: str) -> frozenset[str]:
    """Return which of the names `known` stand in `text` as placeholders.

    Parameters
    ----------
    text : str
        As for `fill`.
    known : collection of str
    where : str
        What the text is, for the message of an error.

    Raises
    ------
    InvalidArgumentError
        A placeholder has another name, or a format that is none.
    """
    names: set[str] = set()
    for found in _PLACEHOLDER.finditer(text):
        escaped, _, _, name, form = found.groups()
        if escaped:
            continue
        if name not in known:
            raise InvalidArgumentError(
                f"{where}: no parameter for the placeholder {found[0]}; there is "
                f"{', '.join(f'{{{name}}}' for name in known) or 'none'}"
                f" (write {{{found[0]}}} for the text {found[0]})"
            )
        if form:
            try:
                format(1.0, form[1:])
            except ValueError as error:
                raise InvalidArgumentError(
                    f"{where}: placeholder {found[0]}: expected a format of a real number, as in "
                    f"{{{name}:.6e}}"
                ) from error
        names.add(name)
    return frozenset(names)
