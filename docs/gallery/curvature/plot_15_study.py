r"""
The study: one untuned run against a grid search
================================================

How well does ``init="hessian", learning_rate_init="auto"`` score on many tables? ``python -m benchmarks quality``
compares one run with these parameters, called untuned, with the best run of a grid of seven schemes and several
learning rates. Validation rows choose the best run, and test rows score both. A cell is a table, an activation, a
depth and a solver.

The study takes hours, so this page reads the results from the repository. Its untuned networks have a constant rate.
Today's rate also rises at the start and falls at the end, and :doc:`/training_without_tuning` shows what that gains.
Errors of scores are standard errors over seeds.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# The page is built in another folder of the repository.
benchmarks = next(
    path
    for folder in (Path.cwd(), *Path.cwd().parents)
    if (path := folder / "benchmarks").is_dir()
)
cells = pd.read_csv(benchmarks / "results" / "quality" / "cells.csv")
cells["good"] = ~cells["falls_short"]
learned = cells[
    ~cells["untuned_at_chance"]
    | (cells["grid_members_at_chance"] < cells["grid_members"])
]
missed = learned["untuned_at_chance"].sum()

# %%
# In numbers
# ----------
# "Good" means that the mean test score is above the score of the grid's choice, or within one standard error of it.
# The error of a share is its standard error over cells.

print(f"{len(cells)} cells")
print(f"good: {cells['good'].mean():.0%} ± {cells['good'].sem():.0%} of the cells")
print(
    "difference of scores, quartiles over cells: "
    f"{cells['difference'].quantile([0.25, 0.5, 0.75]).round(4).tolist()}"
)
print(f"diverged: {(cells['untuned_diverged'] > 0).sum()} cells")
print(
    f"at chance although a run of the grid learned: {missed}; neither learned: "
    f"{len(cells) - len(learned)}"
)
print(
    "time of the grid / time of the untuned run, median: "
    f"{cells['time_ratio'].median():.0f}"
)
gains = cells["untuned"] - cells["best_at_default_rate"]
print(
    f"not below the best scheme at the default rate: {(gains >= 0).mean():.0%} of the "
    "cells",
    end=", ",
)
print(f"median gain {gains.median():+.3f}\n")
for group in ("data", "activation", "depth", "solver"):
    shares = cells.groupby(group, sort=False)["good"].agg(["mean", "sem"])
    print(
        f"{group:12}"
        + ", ".join(
            f"{name}: {row['mean']:.0%} ± {row['sem']:.0%}"
            for name, row in shares.iterrows()
        )
    )

# %%
# In a picture
# ------------
# Each point is a cell, with the standard error of the difference. Above the line, the untuned run is better.

fig, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=(3, 2), layout="constrained"
)
ordered = cells.sort_values("difference").reset_index()
for good, color, marker, label in (
    (True, "#0072B2", "o", "good"),
    (False, "#D55E00", "^", "falls short"),
):
    part = ordered[ordered["good"] == good]
    left.errorbar(
        part.index,
        part["difference"],
        part["difference_error"],
        fmt=marker,
        color=color,
        markersize=4,
        linewidth=0.8,
        label=label,
    )
left.axhline(0, color="black", linewidth=0.8)
left.set_yscale("symlog", linthresh=0.05)
left.yaxis.set_major_formatter("{x:g}")
left.set(xlabel="cells, in order", ylabel="test score: untuned minus the grid's choice")
left.legend(loc="lower center")
shares = cells.groupby(["activation", "depth"], sort=False)["good"].agg(["mean", "sem"])
places = np.arange(len(shares))[::-1]
right.errorbar(
    shares["mean"], places, xerr=shares["sem"], fmt="o", color="#0072B2", capsize=3
)
right.axvline(cells["good"].mean(), color="black", linestyle=":", label="all cells")
right.set_yticks(
    places, [f"{activation}, {depth} hidden" for activation, depth in shares.index]
)
right.set(xlabel="share of good cells, with its standard error", xlim=(0, 1.05))
right.legend()
plt.show()

# %%
# .. admonition:: Verdict: holds at the median, not in every cell
#
#    At the median cell, the untuned run and the grid's choice score nearly the same, and the untuned run takes a
#    fraction of the time. It never diverges, and is more often above the best scheme at the default rate than below.
#    It is not as good as a grid in every cell: :doc:`/training_without_tuning` has its limits, and their reasons.

assert abs(cells["difference"].median()) < 0.01
assert cells["good"].mean() > 0.6
assert (cells["untuned_diverged"] == 0).all()
assert cells["time_ratio"].median() > 5
assert (gains >= 0).mean() > 0.5
