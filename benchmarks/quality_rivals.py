"""Scores of recipes of a single run in the quality benchmark: a table of cells, and a picture.

The picture compares initializations at fixed rates and at the automatic one.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .quality import RIVAL_INITS, RIVAL_RATES
from .quality_report import COLORS, MARKERS, CellResult


def differences(results: list[CellResult]) -> pd.DataFrame:
    """Return a row for each cell and rival, with its test score minus the score of the grid's choice."""
    return pd.DataFrame(
        [
            {
                "data": result.cell.data,
                "activation": result.cell.activation,
                "depth": result.cell.depth,
                "solver": result.cell.solver,
                "init": init,
                "rate": str(rate),
                "difference": result.recipes[init, rate].mean - result.choice.mean,
                "error": result.error_of(result.recipes[init, rate]),
                "falls_short": result.does_fall_short(result.recipes[init, rate]),
                "at_chance": result.does_stay_at_chance(result.recipes[init, rate]),
                "runs": result.recipes[init, rate].seconds.mean() * len(result.grid) / result.grid_seconds,
            }
            for result in results
            for init in RIVAL_INITS
            for rate in RIVAL_RATES[result.cell.solver]
        ]
    )


def summarize(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each rival, the best of each solver first."""
    table = cells.groupby(["solver", "init", "rate"], sort=False).agg(
        mean_difference=("difference", "mean"),
        error_over_cells=("difference", "sem"),
        within_one_error=("falls_short", lambda column: 1 - column.mean()),
        at_chance=("at_chance", "sum"),
        runs=("runs", "median"),
    )
    return table.reset_index().sort_values(["solver", "mean_difference"], ascending=[True, False], ignore_index=True)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw for each solver the mean difference of each initialization by rate."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    solvers = [solver for solver in RIVAL_RATES if (table["solver"] == solver).any()]
    figure = Figure(figsize=(5.2 * len(solvers), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(solvers), sharey=True, squeeze=False)[0]
    for ax, solver in zip(axes, solvers, strict=True):
        rates = [str(rate) for rate in RIVAL_RATES[solver]]
        for i, init in enumerate(RIVAL_INITS):
            of_init = table[(table["solver"] == solver) & (table["init"] == init)].set_index("rate").loc[rates]
            is_ours = init == "hessian"
            ax.errorbar(
                # The points are drawn side by side, so that their error bars do not overlap.
                np.arange(len(rates)) + 0.05 * (i - len(RIVAL_INITS) / 2),
                of_init["mean_difference"],
                of_init["error_over_cells"],
                fmt="*-" if is_ours else f"{MARKERS[i]}--",
                color=COLORS["untuned"] if is_ours else f"C{i}",
                markersize=12 if is_ours else 5,
                linewidth=2 if is_ours else 0.8,
                label=init,
            )
        ax.axhline(0, color="black", linewidth=0.8, linestyle=":")
        ax.set_xticks(np.arange(len(rates)), rates)
        ax.set_xlabel("learning_rate_init")
        ax.set_title(solver, loc="left")
    axes[0].set_ylabel("test score minus the score of the grid's choice, mean over cells")
    axes[-1].legend(title="init", fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)


def write_rivals(results: list[CellResult], out: Path) -> None:
    """Print the table of rivals. Write the cells and the picture to `out`."""
    cells = differences(results)
    cells.to_csv(out / "rivals.csv", index=False, float_format="%.4g")
    table = summarize(cells)
    draw(table, out / "rivals.png")
    print("\nRecipes of a single run, compared with the grid's choice. runs: their time, in mean runs of the grid.")
    print(table.to_string(index=False, float_format="{:.3f}".format))
    print(f"\n{out / 'rivals.csv'}, {out / 'rivals.png'}")
