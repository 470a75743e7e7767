"""`nelder.keras` on each backend of Keras: `keras_suite.py`, in a process of its own.

Keras has one backend in a process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nelder.keras

SUITE = Path(__file__).with_name("keras_suite.py")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_suite(backend):
    pytest.importorskip("keras", reason="needs keras")
    pytest.importorskip(backend, reason=f"needs {backend}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SUITE)],
        env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=SUITE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("missing", "extra"), [("keras", "keras"), ("tensorflow", "keras,tensorflow")]
)
def test_what_is_not_installed(monkeypatch, missing, extra):
    def import_module(name):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("nelder.keras.model.import_module", import_module)
    with pytest.raises(nelder.MissingExtraError) as caught:
        nelder.keras.fit(None, [1.0], loss="mse")
    assert f"pip install 'nelder[{extra}]'" in str(caught.value)


def test_an_old_keras(monkeypatch):
    class Old:
        __version__ = "2.15.0"

    monkeypatch.setattr("nelder.keras.model.import_module", lambda name: Old)
    with pytest.raises(nelder.MissingExtraError, match=r"found Keras 2\.15\.0"):
        nelder.keras.fit(None, [1.0], loss="mse")


def test_nothing_is_imported_before_it_is_used():
    code = "import sys, nelder.keras, nelder.torch; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "nelder.torch.module" in loaded
    assert loaded.isdisjoint({"keras", "torch", "tensorflow", "jax"})
