r"""
The steps that train a model
============================

The lecture notes (section I, *The Importance of Effective Initialization*) build a model in steps: define the
architecture, initialize the parameters, choose an optimizer, repeat forward propagation, cost, gradients and update,
and finally predict. This page takes these steps one by one.

**Claim.** Training a model consists of these steps.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skinit import MLPClassifier

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Steps 1 and 2: the architecture, the initial parameters, the optimizer
# ----------------------------------------------------------------------
#
# ``initialize`` draws the parameters and does not train. The network has eight tanh units and one output. The
# optimizer is plain descent, without momentum and with all rows in one batch.

X, y = make_moons(400, noise=0.2, random_state=0)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
rate = 0.5

network = MLPClassifier(
    (8,),
    "tanh",
    init="xavier",
    solver="sgd",
    learning_rate_init=rate,
    momentum=0,
    alpha=0,
    batch_size=len(X),
)
network.set_params(random_state=0).initialize(X, y)
W1, W2 = (coef.copy() for coef in network.coefs_)
b1, b2 = (intercept.copy() for intercept in network.intercepts_)
print(
    "epochs trained:",
    network.n_iter_,
    "  shapes:",
    W1.shape,
    b1.shape,
    W2.shape,
    b2.shape,
)

# %%
# Step 3: forward, cost, gradients, update
# ----------------------------------------
#
# This takes the step once by hand, and once by ``partial_fit``, which is one epoch and here one step. Layer `k` maps
# activations of shape (n, fan_in) through ``coefs_[k]`` of shape (fan_in, fan_out).

activations = np.tanh(X @ W1 + b1)
probabilities = 1 / (1 + np.exp(-(activations @ W2 + b2).ravel()))
cost = -np.mean(y * np.log(probabilities) + (1 - y) * np.log(1 - probabilities))

deltas2 = (probabilities - y)[:, None] / len(X)
deltas1 = deltas2 @ W2.T * (1 - activations**2)
W1, b1 = W1 - rate * X.T @ deltas1, b1 - rate * deltas1.sum(axis=0)
W2, b2 = W2 - rate * activations.T @ deltas2, b2 - rate * deltas2.sum(axis=0)

network.partial_fit(X, y)
by_hand, by_skinit = [W1, W2, b1, b2], network.coefs_ + network.intercepts_
difference = max(
    np.abs(mine - theirs).max() for mine, theirs in zip(by_hand, by_skinit, strict=True)
)
print(f"cost by hand {cost:.12f}, by skinit {network.loss_:.12f}")
print(f"largest difference of a parameter after the step: {difference:.1e}")
assert abs(cost - network.loss_) < 1e-12
assert difference < 1e-12

# %%
# Repeating the step is what ``fit`` does
# ---------------------------------------
#
# Here training has mini-batches and Adam, for ten draws of the parameters. ``initialize`` and eighty calls of
# ``partial_fit`` give the same bits as ``fit``. (Rows keep their order here. With shuffling, ``fit`` continues from
# the last epoch's order, and ``partial_fit`` starts from the order of its rows.)

curves, scores, n_epochs = [], [], 80
for seed in range(10):
    network = MLPClassifier(
        (8,),
        "tanh",
        learning_rate_init=0.05,
        batch_size=50,
        shuffle=False,
        random_state=seed,
    )
    network.initialize(X, y)
    for _ in range(n_epochs):
        network.partial_fit(X, y)
    fitted = (
        MLPClassifier(**network.get_params())
        .set_params(max_iter=n_epochs, n_iter_no_change=np.inf)
        .fit(X, y)
    )
    assert all(
        np.array_equal(a, b) for a, b in zip(network.coefs_, fitted.coefs_, strict=True)
    )
    curves.append(network.loss_curve_)
    scores.append(network.score(X_test, y_test))

curves = np.array(curves)
print(
    f"cost, first epoch: {curves[:, 0].mean():.3f} ± {curves[:, 0].std():.3f} over "
    f"{len(curves)} seeds"
)
print(f"cost, last epoch:  {curves[:, -1].mean():.3f} ± {curves[:, -1].std():.3f}")
print(f"test accuracy:     {np.mean(scores):.3f} ± {np.std(scores):.3f}")
assert (curves[:, -1] < 0.5 * curves[:, 0]).all()

# %%
# Step 4: the trained model predicts new points
# ---------------------------------------------

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, (left, right) = plt.subplots(1, 2, figsize=(7.3, 3.2), layout="constrained")
epochs = np.arange(1, n_epochs + 1)
left.plot(epochs, curves.T, color="C0", alpha=0.25)
left.plot(
    epochs,
    curves.mean(axis=0),
    color="C0",
    linewidth=2.5,
    label=f"mean of {len(curves)} seeds",
)
left.set(
    xlabel="epoch",
    ylabel="cost (log loss, nats)",
    ylim=(0, None),
    title="The cost falls",
)
left.legend()

grid = np.stack(
    np.meshgrid(np.linspace(-2, 3, 200), np.linspace(-1.5, 2, 200)), axis=-1
)
shown = network.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(200, 200)
field = right.contourf(
    grid[..., 0], grid[..., 1], shown, levels=np.linspace(0, 1, 11), cmap="cividis"
)
for label, marker in enumerate("o^"):
    right.scatter(
        *X_test[y_test == label].T,
        marker=marker,
        color="white",
        edgecolor="black",
        label=f"class {label}",
    )
right.set(
    xlabel="first feature",
    ylabel="second feature",
    title="New points and their predicted probability",
)
right.legend(loc="lower left")
figure.colorbar(field, label="probability of class 1")
plt.show()

# %%
# .. admonition:: Verdict: holds
#
#    Training is a loop of these steps. A step by hand and a step of the compiled network agree to
#    rounding, and the loop of steps gives the same bits as ``fit``.
