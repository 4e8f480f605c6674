"""Callbacks: when scikit-learn calls the hooks, what they see, and the numbers that the monitors record."""

import pickle
import subprocess
import sys
from importlib.util import find_spec

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit.base
import skinit.training.fit
from skinit import DivergenceError, MLPClassifier, MLPRegressor
from skinit.callbacks import CurvatureMonitor, GradientMonitor
from skinit.curvature import hessian_norm, layer_hessian_norms

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["adam", "sgd", "lbfgs"]
X, LABELS = load_iris(return_X_y=True)
# Early stopping and mini-batches need shuffled rows. The class names check that hooks get the labels of the user.
ORDER = np.random.RandomState(0).permutation(len(X))
X, y = X[ORDER], np.array(["a", "b", "c"])[LABELS[ORDER]]
WEIGHTS = np.linspace(0.5, 2, len(X))


@pytest.fixture(autouse=True)
def _needs_callbacks(request):
    if find_spec("sklearn.callback") is None and "without_the_api" not in request.node.name:
        pytest.skip("callbacks need scikit-learn 1.9")


def make(solver="adam", estimator=MLPClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (4,), "activation": "tanh", "max_iter": 5, "random_state": 0}
    return estimator(solver=solver, **{**defaults, **parameters})


class Recorder:
    """Records every call of a hook, and runs `action` at the call number `n_calls` of the hook `at`."""

    def __init__(self, at=None, n_calls=1, action=lambda: None):
        self.calls = []
        self.at, self.n_calls, self.action = at, n_calls, action

    def _note(self, hook, context, **seen):
        self.calls.append((hook, context.task_name, context, seen))
        if self.at == (hook, context.task_name) and self.names().count(self.at) == self.n_calls:
            return self.action()
        return None

    def names(self):
        return [call[:2] for call in self.calls]

    def setup(self, estimator, context):
        self._note("setup", context)

    def teardown(self, estimator, context):
        self._note("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self._note("begin", context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        return self._note("end", context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)


class PropagatedRecorder(Recorder):
    max_propagation_depth = None


def raise_error(error):
    raise error


def assert_same_weights(first, second):
    for a, b in zip(first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def task_of(solver):
    return "iteration" if solver == "lbfgs" else "epoch"


@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_are_called_in_order_with_the_data_of_fit(solver):
    recorder = Recorder()
    frame = pd.DataFrame(X, columns=list("pqrs"))
    network = make(solver).set_callbacks(recorder).fit(frame, y, sample_weight=WEIGHTS)
    epoch = task_of(solver)
    assert network.n_iter_ == 5
    assert recorder.names() == [
        ("setup", "fit"),
        ("begin", "fit"),
        *[("begin", epoch), ("end", epoch)] * 5,
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    ended = [context for hook, name, context, _ in recorder.calls if (hook, name) == ("end", epoch)]
    assert [context.task_id for context in ended] == list(range(5))
    assert ended[0].parent.max_subtasks == 5
    for hook, _, _, seen in recorder.calls:
        if hook in ("begin", "end"):
            assert seen["X"] is frame
            assert seen["y"] is y
            np.testing.assert_array_equal(seen["metadata"]["sample_weight"], WEIGHTS)
            assert seen["fitted"] is None or seen["fitted"].predict(frame).shape == y.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_each_hook_sees_the_estimator_as_if_training_ended_there(solver, early_stopping, dtype):
    recorder = Recorder()
    parameters = {"solver": solver, "early_stopping": early_stopping}
    make(**parameters).set_callbacks(recorder).fit(X.astype(dtype), y)
    fitted = [seen["fitted"] for hook, name, _, seen in recorder.calls if (hook, name) == ("end", task_of(solver))]
    (untrained,) = [seen["fitted"] for hook, name, _, seen in recorder.calls if (hook, name) == ("begin", "fit")]
    assert_same_weights(untrained, make(**parameters).initialize(X.astype(dtype), y))
    assert untrained.n_iter_ == 0
    for n_epochs, seen in enumerate(fitted, start=1):
        alone = make(**parameters, max_iter=n_epochs).fit(X.astype(dtype), y)
        for name in ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_"):
            assert getattr(seen, name, None) == getattr(alone, name, None)
        if not early_stopping or solver == "lbfgs":
            assert_same_weights(seen, alone)
            np.testing.assert_array_equal(seen.predict_proba(X), alone.predict_proba(X))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_hook_that_returns_true_stops_training(solver):
    recorder = Recorder(("end", task_of(solver)), 3, lambda: True)
    network = make(solver).set_callbacks(recorder).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        alone = make(solver, max_iter=3).fit(X, y)
    assert network.n_iter_ == 3
    assert network.loss_ == alone.loss_
    assert_same_weights(network, alone)
    assert recorder.names()[-2:] == [("end", "fit"), ("teardown", "fit")]


def test_a_stop_with_early_stopping_restores_the_best_weights():
    parameters = {"early_stopping": True, "learning_rate_init": 0.1}
    stop = Recorder(("end", "epoch"), 4, lambda: True)
    stopped = make(**parameters).set_callbacks(stop).fit(X, y)
    assert stopped.best_iter_ == np.argmax(stopped.validation_scores_) + 1 < stopped.n_iter_ == 4
    # The twin ends after the best epoch, so it has the best weights without restoring them.
    assert_same_weights(stopped, make(**parameters, max_iter=stopped.best_iter_).fit(X, y))


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam", "batch_size": 20},
        {"solver": "sgd", "early_stopping": True},
        {"solver": "lbfgs"},
        {"solver": "sgd", "learning_rate_init": "auto", "init": "hessian"},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_monitors_change_no_bit_of_the_training(parameters, dtype):
    alone, watched = np.random.RandomState(0), np.random.RandomState(0)
    first = make(**parameters, random_state=alone).fit(X.astype(dtype), y)
    monitors = CurvatureMonitor(layers=True, sample_size=50), GradientMonitor(sample_size=50)
    second = make(**parameters, random_state=watched).set_callbacks(*monitors).fit(X.astype(dtype), y)
    assert_same_weights(first, second)
    assert first.loss_ == second.loss_
    assert alone.randint(2**31) == watched.randint(2**31)


def test_without_callbacks_there_are_no_tasks(monkeypatch):
    monkeypatch.setattr(skinit.base, "TrainingTasks", None)
    network = make().set_callbacks(Recorder()).set_callbacks().fit(X, y)
    assert network.n_iter_ == 5
    with pytest.raises(TypeError):
        network.set_callbacks(Recorder()).fit(X, y)


def test_each_partial_fit_is_a_fit_of_one_epoch():
    recorder = Recorder()
    network = make().set_callbacks(recorder)
    once = [
        ("setup", "fit"),
        ("begin", "fit"),
        ("begin", "epoch"),
        ("end", "epoch"),
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    for n_calls in (1, 2):
        network.partial_fit(X, y, classes=["a", "b", "c"])
        assert recorder.names() == once * n_calls
    assert recorder.calls[0][2].max_subtasks == 1


def test_initialize_calls_no_hook():
    recorder = Recorder()
    make().set_callbacks(recorder).initialize(X, y)
    assert recorder.calls == []


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("hook", ["setup", "begin", "end", "teardown"])
def test_an_error_in_a_hook_leaves_the_estimator_as_it_was(hook, is_fitted, solver):
    task = "fit" if hook in ("setup", "teardown") else task_of(solver)
    recorder = Recorder((hook, task), 1, lambda: raise_error(OSError("no space left")))
    network = make(solver).fit(X[:100], y[:100]) if is_fitted else make(solver)
    network.set_callbacks(recorder)
    before = vars(network).copy()
    with pytest.raises(OSError, match="no space left"):
        network.fit(X, y)
    assert vars(network) == before
    assert recorder.names()[-1] == ("teardown", "fit")


def test_bad_input_is_reported_before_any_hook_runs():
    recorder = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        make().set_callbacks(recorder).fit(np.full_like(X, np.nan), y)
    assert recorder.calls == []


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_divergence_calls_teardown_and_leaves_the_estimator_as_it_was():
    recorder = Recorder()
    network = make("sgd", MLPRegressor, activation="relu", learning_rate_init=1e100).set_callbacks(recorder)
    before = vars(network).copy()
    with pytest.raises(DivergenceError):
        network.fit(X, LABELS)
    assert vars(network) == before
    assert recorder.names()[-1] == ("teardown", "fit")


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interrupt_in_a_hook_keeps_the_epochs_so_far(solver):
    recorder = Recorder(("end", task_of(solver)), 2, lambda: raise_error(KeyboardInterrupt))
    with pytest.warns(UserWarning, match="interrupted by user"):
        network = make(solver).set_callbacks(recorder).fit(X, y)
    assert network.n_iter_ == 2
    assert_same_weights(network, make(solver, max_iter=2).fit(X, y))
    assert recorder.names()[-2:] == [("end", "fit"), ("teardown", "fit")]


def test_clones_share_callbacks_and_pickles_contain_them():
    monitor = GradientMonitor()
    network = make().set_callbacks(monitor)
    clone(network).fit(X, y)
    assert len(monitor.get_logs("all")) == 1
    copied = pickle.loads(pickle.dumps(network.fit(X, y)))
    assert len(monitor.get_logs("all")) == 2
    copied.fit(X, y)
    assert len(monitor.get_logs("all")) == 2
    (own,) = copied._skl_callbacks
    assert len(own.get_logs("all")) == 3
    pd.testing.assert_frame_equal(own.get_logs().data_as_pandas, monitor.get_logs().data_as_pandas, check_exact=True)


@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"init": "hessian", "learning_rate_init": "auto"}])
def test_progress_bars_run_to_the_end(parameters, capsys):
    from sklearn.callback import ProgressBar

    make(**parameters).set_callbacks(ProgressBar()).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert "MLPClassifier - fit" in lines[-1]
    assert "100%" in lines[-1]


def test_restarts_add_tasks_to_the_same_fit(monkeypatch):
    from sklearn.callback import ProgressBar

    # A step that is far too large.
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1e3)
    monitor = GradientMonitor()
    network = make("sgd", learning_rate_init="auto", max_iter=10)
    watched = clone(network).set_callbacks(monitor, ProgressBar()).fit(X, y)
    assert_same_weights(watched, network.fit(X, y))
    log = monitor.get_logs().data_as_pandas
    epochs = log[log.task_name == "epoch"]
    assert watched.learning_rate_init_ < 1e3
    assert epochs.task_id.is_monotonic_increasing
    assert epochs.task_id.iloc[-1] >= watched.n_iter_
    assert epochs.n_iter.tolist()[-watched.n_iter_ :] == list(range(1, watched.n_iter_ + 1))


@pytest.mark.parametrize(("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)])
def test_searches_run_monitors_and_progress_bars_in_every_fit(backend, n_jobs, capsys, monkeypatch):
    from sklearn.callback import ProgressBar

    monkeypatch.setenv("COLUMNS", "200")
    monitor = CurvatureMonitor(every=2)
    parameters = {"alpha": [0.1, 1.0]}
    search = GridSearchCV(make(max_iter=4).set_callbacks(monitor), parameters, cv=2).set_callbacks(ProgressBar())
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        search.fit(X, y)
    (log,) = monitor.get_logs("all")
    assert log.estimator_name == "GridSearchCV"
    norms = log.data_as_pandas.groupby("n_iter").hessian_norm.apply(sorted)
    assert norms.index.tolist() == [0, 2, 4]
    # Every candidate in every fold, then the best candidate on all rows.
    fits = [(alpha, train) for alpha in (0.1, 1.0) for train, _ in StratifiedKFold(2).split(X, y)]
    fits.append((search.best_params_["alpha"], np.arange(len(X))))
    for n_epochs in (2, 4):
        alone = [make(max_iter=n_epochs, alpha=alpha).fit(X[rows], y[rows]) for alpha, rows in fits]
        expected = [hessian_norm(network, X[rows], y[rows]) for network, (_, rows) in zip(alone, fits, strict=True)]
        np.testing.assert_allclose(norms[n_epochs], sorted(expected), rtol=1e-10)
    bars = [line for line in capsys.readouterr().out.splitlines() if "MLPClassifier - fit" in line]
    assert len(bars) == len(fits)
    assert all("100%" in bar for bar in bars)


def test_pipelines_propagate_callbacks_to_every_epoch():
    recorder = PropagatedRecorder()
    make_pipeline(StandardScaler(), make()).set_callbacks(recorder).fit(X, y)
    assert recorder.names().count(("end", "epoch")) == 5
    assert recorder.names().count(("setup", "fit")) == 1


def test_a_search_that_does_not_propagate_leaves_networks_alone():
    recorder = Recorder()
    GridSearchCV(make(), {"alpha": [0.1, 1.0]}, cv=2).set_callbacks(recorder).fit(X, y)
    assert ("end", "epoch") not in recorder.names()


ESTIMATORS = [(MLPClassifier, y), (MLPRegressor, X[:, 0] ** 2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS])
@pytest.mark.parametrize(("estimator", "targets"), ESTIMATORS)
def test_curvature_is_that_of_the_network_after_each_epoch(estimator, targets, sample_weight, dtype):
    data = X.astype(dtype), targets, sample_weight
    monitor = CurvatureMonitor(layers=True)
    make("sgd", estimator, shuffle=False, max_iter=3).set_callbacks(monitor).fit(*data)
    network = make("sgd", estimator, shuffle=False).initialize(*data)
    rows = monitor.get_logs().data
    assert [row["n_iter"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert row["hessian_norm"] == hessian_norm(network, data[0], data[1], sample_weight=sample_weight)
        norms = layer_hessian_norms(network, data[0], data[1], sample_weight=sample_weight)
        assert [row["hessian_norm_0"], row["hessian_norm_1"]] == norms.tolist()
        network.partial_fit(*data)


def mean_loss(network, X, y, sample_weight):
    if isinstance(network, MLPClassifier):
        return log_loss(y, network.predict_proba(X), sample_weight=sample_weight)
    return np.average((network.predict(X) - y) ** 2 / 2, weights=sample_weight)


@pytest.mark.parametrize("sample_weight", [None, WEIGHTS])
@pytest.mark.parametrize(("estimator", "targets"), ESTIMATORS)
def test_gradient_norms_are_those_of_finite_differences_of_the_loss(estimator, targets, sample_weight):
    monitor = GradientMonitor()
    # The penalty must not count, because the monitor measures the loss without it.
    network = make("sgd", estimator, max_iter=2, alpha=10.0).set_callbacks(monitor).fit(X, targets, sample_weight)
    row = monitor.get_logs().data[-1]
    step = 1e-5
    for layer, coef in enumerate(network.coefs_):
        squares = 0.0
        for index in np.ndindex(coef.shape):
            weight = coef[index]
            losses = []
            for moved in (weight + step, weight - step):
                coef[index] = moved
                losses.append(mean_loss(network, X, targets, sample_weight))
            coef[index] = weight
            squares += ((losses[0] - losses[1]) / (2 * step)) ** 2
        norm = np.sqrt(squares)
        # The error of central differences is of the order step^2, plus rounding of 1e-16 / step.
        assert row[f"gradient_norm_{layer}"] == pytest.approx(norm, rel=1e-7, abs=1e-9)
        ratio = norm / np.linalg.norm(coef)
        assert row[f"gradient_to_weight_{layer}"] == pytest.approx(ratio, rel=1e-7, abs=1e-9)


def test_vanishing_gradients_do_not_underflow_in_float32():
    monitors = {dtype: GradientMonitor() for dtype in (np.float32, np.float64)}
    for dtype, monitor in monitors.items():
        network = make("sgd", hidden_layer_sizes=(4,) * 40, activation="logistic", max_iter=1)
        network.set_callbacks(monitor).fit(X.astype(dtype), y)
    single, double = (monitor.get_logs().data[0]["gradient_norm_0"] for monitor in monitors.values())
    # The square of the norm is below the smallest float32.
    assert 0 < double < 1e-23
    assert single == pytest.approx(double, rel=1e-3, abs=0)


def test_a_gradient_has_no_ratio_to_weights_of_zero():
    monitor = GradientMonitor()
    make(hidden_layer_sizes=(), init="zero", max_iter=1).set_callbacks(monitor).fit(X, y)
    assert monitor.get_logs().data[0]["gradient_to_weight_0"] == np.inf


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("every", [2, 3, 7])
def test_every_sets_the_number_of_epochs_between_records(every, solver):
    monitor = GradientMonitor(every=every)
    network = make(solver, max_iter=6).set_callbacks(monitor).fit(X, y)
    assert network.n_iter_ == 6
    assert [row["n_iter"] for row in monitor.get_logs().data] == list(range(0, 7, every))


@pytest.mark.parametrize("container", [np.asarray, list, pd.DataFrame, csr_array])
def test_at_most_sample_size_rows_are_measured_and_always_the_same(container):
    samples = []

    class Spy(GradientMonitor):
        def _norms(self, estimator, X, y, sample_weight=None):
            samples.append((X.toarray() if hasattr(X, "toarray") else np.asarray(X), y, sample_weight))
            return super()._norms(estimator, X, y, sample_weight)

    make(estimator=MLPRegressor).set_callbacks(Spy(sample_size=20)).fit(container(X), X[:, 0], X[:, 1])
    assert len(samples) == 6
    rows, targets, weights = samples[0]
    assert len(rows) == 20
    np.testing.assert_array_equal(targets, rows[:, 0])
    np.testing.assert_array_equal(weights, rows[:, 1])
    assert {tuple(row) for row in rows} <= {tuple(row) for row in X}
    for again, _, _ in samples:
        np.testing.assert_array_equal(again, rows)


def test_norms_that_cannot_be_measured_do_not_end_training():
    class FailsAfterFirst(CurvatureMonitor):
        n_records = 0

        def _norms(self, estimator, X, y, sample_weight=None):
            self.n_records += 1
            if self.n_records > 1:
                raise ValueError("The Hessian is not finite.")
            return super()._norms(estimator, X, y, sample_weight)

    network = make("sgd", max_iter=3)
    monitor = FailsAfterFirst()
    watched = clone(network).set_callbacks(monitor)
    with pytest.warns(RuntimeWarning, match="FailsAfterFirst leaves norms out of a record"):
        watched.fit(X, y)
    assert_same_weights(watched, network.fit(X, y))
    log = monitor.get_logs().data_as_pandas
    assert log.n_iter.tolist() == list(range(len(log)))
    assert np.isfinite(log.hessian_norm.iloc[0])
    assert np.isnan(log.hessian_norm.iloc[1:]).all()


@pytest.mark.parametrize("monitor", [CurvatureMonitor, GradientMonitor])
def test_a_monitor_on_another_estimator_is_refused(monitor):
    for stranger in (LogisticRegression(), GridSearchCV(make(), {"alpha": [1.0]})):
        with pytest.raises(TypeError, match=f"{monitor.__name__} .* not on {type(stranger).__name__}"):
            stranger.set_callbacks(monitor()).fit(X, y)


@pytest.mark.parametrize("monitor", [CurvatureMonitor, GradientMonitor])
@pytest.mark.parametrize("parameters", [{"every": 0}, {"every": 1.5}, {"sample_size": 0}, {"sample_size": None}])
def test_invalid_parameters_are_named(monitor, parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {monitor.__name__} must be an int"):
        monitor(**parameters)


def test_without_scikit_learns_callbacks_the_message_names_the_version_needed():
    # scikit-learn's own modules are imported first, because they need its callbacks. Then the module is hidden from
    # skinit.
    script = """
import sys, sklearn.model_selection, sklearn.pipeline, sklearn.neural_network
sys.modules["sklearn.callback"] = None
from sklearn.base import clone
from skinit import MLPClassifier
from skinit.callbacks import BestWeights, Checkpoint, CurvatureMonitor, EarlyStopping, GradientMonitor, History
network = clone(MLPClassifier((2,), max_iter=2)).fit([[0.0], [1.0]], [0, 1])
network.partial_fit([[0.0], [1.0]], [0, 1]).predict([[0.0]])
callbacks = (BestWeights, CurvatureMonitor, EarlyStopping, GradientMonitor, History)
for needs_callbacks in (network.set_callbacks, lambda: Checkpoint("fit.npz"), *callbacks):
    try:
        needs_callbacks()
    except ImportError as error:
        print(error)
"""
    lines = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(lines) == 7
    for line in lines:
        assert line.startswith("Callbacks need scikit-learn 1.9 or later")
