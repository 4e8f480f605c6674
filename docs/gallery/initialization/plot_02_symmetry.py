r"""
Equal weights: the units of a layer stay equal
==============================================

The lecture notes (section I, *Example of Symmetrical Initialization*) describe what happens if all weights start at
the same value. They make two claims:

1. The neurons of a layer learn identical features.
2. tanh, sigmoid and relu networks then behave like a perceptron and capture nothing that is not linear.

The data are two circles, one inside the other. A perceptron draws one straight line. This page tries lines of all
directions and positions, to find the largest share of points that one line classifies correctly.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_circles
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPClassifier
from skinit.initializers import Constant

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
MONOTONE = [
    "identity",
    "logistic",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "softsign",
]
NOT_MONOTONE = ["silu", "gelu"]
ACTIVATIONS = MONOTONE + NOT_MONOTONE
SEEDS = range(5)


def circles(seed):
    return make_circles(300, noise=0.1, factor=0.4, random_state=seed)


def accuracy_of_best_line(X, y):
    """Largest share of points that one straight line classifies correctly.

    The lines have 180 directions and every position.
    """
    best = 0
    for angle in np.linspace(0, np.pi, 180, endpoint=False):
        labels = y[np.argsort(X @ [np.cos(angle), np.sin(angle)])]
        right = np.concatenate([[0], np.cumsum(1 - labels)]) + np.concatenate(
            [np.cumsum(labels[::-1])[::-1], [0]]
        )
        best = max(best, right.max() / len(y), 1 - right.min() / len(y))
    return best


def distance_between_units(network):
    """Largest difference between the weights of two units of a layer.

    It is relative to the largest weight, and covers weights into and out of the units.
    """
    incoming = [
        np.ptp(coef, axis=1).max() / np.abs(coef).max() for coef in network.coefs_[:-1]
    ]
    outgoing = [
        np.ptp(coef, axis=0).max() / np.abs(coef).max() for coef in network.coefs_[1:]
    ]
    return max(incoming + outgoing)


def train(activation, init, seed):
    network = MLPClassifier(
        (16, 16),
        activation,
        init=init,
        learning_rate_init=0.05,
        batch_size=50,
        random_state=seed,
    )
    return network.set_params(max_iter=150, n_iter_no_change=150).fit(*circles(seed))


# %%
# Every activation, equal weights against Xavier's
# ------------------------------------------------
#
# The table shows the distance between two units of a layer, as the largest over all seeds, and accuracies, as mean ±
# standard deviation over seeds.

equal, accuracy, distance = {}, {}, {}
for activation in ACTIVATIONS:
    equal[activation] = [train(activation, Constant(0.1), seed) for seed in SEEDS]
    xavier = [train(activation, "xavier", seed) for seed in SEEDS]
    for name, networks in [("equal", equal[activation]), ("Xavier", xavier)]:
        accuracy[activation, name] = np.array(
            [n.score(*circles(s)) for n, s in zip(networks, SEEDS, strict=True)]
        )
    distance[activation] = max(map(distance_between_units, equal[activation]))

line = np.array([accuracy_of_best_line(*circles(seed)) for seed in SEEDS])
print(f"{'':12}{'distance':>10}{'equal weights':>17}{'Xavier':>15}")
for activation in ACTIVATIONS:
    low, high = accuracy[activation, "equal"], accuracy[activation, "Xavier"]
    print(
        f"{activation:12}{distance[activation]:10.0e}{low.mean():10.2f} ± "
        f"{low.std():.2f}",
        end="",
    )
    print(f"{high.mean():8.2f} ± {high.std():.2f}")
print(f"best straight line {line.mean():13.2f} ± {line.std():.2f}")

assert max(distance.values()) < 1e-6
assert all(
    (accuracy[activation, "equal"] <= line + 0.01).all() for activation in MONOTONE
)
assert all(
    accuracy[activation, "equal"].max() > line.max() + 0.05
    for activation in NOT_MONOTONE
)
assert all(
    accuracy[activation, "Xavier"].min() > 0.95
    for activation in ACTIVATIONS
    if activation != "identity"
)

# %%
# These are the predicted probabilities of one seed. With equal weights the boundary consists of parallel straight
# lines, because the whole network is a function of one combination of the two features.

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, axes = plt.subplots(2, 2, figsize=(7.3, 7), layout="constrained")
X, y = circles(SEEDS[-1])
grid = np.stack(
    np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-1.6, 1.6, 200)), axis=-1
)
shown = {
    "softplus, equal": equal["softplus"][-1],
    "gelu, equal": equal["gelu"][-1],
    "gelu, Xavier": xavier[-1],
}
for ax, (title, network) in zip(axes.flat, shown.items(), strict=False):
    probability = network.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(200, 200)
    ax.contourf(
        grid[..., 0],
        grid[..., 1],
        probability,
        levels=np.linspace(0, 1, 11),
        cmap="cividis",
    )
    for label, marker in enumerate("o^"):
        ax.scatter(
            *X[y == label].T,
            marker=marker,
            s=12,
            color="white",
            edgecolor="black",
            linewidth=0.5,
        )
    ax.set(title=title, xlabel="first feature", ylabel="second feature", aspect="equal")

for name, marker, color in [("equal", "o", "C0"), ("Xavier", "s", "C1")]:
    means = [accuracy[activation, name].mean() for activation in ACTIVATIONS]
    deviations = [accuracy[activation, name].std() for activation in ACTIVATIONS]
    axes[1, 1].errorbar(
        means, ACTIVATIONS, xerr=deviations, fmt=marker, color=color, label=name
    )
axes[1, 1].axvline(line.mean(), color="black", linestyle="--", label="best line")
axes[1, 1].set(
    xlabel="accuracy (share of points), mean ± deviation", title=f"{len(SEEDS)} seeds"
)
axes[1, 1].legend(loc="center", bbox_to_anchor=(0.73, 0.4))
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    For all eleven activations the units of a layer are as equal after training as before it.
#
# .. admonition:: Verdict on claim 2: holds under these conditions
#
#    *The activation is monotone, and the task has two classes.* Then equal weights do no better than the best
#    straight line. silu and gelu are not monotone. With them the network can cut its one direction twice, and a band
#    between two parallel lines does better than a perceptron (though far worse than units that differ).
#
# If the weights are not quite equal
# ----------------------------------
#
# In exact arithmetic equal units stay equal forever. Here they start with relative differences of 1e-12.

for activation in ["tanh", "relu"]:
    nearly_equal = [
        train(activation, lambda shape, rng: 0.1 + 1e-13 * rng.normal(size=shape), seed)
        for seed in SEEDS
    ]
    distances = np.array([distance_between_units(network) for network in nearly_equal])
    print(
        f"{activation}: after training, differences from {distances.min():.0e} to "
        f"{distances.max():.0e}"
    )
    assert activation != "tanh" or distances.max() > 1e-9

# %%
# Equal weights are not stable: in a tanh network, training can increase a difference by orders of magnitude. That is
# why small random weights suffice to break the symmetry, and why rounding alone can break it in a longer run.
