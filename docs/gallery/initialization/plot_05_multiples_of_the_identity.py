r"""
Multiples of the identity: signals grow or shrink exponentially
===============================================================

The lecture notes (section II, *The Problem of Exploding or Vanishing Gradients*) consider a deep network of linear
layers, :math:`\hat y = W^{[L]} \cdots W^{[1]} x`, with all weights :math:`W = c I`. The next page shows the effect on
the cost. The notes make two claims:

1. Activations and gradients grow exponentially with depth if c = 1.5, and shrink exponentially if c = 0.5.
2. This is not special to such symmetric matrices.

The task is to return the input, two numbers, so c = 1 is perfect. With the squared error and `L` layers, the gradient
with respect to the weights of *every* layer is exactly

.. math:: c^{L-1} (c^L - 1) \, X^T X / n .
"""

import matplotlib.pyplot as plt
import numpy as np

from skinit import MLPRegressor
from skinit.initializers import Identity, VarianceScaling

SEEDS = range(5)


def inputs(seed, n_features):
    return np.random.RandomState(seed).normal(size=(200, n_features))


def linear_network(n_layers, init, width, seed):
    descent = {
        "solver": "sgd",
        "momentum": 0,
        "learning_rate_init": 1,
        "alpha": 0,
        "batch_size": 200,
    }
    hidden = (width,) * (n_layers - 1)
    return MLPRegressor(
        hidden_layer_sizes=hidden,
        activation="identity",
        init=init,
        random_state=seed,
        **descent,
    )


# %%
# Activations and gradients, for the identity and for random matrices
# -------------------------------------------------------------------
#
# A step of plain descent with rate 1 is minus the gradient, so steps measure the gradient. For claim 2, weights are
# normal with variance :math:`c^2 / d` in layers of 50 units. Activations then grow by the factor `c` in each layer on
# average.

depths = np.array([2, 5, 10, 15, 20])
weights = {"c I": (Identity, 2), "random": (lambda c: VarianceScaling(c**2), 50)}
growth, gradient = {}, {}
for c in (0.5, 1.5):
    for name, (init, width) in weights.items():
        growth[c, name], gradient[c, name] = np.zeros((2, len(SEEDS), len(depths)))
        for seed in SEEDS:
            X = inputs(seed, width)
            for i, n_layers in enumerate(depths):
                network = linear_network(n_layers, init(c), width, seed)
                outputs = network.initialize(X, X).predict(X)
                before = [coef.copy() for coef in network.coefs_]
                network.partial_fit(X, X)
                norms = [
                    np.linalg.norm(new - old)
                    for new, old in zip(network.coefs_, before, strict=True)
                ]
                growth[c, name][seed, i] = np.linalg.norm(outputs) / np.linalg.norm(X)
                gradient[c, name][seed, i] = norms[0]
                if name == "c I":
                    exact = (
                        c ** (n_layers - 1)
                        * abs(c**n_layers - 1)
                        * np.linalg.norm(X.T @ X / len(X))
                    )
                    assert np.allclose(norms, exact, rtol=1e-9, atol=0)
                    assert np.isclose(growth[c, name][seed, i], c**n_layers, rtol=1e-9)

print("factor per layer (from 5 to 20):       output   gradient of the first layer")
for (c, name), sizes in growth.items():
    rates = [
        (values[:, -1] / values[:, 1]) ** (1 / 15)
        for values in (sizes, gradient[c, name])
    ]
    print(
        f"c = {c}, {name:25}"
        + "   ".join(f"{rate.mean():.3f} ± {rate.std():.3f}" for rate in rates)
    )
    assert abs(rates[0].mean() / c - 1) < 0.1
    assert abs(rates[1].mean() / (c if c < 1 else c**2) - 1) < 0.1

# %%
# The gradient explodes twice as fast, by :math:`c^2` in each layer, because it is the product of the amplification by
# the layers and of an error of :math:`c^L - 1`. A vanishing gradient falls like :math:`c^L`, because the error stays.

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharex=True)
for ax, table in zip(axes, [growth, gradient], strict=True):
    for (c, name), values in table.items():
        values = values / values[:, :1].mean()
        style = {
            "color": "C0" if c < 1 else "C1",
            "fmt": "o" if name == "c I" else "s",
            "mfc": "none",
            "capsize": 3,
        }
        ax.errorbar(
            depths,
            values.mean(axis=0),
            values.std(axis=0),
            label=f"c = {c}, {name}",
            **style,
        )
for ax, exploding, label in [
    (axes[0], 1.5, "powers of 0.5 and 1.5"),
    (axes[1], 1.5**2, "powers of 0.5 and $1.5^2$"),
]:
    ax.plot(depths, 0.5 ** (depths - 2.0), "k--", label=label)
    ax.plot(depths, exploding ** (depths - 2.0), "k--")
    ax.set(xlabel="number of layers", xticks=depths, yscale="log")
    ax.legend(fontsize="small")
axes[0].set(ylabel="norm of the output, relative to 2 layers", title="Activations")
axes[1].set(ylabel="norm, relative to 2 layers", title="Gradient of the first layer")
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    Both are exponential in depth, exactly as computed. An exploding gradient grows by the *square* of the
#    activations' factor.
#
# .. admonition:: Verdict on claim 2: holds
#
#    Random matrices of the same scale grow or shrink by the same factors, up to their spread.
