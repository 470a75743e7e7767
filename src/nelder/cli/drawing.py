"""``nelder plot``: a picture of a study, from its record alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from nelder.cli.replay import standing
from nelder.cli.studies import Recorded, run_of, study_of
from nelder.errors import InvalidArgumentError
from nelder.journal.reading import load
from nelder.journal.study import Study
from nelder.plots import plot_result, plot_search

__all__ = ["draw"]


def draw(path: str, picture: str, parameters: Sequence[str]) -> None:
    """Draw a study, also while it is written.

    Parameters
    ----------
    path : str
    picture : str
        The file to write.
    parameters : sequence of str
        Names of parameters; empty for those that moved farthest.

    Raises
    ------
    JournalError
        The study cannot be read.
    InvalidArgumentError
        Nothing is recorded, there is no such parameter, or the picture cannot be written.
    MissingExtraError
        Matplotlib is not installed.
    """
    journal = load(path)
    if os.path.exists(picture) and os.path.samefile(picture, path):
        raise InvalidArgumentError(f"{picture}: expected another file than the study")
    figure = _figure(run_of(journal), study_of(journal), list(parameters) or None)
    formats = figure.canvas.get_supported_filetypes()
    ending = os.path.splitext(picture)[1].removeprefix(".").lower()
    if ending not in formats:
        raise InvalidArgumentError(
            f"{picture}: expected a name that ends in one of {', '.join(sorted(formats))}"
        )
    try:
        figure.savefig(picture, dpi=150)
    except OSError as error:
        raise InvalidArgumentError(f"cannot write {picture}: {error.strerror}") from error


def _figure(run: Recorded | None, study: Study, parameters: Sequence[str] | None) -> Any:
    """Return the picture of what the search used, or of all that is recorded where none is told."""
    rows = study.evaluations
    if run is not None and len(rows):
        return plot_result(standing(run, study, history=True).result, parameters)
    rows = rows[rows.final]
    return plot_search(rows.X, rows.values, study.names, parameters)
