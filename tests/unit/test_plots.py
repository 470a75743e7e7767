"""Pictures: what is taken from a history, the surfaces, and that every kind of search is drawn."""

import io
import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nelder
from nelder.errors import InvalidArgumentError, MissingExtraError
from nelder.parameters import Parameters
from nelder.plots import plot_profile, plot_result, plot_search
from nelder.plots.course import Course, chosen
from nelder.plots.cut import fitted
from nelder.plots.profile import steps
from nelder.plots.sizes import sizes
from nelder.plots.spline import _hull, _outside, interpolated
from nelder.plots.surface import GRID, whole

NAN, INF = math.nan, math.inf


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def begun(x0, bounds=None, method=None):
    """The search that `minimize` begins."""
    method = method or nelder.NelderMead()
    parameters = Parameters.read(x0, bounds)
    return method.start(parameters.x0, parameters.box(method.clips))


def course_of(points, values, names=()):
    return Course.read(np.array(points, dtype=float), np.array(values, dtype=float), names)


# What a history says


def test_the_best_so_far_and_what_failed():
    course = course_of([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]], [NAN, 3.0, INF, 3.0, 2.0, -INF])
    assert course.better.tolist() == [1, 4]
    assert course.finite.tolist() == [1, 3, 4]
    assert course.failed.tolist() == [0, 2, 5]
    assert course.numbers.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert course.names == ("x[0]",)


def test_units_are_those_of_the_first_simplex():
    points = [[0.0, 1.0, 7.0], [0.5, 1.0, 7.0], [0.0, 1.25, 7.0], [9.0, 9.0, 7.0]]
    course = course_of(points, [1.0, 2.0, 3.0, 4.0])
    assert course.free.tolist() == [0, 1]
    assert course.units.tolist() == [0.5, 0.25, 1.0]
    flat = course_of([[0.0, 1.0], [0.5, 1.0], [0.25, 1.0], [0.0, 4.0]], [1.0, 2.0, 3.0, 4.0])
    assert flat.units.tolist() == [0.5, 3.0]


@pytest.mark.parametrize(
    ("values", "gaps"),
    [
        ([5.0, 4.0, 1.02, 1.0], [4.0, 3.0, 1.02 - 1.0, 0.0]),  # from 4 to 0.02: over two decades
        ([5.0, 4.0, 1.5, 1.0], None),
        ([5.0, 1.0], None),
        ([1.0], None),
        ([1.0, 1.0], None),
    ],
)
def test_a_logarithm_only_where_it_shows_something(values, gaps):
    found = course_of([[float(i)] for i in range(len(values))], values).gaps
    assert (found is None) if gaps is None else (found.tolist() == gaps)


def test_parameters_that_moved_farthest_are_drawn():
    start, end = np.zeros(9), np.array([0, 3, 1, 9, 8, 0, 7, 6, 5.0])
    simplex = start + np.vstack([np.zeros(9), np.eye(9)])
    course = course_of([*simplex, end], [5.0] * 10 + [1.0])
    assert chosen(course, None) == [1, 3, 4, 6, 7, 8]  # in their own order
    assert chosen(course, [4, 0]) == [4, 0]
    assert chosen(course, np.int64(2)) == [2]


def test_parameters_that_are_fixed_are_not_drawn_unasked():
    course = course_of([[0.0, 7.0, 0.0], [1.0, 7.0, 0.0], [0.0, 7.0, 1.0]], [3.0, 2.0, 1.0], "abc")
    assert chosen(course, None) == [0, 2]
    assert chosen(course, ["b", "c"]) == [1, 2]
    assert chosen(course, "b") == [1]
    assert chosen(course_of([[1.0, 2.0]], [0.0]), None) == [0, 1]  # nothing has moved yet


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (["d"], "there is no 'd': expected of a, b, c, or numbers from 0 to 2"),
        ([3], "there is no 3"),
        ([-1], "there is no -1"),
        ([True], "there is no True"),
        (1.0, "there is no 1.0"),
        ([], "expected at least one"),
        (["a", 0], "and each once"),
    ],
)
def test_parameters_that_there_are_not(parameters, said):
    course = course_of([[0.0, 1.0, 2.0]], [1.0], ("a", "b", "c"))
    with pytest.raises(InvalidArgumentError) as caught:
        chosen(course, parameters)
    assert said in str(caught.value)


# The simplex's size, by replay


@pytest.mark.parametrize(
    ("x0", "settings_"),
    [
        ([-1.2, 1.0], {}),
        ([3.0], {}),
        ([-1.2, 1.0], {"bounds": [(-2.0, 0.5), (None, 2.0)]}),
        ([1.0] * 9, {"method": nelder.KWorst(3)}),
        ([-1.2, 1.0], {"maxfev": 40}),
        ([-1.2, 1.0], {"method": nelder.NelderMead(convergence=lambda s, f: np.ptp(f) < 1e-3)}),
    ],
)
def test_sizes_are_those_of_the_search(x0, settings_):
    def bowl(x):
        return rosenbrock(x) if len(x) == 2 else float(np.sum((x - 2.0) ** 2))

    seen = []
    result = nelder.minimize(
        bowl,
        x0,
        history=True,
        callback=lambda intermediate_result: seen.append(intermediate_result),
        **settings_,
    )
    search = begun(x0, settings_.get("bounds"), settings_.get("method"))
    after, size = sizes(search, *result.history)
    told = {s.nfev: np.abs(s.simplex - s.simplex[0]).max() for s in seen}
    shared = [k for k in after.tolist() if k in told]
    assert len(shared) >= len(told) - 1
    assert [size[after.tolist().index(k)] for k in shared] == [told[k] for k in shared]


def test_a_history_of_another_search_is_followed_as_far_as_it_goes():
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True)
    points, values = result.history
    points = points.copy()
    points[50:] += 1.0
    whole_, part = (
        sizes(begun([-1.2, 1.0]), p, values)[0] for p in (result.history.points, points)
    )
    assert part.tolist() == [k for k in whole_.tolist() if k <= 50]
    assert sizes(begun([0.0, 0.0]), points, values)[0].size == 0


# Surfaces


def test_the_hull_and_what_is_outside():
    nodes = np.array([[0, 0], [2, 0], [2, 1], [0, 1], [1, 0.5], [1, 0], [0, 0.5]], dtype=float)
    assert _hull(nodes).tolist() == [[0, 0], [2, 0], [2, 1], [0, 1]]
    points = np.array([[1, 0.25], [3, 0.5], [1, -0.5], [2, 1]])
    assert _outside(points, nodes).tolist() == [0.0, 1.0, 0.5, 0.0]


def test_the_spline_goes_through_smooth_values():
    rng = np.random.default_rng(3)
    points = rng.uniform(-1.0, 1.0, (60, 2))
    values = 2.0 + (points[:, 0] - 0.2) ** 2 + 3.0 * (points[:, 1] + 0.1) ** 2
    course = course_of(points, values)
    surface = interpolated(course, (0, 1))
    assert surface.error < 0.05
    x = np.linspace(surface.window.low[0], surface.window.high[0], GRID)
    y = np.linspace(surface.window.low[1], surface.window.high[1], GRID)
    true = (x[None, :] - 0.2) ** 2 + 3.0 * (y[:, None] + 0.1) ** 2
    inner = surface.known > 0.6
    assert inner.mean() > 0.5
    assert np.abs(surface.heights - true)[inner].max() < 0.1 * true.max()
    corners = surface.known[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 0.6


def test_the_quadratic_is_the_true_one_cut_through_the_best_point():
    rng = np.random.default_rng(4)
    points = 3.0 + np.concatenate([np.zeros((1, 4)), rng.uniform(-1.0, 1.0, (99, 4))])
    hessian = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5
    values = 7.0 + 0.5 * np.einsum("mi,ij,mj->m", points - 3.0, hessian, points - 3.0)
    course = course_of(points, values)
    surface = fitted(course, (3, 1))
    assert surface.error < 1e-6
    x = np.linspace(surface.window.low[0], surface.window.high[0], GRID) - 3.0
    y = np.linspace(surface.window.low[1], surface.window.high[1], GRID) - 3.0
    true = 0.5 * (4.5 * x[None, :] ** 2 + 2.5 * y[:, None] ** 2) + 0.5 * x[None, :] * y[:, None]
    assert surface.heights == pytest.approx(true, abs=1e-6)
    assert (surface.window.low + surface.window.high).tolist() == pytest.approx([6.0, 6.0])


def test_heights_are_above_the_lowest_of_the_surface_where_that_is_below_the_best_point():
    rng = np.random.default_rng(5)
    points = rng.uniform(-1.0, 1.0, (60, 3))
    values = np.sum((points - [1.5, 0.0, 0.0]) ** 2, axis=1)  # its minimum is not among them
    course = course_of(points, values)
    assert fitted(course, (0, 1)).heights.min() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("values", ["constant", "noise"])
def test_no_quadratic_where_none_fits(values):
    rng = np.random.default_rng(6)
    points = rng.uniform(-1.0, 1.0, (200, 3))
    made = {"constant": np.ones(200), "noise": rng.standard_normal(200)}[values]
    assert fitted(course_of(points, made), (0, 1)) is None


FINITE = st.floats(-1e100, 1e100)
ANY = st.one_of(FINITE, st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1e-300]))


@st.composite
def histories(draw, dims=(1, 4), most=40):
    dim, m = draw(st.integers(*dims)), draw(st.integers(1, most))
    coordinate = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e50, 1e50))
    points = draw(arrays(np.float64, (m, dim), elements=coordinate))
    return points, draw(arrays(np.float64, m, elements=ANY))


@settings(max_examples=60, deadline=None)
@given(histories(dims=(2, 4)))
def test_surfaces_of_anything_are_finite_or_none(history):
    course = Course.read(*history, ())
    if course.better.size and len(course.free) >= 2:
        pair = tuple(course.free[:2].tolist())
        for surface in (interpolated(course, pair), fitted(course, pair)):
            if surface is not None:
                assert np.isfinite(surface.heights).all()
                assert (surface.heights >= 0.0).all()
                assert ((surface.known >= 0.0) & (surface.known <= 1.0)).all()
                assert not surface.window.empty
    assert whole(course, (0, 1)).empty in (True, False)


# Pictures


def drawn(figure):
    """Draw it, as a warning-free picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    return figure


def labels(figure):
    """What stands below the axes, and beside them."""
    return [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]


def many(x):
    return float(np.sum((1.0 + np.arange(len(x)) % 7) * (x - np.arange(len(x)) / 10.0) ** 2))


def half_failing(x):
    return NAN if x[0] + x[1] > 3.2 else INF if x[1] < 0.0 else rosenbrock(x)


CASES = {
    "two": (rosenbrock, [-1.2, 1.0], {}),
    "one": (lambda x: (x[0] - 3.0) ** 2, [1.0], {}),
    "one evaluation": (rosenbrock, [-1.2, 1.0], {"maxfev": 1}),
    "first simplex cut short": (rosenbrock, [-1.2, 1.0], {"maxfev": 2}),
    "constant": (lambda x: 1.0, [1.0, 2.0, 3.0], {}),
    "some fail": (half_failing, [1.5, 1.5], {}),
    "all fail": (lambda x: NAN, [1.5, 1.5], {"maxfev": 30}),
    "all infinite, one": (lambda x: INF, [1.5], {"maxfev": 30}),
    "falls to minus infinity": (lambda x: -INF if x[0] > 3.0 else -x[0], [1.0, 1.0], {}),
    "falls without end": (lambda x: -x[0] - x[1], [1.0, 1.0], {}),
    "large": (lambda x: 1e290 * (1.0 + rosenbrock(x)), [-1.2, 1.0], {}),
    "tiny": (lambda x: 1e-300 * rosenbrock(x), [-1.2, 1.0], {}),
    "far": (lambda x: (x[0] - 1e60) ** 2 + (x[1] - 1.0) ** 2, [1e60 + 1e50, 0.0], {}),
    "bounds": (rosenbrock, [-1.2, 1.0], {"bounds": [(-2.0, 0.5), (-1.0, 2.0)]}),
    "fixed": (rosenbrock, [-1.2, 1.0], {"bounds": [(1.0, 1.0), (None, None)]}),
    "all fixed": (rosenbrock, [1.0, 1.0], {"bounds": [(1.0, 1.0), (1.0, 1.0)]}),
    "three": (many, [1.0, 2.0, 3.0], {}),
    "fifty": (many, [1.0] * 50, {"maxfev": 2000}),
    "k vertices": (many, [1.0] * 9, {"method": nelder.KWorst(3)}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_search_is_drawn(case):
    pytest.importorskip("matplotlib")
    fun, x0, settings_ = CASES[case]
    result = nelder.minimize(fun, x0, history=True, **settings_)
    figure = drawn(plot_result(result))
    assert ("evaluations", "x[0]") in labels(figure) or case == "fixed" or len(x0) > 6


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(histories())
def test_any_history_is_drawn(history):
    pytest.importorskip("matplotlib")
    figure = plot_search(*history)
    figure.set_layout_engine("none")  # it takes longest
    drawn(figure)


def test_what_the_panels_of_a_named_fit_show():
    pytest.importorskip("matplotlib")
    x0 = {"rate": 1.0, "offset": 2.0, "amplitude": 3.0}
    result = nelder.minimize(lambda p: many(np.array(list(p.values()))), x0, history=True)
    figure = drawn(plot_result(result, ["rate", "amplitude"]))
    upper = [("", "value − best value"), ("evaluations", "simplex size"), ("rate", "amplitude")]
    assert labels(figure)[:3] == upper
    assert labels(figure)[-2:] == [("evaluations", "rate"), ("evaluations", "amplitude")]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    best = np.minimum.accumulate(result.history.values) - result.fun
    at, gap = (np.asarray(part) for part in lines["best so far"].get_data())
    assert gap[:-1].tolist() == best[at[:-1].astype(int) - 1].tolist()
    assert at[-1] == result.nfev
    evaluated = np.asarray(lines["evaluated"].get_data())
    assert evaluated[1].tolist() == (result.history.values - result.fun).tolist()
    plane = figure.axes[2]
    assert "quadratic around the best, error" in plane.get_title()
    *_, star = (line for line in plane.lines if line.get_label() == "best")
    names = result.names
    assert [float(star.get_xdata()[0]), float(star.get_ydata()[0])] == [
        result.flat[names.index("rate")],
        result.flat[names.index("amplitude")],
    ]


def test_an_answer_that_is_an_estimate_is_drawn_as_such():
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(8)
    result = nelder.minimize(
        lambda x: rosenbrock(x) + 0.1 * rng.standard_normal(),
        [-1.2, 1.0],
        maxfev=200,
        history=True,
        method=nelder.NelderMead(noise=True),
    )
    lowest = result.history.values.min()
    assert result.fun > lowest  # that one was lucky
    figure = drawn(plot_result(result))
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "result")
    assert np.asarray(line.get_ydata()).tolist() == [result.fun - lowest] * 2
    (plane,) = (axes for axes in figure.axes if axes.get_xlabel() == "x[0]")
    (star,) = (line for line in plane.lines if line.get_label() == "best")
    assert [float(star.get_xdata()[0]), float(star.get_ydata()[0])] == result.x.tolist()


def test_values_that_are_not_finite_are_marked():
    pytest.importorskip("matplotlib")
    result = nelder.minimize(half_failing, [1.5, 1.5], history=True)
    assert result.nfailed
    figure = plot_result(pickle.loads(pickle.dumps(result)))
    marked = [line for line in figure.axes[0].lines if line.get_label() == "not finite"]
    assert len(marked[0].get_xdata()) == result.nfailed
    assert "simplex size" not in [name for _, name in labels(figure)]  # that is not known any more


def test_a_surface_that_is_flat_as_far_as_it_is_known_is_not_filled():
    pytest.importorskip("matplotlib")
    points = [[1, 0], [-1, 0], [0, -2], [-3, 2], [0, 3], [0, 3], [-3, -2]]
    values = [NAN, 0.0, 2.17915972e15, NAN, 0.0, 0.0, 1.8283e16]
    drawn(plot_search(np.array(points, dtype=float), np.array(values)))


def test_a_single_parameter_is_drawn_as_a_curve():
    pytest.importorskip("matplotlib")
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True)
    assert ("x[1]", "value") in labels(drawn(plot_result(result, 1)))


def test_a_result_without_history_says_what_is_missing():
    with pytest.raises(InvalidArgumentError, match="history=False: expected a search"):
        plot_result(nelder.minimize(rosenbrock, [-1.2, 1.0]))


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InvalidArgumentError, match="nothing was evaluated"):
        plot_search(np.empty((0, 2)), np.empty(0))


# Data profiles


@pytest.mark.parametrize(
    ("needed", "at", "share"),
    [
        ([4.0, 2.0, INF, 2.0], [0.0, 2.0, 4.0, 10.0], [0.0, 0.5, 0.75, 0.75]),
        ([INF, INF], [0.0, 10.0], [0.0, 0.0]),
        ([10.0, 11.0], [0.0, 10.0, 10.0], [0.0, 0.5, 0.5]),
        ([0.0], [0.0, 0.0, 10.0], [0.0, 1.0, 1.0]),
    ],
)
def test_where_a_profile_rises(needed, at, share):
    found = steps(np.array(needed), 10.0)
    assert [part.tolist() for part in found] == [at, share]


def test_a_profile():
    pytest.importorskip("matplotlib")
    needed = {"one": [4.0, 2.0, INF, 2.0], "other": np.array([1.0, 30.0, 2.0, 3.0])}
    figure = drawn(plot_profile(needed, budget=20.0, title="four", emphasis=["other"]))
    (axes,) = figure.axes
    one, other = axes.lines
    assert np.asarray(one.get_data()).tolist() == [[0, 2, 4, 20], [0, 0.5, 0.75, 0.75]]
    assert np.asarray(other.get_data()).tolist() == [[0, 1, 2, 3, 20], [0, 0.25, 0.5, 0.75, 0.75]]
    assert other.get_linewidth() > one.get_linewidth()
    assert (axes.get_title(), axes.get_ylabel()) == ("four", "share of 4 problems solved")
    assert axes.get_xlim() == (0.0, 20.0)


def test_a_profile_names_the_best_solver_first_and_tells_many_apart():
    pytest.importorskip("matplotlib")
    needed = {f"s{i}": [float(i), INF if i < 9 else 1.0] for i in range(10)}
    figure = drawn(plot_profile(needed))
    (axes,) = figure.axes
    assert axes.get_legend().get_texts()[0].get_text() == "s9"
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 10
    assert axes.get_xlim() == (0.0, 1.05 * 9.0)
    assert drawn(plot_profile({"none": [INF]})).axes[0].get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (({},), "needed is empty"),
        ((None,), "needed=None: expected a dict of solvers"),
        (({"a": ["x"]},), "needed['a']=['x']: expected a number for each problem"),
        (({"a": []},), "needed['a'] has shape (0,)"),
        (({"a": 3.0},), "needed['a'] has shape ()"),
        (
            ({"a": [1.0], "b": [1.0, 2.0]},),
            "needed['b'] has 2 problems: expected 1, as needed['a']",
        ),
        (({"a": [NAN]},), "needed['a'] holds nan"),
        (({"a": [-1.0]},), "needed['a'] holds -1.0"),
    ],
)
def test_profiles_that_are_none(arguments, said):
    with pytest.raises(InvalidArgumentError) as caught:
        plot_profile(*arguments)
    assert said in str(caught.value)


@pytest.mark.parametrize("budget", [0.0, -1.0, INF, NAN])
def test_budgets_that_are_none(budget):
    with pytest.raises(InvalidArgumentError, match=r"budget=.*: expected a number above 0"):
        plot_profile({"a": [1.0]}, budget=budget)


def test_an_emphasis_on_nobody():
    with pytest.raises(InvalidArgumentError, match=r"no solver 'b', only a"):
        plot_profile({"a": [1.0]}, emphasis=["b"])


# Matplotlib


@pytest.mark.parametrize(
    ("call", "feature"),
    [
        (lambda: plot_profile({"a": [1.0]}), "nelder.plot_profile"),
        (lambda: plot_search(np.zeros((1, 1)), np.zeros(1)), r"result.plot\(\)"),
    ],
)
def test_without_matplotlib_the_install_command_is_named(call, feature, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=rf"{feature} .*pip install 'nelder\[plot\]'"):
        call()


def test_nothing_is_shown_and_no_state_changed():
    pytest.importorskip("matplotlib")
    code = (
        "import sys, numpy as np, matplotlib as mpl; before = dict(mpl.rcParams);"
        "from nelder.plots import plot_search, plot_profile;"
        "figure = plot_search(np.random.default_rng(1).random((30, 3)), np.arange(30.0));"
        "figure.savefig(sys.argv[1]); plot_profile({'a': [1.0]});"
        "assert 'matplotlib.pyplot' not in sys.modules; assert dict(mpl.rcParams) == before"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        env={"MPLBACKEND": "TkAgg"},  # there is no display
    )
    assert done.returncode == 0, done.stderr


def test_import_of_plots_needs_no_matplotlib():
    code = "import sys, nelder.plots; assert 'matplotlib' not in sys.modules"
    with warnings.catch_warnings():
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
