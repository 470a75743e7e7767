"""How a run ended, for people and for machines."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import Any

from nelder.cli import exits
from nelder.errors import NelderError
from nelder.result import DETAILS, Result, Status

__all__ = ["Ending", "details", "number", "of_error", "of_failure", "of_interrupt", "of_result"]


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes
    ----------
    path : str
        Of the study.
    code : int
        The exit code.
    headline : str
        What happened.
    result : Result or None
        The search as it stands; None where it had not begun.
    details : str
        What a failed evaluation left, where that is why it ended.
    further : str
        The command that goes on, empty where there is nothing to do.
    """

    path: str
    code: int
    headline: str
    result: Result | None
    details: str = ""
    further: str = ""

    def as_event(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        result = self.result
        event: dict[str, Any] = {
            "event": "end",
            "exit_code": self.code,
            "message": self.headline,
            "study": self.path,
        }
        if self.details:
            event["details"] = self.details
        if result is not None:
            event |= {
                "success": result.success,
                "status": result.status.name,
                "x": result.x if math.isfinite(result.fun) else None,
                "fun": number(result.fun),
                "nfev": result.nfev,
                "nit": result.nit,
                "nfailed": result.nfailed,
                "nahead": result.nahead,
                "elapsed": result.elapsed,
                **details(result),
            }
        return event


def of_result(path: str, result: Result) -> Ending:
    """Return the ending of a search that ended by itself or its budget."""
    code = exits.of_status(result.status)
    kind = result.status.kind
    headline = result.message if kind == "budget" else f"{kind}: {result.message}"
    more = f" --maxfev {2 * result.nfev}" if result.status is Status.MAXFEV else ""
    goes_on = code == exits.BUDGET or result.status is Status.OBJECTIVE_FAILED
    return Ending(path, code, headline, result, further=f"{_resume(path)}{more}" if goes_on else "")


def of_interrupt(path: str, code: int, headline: str, result: Result | None) -> Ending:
    """Return the ending of a search that was interrupted."""
    return Ending(path, code, headline, result, further=_resume(path))


def of_failure(path: str, what: str, details: str, result: Result | None, resumes: bool) -> Ending:
    """Return the ending of a search whose objective failed."""
    further = _resume(path) if resumes else ""
    return Ending(path, exits.FAILED, f"failed: {what}", result, details, further)


def of_error(path: str, error: NelderError) -> Ending:
    """Return the ending of a search in which something else went wrong."""
    further = "" if error.result is None else _resume(path)
    return Ending(path, exits.of_error(error), f"{error}", error.result, further=further)


def _resume(path: str) -> str:
    return f"nelder resume {shlex.quote(path)}"


def details(result: Result) -> dict[str, float | None]:
    """Return what the method counts besides: model steps, noise."""
    found = {name: getattr(result, name) for name in DETAILS}
    return {name: number(value) for name, value in found.items() if value is not None}


def number(value: float) -> float | None:
    """Return what JSON can hold of a number: None for those that are not finite."""
    return value if math.isfinite(value) else None
