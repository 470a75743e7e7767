"""Goal 5: evaluations as the dimension grows, on the function of Gao and Han."""

import math

from rich.progress import track

from benchmarks.peers import NELDER, STEPS_NOTE, missing, peers
from benchmarks.problems import gao_han
from benchmarks.recorder import evaluations_to
from benchmarks.report import Goal, Report, Table

__all__ = ["run"]

TAU = 1e-6
BUDGET = 1000
DIMENSIONS = (8, 16, 24, 48)
RIVALS = ("SciPy", "SciPy adaptive", "NLopt NELDERMEAD", "GSL nmsimplex2")


def run() -> Report:
    """Count the evaluations of all solvers at each dimension."""
    names = [peer.name for peer in peers()]
    found: dict[int, dict[str, float]] = {}
    for n in track(DIMENSIONS, description=f"Gao-Han, {BUDGET}(n+1) evaluations"):
        problem = gao_han(n)
        found[n] = {
            peer.name: evaluations_to(TAU, problem, peer, BUDGET * (n + 1)) for peer in peers()
        }
    rows = [[name, *(_cell(found[n][name]) for n in DIMENSIONS)] for name in names]
    goals = []
    for n, most in ((8, 1.15), (16, 1.15), (24, 1.0), (48, 0.5)):
        rival = min(RIVALS, key=lambda name: found[n].get(name, math.inf))
        own, least = found[n][NELDER], found[n][rival]
        goals.append(
            Goal(
                f"n = {n}: at most {most:g}x the best other Nelder-Mead",
                f"{own:g} against {least:g} ({rival}), {own / least:.2f}x",
                own <= most * least,
            )
        )
    return Report(
        "Evaluations and dimension",
        goals,
        [
            Table(
                f"Evaluations to {TAU:g}·f(x0)", ["solver", *(f"n = {n}" for n in DIMENSIONS)], rows
            )
        ],
        [
            "Gao and Han's quadratic plus quartic (epsilon = 0.05, sigma = 1e-4) from x0 = 2, "
            f"f* = 0; budget {BUDGET}(n+1) evaluations, ∞ where it does not suffice.",
            "nelder runs with its defaults, all others without tolerances.",
            "The goals are against Nelder-Mead: SciPy, SciPy adaptive, NLopt NELDERMEAD and GSL. "
            "SBPLX and BOBYQA are other methods, for comparison.",
            STEPS_NOTE,
            *([missing()] if missing() else []),
        ],
    )


def _cell(evaluations: float) -> int | float:
    return int(evaluations) if math.isfinite(evaluations) else evaluations
