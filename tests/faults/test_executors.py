"""Executors of other packages, the real ones, keep the promises of a pool."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nelder
from nelder.errors import ExecutorError, InvalidArgumentError
from nelder.evaluate.executors import ExecutorPool, read_executor
from tests.pools import PATIENCE, WORKERS_CONTRACT, evaluate, patiently

ROOT = Path(__file__).parents[2]

pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")


def brought_by(package):
    return pytest.importorskip(package, reason=f"needs the package {package.partition('.')[0]}")


@pytest.fixture(scope="module")
def standard():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture(scope="module")
def loky():
    executor = brought_by("loky").get_reusable_executor(2)
    yield executor
    executor.shutdown(kill_workers=True)


def dask_cluster(workers):
    """Start processes on this machine; nothing in its log."""
    return brought_by("distributed").LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    )


@pytest.fixture(scope="module")
def client():
    with dask_cluster(3) as cluster, cluster.get_client() as client:
        yield client


@pytest.fixture(scope="module")
def dask(client):
    return client.get_executor(pure=False)


@pytest.fixture(scope="module")
def dask_pure(client):
    """As it is where the caller has not said otherwise: equal calls are made once."""
    return client.get_executor()


@pytest.fixture(scope="module")
def executorlib():
    with brought_by("executorlib").SingleNodeExecutor(
        max_workers=2, block_allocation=True
    ) as executor:
        yield executor


@pytest.fixture(scope="module")
def parsl(tmp_path_factory):
    concurrent = brought_by("parsl.concurrent")
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor

    workers = HighThroughputExecutor(max_workers_per_node=2, address="127.0.0.1")
    config = Config(executors=[workers], run_dir=str(tmp_path_factory.mktemp("parsl")))
    with concurrent.ParslPoolExecutor(config) as executor:
        yield (executor, 2)


@pytest.fixture(scope="module")
def ray():
    ray = brought_by("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

    class RayExecutor(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return ray.remote(fn).remote(*args, **kwargs).future()

    yield (RayExecutor(), 2)
    ray.shutdown()


KINDS = ["standard", "loky", "dask", "dask_pure", "executorlib", "parsl", "ray"]


@pytest.fixture(params=KINDS)
def workers(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("check", WORKERS_CONTRACT, ids=lambda check: check.__name__)
def test_contract(check, workers):
    executor, count = read_executor(workers)
    pools = []

    def make(fun):
        pools.append(ExecutorPool(executor, fun, count, None))
        return pools[-1]

    check(make)
    for pool in pools:
        pool.close()


def test_an_executor_says_how_many_workers_it_has(standard, loky, dask, executorlib):
    kinds = [(standard, 2), (loky, 2), (dask, 3), (executorlib, 2)]
    assert [read_executor(executor)[1] for executor, _ in kinds] == [count for _, count in kinds]


def rosenbrock(x):
    return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)


def test_a_search_is_the_same_on_every_executor(workers):
    def fun(x):
        return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)

    expected = nelder.minimize(rosenbrock, [-1.2, 1.0], maxfev=40, history=True)
    result = nelder.minimize(fun, [-1.2, 1.0], maxfev=40, history=True, workers=workers)
    np.testing.assert_array_equal(result.history.points, expected.history.points)
    np.testing.assert_array_equal(result.history.values, expected.history.values)


def test_a_large_objective_gets_to_every_worker(workers):
    executor, count = read_executor(workers)
    data = np.random.default_rng(0).normal(size=20_000)
    pool = ExecutorPool(executor, lambda x: float(x[0] + data.sum()), count, None)
    outcomes = evaluate(pool, range(12))
    assert [outcome.value for outcome in outcomes] == [i + data.sum() for i in range(12)]


# Workers that die


def test_a_task_that_kills_dask_workers_fails_and_the_others_do_not():
    def fun(x):
        if x[0] == 1.0:
            os.kill(os.getpid(), signal.SIGKILL)
        return x[0]

    dask = brought_by("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        dask_cluster(2) as cluster,
        cluster.get_client() as client,
    ):
        pool = ExecutorPool(client.get_executor(pure=False), fun, 2, None)
        first, second, third = evaluate(pool, [0, 1, 2])
    assert (first.value, third.value) == (0.0, 2.0)
    assert second.failure.kind == "died"
    assert "worker" in second.failure.message


def test_a_dask_cluster_that_goes_away_is_an_error():
    def fun(x):
        time.sleep(3600.0)

    with dask_cluster(1) as cluster:
        client = cluster.get_client()
        pool = ExecutorPool(client.get_executor(pure=False), fun, 1, None)
        pool.submit(0, np.zeros(1))
        assert pool.wait(0.5) == []
        client.close()
        with pytest.raises(ExecutorError, match="ClientExecutor"):
            patiently(pool)


def test_a_dask_cluster_without_workers_is_an_error():
    with (
        dask_cluster(0) as cluster,
        cluster.get_client() as client,
        pytest.raises(InvalidArgumentError, match="no workers yet"),
    ):
        read_executor(client.get_executor(pure=False))


# MPI


OPEN_MPI = {  # as root, and with fewer cores than processes, it runs only if told to
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def mpi(script, tmp_path):
    """Run a script with four MPI processes, three of them workers."""
    brought_by("mpi4py")
    mpiexec = shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("needs mpiexec, of the Debian package openmpi-bin or the wheel mpich")
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.run(
        [mpiexec, "-n", "4", sys.executable, "-m", "mpi4py.futures", str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**os.environ, **OPEN_MPI, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )


def test_mpi(tmp_path):
    done = mpi(
        """
        import numpy as np
        from mpi4py.futures import MPIPoolExecutor
        import nelder
        from nelder.evaluate.executors import ExecutorPool, read_executor
        from tests.pools import WORKERS_CONTRACT, evaluate

        def fun(x):
            return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)

        if __name__ == "__main__":
            with MPIPoolExecutor() as executor:
                assert read_executor(executor) == (executor, 3)
                for check in WORKERS_CONTRACT:
                    check(lambda fun: ExecutorPool(executor, fun, 3, None))
                data = np.random.default_rng(0).normal(size=20_000)
                pool = ExecutorPool(executor, lambda x: float(x[0] + data.sum()), 3, None)
                values = [outcome.value for outcome in evaluate(pool, range(12))]
                assert values == [i + data.sum() for i in range(12)]
                settings = {"x0": [-1.2, 1.0], "maxfev": 40, "history": True}
                expected = nelder.minimize(fun, **settings)
                result = nelder.minimize(fun, workers=executor, **settings)
                np.testing.assert_array_equal(result.history.points, expected.history.points)
                np.testing.assert_array_equal(result.history.values, expected.history.values)
            print("checked", len(WORKERS_CONTRACT))
        """,
        tmp_path,
    )
    assert done.stdout == f"checked {len(WORKERS_CONTRACT)}\n", done.stderr
    assert done.returncode == 0
