r"""
Theorem 1: the size of its error
================================

Theorem 1 of M. Skorski, "Revisiting initialization of neural networks", holds "up to a term" of order :math:`f'''
\|b^{(k)}\| + f''' \|w^{(k)}\|`, where :math:`w^{(k)}` and :math:`b^{(k)}` are the weights and intercepts of layer
`k`, and the Hessian is with respect to these weights.

This page makes the weights and intercepts of layer `k` small, and leaves the other layers as they are: :math:`c \,
w^{(k)}` and :math:`c \, b^{(k)}`, for `c` down to 1/256, in a tanh network 13-6-6-6-3 on the wines. The error should
be proportional to `c`, which is a slope of 1 if both axes are logarithmic. (The proof, in (13), has only the
intercepts, so the page tries networks without intercepts too.)
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


def norms(network, k):
    """The norms of the error term and of the main term."""
    identity = np.eye(network.coefs_[k].size)
    hessian, chain = (
        hessian_operator(network, X, y, layer=k, kind=kind).matmat(identity)
        for kind in ("hessian", "gauss_newton")
    )
    return np.linalg.norm(hessian - chain, 2), np.linalg.norm(chain, 2)


def relative_errors(k, own, others, seed):
    """Error divided by the main term, for each scale of layer k.

    `own` is the standard deviation of the layer's intercepts, and `others` is the
    standard deviation of the intercepts in the other layers.
    """
    network = MLPClassifier(
        (6, 6, 6), "tanh", init="xavier", random_state=seed
    ).initialize(X, y)
    rng = np.random.default_rng(seed)
    for j, intercept in enumerate(network.intercepts_):
        intercept[...] = rng.normal(0, own if j == k else others, intercept.size)
    weights, intercepts = network.coefs_[k].copy(), network.intercepts_[k].copy()
    ratios = []
    for c in SCALES:
        network.coefs_[k][...], network.intercepts_[k][...] = (
            c * weights,
            c * intercepts,
        )
        error, main = norms(network, k)
        ratios.append(error / main)
    return ratios


# %%
# With and without intercepts
# ---------------------------

CASES = {
    "no intercepts": (0, 0),
    "intercepts in this layer": (0.3, 0),
    "intercepts in all layers": (0.3, 0.3),
}
ratios = {
    case: np.array(
        [
            [relative_errors(k, *deviations, seed) for k in range(3)]
            for seed in range(N_SEEDS)
        ]
    )
    for case, deviations in CASES.items()
}
slopes = {}
print(f"slope for c <= 1/16, mean ± standard deviation over {N_SEEDS} seeds")
for case, values in ratios.items():
    print(case)
    logs = np.log(values[:, :, 2:]).reshape(-1, SCALES.size - 2)
    slopes[case] = np.polyfit(np.log(SCALES[2:]), logs.T, 1)[0].reshape(N_SEEDS, 3)
    for k in range(3):
        print(
            f"   layer {k}: {slopes[case][:, k].mean():.2f} ± "
            f"{slopes[case][:, k].std(ddof=1):.2f}"
        )

fig, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
for ax, (case, values) in zip(axes, ratios.items(), strict=True):
    for k, (color, marker) in enumerate(
        zip(("#0072B2", "#D55E00", "#009E73"), "o^s", strict=True)
    ):
        low, middle, high = np.percentile(values[:, k], [0, 50, 100], axis=0)
        ax.loglog(SCALES, middle, color=color, marker=marker, label=f"layer {k}")
        ax.fill_between(SCALES, low, high, color=color, alpha=0.15, linewidth=0)
    ax.loglog(SCALES, SCALES, color="black", linestyle=":", label="slope 1")
    ax.set(title=case.capitalize(), xlabel="scale $c$ of the layer")
axes[0].set_ylabel("norm of the error term / norm of the main term")
axes[0].legend(title=f"median and range, {N_SEEDS} seeds")
plt.show()

# %%
# .. admonition:: Verdict: holds under these conditions: the layers above have no intercepts
#
#    At the start of training intercepts are zero, and the error falls in proportion to the weights of the layer. By
#    (13) it would be zero without intercepts, and it is not. With intercepts in all layers it falls only for the last
#    hidden layer. For the others, the preactivations in the layers above are not near zero. tanh is straight only
#    there, so the second derivatives in these layers remain, however small the layer's own weights are.

for case in ("no intercepts", "intercepts in this layer"):
    assert np.abs(slopes[case] - 1).max() < 0.2
assert ratios["no intercepts"][:, :, 0].mean(axis=0).min() > 0.2
assert np.abs(slopes["intercepts in all layers"][:, 2] - 1).max() < 0.2
assert slopes["intercepts in all layers"][:, :2].mean(axis=0).max() < 0.5
