"""The callbacks `EarlyStopping` and `BestWeights`, which watch the curve of a loss or a score."""

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit.training.fit
from skinit import MLPClassifier, MLPRegressor

pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")

from skinit.callbacks import BestWeights, EarlyStopping  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
CURVES = {"loss": "loss_curve_", "validation_score": "validation_scores_", "validation_loss": "validation_loss_curve_"}


def make(estimator=MLPClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (4,), "activation": "tanh", "max_iter": 40, "random_state": 0}
    # These parameters make losses and scores go up and down.
    unsteady = {"solver": "sgd", "learning_rate_init": 0.5, "batch_size": 40, "n_iter_no_change": np.inf}
    return estimator(**{**defaults, **unsteady, **parameters})


def goodness(network, monitor):
    """Return the curve with the sign for which higher is better."""
    curve = np.array(getattr(network, CURVES[monitor]))
    return curve if monitor == "validation_score" else -curve


def end_of(curve, patience, min_delta):
    """Return the number of epochs of training, by the rule in one sentence."""
    for n_epochs in range(patience + 1, len(curve) + 1):
        best_before, best_now = max(curve[: n_epochs - patience]), max(curve[n_epochs - patience : n_epochs])
        if not best_now > best_before + min_delta:
            return n_epochs
    return len(curve)


def assert_same_weights(first, second):
    for a, b in zip(first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("monitor", CURVES)
@pytest.mark.parametrize(("patience", "min_delta"), [(1, 0.0), (3, 0.0), (5, 0.01), (39, 0.0)])
def test_training_ends_without_progress_for_patience_epochs(patience, min_delta, monitor, dtype):
    network = make(early_stopping=monitor != "loss")
    alone = clone(network).fit(X.astype(dtype), y)
    stopped = clone(network).set_callbacks(EarlyStopping(monitor, patience=patience, min_delta=min_delta))
    stopped.fit(X.astype(dtype), y)
    assert stopped.n_iter_ == end_of(goodness(alone, monitor), patience, min_delta)
    # Earlier epochs are unchanged.
    assert getattr(stopped, CURVES[monitor]) == getattr(alone, CURVES[monitor])[: stopped.n_iter_]
    assert_same_weights(stopped, clone(network).set_params(max_iter=stopped.n_iter_).fit(X.astype(dtype), y))


class Context:
    """A stand-in for the context of an epoch."""

    max_subtasks = 0


@given(
    curve=st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    patience=st.integers(1, 10),
    min_delta=st.integers(0, 4),
    monitor=st.sampled_from(sorted(CURVES)),
)
def test_the_rule_holds_for_every_curve(curve, patience, min_delta, monitor):
    network = MLPClassifier()
    callback = EarlyStopping(monitor, patience=patience, min_delta=min_delta)
    sign = 1 if monitor == "validation_score" else -1
    for n_epochs in range(1, len(curve) + 1):
        network.n_iter_ = n_epochs
        # The curve begins with a better epoch of an earlier fit, which must not count.
        setattr(network, CURVES[monitor], [sign * 100.0] + [sign * float(number) for number in curve[:n_epochs]])
        if callback.on_fit_task_end(network, Context, fitted_estimator=network):
            break
    assert n_epochs == end_of(curve, patience, min_delta)


def test_nan_scores_are_no_improvement():
    network, callback = MLPClassifier(), EarlyStopping("validation_score", patience=2)
    for scores, is_over in (([0.1, np.nan, np.nan], True), ([np.nan] * 3, True), ([np.nan, np.nan, 0.1], False)):
        network.n_iter_, network.validation_scores_ = 3, scores
        assert callback.on_fit_task_end(network, Context, fitted_estimator=network) == is_over


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("average", [False, 0.5])
@pytest.mark.parametrize("monitor", CURVES)
def test_best_weights_are_those_of_the_best_epoch(monitor, average, dtype):
    network = make(early_stopping=monitor != "loss", average=average)
    best = clone(network).set_callbacks(BestWeights(monitor)).fit(X.astype(dtype), y)
    alone = clone(network).fit(X.astype(dtype), y)
    assert best.loss_curve_ == alone.loss_curve_
    assert best.best_iter_ == np.argmax(goodness(alone, monitor)) + 1
    assert best.best_iter_ < best.n_iter_
    watched = clone(network).set_callbacks(Keep(best.best_iter_)).fit(X.astype(dtype), y)
    (callback,) = watched._skl_callbacks
    assert_same_weights(best, callback.network)
    np.testing.assert_array_equal(best.predict_proba(X), callback.network.predict_proba(X))


class Keep:
    """Keeps the network after a given epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def setup(self, estimator, context):
        pass

    on_fit_task_begin = teardown = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.max_subtasks == 0 and fitted_estimator.n_iter_ == self.epoch:
            self.network = fitted_estimator


def test_best_weights_by_score_are_those_of_early_stopping():
    network = make(early_stopping=True)
    alone, best = clone(network).fit(X, y), clone(network).set_callbacks(BestWeights("validation_score")).fit(X, y)
    assert best.best_iter_ == alone.best_iter_
    assert_same_weights(best, alone)


def test_of_several_monitors_the_last_one_decides():
    network = make(early_stopping=True)
    for monitor in ("loss", "validation_loss"):
        alone = clone(network).set_callbacks(BestWeights(monitor)).fit(X, y)
        others = [BestWeights(name) for name in CURVES if name != monitor]
        both = clone(network).set_callbacks(*others, BestWeights(monitor)).fit(X, y)
        assert both.best_iter_ == alone.best_iter_
        assert_same_weights(both, alone)


def test_best_weights_come_from_the_last_restart(monkeypatch):
    # A step that is far too large.
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1e3)
    network = make(learning_rate_init="auto", learning_rate="adaptive", max_iter=10)
    best = clone(network).set_callbacks(BestWeights()).fit(X, y)
    assert best.best_iter_ == np.argmin(best.loss_curve_) + 1
    assert_same_weights(best, network.set_params(max_iter=best.best_iter_).fit(X, y))


def test_only_the_epochs_of_the_last_fit_count():
    network = make(warm_start=True, max_iter=10).set_callbacks(BestWeights(), EarlyStopping(patience=20)).fit(X, y)
    # The second fit is worse by far.
    network.set_params(learning_rate_init=30.0).fit(X, y)
    assert network.n_iter_ == 10
    assert network.best_iter_ == np.argmin(network.loss_curve_[-10:]) + 1


def test_an_interrupt_keeps_the_best_weights_so_far():
    network = make(max_iter=30)

    class Interrupt(Keep):
        def on_fit_task_end(self, estimator, context):
            if context.max_subtasks == 0 and context.task_id == 20:
                raise KeyboardInterrupt

    # The interrupt comes before or after the other callback sees the last epoch.
    for callbacks in ([BestWeights(), Interrupt(None)], [Interrupt(None), BestWeights()]):
        with pytest.warns(UserWarning, match="interrupted by user"):
            best = clone(network).set_callbacks(*callbacks).fit(X, y)
        assert best.n_iter_ == 21
        alone = clone(network).set_params(max_iter=21).set_callbacks(BestWeights()).fit(X, y)
        assert_same_weights(best, alone)


def test_the_callbacks_leave_no_other_attributes():
    network = make(MLPRegressor).fit(X, y)
    with_callbacks = make(MLPRegressor).set_callbacks(BestWeights(), EarlyStopping()).fit(X, y)
    assert vars(with_callbacks).keys() == vars(network).keys() | {"_skl_callbacks"}
    assert with_callbacks.coefs_[0].base is with_callbacks.intercepts_[0].base
    with_callbacks.partial_fit(X, y)


@pytest.mark.parametrize(("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)])
def test_fits_of_a_search_can_share_callbacks(backend, n_jobs):
    def search(*callbacks):
        model = make_pipeline(StandardScaler(), make().set_callbacks(*callbacks))
        return GridSearchCV(model, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=3, error_score="raise")

    with joblib.parallel_config(backend, n_jobs=n_jobs):
        together = search(EarlyStopping(patience=4), BestWeights()).fit(X, y)
    for k, alpha in enumerate((1e-4, 1.0)):
        # The search makes the same folds.
        alone = make_pipeline(
            StandardScaler(), make(alpha=alpha).set_callbacks(EarlyStopping(patience=4), BestWeights())
        )
        splits = GridSearchCV(alone, {}, cv=3).fit(X, y).cv_results_
        for fold in range(3):
            name = f"split{fold}_test_score"
            assert together.cv_results_[name][k] == splits[name][0]
    network = together.best_estimator_[-1]
    assert network.n_iter_ == end_of(goodness(network, "loss"), 4, 0.0)


@pytest.mark.parametrize("callback", [EarlyStopping, BestWeights])
def test_a_wrong_name_is_refused_with_the_nearest(callback):
    message = (
        f"'validation_loss'.* The 'monitor' parameter of {callback.__name__} must be a str among .* Got 'val_loss'"
    )
    with pytest.raises(ValueError, match=message):
        callback("val_loss")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patience": 0}, "'patience' parameter of EarlyStopping must be an int in the range .1, inf.. Got 0"),
        ({"patience": 2.0}, "'patience' parameter of EarlyStopping must be an int"),
        ({"min_delta": -1}, "'min_delta' parameter of EarlyStopping must be a float in the range"),
        ({"min_delta": np.nan}, "'min_delta' parameter of EarlyStopping must be a float in the range"),
    ],
)
def test_invalid_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**parameters)


@pytest.mark.parametrize("callback", [EarlyStopping, BestWeights])
@pytest.mark.parametrize("monitor", ["validation_score", "validation_loss"])
def test_validation_curves_need_early_stopping(monitor, callback):
    network = make().set_callbacks(callback(monitor))
    before = vars(network).copy()
    with pytest.raises(ValueError, match=rf"\(monitor='{monitor}'\) needs validation rows: set early_stopping=True"):
        network.fit(X, y)
    assert vars(network) == before


@pytest.mark.parametrize("callback", [EarlyStopping, BestWeights])
def test_callbacks_on_other_estimators_are_refused(callback):
    with pytest.raises(ValueError, match=f"{callback.__name__} takes the solvers 'adam', 'adamw', 'sgd', got solver="):
        make(solver="lbfgs").set_callbacks(callback()).fit(X, y)
    for stranger in (LogisticRegression(), GridSearchCV(make(), {"alpha": [1.0]})):
        with pytest.raises(TypeError, match=f"{callback.__name__} .* not on {type(stranger).__name__}"):
            stranger.set_callbacks(callback()).fit(X, y)
