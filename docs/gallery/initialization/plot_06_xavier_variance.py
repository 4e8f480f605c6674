r"""
Xavier's scheme: does the variance stay constant?
=================================================

The lecture notes (section III, *What is Proper Initialization?*) give two rules of thumb and a scheme that follows
them: weights from :math:`N(0, 1 / n^{[l-1]})`, called Xavier initialization, and zero biases. They make two claims:

1. With this scheme, the mean of the activations is zero and their variance stays constant across layers.
2. With consistent mean and variance, gradients neither explode nor vanish.

The scheme that the notes call Xavier is ``init="lecun_normal"`` in skinit (Y. LeCun et al., 1998). Xavier Glorot's
scheme has the variance :math:`2 / (n^{[l-1]} + n^{[l]})`, which is the same between layers of equal width, as here.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from skinit import MLPRegressor
from skinit.initializers import VarianceScaling

SEEDS = range(5)
N_LAYERS, WIDTH = 50, 200
FUNCTIONS = {
    "identity": (lambda u: u, np.ones_like),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float)),
    "logistic": (expit, lambda u: expit(u) * expit(-u)),
}


def propagate(activation, init, seed):
    """Mean and variance of each layer's activations, and variance of its deltas.

    The deltas are sent back from the last layer.
    """
    f, slope = FUNCTIONS[activation]
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(100, WIDTH))
    network = MLPRegressor(
        hidden_layer_sizes=(WIDTH,) * N_LAYERS,
        activation=activation,
        init=init,
        random_state=seed,
    )
    coefs = network.initialize(X, X[:, 0]).coefs_[:-1]
    activations, slopes = [X], []
    for coef in coefs:
        preactivations = activations[-1] @ coef
        activations.append(f(preactivations))
        slopes.append(slope(preactivations))
    deltas = [rng.normal(size=X.shape) * slopes[-1]]
    for coef, layer_slopes in zip(coefs[:0:-1], slopes[-2::-1], strict=True):
        deltas.append(deltas[-1] @ coef.T * layer_slopes)
    return np.array(
        [
            [a.mean(), a.var(), d.var()]
            for a, d in zip(activations[1:], deltas[::-1], strict=True)
        ]
    ).T


# %%
# Activations under the notes' Xavier
# -----------------------------------
#
# The inputs have variance 1, and there are 50 layers of 200 units. For tanh theory predicts the variance: :math:`q_l
# = E[\tanh(\sqrt{q_{l-1}} \, z)^2]` with a normal `z`, which approaches :math:`1 / (2 l)` for many layers. Deltas are
# the slopes of the loss with respect to preactivations. The last column is their variance in the first layer divided by
# their variance in the last layer.

cases = {name: (name, "lecun_normal") for name in FUNCTIONS} | {
    "tanh, gain 5": ("tanh", VarianceScaling(25))
}
measured = {
    case: np.array([propagate(*arguments, seed) for seed in SEEDS])
    for case, arguments in cases.items()
}

z = np.linspace(-10, 10, 20_001)
density = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
predicted = [1.0]
for _ in range(N_LAYERS):
    predicted.append(density @ np.tanh(np.sqrt(predicted[-1]) * z) ** 2)
predicted = np.array(predicted[1:])

print(
    f"{'':12}{'mean of layer 50':>18}{'variance: layer 1':>18}{'layer 50':>17}"
    f"{'deltas: 1 / 50':>17}"
)
ratio = {}
for case, (mean, variance, deltas) in (
    (case, values.transpose(1, 0, 2)) for case, values in measured.items()
):
    ratio[case] = deltas[:, 0] / deltas[:, -1]
    cells = [
        (mean[:, -1], 18),
        (variance[:, 0], 18),
        (variance[:, -1], 17),
        (ratio[case], 17),
    ]
    print(
        f"{case:12}"
        + "".join(f"{f'{v.mean():.2g} ± {v.std():.1g}':>{width}}" for v, width in cells)
    )
print(
    f"tanh, variance predicted: layer 1 {predicted[0]:.2g}, layer 50 "
    f"{predicted[-1]:.2g}, and 1 / (2 l) = {1 / 100}"
)

final = {case: values[:, :, -1].mean(axis=0) for case, values in measured.items()}
assert abs(final["identity"][1] - 1) < 0.3
assert abs(final["identity"][0]) < 0.01
assert abs(final["tanh"][0]) < 0.01
assert np.allclose(measured["tanh"][:, 1].mean(axis=0), predicted, rtol=0.15), (
    "tanh's variance fades as predicted"
)
assert final["relu"][1] < 1e-10, "relu's variance is halved by every layer"
assert abs(final["logistic"][0] - 0.5) < 0.05, (
    "the logistic function's mean is 1/2, never 0"
)
assert abs(final["tanh, gain 5"][0]) < 0.01
assert (
    abs(final["tanh, gain 5"][1] / measured["tanh, gain 5"][:, 1, 1].mean() - 1) < 0.02
)
assert ratio["tanh, gain 5"].min() > 1e15, "mean zero, variance constant: and exploding"

# %%
# The last row is a network that follows both rules exactly: its activations have mean zero and the same variance from
# the second layer to the last. Its gradients explode. The rules look at activations only, and slopes multiply the
# deltas on the way back.

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
)
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
layers = np.arange(1, N_LAYERS + 1)
for (case, values), marker in zip(measured.items(), "os^Dv", strict=True):
    values = values.copy()
    values[:, 2] /= values[:, 2, -1:]
    for ax, curves in zip(axes, values.transpose(1, 0, 2), strict=True):
        ax.fill_between(layers, curves.min(axis=0), curves.max(axis=0), alpha=0.3)
        ax.plot(layers, curves.mean(axis=0), marker=marker, markevery=7, label=case)
axes[1].plot(layers, predicted, "k--", label="tanh, predicted")
axes[0].set(ylabel="mean of activations", title="Mean")
axes[1].set(
    ylabel="variance of activations", yscale="log", ylim=(1e-4, 3), title="Variance"
)
axes[2].set(
    ylabel="variance of deltas / variance in the last layer",
    yscale="log",
    ylim=(1e-25, 1e25),
    title="Deltas, backward",
)
for ax in axes:
    ax.set_xlabel("layer")
axes[1].legend(fontsize="small", loc="lower right")
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds under these conditions
#
#    *The activation is the identity, or odd and nearly the identity.* For tanh the mean is zero. Its variance is not
#    constant, but fades slowly, like one over twice the number of layers. With too small weights it fades
#    exponentially. For relu the variance is halved in every layer, and the logistic function's mean is 1/2.
#
# .. admonition:: Verdict on claim 2: does not hold
#
#    A tanh network with a gain of 5 has zero mean, constant variance, and exploding gradients. The rules leave out
#    that slopes must be near 1, so activations must be small.
