"""What a benchmark found: tables and goals, as Markdown and as JSON."""

import json
import math
import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nelder.core.machine
from benchmarks.build import BuildError, compiler
from benchmarks.peers import gsl_library

__all__ = ["RESULTS", "Goal", "Report", "Table", "installed", "machine", "versions", "write"]

RESULTS = Path(__file__).parent / "results"

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    title : str
    columns : list of str
    rows : list of rows
        Each with one cell for each column. Floats are shown with three digits; None is "-".
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]

    def markdown(self) -> str:
        """Return the table as aligned Markdown."""
        cells = [self.columns, *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        numbers = [
            all(not isinstance(row[i], str) for row in self.rows) for i in range(len(widths))
        ]

        def line(row: list[str]) -> str:
            padded = (
                text.rjust(width) if number else text.ljust(width)
                for text, width, number in zip(row, widths, numbers, strict=True)
            )
            return f"| {' | '.join(padded)} |"

        rule = (
            "-" * (width + 1) + (":" if number else "-")
            for width, number in zip(widths, numbers, strict=True)
        )
        lines = [line(cells[0]), f"|{'|'.join(rule)}|", *map(line, cells[1:])]
        return "\n".join([f"## {self.title}", "", *lines])


@dataclass(frozen=True)
class Goal:
    """A goal and what was measured.

    Parameters
    ----------
    goal, measured : str
    met : bool
    """

    goal: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Report:
    """All that a benchmark found.

    Parameters
    ----------
    title : str
    goals : list of Goal
    tables : list of Table
    notes : list of str
        How it was measured.
    figures : list of str
        Names of image files in the folder of results.
    packages : dict of str to str
        Versions of what is measured here beside NumPy, SciPy, NLopt, GSL and nelder.
    """

    title: str
    goals: list[Goal]
    tables: list[Table]
    notes: list[str]
    figures: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the report without the machine."""
        met = Table(
            "Goals",
            ["goal", "measured", "met"],
            [[g.goal, g.measured, _yes(g.met)] for g in self.goals],
        )
        parts = [f"# {self.title}", met.markdown(), *(table.markdown() for table in self.tables)]
        parts += [f"![{figure}]({figure})" for figure in self.figures]
        parts += ["## How it was measured", "\n".join(f"- {note}" for note in self.notes)]
        return "\n\n".join(parts)


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float) and math.isfinite(cell):
        return f"{cell:.0f}" if abs(cell) >= 100.0 else f"{cell:.3g}"
    return "∞" if cell == math.inf else str(cell)


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.splitlines()[0]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def _os() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.platform()}"
    except OSError:
        return platform.platform()


def machine() -> dict[str, str | int | None]:
    """Return the processor, cores, system, compiler and present load (one minute's average)."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": _os(),
        "compiler": _first_line([compiler(), "--version"]),
        "load": load,
    }


def installed(*names: str) -> dict[str, str]:
    """Return the versions of packages; "none" where one is not installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def versions() -> dict[str, str]:
    """Return the version of everything that most benchmarks measure."""
    try:
        gsl = gsl_library().version().decode()
    except BuildError:
        gsl = "none"
    compiled = not str(nelder.core.machine.__file__).endswith(".py")
    packages = installed("numpy", "scipy", "nlopt")
    own = f"{version('nelder')} ({'compiled' if compiled else 'not compiled'})"
    return {"python": platform.python_version(), **packages, "gsl": gsl, "nelder": own}


def _listed(facts: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _strict(value: object) -> object:
    """Replace infinities and NaN, which JSON does not have, by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    return [_strict(item) for item in value] if isinstance(value, list) else value


def write(name: str, report: Report, facts: dict[str, str | int | None]) -> list[Path]:
    """Write the report to the folder of results.

    Parameters
    ----------
    name : str
        Of the files.
    report : Report
    facts : dict
        What `machine` returned before the benchmark.

    Returns
    -------
    list of Path
        The Markdown and the JSON file.
    """
    RESULTS.mkdir(exist_ok=True)
    found = versions() | report.packages
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = f"Measured {date} on: {_listed(facts)}.\n\nVersions: {_listed(found)}.\n"
    content = {
        "title": report.title,
        "date": date,
        "machine": facts,
        "versions": found,
        "goals": [vars(goal) for goal in report.goals],
        "tables": [vars(table) for table in report.tables],
        "notes": report.notes,
        "figures": report.figures,
    }
    markdown, data = RESULTS / f"{name}.md", RESULTS / f"{name}.json"
    markdown.write_text(f"{report.markdown()}\n\n{where}", encoding="utf-8")
    data.write_text(
        json.dumps(_strict(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    return [markdown, data]
