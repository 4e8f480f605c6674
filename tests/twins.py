"""Plain NumPy twins of the kernels, in float64, for several test modules."""

import numpy as np
import scipy.special

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717

ACTIVATIONS = {
    "identity": lambda u: u,
    "logistic": scipy.special.expit,
    "tanh": np.tanh,
    "relu": lambda u: np.where(u > 0, u, 0),
    "leaky_relu": lambda u: np.where(u > 0, u, u / 100),
    "elu": lambda u: np.where(u > 0, u, np.expm1(np.minimum(u, 0))),
    "selu": lambda u: SELU_SCALE * np.where(u > 0, u, SELU_ALPHA * np.expm1(np.minimum(u, 0))),
    "softplus": lambda u: np.logaddexp(0, u),
    "softsign": lambda u: u / (1 + np.abs(u)),
    "silu": lambda u: u * scipy.special.expit(u),
    "gelu": lambda u: u * scipy.special.ndtr(u),
}
# The other activations have a kink at zero, or a kink in their slope.
SMOOTH = ("identity", "logistic", "tanh", "softplus", "silu", "gelu")
LOSSES = ("squared_error", "poisson", "log_loss", "binary_log_loss")


def propagate(network, X):
    """Return the preactivations of all layers."""
    activations = np.asarray(X, dtype=np.float64)
    preactivations = []
    # The tests name their own activations after the built-in ones that they equal.
    names = [*map(str, network.activations), "identity"]
    for coef, intercept, name in zip(network.coefs, network.intercepts, names, strict=True):
        preactivations.append(activations @ coef.astype(np.float64) + intercept.astype(np.float64))
        activations = ACTIVATIONS[name](preactivations[-1])
    return preactivations


def compute_losses(name, preactivations, targets):
    """Return each row's loss, its derivatives by preactivations, and the magnitude of the terms of its loss."""
    u, y = preactivations.astype(np.float64), targets.astype(np.float64)
    if name == "log_loss":
        y = np.eye(u.shape[1])[y[:, 0].astype(int)]
        losses = scipy.special.logsumexp(u, axis=1, keepdims=True) - (u * y).sum(axis=1, keepdims=True)
        slopes = scipy.special.softmax(u, axis=1) - y
        magnitudes = losses + u.shape[1]
    elif name == "binary_log_loss":
        losses = np.logaddexp(0, np.where(y > 0, -u, u))
        slopes = scipy.special.expit(u) - y
        magnitudes = losses
    elif name == "poisson":
        losses = np.exp(u) - y + scipy.special.xlogy(y, y) - y * u
        slopes = np.exp(u) - y
        magnitudes = np.exp(u) + y * (1 + np.abs(u)) + np.abs(scipy.special.xlogy(y, y))
    else:
        losses = (u - y) ** 2 / 2
        slopes = u - y
        magnitudes = losses
    return losses.sum(axis=1), slopes, magnitudes.sum(axis=1)


def draw_targets(name, shape, rng):
    """Draw targets in the form that the loss kernels take. About half of the counts are zero."""
    return {
        "squared_error": lambda: rng.normal(size=shape),
        "poisson": lambda: rng.poisson(0.7, shape).astype(float),
        "log_loss": lambda: rng.integers(shape[1], size=(shape[0], 1)).astype(float),
        "binary_log_loss": lambda: rng.integers(2, size=shape).astype(float),
    }[name]()
