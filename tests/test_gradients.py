"""Whole networks: the forward pass against a NumPy twin, and the gradient against differences of the loss."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_array, csc_matrix, csr_array, csr_matrix
from twins import ACTIVATIONS, LOSSES, SMOOTH, compute_losses, draw_targets, propagate

import skinit.engine.network
import skinit.engine.passes
import skinit.engine.predictions
import skinit.engine.team
from skinit.engine.data import TrainingData, as_inputs
from skinit.engine.network import Network
from skinit.engine.passes import DataPasses
from skinit.engine.predictions import predict_preactivations
from skinit.training.solvers import SGD

HIDDEN_LAYERS = {0: (), 1: (4,), 3: (4, 3, 5)}
# Without hidden layers the activation does not matter, so one is enough.
NETWORKS = [
    (activation, loss, depth)
    for activation in ACTIVATIONS
    for loss in LOSSES
    for depth in HIDDEN_LAYERS
    if depth > 0 or activation == "identity"
]
EPS = np.finfo(np.float64).eps
# Every number in these tests is a sum of products of some ten terms, through at most four layers whose weights stretch
# it little. That makes some hundred roundings.
N_ROUNDINGS = 100
REPRESENTATIVES = ["tanh", "relu", "gelu"]


def make_network(layer_sizes, activation, loss, rng, dtype=np.float64):
    """Return a network with random intercepts, and random weights that keep signals about as large as they are."""
    network = Network(layer_sizes, activation, loss, np.dtype(dtype))
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        coef[...] = rng.normal(0, 1.2 / np.sqrt(coef.shape[0]), coef.shape)
        intercept[...] = rng.normal(0, 0.5, intercept.shape)
    return network


def make_problem(activation, loss, layer_sizes=(3, 4, 3), n=6, seed=0, dtype=np.float64):
    """Return a network, X, targets, weights, and a step for differences that crosses no kink.

    Draws until no hidden preactivation is closer to zero than 150 steps.
    """
    n_hidden = n * sum(layer_sizes[1:-1])
    # The fraction e^-0.2 of the draws passes, so a few are enough.
    margin = 0.05 if activation in SMOOTH else min(0.05, 0.2 / max(n_hidden, 1))
    rng = np.random.default_rng(seed)
    while True:
        network = make_network(layer_sizes, activation, loss, rng, dtype)
        X = rng.normal(size=(n, layer_sizes[0])).astype(dtype)
        hidden = propagate(network, X)[:-1]
        if activation in SMOOTH or all(np.abs(u).min() > margin for u in hidden):
            break
    targets = draw_targets(loss, (n, layer_sizes[-1]), rng).astype(dtype)
    weights = rng.uniform(0.2, 2, n).astype(dtype)
    return network, X, targets, weights, margin / 150


def loss_and_gradient(network, X, targets, weights=None, rows=None):
    """Return the loss and its gradient as sums over rows, without the penalty."""
    n_rows = len(targets) if rows is None else len(rows)
    passes = DataPasses(network, TrainingData(X, targets, weights), n_rows, alpha=0.0, rows=rows)
    loss, gradient = passes.loss_and_gradient()
    if network.loss.name == "squared_error":
        loss *= targets.shape[1]  # scikit-learn's mean over outputs
    used = np.ones(len(targets)) if weights is None else weights
    total = used[slice(None) if rows is None else rows].sum(dtype=np.float64)
    return loss * total, gradient * total


def make_sgd(network, learning_rate_init=0.1, momentum=0.9):
    return SGD(
        network,
        learning_rate_init=learning_rate_init,
        learning_rate="constant",
        power_t=0.5,
        momentum=momentum,
        nesterovs_momentum=True,
    )


def assert_same_up_to_rounding(gradient, expected, eps=EPS):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=N_ROUNDINGS * eps * max(scale, 1))


def assert_gradient_of_loss(network, X, targets, weights, step):
    """Compare every entry with a fourth-order central difference. A second one bounds the truncation error."""
    _, gradient = loss_and_gradient(network, X, targets, weights)
    multiples = np.array([-4, -2, -1, 1, 2, 4])
    fine = np.array([0, 1, -8, 8, -1, 0]) / 12 / step
    coarse = np.array([1, -8, 0, 0, 8, -1]) / 24 / step
    theta = network.theta.copy()
    _, _, magnitudes = compute_losses(network.loss.name, propagate(network, X)[-1], targets)
    # The stencil's coefficients sum to 1.5 / step in magnitude.
    rounding = 1.5 / step * N_ROUNDINGS * EPS * (1 + (magnitudes * weights).sum())
    # This is small enough to find an error in all but negligible entries.
    assert rounding < 1e-5 * (1 + np.abs(gradient).max())
    for place in range(theta.size):
        losses = []
        for multiple in multiples:
            network.theta[place] = theta[place] + multiple * step
            losses.append(loss_and_gradient(network, X, targets, weights)[0])
            network.theta[place] = theta[place]
        truncation = abs((fine - coarse) @ losses)
        assert abs(fine @ losses - gradient[place]) <= truncation + rounding, place


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_gradient_is_that_of_the_loss(activation, loss, depth):
    network, X, targets, weights, step = make_problem(activation, loss, (3, *HIDDEN_LAYERS[depth], 3))
    assert_gradient_of_loss(network, X, targets, weights, step)


@settings(max_examples=60)
@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(LOSSES),
    layer_sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    n=st.integers(1, 8),
    seed=st.integers(0, 10**6),
)
def test_gradient_is_that_of_the_loss_for_layers_of_any_size(activation, loss, layer_sizes, n, seed):
    assert_gradient_of_loss(*make_problem(activation, loss, tuple(layer_sizes), n, seed))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_loss_is_that_of_a_numpy_network(activation, loss):
    network, X, targets, weights, _ = make_problem(activation, loss, (3, 4, 5, 3), n=20)
    losses, _, magnitudes = compute_losses(loss, propagate(network, X)[-1], targets)
    loss_sum, _ = loss_and_gradient(network, X, targets, weights)
    assert abs(loss_sum - weights @ losses) <= N_ROUNDINGS * EPS * (weights @ magnitudes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", REPRESENTATIVES)
@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
@pytest.mark.parametrize("container", [csr_array, csr_matrix, csc_array, csc_matrix])
def test_sparse_rows_give_the_gradient_of_dense_ones(container, depth, activation, loss, dtype):
    network, X, targets, weights, _ = make_problem(activation, loss, (9, *HIDDEN_LAYERS[depth], 3), n=7, dtype=dtype)
    X[np.abs(X) < 0.8] = 0
    X[2] = 0  # an empty row
    X[:, 4] = 0  # an empty column
    expected_loss, expected = loss_and_gradient(network, X, targets, weights)
    sparse_loss, gradient = loss_and_gradient(network, container(X), targets, weights)
    assert_same_up_to_rounding(gradient, expected, np.finfo(dtype).eps)
    np.testing.assert_allclose(sparse_loss, expected_loss, rtol=N_ROUNDINGS * np.finfo(dtype).eps)
    assert np.all(gradient[: 9 * network.layer_sizes[1]].reshape(9, -1)[4] == 0)


def test_sparse_rows_may_have_duplicates_zeros_and_unsorted_64_bit_indices():
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (5, 4, 3))
    rng = np.random.default_rng(0)
    row, column = np.repeat(np.indices(X.shape).reshape(2, -1), 2, axis=1)
    shuffled = rng.permutation(row.size)
    halves = np.repeat(X.ravel(), 2) * np.tile([0.25, 0.75], X.size)
    entries = np.append(halves[shuffled], [0.0, 0.0])
    places = (np.append(row[shuffled], [0, 1]), np.append(column[shuffled], [2, 3]))
    sparse = coo_array((entries, places), X.shape)
    # A conversion by SciPy would sum duplicates, so the row pointers are built by hand.
    order = np.argsort(sparse.row, kind="stable")
    indptr = np.searchsorted(sparse.row[order], np.arange(len(X) + 1))
    sparse = csr_array((sparse.data[order], sparse.col[order].astype(np.int64), indptr.astype(np.int64)), shape=X.shape)
    assert sparse.nnz == 2 * X.size + 2
    _, gradient = loss_and_gradient(network, sparse, targets, weights)
    assert_same_up_to_rounding(gradient, loss_and_gradient(network, X, targets, weights)[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("block_size", [1, 2, 7, 19, 20, 1000])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_does_not_depend_on_the_size_of_blocks(loss, block_size, make, dtype, monkeypatch):
    network, X, targets, weights, _ = make_problem("relu", loss, (3, 4, 5, 3), n=20, dtype=dtype)
    eps = np.finfo(dtype).eps
    expected_loss, expected = loss_and_gradient(network, X, targets, weights)
    monkeypatch.setattr(skinit.engine.passes, "MOST_BLOCK_ROWS", block_size)
    loss_sum, gradient = loss_and_gradient(network, make(X), targets, weights)
    assert_same_up_to_rounding(gradient, expected, eps)
    np.testing.assert_allclose(loss_sum, expected_loss, rtol=N_ROUNDINGS * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("block_size", [1, 3, 6])
@pytest.mark.parametrize("loss", LOSSES)
def test_steps_do_not_depend_on_the_blocks_of_a_mini_batch(loss, block_size, make, dtype, monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", loss, (5, 4, 3), n=20, dtype=dtype)
    start = network.theta.copy()

    def train(block_size):
        monkeypatch.setattr(skinit.engine.passes, "CALL_MULTIPLY_ADDS", block_size * network.n_weights)
        network.theta[:] = start
        passes = DataPasses(network, TrainingData(make(X), targets, weights), batch_size=7, alpha=0.1)
        return passes.run(make_sgd(network)), network.theta.copy()

    loss, theta = train(block_size)
    expected_loss, expected = train(7)
    eps = np.finfo(dtype).eps
    assert np.abs(expected - start).max() > 1e-3
    assert_same_up_to_rounding(theta, expected, eps)
    np.testing.assert_allclose(loss, expected_loss, rtol=N_ROUNDINGS * eps)


@pytest.mark.parametrize("seconds", [0.0, 1e9])
@pytest.mark.parametrize("loss", LOSSES)
def test_bits_do_not_depend_on_how_a_pass_is_split_into_calls(loss, seconds, monkeypatch):
    network, X, targets, weights, _ = make_problem("tanh", loss, (3, 4, 3), n=20)
    start = network.theta.copy()
    monkeypatch.setattr(skinit.engine.passes, "MOST_BLOCK_ROWS", 3)

    def train():
        network.theta[:] = start
        passes, solver = DataPasses(network, TrainingData(X, targets, weights), 7, alpha=0.1), make_sgd(network)
        return [passes.run(solver) for _ in range(3)], network.theta.copy()

    expected_losses, expected = train()
    monkeypatch.setattr(skinit.engine.passes, "CALL_SECONDS", seconds)
    losses, theta = train()
    assert losses == expected_losses
    np.testing.assert_array_equal(theta, expected)


@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_can_be_taken_over_some_rows(loss, make):
    network, X, targets, weights, _ = make_problem("tanh", loss, n=20)
    rows = np.array([3, 17, 3, 0, 11])
    expected_loss, expected = loss_and_gradient(network, X[rows], targets[rows], weights[rows])
    loss_sum, gradient = loss_and_gradient(network, make(X), targets, weights, rows)
    assert_same_up_to_rounding(gradient, expected)
    np.testing.assert_allclose(loss_sum, expected_loss, rtol=N_ROUNDINGS * EPS)


@pytest.mark.parametrize("block_size", [2, 20])
@pytest.mark.parametrize("loss", LOSSES)
def test_integer_sample_weights_count_as_repeated_rows(loss, block_size, monkeypatch):
    network, X, targets, _, _ = make_problem("tanh", loss, n=20)
    # Some rows have weight zero. With blocks of two, they are the whole first block.
    counts = np.arange(20) // 2 % 4
    repeated = np.repeat(np.arange(20), counts)
    expected_loss, expected = loss_and_gradient(network, X[repeated], targets[repeated])
    monkeypatch.setattr(skinit.engine.passes, "MOST_BLOCK_ROWS", block_size)
    loss_sum, gradient = loss_and_gradient(network, X, targets, counts.astype(float))
    assert_same_up_to_rounding(gradient, expected)
    np.testing.assert_allclose(loss_sum, expected_loss, rtol=N_ROUNDINGS * EPS)


@pytest.mark.parametrize("loss", LOSSES)
def test_without_sample_weights_all_weights_are_one(loss):
    network, X, targets, weights, _ = make_problem("tanh", loss)
    expected_loss, expected = loss_and_gradient(network, X, targets, np.ones_like(weights))
    loss_sum, gradient = loss_and_gradient(network, X, targets)
    assert loss_sum == expected_loss
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize(("activation", "loss", "depth"), NETWORKS)
def test_float32_gradient_agrees_with_float64(activation, loss, depth):
    network, X, targets, weights, _ = make_problem(
        activation, loss, (3, *HIDDEN_LAYERS[depth], 3), n=20, dtype=np.float32
    )
    loss_sum, gradient = loss_and_gradient(network, X, targets, weights)
    # float64 holds the float32 numbers exactly.
    double = Network.from_parameters(
        [coef.astype(np.float64) for coef in network.coefs], network.intercepts, activation, loss
    )
    expected_loss, expected = loss_and_gradient(double, *(a.astype(np.float64) for a in (X, targets, weights)))
    eps = np.finfo(np.float32).eps
    assert_same_up_to_rounding(gradient, expected, eps)
    np.testing.assert_allclose(loss_sum, expected_loss, rtol=N_ROUNDINGS * eps)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_reported_loss_averages_the_penalized_batch_losses_by_rows(loss, weighted):
    network, X, targets, weights, _ = make_problem("tanh", loss, n=20)
    weights[:3] = 0
    losses, _, _ = compute_losses(loss, propagate(network, X)[-1], targets)
    if loss == "squared_error":
        losses /= 3  # scikit-learn's mean over outputs
    squared_norm = sum((coef**2).sum() for coef in network.coefs)
    used = weights if weighted else np.ones(20)
    expected = 0.0
    for start in range(0, 20, 3):
        batch = slice(start, start + 3)
        if used[batch].sum() > 0:
            mean = (used[batch] @ losses[batch] + 0.5 * 0.7 * squared_norm) / used[batch].sum()
            expected += mean * used[batch].size / 20
    passes = DataPasses(network, TrainingData(X, targets, weights if weighted else None), 3, alpha=0.7)
    before = network.theta.copy()
    np.testing.assert_allclose(passes.loss(), expected, rtol=N_ROUNDINGS * EPS)
    np.testing.assert_array_equal(network.theta, before)
    # At a learning rate of zero the weights do not move.
    no_step = make_sgd(network, learning_rate_init=0.0, momentum=0.0)
    np.testing.assert_allclose(passes.run(no_step), expected, rtol=N_ROUNDINGS * EPS)
    np.testing.assert_array_equal(network.theta, before)


# The forward pass.


def map_to_disk(path, X, order="C", offset=0):
    """Return a read-only memory map of X, which starts `offset` bytes into its file."""
    mapped = np.memmap(path, X.dtype, "w+", offset, X.shape, order)
    mapped[...] = X
    mapped.flush()
    return np.memmap(path, X.dtype, "r", offset, X.shape, order)


def read_only(X):
    copy = X.copy()
    copy.flags.writeable = False
    return copy


def inside_of(X):
    """Return a view of every other row and column of a larger array, backwards."""
    larger = np.full((2 * X.shape[0], 2 * X.shape[1]), np.nan, X.dtype)
    larger[::-2, ::-2] = X
    return larger[::-2, ::-2]


LAYOUTS = {
    "c": lambda X, path: X,
    "fortran": lambda X, path: np.asfortranarray(X),
    "strided": lambda X, path: inside_of(X),
    "read-only": lambda X, path: read_only(X),
    "memory-mapped": lambda X, path: map_to_disk(path, X),
    "memory-mapped fortran": lambda X, path: map_to_disk(path, X, "F"),
    "memory-mapped unaligned": lambda X, path: map_to_disk(path, X, offset=1),
    "memory-mapped unaligned fortran": lambda X, path: map_to_disk(path, X, "F", offset=3),
    "other byte order": lambda X, path: X.astype(X.dtype.newbyteorder()),
    "csr": lambda X, path: csr_array(X),
    "csc": lambda X, path: csc_matrix(X),
}


def assert_twin_preactivations(network, X, dense):
    before = dense.copy()
    result = predict_preactivations(network, X)
    expected = propagate(network, dense)[-1]
    assert result.shape == expected.shape
    assert result.dtype == network.theta.dtype
    scale = max(1, np.abs(expected).max())
    eps = np.finfo(result.dtype).eps
    np.testing.assert_allclose(result, expected, rtol=0, atol=N_ROUNDINGS * eps * scale)
    np.testing.assert_array_equal(X.toarray() if hasattr(X, "toarray") else X, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("depth", HIDDEN_LAYERS)
@pytest.mark.parametrize("n", [1, 13])
def test_preactivations_are_those_of_a_numpy_network(n, depth, layout, dtype, tmp_path):
    network, X, *_ = make_problem("tanh", "log_loss", (6, *HIDDEN_LAYERS[depth], 3), n=n, dtype=dtype)
    X[np.abs(X) < 0.5] = 0
    assert_twin_preactivations(network, LAYOUTS[layout](X, tmp_path / "X"), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernels_get_aligned_contiguous_arrays_of_their_types(layout, dtype, tmp_path):
    X = np.arange(24.0).reshape(4, 6)
    inputs = as_inputs(LAYOUTS[layout](X, tmp_path / "X"), np.dtype(dtype))
    for array in inputs:
        assert array.flags.c_contiguous
        assert array.flags.aligned
    assert [array.dtype for array in inputs] == [dtype, dtype, np.int32, np.int64]
    dense, *sparse = inputs
    np.testing.assert_array_equal(csr_array(tuple(sparse), shape=X.shape).toarray() if sparse[0].size else dense, X)
    # Either the dense or the sparse arrays are empty.
    assert (dense.shape[0] == 0) == (sparse[0].size > 0)


@pytest.mark.parametrize("layout", ["c", "read-only", "memory-mapped"])
def test_rows_in_the_layout_of_the_kernels_are_not_copied(layout, tmp_path):
    X = LAYOUTS[layout](np.arange(24.0).reshape(4, 6), tmp_path / "X")
    assert np.shares_memory(as_inputs(X, X.dtype).X, X)
    sparse = csr_array(X)
    assert np.shares_memory(as_inputs(sparse, X.dtype).data, sparse.data)


def test_entries_of_sparse_rows_are_sorted_only_on_request():
    X = csr_array((np.arange(1.0, 5), np.array([4, 1, 3, 0]), np.array([0, 2, 4])), shape=(2, 6))
    assert np.shares_memory(as_inputs(X, X.dtype).data, X.data)
    in_order = as_inputs(X, X.dtype, in_order=True)
    assert in_order.indices.tolist() == [1, 4, 0, 3]
    assert in_order.data.tolist() == [2, 1, 4, 3]
    assert X.indices.tolist() == [4, 1, 3, 0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_does_not_depend_on_the_layout(layout, tmp_path):
    network, X, targets, weights, _ = make_problem("tanh", "log_loss", (6, 4, 3), n=13)
    _, expected = loss_and_gradient(network, X.copy(), targets, weights)
    _, gradient = loss_and_gradient(network, LAYOUTS[layout](X, tmp_path / "X"), targets, weights)
    assert_same_up_to_rounding(gradient, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_preactivations_of_every_activation_are_those_of_a_numpy_network(activation, dtype):
    network, X, *_ = make_problem(activation, "log_loss", (6, 4, 3, 5, 3), n=30, dtype=dtype)
    assert_twin_preactivations(network, X, X)


@pytest.mark.parametrize("layout", ["c", "fortran", "memory-mapped unaligned", "csr"])
@pytest.mark.parametrize("widths", [(3, 1100, 2), (3, 2, 1100), (1100, 2, 3), (1100, 2)], ids=str)
def test_rows_beyond_the_first_block_are_predicted(widths, layout, tmp_path):
    # The last block has fewer rows than the others.
    assert skinit.engine.predictions.FEWEST_BLOCK_ROWS == 64
    network = make_network(widths, "tanh", "log_loss", np.random.default_rng(0))
    X = np.random.default_rng(1).normal(size=(150, widths[0]))
    # The twin's tolerance allows for sums of 1100 terms, whose rounding grows with the square root of their number.
    assert_twin_preactivations(network, LAYOUTS[layout](X, tmp_path / "X"), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["c", "fortran", "memory-mapped", "csr"])
@pytest.mark.parametrize("n_calls", [1, 5])
def test_bits_of_predictions_do_not_depend_on_threads_and_calls(n_calls, layout, dtype, monkeypatch, tmp_path):
    network = make_network((3, 5, 2), "tanh", "log_loss", np.random.default_rng(0), np.dtype(dtype))
    X = np.random.default_rng(1).normal(size=(1000, 3)).astype(dtype)
    X_in_layout = LAYOUTS[layout](X, tmp_path / "X")
    # Each row takes 25 multiply-adds.
    monkeypatch.setattr(skinit.engine.predictions, "CALL_MULTIPLY_ADDS", 25 * 1000 // n_calls)
    # There are 16 blocks of 64 rows.
    monkeypatch.setattr(skinit.engine.predictions, "BLOCK_NUMBERS", 5)
    monkeypatch.setattr(skinit.engine.predictions, "SHARED_PREDICTION_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(skinit.engine.team, "SHARED_MULTIPLY_ADDS", 0)
    results = []
    for n_threads in (1, 3, 40):
        monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda n_threads=n_threads: n_threads)
        results.append(predict_preactivations(network, X_in_layout))
        np.testing.assert_array_equal(results[-1], results[0])
    assert_twin_preactivations(network, X_in_layout, X)


@pytest.mark.parametrize("layout", ["c", "fortran", "csr"])
def test_many_rows_of_a_narrow_network_are_predicted(layout):
    network = make_network((2, 3, 1), "relu", "squared_error", np.random.default_rng(0))
    X = np.random.default_rng(1).normal(size=(3 * skinit.engine.predictions.MOST_BLOCK_ROWS + 5, 2))
    assert_twin_preactivations(network, LAYOUTS[layout](X, None), X)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16, np.float32])
def test_rows_are_predicted_in_the_dtype_of_the_network(dtype):
    network, X, *_ = make_problem("tanh", "log_loss", (6, 4, 3), n=13)
    X = (3 * X).astype(dtype)
    assert_twin_preactivations(network, X, X)


def test_parameters_are_views_of_one_vector_in_the_documented_order():
    sizes = (3, 4, 5, 2)
    network = Network(sizes, "relu", "squared_error", np.dtype(np.float64))
    network.theta[:] = np.arange(network.theta.size)
    shapes = list(pairwise(sizes))
    assert [coef.shape for coef in network.coefs] == shapes
    assert [intercept.shape for intercept in network.intercepts] == [(4,), (5,), (2,)]
    in_order = np.concatenate([array.ravel() for array in [*network.coefs, *network.intercepts]])
    np.testing.assert_array_equal(in_order, np.arange(network.theta.size))
    assert network.n_weights == sum(fan_in * fan_out for fan_in, fan_out in shapes)
    copied = network.copy()
    copied.coefs[0][0, 0] = -1
    assert network.theta[0] == 0
    assert copied.theta[0] == -1
