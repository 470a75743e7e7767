"""The example with ngspice as the black box: fitted, killed half-way, and resumed."""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import nelder

pytest.importorskip("cyclopts")
pytest.importorskip("rich")
pytestmark = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed: apt install ngspice"
)

EXAMPLE = Path(__file__).parents[2] / "examples/ngspice"
COMMAND = (sys.executable, "-W", "error", "-m", "nelder")


def start(folder, *arguments):
    return subprocess.Popen(
        [*COMMAND, *arguments, "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Return the exit code and the last event."""
    out, err = process.communicate(timeout=300)
    assert err == ""
    return process.returncode, json.loads(out.splitlines()[-1])


def without_time(event):
    """An ending, without what differs from run to run."""
    return {name: event[name] for name in ("x", "fun", "nfev", "nit", "status", "nfailed")}


def recorded(file):
    """How many evaluations a study holds by now."""
    try:
        return len(nelder.load(file)["main"].evaluations)
    except (nelder.JournalError, KeyError):
        return 0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The fit, undisturbed, from another directory than the example's."""
    folder = tmp_path_factory.mktemp("fitted")
    code, end = finish(start(folder, "run", str(EXAMPLE / "problem.toml"), "--jobs", "2"))
    return folder, code, end


def test_the_fit_finds_the_diode(fitted):
    folder, code, end = fitted
    assert code == 0
    assert end["status"] == "CONVERGED"
    assert end["study"] == "diode.db"
    assert (folder / "diode.db").exists()
    x = end["x"]
    assert 10.0 ** x["lg_is"] == pytest.approx(2.52e-9, rel=0.1)
    assert x["n"] == pytest.approx(1.752, rel=0.01)
    assert x["rs"] == pytest.approx(0.568, rel=0.05)
    assert end["fun"] == pytest.approx(0.02**2, rel=0.5)  # what the noise leaves


def test_killed_half_way_and_resumed_it_ends_alike(fitted, tmp_path):
    folder, _, undisturbed = fitted
    # of a copy, so that going on after it has moved is tested with it
    shutil.copytree(EXAMPLE, tmp_path / "ngspice")
    half = recorded(folder / "diode.db") // 2
    process = start(tmp_path / "ngspice", "run", "problem.toml")
    file = tmp_path / "ngspice/diode.db"
    until = time.monotonic() + 120
    while recorded(file) < half // 2:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    at_kill = recorded(file)
    assert at_kill < undisturbed["nfev"]
    os.rename(tmp_path / "ngspice", tmp_path / "moved")
    code, end = finish(start(tmp_path / "moved", "resume", "diode.db", "--jobs", "2"))
    assert code == 0
    assert without_time(end) == without_time(undisturbed)
    assert recorded(tmp_path / "moved/diode.db") > at_kill


def test_a_simulation_that_fails_is_recorded_with_what_ngspice_says(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "ngspice")
    netlist = tmp_path / "ngspice/diode.cir"
    netlist.write_text(netlist.read_text().replace("dc V1", "dc V2"))
    code, end = finish(start(tmp_path / "ngspice", "run", "problem.toml"))
    assert code == 4
    assert "at each of the first points" in end["message"]
    assert "ngspice -b diode.cir" in end["details"]
    assert "misfit" in end["details"]


def test_the_example_says_what_it_does():
    problem = tomllib.loads((EXAMPLE / "problem.toml").read_text())
    readme = (EXAMPLE / "README.md").read_text()
    for name in (*problem["template"], *problem["input"], "problem.toml"):
        assert f"`{name}`" in readme or f" {name}" in readme
        assert (EXAMPLE / name).exists()
