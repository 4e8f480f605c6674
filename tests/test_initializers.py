"""Initializers: their draws against the formulas, their promises for whole networks, names and errors.

Tolerances of moments are five standard errors, so a correct implementation fails with a probability of 1e-6. The
seeds are fixed.
"""

import pickle

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor as ReferenceRegressor
from twins import ACTIVATIONS, SELU_ALPHA, SELU_SCALE, propagate

from skinit import MLPRegressor
from skinit.engine.network import Network
from skinit.initializers import (
    Constant,
    Hessian,
    Identity,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    ScikitLearn,
    Sparse,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    gain,
    get_initializer,
    get_initializer_names,
)
from skinit.initializers.base import FunctionInitializer

EPS = np.finfo(float).eps
STANDARD_ERRORS = 5
SHAPES = [(1, 1), (7, 3), (3, 7)]


def make_network(layer_sizes, activation="relu", dtype=np.float64):
    return Network(layer_sizes, activation, "squared_error", np.dtype(dtype))


def initialized(init, layer_sizes, activation="relu", dtype=np.float64, seed=0):
    network = make_network(layer_sizes, activation, dtype)
    get_initializer(init, activation).initialize(network, np.random.RandomState(seed))
    return network


def draw(initializer, shape, n_draws, seed=0):
    rng = np.random.RandomState(seed)
    return np.array([initializer.sample(shape, rng) for _ in range(n_draws)])


def assert_distributed(sample, distribution):
    """Check the mean, variance and distribution function of independent draws."""
    n = sample.size
    std = distribution.std()
    kurtosis = distribution.stats("k") + 3
    assert abs(sample.mean() - distribution.mean()) <= STANDARD_ERRORS * std / np.sqrt(n)
    assert abs(sample.var() / std**2 - 1) <= STANDARD_ERRORS * np.sqrt((kurtosis - 1) / n)
    # P(sup |F_n - F| > c / sqrt(n)) <= 2 exp(-2 c^2), which is 1e-5 for c = 2.5 (Dvoretzky, Kiefer, Wolfowitz,
    # Massart).
    assert scipy.stats.kstest(sample.ravel(), distribution.cdf).statistic <= 2.5 / np.sqrt(n)


def distribution_of(name, std):
    """Return a distribution of mean zero and standard deviation `std`."""
    if name == "normal":
        return scipy.stats.norm(scale=std)
    if name == "uniform":
        return scipy.stats.uniform(-np.sqrt(3) * std, 2 * np.sqrt(3) * std)
    return scipy.stats.truncnorm(-2, 2, scale=std / scipy.stats.truncnorm.std(-2, 2))


# Draws.


@pytest.mark.parametrize("std", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (RandomNormal, "normal"),
        (lambda std: RandomUniform(np.sqrt(3) * std), "uniform"),
        (TruncatedNormal, "truncated_normal"),
    ],
    ids=["normal", "uniform", "truncated_normal"],
)
def test_random_weights_have_their_distribution(make, name, std):
    assert_distributed(draw(make(std), (60, 40), 50), distribution_of(name, std))


def test_uniform_weights_fill_their_bounds():
    sample = draw(RandomUniform(0.3), (60, 40), 50)
    # With probability 1 - e^-40, one of n magnitudes is in the last 40 / n of the range.
    assert 0.3 * (1 - 40 / sample.size) < np.abs(sample).max() <= 0.3


def test_truncated_normal_is_cut_at_twice_its_scale_before_the_cut():
    sample = draw(TruncatedNormal(0.1), (60, 40), 50)
    cut = 2 * 0.1 / scipy.stats.truncnorm.std(-2, 2)
    assert cut == pytest.approx(0.2274, abs=1e-4)
    assert 0.99 * cut < np.abs(sample).max() <= cut


@pytest.mark.parametrize("shape", [(30, 50), (50, 30), (40, 40), (1, 60), (60, 1)])
@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_variance_scaling_has_its_variance(mode, distribution, shape):
    scale = 1.7
    sample = draw(VarianceScaling(scale, mode, distribution), shape, 60_000 // (shape[0] * shape[1]))
    n = {"fan_in": shape[0], "fan_out": shape[1], "fan_avg": sum(shape) / 2}[mode]
    assert_distributed(sample, distribution_of(distribution, np.sqrt(scale / n)))


@pytest.mark.parametrize(
    ("name", "numerator", "denominator", "distribution"),
    [
        *((name, 2, (1, 1), "normal") for name in ("xavier_normal", "glorot_normal")),
        *((name, 2, (1, 1), "uniform") for name in ("xavier", "xavier_uniform", "glorot", "glorot_uniform")),
        *((name, 2, (1, 0), "normal") for name in ("he", "he_normal", "kaiming", "kaiming_normal")),
        *((name, 2, (1, 0), "uniform") for name in ("he_uniform", "kaiming_uniform")),
        ("lecun_normal", 1, (1, 0), "normal"),
        ("lecun_uniform", 1, (1, 0), "uniform"),
    ],
)
def test_named_schemes_have_the_published_variance(name, numerator, denominator, distribution):
    # Glorot and Bengio: 2 / (d_in + d_out). He et al.: 2 / d_in. LeCun et al.: 1 / d_in.
    shape = (25, 40)
    variance = numerator / np.dot(denominator, shape)
    assert_distributed(draw(get_initializer(name), shape, 60), distribution_of(distribution, np.sqrt(variance)))


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 7), (20, 20), (1, 9), (9, 1)])
@pytest.mark.parametrize("factor", [1.0, 2.5, -0.5])
def test_orthogonal_weights_have_orthogonal_rows_or_columns_of_the_gain(shape, factor):
    for W in draw(Orthogonal(factor), shape, 5):
        products = W.T @ W if shape[0] >= shape[1] else W @ W.T
        np.testing.assert_allclose(products, factor**2 * np.eye(min(shape)), atol=100 * EPS * factor**2)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5)])
def test_orthogonal_weights_are_uniformly_distributed(shape):
    sample = draw(Orthogonal(1.0), shape, 2000)
    # No entry prefers a sign, as it does if the signs of a QR factorization are not corrected. Each has the variance 1
    # / (longer side), and a fourth moment below that of a normal number.
    longer = max(shape)
    assert np.all(np.abs(sample.mean(axis=0)) <= STANDARD_ERRORS / np.sqrt(longer * 2000))
    assert np.all(np.abs(longer * (sample**2).mean(axis=0) - 1) <= STANDARD_ERRORS * np.sqrt(2 / 2000))
    if shape[0] == shape[1]:
        # The trace of a uniformly distributed orthogonal matrix of three or more rows has mean 0, variance 1, and the
        # first three moments of a standard normal number (P. Diaconis and M. Shahshahani, 1994).
        traces = np.trace(sample, axis1=1, axis2=2)
        assert abs(traces.mean()) <= STANDARD_ERRORS / np.sqrt(2000)
        assert abs((traces**2).mean() - 1) <= STANDARD_ERRORS * (traces**2).std() / np.sqrt(2000)


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_orthogonal_gain_auto_is_1_in_the_output_layer(activation):
    network = initialized("orthogonal", (5, 9, 9, 4), activation)
    expected = [gain(activation), gain(activation), 1.0]
    for coef, factor in zip(network.coefs, expected, strict=True):
        np.testing.assert_allclose(np.linalg.svd(coef, compute_uv=False), factor, rtol=100 * EPS)


@pytest.mark.parametrize("k", [1, 4, 15])
def test_sparse_units_see_exactly_k_inputs_with_the_documented_variance(k):
    fan_in, fan_out, n_draws = 30, 50, 40
    sample = draw(Sparse(n_inputs=k, scale=2.0), (fan_in, fan_out), n_draws)
    np.testing.assert_array_equal((sample != 0).sum(axis=1), k)
    assert_distributed(sample[sample != 0], distribution_of("normal", np.sqrt(2.0 / k)))
    # Every input is equally likely, so the number of units that see it is binomial.
    share, n = k / fan_in, n_draws * fan_out
    seen = (sample != 0).sum(axis=(0, 2))
    assert np.all(np.abs(seen / n - share) <= STANDARD_ERRORS * np.sqrt(share * (1 - share) / n))


def test_sparse_units_choose_their_inputs_independently():
    chosen = draw(Sparse(n_inputs=3), (10, 2), 3000) != 0
    # The number of inputs that two units share is hypergeometric.
    shared = (chosen[:, :, 0] & chosen[:, :, 1]).sum(axis=1)
    expected = scipy.stats.hypergeom(10, 3, 3)
    assert abs(shared.mean() - expected.mean()) <= STANDARD_ERRORS * expected.std() / np.sqrt(3000)


@pytest.mark.parametrize("shape", SHAPES)
def test_sparse_units_see_all_inputs_if_there_are_fewer_than_k(shape):
    sample = draw(Sparse(n_inputs=15), shape, 5000)
    assert np.all(sample != 0)
    assert_distributed(sample, distribution_of("normal", np.sqrt(1 / shape[0])))


@pytest.mark.parametrize("shape", SHAPES)
def test_constants_and_identities_have_their_values(shape):
    np.testing.assert_array_equal(Zeros().sample(shape, None), np.zeros(shape))
    np.testing.assert_array_equal(Constant(-2.5).sample(shape, None), np.full(shape, -2.5))
    W = Identity(1.5).sample(shape, None)
    assert W.shape == shape
    for i, j in np.ndindex(shape):
        assert W[i, j] == (1.5 if i == j else 0)
    np.testing.assert_array_equal(initialized("ones", (3, 2)).coefs[0], np.ones((3, 2)))


# Symmetry: what the documentation says of training from initializers that draw nothing.


def trained(init, activation):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    return MLPRegressor(
        hidden_layer_sizes=(4, 4),
        activation=activation,
        init=init,
        alpha=0.0,
        max_iter=5,
        tol=0.0,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softsign", "elu"])
def test_from_zeros_only_the_last_intercept_learns_if_f_of_0_is_0(activation):
    estimator = trained("zeros", activation)
    for array in [*estimator.coefs_, *estimator.intercepts_[:-1]]:
        np.testing.assert_array_equal(array, 0)
    assert np.all(estimator.intercepts_[-1] != 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", [Zeros(), Constant(0.5)], ids=repr)
def test_units_that_start_equal_stay_equal(init):
    estimator = trained(init, "logistic")
    first, second, last = estimator.coefs_
    # All weights learn, and the units of a layer stay equal. Sums may be in another order, and Adam keeps relative
    # errors.
    for coef in estimator.coefs_:
        assert np.all(coef != init.sample(coef.shape, None))
    for coef, units in ((first, first.T), (second, second.T), (last, last)):
        np.testing.assert_allclose(units, np.broadcast_to(units[0], units.shape), rtol=1e-9, atol=1e-9 * np.ptp(coef))


# Curvature.

# Slopes just below and just above zero.
SLOPES_AT_ZERO = {
    "identity": (1, 1),
    "logistic": (0.25, 0.25),
    "tanh": (1, 1),
    "relu": (0, 1),
    "leaky_relu": (0.01, 1),
    "elu": (1, 1),
    "selu": (SELU_SCALE * SELU_ALPHA, SELU_SCALE),
    "softplus": (0.5, 0.5),
    "softsign": (1, 1),
    "silu": (0.5, 0.5),
    "gelu": (0.5, 0.5),
}


def closed_form_layers(layer_sizes, activation, n_draws=60):
    coefs = [initialized("hessian_closed_form", layer_sizes, activation, seed=s).coefs for s in range(n_draws)]
    return [np.array(layer) for layer in zip(*coefs, strict=True)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hessian_closed_form_has_the_variance_of_the_formula(activation):
    largest = max(SLOPES_AT_ZERO[activation])
    root_mean_square = np.sqrt(np.mean(np.square(SLOPES_AT_ZERO[activation])))
    sizes = (30, 50, 20, 40)
    layers = closed_form_layers(sizes, activation)
    for k, sample in enumerate(layers):
        fan_in, fan_out = sizes[k : k + 2]
        if k < len(layers) - 1:
            std = 1 / (largest * np.sqrt(fan_in) + root_mean_square * np.sqrt(fan_out))
        else:
            std = 1 / (np.sqrt(fan_in) + np.sqrt(fan_out))
        assert_distributed(sample, distribution_of("normal", std))


@pytest.mark.parametrize(
    ("activation", "std"),
    [
        ("tanh", lambda fan_in, fan_out: 1 / (np.sqrt(fan_in) + np.sqrt(fan_out))),
        ("relu", lambda fan_in, fan_out: 1 / (np.sqrt(fan_in) + np.sqrt(fan_out / 2))),
        ("logistic", lambda fan_in, fan_out: 4 / (np.sqrt(fan_in) + np.sqrt(fan_out))),
    ],
)
def test_hessian_closed_form_has_the_variance_of_the_documented_special_cases(activation, std):
    hidden, output = closed_form_layers((30, 50, 20), activation)
    assert_distributed(hidden, distribution_of("normal", std(30, 50)))
    assert_distributed(output, distribution_of("normal", 1 / (np.sqrt(50) + np.sqrt(20))))


def test_square_relu_layer_has_the_documented_variance():
    d = 64
    std = 1 / (np.sqrt(d) + np.sqrt(d / 2))
    assert std**2 * d == pytest.approx(0.34, abs=0.005)
    hidden, _ = closed_form_layers((d, d, 1), "relu")
    assert_distributed(hidden, distribution_of("normal", std))


@pytest.mark.parametrize("shape", [(100, 60), (60, 100), (80, 80)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic"])
def test_hessian_closed_form_gives_layers_jacobian_norm_1(activation, shape):
    n_draws = 60
    fan_in, fan_out = shape
    norms = []
    rng = np.random.default_rng(0)
    for seed in range(n_draws):
        network = initialized("hessian_closed_form", (fan_in, fan_out, 1), activation, seed=seed)
        (hidden, _) = propagate(network, 1e-6 * rng.normal(size=(1, fan_in)))
        step = 1e-9
        value = ACTIVATIONS[activation]
        slopes = (value(hidden[0] + step) - value(hidden[0] - step)) / (2 * step)
        if activation == "relu":
            slopes = (hidden[0] > 0).astype(float)
        norms.append(np.linalg.norm(network.coefs[0] * slopes, 2))
    # The mean norm of an m x n Gaussian matrix is at most sqrt(m) + sqrt(n) (Gordon). It is smaller by 1.2065 / 2 (1 /
    # sqrt(m) + 1 / sqrt(n))^(1/3), the mean of the Tracy-Widom law (I. Johnstone, 2001). The next term is smaller by
    # the size to the power -1/3, here a quarter.
    rows, columns = np.sqrt(fan_in), np.sqrt(fan_out / 2 if activation == "relu" else fan_out)
    deficit = 1.2065 / 2 * (1 / rows + 1 / columns) ** (1 / 3) / (rows + columns)
    error = STANDARD_ERRORS * np.std(norms) / np.sqrt(n_draws)
    assert np.mean(norms) <= 1 + error
    assert abs(np.mean(norms) - (1 - deficit)) <= error + deficit / 4


# Gains, and the mean squares that they keep.


def test_gain_of_relu_is_the_root_of_2():
    for direction in ("forward", "backward"):
        assert gain("relu", direction) == pytest.approx(np.sqrt(2), rel=1e-13)
        assert gain("leaky_relu", direction) == pytest.approx(np.sqrt(2 / (1 + 0.01**2)), rel=1e-13)
        assert gain("identity", direction) == pytest.approx(1, rel=1e-13)


def test_gain_of_selu_is_1():
    # Klambauer et al. (2017) chose the scales so that mean 0 and variance 1 are kept.
    assert gain("selu") == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "published", "is_mean_square"),
    [
        ("identity", 1, True),
        ("relu", np.sqrt(2), True),
        ("leaky_relu", np.sqrt(2 / (1 + 0.01**2)), True),
        # A rule of thumb. A gain of 1.59 keeps the mean square of standard normal preactivations.
        ("tanh", 5 / 3, False),
        # PyTorch uses no gain. A gain of 1.85 keeps the mean square, most of which comes from the mean of 1/2.
        ("logistic", 1, False),
        # PyTorch's gain makes gradients stable. The self-normalizing gain is 1.
        ("selu", 3 / 4, False),
    ],
)
def test_gain_agrees_with_pytorch_where_pytorch_keeps_the_mean_square(activation, published, is_mean_square):
    assert (abs(gain(activation) / published - 1) < 1e-12) == is_mean_square


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gain_keeps_the_mean_square_of_a_normal_signal(activation, direction):
    value = ACTIVATIONS[activation]

    def signal(u):
        # The reference is accurate to the truncation of the difference, about 1e-10.
        step = 1e-5
        return value(u) if direction == "forward" else (value(u + step) - value(u - step)) / (2 * step)

    def integrand(u):
        return signal(u) ** 2 * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)

    # The integral leaves out the two steps around the kink, which the next line adds.
    mean_square = sum(scipy.integrate.quad(integrand, *ends, epsabs=1e-12)[0] for ends in [(-12, -2e-5), (2e-5, 12)])
    mean_square += 4e-5 * (signal(-3e-5) ** 2 + signal(3e-5) ** 2) / 2 / np.sqrt(2 * np.pi)
    assert gain(activation, direction) ** 2 * mean_square == pytest.approx(1, rel=1e-8)

    u = np.random.default_rng(0).normal(size=100_000)
    squares = signal(u) ** 2
    error = STANDARD_ERRORS * squares.std() / squares.mean() / np.sqrt(u.size)
    assert gain(activation, direction) ** 2 * squares.mean() == pytest.approx(1, abs=error + 1e-8)


def test_gain_of_a_misspelled_activation_or_direction_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'relu'.*activation .*'rellu'"):
        gain("rellu")
    with pytest.raises(ValueError, match="Did you mean 'backward'.*direction .*'backwards'"):
        gain("relu", "backwards")


def growth(init, activation, width, depth, n_draws, scale):
    """Return for each draw the mean square of preactivations after `depth` hidden layers over that of the first."""
    rng = np.random.default_rng(0)
    ratios = []
    for seed in range(n_draws):
        network = initialized(init, [width] * (depth + 2), activation, seed=seed)
        preactivations = propagate(network, scale * rng.normal(size=(1, width)))
        ratios.append(np.mean(preactivations[depth] ** 2) / np.mean(preactivations[0] ** 2))
    return np.array(ratios)


@pytest.mark.parametrize(
    ("init", "activation", "scale", "kurtosis"),
    [
        # The kurtosis E[f^4] / E[f^2]^2 of the contribution of one unit is 6 for relu and 3 for a linear unit.
        ("he_normal", "relu", 1.0, 6),
        ("he_uniform", "relu", 1.0, 6),
        ("auto", "relu", 1.0, 6),
        ("xavier_normal", "tanh", 1e-3, 3),
        ("xavier_uniform", "tanh", 1e-3, 3),
        ("auto", "tanh", 1e-3, 3),
        ("lecun_normal", "tanh", 1e-3, 3),
        ("lecun_uniform", "softsign", 1e-3, 3),
        ("lecun_normal", "identity", 1.0, 3),
        # The sum of squares of 15 normal inputs varies by a relative 2 / 15.
        ("sparse", "identity", 1.0, 3 * (1 + 2 / 15)),
    ],
)
def test_variance_is_kept_through_ten_layers(init, activation, scale, kurtosis):
    width, depth, n_draws = 100, 10, 60
    ratios = growth(init, activation, width, depth, n_draws, scale)
    # Each layer multiplies the mean square by a number of mean 1 and variance (kurtosis - 1) / width. The variance is
    # smaller for uniform weights, whose own kurtosis is lower.
    variance = (1 + (kurtosis - 1) / width) ** depth - 1
    assert abs(ratios.mean() - 1) <= STANDARD_ERRORS * np.sqrt(variance / n_draws)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "selu", "identity"])
def test_orthogonal_gain_auto_keeps_a_standard_normal_signal_through_ten_layers(activation):
    width, depth, n_draws = 100, 10, 30
    rng = np.random.default_rng(0)
    value = ACTIVATIONS[activation]
    outputs = []
    for seed in range(n_draws):
        network = initialized("orthogonal", [width] * (depth + 2), activation, seed=seed)
        # The inputs are the outputs of a layer before the first. The last layer has gain 1.
        preactivations = propagate(network, value(rng.normal(size=(1, width))))
        outputs.append(np.mean(preactivations[depth] ** 2) * gain(activation) ** 2)
    # The variance is bounded as in the test above. Orthogonal rows lower it, and these activations do not magnify
    # fluctuations, because f(u)^2 / u^2 does not increase.
    normal = np.random.default_rng(1).normal(size=100_000)
    kurtosis = np.mean(value(normal) ** 4) * gain(activation) ** 4
    error = STANDARD_ERRORS * np.sqrt(((1 + (kurtosis - 1) / width) ** (depth + 1) - 1) / n_draws)
    # A nonlinear map shifts the mean by a second-order effect, in each layer at most the variance of the fluctuation.
    bias = 0 if activation in ("relu", "leaky_relu", "identity") else depth * (kurtosis - 1) / width
    assert abs(np.mean(outputs) - 1) <= error + bias


def test_deep_linear_orthogonal_network_keeps_every_length():
    network = initialized("orthogonal", [30] * 12, "identity")
    X = np.random.default_rng(0).normal(size=(5, 30))
    lengths = np.linalg.norm(propagate(network, X)[-1], axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(X, axis=1), rtol=12 * 30 * EPS)


def test_fan_out_keeps_the_mean_square_of_deltas_if_widths_change():
    widths, n_draws = (60, 120, 60, 120, 60, 120), 60
    rng = np.random.default_rng(0)
    ratios = []
    for seed in range(n_draws):
        network = initialized(VarianceScaling(2.0, "fan_out"), widths, "relu", seed=seed)
        hidden = propagate(network, rng.normal(size=(1, widths[0])))[:-1]
        deltas = rng.normal(size=widths[-1]) * (rng.uniform(size=widths[-1]) < 0.5)
        first = np.mean(deltas**2)
        for coef, u in zip(network.coefs[:0:-1], hidden[::-1], strict=True):
            deltas = (coef @ deltas) * (u[0] > 0)
        ratios.append(np.mean(deltas**2) / first)
    # A normal number times a fair coin has the kurtosis 6, as in the forward direction.
    variance = (1 + 5 / 60) ** 4 - 1
    assert abs(np.mean(ratios) - 1) <= STANDARD_ERRORS * np.sqrt(variance / n_draws)


# The draw of scikit-learn.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "gelu"])
def test_sklearn_draws_scikit_learns_bits(activation, dtype):
    sizes = (5, 7, 4, 2)
    network = initialized("sklearn", sizes, activation, dtype, seed=11)
    reference = ReferenceRegressor(activation=activation)
    reference._random_state = np.random.RandomState(11)
    for k, (coef, intercept) in enumerate(zip(network.coefs, network.intercepts, strict=True)):
        expected_coef, expected_intercept = reference._init_coef(sizes[k], sizes[k + 1], dtype)
        np.testing.assert_array_equal(coef, expected_coef, strict=True)
        np.testing.assert_array_equal(intercept, expected_intercept, strict=True)


# Names.


@pytest.mark.parametrize("name", get_initializer_names())
def test_every_name_gives_an_initializer_that_clones_pickles_and_prints(name):
    for activation in ACTIVATIONS:
        initializer = get_initializer(name, activation)
        assert isinstance(initializer, Initializer)
        copied = clone(initializer)
        assert copied is not initializer
        assert copied.get_params() == initializer.get_params()
        assert pickle.loads(pickle.dumps(initializer)).get_params() == initializer.get_params()
        assert repr(initializer).startswith(type(initializer).__name__ + "(")
        assert initializer.set_params(**copied.get_params()) is initializer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", get_initializer_names())
def test_every_name_draws_finite_weights_of_the_networks_shapes_and_dtype(name, shape, dtype):
    fan_in, fan_out = shape
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, fan_in)).astype(dtype)
    y = rng.normal(size=12).astype(dtype)
    estimators = [
        MLPRegressor(hidden_layer_sizes=(fan_out,), init=name, random_state=3).initialize(X, y) for _ in range(2)
    ]
    assert [coef.shape for coef in estimators[0].coefs_] == [shape, (fan_out, 1)]
    for attribute in ("coefs_", "intercepts_"):
        for array, again in zip(*(getattr(estimator, attribute) for estimator in estimators), strict=True):
            assert array.dtype == dtype
            assert np.isfinite(array).all()
            # The same seed gives the same bits.
            np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize("name", [name for name in get_initializer_names() if name != "sklearn"])
def test_intercepts_start_at_zero(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    for intercept in MLPRegressor(hidden_layer_sizes=(4,), init=name, random_state=0).initialize(X, y).intercepts_:
        np.testing.assert_array_equal(intercept, 0)


@pytest.mark.parametrize(
    "initializer",
    [Zeros(), Constant(), Identity(), RandomNormal(), Orthogonal(), Sparse(), Hessian("closed_form"), ScikitLearn()],
    ids=repr,
)
def test_earlier_parameters_do_not_matter(initializer):
    fresh, used = make_network((3, 4, 2)), make_network((3, 4, 2))
    used.theta[:] = 17.0
    for network in (fresh, used):
        initializer.initialize(network, np.random.RandomState(0))
    np.testing.assert_array_equal(used.theta, fresh.theta)


@pytest.mark.parametrize(
    "initializer",
    [RandomNormal(), RandomUniform(), TruncatedNormal(), VarianceScaling(), Orthogonal(1.0), Sparse()],
    ids=repr,
)
def test_layers_are_drawn_in_turn_and_depend_on_the_seed(initializer):
    network = make_network((3, 4, 2))
    initializer.initialize(network, np.random.RandomState(5))
    rng = np.random.RandomState(5)
    for coef in network.coefs:
        np.testing.assert_array_equal(coef, initializer.sample(coef.shape, rng))
    other = make_network((3, 4, 2))
    initializer.initialize(other, np.random.RandomState(6))
    assert not np.any(other.coefs[0] == network.coefs[0])


@pytest.mark.parametrize(
    "initializer",
    [RandomNormal(), RandomUniform(), TruncatedNormal(), VarianceScaling(), Sparse(), ScikitLearn()],
    ids=repr,
)
def test_float32_weights_are_rounded_float64_weights(initializer):
    double, single = make_network((3, 4, 2)), make_network((3, 4, 2), dtype=np.float32)
    for network in (double, single):
        initializer.initialize(network, np.random.RandomState(0))
    np.testing.assert_array_equal(single.theta, double.theta.astype(np.float32), strict=True)


@pytest.mark.parametrize("name", ["zero", "zeros"])
def test_zero_weights_are_zero(name):
    np.testing.assert_array_equal(initialized(name, (3, 4)).theta, 0)


@pytest.mark.parametrize("name", ["random", "random_normal"])
def test_random_weights_are_small_and_normal(name):
    assert_distributed(draw(get_initializer(name), (60, 40), 50), distribution_of("normal", RandomNormal().std))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_auto_keeps_the_published_variance_for_the_activation(activation):
    # He et al. for activations that turn off half of the signal, Klambauer et al. for selu, Glorot and Bengio for the
    # others.
    shape = (25, 40)
    halves = activation in ("relu", "leaky_relu", "elu", "silu", "gelu")
    variance = 2 / 25 if halves else 1 / 25 if activation == "selu" else 2 / (25 + 40)
    distribution = "normal" if halves or activation == "selu" else "uniform"
    sample = draw(get_initializer("auto", activation), shape, 60)
    assert_distributed(sample, distribution_of(distribution, np.sqrt(variance)))


def test_a_name_gives_a_new_object_and_an_initializer_gives_itself():
    get_initializer("random_normal").set_params(std=100.0)
    assert get_initializer("random_normal").std == RandomNormal().std
    initializer = RandomNormal(3.0)
    assert get_initializer(initializer) is initializer


# Errors.


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("xaviar", "xavier"),
        ("He_Normal", "he_normal"),
        ("kaimin_uniform", "kaiming_uniform"),
        ("orthagonal", "orthogonal"),
        ("HESSIAN_CLOSED_FORM", "hessian_closed_form"),
    ],
)
def test_unknown_name_names_the_nearest_and_lists_all(name, nearest):
    with pytest.raises(ValueError) as error:
        get_initializer(name)
    message = str(error.value)
    assert repr(name) in message
    assert f"Did you mean '{nearest}'" in message
    assert all(repr(known) in message for known in get_initializer_names())


@pytest.mark.parametrize(
    "class_", [RandomNormal, Zeros, VarianceScaling, Orthogonal, Sparse, Hessian], ids=lambda class_: class_.__name__
)
def test_a_class_instead_of_an_instance_is_refused(class_):
    with pytest.raises(TypeError, match=rf"Pass an instance: {class_.__name__}\(\)"):
        get_initializer(class_)


@pytest.mark.parametrize("init", [None, 3, 0.1, ["he"], np.ones((3, 2))], ids=str)
def test_other_objects_are_refused_with_a_type_error(init):
    with pytest.raises(TypeError, match="must be a name, an Initializer or a function"):
        get_initializer(init)


@pytest.mark.parametrize(
    ("initializer", "parameter"),
    [
        (RandomNormal(-1), "std"),
        (RandomNormal(np.nan), "std"),
        (RandomNormal(np.inf), "std"),
        (RandomNormal("0.1"), "std"),
        (RandomNormal(None), "std"),
        (TruncatedNormal(-1), "std"),
        (RandomUniform(-0.1), "bound"),
        (Constant(np.nan), "value"),
        (Constant(np.inf), "value"),
        (Identity(np.nan), "scale"),
        (Orthogonal(np.nan), "gain"),
        (Sparse(0), "n_inputs"),
        (Sparse(2.5), "n_inputs"),
        (Sparse(scale=-1), "scale"),
        (VarianceScaling(-2), "scale"),
    ],
    ids=str,
)
def test_a_bad_number_is_refused_with_the_parameter_and_the_class(initializer, parameter):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of {type(initializer).__name__}"):
        initializer.initialize(make_network((3, 4, 2)), np.random.RandomState(0))


@pytest.mark.parametrize(
    ("initializer", "parameter", "nearest"),
    [
        (VarianceScaling(mode="fan_inn"), "mode", "fan_in"),
        (VarianceScaling(mode="FAN_OUT"), "mode", "fan_out"),
        (VarianceScaling(distribution="gaussian_normal"), "distribution", "normal"),
        (VarianceScaling(distribution="unifrom"), "distribution", "uniform"),
        (Orthogonal("automatic"), "gain", "auto"),
        (Hessian("closed-form"), "method", "closed_form"),
    ],
    ids=str,
)
def test_a_misspelled_option_is_corrected_in_the_message(initializer, parameter, nearest):
    with pytest.raises(ValueError, match=f"^Did you mean .*'{nearest}'.* The '{parameter}' parameter"):
        initializer.initialize(make_network((3, 4, 2)), np.random.RandomState(0))


def test_a_misspelled_parameter_is_refused():
    with pytest.raises(ValueError, match="'sdt'"):
        RandomNormal().set_params(sdt=1.0)


# Initializers of users.


class Ramp(Initializer):
    """A user's initializer, with one parameter and one short method."""

    def __init__(self, top=1.0):
        self.top = top

    def sample(self, shape, rng):
        return np.linspace(0, self.top, shape[0] * shape[1]).reshape(shape)


def ramp(shape, rng):
    return Ramp().sample(shape, rng)


def test_a_subclass_needs_one_method():
    network = initialized(Ramp(3.0), (2, 3, 1))
    np.testing.assert_allclose(network.coefs[0], [[0, 0.6, 1.2], [1.8, 2.4, 3]], rtol=4 * EPS)
    assert clone(Ramp(3.0)).get_params() == {"top": 3.0}
    assert repr(Ramp(3.0)) == "Ramp(top=3.0)"


def test_a_subclass_without_the_method_is_refused():
    class Empty(Initializer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define sample\(shape, rng\)"):
        initialized(Empty(), (2, 3))


def test_a_function_is_an_initializer():
    seen = []

    def function(shape, rng):
        seen.append((shape, rng))
        return rng.normal(size=shape)

    network = make_network((2, 3, 1))
    rng = np.random.RandomState(0)
    get_initializer(function).initialize(network, rng)
    assert [shape for shape, _ in seen] == [(2, 3), (3, 1)]
    assert all(given is rng for _, given in seen)
    np.testing.assert_array_equal(network.coefs[0], np.random.RandomState(0).normal(size=(2, 3)))


def test_an_initializer_made_of_a_function_clones_and_pickles():
    initializer = get_initializer(ramp)
    assert isinstance(initializer, FunctionInitializer)
    for copied in (clone(initializer), pickle.loads(pickle.dumps(initializer))):
        np.testing.assert_array_equal(initialized(copied, (2, 3)).theta, initialized(Ramp(), (2, 3)).theta)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            np.ones((4, 3)),
            ValueError,
            r"\(3, 4\) \(fan_in, fan_out\), got an array of shape \(4, 3\). Return its transpose",
        ),
        (np.ones(12), ValueError, r"got an array of shape \(12,\)"),
        (1.0, ValueError, r"got an array of shape \(\)"),
        (np.full((3, 4), np.nan), ValueError, "finite"),
        (np.full((3, 4), np.inf), ValueError, "finite"),
        (None, TypeError, "got NoneType"),
        (np.ones((3, 4)) * 1j, TypeError, "got ndarray of complex128"),
        (np.ma.masked_array(np.ones((3, 4)), True), TypeError, "got MaskedArray"),
        ([["a"] * 4] * 3, TypeError, "array of real numbers"),
        ([[1, 2], [3]], TypeError, "array of real numbers"),
        (csr_array((3, 4)), TypeError, "array of real numbers"),
    ],
    ids=[
        "transposed",
        "flat",
        "scalar",
        "nan",
        "infinite",
        "nothing",
        "complex",
        "masked",
        "strings",
        "ragged",
        "sparse",
    ],
)
def test_values_that_are_no_weights_are_refused_by_name(weights, error, message):
    def odd_one(shape, rng):
        return weights

    with pytest.raises(error, match=f"odd_one.*{message}"):
        initialized(odd_one, (3, 4, 2))


def test_lists_of_numbers_and_integers_are_accepted_as_weights():
    assert initialized(lambda shape, rng: [[1, 2]], (1, 2)).coefs[0].tolist() == [[1.0, 2.0]]


def test_weights_beyond_float32_are_refused_only_in_a_float32_network():
    initialized(Constant(1e300), (3, 4))
    with pytest.raises(ValueError, match="finite"):
        initialized(Constant(1e300), (3, 4), dtype=np.float32)


@pytest.mark.parametrize("init", ["xavier_normal", "xavier_uniform", "truncated_normal", "random", "sparse", "sklearn"])
def test_a_layer_drawn_by_rows_has_the_same_weights(monkeypatch, init):
    expected = initialized(init, (30, 21, 5)).theta.copy()
    # The size is odd, because normal numbers are drawn in pairs.
    monkeypatch.setattr("skinit.initializers.random.DRAW_SIZE", 63)
    monkeypatch.setattr("skinit.initializers.sparse.DRAW_SIZE", 63)
    np.testing.assert_array_equal(initialized(init, (30, 21, 5)).theta, expected)


@pytest.mark.parametrize("shape", [(300, 700), (700, 300), (513, 513), (256, 256)])
def test_orthogonal_weights_are_the_unique_qr_factor(shape):
    weights = Orthogonal().sample(shape, np.random.RandomState(0))
    longer, shorter = max(shape), min(shape)
    q, r = np.linalg.qr(np.random.RandomState(0).normal(size=(longer, shorter)))
    q *= np.sign(np.diag(r))
    columns = weights if shape[0] >= shape[1] else weights.T
    np.testing.assert_allclose(columns.T @ columns, np.eye(shorter), atol=1e-13)
    # The condition number of a square normal matrix is of the order of its size.
    np.testing.assert_allclose(columns, q, atol=1e-16 * longer * shorter)


def takes_too_little(shape):
    return np.ones(shape)


class TakesTooLittle(Initializer):
    def sample(self, shape):
        return np.ones(shape)


class KnowsNoData(Initializer):
    def initialize(self, network, rng):
        network.theta[:] = 0


class Replaces(Initializer):
    def initialize(self, network, rng, data=None):
        network.coefs[0] = np.ones(network.coefs[0].shape)


class LeavesInfinity(Initializer):
    def initialize(self, network, rng, data=None):
        network.coefs[0] *= 0
        network.coefs[1].fill(np.inf)


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        (
            takes_too_little,
            TypeError,
            r"takes_too_little.* must take the arguments \(shape, rng\), got a function of",
        ),
        (np.zeros, TypeError, r"init=<.*zeros.* must take the arguments \(shape, rng\)"),
        (TakesTooLittle(), TypeError, r"TakesTooLittle\(\).sample must take the arguments \(shape, rng\)"),
        (KnowsNoData(), TypeError, r"KnowsNoData\(\).initialize must take the arguments \(network, rng, data\)"),
        (Replaces(), TypeError, r"Replaces\(\).initialize must write into the arrays of the network"),
        (LeavesInfinity(), ValueError, r"LeavesInfinity\(\) must set finite weights: coefs_\[1\] must be finite"),
        (Hessian(base=Replaces()), TypeError, r"Replaces\(\).initialize must write into the arrays of the network"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_an_initializer_with_a_wrong_method_is_refused_by_name(init, error, message):
    model = MLPRegressor(hidden_layer_sizes=(3,), init=init)
    with pytest.raises(error, match=message):
        model.fit(np.eye(4), [0, 1, 0, 1])
    assert not hasattr(model, "coefs_")
