"""Wrong names: every message begins with the nearest name, and then lists the valid names in order."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier, MLPRegressor, warmup
from skinit.cli import main
from skinit.curvature import hessian_norm
from skinit.engine.losses import LossFunction
from skinit.initializers import (
    Hessian,
    Orthogonal,
    RandomNormal,
    ScikitLearn,
    VarianceScaling,
    Zeros,
    gain,
    get_initializer,
    get_initializer_names,
)
from skinit.inspection import InitComparisonDisplay

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

if find_spec("sklearn.callback"):
    from skinit.callbacks import BestWeights, EarlyStopping

PACKAGE = Path(__file__).parent.parent / "skinit"
X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]


def fit(estimator=MLPClassifier, **parameters):
    return estimator(**{"hidden_layer_sizes": (3,), "max_iter": 1, **parameters}).fit(X, y)


def predict_with_output_activation(name):
    model = MLPClassifier((3,)).initialize(X, y)
    model.out_activation_ = name
    model.predict(X)


def compare(metric):
    results = cross_validate(MLPClassifier((3,), max_iter=1), X, y, cv=2)
    InitComparisonDisplay.from_cv_results({"he": results}, metric=metric)


def compare_search(param_name):
    search = GridSearchCV(MLPClassifier((3,), max_iter=1), {"init": ["he", "zero"], "alpha": [1.0]}, cv=2).fit(X, y)
    InitComparisonDisplay.from_cv_results(search.cv_results_, param_name=param_name)


# For each module that writes such a message: a call with a wrong name, the wrong name, and the nearest valid name.
CASES = {
    "validation.py": [
        (lambda name: fit(init=name), "xaviar", "xavier"),
        (lambda name: fit(activation=name), "rellu", "relu"),
        (lambda name: fit(solver=name), "adma", "adam"),
        (lambda name: fit(learning_rate=name), "cosin", "cosine"),
        (lambda name: fit(learning_rate_init=name), "atuo", "auto"),
        (lambda name: fit(batch_size=name), "atuo", "auto"),
        (lambda name: fit(scoring=name), "acuracy", "accuracy"),
        (lambda name: fit(class_weight=name), "balance", "balanced"),
        (lambda name: fit(MLPRegressor, loss=name), "hubber", "huber"),
        (lambda name: fit(MLPRegressor, loss="huber", huber_delta=name), "atuo", "auto"),
        (lambda name: fit(init=VarianceScaling(mode=name)), "fanin", "fan_in"),
        (lambda name: fit(init=VarianceScaling(distribution=name)), "normall", "normal"),
        (lambda name: fit(init=Orthogonal(gain=name)), "atuo", "auto"),
        (lambda name: fit(init=Hessian(name)), "mesured", "measured"),
        (lambda name: fit(init=Hessian(base=name)), "he_norm", "he_normal"),
        (lambda name: hessian_norm(MLPClassifier((3,)).initialize(X, y), X, y, kind=name), "hesian", "hessian"),
        (lambda name: MLPClassifier().set_params(**{name: 1}), "alhpa", "alpha"),
        (lambda name: MLPClassifier(init=RandomNormal()).set_params(**{f"init__{name}": 1}), "sdt", "std"),
        (lambda name: MLPClassifier(init="random").set_params(**{f"init__{name}": 1}), "sdt", "std"),
        (lambda name: MLPRegressor().set_params(**{f"loss__{name}": 1}), "hubber_delta", "huber_delta"),
    ],
    "activations.py": [(lambda name: fit(activation=[name]), "rellu", "relu")],
    "base.py": [(predict_with_output_activation, "softmx", "softmax")],
    "class_weight.py": [
        (lambda name: MLPClassifier((3,), class_weight={name: 2.0}).fit(X, NAMES), "setossa", "setosa"),
    ],
    "engine/losses.py": [(LossFunction.of, "hubber", "huber")],
    "initializers/gain.py": [(lambda name: gain("relu", name), "backwards", "backward")],
    "initializers/registry.py": [(get_initializer, "orthogonl", "orthogonal")],
    "inspection/displays/init_comparison.py": [(compare, "scor", "score"), (compare_search, "innit", "init")],
    "precompilation.py": [
        (lambda name: warmup(dtype=name), "flaot32", "float32"),
        (lambda name: warmup(activation=[name]), "rellu", "relu"),
        (lambda name: warmup(loss=name), "hubber", "huber"),
        (lambda name: warmup(solver=name), "adma", "adam"),
    ],
}
if find_spec("sklearn.callback"):
    CASES["validation.py"] += [
        (lambda name: EarlyStopping(monitor=name), "los", "loss"),
        (lambda name: BestWeights(monitor=name), "validation_los", "validation_loss"),
    ]


def modules_that(condition):
    """Return the files of the package that contain a node for which the condition holds."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {
        file.relative_to(PACKAGE).as_posix()
        for file in files
        if any(condition(node) for node in ast.walk(ast.parse(file.read_text())))
    }


def names_in(message):
    """Return the names in the order in which a message lists them."""
    for listed in (
        r"among \{(.*?)\}",
        r"must be one of (.*?)(?:, or |, which |, got )",
        r"(?:are:|parameters,) \[(.*?)\]",
    ):
        if match := re.search(listed, message):
            return re.findall(r"'(.*?)'", match[1])
    return []


@pytest.mark.parametrize(
    ("use", "wrong", "nearest"),
    [pytest.param(*case, id=f"{module}-{case[1]}") for module, cases in CASES.items() for case in cases],
)
def test_messages_give_the_nearest_name_and_then_all_in_order(use, wrong, nearest):
    with pytest.raises(ValueError) as caught:
        use(wrong)
    message = str(caught.value)
    assert re.match(rf"Did you mean '{nearest}'( or '\w+')*\? ", message)
    assert wrong in message
    names = names_in(message)
    assert names == sorted(names)
    # If the object has no parameters, there are no names to list.
    assert nearest in names or "cannot be set" in message


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["comprae"], "compare"),
        (["--init", "xaver"], "xavier"),
        (["inspect", "--activation", "rellu"], "relu"),
        (["inspect", "--solver", "adamm"], "adam"),
        (["warmup", "--loss", "hubber"], "huber"),
    ],
)
def test_the_command_line_gives_the_nearest_name_and_all_in_order(arguments, nearest, capsys):
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert re.match(rf"skinit: (--\w+: )?Did you mean '{nearest}'( or '\w+')*\? ", message)
    names = names_in(message)
    assert nearest in names
    assert names == sorted(names)


def test_every_module_with_such_a_message_is_tested():
    users = modules_that(lambda node: isinstance(node, ast.alias) and node.name in ("wrong_name", "nearest_name_hint"))
    assert {file for file in users if not file.startswith("cli/")} | {"validation.py"} == set(CASES)
    # No other module looks for near names.
    assert modules_that(lambda node: isinstance(node, ast.alias) and node.name == "get_close_matches") == {
        "validation.py"
    }


@pytest.mark.parametrize(
    ("init", "passed"),
    [
        ("random", "init=RandomNormal()"),
        ("random_normal", "init=RandomNormal()"),
        ("truncated_normal", "init=TruncatedNormal()"),
        ("sklearn", "init=RandomNormal() or init=TruncatedNormal()"),
        ("he", "init=RandomNormal() or init=TruncatedNormal()"),
    ],
)
def test_setting_a_parameter_of_a_name_is_refused_with_the_object_to_pass(init, passed):
    message = (
        f"init__std cannot be set, because init is the name '{init}', which has no parameters. Pass {passed} to set it."
    )
    for model in (MLPClassifier(init=init), MLPRegressor(init=init)):
        with pytest.raises(ValueError, match=re.escape(message)):
            model.set_params(init__std=0.1)
        assert model.init == init
    with pytest.raises(ValueError, match=re.escape(message)):
        make_pipeline(StandardScaler(), MLPClassifier(init=init)).set_params(mlpclassifier__init__std=0.1)
    with pytest.raises(ValueError, match=re.escape(message)):
        GridSearchCV(MLPClassifier(init=init), {"init__std": [0.1, 1.0]}).fit(X, y)
    with pytest.raises(ValueError, match=re.escape(message)):
        MLPClassifier(init=RandomNormal()).set_params(init=init, init__std=0.1)


@pytest.mark.parametrize("name", get_initializer_names())
def test_the_object_to_pass_is_that_of_the_name(name):
    initializer = get_initializer(name)
    for parameter in initializer.get_params(deep=False):
        with pytest.raises(ValueError, match=re.escape(f"Pass init={initializer!r} to set it.")):
            MLPClassifier(init=name).set_params(**{f"init__{parameter}": 1})


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        (
            MLPClassifier(init=np.add),
            {"init__std": 1},
            "init is <ufunc 'add'>, which has no parameters. Pass init=RandomNor",
        ),
        (MLPClassifier(), {"activation__alpha": 1}, "activation is the name 'relu', which has no parameters"),
        (MLPClassifier(), {"alpha__x": 1}, "alpha is 0.0001, which has no parameters"),
        (MLPClassifier(), {"callbacks__every": 1}, r"Invalid parameter 'callbacks' .* Call set_callbacks\(\)"),
        (MLPClassifier(init=ScikitLearn()), {"init__std": 1}, "Invalid parameter 'std' for estimator ScikitLearn"),
        (
            Hessian(),
            {"base__gain": 2.0},
            r"base is the name 'orthogonal', .* Pass base=Orthogonal\(gain=1.0\) to set it",
        ),
        (MLPClassifier(init="xaviar"), {"init__std": 1}, "Did you mean 'xavier'"),
    ],
)
def test_objects_without_parameters_are_named(model, parameters, message):
    before = repr(model)
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters)
    assert repr(model) == before


def test_existing_parameters_are_set():
    model = MLPClassifier().set_params(init=RandomNormal(), init__std=0.3, alpha=2.0)
    assert (model.init.std, model.alpha) == (0.3, 2.0)
    assert model.set_params(init=Zeros()).set_params() is model
    assert Hessian(base=Orthogonal()).set_params(base__gain=2.0).base.gain == 2.0
    with pytest.raises(NotFittedError):
        model.predict(X)
