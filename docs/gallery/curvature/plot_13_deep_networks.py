r"""
The paradigm: ten layers train without tuning
=============================================

M. Skorski, "Revisiting initialization of neural networks", section 1.2, requires weights with :math:`\|H_{w^{(k)}}\|
\approx 1` in every layer, so that a constant learning rate trains the network. ``init="hessian"`` measures these
norms and scales the layers until they are 1. ``learning_rate_init="auto"`` derives the learning rate from the
Hessian.

The networks have ten hidden layers of 64 and train for 20 epochs on the digits. Untuned networks, which have both
parameters, are compared with Xavier and He at the default rate of 0.001, with He at the automatic rate, to see which
parameter helps, and with the paper's closed form (8).
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skinit import MLPClassifier
from skinit.curvature import layer_hessian_norms

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16
N_SEEDS, N_EPOCHS, DEFAULT_RATE = 3, 20, 0.001
RUNS = [
    ("hessian", "auto"),
    ("he", "auto"),
    ("hessian_closed_form", "auto"),
    ("he", DEFAULT_RATE),
    ("xavier", DEFAULT_RATE),
]


def ten_layers(activation, init, seed, **parameters):
    epochs = {"max_iter": N_EPOCHS, "n_iter_no_change": N_EPOCHS}
    return MLPClassifier(
        (64,) * 10, activation, init=init, random_state=seed, **epochs, **parameters
    )


# %%
# Before training: the norms of the layers' Hessians
# --------------------------------------------------

print(
    f"norms of the Hessians of the eleven layers, smallest to largest, of {N_SEEDS} "
    "seeds"
)
norms = {}
for activation in ("relu", "tanh"):
    for init in ("hessian", "he", "xavier", "hessian_closed_form"):
        networks = [
            ten_layers(activation, init, seed).initialize(X, y)
            for seed in range(N_SEEDS)
        ]
        norms[activation, init] = np.array(
            [layer_hessian_norms(n, X[:100], y[:100], tol=0.1) for n in networks]
        )
        print(
            f"   {activation} {init:20}{norms[activation, init].min():9.2g} to "
            f"{norms[activation, init].max():.2g}"
        )

# %%
# Training
# --------

scores, losses = {}, {}
print(f"test accuracy, mean ± standard deviation over {N_SEEDS} seeds")
for solver in ("sgd", "adam"):
    for activation in ("relu", "tanh"):
        print(f"{solver}, {activation}")
        for init, rate in RUNS:
            key = solver, activation, init, rate
            scores[key], losses[key] = [], []
            for seed in range(N_SEEDS):
                X_train, X_test, y_train, y_test = train_test_split(
                    X, y, stratify=y, random_state=seed
                )
                network = ten_layers(
                    activation, init, seed, solver=solver, learning_rate_init=rate
                ).fit(X_train, y_train)
                scores[key].append(network.score(X_test, y_test))
                losses[key].append(network.loss_curve_)
            print(
                f"   {init:20}rate {rate:<8}{np.mean(scores[key]):.3f} ± "
                f"{np.std(scores[key], ddof=1):.3f}"
            )

fig, axes = plt.subplots(
    2, 2, figsize=(7.3, 6.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (solver, activation) in zip(
    axes.flat,
    [
        (solver, activation)
        for solver in ("sgd", "adam")
        for activation in ("relu", "tanh")
    ],
    strict=True,
):
    for (init, rate), color in zip(
        RUNS, ("#D55E00", "#E69F00", "#000000", "#0072B2", "#56B4E9"), strict=True
    ):
        curves = np.array(losses[solver, activation, init, rate])
        style = "-" if rate == "auto" else "--"
        epochs = np.arange(1, N_EPOCHS + 1)
        ax.plot(
            epochs, curves.mean(axis=0), style, color=color, label=f"{init}, {rate}"
        )
        ax.fill_between(
            epochs,
            curves.min(axis=0),
            curves.max(axis=0),
            color=color,
            alpha=0.12,
            linewidth=0,
        )
    ax.set(title=f"{activation}, {solver}", ylim=(0, 2.6))
    ax.set_xticks([1, 5, 10, 15, 20])
for ax in axes[1]:
    ax.set_xlabel("epochs")
for ax in axes[:, 0]:
    ax.set_ylabel("training loss (nats)")
fig.legend(
    *axes[1, 1].get_legend_handles_labels(),
    title="init and rate: mean and range",
    loc="outside upper center",
    ncols=3,
)
plt.show()

# %%
# .. admonition:: Verdict: holds for the measured norms; the closed form does not train ten layers
#
#    Scaled by the measured Hessian, every network trains without a choice of scheme or rate. With SGD it is far ahead
#    of Xavier and He at the default rate. Most of the gain comes from the rate: He's weights, whose norms lie on both
#    sides of 1, come close with the automatic rate. With Adam the usual schemes are good at the default rate, and
#    there is little to gain. The closed form (8) makes Hessians thousands to millions of times smaller than 1, and
#    with SGD the network stays at chance.

means = {key: np.mean(values) for key, values in scores.items()}
for solver, activation in (
    ("sgd", "relu"),
    ("sgd", "tanh"),
    ("adam", "relu"),
    ("adam", "tanh"),
):
    untuned = means[solver, activation, "hessian", "auto"]
    assert untuned > 0.9
    assert abs(untuned - means[solver, activation, "he", "auto"]) < 0.1
    for init in ("he", "xavier"):
        gain = untuned - means[solver, activation, init, DEFAULT_RATE]
        assert gain > 0.05 if solver == "sgd" else abs(gain) < 0.05
    assert untuned - means[solver, activation, "hessian_closed_form", "auto"] > (
        0.8 if solver == "sgd" else 0.1
    )
    assert norms[activation, "hessian"].min() > 0.3
    assert norms[activation, "hessian"].max() < 1.5
    assert norms[activation, "hessian_closed_form"].max() < 1e-3
