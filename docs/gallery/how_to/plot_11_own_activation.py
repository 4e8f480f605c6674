"""
Use your own activation
=======================

``make_activation`` compiles an activation from plain functions of one number. Here a
sine helps a network to follow a wave.

.. index:: ! activation, ! custom activation
"""

import math
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPRegressor, make_activation

warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are enough here

# %%
# The slope is the first derivative. Without it, ``make_activation`` computes finite
# differences, which are slower. A wrong slope raises an error.


def sine(u):
    return math.sin(3 * u)


def sine_slope(u):
    return 3 * math.cos(3 * u)


activation = make_activation(sine, sine_slope)
print(activation)

# %%
# Two networks of the same size learn 1,000 noisy points of a wave, in 200 epochs each.
# ``init="auto"`` draws weights that suit each activation.

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-3, 3, 1_000))
wave = np.sin(1.3 * (x + 3) ** 2)
y = wave + rng.normal(scale=0.2, size=1_000)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.scatter(x, y, s=8, color="gray", alpha=0.5)
for name, choice, color in [("relu", "relu", "C3"), ("sine", activation, "C0")]:
    network = MLPRegressor(
        hidden_layer_sizes=(50, 50),
        activation=choice,
        init="auto",
        batch_size=50,
        learning_rate_init=0.003,
        n_iter_no_change=np.inf,
        random_state=0,
    ).fit(x[:, np.newaxis], y)
    predicted = network.predict(x[:, np.newaxis])
    error = np.sqrt(np.mean((predicted - wave) ** 2))
    print(f"{name}: error {error:.2f}")
    ax.plot(x, predicted, color=color, linewidth=2, label=f"{name}, error {error:.2f}")
ax.set(xlabel="x", ylabel="y")
ax.legend(loc="lower left")
plt.show()
