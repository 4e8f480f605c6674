"""Warnings point at the user's line, and one warning hints at data that need scaling."""

import warnings

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skinit.scaling
from skinit import DataNotScaledWarning, MLPClassifier, MLPRegressor

X, y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def _not_yet_warned(monkeypatch):
    monkeypatch.setattr(skinit.scaling, "_has_warned", False)


def caught(function, *arguments, **keywords):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function(*arguments, **keywords)
    return found


@pytest.mark.parametrize(
    ("parameters", "category"),
    [
        ({"max_iter": 2}, ConvergenceWarning),
        ({"solver": "sgd", "max_iter": 2}, ConvergenceWarning),
        ({"solver": "lbfgs", "max_iter": 2}, ConvergenceWarning),
        ({"solver": "lbfgs", "max_fun": 2}, ConvergenceWarning),
        ({"batch_size": 1000, "tol": 10.0}, UserWarning),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_warnings_of_fit_point_at_the_line_of_the_caller(estimator, parameters, category):
    (warning,) = caught(estimator(hidden_layer_sizes=(4,), random_state=0, **parameters).fit, X, y)
    assert warning.category is category
    assert warning.filename == __file__


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("max_iter", [1, 5, 1000])
def test_fits_warn_as_often_as_scikit_learn(solver, max_iter):
    parameters = {"hidden_layer_sizes": (4,), "solver": solver, "max_iter": max_iter, "random_state": 0, "tol": 1e-3}
    ours, theirs = (caught(each(**parameters).fit, X, y) for each in (MLPClassifier, ScikitLearnClassifier))
    assert [warning.category for warning in ours] == [warning.category for warning in theirs]


def hints(X, y, estimator=MLPClassifier):
    found = caught(estimator(hidden_layer_sizes=(2,), max_iter=1).fit, X, y)
    return [str(warning.message) for warning in found if warning.category is DataNotScaledWarning]


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_very_different_scale_get_one_hint(load, dtype):
    X, y = load(return_X_y=True)
    X = X.astype(dtype)
    (hint,) = hints(X, y)
    sizes = np.sqrt((X.astype(np.float64) ** 2).mean(axis=0))
    assert f"column {sizes.argmax()} is of size {sizes.max():.3g}, column {sizes.argmin()} of" in hint
    assert "StandardScaler" in hint
    assert hints(X, y) == []


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_iris, load_digits, load_diabetes])
def test_standardized_data_get_no_hint(load):
    X, y = load(return_X_y=True)
    estimator = MLPRegressor if load is load_diabetes else MLPClassifier
    assert hints(StandardScaler().fit_transform(X), y, estimator) == []


def test_rare_categories_beside_standardized_numbers_get_no_hint():
    rng = np.random.RandomState(0)
    categories = np.minimum(rng.geometric(0.5, 20_000), 12).reshape(-1, 1)
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(categories)
    X = np.hstack([rng.normal(size=(20_000, 3)), one_hot, StandardScaler().fit_transform(one_hot)])
    assert hints(X, categories.ravel() % 2) == []


@pytest.mark.parametrize("X", [np.ones((9, 1)), np.zeros((9, 3)), np.array([[1e-300, 1e300]] * 9)[:, :1], X[:1]])
def test_data_without_columns_to_compare_get_no_hint(X):
    assert hints(X, np.arange(len(X)) % 2) == []


def test_columns_of_any_size_are_compared_without_overflow():
    assert len(hints(np.array([[1e-150, 1e200], [-1e-150, 2e200]] * 5) / 1e100, np.arange(10) % 2)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        skinit.scaling.warn_of_unscaled(np.full((10, 2), np.finfo(np.float64).max))


def test_a_constant_column_of_zeros_and_sparse_data_get_no_hint():
    X, y = load_wine(return_X_y=True)
    assert hints(csr_array(X), y) == []
    assert hints(np.column_stack([StandardScaler().fit_transform(X), np.zeros(len(X))]), y) == []


def test_scikit_learns_warning_filter_silences_searches_and_pipelines():
    model = sklearn.pipeline.make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")
        model.fit(X, y)
        sklearn.model_selection.cross_val_score(MLPClassifier((4,), max_iter=2), X, y, cv=2)
