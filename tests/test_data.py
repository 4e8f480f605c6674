"""Data in every container that users have: the same results everywhere, or the same clear error."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.model_selection import train_test_split

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import (
    hessian_bound,
    hessian_norm,
    hessian_trace,
    layer_hessian_norms,
    layer_jacobian_norms,
    max_stable_step,
    spectral_density,
)
from skinit.engine.data import as_inputs, cast, normalize_weights, with_valid_indices
from skinit.inspection import signal_propagation

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
# Every third flower, rounded to small numbers that float16 and int8 can hold, with zeros among them.
X, y = np.round(X[::3] - 3), y[::3]
NAMES = ["a", "b", "c", "d"]

CONTAINERS = {
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "long double": X.astype(np.longdouble),
    "big-endian float64": X.astype(">f8"),
    "big-endian float32": X.astype(">f4"),
    "int8": X.astype(np.int8),
    "big-endian int16": X.astype(">i2"),
    "objects": X.astype(object),
    "lists": X.tolist(),
    "Fortran order": np.asfortranarray(X),
    "negative strides": X[:, ::-1].copy()[:, ::-1],
    "misaligned": np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(np.float64).reshape(X.shape),
    "read-only": np.frombuffer(X.tobytes()).reshape(X.shape),
    "frame": pd.DataFrame(X),
    "frame of float32": pd.DataFrame(X.astype(np.float32)),
    "frame of big-endian numbers": pd.DataFrame(X.astype(">f8")),
    "frame of Float64": pd.DataFrame(X).astype("Float64"),
    "frame of Float32": pd.DataFrame(X).astype("Float32"),
    "frame of Int64": pd.DataFrame(X.astype(int)).astype("Int64"),
    "frame of Arrow numbers": pd.DataFrame(X).astype("double[pyarrow]"),
    "frame of objects": pd.DataFrame(X).astype(object),
    "frame of sparse columns": pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(X)),
    "frame of all kinds": pd.DataFrame(X, columns=NAMES).astype({"a": "float32", "b": "Int8", "c": "int16"}),
}
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]


def sparse(format, kind="array", values=X):
    return getattr(scipy.sparse, f"{format}_{kind}")(values)


def with_index_dtype(matrix, dtype):
    if matrix.format == "coo":
        matrix.coords = tuple(indices.astype(dtype) for indices in matrix.coords)
    else:
        matrix.indices, matrix.indptr = matrix.indices.astype(dtype), matrix.indptr.astype(dtype)
    return matrix


def with_data_dtype(matrix, dtype):
    matrix.data = matrix.data.astype(dtype)
    return matrix


CONTAINERS |= {f"{format} {kind}": sparse(format, kind) for format in FORMATS for kind in ("array", "matrix")}
CONTAINERS |= {
    f"{format} with {dtype} indices": with_index_dtype(sparse(format), dtype)
    for format in ("csr", "csc", "bsr", "coo")
    for dtype in ("int16", "uint16", "uint32", "int64", "uint64", ">i4", ">i8")
}
CONTAINERS |= {
    f"{format} of {dtype}": with_data_dtype(sparse(format), dtype)
    for format in ("csr", "csc", "bsr", "coo")
    for dtype in ("float32", ">f8", ">f4", "int8", "bool")
    if dtype != "bool"
}

NETWORK = MLPClassifier((3,), "tanh", max_iter=2, random_state=0)
KNOWN = clone(NETWORK).fit(X, y)
USES = {
    "fit": lambda X: clone(NETWORK).fit(X, y).coefs_[0],
    "lbfgs": lambda X: clone(NETWORK).set_params(solver="lbfgs").fit(X, y).coefs_[0],
    "early stopping": lambda X: clone(NETWORK).set_params(early_stopping=True).fit(X, y).coefs_[0],
    "measured": lambda X: clone(NETWORK).set_params(init="hessian", learning_rate_init="auto").fit(X, y).coefs_[0],
    "lsuv": lambda X: clone(NETWORK).set_params(init="lsuv").initialize(X, y).coefs_[0],
    "partial_fit": lambda X: clone(NETWORK).partial_fit(X, y, classes=[0, 1, 2]).coefs_[0],
    "predict_proba": lambda X: KNOWN.predict_proba(X),
    "score": lambda X: KNOWN.score(X, y),
    "hessian_norm": lambda X: hessian_norm(KNOWN, X, y),
    "hessian_trace": lambda X: hessian_trace(KNOWN, X, y),
    "layer_hessian_norms": lambda X: layer_hessian_norms(KNOWN, X, y),
    "layer_jacobian_norms": lambda X: layer_jacobian_norms(KNOWN, X, y),
    "hessian_bound": lambda X: hessian_bound(KNOWN, X, y),
    "spectral_density": lambda X: spectral_density(KNOWN, X, y, n_vectors=1)[0],
    "max_stable_step": lambda X: max_stable_step(KNOWN, X, y),
    "signal_propagation": lambda X: signal_propagation(KNOWN, X, y).activation_mean,
}
EXPECTED = {}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_every_public_function_accepts_every_container(container):
    values = CONTAINERS[container]
    with_dtype = values if hasattr(values, "dtype") else np.asarray(values)
    precise = with_dtype.dtype not in (np.float32, np.dtype(">f4")) and "32" not in container
    for name, use in USES.items():
        if name not in EXPECTED:
            EXPECTED[name] = use(X)
        np.testing.assert_allclose(
            use(values), EXPECTED[name], rtol=1e-7 if precise else 1e-2, atol=1e-9 if precise else 1e-2
        )


TARGETS = {
    "list": y.tolist(),
    "column": y[:, None],
    "int8": y.astype(np.int8),
    "big-endian": y.astype(">i4"),
    "float": y.astype(float),
    "series": pd.Series(y, index=np.arange(len(y))[::-1]),
    "Int64": pd.Series(y).astype("Int64"),
    "Arrow": pd.Series(y).astype("int64[pyarrow]"),
    "category": pd.Series(y).astype("category"),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_targets_of_every_kind_are_the_same_targets(kind):
    targets = TARGETS[kind]
    for estimator in (clone(NETWORK), MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0)):
        expected = clone(estimator).fit(X, y)
        np.testing.assert_array_equal(clone(estimator).fit(X, targets).coefs_[0], expected.coefs_[0])
        assert hessian_norm(expected, X, targets) == hessian_norm(expected, X, y)
        assert expected.score(X, targets) == pytest.approx(expected.score(X, y), rel=1e-12)


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "lil", "bsr"])
def test_sparse_labels_are_the_same_labels(format):
    values, labels = make_multilabel_classification(40, 4, random_state=0)
    dense = clone(NETWORK).fit(values, labels)
    given = sparse(format, "matrix", labels)
    model = clone(NETWORK).fit(values, given)
    np.testing.assert_array_equal(model.coefs_[0], dense.coefs_[0])
    assert hessian_norm(model, values, given) == hessian_norm(dense, values, labels)


WEIGHTS = np.linspace(0, 2, len(y)).round(3)


@pytest.mark.parametrize(
    "weights",
    [WEIGHTS.tolist(), WEIGHTS.astype(">f8"), pd.Series(WEIGHTS), pd.Series(WEIGHTS).astype("Float64")],
    ids=["list", "big-endian", "series", "Float64"],
)
def test_weights_of_every_kind_are_the_same_weights(weights):
    expected = clone(NETWORK).fit(X, y, WEIGHTS)
    np.testing.assert_array_equal(clone(NETWORK).fit(X, y, weights).coefs_[0], expected.coefs_[0])
    assert hessian_norm(KNOWN, X, y, sample_weight=weights) == hessian_norm(KNOWN, X, y, sample_weight=WEIGHTS)


def csr_with(**arrays):
    matrix = sparse("csr", "matrix")
    for name, values in arrays.items():
        setattr(matrix, name, values)
    return matrix


def spoiled(format, spoil):
    matrix = sparse(format, "matrix")
    spoil(matrix)
    return matrix


def _spoil_list(matrix):
    matrix.rows[0] = [*matrix.rows[0], 99]
    matrix.data[0] = [*matrix.data[0], 1.0]


def _lengthen_list(matrix):
    matrix.data[0] = [*matrix.data[0], 1.0, 2.0]


GOOD = sparse("csr", "matrix")
n = GOOD.nnz
MALFORMED = {
    "index too large": csr_with(indices=np.where(np.arange(n) == 5, 10**6, GOOD.indices)),
    "index too large by one": csr_with(indices=np.where(np.arange(n) == 0, 4, GOOD.indices)),
    "negative index": csr_with(indices=np.where(np.arange(n) == n - 1, -1, GOOD.indices)),
    "fractional indices": csr_with(indices=GOOD.indices + 0.0),
    "descending indptr": csr_with(indptr=np.r_[GOOD.indptr[:5], 2, GOOD.indptr[6:]]),
    "indptr beyond the data": csr_with(indptr=np.r_[GOOD.indptr[:-1], 10**7]),
    "indptr from 1": csr_with(indptr=np.r_[1, GOOD.indptr[1:]]),
    "negative indptr": csr_with(indptr=np.r_[-8, GOOD.indptr[1:]]),
    "short indptr": csr_with(indptr=GOOD.indptr[:3]),
    "short data": csr_with(data=GOOD.data[:3]),
    "short indices": csr_with(indices=GOOD.indices[:3]),
    "matrix of data": csr_with(data=np.ones((n, 2))),
    "csc": spoiled("csc", lambda matrix: matrix.indices.fill(1000)),
    "csc indptr": spoiled("csc", lambda matrix: matrix.indptr.__setitem__(2, -5)),
    "bsr": spoiled("bsr", lambda matrix: matrix.indices.fill(1000)),
    "coo rows": spoiled("coo", lambda matrix: matrix.row.fill(1000)),
    "coo columns": spoiled("coo", lambda matrix: matrix.col.fill(-3)),
    "lil": spoiled("lil", _spoil_list),
    "lil lengths": spoiled("lil", _lengthen_list),
    "dia": spoiled("dia", lambda matrix: setattr(matrix, "offsets", matrix.offsets[:1])),
}


@pytest.mark.parametrize("fault", MALFORMED)
@pytest.mark.parametrize("use", USES)
def test_a_malformed_sparse_matrix_is_refused_with_the_fault(fault, use):
    with pytest.raises(ValueError, match=r"X is a malformed sparse matrix of shape \(50, 4\): "):
        USES[use](MALFORMED[fault])


@pytest.mark.parametrize("fault", ["index too large", "descending indptr", "csc", "coo rows"])
def test_malformed_sparse_labels_are_an_error(fault):
    labels = MALFORMED[fault]
    with pytest.raises(ValueError, match="y is a malformed sparse matrix"):
        clone(NETWORK).fit(X, labels)


@settings(max_examples=200)
@given(
    st.sampled_from(["csr", "csc", "bsr", "coo"]),
    st.sampled_from(["indices", "indptr"]),
    st.integers(0, 40),
    st.integers(-(2**40), 2**40) | st.integers(-5, 60),
)
def test_a_matrix_passes_only_if_scipy_accepts_it(format, name, place, value):
    matrix = sparse(format)
    arrays = {"row" if name == "indptr" else "col": None} if format == "coo" else {name: None}
    (name,) = arrays
    spoiled_array = np.array(getattr(matrix, name), dtype=np.int64)
    spoiled_array[place % len(spoiled_array)] = value
    setattr(matrix, name, spoiled_array)
    try:
        passed = with_valid_indices(matrix, "X")
    except ValueError:
        is_valid = False
    else:
        is_valid = True
        as_inputs(passed, np.dtype(np.float64))
    try:
        if format == "coo":
            scipy.sparse.coo_array((matrix.data, (matrix.row, matrix.col)), matrix.shape)
        else:
            type(matrix)((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape).check_format(full_check=True)
        is_accepted = True
    except ValueError:
        is_accepted = False
    # SciPy does not check an indptr whose end leaves no entries.
    assert is_accepted if is_valid else not is_accepted or matrix.nnz <= 0


@settings(max_examples=60)
@given(st.integers(-1000, 1000), st.sampled_from(["adam", "sgd", "lbfgs"]), st.booleans())
def test_only_the_ratios_of_weights_matter(exponent, solver, is_single):
    values = X.astype(np.float32) if is_single else X
    network = clone(NETWORK).set_params(solver=solver, alpha=0.0)
    expected = clone(network).fit(values, y, WEIGHTS + 1)
    model = clone(network).fit(values, y, np.ldexp(WEIGHTS + 1, exponent))
    for mine, theirs in zip(model.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model.loss_ == expected.loss_
    assert hessian_norm(model, values, y, sample_weight=np.ldexp(WEIGHTS, exponent)) == hessian_norm(
        model, values, y, sample_weight=WEIGHTS
    )


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-50, 1e50, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_extreme_scale_train_like_ones(scale, dtype):
    for solver in ("adam", "lbfgs"):
        network = clone(NETWORK).set_params(solver=solver, alpha=0.0)
        expected = clone(network).fit(X.astype(dtype), y, np.ones(len(y)))
        model = clone(network).fit(X.astype(dtype), y, np.full(len(y), scale))
        np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-4 if dtype == np.float32 else 1e-9)


def test_scaling_weights_and_penalty_together_changes_nothing():
    network = clone(NETWORK).set_params(solver="lbfgs", alpha=3.0, max_iter=50)
    expected = clone(network).fit(X, y, WEIGHTS)
    model = clone(network).set_params(alpha=3e200).fit(X, y, 1e200 * WEIGHTS)
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-6)
    norms = [
        hessian_norm(each, X, y, sample_weight=scale * WEIGHTS, penalty=True)
        for each, scale in ((expected, 1.0), (model.set_params(alpha=3e200), 1e200))
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_a_penalty_of_any_numpy_type_is_scaled_with_the_weights(scale):
    for alpha in (np.float16(0.5), np.float32(0.5), np.float64(0.5), 0.5):
        model = clone(NETWORK).set_params(solver="lbfgs", alpha=alpha)
        expected = clone(model).set_params(alpha=0.5).initialize(X, y, scale * (WEIGHTS + 1))
        model.initialize(X, y, scale * (WEIGHTS + 1))
        np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
        arguments = {"sample_weight": scale * (WEIGHTS + 1), "penalty": True}
        assert hessian_norm(model, X, y, **arguments) == hessian_norm(expected, X, y, **arguments)


def test_normalized_weights_are_between_one_and_two():
    for largest in (5e-324, 1e-310, 0.75, 1.0, 3.0, np.finfo(float).max):
        weights, scale = normalize_weights(np.array([largest, -largest / 2]), np.dtype(np.float64))
        assert 1 <= weights[0] < 2
        assert weights[0] * scale == largest


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("method", "solver"),
    [("fit", "adam"), ("fit", "sgd"), ("fit", "lbfgs"), ("initialize", "lbfgs"), ("partial_fit", "adam")],
)
def test_weights_without_a_positive_sum_are_refused(estimator, method, solver):
    model = estimator(hidden_layer_sizes=(3,), solver=solver)
    arguments = {"classes": [0, 1, 2]} if method == "partial_fit" and estimator is MLPClassifier else {}
    for weights in (np.tile([1.0, -1.0], 25), np.tile([1.0, -2.0], 25), np.tile([0.1, 0.2, -0.3, 0, 0], 10)):
        with pytest.raises(ValueError, match="Sample weights must have a positive sum, got"):
            getattr(model, method)(X, y, sample_weight=weights, **arguments)
    assert not hasattr(model, "coefs_")


def test_negative_weights_must_not_outweigh_the_others_in_a_mini_batch():
    weights = np.r_[np.ones(46), -np.ones(4)]
    model = clone(NETWORK).set_params(batch_size=2, shuffle=False)
    with pytest.raises(ValueError, match="The sample weights of mini-batch 24 sum to -2. .*increase batch_size"):
        model.fit(X, y, weights)
    # In a block of rows the weights may cancel, because only their sum over all rows counts.
    assert np.isfinite(clone(NETWORK).set_params(solver="lbfgs").fit(X, y, weights).loss_)


@pytest.mark.parametrize("zero", ["to validate on", "to train on"])
def test_early_stopping_needs_positive_weights_in_both_parts(zero):
    # The initializer draws nothing, so the split is the first draw.
    model = clone(NETWORK).set_params(early_stopping=True, validation_fraction=0.5, init="zero")
    training, validation = train_test_split(np.arange(len(y)), random_state=np.random.RandomState(0), test_size=0.5)
    weights = np.zeros(len(y))
    weights[training if zero == "to validate on" else validation] = 1
    with pytest.raises(ValueError, match=f"weights of the 25 rows {zero} sum to 0; .* validation_fraction=0.5"):
        model.fit(X, y, weights)


@pytest.mark.parametrize("convert", [np.asarray, scipy.sparse.csr_array])
def test_data_too_large_for_the_precision_of_the_weights_are_named(convert):
    single = X.astype(np.float32)
    targets = X[:, 0]
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(single, targets)
    huge = convert(X * 1e60)
    for use in (model.predict, lambda X: model.partial_fit(X, targets), lambda X: hessian_norm(model, X, targets)):
        with pytest.raises(ValueError, match=r"X holds numbers as large as 5e\+60, too large for float32"):
            use(huge)
    for fit in (model.partial_fit, model.fit, model.initialize, lambda X, y: hessian_norm(model, X, y)):
        with pytest.raises(ValueError, match=r"y holds numbers as large as 5e\+60, too large for float32"):
            fit(single, X[:, 0] * 1e60)
    assert cast(np.array([1e300, np.inf]), np.float64, "X")[0] == 1e300


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_that_overflow_are_an_error_not_nan(estimator, dtype):
    model = estimator(hidden_layer_sizes=(3, 3), activation="relu", max_iter=2, random_state=0).fit(X.astype(dtype), y)
    model.coefs_ = [coef * np.array(1e15, dtype) for coef in model.coefs_]
    largest = np.array(np.finfo(dtype).max / 8, dtype)
    for method in ("predict", "predict_proba") if estimator is MLPClassifier else ("predict",):
        with pytest.raises(ValueError, match=f"outputs overflow {np.dtype(dtype)}: the largest magnitude in X is"):
            getattr(model, method)(largest * np.sign(X).astype(dtype))


def test_poisson_means_that_overflow_are_an_error():
    model = MLPRegressor(loss="poisson", hidden_layer_sizes=(3,), init="he", max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="outputs overflow float64"):
        model.predict(1e6 * X)


@pytest.mark.parametrize("name", ["indices", "indptr", "data"])
def test_sparse_matrices_may_hold_lists(name):
    matrix = csr_with(**{name: getattr(GOOD, name).tolist()})
    np.testing.assert_array_equal(with_valid_indices(matrix, "X").toarray(), X)


@pytest.mark.parametrize("dtype", ["U8", "S8", "M8[s]", "m8[s]"])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_targets_of_a_regressor_are_numbers(dtype, loss):
    with pytest.raises(ValueError, match="y must hold real numbers, got"):
        MLPRegressor(loss=loss).fit(X, y.astype(dtype))


def test_integers_too_large_for_a_float_are_named():
    huge = 10**400
    with pytest.raises(ValueError, match="X and y must hold numbers that a float can hold"):
        MLPRegressor().fit([[huge]] * 4, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="sample_weight must hold numbers that a float can hold"):
        MLPRegressor().fit(X, y, [huge] * len(y))
    with pytest.raises(ValueError, match="'alpha' parameter of MLPRegressor must be a number that a float can hold"):
        MLPRegressor(alpha=huge).fit(X, y)
    with pytest.raises(ValueError, match="'alpha' parameter of MLPRegressor must be an int or a float"):
        MLPRegressor(alpha=Fraction(1, 10)).fit(X, y)


def test_poisson_means_of_frames_that_overflow_are_an_error():
    model = MLPRegressor(loss="poisson", hidden_layer_sizes=(3,), init="he", max_iter=2, random_state=0).fit(X, y)
    for values in (pd.DataFrame(1e6 * X), np.ma.masked_array(1e6 * X)):
        with pytest.raises(ValueError, match="outputs overflow float64"):
            model.predict(values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_misaligned_targets_and_weights_train_the_same(dtype):
    # Data from the buffer of another process are often misaligned.
    def misaligned(values):
        return np.frombuffer(b"." + values.tobytes(), np.uint8)[1:].view(values.dtype)

    data = X.astype(dtype), X[:, 0].astype(dtype), np.linspace(1, 2, len(X)).astype(dtype)
    assert not misaligned(data[1]).flags.aligned
    models = [MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0) for _ in range(2)]
    models[0].fit(*data)
    models[1].fit(data[0], misaligned(data[1]), misaligned(data[2]))
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
