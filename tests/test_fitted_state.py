"""Inconsistent weights, fitted attributes and solver states never reach compiled code."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_bound, hessian_norm
from skinit.training.solvers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)

USES = {
    "predict": lambda model: model.predict(X),
    "predict sparse": lambda model: model.predict(csr_array(X)),
    "predict_proba": lambda model: model.predict_proba(X[:1]),
    "partial_fit": lambda model: model.partial_fit(X, y),
    "warm start": lambda model: model.set_params(warm_start=True).fit(X, y),
    "hessian_norm": lambda model: hessian_norm(model, X, y),
    "hessian_bound": lambda model: hessian_bound(model, csr_array(X), y),
}


def fitted(**parameters):
    return MLPClassifier((5,), **{"max_iter": 3, "random_state": 0, **parameters}).fit(X, y)


def replace(name, k, values):
    def spoil(model):
        getattr(model, name)[k] = values

    return spoil


def assign(name, values):
    return lambda model: setattr(model, name, values)


SPOILED = {
    "wider": (replace("coefs_", 0, np.ones((4, 9))), r"coefs_\[0\] has shape \(4, 9\), so intercepts_\[0\] must have"),
    "narrower": (replace("coefs_", 1, np.ones((2, 3))), r"coefs_\[1\] must have 5 row\(s\), got shape \(2, 3\)"),
    "one row": (replace("coefs_", 0, np.ones((1, 5))), r"n_features_in_=4 disagrees with coefs_: coefs_\[0\] has 1"),
    "a vector": (replace("coefs_", 0, np.ones(20)), r"coefs_\[0\] must be a matrix .* got shape \(20,\)"),
    "a scalar": (replace("coefs_", 1, 1.0), r"coefs_\[1\] must be a matrix .* got shape \(\)"),
    "a cube": (assign("coefs_", [np.ones((2, 4, 5))] * 2), r"coefs_\[0\] must be a matrix"),
    "empty": (replace("coefs_", 0, np.ones((0, 5))), r"coefs_\[0\] must be a matrix with at least one entry"),
    "complex": (replace("coefs_", 0, np.ones((4, 5)) * 1j), r"coefs_\[0\] must hold real numbers, got complex128"),
    "text": (replace("coefs_", 0, np.full((4, 5), "a")), r"coefs_\[0\] must hold real numbers"),
    "objects": (replace("coefs_", 0, np.full((4, 5), {})), r"coefs_\[0\] must hold real numbers, got object"),
    "ragged": (replace("coefs_", 0, [[1, 2], [3]]), r"coefs_\[0\] must be a matrix of numbers"),
    "sparse": (replace("coefs_", 0, csr_array((4, 5))), r"coefs_\[0\] must hold real numbers"),
    "none": (assign("coefs_", None), "coefs_ must be a list of arrays, one for each layer, got None"),
    "no layers": (assign("coefs_", []), "coefs_ must be a list of arrays"),
    "a layer less": (lambda model: model.coefs_.pop(), r"coefs_ has 1 layer\(s\), but intercepts_ has 2"),
    "NaN replaced": (replace("coefs_", 1, np.full((5, 3), np.nan)), r"coefs_\[1\] must be finite, got NaN"),
    "NaN written": (lambda model: model.coefs_[0].fill(np.nan), r"coefs_\[0\] must be finite, got NaN"),
    "infinity": (lambda model: model.intercepts_[1].fill(np.inf), r"intercepts_\[1\] must be finite"),
    "wide intercept": (replace("intercepts_", 0, np.ones(6)), r"intercepts_\[0\] must have shape \(5,\), got \(6,\)"),
    "n_features_in_": (assign("n_features_in_", 7), r"n_features_in_=7 disagrees with coefs_: coefs_\[0\] has 4 row"),
    "n_outputs_": (assign("n_outputs_", 2), r"n_outputs_=2 disagrees with coefs_: coefs_\[-1\] has 3 column"),
    "n_layers_": (assign("n_layers_", 5), r"n_layers_=5 disagrees with coefs_: coefs_ has 2 layer"),
    "more classes": (
        assign("classes_", np.arange(5)),
        r"classes_ has 5 class\(es\), which disagrees with n_",
    ),
    "fewer classes": (
        assign("classes_", np.arange(2)),
        r"classes_ has 2 class\(es\), which disagrees with n_",
    ),
    "a matrix of classes": (assign("classes_", np.ones((3, 1))), "which disagrees with n_outputs_=3"),
    "output activation": (
        assign("out_activation_", "softmx"),
        "Did you mean 'softmax'.*out_activation_ must be one of 'cumulative_softplus', 'exp'",
    ),
    "activation": (lambda model: model.set_params(activation="rellu"), "Did you mean 'relu'.*'rellu'"),
    "activation object": (lambda model: model.set_params(activation=3), "activation.*[Gg]ot 3"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("fault", SPOILED)
def test_a_fault_is_named_and_changes_nothing(fault, use):
    spoil, message = SPOILED[fault]
    model = fitted()
    spoil(model)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        USES[use](model)
    vars(model).pop("warm_start"), before.pop("warm_start")
    assert vars(model) == before


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "n_outputs_", "out_activation_", "_label_binarizer"])
def test_without_a_fitted_attribute_an_estimator_is_not_fitted(name):
    model = fitted()
    delattr(model, name)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_shape_assigned_to_a_view_is_noticed():
    model = fitted()
    with warnings.catch_warnings():
        # NumPy 2.5 deprecates assignment to the shape.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.coefs_[1].shape = (3, 5)
    with pytest.raises(ValueError, match=r"coefs_\[1\] has shape \(3, 5\), so intercepts_\[1\] must have"):
        model.predict(X)


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        np.ndarray.tolist,
        lambda values: values[::-1][::-1],
        lambda values: values.astype(object),
        lambda values: values.astype(values.dtype.newbyteorder()),
        np.ndarray.copy,
    ],
    ids=["fortran", "lists", "negative strides", "objects", "byte order", "copies"],
)
def test_weights_in_any_form_predict_the_same(convert):
    model = fitted()
    expected = model.predict_proba(X)
    model.coefs_ = [convert(coef) for coef in model.coefs_]
    model.intercepts_ = [convert(intercept) for intercept in model.intercepts_]
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(csr_array(X)).round(12), expected.round(12))


def test_half_precision_weights_are_those_of_scikit_learn():
    model = fitted(init="sklearn")
    theirs = ScikitLearnClassifier((5,), max_iter=3, random_state=0).fit(X, y)
    for each in (model, theirs):
        each.coefs_ = [coef.astype(np.float16) for coef in each.coefs_]
        each.intercepts_ = [intercept.astype(np.float16) for intercept in each.intercepts_]
    np.testing.assert_allclose(model.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)


def test_federated_averaging_gives_scikit_learns_results():
    def train(estimator, **parameters):
        halves = [estimator((5,), random_state=seed, **parameters) for seed in (0, 1)]
        for _ in range(3):
            for half, model in enumerate(halves):
                model.partial_fit(X[half::2], y[half::2], classes=[0, 1, 2])
            for name in ("coefs_", "intercepts_"):
                mean = [sum(arrays) / 2 for arrays in zip(*(getattr(model, name) for model in halves), strict=True)]
                for model in halves:
                    setattr(model, name, [values.copy() for values in mean])
        return halves[0].predict_proba(X)

    np.testing.assert_allclose(train(MLPClassifier, init="sklearn"), train(ScikitLearnClassifier), rtol=1e-9)


def test_units_can_be_removed_by_hand():
    model = fitted()
    outgoing = model.coefs_[1].copy()
    outgoing[2:] = 0
    expected = copy.deepcopy(model)
    expected.coefs_[1][...] = outgoing
    model.coefs_, model.intercepts_ = (
        [model.coefs_[0][:, :2], outgoing[:2]],
        [model.intercepts_[0][:2], model.intercepts_[1]],
    )
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-12)


def assert_trains_like_new(model, twin):
    """Check that an initialized model trains like one that was never trained before."""
    for _ in range(2):
        model.partial_fit(X, y)
        twin.partial_fit(X, y)
    for mine, theirs in zip(model.coefs_ + model.intercepts_, twin.coefs_ + twin.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model._optimizer.learning_rate == model.learning_rate_init_ == twin.learning_rate_init_


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("widths", [(8, 16), (16, 8), (8, 512), (50, 100), (5, 5)])
def test_initialize_discards_the_solver_state(solver, widths):
    parameters = {"solver": solver, "random_state": 0}
    past = MLPClassifier((widths[0],), learning_rate_init=0.01, max_iter=5, **parameters).fit(X, y)
    model = past.set_params(hidden_layer_sizes=(widths[1],), learning_rate_init=1e-5).initialize(X, y)
    twin = MLPClassifier((widths[1],), learning_rate_init=1e-5, **parameters).initialize(X, y)
    assert_trains_like_new(model, twin)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_fit_with_another_solver_or_precision_discards_the_solver_state(solver):
    model = MLPClassifier((5,), solver=solver, max_iter=4, random_state=0).fit(X, y)
    model.set_params(solver="lbfgs").fit(X, y)
    assert not hasattr(model, "_optimizer")
    twin = copy.deepcopy(model)
    model.set_params(solver=solver).partial_fit(X, y)
    twin.set_params(solver=solver).partial_fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
    model.initialize(X.astype(np.float32), y).partial_fit(X.astype(np.float32), y)
    assert model._optimizer.slots.dtype == model.coefs_[0].dtype == np.float32
    model.set_params(solver="sgd" if solver == "adam" else "adam").partial_fit(X, y)
    assert isinstance(model._optimizer, SGD) == (solver == "adam")


def test_replacing_the_weights_by_other_layers_resets_the_solver_state():
    model = fitted()
    other = MLPClassifier((9,), random_state=1).initialize(X, y)
    model.set_params(hidden_layer_sizes=(9,))
    model.coefs_, model.intercepts_ = list(other.coefs_), list(other.intercepts_)
    model.partial_fit(X, y)
    assert model._optimizer.slots.shape[1] == 4 * 9 + 9 + 9 * 3 + 3
    assert model._optimizer.n_steps == 1


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_training_continues_after_pickling(solver):
    model = fitted(solver=solver)
    twin = pickle.loads(pickle.dumps(model))
    assert_trains_like_new(model, twin)


def test_predictions_use_the_output_activation_of_the_training():
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X, X[:, 0])
    expected = model.predict(X)
    model.set_params(loss="poisson")
    np.testing.assert_array_equal(model.predict(X), expected)
    with pytest.raises(ValueError, match="The loss 'poisson' has the output activation 'exp', but the weights"):
        model.partial_fit(X, y)


def test_renamed_classes_predict_but_do_not_train():
    model = fitted()
    numbers = model.predict(X)
    model.classes_ = np.array(["setosa", "versicolor", "virginica"])
    np.testing.assert_array_equal(model.predict(X), model.classes_[numbers])
    with pytest.raises(ValueError, match="classes_"):
        model.partial_fit(X, y)
    model.classes_ = np.array([2, 1, 0])
    with pytest.raises(ValueError, match=r"classes_=\[2 1 0\] differs from the .* trained with, \[0 1 2\]"):
        model.partial_fit(X, y)


@pytest.mark.parametrize("columns", [1, 3, 5, 4000])
def test_weights_assembled_by_hand_check_the_number_of_columns(columns):
    model = MLPRegressor()
    model.coefs_, model.intercepts_ = [np.ones((4, 2)), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]
    model.n_outputs_, model.n_layers_, model.out_activation_ = 1, 3, "identity"
    np.testing.assert_allclose(model.predict(X), 2 * np.maximum(X.sum(axis=1), 0), atol=1e-14)
    values = np.ones((3, columns))
    for container in (values, csr_array(values)):
        with pytest.raises(ValueError, match=rf"X has {columns} column\(s\), but coefs_\[0\] has 4 row"):
            model.predict(container)
        with pytest.raises(ValueError, match=rf"X has {columns} column\(s\), but coefs_\[0\] has 4 row"):
            hessian_norm(model, container, values[:, 0])


@pytest.mark.parametrize(
    "use",
    [
        lambda model, X: model.predict(X),
        lambda model, X: model.partial_fit(X, y),
        lambda model, X: hessian_norm(model, X, y),
        lambda model, X: hessian_bound(model, X, y),
    ],
)
def test_an_error_in_the_data_leaves_replaced_weights_alone(use):
    model = fitted()
    coefs = [coef.tolist() for coef in model.coefs_]
    model.coefs_ = coefs
    for wrong in (X[:, :2], np.full_like(X, np.nan)):
        with pytest.raises(ValueError, match="features|NaN"):
            use(model, wrong)
        assert model.coefs_ is coefs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("solver", "newton"),
        ("batch_size", 0),
        ("alpha", "0.1"),
        ("tol", np.nan),
        ("momentum", None),
        ("init", "xaviar"),
    ],
)
def test_later_calls_of_partial_fit_check_parameters(name, value):
    model = fitted()
    before = model.set_params(**{name: value}).coefs_
    with pytest.raises(ValueError, match=f"'{name}' parameter of MLPClassifier must be"):
        model.partial_fit(X, y)
    assert model.coefs_ is before


@pytest.mark.parametrize(
    ("name", "value"),
    [("out_activation_", {}), ("out_activation_", []), ("loss_curve_", np.arange(3)), ("t_", "0"), ("best_loss_", [])],
)
def test_histories_and_names_of_other_types_are_refused(name, value):
    model = fitted(warm_start=True)
    setattr(model, name, value)
    for method in (model.partial_fit, model.fit):
        with pytest.raises(ValueError, match=name):
            method(X, y)
