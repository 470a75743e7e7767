"""CartPole by a linear policy: push right where w·observation > 0.

The return of an episode has no gradient with respect to w. Nelder-Mead finds four numbers that
balance the pole for all 500 steps, in every episode.

    python examples/cartpole.py
"""

import gymnasium
import numpy as np
from numpy.typing import NDArray

import nelder

LONGEST = 500  # steps, at which CartPole-v1 ends an episode; each is worth 1
TRAINING = range(10)  # seeds of episodes
OTHERS = range(1000, 1100)


def episode(env: gymnasium.Env, w: NDArray[np.float64], seed: int) -> float:
    """Return the return of one episode."""
    observation, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        observation, reward, failed, late, _ = env.step(int(w @ observation > 0.0))
        total += float(reward)
        over = failed or late
    return total


def mean_return(env: gymnasium.Env, w: NDArray[np.float64], seeds: range) -> float:
    return float(np.mean([episode(env, w, seed) for seed in seeds]))


def train(env: gymnasium.Env) -> nelder.Result:
    """Search from w = 0, which always pushes left, until all training episodes are balanced."""
    return nelder.minimize(
        lambda w: -mean_return(env, w, TRAINING),
        np.zeros(4),
        method=nelder.NelderMead(initial_simplex=nelder.StepSimplex(1.0)),
        target=-float(LONGEST),
    )


def main() -> None:
    with gymnasium.make("CartPole-v1") as env:
        before = mean_return(env, np.zeros(4), TRAINING)
        result = train(env)
        after = mean_return(env, result.x, OTHERS)
    print(f"mean return of {len(TRAINING)} episodes at the start: {before:.1f}")
    print(f"after {result.nfev} evaluations: {-result.fun:.1f}, w = {result.x.round(3)}")
    print(f"mean return of {len(OTHERS)} other episodes: {after:.1f}")


if __name__ == "__main__":
    main()
