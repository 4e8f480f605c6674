"""The solvers' steps against plain NumPy twins."""

import numpy as np
import pytest

from skinit.kernels.updates import UPDATES, compile_update

DTYPES = [np.float32, np.float64]
SIZE = 23
N_STEPS = 6
ALPHA = 0.3
WEIGHT_SUM = 7.5
N_SLOTS = {"sgd": 1, "adam": 2, "accumulate": 1}
SCALARS = {
    "sgd": [0.1, 0.9, 1.0],
    "adam": [0.01, 0.9, 0.999, 1e-8, 0.0],
    "accumulate": [0.0],
}


def sgd_twin(theta, gradients, n_weights, learning_rate, momentum, nesterov):
    """I. Sutskever et al. (2013), as scikit-learn writes it: velocity first, then a look ahead with Nesterov."""
    theta = theta.astype(np.float64)
    penalized = np.arange(theta.size) < n_weights
    velocity = np.zeros_like(theta)
    for gradient in gradients.astype(np.float64):
        slope = (gradient + ALPHA * theta * penalized) / WEIGHT_SUM
        velocity = momentum * velocity - learning_rate * slope
        theta = theta + (momentum * velocity - learning_rate * slope if nesterov else velocity)
        yield theta, velocity


def adam_twin(theta, gradients, n_weights, learning_rate, beta_1, beta_2, epsilon):
    """D. P. Kingma and J. Ba (2015), section 2: epsilon is added before the bias is corrected in the learning rate."""
    theta = theta.astype(np.float64)
    penalized = np.arange(theta.size) < n_weights
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, gradient in enumerate(gradients.astype(np.float64), start=1):
        slope = (gradient + ALPHA * theta * penalized) / WEIGHT_SUM
        m = beta_1 * m + (1 - beta_1) * slope
        v = beta_2 * v + (1 - beta_2) * slope**2
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        theta = theta - rate * m / (np.sqrt(v) + epsilon)
        yield theta, m, v


def draw(dtype, n_steps=N_STEPS):
    rng = np.random.default_rng(0)
    return rng.normal(size=SIZE).astype(dtype), rng.normal(size=(n_steps, SIZE)).astype(dtype)


def step_and_compare(name, dtype, n_weights, scalars, twin):
    """Step alongside a twin, which yields theta and then the slots, and compare after each step."""
    theta, gradients = draw(dtype)
    expected = twin(theta.copy(), gradients, n_weights)
    slots = np.zeros((N_SLOTS[name], SIZE), dtype)
    scalars = np.array(scalars)
    kernel = compile_update(name, np.dtype(dtype))
    for gradient in gradients:
        squared_norm = np.sum(theta[:n_weights].astype(np.float64) ** 2)
        returned = kernel(theta, gradient.copy(), slots, scalars, n_weights, ALPHA, WEIGHT_SUM)
        # The norm of the weights before the step, summed in float64 in any order.
        np.testing.assert_allclose(returned, squared_norm, rtol=1e-14)
        # Entries and gradients are of size 1; each of a handful of steps takes some ten roundings, and Adam's
        # division by the root of v keeps what is relative.
        atol = 10 * N_STEPS * np.finfo(dtype).eps
        for result, exact in zip([theta, *slots], next(expected), strict=True):
            np.testing.assert_allclose(result, exact, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_weights", [0, 1, 17, SIZE])
@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_steps_like_its_twin(nesterov, momentum, n_weights, dtype):
    def twin(theta, gradients, n_weights):
        return sgd_twin(theta, gradients, n_weights, 0.1, momentum, nesterov)

    step_and_compare("sgd", dtype, n_weights, [0.1, momentum, float(nesterov)], twin)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_weights", [0, 1, 17, SIZE])
@pytest.mark.parametrize(
    ("beta_1", "beta_2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.0, 1e-8), (0.0, 0.99, 0.1), (0.5, 0.9, 1.0)]
)
def test_adam_steps_like_its_twin(beta_1, beta_2, epsilon, n_weights, dtype):
    def twin(theta, gradients, n_weights):
        return adam_twin(theta, gradients, n_weights, 0.01, beta_1, beta_2, epsilon)

    step_and_compare("adam", dtype, n_weights, [0.01, beta_1, beta_2, epsilon, 0.0], twin)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_without_momentum_descends_along_the_gradient_either_way(dtype):
    results = []
    for nesterov in (0.0, 1.0):
        theta, (gradient, *_) = draw(dtype)
        slots = np.zeros((1, SIZE), dtype)
        compile_update("sgd", np.dtype(dtype))(theta, gradient, slots, np.array([0.5, 0.0, nesterov]), SIZE, 0.0, 2.0)
        results.append(theta)
    start, _ = draw(dtype)
    np.testing.assert_allclose(results[0], start - gradient / 4, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", DTYPES)
def test_first_adam_step_is_the_learning_rate_in_the_direction_of_the_signs(dtype):
    start, (gradient, *_) = draw(dtype)
    theta = start.copy()
    compile_update("adam", np.dtype(dtype))(
        theta, gradient, np.zeros((2, SIZE), dtype), np.array([0.01, 0.9, 0.999, 1e-30, 0.0]), SIZE, 0.0, 1.0
    )
    # m / sqrt(v) is exactly the sign times sqrt((1 - beta_1)^2 / (1 - beta_2)), which the correction undoes.
    np.testing.assert_allclose(theta, start - 0.01 * np.sign(gradient), rtol=0, atol=4 * np.finfo(dtype).eps)


def test_adam_counts_its_steps_and_goes_on_from_any_count():
    theta, gradients = draw(np.float64)
    kernel = compile_update("adam", np.dtype(np.float64))
    slots, scalars = np.zeros((2, SIZE)), np.array(SCALARS["adam"])
    for n_steps, gradient in enumerate(gradients, start=1):
        # As between mini-batches of two calls, or after a copy of the solver.
        scalars, slots = scalars.copy(), slots.copy()
        kernel(theta, gradient, slots, scalars, SIZE, ALPHA, WEIGHT_SUM)
        assert scalars[4] == n_steps
        np.testing.assert_array_equal(scalars[:4], SCALARS["adam"][:4])
    *_, (expected, _, _) = adam_twin(*draw(np.float64), SIZE, *SCALARS["adam"][:4])
    np.testing.assert_allclose(theta, expected, rtol=0, atol=10 * N_STEPS * np.finfo(float).eps)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_penalty_shrinks_weights_and_leaves_intercepts_alone(dtype, name):
    theta = np.ones(SIZE, dtype)
    kernel = compile_update(name, np.dtype(dtype))
    kernel(theta, np.zeros(SIZE, dtype), np.zeros((2, SIZE), dtype), np.array(SCALARS[name]), 17, ALPHA, WEIGHT_SUM)
    assert np.all(theta[:17] < 1)
    np.testing.assert_array_equal(theta[17:], 1)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_penalty_is_divided_by_the_sum_of_weights_like_the_gradient(name):
    # The gradient of ||W||^2 alpha / 2 is that of a loss, so that both scales together cancel.
    results = []
    for factor in (1.0, 16.0):
        theta, gradients = draw(np.float64)
        slots, scalars = np.zeros((N_SLOTS[name], SIZE)), np.array(SCALARS[name])
        for gradient in gradients:
            compile_update(name, np.dtype(np.float64))(
                theta, factor * gradient, slots, scalars, 17, factor * ALPHA, factor * WEIGHT_SUM
            )
        results.append(theta)
    # Powers of two: to the bit.
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squared_norm_of_large_float32_weights_does_not_overflow(dtype):
    theta = np.full(SIZE, 1e30, dtype)
    kernel = compile_update("sgd", np.dtype(dtype))
    returned = kernel(theta, np.zeros(SIZE, dtype), np.zeros((1, SIZE), dtype), np.zeros(3), 20, 0.0, 1.0)
    np.testing.assert_allclose(returned, 20 * float(dtype(1e30)) ** 2, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_weights", [0, 17, SIZE])
def test_accumulate_adds_the_gradients_and_moves_nothing(n_weights, dtype):
    theta, gradients = draw(dtype)
    before = theta.copy()
    slots = np.zeros((1, SIZE), dtype)
    kernel = compile_update("accumulate", np.dtype(dtype))
    for gradient in gradients:
        kernel(theta, gradient, slots, np.zeros(1), n_weights, ALPHA, WEIGHT_SUM)
    np.testing.assert_array_equal(theta, before)
    # The same sums in the same order.
    expected = np.zeros(SIZE, dtype)
    for gradient in gradients:
        expected += gradient
    np.testing.assert_array_equal(slots[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UPDATES)
def test_a_step_does_not_touch_the_gradient(name, dtype):
    theta, (gradient, *_) = draw(dtype)
    before = gradient.copy()
    slots = np.zeros((N_SLOTS[name], SIZE), dtype)
    compile_update(name, np.dtype(dtype))(theta, gradient, slots, np.array(SCALARS[name]), 17, ALPHA, WEIGHT_SUM)
    np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_float32_steps_far_apart_in_size_stay_finite(name):
    # Squares of gradients underflow and overflow float32 long before the gradients do.
    theta = np.ones(4, np.float32)
    gradient = np.array([0, 1e-30, -1e18, 1e-45], np.float32)
    slots, scalars = np.zeros((N_SLOTS[name], 4), np.float32), np.array(SCALARS[name])
    for _ in range(3):
        compile_update(name, np.dtype(np.float32))(theta, gradient, slots, scalars, 4, 0.0, 1.0)
    assert np.isfinite(theta).all()
    assert theta[0] == 1
    assert theta[2] > 1
