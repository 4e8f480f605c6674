"""The public curvature functions, against differences of the loss of predictions and against full spectra."""

import inspect
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from twins import ACTIVATIONS, propagate

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import (
    hessian_bound,
    hessian_norm,
    hessian_operator,
    hessian_trace,
    layer_hessian_norms,
    layer_jacobian_norms,
    max_stable_step,
    spectral_density,
)
from skinit.initializers import RandomNormal
from skinit.inspection import CurvatureDisplay, signal_propagation

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X_iris, y_iris = load_iris(return_X_y=True)
X_iris = ((X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0))[::4]
y_iris = np.array(["setosa", "versicolor", "virginica"])[y_iris[::4]]
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = (X_diabetes / X_diabetes.std(axis=0))[:40, :5]
y_diabetes = ((y_diabetes - y_diabetes.mean()) / y_diabetes.std())[:40]
X_labels, Y_labels = make_multilabel_classification(40, 4, n_classes=3, random_state=0)
X_labels = (X_labels - X_labels.mean(axis=0)) / X_labels.std(axis=0)
y_counts = rng.poisson(np.exp(0.5 * X_iris[:, 0]))

TASKS = {
    "multiclass": (MLPClassifier(), X_iris, y_iris),
    "binary": (MLPClassifier(), X_iris, y_iris == "setosa"),
    "multilabel": (MLPClassifier(), X_labels, Y_labels),
    "squared_error": (MLPRegressor(), X_diabetes, y_diabetes),
    "two outputs": (MLPRegressor(), X_diabetes, np.column_stack([y_diabetes, X_diabetes[:, 2]])),
    "poisson": (MLPRegressor(loss="poisson"), X_iris, y_counts),
}
DTYPES = [np.float32, np.float64]
FUNCTIONS = [
    hessian_operator,
    hessian_norm,
    layer_hessian_norms,
    layer_jacobian_norms,
    hessian_bound,
    hessian_trace,
    spectral_density,
    max_stable_step,
]
OF_A_MATRIX = [hessian_operator, hessian_norm, hessian_trace, spectral_density]


def untrained(task, dtype=np.float64, hidden=(4, 3), activation="tanh", **parameters):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(
        **{
            "hidden_layer_sizes": hidden,
            "activation": activation,
            "alpha": 0.7,
            "init": RandomNormal(0.5),
            "random_state": 0,
            **parameters,
        }
    )
    X = X.astype(dtype)
    model.initialize(X, y)
    for intercept in model.intercepts_:
        intercept[...] = np.random.default_rng(1).normal(0, 0.3, intercept.size)
    return model, X, y


def parameters_of(model):
    return [*model.coefs_, *model.intercepts_]


def mean_loss(model, X, y, sample_weight, penalty):
    """Return the mean loss, computed from predictions as users of scikit-learn would."""
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    if isinstance(model, MLPClassifier):
        probabilities = model.predict_proba(X)
        if y.ndim > 1:
            rows = -np.log(np.where(y == 1, probabilities, 1 - probabilities)).sum(axis=1)
        else:
            rows = -np.log(probabilities[np.arange(len(y)), np.searchsorted(model.classes_, y)])
    else:
        predictions = model.predict(X).reshape(len(X), -1)
        targets = np.asarray(y, float).reshape(len(X), -1)
        if model.loss == "poisson":
            rows = (predictions - targets * np.log(predictions)).sum(axis=1)
        else:
            rows = ((predictions - targets) ** 2).sum(axis=1) / 2
    total = weights @ rows
    if penalty:
        total += model.alpha / 2 * sum(np.sum(coef**2) for coef in model.coefs_)
    return total / weights.sum()


def assert_second_differences(operator, model, places, loss):
    """Compare quadratic forms along random directions with second differences of the loss. Restores the parameters."""
    arrays = parameters_of(model)
    theta = np.concatenate([array.ravel() for array in arrays])

    def move_to(values):
        start = 0
        for array in arrays:
            array[...] = values[start : start + array.size].reshape(array.shape)
            start += array.size

    step = 0.01
    multiples = np.array([-4, -2, -1, 0, 1, 2, 4])
    fine = np.array([0, -1, 16, -30, 16, -1, 0]) / 12 / step**2
    coarse = np.array([-1, 16, 0, -30, 0, 16, -1]) / 48 / step**2
    for seed in range(4):
        direction = np.zeros(theta.size)
        direction[places] = np.random.default_rng(seed).normal(size=operator.shape[0])
        direction /= np.linalg.norm(direction)
        losses = []
        for multiple in multiples:
            move_to(theta + multiple * step * direction)
            losses.append(loss())
        move_to(theta)
        form = direction[places] @ operator.matvec(direction[places])
        # A loss of order 1 has some hundred roundings, and 1 - p loses as many digits again.
        rounding = 1000 * np.finfo(float).eps * np.abs(fine).sum() * (1 + abs(losses[3]))
        assert abs(form - fine @ losses) <= abs((fine - coarse) @ losses) + rounding


def places_of(model, layer):
    if layer is None:
        return slice(0, sum(array.size for array in parameters_of(model)))
    start = sum(coef.size for coef in model.coefs_[:layer])
    return slice(start, start + model.coefs_[layer].size)


def dense(model, X, y, **options):
    operator = hessian_operator(model, X, y, **options)
    return operator.matmat(np.eye(operator.shape[0], dtype=operator.dtype))


# The operator.


@pytest.mark.parametrize("penalty", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layer", [None, 0, 1, 2])
@pytest.mark.parametrize("task", TASKS)
def test_operator_is_the_second_derivative_of_the_loss_of_predictions(task, layer, weighted, penalty):
    model, X, y = untrained(task)
    weights = np.random.default_rng(2).uniform(0, 2, len(X)) if weighted else None
    operator = hessian_operator(model, X, y, sample_weight=weights, layer=layer, penalty=penalty)
    places = places_of(model, layer)
    assert operator.shape == (places.stop - places.start,) * 2
    assert_second_differences(operator, model, places, lambda: mean_loss(model, X, y, weights, penalty))


@pytest.mark.parametrize("layer", [None, 1])
@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("task", TASKS)
def test_operator_agrees_for_sparse_rows_and_float32(task, kind, layer):
    model, X, y = untrained(task, np.float32)
    X = np.where(np.abs(X) < 0.5, 0, X)
    expected = dense(model, X, y, kind=kind, layer=layer)
    assert expected.dtype == np.float32
    double = pickle.loads(pickle.dumps(model))
    double.coefs_ = [coef.astype(float) for coef in model.coefs_]
    double.intercepts_ = [intercept.astype(float) for intercept in model.intercepts_]
    tolerance = 100 * float(np.finfo(np.float32).eps) * max(1, np.abs(expected).max())
    np.testing.assert_allclose(dense(double, X.astype(float), y, kind=kind, layer=layer), expected, atol=tolerance)
    np.testing.assert_allclose(dense(model, csr_array(X), y, kind=kind, layer=layer), expected, atol=tolerance)
    # The operator has the precision of the weights, whatever that of X.
    assert dense(model, X.astype(float), y, kind=kind, layer=layer).dtype == np.float32


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("layer", [None, 0, 2])
def test_operator_multiplies_vectors_columns_and_matrices_and_is_its_own_transpose(layer, kind):
    model, X, y = untrained("multiclass")
    operator = hessian_operator(model, X, y, layer=layer, kind=kind)
    matrix = operator.matmat(np.eye(operator.shape[0]))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
    columns = np.random.default_rng(0).normal(size=(operator.shape[0], 3))
    for product in (operator @ columns, operator.T @ columns, operator.H @ columns):
        np.testing.assert_allclose(product, matrix @ columns, atol=1e-13)
    np.testing.assert_allclose(operator @ columns[:, 0], matrix @ columns[:, 0], atol=1e-13)
    np.testing.assert_allclose(operator @ columns[:, :1], matrix @ columns[:, :1], atol=1e-13)
    np.testing.assert_allclose(operator @ np.asfortranarray(columns), matrix @ columns, atol=1e-13)
    assert operator.dtype == np.float64


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("weighted", [False, True])
def test_penalty_adds_alpha_over_the_sum_of_weights_to_weights_alone(weighted, kind):
    model, X, y = untrained("multiclass", alpha=3.0)
    weights = np.random.default_rng(2).uniform(0, 2, len(X)) if weighted else None
    total = len(X) if weights is None else weights.sum()
    options = {"sample_weight": weights, "kind": kind}
    n_weights = sum(coef.size for coef in model.coefs_)
    n_intercepts = sum(intercept.size for intercept in model.intercepts_)
    added = dense(model, X, y, penalty=True, **options) - dense(model, X, y, **options)
    expected = np.diag(np.repeat([3.0 / total, 0.0], [n_weights, n_intercepts]))
    np.testing.assert_allclose(added, expected, atol=1e-14)
    added = dense(model, X, y, layer=1, penalty=True, **options) - dense(model, X, y, layer=1, **options)
    np.testing.assert_allclose(added, 3.0 / total * np.eye(len(added)), atol=1e-14)


def test_operator_keeps_the_weights_it_was_made_with():
    model, X, y = untrained("multiclass")
    operator = hessian_operator(model, X, y)
    vector = np.random.default_rng(0).normal(size=operator.shape[0])
    before = operator @ vector
    for coef in model.coefs_:
        coef *= 2
    np.testing.assert_array_equal(operator @ vector, before)
    assert not np.allclose(hessian_operator(model, X, y) @ vector, before)


def test_the_weights_put_into_a_trained_estimator_are_measured():
    model, X, y = untrained("multiclass")
    model.set_params(max_iter=3).fit(X, y)
    expected = hessian_norm(model, X, y)
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    assert hessian_norm(model, X, y) != pytest.approx(expected, rel=0.01)
    # With zero weights only the intercepts of the output layer count, so the first block is zero.
    matrix = dense(model, X, y)
    assert not matrix[: model.coefs_[0].size, : model.coefs_[0].size].any()


# Norms.


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("task", TASKS)
def test_norms_are_the_largest_magnitudes_of_eigenvalues(task, kind):
    model, X, y = untrained(task)
    weights = np.random.default_rng(2).uniform(0, 2, len(X))
    options = {"sample_weight": weights, "kind": kind}
    for tol in (1e-3, 1e-8):
        for layer in (None, 0, 1, 2):
            for penalty in (False, True):
                exact = np.linalg.norm(dense(model, X, y, layer=layer, penalty=penalty, **options), 2)
                norm = hessian_norm(model, X, y, layer=layer, penalty=penalty, tol=tol, **options)
                assert isinstance(norm, float)
                # Ritz values lie within the spectrum.
                assert exact * (1 - tol) <= norm <= exact * (1 + 1e-12)
        norms = layer_hessian_norms(model, X, y, tol=tol, **options)
        exact = [np.linalg.norm(dense(model, X, y, layer=layer, **options), 2) for layer in range(3)]
        assert norms.shape == (3,)
        np.testing.assert_allclose(norms, exact, rtol=tol)


def test_norm_is_a_magnitude_where_the_largest_eigenvalue_is_negative():
    # The targets are far above the outputs of a tanh network, whose hidden units bend the loss down.
    X = np.ones((5, 1))
    model = MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", init="ones").initialize(X, np.full(5, -100.0))
    matrix = dense(model, X, np.full(5, -100.0), layer=0)
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert -eigenvalues[0] > eigenvalues[-1]
    assert hessian_norm(model, X, np.full(5, -100.0), layer=0) == pytest.approx(-eigenvalues[0], rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_and_tiny_matrices_have_norms_and_traces(dtype):
    # Without weights and features only the output intercept is curved, by 1.
    X, y = np.zeros((6, 2), dtype), np.arange(6.0)
    model = MLPRegressor(hidden_layer_sizes=(3,), init="zeros").initialize(X, y)
    assert hessian_norm(model, X, y) == pytest.approx(1, rel=1e-3)
    assert hessian_norm(model, X, y, layer=0) == 0
    np.testing.assert_array_equal(layer_hessian_norms(model, X, y), [0, 0])
    np.testing.assert_array_equal(hessian_bound(model, X, y), [0, 0])
    assert hessian_trace(model, X, y, layer=0) == 0
    assert hessian_trace(model, X, y) == pytest.approx(1, rel=1e-5)
    # One weight and one intercept.
    X = np.full((6, 1), 3.0, dtype)
    model = MLPRegressor(hidden_layer_sizes=(), init="zeros", alpha=0.0).initialize(X, y)
    assert hessian_norm(model, X, y) == pytest.approx(10, rel=1e-5)
    assert hessian_norm(model, X, y, layer=0) == pytest.approx(9, rel=1e-5)
    assert hessian_trace(model, X, y) == pytest.approx(10, rel=1e-5)
    assert max_stable_step(model, X, y) == pytest.approx(0.2, rel=1e-5)


# Jacobians and the bound.


def slopes_of(activation, u):
    f = ACTIVATIONS[activation]
    return (f(u + 1e-6) - f(u - 1e-6)) / 2e-6


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("hidden", [(4, 3), (7, 9)], ids=["narrowing", "widening"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_jacobian_norms_are_means_over_rows(activation, hidden, make, weighted):
    model, X, y = untrained("multiclass", hidden=hidden, activation=activation)
    weights = np.random.default_rng(2).uniform(0, 2, len(X)) if weighted else np.ones(len(X))
    norms = layer_jacobian_norms(model, make(X), y, sample_weight=weights if weighted else None)
    for k, u in enumerate(propagate(model._network, X)):
        slopes = np.ones_like(u) if k == 2 else slopes_of(activation, u)
        rows = np.linalg.norm(model.coefs_[k] * slopes[:, None, :], 2, axis=(1, 2))
        assert norms[k] == pytest.approx(weights @ rows / weights.sum(), rel=1e-7)


@settings(max_examples=80)
@given(
    task=st.sampled_from(sorted(TASKS)),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    hidden=st.lists(st.integers(1, 5), max_size=3),
    scale=st.sampled_from([1e-3, 0.1, 0.5, 1.0, 2.0]),
    seed=st.integers(0, 10**6),
    weighted=st.booleans(),
)
def test_bound_is_never_below_the_gauss_newton_norm(task, activation, hidden, scale, seed, weighted):
    model, X, y = untrained(
        task, hidden=tuple(hidden), activation=activation, init=RandomNormal(scale), random_state=seed
    )
    weights = np.random.default_rng(2).uniform(0, 2, len(X)) if weighted else None
    bounds = hessian_bound(model, X, y, sample_weight=weights)
    assert bounds.shape == (len(hidden) + 1,)
    for layer, bound in enumerate(bounds):
        matrix = dense(model, X, y, sample_weight=weights, layer=layer, kind="gauss_newton")
        assert np.linalg.norm(matrix, 2) <= bound * (1 + 1e-12)
        np.testing.assert_allclose(hessian_bound(model, csr_array(X), y, sample_weight=weights)[layer], bound)


def test_bound_is_reached_by_one_row_and_linear_layers_of_one_unit():
    # All matrices are numbers, so the bound is exact.
    X, y = np.array([[2.0, -1.0]]), np.array([0.3])
    model = MLPRegressor(hidden_layer_sizes=(1, 1), activation="tanh", init=RandomNormal(1.0), random_state=0)
    model.initialize(X, y)
    norms = layer_hessian_norms(model, X, y, kind="gauss_newton", tol=1e-10)
    np.testing.assert_allclose(hessian_bound(model, X, y), norms, rtol=1e-9)


def test_rows_beyond_the_first_block_count():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(700, 3)), rng.normal(size=700)
    model = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", random_state=0).initialize(X, y)
    parts = [slice(0, 100), slice(100, 450), slice(450, 700)]
    shares = np.array([100, 350, 250]) / 700
    for function in (hessian_bound, layer_jacobian_norms):
        whole = function(model, X, y)
        np.testing.assert_allclose(whole, shares @ [function(model, X[part], y[part]) for part in parts])
    whole = dense(model, X, y)
    np.testing.assert_allclose(
        whole, np.tensordot(shares, [dense(model, X[part], y[part]) for part in parts], 1), atol=1e-13
    )


# The spectrum.


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("task", TASKS)
def test_trace_is_exact_with_enough_products_and_near_with_few(task, kind):
    model, X, y = untrained(task)
    weights = np.random.default_rng(2).uniform(0, 2, len(X))
    options = {"sample_weight": weights, "kind": kind}
    for layer in (None, 0, 2):
        for penalty in (False, True):
            matrix = dense(model, X, y, layer=layer, penalty=penalty, **options)
            size = len(matrix)
            found = hessian_trace(model, X, y, layer=layer, penalty=penalty, n_products=3 * size, **options)
            assert found == pytest.approx(np.trace(matrix), abs=1e-12 * size * np.abs(matrix).max())
            # Random signs estimate the trace of the part R of the matrix outside the projection. The variance for each
            # vector is at most 2 |R|_F^2. Five standard errors are allowed.
            error = np.sqrt(2 / 10) * np.linalg.norm(matrix, "fro")
            found = hessian_trace(model, X, y, layer=layer, penalty=penalty, n_products=30, **options)
            assert abs(found - np.trace(matrix)) <= 5 * error


def test_trace_is_unbiased():
    model, X, y = untrained("multiclass")
    exact = np.trace(dense(model, X, y))
    estimates = [hessian_trace(model, X, y, n_products=9, random_state=seed) for seed in range(200)]
    assert np.std(estimates) > 0
    assert abs(np.mean(estimates) - exact) <= 5 * np.std(estimates) / np.sqrt(200)


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("layer", [None, 0, 2])
@pytest.mark.parametrize("task", TASKS)
def test_density_integrates_to_1_and_has_the_mean_of_the_eigenvalues(task, layer, kind):
    model, X, y = untrained(task)
    matrix = dense(model, X, y, layer=layer, kind=kind, penalty=True)
    n_vectors = 50
    grid, density = spectral_density(
        model, X, y, layer=layer, kind=kind, penalty=True, n_vectors=n_vectors, n_steps=100
    )
    assert grid.shape == density.shape == (1000,)
    assert (density >= 0).all()
    # The grid ends five deviations beyond the nodes.
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-5)
    eigenvalues = np.linalg.eigvalsh(matrix)
    # Nodes lie within the spectrum.
    room = 0.06 * np.ptp(eigenvalues) + 1e-9
    assert eigenvalues[0] - room <= grid[0] <= grid[-1] <= eigenvalues[-1] + room
    # For random signs v, v^T H v has the variance 2 (|H|_F^2 - the sum of the squared diagonal). For v of unit length
    # it is smaller by the factor P^2.
    deviation = np.sqrt(2 / n_vectors) * np.linalg.norm(matrix - np.diag(np.diag(matrix)), "fro") / len(matrix)
    mean = np.trapezoid(density * grid, grid)
    assert abs(mean - eigenvalues.mean()) <= 5 * deviation + 1e-4 * np.abs(eigenvalues).max()


def test_density_is_the_smoothed_histogram_of_eigenvalues():
    model, X, y = untrained("multiclass")
    eigenvalues = np.linalg.eigvalsh(dense(model, X, y))
    grid, density = spectral_density(model, X, y, n_vectors=200, n_steps=100, width=0.03)
    spread = np.ptp(eigenvalues)
    deviation = 0.03 * spread
    exact = (
        np.exp(-(((grid[:, None] - eigenvalues) / deviation) ** 2) / 2).mean(axis=1) / deviation / np.sqrt(2 * np.pi)
    )
    # The distribution functions differ by the weights of single vectors. The mean weight over 200 vectors has a
    # standard error of at most sqrt(2 / P / 200) in any part of the spectrum.
    difference = np.abs(np.cumsum(density - exact)) * (grid[1] - grid[0])
    assert difference.max() <= 5 * np.sqrt(2 / eigenvalues.size / 200)


def test_estimates_depend_on_the_random_state_alone():
    model, X, y = untrained("multiclass")
    for function, options in ((hessian_trace, {"n_products": 9}), (spectral_density, {"n_vectors": 2})):
        results = [np.ravel(function(model, X, y, random_state=seed, **options)) for seed in (3, 3, 4)]
        np.testing.assert_array_equal(results[0], results[1])
        assert not np.array_equal(results[0], results[2])


# The largest stable step.


def final_size(matrix, step, momentum, nesterov, n_steps):
    """Return the error on the quadratic model after `n_steps`, from an error of 1 along the steepest direction."""
    error = np.linalg.eigh(matrix)[1][:, -1].copy()
    velocity = np.zeros_like(error)
    for _ in range(n_steps):
        gradient = matrix @ error
        velocity = momentum * velocity - step * gradient
        # Nesterov's momentum in the form that scikit-learn uses.
        error = error + (momentum * velocity - step * gradient if nesterov else velocity)
    return np.linalg.norm(error)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("task", TASKS)
def test_steps_converge_just_below_the_largest_stable_step_and_diverge_just_above(task, momentum, nesterov):
    # Without hidden layers and with the penalty the loss is convex.
    model, X, y = untrained(task, hidden=())
    matrix = dense(model, X, y, penalty=True)
    step = max_stable_step(model, X, y, momentum=momentum, nesterov=nesterov, tol=1e-8)
    # Heavy-ball steps multiply the error by the roots of
    #     r^2 - (1 + momentum - step * eigenvalue) r + momentum
    # At a relative distance d from the largest stable step, the root near -1 is off by about
    # 2 d (1 + momentum) / (1 - momentum), here at least 0.04. Below that step the roots are at least the square root
    # of the momentum, and 0.99^(2000 / 2) is 4e-5.
    assert final_size(matrix, 0.98 * step, momentum, nesterov, 2000) < 1e-2
    assert final_size(matrix, 1.02 * step, momentum, nesterov, 300) > 1e2


@pytest.mark.parametrize("penalty", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_largest_stable_step_ignores_negative_eigenvalues(weighted, penalty):
    # The targets are far below the outputs of a tanh network, so its loss bends down.
    X, y = np.ones((5, 1)), np.full(5, -100.0)
    model = MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", init="ones", alpha=2.0).initialize(X, y)
    weights = np.array([0.0, 1.0, 2.0, 3.0, 4.0]) if weighted else None
    eigenvalues = np.linalg.eigvalsh(dense(model, X, y, sample_weight=weights, penalty=penalty))
    assert -eigenvalues[0] > 1.1 * eigenvalues[-1]
    step = max_stable_step(model, X, y, sample_weight=weights, penalty=penalty)
    assert step == pytest.approx(2 / eigenvalues[-1], rel=2e-3)


def test_without_upward_curvature_any_step_is_stable():
    X, y = np.zeros((5, 2)), np.array([0, 1, 0, 1, 0])
    model = MLPClassifier((3,), init="zeros", alpha=0.0).initialize(X, y)
    # The loss is flat where probabilities are 0 and 1.
    model.intercepts_[-1][...] = 1000
    assert max_stable_step(model, X, y) == np.inf
    assert hessian_norm(model, X, y) == 0


# Bad input.


@pytest.fixture
def unchanged():
    """Return an estimator and data. Fails after the test if any bit of the estimator changed."""
    model, X, y = untrained("multiclass")
    before = dict(vars(model))
    bits = pickle.dumps([before[name] for name in sorted(before) if name != "_network"])
    yield model, X, y
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    assert pickle.dumps([before[name] for name in sorted(before) if name != "_network"]) == bits


@pytest.mark.parametrize("function", FUNCTIONS)
def test_measuring_leaves_the_estimator_and_data_unchanged(function, unchanged):
    model, X, y = unchanged
    X_before, y_before = X.copy(), y.copy()
    function(model, X, y, sample_weight=np.full(len(X), 2.0))
    function(model, X.astype(np.float32), list(y))
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_estimator_without_weights_is_not_fitted(function):
    model = MLPClassifier()
    with pytest.raises(NotFittedError, match="MLPClassifier instance is not fitted yet"):
        function(model, X_iris, y_iris)
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :3], y), "X has 3 features, but MLPClassifier is expecting 4 features"),
        (lambda X, y: (np.where(np.isin(X, X[3, 1]), np.nan, X), y), "Input X contains NaN"),
        (lambda X, y: (np.where(np.isin(X, X[3, 1]), np.inf, X), y), "Input X contains infinity"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, np.where(y == "setosa", "rosa", y)), "`y` has classes not in `self.classes_`"),
        (lambda X, y: (X[:0], y[:0]), "Found array with 0 sample"),
        (lambda X, y: (X[0], y), "Expected 2D array, got 1D array"),
    ],
    ids=["features", "nan", "infinity", "lengths", "classes", "no rows", "one-dimensional"],
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_data_are_refused(function, change, message, unchanged):
    model, X, y = unchanged
    with pytest.raises(ValueError, match=message):
        function(model, *change(X, y))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_targets_of_the_regressor_are_refused(function):
    model, X, y = untrained("poisson")
    for value, message in (
        (np.nan, "Input y contains NaN"),
        (np.inf, "Input y contains infinity"),
        (-1, "out of the valid range of the loss 'poisson': y must be >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            function(model, X, np.append(y[:-1], value))
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but MLPRegressor was fitted with 1"):
        function(model, X, np.column_stack([y, y]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(len(X_iris)), "Sample weights must contain at least one non-zero number"),
        (np.where(np.arange(len(X_iris)) % 2, 1.0, -1.0), "Sample weights must have a positive sum"),
        (np.ones(3), "sample_weight.shape == "),
        (np.full(len(X_iris), np.nan), "Input sample_weight contains NaN"),
    ],
    ids=["zero", "negative", "shape", "nan"],
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_sample_weights_are_refused(function, weights, message, unchanged):
    model, X, y = unchanged
    with pytest.raises(ValueError, match=message):
        function(model, X, y, sample_weight=weights)


@pytest.mark.parametrize("layer", [-1, 3, 1.0, "0", True, (0,)], ids=str)
@pytest.mark.parametrize("function", OF_A_MATRIX)
def test_a_layer_that_does_not_exist_is_refused(function, layer, unchanged):
    model, X, y = unchanged
    with pytest.raises(ValueError, match="layer must be None or an int from 0 to 2, got "):
        function(model, X, y, layer=layer)


@pytest.mark.parametrize("function", [*OF_A_MATRIX, layer_hessian_norms])
def test_an_unknown_kind_is_refused_with_the_nearest_name(function, unchanged):
    model, X, y = unchanged
    for kind, nearest in (("hesian", "hessian"), ("Gauss-Newton", "gauss_newton")):
        with pytest.raises(ValueError, match=f"Did you mean '{nearest}'.*Got '{kind}' instead"):
            function(model, X, y, kind=kind)
    for kind in (None, 3, ["hessian"]):
        with pytest.raises(ValueError, match=f"'kind' parameter of {function.__name__} must be a str among .*hessian"):
            function(model, X, y, kind=kind)


# For each parameter, the words that describe what it takes, and values that it refuses.
NO_COUNTS = [0, -1, 2.5, 3.0, True, np.True_, "3", None, np.nan, [3]]
BAD_PARAMETERS = {
    "tol": ("a float in the range", [-1.0, -1e-300, np.nan, np.inf, None, "1e-3", True, 10**400, 1j, [0.1]]),
    "max_iter": ("an int in the range", [count for count in NO_COUNTS if count is not None]),
    "n_products": ("an int in the range", [*NO_COUNTS, 1, 2]),
    "n_vectors": ("an int in the range", NO_COUNTS),
    "n_steps": ("an int in the range", NO_COUNTS),
    "n_points": ("an int in the range", [*NO_COUNTS, 1, 10**30]),
    "width": ("a float in the range", [0.0, -0.1, 1.5, np.nan, np.inf, None, "0.1", True]),
    "momentum": ("a float in the range", [1.0, -0.1, np.nan, np.inf, None, "0.9", False, 1]),
    "nesterov": ("an instance of 'bool'", ["yes", 1.5, None, np.nan, 2]),
    "penalty": ("an instance of 'bool'", ["yes", 1.5, None, np.nan, 2]),
    "kind": ("a str among", [None, 0, True, "", ("hessian",)]),
    "random_state": ("an int in the range", [object(), -1, 0.5, 2**32, "0", np.random.default_rng(0)]),
}
MEASUREMENTS = [*FUNCTIONS, signal_propagation, CurvatureDisplay.from_estimator]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (function, name)
        for function in MEASUREMENTS
        for name in BAD_PARAMETERS
        if name in inspect.signature(function).parameters
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_a_bad_parameter_is_named_with_what_it_got_and_what_it_takes(function, name, unchanged):
    model, X, y = unchanged
    takes, values = BAD_PARAMETERS[name]
    for value in values:
        with pytest.raises(ValueError) as error:
            function(model, X, y, **{name: value})
        message = str(error.value)
        assert message.startswith(f"The '{name}' parameter of {function.__qualname__} must be ")
        assert takes in message
        assert f"Got {value!r} instead." in message


def test_numpy_numbers_and_fractions_are_accepted():
    model, X, y = untrained("multiclass")
    expected = hessian_norm(model, X, y, tol=0.5, max_iter=3, layer=1)
    for tol, count in ((np.float32(0.5), np.int8(3)), (Fraction(1, 2), np.uint64(3))):
        assert hessian_norm(model, X, y, tol=tol, max_iter=count, layer=np.int16(1)) == expected
