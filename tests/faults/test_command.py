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

from nelder.evaluate import programs
from nelder.evaluate.attempt import attempt
from nelder.evaluate.command import RECORDED, Command, CommandError
from nelder.evaluate.output import Output

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


# Programs that cannot be started


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
    error = failure(command)
    assert error.kind == "exception"
    assert error.message == "cannot start  ./simulate 1.0: No such file or directory"


def test_a_program_without_a_first_line(tmp_path):
    command, _ = program(tmp_path, "echo $1\n", 0o755)
    assert "Exec format error (is its first line a  #! ?)" in failure(command).message


def test_a_program_that_may_not_be_run_any_more(tmp_path):
    command, path = program(tmp_path, "#!/bin/sh\necho $1\n", 0o755)
    path.chmod(0o644)
    assert "Permission denied" in failure(command).message


def test_an_interpreter_that_is_missing(tmp_path):
    command, _ = program(tmp_path, "#!/nix/nix\n", 0o755)
    assert "No such file or directory" in failure(command).message


def test_arguments_that_are_too_long():
    command = Command(["echo", 4_000_000 * "x" + "{k}"], ["k"])
    error = failure(command)
    assert "Argument list too long" in error.message


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


def test_a_guardian_that_is_killed_is_done_without():
    command = shell("echo $1", fresh=True)
    assert command([1.0]) == 1.0
    guardian = command._programs._guardian
    os.kill(guardian.pid, signal.SIGKILL)
    guardian.wait()
    assert command([2.0]) == 2.0
    command._programs._close()
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
