"""Many parameters: `Subspaces` beside other methods, on the axes, from other starts, and turned."""

import math
from collections.abc import Callable
from functools import partial
from statistics import median

from rich.progress import track

import nelder
from benchmarks.cma_peer import CMA_NOTE, cma_peer
from benchmarks.peers import STEPS_NOTE, Peer, peers
from benchmarks.problems import Problem, gao_han
from benchmarks.problems.problem import Array, Objective
from benchmarks.problems.scalable import large, perturbed, rotated
from benchmarks.recorder import evaluations_to
from benchmarks.report import Goal, Report, Table, installed

__all__ = ["run"]

TAU = 1e-6
BUDGET = 200
DIMENSIONS = (16, 32, 64, 100)
LARGEST_BOBYQA = 32  # beyond, a run takes minutes: O(n²) to O(n³) for each evaluation
GAO_HAN_DIM = 48
GAO_HAN_BUDGET = 1000
SUBSPACES, BOBYQA, SBPLX, CMA = "nelder Subspaces", "NLopt BOBYQA", "NLopt SBPLX", "CMA-ES"

Found = dict[str, list[float]]
"""For each solver, evaluations/(n+1) on each problem; inf where it is not solved."""


def _subspaces(fun: Objective, x0: Array, maxfev: int, _tolerance: float | None) -> Array:
    """Run `Subspaces` with its defaults."""
    try:
        return nelder.minimize(fun, x0, method=nelder.Subspaces(), maxfev=maxfev).x
    except nelder.EvaluationError as error:
        raise (error.__cause__ or error) from None


def _solvers() -> list[Peer]:
    usual = {peer.name: peer for peer in peers()}
    names = ("nelder", SBPLX, BOBYQA, "SciPy adaptive")
    return [
        Peer(SUBSPACES, _subspaces),
        Peer(CMA, cma_peer),
        *(usual[name] for name in names),
    ]


def _variants() -> dict[str, Callable[[Problem], Problem]]:
    """Return the sets: how each problem is changed, by the name of the set."""
    return {
        "usual starts": lambda problem: problem,
        "perturbed starts": partial(perturbed, seed=3),
        "rotated": partial(rotated, seed=7),
        "rotated, perturbed starts": lambda problem: rotated(perturbed(problem, 3), 7),
    }


def _measure(n: int, title: str, change: Callable[[Problem], Problem]) -> Found:
    found: Found = {}
    problems = [change(problem) for problem in large(n)]
    for peer in track(_solvers(), description=f"n = {n}, {title}"):
        if peer.name == BOBYQA and n > LARGEST_BOBYQA:
            continue
        found[peer.name] = [
            evaluations_to(TAU, problem, peer, BUDGET * (n + 1)) / (n + 1) for problem in problems
        ]
    return found


def _solved(needed: list[float]) -> int:
    return sum(value < math.inf for value in needed)


def _mean(needed: list[float]) -> float:
    """Return the mean, with the budget for what was not solved."""
    return sum(min(value, BUDGET) for value in needed) / len(needed)


def _summary(title: str, found: dict[int, Found]) -> Table:
    names = list(found[DIMENSIONS[0]])
    rows = []
    for name in names:
        cells: list[str | int | float | None] = []
        for n in DIMENSIONS:
            needed = found[n].get(name)
            cells += [None, None] if needed is None else [_solved(needed), _mean(needed)]
        rows.append([name, *cells])
    columns = [column for n in DIMENSIONS for column in (f"n = {n}: solved of 8", "mean ev/(n+1)")]
    return Table(f"{title[0].upper()}{title[1:]}", ["solver", *columns], rows)


def _details(title: str, n: int, found: Found) -> Table:
    rows = [
        [problem.name, *values] for problem, *values in zip(large(n), *found.values(), strict=True)
    ]
    return Table(f"{title}, n = {n}: evaluations/(n+1)", ["problem", *found], rows)


def _gao_han() -> tuple[Table, Goal]:
    problem = gao_han(GAO_HAN_DIM)
    budget = GAO_HAN_BUDGET * (problem.n + 1)
    found = {peer.name: evaluations_to(TAU, problem, peer, budget) for peer in _solvers()}
    rows = [[name, int(value) if value < math.inf else value] for name, value in found.items()]
    table = Table(
        f"Gao and Han's function, n = {GAO_HAN_DIM}: evaluations", ["solver", "evaluations"], rows
    )
    own = found[SUBSPACES]
    goal = Goal(
        f"Gao-Han {GAO_HAN_DIM}: at most 1300 evaluations",
        f"{own:g}; BOBYQA {found[BOBYQA]:g}, SBPLX {found[SBPLX]:g}",
        own <= 1300,
    )
    return table, goal


def run() -> Report:
    """Run all solvers on all sets."""
    gao_han_table, gao_han_goal = _gao_han()
    found = {
        title: {n: _measure(n, title, change) for n in DIMENSIONS}
        for title, change in _variants().items()
    }
    goals = [gao_han_goal]
    aligned = ("usual starts", "perturbed starts")
    for n in DIMENSIONS:
        counts = {
            name: sum(_solved(found[title][n][name]) for title in aligned)
            for name in (SUBSPACES, SBPLX, CMA)
        }
        goals.append(
            Goal(
                f"n = {n}, usual and perturbed starts: more of 16 solved than SBPLX and CMA-ES",
                ", ".join(f"{name} {count}" for name, count in counts.items()),
                counts[SUBSPACES] > max(counts[SBPLX], counts[CMA]),
            )
        )
    turned = [title for title in found if title not in aligned]
    for n in DIMENSIONS:
        if n > LARGEST_BOBYQA:
            continue
        needed = {
            name: [value for title in turned for value in found[title][n][name]]
            for name in (SUBSPACES, BOBYQA)
        }
        own, rival = (_solved(needed[name]) for name in (SUBSPACES, BOBYQA))
        means = [_mean(needed[name]) for name in (SUBSPACES, BOBYQA)]
        goals.append(
            Goal(
                f"n = {n}, rotated: as many of 16 solved as BOBYQA",
                f"{own} against {rival}, mean ev/(n+1) {means[0]:.1f} against {means[1]:.1f}",
                own >= rival,
            )
        )
    own = [value for sets in found.values() for each in sets.values() for value in each[SUBSPACES]]
    within = [value for value in own if value < math.inf]
    return Report(
        "Many parameters",
        goals,
        [
            gao_han_table,
            *(_summary(title, sets) for title, sets in found.items()),
            *(
                _details(title, n, sets[n])
                for title, sets in found.items()
                for n in (DIMENSIONS[0], DIMENSIONS[-1])
            ),
        ],
        [
            f"Solved: f - f* <= {TAU:g}·(f(x0) - f*) within {BUDGET}(n+1) evaluations, counted by "
            "one wrapper around the objective. Means count the budget for what is not solved.",
            "Perturbed starts: each coordinate moved by up to half of max(1, |x0|), seed 3.",
            "Rotated: turned about the start by a random rotation, seed 7; x0 and the first "
            "steps stay what they are. The ellipsoid is turned in every set.",
            "nelder runs with its defaults, its own stopping rule included; all others without "
            "tolerances.",
            f"Over all sets Subspaces solves {len(within)} of {len(own)}, in the middle within "
            f"{median(within):.1f} evaluations/(n+1).",
            f"BOBYQA is left out beyond n = {LARGEST_BOBYQA}, where a run takes minutes, but for "
            "Gao and Han's function.",
            STEPS_NOTE,
            CMA_NOTE,
        ],
        packages=installed("cma"),
    )
