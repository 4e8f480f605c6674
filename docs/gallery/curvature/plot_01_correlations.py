r"""
Section 1.1: gradients depend on the weights that they pass
===========================================================

Schemes like Xavier's keep variances constant, forward and backward. They assume that the gradient at a layer's output
is independent of the layer's weights. Section 1.1 of M. Skorski, "Revisiting initialization of neural networks",
objects, because the gradient depends on the forward pass, and the forward pass depends on these weights. The section
gives two examples. (In the first, a factor `x` after :math:`w_2 w_1` and a sign are missing. In the second, the
variance on the left should be the variance of :math:`2 x (w x - t)`. Neither affects the argument.)

This page draws both examples 100,000 times for each of ten seeds.
"""

import matplotlib.pyplot as plt
import numpy as np

N_SEEDS, N_DRAWS = 10, 100_000


def over_seeds(measure, *arguments):
    return np.array(
        [measure(np.random.default_rng(seed), *arguments) for seed in range(N_SEEDS)]
    )


def show(label, values):
    print(f"{label:44}{values.mean():7.3f} ± {values.std(ddof=1):.3f}")


# %%
# Two linear layers: gradients and weights
# ----------------------------------------
# :math:`L = (z - t)^2` with :math:`z = w_2 w_1 x`, here with `x` = 1 and a target of 0, so :math:`\partial_z L = 2
# w_2 w_1`. Is it correlated with :math:`w_2`? The gradient :math:`w_2 \partial_z L` arrives at the hidden unit. Does
# it have the variance that independence predicts?


def two_layers(rng, mean):
    w1, w2 = rng.normal(mean, 1, (2, N_DRAWS))
    slope = 2 * w2 * w1
    return (
        np.corrcoef(slope, w2)[0, 1],
        np.corrcoef(slope**2, w2**2)[0, 1],
        np.mean((w2 * slope) ** 2) / np.mean(slope**2),
    )


centered, shifted = over_seeds(two_layers, 0), over_seeds(two_layers, 1)
show("correlation, weights of mean 0", centered[:, 0])
show("correlation, weights of mean 1", shifted[:, 0])
show("correlation of squares, weights of mean 0", centered[:, 1])
show("variance / variance of independent factors", centered[:, 2])

# %%
# With a hidden layer of `d` units, :math:`z = \sum_i w_{2,i} w_{1,i} x`, each weight is a smaller part of the output.
# For normal weights the factor is :math:`1 + 2 / d`.


def wide(rng, width):
    w1, w2 = rng.normal(size=(2, N_DRAWS // width, width))
    slope = 2 * (w1 * w2).sum(axis=1, keepdims=True)
    return np.mean((w2 * slope) ** 2) / np.mean(slope**2)


widths = np.array([1, 2, 4, 8, 16, 32, 64])
factors = np.array([over_seeds(wide, width) for width in widths])
for width, values in zip(widths, factors, strict=True):
    show(f"the same factor with {width} units", values)

# %%
# One weight: gradients and inputs
# --------------------------------
# :math:`L = (w x - t)^2`, with :math:`w \sim N(0, 1)`. If `x` and :math:`\partial_z L` were independent, the variance
# of the gradient with respect to `w` would be the product of their variances. The table shows the factor between the
# two, for inputs of variance 1 (19 of 20 sparse inputs are zero) and for targets that depend on the input or do not:

INPUTS = {
    "x = ±1": lambda rng: rng.choice([-1.0, 1.0], N_DRAWS),
    "x uniform": lambda rng: rng.uniform(-(3**0.5), 3**0.5, N_DRAWS),
    "x normal": lambda rng: rng.normal(size=N_DRAWS),
    "x sparse": lambda rng: (
        rng.choice([-(20**0.5), 20**0.5], N_DRAWS) * (rng.random(N_DRAWS) < 1 / 20)
    ),
}


def one_weight(rng, draw, correlated):
    x, w = draw(rng), rng.normal(size=N_DRAWS)
    target = 2 * x if correlated else 2 * rng.normal(size=N_DRAWS)
    slope = 2 * (w * x - target)
    return np.var(slope * x) / (np.var(x) * np.var(slope))


gradients = {
    (name, correlated): over_seeds(one_weight, draw, correlated)
    for name, draw in INPUTS.items()
    for correlated in (0, 1)
}
for (name, correlated), values in gradients.items():
    show(f"{name}, t {'= 2x' if correlated else 'independent'}", values)

figure, (left, right) = plt.subplots(1, 2, figsize=(7.3, 3.6), layout="constrained")
left.errorbar(
    widths,
    factors.mean(axis=1),
    factors.std(axis=1, ddof=1),
    fmt="o",
    color="#0072B2",
    capsize=3,
    label="drawn",
)
left.plot(widths, 1 + 2 / widths, color="#D55E00", label="$1 + 2/d$")
left.set(
    xscale="log",
    xlabel="width $d$ of the hidden layer",
    ylabel="variance / variance of independent factors",
)
left.set_xticks(widths, widths)
left.legend()
for correlated, marker, color, label in (
    (0, "o", "#0072B2", "t independent of x"),
    (1, "^", "#D55E00", "t = 2x"),
):
    values = np.array([gradients[name, correlated] for name in INPUTS])
    right.errorbar(
        list(INPUTS),
        values.mean(axis=1),
        values.std(axis=1, ddof=1),
        fmt=marker,
        color=color,
        label=label,
        capsize=3,
    )
right.axhline(1, color="black", linestyle=":")
right.set(yscale="log", ylabel="variance / variance of independent factors")
right.set_yticks([0.2, 0.5, 1, 2, 5, 10, 20], ["0.2", "0.5", "1", "2", "5", "10", "20"])
right.legend()
plt.show()

# %%
# .. admonition:: Verdict on the first example: holds in narrow layers: they are dependent, though not correlated
#
#    With weights of mean 0, as all schemes draw them, the gradient is not correlated with the weight, but it depends
#    on it: their squares are correlated, and the gradient that is passed back has three times the variance that
#    independence predicts. In a layer of `d` units the factor is :math:`1 + 2/d`, so the assumption does little harm
#    in wide networks at the start of training. It does more harm when weights have a mean.
#
# .. admonition:: Verdict on the second example: holds
#
#    The two sides are equal for :math:`x = \pm 1` and a target that does not depend on `x`. Otherwise they differ, by
#    up to a factor of twenty here, and more if the tails of `x` are heavier. A target that depends on the input
#    changes the factor in either direction.

assert np.abs(centered[:, 0]).mean() < 0.01
assert shifted[:, 0].min() > 0.5
assert centered[:, 1].min() > 0.4
np.testing.assert_allclose(factors.mean(axis=1), 1 + 2 / widths, rtol=0.02)
np.testing.assert_allclose(gradients["x = ±1", 0], 1, atol=0.01)
assert gradients["x = ±1", 1].max() < 0.3
assert gradients["x sparse", 1].min() > 10
