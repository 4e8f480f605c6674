"""Dropout, against a twin in NumPy and Python integers, and against its expectation."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import skinit.engine.team
from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_norm

X, y = load_diabetes(return_X_y=True)
X, y = StandardScaler().fit_transform(X), y / 100
X_iris, y_iris = load_iris(return_X_y=True)
WORD = 2**64
NETWORK = MLPRegressor(hidden_layer_sizes=(60, 30), dropout=[0.5, 0.1], max_iter=3, random_state=0)


def fit(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data)


def parameters_of(model):
    return np.concatenate([np.ravel(array) for array in (*model.coefs_, *model.intercepts_)])


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def mask(seed, step, layer, n_rows, n_units, rate, first_row=0):
    """Return the factors of the units, 0 or 1 / (1 - rate), for rows of an epoch that begin with `first_row`."""
    factors = np.empty((n_rows, n_units))
    for i in range(n_rows):
        for j in range(n_units):
            state = seed
            for number in (step, layer, first_row + i, j):
                state = mix((state + (number + 1) * 0x9E3779B97F4A7C15) % WORD)
            factors[i, j] = 0.0 if (state >> 32) < int(rate * 2**32) else 1 / (1 - rate)
    return factors


def test_the_generator_is_splitmix64():
    # Vigna's reference code gives these first two outputs of SplitMix64 for the seed 1234567.
    assert [mix((1234567 + k * 0x9E3779B97F4A7C15) % WORD) for k in (1, 2)] == [
        6457827717110365317,
        3203168211198807973,
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [442, 150])
def test_steps_descend_along_the_gradient_with_dropped_units(batch_size, dtype):
    rates = [0.5, 0.2]
    options = {"hidden_layer_sizes": (7, 5), "activation": "tanh", "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    options |= {"shuffle": False, "batch_size": batch_size, "learning_rate_init": 0.1, "random_state": 0}
    model = MLPRegressor(dropout=rates, **options).initialize(X.astype(dtype), y)
    coefs = [coef.astype(np.float64) for coef in model.coefs_]
    intercepts = [intercept.astype(np.float64) for intercept in model.intercepts_]
    model.partial_fit(X.astype(dtype), y)
    seed, losses = model._optimizer.seed, []
    for step, first in enumerate(range(0, len(X), batch_size)):
        rows = slice(first, min(first + batch_size, len(X)))
        activations, masks = [X[rows]], []
        n = len(activations[0])
        for k, rate in enumerate(rates):
            masks.append(mask(seed, step, k, n, coefs[k].shape[1], rate, first))
            activations.append(np.tanh(activations[-1] @ coefs[k] + intercepts[k]))
            activations.append(activations.pop() * masks[k])
        residuals = activations[-1] @ coefs[-1] + intercepts[-1] - y[rows, np.newaxis]
        losses.append((residuals**2).sum() / 2)
        delta = residuals / n
        for k in (2, 1, 0):
            before = activations[k]
            coef_gradient, intercept_gradient = before.T @ delta, delta.sum(axis=0)
            if k > 0:
                slopes = (1 - (before * (1 - rates[k - 1])) ** 2) * masks[k - 1]
                delta = delta @ coefs[k].T * slopes
            coefs[k] = coefs[k] - 0.1 * coef_gradient
            intercepts[k] = intercepts[k] - 0.1 * intercept_gradient
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    expected = np.concatenate([np.ravel(array) for array in (*coefs, *intercepts)])
    np.testing.assert_allclose(parameters_of(model), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(model.loss_, sum(losses) / len(X), rtol=tolerance)


def test_units_are_dropped_at_the_rate_in_every_step_row_and_layer():
    n = 40
    masks = {where: mask(5, *where, n, n, 0.3) > 0 for where in [(0, 0), (1, 0), (0, 1), (2**40, 3)]}
    deviation = np.sqrt(0.3 * 0.7)
    for kept in masks.values():
        assert abs(kept.mean() - 0.7) < 4 * deviation / n
        # No row and no unit stands out: 80 means of 40 numbers are within 4.5 deviations.
        for axis in (0, 1):
            assert np.abs(kept.mean(axis=axis) - 0.7).max() < 4.5 * deviation / np.sqrt(n)
    a, *others = masks.values()
    for b in others:
        # Two masks agree where both keep a unit and where both drop it.
        assert abs((a == b).mean() - (0.7**2 + 0.3**2)) < 4 * 0.5 / n


def test_dropout_keeps_the_expectation_of_a_linear_network():
    # The gradient with respect to the last intercept is the mean of outputs minus targets. 500 steps, too small to
    # change the network, show its mean.
    options = {"hidden_layer_sizes": (20,), "activation": "identity", "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    options |= {"shuffle": False, "batch_size": len(X), "learning_rate_init": 1e-9, "random_state": 0}
    options |= {"max_iter": 500, "n_iter_no_change": np.inf}
    before = MLPRegressor(**options).initialize(X, y)
    after = fit(MLPRegressor(dropout=0.5, **options), X, y)
    step = (before.intercepts_[-1] - after.intercepts_[-1]) / 1e-9 / 500
    expected = (before.predict(X) - y).mean()
    # The mean is over 500 times 442 outputs. The deviation of an output is that of 20 products of size at most 1.
    np.testing.assert_allclose(step, expected, atol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(dtype, monkeypatch):
    results = []
    for n_threads in (1, 2, 3, 5):
        monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda n_threads=n_threads: n_threads)
        results.append(parameters_of(fit(clone(NETWORK), X.astype(dtype), y)))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_sparse_rows_have_the_masks_of_dense_ones():
    dense, sparse = (parameters_of(fit(clone(NETWORK), rows, y)) for rows in (X, csr_array(X)))
    np.testing.assert_allclose(sparse, dense, rtol=1e-6, atol=1e-9)


def test_blocks_of_a_large_mini_batch_change_no_mask():
    # One mini-batch of 1,200 rows takes three blocks of rows. Its gradient is the mean of the gradients of the thirds.
    many_X, many_y = np.tile(X, (3, 1))[:1200], np.tile(y, 3)[:1200]
    options = {"hidden_layer_sizes": (4,), "dropout": 0.5, "solver": "sgd", "momentum": 0.0, "shuffle": False}
    options |= {"batch_size": 1200, "learning_rate_init": 0.1, "alpha": 0.0, "random_state": 0}
    model = MLPRegressor(**options).initialize(many_X, many_y)
    coefs, intercepts = [c.copy() for c in model.coefs_], [b.copy() for b in model.intercepts_]
    model.partial_fit(many_X, many_y)
    hidden = np.maximum(many_X @ coefs[0] + intercepts[0], 0) * mask(model._optimizer.seed, 0, 0, 1200, 4, 0.5)
    residuals = hidden @ coefs[1] + intercepts[1] - many_y[:, np.newaxis]
    np.testing.assert_allclose(model.coefs_[1], coefs[1] - 0.1 * hidden.T @ residuals / 1200, rtol=1e-9)


def test_no_units_are_dropped_while_a_network_is_measured():
    model = fit(MLPClassifier((6,), dropout=0.4, max_iter=3, random_state=0), X_iris, y_iris)
    twin = pickle.loads(pickle.dumps(model)).set_params(dropout=0.0)
    np.testing.assert_array_equal(model.predict_proba(X_iris), twin.predict_proba(X_iris))
    assert hessian_norm(model, X_iris, y_iris) == hessian_norm(twin, X_iris, y_iris)
    for init in ("hessian", "lsuv"):
        options = {"init": init, "learning_rate_init": "auto", "random_state": 0}
        with_dropout, without = (MLPClassifier((6,), dropout=p, **options).initialize(X_iris, y_iris) for p in (0.4, 0))
        np.testing.assert_array_equal(parameters_of(with_dropout), parameters_of(without))
        assert with_dropout.learning_rate_init_ == without.learning_rate_init_


def test_without_dropout_no_seed_is_drawn():
    network = MLPClassifier((6,), max_iter=3, random_state=0)
    zero, none = (fit(clone(network).set_params(dropout=dropout), X_iris, y_iris) for dropout in ([0.0], 0.0))
    np.testing.assert_array_equal(parameters_of(zero), parameters_of(none))


def test_partial_fit_continues_the_random_numbers_of_dropout():
    options = {"hidden_layer_sizes": (6,), "dropout": 0.3, "shuffle": False, "random_state": 0}
    model = MLPClassifier(**options)
    for _ in range(3):
        model.partial_fit(X_iris, y_iris, classes=[0, 1, 2])
        model = pickle.loads(pickle.dumps(model))
    expected = fit(MLPClassifier(max_iter=3, **options), X_iris, y_iris)
    np.testing.assert_array_equal(parameters_of(model), parameters_of(expected))


def test_dropout_can_be_searched_over():
    search = GridSearchCV(MLPClassifier((6, 5), max_iter=3, random_state=0), {"dropout": [0.0, 0.5, (0.1, 0.9)]}, cv=2)
    assert np.isfinite(fit(search, X_iris, y_iris).cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "dropout", [1, 1.5, -0.1, np.nan, [0.1], [0.1, 0.2, 0.3], [0.1, 1.0], [0.1, "much"], "much", None]
)
def test_an_invalid_dropout_is_refused_with_what_is_allowed(dropout):
    model = MLPClassifier((6, 5), dropout=dropout)
    with pytest.raises(ValueError, match=r"dropout.* must be "):
        model.fit(X_iris, y_iris)
    assert not hasattr(model, "coefs_")


def test_lbfgs_refuses_dropout():
    with pytest.raises(ValueError, match='dropout=0.1 needs a stochastic solver, got solver="lbfgs"'):
        MLPClassifier((6,), dropout=0.1, solver="lbfgs").fit(X_iris, y_iris)
