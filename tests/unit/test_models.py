"""The search of a model's weights, without a model: points, starts, epochs, ends."""

import math

import numpy as np
import pytest

import nelder
from nelder.errors import InvalidArgumentError
from nelder.models.search import Settings, minimise
from nelder.models.subspace import Subspace
from nelder.models.weights import Weights, chosen
from nelder.options import Budget
from nelder.result import Status

PATHS = [
    ("net", "body", "dense", "kernel"),
    ("net", "body", "dense", "bias"),
    ("net", "head", "kernel"),
    ("net", "head", "bias"),
]


def settings(starts=1, batch=64, step=1.0, seed=0, method=None):
    return Settings(starts, batch, step, seed, method)


def budget(n, maxfev=None, target=None):
    return Budget(maxfev, None, None, target, n)


class Watcher:
    """Notes all that it sees, and ends the search at an epoch."""

    def __init__(self, last=math.inf, every_call=False, error=None):
        self.last, self.every_call, self.error = last, every_call, error
        self.installed, self.calls, self.seen = [], [], []

    def install(self, x):
        self.installed.append(x.copy())

    def called(self, fun):
        self.calls.append((len(self.installed), fun))

    def begin(self, epoch):
        self.seen.append(("begin", epoch))

    def end(self, epoch, fun):
        self.seen.append(("end", epoch, fun))
        if self.error is not None and epoch == self.last:
            raise self.error
        return epoch == self.last


class Bowl:
    """abs(x - 1), weighted, at many points; keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, points):
        self.asked.append(points.copy())
        return (np.abs(points - 1.0) * np.arange(1, points.shape[1] + 1)).sum(axis=1)

    @property
    def points(self):
        return np.concatenate(self.asked)


# Which weights


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("all", [0, 1, 2, 3]),
        ("last", [2, 3]),
        ("head", [2, 3]),
        ("dense", [0, 1]),
        ("body", [0, 1]),
        ("bias", [1, 3]),
        ("dense/bias", [1]),
        ("dense.bias", [1]),
        ("net/head/kernel", [2]),
        (["head", "dense/kernel"], [0, 2, 3]),
        (("head", "head/bias"), [2, 3]),
        (Subspace(2), [0, 1, 2, 3]),
        (Subspace(2, of="last"), [2, 3]),
    ],
)
def test_names_of_layers_and_variables(which, expected):
    assert chosen(PATHS, which) == expected


@pytest.mark.parametrize("which", ["hea", "head/dense", "", "kernel/head", ["head", "tail"]])
def test_a_name_that_is_not_there(which):
    with pytest.raises(InvalidArgumentError, match="no layer or trainable variable") as caught:
        chosen(PATHS, which)
    assert "net/head/kernel" in str(caught.value)


@pytest.mark.parametrize("which", [None, 3, [], [1], {"head": 1}])
def test_what_is_no_name(which):
    with pytest.raises(InvalidArgumentError, match="expected 'all', 'last'"):
        chosen(PATHS, which)


def test_no_weights_at_all():
    with pytest.raises(InvalidArgumentError, match="no trainable weights"):
        chosen([], "all")


def test_weights_are_taken_apart_as_they_were_put_together():
    values = [np.arange(6.0).reshape(2, 3), np.array([7.0]), np.array(8.0)]
    weights = Weights.of(values, "all", lambda shape: 1)
    assert weights.n == 8
    assert weights.x0.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    for value, part in zip(values, weights.arrays(weights.x0), strict=True):
        assert part.shape == value.shape
        assert part.tolist() == value.tolist()


def test_a_subspace_goes_through_the_present_weights():
    values = [np.ones((4, 25)), np.full(3, 2.0)]
    weights = Weights.of(values, Subspace(2, seed=1), lambda shape: shape[0] if shape[1:] else 1)
    assert weights.n == 2
    assert weights.x0.tolist() == [0.0, 0.0]
    kernel, bias = weights.arrays(weights.x0)
    assert kernel.tolist() == values[0].tolist()
    assert bias.tolist() == values[1].tolist()
    along, across = weights.arrays(np.array([1.0, 0.0])), weights.arrays(np.array([0.0, 1.0]))
    both = weights.arrays(np.array([2.0, -1.0]))
    for value, a, b, ab in zip(values, along, across, both, strict=True):
        assert ab == pytest.approx(value + 2.0 * (a - value) - (b - value))
    # 100 normal numbers of width 1/sqrt(4)
    assert np.std(along[0] - values[0]) == pytest.approx(0.5, rel=0.3)
    same = Weights.of(values, Subspace(2, seed=1), lambda shape: 1)
    other = Weights.of(values, Subspace(2, seed=2), lambda shape: 1)
    assert same.directions[0, -1] == weights.directions[0, -1]
    assert other.directions[0, -1] != weights.directions[0, -1]


@pytest.mark.parametrize("given", [{"k": 0}, {"k": 1.5}, {"k": True}, {"k": 2, "seed": -1}])
def test_a_subspace_is_checked(given):
    with pytest.raises(InvalidArgumentError, match="expected a whole number"):
        Subspace(**given)


def test_more_directions_than_weights():
    with pytest.raises(InvalidArgumentError, match=r"k=4: .* there are weights, 3"):
        Weights.of([np.ones(3)], Subspace(4), lambda shape: 1)


@pytest.mark.parametrize(
    "value", [np.array([1.0, math.nan]), np.array([math.inf]), np.array([1 + 1j]), np.array([1])]
)
def test_weights_are_finite_real_numbers(value):
    with pytest.raises(InvalidArgumentError, match=r"not finite numbers|expected real numbers"):
        Weights.of([value], "all", lambda shape: 1)


def test_many_weights_warn():
    Weights.of([np.ones(100)], "all", lambda shape: 1)
    with pytest.warns(UserWarning, match="101 free weights"):
        Weights.of([np.ones(101)], "all", lambda shape: 1)
    assert Weights.of([np.ones(1000)], Subspace(20), lambda shape: 1).n == 20


# How they are searched


@pytest.mark.parametrize(
    ("n", "given", "k"),
    [
        (49, {}, 16),
        (49, {"starts": 8}, 8),
        (49, {"starts": 100}, 1),
        (49, {"batch": 10}, 10),
        (6, {}, 2),
        (5, {}, 1),
        (1, {}, 1),
    ],
)
def test_movers(n, given, k):
    method = settings(**given).method_for(n)
    assert getattr(method, "k", 1) == k
    assert isinstance(method, nelder.KWorst) == (k > 1)


def test_the_callers_method_is_taken():
    method = nelder.NelderMead()
    assert settings(method=method).method_for(49) is method


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", 0),
        ("starts", 1.0),
        ("batch", 0),
        ("batch", True),
        ("seed", -1),
        ("step", 0.0),
        ("step", -1.0),
        ("step", math.inf),
        ("step", "1"),
        ("method", "KWorst"),
    ],
)
def test_settings_are_checked(name, value):
    with pytest.raises(InvalidArgumentError, match=f"{name}={value!r}"):
        settings(**{name: value})


@pytest.mark.parametrize("n", [3, 12])
@pytest.mark.parametrize("starts", [1, 3])
def test_each_search_is_that_of_minimize(n, starts):
    given = settings(starts=starts)
    x0 = np.zeros(n)
    result = minimise(Bowl(), x0, given, budget(n, 900), Watcher())
    begins = given.begins(x0)
    assert begins.shape == (starts, n)
    assert begins[0].tolist() == x0.tolist()
    for search, start in zip(result.results, begins, strict=True):
        single = nelder.minimize(
            lambda x: float(Bowl()(x.reshape(1, -1))[0]),
            start,
            method=given.method_for(n),
            maxfev=900,
        )
        assert search.x.tobytes() == single.x.tobytes()
        assert (search.fun, search.nfev, search.status) == (
            single.fun,
            single.nfev,
            single.status,
        )
    best = min(result.results, key=lambda search: search.fun)
    assert (result.fun, result.status) == (best.fun, best.status)
    assert result.results[result.best] is best
    assert result.nfev == sum(search.nfev for search in result.results)


def test_the_starts_depend_on_the_seed_alone():
    x0 = np.arange(4.0)
    begins = settings(starts=3, step=0.5).begins(x0)
    assert begins.tobytes() == settings(starts=3, step=0.5, batch=1).begins(x0).tobytes()
    assert begins.tobytes() != settings(starts=3, step=0.5, seed=1).begins(x0).tobytes()
    wide = settings(starts=3, step=1.0).begins(x0)
    assert wide - x0 == pytest.approx(2.0 * (begins - x0))


def test_all_that_is_needed_goes_into_one_call():
    fun = Bowl()
    result = minimise(fun, np.zeros(12), settings(starts=3), budget(12, 300), Watcher())
    assert len(fun.asked[0]) == 3 * 13  # the first simplexes
    assert len(fun.asked[1]) == 3 * 4  # reflections of four movers each
    assert result.ncall == len(fun.asked)
    assert result.nfev == len(fun.points)


def test_no_call_has_more_points_than_a_batch():
    whole, parts = Bowl(), Bowl()
    one = minimise(whole, np.zeros(12), settings(batch=4), budget(12, 300), Watcher())
    assert max(len(points) for points in whole.asked) == 4
    method = settings(batch=4).method_for(12)
    same = minimise(parts, np.zeros(12), settings(method=method), budget(12, 300), Watcher())
    assert max(len(points) for points in parts.asked) == 13
    assert whole.points.tobytes() == parts.points.tobytes()
    assert (one.fun, one.nfev) == (same.fun, same.nfev)
    assert one.ncall > same.ncall


@pytest.mark.parametrize("maxfev", [1, 12, 13, 14, 100, 101])
def test_the_budget_is_exact(maxfev):
    fun = Bowl()
    result = minimise(fun, np.zeros(12), settings(starts=2), budget(12, maxfev), Watcher())
    assert [search.nfev for search in result.results] == [maxfev, maxfev]
    assert len(fun.points) == 2 * maxfev
    assert result.status is Status.MAXFEV
    assert not result.success


def test_epochs_are_as_many_losses_as_there_are_vertices():
    fun, watcher = Bowl(), Watcher()
    minimise(fun, np.zeros(12), settings(starts=2), budget(12, 13 * 20), watcher)
    ends = [seen for seen in watcher.seen if seen[0] == "end"]
    assert [seen[1] for seen in ends] == list(range(20))
    assert [seen[:2] for seen in watcher.seen] == [
        (what, epoch) for epoch in range(20) for what in ("begin", "end")
    ]
    losses = [seen[2] for seen in ends]
    assert losses == sorted(losses, reverse=True)
    values = Bowl()(fun.points)
    assert losses[0] == values[:26].min()
    assert losses[-1] == values.min()


def test_the_model_has_the_best_weights_at_each_end_and_only_better_ones():
    fun = Bowl()

    class Model(Watcher):
        def end(self, epoch, best):
            assert fun(self.installed[-1].reshape(1, -1))[0] == best
            return super().end(epoch, best)

    watcher = Model()
    result = minimise(fun, np.zeros(5), settings(), budget(5), watcher)
    values = fun(np.array(watcher.installed))
    assert (np.diff(values) < 0.0).all()
    assert watcher.installed[-1].tolist() == result.x.tolist()
    assert values[-1] == result.fun
    assert result.success


def test_every_call_is_seen_where_somebody_looks():
    watcher, nobody = Watcher(every_call=True), Watcher()
    result = minimise(Bowl(), np.zeros(5), settings(), budget(5, 60), watcher)
    assert len(watcher.calls) == result.ncall
    losses = [fun for _, fun in watcher.calls]
    assert losses == sorted(losses, reverse=True)
    assert [Bowl()(watcher.installed[i - 1].reshape(1, -1))[0] for i, _ in watcher.calls] == losses
    minimise(Bowl(), np.zeros(5), settings(), budget(5, 60), nobody)
    assert nobody.calls == []


def test_the_watcher_ends_the_search():
    watcher = Watcher(last=2)
    result = minimise(Bowl(), np.zeros(5), settings(starts=2), budget(5), watcher)
    assert watcher.seen[-1][:2] == ("end", 2)
    assert result.status is Status.CALLBACK
    assert {search.status for search in result.results} == {Status.CALLBACK}


def test_a_target_ends_all_searches():
    fun, watcher = Bowl(), Watcher()
    result = minimise(fun, np.zeros(5), settings(starts=3), budget(5, None, 2.0), watcher)
    assert result.success
    assert result.status is Status.TARGET
    assert result.fun <= 2.0
    assert {search.status for search in result.results} <= {Status.TARGET, Status.INTERRUPTED}
    assert Bowl()(np.concatenate(fun.asked[:-1])).min() > 2.0  # it was the last call that did it
    assert watcher.seen[-1][0] == "end"


def test_not_a_number_ranks_worst():
    def fun(points):
        values = Bowl()(points)
        values[points[:, 0] < 0.5] = math.nan
        return values

    result = minimise(fun, np.full(3, 2.0), settings(), budget(3), Watcher())
    assert result.success
    assert result.x == pytest.approx(np.ones(3), abs=1e-3)
    nothing = Watcher()
    result = minimise(
        lambda points: np.full(len(points), math.nan), np.ones(3), settings(), budget(3), nothing
    )
    assert result.status is Status.NO_FINITE_VALUE
    assert result.x.tolist() == [1.0, 1.0, 1.0]
    assert nothing.installed == []


def test_without_a_floor():
    result = minimise(
        lambda points: np.where(points[:, 0] > 3.0, -math.inf, -points[:, 0]),
        np.zeros(2),
        settings(),
        budget(2),
        Watcher(),
    )
    assert result.status is Status.UNBOUNDED
    assert result.fun == -math.inf
    assert result.x[0] > 3.0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("of a callback")])
def test_an_error_of_the_watcher_leaves_the_best(error):
    watcher = Watcher(last=3, error=error)
    fun = Bowl()
    with pytest.raises(type(error)) as caught:
        minimise(fun, np.zeros(5), settings(), budget(5), watcher)
    assert caught.value is error
    assert error.result.status is Status.INTERRUPTED
    assert error.result.fun == fun(fun.points).min()
    assert watcher.installed[-1].tolist() == error.result.x.tolist()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), Status.INTERRUPTED),
        (nelder.EvaluationError("the model"), Status.OBJECTIVE_FAILED),
    ],
)
def test_an_error_of_the_model_leaves_the_best(error, status):
    fun, watcher = Bowl(), Watcher()

    def fails(points):
        if len(fun.asked) == 20:
            raise error
        return fun(points)

    with pytest.raises(type(error)) as caught:
        minimise(fails, np.zeros(5), settings(), budget(5), watcher)
    result = caught.value.result
    assert result.status is status
    assert result.ncall == 20
    assert result.fun == fun(fun.points).min()
    assert watcher.installed[-1].tolist() == result.x.tolist()


def test_an_error_at_once():
    def fails(points):
        raise nelder.EvaluationError("the model")

    watcher = Watcher()
    with pytest.raises(nelder.EvaluationError) as caught:
        minimise(fails, np.ones(5), settings(), budget(5), watcher)
    assert caught.value.result.fun == math.inf
    assert caught.value.result.nfev == 0
    assert watcher.installed == []


def test_the_result_in_words():
    result = minimise(Bowl(), np.zeros(50), settings(starts=2), budget(50, 60), Watcher())
    text = repr(result)
    assert text.startswith("nelder.ModelResult: maxfev evaluations are used up\n")
    assert f"nfev: 120 in {result.ncall} calls" in text
    assert "of 2 searches" in text
    assert len(text) < 500
