"""Tables of columns and of results for a terminal."""

from itertools import groupby
from math import isnan
from textwrap import fill

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from .data import Table
from .results import Results
from .text import one_line, say, shorten

# Longer tables show adjacent columns of one kind in one row.
MOST_COLUMNS_SHOWN = 30
# Longer names of columns are shortened to this many letters.
LONGEST_NAME = 40

# Width of a score with its spread, and of a line in the metric's name.
SCORE_WIDTH = 13


def make_table(results: Results) -> RichTable:
    """The ranked table.

    Parameters
    ----------
    results : Results

    Returns
    -------
    table : rich.table.Table
        At most 80 characters wide.
    """
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("rank", justify="right")
    table.add_column("init", overflow="fold")
    table.add_column("hidden", overflow="fold")
    for name in (fill(results.metric.name, SCORE_WIDTH), "train loss", "epochs", "s/fit"):
        table.add_column(name, justify="right", no_wrap=True)
    best_rows = {results.of_network(hidden).index[0] for hidden in results.networks}
    for row in results.frame.itertuples():
        diverged = isnan(row.mean_test_score)
        if diverged:
            style = "red"
        elif row.Index not in results.learned.index:
            style = "dim"
        else:
            style = "bold green" if row.Index in best_rows else ""
        table.add_row(
            "-" if diverged else str(row.rank),
            row.init,
            format_sizes(row.hidden),
            results.describe_score(row.Index),
            "-" if diverged else f"{row.mean_train_loss:.3g}",
            "-" if diverged else f"{row.mean_epochs:.0f}",
            f"{row.mean_fit_time:.2f}",
            style=style,
        )
    return table


def say_table(console: Console, table: Table) -> None:
    """Print a summary of the table, the type of each column, and remarks.

    Parameters
    ----------
    console : rich.console.Console
    table : Table
    """
    say(table.summary)
    if table.columns:
        console.print(_make_column_table(table))
    for line in table.remarks:
        say(line)


def _make_column_table(table: Table) -> RichTable:
    """A row for each column, and one for the target. In a long table, adjacent columns of one kind share a row."""
    shown_table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown_table.add_column("column", overflow="fold")
    shown_table.add_column("type", overflow="fold")
    shown_table.add_column("missing", justify="right")
    is_long = len(table.columns) > MOST_COLUMNS_SHOWN
    for (kind, reason), group in groupby(
        table.columns, key=lambda column: (column.kind, "" if column.kind else column.detail)
    ):
        alike = list(group)
        for shown in [alike] if is_long and len(alike) > 1 else [[column] for column in alike]:
            names = list(dict.fromkeys([shown[0].name, shown[-1].name]))
            name = " ... ".join(shorten(one_line(name), LONGEST_NAME) for name in names)
            taken_for = (
                shown[0].taken_for if len(shown) == 1 else f"{kind or f'left out: {reason}'} ({len(shown)} columns)"
            )
            n_missing = sum(column.n_missing for column in shown)
            shown_table.add_row(name, taken_for, str(n_missing or ""), style="" if kind else "dim")
    if table.target_column:
        shown_table.add_row(f"{shorten(one_line(table.target), LONGEST_NAME)} (target)", table.target_column.taken_for)
    return shown_table


def format_sizes(hidden: tuple[int, ...]) -> str:
    """Hidden layers in short: '4 x 100', or '100, 50'.

    Parameters
    ----------
    hidden : tuple of int

    Returns
    -------
    text : str
    """
    return f"{len(hidden)} x {hidden[0]}" if len(set(hidden)) == 1 else ", ".join(map(str, hidden))
