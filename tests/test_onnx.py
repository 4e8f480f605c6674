"""Networks as ONNX graphs, run by onnxruntime: equal to the estimators, alone and inside other converted objects."""

import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from own_activations import MADE
from scipy.sparse import csr_matrix
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skinit
import skinit.onnx
from skinit import MLPClassifier, MLPRegressor
from skinit.kernels.activations import ACTIVATIONS, evaluate
from skinit.kernels.losses import OUTPUT_ACTIVATIONS
from skinit.onnx import formulas

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
N_ROWS, N_FEATURES = 30, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, N_FEATURES))
NUMBERS = RNG.integers(0, 3, N_ROWS)
COLUMNS = np.stack([NUMBERS, RNG.integers(5, 7, N_ROWS)], axis=1)
# Targets of each kind that a classifier accepts.
LABELS = {
    "two integers": NUMBERS > 0,
    "integers": NUMBERS - 7,
    "small integers": NUMBERS.astype(np.int8),
    "booleans": NUMBERS == 1,
    "floats": NUMBERS / 1.0,
    "strings": np.array(["", "né", "x" * 30])[NUMBERS],
    "two strings": np.array(["no", "yes"], dtype=object)[NUMBERS % 2],
    "one string": np.array(["yes"] * N_ROWS),
    "multilabel": RNG.integers(0, 2, (N_ROWS, 3)),
    "columns": COLUMNS,
    "columns of strings": np.array(["a", "b", "ccc", "", "", "d", "éé"])[COLUMNS],
}
# Parameters for each loss of a regressor.
LOSSES = [
    {"loss": "squared_error"},
    {"loss": "absolute_error"},
    {"loss": "huber"},
    {"loss": "poisson"},
    {"loss": "gamma"},
    {"loss": "quantile"},
    {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    {"loss": "quantile", "quantile": [0.5]},
]


def run(graph, *inputs):
    """Check a graph, and return the outputs that onnxruntime computes."""
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([each.name for each in session.get_inputs()], inputs, strict=True)))


def randomize(estimator, rng, scale=1.0):
    """Draw weights and intercepts as training might leave them."""
    estimator.coefs_ = [rng.normal(scale=scale, size=w.shape).astype(w.dtype) for w in estimator.coefs_]
    estimator.intercepts_ = [rng.normal(scale=scale, size=b.shape).astype(b.dtype) for b in estimator.intercepts_]
    return estimator


def make_classifier(y, dtype=np.float64, hidden=(4, 3), activation=("gelu", "tanh"), **parameters):
    network = MLPClassifier(hidden, activation, random_state=0, **parameters).initialize(X.astype(dtype), y)
    return randomize(network, np.random.default_rng(1))


def make_regressor(y, dtype=np.float64, hidden=(4,), activation="silu", **parameters):
    parameters = {"loss": "squared_error", **parameters}
    network = MLPRegressor(hidden_layer_sizes=hidden, activation=activation, random_state=0, **parameters)
    return randomize(network.initialize(X.astype(dtype), y), np.random.default_rng(1), 0.5)


def rounding_of(network, rows):
    """Return a bound of the rounding of a preactivation: products, sums and activations each have some errors of eps.

    Activations are at most 1.76 |u| + 1. Their slope is at most 1.76, so errors grow like magnitudes.
    """
    magnitudes = np.abs(np.asarray(rows, np.float64))
    n_roundings = 0
    for coef, intercept in zip(network.coefs_, network.intercepts_, strict=True):
        n_roundings += 2 * len(coef) + 16
        magnitudes = magnitudes @ np.abs(coef).astype(np.float64) + np.abs(intercept)
        bound, magnitudes = magnitudes, 1.76 * magnitudes + 1
    return n_roundings * np.finfo(network.coefs_[0].dtype).eps * bound.max(initial=0)


def assert_same_arrays(results, expected, atol):
    if not isinstance(expected, list):
        results, expected = [results], [expected]
    for result, each in zip(results, expected, strict=True):
        assert (result.dtype, result.shape) == (each.dtype, each.shape)
        np.testing.assert_allclose(result, each, rtol=0, atol=atol)


def as_list(scores):
    """Return the decision values of a classifier in the form of skl2onnx, with two columns for two classes."""
    return scores if isinstance(scores, list) or scores.ndim == 2 else np.stack([-scores, scores], axis=1)


def test_all_activations_of_hidden_layers_and_of_outputs_have_formulas():
    assert formulas.ONNX_ACTIVATIONS.keys() == ACTIVATIONS.keys()
    assert formulas.ONNX_OUTPUT_ACTIVATIONS.keys() == OUTPUT_ACTIVATIONS.keys()


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_agree_with_the_kernels_from_tails_to_zero(name, dtype):
    sizes = np.concatenate([10.0 ** np.linspace(-30, 30, 121), np.linspace(0.1, 120, 1200)])
    u = np.concatenate([-sizes, [0], sizes]).astype(dtype)
    network = MLPRegressor("squared_error", (1,), name).initialize(np.zeros((2, 1), dtype), [0, 1])
    network.coefs_ = [np.ones((1, 1), dtype)] * 2
    network.intercepts_ = [np.zeros(1, dtype)] * 2
    (values,) = run(skinit.to_onnx(network), u[:, np.newaxis])
    expected, _, _ = evaluate(name, u)
    limits = np.finfo(dtype)
    # Where the kernels give 0, onnxruntime may give subnormal exponentials.
    assert (np.abs(values[:, 0] - expected) <= 8 * limits.eps * np.abs(expected) + limits.tiny * (1 + np.abs(u))).all()


@DTYPES
@pytest.mark.parametrize("kind", LABELS)
def test_classifier_predicts_the_same_labels_and_probabilities(kind, dtype):
    network = make_classifier(LABELS[kind], dtype)
    rows = (3 * X).astype(dtype)
    labels, probabilities = run(skinit.to_onnx(network), rows)
    expected = network.predict(rows)
    np.testing.assert_array_equal(labels, expected)
    assert labels.shape == expected.shape
    assert labels.dtype == {"i": np.int64, "U": object, "O": object}.get(expected.dtype.kind, expected.dtype)
    assert_same_arrays(probabilities, network.predict_proba(rows), rounding_of(network, rows))


@DTYPES
@pytest.mark.parametrize("kind", LABELS)
def test_raw_scores_are_the_decision_values(kind, dtype):
    network = make_classifier(LABELS[kind], dtype)
    rows = X.astype(dtype)
    options = {id(network): {"zipmap": False, "raw_scores": True}}
    labels, scores = run(skl2onnx.to_onnx(network, rows, options=options), rows)
    np.testing.assert_array_equal(labels, network.predict(rows))
    assert_same_arrays(scores, as_list(network.decision_function(rows)), rounding_of(network, rows))


@DTYPES
@pytest.mark.parametrize("n_columns", [1, 2])
@pytest.mark.parametrize("parameters", LOSSES, ids=str)
def test_regressor_predicts_the_same_numbers(parameters, n_columns, dtype):
    # A list of quantiles needs targets of one column.
    y = X[:, 0] if n_columns == 1 or "quantile" in parameters else X[:, :n_columns]
    network = make_regressor(np.abs(y) + 1, dtype, **parameters)
    rows = (3 * X).astype(dtype)
    (predictions,) = run(skinit.to_onnx(network), rows)
    expected = network.predict(rows).reshape(N_ROWS, -1)
    assert (predictions.dtype, predictions.shape) == (dtype, expected.shape)
    # The absolute error of a preactivation is the relative error of its exponential. Cumulative sums add the errors up.
    scale = np.abs(expected).max() if parameters["loss"] in ("poisson", "gamma") else expected.shape[1]
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=scale * rounding_of(network, rows))
    if "quantile" in parameters:
        assert (np.diff(predictions) >= 0).all()


@st.composite
def shapes(draw):
    hidden = draw(st.lists(st.integers(1, 9), max_size=3))
    activation = [draw(st.sampled_from(sorted(ACTIVATIONS))) for _ in hidden]
    return hidden, activation, draw(st.sampled_from([np.float32, np.float64])), draw(st.integers(1, 4))


@settings(max_examples=60)
@given(shape=shapes(), n_rows=st.integers(0, 5), seed=st.integers(0, 100))
def test_network_of_any_shape_predicts_the_same(shape, n_rows, seed):
    hidden, activation, dtype, n_outputs = shape
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(4, rng.integers(1, 6))).astype(dtype)
    y = rng.normal(size=(4, n_outputs)).squeeze()
    network = randomize(MLPRegressor("squared_error", hidden, activation).initialize(inputs, y), rng)
    rows = rng.normal(scale=3, size=(n_rows, inputs.shape[1])).astype(dtype)
    (predictions,) = run(skinit.to_onnx(network), rows)
    assert predictions.shape == (n_rows, n_outputs)
    if n_rows:
        expected = network.predict(rows).reshape(n_rows, n_outputs)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=rounding_of(network, rows))


@DTYPES
@pytest.mark.parametrize("kind", LABELS)
def test_ties_get_the_label_of_predict(kind, dtype):
    network = make_classifier(LABELS[kind], dtype)
    network.coefs_[-1] = np.zeros_like(network.coefs_[-1])
    network.intercepts_[-1] = np.zeros_like(network.intercepts_[-1])
    labels, _ = run(skinit.to_onnx(network), X.astype(dtype))
    np.testing.assert_array_equal(labels, network.predict(X))


@DTYPES
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("factor", [30, 1e30])
def test_confident_probabilities_keep_their_digits(kind, factor, dtype):
    network = make_classifier(LABELS[kind], dtype, hidden=(), activation="relu")
    network.intercepts_ = [np.zeros_like(network.intercepts_[0])]
    # Each output is a single product, so it rounds the same everywhere.
    network.coefs_[0][1:] = 0
    rows = (factor * X).astype(dtype)
    labels, probabilities = run(skinit.to_onnx(network), rows)
    np.testing.assert_array_equal(labels, network.predict(rows))
    limits = np.finfo(dtype)
    expected = network.predict_proba(rows)
    for result, each in zip(*(p if isinstance(p, list) else [p] for p in (probabilities, expected)), strict=True):
        # The difference from the largest preactivation is rounded before it is exponentiated. onnxruntime may round
        # subnormal results to 0.
        np.testing.assert_allclose(result, each, rtol=200 * limits.eps, atol=limits.tiny)


@DTYPES
def test_predictions_that_overflow_are_infinite(dtype):
    network = make_regressor(np.abs(X[:, 0]), dtype, loss="poisson", hidden=(), activation="relu")
    network.coefs_ = [np.ones_like(network.coefs_[0])]
    (predictions,) = run(skinit.to_onnx(network), np.array([[1e4, 0, 0], [-1e4, 0, 0]], dtype))
    with pytest.raises(ValueError, match="overflow"):
        network.predict(np.array([[1e4, 0, 0]], dtype))
    assert predictions[0] == np.inf
    assert 0 <= predictions[1] <= np.finfo(dtype).tiny


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_only_rows_with_nan_give_nan(name, dtype):
    network = make_classifier(LABELS["strings"], dtype, hidden=(20,), activation=name)
    rows = X.astype(dtype)
    rows[::2, 1] = np.nan
    _, probabilities = run(skinit.to_onnx(network), rows)
    np.testing.assert_array_equal(np.isnan(probabilities).all(axis=1), np.isnan(rows).any(axis=1))
    np.testing.assert_array_equal(np.isnan(probabilities).any(axis=1), np.isnan(rows).any(axis=1))


@DTYPES
@pytest.mark.parametrize("kind", LABELS)
def test_a_graph_takes_any_number_of_rows(kind, dtype):
    network = make_classifier(LABELS[kind], dtype)
    graph = skinit.to_onnx(network)
    for n_rows in (0, 1, 1000):
        labels, probabilities = run(graph, np.zeros((n_rows, N_FEATURES), dtype))
        assert labels.shape[0] == n_rows
        for each in probabilities if isinstance(probabilities, list) else [probabilities]:
            assert each.shape[0] == n_rows
            np.testing.assert_allclose(each, np.broadcast_to(each[:1], each.shape))


@DTYPES
@pytest.mark.parametrize("given", [np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_])
def test_input_of_another_type_gives_what_predict_gives(given, dtype):
    network = make_classifier(LABELS["strings"], dtype)
    rows = np.abs(5 * X).astype(given)
    labels, probabilities = run(skinit.to_onnx(network, rows), rows)
    np.testing.assert_array_equal(labels, network.predict(rows))
    assert_same_arrays(probabilities, network.predict_proba(rows), rounding_of(network, rows))
    regressor = make_regressor(X[:, 0], dtype)
    (predictions,) = run(skinit.to_onnx(regressor, rows), rows)
    assert_same_arrays(predictions[:, 0], regressor.predict(rows), rounding_of(regressor, rows))


@pytest.mark.parametrize("make", [lambda X: X[:1], lambda X: X.tolist(), csr_matrix], ids=["a row", "list", "sparse"])
def test_one_row_of_the_data_defines_the_inputs(make):
    network = make_classifier(LABELS["strings"])
    assert skinit.to_onnx(network, make(X)) == skinit.to_onnx(network)


def test_columns_of_a_frame_are_inputs_in_the_order_of_the_fit():
    frame = pd.DataFrame({"age (y)": X[:, 0], "n": NUMBERS, "b": X[:, 1].astype(np.float32)})
    network = MLPClassifier((4,), random_state=0).initialize(frame, LABELS["strings"])
    graph = skinit.to_onnx(network, frame[["b", "age (y)", "n"]].assign(other="x"))
    assert [each.name for each in graph.graph.input] == ["age__y_", "n", "b"]
    labels, probabilities = run(graph, *(frame[[name]].to_numpy() for name in frame))
    np.testing.assert_array_equal(labels, network.predict(frame))
    assert_same_arrays(probabilities, network.predict_proba(frame), rounding_of(network, frame))
    with pytest.raises(ValueError, match=re.escape("X lacks the column(s) ['age (y)', 'n'], which MLPClassifier")):
        skinit.to_onnx(network, frame[["b"]])


@pytest.fixture(scope="module")
def people():
    """Return a table with numbers and strings, one of them missing, and labels."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, 80),
            "income": rng.normal(3e4, 1e4, 80),
            "city": rng.choice(["Oslo", "Rom", "Bern"], 80),
            "size": pd.Categorical(rng.choice(["s", "l"], 80)),
            "unused": rng.choice(["a", "b"], 80),
        }
    )
    frame.loc[0, "unused"] = None
    return frame, np.where(frame["age"] + 10 * (frame["city"] == "Rom") > 52, "yes", "no")


def feed(frame):
    """Yield each column of a frame in the form that onnxruntime takes."""
    for name in frame:
        values = frame[[name]].to_numpy()
        yield values if values.dtype.kind == "f" else values.astype(str).astype(object)


@pytest.mark.parametrize("searches", [False, True])
def test_pipeline_with_columns_of_a_frame_converts(people, searches):
    frame, y = people
    columns = make_column_transformer((StandardScaler(), ["age", "income"]), (OneHotEncoder(), ["city", "size"]))
    network = MLPClassifier((5,), "softplus", solver="lbfgs", max_iter=50, random_state=0)
    model = make_pipeline(columns, network)
    if searches:
        model = GridSearchCV(model, {"mlpclassifier__alpha": [0.1, 1]}, cv=2)
    model.fit(frame, y)
    labels, probabilities = run(skinit.to_onnx(model, frame), *feed(frame))
    np.testing.assert_array_equal(labels, model.predict(frame))
    rows = getattr(model, "best_estimator_", model)[0].transform(frame)
    fitted = getattr(model, "best_estimator_", model)[-1]
    # Scaling rounds the numbers a few more times.
    assert_same_arrays(probabilities, model.predict_proba(frame), 2 * rounding_of(fitted, rows))


NETWORK = MLPClassifier((4,), "elu", solver="lbfgs", max_iter=20, random_state=0)
ENSEMBLES = {
    "pipeline": make_pipeline(StandardScaler(), NETWORK),
    "pipeline with a search": make_pipeline(StandardScaler(), GridSearchCV(NETWORK, {"alpha": [1.0]}, cv=2)),
    "random search": RandomizedSearchCV(NETWORK, {"alpha": [0.1, 1.0]}, n_iter=1, cv=2),
    "calibration": CalibratedClassifierCV(NETWORK, cv=2),
    "voting": VotingClassifier(
        [("a", NETWORK), ("b", make_pipeline(StandardScaler(), NETWORK))], voting="soft", flatten_transform=False
    ),
    "stacking": StackingClassifier([("a", NETWORK)], NETWORK, cv=2),
}


@DTYPES
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_classifier_with_networks_in_it_converts(name, n_classes, dtype):
    rows, y = X.astype(dtype), np.array(["a", "b", "c"])[NUMBERS % n_classes]
    model = ENSEMBLES[name].fit(rows, y)
    labels, probabilities = run(skinit.to_onnx(model, rows), rows)
    np.testing.assert_array_equal(labels, model.predict(rows))
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1000 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize(
    "make",
    [
        lambda network: make_pipeline(StandardScaler(), network),
        lambda network: VotingRegressor([("a", network), ("b", network)]),
        lambda network: BaggingRegressor(network, n_estimators=2, random_state=0),
        MultiOutputRegressor,
    ],
    ids=["pipeline", "voting", "bagging", "outputs"],
)
def test_regressor_with_networks_in_it_converts(make, dtype):
    rows = X.astype(dtype)
    network = MLPRegressor("huber", (4,), "silu", solver="lbfgs", max_iter=20, random_state=0)
    model = make(network)
    model.fit(rows, X[:, :2] if isinstance(model, MultiOutputRegressor) else X[:, 0])
    (predictions,) = run(skinit.to_onnx(model, rows), rows)
    expected = model.predict(rows).reshape(N_ROWS, -1)
    np.testing.assert_allclose(predictions, expected, atol=1000 * np.finfo(dtype).eps)


def test_one_network_for_each_column_of_labels_converts():
    model = MultiOutputClassifier(NETWORK).fit(X, COLUMNS)
    labels, probabilities = run(skinit.to_onnx(model, X), X)
    np.testing.assert_array_equal(labels, model.predict(X))
    assert_same_arrays(probabilities, model.predict_proba(X), 1000 * np.finfo(np.float64).eps)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_an_ensemble_returns_the_precision_of_its_input(precision):
    model = VotingRegressor([("a", make_regressor(X[:, 0])), ("b", make_regressor(X[:, 0]))]).fit(X, X[:, 0])
    (predictions,) = run(skinit.to_onnx(model, X.astype(precision)), X.astype(precision))
    assert predictions.dtype == precision


@pytest.mark.parametrize("kind", ["integers", "strings", "two strings", "booleans"])
def test_options_of_skl2onnx_for_classifiers(kind):
    network = make_classifier(LABELS[kind], np.float32)
    rows = X.astype(np.float32)
    expected = network.predict_proba(rows)

    def convert(**options):
        return run(skl2onnx.to_onnx(network, rows, options={id(network): options}), rows)

    labels, dicts = convert()
    np.testing.assert_array_equal(labels, network.predict(rows))
    np.testing.assert_allclose([[each[label] for label in network.classes_] for each in dicts], expected, atol=1e-5)
    _, *columns = convert(zipmap="columns")
    np.testing.assert_allclose(np.stack(columns, axis=1), expected, atol=1e-5)
    labels, _ = convert(zipmap=False, nocl=True)
    np.testing.assert_array_equal(network.classes_[labels], network.predict(rows))
    if kind != "booleans":
        *_, classes = convert(zipmap=False, output_class_labels=True)
        np.testing.assert_array_equal(classes, network.classes_)


def test_the_graph_has_the_weights_that_a_user_set():
    network = make_regressor(X[:, 0])
    before = skinit.to_onnx(network)
    network.intercepts_[-1] = network.intercepts_[-1] + 1
    (predictions,), (others,) = run(skinit.to_onnx(network), X), run(before, X)
    np.testing.assert_allclose(predictions, others + 1)


def test_conversion_leaves_the_estimator_as_it_was():
    network = MLPClassifier((4,), random_state=0).initialize(X, LABELS["strings"])
    before = dict(vars(network))
    skinit.to_onnx(network)
    assert vars(network).keys() == before.keys()
    assert all(vars(network)[name] is value for name, value in before.items())


@pytest.mark.parametrize(
    "estimator", [MLPRegressor(), make_pipeline(StandardScaler(), MLPClassifier()), GridSearchCV(MLPClassifier(), {})]
)
def test_unfitted_estimators_are_refused(estimator):
    with pytest.raises(NotFittedError):
        skinit.to_onnx(estimator, X)


def test_activations_of_users_are_refused_with_a_remedy():
    network = make_regressor(X[:, 0], hidden=(2, 2), activation=["relu", MADE["softsign"]])
    message = (
        "The activation 'softsign' cannot be converted to ONNX, because it is a Python function: fit with one of '"
    )
    with pytest.raises(ValueError, match=message):
        skinit.to_onnx(network)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), "of dtype datetime64[D]: fit to strings or to integers."),
        (np.array([1, 2**63], np.uint64), "ONNX has no type for the labels 1, 9223372036854775808 of dtype uint64"),
        (np.array(["a", 1], dtype=object), "ONNX has no type for the labels 'a', 1 of dtype object"),
    ],
)
def test_labels_without_a_type_in_onnx_are_refused(classes, message):
    network = make_classifier(LABELS["two strings"])
    network.classes_ = classes
    with pytest.raises(ValueError, match=re.escape(message)):
        skinit.to_onnx(network)


def test_wrong_inputs_are_refused():
    network = make_classifier(LABELS["strings"])
    with pytest.raises(
        ValueError, match=re.escape("X has 2 column(s), but MLPClassifier was fitted with n_features_in_=3")
    ):
        skinit.to_onnx(network, X[:, :2])
    with pytest.raises(ValueError, match=re.escape("X must have two dimensions, got shape (3,)")):
        skinit.to_onnx(network, X[0])
    with pytest.raises(TypeError, match="MLPClassifier takes numbers, but the input 'X' has strings: encode them"):
        skinit.to_onnx(network, np.array([["a", "b", "c"]]))
    with pytest.raises(ValueError, match="to_onnx needs X for a Pipeline, to know the types of its columns"):
        skinit.to_onnx(make_pipeline(StandardScaler(), network).fit(X, LABELS["strings"]))


def in_new_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_skinit_is_imported_without_onnx():
    code = "import sys, skinit; skinit.to_onnx; print({'onnx', 'skl2onnx'} & set(sys.modules))"
    assert in_new_process(code).stdout.strip() == "set()"


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_without_onnx_the_error_names_the_package_to_install(package):
    code = f"import sys; sys.modules[{package!r}] = None; import skinit; skinit.to_onnx(None)"
    last = in_new_process(code).stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ONNX needs onnx and skl2onnx (")
    assert last.endswith("): pip install 'skinit[onnx]'.")
