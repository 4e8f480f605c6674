r"""
Xavier's condition: signals forward and gradients backward
==========================================================

The lecture notes (section IV, *Stepwise Derivation*, 3 and 4) draw two conclusions from the variance of a layer:

1. The variance of activations stays constant if :math:`n^{[l-1]} \, \mathrm{Var}(W^{[l]}) = 1`.
2. This avoids exploding and vanishing gradients, because it keeps variances backward as well as forward.

Forward, a unit sums over the :math:`n^{[l-1]}` inputs of its layer. Backward, an input sums over the :math:`n^{[l]}`
units. Layers of unequal width therefore show the difference between the two directions.
"""

import matplotlib.pyplot as plt
import numpy as np

from skinit import MLPRegressor
from skinit.initializers import VarianceScaling

SEEDS = range(5)


# %%
# Narrowing, even and widening networks
# -------------------------------------
#
# The networks have four linear layers, as in the derivation; `r` is the width of a layer divided by the width of the
# layer before. There are three schemes: the notes' Xavier, of variance :math:`1 / n^{[l-1]}`; its backward
# counterpart, :math:`1 / n^{[l]}`; and Xavier Glorot's own, :math:`2 / (n^{[l-1]} + n^{[l]})`. The table shows the
# factor by which each layer multiplies the variance.

shapes = {
    "halved": (800, 400, 200, 100, 50),
    "equal": (200, 200, 200, 200, 200),
    "doubled": (50, 100, 200, 400, 800),
}
schemes = {"fan_in": "the notes' Xavier", "fan_out": "backward", "fan_avg": "Glorot's"}
expected, measured = {}, {}
print(f"factor of the variance:        {'forward':>18}{'backward':>24}")
print(f"{'':27}" + "expected       measured   " * 2)
for shape, (n_features, *widths) in shapes.items():
    r = widths[0] / n_features
    for mode, scheme in schemes.items():
        n_weights = {"fan_in": 1, "fan_out": r, "fan_avg": (1 + r) / 2}[mode]
        expected[shape, mode] = np.array([1 / n_weights, r / n_weights])
        runs = []
        for seed in SEEDS:
            rng = np.random.RandomState(seed)
            inputs, deltas = (
                rng.normal(size=(200, n_features)),
                rng.normal(size=(200, widths[-1])),
            )
            network = MLPRegressor(
                hidden_layer_sizes=widths,
                activation="identity",
                init=VarianceScaling(1, mode),
            )
            coefs = (
                network.set_params(random_state=seed)
                .initialize(inputs, inputs[:, 0])
                .coefs_[:-1]
            )
            forward = np.linalg.multi_dot([inputs, *coefs]).var() / inputs.var()
            backward = (
                np.linalg.multi_dot(
                    [deltas, *(coef.T for coef in reversed(coefs))]
                ).var()
                / deltas.var()
            )
            runs.append([forward ** (1 / len(coefs)), backward ** (1 / len(coefs))])
        measured[shape, mode] = np.array(runs)
        cells = zip(expected[shape, mode], measured[shape, mode].T, strict=True)
        print(
            f"{shape:8} {scheme:18}"
            + "".join(f"{e:8.3f} {v.mean():6.3f} ± {v.std():.3f} " for e, v in cells)
        )

for case, values in measured.items():
    assert np.allclose(values.mean(axis=0), expected[case], rtol=0.05)
assert all(np.allclose(expected["equal", mode], 1) for mode in schemes)
assert measured["halved", "fan_in"][:, 1].max() < 0.6
assert measured["doubled", "fan_in"][:, 1].min() > 1.7

# %%

# Colors of M. Okabe and K. Ito, which color-blind readers can tell apart.
plt.rcParams["axes.prop_cycle"] = plt.cycler(
    color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
)
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained", sharey=True)
for ax, shape in zip(axes, shapes, strict=True):
    for i, (way, marker) in enumerate(zip(["forward", "backward"], "os", strict=True)):
        values = np.array([measured[shape, mode][:, i] for mode in schemes])
        x = np.arange(3) + 0.2 * i - 0.1
        ax.errorbar(
            x,
            values.mean(axis=1),
            values.std(axis=1),
            fmt=marker,
            capsize=3,
            label=f"{way}, measured",
        )
        ax.plot(
            x,
            [expected[shape, mode][i] for mode in schemes],
            "k_",
            markersize=20,
            label="expected" if i else None,
        )
    ax.axhline(1, color="black", linestyle="--", linewidth=1)
    ax.set(
        xticks=range(3),
        xticklabels=schemes.values(),
        xlim=(-0.5, 2.5),
        title=f"widths {shape}",
        yscale="log",
    )
    ax.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
    ax.minorticks_off()
axes[0].set_ylabel("factor of the variance in each layer")
axes[2].legend(fontsize="small")
plt.show()

# %%
# .. admonition:: Verdict on claim 1: holds
#
#    It holds for linear layers of any width, to within the spread over seeds.
#
# .. admonition:: Verdict on claim 2: holds under these conditions
#
#    *Layers are equally wide.* If widths are halved, the notes' Xavier keeps activations and halves the variance of
#    deltas in every layer. If widths are doubled, it doubles the variance of deltas. To keep deltas, use the number
#    of outputs instead. Glorot's scheme is a compromise: it keeps neither, and changes both by less.
