"""The file of a study: its name, and what stands in it besides the evaluations.

A run's problem and options are recorded when its study is made, so that the file is all that
resuming needs.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from nelder.cli.problem import Options, Problem
from nelder.errors import JournalError
from nelder.journal.reading import LoadedJournal, load
from nelder.journal.store import Journal
from nelder.journal.study import Study

__all__ = ["Recorded", "existing", "new_file", "record", "run_of", "study_of"]

STUDY = "main"
RUN = "nelder run"  # holds no evaluations
RESUMED = "nelder resume"  # with a number: neither


@dataclass(frozen=True)
class Recorded:
    """What a run was told.

    Attributes
    ----------
    problem : Problem
    options : Options
    folder : str
        Where programs run and files are found.
    planned : int or None
        The ``maxfev`` of the last run: under noise a search plans with it.
    """

    problem: Problem
    options: Options
    folder: str
    planned: int | None = None


def new_file(problem: Problem, folder: str) -> str:
    """Make an empty file for a study in the current directory; return its name."""
    base = _base(problem, folder)
    number = 1
    while True:
        name = f"{base}.db" if number == 1 else f"{base}-{number}.db"
        try:
            open(name, "x").close()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise JournalError(f"cannot make {name} here: {error.strerror}") from error
        else:
            return name


def _base(problem: Problem, folder: str) -> str:
    """Return the name of the function, of the first argument that is a file, or of the program."""
    if problem.function:
        return problem.function.rpartition(":")[2]
    files = {os.path.join(folder, name) for name in (*problem.templates, *problem.inputs)}
    for argument in problem.program:
        path = os.path.join(folder, argument)
        if not os.path.isabs(argument) and (path in files or os.path.isfile(path)):
            return os.path.splitext(os.path.basename(argument))[0]
    return os.path.basename(problem.program[0])


def existing(path: str) -> Recorded | None:
    """Return what the run of a study was told; None where there is none yet.

    Raises
    ------
    JournalError
        The file cannot be read, or is no journal.
    """
    return run_of(load(path)) if os.path.exists(path) and os.path.getsize(path) else None


def record(path: str, run: Recorded) -> None:
    """Record what a run was told, unless the file holds it already.

    Raises
    ------
    JournalError
        The file cannot be written, or is no journal.
    """
    before = existing(path)
    if before is None:
        notes = {
            "problem": run.problem.as_notes(),
            "options": asdict(run.options),
            "folder": os.path.relpath(run.folder, os.path.dirname(os.path.abspath(path))),
        }
        Journal.open(path, RUN, notes).close()
    elif before.problem.noise and before.planned != run.options.maxfev:
        number = len(_resumed(load(path))) + 1
        Journal.open(path, f"{RESUMED} {number}", {"maxfev": run.options.maxfev}).close()


def run_of(journal: LoadedJournal) -> Recorded | None:
    """Return what the run was told; None where a study was made in another way."""
    notes = _notes(journal)
    if notes is None:
        return None
    folder = os.path.join(os.path.dirname(journal.path), notes["folder"])
    options = Options(**notes["options"])
    plans = [options.maxfev, *(study.settings["maxfev"] for study in _resumed(journal))]
    return Recorded(
        Problem.from_notes(notes["problem"]), options, os.path.normpath(folder), plans[-1]
    )


def study_of(journal: LoadedJournal) -> Study:
    """Return the study with the evaluations; that of the run where it has not got so far.

    Raises
    ------
    JournalError
        There is none, or it is not clear which.
    """
    later = _resumed(journal)
    all_but = [study for study in journal.studies if study not in later]
    studies = [study for study in all_but if study.name != RUN]
    if len(studies or all_but) == 1:
        return (studies or all_but)[0]
    names = ", ".join(study.name for study in studies) or "none yet"
    raise JournalError(f"{journal.path}: expected one study, there are: {names}")


def _resumed(journal: LoadedJournal) -> list[Study]:
    """Return the notes of later runs that planned otherwise, in order."""
    return [study for study in journal.studies if study.name.startswith(f"{RESUMED} ")]


def _notes(journal: LoadedJournal) -> dict[str, Any] | None:
    for study in journal.studies:
        if study.name == RUN:
            return study.settings
    return None
