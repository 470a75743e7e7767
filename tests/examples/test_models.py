"""The examples of models without gradients, as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def printed(name, *warnings, **environment):
    """Run an example afresh and return what it prints."""
    options = [option for warning in ("error", *warnings) for option in ("-W", warning)]
    done = subprocess.run(
        [sys.executable, *options, str(EXAMPLES / name)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_cartpole_is_balanced_in_every_episode():
    pytest.importorskip("gymnasium", reason="needs gymnasium")
    out = printed("cartpole.py")
    start = float(re.search(r"at the start: ([\d.]+)", out)[1])
    assert start < 20.0
    found = re.search(r"after (\d+) evaluations: ([\d.]+)", out)
    assert int(found[1]) < 100
    assert float(found[2]) == 500.0
    assert float(re.search(r"of 100 other episodes: ([\d.]+)", out)[1]) == 500.0


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_classifier_learns_by_its_wrong_answers(backend):
    pytest.importorskip("keras", reason="needs keras")
    pytest.importorskip(backend, reason=f"needs {backend}")
    out = printed(
        "keras_zero_one.py",
        "ignore:__array__ implementation",  # PyTorch's tensors, copied by Keras
        KERAS_BACKEND=backend,
    )
    assert f"backend {backend}" in out
    nelder, adam = re.findall(r"([\d.]+) of the training points right, ([\d.]+) of new ones", out)
    assert float(nelder[0]) >= 0.98
    assert float(nelder[1]) >= 0.95
    assert float(adam[0]) >= 0.95  # a fair neighbour
