r"""
Equation (5): a layer's input as a product of Jacobians
=======================================================

The second half of Theorem 1 of M. Skorski, "Revisiting initialization of neural networks", also writes the input of
layer `k` as Jacobians times the network's input, "up to quadratic terms" in the activations:

.. math:: v = B A g z^{(k)} \approx J^{(n-1)} \cdots J^{(k+1)} \, A \, g \, J^{(k-1)} \cdots J^{(0)} \, z^{(0)} .

The factors on the left of :math:`A` are the chain rule and exact. The factors on the right replace every layer by its
linear part, :math:`f(u) \approx f'(u) \, u`. The network is 64-30-30-30-30-10 on the digits, and `k` is the last
hidden layer.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_digits

from skinit import MLPClassifier

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
LAYER, N_SEEDS = 3, 10
ACTIVATIONS = {
    "relu": (lambda u: np.maximum(u, 0), lambda u: u > 0, "#0072B2", "o"),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2, "#D55E00", "^"),
    "logistic": (expit, lambda u: expit(u) * expit(-u), "#009E73", "s"),
}


def relative_error(network, rng):
    """Difference between both sides of (5), relative to the left one.

    The change g of the layer's weights is random.
    """
    value, slope, *_ = ACTIVATIONS[network.activation]
    last = len(network.coefs_) - 1
    z, v = X, np.array([X, X])
    for j, (w, b) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        u = z @ w + b
        if j == LAYER:
            v[0] = z
            w = rng.normal(size=w.shape)
        v = v @ w * (slope(u) if j < last else 1)
        z = value(u)
    return np.linalg.norm(v[0] - v[1]) / np.linalg.norm(v[0])


def error_at(activation, weight_scale, intercept_deviation, seed):
    rng = np.random.default_rng(seed)
    network = MLPClassifier(
        (30,) * 4, activation, init="xavier", random_state=seed
    ).initialize(X, y)
    for w, b in zip(network.coefs_, network.intercepts_, strict=True):
        w *= weight_scale
        b[...] = rng.normal(0, intercept_deviation, b.size)
    return relative_error(network, rng)


# %%
# Small weights, and intercepts
# -----------------------------

scales, deviations = 2.0 ** -np.arange(7), np.linspace(0, 0.2, 6)
small_weights = {
    activation: np.array(
        [[error_at(activation, c, 0, seed) for c in scales] for seed in range(N_SEEDS)]
    )
    for activation in ACTIVATIONS
}
intercepts = {
    activation: np.array(
        [
            [error_at(activation, 1, d, seed) for d in deviations]
            for seed in range(N_SEEDS)
        ]
    )
    for activation in ACTIVATIONS
}
order = np.polyfit(np.log(scales[2:]), np.log(small_weights["tanh"][:, 2:].T), 1)[0]
print(f"relative error, mean ± standard deviation over {N_SEEDS} seeds")
for activation, values in small_weights.items():
    for c in (0, -1):
        print(
            f"   {activation:9}weights times {scales[c]:<9g}{values[:, c].mean():.4f} "
            f"± {values[:, c].std(ddof=1):.4f}"
        )
print(
    f"tanh: falls with the weights to the power of {order.mean():.2f} ± "
    f"{order.std(ddof=1):.2f}"
)

fig, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), sharey=True, layout="constrained"
)
for activation, (_, _, color, marker) in ACTIVATIONS.items():
    for ax, x, errors in (
        (left, scales, small_weights[activation]),
        (right, deviations, intercepts[activation]),
    ):
        ax.errorbar(
            x,
            errors.mean(axis=0),
            errors.std(axis=0, ddof=1),
            color=color,
            marker=marker,
            label=activation,
            capsize=3,
        )
left.set(
    xscale="log",
    xlabel="scale of the weights, no intercepts",
    ylabel="relative error of (5)",
)
right.set(xlabel="standard deviation of intercepts, weights as drawn")
right.legend(title=f"mean and deviation, {N_SEEDS} seeds")
plt.show()

# %%
# .. admonition:: Verdict: holds under these conditions: f(0) = 0 and no intercepts
#
#    For relu without intercepts (5) is exact. For tanh its relative error falls with the square of the weights. With
#    weights of the usual size the error is most of the vector. Equation (5) ignores intercepts, so with intercepts it
#    is not exact for relu either. For the logistic function it fails for weights of any size, because :math:`f(0) =
#    1/2`: the product of Jacobians is small, and the activations are not.

assert small_weights["relu"].max() < 1e-12
np.testing.assert_allclose(order, 2, atol=0.1)
assert small_weights["tanh"][:, 0].min() > 0.5
assert intercepts["relu"][:, -1].min() > 0.1
assert small_weights["logistic"].min() > 0.9
