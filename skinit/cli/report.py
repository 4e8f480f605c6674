"""Results on a terminal: the ranked table."""

from math import isnan
from textwrap import fill

from rich import box
from rich.table import Table

from .results import Results

# Letters of a score, with its spread, and so of a line of its name.
SCORE_WIDTH = 13


def make_table(results: Results) -> Table:
    """The ranked table.

    Parameters
    ----------
    results : Results

    Returns
    -------
    table : rich.table.Table
        It fits into 80 columns.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
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


def format_sizes(hidden: tuple[int, ...]) -> str:
    """Hidden layers in few letters: '4 x 100', or '100, 50'.

    Parameters
    ----------
    hidden : tuple of int

    Returns
    -------
    text : str
    """
    return f"{len(hidden)} x {hidden[0]}" if len(set(hidden)) == 1 else ", ".join(map(str, hidden))
