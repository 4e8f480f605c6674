"""Labels in several columns, label smoothing, and what they work with."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV

from skinit import MLPClassifier
from skinit.curvature import hessian_bound, layer_hessian_norms
from skinit.inspection import signal_propagation

DTYPES = [np.float32, np.float64]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
NUMBERS = np.stack([np.digitize(X[:, 0], [-0.5, 0.5]), 1 + (X[:, 1] > 0), np.digitize(X[:, 2], [-1, 0, 1])], axis=1)
NAMES = np.array(["dog", "cat", "ant", "yak"])[NUMBERS]
TARGETS = {"numbers": NUMBERS, "names": NAMES, "objects": NAMES.astype(object)}


def make(**parameters):
    common = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.01}
    return MLPClassifier(**common | parameters)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_have_the_form_of_a_random_forest(kind, dtype):
    y = TARGETS[kind]
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    model = make().fit(X.astype(dtype), y)
    for own, theirs in zip(model.classes_, forest.classes_, strict=True):
        np.testing.assert_array_equal(own, theirs)
    ours, theirs = model.predict(X), forest.predict(X)
    assert ours.shape == theirs.shape
    assert ours.dtype.kind == theirs.dtype.kind
    for method in ("predict_proba", "predict_log_proba"):
        shapes = [part.shape for part in getattr(forest, method)(X)]
        assert [part.shape for part in getattr(model, method)(X)] == shapes
    probabilities = model.predict_proba(X.astype(dtype))
    for k, each in enumerate(probabilities):
        assert each.dtype == dtype
        np.testing.assert_allclose(each.sum(axis=1), 1, rtol=10 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(model.classes_[k][each.argmax(axis=1)], ours[:, k])
    for each, logarithms in zip(probabilities, model.predict_log_proba(X), strict=True):
        np.testing.assert_allclose(np.exp(logarithms), each, rtol=20 * np.finfo(dtype).eps)


def test_a_column_is_learned_as_it_would_be_alone():
    # Without hidden layers the columns share no weights.
    together = make(hidden_layer_sizes=(), solver="lbfgs", max_iter=500, alpha=1.0, tol=1e-10).fit(X, NUMBERS)
    # A single column of two classes has one logit, so its penalty is another.
    for k in (0, 2):
        alone = make(hidden_layer_sizes=(), solver="lbfgs", max_iter=500, alpha=1.0, tol=1e-10).fit(X, NUMBERS[:, k])
        np.testing.assert_allclose(together.predict_proba(X)[k], alone.predict_proba(X), atol=1e-4)


def test_score_is_the_mean_over_columns_of_the_accuracy():
    model, weights = make().fit(X, NAMES), RNG.uniform(size=len(X))
    predictions = model.predict(X)
    expected = np.mean([accuracy_score(NAMES[:, k], predictions[:, k], sample_weight=weights) for k in range(3)])
    assert model.score(X, NAMES, weights) == pytest.approx(expected, rel=1e-14)
    assert model.score(X, pd.DataFrame(NAMES)) == model.score(X, NAMES)
    with pytest.raises(ValueError, match=r"shape of the predictions, \(90, 3\), got \(90,\)"):
        model.score(X, NAMES[:, 0])


def test_early_stopping_maximizes_the_score():
    model = make(early_stopping=True).fit(X, NAMES, X_val=X[:30], y_val=NAMES[:30])
    assert model.best_validation_score_ == pytest.approx(model.score(X[:30], NAMES[:30]), rel=1e-14)
    by_scorer = make(early_stopping=True, scoring=lambda est, X, y: est.score(X, y))
    by_scorer.fit(X, NAMES, X_val=X[:30], y_val=NAMES[:30])
    np.testing.assert_allclose(by_scorer.validation_scores_, model.validation_scores_, rtol=1e-14)


@pytest.mark.parametrize("class_weight", ["balanced", [{"dog": 2.0}, {"ant": 0.5}, {"yak": 3.0, "cat": 0.0}]])
def test_class_weights_of_columns_are_multiplied(class_weight):
    weights = np.ones(len(X))
    for k, names in enumerate(NAMES.T):
        classes, counts = np.unique(names, return_counts=True)
        given = class_weight[k] if isinstance(class_weight, list) else len(X) / (len(classes) * counts)
        by_name = given if isinstance(given, dict) else dict(zip(classes, given, strict=True))
        weights *= [by_name.get(name, 1.0) for name in names]
    by_class, by_row = make(class_weight=class_weight).fit(X, NAMES), make().fit(X, NAMES, weights)
    assert by_class.loss_curve_ == by_row.loss_curve_
    with pytest.raises(ValueError, match="a list of 3 dicts"):
        make(class_weight={"dog": 2.0}).fit(X, NAMES)


def test_partial_fit_trains_like_fit_and_knows_all_classes():
    classes = [["ant", "dog", "cat"], ["cat", "ant"], ["yak", "ant", "cat", "dog"]]
    model = make(shuffle=False).partial_fit(X, NAMES, classes=classes)
    assert model.loss_curve_ == make(shuffle=False, max_iter=1).fit(X, NAMES).loss_curve_
    model.partial_fit(X[:2], NAMES[:2]).partial_fit(X[:2], NAMES[:2], classes=classes)
    before = model.predict(X)
    for y, given, message in (
        (NAMES, [["ant", "dog"], *classes[1:]], "not the same as on last call"),
        (NAMES[:, :2], None, "must have 3 columns of labels"),
        (np.where(NAMES == "dog", "eel", NAMES), None, r"Column 0 of y has labels \['eel'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, y, classes=given)
        np.testing.assert_array_equal(model.predict(X), before)
    with pytest.raises(ValueError, match=r"classes\[1\] must have at least one class"):
        make().partial_fit(X, NAMES, classes=[["ant"], [], ["dog"]])


def test_chunks_of_zeros_and_ones_are_class_labels_if_there_are_more_classes():
    chunk = np.array([[0, 1], [1, 0]])
    model = make().partial_fit(X[:2], chunk, classes=[[0, 1, 2], [0, 1]]).partial_fit(X[:1], [[2, 1]])
    assert [each.shape for each in model.predict_proba(X[:4])] == [(4, 3), (4, 2)]
    # With two classes in every column, the labels are multilabel as in scikit-learn.
    assert make().partial_fit(X[:2], chunk, classes=[[0, 1], [0, 1]]).predict_proba(X[:4]).shape == (4, 2)


def test_warm_start_needs_the_same_classes():
    model = make(warm_start=True).fit(X, NAMES).fit(X, NAMES)
    rows = NAMES[:, 2] != "yak"
    with pytest.raises(ValueError, match="Previously column 2 had"):
        model.fit(X[rows], NAMES[rows])
    with pytest.raises(ValueError, match="must have 3 columns"):
        model.fit(X, NAMES[:, 0])
    with pytest.raises(ValueError, match="y has 3 columns of labels, but classes_ has the classes of one"):
        make(warm_start=True).fit(X, NAMES[:, 0]).fit(X, NAMES)
    with pytest.raises(ValueError, match="Pass partial_fit a list with the classes of each column"):
        make().partial_fit(X, NAMES, classes=np.unique(NAMES))
    assert make().fit(X, NAMES).fit(X, NAMES[:, 0]).predict(X).shape == (90,)


@pytest.mark.parametrize("dtype", DTYPES)
def test_label_columns_work_with_the_other_features(dtype):
    model = make(init="hessian", learning_rate_init="auto").fit(X.astype(dtype), NAMES, np.arange(90) % 3)
    sparse = clone(model).fit(csr_array(X.astype(dtype)), NAMES, np.arange(90) % 3)
    for own, theirs in zip(model.predict_proba(X), sparse.predict_proba(csr_array(X)), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e4 * np.finfo(dtype).eps)
    unpickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(unpickled.partial_fit(X, NAMES).coefs_[0], model.partial_fit(X, NAMES).coefs_[0])
    norms = layer_hessian_norms(model, X, NAMES, kind="gauss_newton")
    assert (norms <= hessian_bound(model, X, NAMES) * (1 + 1e-3)).all()
    assert np.isfinite(signal_propagation(model, X, NAMES).hessian_norm).all()
    search = GridSearchCV(make(), {"alpha": [0.1, 1.0]}, cv=3, error_score="raise").fit(X.astype(dtype), NAMES)
    assert search.best_score_ > 0.3


def test_replaced_classes_are_refused():
    model = make().fit(X, NAMES)
    model.classes_ = [each[::-1] for each in model.classes_]
    with pytest.raises(ValueError, match="differs from the classes that the weights were trained with"):
        model.predict(X)


@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS[:, 1], NUMBERS[:, :2] % 2, NUMBERS])
def test_label_smoothing_gives_smoothed_frequencies(y):
    """A network whose features are all zero predicts the mean target."""
    model = MLPClassifier((), alpha=0, solver="lbfgs", label_smoothing=0.3, tol=1e-10, max_iter=500, random_state=0)
    model.fit(np.zeros((90, 1)), y)
    found = model.predict_proba(np.zeros((1, 1)))
    columns = [y] if y.ndim == 1 else list(y.T)
    is_multilabel = not isinstance(found, list) and y.ndim == 2
    for k, column in enumerate(columns):
        classes, counts = np.unique(column, return_counts=True)
        expected = 0.7 * counts / 90 + 0.3 / len(classes)
        ours = found[k][0] if isinstance(found, list) else found[0, k] if is_multilabel else found[0]
        np.testing.assert_allclose(ours, expected[1] if is_multilabel else expected, atol=1e-4)


def test_zero_label_smoothing_changes_no_bit():
    for y in (NUMBERS[:, 0], NUMBERS[:, 1], NUMBERS):
        assert make(label_smoothing=0).fit(X, y).loss_curve_ == make().fit(X, y).loss_curve_


@pytest.mark.parametrize("smoothing", [1, 1.0, -0.1, np.nan, "0.1", None, True])
def test_bad_label_smoothing_is_refused(smoothing):
    model = make(label_smoothing=smoothing)
    with pytest.raises(ValueError, match=r"'label_smoothing' parameter .* \[0.0, 1.0\)"):
        model.fit(X, NUMBERS[:, 0])
    assert not hasattr(model, "coefs_")
