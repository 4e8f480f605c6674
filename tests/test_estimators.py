"""The estimators' additions to scikit-learn's estimators, and the behavior that both share besides equal numbers."""

import decimal
import pickle
import warnings
from decimal import Decimal

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier, MLPRegressor
from skinit.initializers import Initializer, RandomNormal, VarianceScaling, get_initializer_names
from skinit.initializers.scikit_learn import ScikitLearn
from skinit.kernels.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = X_diabetes / X_diabetes.std(axis=0)
y_diabetes = (y_diabetes - y_diabetes.mean()) / y_diabetes.std()

BOTH = [(MLPClassifier, X_iris, y_iris), (MLPRegressor, X_diabetes, y_diabetes)]


class Ones(Initializer):
    """An initializer as a user would write it."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def sample(self, shape, rng):
        return self.factor * np.ones(shape)


def ones(shape, rng):
    return np.ones(shape)


def state_of(estimator):
    """Return all attributes, each pickled, for comparison."""
    return {name: pickle.dumps(value) for name, value in vars(estimator).items() if name != "_network"}


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_activation_lowers_the_loss_in_the_dtype_of_X(estimator, X, y, activation, dtype):
    model = estimator(hidden_layer_sizes=(10, 8), activation=activation, init="auto", max_iter=60, random_state=0)
    model.fit(X.astype(dtype), y)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
    outputs = model.predict_proba(X.astype(dtype)) if estimator is MLPClassifier else model.predict(X.astype(dtype))
    assert outputs.dtype == dtype


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
@pytest.mark.parametrize("init", get_initializer_names())
def test_every_name_of_init_fits_and_predicts(estimator, X, y, init):
    model = estimator(hidden_layer_sizes=(6,), init=init, max_iter=3, random_state=0).fit(X, y)
    assert np.isfinite(model.loss_)
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
def test_initialize_sets_what_fit_sets_without_training(estimator, X, y):
    untrained = estimator(hidden_layer_sizes=(5, 4), random_state=0, alpha=0.0).initialize(X, y)
    trained = estimator(hidden_layer_sizes=(5, 4), random_state=0, alpha=0.0, max_iter=2).fit(X, y)
    missing = {name for name in vars(trained) if name not in vars(untrained)}
    # The loss and the solver's state exist only after a step. The random state is kept for the shuffles of later
    # epochs.
    assert missing == {"loss_", "_optimizer", "_random_state"}
    assert untrained.n_iter_ == 0
    assert untrained.t_ == 0
    assert untrained.loss_curve_ == []
    assert untrained.predict(X).shape == y.shape
    assert isinstance(untrained.initializer_, ScikitLearn)


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
def test_training_continues_from_initialized_weights(estimator, X, y):
    parameters = {"hidden_layer_sizes": (5, 4), "init": RandomNormal(0.3), "shuffle": False, "random_state": 0}
    fitted = estimator(max_iter=1, **parameters).fit(X, y)
    warm = estimator(max_iter=1, warm_start=True, **parameters).initialize(X, y).fit(X, y)
    partial = estimator(**parameters).initialize(X, y).partial_fit(X, y)
    for other in (warm, partial):
        for expected, coef in zip(fitted.coefs_, other.coefs_, strict=True):
            np.testing.assert_array_equal(coef, expected)


def test_initialize_gives_the_weights_that_fit_starts_from():
    model = MLPClassifier((5,), solver="sgd", learning_rate_init=1e-12, max_iter=1, random_state=7)
    drawn = clone(model).initialize(X_iris, y_iris)
    trained = model.fit(X_iris, y_iris)
    for before, after in zip(drawn.coefs_, trained.coefs_, strict=True):
        # One epoch at this rate moves no weight by more than rounding.
        np.testing.assert_allclose(after, before, atol=1e-10)


def test_init_auto_depends_on_the_activation():
    def variance_scaling(activation):
        return MLPClassifier((5,), activation, init="auto").initialize(X_iris, y_iris).initializer_

    assert variance_scaling("relu").get_params() == VarianceScaling(2.0, "fan_in", "normal").get_params()
    assert variance_scaling("selu").get_params() == VarianceScaling(1.0, "fan_in", "normal").get_params()
    assert variance_scaling("tanh").get_params() == VarianceScaling(1.0, "fan_avg", "uniform").get_params()


def test_initializers_of_users_may_be_classes_or_functions():
    for init in (Ones(), ones):
        model = MLPClassifier((3,), init=init).initialize(X_iris, y_iris)
        assert all((coef == 1).all() for coef in model.coefs_)
        assert all((intercept == 0).all() for intercept in model.intercepts_)


def test_grid_search_works_for_schemes_and_for_the_parameters_of_a_scheme():
    search = GridSearchCV(
        MLPClassifier((8,), max_iter=20, random_state=0),
        [
            {"init": ["zero", "he", Ones(), ones]},
            {"init": [RandomNormal()], "init__std": [1e-3, 1e-2, 1e-1, 1]},
        ],
        cv=2,
        error_score="raise",
    ).fit(X_iris, y_iris)
    assert len(search.cv_results_["params"]) == 8
    stds = {p["init__std"] for p in search.cv_results_["params"] if "init__std" in p}
    assert stds == {1e-3, 1e-2, 1e-1, 1}
    # Scales of 1 and of 0.001 do not reach the same score in 20 epochs.
    assert len(set(search.cv_results_["mean_test_score"][4:])) > 1


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_results_do_not_depend_on_jobs_or_backend(backend):
    model = make_pipeline(StandardScaler(), MLPClassifier((12, 6), max_iter=8, random_state=0))
    expected = cross_val_score(model, X_iris, y_iris, cv=4, scoring="neg_log_loss")
    with joblib.parallel_config(backend=backend, n_jobs=2):
        scores = cross_val_score(model, X_iris, y_iris, cv=4, scoring="neg_log_loss")
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_same_random_state_gives_the_same_bits(estimator, X, y, solver):
    models = [estimator(hidden_layer_sizes=(9,), solver=solver, max_iter=5, random_state=3).fit(X, y) for _ in range(2)]
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    other = estimator(hidden_layer_sizes=(9,), solver=solver, max_iter=5, random_state=4).fit(X, y)
    assert not np.array_equal(models[0].coefs_[0], other.coefs_[0])


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_pickled_estimator_predicts_and_trains_the_same(estimator, X, y, solver):
    model = estimator(hidden_layer_sizes=(9, 4), solver=solver, max_iter=5, random_state=3).fit(X, y)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))
    for copy in (model, restored):
        copy.partial_fit(X, y)
    for expected, coef in zip(model.coefs_, restored.coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected)


def test_a_pickle_holds_the_weights_once():
    model = MLPClassifier((400, 400), max_iter=1, solver="lbfgs").fit(X_iris, y_iris)
    n_bytes = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model)) < 1.1 * n_bytes


def test_clone_copies_parameters_and_forgets_what_was_fitted():
    model = MLPClassifier((3,), init=RandomNormal(0.5)).fit(X_iris, y_iris)
    copy = clone(model)
    assert copy.init is not model.init
    assert copy.get_params()["init__std"] == 0.5
    assert not hasattr(copy, "coefs_")


def test_weights_are_views_of_one_vector_and_may_be_replaced():
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(X_diabetes, y_diabetes)
    bases = {id(array.base if array.base is not None else array) for array in model.coefs_ + model.intercepts_}
    assert len(bases) == 1
    before = model.predict(X_diabetes)
    model.intercepts_[-1][:] += 1
    np.testing.assert_allclose(model.predict(X_diabetes), before + 1)
    model.coefs_[-1] = 2 * model.coefs_[-1]
    intercept = model.intercepts_[-1]
    np.testing.assert_allclose(model.predict(X_diabetes), 2 * (before + 1 - intercept) + intercept)
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    assert np.ptp(model.predict(X_diabetes)) == 0


def test_pandas_input_keeps_feature_names_and_string_labels():
    frame = pd.DataFrame(X_iris, columns=["a", "b", "c", "d"])
    labels = pd.Series(np.array(["x", "y", "z"])[y_iris])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier((5,), max_iter=5, early_stopping=True, random_state=0).fit(frame, labels)
        predicted = model.predict(frame)
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    assert set(predicted) <= {"x", "y", "z"}
    assert list(model.classes_) == ["x", "y", "z"]
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X_iris)


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
def test_sample_weight_is_routed_through_metadata(estimator, X, y):
    weights = np.linspace(0, 1, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = estimator(hidden_layer_sizes=(4,), max_iter=3, random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        routed = pipeline.fit(X, y, sample_weight=weights)[-1]
        X_scaled = pipeline[:-1].transform(X)
    direct = estimator(hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(X_scaled, y, sample_weight=weights)
    np.testing.assert_array_equal(routed.coefs_[0], direct.coefs_[0])


@pytest.mark.parametrize(("estimator", "X", "y"), BOTH)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_integer_weight_counts_as_repeated_rows(estimator, X, y, solver):
    rows = np.arange(0, len(y), 4)
    counts = np.random.RandomState(0).randint(0, 3, rows.size)
    parameters = {"hidden_layer_sizes": (4,), "solver": solver, "max_iter": 10, "batch_size": 1000, "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Got `batch_size`")
        weighted = estimator(**parameters).fit(X[rows], y[rows], sample_weight=counts)
        repeated_rows = np.repeat(rows, counts)
        repeated = estimator(**parameters).fit(X[repeated_rows], y[repeated_rows])
    for expected, coef in zip(repeated.coefs_, weighted.coefs_, strict=True):
        # Sums are in another order, over 10 steps.
        np.testing.assert_allclose(coef, expected, rtol=1e-7, atol=1e-9)


def test_a_mini_batch_of_zero_weight_takes_no_step():
    weights = np.zeros(len(y_iris))
    weights[:50] = 1.0
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 3, "batch_size": 50, "shuffle": False, "random_state": 0}
    weighted = MLPClassifier(**parameters).fit(X_iris, y_iris, sample_weight=weights)
    assert np.isfinite(weighted.loss_)
    assert weighted._optimizer.n_steps == 3


@pytest.mark.parametrize("container", [csr_array, np.asfortranarray, np.ascontiguousarray])
def test_predictions_do_not_depend_on_the_layout_of_X(container):
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((30,), max_iter=3, random_state=0).fit(container(X), y)
    np.testing.assert_allclose(model.predict_proba(container(X)), model.predict_proba(X), atol=1e-12)


def test_read_only_and_memory_mapped_data_are_accepted(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X_iris)
    mapped = np.load(path, mmap_mode="r")
    expected = MLPClassifier((4,), max_iter=3, random_state=0).fit(X_iris, y_iris)
    model = MLPClassifier((4,), max_iter=3, random_state=0).fit(mapped, y_iris)
    np.testing.assert_array_equal(model.predict_proba(mapped), expected.predict_proba(X_iris))


def test_input_data_are_not_changed():
    X, y = X_iris.copy(), y_iris.copy()
    MLPClassifier((4,), max_iter=3).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(X, X_iris)
    np.testing.assert_array_equal(y, y_iris)


def test_multilabel_targets_may_be_sparse():
    X, y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    dense = MLPClassifier((4,), max_iter=20, random_state=0).fit(X, y)
    sparse = MLPClassifier((4,), max_iter=20, random_state=0).fit(X, csr_array(y))
    np.testing.assert_array_equal(sparse.predict(X).toarray(), dense.predict(X))


class WithKeywords(MLPClassifier):
    def __init__(self, extra=1, **keywords):
        super().__init__(**keywords)
        self.extra = extra


def test_a_subclass_may_take_parameters_as_keywords():
    parameters = {"hidden_layer_sizes": (4,), "solver": "sgd", "momentum": 0.5, "max_iter": 3, "random_state": 0}
    expected = MLPClassifier(**parameters).fit(X_iris, y_iris)
    np.testing.assert_array_equal(WithKeywords(**parameters).fit(X_iris, y_iris).coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_targets_of_a_regressor_may_be_sparse(n_outputs):
    targets = X_iris[:, :n_outputs]
    dense = MLPRegressor(hidden_layer_sizes=4, max_iter=20, random_state=0).fit(X_iris, targets)
    sparse = MLPRegressor(hidden_layer_sizes=4, max_iter=20, random_state=0).fit(X_iris, csr_array(targets))
    np.testing.assert_array_equal(sparse.predict(X_iris), dense.predict(X_iris))


def test_continued_training_keeps_the_first_precision():
    model = MLPClassifier((4,), max_iter=2, random_state=0).fit(X_iris.astype(np.float32), y_iris)
    model.partial_fit(X_iris, y_iris)
    assert {coef.dtype for coef in model.coefs_} == {np.dtype(np.float32)}
    assert model.predict_proba(X_iris).dtype == np.float32


def test_float32_training_follows_float64_training():
    curves = [
        MLPClassifier((10,), "tanh", max_iter=10, random_state=0).fit(X_iris.astype(dtype), y_iris).loss_curve_
        for dtype in (np.float32, np.float64)
    ]
    # Each of 10 Adam steps has an error of some hundred float32 roundings.
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)


def test_methods_that_need_weights_raise_before_fit():
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(MLPClassifier(), method)(X_iris)


def test_partial_fit_is_for_stochastic_solvers_only():
    for estimator in (MLPClassifier, MLPRegressor):
        assert hasattr(estimator(), "partial_fit")
        assert not hasattr(estimator(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [y_iris, y_iris == 1, np.column_stack([y_iris == 1, y_iris == 2]).astype(int)])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e3])
def test_predict_log_proba_is_the_exact_logarithm(y, scale, dtype):
    model = MLPClassifier((4,), "tanh", init=RandomNormal(1.0), random_state=0).initialize(X_iris.astype(dtype), y)
    model.coefs_[-1][:] *= scale
    X = X_iris[::7].astype(dtype)
    scores = model.decision_function(X)
    with decimal.localcontext(prec=60):
        exact = [[Decimal(float(score)) for score in row] for row in scores.reshape(len(X), -1)]
        if model.out_activation_ == "softmax":
            expected = [[u - sum(other.exp() for other in row).ln() for u in row] for row in exact]
        elif y.ndim == 1:
            expected = [[-(1 + u.exp()).ln(), -(1 + (-u).exp()).ln()] for (u,) in exact]
        else:
            expected = [[-(1 + (-u).exp()).ln() for u in row] for row in exact]
        expected = np.array(expected, dtype=np.float64)
    found = model.predict_log_proba(X)
    assert found.dtype == dtype
    # A difference d of scores is rounded once. Its exponential, below the square root of eps, is off by d roundings.
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=8 * eps, atol=eps**2)


def test_log_probabilities_rank_labels_like_probabilities():
    X, y = make_multilabel_classification(n_samples=50, random_state=0, return_indicator=True)
    model = MLPClassifier((5,), solver="lbfgs", alpha=1e-5, random_state=0, max_iter=150).fit(X, y)
    probabilities, logarithms = model.predict_proba(X), model.predict_log_proba(X)
    steps, log_steps = np.diff(probabilities, axis=1), np.diff(logarithms, axis=1)
    np.testing.assert_array_equal(np.sign(steps)[steps != 0], np.sign(log_steps)[steps != 0])
    np.testing.assert_array_equal(model.predict(X), probabilities > 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [y_iris, y_iris == 1])
def test_predict_log_proba_of_a_finite_network_is_finite(y, dtype):
    model = MLPClassifier((4,), init=Ones(1.0)).initialize(X_iris.astype(dtype), y)
    model.coefs_[-1][:] = 0
    model.intercepts_[-1][:] = 0.9 * np.finfo(dtype).max
    model.intercepts_[-1][0] = -0.9 * np.finfo(dtype).max
    found = model.predict_log_proba(X_iris.astype(dtype))
    assert np.isfinite(found).all()
    assert found[:, 0].max() < found[:, 1].min() or y.dtype == bool


@pytest.mark.parametrize("y", [y_iris, y_iris == 1, np.column_stack([y_iris == 1, y_iris == 2]).astype(int)])
def test_decision_function_agrees_with_predictions_and_probabilities(y):
    model = MLPClassifier((4,), max_iter=3, random_state=0).fit(X_iris, y)
    scores, probabilities = model.decision_function(X_iris), model.predict_proba(X_iris)
    if y.ndim == 2:
        np.testing.assert_array_equal(scores > 0, model.predict(X_iris))
        np.testing.assert_allclose(scores, np.log(probabilities / (1 - probabilities)), atol=1e-12)
    elif scores.ndim == 1:
        np.testing.assert_array_equal(scores > 0, model.predict(X_iris))
        np.testing.assert_allclose(scores, np.log(probabilities[:, 1] / probabilities[:, 0]), atol=1e-12)
    else:
        np.testing.assert_array_equal(scores.argmax(axis=1), model.predict(X_iris))
        np.testing.assert_allclose(softmax(scores, axis=1), probabilities, rtol=1e-12)


def test_an_activation_set_after_fit_is_used():
    model = MLPClassifier((4,), "relu", max_iter=3, random_state=0).fit(X_iris, y_iris)
    model.set_params(activation="tanh")
    hidden = np.tanh(X_iris @ model.coefs_[0] + model.intercepts_[0])
    outputs = hidden @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_array_equal(model.predict(X_iris), outputs.argmax(axis=1))


def test_partial_fit_with_warm_start_accepts_batches_that_lack_classes():
    expected = MLPClassifier((5,), random_state=0)
    model = MLPClassifier((5,), warm_start=True, random_state=0)
    for each in (expected, model):
        each.partial_fit(X_iris[:50], y_iris[:50], classes=[0, 1, 2]).partial_fit(X_iris[50:], y_iris[50:])
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(X_iris[:50], y_iris[:50])
