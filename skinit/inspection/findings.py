"""The rules that find out what is wrong with a network, from measurements of each layer.

Each rule has a name, a condition that selects layers, a sentence with the numbers, and advice. To add a rule, add an
entry to `RULES`. The thresholds are chosen so that networks of up to six hidden layers have no findings if their
initialization is good, and few deeper networks have one. Tests check this, and they check that each rule finds its
fault in a network that has the fault.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..kernels.activations import evaluate
from .advice import phrase
from .words import describe_activations, describe_layers, describe_number, up_to

if TYPE_CHECKING:
    from .signals import SignalPropagation

# Standardized features and targets have a root mean square of 1. Above 30, the curvature is a thousand times larger
# than initializers and usual learning rates expect. Pixels from 0 to 16 are below the threshold, pixels from 0 to 255
# above it.
UNSCALED = 30
# A few constant features, such as the margins of pictures, do no harm. If half of them are constant, the table is
# probably wrong.
CONSTANT_FEATURES = 0.5
# Below this fraction of the input's variation over rows, later weights would have to grow more than a thousandfold.
VANISHED_SIGNAL = 1e-3
# Above this multiple of the input's variation over rows, later weights would have to shrink more than a thousandfold.
EXPLODED_SIGNAL = 1e3
# Below this fraction of the output layer's gradient, a learning rate that suits the output layer is far too small.
VANISHED_GRADIENT = 1e-3
# Above this multiple of the output layer's gradient, a learning rate that suits the output layer is far too large.
EXPLODED_GRADIENT = 1e3
# If the gradient is below this fraction of the weights, a million steps of 0.01 change them by less than a tenth.
TINY_GRADIENT = 1e-5
# If the gradient is above this multiple of the weights, one step of 0.01 changes them by more than their size.
HUGE_GRADIENT = 100
# A network has learned something if its loss is at least this fraction below the loss of its mean output for every row.
LEARNED = 0.01
# Above this fraction of saturated outputs, a bounded activation blocks most of the backpropagated gradient.
SATURATED_OUTPUTS = 0.5
# In a deep relu network, rows become similar with depth, so half of the units may be off on every row, and it still
# trains. A fraction above four fifths is unlikely by chance.
DEAD_UNITS = 0.8
# If less than this fraction of the live units are distinct, units are copies of each other. Independently drawn units
# are all distinct.
DISTINCT_UNITS = 0.5
# Ratio of the norms of two layers' Hessians. A learning rate that suits the steepest layer is too small for the
# flattest by this factor.
UNEVEN_CURVATURE = 1e4
# Gradient descent diverges if the learning rate is above 2 / norm, which is 0.01 for this norm.
LARGE_CURVATURE = 200


@dataclass(frozen=True)
class Finding:
    """A fault that keeps a network from training. `str` turns it into a sentence.

    Parameters
    ----------
    name : str
        The name of the fault, for example "vanishing_gradients".
    layers : tuple of int
        The affected layers, counted from 0.
    evidence : str
        The measurement that shows the fault, as the beginning of a sentence.
    advice : str
        A remedy to try, as the end of a sentence.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import signal_propagation
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10, 10), init="zero").initialize(X, y)
    >>> finding = signal_propagation(network, X, y).findings[0]
    >>> finding.name, finding.layers
    ('zero_weights', (0, 1))
    >>> print(finding)
    The weights of layers 0 and 1 are all zero: zero weights; draw them at random: init='auto'.
    """

    name: str
    layers: tuple[int, ...]
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.evidence}: {self.name.replace('_', ' ')}; {self.advice}."


@dataclass(frozen=True, eq=False)
class DataSummary:
    """Measurements of the data that rules use besides the measurements of layers.

    Parameters
    ----------
    feature_variance, feature_root_mean_square : ndarray of shape (n_features,)
    target_root_mean_square : float
        The largest root mean square of an output's targets. NaN for a classifier.
    explained : float
        The fraction by which the loss is lower than with the network's mean output for every row.
    """

    feature_variance: np.ndarray
    feature_root_mean_square: np.ndarray
    target_root_mean_square: float
    explained: float


class Rule(NamedTuple):
    """An entry of `RULES`.

    `condition` and `evidence` take the measurements. `evidence` also takes the layers for which the condition holds.
    The advice is a template for `advice.phrase`.
    """

    name: str
    condition: Callable[["SignalPropagation", DataSummary], np.ndarray]
    evidence: Callable[["SignalPropagation", DataSummary, np.ndarray], str]
    advice: str


def find(signals: "SignalPropagation", data: DataSummary) -> tuple[Finding, ...]:
    """The findings of all rules, in their order.

    Parameters
    ----------
    signals : SignalPropagation
    data : DataSummary

    Returns
    -------
    findings : tuple of Finding
    """
    findings = []
    for rule in RULES:
        layers = np.flatnonzero(rule.condition(signals, data))
        if layers.size:
            evidence = rule.evidence(signals, data, layers)
            advice = phrase(rule.advice, signals.activations)
            findings.append(Finding(rule.name, tuple(layers.tolist()), evidence, advice))
    return tuple(findings)


def _is_hidden(signals) -> np.ndarray:
    return np.arange(len(signals.n_units)) < len(signals.n_units) - 1


def _signal(signals, data) -> np.ndarray:
    """The standard deviation over rows of each layer's outputs, relative to the input."""
    variance = data.feature_variance.mean()
    # If the input is constant, there is no signal to lose.
    return np.sqrt(signals.row_variance / variance) if variance > 0 else np.ones(len(signals.n_units))


def _relative_gradient(signals) -> np.ndarray:
    return signals.gradient_norm / signals.gradient_norm[-1]


def _is_constant(data) -> np.ndarray:
    # Standard deviations below this fraction are rounding errors of the means.
    return np.sqrt(data.feature_variance) <= 1e-6 * data.feature_root_mean_square


def _is_bounded(signals) -> np.ndarray:
    """Whether the activation of each layer is flat on both sides."""
    slopes = [evaluate(activation, np.array([-1e3, 1e3]))[1] for activation in signals.activations]
    return np.array([*((np.abs(each) < 1e-3).all() for each in slopes), False])


# Conditions. Findings about features are assigned to the first layer, findings about targets to the last layer.


def _has_constant_features(signals, data):
    return (np.arange(len(signals.n_units)) == 0) & (_is_constant(data).mean() >= CONSTANT_FEATURES)


def _has_unscaled_features(signals, data):
    return (np.arange(len(signals.n_units)) == 0) & (data.feature_root_mean_square > UNSCALED).any()


def _has_unscaled_targets(signals, data):
    return ~_is_hidden(signals) & (data.target_root_mean_square > UNSCALED)


def _is_not_finite(signals, data):
    return ~np.isfinite([getattr(signals, name) for name in MEANT_TO_BE_FINITE]).all(axis=0)


def _has_zero_weights(signals, data):
    # An output layer may start from zero. Its first step is not zero, and then all other layers learn.
    return _is_hidden(signals) & (signals.weight_norm == 0)


def _has_symmetric_units(signals, data):
    n_alive = signals.n_units * (1 - np.nan_to_num(signals.dead))
    return _is_hidden(signals) & (n_alive > 1) & (signals.distinct_units <= DISTINCT_UNITS * n_alive)


def _has_dead_units(signals, data):
    # Dead units of bounded activations are saturated on every row, so the rule for saturated units covers them.
    return (signals.dead > DEAD_UNITS) & ~_is_bounded(signals)


def _is_saturated(signals, data):
    return (signals.saturated > SATURATED_OUTPUTS) & _is_bounded(signals)


def _loses_the_signal(signals, data):
    is_behind_zero_weights = np.logical_or.accumulate(signals.weight_norm == 0)
    return _is_hidden(signals) & (_signal(signals, data) < VANISHED_SIGNAL) & ~is_behind_zero_weights


def _blows_up_the_signal(signals, data):
    # The output layer may have large outputs. A perfect classifier has them.
    return _is_hidden(signals) & (_signal(signals, data) > EXPLODED_SIGNAL)


def _has_no_gradient(signals, data):
    waits_for_the_output_layer = (signals.weight_norm[:-1] > 0).all() and signals.weight_norm[-1] == 0
    return (signals.gradient_norm == 0) & ~(_is_hidden(signals) & waits_for_the_output_layer)


def _has_a_vanishing_gradient(signals, data):
    return (signals.gradient_norm > 0) & (_relative_gradient(signals) < VANISHED_GRADIENT)


def _has_an_exploding_gradient(signals, data):
    return _relative_gradient(signals) > EXPLODED_GRADIENT


def _has_a_tiny_gradient(signals, data):
    is_tiny = signals.gradient_to_weight < TINY_GRADIENT
    return is_tiny & is_tiny.all() & (signals.gradient_norm > 0) & (data.explained < LEARNED)


def _has_a_huge_gradient(signals, data):
    return np.isfinite(signals.gradient_to_weight) & (signals.gradient_to_weight > HUGE_GRADIENT)


def _is_steeper_than_others(signals, data):
    norms = signals.hessian_norm
    return norms > UNEVEN_CURVATURE * norms[norms > 0].min(initial=np.inf)


def _is_steep(signals, data):
    return signals.hessian_norm > LARGE_CURVATURE


# Evidence, as beginnings of sentences.

# Measurements that should be finite, with their names in sentences.
MEANT_TO_BE_FINITE = {
    "weight_norm": "the weights",
    "activation_variance": "the outputs",
    "delta_variance": "the deltas",
    "gradient_norm": "the gradient",
    "hessian_norm": "the Hessian",
}


def _say_unscaled(signals, data, layers):
    sizes = data.feature_root_mean_square
    return (
        f"{(sizes > UNSCALED).sum()} of {sizes.size} features have a root mean square above {UNSCALED}, "
        f"up to {describe_number(sizes.max())} in feature {sizes.argmax()}"
    )


def _say_not_finite(signals, data, layers):
    names = [name for key, name in MEANT_TO_BE_FINITE.items() if not np.isfinite(getattr(signals, key)).all()]
    *others, last = names
    verb = "are" if others or last.endswith("s") else "is"
    return (
        f"In {describe_layers(layers)}, {', '.join(others)}{' and ' if others else ''}{last} {verb} infinite or "
        "undefined"
    )


def _say_symmetric(signals, data, layers):
    fewest = layers[np.argmin(signals.distinct_units[layers] / signals.n_units[layers])]
    return (
        f"As few as {signals.distinct_units[fewest]} of {signals.n_units[fewest]} units of {describe_layers(layers)} "
        "are distinct"
    )


def _say_lost(signals, data, layers):
    factor = up_to(layers, 1 / _signal(signals, data)[layers].min())
    return f"The outputs of {describe_layers(layers)} vary from row to row {factor} times less than the input"


def _say_uneven(signals, data, layers):
    norms = signals.hessian_norm
    flattest = np.flatnonzero(norms == norms[norms > 0].min())[0]
    factor = up_to(layers, norms[layers].max() / norms[flattest])
    return f"The Hessian of {describe_layers(layers)} is {factor} times as large as that of layer {flattest}"


def _say_steep(signals, data, layers):
    norm = signals.hessian_norm[layers].max()
    return (
        f"The Hessian of {describe_layers(layers)} has a norm of {up_to(layers, norm)}, at which gradient "
        f"descent diverges with learning rates above {describe_number(2 / norm)}"
    )


RULES = (
    Rule(
        "constant_features",
        _has_constant_features,
        lambda signals, data, layers: f"{_is_constant(data).sum()} of {_is_constant(data).size} features are constant",
        "check the table, because little can be learned from it",
    ),
    Rule("unscaled_features", _has_unscaled_features, _say_unscaled, "scale X (StandardScaler)"),
    Rule(
        "unscaled_targets",
        _has_unscaled_targets,
        lambda signals, data, layers: (
            f"The targets have a root mean square of {describe_number(data.target_root_mean_square)}"
        ),
        "scale y (TransformedTargetRegressor)",
    ),
    Rule(
        "not_finite",
        _is_not_finite,
        _say_not_finite,
        "scale the data and try {better_init}, or a smaller learning rate if this happened during training",
    ),
    Rule(
        "zero_weights",
        _has_zero_weights,
        lambda signals, data, layers: f"The weights of {describe_layers(layers)} are all zero",
        "draw them at random: {init:auto}",
    ),
    Rule("symmetric_units", _has_symmetric_units, _say_symmetric, "draw weights at random: {init:auto}"),
    Rule(
        "dead_units",
        _has_dead_units,
        lambda signals, data, layers: (
            f"Up to {signals.dead[layers].max():.0%} of the units of {describe_layers(layers)} have no slope on any row"
        ),
        "try {better_init}, {activation:leaky_relu}, or a smaller learning rate if this happened during training",
    ),
    Rule(
        "saturated_units",
        _is_saturated,
        lambda signals, data, layers: (
            f"Up to {signals.saturated[layers].max():.0%} of the outputs of {describe_layers(layers)} are on the flat "
            f"parts of {describe_activations([signals.activations[k] for k in layers])}"
        ),
        "try smaller weights, {init:orthogonal|xavier}{and_scale}",
    ),
    Rule("vanishing_activations", _loses_the_signal, _say_lost, "try {better_init}"),
    Rule(
        "exploding_activations",
        _blows_up_the_signal,
        lambda signals, data, layers: (
            f"The outputs of {describe_layers(layers)} vary from row to row "
            f"{up_to(layers, _signal(signals, data)[layers].max())} times more than the input"
        ),
        "try smaller weights, {better_init}",
    ),
    Rule(
        "no_gradient",
        _has_no_gradient,
        lambda signals, data, layers: f"The gradient of {describe_layers(layers)} is zero",
        "no step will move these weights: try {better_init}",
    ),
    Rule(
        "vanishing_gradients",
        _has_a_vanishing_gradient,
        lambda signals, data, layers: (
            f"The gradient of {describe_layers(layers)} is "
            f"{up_to(layers, 1 / _relative_gradient(signals)[layers].min())} times smaller than that of the output "
            "layer"
        ),
        "try {better_init}",
    ),
    Rule(
        "exploding_gradients",
        _has_an_exploding_gradient,
        lambda signals, data, layers: (
            f"The gradient of {describe_layers(layers)} is "
            f"{up_to(layers, _relative_gradient(signals)[layers].max())} times larger than that of the output layer"
        ),
        "try {better_init}",
    ),
    Rule(
        "tiny_gradients",
        _has_a_tiny_gradient,
        lambda signals, data, layers: (
            f"Nothing is learned, and in every layer the gradient is less than "
            f"{describe_number(signals.gradient_to_weight.max())} times the weights"
        ),
        "try {better_init}, or {learning_rate_init:auto}",
    ),
    Rule(
        "huge_gradients",
        _has_a_huge_gradient,
        lambda signals, data, layers: (
            f"The gradient of {describe_layers(layers)} is "
            f"{up_to(layers, signals.gradient_to_weight[layers].max())} times as large as the weights"
        ),
        "try {better_init}, or {learning_rate_init:auto}",
    ),
    Rule("uneven_curvature", _is_steeper_than_others, _say_uneven, "try {better_init}"),
    Rule("large_curvature", _is_steep, _say_steep, "try {better_init}, or {learning_rate_init:auto}"),
)

NOTHING_FOUND = "Nothing found: signals and gradients pass through all layers, and no curvature is extreme."
