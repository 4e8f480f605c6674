"""All curvature measurements of small networks against dense matrices, in degenerate and extreme cases too.

The dense matrix comes from the operator, whose entries other tests compare with differences of the loss. For linear
models it comes from a closed form.
"""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

import skinit.engine.hessian
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
from skinit.inspection import CurvatureDisplay, signal_propagation

DTYPES = [np.float32, np.float64]
TASKS = ["one class", "two classes", "three classes", "labels", "one output", "two outputs", "poisson"]
ACTIVATIONS = ["identity", "relu", "tanh", "logistic", "leaky_relu", "softplus"]
# Each takes an estimator, data and options, and measures the Hessian or its Gauss-Newton part.
MEASUREMENTS = {
    "operator": lambda *data, **options: hessian_operator(*data, **options) @ np.ones(count_parameters(data[0])),
    "matrix": lambda *data, **options: hessian_operator(*data, **options) @ np.eye(count_parameters(data[0])),
    "norm": hessian_norm,
    "layer norms": layer_hessian_norms,
    "Jacobians": layer_jacobian_norms,
    "bound": hessian_bound,
    "trace": hessian_trace,
    "exact trace": lambda *data, **options: hessian_trace(*data, n_products=10**4, **options),
    "density": spectral_density,
    "step": max_stable_step,
    "display": lambda *data, **options: CurvatureDisplay.from_estimator(*data, **options),
}


def count_parameters(model):
    return sum(array.size for array in [*model.coefs_, *model.intercepts_])


def make_targets(task, n, rng):
    return {
        "one class": lambda: np.full(n, "only"),
        "two classes": lambda: np.arange(n) % 2,
        "three classes": lambda: np.arange(n) % 3,
        "labels": lambda: rng.integers(0, 2, (n, 3)),
        "one output": lambda: rng.normal(size=n),
        "two outputs": lambda: rng.normal(size=(n, 2)),
        "poisson": lambda: rng.poisson(1.0, n).astype(float),
    }[task]()


def make_model(task, X, y, rng, hidden, activation="tanh", scale=0.7, alpha=0.3):
    parameters = {"hidden_layer_sizes": hidden, "activation": activation, "alpha": alpha, "init": "zeros"}
    if task in ("one output", "two outputs", "poisson"):
        model = MLPRegressor(loss="poisson" if task == "poisson" else "squared_error", **parameters)
    else:
        model = MLPClassifier(**parameters)
    model.initialize(X, y)
    for array in [*model.coefs_, *model.intercepts_]:
        array[...] = rng.normal(0, scale, array.shape)
    return model


def dense(model, X, y, **options):
    operator = hessian_operator(model, X, y, **options)
    matrix = operator.matmat(np.eye(operator.shape[0], dtype=operator.dtype)).astype(float)
    return (matrix + matrix.T) / 2


def output_curvatures(task, outputs):
    """Return the second derivatives of each row's loss with respect to its preactivations."""
    if task == "three classes":
        p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.array([np.diag(row) - np.outer(row, row) for row in p])
    if task in ("one output", "two outputs"):
        return np.array([np.eye(outputs.shape[1])] * len(outputs))
    diagonal = np.exp(outputs) if task == "poisson" else 1 / (2 + np.exp(outputs) + np.exp(-outputs))
    return np.array([np.diag(row) for row in diagonal])


@settings(max_examples=200)
@given(
    task=st.sampled_from(TASKS),
    hidden=st.lists(st.integers(1, 3), max_size=3).map(tuple),
    activation=st.sampled_from(ACTIVATIONS),
    scale=st.sampled_from([0.0, 1e-3, 0.5, 1.5]),
    n=st.integers(1, 7),
    n_features=st.integers(1, 3),
    rows=st.sampled_from(["random", "constant", "zero", "copies"]),
    weights=st.sampled_from(["none", "random", "some zero", "one row", "equal", "tiny", "huge"]),
    penalty=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 10**6),
)
@example("one class", (2, 1), "identity", 1e-3, 1, 1, "random", "none", True, np.float64, 0)
def test_all_measurements_agree_with_the_dense_matrix(
    task, hidden, activation, scale, n, n_features, rows, weights, penalty, dtype, seed
):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)).astype(dtype)
    X = {"random": X, "constant": np.ones_like(X), "zero": np.zeros_like(X), "copies": X[[0] * n]}[rows]
    # The network needs all classes, so it is made from at least three rows.
    y = make_targets(task, max(n, 3), rng)
    model = make_model(task, np.resize(X, (len(y), n_features)), y, rng, hidden, activation, scale)
    y = y[:n]
    sample_weight = {
        "none": None,
        "random": rng.uniform(0.1, 2, n),
        "some zero": np.where(np.arange(n) % 2, 0, rng.uniform(0.1, 2, n)),
        "one row": np.eye(n)[-1],
        "equal": np.full(n, 0.25),
        "tiny": rng.uniform(1, 2, n) * 2.0**-30,
        "huge": rng.uniform(1, 2, n) * 2.0**30,
    }[weights]
    eps = float(np.finfo(dtype).eps)
    for kind in ("hessian", "gauss_newton"):
        for layer in (None, *range(len(hidden) + 1)):
            options = {"sample_weight": sample_weight, "kind": kind, "layer": layer, "penalty": penalty}
            matrix = dense(model, X, y, **options)
            size = len(matrix)
            eigenvalues = np.linalg.eigvalsh(matrix)
            magnitude = np.abs(eigenvalues).max()
            rounding = 100 * size * eps * magnitude
            norm = hessian_norm(model, X, y, **options)
            assert abs(norm - magnitude) <= 1e-3 * magnitude + rounding
            trace = hessian_trace(model, X, y, n_products=3 * size, **options)
            assert abs(trace - np.trace(matrix)) <= rounding
            grid, density = spectral_density(model, X, y, n_vectors=2, n_points=500, **options)
            assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-5)
            room = 0.06 * (np.ptp(eigenvalues) + magnitude or 1.0) + rounding
            assert eigenvalues[0] - room <= grid[0] < grid[-1] <= eigenvalues[-1] + room
            if layer is None and kind == "hessian":
                step = max_stable_step(model, X, y, sample_weight=sample_weight, penalty=penalty)
                assert step > 0
                assert abs(2 / step - max(eigenvalues[-1], 0)) <= 1e-3 * abs(eigenvalues[-1]) + rounding
    options = {"sample_weight": sample_weight}
    norms = layer_hessian_norms(model, X, y, **options, kind="gauss_newton")
    bounds = hessian_bound(model, X, y, **options)
    jacobians = layer_jacobian_norms(model, X, y, **options)
    for layer in range(len(hidden) + 1):
        matrix = dense(model, X, y, layer=layer, kind="gauss_newton", **options)
        exact = np.linalg.norm(matrix, 2)
        assert abs(norms[layer] - exact) <= 1e-3 * exact + 100 * len(matrix) * eps * exact
        assert exact <= bounds[layer] * (1 + 1000 * eps)
    assert jacobians[-1] == pytest.approx(np.linalg.norm(model.coefs_[-1].astype(float), 2), rel=1e-12, abs=1e-300)
    signals = signal_propagation(model, X, y, **options)
    np.testing.assert_allclose(signals.hessian_bound, bounds, rtol=1e-9)
    np.testing.assert_allclose(signals.jacobian_norm, jacobians, rtol=1e-9)
    np.testing.assert_allclose(signals.hessian_norm, layer_hessian_norms(model, X, y, **options), rtol=1e-9)


@settings(max_examples=100)
@given(
    task=st.sampled_from(TASKS),
    n=st.integers(3, 7),
    n_features=st.integers(1, 3),
    weighted=st.booleans(),
    penalty=st.booleans(),
    kind=st.sampled_from(["hessian", "gauss_newton"]),
    seed=st.integers(0, 10**6),
)
def test_the_hessian_of_linear_models_is_the_closed_form(task, n, n_features, weighted, penalty, kind, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, n_features)), make_targets(task, n, rng)
    model = make_model(task, X, y, rng, ())
    weights = rng.uniform(0.1, 2, n) if weighted else np.ones(n)
    (coef,), (intercept,) = model.coefs_, model.intercepts_
    curvatures = output_curvatures(task, X @ coef + intercept)
    expected = 0.0
    for row, curvature, weight in zip(np.hstack([X, np.ones((n, 1))]), curvatures, weights, strict=True):
        expected = expected + weight / weights.sum() * np.kron(np.outer(row, row), curvature)
    if penalty:
        expected[: coef.size, : coef.size] += model.alpha / weights.sum() * np.eye(coef.size)
    options = {"sample_weight": weights if weighted else None, "penalty": penalty, "kind": kind}
    np.testing.assert_allclose(dense(model, X, y, **options), expected, atol=1e-13 * (1 + np.abs(expected).max()))
    exact = np.linalg.norm(expected, 2)
    assert hessian_norm(model, X, y, **options, tol=1e-10) == pytest.approx(exact, rel=1e-9)
    assert hessian_trace(model, X, y, **options, n_products=300) == pytest.approx(np.trace(expected), rel=1e-12)
    highest = np.linalg.eigvalsh(expected)[-1]
    step = max_stable_step(model, X, y, sample_weight=options["sample_weight"], penalty=penalty, tol=1e-10)
    assert step == pytest.approx(2 / highest, rel=1e-9)
    # The bound is exact for a single row, whose Gauss-Newton block is a Kronecker product.
    alone = hessian_bound(model, X[:1], y[:1])
    assert alone[0] == pytest.approx(X[0] @ X[0] * np.linalg.norm(curvatures[0], 2), rel=1e-12)


# Rows of weight zero.


@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_rows_of_weight_zero_do_not_matter_even_where_they_overflow(name, dtype, make):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)).astype(dtype), np.arange(12) % 3
    model = make_model("three classes", X, y, rng, (4, 4), "relu", scale=10.0)
    X[::3] *= np.finfo(dtype).max / 100
    weights = np.where(np.arange(12) % 3 == 0, 0.0, rng.uniform(1, 2, 12))
    some = weights > 0
    measure = MEASUREMENTS[name]
    result = measure(model, make(X), y, sample_weight=weights)
    expected = measure(model, make(X[some]), y[some], sample_weight=weights[some])
    if name == "display":
        result, expected = result.hessian_bound, expected.hessian_bound
    np.testing.assert_array_equal(result, expected)


# Numbers too large.


def make_overflowing(where, dtype, task="three classes", activation="relu"):
    """Return a model and data in which the place named by `where` overflows."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)).astype(dtype), make_targets(task, 12, rng)
    model = make_model(task, X, y, rng, (4, 4), activation)
    largest = np.finfo(dtype).max
    if where == "data":
        X *= largest / 10
        model.coefs_[0][...] = 100
    elif where == "first weights":
        model.coefs_[0][...] = largest
    elif where == "middle weights":
        model.coefs_[1][...] = largest
        model.intercepts_[0][...] = 100
    elif where == "last weights":
        model.coefs_[2][...] = largest
        model.intercepts_[1][...] = 100
    return model, X, y


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("task", ["three classes", "two classes", "one output", "poisson"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("where", ["data", "first weights", "middle weights", "last weights"])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_overflow_raises_one_error_and_no_warnings(name, where, dtype, task, activation, capfd):
    model, X, y = make_overflowing(where, dtype, task, activation)
    noun = "Jacobian" if name == "Jacobians" else "Hessian"
    message = f"The {noun} is not finite: X, y or the weights of the network are too large for {np.dtype(dtype).name}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            MEASUREMENTS[name](model, X, y)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(MEASUREMENTS) - {"Jacobians"}))
def test_an_infinite_poisson_mean_raises_the_same_error(name, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)).astype(dtype), make_targets("poisson", 12, rng)
    model = make_model("poisson", X, y, rng, (4,))
    model.intercepts_[-1][...] = 1000
    with pytest.raises(ValueError, match="The Hessian is not finite"):
        MEASUREMENTS[name](model, X, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_signal_propagation_reports_the_overflow(dtype):
    model, X, y = make_overflowing("data", dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signals = signal_propagation(model, X, y)
    assert "not_finite" in [finding.name for finding in signals.findings]


@pytest.mark.parametrize("scale", [1e-16, 1e16])
def test_features_whose_squares_leave_the_range_of_float32_are_measured(scale):
    """The Hessian is of the size of the squared features, which may leave the range of float32."""
    rng = np.random.default_rng(0)
    scale *= 1e8
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    model = make_model("one output", X, y, rng, ())
    expected = hessian_norm(model, X, y, layer=0, tol=1e-6)
    single = (X * scale).astype(np.float32)
    model = make_model("one output", single, y, rng, (), scale=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hessian_norm(model, single, y, layer=0) == pytest.approx(expected * scale**2, rel=2e-3)
        assert layer_hessian_norms(model, single, y)[0] == pytest.approx(expected * scale**2, rel=2e-3)
        trace = (X**2).sum() / 20 * scale**2
        assert hessian_trace(model, single, y, layer=0) == pytest.approx(trace, rel=1e-5)
        for make in (np.asarray, csr_array):
            assert hessian_bound(model, make(single), y)[0] == pytest.approx(trace, rel=1e-5)
        grid, density = spectral_density(model, single, y, layer=0)
        assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-5)
        assert grid[-1] == pytest.approx(expected * scale**2, rel=0.1)


@pytest.mark.parametrize("power", [-500, -250, 250, 500])
def test_the_curvature_scales_with_the_square_of_the_data(power):
    """With zero weights the outputs stay zero, so the Hessian is proportional to the square of the data."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    model = make_model("one output", X, y, rng, (), scale=0.0)
    scaled = np.ldexp(X, power)
    for measure in (
        lambda X: hessian_norm(model, X, y, layer=0),
        lambda X: hessian_trace(model, X, y, layer=0, n_products=3),
        lambda X: hessian_bound(model, X, y)[0],
        lambda X: layer_hessian_norms(model, X, y)[0],
        lambda X: spectral_density(model, X, y, layer=0)[0],
    ):
        np.testing.assert_allclose(np.ldexp(measure(scaled), -2 * power), measure(X), rtol=1e-12)


def test_vectors_that_are_not_finite_are_named():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)).astype(np.float32), np.arange(12) % 3
    operator = hessian_operator(make_model("three classes", X, y, rng, (4,)), X, y)
    for value in (np.nan, np.inf, 1e300):
        vector = np.ones(operator.shape[0])
        vector[3] = value
        with pytest.raises(ValueError, match="vectors that the Hessian is multiplied by must be finite in float32"):
            operator @ vector


# Lower bounds, if a Lanczos iteration did not converge.


@pytest.mark.parametrize("function", [hessian_norm, layer_hessian_norms, max_stable_step, signal_propagation])
def test_a_norm_that_does_not_converge_warns_and_is_a_lower_bound(function, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
    model = make_model("two outputs", X, y, rng, (8, 8))
    exact = function(model, X, y)
    # Two vectors, and no restart.
    monkeypatch.setattr(skinit.curvature.spectrum, "N_VECTORS", 2)
    extreme = skinit.curvature.spectrum._extreme_eigenvalue
    monkeypatch.setattr(
        skinit.curvature.spectrum,
        "_extreme_eigenvalue",
        lambda rank, operator, tol, max_iter, state: extreme(rank, operator, 0, 1, state),
    )
    with pytest.warns(ConvergenceWarning, match="did not converge to tol=0.001: it is a lower bound") as record:
        bound = function(model, X, y)
    assert {warning.filename for warning in record} == {__file__}
    if function is max_stable_step:
        bound, exact = 1 / bound, 1 / exact
    if function is signal_propagation:
        bound, exact = bound.hessian_norm, exact.hessian_norm
    assert np.all(np.less(0, bound))
    assert np.all(bound <= exact * 1.001)
