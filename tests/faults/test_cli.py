"""``nelder`` as a process: interrupted, killed, resumed, watched, and started twice."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nelder

pytest.importorskip("cyclopts")
pytest.importorskip("rich")
pytestmark = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="processes are looked for in /proc"
)

# Notes its process, takes a moment, and computes Rosenbrock's function.
PROGRAM = f"""#!{sys.executable} -S
import os, sys, time
with open("began", "a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(float(os.environ.get("PAUSE", "0")))
a, b = float(sys.argv[1]), float(sys.argv[2])
print(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2)
"""
RUN = ("run", "--study", "s.db", "-p", "a=-2:2:-1.2", "-p", "b=1", "--json")
ROSENBROCK = ("--", "./rosenbrock", "{a}", "{b}")
COMMAND = (sys.executable, "-W", "error", "-m", "nelder")


@pytest.fixture
def folder(tmp_path):
    """A directory with the program."""
    program = tmp_path / "rosenbrock"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return tmp_path


def start(folder, *arguments, pause=0.0, **settings):
    """Start the command line in `folder`."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=os.environ | {"PAUSE": str(pause)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def finish(process):
    """Return exit code, output and errors."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def call(folder, *arguments, pause=0.0):
    """Run the command line in `folder`."""
    return finish(start(folder, *arguments, pause=pause))


def began(folder):
    """The processes of the programs that have begun."""
    file = folder / "began"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def wait_for(folder, programs):
    """Wait until so many programs have begun."""
    until = time.monotonic() + 60
    while len(began(folder)) < programs:
        assert time.monotonic() < until
        time.sleep(0.01)


def runs(pid):
    """Whether a process runs; one that has ended has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def end_of(out):
    """The last event of JSON lines, without what may differ."""
    event = json.loads(out.splitlines()[-1])
    assert event["event"] == "end"
    return {name: event[name] for name in ("x", "fun", "nfev", "nit", "status", "nfailed")}


def made_again(evaluations):
    """Return the points that were evaluated though their values still waited to be used.

    A search may ask for a point a second time: the expansion after a contraction inside may be the
    reflection before it.
    """
    search = nelder.Optimizer(
        [-1.2, 1.0], bounds=[(-2.0, 2.0), (None, None)], method=nelder.NelderMead(model=True)
    )
    needed, waiting, again = [], {}, []
    for x, value in zip(evaluations.X, evaluations.values, strict=True):
        if x.tobytes() in waiting:
            again.append(x)
        waiting[x.tobytes()] = value
        while needed := needed or list(search.ask()):
            known = waiting.pop(needed[0].tobytes(), None)
            if known is None:
                break
            search.tell([needed.pop(0)], [known])
    return again


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """How the search ends where nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    program = folder / "rosenbrock"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    code, out, err = call(folder, *RUN, "--maxfev", "60", *ROSENBROCK)
    assert (code, err) == (3, "")
    return end_of(out)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by a closed terminal (SIGHUP)"),
    ],
)
def test_a_signal_ends_the_children_and_says_how_to_go_on(number, code, said, folder, undisturbed):
    plain = [argument for argument in RUN if argument != "--json"]
    process = start(folder, *plain, "--maxfev", "60", "--jobs", "2", *ROSENBROCK, pause=0.2)
    wait_for(folder, 8)
    process.send_signal(number)
    got, out, err = finish(process)
    assert (got, err) == (code, "")
    assert not any(runs(pid) for pid in began(folder))
    lines = out.splitlines()
    assert said in lines
    assert lines[-1] == "go on with:  nelder resume s.db"
    best = nelder.load(folder / "s.db")["main"].best
    assert f"  value  {best.value!r}" in lines
    code, out, _ = call(folder, "resume", "s.db", "--json")
    assert code == 3
    assert end_of(out) == undisturbed


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 3), (3, 1)])
def test_a_killed_run_goes_on_and_ends_alike(before, after, folder, undisturbed):
    arguments = (*RUN, "--maxfev", "60", "--jobs", str(before), *ROSENBROCK)
    for kills in range(1, 4):
        process = start(folder, *arguments, pause=0.05)
        wait_for(folder, 12 * kills)
        process.kill()
        finish(process)
        arguments = ("resume", "s.db", "--json", "--jobs", str(after))
    code, out, err = call(folder, *arguments)
    assert (code, err) == (3, "")
    assert end_of(out) == undisturbed
    evaluations = nelder.load(folder / "s.db")["main"].evaluations
    assert not made_again(evaluations)
    if before == after == 1:  # no guesses
        assert len(evaluations) == 60


@pytest.mark.parametrize("method", [("--no-model",), ("--method", "subspaces"), ("--noise",)])
def test_whatever_searches_goes_on_after_a_kill_and_ends_alike(method, folder):
    run = (*RUN, "--maxfev", "80", *method)
    whole = ["whole.db" if word == "s.db" else word for word in run]
    code, undisturbed, err = call(folder, *whole, *ROSENBROCK)
    assert err == ""
    before = len(began(folder))
    process = start(folder, *run, "--jobs", "2", *ROSENBROCK, pause=0.05)
    wait_for(folder, before + 25)
    process.kill()
    finish(process)
    resumed = call(folder, "resume", "s.db", "--json")
    assert (resumed[0], resumed[2]) == (code, "")
    assert end_of(resumed[1]) == end_of(undisturbed)


def test_a_run_under_noise_goes_on_after_a_kill(folder):
    program = folder / "rosenbrock"
    program.write_text(PROGRAM.replace("print(", "import random; print(random.gauss(0, 0.1) + "))
    process = start(folder, *RUN, "--maxfev", "60", "--noise", *ROSENBROCK, pause=0.05)
    wait_for(folder, 25)
    process.kill()
    finish(process)
    kept = nelder.load(folder / "s.db")["main"].evaluations
    _, out, err = call(folder, "resume", "s.db", "--json")
    assert err == ""
    rows = nelder.load(folder / "s.db")["main"].evaluations
    assert rows.values[: len(kept)].tolist() == kept.values.tolist()
    assert len(rows) == json.loads(out.splitlines()[-1])["nfev"] == 60  # each was used
    facts = json.loads(call(folder, "show", "s.db", "--json")[1])
    assert (facts["x"], facts["fun"]) == (end_of(out)["x"], end_of(out)["fun"])


def test_a_run_is_drawn_while_it_lasts(folder):
    pytest.importorskip("matplotlib")
    process = start(folder, *RUN, "--maxfev", "60", *ROSENBROCK, pause=0.1)
    wait_for(folder, 8)
    code, out, err = call(folder, "plot", "s.db", "s.png")
    assert (code, out, err) == (0, "s.png\n", "")
    assert (folder / "s.png").read_bytes().startswith(b"\x89PNG")
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130


def test_a_run_that_was_killed_before_anything_was_evaluated(folder):
    process = start(folder, *RUN, "--maxfev", "5", *ROSENBROCK, pause=60)
    wait_for(folder, 1)
    process.kill()
    finish(process)
    code, out, _ = call(folder, "show", "s.db")
    assert code == 0
    assert "nothing evaluated yet" in out
    code, out, _ = call(folder, "resume", "s.db")
    assert code == 3
    assert "\n5 evaluations" in out


def test_a_study_that_runs_is_shown_and_not_run_twice(folder):
    process = start(folder, *RUN, "--maxfev", "60", *ROSENBROCK, pause=0.1)
    wait_for(folder, 4)
    code, out, err = call(folder, "show", "s.db", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["evaluations"] >= 3
    assert facts["ended"] is False
    code, _, err = call(folder, "resume", "s.db")
    assert code == 5
    assert "is being written by" in err
    assert str(process.pid) in err
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130


def test_a_timeout_ends_grandchildren_and_ranks_worst(folder):
    (folder / "hangs").write_text(
        "#!/bin/sh\ncase $1 in -*) sleep 60 & echo $! >> sleeping; wait;; *) echo $1;; esac\n"
    )
    (folder / "hangs").chmod(0o755)
    code, out, err = call(
        folder,
        *("run", "--study", "s.db", "-p", "a=1.0", "--timeout", "0.3", "--xatol", "0.1"),
        *("--fatol", "0.1", "--maxfev", "12", "--", "./hangs", "{a}"),
    )
    assert (code, err) == (3, "")
    failures = nelder.load(folder / "s.db")["main"].failures
    assert len(failures) > 0
    assert set(failures.failures) == {"timeout"}
    assert (failures.X < 0.0).all()
    sleeping = [int(pid) for pid in (folder / "sleeping").read_text().split()]
    assert len(sleeping) == len(failures)
    assert not any(runs(pid) for pid in sleeping)
    code, out, _ = call(folder, "show", "s.db", "--failures")
    assert "timeout: no answer within 0.3 s" in out


def test_failures_are_tried_again_and_recorded_with_what_was_written(folder):
    (folder / "flaky").write_text(
        "#!/bin/sh\nif [ -e worked ]; then rm worked; echo lost the licence >&2; exit 7; fi\n"
        "touch worked; echo $1\n"
    )
    (folder / "flaky").chmod(0o755)
    code, out, _ = call(
        folder,
        *("run", "--study", "s.db", "-p", "a=0:1", "--retries", "1", "--maxfev", "6"),
        *("--json", "--", "./flaky", "{a}"),
    )
    assert code == 3
    assert end_of(out)["nfailed"] == 0
    failures = nelder.load(folder / "s.db")["main"].failures
    assert len(failures) == 5
    assert not failures.final.any()
    assert failures.details[0].endswith("--- stderr\nlost the licence")


def test_a_function_of_a_module_beside_is_found_by_workers_too(folder):
    pytest.importorskip("pebble")
    (folder / "beside.py").write_text("def bowl(p):\n    return (p['a'] - 1) ** 2\n")
    run = ("run", "beside:bowl", "-p", "a=0:3", "--json")
    one = call(folder, *run)
    two = call(folder, *run, "--jobs", "2")
    assert (one[0], two[0]) == (0, 0)
    assert end_of(one[1]) == end_of(two[1])


def read_terminal(descriptor):
    """Everything that is written to a terminal until nobody has it open any more."""
    text = b""
    while select.select([descriptor], [], [], 60)[0]:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux: nobody has it open
            break
        if not part:
            break
        text += part
    return text.decode()


def test_in_a_terminal_it_is_shown_live(folder):
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "-p", "a=-2:2:-1.2", "-p", "b=1", "--maxfev", "20", *ROSENBROCK],
        cwd=folder,
        env=os.environ | {"PAUSE": "0.1", "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = read_terminal(terminal)
    os.close(terminal)
    assert process.wait() == 3
    assert "running" in shown
    assert "●" in shown
    assert "maxfev evaluations are used up" in shown
    assert "nelder resume rosenbrock.db --maxfev 40" in shown
    assert "\x1b[?25h" in shown  # the cursor is back


def test_a_terminal_that_is_closed_ends_the_run(folder):
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    take += "; os.execv(sys.argv[1], sys.argv[1:])"
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", take, *COMMAND, *RUN[:-1], *ROSENBROCK],
        cwd=folder,
        env=os.environ | {"PAUSE": "0.1", "TERM": "xterm"},
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    wait_for(folder, 4)
    os.close(terminal)
    assert process.wait() == 129
    assert not any(runs(pid) for pid in began(folder))
    assert len(nelder.load(folder / "s.db")["main"].evaluations) >= 3


def test_a_reader_that_goes_away_ends_the_run(folder):
    process = start(folder, *RUN, *ROSENBROCK, pause=0.1)
    wait_for(folder, 4)
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr.read() == ""
    process.stderr.close()
    assert not any(runs(pid) for pid in began(folder))
