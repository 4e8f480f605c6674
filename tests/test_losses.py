"""Losses and their deltas against NumPy twins, scikit-learn and finite differences, and at extreme preactivations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network._base import LOSS_FUNCTIONS
from test_loss_constants import LOSSES as WITH_CONSTANTS
from twins import LOSSES as TWINS
from twins import compute_losses, draw_targets

from skinit.kernels.elementary import MAX_ERROR
from skinit.kernels.losses import LOSSES, SCIKIT_LEARN_CAP, compile_loss

DTYPES = [np.float32, np.float64]


def compute(name, preactivations, targets, weights, cap=np.inf):
    """Return the loss and the deltas that the kernel computes."""
    deltas = np.full_like(preactivations, np.nan)
    kernel = compile_loss(name, preactivations.dtype)
    constants = np.array([cap, *LOSSES[name].constants])
    return kernel(preactivations, targets, weights, deltas, constants), deltas


def twin(name, preactivations, targets, weights):
    """Return the loss and deltas in plain NumPy and float64, and the magnitude of the terms of each row's loss."""
    losses, slopes, magnitudes = compute_losses(name, preactivations, targets)
    weights = weights.astype(np.float64)
    return weights @ losses, weights[:, None] * slopes, weights * magnitudes


def draw(name, dtype, seed=0, n=12, n_outputs=3, scale=2.0):
    """Return preactivations, targets and weights, some of which are zero."""
    rng = np.random.default_rng(seed)
    u = scale * rng.normal(size=(n, n_outputs))
    y = draw_targets(name, (n, n_outputs), rng)
    weights = rng.uniform(0, 2, n) * (rng.uniform(size=n) > 0.2)
    return u.astype(dtype), y.astype(dtype), weights.astype(dtype)


def assert_close_to_twin(name, u, y, weights):
    loss, deltas = compute(name, u, y, weights)
    expected_loss, expected_deltas, magnitudes = twin(name, u, y, weights)
    eps = np.finfo(u.dtype).eps
    # Softplus has the largest error of the elementary functions in a loss. The sum over outputs and the twin round too.
    n_roundings = MAX_ERROR["softplus"] + 5 + u.shape[1]
    assert abs(loss - expected_loss) <= n_roundings * eps * magnitudes.sum()
    # A delta is a difference of terms of size 1, or of exp(u) and y in a Poisson loss.
    size = 1 + np.abs(expected_deltas) + weights[:, None] * (1 + np.abs(y))
    assert np.all(np.abs(deltas - expected_deltas) <= n_roundings * eps * size)


def test_every_loss_is_tested():
    assert {*TWINS, *WITH_CONSTANTS} == set(LOSSES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 20),
    n_outputs=st.integers(1, 6),
    scale=st.sampled_from([1e-6, 0.1, 1.0, 5.0]),
)
def test_loss_and_deltas_are_those_of_the_formula(name, dtype, seed, n, n_outputs, scale):
    assert_close_to_twin(name, *draw(name, dtype, seed, n, n_outputs, scale))


@pytest.mark.parametrize("name", TWINS)
def test_loss_is_scikit_learns_loss_of_the_predictions(name):
    for seed in range(20):
        u, y, weights = draw(name, np.float64, seed, scale=4.0)
        loss, _ = compute(name, u, y, weights, SCIKIT_LEARN_CAP)
        one_hot = np.eye(u.shape[1])[y[:, 0].astype(int)] if name == "log_loss" else y
        theirs = LOSS_FUNCTIONS[name](one_hot, LOSSES[name].predict(u.copy()), sample_weight=weights)
        if LOSSES[name].reports_mean_over_outputs:
            theirs *= u.shape[1]
        # Clipping at machine epsilon changes each probability by up to epsilon. Subtraction from 1 loses exp(u)
        # epsilons, for u below 4 * 3.5.
        atol = np.exp(14) * np.finfo(float).eps
        np.testing.assert_allclose(loss / weights.sum(), theirs, rtol=1e-12, atol=atol)


@pytest.mark.parametrize("name", TWINS)
def test_losses_average_over_outputs_where_scikit_learn_does(name):
    one_output = np.array([[0.25], [0.5]]), np.array([[1.0], [0.0]])
    three_outputs = tuple(np.repeat(array, 3, axis=1) for array in one_output)
    if name == "log_loss":
        assert not LOSSES[name].reports_mean_over_outputs
    else:
        ratio = LOSS_FUNCTIONS[name](*reversed(three_outputs)) / LOSS_FUNCTIONS[name](*reversed(one_output))
        assert round(ratio) == (1 if LOSSES[name].reports_mean_over_outputs else 3)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("n_outputs", [1, 2, 5])
def test_deltas_are_the_difference_quotients_of_the_loss(name, n_outputs):
    u, y, weights = draw(name, np.float64, n_outputs=n_outputs, scale=1.0)
    _, deltas = compute(name, u, y, weights)
    step = 1e-3
    stencil = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    quotients = np.zeros_like(u)
    for place in np.ndindex(u.shape):
        for multiple, coefficient in stencil.items():
            shifted = u.copy()
            shifted[place] += multiple * step
            quotients[place] += coefficient / step * compute(name, shifted, y, weights)[0]
    _, _, magnitudes = twin(name, u, y, weights)
    # Truncation: step^4 / 30 times the fifth derivative, at most exp(u) (Poisson). Rounding: 1.5 / step times that of
    # the sum of all rows.
    truncation = step**4 / 30 * 2 * np.exp(np.abs(u).max())
    rounding = 1.5 / step * (u.size + 10) * np.finfo(float).eps * magnitudes.sum()
    assert truncation + rounding < 1e-8
    np.testing.assert_allclose(deltas, quotients, rtol=0, atol=truncation + rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [10.0, 30.0, 100.0, 1e3, 1e4, "huge"])
def test_confident_wrong_classification_has_its_margin_as_loss(size, dtype):
    size = dtype(np.finfo(dtype).max / 4 if size == "huge" else size)
    weights = np.array([1.0, 0.5], dtype)
    # The exact loss is margin + log(1 + exp(-margin)).
    margin = float(size)
    cost = margin + np.log1p(np.exp(-margin))
    rtol = 2 * MAX_ERROR["softplus"] * np.finfo(dtype).eps

    loss, deltas = compute("binary_log_loss", np.array([[size], [-size]], dtype), np.array([[0], [1]], dtype), weights)
    np.testing.assert_allclose(loss, 1.5 * cost, rtol=rtol)
    np.testing.assert_allclose(deltas, [[1 / (1 + np.exp(-margin))], [-0.5 / (1 + np.exp(-margin))]], rtol=rtol)

    u = np.array([[size, 0], [-size, 0]], dtype)
    loss, deltas = compute("log_loss", u, np.array([[1], [0]], dtype), weights)
    np.testing.assert_allclose(loss, 1.5 * cost, rtol=rtol)
    wrong = 1 / (1 + np.exp(-margin))
    np.testing.assert_allclose(deltas, [[wrong, -wrong], [-0.5 * wrong, 0.5 * wrong]], rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_margin_of_the_log_loss_does_not_overflow_before_the_loss_does(dtype):
    # In float32, twice the maximum is a float64 number. In float64, half the maximum gives the largest finite
    # difference.
    size = np.finfo(dtype).max if dtype == np.float32 else np.finfo(dtype).max / 2
    u = np.array([[size, -size, 0]], dtype)
    loss, deltas = compute("log_loss", u, np.ones((1, 1), dtype), np.ones(1, dtype))
    np.testing.assert_allclose(loss, 2 * float(size), rtol=1e-15)
    np.testing.assert_array_equal(deltas, [[1, -1, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["log_loss", "binary_log_loss"])
def test_confident_right_classification_has_almost_no_loss(name, dtype):
    u = np.array([[1e4, 0, -1e4], [50, 0, -50]], dtype)[:, ::2].copy()
    y = np.array([[0], [0]] if name == "log_loss" else [[1, 0], [1, 0]], dtype)
    loss, deltas = compute(name, u, y, np.ones(2, dtype))
    assert 0 <= loss < np.finfo(dtype).eps
    assert np.abs(deltas).max() < np.finfo(dtype).eps


def test_small_binary_log_loss_keeps_its_relative_accuracy():
    u = np.array([[40.0], [100.0], [600.0]])
    for row in u:
        loss, _ = compute("binary_log_loss", row[None], np.ones((1, 1)), np.ones(1))
        np.testing.assert_allclose(loss, np.exp(-row[0]), rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["log_loss", "binary_log_loss"])
def test_the_cap_limits_the_loss_of_an_output_but_not_its_delta(name, dtype):
    u = np.array([[1e3, 0], [2, 0]], dtype)
    y = np.array([[1], [0]] if name == "log_loss" else [[0, 1], [1, 0]], dtype)
    weights = np.array([2, 1], dtype)
    capped, capped_deltas = compute(name, u, y, weights, SCIKIT_LEARN_CAP)
    _, deltas = compute(name, u, y, weights)
    # The first output of the first row is wrong and capped. The others follow the formula.
    others = np.log1p(np.exp(-2)) if name == "log_loss" else 2 * np.log(2) + np.log1p(np.exp(-2)) + np.log(2)
    np.testing.assert_allclose(capped, 2 * SCIKIT_LEARN_CAP + others, rtol=10 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(capped_deltas, deltas)
    assert deltas[0, 0] == 2


@pytest.mark.parametrize("name", ["log_loss", "binary_log_loss"])
def test_cap_is_where_scikit_learn_clips(name):
    u = np.array([[1e3, -1e3]])
    y = np.array([[0.0, 1.0]])
    theirs = LOSS_FUNCTIONS[name](y, LOSSES[name].predict(u.copy()))
    loss, _ = compute(name, u, np.array([[1.0]]) if name == "log_loss" else y, np.ones(1), SCIKIT_LEARN_CAP)
    # 1 - (1 - eps) is exactly eps, so only the logarithm rounds.
    np.testing.assert_allclose(loss, theirs, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["squared_error", "poisson"])
def test_cap_is_for_log_losses_only(name, dtype):
    u, y, weights = draw(name, dtype)
    assert compute(name, u, y, weights, 1e-3)[0] == compute(name, u, y, weights)[0] > 1e-3 * len(u)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_rows_of_weight_zero_do_not_count(name, dtype):
    u, y, weights = draw(name, dtype)
    weights[:] = np.arange(len(weights)) % 3
    loss, deltas = compute(name, u, y, weights)
    kept = weights > 0
    loss_of_kept, deltas_of_kept = compute(name, *(np.ascontiguousarray(array[kept]) for array in (u, y, weights)))
    assert loss == loss_of_kept
    np.testing.assert_array_equal(deltas[kept], deltas_of_kept)
    np.testing.assert_array_equal(deltas[~kept], 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_integer_weights_count_as_repeated_rows(name, dtype):
    u, y, _ = draw(name, dtype)
    counts = np.arange(len(u)) % 4
    loss, deltas = compute(name, u, y, counts.astype(dtype))
    repeated = [np.repeat(array, counts, axis=0) for array in (u, y)]
    repeated_loss, repeated_deltas = compute(name, *repeated, np.ones(counts.sum(), dtype))
    # The losses are the same float64 numbers, added in another order.
    np.testing.assert_allclose(loss, repeated_loss, rtol=1e-14)
    owner = np.repeat(np.arange(len(u)), counts)
    sums = np.zeros(u.shape)
    np.add.at(sums, owner, repeated_deltas.astype(np.float64))
    np.testing.assert_allclose(deltas, sums, rtol=0, atol=20 * np.finfo(dtype).eps * (1 + np.abs(sums).max()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson_loss_of_count_zero_is_the_mean(dtype):
    u = np.array([[-1e4], [-20.0], [0.0], [3.0]], dtype)
    loss, deltas = compute("poisson", u, np.zeros_like(u), np.ones(4, dtype))
    rtol = MAX_ERROR["exp"] * np.finfo(dtype).eps
    np.testing.assert_allclose(loss, np.exp(u.astype(float)).sum(), rtol=rtol)
    np.testing.assert_allclose(deltas, np.exp(u.astype(float)), rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_poisson_loss_is_finite_for_a_mean_far_too_small(size, dtype):
    # The mean underflows to zero, in float32 for both sizes. The loss is y (log y + size - 1).
    loss, deltas = compute("poisson", np.array([[-size]], dtype), np.full((1, 1), 3, dtype), np.ones(1, dtype))
    np.testing.assert_allclose(loss, 3 * (np.log(3) + size - 1), rtol=1e-14)
    np.testing.assert_array_equal(deltas, [[-3]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson_loss_is_zero_and_flat_at_the_count(dtype):
    y = np.array([[0.5], [1], [7], [1000]], dtype)
    u = np.log(y)
    loss, deltas = compute("poisson", u, y, np.ones(4, dtype))
    # The loss has no first-order term, and the second-order term is y du^2 / 2. The mean has the relative error eps (2
    # + |u|).
    error = np.finfo(dtype).eps * (MAX_ERROR["exp"] + 1 + np.abs(u)) * y
    assert abs(loss) <= error.sum()
    assert np.all(np.abs(deltas) <= error)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squared_error_does_not_overflow_before_the_loss_does(dtype):
    size = 1e30 if dtype == np.float32 else 1e150
    loss, deltas = compute("squared_error", np.array([[size]], dtype), np.zeros((1, 1), dtype), np.ones(1, dtype))
    np.testing.assert_allclose(loss, size**2 / 2, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(deltas, [[dtype(size)]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cap", [np.inf, SCIKIT_LEARN_CAP])
@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_preactivations_give_nan_losses_and_deltas(name, place, cap, dtype):
    u, y, _ = draw(name, dtype)
    u[4, place] = np.nan
    loss, deltas = compute(name, u, y, np.ones(len(u), dtype), cap)
    assert np.isnan(loss)
    assert np.isnan(deltas[4, place])
    assert np.isfinite(np.delete(deltas, 4, axis=0)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_deltas_and_predictions_have_the_dtype_of_the_preactivations(name, dtype):
    u, y, weights = draw(name, dtype)
    loss, deltas = compute(name, u, y, weights)
    assert isinstance(loss, float)
    assert deltas.dtype == dtype
    assert LOSSES[name].predict(u).dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_weighted_delta_is_prediction_minus_target(name, dtype):
    # Each of these losses belongs to its output activation, so its gradient is the residual.
    u, y, weights = draw(name, dtype)
    _, deltas = compute(name, u, y, weights)
    if name == "log_loss":
        y = np.eye(u.shape[1], dtype=dtype)[y[:, 0].astype(int)]
    predictions = LOSSES[name].predict(u.copy())
    size = 1 + np.abs(predictions) + np.abs(y)
    error = 20 * np.finfo(dtype).eps * weights[:, None] * size
    assert np.all(np.abs(deltas - weights[:, None] * (predictions - y)) <= error)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_predictions_of_huge_preactivations_reach_their_limits(name, dtype):
    huge = np.finfo(dtype).max / 4
    with np.errstate(over="ignore"):
        predictions = LOSSES[name].predict(np.array([[huge, -huge, 0]], dtype))
    expected = {
        "squared_error": [[huge, -huge, 0]],
        "poisson": [[np.inf, 0, 1]],
        "log_loss": [[1, 0, 0]],
        "binary_log_loss": [[1, 0, 0.5]],
    }[name]
    np.testing.assert_array_equal(predictions, np.array(expected, dtype))
