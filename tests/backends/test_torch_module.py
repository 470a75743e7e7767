"""`nelder.torch.minimize_module`."""

import warnings

import numpy as np
import pytest

import nelder
from nelder.errors import InvalidArgumentError
from nelder.torch import Subspace, minimize_module

torch = pytest.importorskip("torch", reason="needs torch")

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn((64, 3), generator=GENERATOR)
LINE = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25
LABELS = X[:, 0] * X[:, 1] > 0.2


def line(dtype=torch.float32):
    module = torch.nn.Linear(3, 1, dtype=dtype)
    with torch.no_grad():
        module.weight.zero_()
        module.bias.zero_()
    return module


class Net(torch.nn.Module):
    """body, dropout, head; it counts how often it is called."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Linear(3, 4)
        self.dropout = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(4, 1)
        self.calls = 0

    def forward(self, x, scale=1.0):
        self.calls += 1
        return self.head(self.dropout(torch.tanh(self.body(x)))) * scale


def absolute(net):
    return (net(X) - LINE).abs().mean()


def wrong(net):
    """0/1 error of labels."""
    return ((net(X)[:, 0] > 0.0) != LABELS).float().mean()


def now(module, loss=absolute):
    """The loss of the parameters that the module has, without nelder."""
    training = module.training
    with torch.no_grad():
        value = float(loss(module.eval()))
    module.train(training)
    return value


def parameters(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def test_a_loss_without_a_gradient_at_its_minimum():
    module = line()
    result = minimize_module(module, absolute)
    assert module.weight.detach().numpy() == pytest.approx(np.array([[1.0, -2.0, 0.5]]), abs=1e-3)
    assert module.bias.item() == pytest.approx(0.25, abs=1e-3)
    assert result.success
    assert result.fun == pytest.approx(now(module), abs=1e-7)
    assert result.x[:3] == pytest.approx(module.weight.detach().numpy()[0], abs=1e-6)
    assert module.weight.requires_grad
    assert module.weight.grad is None


def test_the_error_rate_of_a_classifier():
    module = Net()
    before = now(module, wrong)
    result = minimize_module(module, wrong, maxfev=3000)
    assert result.fun < before - 0.2
    assert now(module, wrong) == pytest.approx(result.fun, abs=1.5 / 64)
    assert result.ncall < result.nfev / 4
    assert module.calls < result.ncall + 5  # each for many sets of parameters


def test_together_and_one_by_one():
    together, apart, with_warning = Net(), Net(), Net()
    one = minimize_module(together, absolute, maxfev=200)
    other = minimize_module(apart, absolute, maxfev=200, vectorized=False)
    assert apart.calls == 4 * 200 + 1  # one to try it
    assert one.fun == pytest.approx(other.fun, rel=1e-3)

    def branches(net):
        value = (net(X) - LINE).abs().mean()
        return value if value > 0.0 else torch.tensor(0.0)

    with pytest.warns(UserWarning, match=r"one set of parameters at a time.*vmap") as caught:
        third = minimize_module(with_warning, branches, maxfev=200)
    assert caught[0].filename == __file__
    assert third.fun == other.fun
    assert third.x.tolist() == other.x.tolist()


def test_a_loss_outside_of_torch():
    module = Net()
    result = minimize_module(
        module,
        lambda net: float(np.abs(net(X).numpy() - LINE.numpy()).mean()),
        maxfev=100,
        vectorized=False,
    )
    assert result.fun == pytest.approx(now(module), rel=1e-6)


def test_the_module_may_be_called_as_it_likes():
    module = Net()
    result = minimize_module(
        module, lambda net: (net(X, scale=2.0) + net(x=X) - LINE).abs().mean(), maxfev=2000
    )
    assert result.fun == pytest.approx(
        now(module, lambda net: (3.0 * net(X) - LINE).abs().mean()), rel=1e-5
    )


@pytest.mark.parametrize(
    ("trainable", "changed"),
    [
        ("last", ["head.weight", "head.bias"]),
        ("body", ["body.weight", "body.bias"]),
        (["head.bias", "body.weight"], ["body.weight", "head.bias"]),
        (Subspace(3, of="body"), ["body.weight", "body.bias"]),
        (Subspace(3), ["body.weight", "body.bias", "head.weight", "head.bias"]),
    ],
)
def test_only_what_is_trainable_changes(trainable, changed):
    module = Net()
    before = parameters(module)
    result = minimize_module(module, absolute, trainable=trainable, maxfev=600)
    after = parameters(module)
    assert [name for name in before if not torch.equal(before[name], after[name])] == changed
    assert result.fun == pytest.approx(now(module), rel=1e-5)
    if isinstance(trainable, Subspace):
        assert result.x.shape == (3,)


def test_parameters_without_gradients_are_left_alone():
    module = Net()
    module.body.requires_grad_(False)
    assert minimize_module(module, absolute, maxfev=50).x.shape == (5,)


@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [(torch.float64, 1e-12), (torch.bfloat16, 2**-7)],  # of predictions, which are about 1
)
def test_the_precision_is_that_of_the_parameters(dtype, rounding):
    module = line(dtype)
    seen = set()

    def loss(net):
        predicted = net(X.to(dtype))
        seen.add(predicted.dtype)
        return (predicted - LINE.to(dtype)).abs().mean()

    result = minimize_module(module, loss, maxfev=400)
    assert seen == {dtype}
    assert module.weight.dtype == dtype
    assert result.fun == pytest.approx(now(module, loss), abs=rounding)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_as_it_was(training):
    module = Net().train(training)
    module.dropout.eval()
    module.body.train()
    minimize_module(module, absolute, maxfev=30)
    assert (module.training, module.dropout.training, module.body.training) == (
        training,
        False,
        True,
    )


def test_statistics_of_batches_are_not_changed():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    result = minimize_module(module, absolute, maxfev=300)
    assert module[0].running_mean.tolist() == [0.0, 0.0, 0.0]
    assert result.fun == pytest.approx(now(module), rel=1e-5)


def test_the_callback_sees_epochs_and_ends_the_search():
    module, seen = Net(), []

    def callback(epoch, loss):
        seen.append((epoch, loss, now(module)))
        if epoch == 3:
            raise StopIteration

    result = minimize_module(module, absolute, callback=callback)
    assert [epoch for epoch, _, _ in seen] == [0, 1, 2, 3]
    for _, loss, own in seen:
        assert own == pytest.approx(loss, rel=1e-5)
    assert result.status is nelder.Status.CALLBACK
    assert 4 * 4 * 22 <= result.nfev < 5 * 4 * 22


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("mine")])
def test_after_an_error_the_module_has_the_best_parameters(error):
    module = Net().train()

    def callback(epoch, loss):
        if epoch == 3:
            raise error

    with pytest.raises(type(error)) as caught:
        minimize_module(module, absolute, callback=callback)
    assert caught.value.result.fun == pytest.approx(now(module), rel=1e-5)
    assert module.training


def test_an_error_of_the_loss_after_a_while():
    module, calls = Net(), []

    def fails(net):
        calls.append(1)
        if len(calls) > 20:
            raise ZeroDivisionError("later")
        return absolute(net)

    with pytest.raises(nelder.EvaluationError, match="later") as caught:
        minimize_module(module, fails)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.result.status is nelder.Status.OBJECTIVE_FAILED
    assert caught.value.result.fun == pytest.approx(now(module), rel=1e-5)


def test_several_starts_and_a_target():
    module = Net()
    result = minimize_module(module, absolute, maxfev=300)
    assert len(result.results) == 4
    assert result.fun == min(search.fun for search in result.results)
    assert result.fun == pytest.approx(now(module), rel=1e-5)
    result = minimize_module(Net(), absolute, target=1.0)
    assert result.status is nelder.Status.TARGET


def test_many_parameters_warn():
    module = torch.nn.Sequential(torch.nn.Linear(3, 30), torch.nn.Linear(30, 1))
    with pytest.warns(UserWarning, match="151 free weights") as caught:
        minimize_module(module, absolute, maxfev=10)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"module": "no module"}, r"expected a torch\.nn\.Module"),
        ({"module": torch.nn.ReLU()}, "no trainable weights"),
        ({"loss": 3}, "loss=3: expected a callable"),
        ({"callback": 3}, "callback=3: expected a callable"),
        ({"vectorized": "no"}, "vectorized='no'"),
        ({"trainable": "tail"}, "no layer or trainable variable 'tail'"),
        ({"loss": lambda net: net(X)}, r"shape \(64, 1\).*expected a real scalar"),
        ({"loss": lambda net: net(X).sum() * 1j}, "complex64: expected a real scalar"),
        ({"loss": lambda net: None}, "the loss returned None"),
        ({"loss": lambda net: net(X), "vectorized": False}, "expected a real scalar"),
        ({"maxfev": 0}, "maxfev=0"),
        ({"batch": 0}, "batch=0"),
        ({"starts": 1.5}, "starts=1.5"),
        ({"step": 0}, "step=0"),
    ],
)
def test_bad_input(given, said):
    arguments = {"module": line(), "loss": absolute, "maxfev": 10} | given
    with warnings.catch_warnings(), pytest.raises(InvalidArgumentError, match=said):
        minimize_module(arguments.pop("module"), arguments.pop("loss"), **arguments)


def test_what_is_not_installed(monkeypatch):
    def import_module(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("nelder.torch.module.import_module", import_module)
    with pytest.raises(nelder.MissingExtraError, match=r"pip install 'nelder\[torch\]'"):
        minimize_module(None, absolute)
