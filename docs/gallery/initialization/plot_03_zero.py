r"""
Zero weights: tanh and relu networks learn nothing
==================================================

The lecture notes (section I, *Impact of Poor Initialization*, 1; and *Common Initialization Techniques*, 1) discuss
zero weights. They make three claims:

1. Neurons evolve symmetrically.
2. tanh and relu networks are not updated and learn nothing.
3. A sigmoid network behaves like a perceptron.

This page trains with full batches and looks at the parameters after each step. The classes are two half moons of
different size, with 300 and 150 points.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPClassifier

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
ZERO_AT_ZERO = [
    "identity",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softsign",
    "silu",
    "gelu",
]
NOT_ZERO_AT_ZERO = ["logistic", "softplus"]
SEEDS = range(5)


def moons(seed):
    return make_moons((300, 150), noise=0.2, random_state=seed)


# %%
# Which parameters move, and when
# -------------------------------
#
# The network has two hidden layers of 16 and trains by plain descent. The table shows the step at which a layer's
# weights or intercepts first differ from zero. A dash means that they are still zero after 60 steps.

N_STEPS = 60
first_move, constants = {}, {}
for activation in ZERO_AT_ZERO + NOT_ZERO_AT_ZERO:
    for seed in SEEDS:
        X, y = moons(seed)
        network = MLPClassifier(
            (16, 16),
            activation,
            init="zero",
            solver="sgd",
            momentum=0,
            learning_rate_init=2,
        )
        network.set_params(batch_size=len(X), alpha=0).initialize(X, y)
        moved = []
        for _ in range(N_STEPS):
            network.partial_fit(X, y)
            moved.append(
                [
                    parameters.any()
                    for parameters in network.coefs_ + network.intercepts_
                ]
            )
        moved = np.array(moved)
        steps = tuple(np.where(moved.any(axis=0), moved.argmax(axis=0) + 1, 0).tolist())
        assert first_move.setdefault(activation, steps) == steps, (
            "the same for every seed"
        )
        probability = network.predict_proba(X)[:, 1]
        constants[activation, seed] = (
            np.ptp(probability),
            abs(probability.mean() - y.mean()),
        )

print(f"{'':12}{'weights of layer':>20}{'intercepts of layer':>23}")
print(f"{'':12}" + "".join(f"{name:>7}" for name in ["1", "2", "output"] * 2))
for activation, steps in first_move.items():
    print(f"{activation:12}" + "".join(f"{step or '-':>7}" for step in steps))

# %%
# There are two kinds of activations. If :math:`f(0) = 0`, all activations are zero, and all gradients are zero except
# for the output's intercept. Only this intercept moves, and it learns the shares of the classes, which gives the same
# prediction for every point. If :math:`f(0)` is not zero, as for the logistic function (1/2) and softplus (log 2),
# the output's weights move in the first step, and each step lets one more layer move.

assert all(first_move[activation] == (0, 0, 0, 0, 0, 1) for activation in ZERO_AT_ZERO)
assert all(
    first_move[activation] == (3, 2, 1, 3, 2, 1) for activation in NOT_ZERO_AT_ZERO
)

spread, error = np.max(
    [constants[activation, seed] for activation in ZERO_AT_ZERO for seed in SEEDS],
    axis=0,
)
print(f"f(0) = 0, largest difference of the probabilities of two points: {spread:.0e}")
print(f"f(0) = 0, largest difference from the share of the class:        {error:.0e}")
assert spread < 1e-12
assert error < 1e-3

balanced = make_moons((225, 225), noise=0.2, random_state=0)
network = MLPClassifier(
    (16, 16),
    "logistic",
    init="zero",
    solver="sgd",
    momentum=0,
    learning_rate_init=2,
    alpha=0,
)
network.set_params(batch_size=450).initialize(*balanced)
for _ in range(N_STEPS):
    network.partial_fit(*balanced)
largest = max(
    np.abs(parameters).max() for parameters in network.coefs_ + network.intercepts_
)
print(
    f"logistic, classes of equal size: largest parameter after {N_STEPS} steps "
    f"{largest:.0e}"
)
assert largest < 1e-12

# %%
# The last line shows a second way to learn nothing. With classes of equal size and all rows in one batch, even the
# logistic network stays at zero, because the residuals add up to zero. Mini-batches are never that even.
#
# A perceptron?
# -------------
#
# A network without hidden layers, ``hidden_layer_sizes=()``, is a perceptron: its boundary is a straight line. This
# compares networks that train with mini-batches and Adam for 150 epochs.

contestants = {
    "tanh, zero": ("tanh", "zero", (16, 16)),
    "logistic, zero": ("logistic", "zero", (16, 16)),
    "perceptron": ("identity", "xavier", ()),
    "logistic, Xavier": ("logistic", "xavier", (16, 16)),
}
accuracy, trained, distance = {}, {}, 0.0
for name, (activation, init, hidden) in contestants.items():
    networks = []
    for seed in SEEDS:
        network = MLPClassifier(
            hidden,
            activation,
            init=init,
            learning_rate_init=0.05,
            batch_size=50,
            random_state=seed,
        )
        networks.append(
            network.set_params(max_iter=150, n_iter_no_change=150).fit(*moons(seed))
        )
    accuracy[name] = np.array(
        [
            network.score(*moons(seed))
            for network, seed in zip(networks, SEEDS, strict=True)
        ]
    )
    trained[name] = networks[0]
    if init == "zero":
        distance = max(
            distance,
            *(np.ptp(coef, axis=1).max() for n in networks for coef in n.coefs_[:-1]),
        )
    print(
        f"{name:17} accuracy {accuracy[name].mean():.3f} ± {accuracy[name].std():.3f}"
    )
print(f"zero, largest difference between two units of a layer: {distance:.0e}")

assert distance < 1e-6
assert (np.abs(accuracy["logistic, zero"] - accuracy["perceptron"]) < 0.03).all()
assert accuracy["logistic, Xavier"].mean() > accuracy["perceptron"].mean() + 0.05
assert np.allclose(accuracy["tanh, zero"], 2 / 3)

# %%

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, axes = plt.subplots(
    2, 2, figsize=(7.3, 6.5), sharex=True, sharey=True, layout="constrained"
)
X, y = moons(SEEDS[0])
grid = np.stack(
    np.meshgrid(np.linspace(-2, 3, 200), np.linspace(-1.5, 2, 200)), axis=-1
)
for ax, (name, network) in zip(axes.flat, trained.items(), strict=True):
    probability = network.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(200, 200)
    field = ax.contourf(
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
    ax.set(
        title=f"{name}\naccuracy {accuracy[name].mean():.2f} "
        f"± {accuracy[name].std():.2f}",
    )
for ax in axes[1]:
    ax.set_xlabel("first feature")
for ax in axes[:, 0]:
    ax.set_ylabel("second feature")
figure.colorbar(field, ax=axes, label="probability of class 1")
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    If anything moves, all units of a layer move alike.
#
# .. admonition:: Verdict on claim 2: holds, except for the output's intercept, which does learn
#
#    No weights are updated, and no intercepts of hidden layers. The output's intercept does move: the network learns
#    how frequent the classes are, and nothing else. The same is true for all nine activations with :math:`f(0) = 0`.
#
# .. admonition:: Verdict on claim 3: holds under these conditions
#
#    *Classes or batches are not perfectly balanced.* Then a logistic network of three layers ends at a perceptron's
#    accuracy, with a straight boundary. Otherwise it does not move at all. (It moves because :math:`f(0) = 1/2`. The
#    paper on the Hessian lists the logistic function among the functions with :math:`f(0) = 0`, which is a slip.)
