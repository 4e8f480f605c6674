"""
Write your own callback
=======================

A callback sees the network after every epoch, and may end the training. This one
records the decision boundary, and ends the training when the network reaches an
accuracy. Callbacks need scikit-learn 1.9 or later.

.. index:: ! callback
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skinit import MLPClassifier

X, y = make_moons(500, noise=0.15, random_state=0)
x_axis, y_axis = np.linspace(-1.7, 2.7, 60), np.linspace(-1.1, 1.6, 60)
grid = np.stack(np.meshgrid(x_axis, y_axis), axis=-1).reshape(-1, 2)


# %%
# A callback is a class with these four methods. After an epoch, `fitted_estimator` is
# the network as if training had ended there. Return True to end the training.


class Snapshots:
    """Keeps the probabilities on a grid, and ends training at an accuracy."""

    def __init__(self, accuracy):
        self.accuracy = accuracy

    def setup(self, estimator, context):
        self.pictures = []

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        if context.task_name != "epoch":
            return False
        probabilities = fitted_estimator.predict_proba(grid)[:, 1]
        self.pictures.append(probabilities.reshape(60, 60))
        return fitted_estimator.score(X, y) >= self.accuracy

    def teardown(self, estimator, context):
        pass


# %%
# ``set_callbacks`` adds it to a network. Pipelines and searches pass it on.

snapshots = Snapshots(accuracy=0.98)
network = MLPClassifier((30, 30), learning_rate_init=0.003, random_state=0)
network.set_callbacks(snapshots).fit(X, y)
print(f"{network.n_iter_} epochs, accuracy {network.score(X, y):.3f}")

# %%
# The picture shows the first epoch, the last one, and two between them.

figure, axes = plt.subplots(
    2, 2, figsize=(7, 5), sharex=True, sharey=True, layout="constrained"
)
epochs = np.geomspace(1, network.n_iter_, 4).round().astype(int)
for epoch, ax in zip(epochs, axes.flat, strict=True):
    picture = snapshots.pictures[epoch - 1]
    ax.contourf(x_axis, y_axis, picture, levels=np.linspace(0, 1, 11), cmap="coolwarm")
    ax.scatter(*X.T, c=y, cmap="coolwarm", s=12, edgecolors="black", linewidths=0.4)
    ax.set_title(f"epoch {epoch}")
plt.show()
