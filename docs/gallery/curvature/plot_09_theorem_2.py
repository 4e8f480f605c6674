r"""
Theorem 2: an upper bound for the Hessian
=========================================

Theorem 2 of M. Skorski, "Revisiting initialization of neural networks", bounds the Hessian of a layer's weights by a
product of norms. The right-hand side of Theorem 1 is a product of matrices, so its norm is at most the product of
their norms,

.. math:: \|H_{w^{(k)}}\| \lesssim \|A^{(k)}\| \prod_{i \ne k} \|J^{(i)}\| . \tag{6}

Theorem 1 has the product twice, in :math:`v^T H_z v`, and the product ends with the input. The bound therefore needs
the square of the product, and the factors :math:`\|H_z\|` and :math:`\|z^{(0)}\|^2`.
:func:`skinit.curvature.hessian_bound` has all factors.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_bound, hessian_norm, layer_jacobian_norms

# %%
# What (6) leaves out
# -------------------
# The smallest example has one row with one feature `x`, one linear unit and one output, :math:`\hat y = w_1 w_0 x`.
# The second derivative of :math:`(\hat y - y)^2 / 2` with respect to :math:`w_0` is :math:`w_1^2 x^2`, and (6) gives
# :math:`|w_1|`.

print(f"{'x':>5}{'w1':>5}{'measured norm':>16}{'(6)':>8}{'all factors':>14}")
for x, w1 in ((1, 1), (1, 3), (5, 1), (5, 3)):
    network = MLPRegressor(
        hidden_layer_sizes=(1,), activation="identity", init="ones"
    ).initialize([[x]], [0.0])
    network.coefs_[1][...] = w1
    norm, bound = (
        hessian_norm(network, [[x]], [0.0], layer=0),
        hessian_bound(network, [[x]], [0.0])[0],
    )
    print(f"{x:5}{w1:5}{norm:16.1f}{w1:8.1f}{bound:14.1f}")
    assert np.isclose(norm, w1**2 * x**2)
    assert np.isclose(bound, norm)

# %%
# How depth loosens the bound
# ---------------------------
# This measures the first layer of networks with an increasing number of hidden layers of 30, on the digits.
# "Product" is the right-hand side of Theorem 1. Two inequalities lie between its norm and the bound. The norm of a
# mean over rows is at most the mean of the rows' norms, and the norm of a product is at most the product of the
# norms.

X, y = load_digits(return_X_y=True)
X, y = X[:60] / 16, y[:60]
DEPTHS, N_SEEDS = (1, 2, 4, 8, 16), 5
SLOPES = {"relu": lambda u: u > 0, "tanh": lambda u: 1 - np.tanh(u) ** 2}
VALUES = {"relu": lambda u: np.maximum(u, 0), "tanh": np.tanh}


def mean_norm_of_rows(network):
    """Mean over rows of |x|^2 |A B H_z B A|, the first layer's part for one row."""
    z, chain = X, np.eye(30)
    for w, b in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        u = z @ w + b
        chain = (chain if z is X else chain @ w) * SLOPES[network.activation](u)[
            :, None, :
        ]
        z = VALUES[network.activation](u)
    chain = chain @ network.coefs_[-1]
    p = network.predict_proba(X)
    output_hessian = p[:, :, None] * np.eye(10) - p[:, :, None] * p[:, None, :]
    norms = np.linalg.norm(
        chain @ output_hessian @ chain.transpose(0, 2, 1), 2, axis=(1, 2)
    )
    return np.mean((X**2).sum(axis=1) * norms)


def measure(activation, depth, seed, weight_scale=1.0):
    init = "he" if activation == "relu" else "xavier"
    network = MLPClassifier(
        (30,) * depth, activation, init=init, random_state=seed
    ).initialize(X, y)
    for w in network.coefs_:
        w *= weight_scale
    norms = [
        hessian_norm(network, X, y, layer=0, kind=kind, tol=1e-2)
        for kind in ("hessian", "gauss_newton")
    ]
    printed = np.prod(layer_jacobian_norms(network, X, y)[1:])
    return *norms, mean_norm_of_rows(network), hessian_bound(network, X, y)[0], printed


LABELS = (
    "norm of the Hessian",
    "norm of the product",
    "mean norm of rows",
    "bound, all factors",
    "(6) as printed",
)
results = {
    activation: np.array(
        [
            [measure(activation, depth, seed) for depth in DEPTHS]
            for seed in range(N_SEEDS)
        ]
    )
    for activation in SLOPES
}
print(f"logarithms to base 10, mean ± standard deviation over {N_SEEDS} seeds")
print(f"{'hidden layers':22}" + "".join(f"{depth:6}      " for depth in DEPTHS))
for activation, values in results.items():
    print(activation)
    for i, label in enumerate(LABELS):
        logs = np.log10(values[..., i].T)
        print(
            f"   {label:19}"
            + "".join(f"{x.mean():6.1f} ± {x.std(ddof=1):.1f}" for x in logs)
        )

COLORS, MARKERS = ("#000000", "#E69F00", "#009E73", "#D55E00", "#0072B2"), "osD^v"
fig, axes = plt.subplots(1, 2, figsize=(7.3, 4), sharey=True, layout="constrained")
for ax, (activation, values) in zip(axes, results.items(), strict=True):
    for i, label in enumerate(LABELS):
        low, middle, high = np.percentile(values[..., i], [0, 50, 100], axis=0)
        ax.loglog(DEPTHS, middle, color=COLORS[i], marker=MARKERS[i], label=label)
        ax.fill_between(DEPTHS, low, high, color=COLORS[i], alpha=0.15, linewidth=0)
    ax.set(title=activation, xlabel="hidden layers")
    ax.set_xticks(DEPTHS, DEPTHS)
axes[0].set_ylabel("Hessian of the first layer")
axes[0].legend(title=f"median and range, {N_SEEDS} seeds")
plt.show()

# %%
# Small weights: the Hessian exceeds the bound
# --------------------------------------------
# The bound applies to the right-hand side of Theorem 1. With small weights the Hessian of the first tanh layer is
# mostly the error of Theorem 1 (see :ref:`Remark 2 <sphx_glr_auto_gallery_curvature_plot_07_remark_2.py>`).

for weight_scale in (1, 1 / 4, 1 / 16):
    values = np.array(
        [measure("tanh", 4, seed, weight_scale) for seed in range(N_SEEDS)]
    )
    ratios = values[:, 0] / values[:, 3]
    print(
        f"4 tanh layers, weights times {weight_scale:<7g}norm / bound: "
        f"{ratios.min():.1e} to {ratios.max():.1e}"
    )

# %%
# .. admonition:: Verdict: holds with all factors, for the product in Theorem 1; (6) as printed does not
#
#    With squares, :math:`\|H_z\|` and :math:`\|z^{(0)}\|^2` it bounds the product in Theorem 1, and also the Hessian
#    if the two are close. With tiny weights, a tanh network's Hessian is far above it. The bound loosens by orders of
#    magnitude with depth: the norms of products stay about the same from 1 to 16 layers, and each layer multiplies
#    the product of norms by the square of its norm. The mean over rows costs little in comparison.

for values in results.values():
    assert (values[..., 1] <= values[..., 2] * 1.01).all()
    assert (values[..., 2] <= values[..., 3] * 1.01).all()
    assert (values[..., 0] <= values[..., 3]).all()
    looseness = np.log10(values[..., 3] / values[..., 1]).mean(axis=0)
    assert (np.diff(looseness) > 0).all()
    assert looseness[-1] > 7
assert ratios.min() > 1
