"""
Predict intervals with quantiles
================================

With the loss "quantile" a network predicts quantiles of the target, and not its mean.
Two quantiles make an interval. Several quantiles of one network never cross.

.. index:: ! regression, ! prediction interval, ! quantile
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skinit import MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are enough here

# %%
# The noise of these data grows with `x`, so no single width fits everywhere.

rng = np.random.default_rng(0)
x = rng.uniform(0, 10, 3_000)
y = np.sin(x) + rng.normal(scale=0.05 + 0.08 * x)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)

# %%
# Nine targets in ten lie between the quantiles of levels 0.05 and 0.95. The quantile of
# level 0.5 is the median.

network = MLPRegressor(
    "quantile",
    (50, 50),
    "tanh",
    quantile=[0.05, 0.5, 0.95],
    init="hessian",
    learning_rate_init="auto",
    random_state=0,
)
network.fit(x_train[:, np.newaxis] / 10, y_train)
low, median, high = network.predict(x_test[:, np.newaxis] / 10).T
inside = np.mean((low <= y_test) & (y_test <= high))
print(f"{inside:.0%} of the test rows are inside their intervals")

# %%
# The interval is narrow on the left and wide on the right, like the noise.

order = np.argsort(x_test)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.scatter(x_test, y_test, s=8, color="gray", alpha=0.6, label="test rows")
ax.fill_between(
    x_test[order],
    low[order],
    high[order],
    color="C0",
    alpha=0.3,
    label="90% interval",
)
ax.plot(x_test[order], median[order], color="C0", linewidth=2, label="median")
ax.set(xlabel="x", ylabel="y")
ax.legend(loc="lower left")
plt.show()
