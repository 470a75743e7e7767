"""The commands and their options, as users see them."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Group, Parameter
from rich.console import Console

import nelder
from nelder.cli import exits
from nelder.cli.display import Display, JsonLines, PlainLines
from nelder.cli.drawing import draw as draw_study
from nelder.cli.given import Given, merged, read_given, read_problem_file, split
from nelder.cli.live import LiveDisplay
from nelder.cli.problem import Options
from nelder.cli.running import execute
from nelder.cli.showing import export as export_study
from nelder.cli.showing import show as show_study
from nelder.cli.studies import Recorded, existing, run_of
from nelder.cli.texts import read_assignment
from nelder.errors import InvalidArgumentError, JournalError, NelderError
from nelder.journal.reading import load

__all__ = ["app", "call"]

MANY = 12  # parameters, from which on subspaces do better

_EXIT_CODES = "  \n".join(["Exit codes:", *(f"{code}: {what}" for code, what in exits.MEANING)])

app = App(
    name="nelder",
    help="Minimise what any program computes, by the Nelder-Mead simplex.",
    help_epilogue=_EXIT_CODES,
    help_format="markdown",
    version=nelder.__version__,
    default_parameter=Parameter(negative="", show_default=False),
)


@Parameter(name="*", group=Group("What is minimised", sort_key=1))
@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Parameters
    ----------
    parameters
        A parameter: name=low:high, name=low:high:start or name=start. low or high may be empty;
        the start is in the middle. Once for each.
    value
        Where the program's value stands: stdout (a number in its last line), json:FIELD, regex:RE
        (the first group of its last match), file:PATH, file:PATH:json:FIELD, file:PATH:regex:RE.
        The word fail there, or another exit code than 0, is a failure. By default stdout.
    template
        An input file with placeholders, SRC or SRC:DST: written for each evaluation, in a directory
        of its own, as DST. May be given several times.
    input
        An input file without placeholders, SRC or SRC:DST, put there too. May be given several
        times.
    env
        An environment variable, NAME=TEXT, with placeholders. May be given several times.
    fresh
        Run in an empty directory even without templates and inputs.
    """

    parameters: Annotated[tuple[str, ...], Parameter(name=["-p", "--parameter"])] = ()
    value: str | None = None
    template: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    fresh: bool | None = None


@Parameter(name="*", group=Group("How it is searched", sort_key=2))
@dataclass(frozen=True)
class Search:
    """How it is searched.

    Parameters
    ----------
    method
        nelder-mead; subspaces, for 12 parameters and more; or k-worst, which keeps more jobs busy.
    k
        How many vertices k-worst moves at once.
    model
        Whether nelder-mead steps to the minimum of a surface fitted to what it knows. It does, with
        up to 32 parameters, except under noise.
    noise
        The program's value differs from run to run. If it turns out not to, nothing changes.
    seed
        Of the random numbers drawn under noise, by default 0.
    xatol
        A search has converged once its points are so close to each other, by default 1e-8, ...
    fatol
        ... and their values too, by default 1e-8.
    """

    method: Literal["nelder-mead", "subspaces", "k-worst"] | None = None
    k: int | None = None
    model: Annotated[bool | None, Parameter(negative="--no-model")] = None
    noise: bool | None = None
    seed: int | None = None
    xatol: float | None = None
    fatol: float | None = None


@Parameter(name="*", group=Group("With what, and how far", sort_key=3))
@dataclass(frozen=True)
class Means:
    """With what, and how far.

    Parameters
    ----------
    jobs
        Evaluations at the same time.
    timeout
        Time for one evaluation, in seconds or as in 90s, 15m, 2h. Its processes are ended then.
    retries
        How often a failed evaluation is made again.
    on_failure
        What the final failure of a point does: it ranks worst, or ends the run (raise, stop).
    maxfev
        Evaluations at most, those recorded before included.
    maxtime
        Time at most for this run, in seconds or as in 90s, 15m, 2h.
    target
        End at the first value at or below it.
    """

    jobs: int | None = None
    timeout: str | None = None
    retries: int | None = None
    on_failure: Literal["worst", "raise", "stop"] | None = None
    maxfev: int | None = None
    maxtime: str | None = None
    target: float | None = None


_OBJECTIVE, _SEARCH, _MEANS = Objective(), Search(), Means()
_PARAMETERS = Parameter(name=["-p", "--parameter"])


@app.command(
    usage="Usage: nelder run [OPTIONS] -- PROGRAM [ARGUMENTS]\n"
    "       nelder run [OPTIONS] MODULE:FUNCTION\n"
    "       nelder run [OPTIONS] PROBLEM.toml"
)
def run(
    *what: Annotated[str, Parameter(show=False)],
    objective: Objective = _OBJECTIVE,
    search: Search = _SEARCH,
    means: Means = _MEANS,
    study: str | None = None,
    json: bool = False,
) -> int:
    """Minimise a program, a Python function, or what a problem file says.

    As in  nelder run -p k=0.1:10 -p c=0.5 -- ./simulate --k {k} --c {c}

    {k} stands for the value of k, {k:.6e} for it in that format, {{k}} for the text {k}; all other
    braces are text. No shell is involved. A function gets the parameters as a dict.

    By default there is one job, no retries, failures rank worst, and maxfev is 1000 (n + 1).

    Parameters
    ----------
    study
        The file in which every evaluation is recorded; one that exists is gone on with. By default
        a new one in the current directory.
    json
        Write JSON lines instead of text.
    """
    here = os.getcwd()
    given, folder = _from_file(what[0]) if _is_file(what) else (_from_words(what), here)
    raw = {
        **_given(objective, parameters=_table("-p", objective.parameters, "k=0.1:10")),
        **_given(search),
        **_given(means),
        "env": _table("--env", objective.env, "OMP_NUM_THREADS=1"),
        "study": study,
    }
    given = merged(given, read_given(raw, here, lambda key: f"--{key}"))
    problem, options = split(given, folder)
    path = given.get("study")
    before = existing(path) if path else None
    if before is not None and "model" not in given:  # a default that was another once
        problem = dataclasses.replace(problem, model=before.problem.model)
    elif "method" not in given and not problem.noise and problem.free >= MANY:
        _complain(f"with {problem.free} parameters, --method subspaces is likely to be quicker")
    return execute(path, Recorded(problem, options, folder), _display(json))


@app.command
def resume(file: str, /, *, means: Means = _MEANS, json: bool = False) -> int:
    """Go on with a study. Without options, those of the run that made it hold.

    Parameters
    ----------
    file
        The study.
    json
        Write JSON lines instead of text.
    """
    journal = load(file)
    recorded = run_of(journal)
    if recorded is None:
        why, call = (
            ("was not made by  nelder run", "the call of Python that made it, and it goes on")
            if journal.studies
            else ("is empty", "what was to make it, with it as the study")
        )
        raise JournalError(f"{file} {why}: repeat {call}")
    given = read_given(_given(means), os.getcwd(), lambda key: f"--{key}")
    changes = {key.replace("-", "_"): value for key, value in given.items()}
    options: Options = dataclasses.replace(recorded.options, **changes)
    return execute(file, dataclasses.replace(recorded, options=options), _display(json))


@app.command
def show(file: str, /, *, failures: bool = False, json: bool = False) -> int:
    """Print what stands in a study: status, best point, failures. Also while it runs.

    Parameters
    ----------
    file
        The study.
    failures
        Show the last failed evaluations in full, with what the program wrote.
    json
        Write a JSON object instead of text.
    """
    show_study(file, failures, json)
    return exits.DONE


@app.command
def plot(
    file: str, picture: str, /, *, parameters: Annotated[tuple[str, ...], _PARAMETERS] = ()
) -> int:
    """Draw a study: convergence, the simplex, the parameters, and a surface with the path.

    Parameters
    ----------
    file
        The study.
    picture
        The file to write; its ending says what: .png, .pdf or .svg.
    parameters
        A parameter to be drawn. May be given several times; the first two are drawn as a surface.
        By default those that moved farthest.
    """
    draw_study(file, picture, parameters)
    print(picture)
    return exits.DONE


@app.command
def export(file: str, /, *, csv: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Write all evaluations of a study as a table.

    Parameters
    ----------
    file
        The study.
    csv
        The file to write, or - for standard output.
    """
    rows = export_study(file, csv)
    if csv != "-":
        print(f"{csv}: {rows} evaluations")
    return exits.DONE


def call(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors are told on standard error."""
    try:
        return app(
            arguments,
            exit_on_error=False,
            print_error=False,
            result_action="return_int_as_exit_code_else_zero",
        )
    except CycloptsError as error:
        unmarked = "{" in "".join(arguments) and "--" not in arguments
        _complain(f"{error}" + "  (a program and its arguments stand behind  -- )" * unmarked)
        return exits.USAGE
    except NelderError as error:
        _complain(f"{error}")
        return exits.of_error(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nelder export fit.db --csv - | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.DONE


def _complain(what: str) -> None:
    print(f"nelder: {what}", file=sys.stderr)


def _is_file(what: Sequence[str]) -> bool:
    return len(what) == 1 and what[0].endswith(".toml")


def _from_file(path: str) -> tuple[Given, str]:
    """Return what a problem file says, and its folder."""
    return read_problem_file(path), os.path.dirname(os.path.abspath(path))


def _from_words(what: Sequence[str]) -> Given:
    """Return a function or a program."""
    if len(what) == 1 and _is_function(what[0]):
        return {"objective": what[0]}
    return {"command": tuple(what)} if what else {}


def _is_function(word: str) -> bool:
    module, colon, function = word.partition(":")
    return bool(colon) and all(
        part.isidentifier() for part in (*module.split("."), *function.split("."))
    )


def _given(group: Any, **instead: Any) -> dict[str, Any]:
    """Return what was given of a group of options, by the keys of a problem file."""
    raw = {**dataclasses.asdict(group), **instead}
    return {
        name.replace("_", "-"): value
        for name, value in raw.items()
        if value is not None and value != ()
    }


def _table(option: str, assignments: Sequence[str], example: str) -> dict[str, str] | None:
    """Return what was given as name=value, by name."""
    table = dict(read_assignment(text, option, example) for text in assignments)
    if len(table) < len(assignments):
        names = [text.partition("=")[0] for text in assignments]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgumentError(f"{option} {twice}: expected each name once")
    return table or None


def _display(as_json: bool) -> Display:
    if as_json:
        return JsonLines()
    return LiveDisplay() if Console().is_terminal else PlainLines()
