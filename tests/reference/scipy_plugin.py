"""A pytest plugin: SciPy's Nelder-Mead is nelder's, so that SciPy's own tests test nelder.

    python -m pytest -p tests.reference.scipy_plugin --pyargs scipy.optimize.tests.test_optimize

The tests that came through it are counted at the end.
"""

import pytest
import scipy.optimize._minimize as front
import scipy.optimize._optimize as back
from scipy.optimize import OptimizeResult

import nelder

calls = 0
through: list[str] = []


def _unwrapped(callback):
    """Return a callback of nelder's convention for SciPy's wrapped one.

    SciPy's takes an OptimizeResult, and is told by an attribute that it has stopped the search.
    """
    if callback is None:
        return None

    def call(intermediate_result):
        try:
            callback(OptimizeResult(dict(intermediate_result)))
        except StopIteration:
            callback.stop_iteration = True
            raise

    return call


def minimize_neldermead(func, x0, args=(), callback=None, **options):
    """Search in the place of SciPy's function of the same signature."""
    global calls  # noqa: PLW0603
    calls += 1
    return nelder.scipy_method(
        func, x0, args, callback=_unwrapped(callback), like="scipy", **options
    )


minimize_neldermead.__doc__ = back._minimize_neldermead.__doc__  # what show_options reads
back._minimize_neldermead = minimize_neldermead
front._minimize_neldermead = minimize_neldermead


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Take note of the tests that come through nelder."""
    before = calls
    try:
        return (yield)
    finally:
        if calls > before:
            through.append(item.nodeid)


def pytest_terminal_summary(terminalreporter):
    """Say how many tests came through nelder."""
    terminalreporter.write_line(f"through nelder: {len(through)} tests, {calls} searches")
