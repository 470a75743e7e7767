"""`nelder.tfp`: each decision by hand-computed numbers, in eager mode, in graphs and under XLA."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="needs tensorflow")

from nelder.errors import InvalidArgumentError, ReturnValueError  # noqa: E402
from nelder.tfp import NelderMeadOptimizerResults, nelder_mead_minimize  # noqa: E402
from tests.tfp_ways import WAYS  # noqa: E402

INF = float("inf")
NAN = float("nan")

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def bowl(x):
    return tf.reduce_sum(tf.square(x - 1.5))


def bowls(x):
    """Of one point (2,) or of many."""
    return tf.reduce_sum(tf.square(x - 1.5), axis=-1)


# One iteration. The vertices are P = (0, 0), A = (1, 0) and B = (0, 1), the last the worst, so the
# centroid is (1/2, 0). With n = 2 the coefficients are 1, 2, 1/2 and 1/2.

SIMPLEX = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
P, A, B = SIMPLEX.tolist()
R, E, OUT, IN = [1.0, -1.0], [1.5, -2.0], [0.75, -0.5], [0.25, 0.5]
SHRUNK = [[0.5, 0.0], [0.0, 0.5]]
PLACES = np.array([P, A, B, R, E, OUT, IN, *SHRUNK])
ELSEWHERE = -777.0


def table(values):
    """Return the objective with these values at `PLACES`."""
    values = tf.concat([values, [ELSEWHERE]], axis=0)

    def fun(x):
        apart = tf.reduce_sum(tf.abs(tf.constant(PLACES) - x), axis=1)
        nearest = tf.argmin(apart, output_type=tf.int32)
        return tf.gather(values, tf.where(apart[nearest] < 1e-9, nearest, len(PLACES)))

    return fun


# name: values at P, A, B; R, E, OUT, IN; the two shrunk -> vertices and values after, evaluations
N = ELSEWHERE  # must not be evaluated
ITERATIONS = {
    "reflection": ([1, 2, 3, 1.5, N, N, N, N, N], [P, R, A], [1, 1.5, 2], 4),
    "reflection as low as the best": ([1, 2, 3, 1, N, N, N, N, N], [P, R, A], [1, 1, 2], 4),
    "expansion": ([1, 2, 3, 0.5, 0.25, N, N, N, N], [E, P, A], [0.25, 1, 2], 5),
    "expansion above the best": ([1, 2, 3, 0.5, 0.75, N, N, N, N], [R, P, A], [0.5, 1, 2], 5),
    "expansion as low": ([1, 2, 3, 0.5, 0.5, N, N, N, N], [R, P, A], [0.5, 1, 2], 5),
    "expansion NaN": ([1, 2, 3, 0.5, NAN, N, N, N, N], [R, P, A], [0.5, 1, 2], 5),
    "outside": ([1, 2, 3, 2.5, N, 2.2, N, N, N], [P, A, OUT], [1, 2, 2.2], 5),
    "outside, a new best": ([1, 2, 3, 2.5, N, 0.5, N, N, N], [OUT, P, A], [0.5, 1, 2], 5),
    "outside from the second worst": ([1, 2, 3, 2, N, 1.5, N, N, N], [P, OUT, A], [1, 1.5, 2], 5),
    "outside as high": ([1, 2, 3, 2.5, N, 2.5, N, N, N], [P, A, OUT], [1, 2, 2.5], 5),
    "outside refused": (
        [1, 2, 3, 2.5, N, 2.6, N, 1.5, 0.5],
        [SHRUNK[1], P, SHRUNK[0]],
        [0.5, 1, 1.5],
        7,
    ),
    "outside NaN": ([1, 2, 3, 2.5, N, NAN, N, 5, 4], [P, SHRUNK[1], SHRUNK[0]], [1, 4, 5], 7),
    "inside": ([1, 2, 3, 4, N, N, 1.5, N, N], [P, IN, A], [1, 1.5, 2], 5),
    "inside from the worst": ([1, 2, 3, 3, N, N, 1.5, N, N], [P, IN, A], [1, 1.5, 2], 5),
    "inside as high": ([1, 2, 3, 3, N, N, 3, N, N], [P, A, IN], [1, 2, 3], 5),
    "inside as high as the second worst": ([1, 2, 3, 3, N, N, 2, N, N], [P, A, IN], [1, 2, 2], 5),
    "inside refused": ([1, 2, 3, 4, N, N, 3.5, 2, 2], [P, *SHRUNK], [1, 2, 2], 7),
    "reflection NaN": ([1, 2, 3, NAN, N, N, 2.5, N, N], [P, A, IN], [1, 2, 2.5], 5),
    "reflection +inf": ([1, 2, 3, INF, N, N, 2.5, N, N], [P, A, IN], [1, 2, 2.5], 5),
    "inside NaN": ([1, 2, 3, 4, N, N, NAN, 3, NAN], [P, *SHRUNK], [1, 3, INF], 7),
    "all but one NaN": ([1, 2, NAN, NAN, N, N, NAN, N, N], [P, A, IN], [1, 2, INF], 5),
    "the worst +inf": ([1, 2, INF, 2.5, N, 2.5, N, N, N], [P, A, OUT], [1, 2, 2.5], 5),
}


def one_iteration(values):
    return nelder_mead_minimize(
        table(values), initial_simplex=tf.constant(SIMPLEX), max_iterations=1
    )


def in_session(values):
    with tf.Graph().as_default():
        found = one_iteration(tf.constant(values))
        with tf.compat.v1.Session() as running:
            return running.run(found)


@pytest.fixture(
    scope="module",
    params=[
        one_iteration,
        tf.function(one_iteration, autograph=False),
        tf.function(one_iteration, autograph=False, jit_compile=True),
        in_session,
    ],
    ids=WAYS,
)
def iteration(request):
    """One iteration from `SIMPLEX`, of the values at `PLACES`."""
    return lambda values: tf.nest.map_structure(
        np.asarray, request.param(np.array(values, dtype=np.float64))
    )


@pytest.mark.parametrize("name", ITERATIONS)
def test_an_iteration(iteration, name):
    values, vertices, after, evaluations = ITERATIONS[name]
    found = iteration(values)
    np.testing.assert_allclose(found.final_simplex, vertices, rtol=0.0, atol=1e-15)
    np.testing.assert_array_equal(found.final_objective_values, after)
    assert found.num_objective_evaluations == evaluations
    assert found.num_iterations == 1
    assert not found.converged
    np.testing.assert_array_equal(found.position, found.final_simplex[0])
    assert found.objective_value == after[0]


def test_equal_values_rank_by_age(iteration):
    # All vertices are as high; the last one is the worst, and its reflection goes after the others.
    found = iteration([1, 1, 1, 1, N, N, 1, N, N])
    assert found.converged  # at once: see the page about what differs
    assert found.num_iterations == 1
    assert found.num_objective_evaluations == 3


@ways
def test_a_first_vertex_without_value_does_not_win(way):
    def fun(x):
        return tf.where(tf.equal(x[0], 1.0), tf.constant(NAN, x.dtype), bowl(x))

    found = way(fun, initial_vertex=tf.constant([1.0, 2.0], tf.float64))
    assert found.converged
    np.testing.assert_array_equal(found.initial_objective_values[[0, 2]], [INF, INF])
    np.testing.assert_allclose(found.position, [1.5, 1.5], atol=1e-3)


@pytest.mark.parametrize("value", [INF, NAN, -INF])
@ways
def test_a_search_without_finite_best_value_ends(way, value):
    found = way(
        lambda x: tf.reduce_sum(x) * 0.0 + value,
        initial_vertex=tf.constant([1.0, 2.0, 3.0]),
        func_tolerance=0.0,
    )
    assert not found.converged
    assert found.num_iterations == 0
    assert found.num_objective_evaluations == 4
    assert found.objective_value == (value if value == -INF else INF)
    np.testing.assert_array_equal(found.position, [1.0, 2.0, 3.0])


@ways
def test_a_search_that_meets_minus_infinity_ends(way):
    def fun(x):
        return tf.where(x[0] > 5.0, tf.constant(-INF, x.dtype), -tf.reduce_sum(x))

    found = way(fun, initial_vertex=tf.constant([1.0, 2.0], tf.float64))
    assert not found.converged
    assert found.objective_value == -INF
    assert found.position[0] > 5.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2), (1, 2, 1)])
@pytest.mark.parametrize("way", [WAYS["eager"], WAYS["graph"]], ids=["eager", "graph"])
def test_shapes_and_dtypes(way, shape, dtype):
    seen = set()

    def fun(x):
        seen.add((tuple(x.shape), x.dtype.name))
        return bowl(x)

    found = way(fun, initial_vertex=tf.fill(shape, tf.constant(0.7, dtype)))
    n = int(np.prod(shape))
    assert seen == {(shape, dtype)}
    expected = {
        "converged": ((), "bool"),
        "num_objective_evaluations": ((), "int32"),
        "position": (shape, dtype),
        "objective_value": ((), dtype),
        "final_simplex": ((n + 1, *shape), dtype),
        "final_objective_values": ((n + 1,), dtype),
        "initial_simplex": ((n + 1, *shape), dtype),
        "initial_objective_values": ((n + 1,), dtype),
        "num_iterations": ((), "int32"),
    }
    assert list(expected) == list(NelderMeadOptimizerResults._fields)
    assert {
        name: (value.shape, value.dtype.name) for name, value in found._asdict().items()
    } == expected
    assert found.converged
    np.testing.assert_allclose(found.position, np.full(shape, 1.5), atol=1e-3)
    np.testing.assert_array_equal(found.position, found.final_simplex[0])


@ways
def test_values_keep_the_dtype_of_the_objective(way):
    found = way(
        lambda x: bowl(tf.cast(x, tf.float64)),
        initial_vertex=tf.constant([1.0, 2.0]),
        objective_at_initial_vertex=tf.constant(0.5, tf.float64),
    )
    assert found.position.dtype == "float32"
    assert found.objective_value.dtype == found.final_objective_values.dtype == "float64"
    # the value is that of the rounded point
    assert found.objective_value == np.sum((found.position.astype(np.float64) - 1.5) ** 2)


@ways
def test_first_steps(way):
    found = way(bowl, initial_vertex=tf.constant([2.0, 0.0, 9e-11, -4.0]), max_iterations=0)
    vertex = np.array([2.0, 0.0, 9e-11, -4.0], np.float32)
    steps = np.diag(np.array([0.1, 0.00025, 0.00025, -0.2], np.float32))
    np.testing.assert_array_equal(found.initial_simplex, np.vstack([vertex, vertex + steps]))
    assert found.num_iterations == 0
    assert found.num_objective_evaluations == 5
    assert not found.converged


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        (0.5, [[0.5, 0.5], [0.5, 0.5]]),
        ([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]]),
        ([[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]]),
    ],
)
def test_step_sizes_broadcast(steps, ends):
    found = nelder_mead_minimize(
        bowl, initial_vertex=tf.zeros((2, 2)), step_sizes=steps, max_iterations=0
    )
    moved = np.diagonal(found.initial_simplex[1:].numpy().reshape(4, 4))
    np.testing.assert_array_equal(moved, np.ravel(ends))


@ways
def test_known_values_are_not_evaluated(way):
    vertex = tf.constant([1.0, 2.0], tf.float64)
    plain = way(bowl, initial_vertex=vertex)
    one = way(bowl, initial_vertex=vertex, objective_at_initial_vertex=bowl(vertex))
    simplex = tf.constant(plain.initial_simplex)
    values = tf.constant(plain.initial_objective_values)
    every = way(bowl, initial_simplex=simplex, objective_at_initial_simplex=values)
    for found, saved in ((one, 1), (every, 3)):
        assert found.num_objective_evaluations == plain.num_objective_evaluations - saved
        assert found.num_iterations == plain.num_iterations
        np.testing.assert_array_equal(found.initial_objective_values, values)
        np.testing.assert_allclose(found.position, plain.position, rtol=1e-12)


@ways
def test_a_converged_first_simplex_of_known_values(way):
    found = way(
        bowl,
        initial_simplex=tf.constant(SIMPLEX),
        objective_at_initial_simplex=tf.constant([2.0, 2.0, 2.0], tf.float64),
    )
    assert found.converged
    assert found.num_iterations == 1
    assert found.num_objective_evaluations == 0
    np.testing.assert_array_equal(found.position, SIMPLEX[0])


def test_evaluations_are_counted():
    calls = []

    def fun(x):
        calls.append(x.shape[0] if x.shape.rank == 2 else 1)
        return tf.reduce_sum(tf.abs(x - 0.3) ** 0.3, axis=-1)

    for batch in (False, True):
        calls.clear()
        found = nelder_mead_minimize(
            fun,
            initial_vertex=tf.ones(3, tf.float64),
            batch_evaluate_objective=batch,
            max_iterations=60,
        )
        assert found.num_objective_evaluations == sum(calls)
        assert found.num_iterations == 60
    # the first simplex, single points, shrinks
    assert calls[0] == 4
    assert set(calls) == {1, 3, 4}


@ways
def test_a_batch_is_evaluated_as_its_points_are(way):
    start = {"initial_vertex": tf.constant([[0.1, 3.0]], tf.float64), "max_iterations": 40}

    def fun(x):
        return tf.reduce_sum(tf.abs(x - 0.3) ** 0.3, axis=(-1, -2))

    one, many = (way(fun, batch_evaluate_objective=batch, **start) for batch in (False, True))
    assert one.num_iterations == many.num_iterations
    assert one.num_objective_evaluations == many.num_objective_evaluations
    np.testing.assert_allclose(one.final_simplex, many.final_simplex, rtol=1e-9)


@ways
def test_either_tolerance_ends_the_search(way):
    start = {"initial_vertex": tf.constant([0.0, 4.0], tf.float64)}
    by_value = way(bowl, func_tolerance=1e-3, position_tolerance=0.0, **start)
    by_position = way(bowl, func_tolerance=0.0, position_tolerance=1e-2, **start)
    assert by_value.converged
    assert by_position.converged
    assert np.ptp(by_value.final_objective_values) < 1e-3
    assert np.abs(by_value.final_simplex - by_value.position).max() > 1e-2
    assert np.abs(by_position.final_simplex - by_position.position).max() < 1e-2


def test_coefficients_are_used():
    # From R = c + 3/2 (c - B) = (0.5, -1.5) to E = c + 3 (R - c) = (0.5, -4.5).
    def fun(x):
        return -x[1] * x[1] + x[0]

    given = {"reflection": 1.5, "expansion": 3.0, "contraction": 0.25, "shrinkage": 0.9}
    found = nelder_mead_minimize(
        fun, initial_simplex=[[0.0, 2.0], [1.0, 2.0], [0.0, 1.0]], max_iterations=1, **given
    )
    # c = (1/2, 2), c - B = (1/2, 1): R = (5/4, 7/2), E = (11/4, 13/2)
    np.testing.assert_allclose(found.position, [2.75, 6.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "value", "second"),
    [
        ({"contraction": 0.25}, 3.0, [0.375, 0.25]),  # c + (B - c)/4
        ({"reflection": 0.5, "contraction": 0.25}, 2.5, [0.5625, -0.125]),  # c + (c - B)/8
    ],
)
@ways
def test_contraction(way, given, value, second):
    def fun(x):
        apart = tf.reduce_sum(tf.abs(tf.constant(SIMPLEX) - x), axis=1)
        known = tf.gather(tf.constant([1.0, 2.0, 3.0], tf.float64), tf.argmin(apart))
        lower = tf.reduce_sum(tf.abs(x - second)) < 1e-9
        other = tf.where(lower, tf.constant(1.5, x.dtype), tf.constant(value, x.dtype))
        return tf.where(tf.reduce_min(apart) < 1e-9, known, other)

    found = way(fun, initial_simplex=tf.constant(SIMPLEX), max_iterations=1, **given)
    np.testing.assert_allclose(found.final_simplex[1], second, rtol=1e-15)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_graphs_decide_as_the_machine_does(n, jit_compile):
    random = np.random.default_rng(n)
    minimum, skew = random.normal(size=n), random.normal(size=(n, n))

    def fun(x):
        y = tf.linalg.matvec(tf.constant(skew), x - minimum)
        return tf.reduce_sum(tf.sqrt(1.0 + 4.0 * y * y)) + 0.3 * tf.reduce_sum(tf.abs(y))

    def search(start):
        return nelder_mead_minimize(fun, initial_vertex=start, max_iterations=25 * n)

    in_graph = tf.function(search, autograph=False, jit_compile=jit_compile)
    for _ in range(12):
        start = tf.constant(3.0 * random.normal(size=n))
        expected, found = search(start), in_graph(start)
        assert found.num_iterations == expected.num_iterations
        assert found.num_objective_evaluations == expected.num_objective_evaluations
        np.testing.assert_allclose(found.final_simplex, expected.final_simplex, rtol=1e-6)


# Graphs


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_new_start_is_not_traced_again(jit_compile):
    traced = []

    @tf.function(autograph=False, jit_compile=jit_compile)
    def search(start):
        traced.append(start)
        return nelder_mead_minimize(bowl, initial_vertex=start)

    for start in ([1.0, 2.0], [-3.0, 0.5], [0.2, 7.0]):
        found = search(tf.constant(start, tf.float64))
        same = nelder_mead_minimize(bowl, initial_vertex=tf.constant(start, tf.float64))
        assert found.num_iterations == same.num_iterations
        np.testing.assert_allclose(found.position, same.position, rtol=1e-6)
    assert len(traced) == 1


def test_settings_may_be_known_when_the_graph_runs():
    names = (
        "func_tolerance",
        "position_tolerance",
        "max_iterations",
        "reflection",
        "expansion",
        "contraction",
        "shrinkage",
    )
    values = [np.float32(1e-6), np.float32(1e-5), np.int64(30), 0.9, 2.5, 0.4, 0.6]

    @tf.function(autograph=False)
    def search(*given):
        return nelder_mead_minimize(
            bowl, initial_vertex=[1.0, 4.0], **dict(zip(names, given, strict=True))
        )

    found = search(*[tf.constant(value) for value in values])
    same = nelder_mead_minimize(
        bowl, initial_vertex=[1.0, 4.0], **dict(zip(names, values, strict=True))
    )
    assert found.num_iterations == same.num_iterations
    np.testing.assert_allclose(found.position, same.position, rtol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        {"initial_vertex": [1.0, NAN]},
        {"initial_vertex": [1.0, INF]},
        {"initial_vertex": [1.0, 2.0], "step_sizes": [1.0, 0.0]},
        {"initial_simplex": [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]},
        {"initial_simplex": [[1.0, 2.0], [1.0, 4.0], [1.0, 6.0]]},
        {"initial_simplex": [[1.0, 2.0], [2.0, NAN], [3.0, 1.0]]},
    ],
)
def test_unsound_simplexes_known_when_the_graph_runs(given):
    def search(given):
        return nelder_mead_minimize(bowl, **given)

    tensors = {name: tf.constant(value) for name, value in given.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="degenerate or not finite"):
        tf.function(search, autograph=False)(tensors)
    # XLA cannot raise
    found = tf.function(search, autograph=False, jit_compile=True)(tensors)
    assert not found.converged
    assert found.num_iterations == 0


def test_a_sound_simplex_known_when_the_graph_runs():
    scaled = SIMPLEX * [1e-12, 1e9] + [0.0, 5.0]

    @tf.function(autograph=False)
    def search(simplex):
        return nelder_mead_minimize(bowl, initial_simplex=simplex, max_iterations=3)

    assert search(tf.constant(scaled)).num_iterations == 3


def test_a_saved_model_searches(tmp_path):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([2], tf.float64)])
        def search(self, start):
            return nelder_mead_minimize(bowl, initial_vertex=start)._asdict()

    start = tf.constant([1.0, 4.0], tf.float64)
    tf.saved_model.save(Model(), str(tmp_path))
    found = tf.saved_model.load(str(tmp_path)).search(start)
    same = nelder_mead_minimize(bowl, initial_vertex=start)
    assert found["num_iterations"] == same.num_iterations


def test_the_function_itself_may_be_compiled():
    search = tf.function(nelder_mead_minimize, jit_compile=True)
    found = search(bowl, initial_vertex=tf.constant([1.0, 4.0]), func_tolerance=1e-12)
    assert found.converged
    np.testing.assert_allclose(found.position, [1.5, 1.5], atol=1e-4)


def test_operations_have_the_name():
    for name in (None, "search"):
        with tf.Graph().as_default() as graph:
            nelder_mead_minimize(bowl, initial_vertex=[1.0, 4.0], name=name)
        assert {operation.name.partition("/")[0] for operation in graph.get_operations()} == {
            name or "minimize"
        }


# Objectives in eager mode


def test_an_objective_is_called_eagerly():
    seen = []

    def fun(x):
        seen.append(float(x[0]))  # not in a graph
        return float(bowl(x)) if len(seen) % 2 else bowl(x).numpy()

    found = nelder_mead_minimize(fun, initial_vertex=tf.constant([1.0, 4.0], tf.float64))
    assert found.converged
    assert found.num_objective_evaluations == len(seen)


def test_a_function_of_tensorflow_is_traced_once():
    traced = []

    @tf.function
    def fun(x):
        traced.append(x.shape)
        return bowls(x)

    plain = nelder_mead_minimize(bowls, initial_vertex=tf.constant([1.0, 4.0]))
    found = nelder_mead_minimize(fun, initial_vertex=tf.constant([1.0, 4.0]))
    assert traced == [(2,)]
    np.testing.assert_allclose(found.position, plain.position, rtol=1e-5)
    nelder_mead_minimize(fun, initial_vertex=[1.0, 4.0], batch_evaluate_objective=True)
    assert (3, 2) in traced


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_a_function_of_tensorflow_sees_its_variables(jit_compile):
    minimum, calls = tf.Variable([1.0, 2.0]), tf.Variable(0.0)

    @tf.function(jit_compile=jit_compile)
    def fun(x):
        calls.assign_add(1.0)
        return tf.reduce_sum(tf.square(x - minimum))

    first = nelder_mead_minimize(fun, initial_vertex=[1.5, 4.0], func_tolerance=1e-12)
    assert calls.numpy() == first.num_objective_evaluations
    minimum.assign([-3.0, 0.5])
    second = nelder_mead_minimize(fun, initial_vertex=[1.5, 4.0], func_tolerance=1e-12)
    np.testing.assert_allclose(first.position, [1.0, 2.0], atol=1e-5)
    np.testing.assert_allclose(second.position, [-3.0, 0.5], atol=1e-5)
    # and can be used as before
    outer = tf.function(lambda x: {"value": fun(x) + 1.0}, autograph=False)
    assert outer(minimum.value())["value"] == 1.0
    assert fun(minimum.value()) == 0.0


def test_a_method_that_is_a_function_of_tensorflow():
    class Model:
        def __init__(self):
            self.minimum = tf.constant([1.0, 2.0])

        @tf.function
        def loss(self, x):
            return tf.reduce_sum(tf.square(x - self.minimum))

    model = Model()
    found = nelder_mead_minimize(model.loss, initial_vertex=[1.5, 4.0], func_tolerance=1e-12)
    np.testing.assert_allclose(found.position, [1.0, 2.0], atol=1e-5)


def test_a_function_of_tensorflow_that_is_run_eagerly():
    seen = []

    @tf.function
    def fun(x):
        seen.append(x)
        return bowl(x)

    tf.config.run_functions_eagerly(True)
    try:
        found = nelder_mead_minimize(fun, initial_vertex=tf.constant([1.0, 4.0]))
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(seen) == found.num_objective_evaluations


def test_what_an_objective_raises_is_raised():
    def fun(x):
        raise ZeroDivisionError("of mine")

    with pytest.raises(ZeroDivisionError, match="of mine"):
        nelder_mead_minimize(fun, initial_vertex=[1.0, 4.0])


RETURNS = {
    "a vector": (lambda x: x, {}, r"shape \(2,\).* expected \(\)"),
    "one element": (lambda x: bowl(x)[tf.newaxis], {}, r"shape \(1,\).* expected \(\)"),
    "one value for many": (bowl, {"batch_evaluate_objective": True}, r"\(\): expected \(3,\)"),
    "whole numbers": (lambda x: tf.constant(3), {}, "returned int32: expected a floating"),
    "nothing": (lambda x: None, {}, "returned a NoneType: expected a tensor"),
    "a dict": (lambda x: {"value": bowl(x)}, {}, "returned a dict: expected a tensor"),
    "truth": (lambda x: bowl(x) > 1.0, {}, "returned bool: expected a floating"),
}


@pytest.mark.parametrize("name", RETURNS)
@pytest.mark.parametrize("way", ["eager", "graph", "eager, traced"])
def test_what_an_objective_must_not_return(way, name):
    fun, given, message = RETURNS[name]
    if way == "eager, traced":
        fun, way = tf.function(fun, autograph=False), "eager"
    way = WAYS[way]
    with pytest.raises(ReturnValueError, match=message):
        way(fun, initial_vertex=tf.constant([1.0, 4.0]), **given)


# Arguments


def test_lists_become_float32_and_arrays_keep_their_dtype():
    for given, dtype in (
        ([6.0, -21.0], "float32"),
        ([6, -21], "float32"),
        ((6, -21.0), "float32"),
        (np.array([6.0, -21.0]), "float64"),
        (np.array([6.0, -21.0], np.float32), "float32"),
        (tf.Variable([6.0, -21.0]), "float32"),
    ):
        found = nelder_mead_minimize(bowl, initial_vertex=given)
        assert found.converged
        assert found.position.dtype == dtype
    found = nelder_mead_minimize(
        bowl,
        initial_vertex=np.array([6.0, -21.0]),
        step_sizes=[1, 2],
        objective_at_initial_vertex=3,
    )
    assert found.converged
    found = nelder_mead_minimize(bowl, initial_simplex=SIMPLEX.tolist())
    assert found.converged


VERTEX = {"initial_vertex": [1.0, 2.0]}
WRONG = {
    "nothing": ({}, "initial_simplex or initial_vertex, got neither"),
    "both": (VERTEX | {"initial_simplex": SIMPLEX}, "got both"),
    "steps of a simplex": (
        {"initial_simplex": SIMPLEX, "step_sizes": 1.0},
        "step_sizes is given without initial_vertex",
    ),
    "values without simplex": (
        VERTEX | {"objective_at_initial_simplex": [1.0, 2.0, 3.0]},
        "objective_at_initial_simplex is given without initial_simplex",
    ),
    "value without vertex": (
        {"initial_simplex": SIMPLEX, "objective_at_initial_vertex": 1.0},
        "objective_at_initial_vertex is given without initial_vertex",
    ),
    "integers": (
        {"initial_vertex": tf.constant([1, 2])},
        r"initial_vertex has dtype int32: expected float32 or float64, as by tf.cast\(initial_v",
    ),
    "integer array": ({"initial_vertex": np.array([1, 2])}, "initial_vertex has dtype int64"),
    "integer simplex": ({"initial_simplex": SIMPLEX.astype(int)}, "initial_simplex has dtype int"),
    "half": ({"initial_vertex": tf.constant([1.0], tf.float16)}, "has dtype float16: expected"),
    "complex": ({"initial_vertex": tf.constant([1j, 2.0])}, "has dtype complex128: expected"),
    "text": ({"initial_vertex": ["a", "b"]}, r"initial_vertex=\['a', 'b'\]: expected"),
    "ragged": ({"initial_vertex": [[1.0], [2.0, 3.0]]}, "initial_vertex=.*expected"),
    "empty": ({"initial_vertex": tf.zeros((0,))}, r"initial_vertex has shape \(0,\)"),
    "NaN": ({"initial_vertex": [[1.0, NAN]]}, r"initial_vertex\[0, 1\]=nan: expected a finite"),
    "step 0": (
        VERTEX | {"step_sizes": [1.0, 0.0]},
        r"step_sizes=0.0: .* initial_vertex\[1\]=2.0 to .* got 2.0",
    ),
    "step lost": (
        {"initial_vertex": [1.0, 1e9], "step_sizes": 1.0},
        r"step_sizes=1.0: .* initial_vertex\[1\]=1000000000.0 to",
    ),
    "step inf": (VERTEX | {"step_sizes": [INF, 1.0]}, r"initial_vertex\[0\]=1.0 to .* got inf"),
    "steps' dtype": (
        VERTEX | {"step_sizes": tf.constant(1.0, tf.float64)},
        "step_sizes has dtype float64: expected float32",
    ),
    "steps' shape": (
        VERTEX | {"step_sizes": [1.0, 2.0, 3.0]},
        r"step_sizes has shape \(3,\): expected one that broadcasts to .* \(2,\)",
    ),
    "steps' rank": (VERTEX | {"step_sizes": [[1.0, 2.0]]}, r"step_sizes has shape \(1, 2\)"),
    "two vertices": ({"initial_simplex": SIMPLEX[:2]}, r"initial_simplex has shape \(2, 2\)"),
    "a flat simplex": ({"initial_simplex": SIMPLEX[:, 0]}, r"initial_simplex has shape \(3,\)"),
    "a number for a simplex": ({"initial_simplex": 1.0}, r"initial_simplex has shape \(\)"),
    "a line": (
        {"initial_simplex": [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]},
        "initial_simplex is degenerate",
    ),
    "a NaN vertex": (
        {"initial_simplex": [[1.0, 2.0], [NAN, 4.0], [3.0, 1.0]]},
        r"initial_simplex\[1, 0\]=nan",
    ),
    "two values": (
        {"initial_simplex": SIMPLEX, "objective_at_initial_simplex": [1.0, 2.0]},
        r"objective_at_initial_simplex has shape \(2,\): expected \(3,\)",
    ),
    "values at a vertex": (
        VERTEX | {"objective_at_initial_vertex": [1.0]},
        r"objective_at_initial_vertex has shape \(1,\): expected \(\)",
    ),
    "batch": (VERTEX | {"batch_evaluate_objective": "yes"}, "batch_evaluate_objective='yes'"),
    "negative": (VERTEX | {"func_tolerance": -1e-8}, "func_tolerance=-1e-08"),
    "NaN tolerance": (VERTEX | {"position_tolerance": NAN}, "position_tolerance=nan"),
    "tolerances": (VERTEX | {"func_tolerance": [1e-8]}, r"func_tolerance=\[1e-08\]"),
    "a tensor of tolerances": (
        VERTEX | {"func_tolerance": tf.constant([1e-8])},
        r"func_tolerance has shape \(1,\): expected a scalar",
    ),
    "no end": (VERTEX | {"func_tolerance": 0, "position_tolerance": 0}, "would not end"),
    "half an iteration": (VERTEX | {"max_iterations": 1.5}, "max_iterations=1.5"),
    "negative iterations": (VERTEX | {"max_iterations": tf.constant(-1)}, "max_iterations=-1"),
    "none in parallel": (VERTEX | {"parallel_iterations": 0}, "parallel_iterations=0"),
    "reflection": (VERTEX | {"reflection": 0.0}, "reflection=0.0"),
    "expansion": (VERTEX | {"expansion": tf.constant(1.0)}, "expansion=1.0"),
    "contraction": (VERTEX | {"contraction": 1.0}, "contraction=1.0"),
    "shrinkage": (VERTEX | {"shrinkage": "half"}, "shrinkage='half'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    given, message = WRONG[name]

    def fun(x):
        raise AssertionError("called")

    with pytest.raises(InvalidArgumentError, match=message) as caught:
        nelder_mead_minimize(fun, **given)
    assert isinstance(caught.value, ValueError)
    with tf.Graph().as_default():
        given = {
            name: tf.constant(value.numpy()) if tf.is_tensor(value) else value
            for name, value in given.items()
        }
        with pytest.raises(InvalidArgumentError, match=message):
            nelder_mead_minimize(fun, **given)


def test_shapes_must_be_known_when_the_graph_is_made():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)], autograph=False)
    def search(start):
        return nelder_mead_minimize(bowl, initial_vertex=start)

    with pytest.raises(InvalidArgumentError, match=r"shape \(None,\): expected one that is known"):
        search(tf.constant([1.0, 2.0], tf.float64))


# Packages


def run(code):
    code = textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_neither_tensorflow_probability_nor_tf_keras_is_needed():
    found = run(
        """
        import sys
        sys.modules.update(dict.fromkeys(("tensorflow_probability", "tf_keras", "keras")))
        import tensorflow as tf
        from nelder.tfp import nelder_mead_minimize
        def fun(x):
            return tf.reduce_sum(tf.square(x - 1.5))
        def search():
            return nelder_mead_minimize(fun, initial_vertex=[1.0, 4.0])
        print(search().converged.numpy(), tf.function(search, autograph=False)().converged.numpy())
        """
    )
    assert found.split() == ["True", "True"]


def test_behaviour_of_version_1():
    found = run(
        """
        import tensorflow.compat.v1 as tf
        tf.disable_v2_behavior()
        from nelder.tfp import nelder_mead_minimize
        def rosenbrock(x):
            return tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
        def cusp(x):
            return tf.reduce_sum(tf.abs(x - 0.3) ** 0.3, axis=-1)
        start = tf.placeholder(tf.float64, [2])
        found = nelder_mead_minimize(rosenbrock, initial_vertex=start)
        shrinking = nelder_mead_minimize(
            cusp, initial_vertex=start, batch_evaluate_objective=True, max_iterations=60
        )
        with tf.Session() as session:
            found, shrinking = session.run((found, shrinking), {start: [-1.2, 1.0]})
        print(found.num_iterations, found.num_objective_evaluations, shrinking.num_iterations)
        """
    )
    assert found.split() == ["83", "155", "60"]


def test_nelder_does_not_import_tensorflow():
    assert run("import sys, nelder; print('tensorflow' in sys.modules)").strip() == "False"


def test_without_tensorflow_the_error_says_what_to_install():
    found = run(
        """
        import sys
        sys.modules["tensorflow"] = None
        import nelder
        try:
            from nelder.tfp import nelder_mead_minimize
        except nelder.MissingExtraError as error:
            print(error)
        """
    )
    assert found.startswith("nelder.tfp needs packages")
    assert "pip install 'nelder[tensorflow]'" in found
