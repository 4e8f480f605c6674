"""Training: interrupts, calls cut short, divergence, best weights, and memory."""

import os
import pickle
import signal
import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from skinit import DivergenceError, MLPClassifier, MLPRegressor
from skinit.engine import passes
from skinit.engine.data import TrainingData
from skinit.initializers import RandomNormal
from skinit.training.divergence import explain_divergence

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = X_diabetes / X_diabetes.std(axis=0)
y_diabetes = (y_diabetes - y_diabetes.mean()) / y_diabetes.std()


@pytest.fixture
def interrupt_in_pass(monkeypatch):
    """Send SIGINT during the given pass over the data."""

    def arrange(n_passes):
        run = passes.DataPasses._pass
        calls = []

        def interrupted_run(self, *args):
            calls.append(1)
            if len(calls) == n_passes:
                os.kill(os.getpid(), signal.SIGINT)
            return run(self, *args)

        monkeypatch.setattr(passes.DataPasses, "_pass", interrupted_run)

    return arrange


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_ctrl_c_warns_and_keeps_the_trained_weights(interrupt_in_pass, solver):
    interrupt_in_pass(5)
    model = MLPClassifier((5,), solver=solver, max_iter=50, random_state=0)
    untrained = MLPClassifier((5,), random_state=0).initialize(X_iris, y_iris)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X_iris, y_iris)
    assert 0 < model.n_iter_ < 5
    assert not np.array_equal(model.coefs_[0], untrained.coefs_[0])
    assert np.isfinite(model.loss_)
    assert model.predict(X_iris).shape == y_iris.shape


def test_ctrl_c_with_early_stopping_restores_the_best_weights(interrupt_in_pass):
    interrupt_in_pass(6)
    model = MLPClassifier((5,), early_stopping=True, learning_rate_init=0.3, max_iter=50, random_state=0)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X_iris, y_iris)
    assert len(model.validation_scores_) == model.n_iter_ == 5
    # The best epoch is not the last one. The twin ends after the best epoch, so it has the best weights without
    # restoring them.
    assert model.best_iter_ == np.argmax(model.validation_scores_) + 1 < 5
    best = clone(model).set_params(max_iter=model.best_iter_).fit(X_iris, y_iris)
    for coef, expected in zip(model.coefs_, best.coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected)


@pytest.mark.parametrize("call_seconds", [1e-9, 1e9])
def test_results_do_not_depend_on_how_an_epoch_is_split_into_calls(monkeypatch, call_seconds):
    parameters = {"hidden_layer_sizes": (6,), "batch_size": 7, "max_iter": 3, "random_state": 0}
    expected = MLPClassifier(**parameters).fit(X_iris, y_iris)
    monkeypatch.setattr(passes, "CALL_SECONDS", call_seconds)
    model = MLPClassifier(**parameters).fit(X_iris, y_iris)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_blames_the_learning_rate(dtype):
    model = MLPRegressor(solver="sgd", learning_rate_init=100.0, random_state=0)
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: reduce learning_rate_init=100.0"):
        model.fit(X_diabetes.astype(dtype), y_diabetes)


def test_divergence_blames_the_initial_weights():
    model = MLPRegressor(hidden_layer_sizes=(20, 20, 20), solver="sgd", init=RandomNormal(1e3), random_state=0)
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: change init=RandomNormal\(std=1000.0\)"):
        model.fit(X_diabetes, y_diabetes)


def test_divergence_blames_the_scale_of_the_data():
    model = MLPRegressor(solver="sgd", random_state=0)
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: scale X"):
        model.fit(1e6 * X_diabetes, y_diabetes)
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: scale y"):
        MLPRegressor(solver="sgd", learning_rate_init=0.1, random_state=0).fit(X_diabetes, 1e80 * y_diabetes)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("scale", [1e200, 1e300])
def test_targets_whose_squares_overflow_are_blamed(solver, scale):
    with pytest.raises(DivergenceError, match="scale y, whose largest magnitude is"):
        MLPRegressor(hidden_layer_sizes=(5,), solver=solver, max_iter=5).fit(X_diabetes, scale * y_diabetes)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_data_that_overflow_are_blamed(solver, estimator):
    with pytest.raises(DivergenceError, match="scale X, whose largest magnitude is"):
        estimator(hidden_layer_sizes=(5,), solver=solver, random_state=0).fit(1e300 * X_iris, y_iris)


def test_unscaled_data_are_blamed_for_poisson_means_that_overflow():
    model = MLPRegressor(loss="poisson", hidden_layer_sizes=(5,), solver="sgd", random_state=0)
    with pytest.raises(DivergenceError, match="scale X"):
        model.fit(100 * X_diabetes, np.exp(y_diabetes))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rate", [1e150, 1e300])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_rate_that_overflows_is_blamed_and_changes_nothing(solver, rate, method, early_stopping):
    early_stopping = early_stopping and method == "fit"
    model = MLPRegressor(
        hidden_layer_sizes=(5,), solver=solver, learning_rate_init=rate, early_stopping=early_stopping, random_state=0
    )
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: reduce learning_rate_init=1e\+"):
        getattr(model, method)(X_diabetes, y_diabetes)
    assert not hasattr(model, "coefs_")


def test_a_penalty_that_overshoots_is_blamed():
    model = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", alpha=1e10, random_state=0)
    with pytest.raises(DivergenceError, match=r"reduce alpha=10000000000.0"):
        model.fit(X_diabetes, y_diabetes)


def test_an_automatic_rate_is_not_told_to_be_reduced():
    model = MLPRegressor(hidden_layer_sizes=(5,), learning_rate_init="auto", max_iter=3, random_state=0)
    model.fit(X_diabetes, y_diabetes)
    rate = model.learning_rate_init_
    advice = explain_divergence(model, TrainingData(X_diabetes, y_diabetes[:, None], None), True, 0.5)
    tried = f"from {rate:.3g} down to {rate / 2:.3g}"
    assert advice.startswith(f'give learning_rate_init a number: "auto" tried learning rates {tried}')


def test_large_weights_of_a_warm_start_are_blamed():
    model = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", max_iter=2, random_state=0)
    model.fit(X_diabetes.astype(np.float32), y_diabetes)
    model.coefs_ = [coef * np.float32(1e18) for coef in model.coefs_]
    for method in (model.partial_fit, model.set_params(warm_start=True).fit):
        with pytest.raises(DivergenceError, match="call fit with warm_start=False: the weights that .* give outputs"):
            method(X_diabetes.astype(np.float32), y_diabetes)


def test_negative_weights_are_blamed():
    weights = np.where(np.arange(len(y_diabetes)) % 3, 1.0, -1.5)
    with pytest.raises(DivergenceError, match="remove the negative sample weights"):
        MLPRegressor(hidden_layer_sizes=(50,), init="he", solver="lbfgs", max_iter=5000, random_state=0).fit(
            X_diabetes, 30 * y_diabetes, weights
        )


def test_early_stopping_that_diverges_later_keeps_the_best_weights():
    parameters = {
        "hidden_layer_sizes": (5,),
        "solver": "sgd",
        "learning_rate_init": 3.0,
        "early_stopping": True,
        "random_state": 0,
    }
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch 3\. The weights with the best validation score"):
        model = MLPRegressor(max_iter=20, **parameters).fit(X_diabetes, y_diabetes)
    expected = MLPRegressor(max_iter=2, **parameters).fit(X_diabetes, y_diabetes)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.validation_scores_) == 2
    assert np.isfinite(model.loss_)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_with_a_wrong_hook_is_refused_by_name(solver):
    pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")

    class Callback:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            return self

    class TakesTooLittle(Callback):
        def on_fit_task_end(self, estimator):
            pass

    model = MLPClassifier((3,), solver=solver)
    with pytest.raises(TypeError, match=r"Callback.*on_fit_task_end must return True to end training, .* got Callback"):
        model.set_callbacks(Callback()).fit(X_iris, y_iris)
    with pytest.raises(TypeError, match=r"TakesTooLittle.*_task_end must take the arguments \(estimator, context\)"):
        model.set_callbacks(TakesTooLittle()).fit(X_iris, y_iris)
    assert not hasattr(model, "coefs_")


def test_a_divergence_error_leaves_a_worker_process_intact():
    error = pickle.loads(pickle.dumps(DivergenceError(3, "reduce learning_rate_init=100.0")))
    assert error.epoch == 3
    assert "epoch 3: reduce learning_rate_init=100.0" in str(error)


def test_divergence_in_partial_fit_leaves_the_estimator_as_it_was():
    model = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", learning_rate_init=0.01, random_state=0)
    model.partial_fit(X_diabetes, y_diabetes)
    attributes = dict(vars(model))
    coefs = [coef.copy() for coef in model.coefs_]
    velocity = model._optimizer.slots.copy()
    with pytest.raises(DivergenceError, match="diverged in epoch 1"):
        model.partial_fit(1e200 * X_diabetes, y_diabetes)
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    for coef, expected in zip(model.coefs_, coefs, strict=True):
        np.testing.assert_array_equal(coef, expected)
    np.testing.assert_array_equal(model._optimizer.slots, velocity)
    assert len(model.loss_curve_) == 1


@pytest.mark.parametrize(
    ("estimator", "X", "y", "score"),
    [
        (MLPClassifier, X_iris, y_iris, accuracy_score),
        (MLPRegressor, X_diabetes, y_diabetes, r2_score),
    ],
)
def test_early_stopping_ends_with_the_weights_of_the_best_validation_score(estimator, X, y, score):
    model = estimator(
        hidden_layer_sizes=(8,),
        learning_rate_init=0.05,
        early_stopping=True,
        validation_fraction=0.3,
        max_iter=30,
        random_state=0,
    ).fit(X, y)
    # The same generator draws the validation split after the weights.
    random_state = np.random.RandomState(0)
    model.initializer_.initialize(model._network.copy(), random_state)
    _, X_validation, _, y_validation = train_test_split(X, y, test_size=0.3, random_state=random_state)
    best = max(model.validation_scores_)
    assert score(y_validation, model.predict(X_validation)) == pytest.approx(best, rel=1e-12)
    assert model.best_validation_score_ == best


def test_a_warm_start_without_progress_keeps_its_first_weights():
    # scikit-learn ends with the last weights here, because its best weights are the same arrays and are trained
    # further.
    model = MLPRegressor(
        hidden_layer_sizes=(8,),
        early_stopping=True,
        warm_start=True,
        max_iter=30,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X_diabetes, y_diabetes)
    best_score = model.best_validation_score_
    best_coefs = [coef.copy() for coef in model.coefs_]
    model.set_params(learning_rate_init=1.0, max_iter=5).fit(X_diabetes, y_diabetes)
    assert max(model.validation_scores_[-5:]) < best_score == model.best_validation_score_
    for coef, expected in zip(model.coefs_, best_coefs, strict=True):
        np.testing.assert_array_equal(coef, expected)


def test_verbose_prints_losses_and_reasons_to_stop(capsys):
    MLPClassifier((3,), solver="sgd", verbose=True, tol=10.0, n_iter_no_change=1).fit(X_iris, y_iris)
    out = capsys.readouterr().out
    assert "Iteration 1, loss = " in out
    assert "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs. Stopping." in out
    MLPClassifier((3,), solver="lbfgs", verbose=True, max_iter=2).fit(X_iris, y_iris)
    assert "Iteration 2, loss = " in capsys.readouterr().out
    MLPClassifier((3,), max_iter=2).fit(X_iris, y_iris)
    assert capsys.readouterr().out == ""


def test_warnings_are_those_of_scikit_learn():
    with pytest.warns(ConvergenceWarning, match=r"Stochastic Optimizer: Maximum iterations \(2\) reached"):
        MLPClassifier((3,), max_iter=2).fit(X_iris, y_iris)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        MLPClassifier((3,), max_iter=2, solver="lbfgs").fit(X_iris, y_iris)
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        MLPClassifier((3,), max_iter=2, batch_size=1000).fit(X_iris, y_iris)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_fit_and_predict_need_little_memory_beyond_X(solver, early_stopping):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((20_000, 200)).astype(np.float32)
    y = rng.standard_normal(len(X)).astype(np.float32)
    model = MLPRegressor(
        hidden_layer_sizes=(10,), solver=solver, early_stopping=early_stopping, max_iter=2, random_state=0
    )
    model.fit(X[:500], y[:500])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracemalloc.start()
        model.fit(X, y)
        _, peak_of_fit = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        model.predict(X)
        _, peak_of_predict = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Row numbers, targets and predictions are a few vectors of length n. A copy of a tenth of X, the validation rows,
    # would exceed the limit.
    limit = X.nbytes / (5 if early_stopping and solver == "adam" else 8)
    assert peak_of_fit < limit
    assert peak_of_predict - before < X.nbytes / 8


@pytest.mark.parametrize("power_t", [1e300, 1000.0, 10**40])
def test_an_inverse_scaling_that_overflows_gives_a_rate_of_zero(power_t):
    model = MLPClassifier((3,), solver="sgd", learning_rate="invscaling", power_t=power_t, max_iter=3, random_state=0)
    model.fit(X_iris, y_iris)
    assert model._optimizer.learning_rate == 0
    assert np.isfinite(model.loss_)


def test_a_penalty_that_outweighs_the_loss_is_blamed_with_lbfgs():
    with pytest.raises(DivergenceError, match="reduce alpha=1e.308"):
        MLPClassifier((3,), solver="lbfgs", alpha=1e308).fit(X_iris, y_iris)
