r"""
Xavier's derivation: the four assumptions
=========================================

The lecture notes (section IV, *Mathematical Justification for Xavier Initialization*) derive the scheme from one
layer to the next. The derivation has four assumptions, and the next page tests its conclusions:

1. Activations are normal, around zero.
2. :math:`\tanh(z) \approx z`.
3. :math:`\mathrm{Var}(z_k) = \sum_j \mathrm{Var}(w_{kj}) \, \mathrm{Var}(a_j)`.
4. Weights are independent of the layer's input.

The sum in assumption 3 is a simplification. For independent `w` and `a`, and `w` with mean zero,

.. math:: \mathrm{Var}(w a) = \mathrm{Var}(w) \, E[a^2] = \mathrm{Var}(w) \left( \mathrm{Var}(a) + E[a]^2 \right).
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from scipy.stats import kurtosis
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
SEEDS = range(5)
FUNCTIONS = {"tanh": np.tanh, "relu": lambda u: np.maximum(u, 0), "logistic": expit}
X, y = load_digits(return_X_y=True)
X, y = StandardScaler().fit_transform(X)[:900], y[:900]


def layers_of(network, X):
    """Inputs, weights and preactivations of the hidden layers."""
    for coef, intercept in zip(
        network.coefs_[:-1], network.intercepts_[:-1], strict=True
    ):
        preactivations = X @ coef + intercept
        yield X, coef, preactivations
        X = FUNCTIONS[network.activation](preactivations)


def show(name, values):
    print(f"{name:58}{np.mean(values):8.3f} ± {np.std(values):.3f}")


def initialized(activation, seed):
    return MLPClassifier(
        (200,) * 3, activation, init="lecun_normal", random_state=seed
    ).initialize(X, y)


# %%
# Assumptions 1 and 2: normal activations around zero, and tanh like the identity
# -------------------------------------------------------------------------------
#
# The network has three hidden layers and the data are digits. Excess kurtosis is 0 for a normal distribution, and
# -1.2 for a uniform one.

networks = {
    activation: [initialized(activation, seed) for seed in SEEDS]
    for activation in FUNCTIONS
}
center, tails = {}, {}
for activation in FUNCTIONS:
    inputs = [list(layers_of(network, X))[2][0] for network in networks[activation]]
    center[activation] = np.array([abs(a.mean()) / a.std() for a in inputs])
    tails[activation] = np.array([kurtosis(a, axis=None) for a in inputs])
    show(
        f"{activation}, layer 2: |mean| / deviation of activations", center[activation]
    )
    show(f"{activation}, layer 2: excess kurtosis of activations", tails[activation])
assert center["tanh"].max() < 0.05
assert center["relu"].min() > 0.3
assert center["logistic"].min() > 1
assert tails["tanh"].max() < -0.5, (
    "nearer to a uniform distribution than to a normal one"
)

# %%
# This is the error of :math:`\tanh(z) \approx z`, for normal `z` with the standard deviation `s`. For small `s` it is
# :math:`5 s^4 / 3`.

z = np.random.RandomState(0).normal(size=1_000_000)
deviations = np.array([0.1, 0.2, 0.5, 1.0])
errors = np.array([np.mean((np.tanh(s * z) - s * z) ** 2) / s**2 for s in deviations])
for s, error in zip(deviations, errors, strict=True):
    print(
        f"deviation {s}: relative mean square error {error:.2g}, 5 s^4 / 3 = "
        f"{5 / 3 * s**4:.2g}"
    )
assert errors[0] < 1e-3
assert errors[-1] > 0.05

# %%
# Assumptions 3 and 4: the variance of a sum of products
# ------------------------------------------------------
#
# The table shows the measured variance of preactivations, divided by the sum in the notes and by the sum with
# :math:`E[a^2]`. The networks are untrained, and trained for 20 epochs, because the derivation does not say that it
# is for untrained networks only.


def ratios(network):
    """Measured mean square of the third layer's preactivations, over both sums."""
    activations, coef, preactivations = list(layers_of(network, X))[2]
    square = np.mean((preactivations - network.intercepts_[2]) ** 2)
    fan_in = len(coef)
    return square / (fan_in * coef.var() * activations.var()), square / (
        fan_in * coef.var() * np.mean(activations**2)
    )


before, after = {}, {}
for activation in FUNCTIONS:
    before[activation] = np.array([ratios(network) for network in networks[activation]])
    after[activation] = np.array(
        [
            ratios(network.set_params(max_iter=20).fit(X, y))
            for network in networks[activation]
        ]
    )
    show(f"{activation}: Var(z) / sum of Var(w) Var(a)", before[activation][:, 0])
    show(f"{activation}: Var(z) / sum of Var(w) E[a^2]", before[activation][:, 1])
    show(f"{activation}: the latter, trained", after[activation][:, 1])
assert np.abs(before["tanh"].mean(axis=0) - 1).max() < 0.1
assert all(abs(before[activation][:, 1].mean() - 1) < 0.15 for activation in FUNCTIONS)
assert before["relu"][:, 0].min() > 1.2
assert before["logistic"][:, 0].min() > 5
assert all(after[activation][:, 1].min() > 2 for activation in FUNCTIONS), (
    "training makes weights and inputs dependent"
)

# %%

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
left.loglog(deviations, errors, "o", label="measured")
left.loglog(deviations, 5 / 3 * deviations**4, "k--", label="$5 s^4 / 3$")
left.set(
    xlabel="deviation s of the preactivations",
    ylabel="relative mean square error",
    title="Assumption 2: tanh(z) ≈ z",
)
left.legend()

positions = np.arange(len(FUNCTIONS))
series = {
    "Var(w) Var(a)": [b[:, 0] for b in before.values()],
    "Var(w) E[a²]": [b[:, 1] for b in before.values()],
}
series["Var(w) E[a²], trained"] = [a[:, 1] for a in after.values()]
for i, ((name, values), marker) in enumerate(zip(series.items(), "os^", strict=True)):
    means, spreads = np.mean(values, axis=1), np.std(values, axis=1)
    right.errorbar(
        positions + 0.15 * (i - 1),
        means,
        spreads,
        fmt=marker,
        capsize=3,
        label=f"sum of {name}",
    )
right.axhline(1, color="black", linestyle="--")
right.set(
    xticks=positions,
    xticklabels=FUNCTIONS,
    yscale="log",
    ylabel="measured Var(z) / the sum",
)
right.set_title("Assumptions 3 and 4: variance of a layer")
right.legend(fontsize="small", loc="upper left")

plt.show()

# %%
# .. admonition:: Verdict on assumption 1: holds for the center, does not hold for the normal distribution
#
#    Activations of tanh are centered (activations of relu and the logistic function are not). They are nearer to
#    uniform than to normal, because tanh squeezes them. The derivation does not need a normal distribution, because
#    variances add up for every distribution.
#
# .. admonition:: Verdict on assumption 2: holds under these conditions
#
#    *Signals are small.* The error grows with the fourth power of the standard deviation. At the unit variance that
#    the rule should keep, tanh is no longer close to the identity, so its variance fades.
#
# .. admonition:: Verdict on assumption 3: holds under these conditions
#
#    *Activations have mean zero.* Otherwise :math:`E[a^2]` must replace the variance. With it, the same derivation
#    gives He's scheme for relu, because :math:`E[a^2]` is half of the variance of the preactivations.
#
# .. admonition:: Verdict on assumption 4: holds under these conditions
#
#    *The network is untrained.* After a few epochs the weights depend on the layer's input, and variances are several
#    times the sum.
