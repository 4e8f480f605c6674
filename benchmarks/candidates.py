"""Candidate rules for the automatic learning rate, compared with a constant rate.

A candidate is a multiple of the step that the curvature gives, a schedule, and perhaps an average of the parameters.
All candidates train the cells of `quality` on five tables that were not used to choose the rule, with other seeds.
The gain of a candidate in a cell is its mean test score over seeds minus the score of the constant rate. The report has
the mean gain over cells, its standard error, and the shares of cells whose score rose or fell by more than 0.005.
"""

import warnings
from itertools import product
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import skinit
from skinit.training import step_size
from skinit.training.schedules import WARM_UP_EPOCHS, warm_up

from .quality import FULL, UNTUNED, Cell, Fit, run_fit
from .quality_data import bundled_tables

TABLES = ("iris", "digits", "easy", "moons", "friedman1")
# Scores that differ by less are a tie.
TIE = 0.005


def constant(step: int, n_steps: int) -> float:
    """A schedule without a warm-up and a tail."""
    return 1.0


def only_warm_up(step: int, n_steps: int) -> float:
    """A schedule without a tail."""
    return min(1.0, warm_up(step, WARM_UP_EPOCHS * n_steps // FULL.epochs))


class Candidate(NamedTuple):
    """A rule: a multiple of the step, a schedule ("constant" has a warm-up and a tail), and an average."""

    multiple: float
    learning_rate: object
    average: float | bool = False


CANDIDATES = {
    "constant": Candidate(1.0, constant),
    "2.5 times, constant": Candidate(2.5, constant),
    "2.5 times, warm-up": Candidate(2.5, only_warm_up),
    "warm-up and tail": Candidate(1.0, "constant"),
    "2.5 times, warm-up and tail": Candidate(2.5, "constant"),
    "2.5 times, linear": Candidate(2.5, "linear"),
    "2.5 times, cosine": Candidate(2.5, "cosine"),
    "2.5 times, one_cycle": Candidate(2.5, "one_cycle"),
    "2.5 times, warm-up, averaged with decay 0.9": Candidate(2.5, only_warm_up, 0.9),
}


def run_cell(cell: Cell, seeds: range, names: tuple[str, ...]) -> dict:
    """Return the mean test score of each candidate in a cell."""
    skinit.set_num_threads(1)
    table = next(table for table in bundled_tables(FULL.most_rows) if table.name == cell.data)
    scores: dict[str, list[float]] = {name: [] for name in names}
    for seed, name in product(seeds, names):
        candidate = CANDIDATES[name]
        parameters = {"learning_rate": candidate.learning_rate, "average": candidate.average}
        with mock.patch.object(step_size, "WITH_MOMENTUM", candidate.multiple), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores[name].append(run_fit(Fit(cell, *UNTUNED, seed), table, FULL, **parameters)["test"])
    return {"solver": cell.solver, **{name: np.mean(values) for name, values in scores.items()}}


def summarize(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each solver and candidate."""
    rows = []
    for solver, group in cells.groupby("solver"):
        for name in group.columns.drop(["solver", "constant"]):
            gains = group[name] - group["constant"]
            numbers = {"gain": gains.mean(), "error": gains.sem()}
            shares = {"better": (gains > TIE).mean(), "worse": (gains < -TIE).mean()}
            rows.append({"solver": solver, "rule": name, "cells": len(gains), **numbers, **shares})
    return pd.DataFrame(rows)


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="number of seeds for each cell (default: 2)")
    parser.add_argument("--first-seed", type=int, default=20, metavar="N", help="the first seed (default: 20)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="number of processes (default: 1)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder in which the table is also written, as candidates.csv"
    )
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Train all candidates in all cells, and print the table."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    cells = [Cell(*each) for each in product(TABLES, FULL.activations, FULL.depths, ("adam", "sgd"))]
    calls = (delayed(run_cell)(cell, seeds, tuple(CANDIDATES)) for cell in cells)
    table = summarize(pd.DataFrame(Parallel(arguments.jobs)(calls)))
    print(table.round(3).to_string(index=False))
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(arguments.out / "candidates.csv", index=False, float_format="%.3f")
