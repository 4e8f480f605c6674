r"""
Corollary 1: Jacobians of norm 1 bound the Hessian
==================================================

Corollary 1 of M. Skorski, "Revisiting initialization of neural networks": to bound the Hessian, choose weights with
:math:`\|J^{(k)}\| \approx 1` in every layer, and estimate the norms "by random simulations".
``init="hessian_jacobian"`` does both: it scales the weights, layer by layer, until the mean norm of the Jacobian on a
sample of the data is 1.

Earlier the paper states a stronger aim, :math:`\|H_{w^{(k)}}\| \approx 1`. This page measures both the bound and the
norms, in networks of 1 to 16 hidden layers of 30 on the digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skinit import MLPClassifier
from skinit.curvature import hessian_bound, layer_hessian_norms, layer_jacobian_norms

X, y = load_digits(return_X_y=True)
X, y = X[:60] / 16, y[:60]
DEPTHS, N_SEEDS = (1, 2, 4, 8, 16), 5
INITS = {"relu": ("hessian_jacobian", "he"), "tanh": ("hessian_jacobian", "xavier")}


def untrained(activation, init, depth, seed):
    return MLPClassifier(
        (30,) * depth, activation, init=init, random_state=seed
    ).initialize(X, y)


# %%
# The norm of a Jacobian, from a few rows
# ---------------------------------------

for activation, (_, init) in INITS.items():
    network = untrained(activation, init, 8, 0)
    rng = np.random.default_rng(0)
    samples = [rng.choice(len(X), 10, replace=False) for _ in range(20)]
    norms = np.array(
        [layer_jacobian_norms(network, X[rows], y[rows]) for rows in samples]
    )
    everything = layer_jacobian_norms(network, X, y)
    deviation = np.max(norms.std(axis=0, ddof=1) / everything)
    print(
        f"{activation}, {init}: the mean of 10 rows deviates by {deviation:.1%} at "
        "most (standard deviation)"
    )
    assert deviation < 0.1

# %%
# The Hessian of networks with such Jacobians
# -------------------------------------------


def measure(activation, init, depth, seed):
    """Largest and smallest norm of a layer's Hessian, and the largest bound."""
    network = untrained(activation, init, depth, seed)
    norms = layer_hessian_norms(network, X, y, tol=1e-2)
    return norms.max(), norms.min(), hessian_bound(network, X, y).max()


measured = {
    (activation, init): np.array(
        [
            [measure(activation, init, depth, seed) for seed in range(N_SEEDS)]
            for depth in DEPTHS
        ]
    )
    for activation, inits in INITS.items()
    for init in inits
}
print(f"logarithms to base 10, mean ± standard deviation over {N_SEEDS} seeds")
print(f"{'hidden layers':22}" + "".join(f"{depth:6}      " for depth in DEPTHS))
for (activation, init), values in measured.items():
    print(f"{activation}, {init}")
    for i, label in enumerate(("largest norm", "smallest norm", "bound")):
        logs = np.log10(values[..., i])
        print(
            f"   {label:19}"
            + "".join(f"{x.mean():6.1f} ± {x.std(ddof=1):.1f}" for x in logs)
        )

fig, axes = plt.subplots(1, 2, figsize=(7.3, 4), sharey=True, layout="constrained")
for ax, (activation, inits) in zip(axes, INITS.items(), strict=True):
    for init, color, marker in zip(inits, ("#0072B2", "#D55E00"), "o^", strict=True):
        largest, smallest, bounds = np.moveaxis(measured[activation, init], -1, 0)
        low, high = smallest.min(axis=1), largest.max(axis=1)
        ax.fill_between(
            DEPTHS, low, high, color=color, alpha=0.3, label=f"{init}: norms"
        )
        ax.plot(
            DEPTHS,
            bounds.mean(axis=1),
            color=color,
            marker=marker,
            label=f"{init}: bound",
        )
    ax.axhline(1, color="black", linestyle=":")
    ax.set(title=activation, xlabel="hidden layers", xscale="log", yscale="log")
    ax.set_xticks(DEPTHS, DEPTHS)
    ax.legend()
axes[0].set_ylabel(f"Hessian norms of all layers, {N_SEEDS} seeds")
plt.show()

# %%
# .. admonition:: Verdict: holds: the Hessian is bounded; but it is not near 1
#
#    With Jacobians of norm 1 the bound stays the same at any depth, and the norms stay below it. The norms fall with
#    depth, in relu networks by orders of magnitude. A Jacobian of norm 1 keeps the length of one direction. The data
#    shrink, because they lie in other directions too, and relu drops half of the outputs. Under Xavier's and He's
#    schemes the bound explodes and the norms do not. A bounded Hessian is not yet a controlled one: :ref:`a later page
#    <sphx_glr_auto_gallery_curvature_plot_13_deep_networks.py>` scales by the measured norms instead. Ten rows
#    suffice for the norm of a Jacobian.

for (_, init), values in measured.items():
    largest, _, bounds = np.moveaxis(values, -1, 0)
    assert (largest <= bounds).all()
    if init == "hessian_jacobian":
        assert bounds.max() <= 1.5 * bounds[0].mean()
        assert (np.diff(largest.mean(axis=1)) < 0).all()
    else:
        assert bounds[-1].min() > 1e6
assert measured["relu", "hessian_jacobian"][-1].max(axis=0)[0] < 0.01
