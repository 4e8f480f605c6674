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


def format_summary(table: pd.DataFrame) -> str:
    """Return a table with a row for each solver and depth, before and now."""
    grid_learned = table["grid_members_at_chance"] < table["grid_members"]
    counted = table.assign(
        before=table["untuned_before"] - table["grid"],
        within_before=~table["fell_short_before"],
        within=~table["falls_short"],
        chance_before=table["was_at_chance"] & grid_learned,
        at_chance=table["at_chance"] & grid_learned,
    )
    columns = {
        "cells": ("difference", "size"),
        "mean difference before": ("before", "mean"),
        "now": ("difference", "mean"),
        "within one error before": ("within_before", "mean"),
        "now ": ("within", "mean"),
        "at chance before": ("chance_before", "sum"),
        "now  ": ("at_chance", "sum"),
        "diverged": ("diverged", "sum"),
    }
    parts = [counted.groupby(by).agg(**columns) for by in (["solver", "depth"], ["solver", "data"], ["solver"])]
    total = counted.groupby(lambda _: "all cells").agg(**columns)
    return "\n\n".join(part.to_string(float_format="{:+.4f}".format) for part in (*parts, total))


def write_comparison(records: Sequence[dict], cells: Path, out: Path) -> None:
    """Print the summary, and write the table to `out`."""
    table = compare(records, read_cells(cells))
    table.to_csv(out / "untuned.csv", index=False, float_format="%.6g")
    print("Test scores of untuned, minus those of the grid's choice in", cells)
    print(format_summary(table))
