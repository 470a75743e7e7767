"""Programs that hang, fork, chatter, vanish or are killed, and a driver that is killed."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nelder
from nelder.errors import ExecutorError
from nelder.evaluate import guardian, programs
from nelder.evaluate.attempt import attempt
from nelder.evaluate.command import RECORDED, Command, CommandError, InputFile, Template
from nelder.evaluate.output import Output
from nelder.evaluate.pool import make_pool
from nelder.evaluate.python import PythonObjective
from tests.pools import evaluate, patiently

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")


def shell(script, **settings):
    """A command whose program is a shell script that is not there on disk."""
    return Command(["sh", "-c", script, "sh", "{k}"], ["k"], **settings)


def failure(command, x=(1.0,)):
    """The error of a call that must fail."""
    with pytest.raises(CommandError) as caught:
        command(x)
    return caught.value


def is_alive(pid):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if not Path("/proc/self").exists():
            pytest.skip("/proc is needed to see processes")
        return False
    return state not in "ZX"


def wait_until(condition):
    """Wait for something that must happen."""
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def written(path):
    """The numbers in a file, once it is there and whole."""
    path = Path(path)
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(word) for word in path.read_text().split()]


# Time


def test_a_timeout_ends_grandchildren_too(tmp_path):
    command = shell("sleep 60 & echo $$ $! > pids; wait; : $1", directory=tmp_path, timeout=0.2)
    error = failure(command)
    assert (error.kind, error.message) == ("timeout", "no answer within 0.2 s")
    pids = written(tmp_path / "pids")
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_a_timeout_ends_what_ignores_sigterm(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "GRACE", 0.3)
    script = (
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > pids; while :; do sleep 0.1; done'; : $1"
    )
    command = shell(script, directory=tmp_path, timeout=0.3)
    assert failure(command).kind == "timeout"
    (pid,) = written(tmp_path / "pids")
    wait_until(lambda: not is_alive(pid))


def test_a_program_may_clean_up_after_sigterm(tmp_path):
    trap = "trap 'echo ended; echo cleaned > done; exit 0' TERM"
    script = f"{trap}; echo 1.0; while :; do sleep 0.05; done; : $1"
    error = failure(shell(script, directory=tmp_path, timeout=0.3))
    assert error.kind == "timeout"
    assert "ended" in error.details
    assert (tmp_path / "done").read_text() == "cleaned\n"


def test_what_was_written_before_a_timeout_is_kept():
    error = failure(shell("echo step 7; echo slow >&2; sleep 60; : $1", timeout=0.3))
    assert "--- stdout\nstep 7" in error.details
    assert "--- stderr\nslow" in error.details


def test_a_program_that_ends_takes_its_children_with_it(tmp_path):
    command = shell("sleep 60 & echo $! > pid; echo $1", directory=tmp_path)
    assert command([3.0]) == 3.0  # not waited for, although it holds stdout open
    (pid,) = written(tmp_path / "pid")
    wait_until(lambda: not is_alive(pid))


def test_one_who_has_left_the_group_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "LAST_WORDS", 0.1)
    code = textwrap.dedent(
        """
        import os
        read, write = os.pipe()
        if os.fork():
            os.read(read, 1)
            print(4.0, flush=True)
            os._exit(0)
        os.setsid()
        open("pid", "w").write(f"{os.getpid()}\\n")
        os.write(write, b".")
        while True:
            os.write(1, b"x" * 4096)
        # {k}
        """
    )
    command = Command([sys.executable, "-c", code], ["k"], directory=tmp_path)
    outcome = attempt(command, np.array([1.0]))
    (pid,) = written(tmp_path / "pid")
    os.kill(pid, signal.SIGKILL)
    assert outcome.failure is None or outcome.failure.kind == "output"  # whose line was the last?


def test_a_timeout_of_a_search_ends_programs_and_goes_on(tmp_path):
    command = shell("echo $$ >> pids; exec sleep 60; : $1", directory=tmp_path)
    settings = {"timeout": 0.3, "on_failure": "worst", "maxfev": 5, "workers": 2}
    result = nelder.minimize(command, {"k": 1.0}, **settings)
    assert (result.nfev, result.nfailed) == (5, 5)
    pids = written(tmp_path / "pids")
    assert len(pids) >= 5
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_program_that_ignores_sigterm_keeps_its_thread_until_it_is_killed(monkeypatch):
    monkeypatch.setattr(programs, "GRACE", 0.5)
    command = shell("trap '' TERM; echo $1; [ $1 = 0.0 ] || while :; do sleep 0.1; done")
    pool = make_pool(PythonObjective(command), None, False, 0.2)
    try:
        first, second, third = evaluate(pool, [1, 0, 0])
    finally:
        pool.close()
    assert first.failure.kind == "timeout"
    assert (second.value, third.value) == (0.0, 0.0)


def test_a_program_whose_value_is_no_longer_wanted_is_ended(tmp_path):
    command = shell("[ $1 = 0.0 ] || { echo $$ > pid; sleep 60; }; echo $1", directory=tmp_path)
    pool = make_pool(PythonObjective(command), 1, False, None)
    try:
        pool.submit(0, np.ones(1))
        (pid,) = written(tmp_path / "pid")
        assert pool.cancel(0)
        wait_until(lambda: not is_alive(pid))
        pool.submit(1, np.zeros(1))
        [(task, outcome)] = patiently(pool)
        assert (task, outcome.value) == (1, 0.0)
    finally:
        pool.close()


# Output


def test_a_chatty_program_does_not_block_and_little_is_kept():
    say = "printf '%016384d\\n' $i"  # 16 KiB
    script = f"i=0; while [ $i -lt 400 ]; do {say}; {say} >&2; i=$((i+1)); done; exit $1"
    command = Command(["sh", "-c", script, "sh", "{k:.0f}"], ["k"])
    error = failure(command)
    assert error.message.startswith("exit code 1: 000")
    assert len(error.message) < 300
    assert 2 * RECORDED < len(error.details) < 2 * RECORDED + 2000
    assert command([0.0]) == 399.0


def test_only_the_end_of_stdout_is_read(monkeypatch):
    monkeypatch.setattr(programs, "OUTPUT_KEPT", 1000)
    script = (
        "echo 5.0 first; i=0; while [ $i -lt 100 ]; do printf '%0100d\\n' 7; i=$((i+1)); done; : $1"
    )
    assert shell(script)([1.0]) == 7.0
    error = failure(shell(script, value=Output(regex="(.*) first")))
    assert error.message == "no match of regex '(.*) first' in stdout (only its last MiB is kept)"


def test_output_that_is_no_text():
    error = failure(shell("printf '\\377\\376\\n' ; exit 1; : $1"))
    assert "\ufffd\ufffd" in error.details
    assert shell("printf '\\377\\n%s\\n' $1")([2.0]) == 2.0


def test_a_program_that_closes_its_output_and_goes_on():
    assert shell("echo $1; exec >&- 2>&-; sleep 0.2")([2.0]) == 2.0


# Programs that cannot be run: nothing is known of the point


def not_run(command, x=(1.0,)):
    """The message of the error that ends a search."""
    with pytest.raises(ExecutorError, match=r"^cannot run  ") as caught:
        attempt(command, np.array(x))
    assert isinstance(caught.value.__cause__, OSError)
    return str(caught.value)


def program(folder, text, mode):
    """A command of a program in a file, and the file."""
    path = folder / "simulate"
    path.write_text(text)
    path.chmod(mode)
    return Command(["./simulate", "{k}"], ["k"], directory=folder), path


def test_a_program_that_vanishes(tmp_path):
    command, path = program(tmp_path, "#!/bin/sh\necho $1\n", 0o755)
    assert command([1.0]) == 1.0
    path.unlink()
    where = f"{tmp_path}/./simulate"
    assert not_run(command) == f"cannot run  ./simulate 1.0: No such file or directory: {where}"


def test_a_program_without_a_first_line(tmp_path):
    command, _ = program(tmp_path, "echo $1\n", 0o755)
    assert "Exec format error (is its first line a  #! ?)" in not_run(command)


def test_a_program_that_may_not_be_run_any_more(tmp_path):
    command, path = program(tmp_path, "#!/bin/sh\necho $1\n", 0o755)
    path.chmod(0o644)
    assert "Permission denied" in not_run(command)


def test_an_interpreter_that_is_missing(tmp_path):
    command, _ = program(tmp_path, "#!/nix/nix\n", 0o755)
    assert "No such file or directory" in not_run(command)


def test_arguments_that_are_too_long():
    message = not_run(Command(["echo", 4_000_000 * "x" + "{k}"], ["k"]))
    assert "Argument list too long" in message
    assert len(message) < 1000


@contextlib.contextmanager
def no_more_files():
    """Leave this process no file to open."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    opened = []
    try:
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.dup(0))
        yield
    finally:
        for number in opened:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("used", [False, True])
def test_too_many_open_files(used, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command = shell("echo $1", fresh=True)
    if used:
        assert command([1.0]) == 1.0
    with no_more_files():
        message = not_run(command)
    assert "Too many open files" in message
    assert len(os.listdir(tmp_path)) == used  # the folder of the first time
    assert command([2.0]) == 2.0


def test_no_folder_for_temporary_files(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    monkeypatch.setattr("tempfile.tempdir", str(gone))
    command = shell("echo $1", fresh=True)
    assert f"No such file or directory: {gone}/nelder-" in not_run(command)
    gone.mkdir()
    assert command([2.0]) == 2.0


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "x" * 300])
def test_a_file_that_cannot_be_made(name):
    for settings in ({"inputs": [InputFile(name, "/")]}, {"templates": [Template(name, "")]}):
        message = not_run(shell("echo $1", **settings))
        assert "File name too long: /" in message
        assert message.endswith(f"/{name}")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="/proc is needed")
def test_an_output_file_that_the_system_does_not_read():
    command = shell("ln -s /proc/self/mem out; : $1", value=Output("out"))
    assert "Input/output error" in not_run(command)


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """Temporary files go to a disk of 1 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1M", "none", disk]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this system does not let us mount: {done.stderr.strip()}")
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("workers", [None, 2])
def test_a_full_disk_for_temporary_files_ends_a_search_that_resumes(small_disk, tmp_path, workers):
    """The program of the ninth evaluation fills it, and has a value all the same."""
    script = (
        "read k c < in.txt; rm in.txt; echo >> $0/count; if [ ! -e $0/mended ] && "
        "[ $(wc -l < $0/count) -ge 9 ]; then cat /dev/zero >> $0/disk/full; fi 2> /dev/null; "
        "awk -v k=$k -v c=$c 'BEGIN { print (k - 2)^2 + (c + 1)^2 }'"
    )
    command = Command(
        ["sh", "-c", script, str(tmp_path)],
        ["k", "c"],
        templates=[Template("in.txt", "{k} {c}\n" + 9000 * "x")],
    )
    settings = {"x0": {"k": 0.5, "c": 0.5}, "maxfev": 25, "history": True}
    faulty = {"workers": workers, "on_failure": "worst", "retries": 1}
    faulty["journal"] = tmp_path / "fit.db"
    with pytest.raises(ExecutorError, match=r"No space left on device: .*/in\.txt$") as caught:
        nelder.minimize(command, **settings, **faulty)
    partly = caught.value.result
    assert 0 < partly.nfev <= 9
    assert partly.nfailed == 0
    (tmp_path / "mended").touch()
    (small_disk / "full").unlink()
    result = nelder.minimize(command, **settings, **faulty)
    expected = nelder.minimize(command, **settings)
    np.testing.assert_array_equal(result.history.points, expected.history.points)
    np.testing.assert_array_equal(result.history.values, expected.history.values)
    assert (result.nfev, result.nfailed) == (25, 0)
    assert len(nelder.load(faulty["journal"])["main"].failures.X) == 0


# Kills


def test_a_program_that_is_killed(tmp_path):
    command = shell("echo $$ > pid; sleep 60; : $1", directory=tmp_path)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(attempt(command, np.array([1.0]))))
    thread.start()
    os.kill(written(tmp_path / "pid")[0], signal.SIGKILL)
    thread.join()
    assert outcomes[0].failure.kind == "died"
    assert outcomes[0].failure.message == "ended by signal 9 (SIGKILL)"


def test_ctrl_c_in_the_calling_thread_ends_the_program(tmp_path):
    command = shell("sleep 60 & echo $$ $! > pids; wait; : $1", directory=tmp_path)

    def interrupt():
        written(tmp_path / "pids")
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        command([1.0])
    assert not any(is_alive(pid) for pid in written(tmp_path / "pids"))


def test_programs_end_when_their_driver_is_killed(tmp_path):
    code = textwrap.dedent(
        """
        import os, sys
        from nelder.evaluate.command import Command
        script = "trap '' TERM; pwd > $0.folder; sleep 60 & echo $$ $! > $0; wait; : $1"
        Command(["sh", "-c", script, sys.argv[1], "{k}"], ["k"], fresh=True)([1.0])
        """
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pids")])
    pids = written(tmp_path / "pids")
    folder = Path((tmp_path / "pids.folder").read_text().strip()).parent
    assert all(is_alive(pid) for pid in pids)
    assert folder.exists()
    driver.kill()
    driver.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    wait_until(lambda: not folder.exists())


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc is needed")
def test_a_program_ends_with_a_driver_that_is_killed_as_it_starts_it(tmp_path):
    """Before anybody could be told that there is a program."""
    code = textwrap.dedent(
        """
        import pathlib, sys, time
        from nelder.evaluate import groups
        from nelder.evaluate.command import Command

        def begun(self, number, mark=""):
            pathlib.Path(sys.argv[1]).write_text(f"{number}\\n")
            time.sleep(60)

        groups.Groups.begun = begun
        Command(["sh", "-c", "sleep 60; : $1", "sh", "{k}"], ["k"])([1.0])
        """
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid")])
    (pid,) = written(tmp_path / "pid")
    assert is_alive(pid)
    driver.kill()
    driver.wait()
    wait_until(lambda: not is_alive(pid))


def test_the_guardian_forgets_what_is_gone_and_what_could_not_be_started():
    groups, announced = set(), set()
    for line in ["?7-1", "?7-2", "+12 7-1", "+13", "!7-2", "-13", "?7-3"]:
        guardian._note(f"{line}\n", groups, announced)
    assert (groups, announced) == ({12}, {"7-3"})


def test_a_guardian_that_is_killed_is_done_without():
    command = shell("echo $1", fresh=True)
    assert command([1.0]) == 1.0
    guardian = command._programs._groups._guardian
    os.kill(guardian.pid, signal.SIGKILL)
    guardian.wait()
    assert command([2.0]) == 2.0
    command._programs._groups.close()
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(command._programs._folder)  # what the guardian would have done


def test_nothing_is_left_after_many():
    gc.collect()  # commands of other tests
    command = shell("echo $1", fresh=True)
    assert command([0.0]) == 0.0
    before = open_files()
    for i in range(20):
        assert command([float(i)]) == i
    assert open_files() <= before
    assert os.listdir(command._programs._folder) == []
    assert not command._programs._places


def open_files():
    """How many files this process has open, where that can be seen."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0
