"""TensorFlow Probability's Nelder-Mead beside its replacement.

The figures are those of ``tfp.optimizer.nelder_mead_minimize`` of TensorFlow Probability 0.25 with
TensorFlow 2.18, in eager mode. Where TensorFlow Probability can be imported, it is also run. Its
own test file is run where the environment variable NELDER_TFP_TEST names it, by the Python that
NELDER_TFP_PYTHON names, or this one; it needs TensorFlow Probability and SciPy.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="needs tensorflow")

from tests.tfp_ways import WAYS  # noqa: E402


def rosenbrock(x):
    return tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def bowl(x):
    return tf.reduce_sum(
        tf.constant([2.0, 3.0], x.dtype) * tf.square(x - tf.constant([1.0, 1.0], x.dtype)), axis=-1
    )


def bowl_of_ten(x):
    k = tf.range(1.0, 11.0, dtype=tf.float64)
    return tf.reduce_sum(tf.sqrt(k) * tf.square(x - tf.cos(k)), axis=-1)


def skewed(x):
    hessian = tf.constant([[3.0, 1.0, 0.5], [1.0, 2.0, -0.7], [0.5, -0.7, 1.5]], x.dtype)
    y = x - tf.constant([0.3, -1.2, 0.8], x.dtype)
    return 0.5 * tf.reduce_sum(y * tf.linalg.matvec(hessian, y))


def strongly_skewed(x):
    axes = tf.constant([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]], x.dtype)
    y = tf.linalg.matvec(axes, x - tf.constant([-0.4, 1.1, 0.2], x.dtype))
    return 0.5 * tf.reduce_sum(tf.constant([0.1, 2.0, 50.0], x.dtype) * y * y)


def norm(x):
    return tf.sqrt(tf.reduce_sum(x**2, axis=-1))


def absolute(x):
    return tf.reduce_sum(tf.abs(x), axis=-1)


def easom(x):
    return -tf.reduce_prod(tf.cos(x), axis=-1) * tf.exp(-tf.reduce_sum((x - np.pi) ** 2, axis=-1))


def rastrigin(x):
    return tf.reduce_sum(x**2 - 10.0 * tf.cos(2.0 * np.pi * x), axis=-1) + 10.0 * x.shape[-1]


def beale(c):
    x, y = c[0], c[1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def table(x):
    """Of a point of shape (2, 2)."""
    weights = tf.constant([[1.0, 2.0], [3.5, 0.7]], x.dtype)
    minimum = tf.constant([[0.4, -1.3], [0.9, 2.1]], x.dtype)
    y = x - minimum
    return tf.reduce_sum(weights * y * y) + 0.5 * y[0, 0] * y[1, 1]


class Case(NamedTuple):
    """A call, and what TFP returns: iterations, evaluations, value and position."""

    fun: object
    arguments: dict
    iterations: int
    evaluations: int
    value: float
    position: list


CASES = {
    "bowl": Case(
        bowl,
        {"func_tolerance": 1e-12, "initial_vertex": [0.6, 0.8]},
        48,
        93,
        2.039402385014007e-13,
        [1.0000001172879411, 0.9999997574941126],
    ),
    "bowl, simplex": Case(
        bowl,
        {
            "func_tolerance": 1e-12,
            "initial_simplex": [[0.6, 0.8], [5.0, 4.1], [-1.4, -3.2]],
            "batch_evaluate_objective": True,
        },
        52,
        103,
        4.606866735026476e-13,
        [0.999999776318998, 1.0000003467084713],
    ),
    "bowl, steps": Case(
        bowl,
        {
            "func_tolerance": 1e-12,
            "initial_vertex": [1.29, -0.88],
            "step_sizes": [0.2, 1.3],
            "batch_evaluate_objective": True,
        },
        43,
        86,
        2.031901634781596e-12,
        [1.0000000201207062, 0.9999991771812777],
    ),
    "bowl, one step": Case(
        bowl,
        {"func_tolerance": 1e-12, "initial_vertex": [1.29, -0.88], "step_sizes": 0.5},
        51,
        101,
        3.407974179302882e-13,
        [1.00000031597373, 0.9999997831139917],
    ),
    "bowl of ten": Case(
        bowl_of_ten,
        {
            "func_tolerance": 1e-12,
            "initial_vertex": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            "batch_evaluate_objective": True,
        },
        805,
        1343,
        1.0801993553487762e-12,
        [
            0.5403017933614475,
            -0.41614643487421143,
            -0.9899926667225171,
            -0.6536434009532321,
            0.2836621676167401,
            0.9601706005364441,
            0.7539024417414144,
            -0.14550001397855153,
            -0.9111303480083465,
            -0.8390713659087743,
        ],
    ),
    "skewed": Case(
        skewed,
        {"func_tolerance": 1e-12, "initial_vertex": [1.0, 1.0, 1.0]},
        136,
        244,
        6.763148992131105e-13,
        [0.29999966314723114, -1.2000001919675019, 0.7999992878703183],
    ),
    "strongly skewed": Case(
        strongly_skewed,
        {"func_tolerance": 1e-12, "initial_vertex": [1.0, 1.0, 1.0]},
        135,
        255,
        7.870658387963321e-13,
        [-0.3999991427520802, 1.100000564544648, 0.19999896309097473],
    ),
    "norm": Case(
        norm,
        {
            "func_tolerance": 1e-12,
            "initial_vertex": [1.2, 0.4, -1.8, 2.9],
            "batch_evaluate_objective": True,
        },
        279,
        498,
        5.1069905718305604e-09,
        [
            -1.3060569463189174e-09,
            3.7212391188360254e-09,
            1.1524752801946499e-09,
            -3.0331086532999573e-09,
        ],
    ),
    "absolute": Case(
        absolute,
        {"func_tolerance": 1e-12, "initial_vertex": [0.6, 1.8, -4.3]},
        214,
        395,
        3.964907176500005e-09,
        [3.392065025394654e-10, -2.7001056966933322e-09, -9.255949772672074e-10],
    ),
    "Rosenbrock": Case(
        rosenbrock,
        {"func_tolerance": 1e-12, "initial_vertex": [-1.0, 1.0]},
        113,
        212,
        2.6360967730244925e-13,
        [1.0000001290029288, 1.000000208310007],
    ),
    "Rosenbrock, usual": Case(
        rosenbrock,
        {"func_tolerance": 1e-08, "initial_vertex": [-1.2, 1.0]},
        83,
        156,
        1.1229296793507722e-09,
        [0.999975885789708, 0.9999540990355131],
    ),
    "Rosenbrock of ten": Case(
        rosenbrock,
        {
            "func_tolerance": 1e-08,
            "initial_vertex": [-1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0, -1.2, 1.0],
        },
        2022,
        2927,
        3.986579127532865,
        [
            -0.9932627805675402,
            0.9966065747928037,
            0.9982382507596274,
            0.998984118199803,
            0.9992217703658659,
            0.9990673629750191,
            0.9984390231782407,
            0.9970273269620126,
            0.9941150818386626,
            0.9882676428354837,
        ],
    ),
    "Rosenbrock from 0": Case(
        rosenbrock,
        {"func_tolerance": 1e-12, "initial_vertex": [0.0, 0.0]},
        91,
        170,
        3.5148002814097285e-13,
        [1.0000002809811825, 1.0000005097580762],
    ),
    "Easom": Case(
        easom,
        {"func_tolerance": 1e-12, "initial_vertex": [1.3, 2.2]},
        60,
        114,
        -0.9999999999994811,
        [3.1415931950728826, 3.1415928832520574],
    ),
    "Easom, batch": Case(
        easom,
        {"func_tolerance": 1e-12, "initial_vertex": [1.3, 2.2], "batch_evaluate_objective": True},
        60,
        114,
        -0.9999999999994811,
        [3.1415931950728826, 3.1415928832520574],
    ),
    "Rastrigin": Case(
        rastrigin,
        {"func_tolerance": 1e-12, "initial_vertex": [-3.7, 0.4, 2.2, 4.1, -1.6]},
        287,
        511,
        39.79814996603197,
        [
            -3.9797838578049975,
            3.213309277205715e-08,
            1.989912184241844,
            3.979783855083732,
            -1.9899122460542142,
        ],
    ),
    "Beale": Case(
        beale,
        {"func_tolerance": 1e-12, "initial_vertex": [0.1, 1.0]},
        89,
        171,
        9.82965363179999e-13,
        [3.000002472142514, 0.500000627372577],
    ),
    "Beale, cut": Case(
        beale,
        {"func_tolerance": 1e-12, "initial_vertex": [0.1, 1.0], "max_iterations": 40},
        40,
        77,
        0.6277600798055423,
        [2.1264398693457, 0.010923155210426378],
    ),
    "table": Case(
        table,
        {"func_tolerance": 1e-12, "initial_vertex": [[2.0, -1.0], [0.0, 3.0]]},
        263,
        463,
        9.32219413424432e-13,
        [[0.399999789740387, -1.299999577097986], [0.8999997126546041, 2.1000006670380653]],
    ),
    "coefficients": Case(
        beale,
        {
            "func_tolerance": 1e-12,
            "initial_vertex": [0.1, 1.0],
            "reflection": 0.9,
            "expansion": 1.8,
            "contraction": 0.4,
            "shrinkage": 0.6,
        },
        105,
        197,
        4.008572992816858e-14,
        [2.9999995182760713, 0.49999989184319593],
    ),
    "position": Case(
        rosenbrock,
        {"func_tolerance": 0.0, "initial_vertex": [-1.2, 1.0], "position_tolerance": 1e-06},
        101,
        190,
        4.194018086561788e-14,
        [0.99999986947395, 0.999999754728643],
    ),
}


def arguments(case):
    """Return a case's arguments, its points as tensors of float64."""
    points = ("initial_vertex", "initial_simplex", "step_sizes")
    return {
        name: tf.constant(value, tf.float64) if name in points else value
        for name, value in case.arguments.items()
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("way", ["eager", "graph"])
def test_takes_the_iterations_of_tfp(way, case):
    found = WAYS[way](case.fun, **arguments(case))
    limit = case.arguments.get("max_iterations")
    assert found.converged == (limit is None)
    assert found.num_iterations == case.iterations
    # TFP reflects once more where it finds that it has converged; it leaves refused contractions
    # uncounted, and evaluates the best vertex again in the shrink that follows, which is as many.
    assert found.num_objective_evaluations == case.evaluations - found.converged
    np.testing.assert_allclose(found.objective_value, case.value, rtol=2e-4, atol=0.0)
    np.testing.assert_allclose(found.position, case.position, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", ["bowl, simplex", "Rosenbrock", "table", "Beale, cut"])
@pytest.mark.parametrize("way", ["compiled", "session"])
def test_so_do_compiled_loops_and_sessions(way, name):
    case = CASES[name]
    found = WAYS[way](case.fun, **arguments(case))
    assert found.num_iterations == case.iterations
    assert found.num_objective_evaluations == case.evaluations - found.converged
    np.testing.assert_allclose(found.position, case.position, rtol=1e-7, atol=1e-10)


# The cases of TFP's own test: what they start from, in which dtype, and how near they must come

OWN = {
    "bowl": (bowl, "float32", {"initial_vertex": [0.6, 0.8]}, [1.0, 1.0], 1e-6),
    "simplex": (
        bowl,
        "float32",
        {"initial_simplex": [[0.6, 0.8], [5.0, 4.1], [-1.4, -3.2]]},
        [1.0, 1.0],
        1e-6,
    ),
    "steps": (
        bowl,
        "float32",
        {"initial_vertex": [1.29, -0.88], "step_sizes": [0.2, 1.3]},
        [1.0, 1.0],
        1e-6,
    ),
    "norm": (norm, "float32", {"initial_vertex": [1.2, 0.4, -1.8, 2.9]}, [0.0] * 4, 1e-6),
    "absolute": (absolute, "float64", {"initial_vertex": [0.6, 1.8, -4.3]}, [0.0] * 3, 1e-5),
    "Rosenbrock": (rosenbrock, "float32", {"initial_vertex": [-1.0, 1.0]}, [1.0, 1.0], 1e-5),
    "Beale": (beale, "float32", {"initial_vertex": [0.1, 1.0]}, [3.0, 0.5], 1e-5),
    "Easom": (easom, "float64", {"initial_vertex": [1.3, 2.2]}, [np.pi, np.pi], 1e-5),
}
RUNS = [(way, name) for way in ("eager", "session") for name in OWN] + [("compiled", "Rosenbrock")]


@pytest.mark.parametrize(("way", "name"), RUNS)
def test_comes_as_near_as_tfp_asks_of_itself(way, name):
    fun, dtype, given, minimum, atol = OWN[name]
    given = {argument: tf.constant(value, dtype) for argument, value in given.items()}
    batch = fun in (bowl, norm)
    found = WAYS[way](fun, func_tolerance=1e-12, batch_evaluate_objective=batch, **given)
    assert found.converged
    assert found.position.dtype == found.objective_value.dtype == dtype
    np.testing.assert_allclose(found.position, minimum, rtol=0.0, atol=atol)


@pytest.mark.parametrize("way", WAYS)
def test_the_last_iteration_is_the_one_that_finds_it_converged(way):
    given = {"initial_vertex": tf.constant([0.1, 1.0]), "func_tolerance": 1e-12}
    free = WAYS[way](beale, **given)
    enough = WAYS[way](beale, max_iterations=free.num_iterations, **given)
    short = WAYS[way](beale, max_iterations=free.num_iterations - 1, **given)
    assert free.converged
    assert enough.converged
    assert not short.converged
    assert enough.num_iterations == free.num_iterations
    assert short.num_iterations == free.num_iterations - 1


# TFP itself, where it is


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_figures_are_those_of_tfp(case):
    tfp = pytest.importorskip(
        "tensorflow_probability",
        reason="needs tensorflow-probability==0.25.*, tf_keras and a TensorFlow they go with",
    )
    found = tfp.optimizer.nelder_mead_minimize(case.fun, **arguments(case))
    assert (found.num_iterations, found.num_objective_evaluations) == (
        case.iterations,
        case.evaluations,
    )
    np.testing.assert_allclose(found.position, case.position, rtol=1e-7, atol=1e-10)


def test_the_test_file_of_tfp_passes(tmp_path):
    given = os.environ.get("NELDER_TFP_TEST")
    if not given:
        pytest.skip("NELDER_TFP_TEST names no nelder_mead_test.py of TensorFlow Probability")
    text, count = re.subn(
        r"^from tensorflow_probability\.python\.optimizer import nelder_mead$",
        "import replacement as nelder_mead",
        Path(given).read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert count == 1
    (tmp_path / "nelder_mead_test.py").write_text(text, encoding="utf-8")
    (tmp_path / "replacement.py").write_text(
        "from nelder.tfp import nelder_mead_minimize as minimize\n", encoding="utf-8"
    )
    python = os.environ.get("NELDER_TFP_PYTHON", sys.executable)
    done = subprocess.run(
        [python, "nelder_mead_test.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran
    assert int(ran[1]) > 30
