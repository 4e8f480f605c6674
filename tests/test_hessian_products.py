"""Hessian and Gauss-Newton products, against differences of the gradient, the loss and the outputs.

`test_gradients` checks the gradient. The outputs come from a NumPy network.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from test_gradients import EPS, N_ROUNDINGS, make_network, make_problem
from twins import ACTIVATIONS, LOSSES, SMOOTH, compute_losses, draw_targets, propagate

import skinit.engine.hessian
import skinit.engine.team
import skinit.kernels.losses
from skinit.engine.data import TrainingData
from skinit.engine.hessian import ALL_LAYERS, HessianProducts
from skinit.engine.losses import LossFunction
from skinit.engine.network import Network
from skinit.engine.passes import DataPasses
from skinit.kernels.curvature import FIRST_BLOCK, N_DIRECTIONS, STOP_BLOCK

HIDDEN_LAYERS = {0: (), 1: (4,), 2: (3, 4), 3: (4, 3, 5)}
# Without hidden layers the activation does not matter, so one is enough.
NETWORKS = [
    (activation, loss, depth)
    for activation in ACTIVATIONS
    for loss in LOSSES
    for depth in HIDDEN_LAYERS
    if depth > 0 or activation == "identity"
]
PIECEWISE_LINEAR = ("identity", "relu", "leaky_relu")
DTYPES = [np.float32, np.float64]

# Multiples of the step at which first derivatives take values.
MULTIPLES = np.array([-4, -2, -1, 1, 2, 4])
# Fourth-order central differences of the first derivative, with the step.
FINE = np.array([0, 1, -8, 8, -1, 0]) / 12
# The same with twice the step. The difference from `FINE` bounds its truncation.
COARSE = np.array([1, -8, 0, 0, 8, -1]) / 24
# Multiples of the step at which second derivatives take values.
SECOND_MULTIPLES = np.array([-4, -2, -1, 0, 1, 2, 4])
# Fourth-order central differences of the second derivative, with the step.
SECOND_FINE = np.array([0, -1, 16, -30, 16, -1, 0]) / 12
# The same with twice the step.
SECOND_COARSE = np.array([-1, 16, 0, -30, 0, 16, -1]) / 48


def multiply(
    network, X, targets, weights, directions=None, layers=None, *, gauss_newton=False, block=256, products=None
):
    """Return products with the Hessian of the mean loss, or the whole matrix if there are no directions."""
    dtype = network.theta.dtype
    if products is None:
        products = HessianProducts(network, TrainingData(X, targets, weights), block)
    if directions is None:
        directions = np.eye(network.theta.size, dtype=dtype)
    if layers is None:
        layers = [ALL_LAYERS] * len(directions)
    return products.multiply(np.ascontiguousarray(directions, dtype), layers, gauss_newton)


def places_of_layer(network, k):
    """Return where the weights of layer `k` are in the vector of parameters."""
    start = sum(coef.size for coef in network.coefs[:k])
    return slice(start, start + network.coefs[k].size)


def layer_block(network, X, targets, weights, k, **options):
    """Return the Hessian with respect to the weights of layer `k`, from directions in these weights."""
    size = network.coefs[k].size
    return multiply(network, X, targets, weights, np.eye(size), [k] * size, **options)


def loss_magnitude(network, X, targets, weights):
    """Bound the terms of the summed loss, and so the rounding of the loss and its derivatives."""
    return 1 + compute_losses(network.loss.name, propagate(network, X)[-1], targets)[2] @ weights


def assert_up_to_rounding(actual, expected, eps=EPS):
    scale = max(np.abs(expected).max(), 1)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=N_ROUNDINGS * eps * scale)


def differentiate(function, theta, step):
    """Return the derivatives of a vector with respect to each parameter, and a bound of their truncation."""
    derivatives, truncations = [], []
    at = theta.copy()
    for place in range(theta.size):
        values = []
        for multiple in MULTIPLES:
            theta[place] = at[place] + multiple * step
            values.append(function())
        theta[place] = at[place]
        derivatives.append(np.tensordot(FINE, values, 1) / step)
        truncations.append(np.abs(np.tensordot(FINE - COARSE, values, 1)) / step)
    return np.array(derivatives), np.array(truncations)


def assert_differences_of_the_gradient(network, X, targets, weights, step, error=0.0):
    """Compare the Hessian with differences of the gradient. `error` allows for an inexact gradient."""
    passes = DataPasses(network, TrainingData(X, targets, weights), len(X), alpha=0.0)
    expected, truncation = differentiate(lambda: passes.loss_and_gradient()[1], network.theta, step)
    hessian = multiply(network, X, targets, weights)
    # The stencil's coefficients sum to 1.5 / step in magnitude.
    rounding = 1.5 / step * N_ROUNDINGS * EPS * loss_magnitude(network, X, targets, weights) / weights.sum()
    # This is small enough to find an error in all but negligible entries.
    assert rounding < 1e-5 * (1 + np.abs(hessian).max())
    assert (np.abs(hessian - expected) <= truncation + rounding + error * (1 + np.abs(hessian).max())).all()


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_hessian_is_the_derivative_of_the_gradient(activation, loss, depth):
    assert_differences_of_the_gradient(*make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3)))


@settings(max_examples=40)
@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(LOSSES),
    layer_sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    n=st.integers(1, 8),
    seed=st.integers(0, 10**6),
)
def test_hessian_is_the_derivative_of_the_gradient_for_layers_of_any_size(activation, loss, layer_sizes, n, seed):
    assert_differences_of_the_gradient(*make_problem(activation, loss, tuple(layer_sizes), n, seed))


def step_without_kinks(network, X, direction):
    """Return a step none of whose multiples changes the sign of a hidden preactivation."""
    theta = network.theta.copy()
    signs = [np.sign(u) for u in propagate(network, X)[:-1]]
    step = 0.01
    while network.activation not in SMOOTH:
        kept = True
        for multiple in SECOND_MULTIPLES:
            network.theta[:] = theta + multiple * step * direction
            moved = propagate(network, X)[:-1]
            kept &= all((np.sign(u) == sign).all() for u, sign in zip(moved, signs, strict=True))
        network.theta[:] = theta
        if kept:
            break
        step /= 2
    return step


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_quadratic_form_is_the_second_difference_of_the_loss(activation, loss, depth):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3), seed=1)
    theta = network.theta.copy()
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, theta.size))
    # The last direction moves the weights of the first layer alone.
    directions[-1, network.coefs[0].size :] = 0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    layers = [ALL_LAYERS, ALL_LAYERS, 0]
    forms = (multiply(network, X, targets, weights, directions, layers) * directions).sum(axis=1)
    magnitude = loss_magnitude(network, X, targets, weights)
    for direction, form in zip(directions, forms, strict=True):
        step = step_without_kinks(network, X, direction)
        losses = []
        for multiple in SECOND_MULTIPLES:
            network.theta[:] = theta + multiple * step * direction
            losses.append(weights @ compute_losses(loss, propagate(network, X)[-1], targets)[0] / weights.sum())
        network.theta[:] = theta
        expected = SECOND_FINE @ losses / step**2
        truncation = abs((SECOND_FINE - SECOND_COARSE) @ losses) / step**2
        rounding = np.abs(SECOND_FINE).sum() / step**2 * N_ROUNDINGS * EPS * magnitude / weights.sum()
        assert rounding < 1e-3 * magnitude
        assert abs(form - expected) <= truncation + rounding


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_hessian_is_symmetric(activation, loss, depth, gauss_newton):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    hessian = multiply(network, X, targets, weights, gauss_newton=gauss_newton)
    assert np.abs(hessian).max() > 1e-3
    assert_up_to_rounding(hessian, hessian.T)


# Gauss-Newton.


def loss_curvatures(loss, preactivations):
    """Return the second derivatives of each row's loss, of shape (n, n_outputs, n_outputs)."""
    u = preactivations
    if loss == "log_loss":
        p = np.exp(u - u.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.array([np.diag(row) - np.outer(row, row) for row in p])
    diagonals = {
        "squared_error": lambda: np.ones_like(u),
        "poisson": lambda: np.exp(u),
        "binary_log_loss": lambda: 1 / (2 + np.exp(u) + np.exp(-u)),
    }[loss]()
    return np.array([np.diag(row) for row in diagonals])


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_gauss_newton_is_the_loss_curvature_between_jacobians_of_the_outputs(activation, loss, depth):
    network, X, targets, weights, step = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    jacobian, truncation = differentiate(lambda: propagate(network, X)[-1], network.theta, step)
    outputs = propagate(network, X)[-1]
    error = truncation + 1.5 / step * N_ROUNDINGS * EPS * (1 + np.abs(outputs))
    curvatures = loss_curvatures(loss, outputs) * (weights / weights.sum())[:, None, None]

    def between(left, right):
        return np.einsum("aij,ijk,bik->ab", left, curvatures, right)

    expected = between(jacobian, jacobian)
    curvatures = np.abs(curvatures)
    bound = between(np.abs(jacobian), error)
    bound = bound + bound.T + between(error, error)
    product = multiply(network, X, targets, weights, gauss_newton=True)
    assert bound.max() < 1e-5 * (1 + np.abs(product).max())
    rounding = N_ROUNDINGS * EPS * (1 + np.abs(expected).max())
    assert (np.abs(product - expected) <= bound + rounding).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", PIECEWISE_LINEAR)
@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
def test_gauss_newton_is_the_hessian_of_each_layer_if_slopes_are_constant(activation, depth, loss):
    # Theorem 1 and Remark 1 of the paper. Across layers the two matrices differ.
    network, X, targets, weights, _ = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    for k in range(depth + 1):
        hessian = layer_block(network, X, targets, weights, k)
        assert np.abs(hessian).max() > 1e-3
        assert_up_to_rounding(layer_block(network, X, targets, weights, k, gauss_newton=True), hessian)
    if depth > 0:
        whole = multiply(network, X, targets, weights)
        assert np.abs(multiply(network, X, targets, weights, gauss_newton=True) - whole).max() > 1e-3


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gauss_newton_is_the_hessian_of_the_output_layer(activation, loss):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, 4, 5, 3))
    assert_up_to_rounding(
        layer_block(network, X, targets, weights, 2, gauss_newton=True), layer_block(network, X, targets, weights, 2)
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_differs_from_the_tanh_hessian_by_a_power_of_the_weight_scale(loss):
    # Remark 2 of the paper. In layer k, with last layer L, the difference is the sum over rows of
    #     (loss slope) W_L ... W_{k+1} f''(u_k) a_k^2 + ...
    # With weights and intercepts of order c, the product of the weights is of order c^(L-k). The bend
    # f''(u) = -2u + ... is of order c, because u_k is of the order of its intercepts. The factor a_k^2 is of
    # order 1 for k = 0 and of order c^2 for k > 0. The other terms are of higher order.
    scales = 2.0 ** -np.arange(4, 10)
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 5, 3), n=8)
    theta = network.theta.copy()
    last = len(network.coefs) - 1
    for k in range(last):
        differences = []
        for scale in scales:
            network.theta[:] = scale * theta
            hessian = layer_block(network, X, targets, weights, k)
            gauss_newton = layer_block(network, X, targets, weights, k, gauss_newton=True)
            differences.append(np.linalg.norm(hessian - gauss_newton, 2))
        order = np.polyfit(np.log(scales), np.log(differences), 1)[0]
        # The next terms are of relative order c, here 1/16 at most.
        assert order == pytest.approx(last - k + 1 + 2 * (k > 0), abs=1 / 16 * 4)


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_gauss_newton_is_positive_semidefinite(activation, loss, depth):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    matrix = multiply(network, X, targets, weights, gauss_newton=True)
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert eigenvalues[-1] > 1e-3
    # Errors of the entries move an eigenvalue by at most the size of the matrix times the largest error.
    assert eigenvalues[0] >= -N_ROUNDINGS * EPS * len(matrix) * max(1, eigenvalues[-1])


# Directions, layers, rows.


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_products_in_a_layer_are_those_of_its_diagonal_block(activation, loss, depth, gauss_newton):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    whole = multiply(network, X, targets, weights, gauss_newton=gauss_newton)
    for k in range(depth + 1):
        places = places_of_layer(network, k)
        block = layer_block(network, X, targets, weights, k, gauss_newton=gauss_newton)
        assert_up_to_rounding(block, whole[places, places])


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_products_have_the_same_bits_together_and_one_at_a_time(loss, gauss_newton):
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 5, 3), n=20)
    layers = [2, ALL_LAYERS, 0, 1, 1, ALL_LAYERS]
    directions = np.random.default_rng(0).normal(size=(len(layers), network.theta.size))
    together = multiply(network, X, targets, weights, directions, layers, gauss_newton=gauss_newton)
    # One object makes all products, so nothing of one call may remain for the next.
    products = HessianProducts(network, TrainingData(X, targets, weights))
    for direction, layer, expected in zip(directions, layers, together, strict=True):
        alone = multiply(
            network, X, targets, weights, direction[None], [layer], gauss_newton=gauss_newton, products=products
        )
        np.testing.assert_array_equal(alone[0], expected)


def test_products_in_a_layer_read_only_its_part_of_the_direction():
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (3, 4, 5, 3))
    for k, coef in enumerate(network.coefs):
        direction = np.random.default_rng(k).normal(size=(1, network.theta.size))
        expected = multiply(network, X, targets, weights, direction[:, : coef.size], [k])
        direction[:, coef.size :] = np.nan
        product = multiply(network, X, targets, weights, direction, [k])
        np.testing.assert_array_equal(product[:, : coef.size], expected)
        assert (product[:, coef.size :] == 0).all()


def test_products_use_the_current_parameters():
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (3, 4, 3))
    products = HessianProducts(network, TrainingData(X, targets, weights))
    multiply(network, X, targets, weights, products=products)
    network.theta *= 1.5
    np.testing.assert_array_equal(
        multiply(network, X, targets, weights, products=products), multiply(network, X, targets, weights)
    )


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_parameters_data_and_directions_are_not_changed(loss, dtype, gauss_newton):
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 5, 3), dtype=dtype)
    directions = np.random.default_rng(0).normal(size=(2, network.theta.size)).astype(dtype)
    arrays = [network.theta, X, targets, weights, directions]
    before = [array.copy() for array in arrays]
    assert multiply(network, X, targets, weights, directions, gauss_newton=gauss_newton).dtype == dtype
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [1, 2, 7, 19, 20, 1000])
@pytest.mark.parametrize("loss", LOSSES)
def test_products_do_not_depend_on_the_size_of_blocks(loss, block, dtype, make):
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 5, 3), n=20, dtype=dtype)
    directions = np.random.default_rng(0).normal(size=(4, network.theta.size))
    layers = [ALL_LAYERS, 0, 1, 2]
    expected = multiply(network, X, targets, weights, directions, layers)
    product = multiply(network, make(X), targets, weights, directions, layers, block=block)
    assert_up_to_rounding(product, expected, np.finfo(dtype).eps)


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
def test_sparse_rows_give_the_products_of_dense_ones(depth, loss, dtype, gauss_newton):
    activation = "tanh" if depth else "identity"
    network, X, targets, weights, _ = make_problem(activation, loss, (9, *HIDDEN_LAYERS[depth], 3), n=7, dtype=dtype)
    X[np.abs(X) < 0.8] = 0
    X[2] = 0  # an empty row
    X[:, 4] = 0  # an empty column
    directions = np.random.default_rng(0).normal(size=(2 + depth, network.theta.size))
    layers = [ALL_LAYERS, *range(1 + depth)]
    expected = multiply(network, X, targets, weights, directions, layers, gauss_newton=gauss_newton)
    product = multiply(network, csr_array(X), targets, weights, directions, layers, gauss_newton=gauss_newton)
    assert_up_to_rounding(product, expected, np.finfo(dtype).eps)
    # The weights of a feature that is always zero do not matter.
    width = network.coefs[0].shape[1]
    assert (product[:2, 4 * width : 5 * width] == 0).all()


@pytest.mark.parametrize("block", [2, 256])
@pytest.mark.parametrize("loss", LOSSES)
def test_integer_sample_weights_count_as_repeated_rows(loss, block):
    network, X, targets, _, _ = make_problem("tanh", loss, n=20)
    # Some rows have weight zero. With blocks of two, they are the whole first block.
    counts = np.arange(20) // 2 % 4
    repeated = np.repeat(np.arange(20), counts)
    expected = multiply(network, X[repeated], targets[repeated], None)
    assert_up_to_rounding(multiply(network, X, targets, counts.astype(float), block=block), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_without_sample_weights_all_are_one_and_only_ratios_count(loss):
    network, X, targets, weights, _ = make_problem("tanh", loss)
    np.testing.assert_array_equal(
        multiply(network, X, targets, None), multiply(network, X, targets, np.ones_like(weights))
    )
    # Multiplication by a power of two does not round.
    np.testing.assert_array_equal(multiply(network, X, targets, 4 * weights), multiply(network, X, targets, weights))


@pytest.mark.parametrize("gauss_newton", [False, True])
@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_float32_products_agree_with_float64(activation, loss, depth, gauss_newton):
    network, X, targets, weights, _ = make_problem(
        activation, loss, (3, *HIDDEN_LAYERS[depth], 3), n=20, dtype=np.float32
    )
    directions = np.random.default_rng(0).normal(size=(3, network.theta.size)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    layers = [ALL_LAYERS, 0, depth]
    product = multiply(network, X, targets, weights, directions, layers, gauss_newton=gauss_newton)
    # float64 holds the float32 numbers exactly.
    double = Network.from_parameters(
        [coef.astype(np.float64) for coef in network.coefs], network.intercepts, activation, loss
    )
    arrays = (array.astype(np.float64) for array in (X, targets, weights, directions))
    expected = multiply(double, *arrays, layers, gauss_newton=gauss_newton)
    assert_up_to_rounding(product, expected, np.finfo(np.float32).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_products_stay_finite_where_probabilities_are_0_or_1(loss, dtype):
    rng = np.random.default_rng(0)
    network = make_network((3, 4, 3), "tanh", loss, rng, dtype)
    # The curvature of the Poisson loss is exp(u) and may overflow, so its outputs stay smaller. The curvature of the
    # other losses vanishes.
    network.coefs[-1][...] *= 5 if loss == "poisson" else 1e4
    X = rng.normal(size=(6, 3)).astype(dtype)
    targets = draw_targets(loss, (6, 3), rng).astype(dtype)
    for gauss_newton in (False, True):
        assert np.isfinite(multiply(network, X, targets, None, gauss_newton=gauss_newton)).all()


# Norms of the losses' second derivatives.


def curve_norms(loss, preactivations):
    """Return the norms for losses whose second derivative does not depend on targets."""
    return LossFunction.of(loss).curve_norms(preactivations, np.zeros((len(preactivations), 1)))


def exact_curve_norms(loss, preactivations):
    return np.linalg.eigvalsh(loss_curvatures(loss, preactivations.astype(float)))[:, -1]


@settings(max_examples=150)
@given(
    loss=st.sampled_from(LOSSES),
    n_outputs=st.integers(1, 12),
    scale=st.sampled_from([0.0, 1e-9, 1e-3, 0.3, 1.0, 5.0, 30.0]),
    ties=st.integers(1, 12),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 10**6),
)
def test_curve_norms_are_the_largest_eigenvalues(loss, n_outputs, scale, ties, dtype, seed):
    preactivations = np.random.default_rng(seed).normal(0, scale, (5, n_outputs)).astype(dtype)
    # The first preactivations are equal. In some rows they are the largest.
    preactivations[:, :ties] = preactivations[:, :1]
    norms = curve_norms(loss, preactivations)
    assert norms.dtype == np.float64
    exact = exact_curve_norms(loss, preactivations)
    np.testing.assert_allclose(norms, exact, rtol=1e-13, atol=1e-15 * n_outputs)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 100, 1000])
def test_curve_norms_of_many_classes_bound_the_eigenvalues(n_classes):
    rng = np.random.default_rng(0)
    preactivations = np.vstack([rng.normal(0, scale, (2, n_classes)) for scale in (0, 0.1, 3.0, 300.0)])
    norms = curve_norms("log_loss", preactivations)
    exact = exact_curve_norms("log_loss", preactivations)
    np.testing.assert_allclose(norms, exact, rtol=0, atol=1e-14)
    assert (norms >= exact - 1e-15).all()
    # Here all probabilities are equal.
    assert norms[0] == pytest.approx(1 / n_classes if n_classes > 1 else 0, rel=1e-14)


@pytest.mark.parametrize("margins", [(20.0,), (300.0,), (700.0,), (30.0, 30.0), (5.0, 40.0, 40.5), (600.0, 610.0, 1e3)])
def test_curve_norms_keep_their_digits_where_a_class_is_nearly_certain(margins):
    with mpmath.workdps(700):
        terms = [mpmath.mpf(1), *(mpmath.exp(-mpmath.mpf(margin)) for margin in margins)]
        p = [term / sum(terms) for term in terms]
        matrix = mpmath.matrix(len(p), len(p))
        for i, j in np.ndindex(len(p), len(p)):
            matrix[i, j] = (p[i] if i == j else 0) - p[i] * p[j]
        exact = float(max(mpmath.eigsy(matrix, eigvals_only=True)))
    norms = curve_norms("log_loss", -np.array([[0.0, *margins]]))
    assert exact > 0
    assert norms[0] == pytest.approx(exact, rel=1e-13, abs=0)


# Calls of bounded work.


@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("work", [1, 10**4, 3 * 10**4, 10**9])
def test_splitting_the_work_into_calls_changes_no_bit(work, dtype, make, monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (3, 4, 5, 3), n=50, dtype=dtype)
    directions = np.random.default_rng(0).normal(size=(6, network.theta.size))
    layers = [2, ALL_LAYERS, 0, 1, 1, ALL_LAYERS]

    def multiply_in_calls():
        products = HessianProducts(network, TrainingData(make(X), targets, weights), 8)
        kernel, pairs = products._kernel, []

        def call(arguments, rank, is_passed):
            job = arguments.team.job
            if rank == 0:
                pairs.append((job[STOP_BLOCK] - job[FIRST_BLOCK]) * job[N_DIRECTIONS])
            kernel(arguments, rank, is_passed)

        products._kernel = call
        return multiply(network, X, targets, weights, directions, layers, products=products), pairs

    expected, pairs = multiply_in_calls()
    assert pairs == [7 * 6]
    monkeypatch.setattr(skinit.engine.hessian, "CALL_WORK", work)
    product, pairs = multiply_in_calls()
    np.testing.assert_array_equal(product, expected)
    assert sum(pairs) == 7 * 6
    # A call for one direction and one block cannot be divided.
    assert all(6 * network.n_weights * 8 * n_pairs <= work or n_pairs == 1 for n_pairs in pairs)


@pytest.mark.parametrize("kept_bytes", [1, 2**26])
@pytest.mark.parametrize("loss", LOSSES)
def test_keeping_results_of_blocks_changes_no_bit(loss, kept_bytes, monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 5, 3), n=50)
    monkeypatch.setattr(skinit.engine.hessian, "KEPT_BYTES", kept_bytes)
    products = HessianProducts(network, TrainingData(X, targets, weights), 8)
    directions = np.random.default_rng(0).normal(size=(3, network.theta.size))
    for step in range(6):
        if step % 3 == 2:
            network.theta *= 1.1
        for gauss_newton in (False, True, True, False) if step % 2 else (True, False):
            n = 1 + step % 3
            options = {"directions": directions[:n], "gauss_newton": gauss_newton, "block": 8}
            kept = multiply(network, X, targets, weights, products=products, **options)
            fresh = multiply(network, X, targets, weights, **options)
            np.testing.assert_array_equal(kept, fresh)


@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_number_of_threads(dtype, make, monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (3, 4, 5, 3), n=50, dtype=dtype)
    directions = np.random.default_rng(0).normal(size=(6, network.theta.size))
    layers = [2, ALL_LAYERS, 0, 1, 1, ALL_LAYERS]
    monkeypatch.setattr(skinit.engine.team, "SHARED_MULTIPLY_ADDS", 0)
    results = []
    for n_threads in (1, 2, 3, 5):
        monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda n_threads=n_threads: n_threads)
        with HessianProducts(network, TrainingData(make(X), targets, weights), 8) as products:
            for gauss_newton in (False, True):
                options = {"gauss_newton": gauss_newton, "products": products}
                results.append(multiply(network, X, targets, weights, directions, layers, **options))
    for i in range(2, len(results)):
        np.testing.assert_array_equal(results[i], results[i % 2])


def test_blocks_of_wide_layers_have_fewer_rows(monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (3, 4, 5, 3), n=50)
    expected = multiply(network, X, targets, weights)
    monkeypatch.setattr(skinit.engine.hessian, "BLOCK_WORK", 6 * network.n_weights * 3)
    products = HessianProducts(network, TrainingData(X, targets, weights))
    assert products._block <= 3
    assert_up_to_rounding(multiply(network, X, targets, weights, products=products), expected)
