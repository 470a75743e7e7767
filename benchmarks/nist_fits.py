"""Goal 4: the NIST nonlinear regression problems, parameters right to six digits."""

import math

from rich.progress import track

from benchmarks.peers import NELDER, STEPS_NOTE, Peer, missing, peers
from benchmarks.problems import NistProblem, correct_digits, nist
from benchmarks.recorder import Recorder
from benchmarks.report import Goal, Report, Table

__all__ = ["run"]

DIGITS = 6.0
BUDGET = 2000
TOLERANCES = {"own default": None, "1e-8": 1e-8, "none": 0.0}


def _digits(peer: Peer, problem: NistProblem, tolerance: float | None) -> tuple[float, int]:
    """Return the correct digits of what the solver returns, and its evaluations."""
    maxfev = BUDGET * (problem.n + 1)
    recorder = Recorder(problem.fun, maxfev)
    x = peer.run(recorder, problem.x0, maxfev, tolerance)
    if x is None:  # the library raised instead of returning
        x = problem.x0 if recorder.x is None else recorder.x
    return correct_digits(x, problem.certified), recorder.nfev


def run() -> Report:
    """Fit all 54 problems with all solvers, each with three tolerances."""
    problems = nist()
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for problem in track(problems, description=f"NIST, {BUDGET}(n+1) evaluations"):
        for peer in peers():
            for label, tolerance in TOLERANCES.items():
                if peer.name == NELDER and label != "own default":
                    continue
                found.setdefault((peer.name, label), []).append(_digits(peer, problem, tolerance))
    solved = {key: sum(digits >= DIGITS for digits, _ in results) for key, results in found.items()}
    own = solved[NELDER, "own default"]
    summary = Table(
        f"Fits right to {DIGITS:g} digits, of {len(problems)}",
        ["solver", *(f"tolerance: {label}" for label in TOLERANCES)],
        [
            [peer.name, *(solved.get((peer.name, label)) for label in TOLERANCES)]
            for peer in peers()
        ],
    )
    shown = [(NELDER, "own default")] + [(p.name, "1e-8") for p in peers() if p.name != NELDER]
    rows = []
    for i, problem in enumerate(problems):
        digits = [found[key][i][0] for key in shown]
        rows.append(
            [
                f"{problem.name} {problem.start}",
                problem.n,
                found[shown[0]][i][1],
                *(_shown(value) for value in digits),
            ]
        )
    details = Table(
        "Correct digits of the worst parameter: nelder's defaults, all others with 1e-8",
        ["problem and start", "n", "nelder's evaluations", *(name for name, _ in shown)],
        rows,
    )
    others = "; ".join(
        f"{name} {solved[name, 'own default']} by default, {solved[name, '1e-8']} at 1e-8"
        for name in ("SciPy", "SciPy adaptive", "NLopt NELDERMEAD")
    )
    measured = f"{own} ({others})"
    return Report(
        "NIST fits",
        [Goal("at least 50 of 54", measured, own >= 50)],
        [summary, details],
        [
            f"Budget {BUDGET}(n+1) evaluations. Right: -log10 of the largest relative error of a "
            f"parameter, against NIST's certified ones, is at least {DIGITS:g}, at the x that the "
            "solver returns.",
            "nelder runs with its defaults (xatol = fatol = 1e-8, restart probe). Others run with "
            "their own default tolerances (SciPy xatol = fatol = 1e-4; NLopt and GSL have none and "
            "spend the budget), with 1e-8 (SciPy xatol = fatol, NLopt xtol_abs, GSL the size of "
            "the simplex; the presets' own rules are 1e-8), and with none.",
            STEPS_NOTE,
            *([missing()] if missing() else []),
        ],
    )


def _shown(digits: float) -> float | str:
    """Return digits to one decimal; below 0 there is none."""
    if math.isnan(digits):
        return "nan"
    return max(0.0, round(digits, 1))
