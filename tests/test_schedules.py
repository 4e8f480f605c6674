"""Learning-rate schedules: every step has the rate of the formula."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import skinit.training.fit
from skinit import MLPClassifier
from skinit.engine.passes import DataPasses
from skinit.training.schedules import SCHEDULES, factors

X, y = load_iris(return_X_y=True)
N_BATCHES, N_EPOCHS = 4, 10
N_STEPS = N_BATCHES * N_EPOCHS
T = np.arange(N_STEPS) / N_STEPS
FORMULAS = {
    "linear": 1 - T,
    "cosine": (1 + np.cos(np.pi * T)) / 2,
    "one_cycle": np.where(T < 0.3, 0.04 + 0.96 * T / 0.3, (1 + np.cos(np.pi * (T - 0.3) / 0.7)) / 2),
}


def network(**parameters):
    options = {"max_iter": N_EPOCHS, "batch_size": 40, "n_iter_no_change": np.inf, "random_state": 0}
    return MLPClassifier((4,), **(options | parameters))


@pytest.fixture
def rates(monkeypatch):
    """Return the list of the learning rates of all steps, as compiled code gets them."""
    seen = []
    run = DataPasses.run

    def spy(passes, solver):
        loss = run(passes, solver)
        seen.extend(passes._arguments.solver.rates)
        return loss

    monkeypatch.setattr(DataPasses, "run", spy)
    return seen


def fit(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_of_all_steps_are_those_of_the_formula(name, solver, rates):
    fit(network(learning_rate=name, learning_rate_init=0.03, solver=solver), X, y)
    np.testing.assert_allclose(rates, 0.03 * FORMULAS[name], rtol=1e-12)


def test_every_schedule_is_tested():
    assert FORMULAS.keys() == SCHEDULES.keys()


def test_a_schedule_multiplies_the_automatic_rate(rates):
    model = fit(network(learning_rate="linear", learning_rate_init="auto", solver="sgd"), X, y)
    np.testing.assert_allclose(rates[-N_STEPS:], model.learning_rate_init_ * FORMULAS["linear"], rtol=1e-12)


def up_and_down(begin, end, n_epochs=N_EPOCHS):
    """Return factors that rise over three epochs, and fall to zero from epoch `begin` to epoch `end`."""
    step = np.arange(n_epochs * N_BATCHES)
    return np.clip(np.minimum((step + 1) / (3 * N_BATCHES), (end - step / N_BATCHES) / (end - begin)), 0, 1)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_the_automatic_rate_warms_up_and_has_a_tail_over_the_last_half(solver, rates):
    model = fit(network(learning_rate_init="auto", solver=solver), X, y)
    expected = model.learning_rate_init_ * up_and_down(N_EPOCHS / 2, N_EPOCHS)
    np.testing.assert_allclose(rates[-N_STEPS:], expected, rtol=1e-12)


@pytest.mark.parametrize("n_epochs", range(1, 8))
def test_with_few_epochs_every_step_has_a_positive_factor(n_epochs, rates):
    model = fit(network(learning_rate_init="auto", max_iter=n_epochs), X, y)
    expected = model.learning_rate_init_ * up_and_down(n_epochs / 2, n_epochs, n_epochs)
    np.testing.assert_allclose(rates[-n_epochs * N_BATCHES :], expected, rtol=1e-12)
    assert min(rates) > 0


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("patience", "begin"), [(1, 3), (2, 4), (6, 8)])
def test_the_tail_begins_when_progress_stops_and_lasts_as_many_epochs(patience, begin, early_stopping, rates):
    # No epoch improves by this much.
    model = network(learning_rate_init="auto", tol=1e9, n_iter_no_change=patience, max_iter=30)
    fit(model.set_params(early_stopping=early_stopping), X, y)
    # The first loss counts as an improvement. No score exceeds minus infinity by this tolerance.
    assert model.n_iter_ == 2 * begin
    factors = up_and_down(begin, 2 * begin, model.n_iter_)
    np.testing.assert_allclose(rates[-len(factors) :], model.learning_rate_init_ * factors, rtol=1e-12)


def test_a_tail_ends_with_max_iter(rates):
    model = fit(network(learning_rate_init="auto", tol=1e9, n_iter_no_change=1, max_iter=5), X, y)
    # Progress stops after half of the epochs, so the tail begins there.
    expected = model.learning_rate_init_ * up_and_down(2.5, 5, 5)
    np.testing.assert_allclose(rates[-5 * N_BATCHES :], expected, rtol=1e-12)


def test_a_tail_that_ended_before_max_iter_does_not_warn():
    model = network(learning_rate_init="auto", tol=1e9, n_iter_no_change=1, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)


def test_restarts_warm_up_again_with_a_quarter_of_the_rate(rates, monkeypatch):
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args: 1e3)
    model = fit(network(learning_rate_init="auto", solver="sgd"), X, y)
    first_rates = 1e3 / (3 * N_BATCHES) * 0.25 ** np.arange(9)
    n_restarts = round(np.log(model.learning_rate_init_ / 1e3) / np.log(0.25))
    assert n_restarts > 0
    starts = [rate for rate in rates if np.isclose(rate, first_rates, rtol=1e-9).any()]
    assert len(starts) >= n_restarts + 1
    expected = model.learning_rate_init_ * up_and_down(N_EPOCHS / 2, N_EPOCHS)
    np.testing.assert_allclose(rates[-N_STEPS:], expected, rtol=1e-12)


@pytest.mark.parametrize("max_iter", [1, 4, 200])
def test_the_automatic_rate_of_partial_fit_warms_up_and_stays(max_iter, rates):
    model = network(learning_rate_init="auto", max_iter=max_iter)
    for _ in range(6):
        model.partial_fit(X, y, classes=[0, 1, 2])
    expected = [*np.arange(1, 3 * N_BATCHES + 1) / (3 * N_BATCHES), *[1] * (3 * N_BATCHES)]
    np.testing.assert_allclose(rates, model.learning_rate_init_ * np.array(expected), rtol=1e-12)


@pytest.mark.parametrize("learning_rate_init", ["auto", 0.1])
def test_partial_fit_after_fit_continues_at_the_automatic_rate(learning_rate_init, rates):
    model = fit(network(learning_rate_init="auto"), X, y)
    rate = model.learning_rate_init_
    model.set_params(learning_rate_init=learning_rate_init).partial_fit(X, y)
    np.testing.assert_allclose(rates[-N_BATCHES:], rate, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_function_gives_the_same_training_as_a_name(name):
    by_name, by_function = (
        fit(network(learning_rate=schedule), X, y) for schedule in (name, lambda step, n: SCHEDULES[name](step, n))
    )
    assert by_name.loss_curve_ == by_function.loss_curve_


def test_a_schedule_of_ones_is_constant():
    ones, constant = (fit(network(learning_rate=each), X, y) for each in (lambda step, n: 1, "constant"))
    assert ones.loss_curve_ == constant.loss_curve_


def test_partial_fit_follows_the_schedule_and_then_keeps_its_last_rate(rates):
    model = network(learning_rate="cosine", learning_rate_init=1.0)
    for _ in range(N_EPOCHS + 2):
        model.partial_fit(X, y, classes=[0, 1, 2])
    expected = [*FORMULAS["cosine"], *[FORMULAS["cosine"][-1]] * (2 * N_BATCHES)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_a_warm_start_restarts_the_schedule(rates):
    model = network(learning_rate="linear", learning_rate_init=1.0, warm_start=True)
    fit(fit(model, X, y), X, y)
    np.testing.assert_allclose(rates, [*FORMULAS["linear"], *FORMULAS["linear"]], rtol=1e-12)


def test_stopping_before_max_iter_does_not_change_the_schedule(rates):
    model = fit(network(learning_rate="linear", learning_rate_init=1.0, n_iter_no_change=2, tol=10.0), X, y)
    assert model.n_iter_ < N_EPOCHS
    np.testing.assert_allclose(rates, FORMULAS["linear"][: model.n_iter_ * N_BATCHES], rtol=1e-12)


def test_names_and_functions_can_be_searched_over():
    search = GridSearchCV(network(), {"learning_rate": ["constant", "one_cycle", factors_of_half]}, cv=2)
    assert np.isfinite(fit(search, X, y).cv_results_["mean_test_score"]).all()


def factors_of_half(step, n_steps):
    return 0.5 if step < n_steps // 2 else 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, "fast", None, True, 1j, np.array([1.0])])
def test_a_schedule_that_returns_no_factor_is_refused_with_the_step(bad):
    model = network(learning_rate=lambda step, n_steps: 1.0 if step < 6 else bad)
    with pytest.raises(ValueError, match=r"learning_rate must be .* finite factor >= 0, .* for step 6 of 40"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_a_function_of_other_arguments_is_refused_before_training():
    with pytest.raises(TypeError, match=r"learning_rate must take the arguments \(step, n_steps\)"):
        network(learning_rate=lambda step: 1.0).fit(X, y)


def test_a_wrong_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'cosine'.*'learning_rate' parameter"):
        network(learning_rate="cosin").fit(X, y)


def test_factors_may_be_zero():
    np.testing.assert_array_equal(factors(lambda step, n: 0, 3, 5, 10), np.zeros(5))
