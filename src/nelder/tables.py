"""Rows of a name and a text, as results show them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["as_html", "as_text"]

Rows = Sequence[tuple[str, str]]


def as_text(title: str, rows: Rows) -> str:
    """Return `rows` below `title`, the colons in line."""
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{name:>{width}}{':' if name else ' '} " + text.replace("\n", "\n" + " " * (width + 2))
        for name, text in rows
    ]
    return "\n".join([title, *lines])


def as_html(title: str, rows: Rows) -> str:
    """Return the same for notebooks."""
    import html  # not what every import of the package needs

    cells = "".join(
        f"<tr><th style='text-align:right'>{html.escape(name)}</th>"
        f"<td style='text-align:left'><code>{html.escape(text)}</code></td></tr>"
        for name, text in rows
    )
    return f"<table><caption>{html.escape(title)}</caption><tbody>{cells}</tbody></table>"
