"""Networks with a different activation in each hidden layer, against the same references as networks with one."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from test_gradients import N_ROUNDINGS, assert_gradient_of_loss, loss_and_gradient, make_network, make_problem
from test_hessian_products import assert_differences_of_the_gradient, multiply
from twins import ACTIVATIONS, LOSSES, draw_targets, propagate

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_bound, hessian_norm, layer_jacobian_norms
from skinit.engine.network import Network
from skinit.engine.predictions import predict_preactivations
from skinit.initializers import Hessian, VarianceScaling, gain, get_initializer
from skinit.inspection import signal_propagation

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
NAMES = st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=2, max_size=4)
DTYPES = [np.float32, np.float64]


@settings(max_examples=40)
@given(
    names=NAMES, loss=st.sampled_from(LOSSES), width=st.integers(1, 4), n=st.integers(1, 6), seed=st.integers(0, 999)
)
def test_gradient_is_that_of_the_loss(names, loss, width, n, seed):
    assert_gradient_of_loss(*make_problem(tuple(names), loss, (3, *[width] * len(names), 3), n, seed))


@settings(max_examples=40)
@given(
    names=NAMES, loss=st.sampled_from(LOSSES), width=st.integers(1, 4), n=st.integers(1, 6), seed=st.integers(0, 999)
)
def test_hessian_is_the_derivative_of_the_gradient(names, loss, width, n, seed):
    assert_differences_of_the_gradient(*make_problem(tuple(names), loss, (3, *[width] * len(names), 3), n, seed))


@settings(max_examples=40)
@given(names=NAMES, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 999))
def test_outputs_are_those_of_a_numpy_network(names, dtype, seed):
    rng = np.random.default_rng(seed)
    network = make_network((3, *[5] * len(names), 2), names, "squared_error", rng, dtype)
    X = rng.normal(size=(20, 3)).astype(dtype)
    expected = propagate(network, X)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        predict_preactivations(network, X),
        expected[-1],
        atol=N_ROUNDINGS * eps * max(np.abs(u).max() for u in expected),
    )


@settings(max_examples=20)
@given(names=NAMES, loss=st.sampled_from(LOSSES), seed=st.integers(0, 999))
def test_float32_gradients_and_products_agree_with_float64(names, loss, seed):
    layer_sizes = (3, *[4] * len(names), 3)
    network, X, targets, weights, _ = make_problem(tuple(names), loss, layer_sizes, 10, seed, dtype=np.float32)
    precise = Network.from_parameters(
        [coef.astype(np.float64) for coef in network.coefs], network.intercepts, tuple(names), loss
    )
    exact = [array.astype(np.float64) for array in (X, targets, weights)]
    for compute in (lambda *given: loss_and_gradient(*given)[1], multiply):
        expected = compute(precise, *exact)
        atol = N_ROUNDINGS * np.finfo(np.float32).eps * max(np.abs(expected).max(), 1)
        np.testing.assert_allclose(compute(network, X, targets, weights), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_repeating_a_name_for_each_layer_gives_the_bits_of_the_single_name(name, solver, dtype):
    common = {"hidden_layer_sizes": (7, 6, 5), "solver": solver, "max_iter": 5, "random_state": 0}
    X = X_iris.astype(dtype)
    with pytest.warns(match=".*"):
        one = MLPClassifier(activation=name, **common).fit(X, y_iris)
    for several in ([name] * 3, (name,) * 3):
        with pytest.warns(match=".*"):
            model = MLPClassifier(activation=several, **common).fit(X, y_iris)
        for a, b in zip([*one.coefs_, *one.intercepts_], [*model.coefs_, *model.intercepts_], strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(one.predict_proba(X), model.predict_proba(X))
        assert repr(one.initializer_) == repr(model.initializer_)


@pytest.mark.parametrize("name", ["logistic", "relu"])
def test_scikit_learns_draw_uses_the_activation_even_without_hidden_layers(name):
    parameters = {"hidden_layer_sizes": (), "activation": name, "solver": "lbfgs", "max_iter": 1, "random_state": 0}
    ours = MLPClassifier(init="sklearn", **parameters).initialize(X_iris, y_iris)
    bound = np.sqrt((2 if name == "logistic" else 6) / (4 + 3))
    expected = np.random.RandomState(0).uniform(-bound, bound, (4, 3))
    np.testing.assert_array_equal(ours.coefs_[0], expected)


def test_scikit_learns_draw_uses_the_activation_of_each_layer():
    names = ["logistic", "tanh", "logistic"]
    model = MLPRegressor(hidden_layer_sizes=(30, 30, 30), activation=names, init="sklearn", random_state=0)
    model.initialize(X_iris, y_iris)
    for coef, numerator in zip(model.coefs_, [2, 6, 2, 2], strict=True):
        bound = np.sqrt(numerator / sum(coef.shape))
        # The largest of 120 uniform numbers is within a tenth of the bound, except with probability 0.9^120.
        assert 0.9 * bound < np.abs(coef).max() <= bound or coef.shape[1] == 1


def test_auto_picks_he_or_xavier_by_the_activation_of_each_layer():
    scheme = partial(get_initializer, "auto")
    he, xavier = VarianceScaling(2.0), VarianceScaling(1.0, "fan_avg", "uniform")
    assert repr(scheme(["relu", "gelu"])) == repr(he)
    assert repr(scheme(["tanh", "softsign"])) == repr(scheme(())) == repr(xavier)
    mixed = scheme(("relu", "tanh"))
    assert list(map(repr, mixed.initializers)) == list(map(repr, [he, xavier, xavier]))
    model = MLPClassifier((200, 200), ["tanh", "relu"], init="auto", random_state=0).initialize(X_iris, y_iris)
    variances = [2 / 204, 2 / 200, 2 / 200]
    for coef, variance in zip(model.coefs_, variances, strict=True):
        # The variance of n normal numbers has the relative standard deviation sqrt(2 / n). Four of them are allowed.
        assert abs(coef.var() / variance - 1) < 4 * np.sqrt(2 / coef.size)
    assert repr(clone(model.initializer_)) == repr(model.initializer_)


def test_orthogonal_weights_have_the_gain_of_each_activation():
    names = ["relu", "tanh"]
    model = MLPRegressor(hidden_layer_sizes=(6, 6), activation=names, init="orthogonal", random_state=0).initialize(
        X_iris, y_iris
    )
    for coef, expected in zip(model.coefs_, [*map(gain, names), 1.0], strict=True):
        np.testing.assert_allclose(np.linalg.svd(coef, compute_uv=False), expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["measured", "jacobian", "closed_form"])
def test_the_hessian_initializer_uses_the_activation_of_each_layer(method):
    models = [
        MLPClassifier((6, 6), names, init=Hessian(method), random_state=0).initialize(X_iris, y_iris)
        for names in (["relu", "logistic"], ["logistic", "relu"])
    ]
    # The weights of a layer depend on the slopes of the layer below.
    assert not np.allclose(np.linalg.norm(models[0].coefs_[1]), np.linalg.norm(models[1].coefs_[1]), rtol=0.05)
    if method == "jacobian":
        for model in models:
            assert model.initializer_.converged_


def test_curvature_and_inspection_are_those_of_a_numpy_network():
    names = ("tanh", "relu", "logistic")
    model = MLPRegressor(hidden_layer_sizes=(5, 4, 3), activation=names, init="orthogonal", random_state=0).initialize(
        X_iris, y_iris
    )
    # Intercepts keep preactivations away from the kink.
    model.intercepts_[1][:] = 0.3
    slopes = {
        "tanh": lambda u: 1 / np.cosh(u) ** 2,
        "relu": lambda u: (u > 0) * 1.0,
        "logistic": lambda u: 1 / (2 + np.exp(u) + np.exp(-u)),
    }
    u = propagate(model._own_network(), X_iris)
    norms = [
        np.mean([np.linalg.norm(coef * slopes[name](row), 2) for row in layer])
        for coef, name, layer in zip(model.coefs_, names, u, strict=False)
    ]
    np.testing.assert_allclose(layer_jacobian_norms(model, X_iris, y_iris)[:3], norms, rtol=1e-9)
    assert hessian_norm(model, X_iris, y_iris) > 0
    assert (hessian_bound(model, X_iris, y_iris) > 0).all()
    signals = signal_propagation(model, X_iris, y_iris)
    assert signals.activations == names
    assert "Signal propagation: 4 layers, tanh, relu and logistic, 150 rows" in repr(signals)
    for k, name in enumerate(names):
        outputs = ACTIVATIONS[name](u[k])
        np.testing.assert_allclose(signals.activation_mean[k], outputs.mean(), rtol=1e-9)
        is_flat = slopes[name](u[k]) < 0.01 * (0.25 if name == "logistic" else 1)
        np.testing.assert_allclose(signals.saturated[k], is_flat.mean(), rtol=1e-9)


def test_findings_use_the_activation_of_each_layer():
    model = MLPClassifier((8, 8), ("tanh", "relu"), init="orthogonal", random_state=0).initialize(X_iris, y_iris)
    model.coefs_[0] *= 1e4
    model.intercepts_[1][:] = -1e3
    findings = {finding.name: finding for finding in signal_propagation(model, X_iris, y_iris).findings}
    assert findings["saturated_units"].layers == (0,)
    assert "flat parts of tanh" in findings["saturated_units"].evidence
    assert findings["dead_units"].layers == (1,)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_accepts_names_and_lists_of_names():
    given = ["relu", ["tanh", "relu"], ("gelu", "gelu")]
    search = GridSearchCV(MLPClassifier((6, 5), max_iter=5, random_state=0), {"activation": given}, cv=2, n_jobs=2)
    search.fit(X_iris, y_iris)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_changing_the_list_after_a_fit_works_like_changing_a_name():
    model = MLPRegressor(hidden_layer_sizes=(4, 3), activation=["tanh", "relu"], random_state=0).initialize(
        X_iris, y_iris
    )
    before = model.predict(X_iris)
    model.activation[0] = "relu"
    network = Network.from_parameters(model.coefs_, model.intercepts_, "relu", "squared_error")
    np.testing.assert_array_equal(model.predict(X_iris), predict_preactivations(network, X_iris)[:, 0])
    model.set_params(activation=("tanh", "relu"))
    np.testing.assert_array_equal(model.predict(X_iris), before)


def test_an_empty_list_fits_a_network_without_hidden_layers():
    rng = np.random.default_rng(0)
    targets = draw_targets("squared_error", (20, 1), rng)[:, 0]
    model = MLPRegressor(hidden_layer_sizes=(), activation=[], solver="lbfgs", alpha=0.0, random_state=0).fit(
        X_iris[:20], targets
    )
    A = np.column_stack([X_iris[:20], np.ones(20)])
    expected = A @ np.linalg.lstsq(A, targets, rcond=None)[0]
    # L-BFGS ends where the gradient is below 1e-4.
    np.testing.assert_allclose(model.predict(X_iris[:20]), expected, atol=0.02)
