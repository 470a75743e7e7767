"""The driver is killed at any moment, and the same call goes on: no evaluation or bit is lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nelder
from tests.faults import driver

ROOT = Path(__file__).parents[2]
MAIN = "from tests.faults import driver; driver.main()"


def start(journal, **options):
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, str(journal), json.dumps(options)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(log):
    return log.read_text().split() if log.exists() else []


def kill_after(process, log, evaluations):
    """Kill the driver once it has begun so many evaluations, at a moment drawn by chance."""
    deadline = time.monotonic() + 60
    while len(lines(log)) < evaluations and process.poll() is None:
        assert time.monotonic() < deadline, "the driver does not evaluate"
        time.sleep(0.001)
    time.sleep(random.random() * 0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    ("before", "after", "k"), [(None, None, None), (None, 3, None), (3, None, None), (4, 2, 2)]
)
def test_a_killed_driver_goes_on_where_it_was(tmp_path, before, after, k):
    log, journal = tmp_path / "log", tmp_path / "fit.db"
    options = {"log": str(log), "n": 6, "maxfev": 150, "seconds": 0.005, "k": k}
    whole = driver.run(None, **{**options, "workers": None, "log": str(tmp_path / "whole")})
    for evaluations in (7, 30, 70):
        kill_after(start(journal, workers=before, **options), log, evaluations)
    recorded = nelder.load(journal).evaluations
    begun = Counter(lines(log))
    resumed = driver.run(journal, workers=after, **options)
    assert resumed == whole
    again = Counter(lines(log)) - begun
    have = {x.tobytes().hex() for x in recorded.X}
    points = np.frombuffer(bytes.fromhex(whole["points"])).reshape(-1, options["n"])
    visits = Counter(x.tobytes().hex() for x in points)
    assert not [x for x in have if again[x] and visits[x] < 2], "evaluated although recorded"
    assert len(have) >= 20


def test_a_finished_search_is_not_evaluated_again(tmp_path):
    log, journal = tmp_path / "log", tmp_path / "fit.db"
    options = {"log": str(log), "n": 2, "workers": None, "maxfev": 2000}
    first = driver.run(journal, **options)
    evaluations = len(lines(log))
    assert driver.run(journal, **options) == first
    assert len(lines(log)) == evaluations
    longer = driver.run(journal, **{**options, "maxfev": 4000})
    assert longer == first


def test_the_rule_of_thumb_is_that_of_the_first_call(tmp_path):
    """``KWorst()`` moves as many vertices after a break as before, with any number of workers."""
    rosenbrock = driver.Logged(str(tmp_path / "log"), 0.0)
    first, journal = np.linspace(-1.2, 1.0, 12), tmp_path / "fit.db"
    with ThreadPoolExecutor(12) as executor:
        twelve = {"method": nelder.KWorst(), "workers": executor, "history": True}
        whole = nelder.minimize(rosenbrock, first, maxfev=200, **twelve)
        nelder.minimize(rosenbrock, first, maxfev=90, journal=journal, **twelve)
    resumed = nelder.minimize(
        rosenbrock, first, method=nelder.KWorst(), maxfev=200, journal=journal, history=True
    )
    assert resumed.history.points.tobytes() == whole.history.points.tobytes()
    alone = nelder.minimize(rosenbrock, first, method=nelder.KWorst(), maxfev=200, history=True)
    assert alone.history.points.tobytes() != whole.history.points.tobytes()
