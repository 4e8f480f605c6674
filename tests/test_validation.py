"""Validation rows and scores of early stopping."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import balanced_accuracy_score, log_loss, make_scorer, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import DivergenceError, MLPClassifier, MLPRegressor

X, y = load_iris(return_X_y=True)
X_diabetes, y_diabetes = StandardScaler().fit_transform(load_diabetes().data), load_diabetes().target / 100
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
PARAMETERS = {"hidden_layer_sizes": (5,), "early_stopping": True, "max_iter": 12, "n_iter_no_change": 12}
PARAMETERS |= {"random_state": 0, "learning_rate_init": 0.01}


def rows_of_split(X, y):
    """Return the rows that the estimator itself would train and validate on. It draws them after the weights."""
    state = np.random.RandomState(0)
    MLPClassifier((5,), random_state=state).initialize(X, y)
    return train_test_split(np.arange(len(y)), random_state=state, test_size=0.1)


def fit(model, *data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data, **options)


def parts(X, y):
    return train_test_split(X, y, random_state=0, test_size=0.3)


def as_frame(X):
    return pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("convert", [np.asarray, csr_array, as_frame])
@pytest.mark.parametrize("labels", [y, NAMES, y == 1, np.column_stack([y == 1, y == 2]).astype(int)])
def test_scores_and_losses_are_those_of_the_given_rows(labels, convert, dtype):
    X_train, X_val, y_train, y_val = parts(X.astype(dtype), labels)
    model = MLPClassifier(**(PARAMETERS | {"max_iter": 4}))
    fit(model, convert(X_train), y_train, X_val=convert(X_val), y_val=y_val)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_ == 4
    best = model.best_iter_ - 1
    assert model.best_validation_score_ == model.validation_scores_[best] == max(model.validation_scores_)
    assert model.score(convert(X_val), y_val) == model.best_validation_score_
    probabilities = model.predict_proba(convert(X_val)).astype(np.float64)
    if labels.ndim == 2:
        expected = sum(log_loss(y_val[:, j], probabilities[:, j], labels=[0, 1]) for j in range(2))
    else:
        expected = log_loss(y_val, probabilities)
    np.testing.assert_allclose(
        model.validation_loss_curve_[best], expected, rtol=1e-5 if dtype == np.float32 else 1e-12
    )


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_losses_of_a_regressor_are_half_the_mean_squared_error(n_outputs):
    targets = y_diabetes if n_outputs == 1 else np.column_stack([y_diabetes, -2 * y_diabetes])
    X_train, X_val, y_train, y_val = parts(X_diabetes, targets)
    model = fit(MLPRegressor(**PARAMETERS), X_train, y_train, X_val=X_val, y_val=y_val)
    best = model.best_iter_ - 1
    expected = mean_squared_error(y_val, model.predict(X_val)) / 2
    np.testing.assert_allclose(model.validation_loss_curve_[best], expected, rtol=1e-12)
    np.testing.assert_allclose(model.best_validation_score_, r2_score(y_val, model.predict(X_val)), rtol=1e-10)


def test_given_validation_rows_train_like_the_same_rows_of_a_split():
    rows, validation_rows = rows_of_split(X, y)
    by_split = fit(MLPClassifier(**PARAMETERS, shuffle=False), X, y)
    by_hand = MLPClassifier(**PARAMETERS, shuffle=False, validation_fraction=0.99)
    fit(by_hand, X[rows], y[rows], X_val=X[validation_rows], y_val=y[validation_rows])
    assert by_hand.validation_loss_curve_ == by_split.validation_loss_curve_


def test_with_validation_rows_given_all_rows_are_trained_on():
    model = fit(MLPClassifier(**PARAMETERS), X, y, X_val=X[:9], y_val=y[:9])
    assert model.t_ == len(X) * model.n_iter_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", ["loss", "balanced_accuracy", "neg_log_loss", make_scorer(balanced_accuracy_score)])
def test_the_weights_with_the_best_score_are_kept(scoring, weighted):
    X_train, X_val, y_train, y_val = parts(X, NAMES)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y_val)) if weighted else None
    model = MLPClassifier(**PARAMETERS, scoring=scoring)
    fit(model, X_train, y_train, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    probabilities, predictions = model.predict_proba(X_val), model.predict(X_val)
    if scoring in ("loss", "neg_log_loss"):
        expected = -log_loss(y_val, probabilities, sample_weight=weights)
    else:
        expected = balanced_accuracy_score(y_val, predictions, sample_weight=weights)
    assert model.best_validation_score_ == max(model.validation_scores_)
    np.testing.assert_allclose(model.best_validation_score_, expected, rtol=1e-12)


def test_the_loss_as_score_is_the_negative_loss_curve():
    model = fit(MLPRegressor(**PARAMETERS, scoring="loss"), X_diabetes, y_diabetes)
    np.testing.assert_array_equal(model.validation_scores_, -np.array(model.validation_loss_curve_))
    assert model.best_iter_ == np.argmin(model.validation_loss_curve_) + 1


def test_scorers_of_users_get_the_rows_labels_and_weights():
    seen = []

    def scorer(estimator, X, y, sample_weight=None):
        seen.append((X.shape, set(y), sample_weight.sum(), set(estimator.predict(X))))
        return len(seen)

    model = MLPClassifier(**(PARAMETERS | {"max_iter": 2}), scoring=scorer)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        model.fit(as_frame(X), NAMES, X_val=as_frame(X[::5]), y_val=NAMES[::5], sample_weight_val=np.full(30, 2.0))
    assert model.validation_scores_ == [1, 2]
    assert model.best_iter_ == 2
    for shape, labels, total, predictions in seen:
        assert (shape, labels, total) == ((30, 4), set(NAMES), 60.0)
        assert predictions <= labels


def test_without_early_stopping_there_are_no_validation_attributes():
    model = fit(MLPClassifier((5,), max_iter=2), X, y)
    for name in ("validation_scores_", "validation_loss_curve_", "best_validation_score_", "best_iter_"):
        assert getattr(model, name) is None


def test_a_warm_start_that_finds_nothing_better_keeps_its_weights():
    X_train, X_val, y_train, y_val = parts(X, y)
    model = MLPClassifier(**PARAMETERS, warm_start=True, scoring="loss")
    best = fit(model, X_train, y_train, X_val=X_val, y_val=y_val).coefs_[0].copy()
    model.set_params(learning_rate_init=10.0)
    fit(model, X_train, y_train, X_val=X_val, y_val=y_val)
    assert model.best_iter_ == 0
    np.testing.assert_array_equal(model.coefs_[0], best)


@pytest.mark.parametrize("class_weight", [{0: 3.0, 2: 0.5}, "balanced"])
def test_class_weights_of_the_training_rows_count_in_validation(class_weight):
    rows = np.arange(30, 150)
    model = MLPClassifier(**PARAMETERS, class_weight=class_weight, scoring="loss")
    fit(model, X[rows], y[rows], X_val=X[::4], y_val=y[::4])
    by_class = np.array([3.0, 1.0, 0.5] if class_weight != "balanced" else [120 / 60, 120 / 150, 120 / 150])
    expected = log_loss(y[::4], model.predict_proba(X[::4]), sample_weight=by_class[y[::4]])
    np.testing.assert_allclose(-model.best_validation_score_, expected, rtol=1e-12)


def test_pipelines_transform_and_searches_route_validation_rows():
    X_train, X_val, y_train, y_val = parts(100 * X + 5, y)
    scaler = StandardScaler().fit(X_train)
    expected = fit(
        MLPClassifier(**PARAMETERS), scaler.transform(X_train), y_train, X_val=scaler.transform(X_val), y_val=y_val
    )
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPClassifier(**PARAMETERS).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scaler", StandardScaler()), ("network", network)], transform_input=["X_val"])
        fit(pipeline, X_train, y_train, X_val=X_val, y_val=y_val)
        search = GridSearchCV(pipeline, {"network__alpha": [1e-4, 1e-2]}, cv=2)
        fit(search, X_train, y_train, X_val=X_val, y_val=y_val)
    assert pipeline[-1].validation_scores_ == expected.validation_scores_
    assert len(search.best_estimator_[-1].validation_scores_) > 0


def test_a_pipeline_passes_on_validation_rows_transformed_by_hand():
    X_train, X_val, y_train, y_val = parts(X, y)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**PARAMETERS))
    transformed = StandardScaler().fit(X_train).transform(X_val)
    fit(pipeline, X_train, y_train, mlpclassifier__X_val=transformed, mlpclassifier__y_val=y_val)
    assert pipeline.score(X_val, y_val) == pipeline[-1].best_validation_score_


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {"X_val": X}, "X_val and sample_weight_val need y_val"),
        ({}, {"y_val": y}, "y_val and sample_weight_val need X_val"),
        ({}, {"sample_weight_val": np.ones(150)}, "need y_val"),
        ({"early_stopping": False}, {"X_val": X, "y_val": y}, "early_stopping=True .* got early_stopping=False"),
        ({"solver": "lbfgs"}, {"X_val": X, "y_val": y}, "and a stochastic solver, .* solver='lbfgs'"),
        ({}, {"X_val": X[:, :3], "y_val": y}, "X_val, .*: X has 3 features, but MLPClassifier is expecting 4"),
        ({}, {"X_val": X, "y_val": y + 1}, r"X_val, y_val .*: `y` has classes not in `self.classes_`"),
        ({}, {"X_val": X, "y_val": y[:-1]}, "X_val, y_val .*: .* inconsistent numbers of samples"),
        ({}, {"X_val": np.where(X > 7, np.nan, X), "y_val": y}, "X_val, y_val .*: Input X contains NaN"),
        ({}, {"X_val": X[:1], "y_val": y[:1]}, "at least 2 rows"),
        ({}, {"X_val": X, "y_val": y, "sample_weight_val": np.zeros(150)}, "X_val, .*: Sample weights must"),
        ({"scoring": "accurracy"}, {}, "Did you mean 'accuracy'.*'scoring' parameter"),
        ({"scoring": balanced_accuracy_score}, {}, "looks like it is a metric function"),
        ({"scoring": 3}, {}, "'scoring' parameter"),
    ],
)
def test_wrong_validation_data_are_refused_by_name(parameters, options, message):
    model = MLPClassifier(**(PARAMETERS | parameters))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **options)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("y_val", [y, y == 1])
def test_one_column_of_classes_is_not_accepted_as_multilabel_targets(y_val):
    labels = np.column_stack([y == 0, y == 1, y == 2]).astype(int)
    with pytest.raises(ValueError, match="y must have a column of 0 and 1 for each of the 3 labels, got shape"):
        MLPClassifier(**PARAMETERS).fit(X, labels, X_val=X, y_val=y_val)
    model = MLPClassifier((3,), max_iter=2, random_state=0).partial_fit(X, labels, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y must have a column of 0 and 1 for each of the 3 labels, got shape"):
        model.partial_fit(X, y_val)


def test_a_scorer_that_returns_no_number_is_refused():
    model = MLPClassifier(**PARAMETERS, scoring=lambda estimator, X, y: "good")
    with pytest.raises(TypeError, match="scoring must return a number, but .* returned 'good'"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_a_scorer_with_other_arguments_is_refused_before_training():
    model = MLPClassifier(**PARAMETERS, scoring=lambda estimator, X: 1.0)
    with pytest.raises(TypeError, match=r"scoring must take the arguments \(estimator, X, y\), got a function of"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_an_error_of_a_scorer_names_the_parameter():
    model = MLPClassifier(**PARAMETERS, scoring="roc_auc")
    with pytest.raises(ValueError, match="multi_class") as caught:
        model.fit(X, y)
    assert caught.value.__notes__ == ["scoring='roc_auc' raised this error on the validation rows."]


def test_a_scorer_without_a_finite_score_is_blamed():
    model = MLPClassifier(**PARAMETERS, scoring=lambda estimator, X, y: np.nan)
    with pytest.raises(DivergenceError, match="scoring=<function .* gave no finite score in any epoch"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
