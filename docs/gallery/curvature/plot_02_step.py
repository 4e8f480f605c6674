r"""
Section 1.2: the largest step that is sure to lower the loss
============================================================

Section 1.2 of M. Skorski, "Revisiting initialization of neural networks", follows the loss along its gradient `g`,

.. math:: L(w - \gamma g) \approx L(w) - \gamma \, g^T g + \tfrac{1}{2} \gamma^2 \, g^T H g ,

and calls :math:`\gamma^* = 1 / \|H\|` the largest step that is sure to lower it. (The paper prints the middle term
without its square.) Because :math:`g^T H g \le \|H\| \, g^T g`, every step below :math:`2 / \|H\|` is sure to lower
the loss, and :math:`\gamma^*` is the step with the largest guaranteed decrease.

This page tries steps in linear regression, where the formula is exact, and then in networks.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_norm
from skinit.initializers import RandomNormal

# No momentum, no penalty, and one batch of all rows, so an epoch is one step.
DESCENT = {"solver": "sgd", "momentum": 0, "alpha": 0}
N_SEEDS = 5

# %%
# Linear regression: a quadratic loss
# -----------------------------------

X, y = map(scale, load_diabetes(return_X_y=True))


def descend(factor, seed, n_steps=50):
    """The loss before each step of length factor / ||H||."""
    network = MLPRegressor(
        hidden_layer_sizes=(),
        init=RandomNormal(1.0),
        batch_size=len(X),
        random_state=seed,
        **DESCENT,
    ).initialize(X, y)
    network.learning_rate_init = factor / hessian_norm(network, X, y)
    losses = []
    for _ in range(n_steps):
        losses.append(np.mean((network.predict(X) - y) ** 2) / 2)
        network.partial_fit(X, y)
    return losses


quadratic = {
    factor: np.array([descend(factor, seed) for seed in range(N_SEEDS)])
    for factor in (0.5, 1, 1.9, 2.1)
}
for factor, losses in quadratic.items():
    lowered, end = np.mean(np.diff(losses) < 0), losses[:, -1]
    print(f"{factor} / ||H||: {lowered:.0%} of the steps lower the loss", end="; ")
    print(f"at the end {end.mean():.3g} ± {end.std(ddof=1):.1g}")

# %%
# Networks: one step from the initial weights
# -------------------------------------------

X_digits, y_digits = load_digits(return_X_y=True)
X_digits, y_digits = X_digits[:200] / 16, y_digits[:200]
FACTORS = np.array([0.25, 0.5, 1, 1.5, 1.9, 3, 5, 10, 20])
NETWORKS = {
    "1 relu layer, He": (1, "relu", "he"),
    "10 relu layers, He": (10, "relu", "he"),
    "10 tanh layers, Xavier": (10, "tanh", "xavier"),
    "3 relu layers, N(0, 1)": (3, "relu", RandomNormal(1.0)),
}


def change_of_loss(depth, activation, init, seed):
    """The relative change of the loss in one step, for each factor."""
    network = MLPClassifier(
        (30,) * depth,
        activation,
        init=init,
        batch_size=len(X_digits),
        random_state=seed,
        **DESCENT,
    ).initialize(X_digits, y_digits)
    before = log_loss(y_digits, network.predict_proba(X_digits))
    step = 1 / hessian_norm(network, X_digits, y_digits, tol=1e-2)
    changes = []
    for factor in FACTORS:
        stepped = (
            deepcopy(network)
            .set_params(learning_rate_init=factor * step)
            .partial_fit(X_digits, y_digits)
        )
        changes.append(log_loss(y_digits, stepped.predict_proba(X_digits)) / before - 1)
    return changes


changes = {
    name: np.array([change_of_loss(*network, seed) for seed in range(N_SEEDS)])
    for name, network in NETWORKS.items()
}
print(
    f"relative change of the loss, mean ± standard deviation over {N_SEEDS} seeds "
    "(how many fell)"
)
print(f"{'':24}" + "".join(f"{f'{factor} / ||H||':>20}" for factor in (1, 1.9, 10)))
for name, values in changes.items():
    columns = [values[:, list(FACTORS).index(factor)] for factor in (1, 1.9, 10)]
    cells = [
        f"{v.mean():+.0%} ± {v.std(ddof=1):.0%} ({np.sum(v < 0)} of {N_SEEDS})"
        for v in columns
    ]
    print(f"{name:24}" + "".join(f"{cell:>20}" for cell in cells))

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (factor, losses), color in zip(
    quadratic.items(), ("#56B4E9", "#0072B2", "#009E73", "#D55E00"), strict=True
):
    left.plot(losses.T, color=color, linewidth=1)
    left.plot([], color=color, label=rf"{factor} / ||H||")
left.set(
    xlabel="steps",
    ylabel="squared error / 2",
    yscale="log",
    title=f"Linear regression, {N_SEEDS} seeds",
    ylim=(0.2, 100),
)
left.legend()
for (name, values), color, marker in zip(
    changes.items(), ("#56B4E9", "#0072B2", "#009E73", "#D55E00"), "o^sD", strict=True
):
    right.errorbar(
        FACTORS,
        values.mean(axis=0),
        values.std(axis=0, ddof=1),
        color=color,
        marker=marker,
        label=name,
        capsize=3,
    )
right.axhline(0, color="black", linestyle=":")
right.axvline(2, color="black", linestyle="--", label="2 / ||H||")
right.set(
    xscale="log",
    xlabel="learning rate, in units of 1 / ||H||",
    ylabel="relative change of the loss",
    ylim=(-0.4, 0.4),
    title="Networks, one step",
)
right.set_xticks(FACTORS, [f"{factor:g}" for factor in FACTORS], fontsize=8)
right.minorticks_off()
right.legend(fontsize=8)
plt.show()

# %%
# .. admonition:: Verdict: holds where the loss is quadratic, but it is not the largest such step
#
#    In linear regression the loss falls with every step just below :math:`2 / \|H\|` and diverges just above. With
#    :math:`1 / \|H\|` it falls fastest at first.
#
# .. admonition:: Verdict in networks: holds under these conditions: weights of the usual size
#
#    With He's and Xavier's weights all first steps of :math:`1 / \|H\|` lower the loss. Many steps far above :math:`2
#    / \|H\|` do too, because the gradient does not point along the direction of the largest curvature. But there
#    is no guarantee: with large weights in three relu layers the Hessian changes within the step, and the loss may
#    rise.

for factor in (0.5, 1, 1.9):
    assert (np.diff(quadratic[factor]) < 0).all()
assert (quadratic[2.1][:, -1] > quadratic[2.1][:, 0]).all()
assert (
    quadratic[1][:, 5] < np.minimum(quadratic[0.5][:, 5], quadratic[1.9][:, 5])
).all()
at_one = {name: values[:, list(FACTORS).index(1)] for name, values in changes.items()}
assert all((at_one[name] < 0).all() for name in NETWORKS if "N(0, 1)" not in name)
assert (at_one["3 relu layers, N(0, 1)"] > 0).any()
assert (changes["10 relu layers, He"][:, -2] < 0).all()
