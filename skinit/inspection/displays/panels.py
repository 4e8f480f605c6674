"""Panels, colors and axes for the displays, for any number of layers and any range of values."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import GridSpecBase

# The colors of M. Okabe and K. Ito, "Color universal design" (2008), which color-blind readers can tell apart. Yellow
# is left out because it is too light for lines.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
# Markers distinguish series in a gray print.
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
# Line styles distinguish series in a gray print if there are more series than colors.
LINE_STYLES = ["-", "--", ":", "-."]
# The color of everything that is not a series.
GREY = "#666666"

# The smallest height of a logarithmic axis in decades, so that values within a factor of ten look similar.
LEAST_DECADES = 2.0
# With more layers than this, markers are small.
CROWD = 16
# The width of a letter in a legend, in inches.
LETTER_WIDTH = 0.06
# Below this value, the arithmetic of logarithmic axes would underflow.
SMALLEST = 1e-250
# Above this value, or over as many decades, the arithmetic of logarithmic axes would overflow.
LARGEST = 1e250


def check_matplotlib(caller: str) -> None:
    """Raise an ImportError with an install command if matplotlib is missing.

    Parameters
    ----------
    caller : str
        The name of the function that needs matplotlib.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{caller} requires matplotlib. Install it with `pip install 'skinit[plot]'`.") from error


def make_panels(
    ax, shape: tuple[int, int], cells: list, figsize: tuple[float, float]
) -> "tuple[Figure | SubFigure, np.ndarray]":
    """The axes to draw in: new axes in a new figure, parts of a single Axes, or the given axes.

    Parameters
    ----------
    ax : None, matplotlib Axes or array-like of matplotlib Axes
    shape : (int, int)
        Rows and columns of the grid.
    cells : list
        An index into the grid for each panel.
    figsize : (float, float)
        Width and height of a new figure, in inches.

    Returns
    -------
    figure : matplotlib Figure
    panels : ndarray of shape (n_panels,) of matplotlib Axes

    Raises
    ------
    ValueError
        If the number of axes is wrong, or if the axes have been divided before.
    TypeError
        If `ax` contains anything other than axes.
    """
    from matplotlib.axes import Axes

    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=figsize, layout="constrained")
        return figure, _add_panels(figure, figure.add_gridspec(*shape), cells)
    if not isinstance(ax, Axes):
        panels = np.asarray(ax, dtype=object).ravel()
        strangers = [panel for panel in panels if not isinstance(panel, Axes)]
        if strangers:
            raise TypeError(
                f"ax must be None, an Axes or an array of Axes, got {type(strangers[0]).__name__} among them."
            )
        if panels.size != len(cells):
            single = "a single Axes, to be divided, or " if len(cells) > 1 else ""
            raise ValueError(f"ax must be {single}{len(cells)} Axes, got {panels.size}.")
        return panels[0].figure, panels
    if len(cells) == 1:
        return ax.figure, np.array([ax], dtype=object)
    if not ax.axison:
        raise ValueError("ax is switched off, because it was divided before. Pass ax=display.ax_ to draw again.")
    ax.set_axis_off()
    return ax.figure, _add_panels(ax.figure, _divide(ax, shape), cells)


def _divide(ax: "Axes", shape: tuple[int, int]) -> "GridSpecBase":
    """A grid within the bounds of an Axes."""
    # A figure without a layout engine makes no room for labels.
    height, width = (None, None) if ax.figure.get_layout_engine() else (0.6, 0.5)
    subplot = ax.get_subplotspec()
    if subplot is not None:
        return subplot.subgridspec(*shape, hspace=height, wspace=width)
    left, bottom, right, top = ax.get_position().extents
    return ax.figure.add_gridspec(*shape, left=left, bottom=bottom, right=right, top=top, hspace=height, wspace=width)


def _add_panels(figure: "Figure | SubFigure", grid: "GridSpecBase", cells: list) -> np.ndarray:
    return np.array([figure.add_subplot(grid[cell]) for cell in cells], dtype=object)


def line_style(number: int) -> dict:
    """Color, marker and line style of a series. When colors repeat, markers and line styles differ."""
    repeat = number // len(COLORS)
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": MARKERS[(number + repeat) % len(MARKERS)],
        "linestyle": LINE_STYLES[repeat % len(LINE_STYLES)],
    }


def draw_by_layer(ax: "Axes", series: dict[str, np.ndarray], *, unit: str) -> None:
    """Draw a line over layers for each series, and shade the output layer. Series that are all NaN are left out."""
    from matplotlib.ticker import MaxNLocator

    n_layers = max(map(len, series.values()))
    largest_marker = 7 if n_layers <= CROWD else 4
    for number, (label, values) in enumerate(series.items()):
        values = np.asarray(values, dtype=np.float64)
        if np.isnan(values).all():
            continue
        # Later markers are smaller, so that they do not hide the markers of equal values below them.
        style = line_style(number) | {
            "linestyle": LINE_STYLES[number],
            "markersize": largest_marker * (1 - 0.3 * number),
        }
        ax.plot(np.arange(n_layers), np.where(values > LARGEST, np.nan, values), label=label, **style)
        infinite = np.flatnonzero(values > LARGEST)
        if infinite.size:
            style |= {"linestyle": "", "marker": 6, "markersize": 8}
            edge = ax.get_xaxis_transform()
            ax.plot(
                infinite, np.ones(infinite.size), transform=edge, clip_on=False, label="infinite, or nearly so", **style
            )
    if not ax.lines:
        ax.text(0.5, 0.5, "not defined here", transform=ax.transAxes, ha="center", va="center", color=GREY)
    ax.axvspan(n_layers - 1.5, n_layers - 0.5, color=GREY, alpha=0.12, linewidth=0)
    ax.set_xlim(-0.5, n_layers - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("layer (shaded: output)")
    ax.set_ylabel(unit)
    ax.grid(alpha=0.3)


def scale_y(ax: "Axes", *values) -> None:
    """Make the y axis logarithmic, with a linear part at the bottom for zeros, or linear for negative values."""
    everything = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in values])
    finite = everything[np.isfinite(everything)]
    positive = finite[(finite > 0) & (finite <= LARGEST)]
    # Smaller values are shown as zeros.
    least = max(SMALLEST, positive.max(initial=0) / LARGEST)
    positive = positive[positive >= least]
    if finite.size and finite.min() < 0:
        ax.set_yscale("linear")
    elif not positive.size:
        ax.set_ylim(-0.05, 1)
    else:
        low, high = np.log10(positive.min()), np.log10(positive.max())
        reach = max(LEAST_DECADES / 2, 0.55 * (high - low))
        bottom, top = 10 ** ((low + high) / 2 - reach), 10 ** ((low + high) / 2 + reach)
        if (finite < least).any():
            bottom = 10 ** np.floor(np.log10(bottom))
            # The linear part is a tenth as long as the logarithmic part, and at least half a decade.
            ax.set_yscale("symlog", linthresh=bottom, linscale=max(0.5, 0.1 * np.log10(top / bottom)))
            ax.set_ylim(-bottom / 4, top)
        else:
            ax.set_yscale("log")
            ax.set_ylim(bottom, top)


def legend_above(ax: "Axes") -> None:
    """Draw a legend above the axes, where it hides nothing, in as many columns as fit, with each label once."""
    entries = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if not entries:
        return
    width = ax.get_window_extent().width / ax.figure.dpi
    column_width = 0.4 + LETTER_WIDTH * max(map(len, entries))
    ax.legend(
        entries.values(),
        entries.keys(),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=max(1, int(width / column_width)),
        frameon=False,
        fontsize="small",
        handlelength=1.8,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
