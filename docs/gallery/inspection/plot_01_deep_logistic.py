"""
Why does a deep logistic network not train?
===========================================

A network with six hidden layers of logistic units learns the digits no better than a guess. The reason is visible
before the first epoch, and so is the remedy.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate

from skinit import MLPClassifier
from skinit.inspection import (
    CurvatureDisplay,
    InitComparisonDisplay,
    SignalPropagationDisplay,
    signal_propagation,
)

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16
some_X, some_y = X[:300], y[:300]
network = MLPClassifier(
    (30,) * 6, "logistic", init="xavier", max_iter=30, random_state=0
)

# %%
# Before training
# ---------------
#
# The report consists of two tables and the findings. A finding is a sentence with evidence and advice.

network.initialize(X, y)
print(signal_propagation(network, some_X, some_y))

# %%
# The pictures show the same. From layer to layer a smaller part of the activations depends on the input (dashed,
# above left), and the gradients of the first layers are a small part of the last layer's (below right).

SignalPropagationDisplay.from_estimator(network, some_X, some_y)
plt.show()

# %%
# After following the advice
# --------------------------
#
# This network has tanh units, whose outputs are centered and whose slope is four times as large, and weights that are
# scaled by the measured curvature. It has no findings:

advised = MLPClassifier(
    (30,) * 6, "tanh", init="hessian", max_iter=30, random_state=0
).initialize(X, y)
print(signal_propagation(advised, some_X, some_y).findings)
SignalPropagationDisplay.from_estimator(advised, some_X, some_y)
plt.show()

# %%
# The signal and the gradients pass through all layers. The norms of the Hessian (above left) are about the same in
# every layer. Most eigenvalues are close to zero, and the largest ones limit the learning rate.

CurvatureDisplay.from_estimator(advised, some_X, some_y)
plt.show()

# %%
# Does it train?
# --------------
#
# Each network trains for thirty epochs of Adam in five folds: the first network, a network with half of the advice, a
# network with all of it, and the same network with the learning rate from the curvature.

networks = {
    "logistic": network,
    "logistic, hessian": MLPClassifier(
        (30,) * 6, "logistic", init="hessian", max_iter=30, random_state=0
    ),
    "tanh, hessian": advised,
    "tanh, hessian, auto rate": MLPClassifier(
        (30,) * 6,
        "tanh",
        init="hessian",
        learning_rate_init="auto",
        max_iter=30,
        random_state=0,
    ),
}
results = {
    name: cross_validate(model, X, y, return_estimator=True)
    for name, model in networks.items()
}
InitComparisonDisplay.from_cv_results(results)
plt.show()
