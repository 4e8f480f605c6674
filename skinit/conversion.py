"""Conversion of estimators to scikit-learn's and back, even in the middle of training."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from .engine.network import Network
from .estimators import MLPClassifier, MLPRegressor
from .initializers import ScikitLearn
from .label_columns import LabelColumns
from .training.loop import History
from .training.solvers import SGD, STOCHASTIC_SOLVERS, Adam

_CLASSES: dict[type, Any] = {
    MLPClassifier: neural_network.MLPClassifier,
    MLPRegressor: neural_network.MLPRegressor,
}
# Fitted attributes that have the same meaning in both packages.
_ATTRIBUTES = (
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "_label_binarizer",
    "coefs_",
    "intercepts_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "n_iter_",
    "t_",
    "_no_improvement_count",
    "_random_state",
)
# The values that scikit-learn accepts for parameters that accept more here.
_VALUES: dict[str, set[str]] = {
    "activation": {"identity", "logistic", "relu", "tanh"},
    "loss": {"poisson", "squared_error"},
    "solver": {"adam", "lbfgs", "sgd"},
    "learning_rate": {"adaptive", "constant", "invscaling"},
}
# Parameters that scikit-learn does not have, each with the value at which it has no effect.
_NEUTRAL: dict[str, Any] = {
    "init": "sklearn",
    "scoring": None,
    "average": False,
    "dropout": 0.0,
    "class_weight": None,
    "label_smoothing": 0.0,
}


def to_sklearn(estimator: MLPClassifier | MLPRegressor) -> neural_network.MLPClassifier | neural_network.MLPRegressor:
    """Convert an estimator to scikit-learn's class, with its parameters, weights and state of training.

    The result makes the same predictions. Its ``partial_fit``, and its `fit` with ``warm_start=True``, continue as
    `estimator` would. It can be loaded without skinit.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted or unfitted estimator. It is not changed, and shares no array with the result.

    Returns
    -------
    estimator : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor

    Raises
    ------
    TypeError
        If `estimator` is anything else, for example a pipeline.
    ValueError
        If scikit-learn lacks something that `estimator` uses. The message names each obstacle and its remedy.

    See Also
    --------
    from_sklearn : Converts in the other direction.

    Notes
    -----
    The result does not have `init`, so a new `fit` of it draws scikit-learn's initial weights. It also lacks parameters
    that had no effect (such as `weight_decay` with ``solver="adam"``), and attributes that scikit-learn does not keep:
    `validation_loss_curve_`, `best_iter_`, `learning_rate_init_`. If the state of the solver includes a schedule, an
    average or a dropout that has since been removed from the parameters, this state is dropped too, and training
    continues with a new solver.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier, to_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(
    ...     (5,), init="he", learning_rate_init=0.01, max_iter=100, random_state=0
    ... ).fit(X, y)
    >>> theirs = to_sklearn(network)
    >>> type(theirs)
    <class 'sklearn.neural_network._multilayer_perceptron.MLPClassifier'>
    >>> network.predict_proba(X[:1]).round(3)
    array([[0.916, 0.074, 0.011]])
    >>> theirs.predict_proba(X[:1]).round(3)
    array([[0.916, 0.074, 0.011]])
    """
    target = _target_class(estimator, _CLASSES, "to_sklearn takes", "skinit")
    obstacles = list(_obstacles(estimator))
    if obstacles:
        raise ValueError(f"scikit-learn's {target.__name__} lacks {'; '.join(obstacles)}.")
    names = target._get_param_names()
    parameters = {name: value for name, value in estimator.get_params(deep=False).items() if name in names}
    parameters["activation"] = _one_activation(estimator.activation)
    # Copied together, so that both keep sharing one random generator.
    parameters, attributes = deepcopy((parameters, _attributes_of(estimator)))
    theirs = target(**parameters)
    vars(theirs).update(attributes)
    if "coefs_" in attributes:
        network = estimator._own_network()
        theirs._best_coefs, theirs._best_intercepts = deepcopy((theirs.coefs_, theirs.intercepts_))
        optimizer = _their_optimizer(estimator, network)
        if optimizer is not None:
            theirs._optimizer = optimizer
    return theirs


def from_sklearn(
    estimator: neural_network.MLPClassifier | neural_network.MLPRegressor,
) -> MLPClassifier | MLPRegressor:
    """Convert an estimator of scikit-learn to skinit's class, with its parameters, weights and state of training.

    The result makes the same predictions. Its `partial_fit`, and its `fit` with ``warm_start=True``, continue as
    `estimator` would.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
        A fitted or unfitted estimator. It is not changed, and shares no array with the result.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        It has ``init="sklearn"``, and the default of each parameter that scikit-learn lacks.

    Raises
    ------
    TypeError
        If `estimator` is anything else, for example a pipeline.
    ValueError
        If `estimator` has a parameter that skinit does not have, or if its weights do not make a network.

    See Also
    --------
    to_sklearn : Converts in the other direction.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn import neural_network
    >>> from skinit import from_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = neural_network.MLPClassifier((5,), max_iter=20, random_state=0)
    >>> for _ in range(3):
    ...     theirs = theirs.partial_fit(X, y, classes=[0, 1, 2])
    >>> ours = from_sklearn(theirs).partial_fit(X, y)
    >>> np.round(ours.loss_curve_, 4).tolist()
    [3.2269, 3.1918, 3.1567, 3.1216]
    >>> np.round(theirs.partial_fit(X, y).loss_curve_, 4).tolist()
    [3.2269, 3.1918, 3.1567, 3.1216]
    """
    ours_of = {theirs: ours for ours, theirs in _CLASSES.items()}
    target = _target_class(estimator, ours_of, "from_sklearn takes", "scikit-learn")
    unknown = sorted(set(estimator.get_params(deep=False)) - set(target._get_param_names()))
    if unknown:
        raise ValueError(f"skinit's {target.__name__} lacks the parameter(s) {', '.join(unknown)} of {estimator!r}.")
    parameters, attributes = deepcopy((estimator.get_params(deep=False), _attributes_of(estimator)))
    ours = target(**parameters)
    if "coefs_" in attributes:
        vars(ours).update(attributes)
        ours.initializer_ = ScikitLearn()
        network = ours._own_network()
        vars(ours).update(network.as_attributes())
        if ours.solver in STOCHASTIC_SOLVERS:
            vars(ours).update(_own_history(ours))
            ours.learning_rate_init_ = float(ours.learning_rate_init)
        solver = _own_solver(vars(estimator).get("_optimizer"), network)
        if solver is not None:
            ours._optimizer = solver
            ours.learning_rate_init_ = float(estimator._optimizer.learning_rate_init)
    return ours


def _target_class(estimator, classes: dict[type, Any], takes: str, side: str) -> Any:
    for source, target in classes.items():
        if isinstance(estimator, source):
            return target
    is_class = isinstance(estimator, type)
    got = estimator if is_class else type(estimator)
    raise TypeError(
        f"{takes} an MLPClassifier or MLPRegressor of {side}, got {'the class ' if is_class else ''}{got.__name__} of "
        f"{got.__module__.partition('.')[0]}."
    )


def _obstacles(estimator) -> Iterator[str]:
    """Yield a message about each feature that scikit-learn lacks, with a remedy."""
    is_fitted = hasattr(estimator, "coefs_")
    parameters = estimator.get_params(deep=False) | {"activation": _one_activation(estimator.activation)}
    for name, taken in _VALUES.items():
        value = parameters.get(name, min(taken))
        if not (isinstance(value, str) and value in taken):
            advice = f"takes {', '.join(map(repr, sorted(taken)))}"
            is_of_predictions = name in ("activation", "loss")
            yield f"{name}={value!r} ({advice}{'; set one of them and fit again' if is_of_predictions else ''})"
    if parameters["learning_rate_init"] == "auto":
        found = getattr(estimator, "learning_rate_init_", None)
        yield f"learning_rate_init='auto' (set a number{f', such as {found:.3g}' if found else ''})"
    for name, neutral in _NEUTRAL.items():
        value = parameters.get(name, neutral)
        has_no_effect = (
            (name == "init" and (is_fitted or isinstance(value, ScikitLearn)))
            or (name == "scoring" and not estimator.early_stopping)
            or (name == "dropout" and not np.any(value))
        )
        if not has_no_effect and value != neutral:
            yield f"{name}={value!r} (set {name}={neutral!r})"
    if isinstance(vars(estimator).get("_label_binarizer"), LabelColumns):
        yield "labels in several columns (fit MultiOutputClassifier, and convert its estimator for each column)"
    if hasattr(estimator, "_skl_callbacks"):
        yield "callbacks (remove them with set_callbacks())"


def _one_activation(activation):
    """The activation of all hidden layers, if they share one."""
    if isinstance(activation, (list, tuple)) and len(set(map(str, activation))) == 1:
        return activation[0]
    return activation


def _attributes_of(estimator) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if name in _ATTRIBUTES}


def _parts(network: Network, vector: np.ndarray) -> list[np.ndarray]:
    """Views of a vector that has the layout of the parameters, in scikit-learn's order."""
    like = network.with_theta(vector)
    return [*like.coefs, *like.intercepts]


def _their_optimizer(estimator, network: Network):
    """scikit-learn's optimizer in the state of an estimator's solver, or None if scikit-learn has no such solver."""
    solver = vars(estimator).get("_optimizer")
    if type(solver) not in (SGD, Adam) or not solver.belongs_to(network):
        return None
    if solver.schedule is not None or solver.averaging is not None or solver.dropout.size:
        return None
    slots = [[part.copy() for part in _parts(network, slot)] for slot in solver.slots]
    constants = solver.constants.tolist()
    if isinstance(solver, SGD):
        momentum, nesterov = constants
        optimizer = SGDOptimizer(
            slots[0], solver.learning_rate_init, solver.decay, momentum, bool(nesterov), solver.power_t
        )
        optimizer.learning_rate, optimizer.velocities = solver.learning_rate, slots[0]
    else:
        optimizer = AdamOptimizer(slots[0], solver.learning_rate, *constants)
        optimizer.t, (optimizer.ms, optimizer.vs) = int(solver.n_steps[0]), slots
    return optimizer


def _own_solver(optimizer, network: Network) -> SGD | Adam | None:
    """The solver in the state of scikit-learn's optimizer, or None if there is no optimizer that fits the network."""
    solver: Any
    if isinstance(optimizer, SGDOptimizer):
        solver = SGD(
            network,
            learning_rate_init=optimizer.learning_rate_init,
            learning_rate=optimizer.lr_schedule,
            power_t=optimizer.power_t,
            momentum=optimizer.momentum,
            nesterovs_momentum=optimizer.nesterov,
        )
        solver.learning_rate, slots = float(optimizer.learning_rate), [optimizer.velocities]
    elif isinstance(optimizer, AdamOptimizer):
        constants = {name: getattr(optimizer, name) for name in ("learning_rate_init", "beta_1", "beta_2", "epsilon")}
        solver = Adam(network, **constants)
        solver.n_steps[0], slots = optimizer.t, [optimizer.ms, optimizer.vs]
    else:
        return None
    for own, theirs in zip(solver.slots, slots, strict=True):
        parts = _parts(network, own)
        if [part.shape for part in parts] != [np.shape(values) for values in theirs]:
            return None
        for part, values in zip(parts, theirs, strict=True):
            part[...] = values
    return solver


def _own_history(ours) -> dict[str, Any]:
    """The history of training by scikit-learn, which records no validation losses."""
    history = History.of(ours)
    history.n_iter_ = ours.n_iter_
    history.validation_loss_curve_ = [np.nan] * len(history.validation_scores_)
    scores = history.validation_scores_[len(history.validation_scores_) - history.n_iter_ :]
    if history.best_validation_score_ in scores:
        history.best_iter_ = scores.index(history.best_validation_score_) + 1
    return history.attributes(ours.early_stopping)
