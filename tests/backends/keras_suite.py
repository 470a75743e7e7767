"""What `nelder.keras.fit` does; run by `test_keras.py` for each backend of Keras."""

import math
import warnings

import numpy as np
import pytest

import nelder
import nelder.keras as nk
from nelder.errors import InvalidArgumentError
from nelder.keras.losses import Losses
from nelder.models.weights import Weights

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Keras's backends, at import
    import keras
    from keras import ops

# PyTorch's tensors, copied by Keras in predict, evaluate and get_weights
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 3))
TRUE = np.array([[1.0], [-2.0], [0.5]])
LINE = X @ TRUE + 0.25
LABELS = (X[:, 0] * X[:, 1] > 0.2).astype(int)


def line():
    """One unit, at zero."""
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="zeros"),
        ],
        name="line",
    )


def classifier(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation="tanh", name="body"),
            keras.layers.Dense(1, name="head"),
        ]
    )


def absolute(y, predicted):
    return ops.mean(ops.abs(y - predicted))


def wrong(y, predicted):
    """0/1 error of labels."""
    return ops.mean(ops.cast((predicted[:, 0] > 0.0) != (y > 0), "float32"))


def numpy_of(model):
    return np.asarray(ops.convert_to_numpy(model(X.astype("float32"), training=False)))


def wrong_now(model):
    """The 0/1 error of the weights that the model has, without nelder."""
    return float(np.mean((numpy_of(model)[:, 0] > 0.0) != (LABELS > 0)))


def weights_of(model):
    return [np.array(ops.convert_to_numpy(v.value)) for v in model.trainable_variables]


def test_a_loss_without_a_gradient_at_its_minimum():
    model = line()
    result = nk.fit(model, X, LINE, loss=absolute)
    kernel, bias = weights_of(model)
    assert kernel == pytest.approx(TRUE, abs=1e-3)
    assert bias == pytest.approx(0.25, abs=1e-3)
    assert result.success
    assert result.fun < 1e-3
    assert result.x == pytest.approx(np.append(kernel, bias), abs=1e-6)
    assert result.fun == pytest.approx(float(np.abs(LINE - numpy_of(model)).mean()), abs=1e-6)


def test_losses_are_those_of_one_set_of_weights_after_the_other():
    model = classifier()
    values = weights_of(model)
    weights = Weights.of(values, "all", lambda shape: 1)
    losses = Losses(keras, model, [0, 1, 2, 3], weights, absolute, X, LINE, 8)
    points = weights.x0 + np.random.default_rng(1).normal(size=(5, weights.n))
    together = losses(points)
    assert together.shape == (5,)
    assert together.dtype == np.float64
    for point, loss in zip(points, together, strict=True):
        model.set_weights([np.asarray(part, "float32") for part in weights.arrays(point)])
        assert loss == pytest.approx(np.abs(LINE - numpy_of(model)).mean(), rel=1e-5)


def test_the_error_rate_of_a_classifier():
    model = classifier()
    before = wrong_now(model)
    result = nk.fit(model, X, LABELS, loss=wrong, epochs=150)
    assert result.fun < before - 0.2
    assert wrong_now(model) == pytest.approx(result.fun, abs=1.5 / 64)  # rounding at 0, once
    assert result.nfev <= 4 * 150 * 22
    assert result.ncall < result.nfev / 4


def test_a_loss_for_each_row():
    per_row, mean = classifier(), classifier()
    rows = nk.fit(per_row, X, LABELS, loss=lambda y, p: (p[:, 0] > 0.0) != (y > 0), epochs=20)
    same = nk.fit(mean, X, LABELS, loss=wrong, epochs=20)
    assert rows.fun == pytest.approx(same.fun, abs=1e-6)
    assert rows.nfev == same.nfev


def test_a_loss_that_needs_arrays_of_numpy():
    seen = []

    def rank_loss(y, predicted):
        """1 - AUC, as scikit-learn would compute it: sorts, and branches."""
        seen.append((type(y), type(predicted), predicted.shape))
        scores = np.asarray(predicted, dtype=np.float64)[:, 0]
        better = scores[np.flatnonzero(y == 1)][:, None] - scores[np.flatnonzero(y == 0)][None, :]
        return 1.0 - float(np.mean((better > 0.0) + 0.5 * (better == 0.0)))

    model = classifier()
    result = nk.fit(model, X, LABELS, loss=rank_loss, epochs=60)
    assert seen[-1] == (np.ndarray, np.ndarray, (64, 1))
    assert result.fun == pytest.approx(rank_loss(LABELS, numpy_of(model)), abs=1e-3)
    assert result.fun < 0.25


@pytest.mark.parametrize("loss", ["mse", "mean_squared_error", keras.losses.MeanSquaredError()])
def test_losses_of_keras(loss):
    model = line()
    result = nk.fit(model, X, LINE, loss=loss, epochs=40)
    assert result.fun == pytest.approx(np.square(LINE - numpy_of(model)).mean(), rel=1e-3, abs=1e-7)
    assert result.fun < 0.1 * np.square(LINE).mean()


@pytest.mark.parametrize(
    ("trainable", "changed"),
    [
        ("last", [2, 3]),
        ("body", [0, 1]),
        (["head/bias", "body/kernel"], [0, 3]),
        (nk.Subspace(3, of="body"), [0, 1]),
        (nk.Subspace(3), [0, 1, 2, 3]),
    ],
)
def test_only_what_is_trainable_changes(trainable, changed):
    model = classifier()
    before = weights_of(model)
    result = nk.fit(model, X, LINE, loss=absolute, trainable=trainable, epochs=30)
    after = weights_of(model)
    assert [i for i in range(4) if not np.array_equal(before[i], after[i])] == changed
    subspace = isinstance(trainable, nk.Subspace)
    assert result.x.shape == (3 if subspace else sum(before[i].size for i in changed),)
    if subspace:
        weights = Weights.of(
            [before[i] for i in changed], trainable, lambda s: s[0] if s[1:] else 1
        )
        for i, value in zip(changed, weights.arrays(result.x), strict=True):
            assert after[i] == pytest.approx(value, abs=1e-5)


def test_frozen_layers_are_left_alone():
    model = classifier()
    model.get_layer("body").trainable = False
    result = nk.fit(model, X, LABELS, loss=wrong, epochs=5)
    assert result.x.shape == (5,)
    with pytest.raises(InvalidArgumentError, match="no layer or trainable variable 'body'"):
        nk.fit(model, X, LABELS, loss=wrong, trainable="body")


class Recorder(keras.callbacks.Callback):
    """Notes what a training does, and the error rate of the model's weights at each epoch's end."""

    def __init__(self):
        super().__init__()
        self.seen, self.errors, self.losses = [], [], []

    def on_train_begin(self, logs=None):
        self.seen.append("train begins")

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(f"{epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(f"{epoch} ends")
        self.losses.append(logs["loss"])
        self.errors.append(wrong_now(self.model))

    def on_train_end(self, logs=None):
        self.seen.append("train ends")


def test_callbacks_see_a_training():
    recorder, model = Recorder(), classifier()
    result = nk.fit(model, X, LABELS, loss=wrong, epochs=6, callbacks=[recorder])
    epochs = [f"{i} {what}" for i in range(6) for what in ("begins", "ends")]
    assert recorder.seen == ["train begins", *epochs, "train ends"]
    assert recorder.model is model
    assert recorder.params["epochs"] == 6
    assert recorder.losses == sorted(recorder.losses, reverse=True)
    assert recorder.losses[-1] == result.fun
    # at each end the model has the best weights so far
    assert recorder.errors == pytest.approx(recorder.losses, abs=1.5 / 64)
    assert result.history is model.history
    assert result.history.history == {"loss": recorder.losses}
    assert result.history.epoch == list(range(6))


def test_early_stopping():
    model = line()
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=2, min_delta=1e9)
    result = nk.fit(model, X, LINE, loss=absolute, callbacks=[stopping])
    assert result.status is nelder.Status.CALLBACK
    assert result.message == "a callback set model.stop_training"
    assert len(result.history.history["loss"]) == 3
    again = nk.fit(model, X, LINE, loss=absolute, epochs=4)  # not stopped by what was
    assert len(again.history.history["loss"]) == 4


def test_validation_data():
    model = classifier()
    recorder = Recorder()
    result = nk.fit(
        model,
        X[:40],
        LINE[:40],
        loss=absolute,
        epochs=5,
        validation_data=(X[40:], LINE[40:]),
        callbacks=[recorder],
    )
    history = result.history.history
    assert list(history) == ["loss", "val_loss"]
    now = np.abs(LINE[40:] - numpy_of(model)[40:]).mean()
    assert history["val_loss"][-1] == pytest.approx(now, rel=1e-4)
    assert len(history["val_loss"]) == 5


def test_the_best_weights_of_the_validation_are_restored():
    class Validation(keras.callbacks.Callback):
        """Lets the first epoch win."""

        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = float(epoch)
            if epoch == 0:
                self.first = weights_of(self.model)

    model, validation = classifier(), Validation()
    stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    nk.fit(model, X, LINE, loss=absolute, callbacks=[validation, stopping])
    for weights, first in zip(weights_of(model), validation.first, strict=True):
        assert weights.tolist() == first.tolist()


def test_checkpoints_have_the_best_weights(tmp_path):
    path = tmp_path / "best.weights.h5"
    saving = keras.callbacks.ModelCheckpoint(
        path, monitor="loss", save_best_only=True, save_weights_only=True
    )
    model, copy = classifier(), classifier(seed=1)
    nk.fit(model, X, LINE, loss=absolute, epochs=5, callbacks=[saving])
    copy.load_weights(path)
    for weights, saved in zip(weights_of(model), weights_of(copy), strict=True):
        assert weights.tolist() == saved.tolist()


def test_callbacks_that_look_at_batches():
    class Batches(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.losses = []

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])
            now = float(np.abs(LINE - numpy_of(self.model)).mean())
            assert now == pytest.approx(logs["loss"], rel=1e-4)

    batches = Batches()
    result = nk.fit(classifier(), X, LINE, loss=absolute, epochs=3, callbacks=[batches])
    assert len(batches.losses) == result.ncall
    assert batches.losses[-1] == result.fun


def test_a_line_for_each_epoch(capsys):
    nk.fit(line(), X, LINE, loss=absolute, epochs=2, verbose=2)
    out = capsys.readouterr().out
    assert "Epoch 1/2" in out
    assert "loss: " in out
    nk.fit(line(), X, LINE, loss=absolute, epochs=2)
    assert capsys.readouterr().out == ""


def test_after_ctrl_c_the_model_has_the_best_weights():
    class Interrupts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    model = classifier()
    with pytest.raises(KeyboardInterrupt) as caught:
        nk.fit(model, X, LINE, loss=absolute, callbacks=[Interrupts()])
    result = caught.value.result
    assert result.status is nelder.Status.INTERRUPTED
    assert result.nfev >= 4 * 3 * 22
    assert np.abs(LINE - numpy_of(model)).mean() == pytest.approx(result.fun, rel=1e-4)


def test_after_an_error_the_model_has_the_best_weights():
    count = 0

    def fails(y, predicted):
        nonlocal count
        predicted = np.asarray(predicted.tolist())  # no tensor while it is compiled has this
        count += 1
        if count == 100:
            raise ZeroDivisionError("of the loss")
        return np.abs(y - predicted).mean()

    model = classifier()
    with pytest.raises(nelder.EvaluationError, match="of the loss") as caught:
        nk.fit(model, X, LINE, loss=fails)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    result = caught.value.result
    assert result.status is nelder.Status.OBJECTIVE_FAILED
    assert np.abs(LINE - numpy_of(model)).mean() == pytest.approx(result.fun, rel=1e-4)


def test_several_starts():
    model = classifier()
    result = nk.fit(model, X, LABELS, loss=wrong, epochs=10)
    assert len(result.results) == 4
    assert result.fun == min(search.fun for search in result.results)
    assert result.nfev == 4 * 10 * 22
    assert wrong_now(model) == pytest.approx(result.fun, abs=1.5 / 64)


def test_a_target():
    result = nk.fit(line(), X, LINE, loss=absolute, target=0.5)
    assert result.status is nelder.Status.TARGET
    assert result.success
    assert result.fun <= 0.5


def test_a_model_with_parts_that_behave_otherwise_in_training():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    fixed = [np.array(ops.convert_to_numpy(v.value)) for v in model.non_trainable_variables]
    result = nk.fit(model, X, LINE, loss=absolute, trainable="last", epochs=20)
    assert np.abs(LINE - numpy_of(model)).mean() == pytest.approx(result.fun, rel=1e-4)
    for variable, before in zip(model.non_trainable_variables, fixed, strict=True):
        assert np.array_equal(ops.convert_to_numpy(variable.value), before)


def attention():
    inputs = keras.Input((5, 4))
    outputs = keras.layers.MultiHeadAttention(1, 2)(inputs, inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(outputs)))


LAYERS = {
    "convolution": (
        lambda: keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                keras.layers.Conv2D(2, 3, activation="relu"),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(1),
            ]
        ),
        (16, 6, 6, 1),
    ),
    "recurrence": (
        lambda: keras.Sequential(
            [keras.Input((5, 2)), keras.layers.LSTM(2), keras.layers.Dense(1)]
        ),
        (16, 5, 2),
    ),
    "attention": (attention, (16, 5, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore:the model is evaluated for one set of weights:UserWarning")
def test_other_layers(name):
    build, shape = LAYERS[name]
    x = np.random.default_rng(2).normal(size=shape)
    y = np.random.default_rng(3).normal(size=(16, 1))
    model = build()
    result = nk.fit(model, x, y, loss=absolute, epochs=2)
    now = np.asarray(ops.convert_to_numpy(model(x.astype("float32"), training=False)))
    assert np.abs(y - now).mean() == pytest.approx(result.fun, rel=1e-4)


@pytest.mark.parametrize(
    "loss", [absolute, lambda y, p: float(np.abs(np.array(y) - np.array(p)).mean())]
)
def test_a_model_that_cannot_be_computed_for_many_weights_at_once(monkeypatch, loss):
    together, apart = classifier(), classifier()
    many = nk.fit(together, X, LINE, loss=absolute, epochs=5)

    def cannot(function, elements):
        raise NotImplementedError("no rule for this layer")

    monkeypatch.setattr(keras.ops, "vectorized_map", cannot)
    with pytest.warns(UserWarning, match="one set of weights at a time.*no rule") as caught:
        one = nk.fit(apart, X, LINE, loss=loss, epochs=5)
    assert caught[0].filename == __file__
    assert one.nfev == many.nfev
    assert one.fun == pytest.approx(many.fun, rel=0.05)
    assert one.fun == pytest.approx(np.abs(LINE - numpy_of(apart)).mean(), rel=1e-4)


def test_several_inputs_and_outputs():
    keras.utils.set_random_seed(0)
    left, right = keras.Input((2,), name="left"), keras.Input((1,), name="right")
    total = keras.layers.Dense(1, name="total")(keras.layers.concatenate([left, right]))
    model = keras.Model({"left": left, "right": right}, [total, keras.layers.Dense(1)(left)])

    def both(y, predicted):
        return sum(ops.mean(ops.abs(a - b)) for a, b in zip(y, predicted, strict=True))

    x = {"left": X[:, :2], "right": X[:, 2:]}
    y = (LINE, X[:, :1])
    result = nk.fit(model, x, y, loss=both, epochs=300)
    assert result.fun < 0.02


def test_the_present_weights_are_the_start_and_never_lost():
    model = line()
    model.set_weights([TRUE.astype("float32"), np.array([0.25], "float32")])
    result = nk.fit(model, X, LINE, loss=absolute, epochs=3)
    assert result.fun < 1e-6


def test_weights_are_given_only_where_they_are_better(monkeypatch):
    model = classifier()
    given = []
    assign = keras.Variable.assign

    def counting(self, value):
        given.append(self)
        return assign(self, value)

    monkeypatch.setattr(keras.Variable, "assign", counting)
    monkeypatch.setattr(keras.Model, "set_weights", None)
    result = nk.fit(model, X, LABELS, loss=wrong, epochs=10)
    assert result.nfev == 4 * 220
    assert 0 < len(given) <= 4 * 10  # four variables, at most once in an epoch


def test_many_weights_warn():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(30), keras.layers.Dense(1)])
    with pytest.warns(UserWarning, match="151 free weights") as caught:
        nk.fit(model, X, LINE, loss=absolute, epochs=1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "no model"}, "expected a keras.Model"),
        ({"model": keras.Sequential([keras.layers.Dense(1)])}, "is not built"),
        ({"model": keras.Sequential([keras.Input((3,)), keras.layers.Flatten()])}, "no trainable"),
        ({"trainable": "tail"}, "no layer or trainable variable 'tail'"),
        ({"loss": lambda y, p: ops.abs(y - p)}, r"returned shape \(64, 1\): expected \(\), or"),
        ({"loss": lambda y, p: np.zeros(3)}, r"returned shape \(3,\)"),
        ({"loss": lambda y, p: ops.cast(ops.mean(p), "complex64")}, "complex64"),
        ({"loss": lambda y, p: None}, "returned None"),
        ({"loss": "no such loss"}, "a name that keras.losses.get knows"),
        ({"loss": 3}, "expected a callable"),
        ({"loss": keras.metrics.MeanSquaredError()}, "a metric remembers"),
        ({"y": LINE[:10]}, "y has 10 rows: expected 64"),
        ({"y": ["a"] * 64}, "expected arrays of numbers"),
        ({"x": iter([1.0])}, "expected arrays of numbers"),
        ({"x": np.empty((0, 3)), "y": None}, "at least one"),
        ({"x": [X, X[:3]]}, "the same number of rows"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch": 0}, "batch=0"),
        ({"starts": 0}, "starts=0"),
        ({"target": math.nan}, "target=nan"),
        ({"callbacks": [print]}, "expected keras.callbacks.Callback"),
        ({"validation_data": (X,)}, "expected a pair"),
    ],
)
def test_bad_input(given, said):
    arguments = {"model": None, "x": X, "y": LINE, "loss": absolute, "epochs": 2} | given
    if arguments["model"] is None:
        arguments["model"] = line()
    with pytest.raises(InvalidArgumentError, match=said):
        nk.fit(**arguments)


def test_a_loss_that_raises_says_so():
    with pytest.raises(nelder.EvaluationError, match="name 'missing' is not defined") as caught:
        nk.fit(line(), X, LINE, loss=lambda y, p: missing(y, p))  # noqa: F821
    assert "could not be compiled either" in caught.value.__notes__[0]
