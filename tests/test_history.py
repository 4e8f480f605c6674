"""The callback `History`: the numbers of each epoch."""

import sys

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit.training.fit
from skinit import MLPClassifier, MLPRegressor

pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")

from skinit.callbacks import GradientMonitor, History  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
COLUMNS = ["fit", "epoch", "loss", "validation_score", "validation_loss", "learning_rate", "seconds"]


def make(estimator=MLPClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (4,), "activation": "tanh", "max_iter": 6, "random_state": 0}
    return estimator(**{**defaults, **parameters})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_each_row_has_the_numbers_of_an_epoch(estimator, early_stopping, dtype):
    history = History()
    network = (
        make(estimator, early_stopping=early_stopping).set_callbacks(history).fit(X.astype(dtype), y, np.ones(150))
    )
    frame = history.to_frame()
    assert frame.columns.tolist() == COLUMNS
    assert frame["epoch"].tolist() == list(range(1, network.n_iter_ + 1))
    assert frame["loss"].tolist() == network.loss_curve_
    nothing = [np.nan] * network.n_iter_
    np.testing.assert_array_equal(frame["validation_score"], network.validation_scores_ or nothing)
    np.testing.assert_array_equal(frame["validation_loss"], network.validation_loss_curve_ or nothing)
    assert frame["learning_rate"].tolist() == [0.001] * network.n_iter_
    assert frame["seconds"].is_monotonic_increasing
    assert (frame["seconds"] > 0).all()
    assert frame["fit"].nunique() == 1


def test_the_learning_rate_is_that_of_the_last_step_of_the_epoch():
    history = History()
    # An epoch has four steps. Counted from 0, the last step of epoch k is number 4 k - 1.
    make(learning_rate="linear", batch_size=40).set_callbacks(history).fit(X, y)
    expected = 0.001 * (1 - (4 * np.arange(1, 7) - 1) / 24)
    np.testing.assert_allclose(history.to_frame()["learning_rate"], expected, rtol=1e-14)
    parameters = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 6}
    make(**parameters).set_callbacks(history).fit(X, y)
    np.testing.assert_allclose(history.to_frame()["learning_rate"], 0.001 / np.array([1, 1, 1, 5, 5, 25]), rtol=1e-14)


def test_iterations_of_lbfgs_have_losses():
    history = History()
    network = make(solver="lbfgs", early_stopping=True).set_callbacks(history).fit(X, y)
    frame = history.to_frame()
    assert frame["epoch"].tolist() == list(range(1, 7))
    assert frame["loss"].iloc[-1] == network.loss_
    assert frame[["validation_score", "validation_loss", "learning_rate"]].isna().all(axis=None)


def test_epochs_before_a_restart_are_left_out(monkeypatch):
    # A step that is far too large.
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1e3)
    history = History()
    network = make(solver="sgd", learning_rate_init="auto").set_callbacks(history).fit(X, y)
    frame = history.to_frame()
    assert len(history.get_logs().data) > len(frame)
    assert frame["loss"].tolist() == network.loss_curve_
    # The third of six epochs ends the warm-up and begins the tail, so its rate is the full one.
    assert frame["learning_rate"].iloc[2] == network.learning_rate_init_


def test_the_table_shows_the_last_fit_and_the_logs_keep_all():
    history = History()
    network = make().set_callbacks(history).fit(X, y)
    first = history.to_frame()["loss"].tolist()
    network.set_params(max_iter=3, random_state=1).fit(X, y)
    assert history.to_frame()["loss"].tolist() == network.loss_curve_
    assert [row["loss"] for row in history.get_logs("all")[0].data] == first


@pytest.mark.parametrize(("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_fits_of_a_search_are_numbered(in_pipeline, backend, n_jobs):
    history, alphas = History(), [0.1, 1.0]
    network, name = make(max_iter=3).set_callbacks(history), "alpha"
    if in_pipeline:
        network, name = make_pipeline(StandardScaler(), network), "mlpclassifier__alpha"
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        search = GridSearchCV(network, {name: alphas}, cv=2, error_score="raise").fit(X, y)
    frame = history.to_frame()
    scaled = StandardScaler()
    step = (1,) if in_pipeline else ()
    expected = {}
    for candidate, alpha in enumerate(alphas):
        for split, (rows, _) in enumerate(StratifiedKFold(2).split(X, y)):
            inputs = scaled.fit_transform(X[rows]) if in_pipeline else X[rows]
            fit = (0, 0, 2 * candidate + split, *step)
            expected[fit] = make(max_iter=3, alpha=alpha).fit(inputs, y[rows]).loss_curve_
    best = search.best_estimator_[-1] if in_pipeline else search.best_estimator_
    expected[(0, 1, *step)] = best.loss_curve_
    assert {fit: rows["loss"].tolist() for fit, rows in frame.groupby("fit")} == expected


@pytest.mark.parametrize("callback", [History, GradientMonitor])
def test_validation_rows_can_be_given(callback):
    recorder = callback()
    network = make(early_stopping=True).set_callbacks(recorder)
    network.fit(X, y, X_val=X[::2], y_val=y[::2], sample_weight_val=np.ones(75))
    assert len(recorder.get_logs().data) >= network.n_iter_


def test_without_a_fit_the_table_raises():
    with pytest.raises(ValueError, match="No logs to retrieve"):
        History().to_frame()


def test_without_pandas_the_table_names_the_command_that_installs_it(monkeypatch):
    history = History()
    make(max_iter=2).set_callbacks(history).fit(X, y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame.. needs pandas: pip install pandas"):
        history.to_frame()
    assert [row["epoch"] for row in history.get_logs().data] == [1, 2]


def test_history_on_another_estimator_is_refused():
    for stranger in (LogisticRegression(), GridSearchCV(make(), {"alpha": [1.0]})):
        with pytest.raises(TypeError, match=f"History .* not on {type(stranger).__name__}"):
            stranger.set_callbacks(History()).fit(X, y)
