"""Losses with constants, against NumPy twins and finite differences."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from skinit.engine.losses import LossFunction
from skinit.engine.network import Network
from skinit.kernels.losses import compile_curve, compile_loss

DTYPES = [np.float32, np.float64]


def pinball(prediction, y, level):
    return np.maximum(level * (y - prediction), (level - 1) * (y - prediction))


def huber(u, y, delta):
    r = u - y
    return np.where(np.abs(r) > delta, delta * (np.abs(r) - delta / 2), r**2 / 2).sum(axis=1)


def quantiles(u, y, spread, *levels):
    steps = np.hstack([u[:, :1], np.logaddexp(0, u[:, 1:])])
    return pinball(np.cumsum(steps, axis=1), y, np.array(levels)).sum(axis=1)


def log_loss(u, y, smoothing):
    n = u.shape[1]
    targets = (1 - smoothing) * np.eye(n)[y[:, 0].astype(int)] + smoothing / n
    return -(targets * scipy.special.log_softmax(u, axis=1)).sum(axis=1)


def log_losses(u, y, smoothing, *starts):
    groups = np.split(u, starts[1:-1], axis=1)
    return sum(log_loss(group, column[:, None], smoothing) for group, column in zip(groups, y.T, strict=True))


def binary_log_loss(u, y, smoothing):
    targets = (1 - smoothing) * y + smoothing / 2
    return (np.logaddexp(0, u) - targets * u).sum(axis=1)


# The loss of each row as a formula.
LOSSES = {
    "huber": huber,
    "absolute_error": lambda u, y, spread: np.abs(u - y).sum(axis=1),
    "quantile": lambda u, y, spread, level: pinball(u, y, level).sum(axis=1),
    "quantiles": quantiles,
    "gamma": lambda u, y: (y * np.exp(-u) - 1 - np.log(y) + u).sum(axis=1),
    "log_loss": log_loss,
    "log_losses": log_losses,
    "binary_log_loss": binary_log_loss,
}
OF_CLASSES = [
    ("log_loss", (0.0,)),
    ("log_loss", (0.3,)),
    ("binary_log_loss", (0.3,)),
    ("log_losses", (0.0, 0, 2, 6)),
    ("log_losses", (0.2, 0, 3, 4, 6)),
]
SMOOTH = [("huber", (1.0,)), ("huber", (0.3,)), ("gamma", ()), *OF_CLASSES]
LEVELS = (0.1, 0.3, 0.5, 0.75, 0.9)
WITH_KINKS = [
    ("absolute_error", (2.0,)),
    ("quantile", (1.0, 0.5)),
    ("quantile", (0.7, 0.1)),
    ("quantiles", (1.5, *LEVELS[:3])),
    ("quantiles", (1.5, 0.9)),
]
CASES = SMOOTH + WITH_KINKS


def draw(name, constants, dtype=np.float64, seed=0, n=12, n_outputs=3):
    """Return the loss, preactivations and targets away from kinks, and weights."""
    rng = np.random.default_rng(seed)
    function = LossFunction.of(name, *constants)
    if name == "quantiles":
        n_outputs = len(constants) - 1
    if name == "log_losses":
        n_outputs = constants[-1]
    u, y = rng.normal(size=(2, n, n_outputs))
    if name == "gamma":
        y = np.exp(y)
    groups = function.groups(n_outputs)
    y = y[:, : len(groups)]
    if name == "binary_log_loss":
        y = (y > 0).astype(float)
    elif function.entry.is_of_classes:
        y = np.stack([rng.integers(group.stop - group.start, size=n) for group in groups], axis=1).astype(float)
    return function, u.astype(dtype), y.astype(dtype), rng.uniform(0.2, 2, n).astype(dtype)


def difference_quotients(function, u, step=1e-5):
    """Return difference quotients with respect to each entry of a matrix."""
    quotients = []
    for place in np.ndindex(u.shape):
        shift = np.zeros_like(u)
        shift[place] = step
        quotients.append((function(u + shift) - function(u - shift)) / (2 * step))
    return np.array(quotients)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "constants"), CASES)
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), n_outputs=st.integers(1, 5))
def test_loss_is_that_of_the_formula(name, constants, dtype, seed, n_outputs):
    function, u, y, weights = draw(name, constants, dtype, seed, n_outputs=n_outputs)
    loss, deltas = function.loss_and_deltas(u, y, weights)
    doubles = [array.astype(float) for array in (u, y, weights)]
    expected = doubles[2] @ LOSSES[name](*doubles[:2], *constants)
    # A row's loss is a sum of terms of both signs, each with some ten roundings and no larger than this.
    magnitude = u.size * np.exp(np.abs(doubles[0]).max()) * (1 + np.abs(doubles[1]).max())
    np.testing.assert_allclose(loss, expected, rtol=0, atol=10 * magnitude * np.finfo(dtype).eps)
    assert deltas.dtype == dtype


@pytest.mark.parametrize(("name", "constants"), CASES)
def test_deltas_are_the_difference_quotients_of_the_loss(name, constants):
    function, u, y, weights = draw(name, constants)
    quotients = difference_quotients(lambda at: function.loss_and_deltas(at, y, weights)[0], u)
    # The truncation is step^2 times a third derivative below 10. The rounding is 1e-16 * 100 / step.
    np.testing.assert_allclose(function.loss_and_deltas(u, y, weights)[1].ravel(), quotients, atol=1e-8)


def curve_matrices(function, u, y, weights):
    """Return the kernel's second derivative of each row's loss with respect to its preactivations."""
    kernel, out = compile_curve(function.name, u.dtype), np.empty_like(u)
    columns = []
    for j in range(u.shape[1]):
        tangents = np.zeros_like(u)
        tangents[:, j] = 1
        kernel(u, y, weights, tangents, out, function.kernel_constants())
        columns.append(out.copy())
    return np.stack(columns, axis=2)


@pytest.mark.parametrize(("name", "constants"), SMOOTH)
def test_curve_is_the_derivative_of_the_deltas(name, constants):
    function, u, y, weights = draw(name, constants)
    quotients = difference_quotients(lambda at: function.loss_and_deltas(at, y, weights)[1], u)
    rows = np.arange(len(u))
    derivatives = quotients.reshape(*u.shape, *u.shape)[rows, :, rows]
    np.testing.assert_allclose(curve_matrices(function, u, y, weights), derivatives, atol=1e-8)


@pytest.mark.parametrize("level", [None, 0.1, 0.5, 0.8])
def test_curve_of_a_kink_is_that_of_the_expected_loss_for_laplace_residuals(level):
    spread, n = 3.0, 20_001
    y = scipy.stats.laplace.ppf((np.arange(n) + 0.5) / n, scale=spread)[:, None]
    name, constants = ("absolute_error", (spread,)) if level is None else ("quantile", (spread, level))
    function = LossFunction.of(name, *constants)
    at, step = scipy.stats.laplace.ppf(level or 0.5, scale=spread), 0.01
    slopes = [function.loss_and_deltas(np.full((n, 1), u), y, np.ones(n))[1].mean() for u in (at - step, at + step)]
    curve = curve_matrices(function, np.full((1, 1), at), np.zeros((1, 1)), np.ones(1)).item()
    # The slopes have steps of up to 2 / n, and the density changes by a fraction below step / spread.
    tolerance = 4 / n / (2 * step) + step / spread * curve
    assert abs((slopes[1] - slopes[0]) / (2 * step) - curve) <= tolerance


def test_curve_of_quantiles_is_that_of_single_quantiles_through_the_jacobian():
    function, u, y, weights = draw("quantiles", (1.5, *LEVELS))
    curvatures = np.minimum(LEVELS, 1 - np.array(LEVELS)) / 1.5
    predict = function.entry.predict
    for row, matrix in enumerate(curve_matrices(function, u, y, weights)):
        jacobian = difference_quotients(lambda at: predict(at.copy())[0], u[[row]]).T
        expected = weights[row] * jacobian.T @ np.diag(curvatures) @ jacobian
        np.testing.assert_allclose(matrix, expected, atol=1e-8)


@pytest.mark.parametrize(("name", "constants"), CASES)
def test_curve_norms_are_the_largest_eigenvalues(name, constants):
    function, u, y, _ = draw(name, constants)
    exact = np.linalg.eigvalsh(curve_matrices(function, u, y, np.ones(len(u))))[:, -1]
    np.testing.assert_allclose(function.curve_norms(u, y), exact, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("name", "constants"), CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_preactivations_give_nan_losses_and_deltas(name, constants, dtype):
    function, u, y, weights = draw(name, constants, dtype)
    u[3, 0] = np.nan
    loss, deltas = function.loss_and_deltas(u, y, weights)
    assert np.isnan(loss)
    assert np.isnan(deltas[3, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("name", ["log_loss", "binary_log_loss"])
def test_the_cap_limits_the_log_loss_of_each_class(name, smoothing):
    function, cap = LossFunction.of(name, smoothing), 5.0
    u, y = np.array([[100.0, -100.0]]), np.array([[0.0, 1.0]])[:, : len(function.groups(2))]
    loss = compile_loss(name, u.dtype)(u, y, np.ones(1), np.empty_like(u), function.kernel_constants(cap))
    # Both outputs are certain. For the softmax the first is right. Both logistic outputs are wrong.
    expected = smoothing / 2 * cap if name == "log_loss" else 2 * (1 - smoothing / 2) * cap
    assert loss == pytest.approx(expected, rel=1e-14)


def test_a_group_of_outputs_has_the_loss_of_the_group_alone():
    function, u, y, weights = draw("log_losses", (0.2, 0, 3, 4, 6))
    loss, deltas = function.loss_and_deltas(u, y, weights)
    alone = LossFunction.of("log_loss", 0.2)
    parts = [
        alone.loss_and_deltas(u[:, group], y[:, [k]], weights) for k, group in enumerate(function.groups(u.shape[1]))
    ]
    assert loss == pytest.approx(sum(part for part, _ in parts), rel=1e-14)
    np.testing.assert_array_equal(deltas, np.hstack([part for _, part in parts]))


@pytest.mark.parametrize("starts", [(), (0,), (0, 2), (0, 4), (1, 3), (0, 2, 2, 3), (0, 2, 1, 3)])
def test_groups_that_do_not_cover_all_outputs_are_refused(starts):
    with pytest.raises(ValueError, match="do not fit the loss 'log_losses'"):
        Network([2, 3], "relu", LossFunction("log_losses", (0.0, *starts)), np.dtype(float))


def test_constants_for_another_number_of_outputs_are_refused():
    with pytest.raises(ValueError, match="do not fit the loss 'huber'"):
        Network([2, 3], "relu", LossFunction("huber", (1.0, 2.0)), np.dtype(float))
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        Network([2, 3], "relu", "hubert", np.dtype(float))
