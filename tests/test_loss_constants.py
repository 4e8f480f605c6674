"""Losses with constants of their own, against NumPy twins and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPRegressor
from skinit.curvature import hessian_operator
from skinit.engine.data import TrainingData
from skinit.engine.losses import LossFunction
from skinit.engine.network import Network
from skinit.engine.passes import DataPasses
from skinit.kernels.losses import compile_curve
from skinit.target_spread import target_spread

DTYPES = [np.float32, np.float64]


def huber(u, y, delta):
    r = u - y
    return np.where(np.abs(r) > delta, delta * (np.abs(r) - delta / 2), r**2 / 2).sum(axis=1)


# A formula for the loss of each row.
LOSSES = {"huber": huber}
# Other constants than those of the entries.
CASES = [("huber", (1.0,)), ("huber", (0.3,))]


def draw(dtype, seed=0, n=12, n_outputs=3):
    """Preactivations and targets that are not at a kink, and weights."""
    rng = np.random.default_rng(seed)
    u, y = rng.normal(size=(2, n, n_outputs))
    return u.astype(dtype), y.astype(dtype), rng.uniform(0.2, 2, n).astype(dtype)


def difference_quotients(function, u, step=1e-5):
    """Of a function of a matrix, entry by entry."""
    quotients = []
    for place in np.ndindex(u.shape):
        shift = np.zeros_like(u)
        shift[place] = step
        quotients.append((function(u + shift) - function(u - shift)) / (2 * step))
    return np.array(quotients)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "constants"), CASES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), n_outputs=st.integers(1, 5))
def test_loss_is_that_of_the_formula(name, constants, dtype, seed, n_outputs):
    u, y, weights = draw(dtype, seed, n_outputs=n_outputs)
    loss, deltas = LossFunction.of(name, *constants).loss_and_deltas(u, y, weights)
    doubles = [array.astype(float) for array in (u, y, weights)]
    expected = doubles[2] @ LOSSES[name](*doubles[:2], *constants)
    # Each row is a sum of terms of both signs, each below some 20 with these numbers.
    np.testing.assert_allclose(loss, expected, rtol=0, atol=20 * len(u) * n_outputs * 8 * np.finfo(dtype).eps)
    assert deltas.dtype == dtype


@pytest.mark.parametrize(("name", "constants"), CASES)
def test_deltas_are_the_difference_quotients_of_the_loss(name, constants):
    u, y, weights = draw(np.float64)
    function = LossFunction.of(name, *constants)
    quotients = difference_quotients(lambda at: function.loss_and_deltas(at, y, weights)[0], u)
    # Truncation is as step^2 times a third derivative below 10, rounding as 1e-16 * 100 / step.
    np.testing.assert_allclose(function.loss_and_deltas(u, y, weights)[1].ravel(), quotients, atol=1e-8)


def curve_matrices(function, u, y, weights):
    """The second derivative of each row by its preactivations, as the kernel has it."""
    kernel, out = compile_curve(function.name, u.dtype), np.empty_like(u)
    columns = []
    for j in range(u.shape[1]):
        tangents = np.zeros_like(u)
        tangents[:, j] = 1
        kernel(u, y, weights, tangents, out, function.kernel_constants())
        columns.append(out.copy())
    return np.stack(columns, axis=2)


@pytest.mark.parametrize(("name", "constants"), CASES)
def test_curve_is_the_derivative_of_the_deltas(name, constants):
    u, y, weights = draw(np.float64)
    function = LossFunction.of(name, *constants)
    quotients = difference_quotients(lambda at: function.loss_and_deltas(at, y, weights)[1], u)
    rows = np.arange(len(u))
    derivatives = quotients.reshape(*u.shape, *u.shape)[rows, :, rows]
    np.testing.assert_allclose(curve_matrices(function, u, y, weights), derivatives, atol=1e-8)


@pytest.mark.parametrize(("name", "constants"), CASES)
def test_curve_norms_are_the_largest_eigenvalues(name, constants):
    u, y, _ = draw(np.float64)
    function = LossFunction.of(name, *constants)
    exact = np.linalg.eigvalsh(curve_matrices(function, u, y, np.ones(len(u))))[:, -1]
    np.testing.assert_allclose(function.curve_norms(u, y), exact, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("name", "constants"), CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_not_hidden(name, constants, dtype):
    u, y, weights = draw(dtype)
    u[3, 1] = np.nan
    loss, deltas = LossFunction.of(name, *constants).loss_and_deltas(u, y, weights)
    assert np.isnan(loss)
    assert np.isnan(deltas[3, 1])


def test_constants_of_another_number_of_outputs_are_refused():
    with pytest.raises(ValueError, match="do not fit the loss 'huber'"):
        Network([2, 3], "relu", LossFunction("huber", (1.0, 2.0)), np.dtype(float))
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        Network([2, 3], "relu", "hubert", np.dtype(float))


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 8)])
def test_target_spread_is_the_scaled_median_absolute_deviation(weights):
    y = np.array([1.0, 2.0, 4.0, 4.5, 7.0, 30.0, -5.0])[:, None]
    repeated = np.repeat(y, 1 if weights is None else weights.astype(int), axis=0)
    expected = 1.4826 * np.median(np.abs(repeated - np.median(repeated)))
    assert target_spread(TrainingData(None, y, weights)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("y", "expected"), [([3, 3, 3, 3, 5], 1.2533 * 0.4), ([3, 3], 1.0), ([1e300, -1e300], 1.0)])
def test_target_spread_is_positive(y, expected):
    assert target_spread(TrainingData(None, np.array(y, float)[:, None], None)) == pytest.approx(expected)


def regression_data(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng.standard_t(2, size=n)


def test_huber_delta_of_no_bound_is_the_squared_error():
    X, y = regression_data()
    models = [
        MLPRegressor(loss, hidden_layer_sizes=(4,), random_state=0, max_iter=3, huber_delta=1e6, n_iter_no_change=10)
        for loss in ("squared_error", "huber")
    ]
    with pytest.warns(ConvergenceWarning):
        curves = [model.fit(X, y).loss_curve_ for model in models]
    np.testing.assert_allclose(*curves, rtol=1e-12)


def test_huber_delta_is_the_spread_of_the_targets_of_the_first_fit():
    X, y = regression_data()
    model = MLPRegressor("huber", huber_delta="auto", hidden_layer_sizes=(), random_state=0).initialize(X, y)
    spread = target_spread(TrainingData(X, y[:, None], None))
    assert model.huber_delta_ == spread
    assert model.partial_fit(X, 100 * y).huber_delta_ == spread
    assert model.initialize(X, 2 * y).huber_delta_ == pytest.approx(2 * spread)
    assert model.set_params(huber_delta=3).partial_fit(X, y).huber_delta_ == 3.0
    assert not hasattr(model.set_params(loss="squared_error").partial_fit(X, y), "huber_delta_")


def test_hessian_of_the_huber_loss_is_the_derivative_of_the_gradient():
    X, y = regression_data()
    model = MLPRegressor("huber", hidden_layer_sizes=(4,), activation="tanh", random_state=0).initialize(X, y)
    network = model._own_network().copy()
    data = TrainingData(X, y[:, None], None)
    passes = DataPasses(network, data, len(y), 0.0)
    theta = network.theta.copy()

    def gradient(at):
        network.theta[:] = at[0]
        return passes.loss_and_gradient()[1]

    expected = difference_quotients(gradient, theta[None], 1e-6)
    hessian = hessian_operator(model, X, y) @ np.eye(theta.size)
    np.testing.assert_allclose(hessian, expected, atol=1e-7)


@pytest.mark.parametrize("delta", [0, -1, np.nan, "atuo", None, True])
def test_bad_huber_delta_is_refused(delta):
    X, y = regression_data()
    model = MLPRegressor("huber", huber_delta=delta)
    with pytest.raises(ValueError, match="huber_delta"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
