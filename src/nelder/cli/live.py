"""A run shown live in a terminal."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nelder.cli import exits
from nelder.cli.display import Rate, duration, evaluations, shown, time_left
from nelder.cli.endings import Ending
from nelder.cli.studies import Recorded
from nelder.result import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nelder.cli.texts import NamedParameter

__all__ = ["LiveDisplay"]

MOST = 16  # parameters shown
SLIDER = 20  # characters


class LiveDisplay:
    """Best value and parameters, evaluations, rate and time left; at its end, the summary."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._rate = Rate()
        self._now: Progress | None = None
        self._seen = 0.0  # when, by the clock; between two updates time goes on
        self._per_second = math.nan
        self._run: Recorded | None = None

    @contextlib.contextmanager
    def showing(self, path: str, run: Recorded) -> Generator[None]:
        """Show what is about to begin, and draw while it lasts."""
        self._run = run
        self._console.print(
            Text.assemble(("study ", "dim"), (path, "bold"), ("  ", ""), run.problem.title),
            overflow="ellipsis",
            no_wrap=True,
        )
        with Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=4,
            transient=True,
        ):
            yield

    def update(self, now: Progress) -> None:
        """Take what is to be drawn."""
        self._per_second = self._rate.add(now)
        self._now, self._seen = now, time.monotonic()

    def end(self, ending: Ending) -> None:
        """Show how it ended."""
        first, _, rest = shown(ending).partition("\n")
        style = {exits.DONE: "bold green", exits.FAILED: "bold red"}.get(ending.code, "bold yellow")
        self._console.print(Text(first, style), soft_wrap=True)
        self._console.print(Text(rest), soft_wrap=True)

    def _drawn(self) -> RenderableType:
        now, run = self._now, self._run
        if now is None or run is None:
            return Text("starting ...", "dim")
        return Group(_best(now, run), self._numbers(now, run))

    def _numbers(self, now: Progress, run: Recorded) -> Text:
        elapsed = now.elapsed + time.monotonic() - self._seen
        parts = [(evaluations(now.nfev), "bold")]
        for name, some, style in (
            ("running", now.running, "cyan"),
            ("ahead", now.nahead, ""),
            ("failed", now.nfailed, "red"),
        ):
            if some:
                parts.append((f"{some} {name}", style))
        if not math.isnan(self._per_second):
            parts.append((_rate(self._per_second), ""))
        parts.append((duration(elapsed), ""))
        options = run.options
        left = time_left(
            now, self._per_second, options.maxfev or math.inf, options.maxtime or math.inf
        )
        if not math.isnan(left):
            parts.append((f"at most {duration(max(left, 0.0))} left", "dim"))
        return Text("   ").join(Text(text, style) for text, style in parts)


def _best(now: Progress, run: Recorded) -> Table:
    table = Table.grid(padding=(0, 2))
    if not now.fun < math.inf:
        table.add_row(Text("  no value yet", "dim"))
        return table
    table.add_row("  best", Text(f"{now.fun:.10g}", "bold green"))
    for name, value in list(now.x.items())[:MOST]:
        table.add_row(f"  {name}", f"{value:.10g}", _slider(value, run.problem.parameters[name]))
    if len(now.x) > MOST:
        table.add_row("  ...", f"{len(now.x) - MOST} more")
    return table


def _slider(value: float, parameter: NamedParameter) -> Text:
    """Return where a value stands between its bounds."""
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        ends = [f"{word} {end:g}" for word, end in (("from", low), ("to", high)) if end is not None]
        return Text(" ".join(ends), "dim")
    if low == high:
        return Text("fixed", "dim")
    place = round((value - low) / (high - low) * (SLIDER - 1))
    return Text.assemble(
        (f"{low:g} ", "dim"),
        ("─" * place, "dim"),
        ("●", "green"),
        ("─" * (SLIDER - 1 - place), "dim"),
        (f" {high:g}", "dim"),
    )


def _rate(per_second: float) -> str:
    for unit, seconds in (("s", 1.0), ("min", 60.0)):
        if per_second * seconds >= 1.0:
            return f"{per_second * seconds:.3g}/{unit}"
    return f"{per_second * 3600.0:.3g}/h"
