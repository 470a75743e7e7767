"""Boxes with many minima, the lowest of which are in the literature.

Dixon & Szegö, Towards Global Optimisation 2 (1978), for all but Rastrigin's and Griewank's.
"""

import math

import numpy as np
import pytest

from nelder.minimize_global import minimize_global


def branin(x):
    a, b = x
    c = b - 5.1 / (4.0 * math.pi**2) * a * a + 5.0 / math.pi * a - 6.0
    return c * c + 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(a) + 10.0


def goldstein_price(x):
    a, b = x
    first = 19.0 - 14.0 * a + 3.0 * a * a - 14.0 * b + 6.0 * a * b + 3.0 * b * b
    second = 18.0 - 32.0 * a + 12.0 * a * a + 48.0 * b - 36.0 * a * b + 27.0 * b * b
    return (1.0 + (a + b + 1.0) ** 2 * first) * (30.0 + (2.0 * a - 3.0 * b) ** 2 * second)


HARTMANN_A = np.array(
    [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ]
)
HARTMANN_P = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)


def hartmann(x):
    weights = np.exp(-np.sum(HARTMANN_A * (x - HARTMANN_P) ** 2, axis=1))
    return -float(weights @ [1.0, 1.2, 3.0, 3.2])


SHEKEL_A = np.array(
    [
        [4.0, 4.0, 4.0, 4.0],
        [1.0, 1.0, 1.0, 1.0],
        [8.0, 8.0, 8.0, 8.0],
        [6.0, 6.0, 6.0, 6.0],
        [3.0, 7.0, 3.0, 7.0],
        [2.0, 9.0, 2.0, 9.0],
        [5.0, 5.0, 3.0, 3.0],
        [8.0, 1.0, 8.0, 1.0],
        [6.0, 2.0, 6.0, 2.0],
        [7.0, 3.6, 7.0, 3.6],
    ]
)
SHEKEL_C = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5])


def shekel(x):
    return -float(np.sum(1.0 / (np.sum((x - SHEKEL_A) ** 2, axis=1) + SHEKEL_C)))


def rastrigin(x):
    z = x - 0.7
    return float(np.sum(z * z - 10.0 * np.cos(2.0 * np.pi * z) + 10.0))


def rotated_rastrigin(x):
    z = np.array([0.6 * x[0] + 0.8 * x[1], 0.8 * x[0] - 0.6 * x[1]])
    return rastrigin(z)


def griewank(x):
    z = x - 3.0
    return float(np.sum(z * z) / 200.0 - np.prod(np.cos(z / np.sqrt([1.0, 2.0]))) + 1.0)


PROBLEMS = {
    "Branin": (branin, [(-5.0, 10.0), (0.0, 15.0)], 0.39788735772973816),
    "Goldstein-Price": (goldstein_price, [(-2.0, 2.0)] * 2, 3.0),
    "Hartmann 6": (hartmann, [(0.0, 1.0)] * 6, -3.322368011415),
    "Shekel 10": (shekel, [(0.0, 10.0)] * 4, -10.536409816692),
    "Rastrigin 10": (rastrigin, [(-5.12, 5.12)] * 10, 0.0),
    "Rastrigin, rotated": (rotated_rastrigin, [(-5.12, 5.12)] * 2, 0.0),
    "Griewank": (griewank, [(-100.0, 100.0)] * 2, 0.0),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_lowest_minimum_is_found_from_most_seeds(name):
    fun, box, lowest = PROBLEMS[name]
    near = lowest + 1e-6 * max(1.0, abs(lowest))
    results = [minimize_global(fun, box, seed=seed, target=near) for seed in range(5)]
    assert sum(result.fun <= near for result in results) >= 4


def test_all_three_lowest_minima_of_branin():
    result = minimize_global(branin, PROBLEMS["Branin"][1])
    lowest = [m.x for m in result.minima if m.fun < 0.397888]
    expected = [(-math.pi, 12.275), (math.pi, 2.275), (9.42478, 2.475)]
    assert np.array(sorted(map(tuple, lowest))) == pytest.approx(np.array(expected), abs=1e-5)
