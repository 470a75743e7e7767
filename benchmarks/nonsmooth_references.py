"""Where the reference values of the nonsmooth problems come from: ``python -m`` this prints them.

No solver's word is taken for a minimum. From the start, and from where each of the peers ends after
1000·(n + 1) evaluations from it, sequential linear programming goes on to a minimum of the sum of
absolute values: r is linearised, and the sum minimised in a box around the point, which grows and
shrinks like a trust region. The reference is the lowest value of all.
"""

import numpy as np
from rich.progress import track
from scipy.optimize import linprog

from benchmarks.cma_peer import cma_peer
from benchmarks.peers import Peer, peers
from benchmarks.problems.nonsmooth import nonsmooth
from benchmarks.problems.problem import Array, Problem, Residuals
from benchmarks.recorder import Recorder

BUDGET = 1000  # evaluations/(n + 1) of each peer
STEPS = 300
ENOUGH = 1e-13  # relative radius of the box


def _jacobian(residuals: Residuals, x: Array) -> Array:
    columns = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 6e-6 * max(abs(x[i]), 1e-3)
        columns.append((residuals(x + step) - residuals(x - step)) / (2.0 * step[i]))
    return np.column_stack(columns)


def _linear_step(r: Array, jacobian: Array, radius: Array) -> Array | None:
    """Return the d within `radius` that minimises sum |r + jacobian·d|."""
    m, n = jacobian.shape
    eye = np.eye(m)
    found = linprog(
        np.concatenate([np.zeros(n), np.ones(m)]),
        A_ub=np.block([[jacobian, -eye], [-jacobian, -eye]]),
        b_ub=np.concatenate([-r, r]),
        bounds=[*zip(-radius, radius, strict=True), *[(0.0, None)] * m],
    )
    return found.x[:n] if found.status == 0 else None


@np.errstate(all="ignore")
def polished(residuals: Residuals, x: Array) -> float:
    """Return the sum of absolute residuals that sequential linear programming reaches from `x`."""
    value = float(np.abs(residuals(x)).sum())
    share = 0.1
    for _ in range(STEPS):
        jacobian = _jacobian(residuals, x)
        if share < ENOUGH or not np.isfinite(jacobian).all():
            break
        step = _linear_step(residuals(x), jacobian, share * np.maximum(np.abs(x), 1e-3))
        if step is None:
            share *= 0.25
            continue
        other = float(np.abs(residuals(x + step)).sum())
        promised = value - float(np.abs(residuals(x) + jacobian @ step).sum())
        if promised <= 1e-15 * value:
            break
        share *= 2.0 if value - other > 0.7 * promised else 0.25 if other >= value else 1.0
        if other < value:
            x, value = x + step, other
    return value


def _ends(problem: Problem) -> list[tuple[str, Array]]:
    """Return the start, and the best point of each peer."""
    found = [("start", problem.x0)]
    budget = BUDGET * (problem.n + 1)
    for peer in [*peers(), Peer("CMA-ES", cma_peer)]:
        recorder = Recorder(problem.fun, budget)
        peer.run(recorder, problem.x0, budget, tolerance=0.0)
        if recorder.x is not None:
            found.append((peer.name, recorder.x))
    return found


def main() -> None:
    """Print name, value, and from where it was reached."""
    for problem in track(nonsmooth(), description="references"):
        residuals = problem.fun.residuals
        ends = [(polished(residuals, x), problem.fun(x), name) for name, x in _ends(problem)]
        lowest = min(min(value, before) for value, before, _ in ends)
        close = [name for value, _, name in ends if value <= lowest + 1e-6 * max(1.0, abs(lowest))]
        alone = min(ends, key=lambda end: end[1])
        if lowest < 1e-9 or problem.f_star == 0.0:  # a point is known where all residuals vanish
            lowest = 0.0
        print(
            f"    ({problem.name!r}, {lowest:.12g}),  # {len(close)} of {len(ends)} runs; "
            f"best before: {alone[2]} {alone[1]:.8g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
