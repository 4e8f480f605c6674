"""
Use an activation of your own
=============================

``make_activation`` compiles an activation from plain functions of one number. Here a
sine helps a network to follow a wave.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from skinit import MLPRegressor, make_activation

# %%
# The slope makes training faster. Without it, ``make_activation`` takes differences. A
# wrong slope is an error.


def sine(u):
    return math.sin(3 * u)


def sine_slope(u):
    return 3 * math.cos(3 * u)


activation = make_activation(sine, sine_slope)
print(activation)

# %%
# Two networks of the same size learn 500 noisy points of a wave that gets faster.

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-1, 1, 500))
wave = np.sin(12 * (x + 1) ** 2)
y = wave + rng.normal(scale=0.2, size=500)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.scatter(x, y, s=8, color="gray", alpha=0.5)
for choice, color in [("relu", "C3"), (activation, "C0")]:
    network = MLPRegressor(
        hidden_layer_sizes=(50, 50),
        activation=choice,
        learning_rate_init=0.003,
        max_iter=500,
        random_state=0,
    ).fit(x[:, np.newaxis], y)
    predicted = network.predict(x[:, np.newaxis])
    error = np.sqrt(np.mean((predicted - wave) ** 2))
    name = choice if choice == "relu" else "sine"
    print(f"{name}: error {error:.2f}")
    ax.plot(x, predicted, color=color, linewidth=2, label=f"{name}, error {error:.2f}")
ax.set(xlabel="x", ylabel="y")
ax.legend(loc="lower left")
plt.show()
