"""Averages of the parameters over training steps, against the mean of all steps kept one by one."""

import pickle
import warnings
from unittest.mock import Mock

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score

import skinit.engine.team
import skinit.training.fit
from skinit import MLPClassifier
from skinit.engine.passes import DataPasses

X, y = load_iris(return_X_y=True)
# An epoch has 4 steps, the last one of 30 rows.
BATCH_SIZE = 40
N_EPOCHS = 3


def network(**parameters):
    options = {"max_iter": N_EPOCHS, "batch_size": BATCH_SIZE, "random_state": 0}
    return MLPClassifier((4,), "tanh", **(options | parameters))


def fit(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data)


def parameters_of(model):
    return np.concatenate([np.ravel(array) for array in (*model.coefs_, *model.intercepts_)])


def iterates(dtype, **parameters):
    """Return the parameters after each step, from passes over one mini-batch at a time."""
    steps = []
    run = DataPasses.run
    model = network(**parameters)
    data = model._check_data(X.astype(dtype), y, None, incremental=False)

    def spy(passes, solver):
        order = passes.rows.copy()
        losses = []
        for start in range(0, order.size, BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            step = DataPasses(passes.network, data.take(rows), BATCH_SIZE, passes.alpha)
            losses.append(run(step, solver) * rows.size)
            steps.append(passes.network.theta.copy())
        return sum(losses) / order.size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DataPasses, "run", spy)
        fit(model, X.astype(dtype), y)
    return np.array(steps, dtype=np.float64)


def mean_of(steps, average):
    n = len(steps)
    if isinstance(average, float):
        weights = average ** np.arange(n - 1, -1, -1)
    else:
        seen = np.array([epoch * len(y) + part for epoch in range(N_EPOCHS) for part in (40, 80, 120, 150)])
        weights = (seen >= int(average)).astype(float)
        if not weights.any():
            weights[-1] = 1.0
    return weights @ steps / weights.sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("average", [True, 1, 90, 160, 450, 10**6, 0.5, 0.99])
def test_weights_are_the_mean_over_the_steps(average, solver, dtype):
    steps = iterates(dtype, solver=solver, learning_rate_init=0.01)
    model = fit(network(solver=solver, learning_rate_init=0.01, average=average), X.astype(dtype), y)
    assert parameters_of(model).dtype == dtype
    # Each of 12 steps adds some roundings of numbers of size 1.
    np.testing.assert_allclose(parameters_of(model), mean_of(steps, average), rtol=0, atol=40 * np.finfo(dtype).eps)


def test_averaging_does_not_change_the_losses():
    assert fit(network(average=True), X, y).loss_curve_ == fit(network(), X, y).loss_curve_


def test_a_decay_may_be_a_numpy_scalar():
    expected = fit(network(average=0.5), X, y)
    np.testing.assert_array_equal(parameters_of(fit(network(average=np.float32(0.5)), X, y)), parameters_of(expected))


def test_an_average_that_never_begins_gives_the_weights_of_the_last_step():
    np.testing.assert_array_equal(parameters_of(fit(network(average=451), X, y)), parameters_of(fit(network(), X, y)))


@pytest.mark.parametrize("average", [True, 100, 0.9])
def test_partial_fit_continues_from_the_last_step_not_the_average(average):
    model = network(average=average, shuffle=False)
    for _ in range(N_EPOCHS):
        model.partial_fit(X, y, classes=[0, 1, 2])
    expected = fit(network(average=average, shuffle=False), X, y)
    np.testing.assert_array_equal(parameters_of(model), parameters_of(expected))
    assert model.loss_curve_ == expected.loss_curve_


def test_a_pickled_estimator_continues_its_average():
    models = [network(average=True).partial_fit(X, y, classes=[0, 1, 2])]
    models.append(pickle.loads(pickle.dumps(models[0])))
    for model in models:
        model.partial_fit(X, y)
    np.testing.assert_array_equal(*map(parameters_of, models))


def test_replacing_the_weights_restarts_the_average():
    model = network(average=True).partial_fit(X, y, classes=[0, 1, 2])
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    model.intercepts_ = [np.zeros_like(intercept) for intercept in model.intercepts_]
    model.partial_fit(X, y)
    # Four steps from zero at a rate of 0.001.
    assert np.abs(parameters_of(model)).max() < 0.01


def test_an_error_leaves_the_average_as_it_was(monkeypatch):
    models = [network(average=True).partial_fit(X, y, classes=[0, 1, 2]) for _ in range(2)]
    for model in models:
        model.coefs_ = [0 * coef for coef in model.coefs_]
    with monkeypatch.context() as patch:
        patch.setattr(skinit.training.fit, "train", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            models[0].partial_fit(X, y)
    for model in models:
        model.partial_fit(X, y)
    np.testing.assert_array_equal(*map(parameters_of, models))


def test_early_stopping_validates_and_keeps_the_average():
    parameters = {"average": True, "early_stopping": True, "max_iter": 30, "n_iter_no_change": 30}
    model = fit(network(**parameters, learning_rate_init=0.02, scoring="loss"), X, y)
    best = int(np.argmin(model.validation_loss_curve_)) + 1
    assert model.best_iter_ == best
    fewer = fit(network(**(parameters | {"max_iter": best}), learning_rate_init=0.02, scoring="loss"), X, y)
    np.testing.assert_array_equal(parameters_of(model), parameters_of(fewer))


def test_averages_of_sparse_data_do_not_depend_on_the_number_of_threads(monkeypatch):
    # Fits as short as these start no threads otherwise. A mini-batch of all rows has work for two threads.
    monkeypatch.setattr(skinit.engine.team, "SHARED_MULTIPLY_ADDS", 0)
    results = []
    for n_threads in (1, 2, 3):
        monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda n_threads=n_threads: n_threads)
        results.append(parameters_of(fit(network(average=0.9, batch_size=150, max_iter=10), csr_array(X), y)))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_averaged_weights_predict_well():
    model = fit(network(average=0.9, max_iter=60, learning_rate_init=0.01), X, y)
    assert accuracy_score(y, model.predict(X)) > 0.9


@pytest.mark.parametrize("average", [0, -1, 1.0, 0.0, 1.5, np.nan, "yes", None])
def test_an_invalid_average_is_refused(average):
    with pytest.raises(ValueError, match="'average' parameter of MLPClassifier must be"):
        network(average=average).fit(X, y)
