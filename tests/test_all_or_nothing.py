"""Whatever is raised, a public method finishes, keeps whole epochs, or leaves the estimator as it was."""

import os
import pickle
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit
from skinit import MLPClassifier, MLPRegressor
from skinit.engine import passes
from skinit.initializers import Initializer
from skinit.kernels.compilation import Kernel

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Training interrupted by user"),
]

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
# Data of an earlier fit, with other features and classes.
X_before, y_before = X[:100, :3], np.array(["a", "b"])[y[:100]]
SOURCES = str(Path(skinit.__file__).parent)
ERRORS = [KeyboardInterrupt, MemoryError, SystemExit, RuntimeError]


class RaiseAtLine:
    """Raise an error before the n-th line that runs in skinit, or count the lines if `n` is None."""

    def __init__(self, n, error):
        self.n, self.error, self.count = n, error, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.n:
                raise self.error("injected")
        return self

    def __enter__(self):
        self.tracer_before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *exception):
        sys.settrace(self.tracer_before)


def state(model):
    """Return the attributes of a model in a form that can be compared."""

    def comparable(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, (list, tuple)):
            return tuple(map(comparable, value))
        if type(value).__module__.startswith("skinit"):
            return type(value).__name__, comparable(sorted(vars(value).items(), key=lambda item: item[0]))
        if isinstance(value, np.random.RandomState):
            return None
        return repr(value)

    return {name: comparable(value) for name, value in vars(model).items() if name not in ("_network", "_random_state")}


def fitted(**parameters):
    return MLPClassifier((4,), max_iter=2, random_state=0, **parameters).fit(X_before, y_before)


def clone_fitted(model):
    return pickle.loads(pickle.dumps(model))


def whole_epochs(model, method, n_epochs, *data):
    """Return the states of an estimator after 1 to `n_epochs` epochs."""
    states = []
    for n in range(1, n_epochs + 1):
        twin = fitted(**model).set_params(max_iter=n)
        getattr(twin, method)(*data)
        states.append(state(twin.set_params(max_iter=n_epochs)))
    return states


CASES = {
    "adam": ({}, "fit", (X, y)),
    "sgd, float32": ({"solver": "sgd"}, "fit", (X.astype(np.float32), y)),
    "lbfgs": ({"solver": "lbfgs"}, "fit", (X, y)),
    "early stopping": ({"early_stopping": True}, "fit", (X, y)),
    # Epochs with different `max_iter` are compared, but the rates of "constant" depend on `max_iter`. Those of
    # "adaptive" do not.
    "hessian, auto": ({"init": "hessian", "learning_rate_init": "auto", "learning_rate": "adaptive"}, "fit", (X, y)),
    "sparse, weights": ({"init": "lsuv"}, "fit", (csr_array(X), y, np.linspace(0, 1, len(y)))),
    "initialize": ({"init": "orthogonal"}, "initialize", (X, y)),
    "partial_fit": ({}, "partial_fit", (X_before, y_before)),
    "warm start": ({"warm_start": True}, "fit", (X_before, y_before)),
}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("case", CASES)
def test_an_error_at_any_line_leaves_the_estimator_consistent(case, error):
    parameters, method, data = CASES[case]
    with RaiseAtLine(None, None) as trace:
        getattr(fitted(**parameters).set_params(max_iter=3), method)(*data)
    allowed = whole_epochs(parameters, method, 3, *data)
    # The odd stride and the start, which depends on the error, hit different lines of loops.
    for n in range(1 + ERRORS.index(error) * 7, trace.count, max(1, trace.count // 29) | 1):
        model = fitted(**parameters).set_params(max_iter=3)
        before = state(model)
        try:
            with RaiseAtLine(n, error):
                getattr(model, method)(*data)
        except error:
            pass
        after = state(model)
        assert after == before or after in allowed, f"line {n} of {trace.count}"
        assert model.predict(X_before if after == before else data[0]).dtype == model.classes_.dtype


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_an_error_while_predicting_changes_nothing(method, error):
    known = fitted()
    replaced = [coef.astype(np.float16) for coef in known.coefs_]
    with RaiseAtLine(None, None) as trace:
        getattr(clone_fitted(known), method)(X_before)
    for n in range(1, trace.count + 20):
        model = clone_fitted(known)
        model.coefs_ = list(replaced)
        try:
            with RaiseAtLine(n, error):
                getattr(model, method)(X_before)
        except error:
            pass
        for coef, expected in zip(model.coefs_, replaced, strict=True):
            np.testing.assert_array_equal(coef, expected)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("n_calls", [1, 2, 5, 9])
@pytest.mark.parametrize("parameters", [{}, {"init": "hessian", "learning_rate_init": "auto"}, {"solver": "lbfgs"}])
def test_an_error_after_a_compiled_call_leaves_the_estimator_consistent(monkeypatch, parameters, n_calls, error):
    model = fitted(**parameters).set_params(max_iter=3)
    allowed = [state(model), *whole_epochs(parameters, "fit", 3, X, y)]
    calls, call = [], Kernel.__call__

    def failing(self, *arguments):
        calls.append(self)
        if len(calls) == n_calls:
            # The kernel has done its work when the error is raised.
            call(self, *arguments)
            raise error("injected")
        return call(self, *arguments)

    monkeypatch.setattr(Kernel, "__call__", failing)
    try:
        model.fit(X, y)
    except error:
        assert state(model) == allowed[0]
    assert state(model) in allowed


class Failing(Initializer):
    """Draws weights, but raises an error in the second layer."""

    def __init__(self, error=RuntimeError):
        self.error = error

    def sample(self, shape, rng):
        if shape[1] == 3:
            raise self.error("injected")
        return rng.normal(size=shape)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("method", ["fit", "initialize"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_error_in_an_initializer_leaves_the_estimator_as_it_was(method, early_stopping, error):
    model = fitted(early_stopping=early_stopping).set_params(init=Failing(error))
    before = state(model)
    with pytest.raises(error, match="injected"):
        getattr(model, method)(X, y)
    assert state(model) == before


@pytest.fixture
def interrupt_in_pass(monkeypatch):
    """Send SIGINT during the given pass over the data, after the pass has changed the weights."""

    def arrange(n_passes):
        run, calls = passes.DataPasses._pass, []

        def interrupted_run(self, *arguments):
            calls.append(1)
            result = run(self, *arguments)
            if len(calls) == n_passes:
                os.kill(os.getpid(), signal.SIGINT)
            return result

        monkeypatch.setattr(passes.DataPasses, "_pass", interrupted_run)

    return arrange


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_keeps_whole_epochs(interrupt_in_pass, solver, early_stopping):
    parameters = {"solver": solver, "early_stopping": early_stopping, "random_state": 0}
    expected = MLPClassifier((4,), max_iter=3, **parameters).fit(X, y)
    interrupt_in_pass(4)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier((4,), max_iter=50, **parameters).fit(X, y)
    assert state(model.set_params(max_iter=3)) == state(expected)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_ctrl_c_before_the_end_of_the_first_epoch_is_raised(interrupt_in_pass, solver):
    model = fitted()
    before = state(model.set_params(solver=solver))
    interrupt_in_pass(1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert state(model) == before


def test_ctrl_c_in_partial_fit_is_raised(interrupt_in_pass):
    model = fitted()
    before = state(model)
    interrupt_in_pass(1)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X_before, y_before)
    assert state(model) == before


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "fit_many",
    [
        lambda model: GridSearchCV(model, {"alpha": [1e-4, 1e-3]}, cv=2).fit(X, y),
        lambda model: GridSearchCV(make_pipeline(StandardScaler(), model), {}, cv=3).fit(X, y),
        lambda model: cross_val_score(model, X, y, cv=3),
        lambda model: BaggingClassifier(model, 3, random_state=0).fit(X, y),
    ],
    ids=["search", "search over pipelines", "cross-validation", "ensemble"],
)
def test_ctrl_c_ends_many_fits(interrupt_in_pass, fit_many, solver):
    interrupt_in_pass(6)
    with pytest.raises(KeyboardInterrupt):
        fit_many(MLPClassifier((4,), solver=solver, max_iter=20, random_state=0))


def test_ctrl_c_ends_one_fit_in_a_pipeline_with_a_warning(interrupt_in_pass):
    interrupt_in_pass(6)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=20)).fit(X, y)


def test_if_the_warning_of_ctrl_c_is_an_error_the_estimator_stays_as_it_was(interrupt_in_pass):
    model = fitted()
    before = state(model)
    interrupt_in_pass(2)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Training interrupted by user")
        with pytest.raises(UserWarning, match="interrupted"):
            model.fit(X, y)
    assert state(model) == before


def test_a_long_mini_batch_takes_several_calls_and_gives_the_same_step(monkeypatch):
    for solver in ("adam", "sgd", "lbfgs"):
        for weights in (None, np.linspace(0, 2, len(y))):
            parameters = {"solver": solver, "batch_size": 60, "max_iter": 3, "random_state": 0}
            expected = MLPClassifier((4,), **parameters).fit(X, y, weights)
            # Seven rows for each call.
            monkeypatch.setattr(passes, "CALL_MULTIPLY_ADDS", 7 * expected._network.n_weights)
            model = MLPClassifier((4,), **parameters).fit(X, y, weights)
            monkeypatch.undo()
            np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9)
            assert model.loss_ == pytest.approx(expected.loss_, rel=1e-12)


def test_a_network_too_large_for_memory_raises_a_memory_error_with_its_size():
    model = MLPRegressor(hidden_layer_sizes=(2**30, 2**30))
    with pytest.raises(MemoryError, match=r"layers of 4, 1073741824, 1073741824, 1 units has 1.15e\+18 parameters"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
