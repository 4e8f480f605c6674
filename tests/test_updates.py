"""The steps of the solvers against plain NumPy twins."""

from itertools import pairwise

import numpy as np
import pytest

from skinit.kernels.updates import UPDATES, compile_update

DTYPES = [np.float32, np.float64]
SIZE = 23
N_STEPS = 6
ALPHA = 0.3
WEIGHT_SUM = 7.5
N_SLOTS = {"sgd": 1, "adam": 2}
RATES = {"sgd": 0.1, "adam": 0.01}
CONSTANTS = {"sgd": [0.9, 1.0], "adam": [0.9, 0.999, 1e-8]}


def take_step(name, theta, gradient, slots, number=1, rate=None, constants=None, n_weights=SIZE, cuts=(), **sums):
    """Take a step of all parameters, in ranges that end between weights and intercepts and at `cuts`."""
    step = compile_update(name, theta.dtype)
    rate = RATES[name] if rate is None else rate
    constants = np.array(CONSTANTS[name] if constants is None else constants)
    alpha, weight_sum, keep = sums.get("alpha", ALPHA), sums.get("weight_sum", WEIGHT_SUM), sums.get("keep", 1.0)
    edges = sorted({0, n_weights, *cuts, theta.size})
    for start, stop in pairwise(edges):
        penalty = alpha if start < n_weights else 0.0
        part = slice(start, stop)
        kept = keep if start < n_weights else 1.0
        step(theta[part], gradient[part], slots, start, constants, rate, number, penalty, kept, 1 / weight_sum)


def sgd_twin(theta, gradients, n_weights, learning_rate, momentum, nesterov):
    """SGD of I. Sutskever et al. (2013), in scikit-learn's form: velocity first, then a look ahead with Nesterov."""
    theta = theta.astype(np.float64)
    penalized = np.arange(theta.size) < n_weights
    velocity = np.zeros_like(theta)
    for gradient in gradients.astype(np.float64):
        slope = (gradient + ALPHA * theta * penalized) / WEIGHT_SUM
        velocity = momentum * velocity - learning_rate * slope
        theta = theta + (momentum * velocity - learning_rate * slope if nesterov else velocity)
        yield theta, velocity


def adam_twin(theta, gradients, n_weights, learning_rate, beta_1, beta_2, epsilon):
    """Adam of D. P. Kingma and J. Ba (2015), section 2: epsilon is added before the learning rate corrects the bias."""
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


def step_and_compare(name, dtype, n_weights, rate, constants, twin):
    """Step alongside a twin, which yields theta and the slots, and compare after each step."""
    theta, gradients = draw(dtype)
    expected = twin(theta.copy(), gradients, n_weights)
    slots = np.zeros((N_SLOTS[name], SIZE), dtype)
    for number, gradient in enumerate(gradients, start=1):
        take_step(name, theta, gradient, slots, number, rate, constants, n_weights)
        # Entries and gradients are of size 1. Each of a handful of steps takes some ten roundings, and Adam's division
        # by the root of v keeps relative errors.
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

    step_and_compare("sgd", dtype, n_weights, 0.1, [momentum, float(nesterov)], twin)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_weights", [0, 1, 17, SIZE])
@pytest.mark.parametrize(
    ("beta_1", "beta_2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.0, 1e-8), (0.0, 0.99, 0.1), (0.5, 0.9, 1.0)]
)
def test_adam_steps_like_its_twin(beta_1, beta_2, epsilon, n_weights, dtype):
    def twin(theta, gradients, n_weights):
        return adam_twin(theta, gradients, n_weights, 0.01, beta_1, beta_2, epsilon)

    step_and_compare("adam", dtype, n_weights, 0.01, [beta_1, beta_2, epsilon], twin)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("n_weights", [0, 17, SIZE])
@pytest.mark.parametrize("dtype", DTYPES)
def test_weight_decay_is_subtracted_after_a_step_without_decay(name, n_weights, dtype):
    """I. Loshchilov and F. Hutter (2019), algorithm 2: the decay does not enter the moments."""
    start, (gradient, *_) = draw(dtype)
    results = []
    for keep in (1.0, 0.75):
        theta, slots = start.copy(), np.zeros((N_SLOTS[name], SIZE), dtype)
        take_step(name, theta, gradient, slots, n_weights=n_weights, keep=keep)
        results.append((theta, slots))
    (without, slots), (with_decay, slots_with_decay) = results
    np.testing.assert_array_equal(slots, slots_with_decay)
    decay = np.where(np.arange(SIZE) < n_weights, start / 4, 0)
    np.testing.assert_allclose(with_decay, without - decay, rtol=0, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_without_momentum_descends_along_the_gradient_with_and_without_nesterov(dtype):
    results = []
    for nesterov in (0.0, 1.0):
        theta, (gradient, *_) = draw(dtype)
        slots = np.zeros((1, SIZE), dtype)
        take_step("sgd", theta, gradient, slots, rate=0.5, constants=[0.0, nesterov], alpha=0.0, weight_sum=2.0)
        results.append(theta)
    start, _ = draw(dtype)
    np.testing.assert_allclose(results[0], start - gradient / 4, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", DTYPES)
def test_first_adam_step_is_the_learning_rate_times_the_signs(dtype):
    start, (gradient, *_) = draw(dtype)
    theta = start.copy()
    slots = np.zeros((2, SIZE), dtype)
    take_step("adam", theta, gradient, slots, constants=[0.9, 0.999, 1e-30], alpha=0.0, weight_sum=1.0)
    # m / sqrt(v) is exactly the sign times sqrt((1 - beta_1)^2 / (1 - beta_2)), which the bias correction removes.
    np.testing.assert_allclose(theta, start - 0.01 * np.sign(gradient), rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_how_a_step_is_split_into_ranges(name, dtype):
    results = []
    for cuts in ((), (1, 2, 9, 16), range(SIZE)):
        theta, gradients = draw(dtype)
        slots = np.zeros((N_SLOTS[name], SIZE), dtype)
        for number, gradient in enumerate(gradients, start=1):
            take_step(name, theta, gradient, slots, number, n_weights=17, cuts=cuts)
        results.append([theta, *slots])
    for other in results[1:]:
        for result, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_penalty_shrinks_weights_and_leaves_intercepts_alone(dtype, name):
    theta = np.ones(SIZE, dtype)
    take_step(name, theta, np.zeros(SIZE, dtype), np.zeros((2, SIZE), dtype), n_weights=17)
    assert np.all(theta[:17] < 1)
    np.testing.assert_array_equal(theta[17:], 1)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_penalty_is_divided_by_the_sum_of_weights_like_the_gradient(name):
    # alpha ||W||^2 / 2 scales like a loss, so a common factor of gradient, alpha and sum of weights cancels.
    results = []
    for factor in (1.0, 16.0):
        theta, gradients = draw(np.float64)
        slots = np.zeros((N_SLOTS[name], SIZE))
        sums = {"alpha": factor * ALPHA, "weight_sum": factor * WEIGHT_SUM}
        for number, gradient in enumerate(gradients, start=1):
            take_step(name, theta, factor * gradient, slots, number, n_weights=17, **sums)
        results.append(theta)
    # The factor is a power of two, so the bits are equal.
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UPDATES)
def test_a_step_does_not_touch_the_gradient(name, dtype):
    theta, (gradient, *_) = draw(dtype)
    before = gradient.copy()
    slots = np.zeros((N_SLOTS[name], SIZE), dtype)
    take_step(name, theta, gradient, slots, n_weights=17)
    np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_float32_steps_far_apart_in_size_stay_finite(name):
    # Squares of gradients underflow and overflow float32 long before the gradients do.
    theta = np.ones(4, np.float32)
    gradient = np.array([0, 1e-30, -1e18, 1e-45], np.float32)
    slots = np.zeros((N_SLOTS[name], 4), np.float32)
    for number in range(1, 4):
        take_step(name, theta, gradient, slots, number, n_weights=4, alpha=0.0, weight_sum=1.0)
    assert np.isfinite(theta).all()
    assert theta[0] == 1
    assert theta[2] > 1
