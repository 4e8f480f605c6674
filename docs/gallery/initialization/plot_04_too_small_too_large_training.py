r"""
Weights too small or too large: training is slow or diverges
============================================================

The lecture notes (section I, *Impact of Poor Initialization*, 2) discuss training. They make three claims:

1. Too small weights make learning slow, very slow with relu.
2. Too large weights make learning diverge.
3. Too large weights make tanh and sigmoid networks slow.

The networks have five hidden layers of 64 and train on handwritten digits, with weights from :math:`N(0, g^2 / d)`;
`g` is the gain.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skinit import DivergenceError, MLPClassifier
from skinit.initializers import VarianceScaling
from skinit.inspection import signal_propagation

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
SEEDS = range(5)
ACTIVATIONS = ["tanh", "logistic", "relu"]
X, y = load_digits(return_X_y=True)
X, y = (X[:600] - X.mean()) / X.std(), y[:600]


def network(activation, gain, seed):
    descent = {
        "solver": "sgd",
        "learning_rate_init": 0.01,
        "batch_size": 50,
        "max_iter": 20,
        "n_iter_no_change": 20,
    }
    return MLPClassifier(
        (64,) * 5,
        activation,
        init=VarianceScaling(gain**2),
        random_state=seed,
        **descent,
    )


# %%
# Twenty epochs at every gain
# ---------------------------
#
# The learning rate is 0.01, with Nesterov's momentum. The table shows the accuracy on the training rows; 0.1 is
# chance.

gains = [0.1, 0.3, 1, 3, 10, 30, 100]
accuracy = {}
print(f"{'gain':>8}" + "".join(f"{activation:>18}" for activation in ACTIVATIONS))
for gain in gains:
    row = f"{gain:8g}"
    for activation in ACTIVATIONS:
        scores = np.full(len(SEEDS), np.nan)
        for seed in SEEDS:
            try:
                scores[seed] = network(activation, gain, seed).fit(X, y).score(X, y)
            except DivergenceError:
                continue
        accuracy[activation, gain] = scores
        n_diverged = np.isnan(scores).sum()
        cell = (
            f"{n_diverged} of {len(SEEDS)} diverge"
            if n_diverged
            else f"{scores.mean():.2f} ± {scores.std():.2f}"
        )
        row += f"{cell:>18}"
    print(row)

assert all(accuracy[activation, 0.1].max() < 0.2 for activation in ACTIVATIONS)
assert all(accuracy[activation, 0.3].max() < 0.2 for activation in ACTIVATIONS)
assert all(np.isnan(accuracy["relu", gain]).sum() >= 3 for gain in (10, 30, 100))
for activation in ("tanh", "logistic"):
    means = np.array([accuracy[activation, gain].mean() for gain in gains])
    assert np.isfinite(means).all(), "no run diverges"
    assert means.max() > 0.7
    assert means[-1] < 0.3
assert accuracy["logistic", 1].max() < 0.2
assert accuracy["logistic", 10].min() > 0.6
assert min(accuracy[activation, 1].min() for activation in ("tanh", "relu")) > 0.9

# %%
# The reasons are visible before training
# ---------------------------------------
#
# :func:`skinit.inspection.signal_propagation` names what it finds in the untrained networks.

for gain in (0.1, 1, 30):
    for activation in ACTIVATIONS:
        report = signal_propagation(
            network(activation, gain, 0).initialize(X[:100], y[:100]), X[:100], y[:100]
        )
        print(
            f"gain {gain:3}, {activation:9}",
            ", ".join(finding.name for finding in report.findings) or "nothing",
        )

# %%

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, ax = plt.subplots(figsize=(7.3, 4.5), layout="constrained")
for activation, marker in zip(ACTIVATIONS, "os^", strict=True):
    scores = np.array([accuracy[activation, gain] for gain in gains])
    ax.errorbar(
        gains,
        scores.mean(axis=1),
        scores.std(axis=1),
        fmt=f"-{marker}",
        capsize=3,
        label=activation,
    )
ax.plot(gains[-3:], [0, 0, 0], "x", color="C2", label="relu: most runs diverge")
ax.axhline(0.1, color="black", linestyle=":", label="chance")
ax.set(
    xscale="log",
    xlabel="gain g (weights of variance $g^2 / d$)",
    title="5 layers of 64, 20 epochs",
)
ax.set_ylabel("accuracy (share of training rows)")
figure.legend(loc="outside upper center", ncols=3)
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    With gains of 0.1 and 0.3 all three networks stay at chance. relu is no slower than tanh.
#
# .. admonition:: Verdict on claim 2: holds for relu, does not hold for tanh and sigmoid
#
#    Bounded activations bound the outputs, so no tanh or logistic network diverges, at any gain. Most relu networks
#    diverge, from a gain of 10 on.
#
# .. admonition:: Verdict on claim 3: holds
#
#    At a gain of 100 both stay near chance. But the networks differ in the gain that is too large: the logistic
#    network is best with a gain of 10, with which its deltas keep their size (see the page before). It learns nothing
#    with a gain of 1, which suits tanh and relu.
