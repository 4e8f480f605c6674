r"""
Remark 2: the error with small weights and early in training
============================================================

Remark 2 of M. Skorski, "Revisiting initialization of neural networks": for any activation, the error of Theorem 1 is
"of smaller order" if weights and intercepts are small, as they are early in training.

This page asks two questions. Does the error vanish with the weights? It does. Does it vanish *relative to the
Hessian*? It does not. Then a network is trained, to see when the theorem is a good approximation.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from skinit import MLPClassifier
from skinit.curvature import hessian_operator

X, y = load_wine(return_X_y=True)
X, y = scale(X)[::3], y[::3]
SCALES = 2.0 ** -np.arange(0, 9, 2)
N_SEEDS = 5
COLORS, MARKERS = ("#0072B2", "#D55E00", "#009E73"), "o^s"


def tanh_network(seed, **parameters):
    network = MLPClassifier(
        (6, 6, 6), "tanh", init="xavier", random_state=seed, **parameters
    )
    return network.initialize(X, y)


def spread(values):
    """Mean ± standard deviation over seeds."""
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def norms(network, k):
    """Norms of the error, the main term, and their sum, the Hessian of layer k."""
    identity = np.eye(network.coefs_[k].size)
    hessian, chain = (
        hessian_operator(network, X, y, layer=k, kind=kind).matmat(identity)
        for kind in ("hessian", "gauss_newton")
    )
    return [np.linalg.norm(matrix, 2) for matrix in (hessian - chain, chain, hessian)]


# %%
# Small weights
# -------------
# All weights are multiplied by `c`, and intercepts are zero. The hidden layers are 0, 1 and 2. In layer `k` the main
# term has :math:`\|B\|^2 \|F\|^2`, of order :math:`c^{2(3-k)} c^{2k} = c^6`. The error has only one :math:`B`, times
# :math:`f''(u) \approx -2u`, so it is of order :math:`c^{3-k} c^{k+1} c^{2k} = c^{4+2k}`.

sizes = []
for seed in range(N_SEEDS):
    network = tanh_network(seed)
    weights = [w.copy() for w in network.coefs_]
    for c in SCALES:
        for coef, w in zip(network.coefs_, weights, strict=True):
            coef[...] = c * w
        sizes.append([norms(network, k) for k in range(3)])
sizes = np.reshape(sizes, (N_SEEDS, SCALES.size, 3, 3))
logs = np.log(sizes[:, 2:]).transpose(1, 0, 2, 3).reshape(SCALES.size - 2, -1)
orders = np.polyfit(np.log(SCALES[2:]), logs, 1)[0].reshape(N_SEEDS, 3, 3)
print(f"powers of c, mean ± standard deviation over {N_SEEDS} seeds")
for k in range(3):
    print(
        f"   layer {k}: error {spread(orders[:, k, 0])}, main term "
        f"{spread(orders[:, k, 1])}"
    )

# %%
# Early training
# --------------

epochs = np.array([0, 1, 2, 4, 8, 16, 32, 64])
curves = []
for seed in range(N_SEEDS):
    network = tanh_network(seed, learning_rate_init=0.03)
    for epoch in range(epochs[-1] + 1):
        if epoch in epochs:
            curves.append([norms(network, k) for k in range(3)])
        network.partial_fit(X, y)
curves = np.reshape(curves, (N_SEEDS, epochs.size, 3, 3))
shares = curves[..., 0] / curves[..., 2]
print("norm of the error / norm of the Hessian, in layers 0, 1 and 2")
for i, epoch in enumerate(epochs):
    print(
        f"   after {epoch:2} epochs: "
        f"{', '.join(spread(shares[:, i, k]) for k in range(3))}"
    )

fig, (left, right) = plt.subplots(1, 2, figsize=(7.3, 3.6), layout="constrained")
for k, (color, marker) in enumerate(zip(COLORS, MARKERS, strict=True)):
    for ax, x, values in (
        (left, SCALES, sizes[:, :, k, 0] / sizes[:, :, k, 1]),
        (right, epochs, shares[:, :, k]),
    ):
        low, middle, high = np.percentile(values, [25, 50, 75], axis=0)
        ax.plot(x, middle, color=color, marker=marker, label=f"layer {k}")
        ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
left.set(
    xscale="log",
    yscale="log",
    xlabel="scale $c$ of all weights",
    ylabel="error term / main term",
)
right.set(
    xlabel="epochs of training",
    ylabel="error term / Hessian",
    xscale="symlog",
    ylim=(0, None),
)
right.set_xticks(epochs, epochs)
right.legend(title=f"median and quartiles, {N_SEEDS} seeds")
plt.show()

# %%
# .. admonition:: Verdict: does not hold relative to the Hessian, which vanishes faster in the early layers
#
#    The error is of a high order in `c`, as the remark says. Relative to the main term it is of *lower* order in
#    layer 0, of the same order in layer 1, and of higher order only in layer 2, next to the output. With small
#    weights, the Hessian of the first layer is therefore nearly all error. With the usual weights the error is a
#    large part of the Hessian of every layer. In the first layers it is largest at the start, because it has the
#    slope of the loss as a factor, and training reduces this slope.

assert (orders[:, :, 0] > 3.5).all()
difference_of_orders = (orders[:, :, 0] - orders[:, :, 1]).mean(axis=0)
np.testing.assert_allclose(difference_of_orders, [-2, 0, 2], atol=0.1)
assert shares[:, 0].mean(axis=0).min() > 0.2
assert (shares[:, 0, :2].mean(axis=0) > shares[:, -1, :2].mean(axis=0)).all()
