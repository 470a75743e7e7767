"""What a callable that is given as progress may do."""

from __future__ import annotations

import pytest

import nelder
from nelder import Status


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
@pytest.mark.parametrize("at", [Status.RUNNING, Status.CONVERGED])
def test_a_progress_that_raises_loses_nothing_and_is_not_called_again(how, at):
    seen = []

    def show(now):
        seen.append(now)
        if now.status is at:
            raise OSError("the window is closed")

    with pytest.raises(OSError, match="window") as caught:
        nelder.minimize(rosenbrock, [-1.2, 1.0], progress=show, **how)
    assert [now.status for now in seen].count(at) == 1
    assert seen[-1].status is at
    assert caught.value.result.nfev == seen[-1].nfev
