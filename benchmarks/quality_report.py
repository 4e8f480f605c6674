"""The report of the quality benchmark: a table, a summary, a picture and a JSON file.

Untuned falls short in a cell if its mean test score is below the score of the grid's choice by more than the standard
error of their difference, sqrt(a² + b²). Here a and b are the standard errors over seeds that are printed with the
scores. The standard error of the *paired* differences would be smaller, because both see the same splits. But over a
few seeds it is itself uncertain: two equal differences make it zero, and of two equally good methods one would fall
short in every fifth cell. The report has the share by this stricter measure too, and the share for two equal methods.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .quality import DEFAULT_RATE, RATES, SCHEMES, UNTUNED, Cell, grid, key_of

# A member learned in a cell if its mean score is at least this far from chance, where 1 is a perfect score.
LEARNED = 0.05
# The colour-blind can tell these colours apart (M. Okabe and K. Ito). The markers differ in shape too.
COLORS = {"untuned": "#D55E00", "grid": "#0072B2", "schemes": "#555555"}
DEPTH_COLORS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Runs:
    """The runs of one member of a cell, one for each seed."""

    name: str
    test: np.ndarray
    validation: np.ndarray
    chance: np.ndarray
    chance_validation: np.ndarray
    seconds: np.ndarray
    diverged: np.ndarray
    losses: list[list[float]]
    rates: list[float | None]

    @property
    def mean(self) -> float:
        return float(self.test.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean test score over seeds."""
        return float(self.test.std(ddof=1) / np.sqrt(self.test.size))

    @property
    def loss(self) -> float:
        """The mean training loss of the last epoch, infinite if a run diverged."""
        return float(np.mean([losses[-1] for losses in self.losses])) if not self.diverged.any() else np.inf

    @property
    def learned(self) -> bool:
        """Whether the mean score exceeds chance on validation and on test rows, because one of them might by luck."""
        parts = ((self.test, self.chance), (self.validation, self.chance_validation))
        return all(float(np.mean(score - chance - LEARNED * (1 - chance))) > 0 for score, chance in parts)


def make_runs(name: str, records: Sequence[dict]) -> Runs:
    """Collect the runs of one member of a cell from their lines."""
    records = sorted(records, key=lambda record: record["seed"])

    def column(key: str) -> np.ndarray:
        return np.array([record[key] for record in records])

    return Runs(
        name=name,
        **{key: column(key) for key in ("test", "validation", "chance", "chance_validation", "seconds", "diverged")},
        losses=[record["losses"] or [] for record in records],
        rates=[record["rate_used"] for record in records],
    )


def epochs_to_common_loss(one: Runs, other: Runs) -> tuple[float, float]:
    """Return the mean epochs until both runs reach the training loss that the worse one reaches at best.

    The loss is found seed by seed. Seeds with a run that diverged are left out. NaN if none remains.
    """
    epochs = []
    for curves in zip(one.losses, other.losses, strict=True):
        if all(curves):
            level = max(min(curve) for curve in curves)
            epochs.append([next(i for i, loss in enumerate(curve, 1) if loss <= level) for curve in curves])
    means = np.mean(epochs, axis=0) if epochs else (np.nan, np.nan)
    return float(means[0]), float(means[1])


@dataclass(frozen=True)
class CellResult:
    """All recipes in one cell."""

    cell: Cell
    recipes: dict[tuple[str, float | str], Runs]

    @cached_property
    def untuned(self) -> Runs:
        return self.recipes[UNTUNED]

    @cached_property
    def grid(self) -> dict[tuple[str, float | str], Runs]:
        return {key: self.recipes[key] for key in grid(self.cell.solver)}

    @property
    def ranking(self) -> list[Runs]:
        """The grid by mean validation score, then by training loss."""
        return sorted(self.grid.values(), key=lambda runs: (-runs.validation.mean(), runs.loss))

    @property
    def choice(self) -> Runs:
        return self.ranking[0]

    @property
    def difference(self) -> float:
        return self.untuned.mean - self.choice.mean

    @property
    def error(self) -> float:
        return self.error_of(self.untuned)

    def error_of(self, runs: Runs) -> float:
        """Return the standard error of the difference between a recipe and the choice of the grid."""
        return float(np.hypot(runs.error, self.choice.error))

    @property
    def paired_error(self) -> float:
        differences = self.untuned.test - self.choice.test
        return float(differences.std(ddof=1) / np.sqrt(differences.size))

    @property
    def falls_short(self) -> bool:
        return self.does_fall_short(self.untuned)

    def does_fall_short(self, runs: Runs) -> bool:
        """Return whether a recipe is more than one standard error below the choice of the grid."""
        return runs.mean - self.choice.mean < -self.error_of(runs) - 1e-12

    @property
    def falls_short_paired(self) -> bool:
        return self.difference < -self.paired_error - 1e-12

    @property
    def stays_at_chance(self) -> bool:
        """Whether untuned is at chance although some member of the grid learned."""
        return self.does_stay_at_chance(self.untuned)

    def does_stay_at_chance(self, runs: Runs) -> bool:
        return not runs.learned and any(member.learned for member in self.grid.values())

    @property
    def grid_seconds(self) -> float:
        return float(sum(runs.seconds.mean() for runs in self.grid.values()))

    @property
    def time_ratio(self) -> float:
        return self.grid_seconds / float(self.untuned.seconds.mean())

    def relative(self, score: float) -> float:
        """Return a mean test score on the scale where chance is 0 and the choice of the grid is 1."""
        chance = float(self.choice.chance.mean())
        return (score - chance) / (self.choice.mean - chance)

    def row(self) -> dict:
        """Return the cell as a row of the table."""
        untuned, choice = self.untuned, self.choice
        default = [runs for (_, rate), runs in self.grid.items() if rate == DEFAULT_RATE]
        untuned_epochs, grid_epochs = epochs_to_common_loss(untuned, choice)
        rates = [rate for rate in untuned.rates if rate is not None]
        return {
            "data": self.cell.data,
            "activation": self.cell.activation,
            "depth": self.cell.depth,
            "solver": self.cell.solver,
            "chance": float(untuned.chance.mean()),
            "untuned": untuned.mean,
            "untuned_error": untuned.error,
            "grid": choice.mean,
            "grid_error": choice.error,
            "choice": choice.name,
            "best_at_default_rate": max(runs.mean for runs in default),
            "difference": self.difference,
            "difference_error": self.error,
            "paired_error": self.paired_error,
            "falls_short": self.falls_short,
            "falls_short_paired": self.falls_short_paired,
            "untuned_rate": float(np.median(rates)) if rates else np.nan,
            "untuned_loss": untuned.loss,
            "grid_loss": choice.loss,
            "untuned_epochs": untuned_epochs,
            "grid_epochs": grid_epochs,
            "untuned_seconds": float(untuned.seconds.mean()),
            "grid_seconds": self.grid_seconds,
            "time_ratio": self.time_ratio,
            "untuned_diverged": int(untuned.diverged.sum()),
            "untuned_at_chance": not untuned.learned,
            "grid_members_diverged": sum(bool(runs.diverged.any()) for runs in self.grid.values()),
            "grid_members_at_chance": sum(not runs.learned for runs in self.grid.values()),
            "grid_members": len(self.grid),
        }


def collect(records: Sequence[dict]) -> list[CellResult]:
    """Group the records of fits by cell, in their order."""
    groups: dict[Cell, dict[tuple, list[dict]]] = {}
    for record in records:
        fit = key_of(record)
        groups.setdefault(fit.cell, {}).setdefault((fit.init, fit.rate), []).append(record)
    results = []
    for cell, group in groups.items():
        runs = {key: make_runs("untuned" if key == UNTUNED else f"{key[0]} {key[1]}", group[key]) for key in group}
        results.append(CellResult(cell, runs))
    return results


def summarize(results: list[CellResult]) -> dict:
    """Return the figures of the summary."""
    n_seeds = results[0].untuned.test.size
    learned = [result for result in results if result.choice.learned]
    return {
        "cells": len(results),
        "seeds": n_seeds,
        "share_within_one_standard_error": float(np.mean([not result.falls_short for result in results])),
        "share_within_one_paired_error": float(np.mean([not result.falls_short_paired for result in results])),
        "share_within_one_paired_error_of_equals": float(student.cdf(1, n_seeds - 1)),
        "cells_diverged": [str(result.cell) for result in results if result.untuned.diverged.any()],
        "cells_at_chance_where_grid_learned": [str(result.cell) for result in results if result.stays_at_chance],
        "cells_nothing_learned": [
            str(result.cell)
            for result in results
            if not result.untuned.learned and not any(runs.learned for runs in result.grid.values())
        ],
        "cells_grid_choice_at_chance_where_untuned_learned": [
            str(result.cell) for result in results if result.untuned.learned and not result.choice.learned
        ],
        "cells_that_fall_short": [str(result.cell) for result in results if result.falls_short],
        "mean_difference": float(np.mean([result.difference for result in results])),
        "median_difference": float(np.median([result.difference for result in results])),
        "median_cost_in_runs": float(np.median([len(r.grid) / r.time_ratio for r in results])),
        "median_time_ratio": float(np.median([result.time_ratio for result in results])),
        "median_relative_score": float(np.median([result.relative(result.untuned.mean) for result in learned]))
        if learned
        else None,
        "default_rate": {
            init: {
                "untuned_not_below": float(
                    np.mean([r.untuned.mean >= r.grid[init, DEFAULT_RATE].mean for r in results])
                ),
                "median_difference": float(
                    np.median([r.untuned.mean - r.grid[init, DEFAULT_RATE].mean for r in results])
                ),
                "diverged": sum(bool(r.grid[init, DEFAULT_RATE].diverged.any()) for r in results),
                "at_chance": sum(
                    not r.grid[init, DEFAULT_RATE].learned
                    and (r.untuned.learned or any(runs.learned for runs in r.grid.values()))
                    for r in results
                ),
            }
            for init in SCHEMES
        },
    }


def format_table(results: list[CellResult]) -> str:
    """Return a table for reading, with a row for each cell."""
    lines = []
    for result in results:
        row = result.row()
        flags = ["short"] * row["falls_short"] + ["diverged"] * bool(row["untuned_diverged"])
        flags += ["chance"] * result.stays_at_chance
        lines.append(
            {
                "cell": str(result.cell),
                "chance": f"{row['chance']:.2f}",
                "untuned": f"{row['untuned']:.3f}±{row['untuned_error']:.3f}",
                "grid": f"{row['grid']:.3f}±{row['grid_error']:.3f}",
                "choice": row["choice"],
                "best at 1e-3": f"{row['best_at_default_rate']:.3f}",
                "rate": f"{row['untuned_rate']:.2g}",
                "loss": f"{row['untuned_loss']:.3g}/{row['grid_loss']:.3g}",
                "epochs": f"{row['untuned_epochs']:.0f}/{row['grid_epochs']:.0f}",
                "time": f"{row['untuned_seconds']:.2f}/{row['grid_seconds']:.1f}",
                "diverged": f"{row['grid_members_diverged']}/{row['grid_members']}",
                "at chance": f"{row['grid_members_at_chance']}/{row['grid_members']}",
                "": " ".join(flags),
            }
        )
    return pd.DataFrame(lines).to_string(index=False)


def format_summary(summary: dict) -> str:
    """Return the figures of the summary in sentences."""
    short = summary["cells_that_fall_short"]
    lines = [
        f"{summary['cells']} cells, {summary['seeds']} seeds. Untuned against the grid's choice, on test rows:",
        f"  within one standard error of it, or above: {summary['share_within_one_standard_error']:.0%} of the cells "
        f"(by the standard error of paired differences {summary['share_within_one_paired_error']:.0%}; "
        f"two equal methods {summary['share_within_one_paired_error_of_equals']:.0%})",
        f"  diverged: {len(summary['cells_diverged'])}",
        f"  at chance where some member of the grid learned: {len(summary['cells_at_chance_where_grid_learned'])} "
        f"(the grid's choice at chance where untuned learned: "
        f"{len(summary['cells_grid_choice_at_chance_where_untuned_learned'])}; neither learned: "
        f"{len(summary['cells_nothing_learned'])})",
        f"  median of the grid's time divided by untuned's time: {summary['median_time_ratio']:.1f} "
        f"(untuned takes as long as {summary['median_cost_in_runs']:.1f} runs of the grid)",
        f"  difference of scores: mean {summary['mean_difference']:+.4f}, median {summary['median_difference']:+.4f}",
        "",
        f"Against one run of each scheme at the default rate, {DEFAULT_RATE:g}:",
    ]
    rows = [
        {
            "scheme": init,
            "untuned not below": f"{values['untuned_not_below']:.0%}",
            "median difference": f"{values['median_difference']:+.3f}",
            "diverged": values["diverged"],
            "at chance where another learned": values["at_chance"],
        }
        for init, values in summary["default_rate"].items()
    ]
    lines.append(pd.DataFrame(rows).to_string(index=False))
    for name, cells in {
        "Diverged": summary["cells_diverged"],
        "At chance where some member of the grid learned": summary["cells_at_chance_where_grid_learned"],
        "More than one standard error below the grid's choice": short,
    }.items():
        lines += ["", f"{name}: {', '.join(cells) or 'none'}."]
    return "\n".join(lines)


def expected_of_first(result: CellResult, n_members: int) -> float:
    """Return the expected test score of the best of `n_members` random members, chosen by validation score."""
    scores = np.array([runs.mean for runs in result.ranking])
    n = scores.size
    # Member i of the ranking is the best of the draw if the others rank behind it.
    weights = [comb(n - 1 - i, n_members - 1) / comb(n, n_members) for i in range(n)]
    return float(np.dot(weights, scores))


def draw(results: list[CellResult], path: Path) -> None:
    """Draw scores against cost on the left, and untuned against the choice of the grid on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    solvers = [solver for solver in RATES if any(result.cell.solver == solver for result in results)]
    figure = Figure(figsize=(5.2 * (len(solvers) + 1), 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(solvers) + 1)
    for ax, solver in zip(axes, solvers, strict=False):
        _draw_cost(ax, [r for r in results if r.cell.solver == solver and r.choice.learned], solver)
    _draw_cells(axes[-1], results, Line2D)
    figure.savefig(path, dpi=110)


def _draw_cost(ax, results: list[CellResult], solver: str) -> None:
    """Draw scores relative to the choice of the grid, against time in mean runs of the grid."""
    ax.set_title(f"{solver}: {len(results)} cells", loc="left")
    ax.set_xlabel("time, in mean runs of the grid")
    ax.set_ylabel("test score (0: chance, 1: the grid's choice)")
    if not results:
        return
    n = len(results[0].grid)
    counts = np.arange(1, n + 1)
    curves = np.array([[r.relative(expected_of_first(r, int(k))) for k in counts] for r in results])
    low, middle, high = np.percentile(curves, [25, 50, 75], axis=0)
    ax.fill_between(counts, low, high, color=COLORS["grid"], alpha=0.15, linewidth=0)
    ax.plot(counts, middle, color=COLORS["grid"], linewidth=2, label="random search of this many members")

    def point(scores: list[float], cost: float, color: str, marker: str, label: str | None) -> None:
        low, middle, high = np.percentile(scores, [25, 50, 75])
        ax.errorbar(
            cost,
            middle,
            [[middle - low], [high - middle]],
            fmt=marker,
            color=color,
            markersize=14 if marker == "*" else 8,
            capsize=3,
            label=label,
            zorder=3,
        )

    # The points are drawn side by side, because each of them cost one run.
    places = np.geomspace(0.42, 0.8, len(SCHEMES))
    for init, place, marker in zip(SCHEMES, places, MARKERS, strict=True):
        scores = [r.relative(r.grid[init, DEFAULT_RATE].mean) for r in results]
        point(scores, place, COLORS["schemes"], marker, f"{init} at {DEFAULT_RATE:g}")
    cost = float(np.median([r.untuned.seconds.mean() * n / r.grid_seconds for r in results]))
    point([r.relative(r.untuned.mean) for r in results], cost, COLORS["untuned"], "*", "untuned")
    ax.axhline(1, color="black", linewidth=0.8, linestyle=":")
    ax.axhline(0, color="black", linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ticks = [1, 2, 5, 10, n]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(-0.15, 1.3)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=2,
        fontsize=8,
        title="medians and quartiles over cells; points left of 1, drawn side by side, cost one run",
        title_fontsize=8,
        frameon=False,
    )


def _draw_cells(ax, results: list[CellResult], line) -> None:
    activations = list(dict.fromkeys(result.cell.activation for result in results))
    depths = sorted({result.cell.depth for result in results})
    markers = dict(zip(activations, MARKERS, strict=False))
    colors = {depth: DEPTH_COLORS[i % len(DEPTH_COLORS)] for i, depth in enumerate(depths)}
    for result in results:
        depth = result.cell.depth
        ax.errorbar(
            result.choice.mean,
            result.untuned.mean,
            xerr=result.choice.error,
            yerr=result.untuned.error,
            fmt=markers[result.cell.activation],
            color=colors[depth],
            markerfacecolor=colors[depth] if result.cell.solver == "sgd" else "white",
            markersize=6,
            elinewidth=0.7,
        )
    scores = [score for result in results for score in (result.choice.mean, result.untuned.mean)]
    limits = [min(scores) - 0.05, max(scores) + 0.05]
    ax.plot(limits, limits, color="black", linewidth=0.8, linestyle=":")
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    ax.set_aspect("equal")
    ax.set_title(f"all {len(results)} cells: above the line, untuned is better", loc="left")
    ax.set_xlabel("test score of the grid's choice")
    ax.set_ylabel("test score of untuned")
    handles = [line([], [], color=color, marker="o", linestyle="", label=f"{d} hidden") for d, color in colors.items()]
    handles += [line([], [], color="#555555", marker=m, linestyle="", label=name) for name, m in markers.items()]
    handles += [line([], [], color="#555555", marker="o", linestyle="", label="filled: sgd")]
    handles += [line([], [], color="#555555", marker="o", markerfacecolor="white", linestyle="", label="empty: adam")]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=8, frameon=False)


def _finite(value):
    """Return None instead of infinity and NaN, which JSON lacks."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def write_report(results: list[CellResult], out: Path, settings: dict) -> None:
    """Print the table and the summary. Write the cells, the picture and the JSON file to `out`."""
    summary = summarize(results)
    rows = [result.row() for result in results]
    pd.DataFrame(rows).to_csv(out / "cells.csv", index=False, float_format="%.6g")
    cells = [
        {
            **{name: _finite(value) for name, value in row.items()},
            "members": {
                runs.name: {
                    "test": runs.test.tolist(),
                    "validation": runs.validation.tolist(),
                    "loss": _finite(runs.loss),
                    "seconds": runs.seconds.tolist(),
                    "diverged": int(runs.diverged.sum()),
                }
                for runs in result.recipes.values()
            },
        }
        for row, result in zip(rows, results, strict=True)
    ]
    text = json.dumps({"settings": settings, "summary": summary, "cells": cells}, indent=1)
    (out / "quality.json").write_text(text + "\n")
    draw(results, out / "quality.png")
    print(format_table(results))
    print(
        "\nuntuned, grid: test score and its standard error over seeds. rate: the rate of untuned, median over seeds. "
        "The columns loss, epochs and time have untuned/grid. loss: mean training loss at the end. epochs: epochs to "
        "the higher of the two lowest losses. time: seconds of one run of untuned/of one run of each member. "
        "diverged, at chance: members of the grid.\n"
    )
    print(format_summary(summary))
    print(f"\n{out / 'cells.csv'}, {out / 'quality.json'}, {out / 'quality.png'}")
