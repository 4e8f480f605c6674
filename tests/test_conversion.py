"""`to_sklearn` and `from_sklearn`: converted estimators predict the same and train on with the same numbers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import neural_network
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier, MLPRegressor, from_sklearn, make_activation, to_sklearn
from skinit.initializers import RandomNormal, ScikitLearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
COUNTS = np.abs(X[:, 0]).round()
THEIRS = {MLPClassifier: neural_network.MLPClassifier, MLPRegressor: neural_network.MLPRegressor}
# One task for every kind of target that both packages have.
TASKS = {
    "binary": (MLPClassifier, {}, y > 0),
    "one class": (MLPClassifier, {}, np.full(len(y), "yes")),
    "multiclass": (MLPClassifier, {}, NAMES),
    "multilabel": (MLPClassifier, {}, np.column_stack([y == 0, y > 0]).astype(int)),
    "squared error": (MLPRegressor, {}, X[:, 0] * X[:, 1]),
    "two outputs": (MLPRegressor, {}, X[:, :2]),
    "poisson": (MLPRegressor, {"loss": "poisson"}, COUNTS),
}
SOLVERS = {
    "adam": {"solver": "adam"},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.01},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    # The rate falls in every epoch from the third on.
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 10.0},
}


def make(task, side, **parameters):
    """Make an estimator of either package for a task."""
    estimator, own, _ = TASKS[task]
    options = {"hidden_layer_sizes": (4, 3), "batch_size": 40, "max_iter": 4, "random_state": 0}
    return (estimator if side == "ours" else THEIRS[estimator])(**(options | own | parameters))


def convert(estimator):
    """Convert an estimator to the other package."""
    return (to_sklearn if isinstance(estimator, (MLPClassifier, MLPRegressor)) else from_sklearn)(estimator)


def predict(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def assert_same(ours, theirs, rtol=1e-6):
    """Check that two estimators have the same weights and history, to `rtol`."""
    scale = max(np.abs(coef).max() for coef in theirs.coefs_)
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol * scale)
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_", "t_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
        mine, other = getattr(ours, name, None), getattr(theirs, name, None)
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=rtol)


def rtol_of(dtype):
    # The packages sum a few hundred terms in different orders, over a few epochs.
    return 1e-6 if dtype == np.float64 else 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("task", TASKS)
def test_predictions_are_the_same(task, side, dtype):
    model = make(task, side).fit(X.astype(dtype), TASKS[task][2])
    converted = convert(model)
    assert type(converted) is not type(model)
    np.testing.assert_allclose(
        predict(converted, X.astype(dtype)), predict(model, X.astype(dtype)), rtol=rtol_of(dtype)
    )
    if isinstance(model, ClassifierMixin):
        np.testing.assert_array_equal(converted.predict(X.astype(dtype)), model.predict(X.astype(dtype)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["multiclass", "two outputs"])
def test_training_continues_with_the_same_numbers(task, solver, side, dtype):
    data = X.astype(dtype), TASKS[task][2]
    first = {"classes": np.unique(data[1])} if task == "multiclass" else {}
    for method in ("partial_fit", "fit"):
        model = make(task, side, warm_start=True, **SOLVERS[solver])
        for _ in range(3):
            model.partial_fit(*data, **first)
        converted = convert(model)
        for _ in range(2):
            getattr(model, method)(*data)
            getattr(converted, method)(*data)
        assert_same(model, converted, rtol_of(dtype))


def test_a_new_solver_would_train_differently():
    # If a new solver trained the same way, the test above could not fail.
    model = make("multiclass", "ours")
    for _ in range(3):
        model.partial_fit(X, NAMES, classes=np.unique(NAMES))
    converted = to_sklearn(model)
    del converted._optimizer
    before, after = model.partial_fit(X, NAMES).coefs_[0], converted.partial_fit(X, NAMES).coefs_[0]
    assert np.abs(before - after).max() > 1e-4


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_early_stopping_continues_from_its_best_score(side):
    data = X, TASKS["two outputs"][2]
    # The score must improve in each fit, because scikit-learn keeps the last weights if it does not.
    model = make("two outputs", side, early_stopping=True, warm_start=True, learning_rate_init=0.01).fit(*data)
    converted = convert(model)
    for _ in range(2):
        assert model.fit(*data).best_validation_score_ == max(model.validation_scores_[-4:])
        converted.fit(*data)
    assert_same(model, converted)
    ours = model if side == "ours" else converted
    assert len(ours.validation_loss_curve_) == len(ours.validation_scores_)


def test_the_best_epoch_of_scikit_learn_is_found():
    theirs = make("multiclass", "theirs", early_stopping=True, learning_rate_init=0.03, max_iter=12).fit(X, y)
    scores = theirs.validation_scores_
    assert from_sklearn(theirs).best_iter_ == scores.index(max(scores)) + 1


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_the_state_of_a_random_generator_is_copied(side):
    model = make("multiclass", side, random_state=np.random.RandomState(3), warm_start=True).fit(X, NAMES)
    converted = convert(model)
    assert converted.random_state is not model.random_state
    assert_same(model.fit(X, NAMES), converted.fit(X, NAMES))


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_training_the_converted_estimator_leaves_the_original_alone(side):
    model = make("multiclass", side).fit(X, NAMES)
    converted = convert(model)
    for name in ("coefs_", "intercepts_", "loss_curve_"):
        before = pickle.dumps(getattr(model, name))
        converted.partial_fit(X, NAMES)
        assert pickle.dumps(getattr(model, name)) == before


@settings(max_examples=30)
@given(
    task=st.sampled_from(list(TASKS)),
    activation=st.sampled_from(["identity", "logistic", "tanh", "relu"]),
    solver=st.sampled_from(["lbfgs", "sgd", "adam"]),
    widths=st.lists(st.integers(1, 5), max_size=3),
    early_stopping=st.booleans(),
    alpha=st.floats(0, 1),
)
def test_converting_there_and_back_gives_the_same_estimator(task, activation, solver, widths, early_stopping, alpha):
    parameters = {"activation": activation, "solver": solver, "alpha": alpha, "max_iter": 2}
    model = make(task, "ours", hidden_layer_sizes=widths, early_stopping=early_stopping, **parameters)
    back = from_sklearn(to_sklearn(model))
    assert repr(back) == repr(model)
    with pytest.raises(NotFittedError):
        back.predict(X)
    model.fit(X, TASKS[task][2])
    back = from_sklearn(to_sklearn(model))
    assert repr(back) == repr(model)
    np.testing.assert_array_equal(predict(back, X), predict(model, X))
    assert vars(back).keys() == vars(model).keys()
    if solver != "lbfgs":
        np.testing.assert_array_equal(back._optimizer.slots, model._optimizer.slots)
        assert back.best_iter_ == model.best_iter_


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_unfitted_estimators_fit_the_same(side):
    model = make("multiclass", side, alpha=0.1)
    assert_same(model.fit(X, NAMES), convert(make("multiclass", side, alpha=0.1)).fit(X, NAMES))


def test_feature_names_are_converted():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = make("multiclass", "ours").fit(frame, NAMES)
    converted = to_sklearn(model)
    assert converted.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(converted.predict(frame), model.predict(frame))


def test_an_initialized_network_is_converted():
    model = make("multiclass", "ours", init="he").initialize(X, NAMES)
    converted = to_sklearn(model)
    np.testing.assert_allclose(converted.predict_proba(X), model.predict_proba(X), rtol=1e-12)
    assert_same(model.partial_fit(X, NAMES), converted.partial_fit(X, NAMES))


def test_parameters_without_effect_do_not_prevent_conversion():
    fitted = make("multiclass", "ours", init=RandomNormal(), weight_decay=0.3, scoring="loss", dropout=[0.0, 0.0])
    to_sklearn(fitted.fit(X, NAMES))
    to_sklearn(MLPClassifier(init=ScikitLearn(), activation=["relu", "relu"]))
    assert to_sklearn(MLPClassifier(activation=["tanh", "tanh"])).activation == "tanh"


def test_one_error_names_everything_that_cannot_be_converted():
    model = MLPClassifier(
        (4, 4),
        ["relu", "tanh"],
        init="he",
        solver="adamw",
        learning_rate="cosine",
        learning_rate_init="auto",
        early_stopping=True,
        scoring="loss",
        average=True,
        dropout=0.5,
        class_weight="balanced",
        label_smoothing=0.1,
    )
    with pytest.raises(ValueError) as caught:
        to_sklearn(model)
    message = str(caught.value)
    for part in (
        "activation=['relu', 'tanh'] (takes 'identity', 'logistic', 'relu', 'tanh'; set one of them and fit again)",
        "solver='adamw' (takes 'adam', 'lbfgs', 'sgd')",
        "learning_rate='cosine' (takes 'adaptive', 'constant', 'invscaling')",
        "learning_rate_init='auto' (set a number)",
        "init='he' (set init='sklearn')",
        "scoring='loss' (set scoring=None)",
        "average=True (set average=False)",
        "dropout=0.5 (set dropout=0.0)",
        "class_weight='balanced' (set class_weight=None)",
        "label_smoothing=0.1 (set label_smoothing=0.0)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MLPClassifier(activation="silu"), "activation='silu'"),
        (MLPClassifier(activation=make_activation(lambda u: u * 0.5, name="half")), "activation=make_activation"),
        (MLPRegressor("huber"), "loss='huber'"),
        (MLPRegressor("quantile", quantile=[0.1, 0.9]), "loss='quantile'"),
        (MLPRegressor(learning_rate=lambda step, n_steps: 1.0), "learning_rate=<function"),
    ],
)
def test_parameters_that_cannot_be_converted_are_named(model, message):
    with pytest.raises(ValueError, match=f"scikit-learn's MLP(Classifier|Regressor) lacks .*{message}"):
        to_sklearn(model)


def test_fitted_state_that_cannot_be_converted_is_named():
    with pytest.raises(ValueError, match="lacks labels in several columns"):
        to_sklearn(make("multiclass", "ours").fit(X, np.column_stack([y, 2 - y])))
    with pytest.raises(ValueError, match=r"learning_rate_init='auto' \(set a number, such as 0\.\d+\)"):
        to_sklearn(make("multiclass", "ours", learning_rate_init="auto").fit(X, y))


def test_the_state_of_a_solver_that_scikit_learn_lacks_is_left_out():
    model = make("multiclass", "ours", average=True).fit(X, NAMES).set_params(average=False)
    converted = to_sklearn(model)
    assert not hasattr(converted, "_optimizer")
    np.testing.assert_allclose(converted.predict_proba(X), model.predict_proba(X), rtol=1e-12)
    converted.partial_fit(X, NAMES)


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (to_sklearn, neural_network.MLPClassifier(), "of skinit, got MLPClassifier of sklearn"),
        (from_sklearn, MLPClassifier(), "of scikit-learn, got MLPClassifier of skinit"),
        (to_sklearn, make_pipeline(StandardScaler(), MLPClassifier()), "of skinit, got Pipeline of sklearn"),
        (to_sklearn, MLPClassifier, "of skinit, got the class MLPClassifier"),
    ],
)
def test_other_objects_are_refused_by_name(function, given, message):
    with pytest.raises(TypeError, match=f"{function.__name__} takes an MLPClassifier or MLPRegressor {message}"):
        function(given)


def test_a_pickle_of_the_result_loads_without_skinit(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(to_sklearn(make("multiclass", "ours").fit(X, NAMES))))
    code = f"import pickle, sys; pickle.load(open({str(path)!r}, 'rb')); assert 'skinit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
