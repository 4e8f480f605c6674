"""``learning_rate_init="auto"``: the rule against dense matrices, and no fit ends with an exception."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from threadpoolctl import threadpool_info
from twins import ACTIVATIONS

import skinit.base
import skinit.training.fit
from skinit import MLPClassifier, MLPRegressor
from skinit.engine.data import TrainingData
from skinit.engine.hessian import ALL_LAYERS, HessianProducts
from skinit.engine.predictions import predict_preactivations
from skinit.initializers import RandomNormal
from skinit.training.loop import History
from skinit.training.schedules import WarmUpAndTail
from skinit.training.solvers import STOCHASTIC_SOLVERS, StochasticSolver

# Some tests use steps that are too large. The Poisson means of the validation score then overflow.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning"),
]

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = X_diabetes / X_diabetes.std(axis=0)
y_diabetes = (y_diabetes - y_diabetes.mean()) / y_diabetes.std()
X_labels, Y_labels = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
y_counts = np.random.default_rng(0).poisson(np.exp(0.5 * X_iris[:, 0]))

TASKS = {
    "multiclass": (MLPClassifier(), X_iris, y_iris),
    "binary": (MLPClassifier(), X_iris, y_iris > 0),
    "multilabel": (MLPClassifier(), X_labels, Y_labels),
    "squared_error": (MLPRegressor(), X_diabetes, y_diabetes),
    "two outputs": (MLPRegressor(), X_diabetes, np.column_stack([y_diabetes, X_diabetes[:, 2]])),
    "poisson": (MLPRegressor(loss="poisson"), X_iris, y_counts),
}
SOLVERS = ["sgd", "adam"]
# The Lanczos iteration falls short of the largest eigenvalue by at most this fraction.
TOLERANCE = 0.05
AUTO = {"learning_rate_init": "auto", "random_state": 0}


def least_squares_step(X):
    """Return 1 / (largest eigenvalue of the Hessian of half the mean squared error) for a linear model."""
    design = np.column_stack([X, np.ones(len(X))])
    return len(X) / np.linalg.norm(design, 2) ** 2


def momentum_factor(memory):
    """Return the factor by which momentum or beta_1 reduces the step."""
    return min(1.0, 2.5 * np.sqrt(1 - memory))


def linear_model(**parameters):
    return MLPRegressor(
        hidden_layer_sizes=(),
        **{"alpha": 0.0, "solver": "sgd", "batch_size": 1000, "activation": "identity", **AUTO, **parameters},
    )


@pytest.fixture(autouse=True)
def _no_warning_of_large_batches():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger than sample size")
        yield


# The rule.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [np.asarray, csr_array], ids=["dense", "csr"])
def test_sgd_steps_by_1_over_the_curvature_of_least_squares(make, dtype):
    X = X_diabetes[:200].astype(dtype)
    y = y_diabetes[:200]
    model = linear_model(momentum=0.0, max_iter=50).fit(make(X), y)
    exact = least_squares_step(X)
    assert exact * (1 - 1e-4) <= model.learning_rate_init_ <= exact / (1 - TOLERANCE)
    # Gradient descent decreases the loss at any step below twice this one. Above it, the component along the
    # eigenvector of the largest eigenvalue grows, here by a factor of 1.2 for each step.
    assert (np.diff(model.loss_curve_) < 0).all()
    model.set_params(learning_rate_init=2.2 * exact, max_iter=100).fit(make(X), y)
    assert model.loss_curve_[-1] > model.loss_curve_[0]


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("schedule", ["constant", "adaptive", "invscaling", "cosine"])
def test_momentum_shortens_the_step_by_the_square_root_rule(schedule, nesterov, momentum):
    plain = linear_model(momentum=0.0).initialize(X_diabetes, y_diabetes).learning_rate_init_
    model = linear_model(momentum=momentum, nesterovs_momentum=nesterov, learning_rate=schedule)
    model.initialize(X_diabetes, y_diabetes)
    assert model.learning_rate_init_ == pytest.approx(momentum_factor(momentum) * plain, rel=1e-12)


def targets_of(model, X, y):
    """Return the targets in the form that the network takes."""
    return model._check_data(X, y, None, network=model._network, incremental=True).targets


def dense_hessian(model, X, y, sample_weight=None):
    network = model._network
    products = HessianProducts(network, TrainingData(X, targets_of(model, X, y), sample_weight))
    return products.multiply(np.eye(network.theta.size), [ALL_LAYERS] * network.theta.size)


def output_gradient(model, X, y, sample_weight=None):
    """Return the gradient of the loss of predictions by fourth-order differences, plus the gradient of the penalty."""
    network = model._network
    targets, theta = targets_of(model, X, y), network.theta
    weights = np.ones(len(X)) if sample_weight is None else sample_weight

    def loss():
        u = predict_preactivations(network, X)
        if network.loss.name == "log_loss":
            rows = np.logaddexp.reduce(u, axis=1) - u[np.arange(len(u)), targets[:, 0].astype(int)]
        elif network.loss.name == "binary_log_loss":
            rows = np.logaddexp(0, np.where(targets > 0, -u, u)).sum(axis=1)
        elif network.loss.name == "poisson":
            rows = (np.exp(u) - targets * u).sum(axis=1)
        else:
            rows = ((u - targets) ** 2).sum(axis=1) / 2
        return (weights @ rows + model.alpha / 2 * np.sum(theta[: network.n_weights] ** 2)) / weights.sum()

    step, gradient = 1e-3, np.zeros(theta.size)
    for place in range(theta.size):
        at = theta[place]
        for multiple, coefficient in zip((-2, -1, 1, 2), (1, -8, 8, -1), strict=True):
            theta[place] = at + multiple * step
            gradient[place] += coefficient * loss() / (12 * step)
        theta[place] = at
    return gradient


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta_1", [0.0, 0.9])
@pytest.mark.parametrize("task", TASKS)
def test_adam_steps_to_the_minimum_of_the_quadratic_model_along_the_signs_of_the_gradient(
    task, beta_1, weighted, monkeypatch
):
    # Without a limit on the step, the rule shows in every task.
    adam = STOCHASTIC_SOLVERS["adam"][0]
    monkeypatch.setattr(adam, "automatic_step", adam.automatic_step._replace(largest=np.inf))
    estimator, X, y = TASKS[task]
    X, y = X[::2], y[::2]
    weights = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    model = clone(estimator).set_params(
        hidden_layer_sizes=(5, 4), activation="tanh", solver="adam", beta_1=beta_1, batch_size=1000, alpha=0.5, **AUTO
    )
    model.initialize(X, y, sample_weight=weights)
    gradient = output_gradient(model, X, y, weights)
    signs = np.sign(gradient)
    curvature = abs(signs @ dense_hessian(model, X, y, weights) @ signs)
    expected = momentum_factor(beta_1) * np.abs(gradient).sum() / curvature
    assert model.learning_rate_init_ == pytest.approx(expected, rel=1e-6)


def test_adam_steps_by_a_tenth_at_most():
    model = MLPClassifier((5, 4), "tanh", solver="adam", alpha=0.5, batch_size=1000, **AUTO)
    assert model.initialize(X_iris, y_iris).learning_rate_init_ == 0.1


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic"])
@pytest.mark.parametrize("task", TASKS)
def test_sgd_steps_by_1_over_the_norm_of_the_hessian(task, activation):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(
        hidden_layer_sizes=(5, 4), activation=activation, solver="sgd", momentum=0.0, batch_size=1000, **AUTO
    )
    model.initialize(X, y)
    exact = 1 / (np.linalg.norm(dense_hessian(model, X, y), 2) + model.alpha / len(X))
    assert exact * (1 - 1e-9) <= model.learning_rate_init_ <= exact / (1 - TOLERANCE)


def test_step_is_the_median_over_mini_batches():
    # Each mini-batch has rows of one scale, so the largest eigenvalues of mini-batches are far apart.
    X = np.repeat([[1.0]], 120, axis=0)
    X[:20] = 100.0
    model = linear_model(batch_size=1, momentum=0.0).initialize(X, np.arange(120))
    # A row x has the eigenvalue 1 + x^2, and less than half of the rows are large.
    assert 1 / 2 * (1 - 1e-9) <= model.learning_rate_init_ <= 1 / 2 / (1 - TOLERANCE)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_automatic_step_trains_like_the_same_step_given_as_a_number(solver):
    # Measuring the step draws no numbers from the estimator's random state.
    model = MLPClassifier((5,), solver=solver, max_iter=2, **AUTO)
    automatic = clone(model).fit(X_iris, y_iris)
    given = clone(model).set_params(
        learning_rate_init=automatic.learning_rate_init_, learning_rate=WarmUpAndTail.over(model.max_iter)
    )
    given.fit(X_iris, y_iris)
    for coef, expected in zip(automatic.coefs_, given.coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected)
    assert automatic.loss_curve_ == given.loss_curve_


# The step in estimators.


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_method_that_trains_sets_the_step(solver, task):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(hidden_layer_sizes=(5,), solver=solver, max_iter=1, **AUTO)
    classes = {"classes": np.arange(3) if y.ndim > 1 else np.unique(y)} if isinstance(estimator, MLPClassifier) else {}
    fitted = clone(model).fit(X, y)
    steps = [
        clone(model).initialize(X, y).learning_rate_init_,
        clone(model).initialize(X, y).partial_fit(X, y).learning_rate_init_,
        clone(model).partial_fit(X, y, **classes).learning_rate_init_,
        clone(model).set_params(warm_start=True).fit(X, y).learning_rate_init_,
    ]
    assert steps == [fitted.learning_rate_init_] * 4
    assert isinstance(fitted.learning_rate_init_, float)
    assert fitted._optimizer.learning_rate == fitted.learning_rate_init_
    assert fitted.learning_rate_init == "auto"


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_keeps_the_step_of_its_first_call(solver):
    model = MLPRegressor(hidden_layer_sizes=(5,), solver=solver, **AUTO).partial_fit(X_diabetes, y_diabetes)
    first = model.learning_rate_init_
    for _ in range(3):
        model.partial_fit(X_diabetes[:50] / 2, y_diabetes[:50])
    assert model.learning_rate_init_ == first
    assert model._optimizer.learning_rate == first


def test_lbfgs_has_no_step():
    parameters = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "max_iter": 20, "random_state": 0}
    expected = MLPClassifier(**parameters).fit(X_iris, y_iris)
    model = MLPClassifier(learning_rate_init="auto", **parameters).fit(X_iris, y_iris)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert not hasattr(model, "learning_rate_init_")
    assert not hasattr(model.initialize(X_iris, y_iris), "learning_rate_init_")


@pytest.mark.parametrize("value", ["Auto", "aut", "automatic"])
def test_a_misspelled_auto_is_corrected_in_the_message(value):
    model = MLPClassifier(learning_rate_init=value)
    for method in (model.fit, model.initialize):
        with pytest.raises(ValueError, match=rf"Did you mean 'auto'.*'learning_rate_init' .* Got '{value}' instead"):
            method(X_iris, y_iris)


# Steps that are too large.


@pytest.fixture
def too_large(monkeypatch):
    """Replace the automatic step by one that is far too large."""
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1e3)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("too_large")
def test_after_restarts_the_fit_is_that_of_the_last_step(solver, task, schedule, early_stopping, capsys):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(
        hidden_layer_sizes=(5, 4),
        activation="tanh",
        solver=solver,
        learning_rate=schedule,
        early_stopping=early_stopping,
        max_iter=8,
        verbose=True,
        **AUTO,
    )
    fitted = clone(model).fit(X, y)
    n_restarts = capsys.readouterr().out.count("Starting again with a smaller learning rate.")
    # With a warm-up, two classes that a line separates can be learned at any rate.
    assert n_restarts > 0 or (task == "binary" and schedule == "constant")
    assert fitted.learning_rate_init_ == 1e3 * 0.25**n_restarts
    assert all(np.isfinite(array).all() for array in fitted.coefs_ + fitted.intercepts_)
    assert fitted.n_iter_ == len(fitted.loss_curve_)
    again = clone(model).fit(X, y)
    given = clone(model).set_params(learning_rate_init=fitted.learning_rate_init_)
    if schedule == "constant":
        given.set_params(learning_rate=WarmUpAndTail.over(model.max_iter))
    given.fit(X, y)
    for other in (again, given):
        assert other.loss_curve_ == fitted.loss_curve_
        assert other.n_iter_ == fitted.n_iter_
        assert other.t_ == fitted.t_
        for array, expected in zip(other.coefs_ + other.intercepts_, fitted.coefs_ + fitted.intercepts_, strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("too_large")
def test_training_after_restarts_ends_below_the_loss_of_the_untrained_network(solver, task):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(hidden_layer_sizes=(5, 4), solver=solver, max_iter=100, **AUTO).fit(X, y)
    # A step too small to change the weights shows the loss of the untrained network as training reports it.
    untrained = clone(model).set_params(solver="sgd", learning_rate_init=1e-15, max_iter=1).fit(X, y)
    assert model.loss_ < untrained.loss_


@pytest.mark.usefixtures("too_large")
def test_partial_fit_keeps_the_step_of_its_restarts():
    model = MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", solver="sgd", batch_size=20, **AUTO)
    model.partial_fit(X_diabetes, y_diabetes)
    step = model.learning_rate_init_
    assert step < 1e3
    assert model._optimizer.learning_rate == step
    model.partial_fit(X_diabetes, y_diabetes)
    assert model.learning_rate_init_ <= step


def test_a_given_step_that_is_too_large_is_not_made_smaller():
    model = MLPRegressor(
        hidden_layer_sizes=(5,), solver="sgd", activation="tanh", learning_rate_init=5.0, max_iter=3, random_state=0
    )
    model.fit(X_diabetes, y_diabetes)
    assert model.learning_rate_init_ == 5.0
    assert model.loss_curve_[0] > 1


@pytest.mark.parametrize(
    ("losses", "shows"),
    [
        ([0.95, 0.9, 0.85], False),
        ([1.12], True),
        ([0.9, np.nan], True),
        # The losses stay near the untrained loss, before anything is learned.
        ([0.98, 1.05], False),
        ([0.96, 1.01], False),
        ([0.96, 1.03], True),
        ([0.8, 0.9], False),
        ([0.8, 0.95], True),
        ([0.25, 0.5], False),
        ([0.25, 0.6], True),
    ],
)
def test_a_loss_that_rises_far_shows_that_the_step_is_too_large(losses, shows):
    # Losses are in units of the untrained loss, which they may exceed by a tenth.
    limit = skinit.training.fit.LOSS_TOLERANCE
    history = History(n_iter_=len(losses), loss_curve_=[5.0, *losses])
    assert history.shows_too_large_steps(limit) == shows
    assert not history.shows_too_large_steps(np.inf)


# Large losses that the step does not cause.


def sorted_rows(rng):
    """Draw 1500 rows with small targets, followed by 1500 rows with large ones."""
    X = rng.normal(size=(3000, 4))
    return X, np.where(np.arange(3000) < 1500, 0.0, 3.0) + X[:, 0], None


def one_heavy_row(rng):
    X, y, _ = sorted_rows(rng)
    return X, y, np.where(np.arange(3000) == 7, 1e6, 1.0)


def heavy_tails(rng):
    X = rng.normal(size=(500, 4))
    return X, X[:, 0] + rng.normal(size=500), np.exp(3 * rng.normal(size=500))


def half_without_weight(rng):
    X = rng.normal(size=(500, 4))
    return X, X[:, 0], np.where(np.arange(500) < 400, 0.0, 1.0)


@pytest.mark.parametrize("alpha", [0.0, 100.0, 3000.0])
@pytest.mark.parametrize("make", [sorted_rows, one_heavy_row, heavy_tails, half_without_weight])
@pytest.mark.parametrize("solver", SOLVERS)
def test_uneven_rows_weights_and_penalties_are_not_mistaken_for_divergence(solver, make, alpha, capsys):
    X, y, weights = make(np.random.default_rng(0))
    model = MLPRegressor(hidden_layer_sizes=(8,), solver=solver, alpha=alpha, max_iter=5, verbose=True, **AUTO)
    model.fit(X, y, sample_weight=weights)
    assert np.isfinite(model.loss_)
    if make is sorted_rows:
        assert "Starting again" not in capsys.readouterr().out


@pytest.mark.parametrize("solver", SOLVERS)
def test_continuing_from_a_perfect_fit_does_not_raise_the_loss(solver):
    y = X_diabetes @ np.arange(10)
    model = linear_model(solver=solver, max_iter=300, tol=0.0, warm_start=True)
    losses = [model.fit(X_diabetes, y).loss_ for _ in range(4)]
    assert losses[-1] <= 1.1 * losses[0] + 1e-20


def zero_weights(shape, rng):
    return np.zeros(shape)


ODD = {
    "zero weights": ({"init": "zeros"}, X_iris, y_iris),
    "some zero weights": ({"init": "sparse"}, X_iris, y_iris),
    "large weights": ({"init": RandomNormal(30.0)}, X_iris, y_iris),
    "small weights": ({"init": RandomNormal(1e-12)}, X_iris, y_iris),
    "zero data": ({}, np.zeros((20, 3)), np.arange(20) % 3),
    "constant data": ({}, np.full((20, 3), 5.0), np.arange(20) % 3),
    "constant data, one target": ({}, np.full((20, 3), 5.0), np.zeros(20)),
    "one row": ({}, X_iris[:1], y_iris[:1]),
    "one row a batch": ({"batch_size": 1}, X_iris, y_iris),
    "large data": ({}, 1e3 * X_iris, y_iris),
    "small data": ({}, 1e-8 * X_iris, y_iris),
    "momentum 1": ({"momentum": 1.0}, X_iris, y_iris),
    "large penalty": ({"alpha": 1e4}, X_iris, y_iris),
    "zero slopes": ({"init": lambda shape, rng: -np.ones(shape)}, np.abs(X_iris), y_iris),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("case", ODD)
def test_unusual_networks_and_data_end_with_finite_weights(case, estimator, solver, dtype):
    parameters, X, y = ODD[case]
    model = estimator(hidden_layer_sizes=(6, 5), solver=solver, max_iter=10, **{**AUTO, **parameters})
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model.fit(X.astype(dtype), y)
    assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)
    assert {array.dtype for array in model.coefs_} == {np.dtype(dtype)}
    assert 0 < model.learning_rate_init_ < np.inf


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_flat_loss_gives_the_fallback_step(solver):
    # All weights and targets are zero, so the loss is curved only along the output intercept.
    model = MLPRegressor(hidden_layer_sizes=(4,), init="zeros", solver=solver, momentum=0.0, alpha=0.0, **AUTO)
    model.initialize(X_diabetes, np.zeros(len(X_diabetes)))
    # The gradient is zero. Adam's rule gives 0 / 0, and that of gradient descent 1 / 1.
    if solver == "adam":
        assert model.learning_rate_init_ == STOCHASTIC_SOLVERS["adam"][0].automatic_step.fallback
    else:
        assert 1 - 1e-9 <= model.learning_rate_init_ <= 1 / (1 - TOLERANCE)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", [(), (6,), (5,) * 6], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_fit_ends_with_an_exception_or_above_the_untrained_loss(activation, hidden, solver, task):
    estimator, X, y = TASKS[task]
    model = clone(estimator).set_params(
        activation=activation, hidden_layer_sizes=hidden, solver=solver, max_iter=15, batch_size=32, init="auto", **AUTO
    )
    model.fit(X, y)
    assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)
    untrained = clone(model).set_params(solver="sgd", learning_rate_init=1e-15, max_iter=1).fit(X, y)
    assert min(model.loss_curve_) < untrained.loss_
    assert model.loss_ <= 1.1 * untrained.loss_


def test_initialize_measures_the_curvature_with_the_threads_of_fit(monkeypatch):
    X, y = np.random.RandomState(0).normal(size=(200, 200)), np.arange(200) % 2
    threads = []

    def spy(*arguments):
        threads.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return 0.01

    monkeypatch.setattr(skinit.training.fit, "automatic_step", spy)
    for method in ("initialize", "fit"):
        getattr(MLPClassifier((60,), max_iter=1, **AUTO), method)(X, y)
    assert set(threads) == {1}


class PlainSGD(StochasticSolver):
    """A third solver, SGD without momentum, for which the automatic step has no rule of its own."""

    update = "sgd"

    def __init__(self, network, *, learning_rate_init):
        super().__init__(network, 1, learning_rate_init, [0.0, 0.0])


def test_a_third_solver_steps_automatically_by_default(monkeypatch):
    monkeypatch.setitem(STOCHASTIC_SOLVERS, "third", (PlainSGD, ("learning_rate_init",)))
    monkeypatch.setitem(MLPRegressor._parameter_constraints, "solver", [str])
    third = MLPRegressor(hidden_layer_sizes=(5,), solver="third", max_iter=5, **AUTO)
    plain = clone(third).set_params(solver="sgd", momentum=0.0, nesterovs_momentum=False)
    third.fit(X_diabetes, y_diabetes)
    plain.fit(X_diabetes, y_diabetes)
    assert third.learning_rate_init_ == plain.learning_rate_init_
    np.testing.assert_array_equal(third.coefs_[0], plain.coefs_[0])
