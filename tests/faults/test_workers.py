"""Workers that die, hang, or lose what they start: each takes only its own task with it."""

from __future__ import annotations

import contextlib
import ctypes
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import nelder
from nelder.errors import ExecutorError
from nelder.evaluate.executors import ExecutorPool
from tests.pools import PATIENCE, evaluate, one, patiently

pytestmark = pytest.mark.skipif(os.name != "posix", reason="real signals are POSIX's")

NEEDED = ("pebble", "cloudpickle", "loky")


@pytest.fixture
def processes():
    """Make a pool of processes; close it at the end."""
    for package in NEEDED:
        pytest.importorskip(package)
    from nelder.evaluate.processes import ProcessPool

    pools = []

    def make(fun, workers=1, timeout=None):
        pools.append(ProcessPool(fun, workers, timeout))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def is_alive(pid):
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except NotADirectoryError:  # no such file system
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False


def soon(condition):
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.02)


def written(path):
    """Return the number in a file, once it is there."""
    soon(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


# Ways to die; all within the worker


def leave(code):
    os._exit(code)


def kill(sig):
    os.kill(os.getpid(), sig)


def segfault():
    ctypes.string_at(0)


def abort():
    os.abort()


def allocate_in_c():
    """Allocate without looking, as programs do, until there is no more."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    while True:
        library.memset(library.malloc(2**26), 1, 2**12)


def leave_in_a_thread():
    threading.Thread(target=os._exit, args=(5,)).start()
    time.sleep(3600.0)


DEATHS = {
    "os._exit(0)": (leave, (0,), "exit code 0"),
    "os._exit(7)": (leave, (7,), "exit code 7"),
    "in a thread": (leave_in_a_thread, (), "exit code 5"),
    "SIGKILL": (kill, (signal.SIGKILL,), "exit code -9, SIGKILL"),
    "segfault": (segfault, (), "exit code -11, SIGSEGV"),
    "abort": (abort, (), "exit code -6, SIGABRT"),
    "out of memory": (allocate_in_c, (), "exit code -11, SIGSEGV"),
}


@pytest.mark.parametrize(("how", "args", "code"), DEATHS.values(), ids=DEATHS)
def test_a_worker_that_dies_fails_its_own_task_only(processes, tmp_path, how, args, code):
    def fun(x):
        if x[0] == 1.0:
            how(*args)
        until = time.monotonic() + 30.0
        while x[0] == 2.0 and not end.exists() and time.monotonic() < until:
            time.sleep(0.01)
        return x[0]

    end = tmp_path / "end"
    pool = processes(fun, workers=2)
    pool.submit(2, np.array([2.0]))
    pool.submit(1, np.array([1.0]))
    [(task, outcome)] = patiently(pool)
    assert task == 1
    assert math.isnan(outcome.value)
    assert outcome.failure.kind == "died"
    assert outcome.failure.message == f"the worker died ({code})"
    pid = int(outcome.worker.rpartition(":")[2])
    assert pid > 0
    assert not is_alive(pid)
    end.touch()
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (2, 2.0)
    assert [outcome.value for outcome in evaluate(pool, [3, 4, 5, 6])] == [3.0, 4.0, 5.0, 6.0]


def test_memory_that_runs_out_in_python_is_an_exception(processes):
    def fun(x):
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (2**30, before[1]))
        kept = []
        try:
            while x[0] == 0.0:
                kept.append(bytearray(2**26))
        finally:
            del kept
            resource.setrlimit(resource.RLIMIT_AS, before)
        return 1.0

    first, second = evaluate(processes(fun), [0, 1])
    assert (first.failure.kind, first.failure.message) == ("exception", "MemoryError()")
    assert second.value == 1.0
    assert first.worker == second.worker


@pytest.mark.parametrize("noticed", [False, True])
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_killed_while_idle_does_no_harm(processes, sig, noticed):
    pool = processes(lambda x: float(os.getpid()), workers=2)
    for number in range(3):
        pid = int(one(pool, number).value)
        os.kill(pid, sig)
        soon(lambda pid=pid: not is_alive(pid))
        if noticed:
            time.sleep(0.25)  # pebble looks ten times a second
    outcome = one(pool, 4.0)
    assert outcome.failure is None
    assert outcome.value != pid


@pytest.mark.parametrize("workers", [4, 7])  # more than new ones may be lost in a row
def test_all_workers_killed_while_idle_do_no_harm(processes, tmp_path, workers):
    def meet(x):
        (folder / str(x[0])).touch()
        until = time.monotonic() + 30.0
        while len(list(folder.iterdir())) < workers and time.monotonic() < until:
            time.sleep(0.01)
        return float(os.getpid())

    folder = tmp_path
    pool = processes(meet, workers=workers)
    pids = {int(outcome.value) for outcome in evaluate(pool, range(workers))}
    assert len(pids) == workers
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    outcomes = evaluate(pool, range(workers, 3 * workers))
    assert all(outcome.failure is None for outcome in outcomes)


def test_a_task_that_comes_as_an_idle_worker_is_found_dead_is_not_lost(processes, monkeypatch):
    """Pebble looks whether it works, takes the task, and only then stops working."""
    pool = processes(lambda x: float(os.getpid()))
    pid = int(one(pool, 0.0).value)
    pebble = pool._idle[0]._pool
    look = pebble._check_pool_status

    def look_too_early():
        look()
        os.kill(pid, signal.SIGKILL)
        soon(lambda: not pebble._pool_manager_loop.is_alive())

    monkeypatch.setattr(pebble, "_check_pool_status", look_too_early)
    outcome = one(pool, 1.0)
    assert outcome.failure is None
    assert outcome.value != pid


def test_pebble_sees_an_end_after_what_the_process_said_last():
    """Else the task that killed it would seem not begun, and be sent again without a record."""
    for package in NEEDED:
        pytest.importorskip(package)
    from nelder.evaluate.processes import _Process

    dies, ended = (_Process(None, target=time.sleep, args=(600.0,), env={}) for _ in range(2))
    for process in (dies, ended):
        process.start()
        assert process.is_alive()
    os.kill(dies.pid, signal.SIGKILL)
    ended.terminate()
    for process in (dies, ended):
        soon(lambda pid=process.pid: not is_alive(pid))
    assert [dies.is_alive() for _ in range(3)] == [True, False, False]
    assert dies.exitcode == -signal.SIGKILL
    assert not ended.is_alive()


def test_workers_killed_at_any_moment_lose_no_other_task(processes):
    """Also while they start, take a task or answer; but they do get to start."""
    chance = random.Random(7)
    pool = processes(lambda x: time.sleep(x[1]) or x[0], workers=3)
    stop = threading.Event()
    before = time.monotonic()
    one(pool, 0.0, 0.0)
    longest = max(0.4, 2.0 * (time.monotonic() - before))

    def kill_some():
        while not stop.wait(chance.uniform(0.02, longest)):
            workers = [*pool._idle, *(running.worker for running in list(pool._busy.values()))]
            pid = chance.choice([0, *(worker.pid for worker in workers)])
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        points = [(i, chance.choice([0.0, 0.001, 0.01])) for i in range(1200)]
        outcomes = evaluate(pool, points)
    finally:
        stop.set()
        killer.join()
    for i, outcome in enumerate(outcomes):
        assert outcome.value == i or outcome.failure.kind == "died"
    assert sum(outcome.failure is None for outcome in outcomes) > 1000


# Workers that hang


def sleep():
    time.sleep(3600.0)


def sleep_with_the_gil():
    ctypes.PyDLL(None).sleep(3600)


def sleep_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        time.sleep(1.0)


HANGS = [sleep, sleep_with_the_gil, sleep_deaf]


@pytest.mark.parametrize("how", HANGS)
def test_a_worker_that_hangs_is_replaced(processes, how):
    def fun(x):
        if x[0] == 1.0:
            how()
        return float(os.getpid())

    pool = processes(fun, timeout=0.3)
    first, second, third = evaluate(pool, [0, 1, 2])
    assert (second.failure.kind, second.failure.message) == ("timeout", "no answer within 0.3 s")
    assert second.worker == first.worker
    assert second.seconds >= 0.3
    assert third.failure is None
    soon(lambda: not is_alive(int(first.value)))


@pytest.mark.parametrize("how", HANGS)
@pytest.mark.parametrize("end", ["cancel", "close"])
def test_a_worker_that_hangs_can_be_ended(processes, tmp_path, how, end):
    def fun(x):
        path.write_text(f"{os.getpid()}\n")
        how()

    path = tmp_path / "pid"
    pool = processes(fun)
    pool.submit(0, np.zeros(1))
    pid = written(path)
    if end == "cancel":
        assert pool.cancel(0)
    else:
        pool.close()
    soon(lambda: not is_alive(pid))


def test_starting_and_loading_do_not_count_for_the_timeout(processes):
    class Slow:
        def __setstate__(self, state):
            time.sleep(1.0)

        def __getstate__(self):
            return 1

        def __call__(self, x):
            return 1.0

    assert one(processes(Slow(), timeout=0.5), 0.0).value == 1.0


# What workers start


def start_and_hang(path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    path.write_text(f"{child.pid}\n")
    child.wait()


@pytest.mark.parametrize("end", ["timeout", "cancel", "close"])
def test_programs_that_a_worker_has_started_end_with_it(processes, tmp_path, end):
    def fun(x):
        start_and_hang(path)

    path = tmp_path / "pid"
    pool = processes(fun, timeout=2.0 if end == "timeout" else None)
    pool.submit(0, np.zeros(1))
    pid = written(path)
    assert is_alive(pid)
    if end == "timeout":
        assert patiently(pool)[0][1].failure.kind == "timeout"
    elif end == "cancel":
        assert pool.cancel(0)
    else:
        pool.close()
    soon(lambda: not is_alive(pid))


def test_workers_and_their_programs_end_with_a_driver_that_is_killed(processes, tmp_path):
    script = f"""
        import os, pathlib, subprocess, sys
        import numpy as np
        from nelder.evaluate.processes import ProcessPool

        def fun(x):
            folder = pathlib.Path({str(tmp_path)!r})
            if x[0] == 0.0:
                (folder / "idle").write_text(f"{{os.getpid()}}\\n")
                return 0.0
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            (folder / "child").write_text(f"{{child.pid}}\\n")
            (folder / "busy").write_text(f"{{os.getpid()}}\\n")
            child.wait()

        pool = ProcessPool(fun, 2, None)
        pool.submit(1, np.ones(1))
        pool.submit(0, np.zeros(1))
        while True:
            pool.wait(None)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    pids = [written(tmp_path / name) for name in ("idle", "busy", "child")]
    assert all(is_alive(pid) for pid in pids)
    driver.kill()
    driver.wait()
    for pid in pids:
        soon(lambda pid=pid: not is_alive(pid))


STUCK_WITH_THE_GIL = """
    import ctypes, os, pathlib, sys
    import numpy as np
    from nelder.evaluate.processes import ProcessPool

    def stuck(path):
        pathlib.Path(path).write_text(f"{os.getpid()}\\n")
        ctypes.PyDLL(None).sleep(3600)

    class StuckAsItLoads:
        def __reduce__(self):
            return stuck, (sys.argv[1],)

    fun = StuckAsItLoads() if sys.argv[2] == "loading" else lambda x: stuck(sys.argv[1])
    pool = ProcessPool(fun, 1, None)
    pool.submit(0, np.zeros(1))
    pool.wait(None)
"""


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("when", ["loading", "working"])
def test_a_worker_in_c_code_with_the_gil_ends_with_a_driver_that_is_killed(tmp_path, when):
    code = textwrap.dedent(STUCK_WITH_THE_GIL)
    driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid"), when])
    pid = written(tmp_path / "pid")
    assert is_alive(pid)
    driver.kill()
    driver.wait()
    soon(lambda: not is_alive(pid))


def test_workers_end_with_their_driver_though_the_guardian_is_gone(processes, tmp_path):
    script = f"""
        import os, pathlib, signal, time
        import numpy as np
        from nelder.evaluate.processes import ProcessPool

        def fun(x):
            pathlib.Path({str(tmp_path / "pid")!r}).write_text(f"{{os.getpid()}}\\n")
            time.sleep(3600.0)

        pool = ProcessPool(fun, 1, None)
        pool.submit(0, np.zeros(1))
        os.kill(pool._groups._guardian.pid, signal.SIGKILL)
        pool.wait(None)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    pid = written(tmp_path / "pid")
    driver.kill()
    driver.wait()
    soon(lambda: not is_alive(pid))


@pytest.mark.usefixtures("processes")
def test_a_worker_whose_driver_is_killed_as_it_starts_ends(tmp_path):
    """Before it has a process group that could be ended."""
    script = f"""
        import os, pathlib, signal, sys
        import numpy as np
        from nelder.evaluate import processes

        start = processes.LokyProcess.start

        def killed(self):
            start(self)
            pathlib.Path({str(tmp_path / "pid")!r}).write_text(f"{{self.pid}}\\n")
            os.kill(os.getpid(), signal.SIGKILL)

        processes.LokyProcess.start = killed

        class Stuck:
            def __reduce__(self):
                import ctypes
                return eval, ("__import__('ctypes').PyDLL(None).sleep(3600)",)

        pool = processes.ProcessPool(Stuck(), 1, None)
        pool.submit(0, np.zeros(1))
        pool.wait(None)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    pid = written(tmp_path / "pid")
    soon(lambda: not is_alive(pid))


def test_ctrl_c_in_a_terminal_reaches_the_driver_only(processes, tmp_path):
    """The driver's process group gets it, as from a terminal, while a worker starts and works."""
    script = f"""
        import pathlib, time
        import numpy as np
        from nelder.evaluate.processes import ProcessPool

        def fun(x):
            pathlib.Path({str(tmp_path / "begun")!r}).write_text("1\\n")
            time.sleep(3600.0)

        pool = ProcessPool(fun, 1, None)
        pool.submit(0, np.ones(1))
        for message in ("first", "second"):
            try:
                pathlib.Path({str(tmp_path / "submitted")!r}).write_text("1\\n")
                pool.wait(None)
            except KeyboardInterrupt:
                print(message, flush=True)
        pool.close()
    """
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    for name in ("submitted", "begun"):
        written(tmp_path / name)
        os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate(timeout=PATIENCE)
    assert (out, err, driver.returncode) == (b"first\nsecond\n", b"", 0)


# Workers that do not even start


class DiesUnpickled:
    """Takes the process with it."""

    def __init__(self, how, *args):
        self.how, self.args = how, args

    def __reduce__(self):
        return self.how, self.args

    def __call__(self, x):
        return 0.0


def test_an_objective_that_crashes_workers_as_they_load_it_is_an_error(processes):
    pool = processes(DiesUnpickled(segfault), workers=2)
    pool.submit(0, np.zeros(1))
    pool.submit(1, np.zeros(1))
    with pytest.raises(ExecutorError, match=r"SIGSEGV.*unpickling fun=.*DiesUnpickled"):
        patiently(pool)


def test_processes_that_cannot_be_started_are_an_error(processes):
    pytest.importorskip("resource")
    script = """
        import resource
        import numpy as np
        from nelder.errors import ExecutorError
        from nelder.evaluate.processes import ProcessPool

        pool = ProcessPool(lambda x: x[0], 100, None)
        pool.submit(0, np.ones(1))
        assert pool.wait(None)[0][1].value == 1.0
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        for task in range(100):
            pool.submit(task, np.ones(1))
        try:
            while True:
                pool.wait(None)
        except ExecutorError as error:
            print(error)
        pool.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.startswith("cannot start a worker process: "), done
    assert "Too many open files" in done.stdout


def daemon(queue):
    from nelder.evaluate.processes import ProcessPool

    pool = ProcessPool(abs, 1, None)
    pool.submit(0, np.zeros(1))
    try:
        pool.wait(10.0)
    except ExecutorError as error:
        queue.put(str(error))


@pytest.mark.usefixtures("processes")
def test_a_process_that_must_not_start_others_gets_an_error():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=daemon, args=(queue,), daemon=True)
    process.start()
    message = queue.get(timeout=PATIENCE)
    process.join()
    assert "cannot start a worker process" in message
    assert "daemonic" in message


# Executors


def test_a_process_pool_executor_that_breaks_is_an_error():
    def fun(x):
        if x[0] == 3.0:
            os._exit(1)
        return x[0]

    pytest.importorskip("cloudpickle")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        pool = ExecutorPool(executor, fun, 2, None)
        assert [outcome.value for outcome in evaluate(pool, [1, 2])] == [1.0, 2.0]
        pool.submit(0, np.array([3.0]))
        with pytest.raises(ExecutorError, match=r"ProcessPoolExecutor.*BrokenProcessPool"):
            patiently(pool)
        pool.submit(1, np.array([4.0]))
        with pytest.raises(ExecutorError, match="ProcessPoolExecutor"):
            patiently(pool)


def test_a_loky_executor_that_breaks_is_an_error():
    loky = pytest.importorskip("loky")

    def fun(x):
        if x[0] == 3.0:
            os.kill(os.getpid(), signal.SIGKILL)
        return x[0]

    executor = loky.get_reusable_executor(2)
    try:
        pool = ExecutorPool(executor, fun, 2, None)
        assert [outcome.value for outcome in evaluate(pool, [1, 2])] == [1.0, 2.0]
        pool.submit(0, np.array([3.0]))
        with pytest.raises(ExecutorError, match="TerminatedWorkerError"):
            patiently(pool)
    finally:
        executor.shutdown(kill_workers=True)


def test_threads_that_hang_are_an_error_in_the_end():
    release = threading.Event()
    with ThreadPoolExecutor(2) as executor:
        pool = ExecutorPool(executor, lambda x: release.wait() or 0.0, 2, 0.1)
        try:
            outcomes = evaluate(pool, [1, 2])
            assert [outcome.failure.kind for outcome in outcomes] == ["timeout"] * 2
            pool.submit(0, np.ones(1))
            with pytest.raises(ExecutorError, match="all 2 workers are still busy"):
                pool.wait(None)
        finally:
            release.set()


# Searches


def valley(x):
    return float((x[0] - 1.0) ** 2 + 10.0 * (x[1] - x[0] ** 2) ** 2)


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("how", [segfault, sleep])
def test_a_search_goes_on_without_the_points_that_kill_their_worker(how):
    def raises(x):
        if x[0] > 0.0 and x[1] < 0.0:
            raise ValueError
        return valley(x)

    def dies(x):
        if x[0] > 0.0 and x[1] < 0.0:
            how()
        return valley(x)

    settings = {"on_failure": "worst", "maxfev": 60, "history": True}
    expected = nelder.minimize(raises, [-0.5, -0.4], **settings)
    assert expected.nfailed > 0
    result = nelder.minimize(dies, [-0.5, -0.4], workers=2, timeout=0.5, **settings)
    np.testing.assert_array_equal(result.history.points, expected.history.points)
    np.testing.assert_array_equal(result.history.values, expected.history.values)
    assert result.nfailed == expected.nfailed


@pytest.mark.usefixtures("processes")
def test_a_search_that_loses_a_worker_raises_with_its_result():
    def dies(x):
        if x[1] > 0.0:
            os._exit(0)
        return valley(x)

    with pytest.raises(nelder.EvaluationError, match=r"the worker died \(exit code 0\)") as caught:
        nelder.minimize(dies, [-0.5, -0.4], workers=2)
    assert caught.value.result.nfev > 0
    assert caught.value.result.fun < math.inf
