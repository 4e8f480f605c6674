"""
Stop early on your own validation rows
======================================

``early_stopping=True`` sets aside random rows for validation. That misleads if rows
come in groups, such as several visits of each patient, because the network then knows
the patients of its validation rows. Pass rows of other patients as `X_val` and `y_val`.

.. index:: ! early stopping, ! validation
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit

from skinit import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # random rows do not stop it

# %%
# Each of 200 patients comes for ten visits. All visits of a patient are alike.

rng = np.random.default_rng(0)
patients = np.repeat(np.arange(200), 10)
means = rng.normal(size=(200, 10))
is_ill = means[:, 0] + means[:, 1] + rng.normal(size=200) > 0
X = means[patients] + rng.normal(scale=0.3, size=(2_000, 10))
y = is_ill[patients]


def split(rows):
    """Split rows by patient, with a quarter of the patients in the second part."""
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    first, second = next(splitter.split(rows, groups=patients[rows]))
    return rows[first], rows[second]


rest, test = split(np.arange(2_000))
train, val = split(rest)

# %%
# With ``scoring="loss"`` training stops when the validation loss stops improving. The
# weights of the best epoch are kept.

network = MLPClassifier(early_stopping=True, scoring="loss", random_state=0)
network.fit(X[rest], y[rest])
print(f"random rows: epoch {network.best_iter_},", end=" ")
print(f"test accuracy {network.score(X[test], y[test]):.2f}")
network.fit(X[train], y[train], X_val=X[val], y_val=y[val])
print(f"own rows:    epoch {network.best_iter_},", end=" ")
print(f"test accuracy {network.score(X[test], y[test]):.2f}")

# %%
# The training loss continues to fall while the loss of new patients rises.

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
epochs = np.arange(1, network.n_iter_ + 1)
ax.plot(epochs, network.loss_curve_, linewidth=2, label="training")
ax.plot(epochs, network.validation_loss_curve_, linewidth=2, label="validation")
ax.axvline(network.best_iter_, color="black", linestyle="--", label="weights kept")
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()
plt.show()
