"""Fits the best candidate of a comparison to all rows, scores it on test rows, and saves it."""

import argparse
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pandas as pd

from .data import Table
from .errors import CommandError, errors_of_file
from .files import check_writable
from .metrics import Metric
from .models import MISSING_SKOPS, SUFFIX, make_model, save_model
from .results import Results, describe_hidden
from .search import SchemeSearch
from .tables.delimited import TextFormat
from .tables.reading import read_table
from .text import say


@dataclass
class TestRows:
    """Rows that no candidate has seen.

    Parameters
    ----------
    name : str
        The source of the rows.
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,)
        As in `Table`.
    notes : list of str
        Remarks for the user about reading the rows.
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray
    notes: list[str]


def load_test_rows(table: Table, arguments: argparse.Namespace) -> TestRows | None:
    """Read the file of --test in the same way as the table.

    Parameters
    ----------
    table : Table
    arguments : argparse.Namespace

    Returns
    -------
    rows : TestRows or None
        None without --test.

    Raises
    ------
    CommandError
        If a column is missing, or if the target has other classes.
    """
    if arguments.test is None:
        return None
    frame = read_table(arguments.test, TextFormat(arguments.sep, arguments.encoding)).frame
    reader = table.make_reader()
    try:
        X, y = reader.transform(frame), table.read_target(frame)
    except ValueError as error:
        raise CommandError(f"--test '{arguments.test}' does not suit --data: {error}") from None
    has_target = np.isfinite(y)
    if not has_target.any():
        raise CommandError(f"--test '{arguments.test}' has no row with a target.")
    codes = y[has_target].astype(np.int64) if table.task == "classification" else y[has_target]
    notes = [f"{arguments.test.name}: {sentence}" for sentence in reader.describe_unread(frame, X)]
    if n_missing := int((~has_target).sum()):
        notes.append(f"{n_missing} row(s) of {arguments.test.name} have no target and are left out.")
    return TestRows(arguments.test.name, X[has_target], codes, notes)


def check_save(arguments: argparse.Namespace) -> None:
    """Check that a model can be saved to the file of --save, before the long search.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    CommandError
        If the model cannot be saved.
    """
    if arguments.save is None:
        return
    if arguments.save.suffix != SUFFIX:
        raise CommandError(f"--save takes a file that ends in {SUFFIX}, got '{arguments.save}'.")
    if find_spec("skops") is None:
        raise CommandError(MISSING_SKOPS)
    with errors_of_file("--save", arguments.save):
        check_writable(arguments.save)


def use_best(
    table: Table, test: TestRows | None, search: SchemeSearch, results: Results, metric: Metric, arguments
) -> dict:
    """Fit the best candidate to all rows, score it on the test rows, and save it.

    Parameters
    ----------
    table : Table
    test : TestRows or None
    search : SchemeSearch
    results : Results
    metric : Metric
    arguments : argparse.Namespace

    Returns
    -------
    document : dict
        The entry `test` for the document of the comparison. Empty without test rows.

    Raises
    ------
    CommandError
        If the best candidate diverges, or if the file cannot be written.
    """
    best = results.frame.iloc[0]
    trial = search.fit(table.frame, table.y, best["init"], best["hidden"])
    description = f"{best['init']}, {describe_hidden(best['hidden'])}"
    if trial.network_ is None:
        raise CommandError(
            f"The best candidate ({description}) diverges when fitted to all rows, so nothing is scored or saved."
        )
    document = {}
    if test:
        score, chance = metric.scorer(trial, test.X, test.y), search.chance_score(table.y, test.y)
        say(
            f"On the {len(test.y)} rows of {test.name}, the {metric.name} is {metric.format(score)} for {description}, "
            f"fitted to all rows of {table.name} (chance {metric.format(chance)})."
        )
        for note in test.notes:
            say(note)
        document["test"] = {"data": test.name, "rows": len(test.y), "score": score, "chance": chance}
    if arguments.save:
        with errors_of_file("--save", arguments.save):
            save_model(make_model(table, trial), arguments.save)
        say(f"Written: {arguments.save}, the model of {description}, fitted to all rows")
    return document
