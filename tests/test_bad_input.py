"""Bad input raises an error with the parameter, its value and what is allowed, and leaves the estimator as it was."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris

from skinit import MLPClassifier, MLPRegressor
from skinit.initializers import RandomNormal, VarianceScaling

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_iris, y_iris = load_iris(return_X_y=True)


def spoiled(value, X=X_iris):
    X = X.copy()
    X[3, 1] = value
    return X


def wrong_shape(shape, rng):
    return np.zeros((2, 2))


def not_finite(shape, rng):
    return np.full(shape, np.nan)


def not_numbers(shape, rng):
    return np.full(shape, "w")


PARAMETERS = [
    ({"activation": "rellu"}, "Did you mean 'relu'.*'activation' parameter .* Got 'rellu' instead"),
    ({"activation": "ReLU"}, "Did you mean 'relu'"),
    ({"activation": "sigmoid"}, r"Did you mean 'logistic'\? The 'activation' parameter"),
    ({"activation": ["Swish"]}, r"Did you mean 'silu'\? The activation\[0\] must be"),
    ({"activation": ["rellu"]}, r"Did you mean 'relu'.*activation\[0\] must be one of .*'tanh'.*, got 'rellu'"),
    ({"activation": (3,)}, r"activation\[0\] must be one of .*'tanh'.*, got 3"),
    ({"activation": ["relu", "tanh"]}, r"activation must be .* \(1 here\), got 2 entries: \['relu', 'tanh'\]"),
    ({"activation": []}, r"activation must be .* \(1 here\), got 0 entries: \[\]"),
    ({"activation": {"relu"}}, "'activation' parameter .* Got {'relu'} instead"),
    ({"init": "xaviar"}, "Did you mean 'xavier'.*'init' parameter .* Got 'xaviar' instead"),
    ({"init": 3}, "'init' parameter .* Got 3 instead"),
    ({"init": None}, "'init' parameter .* Got None instead"),
    ({"init": RandomNormal}, r"got <class .*RandomNormal'>. Pass an instance: RandomNormal\(\)"),
    ({"init": RandomNormal(-1.0)}, "'std' parameter of RandomNormal must be .* Got -1.0 instead"),
    ({"init": VarianceScaling(mode="fanin")}, "Did you mean 'fan_in'.*'mode' parameter of VarianceScaling"),
    (
        {"init": wrong_shape},
        r"real numbers of shape \(4, 5\) \(fan_in, fan_out\), got an array of shape \(2, 2\)",
    ),
    (
        {"init": not_finite},
        r"real numbers of shape \(4, 5\) .*, and finite in float64; got NaN",
    ),
    ({"init": not_numbers}, r"must return an array of real numbers of shape \(4, 5\)"),
    ({"solver": "adma"}, "Did you mean 'adam'.*'solver' parameter"),
    ({"learning_rate": "adaptve"}, "Did you mean 'adaptive'.*'learning_rate' parameter"),
    ({"batch_size": 0}, "'batch_size' parameter .* Got 0 instead"),
    ({"batch_size": "all"}, "'batch_size' parameter .* Got 'all' instead"),
    ({"hidden_layer_sizes": (5, 0)}, r"hidden_layer_sizes must be > 0, got \[5, 0\]"),
    ({"hidden_layer_sizes": (5, -1)}, r"hidden_layer_sizes must be > 0, got \[5, -1\]"),
    ({"hidden_layer_sizes": (5.5,)}, r"hidden_layer_sizes must be integers, got \[5.5\]"),
    ({"hidden_layer_sizes": (10**20,)}, r"hidden_layer_sizes must be < 2\*\*31"),
    ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter"),
    ({"learning_rate_init": 0.0}, "'learning_rate_init' parameter .* Got 0.0 instead"),
    ({"alpha": -1.0}, "'alpha' parameter .* Got -1.0 instead"),
    ({"momentum": 2.0}, "'momentum' parameter .* Got 2.0 instead"),
    ({"max_iter": 0}, "'max_iter' parameter .* Got 0 instead"),
    ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
    ({"validation_fraction": 1.0}, "'validation_fraction' parameter .* Got 1.0 instead"),
    ({"random_state": "seed"}, "'random_state' parameter"),
    ({"validation_fraction": 0.005, "early_stopping": True}, "The validation set is too small"),
    (
        {"validation_fraction": 0.0, "early_stopping": True},
        r"early_stopping=True cannot set aside validation_fraction=0.0 of 150 row\(s\)",
    ),
]

DATA = [
    (spoiled(np.nan), y_iris, "Input X contains NaN"),
    (spoiled(np.inf), y_iris, "Input X contains infinity"),
    (csr_array(spoiled(np.nan)), y_iris, "Input X contains NaN"),
    (X_iris, y_iris[:-1], "inconsistent numbers of samples"),
    (X_iris[:, 0], y_iris, "Expected 2D array, got 1D array"),
    (X_iris[:0], y_iris[:0], "Found array with 0 sample"),
    (np.full(X_iris.shape, "x"), y_iris, "could not convert string"),
    (X_iris * 1j, y_iris, "Complex data not supported"),
]


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("method", ["fit", "initialize", "partial_fit"])
@pytest.mark.parametrize(("parameters", "message"), PARAMETERS, ids=range(len(PARAMETERS)))
def test_invalid_parameters_are_refused(estimator, method, parameters, message):
    if "early_stopping" in parameters and method != "fit":
        parameters = {"early_stopping": "yes"}
        message = "'early_stopping' parameter"
    model = estimator(**{"hidden_layer_sizes": (5,), **parameters})
    before = dict(vars(model))
    arguments = {"classes": [0, 1, 2]} if method == "partial_fit" and estimator is MLPClassifier else {}
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(model, method)(X_iris, y_iris, **arguments)
    assert vars(model) == before


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("method", ["fit", "initialize", "partial_fit"])
@pytest.mark.parametrize(("X", "y", "message"), DATA, ids=[message for *_, message in DATA])
def test_bad_training_data_are_refused(estimator, method, X, y, message):
    model = estimator(hidden_layer_sizes=(5,))
    before = dict(vars(model))
    arguments = {"classes": [0, 1, 2]} if method == "partial_fit" and estimator is MLPClassifier else {}
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, y, **arguments)
    assert vars(model) == before


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_a_failed_fit_leaves_a_fitted_estimator_as_it_was(estimator):
    model = estimator(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X_iris, y_iris)
    before = dict(vars(model))
    predicted = model.predict(X_iris)
    for X, y, message in DATA:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero number"):
        model.fit(X_iris, y_iris, sample_weight=np.zeros(len(y_iris)))
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(X_iris), predicted)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (np.ones(3), "sample_weight.shape == "),
        (np.zeros(len(y_iris)), "Sample weights must contain at least one non-zero number"),
        (np.full(len(y_iris), np.nan), "Input sample_weight contains NaN"),
        (np.ones((len(y_iris), 2)), "Sample weights must be 1D"),
    ],
)
def test_bad_sample_weights_are_refused(estimator, sample_weight, message):
    for method in ("fit", "initialize"):
        with pytest.raises(ValueError, match=message):
            getattr(estimator(), method)(X_iris, y_iris, sample_weight=sample_weight)


def test_bad_targets_of_the_classifier_are_refused():
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(X_iris, y_iris + 0.5)
    with pytest.raises(ValueError, match="y contains NaN"):
        MLPClassifier().fit(X_iris, np.where(y_iris == 0, np.nan, y_iris))
    with pytest.raises(ValueError, match="[Mm]ultioutput"):
        MLPClassifier().fit(X_iris, np.column_stack([y_iris, y_iris]) + 0.5)


def test_bad_targets_of_the_regressor_are_refused():
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="Input y contains"):
            MLPRegressor().fit(X_iris, spoiled(value)[:, 1])
    with pytest.raises(ValueError, match="out of the valid range of the loss 'poisson': y must be >= 0, got -1"):
        MLPRegressor(loss="poisson").fit(X_iris, y_iris - 1.0)
    for name, nearest in (("poison", "poisson"), ("mse", "squared_error"), ("MAE", "absolute_error")):
        with pytest.raises(ValueError, match=f"Did you mean '{nearest}'.*'loss' parameter"):
            MLPRegressor(loss=name).fit(X_iris, y_iris)
    model = MLPRegressor().partial_fit(X_iris, y_iris)
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but MLPRegressor was fitted with 1"):
        model.partial_fit(X_iris, np.column_stack([y_iris, y_iris]))


def test_wrong_classes_of_partial_fit_are_refused():
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X_iris, y_iris)
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        MLPClassifier().partial_fit(X_iris, y_iris, classes=[0, 1])
    with pytest.raises(ValueError, match="classes must have at least one class, got none"):
        MLPClassifier().partial_fit(X_iris, y_iris, classes=[])
    model = MLPClassifier().partial_fit(X_iris[:50], y_iris[:50], classes=[0, 1])
    before = dict(vars(model))
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        model.partial_fit(X_iris, y_iris)
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X_iris[:50], y_iris[:50], classes=[0, 1, 2])
    assert vars(model) == before


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_bad_data_to_predict_are_refused(estimator):
    model = estimator(max_iter=1).fit(X_iris, y_iris)
    with pytest.raises(ValueError, match="X has 3 features, but MLP.* is expecting 4 features"):
        model.predict(X_iris[:, :3])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(spoiled(np.nan))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.partial_fit(X_iris[:, :3], y_iris)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "make",
    [
        *(lambda X: X[:0], lambda X: X[:, :3], lambda X: X[0], lambda X: X[None], lambda X: spoiled(np.nan)),
        *(lambda X: spoiled(-np.inf), lambda X: X * 1j, lambda X: X.astype(str), lambda X: X * 1e307, lambda X: X[:1]),
    ],
)
def test_the_shortcut_for_plain_arrays_gives_the_result_of_the_full_checks(estimator, make, monkeypatch):
    model = estimator(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(X_iris, y_iris)
    X = make(X_iris)

    def predict():
        try:
            return None, model.predict(X)
        except ValueError as error:
            return f"{type(error).__name__} {error}", None

    message, predictions = predict()
    monkeypatch.setattr(estimator, "_is_plain", lambda self, X, network: False)
    expected_message, expected = predict()
    assert message == expected_message
    np.testing.assert_array_equal(predictions, expected)


def test_predicting_an_array_after_fitting_a_frame_warns():
    frame = pytest.importorskip("pandas").DataFrame(X_iris, columns=list("abcd"))
    model = MLPClassifier((3,), max_iter=1).fit(frame, y_iris)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X_iris[:1])


def test_training_cannot_continue_with_other_layers():
    model = MLPClassifier((5,), warm_start=True, max_iter=2).fit(X_iris, y_iris)
    for sizes in ((6,), (5, 5), ()):
        model.set_params(hidden_layer_sizes=sizes)
        for method in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=r"differs from the hidden layers of the weights .*, \[5\]"):
                method(X_iris, y_iris)
