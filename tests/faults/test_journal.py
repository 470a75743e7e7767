"""The journal among kills, full disks, read-only places, damaged files, and other processes."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nelder.errors import JournalError, JournalLockedError
from nelder.evaluation import Evaluation, Outcome
from nelder.journal.lock import holder_of
from nelder.journal.reading import load
from nelder.journal.store import Journal

# What the programs below share. The i-th evaluation has the value i.
PRELUDE = """
import os, signal, sys, time
import numpy as np
from nelder.errors import JournalError, JournalLockedError
from nelder.evaluation import Evaluation, Outcome
from nelder.journal.reading import load
from nelder.journal.store import Journal

def evaluation(i, worker="host:1"):
    outcome = Outcome(float(i), None, 1.7e9, 0.25, worker)
    return Evaluation(0, np.array([i, -i], dtype=float), outcome, 1, True)

path = sys.argv[1]
"""


def evaluation(i, worker="host:1"):
    outcome = Outcome(float(i), None, 1.7e9, 0.25, worker)
    return Evaluation(0, np.array([i, -i], dtype=float), outcome, 1, True)


def command(code, *args):
    return [sys.executable, "-W", "error", "-c", PRELUDE + code, *map(str, args)]


def run(code, *args, prefix=()):
    done = subprocess.run(
        [*prefix, *command(code, *args)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def running(code, *args):
    """Start a program; kill it at the end."""
    with subprocess.Popen(command(code, *args), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def leave_killed(path, count):
    """Record `count` evaluations in a process that then kills itself: its log stays."""
    code = """
journal = Journal.open(path)
for i in range(int(sys.argv[2])):
    journal.append([evaluation(i)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(command(code, path, count), check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert Path(f"{path}-wal").stat().st_size > 0


def recorded(journal):
    return [row[2] for row in journal.recorded()]


def resume(path, count=10):
    """Open, look, go on, close; return the values that were there."""
    journal = Journal.open(path)
    try:
        before = recorded(journal)
        for i in range(len(before), len(before) + count):
            journal.append([evaluation(i)])
        assert recorded(journal) == [*before, *map(float, range(len(before), len(before) + count))]
    finally:
        journal.close()
    np.testing.assert_array_equal(load(path).evaluations.values[: len(before)], before)
    assert len(load(path).evaluations) == len(before) + count
    return before


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.db"


# Kill


def test_kill_at_random_moments_loses_nothing(path):
    """What was acknowledged is there, at most one more is, and the next process goes on."""
    code = """
import random
random.seed(int(sys.argv[2]))
there = 0
for kill in range(100):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        journal = Journal.open(path)
        os.write(writer, b"o")
        i = there
        while True:
            batch = [evaluation(k, f"host:{k % 7}") for k in range(i, i + 1 + i % 3)]
            journal.append(batch)
            os.write(writer, b"a" * len(batch))
            i += len(batch)
    os.close(writer)
    said = b"".join(os.read(reader, 1) for _ in range(kill % 3))  # opening, just open, writing
    time.sleep(random.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while data := os.read(reader, 65536):
        said += data
    os.close(reader)
    acknowledged = said.count(b"a")
    read = load(path).studies if os.path.exists(path) else ()
    loaded = read[0].evaluations.values.tolist() if read else []
    journal = Journal.open(path)
    values = [row[2] for row in journal.recorded()]
    journal.close()
    assert values == loaded == list(range(len(values))), values
    assert there + acknowledged <= len(values) <= there + acknowledged + 3, (there, acknowledged)
    there = len(values)
print(there)
"""
    there = int(run(code, path, 12345))
    assert there >= 33
    assert len(load(path).evaluations) == there


def test_a_killed_writer_leaves_the_journal_free(path):
    leave_killed(path, 300)
    assert resume(path) == list(range(300))


def test_each_append_is_synced(path, tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is missing: Debian's strace brings it")
    code = """
journal = Journal.open(path)
os.path.exists("begin")
for i in range(40):
    journal.append([evaluation(i)])
os.path.exists("end")
"""
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,%file"
    run(code, path, prefix=("strace", "-f", "-e", calls, "-o", trace))
    _, _, rest = trace.read_text().partition('"begin"')
    assert rest.partition('"end"')[0].count("sync(") >= 40


# Full disk


def mounted(folder, *arguments):
    folder.mkdir()
    done = subprocess.run(
        ["mount", *map(str, arguments), folder], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"this system does not let us mount: {done.stderr.strip()}")


@contextlib.contextmanager
def tmpfs(tmp_path):
    disk = tmp_path / "disk"
    mounted(disk, "-t", "tmpfs", "-o", "size=1M", "none")
    yield disk


@contextlib.contextmanager
def ext4(tmp_path, block):
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is missing: Debian's e2fsprogs brings it")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-b", block, image], check=True)
    disk = tmp_path / "disk"
    mounted(disk, "-o", "loop", image)
    yield disk


DISKS = {
    "tmpfs": tmpfs,
    "ext4": lambda tmp_path: ext4(tmp_path, "4096"),
    "ext4, small blocks": lambda tmp_path: ext4(tmp_path, "1024"),
}


@pytest.fixture(params=DISKS)
def disk(request, tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    with DISKS[request.param](tmp_path) as folder:
        yield folder
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk, free=0):
    """Take the room there is on a disk, but for some; return the file to delete."""
    ballast = disk / "ballast"
    file = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    while free and shutil.disk_usage(disk).free > free:
        os.write(file, bytes(16384))
        os.fsync(file)
    if free:
        os.close(file)
        return ballast
    for size in (65536, 1024, 1):
        with contextlib.suppress(OSError):
            while True:
                os.write(file, bytes(size))
    with contextlib.suppress(OSError):
        os.fsync(file)
    os.close(file)
    return ballast


def append_until_full(journal, start):
    """Append one by one; return how many went in, and the error of the one that did not."""
    for i in range(start, start + 100_000):
        try:
            journal.append([evaluation(i)])
        except JournalError as error:
            return i, error
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("free", [0, 100_000])  # bytes: in the log, and in the file
def test_a_full_disk_is_an_error_until_there_is_room_again(disk, free):
    path = disk / "fit.db"
    journal = Journal.open(path)
    for i in range(3):
        journal.append([evaluation(i)])
    ballast = fill(disk, free)
    count, error = append_until_full(journal, 3)
    assert str(path) in str(error)
    assert "the disk is full" in str(error)
    assert f"not recorded: x=[{count}.0, -{count}.0], value={count}.0" in str(error)
    for worker in ("host:1", "host:2"):
        with pytest.raises(JournalError, match="the disk is full"):
            journal.append([evaluation(count, worker), evaluation(count + 1, worker)])
    assert recorded(journal) == list(range(count))
    assert load(path).evaluations.values.tolist() == list(range(count))

    ballast.unlink()
    journal.append([evaluation(count, "host:3"), evaluation(count + 1, "host:2")])
    for i in range(count + 2, count + 500):
        journal.append([evaluation(i)])
    journal.close()
    rows = load(path).evaluations
    assert rows.values.tolist() == list(range(count + 500))
    assert rows.workers[count : count + 3].tolist() == ["host:3", "host:2", "host:1"]


def test_a_full_disk_between_two_processes(disk):
    path = disk / "fit.db"
    leave_killed(path, 200)
    ballast = fill(disk)
    assert load(path).evaluations.values.tolist() == list(range(200))
    with pytest.raises(JournalError, match="the disk is full"):
        Journal.open(path)
    assert load(path).evaluations.values.tolist() == list(range(200))
    ballast.unlink()
    assert resume(path, 500) == list(range(200))


def test_closing_on_a_full_disk(disk):
    path = disk / "fit.db"
    journal = Journal.open(path)
    ballast = fill(disk)
    count, _ = append_until_full(journal, 0)
    journal.close()
    assert load(path).evaluations.values.tolist() == list(range(count))
    ballast.unlink()
    assert resume(path, 500) == list(range(count))


# Read-only places


@contextlib.contextmanager
def read_only_mount(folder):
    view = folder.parent / "view"
    mounted(view, "--bind", folder)
    subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
    try:
        yield view
    finally:
        subprocess.run(["umount", view], check=True)


@contextlib.contextmanager
def immutable_files(folder):
    files = [file for file in folder.iterdir() if file.name == "fit.db"]
    done = subprocess.run(["chattr", "+i", *files], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this file system has no immutable files: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


@contextlib.contextmanager
def immutable_folder(folder):
    done = subprocess.run(["chattr", "+i", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this file system has no immutable folders: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


READ_ONLY = {
    "mount": read_only_mount,
    "file": immutable_files,
    "folder": immutable_folder,
}


def closed(path):
    journal = Journal.open(path)
    journal.append([evaluation(i) for i in range(40)])
    journal.close()


def killed(path):
    leave_killed(path, 40)


def killed_without_index(path):
    leave_killed(path, 40)
    Path(f"{path}-shm").unlink()


def contents(folder):
    """Return what is in a folder, but for the marks that readers set in an index."""
    return {
        file.name: None if file.name.endswith("-shm") else file.read_bytes()
        for file in folder.iterdir()
    }


STATES = {"closed": closed, "killed": killed, "killed, no index": killed_without_index}


@pytest.mark.skipif(sys.platform != "linux", reason="mount and chattr are Linux's")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("place", READ_ONLY)
def test_a_read_only_place(tmp_path, place, state):
    if os.geteuid() != 0:
        pytest.skip("only root may make a place read-only for itself")
    folder = tmp_path / "folder"
    folder.mkdir()
    STATES[state](folder / "fit.db")
    before = contents(folder)
    with READ_ONLY[place](folder) as seen:
        path = seen / "fit.db"
        assert load(path).evaluations.values.tolist() == list(range(40))
        assert contents(folder) == before
        with pytest.raises(JournalError, match=r"cannot write to .*fit\.db: it.* is read-only"):
            Journal.open(path)
    assert resume(folder / "fit.db") == list(range(40))


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def shared():
    """A journal's path in a folder that all may look into, and where NOBODY can run programs."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root on Linux, with setpriv of Debian's util-linux, runs as another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        code = "import sys, os, nelder; os.listdir(sys.argv[1])"
        done = subprocess.run(
            [*NOBODY, sys.executable, "-c", code, folder], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"another user cannot run this Python, or not look into {folder}")
        yield Path(folder, "fit.db")


@pytest.mark.parametrize("state", STATES)
def test_another_user_reads_but_does_not_write(shared, state):
    STATES[state](shared)
    code = """
print(load(path).evaluations.values.tolist() == list(range(40)))
try:
    Journal.open(path)
except JournalError as error:
    print(error)
"""
    good, refused = run(code, shared, prefix=NOBODY).splitlines()
    assert good == "True"
    assert refused == f"cannot write to {shared}: its folder is read-only"
    assert resume(shared) == list(range(40))


def test_another_user_reads_while_it_is_written(shared):
    journal = Journal.open(shared)
    for i in range(300):
        journal.append([evaluation(i)])
    read = run("print(len(load(path).evaluations))", shared, prefix=NOBODY)
    journal.append([evaluation(300)])
    journal.close()
    assert int(read) == 300
    assert len(load(shared).evaluations) == 301


def test_a_file_that_may_not_be_read(shared):
    closed(shared)
    shared.chmod(0o600)
    code = """
for use in (load, Journal.open):
    try:
        use(path)
    except JournalError as error:
        print(error)
"""
    refused = run(code, shared, prefix=NOBODY).splitlines()
    assert [line.partition(": ")[0] for line in refused] == [f"cannot read {shared}"] * 2


# Damage


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_journal_is_refused_and_left_alone(path, share):
    journal = Journal.open(path)
    journal.append([evaluation(i) for i in range(500)])
    journal.close()
    os.truncate(path, max(1, int(path.stat().st_size * share)))
    before = path.read_bytes()
    for use in (Journal.open, load):
        with pytest.raises(JournalError, match=r"damaged|not an SQLite file") as caught:
            use(path)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("page", [1, 5, 10, 30])
def test_a_page_of_noise_is_refused(path, page):
    journal = Journal.open(path)
    journal.append([evaluation(i) for i in range(500)])
    journal.close()
    with path.open("r+b") as file:
        file.seek(1024 * page)
        file.write(np.random.default_rng(page).bytes(1024))
    for use in (Journal.open, load):
        with pytest.raises(JournalError, match="damaged"):
            use(path)


@pytest.mark.parametrize("count", [60, 700])
def test_a_truncated_log_loses_its_end_or_is_refused(path, count, tmp_path):
    """Rows that somebody cut off are asked again; nothing else is ever read from what is left."""
    leave_killed(path, count)
    log = Path(f"{path}-wal").read_bytes()
    resumed = 0
    for share in np.linspace(0.0, 0.99, 12):
        folder = tmp_path / f"{share:.2f}"
        folder.mkdir()
        cut = folder / "fit.db"
        shutil.copyfile(path, cut)
        Path(f"{cut}-wal").write_bytes(log[: int(len(log) * share)])
        try:
            loaded = [study.evaluations.values.tolist() for study in load(cut).studies]
            before = resume(cut)
        except JournalError as error:
            assert "damaged" in str(error)
            continue
        assert before == list(range(len(before)))
        assert loaded in ([], [before])
        resumed += 1
    assert resumed > 0


# Two writers


HOLD = """
journal = Journal.open(path)
journal.append([evaluation(0)])
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_told_who_holds_it(path):
    began = time.time()
    with running(HOLD, path) as holder:
        pid = int(holder.stdout.readline())
        with pytest.raises(JournalLockedError) as caught:
            Journal.open(path, "another study")
        message = str(caught.value)
        assert str(path) in message
        assert f"process {pid} of " in message
        assert f" on {socket.gethostname()}, since " in message
        since = time.strptime(message.rpartition("since ")[2][:19], "%Y-%m-%d %H:%M:%S")
        assert began - 2 < time.mktime(since) < time.time() + 2
        assert load(path).evaluations.values.tolist() == [0.0]
        holder.kill()
        holder.wait()
    assert resume(path) == [0.0]


def test_of_many_that_start_at_once_one_writes_and_the_others_name_it(path):
    code = """
while time.time() < float(sys.argv[2]):
    pass
try:
    journal = Journal.open(path)
except JournalLockedError as error:
    print(str(error).partition(" process ")[2].split()[0], flush=True)
else:
    print("holds", os.getpid(), flush=True)
    time.sleep(60)
"""
    start = time.time() + 1.5
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(running(code, path, start)) for _ in range(4)]
        said = sorted((program.stdout.readline().split() for program in programs), key=len)
    holder = said.pop()
    assert holder[0] == "holds"
    assert said == [[holder[1]]] * 3


@pytest.mark.skipif(os.name != "posix", reason="POSIX's record locks are lost like that")
def test_a_copy_made_by_the_writer_leaves_it_the_lock(path):
    code = """
import shutil
journal = Journal.open(path)
shutil.copytree(os.path.dirname(path), sys.argv[2], copy_function=shutil.copy)
print(os.getpid(), flush=True)
time.sleep(60)
"""
    copies = path.parent.parent / f"{path.parent.name}, copied"
    with running(code, path, copies) as holder:
        pid = int(holder.stdout.readline())
        for _ in range(2):
            with pytest.raises(JournalLockedError, match=f"being written by process {pid} of"):
                Journal.open(path)
        holder.kill()
        holder.wait()
    assert resume(path) == []
    assert resume(copies / path.name) == []


@pytest.mark.skipif(os.name != "posix", reason="only POSIX forks")
def test_a_forked_child_that_outlives_the_writer_does_not_hold_the_lock(path):
    code = """
journal = Journal.open(path)
if os.fork() == 0:
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)
    os._exit(0)
os.write(1, b"parent\\n")
time.sleep(60)
"""
    with running(code, path) as holder:
        said = [holder.stdout.readline().strip() for _ in range(2)]
        child = int(next(line for line in said if line != "parent"))
        try:
            with pytest.raises(JournalLockedError):  # the child has let go of it, the parent not
                Journal.open(path)
            holder.kill()
            holder.wait()
            assert resume(path) == []
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_lock_that_cannot_be_taken_is_an_error(path):
    Path(f"{path}-writer").mkdir()
    with pytest.raises(JournalError, match=r"cannot lock .*fit\.db-writer"):
        Journal.open(path)
    Path(f"{path}-writer").rmdir()
    assert resume(path) == []


def test_a_lock_that_was_deleted_is_still_held(path):
    with running(HOLD, path) as holder:
        pid = holder.stdout.readline().strip()
        Path(f"{path}-writer").unlink()
        with pytest.raises(JournalLockedError, match=f"process {pid}"):
            Journal.open(path)


def test_who_holds_it_is_seen_from_outside(path):
    assert holder_of(str(path)) is None
    with running(HOLD, path) as holder:
        pid = int(holder.stdout.readline())
        for _ in range(2):
            seen = holder_of(str(path))
            assert (seen.pid, seen.host) == (pid, socket.gethostname())
            assert str(seen).startswith(f"process {pid} of ")
        holder.kill()
        holder.wait()
    assert holder_of(str(path)) is None
    assert resume(path) == [0.0]


def test_who_looks_keeps_no_writer_out(path, monkeypatch):
    """To look is to hold the lock for a moment, of any length here."""
    monkeypatch.setattr("nelder.journal.lock._LOOKING", 60.0)
    Journal.open(path).close()
    looker = sqlite3.connect(f"{path}-lock", isolation_level=None, check_same_thread=False)
    looker.execute("BEGIN IMMEDIATE")
    over = threading.Timer(0.2, looker.execute, ["ROLLBACK"])
    over.start()
    Journal.open(path).close()
    over.join()
    looker.close()


# Readers beside a writer


def test_reading_while_another_process_writes(path):
    code = """
journal = Journal.open(path)
i = 0
while True:
    journal.append([evaluation(i)])
    i += 1
    print(i, flush=True)
"""
    with running(code, path) as writer:
        acknowledged = 0
        for _ in range(20):
            acknowledged = int(writer.stdout.readline())
            values = load(path).evaluations.values.tolist()
            assert values == list(range(len(values)))
            assert len(values) >= acknowledged
        assert acknowledged > 0


def test_a_long_reader_blocks_nothing_and_the_log_shrinks_after_it(path):
    journal = Journal.open(path)
    journal.append([evaluation(0)])
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM evaluations").fetchone() == (1,)
    for i in range(1, 3000):
        journal.append([evaluation(i)])
    log = Path(f"{path}-wal")
    grown = log.stat().st_size
    assert grown > 3000 * 1024  # what the reader sees must stay
    assert reader.execute("SELECT count(*) FROM evaluations").fetchone() == (1,)
    reader.execute("COMMIT")
    reader.close()
    for i in range(3000, 3010):
        journal.append([evaluation(i)])
    shrunk = log.stat().st_size
    assert shrunk < 1.1 * 2**20
    for i in range(3010, 4000):
        journal.append([evaluation(i)])
    assert log.stat().st_size == shrunk
    journal.close()
    assert len(load(path).evaluations) == 4000


def test_one_reader_after_another_does_not_let_the_log_grow(path):
    code = """
while True:
    load(path)
    print(flush=True)
"""
    journal = Journal.open(path)
    journal.append([evaluation(0)])
    with running(code, path) as reader:
        reader.stdout.readline()
        for i in range(1, 5000):
            journal.append([evaluation(i)])
        assert Path(f"{path}-wal").stat().st_size < 4 << 20
    journal.close()
    assert len(load(path).evaluations) == 5000
