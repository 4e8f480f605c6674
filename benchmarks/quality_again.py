"""Untuned, compared with the grid of an earlier report of the quality benchmark.

The results of the grid do not depend on the rules of untuned, so a change of these rules can be measured without it.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from .quality import Cell, key_of
from .quality_report import make_runs

CELL = ["data", "activation", "depth", "solver"]
KEPT = ["chance", "grid", "grid_error", "choice", "grid_members", "grid_members_at_chance"]


def read_cells(path: Path) -> pd.DataFrame:
    """Return the table of cells of an earlier report."""
    return pd.read_csv(path).set_index(CELL)


def compare(records: Sequence[dict], earlier: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell: untuned now and before, and the choice of the grid."""
    groups: dict[Cell, list[dict]] = {}
    for record in records:
        groups.setdefault(key_of(record).cell, []).append(record)
    rows = []
    for cell, group in groups.items():
        runs = make_runs("untuned", group)
        index = (cell.data, cell.activation, cell.depth, cell.solver)
        rows.append(
            {
                **dict(zip(CELL, index, strict=True)),
                **earlier.loc[index, KEPT],
                "untuned_before": earlier.loc[index, "untuned"],
                "fell_short_before": bool(earlier.loc[index, "falls_short"]),
                "was_at_chance": bool(earlier.loc[index, "untuned_at_chance"]),
                "untuned": runs.mean,
                "untuned_error": runs.error,
                "diverged": int(runs.diverged.sum()),
                "at_chance": not runs.learned,
            }
        )
    table = pd.DataFrame(rows)
    error = (table["untuned_error"] ** 2 + table["grid_error"] ** 2) ** 0.5
    table["difference"] = table["untuned"] - table["grid"]
    table["falls_short"] = table["difference"] < -error - 1e-12
    return table


# "before" is the rule of the earlier report.
COLUMNS = {
    "gap before": ("before", "mean"),
    "gap now": ("difference", "mean"),
    "within one error before": ("within_before", "mean"),
    "within one error now": ("within", "mean"),
    "at chance": ("at_chance", "sum"),
}


def summarize(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a row for each solver and value of `column`, a row for each solver, and a row for all cells."""
    grid_learned = table["grid_members_at_chance"] < table["grid_members"]
    counted = table.assign(
        before=table["untuned_before"] - table["grid"],
        within_before=~table["fell_short_before"],
        within=~table["falls_short"],
        at_chance=table["at_chance"] & grid_learned,
    )
    parts = [
        counted.groupby(["solver", column]).agg(**COLUMNS),
        counted.assign(**{column: "all"}).groupby(["solver", column]).agg(**COLUMNS),
        counted.assign(**{"solver": "both", column: "all"}).groupby(["solver", column]).agg(**COLUMNS),
    ]
    return pd.concat(parts)


def write_comparison(records: Sequence[dict], cells: Path, out: Path) -> None:
    """Write the table and its summaries to `out`, and print the summaries."""
    table = compare(records, read_cells(cells))
    table.to_csv(out / "untuned.csv", index=False, float_format="%.6g")
    print("Test scores of untuned networks, minus the scores of the grid's choice in", cells)
    for column, name in (("depth", "layers"), ("data", "data")):
        summary = summarize(table, column).rename_axis(["solver", name])
        summary.to_csv(out / f"untuned_by_{column}.csv", float_format="%.3f")
        print(f"\n{summary.to_string(float_format='{:.3f}'.format)}")
