"""Class weights have the effect of sample weights."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_sample_weight

from skinit import MLPClassifier
from skinit.curvature import hessian_norm

X, y = load_iris(return_X_y=True)
X, y = X[20:], y[20:]
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
LABELS = np.column_stack([y == 1, y != 2]).astype(int)
OWN_WEIGHTS = np.random.RandomState(0).uniform(0.1, 2, len(y))
CASES = {
    "three classes": (y, {0: 2.0, 2: 0.25}),
    "numbers of NumPy": (y, {np.int64(1): np.float32(3)}),
    "names": (NAMES, {"setosa": 5, "virginica": 0}),
    "two classes": (y == 1, {True: 4.0}),
    "labels": (LABELS, [{1: 3.0}, {0: 0.5, 1: 2.0}]),
    "three classes, balanced": (y, "balanced"),
    "two classes, balanced": (y == 1, "balanced"),
    "labels, balanced": (LABELS, "balanced"),
}


def weights_of_rows(class_weight, targets):
    if isinstance(class_weight, dict):
        return np.array([class_weight.get(label, 1.0) for label in targets.tolist()])
    if isinstance(class_weight, list):
        class_weight = [{0: 1.0, 1: 1.0} | weights for weights in class_weight]
    return compute_sample_weight(class_weight, targets)


def numbers(model):
    return [*model.coefs_, *model.intercepts_, np.array([model.learning_rate_init_, *model.loss_curve_])]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("own", [None, OWN_WEIGHTS])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"init": "hessian", "learning_rate_init": "auto", "solver": "sgd"},
    ],
    ids=str,
)
def test_class_weights_train_as_the_same_sample_weights(case, own, parameters, dtype):
    targets, class_weight = CASES[case]
    weights = weights_of_rows(class_weight, targets) * (1 if own is None else own)
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, **parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_class = MLPClassifier(class_weight=class_weight, **parameters).fit(X.astype(dtype), targets, own)
        by_row = MLPClassifier(**parameters).fit(X.astype(dtype), targets, weights)
    for found, expected in zip(numbers(by_class), numbers(by_row), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert by_class.validation_scores_ == by_row.validation_scores_


def test_class_weights_count_in_lbfgs_and_in_curvature():
    for targets, class_weight in CASES.values():
        weights = weights_of_rows(class_weight, targets)
        by_class = MLPClassifier((5,), solver="lbfgs", max_iter=9, class_weight=class_weight, random_state=0)
        by_row = MLPClassifier((5,), solver="lbfgs", max_iter=9, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            by_class.fit(X, targets)
            by_row.fit(X, targets, weights)
        assert by_class.loss_ == by_row.loss_
        assert hessian_norm(by_class, X, targets) == hessian_norm(by_row, X, targets, sample_weight=weights)


def test_class_weights_count_in_partial_fit_of_some_classes():
    by_class = MLPClassifier((5,), class_weight={"setosa": 3.0, "virginica": 0.5}, random_state=0)
    by_row = MLPClassifier((5,), random_state=0)
    for rows in (slice(0, 60), slice(60, 130)):
        weights = weights_of_rows(by_class.class_weight, NAMES[rows])
        by_class.partial_fit(X[rows], NAMES[rows], classes=np.unique(NAMES))
        by_row.partial_fit(X[rows], NAMES[rows], weights, classes=np.unique(NAMES))
    assert by_class.loss_curve_ == by_row.loss_curve_


def test_class_weights_can_be_searched_over_with_sparse_data_and_pickled():
    search = GridSearchCV(
        MLPClassifier((5,), solver="lbfgs", max_iter=20, random_state=0),
        {"class_weight": [None, "balanced", {0: 100.0}]},
        scoring="balanced_accuracy",
        cv=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(csr_array(X), y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    copied = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copied.predict(X), search.predict(X))


@pytest.mark.parametrize(
    ("class_weight", "targets", "message"),
    [
        ({3: 1.0}, y, r"class_weight must be one of 0, 1, 2, got 3"),
        ({"Setosa": 1.0}, NAMES, "Did you mean 'setosa'.*class_weight must be one of .*'setosa'.* got 'Setosa'"),
        ({0: -1.0}, y, r"class_weight\[0\] must be a finite number >= 0, got -1.0"),
        ({0: np.nan}, y, "must be a finite number >= 0, got nan"),
        ({0: np.inf}, y, "must be a finite number >= 0, got inf"),
        ({0: "much"}, y, "must be a finite number >= 0, got 'much'"),
        ({0: 0, 1: 0, 2: 0}, y, r"from class_weight={0: 0, 1: 0, 2: 0} is zero for every row"),
        ({0: 1.0}, LABELS, "must be .* a list of 2 dicts, one for each output, got"),
        ([{0: 1.0}], LABELS, "a list of 2 dicts"),
        ([{0: 1.0}, {2: 1.0}], LABELS, r"class_weight must be one of 0, 1, got 2"),
        ([1.0, 2.0, 3.0], y, 'must be "balanced" or a dict, got'),
        ("balance", y, "Did you mean 'balanced'.*'class_weight' parameter"),
        (2.0, y, "'class_weight' parameter"),
    ],
)
def test_an_invalid_class_weight_is_refused_with_what_is_allowed(class_weight, targets, message):
    model = MLPClassifier((3,), max_iter=1, class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        model.fit(X, targets)
    assert not hasattr(model, "coefs_")


def test_partial_fit_refuses_balanced_weights():
    model = MLPClassifier(class_weight="balanced")
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(model, "classes_")
