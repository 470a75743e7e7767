"""Goal 3: problems solved, and evaluations spent, on two standard sets."""

import math
from statistics import median

from rich.progress import track

from benchmarks.peers import NELDER, STEPS_NOTE, missing, peers
from benchmarks.problems import Problem, mgh, more_wild
from benchmarks.recorder import evaluations_to
from benchmarks.report import RESULTS, Goal, Report, Table
from nelder import plot_profile

__all__ = ["run"]

TAU = 1e-6

Found = dict[str, list[float]]
"""For each solver, evaluations/(n+1) on each problem; inf where it is not solved."""


def _measure(title: str, problems: list[Problem], budget: int) -> Found:
    found: Found = {peer.name: [] for peer in peers()}
    for problem in track(problems, description=title):
        for peer in peers():
            needed = evaluations_to(TAU, problem, peer, budget * (problem.n + 1))
            found[peer.name].append(needed / (problem.n + 1))
    return found


def _summary(title: str, problems: list[Problem], found: Found) -> Table:
    rows = []
    for name, needed in found.items():
        within = [value for value in needed if math.isfinite(value)]
        unsolved = [p.name for p, v in zip(problems, needed, strict=True) if v == math.inf]
        shown = ", ".join(unsolved[:8]) + (" ..." if len(unsolved) > 8 else "")
        rows.append([name, len(within), median(within), median(needed), shown])
    columns = ["solver", f"solved of {len(problems)}", "median ev/(n+1), its solved ones"]
    return Table(title, [*columns, "median ev/(n+1), all", "not solved"], rows)


def _details(title: str, problems: list[Problem], found: Found) -> Table:
    rows = [[p.name, p.n, *values] for p, *values in zip(problems, *found.values(), strict=True)]
    return Table(f"{title}: evaluations/(n+1)", ["problem", "n", *found], rows)


def _draw(name: str, title: str, found: Found, budget: int) -> str:
    """Draw the data profiles; return the name of the file."""
    RESULTS.mkdir(exist_ok=True)
    file = f"data_profile_{name}.png"
    figure = plot_profile(found, budget=budget, title=title, emphasis=[NELDER])
    figure.savefig(RESULTS / file, dpi=120)
    return file


def run() -> Report:
    """Run all solvers on both sets; write the data profiles."""
    sets = {
        "mgh": ("Moré-Garbow-Hillstrom", mgh(), 500),
        "more_wild": ("Moré-Wild", more_wild(), 300),
    }
    tables, details, figures, own = [], [], [], {}
    for name, (source, problems, budget) in sets.items():
        title = f"{source} {len(problems)}, {budget}(n+1) evaluations"
        found = _measure(title, problems, budget)
        tables.append(_summary(title, problems, found))
        details.append(_details(source, problems, found))
        figures.append(_draw(name, f"{title}, τ = {TAU:g}", found, budget))
        own[name] = [value for value in found[NELDER] if math.isfinite(value)]
    middle = median(own["mgh"])
    return Report(
        "Problems solved",
        [
            Goal("at least 46 of MGH 47", str(len(own["mgh"])), len(own["mgh"]) >= 46),
            Goal("MGH median at most 49 evaluations/(n+1)", f"{middle:.1f}", middle <= 49.0),
            Goal(
                "at least 50 of Moré-Wild 53",
                str(len(own["more_wild"])),
                len(own["more_wild"]) >= 50,
            ),
        ],
        [*tables, *details],
        [
            f"Solved: f - f* <= {TAU:g}·(f(x0) - f*), with the f* of the literature. Evaluations "
            "are counted by one wrapper around the objective, the same for all solvers, up to the "
            "first value that reaches it.",
            "nelder runs with its defaults, including its own stopping rule (1e-8) and restart "
            "probe. All others run without tolerances, so that none stops before the budget.",
            STEPS_NOTE,
            "The goals' median is over the problems that nelder solves; the column 'all' counts "
            "unsolved ones as infinite.",
            "The figures are data profiles (Moré & Wild 2009).",
            *([missing()] if missing() else []),
        ],
        figures,
    )
