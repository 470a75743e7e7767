"""How a run is shown: live in a terminal, as plain lines elsewhere, as JSON lines to machines."""

from __future__ import annotations

import contextlib
import json
import math
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from nelder.cli.endings import Ending, number
from nelder.cli.studies import Recorded
from nelder.result import Progress, Result

__all__ = [
    "Display",
    "JsonLines",
    "PlainLines",
    "Rate",
    "duration",
    "evaluations",
    "model_steps",
    "noise",
    "repeats",
    "shown",
    "time_left",
]

WINDOW = 30.0  # seconds that a rate looks back
EVERY = 1.0  # seconds between two lines, at least
QUIET = 60.0  # seconds without a line, at most


class Display(Protocol):
    """What shows a run."""

    def showing(self, path: str, run: Recorded) -> AbstractContextManager[None]:
        """Show a run while it lasts."""
        ...

    def update(self, now: Progress) -> None:
        """Show how it stands; called about ten times a second."""
        ...

    def end(self, ending: Ending) -> None:
        """Show how it ended."""
        ...


class Rate:
    """Evaluations per second, of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: Progress) -> float:
        """Take note of `now` and return the rate; NaN where it is not known yet."""
        seen = self._seen
        seen.append((now.elapsed, now.nfev + now.nahead))
        while seen[-1][0] - seen[0][0] > WINDOW and len(seen) > 2:
            seen.popleft()
        seconds = seen[-1][0] - seen[0][0]
        done = seen[-1][1] - seen[0][1]
        return done / seconds if seconds > 0.0 and done > 0 else math.nan


class JsonLines:
    """One JSON object a line, on standard output."""

    def __init__(self) -> None:
        self._told = -math.inf

    @contextlib.contextmanager
    def showing(self, path: str, run: Recorded) -> Generator[None]:
        """Tell what is about to begin."""
        problem = run.problem
        self._tell(
            {
                "event": "begin",
                "study": path,
                "objective": problem.function or list(problem.program),
                "parameters": {
                    name: {"start": p.start, "low": p.low, "high": p.high}
                    for name, p in problem.parameters.items()
                },
            }
        )
        yield

    def update(self, now: Progress) -> None:
        """Tell how it stands, once a second."""
        if now.elapsed - self._told < EVERY:
            return
        self._told = now.elapsed
        self._tell(
            {
                "event": "progress",
                "x": now.x if math.isfinite(now.fun) else None,
                "fun": number(now.fun),
                "nfev": now.nfev,
                "nit": now.nit,
                "nfailed": now.nfailed,
                "running": now.running,
                "nahead": now.nahead,
                "elapsed": now.elapsed,
            }
        )

    def end(self, ending: Ending) -> None:
        """Tell how it ended."""
        self._tell(ending.as_event())

    def _tell(self, event: Mapping[str, object]) -> None:
        print(json.dumps(event, allow_nan=False), flush=True)


class PlainLines:
    """A line for each better value, once a second at most, and now and then without."""

    def __init__(self) -> None:
        self._told = 0.0
        self._best = math.inf

    @contextlib.contextmanager
    def showing(self, path: str, run: Recorded) -> Generator[None]:
        """Say what is about to begin."""
        print(f"study {path}: {run.problem.title}", flush=True)
        yield

    def update(self, now: Progress) -> None:
        """Say how it stands."""
        pause = EVERY if now.fun < self._best else QUIET
        if now.elapsed - self._told < pause:
            return
        self._told, self._best = now.elapsed, now.fun
        found = f"best {now.fun!r} at {_point(now.x)}" if now.fun < math.inf else "no value yet"
        print(f"{duration(now.elapsed):>8}  {_counts(now)}  {found}", flush=True)

    def end(self, ending: Ending) -> None:
        """Say how it ended."""
        print(shown(ending), flush=True)


def _counts(now: Progress) -> str:
    """Return the numbers of evaluations in words."""
    parts = [evaluations(now.nfev)]
    for name, some in (("failed", now.nfailed), ("ahead", now.nahead), ("running", now.running)):
        if some:
            parts.append(f"{some} {name}")
    return ", ".join(parts)


def evaluations(number: int) -> str:
    """Return a number of evaluations in words."""
    return f"{number} evaluation{'s' * (number != 1)}"


def shown(ending: Ending) -> str:
    """Return an ending as text."""
    lines: list[str] = [ending.headline]
    if ending.details:
        lines += [f"  | {line}" for line in ending.details.splitlines()]
    result = ending.result
    if result is not None and result.fun < math.inf:
        width = max(len("value"), *map(len, result.x))
        rows = {"value": result.fun, **result.x}
        lines += [f"  {name:<{width}}  {value!r}" for name, value in rows.items()]
    if result is not None:
        parts = [evaluations(result.nfev)]
        parts += [f"{result.nfailed} failed"] * (result.nfailed > 0)
        parts += [of for of in (model_steps(result), repeats(result)) if of]
        lines.append(", ".join([*parts, duration(result.elapsed)]))
        lines += [noise(result)] if noise(result) else []
    lines.append(f"study {ending.path}")
    if ending.further:
        lines.append(f"go on with:  {ending.further}")
    return "\n".join(lines)


def model_steps(result: Result) -> str:
    """Return the number of model steps in words; empty where there were none."""
    if not result.nmodel:
        return ""
    return f"{result.nmodel} model step{'s' * (result.nmodel != 1)} ({result.nmodel_better} better)"


def repeats(result: Result) -> str:
    """Return how many evaluations were made again, in words; empty where there were none."""
    return f"{result.nrepeat} repeated" if result.nrepeat else ""


def noise(result: Result) -> str:
    """Return how far values can be trusted, in words; empty where nothing is known of noise."""
    if result.noise is None:
        return ""
    if not result.noise > 0.0:
        return "no noise: the same point gave the same value"
    error = f", standard error of the best value {result.fun_error:.2g}" if result.fun_error else ""
    return f"noise {result.noise:.2g} (standard deviation of one value){error}"


def _point(x: Mapping[str, float]) -> str:
    """Return a point in a line."""
    return " ".join(f"{name}={value:.6g}" for name, value in x.items())


def time_left(now: Progress, rate: float, maxfev: float, maxtime: float) -> float:
    """Return the seconds left until a budget is used up, at most; NaN where nobody knows."""
    by_number = (maxfev - now.nfev) / rate
    left = min(math.inf if math.isnan(by_number) else by_number, maxtime - now.elapsed)
    return left if left < math.inf else math.nan


def duration(seconds: float) -> str:
    """Return a time in words of two units at most."""
    if seconds < 10.0:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((i for i, (some, _) in enumerate(units) if some), 3)
    return " ".join(f"{some} {unit}" for some, unit in units[first : first + 2])
