"""Everything stays on the device of the starts, where there are several of a library."""

import pytest

from tests.alone import alone

# JAX


def test_on_eight_devices():
    pytest.importorskip("jax", reason="pip install jax")
    out = alone(
        """
        import jax, numpy as np
        jax.config.update("jax_enable_x64", True)
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        from nelder import batched, NelderMead

        def fun(x, goal):
            return (x[:, 0] - goal) ** 2 + 3.0 * (x[:, 1] + 0.5) ** 2

        devices = np.array(jax.devices())
        assert len(devices) == 8
        sharded = NamedSharding(Mesh(devices, ("lanes",)), PartitionSpec("lanes"))
        x0s = np.random.default_rng(0).uniform(-2.0, 2.0, (64, 2))
        goals = np.linspace(0.0, 1.0, 64)
        here = batched.minimize(fun, x0s, (goals,))
        put = jax.device_put(x0s, sharded), jax.device_put(goals, sharded)
        found = batched.minimize(fun, put[0], (put[1],))
        assert found.x.sharding.is_equivalent_to(sharded, 2)
        np.testing.assert_allclose(found.x, here.x, atol=1e-6)
        within = jax.jit(lambda x0s, goals: batched.minimize(fun, x0s, (goals,)))(*put)
        np.testing.assert_allclose(within.x, here.x, atol=1e-6)
        print("ran")
        """,
        XLA_FLAGS="--xla_force_host_platform_device_count=8",
    )
    assert out == "ran\n"


def test_pieces_stay_on_the_device_of_the_starts():
    pytest.importorskip("jax", reason="pip install jax")
    out = alone(
        """
        import jax, numpy as np
        from nelder import batched
        last = jax.devices()[-1]
        x0s = jax.device_put(np.ones((200, 2), dtype=np.float32), last)
        found = batched.minimize(lambda x: x[:, 0] ** 2 + x[:, 1] ** 2, x0s)
        print(found.x.devices() == {last}, found.x.committed, bool(found.success.all()))
        """,
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )
    assert out == "True True True\n"


# TensorFlow


@pytest.mark.parametrize("bounds", [None, [(-1.0, 0.5)] * 3, [(1.0, 1.0)] * 3])
def test_tensorflow_on_its_second_device(bounds):
    pytest.importorskip("tensorflow", reason="pip install tensorflow")
    out = alone(
        f"""
        import numpy as np, tensorflow as tf
        processor = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(processor, two)
        from nelder import batched

        def fun(x, goals):
            return tf.reduce_sum((x - goals) ** 2, axis=-1)

        x0s = np.random.default_rng(0).uniform(-2.0, 2.0, (30, 3))
        with tf.device("CPU:1"):
            there = tf.constant(x0s)
        found = batched.minimize(fun, there, (0.1 * x0s,), bounds={bounds})
        here = batched.minimize(fun, tf.constant(x0s), (0.1 * x0s,), bounds={bounds})
        for a, b in zip(vars(found).values(), vars(here).values(), strict=True):
            assert a.device == there.device != b.device
            np.testing.assert_array_equal(a, b)
        print(bool(tf.reduce_all(found.success)))
        """
    )
    assert out == "True\n"


# PyTorch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bounds", [None, [(-1.0, 0.5), (None, 2.0)], [(1.0, 1.0)] * 2])
def test_pytorch_on_another_device(bounds, dtype):
    pytest.importorskip("torch", reason="pip install torch")
    out = alone(
        f"""
        import numpy as np, torch
        from nelder import NelderMead, Tolerance, batched
        from tests.pretended import There, pretended

        def fun(x, goals):
            return ((x - goals) ** 2).sum(-1)

        method = NelderMead(convergence=Tolerance(1e-5, 1e-5))
        x0s = np.random.default_rng(0).uniform(-2.0, 2.0, (40, 2)).astype("{dtype}")
        given = dict(bounds={bounds}, method=method)
        here = batched.minimize(fun, torch.tensor(x0s), (0.1 * x0s,), **given)
        with pretended():
            there = torch.tensor(x0s, device="pretended")
            found = batched.minimize(fun, there, (0.1 * x0s,), **given)
            for a, b in zip(vars(found).values(), vars(here).values(), strict=True):
                assert isinstance(a, There) and a.device == there.device
                assert a.dtype == b.dtype
            near = 1e-4 if x0s.dtype == "float64" else 1e-2
            np.testing.assert_allclose(found.x.cpu().numpy(), here.x.numpy(), atol=near)
            np.testing.assert_allclose(found.fun.cpu().numpy(), here.fun.numpy(), atol=near)
            try:
                batched.minimize(fun, there, (torch.tensor(x0s),), **given)
            except ValueError as error:
                assert "on cpu: expected pretended:0" in str(error)
                print(bool(found.success.all()))
        """
    )
    assert out == "True\n"


def test_pytorch_modules_on_another_device():
    pytest.importorskip("torch", reason="pip install torch")
    out = alone(
        """
        import torch
        from nelder.torch import minimize_module
        from tests.pretended import There, pretended

        X = torch.randn((64, 3), generator=torch.Generator().manual_seed(0))
        y = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25
        with pretended(), torch.no_grad():
            module = torch.nn.Linear(3, 1).to("pretended")
            X, y = X.to("pretended"), y.to("pretended")
            result = minimize_module(module, lambda call: ((call(X) - y) ** 2).mean(), maxfev=60)
            print(all(isinstance(p.data, There) for p in module.parameters()), result.fun < 1.0)
        """
    )
    assert out == "True True\n"
