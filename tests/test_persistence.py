"""Files: the types that skops must trust, training that continues, broken files, and files of earlier versions."""

import copy
import inspect
import pickle
import pkgutil
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit.persistence
from skinit import TRUSTED_TYPES, MLPClassifier, MLPRegressor, __version__, initializers, make_activation
from skinit.initializers import Constant, RandomNormal, VarianceScaling
from skinit.training.state import restore_solver, solver_state

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("error::sklearn.exceptions.InconsistentVersionWarning"),
]

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
COLUMNS = np.column_stack([y, 2 - y])
LABELS = np.column_stack([y == 0, y > 0]).astype(int)
# For each case, parameters that add something to the state of an estimator, and the targets to fit.
STATES = {
    "adam": ({}, y),
    "sgd": ({"solver": "sgd"}, y),
    "adaptive": ({"solver": "sgd", "learning_rate": "adaptive"}, y),
    "adamw": ({"solver": "adamw"}, y),
    "lbfgs": ({"solver": "lbfgs"}, y),
    "average": ({"average": True}, y),
    "decaying average": ({"average": 0.9}, y),
    "dropout": ({"dropout": 0.5}, y),
    "automatic": ({"learning_rate_init": "auto"}, y),
    "cosine": ({"learning_rate": "cosine"}, y),
    "early stopping": ({"early_stopping": True}, y),
    "generator": ({"random_state": np.random.RandomState(1)}, y),
    "class weights": ({"class_weight": {0: 2.0}, "label_smoothing": 0.1}, y),
    "names": ({}, np.array(["a", "b", "c"])[y]),
    "objects": ({}, np.array(["a", "b", "c"], dtype=object)[y]),
    "columns": ({}, COLUMNS),
    "labels": ({}, LABELS),
    "activations": ({"hidden_layer_sizes": (3, 3), "activation": ["relu", "tanh"], "init": "auto"}, y),
    "function": ({"init": initializers.get_initializer(np.add)}, None),
}
LOSSES = {
    "squared_error": {},
    "absolute_error": {},
    "huber": {"huber_delta": "auto"},
    "quantile": {"quantile": [0.1, 0.9]},
    "poisson": {},
    "gamma": {},
}


def make(estimator=MLPClassifier, **parameters):
    return estimator(**({"hidden_layer_sizes": (3,), "max_iter": 3, "batch_size": 40, "random_state": 0} | parameters))


def printed(model):
    """Return the parameters as text, without the address of a random generator."""
    return re.sub(" at 0x[0-9A-F]+", "", repr(model))


def untrusted(model):
    return skops.io.get_untrusted_types(data=skops.io.dumps(model))


def through_skops(model):
    return skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


WAYS = {"skops": through_skops, "pickle": through_pickle, "copy": copy.copy, "deep copy": copy.deepcopy}


def assert_goes_on(model, twin, y):
    """Check that two estimators are equal bit by bit, and stay equal when training continues."""

    def check():
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        for mine, theirs in zip(model.coefs_ + model.intercepts_, twin.coefs_ + twin.intercepts_, strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)

    assert printed(twin) == printed(model)
    assert vars(twin).keys() == {*vars(model)} - {"_network"}
    check()
    if model.solver != "lbfgs" and not model.early_stopping:
        # After `max_iter` epochs the rates stay at the last one.
        for _ in range(2):
            for each in (model, twin):
                each.partial_fit(X, y)
            check()
        assert (model._optimizer.n_steps == twin._optimizer.n_steps).all()
    for each in (model, twin):
        each.set_params(warm_start=True).fit(X, y)
    check()


# A shallow copy shares the random generator of the original, so it is left out.
CASES = [(name, way) for name, (_, y) in STATES.items() for way in WAYS if y is not None]
CASES.remove(("generator", "copy"))


@pytest.mark.parametrize(("state", "way"), CASES)
def test_training_continues_bit_by_bit(state, way):
    parameters, targets = STATES[state]
    model = make(**copy.deepcopy(parameters)).fit(X, targets)
    assert_goes_on(model, WAYS[way](model), targets)


@pytest.mark.parametrize("way", WAYS)
def test_training_by_partial_fit_continues_bit_by_bit(way):
    model = make(learning_rate_init="auto", average=True).partial_fit(X, y, classes=[0, 1, 2])
    assert_goes_on(model, WAYS[way](model), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_of_regressors_continues_bit_by_bit(loss, dtype):
    targets = np.abs(X[:, 0]).astype(dtype) + 1
    model = make(MLPRegressor, loss=loss, **LOSSES[loss]).fit(X.astype(dtype), targets)
    assert model.coefs_[0].dtype == dtype
    assert set(untrusted(model)) <= set(TRUSTED_TYPES)
    assert_goes_on(model, through_skops(model), targets)


OWN_INITIALIZERS = [
    getattr(initializers, name)
    for name in initializers.__all__
    if inspect.isclass(getattr(initializers, name)) and name != "Initializer"
]


@settings(max_examples=25)
@given(
    state=st.sampled_from([name for name in STATES if name != "activations"]),
    init=st.sampled_from([*initializers.get_initializer_names(), *(each() for each in OWN_INITIALIZERS)]),
    method=st.sampled_from([None, "fit", "initialize"]),
    in_pipeline=st.booleans(),
)
def test_every_state_has_only_trusted_types(state, init, method, in_pipeline):
    parameters, targets = STATES[state]
    model = make(**({"init": init} | copy.deepcopy(parameters)))
    if method is not None and targets is not None:
        getattr(model, method)(X, targets)
    if in_pipeline:
        model = make_pipeline(StandardScaler(), model)
    assert set(untrusted(model)) <= set(TRUSTED_TYPES)
    assert printed(through_skops(model)) == printed(model)


def test_a_default_network_needs_two_types():
    # One is the estimator, the other the initializer that drew its weights.
    assert len(untrusted(make().fit(X, y))) == 2


def test_a_search_needs_no_other_types_of_skinit():
    search = GridSearchCV(make(), {"init": [RandomNormal(), Constant()]}, cv=2).fit(X, y)
    assert {name for name in untrusted(search) if name.startswith("skinit.")} <= set(TRUSTED_TYPES)
    assert set(untrusted(search.best_estimator_)) <= set(TRUSTED_TYPES)


@pytest.mark.parametrize("name", TRUSTED_TYPES)
def test_trusted_types_are_classes_that_a_file_can_need(name):
    value = pkgutil.resolve_name(name)
    assert inspect.isclass(value)
    assert f"{value.__module__}.{value.__qualname__}" == name
    # Callbacks that write files, and classes that talk to other processes, are not trusted.
    assert not re.search("checkpoint|history|monitors|Network", name)


def test_all_initializers_are_trusted():
    assert {f"{each.__module__}.{each.__qualname__}" for each in OWN_INITIALIZERS} < set(TRUSTED_TYPES)
    assert sorted(set(TRUSTED_TYPES)) == TRUSTED_TYPES


def square(u):
    return u * u


def linear(step, n_steps):
    return 1 - step / n_steps


def laplace(shape, rng):
    return rng.laplace(scale=0.1, size=shape)


class Laplace(initializers.Initializer):
    def sample(self, shape, rng):
        return laplace(shape, rng)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"activation": make_activation(square)}, "square"),
        ({"learning_rate": linear}, "linear"),
        ({"init": laplace}, "laplace"),
        ({"init": Laplace()}, "Laplace"),
    ],
)
def test_types_of_users_must_be_trusted_by_name(parameters, name):
    model = make(**parameters).fit(X, y)
    names = set(untrusted(model)) - set(TRUSTED_TYPES)
    assert names == {f"{__name__}.{name}"}
    with pytest.raises(TypeError, match=name):
        through_skops(model)
    twin = skops.io.loads(skops.io.dumps(model), trusted=[*TRUSTED_TYPES, *names])
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


@pytest.mark.skipif(find_spec("sklearn.callback") is None, reason="callbacks need scikit-learn 1.9")
def test_callbacks_that_write_or_record_are_not_trusted():
    from skinit.callbacks import BestWeights, Checkpoint, CurvatureMonitor, EarlyStopping, GradientMonitor, History

    trusted = make().set_callbacks(EarlyStopping(patience=2), BestWeights()).fit(X, y)
    assert set(untrusted(trusted)) <= set(TRUSTED_TYPES)
    assert [vars(each) for each in through_skops(trusted)._skl_callbacks] == [
        vars(each) for each in trusted._skl_callbacks
    ]
    for callback in (History(), CurvatureMonitor(), GradientMonitor(), Checkpoint("path.npz")):
        name = f"{type(callback).__module__}.{type(callback).__name__}"
        model = make().set_callbacks(callback)
        assert name in untrusted(model)
        assert set(untrusted(model.set_callbacks())) <= set(TRUSTED_TYPES)


@pytest.mark.skipif(find_spec("sklearn.callback") is None, reason="callbacks need scikit-learn 1.9")
def test_a_recording_callback_works_after_pickling():
    from skinit.callbacks import History

    model = through_pickle(make().set_callbacks(History()).fit(X, y)).fit(X, y)
    assert model._skl_callbacks[0].to_frame()["loss"].tolist() == model.loss_curve_


def test_states_that_hold_the_solver_itself_can_be_read():
    model = make().fit(X, y)
    state = model.__getstate__() | {"_optimizer": model._optimizer}
    twin = object.__new__(MLPClassifier)
    twin.__setstate__(state)
    assert_goes_on(model, twin, y)


def wrong(name, value):
    return lambda state: {**state, name: value}


BROKEN = {
    "no solver": (wrong("solver", "lbfgs"), "KeyError"),
    "another solver": (wrong("solver", "sgd"), "slots"),
    "too short": (lambda state: {**state, "slots": state["slots"][:, :-1]}, r"slots .* shape \(2, 27\), got float64"),
    "one row": (lambda state: {**state, "slots": state["slots"][:1]}, "slots"),
    "integers": (lambda state: {**state, "n_steps": state["n_steps"].astype(np.int32)}, "n_steps .* of int64 .* int32"),
    "no array": (wrong("constants", [0.9, 0.999, 1e-8]), "constants .* got list"),
    "fewer constants": (wrong("constants", np.ones(2)), "constants"),
    "more dropout": (wrong("dropout", np.full(4, 0.5)), "dropout"),
    "other layers": (wrong("layer_sizes", (4, 2, 3)), "slots"),
    "no layers": (wrong("layer_sizes", None), "TypeError"),
    "unknown schedule": (wrong("schedule", "cosinus"), "cosinus"),
    "a schedule of other numbers": (wrong("schedule", {"n_epochs": 3}), "begin"),
    "an average of other layers": (
        lambda state: {**state, "averaging": {**state["averaging"], "vector": np.ones(3)}},
        "vector",
    ),
    "no average": (wrong("averaging", {"vector": np.ones(27)}), "last_theta"),
    "more": (wrong("more", 1), "more"),
    "less": (lambda state: {name: value for name, value in state.items() if name != "seed"}, "seed"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_state_of_the_solver_is_refused_before_any_kernel_runs(fault):
    spoil, message = BROKEN[fault]
    model = make(average=True).fit(X, y)
    state = model.__getstate__()
    state["_optimizer"] = spoil(state["_optimizer"])
    with pytest.raises(ValueError, match=message):
        object.__new__(MLPClassifier).__setstate__(state)


@settings(max_examples=40)
@given(data=st.data())
def test_a_state_of_the_solver_with_a_wrong_entry_is_refused(data):
    state = solver_state(make(average=True, dropout=0.5).fit(X, y)._optimizer)
    name = data.draw(st.sampled_from(sorted(set(state) - {"schedule"})))
    value = data.draw(st.sampled_from([None, "text", (), np.empty(0), np.ones((2, 2, 2)), {}]))
    if (name, type(value)) in {("averaging", type(None)), ("dropout", np.ndarray)} and np.size(value) <= 1:
        restore_solver({**state, name: value})
    else:
        with pytest.raises(ValueError, match="state of a solver"):
            restore_solver({**state, name: value})


def test_memory_mapped_files_predict_and_train(tmp_path):
    model = make(average=True, dropout=0.5).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    twin = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(twin.partial_fit(X, y).coefs_[0], model.partial_fit(X, y).coefs_[0])


def test_a_file_of_another_version_warns(monkeypatch):
    model = make().fit(X, y)
    monkeypatch.setattr(skinit.persistence, "__version__", "0.0.9")
    files = pickle.dumps(model), skops.io.dumps(model)
    monkeypatch.undo()
    message = f"Trying to unpickle estimator skinit.MLPClassifier from version 0.0.9 when using version {__version__}."
    for load, file in zip((pickle.loads, lambda file: skops.io.loads(file, trusted=TRUSTED_TYPES)), files, strict=True):
        with pytest.warns(InconsistentVersionWarning, match=re.escape(message)) as caught:
            twin = load(file)
        assert len(caught) == 1
        assert caught[0].message.original_sklearn_version == "0.0.9"
        assert not hasattr(twin, "_skinit_version")
    with pytest.warns(InconsistentVersionWarning) as caught:
        pickle.loads(files[0])
    assert caught[0].filename == __file__


def test_a_file_of_this_version_and_copies_do_not_warn():
    model = make(init=VarianceScaling()).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        for make_twin in (through_pickle, through_skops, copy.copy, clone):
            assert printed(make_twin(model)) == printed(model)


KEPT = Path(__file__).parent / "models"
FOLDERS = sorted((path for path in KEPT.iterdir() if (path / "data.npz").exists()), key=lambda path: Version(path.name))


def load(path):
    """Return a kept model, and the warnings about skinit when it was loaded."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if path.suffix == ".skops":
            model = skops.io.load(path, trusted=TRUSTED_TYPES)
        else:
            model = pickle.loads(path.read_bytes())
    # scikit-learn warns about the version of its own objects too.
    return model, [str(warning.message) for warning in caught if "skinit." in str(warning.message)]


@pytest.mark.parametrize("ending", [".pkl", ".skops"])
@pytest.mark.parametrize("name", ["classifier", "regressor"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_files_of_earlier_versions_predict_and_train(folder, name, ending):
    with np.load(folder / "data.npz") as data:
        X, y, predictions = (data[f"{name}_{what}"] for what in ("X", "y", "predictions"))
    model, noted = load(folder / f"{name}{ending}")
    assert len(noted) == (folder.name != __version__)
    found = getattr(model, "predict_proba", model.predict)(X)
    assert found.dtype == predictions.dtype
    # The sums have a handful of terms, which later versions may add in another order.
    np.testing.assert_allclose(found, predictions, rtol=100 * np.finfo(found.dtype).eps)
    t, n_steps = model.t_, int(model._optimizer.n_steps[0])
    assert n_steps > 1
    model.partial_fit(X, y)
    assert (model.t_, model._optimizer.n_steps[0]) == (t + len(X), n_steps + 1)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_this_version_has_kept_files():
    assert Version(__version__).base_version in [folder.name for folder in FOLDERS]


def test_mlflow_keeps_and_loads_a_network_in_its_default_format(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    model = make_pipeline(StandardScaler(), make(average=True)).fit(X, y)
    # The requirements are given, because mlflow takes seconds to find them.
    options = {"skops_trusted_types": TRUSTED_TYPES, "pip_requirements": []}
    mlflow.sklearn.save_model(model, tmp_path / "model", **options)
    assert "serialization_format: skops" in (tmp_path / "model" / "MLmodel").read_text()
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(model, name="network", **options)
    for place in (str(tmp_path / "model"), logged.model_uri):
        twin = mlflow.sklearn.load_model(place)
        np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(mlflow.pyfunc.load_model(place).predict(X), model.predict(X))
