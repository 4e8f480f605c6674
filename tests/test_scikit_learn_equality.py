"""With their defaults the estimators give scikit-learn's numbers.

Both train on the same data for up to 20 epochs in float64. All fitted numbers must agree to a relative 1e-6.
"""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as reference
from scipy.sparse import csc_matrix, csr_array
from sklearn.datasets import (
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning

import skinit

TOLERANCE = 1e-6
# scikit-learn clips probabilities at machine epsilon, which changes a loss by as much, however small it is.
LOSS_FLOOR = 1e-14

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
TASKS = ["binary", "multiclass", "multilabel", "one_output", "two_outputs", "poisson"]
SOLVERS = {
    "adam": {"solver": "adam"},
    "sgd_constant": {"solver": "sgd", "learning_rate": "constant"},
    "sgd_invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.02,
    },
    "sgd_adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "n_iter_no_change": 2,
        "tol": 1e-2,
    },
    "sgd_plain": {"solver": "sgd", "momentum": 0.0},
    "sgd_heavy_ball": {"solver": "sgd", "nesterovs_momentum": False},
    "lbfgs": {"solver": "lbfgs"},
}
N_SAMPLES = 70


def make_task(task):
    """Return scaled data, the pair of estimator classes (ours, theirs), and their parameters."""
    rng = np.random.RandomState(0)
    parameters = {}
    if task == "binary":
        X, y = make_classification(N_SAMPLES, 7, random_state=0)
        y = np.array([-1, 1])[y]
    elif task == "multiclass":
        X, y = make_classification(N_SAMPLES, 7, n_informative=5, n_classes=4, random_state=0)
    elif task == "multilabel":
        X, y = make_multilabel_classification(N_SAMPLES, 7, n_classes=3, random_state=0)
    else:
        n_targets = 2 if task == "two_outputs" else 1
        X, y = make_regression(N_SAMPLES, 7, n_targets=n_targets, random_state=0)
        y = y / y.std()
        if task == "poisson":
            y = rng.poisson(np.exp(y.clip(-3, 1.5))).astype(float)
            parameters["loss"] = "poisson"
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    is_classifier = task in ("binary", "multiclass", "multilabel")
    name = "MLPClassifier" if is_classifier else "MLPRegressor"
    return X, y, (getattr(skinit, name), getattr(reference, name)), parameters


def fit_both(task, train=None, **parameters):
    """Train both estimators with the same parameters, by `train(model, X, y)` if it is given."""
    X, y, (ours, theirs), task_parameters = make_task(task)
    parameters = {
        "hidden_layer_sizes": (6, 5),
        "max_iter": 20,
        "batch_size": 16,
        "random_state": 3,
        **task_parameters,
        **parameters,
    }
    if train is None:

        def train(model, X, y):
            model.fit(X, y)

    models = ours(**parameters), theirs(**parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models:
            train(model, X, y)
    return (*models, X)


def assert_same(ours, theirs, X):
    """Check that all fitted attributes and predictions agree."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    for name in ("loss_", "loss_curve_", "best_loss_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        expected = getattr(theirs, name, None)
        if expected is None:
            assert getattr(ours, name, None) is None
        else:
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=TOLERANCE, atol=LOSS_FLOOR)
    for name in ("validation_scores_", "best_validation_score_"):
        expected = getattr(theirs, name, None)
        if expected is None:
            assert getattr(ours, name, None) is None
        else:
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=TOLERANCE)
    for name in ("coefs_", "intercepts_"):
        for values, expected in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            # The tolerance is relative to the layer, because a single weight may pass through zero.
            scale = np.abs(expected).max()
            np.testing.assert_allclose(values, expected, rtol=0, atol=TOLERANCE * scale)
    np.testing.assert_array_equal(ours.predict(X).shape, theirs.predict(X).shape)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=TOLERANCE)
    else:
        expected = theirs.predict(X)
        np.testing.assert_allclose(ours.predict(X), expected, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_gives_scikit_learns_results(task, activation, solver, weighted):
    weights = np.random.RandomState(1).uniform(0, 3, N_SAMPLES)

    def train(model, X, y):
        model.fit(X, y, sample_weight=weights if weighted else None)

    models = fit_both(task, train, activation=activation, **SOLVERS[solver])
    assert_same(*models)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd_constant", "sgd_adaptive"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_gives_scikit_learns_results(task, solver, weighted):
    weights = np.random.RandomState(1).uniform(0, 3, N_SAMPLES)

    def train(model, X, y):
        model.fit(X, y, sample_weight=weights if weighted else None)

    models = fit_both(
        task,
        train,
        early_stopping=True,
        validation_fraction=0.25,
        **{**SOLVERS[solver], "n_iter_no_change": 4},
    )
    assert_same(*models)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd_constant"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"shuffle": False},
        {"batch_size": "auto"},
        {"batch_size": 1},
        {"batch_size": 69},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": 3},
        {"alpha": 1.0},
        {"alpha": 0.0},
    ],
    ids=str,
)
def test_other_parameters_give_scikit_learns_results(task, solver, parameters):
    assert_same(*fit_both(task, **SOLVERS[solver], **parameters))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd_constant", "lbfgs"])
@pytest.mark.parametrize("container", [csr_array, csc_matrix])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sparse_input_gives_scikit_learns_results(task, solver, container, early_stopping):
    def train(model, X, y):
        model.fit(container(np.where(X > 0.3, X, 0)), y)

    models = fit_both(
        task,
        train,
        early_stopping=early_stopping,
        validation_fraction=0.25,
        **SOLVERS[solver],
    )
    assert_same(*models)
    ours, theirs, X = models
    sparse = container(np.where(X > 0.3, X, 0))
    np.testing.assert_allclose(
        np.asarray(ours.predict(sparse) == theirs.predict(sparse)).mean()
        if hasattr(theirs, "predict_proba")
        else np.abs(ours.predict(sparse) - theirs.predict(sparse)).max() + 1,
        1,
        atol=1e-5,
    )


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_gives_scikit_learns_results(task, solver):
    def train(model, X, y):
        model.fit(X, y)
        model.set_params(max_iter=8)
        model.fit(X, y)

    models = fit_both(task, train, warm_start=True, **{**SOLVERS[solver], "max_iter": 5})
    assert_same(*models)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_gives_scikit_learns_results(task, solver, weighted):
    weights = np.random.RandomState(1).uniform(0, 3, N_SAMPLES)

    def train(model, X, y):
        arguments = {}
        if task in ("binary", "multiclass"):
            arguments["classes"] = np.unique(y)
        elif task == "multilabel":
            arguments["classes"] = np.arange(y.shape[1])
        for start in (0, 23, 40, 5):
            rows = slice(start, start + 30)
            model.partial_fit(
                X[rows],
                y[rows],
                sample_weight=weights[rows] if weighted else None,
                **arguments,
            )

    assert_same(*fit_both(task, train, **SOLVERS[solver]))
