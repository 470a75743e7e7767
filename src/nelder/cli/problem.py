"""What is minimised and how, as it stands in a study, and the arguments of `minimize` it means."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from nelder.cli.texts import NamedParameter
from nelder.core.convergence import Tolerance
from nelder.errors import InvalidArgumentError
from nelder.evaluate.attempt import failure_of
from nelder.evaluate.command import Command, CommandError, InputFile, Template
from nelder.evaluate.output import Output
from nelder.options import OnFailure
from nelder.search.k_worst import KWorst
from nelder.search.method import Method as SearchMethod
from nelder.search.nelder_mead import NelderMead
from nelder.search.subspaces import Subspaces

__all__ = ["Method", "Options", "Problem"]

Method = Literal["nelder-mead", "k-worst", "subspaces"]


@dataclass(frozen=True)
class Problem:
    """What the recorded values belong to; a study has one, for good.

    Attributes
    ----------
    parameters : mapping of str to NamedParameter
    program : tuple of str
        With its arguments; empty where there is a function.
    function : str
        ``module:function`` of Python; empty where there is a program.
    value : str
        Where the program's value stands; see `Output.parse`.
    templates : mapping of str to str
        Text of each input file with placeholders.
    inputs : mapping of str to str
        Path of each other input file, from the folder of the problem.
    env : mapping of str to str
    fresh : bool
    method : {"nelder-mead", "k-worst", "subspaces"}
    k : int or None
        Of k-worst.
    model : bool
        Whether nelder-mead takes model steps.
    noise : bool
        Whether nelder-mead reckons with values that differ from call to call.
    seed : int
        Of the random numbers drawn under noise.
    xatol, fatol : float
    """

    parameters: Mapping[str, NamedParameter]
    program: tuple[str, ...] = ()
    function: str = ""
    value: str = "stdout"
    templates: Mapping[str, str] = field(default_factory=dict[str, str])
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    fresh: bool = False
    method: Method = "nelder-mead"
    k: int | None = None
    model: bool = False  # as in studies that do not say
    noise: bool = False
    seed: int = 0
    xatol: float = 1e-8
    fatol: float = 1e-8

    def as_notes(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_notes(cls, notes: Mapping[str, Any]) -> Problem:
        """Return what `as_notes` was called on."""
        parts: dict[str, Any] = dict(notes)
        parts["parameters"] = {n: NamedParameter(**part) for n, part in parts["parameters"].items()}
        parts["program"] = tuple(parts["program"])
        return cls(**parts)

    @property
    def title(self) -> str:
        """The objective in a line."""
        return self.function or " ".join(map(_word, self.program))

    @property
    def start(self) -> dict[str, float]:
        """The start, by name."""
        return {name: part.start for name, part in self.parameters.items()}

    @property
    def bounds(self) -> dict[str, tuple[float | None, float | None]]:
        """The bounds, by name."""
        return {name: (part.low, part.high) for name, part in self.parameters.items()}

    @property
    def free(self) -> int:
        """How many parameters are searched."""
        return sum(part.low is None or part.low != part.high for part in self.parameters.values())

    def searcher(self) -> SearchMethod:
        """Return the method."""
        tolerance = Tolerance(xatol=self.xatol, fatol=self.fatol)
        if self.method == "k-worst":
            return KWorst(k=self.k, convergence=tolerance)
        if self.method == "subspaces":
            return Subspaces(convergence=tolerance)
        return NelderMead(convergence=tolerance, model=self.model, noise=self.noise, seed=self.seed)

    def objective(self, folder: str, timeout: float | None) -> Callable[..., float]:
        """Return what evaluates a point given by name.

        Parameters
        ----------
        folder : str
            Of the problem: where programs run and modules and files are found.
        timeout : float or None
            Seconds, for a program.

        Raises
        ------
        InvalidArgumentError
            There is no such program or function, or its parameters are not these.
        """
        if self.function:
            return _function(self.function, folder)
        return Command(
            self.program,
            tuple(self.parameters),
            value=Output.parse(self.value),
            templates=[Template(name, text) for name, text in self.templates.items()],
            inputs=[InputFile(name, path) for name, path in self.inputs.items()],
            environment=self.env,
            directory=folder,
            timeout=timeout,
            fresh=self.fresh,
        )


@dataclass(frozen=True)
class Options:
    """With what it is minimised, and how far; may change from run to run.

    Attributes
    ----------
    jobs : int
    timeout : float or None
        Seconds for one evaluation.
    retries : int
    on_failure : {"worst", "raise", "stop"}
    maxfev : int or None
    maxtime : float or None
        Seconds.
    target : float or None
    """

    jobs: int = 1
    timeout: float | None = None
    retries: int = 0
    on_failure: OnFailure = "worst"
    maxfev: int | None = None
    maxtime: float | None = None
    target: float | None = None


def _word(argument: str) -> str:
    """Return an argument as it is read in a line, with its placeholders."""
    plain = argument and not re.search(r"""[\s"'\\;&|<>$`]""", argument)
    return argument if plain else shlex.quote(argument)


def _function(name: str, folder: str) -> Callable[..., float]:
    """Import ``module:function``, also from `folder`."""
    module, _, path = name.partition(":")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise InvalidArgumentError(
                f"objective {name}: importing it raised {error!r}"
            ) from error
        hint = f": expected {module[:-3]}:{path}" if module.endswith(".py") else ""
        raise InvalidArgumentError(
            f"objective {name}: there is no module {module!r} in {folder} or among the installed"
            f"{hint}"
        ) from error
    except (Exception, SystemExit) as error:
        raise InvalidArgumentError(f"objective {name}: importing it raised {error!r}") from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise InvalidArgumentError(
            f"objective {name}: there is no function {path!r} in the module {module!r}"
        )
    return _Function(cast("Callable[..., float]", found))


@dataclass(frozen=True)
class _Function:
    """A function that cannot end this process: here as in a worker, that is a failure."""

    function: Callable[..., float]

    def __call__(self, x: Mapping[str, float]) -> float:
        try:
            return self.function(x)
        except SystemExit as error:
            failure = failure_of(error)
            raise CommandError(failure.kind, failure.message, failure.details) from error
