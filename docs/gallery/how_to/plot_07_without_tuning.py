"""
Train without tuning on a table as it comes
===========================================

Tiny features and large targets usually need scaling, or a tuned learning rate. With
``init="hessian"`` and ``learning_rate_init="auto"`` they need neither, because skinit
measures the curvature of the loss and scales the weights and the steps by it.

.. index:: ! regression, ! tuning, ! learning rate
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import train_test_split

from skinit import MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)  # the default rate is too small

# %%
# The features of the diabetes table are about 0.05 in size, the targets about 150.

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
models = {
    "default": MLPRegressor(random_state=0),
    "measured": MLPRegressor(init="hessian", learning_rate_init="auto", random_state=0),
}

# %%
# With the default rate of 0.001 the predictions do not come near the targets. The
# measured rate is much larger.

figure, axes = plt.subplots(1, 2, figsize=(7.3, 4), layout="constrained")
for title, model, ax in zip(models, models.values(), axes, strict=True):
    score = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"{title}: rate {model.learning_rate_init_:.3g}, R² {score:.2f}")
    PredictionErrorDisplay.from_estimator(
        model, X_test, y_test, kind="actual_vs_predicted", ax=ax
    )
    ax.set(title=f"{title}: R² {score:.2f}")
plt.show()

# %%
# A tuned grid is often a little better. :doc:`/training_without_tuning` has the
# comparison.
