"""Initializers that look at the data: their promises for the network on the data, and unusual data."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from twins import ACTIVATIONS, propagate

from skinit import MLPClassifier, MLPRegressor
from skinit.engine.data import TrainingData
from skinit.engine.hessian import HessianProducts
from skinit.engine.network import Network
from skinit.initializers import LSUV, Constant, Hessian, Orthogonal, RandomNormal, get_initializer
from skinit.initializers.hessian import SEARCH_ROWS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = X_diabetes / X_diabetes.std(axis=0)
y_diabetes = (y_diabetes - y_diabetes.mean()) / y_diabetes.std()
X_labels, Y_labels = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
X_labels = (X_labels - X_labels.mean(axis=0)) / X_labels.std(axis=0)
y_counts = np.random.default_rng(0).poisson(np.exp(0.5 * X_iris[:, 0]))

TASKS = {
    "multiclass": (MLPClassifier(), X_iris, y_iris),
    "binary": (MLPClassifier(), X_iris, y_iris > 0),
    "multilabel": (MLPClassifier(), X_labels, Y_labels),
    "squared_error": (MLPRegressor(), X_diabetes, y_diabetes),
    "two outputs": (MLPRegressor(), X_diabetes, np.column_stack([y_diabetes, X_diabetes[:, 2]])),
    "poisson": (MLPRegressor(loss="poisson"), X_iris, y_counts),
}
NAMES = ["lsuv", "hessian", "hessian_jacobian"]
DTYPES = [np.float32, np.float64]


def initialized(task, dtype=np.float64, **parameters):
    """Return an untrained estimator and its data."""
    estimator, X, y = TASKS[task]
    X = X.astype(dtype)
    model = clone(estimator).set_params(**{"random_state": 0, **parameters})
    return model.initialize(X, y), X, y


def sample_of(n_rows, sample_size, drawn_before):
    """Return the rows that an initializer looks at, if it uses the generator of ``random_state=0`` as documented."""
    rng = np.random.RandomState(0)
    drawn_before(rng)
    return np.sort(rng.permutation(n_rows)[:sample_size]) if n_rows > sample_size else np.arange(n_rows)


def nothing(rng):
    """Draw nothing before the sample."""


# LSUV.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic", "gelu"])
def test_lsuv_gives_the_preactivations_of_every_layer_variance_1_on_the_sample(activation, task, dtype):
    model, X, _ = initialized(
        task, dtype, init=LSUV(sample_size=64), hidden_layer_sizes=(20, 7, 30), activation=activation
    )
    X = X[sample_of(len(X), 64, nothing)]
    # Sums of some 30 terms are rounded, through four layers.
    tolerance = 1000 * float(np.finfo(dtype).eps)
    for preactivations in propagate(model._network, X):
        assert preactivations.var() == pytest.approx(1, rel=tolerance)
    assert not any(intercept.any() for intercept in model.intercepts_)


def test_lsuv_weights_are_multiples_of_orthogonal_matrices():
    model, *_ = initialized("multiclass", init="lsuv", hidden_layer_sizes=(20, 7), activation="tanh")
    for W in model.coefs_:
        products = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
        np.testing.assert_allclose(products, products[0, 0] * np.eye(len(products)), atol=1e-13 * products[0, 0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [3, 20, 100])
@pytest.mark.parametrize("n_rows", [2, 5, 50, 257])
@pytest.mark.parametrize("hidden", [(1,), (5,)])
def test_lsuv_does_not_scale_up_rounding_errors_of_constant_preactivations(hidden, n_rows, n_features, dtype):
    X = np.tile(np.random.default_rng(0).normal(size=(1, n_features)), (n_rows, 1)).astype(dtype)
    model = MLPRegressor(hidden_layer_sizes=hidden, init="lsuv", activation="tanh", random_state=0)
    model.initialize(X, np.arange(n_rows))
    # With several units, the first layer's preactivations differ between units, though not between rows. A single unit
    # has no variance.
    n_real = len(hidden) if hidden[0] > 1 else 0
    for k, coef in enumerate(model.coefs_):
        norm = np.linalg.norm(coef, 2)
        assert norm < 100
        assert k < n_real or norm == pytest.approx(1, rel=1e-5)


# Hessian norms.


def dense_layer_norms(network, X, targets, weights=None):
    """Return the norm of each diagonal block, from products with all unit vectors and a full eigendecomposition."""
    products = HessianProducts(network, TrainingData(X, targets, weights))
    norms = []
    for k, coef in enumerate(network.coefs):
        block = products.multiply(np.eye(coef.size, dtype=network.theta.dtype), [k] * coef.size).astype(np.float64)
        norms.append(np.abs(np.linalg.eigvalsh((block + block.T) / 2)).max())
    return np.array(norms)


def targets_of(model, X, y):
    """Return the targets in the form that the network takes."""
    return model._check_data(X, y, None, network=model._network, incremental=True).targets


# The curvature of the log loss falls as weights grow, so some networks cannot reach a large target. These can.
@pytest.mark.parametrize("target", [1.0, 0.2, 2.0])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize(
    ("task", "base"),
    [
        ("squared_error", "lecun_normal"),
        ("squared_error", "orthogonal"),
        ("multiclass", Orthogonal()),
        ("poisson", Orthogonal()),
    ],
)
def test_hessian_norms_of_relu_layers_are_the_target(task, base, depth, target):
    init = Hessian(target=target, base=base, max_iter=20)
    model, X, y = initialized(task, init=init, hidden_layer_sizes=(8,) * depth, activation="relu")
    found = model.initializer_
    assert found.norms_.shape == found.scales_.shape == (depth + 1,)
    # The search looks at the first rows of the sample.
    rows = sample_of(len(X), init.sample_size, nothing)[:SEARCH_ROWS]
    norms = dense_layer_norms(model._network, X[rows], targets_of(model, X, y)[rows])
    # Power iterations approach a norm from below. A norm of twice the target would halve the largest stable step.
    assert (norms >= found.norms_ * (1 - 1e-6)).all()
    assert (norms <= 1.5 * found.norms_).all()
    assert found.converged_
    np.testing.assert_array_less(np.abs(np.log(found.norms_ / target)), init.tol * (1 + 1e-9))
    np.testing.assert_array_less(norms, 2 * target)
    np.testing.assert_array_less(target * np.exp(-init.tol), norms * (1 + 1e-6))


@pytest.mark.parametrize("method", ["measured", "jacobian"])
@pytest.mark.parametrize("base", ["lecun_normal", "he_normal", Orthogonal(), RandomNormal(0.3), LSUV()], ids=str)
def test_scales_are_the_factors_of_the_base_weights(base, method):
    # A sample of all rows draws no numbers, so the base sees the same generator.
    init = Hessian(method, base=base, sample_size=1000)
    model, X, y = initialized("multiclass", init=init, hidden_layer_sizes=(8, 8))
    network = Network(model._network.layer_sizes, "relu", "log_loss", np.dtype(float))
    plain = clone(get_initializer(base))
    plain.initialize(network, np.random.RandomState(0), TrainingData(X, targets_of(model, X, y), None))
    for coef, base_coef, scale in zip(model.coefs_, network.coefs, model.initializer_.scales_, strict=True):
        np.testing.assert_allclose(coef, scale * base_coef, rtol=1e-12)
    assert not np.allclose(model.initializer_.scales_, 1)


def test_report_says_what_was_reached_and_is_printed_if_verbose(capsys):
    model, *_ = initialized("squared_error", init="hessian", hidden_layer_sizes=(8, 8), verbose=True)
    found = model.initializer_
    assert found.converged_
    assert "target 1 reached" in found.report_
    assert f"from {found.norms_.min():.3g} to {found.norms_.max():.3g}" in found.report_
    assert capsys.readouterr().out == found.report_ + "\n"
    initialized("multiclass", init="hessian", hidden_layer_sizes=(8, 8))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("target", [0.3, 1.0])
def test_unreachable_targets_are_reported_and_approached(target):
    # The last layer of a logistic network sees activations near 1/2. The norm of their mean a a^T is |a|^2, here 5,
    # whatever the weights.
    parameters = {"hidden_layer_sizes": (20, 20), "activation": "logistic"}
    model, X, y = initialized(
        "squared_error", init=Hessian(target=target, base="orthogonal", max_iter=30), **parameters
    )
    found = model.initializer_
    assert not found.converged_
    assert f"target {target:g} not reached, closest point found" in found.report_
    assert found.norms_[-1] > target * np.exp(0.2)
    unscaled, *_ = initialized("squared_error", init=Orthogonal(1.0), **parameters)
    targets = targets_of(model, X, y)
    rows = sample_of(len(X), 256, nothing)[:SEARCH_ROWS]

    def distance(network):
        return np.linalg.norm(np.log(dense_layer_norms(network, X[rows], targets[rows]) / target))

    assert distance(model._network) < distance(unscaled._network)
    # The scales stay within a factor of e^2.5.
    assert (np.abs(np.log(found.scales_)) <= 2.5 + 1e-12).all()


# Jacobian norms.


def slopes_of(activation, u):
    """Return slopes by differences. Those of relu are exact, because a dead layer has preactivations at its kink."""
    f = ACTIVATIONS[activation]
    return np.where(u > 0, 1.0, 0.0) if activation == "relu" else (f(u + 1e-6) - f(u - 1e-6)) / 2e-6


@pytest.mark.parametrize("target", [1.0, 0.5])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "gelu"])
@pytest.mark.parametrize("hidden", [(), (9,), (12, 5, 7)], ids=str)
def test_mean_jacobian_norm_of_every_layer_is_the_target(hidden, activation, target):
    init = Hessian("jacobian", target=target, sample_size=40)
    model, X, _ = initialized("squared_error", init=init, hidden_layer_sizes=hidden, activation=activation)
    X = X[sample_of(len(X), 40, nothing)]
    preactivations = propagate(model._network, X)
    for k, (coef, u) in enumerate(zip(model.coefs_, preactivations, strict=True)):
        slopes = np.ones_like(u) if k == len(hidden) else slopes_of(activation, u)
        norm = np.linalg.norm(coef * slopes[:, None, :], 2, axis=(1, 2)).mean()
        # The search ends within 1e-3 of the target. Its 30 power iterations underestimate the norm by at most half of
        # the bound for its square.
        slack = 0.871 * np.log(max(coef.shape[0], 2)) / (2 * 29)
        assert target * (1 - 2e-3) <= norm <= target * (1 + 1e-3) * (1 + slack)
        assert model.initializer_.norms_[k] == pytest.approx(norm, rel=slack + 1e-6)
    assert model.initializer_.converged_


# Data with little information.


ODD_DATA = {
    "all zero": np.zeros((30, 4)),
    "one row": X_iris[:1],
    "two equal rows": np.repeat(X_iris[:1], 2, axis=0),
    "constant features": np.full((30, 4), 3.0),
    "collinear": X_iris[30:70, :1] * np.array([[1.0, -2.0, 0.5, 3.0]]),
    "huge": 1e8 * X_iris,
    "tiny": 1e-8 * X_iris,
    "one feature of another scale": X_iris * np.array([[1.0, 1e6, 1e-6, 0.0]]),
    "empty sparse": csr_array((30, 4)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("hidden", [(), (1,), (6, 5)], ids=str)
@pytest.mark.parametrize("data", ODD_DATA)
@pytest.mark.parametrize("name", NAMES)
def test_unusual_data_give_finite_weights_that_are_not_all_zero(name, data, hidden, activation, dtype):
    X = ODD_DATA[data].astype(dtype)
    y = np.arange(X.shape[0]) % 3
    model = MLPRegressor(hidden_layer_sizes=hidden, activation=activation, init=name, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model.initialize(X, y)
    for coef in model.coefs_:
        assert np.isfinite(coef).all()
        assert coef.any()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("data", ["collinear", "tiny", "one feature of another scale"])
@pytest.mark.parametrize("name", NAMES)
def test_training_continues_from_the_weights_of_unusual_data(name, data):
    X = ODD_DATA[data]
    model = MLPClassifier((6,), init=name, max_iter=5, random_state=0).fit(X, np.arange(len(X)) % 2)
    assert np.isfinite(model.loss_)


# In estimators.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_every_method_that_trains_starts_from_the_same_weights(name, task, dtype):
    estimator, X, y = TASKS[task]
    X = X.astype(dtype)
    # One epoch at this rate moves no weight by more than rounding.
    parameters = {
        "hidden_layer_sizes": (6, 5),
        "init": name,
        "solver": "sgd",
        "learning_rate_init": 1e-12,
        "max_iter": 1,
        "random_state": 0,
    }
    model = clone(estimator).set_params(**parameters)
    expected = clone(model).initialize(X, y).coefs_
    partial = {"classes": np.unique(y)} if task in ("multiclass", "binary") else {}
    if task == "multilabel":
        partial = {"classes": np.arange(3)}
    for fitted in (
        clone(model).fit(X, y),
        clone(model).set_params(warm_start=True).fit(X, y),
        clone(model).partial_fit(X, y, **partial),
    ):
        for coef, first in zip(fitted.coefs_, expected, strict=True):
            assert coef.dtype == first.dtype == dtype
            np.testing.assert_allclose(coef, first, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_partial_fit_initializes_from_its_first_batch_alone(name):
    parameters = {"hidden_layer_sizes": (6, 5), "init": name, "solver": "sgd", "learning_rate_init": 1e-12}
    model = MLPClassifier(random_state=0, **parameters).partial_fit(X_iris[:60], y_iris[:60], classes=[0, 1, 2])
    first = [coef.copy() for coef in model.coefs_]
    # A network with the classes of the first batch alone would have fewer outputs.
    model.partial_fit(100 * X_iris[60:], y_iris[60:])
    for coef, before in zip(model.coefs_, first, strict=True):
        np.testing.assert_allclose(coef, before, atol=1e-7)
    other = MLPClassifier(random_state=0, **parameters).partial_fit(X_iris[:60, ::-1], y_iris[:60], classes=[0, 1, 2])
    assert not np.allclose(other.coefs_[0], first[0])


@pytest.mark.parametrize("name", NAMES)
def test_warm_start_continues_from_trained_weights(name):
    parameters = {"hidden_layer_sizes": (6,), "init": name, "random_state": 0, "max_iter": 5}
    model = MLPClassifier(warm_start=True, **parameters).fit(X_iris, y_iris)
    first_loss = model.loss_curve_[0]
    initializer = model.initializer_
    model.fit(X_iris, y_iris)
    assert model.loss_curve_[5] < first_loss
    assert model.initializer_ is initializer


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", ["multiclass", "squared_error"])
@pytest.mark.parametrize("name", NAMES)
def test_sparse_rows_give_the_weights_of_dense_ones(name, task, dtype):
    estimator, X, y = TASKS[task]
    X = np.where(np.abs(X) < 0.5, 0, X).astype(dtype)
    model = clone(estimator).set_params(init=name, hidden_layer_sizes=(6, 5), activation="tanh", random_state=0)
    expected = clone(model).initialize(X, y)
    sparse = clone(model).initialize(csr_array(X), y)
    # The Newton steps of "measured" amplify rounding. A hundred times that is still far below the tolerance of the
    # search.
    for coef, dense_coef in zip(sparse.coefs_, expected.coefs_, strict=True):
        assert coef.dtype == dtype
        np.testing.assert_allclose(coef, dense_coef, rtol=0, atol=1e4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("task", ["multiclass", "squared_error", "poisson"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_random_state_gives_the_same_bits_and_another_does_not(name, task):
    coefs = [initialized(task, init=name, hidden_layer_sizes=(6, 5), random_state=seed)[0].coefs_ for seed in (0, 0, 1)]
    for first, second, other in zip(*coefs, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)


@pytest.mark.parametrize("sample_size", [20, 150, 1000])
@pytest.mark.parametrize("init", [LSUV(), Hessian(), Hessian("jacobian")], ids=str)
def test_rows_of_weight_zero_are_ignored(init, sample_size):
    weights = np.where(np.arange(len(X_iris)) % 3 == 0, 1.5, 0.0)
    weights[:60] = 0
    init = clone(init).set_params(sample_size=sample_size)
    model = MLPClassifier((6, 5), init=init, random_state=0)
    kept = weights > 0
    classes = np.unique(y_iris[kept])
    assert classes.size == 2
    X, y = X_iris[60:], y_iris[60:]
    expected = clone(model).initialize(X[kept[60:]], y[kept[60:]], sample_weight=weights[kept])
    found = clone(model).initialize(X, y, sample_weight=weights[60:])
    for coef, expected_coef in zip(found.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected_coef)


@pytest.mark.parametrize("init", [LSUV(sample_size=2), Hessian(sample_size=2), Hessian("jacobian", sample_size=1)])
@pytest.mark.parametrize("n_weighted", [1, 2])
def test_a_few_weighted_rows_among_many_without_weight_are_used(init, n_weighted):
    weights = np.zeros(len(X_iris))
    weights[-n_weighted:] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = MLPClassifier((6, 5), init=init, random_state=0).initialize(X_iris, y_iris, sample_weight=weights)
    assert all(np.isfinite(coef).all() and coef.any() for coef in model.coefs_)
    if hasattr(model.initializer_, "norms_"):
        assert np.isfinite(model.initializer_.norms_).all()


def test_the_search_skips_rows_of_weight_zero():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4)), rng.integers(2, size=300)
    weights = np.where(np.arange(300) < 250, 0.0, 1.0)
    model = MLPClassifier((8, 8), init="hessian", random_state=0).initialize(X, y, sample_weight=weights)
    assert model.initializer_.converged_
    norms = dense_layer_norms(model._network, X[250:], targets_of(model, X, y)[250:])
    assert (norms >= model.initializer_.norms_ * (1 - 1e-6)).all()


def test_sample_weights_change_the_curvature_that_is_measured():
    weights = np.where(X_iris[:, 0] > 0, 5.0, 0.1)
    model = MLPClassifier((6, 5), init=Hessian(max_iter=20), random_state=0)
    model.initialize(X_iris, y_iris, sample_weight=weights)
    targets = targets_of(model, X_iris, y_iris)
    rows = slice(SEARCH_ROWS)
    norms = dense_layer_norms(model._network, X_iris[rows], targets[rows], weights[rows])
    assert (norms >= model.initializer_.norms_ * (1 - 1e-6)).all()
    unweighted = dense_layer_norms(model._network, X_iris[rows], targets[rows])
    assert not (unweighted >= model.initializer_.norms_ * (1 - 1e-6)).all()


@pytest.mark.parametrize("init", [LSUV(), Hessian(), Hessian("jacobian", base=LSUV())], ids=str)
def test_the_initializer_of_the_user_is_not_changed(init):
    before = dict(vars(init))
    model = MLPClassifier((6,), init=init, random_state=0).initialize(X_iris, y_iris)
    assert model.init is init
    assert model.initializer_ is not init
    assert vars(init) == before
    if isinstance(init, Hessian) and isinstance(init.base, LSUV):
        assert not [name for name in vars(init.base) if name.endswith("_")]
    assert repr(clone(model).init) == repr(init)
    assert not [name for name in vars(clone(model.initializer_)) if name.endswith("_")]


@pytest.mark.parametrize("init", [LSUV(100), Hessian(target=2.0), Hessian("jacobian", base="he_normal")], ids=str)
def test_estimator_and_initializer_survive_pickling(init):
    model = MLPClassifier((6,), init=init, random_state=0, max_iter=3).fit(X_iris, y_iris)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X_iris), model.predict_proba(X_iris))
    assert copied.initializer_.get_params() == model.initializer_.get_params()
    if isinstance(init, Hessian):
        np.testing.assert_array_equal(copied.initializer_.norms_, model.initializer_.norms_)
        assert copied.initializer_.report_ == model.initializer_.report_


def test_grid_search_over_init_and_its_target():
    model = MLPClassifier((6,), max_iter=5, random_state=0)
    search = GridSearchCV(model, {"init": [*NAMES, LSUV(50), "he"]}, cv=2, error_score="raise").fit(X_iris, y_iris)
    assert len(search.cv_results_["params"]) == 5
    model = model.set_params(init=Hessian())
    grid = {"init__target": [0.1, 10.0], "init__method": ["measured", "jacobian"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X_iris, y_iris)
    best = search.best_estimator_
    assert best.initializer_.get_params() == best.init.get_params()
    assert best.init.target == search.best_params_["init__target"]
    assert not hasattr(best.init, "norms_")
    assert model.init.get_params() == Hessian().get_params()


# Bad input.


@pytest.mark.parametrize("init", [LSUV(), Hessian(), Hessian("jacobian")], ids=str)
def test_without_data_the_error_asks_for_them(init):
    network = Network([3, 4, 2], "relu", "squared_error", np.dtype(float))
    with pytest.raises(ValueError, match=rf"{type(init).__name__} uses the data: pass them to initialize"):
        init.initialize(network, np.random.RandomState(0))
    assert not network.theta.any()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (Hessian("mesured"), "Did you mean 'measured'.*'method' parameter of Hessian .* Got 'mesured' instead"),
        (Hessian("Jacobian"), "Did you mean 'jacobian'.*'method' parameter of Hessian"),
        (Hessian(target=0.0), "'target' parameter of Hessian .* Got 0.0 instead"),
        (Hessian(target=-1), "'target' parameter of Hessian .* Got -1 instead"),
        (Hessian(target=np.nan), "'target' parameter of Hessian"),
        (Hessian(target=np.inf), "'target' parameter of Hessian"),
        (Hessian(base=3), "'base' parameter of Hessian .* Got 3 instead"),
        (Hessian(base="xavier"), "Did you mean 'xavier_normal'.*'base' parameter of Hessian .* Got 'xavier' instead"),
        (Hessian(base=RandomNormal(-1.0)), "'std' parameter of RandomNormal"),
        (Hessian(sample_size=0), "'sample_size' parameter of Hessian .* Got 0 instead"),
        (Hessian(tol=0), "'tol' parameter of Hessian"),
        (Hessian(max_iter=0), "'max_iter' parameter of Hessian"),
        (Hessian(max_iter=2.5), "'max_iter' parameter of Hessian .* Got 2.5 instead"),
        (LSUV(1), "'sample_size' parameter of LSUV .* Got 1 instead"),
        (LSUV(2.0), "'sample_size' parameter of LSUV .* Got 2.0 instead"),
        (LSUV("auto"), "'sample_size' parameter of LSUV .* Got 'auto' instead"),
        ("hesian", "Did you mean 'hessian'.*Got 'hesian' instead"),
        ("lusv", "Did you mean 'lsuv'.*Got 'lusv' instead"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "initialize"])
def test_bad_parameters_are_named_and_change_nothing(init, message, method):
    model = MLPClassifier((5,), init=init)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(model, method)(X_iris, y_iris)
    assert vars(model) == before


@pytest.mark.parametrize("init", [Hessian(base=Constant(0.0)), Hessian("jacobian", base=Constant(0.0))], ids=str)
def test_a_base_of_zeros_ends_without_an_error(init):
    model = MLPClassifier((5, 5), init=init, random_state=0).initialize(X_iris, y_iris)
    assert not any(coef.any() for coef in model.coefs_)
    assert not model.initializer_.converged_
    assert "not reached" in model.initializer_.report_


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_lsuv_works_on_data_of_any_scale(scale):
    X = np.random.RandomState(0).normal(size=(40, 3))
    models = [
        MLPRegressor(hidden_layer_sizes=(5,), activation="identity", init="lsuv", random_state=0).initialize(values, X)
        for values in (X, scale * X)
    ]
    np.testing.assert_allclose(scale * models[1].coefs_[0], models[0].coefs_[0], rtol=1e-10)
    np.testing.assert_allclose(models[1].coefs_[1], models[0].coefs_[1], rtol=1e-10)
