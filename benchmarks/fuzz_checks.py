"""Checks that a fuzzed call is right, or ends in a clear error and changes nothing."""

import re
import traceback
import warnings

import numpy as np
import scipy.sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as ReferenceClassifier
from sklearn.neural_network import MLPRegressor as ReferenceRegressor

from skinit.engine.data import with_valid_indices
from skinit.kernels.activations import evaluate

# Errors that a user can do something about.
CLEAR = (ValueError, TypeError, AttributeError, MemoryError)
# Messages of NumPy or SciPy that say nothing about the user's mistake.
OBSCURE = re.compile(
    "broadcast|cannot reshape|out of bounds|unsupported operand|has no attribute '(shape|ndim|dtype|size)|subscriptable"
    "|zero-size array|array element with a sequence|is ambiguous|zero-sized array|NoneType' object|not aligned"
    "|SVD did not|ARPACK|singular matrix|mismatch in its core|not callable"
)
# Messages about data that skinit refuses on purpose, where scikit-learn divides by zero, overflows or trains on
# nonsense.
REFUSED = re.compile(
    "positive sum|mini-batch|malformed|overflow|too large|diverged|must be >= 0|sum to|validation scores|classes_ has"
)


class Fault(Exception):
    """A call did something that it should not have done."""


def state(model) -> dict:
    """Return the attributes of a model in a form that can be compared."""

    def comparable(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tolist() if value.dtype == object else value.tobytes()
        if scipy.sparse.issparse(value):
            return value.format, *(comparable(each) for each in vars(value).values() if isinstance(each, np.ndarray))
        if isinstance(value, (list, tuple)):
            return tuple(map(comparable, value))
        if isinstance(value, np.random.RandomState):
            return None
        if type(value).__module__.startswith("skinit"):
            return type(value).__name__, *((name, comparable(each)) for name, each in vars(value).items())
        return repr(value)

    return {name: comparable(value) for name, value in vars(model).items() if name not in ("_network", "_random_state")}


def call(function, model, inputs: tuple, description: str):
    """Make a call and check it. Return whether it succeeded, and its result.

    Raises
    ------
    Fault
    """
    before, given = state(model), state(Inputs(inputs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = function(), None
        except Exception as raised:
            result, error = None, raised
    if state(Inputs(inputs)) != given:
        raise Fault(f"{description} changed its input")
    if error is not None:
        _check_error(error, description)
        if state(model) != before:
            raise Fault(f"{description} raised {type(error).__name__} and changed the model")
        return False, error
    for warning in caught:
        if issubclass(warning.category, RuntimeWarning):
            raise Fault(f"{description} warned: {warning.message} ({warning.filename}:{warning.lineno})")
    return True, result


class Inputs:
    """The inputs of a call, as attributes that `state` can compare."""

    def __init__(self, inputs: tuple) -> None:
        self.inputs = inputs


def _check_error(error: Exception, description: str) -> None:
    text = str(error)
    if not isinstance(error, CLEAR) or not text or OBSCURE.search(text):
        frames = "".join(traceback.format_tb(error.__traceback__)[-3:])
        raise Fault(f"{description} raised {type(error).__name__}: {text[:300]}\n{frames}")


def check_fitted(model, is_trained: bool) -> None:
    """Check what holds for every model after a successful call that fits it."""
    theta = model._network.theta
    arrays = [*model.coefs_, *model.intercepts_]
    if not all(np.shares_memory(array, theta) for array in arrays):
        raise Fault("coefs_ and intercepts_ are not views of one vector")
    if not np.isfinite(theta).all():
        raise Fault("weights are not finite")
    if is_trained and not np.isfinite(model.loss_):
        raise Fault(f"loss_={model.loss_}")
    if is_trained and not np.isfinite(getattr(model, "loss_curve_", [0.0])).all():
        raise Fault("loss_curve_ is not finite")


def forward(model, X: np.ndarray) -> np.ndarray:
    """Return predicted means or probabilities, computed layer by layer in NumPy."""
    with np.errstate(all="ignore"):
        values = X.astype(np.float64)
        for k, (coef, intercept) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
            values = values @ coef.astype(np.float64) + intercept.astype(np.float64)
            if k < len(model.coefs_) - 1:
                values = evaluate(model.activation, values)[0]
        functions = {"identity": np.asarray, "exp": np.exp, "softmax": lambda u: softmax(u, axis=1), "logistic": expit}
        return functions[model.out_activation_](values)


def check_predictions(model, X, predictions: np.ndarray) -> None:
    """Check that predictions are finite and agree with a plain forward pass."""
    X = np.asarray(with_valid_indices(X, "X").toarray() if scipy.sparse.issparse(X) else X, dtype=np.float64)
    if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
        raise Fault("predictions are not finite")
    expected = forward(model, X)
    if hasattr(model, "predict_proba") and expected.shape[1] == 1:
        expected = np.hstack([1 - expected, expected])
    predictions = predictions.reshape(expected.shape)
    single = model.coefs_[0].dtype == np.float32
    # Rounding is relative to the largest terms of a sum, which may cancel in the outputs.
    tolerance = (1e-3 if single else 1e-7) * max(1.0, *(np.abs(coef).max() for coef in model.coefs_), np.abs(X).max())
    if np.isfinite(expected).all() and np.abs(X).max() < 1e3 and np.abs(model._network.theta).max() < 1e3:
        np.testing.assert_allclose(predictions, expected, rtol=tolerance, atol=tolerance)


def check_against_scikit_learn(model, X, y, weights) -> None:
    """Check that skinit trains wherever scikit-learn does, to the same loss if it draws the same weights."""
    if model.activation not in ("identity", "logistic", "tanh", "relu") or model.learning_rate_init == "auto":
        return
    if model.beta_2 == 0:
        # Adam then steps by the signs of gradients, which rounding may flip.
        return
    values = np.asarray(with_valid_indices(X, "X").toarray() if scipy.sparse.issparse(X) else X)
    if values.dtype != np.float64 or not np.abs(values).max() < 100 or model.learning_rate_init > 0.1:
        return
    if weights is not None and not (np.min(weights) >= 0 and 1e-3 < np.mean(weights) < 1e3):
        # scikit-learn's sums would underflow or overflow.
        return
    if model.solver == "adamw" or model.learning_rate not in ("constant", "invscaling", "adaptive"):
        return
    reference = ReferenceClassifier if hasattr(model, "predict_proba") else ReferenceRegressor
    shared = reference().get_params()
    defaults = {name: value for name, value in type(model)().get_params().items() if name not in shared}
    ours = clone(model).set_params(**defaults, warm_start=False)
    theirs = clone(reference(**{name: value for name, value in ours.get_params().items() if name in shared}))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            theirs.fit(X, y, sample_weight=weights)
        except Exception:
            return
        # Diverging training is chaotic.
        if not theirs.loss_ < 1e6 or not all(np.isfinite(coef).all() for coef in theirs.coefs_):
            return
        try:
            ours.fit(X, y, weights)
        except ValueError as error:
            if not REFUSED.search(str(error)):
                raise Fault(f"scikit-learn fits, but skinit raises: {error}") from error
            return
    if not np.isclose(ours.loss_, theirs.loss_, rtol=1e-5, atol=1e-9):
        raise Fault(f"the loss is {ours.loss_}, but scikit-learn's is {theirs.loss_}")
