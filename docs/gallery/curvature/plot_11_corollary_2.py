r"""
Corollary 2: the norm of random weights
=======================================

Corollary 2 of M. Skorski, "Revisiting initialization of neural networks": if the activation has slope 1, the Jacobian
of a layer is about its weights, and their norm is on average

.. math:: \mathbf{E} \|J^{(k)}\| \approx \left( \sqrt{d_{k+1}} + \sqrt{d_k} \right) \sigma , \tag{7}

so :math:`\sigma = 1 / (\sqrt{d_{k+1}} + \sqrt{d_k})`, (8), makes the norm 1. Section 3.4 gives the reason: the
largest singular value of an `m` by `n` matrix of unit variance is :math:`1 / (\sqrt{m} + \sqrt{n})` on average. This
is a slip of the pen for :math:`\sqrt{m} + \sqrt{n}`, as (7) shows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skinit import MLPClassifier
from skinit.curvature import layer_jacobian_norms

# %%
# Random matrices
# ---------------
# The entries have mean 0 and variance 1. Two distributions have light tails. The third has tails so heavy that its
# fourth moment does not exist, and the limit theorem behind (7) requires one.

N_SEEDS = 10
SHAPES = [(4, 4), (16, 16), (64, 64), (200, 200), (10, 400)]
DRAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-(3**0.5), 3**0.5, shape),
    "Student's t": lambda rng, shape: rng.standard_t(3, shape) / 3**0.5,
}

ratios = {}
print(
    f"largest singular value / estimate, mean ± standard deviation over {N_SEEDS} seeds"
)
print(f"{'':11}" + "".join(f"{f'{m} x {n}':>13}" for m, n in SHAPES))
for name, draw in DRAWS.items():
    rng = np.random.default_rng(0)
    ratios[name] = np.array(
        [
            [
                np.linalg.norm(draw(rng, (m, n)), 2) / (m**0.5 + n**0.5)
                for _ in range(N_SEEDS)
            ]
            for m, n in SHAPES
        ]
    )
    print(
        f"{name:11}"
        + "".join(f"{r.mean():6.2f} ± {r.std(ddof=1):.2f}" for r in ratios[name])
    )

# %%
# Jacobians of networks
# ---------------------
# The networks have eight hidden layers of 64 on the digits. Their weights follow (8) as printed, and (8) with the
# correction for the slopes of the activation that ``init="hessian_closed_form"`` makes.

X, y = load_digits(return_X_y=True)
X, y = X[:10] / 16, y[:10]


def formula_8(shape, rng):
    return rng.normal(0, 1 / (shape[0] ** 0.5 + shape[1] ** 0.5), shape)


ACTIVATIONS = ("tanh", "relu", "logistic")
norms = {}
print("mean ± standard deviation of the Jacobian norms of the hidden layers, 3 seeds")
for activation in ACTIVATIONS:
    for init in (formula_8, "hessian_closed_form"):
        networks = (
            MLPClassifier(
                (64,) * 8, activation, init=init, random_state=seed
            ).initialize(X, y)
            for seed in range(3)
        )
        norms[activation, init] = np.array(
            [layer_jacobian_norms(network, X, y)[:-1] for network in networks]
        )
        values = norms[activation, init]
        name = "(8)" if init is formula_8 else init
        print(f"{activation:9}{name:20} {values.mean():.2f} ± {values.std(ddof=1):.2f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (name, values), marker, color in zip(
    ratios.items(), "o^D", ("#0072B2", "#D55E00", "#000000"), strict=True
):
    left.errorbar(
        range(len(SHAPES)),
        values.mean(axis=1),
        values.std(axis=1, ddof=1),
        fmt=marker,
        color=color,
        label=name,
        capsize=3,
    )
left.set_xticks(range(len(SHAPES)), [f"{m} x {n}" for m, n in SHAPES])
left.set(
    xlabel="shape of the matrix",
    ylabel="largest singular value / estimate",
    ylim=(0, None),
)
for i, activation in enumerate(ACTIVATIONS):
    for init, color, marker, label in (
        (formula_8, "#0072B2", "o", "(8)"),
        ("hessian_closed_form", "#D55E00", "^", "(8), corrected for slopes"),
    ):
        values = norms[activation, init].ravel()
        right.plot(
            np.full(values.size, i + (0.1 if label != "(8)" else -0.1)),
            values,
            marker,
            color=color,
            label=label if i == 0 else None,
        )
right.set_xticks(range(3), ACTIVATIONS)
right.set(ylabel="Jacobian norms of the hidden layers", ylim=(0, None))
for ax in (left, right):
    ax.axhline(1, color="black", linestyle=":")
    ax.legend()
plt.show()

# %%
# .. admonition:: Verdict: holds, with the square roots in the numerator
#
#    For light tails the estimate is within a few percent for wide layers, and somewhat too high for narrow ones.
#    Weights whose fourth moment does not exist have larger norms, and the excess grows with the matrix. With (8), a
#    tanh network has Jacobians of norm about 1. relu is not smooth and half of its slopes are 0, and the slope of the
#    logistic function is at most 1/4, so for these (8) needs the correction.

light = np.array([ratios[name][1:].mean(axis=1) for name in ("normal", "uniform")])
assert np.abs(light - 1).max() < 0.15
assert np.abs(light[:, 2] - 1).max() < 0.03
assert ratios["Student's t"][3].mean() > 1.2
assert np.abs(norms["tanh", formula_8].mean() - 1) < 0.1
assert norms["logistic", formula_8].max() < 0.3
assert np.abs(norms["relu", "hessian_closed_form"].mean() - 1) < np.abs(
    norms["relu", formula_8].mean() - 1
)
