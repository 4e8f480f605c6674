r"""
Remark 3: the paper's weights compared with Xavier's
====================================================

Remark 3 of M. Skorski, "Revisiting initialization of neural networks", says that the closed form :math:`\sigma = 1 /
(\sqrt{d_{k+1}} + \sqrt{d_k})`, (8), is between 1 and :math:`1 / \sqrt 2` times the scheme of Glorot and Bengio, and
close to it for layers of very unequal sizes, because of

.. math:: \sqrt{d_{k+1} + d_k} \le \sqrt{d_{k+1}} + \sqrt{d_k} \le \sqrt 2 \, \sqrt{d_{k+1} + d_k} .

The inequality compares with :math:`1 / \sqrt{d_k + d_{k+1}}`. Glorot and Bengio's scheme, the paper's (3), is
:math:`\sqrt{2 / (d_k + d_{k+1})}`, which is larger by :math:`\sqrt 2`. This page draws weights from both and divides
their standard deviations.
"""

import matplotlib.pyplot as plt
import numpy as np

from skinit import MLPRegressor

N_SEEDS = 10
FAN_OUT = 50
RATIOS = np.array([1, 2, 5, 10, 20, 50, 100])


def drawn_deviation(init, fan_in, seed):
    """The standard deviation of the first layer's weights."""
    X, y = np.zeros((2, fan_in)), np.zeros(2)
    network = MLPRegressor(
        hidden_layer_sizes=(FAN_OUT,), activation="tanh", init=init, random_state=seed
    )
    return network.initialize(X, y).coefs_[0].std()


def deviations(init, seeds):
    return np.array(
        [
            [drawn_deviation(init, FAN_OUT * ratio, seed) for seed in seeds]
            for ratio in RATIOS
        ]
    )


# Both are drawn independently, because common draws would hide the spread of the quotient.
quotients = deviations("hessian_closed_form", range(N_SEEDS)) / deviations(
    "xavier_normal", range(N_SEEDS, 2 * N_SEEDS)
)

# %%
# Standard deviations of drawn weights, and by formula
# ----------------------------------------------------

closed_form = 1 / (np.sqrt(FAN_OUT) + np.sqrt(FAN_OUT * RATIOS))
root = 1 / np.sqrt(FAN_OUT + FAN_OUT * RATIOS)
by_formula = closed_form / (np.sqrt(2) * root)
print(f"quotients of deviations; drawn: mean ± standard deviation over {N_SEEDS} seeds")
print("fan_in / fan_out   (8) / (3), drawn    by formula    (8) * sqrt(sum)")
for r, q, f, g in zip(RATIOS, quotients, by_formula, closed_form / root, strict=True):
    print(f"{r:16}{q.mean():12.4f} ± {q.std(ddof=1):.4f}{f:14.4f}{g:22.4f}")

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.errorbar(
    RATIOS,
    quotients.mean(axis=1),
    quotients.std(axis=1, ddof=1),
    fmt="o",
    color="#0072B2",
    capsize=3,
    label="(8) / (3), drawn",
)
ax.plot(RATIOS, by_formula, color="#0072B2", label="(8) / (3), formula")
ax.plot(
    RATIOS,
    closed_form / root,
    color="#D55E00",
    linestyle="--",
    label=r"(8) / $(1 / \sqrt{d_k + d_{k+1}})$, formula",
)
ax.set_yticks([0.5, 0.5**0.5, 1], ["1/2", r"$1/\sqrt{2}$", "1"])
ax.grid(axis="y", linestyle=":", color="black")
ax.set(
    xscale="log", xlabel="fan_in / fan_out", ylabel="quotient of standard deviations"
)
ax.set_xticks(RATIOS, RATIOS)
ax.legend()
plt.show()

# %%
# .. admonition:: Verdict: does not hold as printed: against (3) the factor is between 1/2 and :math:`1/\sqrt 2`
#
#    The inequality holds. But Xavier's standard deviation in (3), which libraries use, is twice as large as (8) for
#    square layers. For layers of very unequal sizes (8) comes close to :math:`1/\sqrt 2` of it. There the two are
#    closest, as the remark says, but never closer than that.

widths = np.arange(1, 1001)
sums = np.add.outer(widths, widths)
sums_of_roots = np.add.outer(np.sqrt(widths), np.sqrt(widths))
assert (np.sqrt(sums) <= sums_of_roots).all()
assert (sums_of_roots <= np.sqrt(2 * sums) * (1 + 1e-12)).all()
assert (np.abs(quotients.mean(axis=1) / by_formula - 1) < 0.02).all()
assert np.isclose(by_formula[0], 0.5)
assert (np.diff(by_formula) > 0).all()
assert by_formula[-1] < 0.5**0.5
