"""Tables of the measurements, in plain text and in HTML."""

import textwrap
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .findings import NOTHING_FOUND
from .words import describe_activations

if TYPE_CHECKING:
    from .signals import SignalPropagation

# The largest width of a line of text, in characters.
WIDTH = 80


def write_count(value) -> str:
    """A whole number."""
    return str(int(value))


def write_number(value) -> str:
    """A number with two digits, without an exponent up to a thousand."""
    return "-" if np.isnan(value) else f"{float(f'{value:.2g}'):.4g}"


def write_percentage(value) -> str:
    """A whole percentage. 0% and 100% are written only if they are exact."""
    if np.isnan(value):
        return "-"
    if 0 < value < 0.01:
        return "<1%"
    if 0.99 < value < 1:
        return ">99%"
    return f"{value:.0%}"


class Column(NamedTuple):
    """A quantity, its heading, and a function that writes its values."""

    name: str
    heading: str
    write: Callable[[float], str] = write_number


# There are two tables, because one would be too wide for a terminal.
TABLES = {
    "Outputs of each layer": (
        Column("n_units", "units", write_count),
        Column("distinct_units", "distinct", write_count),
        Column("activation_mean", "mean"),
        Column("activation_variance", "variance"),
        Column("row_variance", "over rows"),
        Column("saturated", "saturated", write_percentage),
        Column("dead", "dead", write_percentage),
    ),
    "Gradient and curvature by each layer's weights (bound of the Gauss-Newton part)": (
        Column("delta_variance", "delta var"),
        Column("gradient_norm", "gradient"),
        Column("weight_norm", "weights"),
        Column("gradient_to_weight", "ratio"),
        Column("jacobian_norm", "Jacobian"),
        Column("hessian_norm", "Hessian"),
        Column("hessian_bound", "bound"),
    ),
}


def _cells(signals: "SignalPropagation", columns: tuple[Column, ...]) -> list[list[str]]:
    """The heading and the rows of a table. The first cell of a row is the number of the layer."""
    arrays = signals.arrays()
    last = len(signals.n_units) - 1
    numbers = [*map(str, range(last)), f"output {last}"]
    body = [[number, *(column.write(arrays[column.name][k]) for column in columns)] for k, number in enumerate(numbers)]
    return [["layer", *(column.heading for column in columns)], *body]


def format_text(signals: "SignalPropagation") -> str:
    """The tables, aligned and at most 80 columns wide, and the findings.

    Parameters
    ----------
    signals : SignalPropagation

    Returns
    -------
    text : str
    """
    activations = describe_activations(signals.activations)
    heading = f"Signal propagation: {len(signals.n_units)} layers, {activations}, {signals.n_rows} rows"
    lines = [textwrap.fill(heading, WIDTH, subsequent_indent="  "), ""]
    for title, columns in TABLES.items():
        cells = _cells(signals, columns)
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines.append(title)
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        lines.append("")
    lines.append("Findings")
    for sentence in _sentences(signals):
        lines.append(textwrap.fill(sentence, WIDTH, initial_indent="- ", subsequent_indent="  "))
    return "\n".join(lines)


def format_findings_html(signals: "SignalPropagation") -> str:
    """The findings, without styles.

    Parameters
    ----------
    signals : SignalPropagation

    Returns
    -------
    html : str
        A list.
    """
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(signals)) + "</ul>"


def format_tables_html(signals: "SignalPropagation") -> str:
    """The tables, without styles.

    Parameters
    ----------
    signals : SignalPropagation

    Returns
    -------
    html : str
        Each table is in a `div` of the class `wide`.
    """
    parts = []
    for title, columns in TABLES.items():
        heading, *body = _cells(signals, columns)
        parts.append(f'<div class="wide"><table><caption>{escape(title)}</caption>')
        parts.append(f"<thead>{_html_row(heading, 'th')}</thead><tbody>")
        parts += [_html_row(row, "td") for row in body]
        parts.append("</tbody></table></div>")
    return "\n".join(parts)


def _sentences(signals: "SignalPropagation") -> list[str]:
    return [str(finding) for finding in signals.findings] or [NOTHING_FOUND]


def _html_row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
