r"""
Dying relus: He's scheme makes them rarer
=========================================

The lecture notes (*He Initialization in Neural Networks*) discuss relu. They make two claims:

1. relu introduces sparsity, and He's higher variance makes up for it.
2. He initialization prevents dying relus.

A relu unit is dead if its output is zero for every row. Then its gradient is zero, and only a change in the layers
below can revive it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skinit import DivergenceError, MLPClassifier
from skinit.initializers import VarianceScaling

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
SEEDS = range(5)
SCALES = {"Xavier (1 / d)": 1, "He (2 / d)": 2, "larger (8 / d)": 8}
X, y = load_digits(return_X_y=True)
X, y = (X[:600] - X.mean()) / X.std(), y[:600]


def network(scale, seed, **parameters):
    parameters |= {
        "batch_size": 50,
        "max_iter": 15,
        "n_iter_no_change": 15,
        "random_state": seed,
    }
    return MLPClassifier((64,) * 10, init=VarianceScaling(scale), **parameters)


def hidden_activations(network):
    activations = [X]
    for coef, intercept in zip(
        network.coefs_[:-1], network.intercepts_[:-1], strict=True
    ):
        activations.append(np.maximum(activations[-1] @ coef + intercept, 0))
    return np.array(activations[1:])


def share_dead(network):
    """The share of dead units, for each of the hidden layers."""
    return (hidden_activations(network).max(axis=1) == 0).mean(axis=1)


# %%
# Before training
# ---------------
#
# Networks have ten layers of 64, and the data are handwritten digits. The table shows the share of outputs that are
# zero, the share of dead units, and the factor by which a layer changes the mean square of activations.

dead = {}
print(f"{'':15}{'zero outputs':>20}{'dead units':>20}{'factor per layer':>20}")
for name, scale in SCALES.items():
    networks = [network(scale, seed).initialize(X, y) for seed in SEEDS]
    outputs = np.array([hidden_activations(n) for n in networks])
    zeros = (outputs == 0).mean(axis=(1, 2, 3))
    squares = np.mean(outputs**2, axis=(2, 3))
    factor = (squares[:, -1] / squares[:, 0]) ** (1 / 9)
    dead[name] = np.array([share_dead(n) for n in networks])
    cells = [zeros, dead[name].mean(axis=1), factor]
    print(f"{name:15}" + "".join(f"{v.mean():12.3f} ± {v.std():.3f}" for v in cells))
    assert abs(zeros.mean() - 0.5) < 0.1
    assert abs(factor.mean() / (scale / 2) - 1) < 0.1

assert all(np.array_equal(shares, dead["He (2 / d)"]) for shares in dead.values())

# %%
# The same units are dead at every scale. With zero intercepts, a unit's sign is the sign of its weighted sum, and a
# positive factor does not change it. Deeper layers have more dead units, because the rows have become alike there.
#
# After training
# --------------
#
# Networks train for 15 epochs with Adam and with descent with momentum, at several rates. A dash means that a run
# diverges.

rates = {"adam": [0.001, 0.003, 0.01, 0.1], "sgd": [0.01, 0.03, 0.1]}
trained = {}
for solver, learning_rates in rates.items():
    print(f"dead, {solver:10}" + "".join(f"{rate:>15g}" for rate in learning_rates))
    for name, scale in SCALES.items():
        for rate in learning_rates:
            shares = []
            for seed in SEEDS:
                try:
                    fitted = network(
                        scale, seed, solver=solver, learning_rate_init=rate
                    ).fit(X, y)
                    shares.append(share_dead(fitted).mean())
                except DivergenceError:
                    shares.append(np.nan)
            trained[solver, name, rate] = np.array(shares)
        runs = [trained[solver, name, rate] for rate in learning_rates]
        cells = [
            "-" if np.isnan(run).any() else f"{run.mean():.2f} ± {run.std():.2f}"
            for run in runs
        ]
        print(f"{name:16}" + "".join(f"{cell:>15}" for cell in cells))

for rate in (0.001, 0.003):
    assert (
        trained["adam", "He (2 / d)", rate].mean()
        < trained["adam", "Xavier (1 / d)", rate].mean()
    )
for name in ("Xavier (1 / d)", "He (2 / d)"):
    assert trained["adam", name, 0.1].min() > 0.8, (
        "a large rate kills nearly all of them"
    )
    assert (
        trained["adam", name, 0.01].mean() > 1.5 * trained["adam", name, 0.001].mean()
    )
# Whether a single run diverges at this rate depends on the last bits.
assert np.nanmean(trained["sgd", "He (2 / d)", 0.1]) > 0.3

# %%

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained", sharey=True)
layers = np.arange(1, 11)
for (name, shares), marker, size in zip(dead.items(), "os^", [11, 7, 4], strict=True):
    style = {
        "marker": marker,
        "markersize": size,
        "mfc": "none",
        "capsize": 3,
        "label": name,
    }
    axes[0].errorbar(layers, shares.mean(axis=0), shares.std(axis=0), **style)
    for ax, (solver, learning_rates) in zip(axes[1:], rates.items(), strict=True):
        runs = np.array([trained[solver, name, rate] for rate in learning_rates])
        ax.errorbar(
            learning_rates,
            runs.mean(axis=1),
            runs.std(axis=1),
            fmt=f"-{marker}",
            capsize=3,
            label=name,
        )
        ax.set(
            xscale="log", xlabel="learning rate", title=f"After training with {solver}"
        )
axes[0].set(
    xlabel="layer", ylabel="share of dead units", title="Before training", ylim=(0, 1)
)
axes[0].legend()
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    Half of the outputs are zero. He's variance of 2 / d keeps the mean square, and Xavier's halves it.
#
# .. admonition:: Verdict on claim 2: does not hold
#
#    Before training, exactly the same units are dead under Xavier, He, and any other scale. During training, a large
#    learning rate kills most units under every scheme. At small rates with Adam fewer units die under He than under
#    Xavier. It lessens the problem and does not prevent it.
