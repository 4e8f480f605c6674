"""Draw the parts of a fuzzed case: estimator, parameters, data, containers and damages."""

import math

import numpy as np
import pandas as pd
import scipy.sparse

from skinit import MLPClassifier, MLPRegressor, make_activation
from skinit.initializers import get_initializer_names
from skinit.kernels.activations import ACTIVATIONS
from skinit.training.schedules import SCHEDULES

# Values of parameters that are valid, if unusual.
VALID = {
    "hidden_layer_sizes": [(), (1,), (5,), (4, 3), [7], np.array([3, 2]), 6, (20,) * 6],
    "activation": [*sorted(ACTIVATIONS), make_activation(math.tanh)],
    "init": [*get_initializer_names(), lambda shape, rng: rng.normal(size=shape).tolist()],
    "solver": ["adam", "adamw", "sgd", "lbfgs"],
    "alpha": [0, 1e-4, 1.0, np.float32(0.1), 1e3, 1e-300],
    "batch_size": ["auto", 1, 3, 10, 10**9],
    "learning_rate": ["constant", "invscaling", "adaptive", *SCHEDULES, lambda step, n_steps: step / n_steps],
    "learning_rate_init": [1e-3, 0.1, "auto", "auto", 1e-12, 10.0, 1e200],
    "power_t": [0.5, 0, 1e300],
    "max_iter": [1, 3, 8],
    "shuffle": [True, False],
    "tol": [1e-4, 0, 10.0],
    "warm_start": [False, True],
    "momentum": [0.9, 0, 1],
    "nesterovs_momentum": [True, False],
    "early_stopping": [False, False, True],
    "validation_fraction": [0.1, 0.5],
    "beta_1": [0.9, 0],
    "beta_2": [0.999, 0],
    "epsilon": [1e-8, 1e-300, 1e300],
    "n_iter_no_change": [10, 1, np.inf],
    "max_fun": [15000, 1],
    "scoring": [None, "loss", "explained_variance", lambda estimator, X, y: float(len(estimator.predict(X)))],
    "weight_decay": [0.01, 0, 1e3, 1e300],
    "average": [True, 5, 10**9, 0.5],
    "dropout": [0, 0.5, 0.999999999],
}
# Values of class_weight, which only classifiers take.
CLASS_WEIGHTS = [None, "balanced", {0: 1e-300}, {1: 3}, {"a": 2.0, "c": 0}, [{0: 2}, {}, {1: 0.1}]]
INVALID = {
    "hidden_layer_sizes": [(0,), (-3,), (2.5,), "ten", None, (2**40,), [[3], [4]]],
    "activation": ["rellu", None, 3, np.tanh, ["relu"] * 9, ["rellu"], [[]]],
    "init": [
        "xavierr",
        None,
        np.ones,
        lambda shape: 1,
        lambda shape, rng: None,
        lambda shape, rng: np.full(shape, np.nan),
    ],
    "solver": ["adamax", None, 0],
    "alpha": [-1, np.nan, np.inf, "a", None],
    "batch_size": [0, -5, 2.5, "all"],
    "learning_rate_init": [0, -1, np.nan, np.inf, "automatic"],
    "max_iter": [0, 2.5, np.nan, "1"],
    "tol": [-1, np.nan, np.inf],
    "momentum": [1.5, -0.1, np.nan],
    "early_stopping": ["yes", None],
    "validation_fraction": [1.0, -0.5, np.nan],
    "epsilon": [0, np.nan, np.inf],
    "n_iter_no_change": [0, 2.5, np.nan],
    "random_state": ["seed", -1, 2**32],
    "learning_rate": ["cosin", None, lambda step: 1, lambda step, n_steps: np.nan, lambda step, n_steps: "1"],
    "scoring": ["accurracy", 3, len, lambda estimator, X, y: None],
    "weight_decay": [-1, np.nan, np.inf, "a"],
    "average": [0, -3, 1.0, np.nan, "yes"],
    "dropout": [1, -0.1, np.nan, [0.1] * 9, "a", [[0.1]]],
}
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]


def choose(rng, values):
    """Return one of the values, whatever their types."""
    return values[rng.integers(len(values))]


def draw_parameters(rng) -> dict:
    """Draw some parameters, most of them valid."""
    names = rng.permutation(sorted(VALID))[: rng.integers(2, 9)]
    parameters = {"max_iter": 3, "random_state": 0} | {name: choose(rng, VALID[name]) for name in names}
    if rng.random() < 0.1:
        name = choose(rng, sorted(INVALID))
        parameters[name] = choose(rng, INVALID[name])
    return parameters


def draw_estimator(rng):
    """Draw an estimator, and the kind of its targets."""
    kind = choose(rng, ["binary", "multiclass", "multilabel", "one class", "strings", "number", "numbers", "counts"])
    parameters = draw_parameters(rng)
    if kind not in ("number", "numbers", "counts"):
        if rng.random() < 0.3:
            parameters["class_weight"] = choose(rng, CLASS_WEIGHTS)
        return MLPClassifier(**parameters), kind
    return MLPRegressor(**parameters, loss="poisson" if kind == "counts" else "squared_error"), kind


def draw_targets(rng, kind: str, n_rows: int):
    """Draw targets of a kind."""
    numbers = rng.integers(0, 3, n_rows)
    return {
        "binary": numbers > 0,
        "multiclass": numbers,
        "multilabel": rng.integers(0, 2, (n_rows, 3)),
        "one class": np.ones(n_rows, int),
        "strings": np.array(["a", "b", "c"])[numbers],
        "number": rng.normal(size=n_rows),
        "numbers": rng.normal(size=(n_rows, 2)),
        "counts": rng.poisson(2.0, n_rows),
    }[kind]


def draw_values(rng, n_rows: int, n_features: int) -> np.ndarray:
    """Draw a table of numbers, well scaled or not."""
    X = rng.normal(size=(n_rows, n_features))
    damage = rng.integers(12)
    if damage == 0:
        X[:] = X[0]
    elif damage == 1:
        X[:, 0] = X[:, -1]
    elif damage == 2:
        X *= 10.0 ** rng.integers(-320, 300)
    elif damage == 3:
        X[:] = 0
    elif damage == 4:
        X[rng.integers(n_rows), rng.integers(n_features)] = choose(rng, [np.nan, np.inf, -np.inf, 1e300, 5e-324])
    elif damage <= 7:
        X[rng.random(X.shape) < 0.7] = 0
    return X


def draw_container(rng, X: np.ndarray):
    """Return the same numbers in another container, or in a damaged sparse matrix."""
    choice = rng.integers(9)
    with np.errstate(over="ignore", invalid="ignore"):
        if choice == 0:
            return X.astype(choose(rng, ["float32", "float16", "longdouble", ">f8", ">f4", "object"]))
        if choice == 1:
            return choose(rng, [np.asfortranarray(X), X[::-1][::-1], X.tolist(), np.ascontiguousarray(X.T).T])
        if choice == 2:
            return pd.DataFrame(X).astype(choose(rng, ["float64", "float32", "Float64", "object"]))
        if choice in (3, 4):
            matrix = getattr(scipy.sparse, f"{choose(rng, FORMATS)}_{choose(rng, ['array', 'matrix'])}")(X)
            return damaged(rng, matrix) if rng.random() < 0.3 else matrix
    return X


def damaged(rng, matrix):
    """Return a sparse matrix with one of its arrays changed."""
    for name in rng.permutation(["indices", "indptr", "data"]):
        values = getattr(matrix, name, None)
        if isinstance(values, np.ndarray) and values.size and values.dtype != object:
            values = values.copy()
            choice = rng.integers(4)
            if choice == 0:
                values = values[:-1]
            elif choice == 1:
                values = values.astype(choose(rng, ["int16", ">i8", "uint64", ">f8", "float32"]))
            elif values.ndim == 1:
                values[rng.integers(len(values))] = choose(rng, [-1, 10**6, 3, 0])
            setattr(matrix, name, values)
            break
    return matrix


def draw_weights(rng, n_rows: int):
    """Draw sample weights, or None."""
    choice = rng.integers(10)
    weights = rng.random(n_rows)
    if choice == 0:
        return np.where(rng.random(n_rows) < 0.5, 0, weights)
    if choice == 1:
        return weights * choose(rng, [1e-310, 1e-100, 1e100, 1e307])
    if choice == 2:
        return weights - choose(rng, [0.1, 0.5, 1.0])
    if choice == 3:
        return choose(rng, [np.zeros(n_rows), np.full(n_rows, np.nan), weights[:-1], pd.Series(weights), 2.0])
    return None


def is_untampered(model) -> bool:
    """Return whether all weights are still matrices, with as many intercepts."""
    coefs, intercepts = getattr(model, "coefs_", []), getattr(model, "intercepts_", [])
    return (
        0 < len(coefs) == len(intercepts)
        and all(np.ndim(coef) == 2 for coef in coefs)
        and not any(isinstance(coef, list) for coef in coefs)
    )


def tamper(rng, model) -> str:
    """Change the fitted state of a model as a user might, rightly or wrongly, and return what was changed."""
    k = rng.integers(len(model.coefs_))
    coef = model.coefs_[k]
    changes = {
        "float16": lambda: model.coefs_.__setitem__(k, coef.astype(np.float16)),
        "copies": lambda: setattr(model, "coefs_", [each.copy() for each in model.coefs_]),
        "lists": lambda: setattr(model, "coefs_", [each.tolist() for each in model.coefs_]),
        "written": lambda: coef.__imul__(0.5),
        "wider": lambda: model.coefs_.__setitem__(k, np.ones((coef.shape[0], coef.shape[1] + 1))),
        "narrower": lambda: model.coefs_.__setitem__(k, np.ones((coef.shape[0], max(coef.shape[1] - 1, 0)))),
        "transposed": lambda: model.coefs_.__setitem__(k, coef.T),
        "NaN": lambda: coef.fill(np.nan),
        "complex": lambda: model.coefs_.__setitem__(k, coef * 1j),
        "scalar": lambda: model.coefs_.__setitem__(k, 1.0),
        "huge": lambda: coef.__imul__(1e30),
        "popped": lambda: model.coefs_.pop(),
        "intercept": lambda: model.intercepts_.__setitem__(k, np.ones(len(model.intercepts_[k]) + 1)),
        "n_features_in_": lambda: setattr(model, "n_features_in_", model.n_features_in_ + 1),
        "n_outputs_": lambda: setattr(model, "n_outputs_", 7),
        "classes_": lambda: setattr(model, "classes_", np.arange(9)),
        "out_activation_": lambda: setattr(model, "out_activation_", "swish"),
        "deleted": lambda: delattr(model, "intercepts_"),
        "activation": lambda: model.set_params(activation=choose(rng, ["tanh", "relu", "nonsense"])),
        "hidden_layer_sizes": lambda: model.set_params(hidden_layer_sizes=choose(rng, [(3,), (9, 2), (40,)])),
        "solver": lambda: model.set_params(solver=choose(rng, ["adam", "sgd", "lbfgs"])),
        "random_state": lambda: model.set_params(random_state=np.random.RandomState(1)),
    }
    name = choose(rng, sorted(changes))
    changes[name]()
    return f"{name} (layer {k})"
