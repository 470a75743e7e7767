"""Fixtures for every suite."""

import os

import pytest
from hypothesis import settings

import nelder.core.bounds
import nelder.core.k_worst
import nelder.core.machine
import nelder.core.spanned
from tests.uncompiled import installed, is_compiled, uncompiled

settings.register_profile("nelder", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nelder")


def pytest_configure(config):
    """Let test files of the same name stand in several folders: ``--import-mode=importlib``."""
    config.option.importmode = "importlib"


@pytest.fixture(scope="session")
def compiled_core():
    """The core as an extension; skips where there was no compiler."""
    core = nelder.core
    if not all(map(is_compiled, (core.machine, core.bounds, core.k_worst, core.spanned))):
        pytest.skip("this install is uncompiled")
    return installed()


@pytest.fixture(scope="session")
def uncompiled_core():
    """The same files as plain Python."""
    return uncompiled()


@pytest.fixture(scope="session", params=["compiled", "uncompiled"])
def core(request):
    """The core in either flavour, with its Machine, KWorstMachine, Points and Box."""
    return request.getfixturevalue(f"{request.param}_core")
