"""The losses of regression in estimators: what each estimates, its score, and other features that it works with."""

import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, mean_pinball_loss, r2_score
from sklearn.model_selection import GridSearchCV
from test_loss_constants import LEVELS, difference_quotients

from skinit import MLPRegressor
from skinit.curvature import hessian_bound, hessian_operator, layer_hessian_norms
from skinit.engine.data import TrainingData
from skinit.engine.passes import DataPasses
from skinit.target_spread import target_spread

DTYPES = [np.float32, np.float64]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 8)])
def test_target_spread_is_the_scaled_median_absolute_deviation(weights):
    y = np.array([1.0, 2.0, 4.0, 4.5, 7.0, 30.0, -5.0])[:, None]
    repeated = np.repeat(y, 1 if weights is None else weights.astype(int), axis=0)
    expected = 1.4826 * np.median(np.abs(repeated - np.median(repeated)))
    assert target_spread(TrainingData(None, y, weights)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("y", "expected"), [([3, 3, 3, 3, 5], 1.2533 * 0.4), ([3, 3], 1.0), ([1e300, -1e300], 1.0)])
def test_target_spread_is_positive(y, expected):
    assert target_spread(TrainingData(None, np.array(y, float)[:, None], None)) == pytest.approx(expected)


def regression_data(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng.standard_t(2, size=n)


def test_a_huge_huber_delta_gives_the_squared_error():
    X, y = regression_data()
    models = [
        MLPRegressor(loss, hidden_layer_sizes=(4,), random_state=0, max_iter=3, huber_delta=1e6, n_iter_no_change=10)
        for loss in ("squared_error", "huber")
    ]
    curves = [model.fit(X, y).loss_curve_ for model in models]
    np.testing.assert_allclose(*curves, rtol=1e-12)


def test_huber_delta_is_the_spread_of_the_targets_of_the_first_fit():
    X, y = regression_data()
    model = MLPRegressor("huber", huber_delta="auto", hidden_layer_sizes=(), random_state=0).initialize(X, y)
    spread = target_spread(TrainingData(X, y[:, None], None))
    assert model.huber_delta_ == spread
    assert model.partial_fit(X, 100 * y).huber_delta_ == spread
    assert model.initialize(X, 2 * y).huber_delta_ == pytest.approx(2 * spread)
    assert model.set_params(huber_delta=3).partial_fit(X, y).huber_delta_ == 3.0
    assert not hasattr(model.set_params(loss="squared_error").partial_fit(X, y), "huber_delta_")


def test_hessian_of_the_huber_loss_is_the_derivative_of_the_gradient():
    X, y = regression_data()
    model = MLPRegressor("huber", hidden_layer_sizes=(4,), activation="tanh", random_state=0).initialize(X, y)
    network = model._own_network().copy()
    data = TrainingData(X, y[:, None], None)
    passes = DataPasses(network, data, len(y), 0.0)
    theta = network.theta.copy()

    def gradient(at):
        network.theta[:] = at[0]
        return passes.loss_and_gradient()[1]

    expected = difference_quotients(gradient, theta[None], 1e-6)
    hessian = hessian_operator(model, X, y) @ np.eye(theta.size)
    np.testing.assert_allclose(hessian, expected, atol=1e-7)


@pytest.mark.parametrize("delta", [0, -1, np.nan, "atuo", None, True])
def test_bad_huber_delta_is_refused(delta):
    X, y = regression_data()
    model = MLPRegressor("huber", huber_delta=delta)
    with pytest.raises(ValueError, match="huber_delta"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_a_constant_model_learns_the_mean_the_median_or_quantiles():
    y = np.random.default_rng(0).gamma(2.0, size=201)
    repeats = np.where(np.arange(y.size) % 3 == 0, 2, 1)
    repeated = np.repeat(y, repeats)

    def fit(loss, **parameters):
        model = MLPRegressor(
            loss,
            hidden_layer_sizes=(),
            alpha=0,
            solver="sgd",
            momentum=0,
            learning_rate="linear",
            learning_rate_init=0.2,
            batch_size=len(y),
            max_iter=3000,
            n_iter_no_change=np.inf,
            random_state=0,
            **parameters,
        )
        return model.fit(np.zeros((len(y), 1)), y, repeats.astype(float)).predict(np.zeros((1, 1)))[0]

    # Near a quantile the distance between targets is about this large, and any number between two targets is a
    # quantile.
    tolerance = 0.03
    assert fit("gamma") == pytest.approx(repeated.mean(), abs=tolerance)
    assert fit("absolute_error") == pytest.approx(np.median(repeated), abs=tolerance)
    assert fit("huber", huber_delta=100.0) == pytest.approx(repeated.mean(), abs=tolerance)
    assert fit("huber", huber_delta=0.05) == pytest.approx(np.median(repeated), abs=2 * tolerance)
    assert fit("quantile", quantile=0.8) == pytest.approx(np.quantile(repeated, 0.8), abs=tolerance)
    several = [0.2, 0.5, 0.8]
    np.testing.assert_allclose(fit("quantile", quantile=several), np.quantile(repeated, several), atol=tolerance)


def test_quantiles_have_less_pinball_loss_than_the_mean():
    X, y = regression_data(300)
    common = {"hidden_layer_sizes": (), "max_iter": 300, "learning_rate_init": 0.05, "random_state": 0}
    mean = MLPRegressor(**common).fit(X, y).predict(X)
    levels = [0.1, 0.9]
    several = MLPRegressor("quantile", quantile=levels, **common).fit(X, y)
    columns = several.predict(X).T
    for level, column in zip(levels, columns, strict=True):
        single = MLPRegressor("quantile", quantile=level, **common).fit(X, y).predict(X)
        losses = [mean_pinball_loss(y, prediction, alpha=level) for prediction in (mean, single, column)]
        assert max(losses[1:]) < 0.8 * losses[0]
    scores = [d2_pinball_score(y, column, alpha=level) for level, column in zip(levels, columns, strict=True)]
    assert several.score(X, y) == pytest.approx(np.mean(scores), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_quantiles_never_cross(dtype, seed, scale):
    X = np.random.default_rng(seed).normal(size=(20, 3)).astype(dtype)
    model = MLPRegressor("quantile", quantile=LEVELS, hidden_layer_sizes=(3,), random_state=seed)
    model.initialize(X, X[:, 0])
    predictions = model.predict((scale * X).astype(dtype))
    assert predictions.shape == (20, len(LEVELS))
    assert predictions.dtype == dtype
    assert (np.diff(predictions, axis=1) >= 0).all()


@pytest.mark.parametrize("parameters", [{"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.2}])
def test_gauss_newton_matrix_is_that_of_the_squared_error_over_the_spread(parameters):
    X, y = regression_data()
    model = MLPRegressor(hidden_layer_sizes=(4,), random_state=0, **parameters).initialize(X, 150 * y)
    squared = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).initialize(X, 150 * y)
    matrices = [hessian_operator(each, X, y, kind="gauss_newton") @ np.eye(21) for each in (model, squared)]
    factor = parameters.get("quantile", 1.0) / model.target_spread_
    np.testing.assert_allclose(matrices[0], factor * matrices[1], rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    "parameters", [{"loss": "absolute_error"}, {"loss": "quantile"}, {"loss": "quantile", "quantile": [0.2, 0.5, 0.8]}]
)
@pytest.mark.parametrize("scale", [1.0, 150.0])
def test_losses_with_kinks_train_on_targets_of_any_scale(parameters, solver, scale):
    X, y = regression_data(200)
    model = MLPRegressor(
        hidden_layer_sizes=(10,),
        solver=solver,
        init="hessian",
        learning_rate_init="auto",
        max_iter=60,
        early_stopping=True,
        random_state=0,
        **parameters,
    )
    assert model.fit(X, scale * y).best_validation_score_ > 0.2


@pytest.mark.parametrize(
    ("parameters", "score"),
    [
        ({"loss": "absolute_error"}, d2_absolute_error_score),
        ({"loss": "quantile", "quantile": 0.3}, partial(d2_pinball_score, alpha=0.3)),
        ({"loss": "huber"}, r2_score),
        ({"loss": "gamma"}, r2_score),
    ],
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_early_stopping_maximizes_the_score_of_the_loss(parameters, score, n_outputs):
    X, y = regression_data()
    y = np.exp(np.stack([y, -y / 2][:n_outputs], axis=1) / 4)
    model = MLPRegressor(hidden_layer_sizes=(3,), early_stopping=True, max_iter=5, random_state=0, **parameters)
    model.fit(X, y if n_outputs > 1 else y.ravel(), X_val=X[:20], y_val=y[:20] if n_outputs > 1 else y[:20, 0])
    expected = score(y[:20], model.predict(X[:20]).reshape(20, -1))
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "absolute_error"},
        {"loss": "huber", "huber_delta": "auto"},
        {"loss": "quantile", "quantile": 0.2},
        {"loss": "quantile", "quantile": [0.2, 0.8]},
        {"loss": "gamma"},
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_work_with_the_other_features(parameters, dtype):
    X, y = regression_data()
    X, y = X.astype(dtype), np.exp(y / 4)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0, **parameters).fit(X, y, weights)
    sparse = clone(model).fit(csr_array(X), y, weights)
    np.testing.assert_allclose(sparse.predict(X), model.predict(X), rtol=1000 * np.finfo(dtype).eps)
    assert model.predict(X).dtype == dtype
    unpickled = pickle.loads(pickle.dumps(model))
    assert unpickled._loss_function() == model._loss_function()
    for each in (model, unpickled):
        each.partial_fit(X, y, weights)
    np.testing.assert_array_equal(unpickled.predict(X), model.predict(X))
    model.set_params(warm_start=True).fit(X, y, weights)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.best_score_)
    norms = layer_hessian_norms(model, X, y, sample_weight=weights, kind="gauss_newton")
    assert (norms <= hessian_bound(model, X, y, sample_weight=weights) * (1 + 1e-3)).all()
    lbfgs = clone(model).set_params(solver="lbfgs", max_iter=20).fit(X, y)
    assert lbfgs.loss_ < model.loss_curve_[0]


@pytest.mark.parametrize("quantile", [2, 0, 1.0, np.nan, True, "median", None])
def test_a_quantile_outside_of_0_and_1_is_refused(quantile):
    X, y = regression_data()
    model = MLPRegressor("quantile", quantile=quantile)
    with pytest.raises(ValueError, match="'quantile' parameter"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    "quantile", [[], [0.5, 0.5], [0.9, 0.1], [0.5, 1.0], [0.1, np.nan], [[0.1, 0.2]], [0.1, "a"], [0.1, True]]
)
def test_quantiles_that_do_not_increase_are_refused(quantile):
    X, y = regression_data()
    model = MLPRegressor("quantile", quantile=quantile)
    with pytest.raises(ValueError, match="quantile must be a number between 0 and 1, or a list of such numbers"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_bad_targets_are_refused():
    X, y = regression_data()
    with pytest.raises(ValueError, match=r"'gamma': y must be > 0, got 0\.0"):
        MLPRegressor("gamma").fit(X, np.abs(y) - np.abs(y).min())
    with pytest.raises(ValueError, match="needs a y of one column, got 2 columns"):
        MLPRegressor("quantile", quantile=[0.1, 0.2]).fit(X, np.stack([y, y], axis=1))


def test_training_cannot_continue_with_another_number_of_quantiles():
    X, y = regression_data()
    model = MLPRegressor("quantile", quantile=[0.1, 0.2], hidden_layer_sizes=(), random_state=0).initialize(X, y)
    before = model.predict(X)
    for quantile in ([0.1, 0.2, 0.3], 0.5):
        with pytest.raises(ValueError, match="quantile"):
            model.set_params(quantile=quantile).partial_fit(X, y)
        np.testing.assert_array_equal(model.set_params(quantile=[0.1, 0.2]).predict(X), before)


def test_quantiles_that_the_network_was_not_fitted_to_are_refused_by_name():
    X, y = regression_data()
    model = MLPRegressor(hidden_layer_sizes=(), random_state=0).initialize(X, y)
    model.set_params(loss="quantile", quantile=[0.1, 0.9])
    with pytest.raises(ValueError, match=r"quantile=\[0.1, 0.9\] needs 2 output\(s\), but the network has 1"):
        model.predict(X)
    assert model.fit(X, y).predict(X).shape == (len(X), 2)
