"""Activations of users: `make_activation` against the built-in activations, alone and in whole networks."""

import copy
import math
import pickle
import re
import subprocess
import sys

import numpy as np
import own_activations
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from own_activations import MADE
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from test_gradients import N_ROUNDINGS, assert_gradient_of_loss, loss_and_gradient, make_problem
from test_hessian_products import assert_differences_of_the_gradient, multiply
from twins import LOSSES

from skinit import MLPClassifier, MLPRegressor, make_activation
from skinit.engine.network import Network
from skinit.engine.predictions import predict_preactivations
from skinit.initializers import gain, get_initializer
from skinit.inspection import signal_propagation
from skinit.kernels import cache
from skinit.kernels.activations import compile_activate, compile_activate_with_bends, evaluate
from skinit.kernels.own_activations import _make_difference, _make_second_difference

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = (X_iris - X_iris.mean(axis=0)) / X_iris.std(axis=0)
DTYPES = [np.float32, np.float64]
# For slope and bend, the rounding of the formulas or the stated errors of differences.
ERRORS = {
    "softsign": (1e-15, 1e-15),
    "leaky_relu": (1e-15, 1e-15),
    "silu": (1e-15, 1e-12),
    "gelu": (1e-12, 1e-9),
    "elu": (1e-12, 1e-9),
    "tanh": (1e-12, 1e-9),
}
# Differences reach up to three steps from a point.
BESIDE_A_KINK = 3 * 2.0**-9


def with_own_activations(network, activation):
    """Return a network with the same parameters."""
    return Network.from_parameters(network.coefs, network.intercepts, activation, network.loss)


# Values and derivatives.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MADE)
def test_value_slope_and_bend_are_those_of_the_built_in_activation(name, dtype):
    u = np.concatenate([np.linspace(-30, 30, 6001), np.random.default_rng(0).uniform(-1, 1, 1000), [0.0]])
    u = u[(np.abs(u) > BESIDE_A_KINK) | (u == 0)].astype(dtype)
    # The built-in activations round in their own precision, so they are evaluated in float64.
    expected = evaluate(name, u.astype(np.float64))
    for own, built_in, error in zip(evaluate(MADE[name], u), expected, (1e-15, *ERRORS[name]), strict=True):
        assert own.dtype == dtype
        is_zero = u == 0
        scale = 1 + np.abs(expected[0])
        tolerance = (4 * error + 4 * np.finfo(dtype).eps) * scale
        assert np.all(np.abs(own - built_in)[~is_zero] <= tolerance[~is_zero])
        # At a kink the derivatives are those from the left, to the error of one-sided differences.
        assert np.all(np.abs(own - built_in)[is_zero] <= 1e-4)


@settings(max_examples=200)
@given(kink=st.floats(-2, 2), left=st.floats(-2, 2), right=st.floats(-2, 2), offset=st.floats(-0.01, 0.01))
def test_derived_slopes_near_a_kink_are_those_of_one_side(kink, left, right, offset):
    def f(u):
        return (right if u > kink else left) * (u - kink)

    u = kink + offset
    slope, bend = _make_difference(f)(u), _make_second_difference(f)(u)
    # Differences do not notice a kink below their tolerance, or within a thousandth of a step of the point.
    tolerance = 4e-6 + 1e-3 * abs(left - right)
    assert min(abs(slope - left), abs(slope - right)) <= tolerance
    if abs(offset) > 1e-5:
        assert abs(slope - (right if offset > 0 else left)) <= tolerance
    assert abs(bend) < 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softsign", "leaky_relu"])
def test_functions_with_the_arithmetic_of_a_built_in_activation_give_its_network(name, dtype):
    common = {"hidden_layer_sizes": (7, 5), "max_iter": 5, "random_state": 0, "init": "xavier"}
    X = X_iris.astype(dtype)
    with pytest.warns(match="Maximum iterations"):
        models = [MLPClassifier(activation=each, **common).fit(X, y_iris) for each in (name, MADE[name])]
    for a, b in zip(*(model.coefs_ for model in models), strict=True):
        assert a.dtype == b.dtype == dtype
        if dtype == np.float64:
            np.testing.assert_array_equal(a, b)
        else:
            # Five Adam steps of 0.001, whose directions differ by rounding.
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


@settings(max_examples=30)
@given(
    names=st.lists(st.sampled_from(sorted(MADE)), min_size=1, max_size=3),
    loss=st.sampled_from(LOSSES),
    seed=st.integers(0, 999),
)
def test_gradient_is_that_of_the_loss_with_derived_slopes(names, loss, seed):
    activations = tuple(MADE[name] for name in names)
    assert_gradient_of_loss(*make_problem(activations, loss, (3, *[3] * len(names), 3), 5, seed))


@settings(max_examples=30)
@given(
    names=st.lists(st.sampled_from(sorted(MADE)), min_size=1, max_size=3),
    loss=st.sampled_from(LOSSES),
    seed=st.integers(0, 999),
)
def test_hessian_is_the_derivative_of_the_gradient_with_derived_bends(names, loss, seed):
    activations = tuple(MADE[name] for name in names)
    *problem, step = make_problem(activations, loss, (3, *[3] * len(names), 3), 5, seed)
    slope_error, bend_error = np.max([ERRORS[name] for name in names], axis=0)
    # The stencil's coefficients sum to 1.5 / step in magnitude.
    assert_differences_of_the_gradient(*problem, step, N_ROUNDINGS * (1.5 / step * slope_error + bend_error))


@settings(max_examples=30)
@given(
    names=st.lists(st.sampled_from(["softsign", "leaky_relu", "silu", "tanh", "gelu"]), min_size=1, max_size=3),
    loss=st.sampled_from(LOSSES),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 999),
)
def test_gradient_and_hessian_agree_with_the_built_in_activations(names, loss, dtype, seed):
    network, X, targets, weights, _ = make_problem(tuple(names), loss, (3, *[3] * len(names), 3), 5, seed, dtype)
    own = with_own_activations(network, [MADE[name] for name in names])
    for order, compute in enumerate((lambda *given: loss_and_gradient(*given)[1], multiply)):
        expected = compute(network, X, targets, weights)
        # Each term contains a slope or bend of a unit at most three times, and sums of five rows have some hundred
        # terms.
        stated = max(ERRORS[name][order] for name in names)
        atol = N_ROUNDINGS * (np.finfo(dtype).eps + stated) * max(np.abs(expected).max(), 1)
        np.testing.assert_allclose(compute(own, X, targets, weights), expected, rtol=0, atol=atol)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_estimators_train_and_keep_the_dtype(solver, dtype):
    activation = [MADE["gelu"], "tanh", MADE["silu"]]
    model = MLPClassifier((8, 7, 6), activation, solver=solver, max_iter=300, learning_rate_init=0.01, random_state=0)
    X = X_iris.astype(dtype)
    assert model.fit(X, y_iris).score(X, y_iris) > 0.9
    assert model.coefs_[0].dtype == model.predict_proba(X).dtype == dtype


# Gains, initializers and findings.


@pytest.mark.parametrize("name", MADE)
def test_gain_and_automatic_weights_keep_the_mean_square(name):
    np.testing.assert_allclose(gain(MADE[name]), gain(name), rtol=1e-9)
    np.testing.assert_allclose(gain(MADE[name], "backward"), gain(name, "backward"), rtol=1e-3)
    initializer = get_initializer("auto", MADE[name])
    np.testing.assert_allclose(initializer.scale, gain(name) ** 2, rtol=1e-9)
    assert initializer.mode == "fan_in"
    assert len(get_initializer("auto", [MADE[name], "relu"]).initializers) == 3


def test_an_activation_without_a_gain_gets_xaviers_weights():
    assert get_initializer("auto", make_activation(own_activations.zero)).mode == "fan_avg"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_data_dependent_initializers_and_the_automatic_step_take_own_activations():
    for init in ("hessian", "hessian_jacobian", "hessian_closed_form", "lsuv", "orthogonal", "sklearn"):
        models = [
            MLPClassifier((6, 5), activation, init=init, learning_rate_init="auto", max_iter=3, random_state=0)
            for activation in ("softsign", MADE["softsign"])
        ]
        curves = [model.fit(X_iris, y_iris).loss_curve_ for model in models]
        np.testing.assert_allclose(curves[0], curves[1], rtol=1e-6)


def test_inspection_names_own_activations():
    model = MLPClassifier((6, 5), [MADE["gelu"], "tanh"], random_state=0).initialize(X_iris, y_iris)
    signals = signal_propagation(model, X_iris, y_iris)
    assert signals.activations == (MADE["gelu"], "tanh")
    assert "3 layers, gelu and tanh, 150 rows" in repr(signals)
    built_in = signal_propagation(model.set_params(activation=["gelu", "tanh"]), X_iris, y_iris)
    np.testing.assert_allclose(signals.hessian_norm, built_in.hessian_norm, rtol=1e-6)


# Comparison, copies and pickles.


def test_the_repr_is_the_call_that_made_it():
    assert repr(MADE["softsign"]) == "make_activation(softsign, slope=softsign_slope, bend=softsign_bend)"
    assert repr(make_activation(math.tanh, name="mine")) == "make_activation(tanh, name='mine')"
    assert str(make_activation(math.tanh, name="mine")) == "mine"


def test_activations_are_equal_if_their_functions_and_names_are():
    def make(scale, name="scaled"):
        return make_activation(lambda u: scale * u, name=name)

    assert make(0.5) == make(0.5)
    assert hash(make(0.5)) == hash(make(0.5))
    assert make(0.5) != make(0.25)
    assert make(0.5) != make(0.5, "other")
    assert make(0.5) != "scaled"
    np.testing.assert_array_equal(evaluate(make(0.5), np.ones(2))[0], 0.5)
    np.testing.assert_array_equal(evaluate(make(0.25), np.ones(2))[0], 0.25)


def test_changing_a_global_number_makes_another_activation(monkeypatch):
    u = np.full(2, -1.0)
    made = make_activation(own_activations.leaky_relu)
    np.testing.assert_array_equal(evaluate(made, u)[0], -0.01)
    monkeypatch.setattr(own_activations, "SCALE", 0.5)
    np.testing.assert_array_equal(evaluate(made, u)[0], -0.01)
    other = make_activation(own_activations.leaky_relu)
    assert other != made
    np.testing.assert_array_equal(evaluate(other, u)[0], -0.5)


def test_arrays_of_a_function_are_compared_by_identity():
    table = np.array([0.5, 2.0])

    def make(values):
        return make_activation(lambda u: values[0] * u, name="scaled")

    assert make(table) == make(table)
    assert make(table) != make(table.copy())


def test_machine_code_is_not_kept_on_disk(monkeypatch):
    kept = []
    monkeypatch.setattr(cache, "keep", lambda name, code: kept.append(name))
    monkeypatch.setattr(cache, "load", lambda name: None)
    compile_activate.__wrapped__("elu", np.dtype(np.float64))
    assert len(kept) == 1
    # Differences and loops around a user's function are functions of the kernels.
    for activation in MADE.values():
        compile_activate.__wrapped__(activation, np.dtype(np.float64))
        compile_activate_with_bends.__wrapped__(activation, np.dtype(np.float32))
    assert len(kept) == 1


def test_an_activation_cannot_be_changed():
    with pytest.raises(AttributeError):
        MADE["gelu"].value = math.tanh


def test_clones_and_copies_have_the_same_activation():
    model = MLPRegressor(hidden_layer_sizes=(3, 3), activation=[MADE["gelu"], make_activation(lambda u: u)])
    for each in (clone(model), copy.deepcopy(model)):
        assert each.activation == model.activation


def test_pickles_hold_the_names_of_functions():
    X = X_iris[:20]
    model = MLPRegressor(hidden_layer_sizes=(3,), activation=MADE["gelu"], random_state=0).initialize(X, y_iris[:20])
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.activation == MADE["gelu"]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    for what in MADE.values():
        assert pickle.loads(pickle.dumps(what)) == what


def test_a_pickle_is_read_by_another_process():
    code = (
        "import pickle, sys, numpy as np\n"
        "from skinit.kernels.activations import evaluate\n"
        "activation = pickle.loads(sys.stdin.buffer.read())\n"
        "print(repr(activation), evaluate(activation, np.ones(1))[0][0])"
    )
    folder = own_activations.__file__.rpartition("/")[0]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r})\n{code}"],
        input=pickle.dumps(MADE["softsign"]),
        capture_output=True,
        check=True,
    )
    assert result.stdout.decode().split(") ") == [repr(MADE["softsign"])[:-1], "0.5\n"]


def test_functions_of_a_script_reach_workers_and_return(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from sklearn.datasets import load_iris\n"
        "from sklearn.model_selection import cross_validate\n"
        "from skinit import MLPClassifier, make_activation\n"
        "def cubic(u):\n"
        "    return u + u ** 3\n"
        "if __name__ == '__main__':\n"
        "    activation = make_activation(cubic)\n"
        "    model = MLPClassifier((3,), activation, solver='lbfgs', max_iter=500)\n"
        "    found = cross_validate(model, *load_iris(return_X_y=True), cv=2, n_jobs=2, return_estimator=True)\n"
        "    assert all(each.activation == activation for each in found['estimator'])\n"
    )
    subprocess.run([sys.executable, script], check=True)


def test_functions_that_cannot_be_pickled_are_refused_with_the_reason():
    def local(u):
        return u

    for function, name in ((local, "local"), (lambda u: u, "<lambda>")):
        model = MLPRegressor(hidden_layer_sizes=(3,), activation=make_activation(function))
        message = f"'{name}' cannot be pickled, because .*{name} cannot be imported from .*at the top level of a module"
        with pytest.raises(pickle.PicklingError, match=message):
            pickle.dumps(model)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_accepts_own_activations_in_workers(n_jobs):
    grid = {"activation": [MADE["softsign"], "softsign", [MADE["gelu"], "relu"]]}
    model = MLPClassifier((6, 5), max_iter=5, init="xavier", random_state=0)
    scores = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X_iris, y_iris).cv_results_["mean_test_score"]
    assert scores[0] == scores[1]
    assert np.isfinite(scores).all()


# Errors.


def steps(u):
    return u if u > 3 else "no"


ERRORS_OF_FUNCTIONS = [
    ({"value": 3}, "value must be a function of one number, got 3"),
    ({"value": lambda u, v: u}, r"value must take the arguments \(u\), got a function of \(u, v\)"),
    ({"value": math.tanh, "slope": "tanh"}, "slope must be a function of one number, got 'tanh'"),
    ({"value": math.tanh, "name": 3}, "name must be a string or None, got 3"),
    ({"value": lambda u: undefined(u)}, "value must be .* numba compiles .*, got .*<lambda>: .*'undefined'"),  # noqa: F821
    ({"value": steps}, "value must be .* numba compiles .*, got steps: .*[Uu]nify"),
    ({"value": lambda u: np.array([u, u]).sum()}, "value must be .*, got .*array"),
    ({"value": math.tanh, "bend": lambda u: 1j * u}, "bend must be .*, but .*<lambda> returns complex128"),
    ({"value": lambda u: None}, "value must be .*, but .*<lambda> returns none"),
]


@pytest.mark.parametrize(("functions", "message"), ERRORS_OF_FUNCTIONS, ids=range(len(ERRORS_OF_FUNCTIONS)))
def test_functions_that_do_not_map_a_number_to_a_number_are_refused(functions, message):
    with pytest.raises(TypeError, match=message) as caught:
        make_activation(**functions)
    # numba's own messages fill a page.
    assert len(str(caught.value)) < 500


def test_a_function_with_an_index_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"must not raise errors; from -30 to 30 they raised IndexError\(.*\)"):
        make_activation(lambda u: (1.0, 2.0)[int(u)])


def test_a_parameter_with_a_default_uses_it():
    made = [make_activation(lambda u, scale=scale: scale * u) for scale in (0.5, 0.25)]
    np.testing.assert_array_equal([evaluate(each, np.ones(1))[0][0] for each in made], [0.5, 0.25])


def test_a_function_that_raises_is_refused():
    def picky(u):
        if u > 1e6:
            raise ValueError("too large")
        return u

    with pytest.raises(TypeError, match="must not raise errors, which compiled loops cannot pass on"):
        make_activation(picky)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"value": lambda u: math.log(u)}, "value of an activation must be finite: at u = -30 it gave nan"),
        ({"value": lambda u: math.sin(u) / u}, "value of an activation must be finite: at u = 0 it gave nan"),
        (
            {"value": lambda u: math.sqrt(abs(u)), "slope": lambda u: math.copysign(0.5, u) / math.sqrt(abs(u))},
            "slope of an activation must be finite: at u = 0 it gave inf",
        ),
    ],
)
def test_values_that_are_not_finite_are_refused_with_the_point(functions, message):
    with pytest.raises(ValueError, match=message):
        make_activation(**functions)


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.999, 1.001, 2.0])
@pytest.mark.parametrize("name", ["softsign", "silu"])
def test_a_wrong_derivative_is_refused_with_the_point_and_both_numbers(name, factor):
    value, slope = own_activations.softsign, njit(own_activations.softsign_slope)
    if name == "silu":
        value, slope = own_activations.silu, njit(own_activations.silu_slope)
    pattern = r"slope must be the derivative of value: at u = (\S+) it gave (\S+), and finite differences give (\S+)\."
    with pytest.raises(ValueError, match=pattern) as caught:
        make_activation(value, lambda u: factor * slope(u))
    u, given, expected = map(float, re.match(pattern, str(caught.value)).groups())
    np.testing.assert_allclose(evaluate(name, np.array([u]))[1], expected, rtol=1e-4)
    np.testing.assert_allclose(given, factor * expected, rtol=1e-4, atol=1e-12)
    assert abs(u) <= 30


def test_a_wrong_bend_is_refused():
    with pytest.raises(ValueError, match="bend must be the derivative of slope: at u = .* it gave 1, and .* give .*"):
        make_activation(own_activations.silu, own_activations.silu_slope, lambda u: 1.0)


@pytest.mark.parametrize("steepness", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("kink", [0.0, 0.1, 1 / 3])
def test_right_derivatives_of_steep_and_kinked_functions_are_accepted(steepness, kink):
    make_activation(
        lambda u: math.tanh(steepness * (u - kink)),
        lambda u: steepness * (1 - math.tanh(steepness * (u - kink)) ** 2),
    )
    make_activation(
        lambda u: steepness * (u - kink) if u > kink else 0.0, lambda u: steepness if u > kink else 0.0, lambda u: 0
    )


def test_a_plain_function_is_refused_with_the_remedy():
    model = MLPRegressor(hidden_layer_sizes=(3,), activation=[math.tanh])
    with pytest.raises(ValueError, match=r"make_activation.* activation\[0\] must be .*, got <built-in .*tanh>"):
        model.fit(X_iris, y_iris)
    with pytest.raises(ValueError, match="'activation' parameter .* instance of 'skinit.activations.Activation'"):
        model.set_params(activation=math.tanh).fit(X_iris, y_iris)
    assert not hasattr(model, "coefs_")


def test_an_activation_set_after_a_fit_is_used():
    model = MLPRegressor(hidden_layer_sizes=(4,), activation="relu", random_state=0).initialize(X_iris, y_iris)
    model.set_params(activation=MADE["softsign"])
    network = Network.from_parameters(model.coefs_, model.intercepts_, "softsign", "squared_error")
    np.testing.assert_allclose(model.predict(X_iris), predict_preactivations(network, X_iris)[:, 0], rtol=1e-12)
