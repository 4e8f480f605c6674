"""Results as a picture: learning curves and scores, a row for each network."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .results import HiddenLayerSizes, Results, describe_hidden
from .text import one_line

# Told apart by the colour-blind: M. Okabe and K. Ito, "Color universal design" (2008). Line styles tell further rounds.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
GREY = "#666666"


def draw(results: Results, title: str) -> bytes:
    """Draw learning curves and scores by scheme.

    Parameters
    ----------
    results : Results
    title : str

    Returns
    -------
    image : bytes
        A PNG file.
    """
    has_curves = bool(results.loss_curves)
    row_height = max(2.8, 1.0 + 0.35 * len(results.inits))
    figure = Figure(figsize=(12 if has_curves else 7.5, 1 + row_height * len(results.networks)), layout="constrained")
    axes = figure.subplots(len(results.networks), 1 + has_curves, squeeze=False, sharex="col")
    for row, hidden in zip(axes, results.networks, strict=True):
        if has_curves:
            _draw_curves(row[0], results, hidden)
        _draw_scores(row[-1], results, hidden)
        row[0].set_title(describe_hidden(hidden), loc="left")
    if has_curves:
        axes[0, 0].legend(fontsize="small")
        axes[-1, 0].set_xlabel("epoch")
    axes[-1, -1].set_xlim(*_score_limits(results))
    axes[-1, -1].set_xlabel(f"{results.score_name}: mean ± standard deviation, and each fold")
    # Dollar signs in the name of a file are not mathematics.
    figure.suptitle(one_line(title), parse_math=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()


def _draw_curves(ax: Axes, results: Results, hidden: HiddenLayerSizes) -> None:
    longest = max(len(curve) for curve in results.loss_curves.values())
    for number, init in enumerate(results.inits):
        curve = results.loss_curves.get((init, hidden), [])
        epochs = range(1, len(curve) + 1)
        # Markers at different epochs, so that curves on top of each other can be told apart.
        first_marker = longest * number // (10 * len(results.inits))
        ax.plot(epochs, curve, label=init, markevery=(first_marker, max(1, longest // 10)), **_style(number))
    ax.set_yscale("log")
    ax.set_ylabel("training loss")
    ax.grid(alpha=0.3)


def _draw_scores(ax: Axes, results: Results, hidden: HiddenLayerSizes) -> None:
    lowest, _ = _score_limits(results)
    rows = results.of_network(hidden)
    folds = results.fold_values("test_score")
    for row in rows.itertuples():
        number = results.inits.index(row.init)
        style = _style(number)
        text = results.describe_score(row.Index)
        if row.mean_test_score < lowest:
            ax.plot(0.02, number, "<", color=style["color"], transform=ax.get_yaxis_transform())
        else:
            ax.errorbar(row.mean_test_score, number, xerr=row.std_test_score, capsize=3, **style)
            scores = folds.loc[row.Index]
            ax.plot(scores, np.full(len(scores), number + 0.25), ".", color=style["color"], alpha=0.6)
        if results.is_chance[row.Index]:
            text += "\nat chance"
        ax.annotate(text, (1.02, number), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    ax.axvline(results.chance.mean(), color=GREY, linestyle=":", zorder=0)
    ax.set_yticks(range(len(results.inits)), results.inits)
    ax.set_ylim(len(results.inits) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)


def _score_limits(results: Results) -> tuple[float, float]:
    """Limits that leave out what is at chance, as long as something is not: differences above are small beside it."""
    shown = results.learned
    if shown.empty:
        shown = results.frame[results.is_chance]
    if shown.empty:
        return 0.0, 1.0
    folds = results.fold_values("test_score").loc[shown.index]
    low = min(folds.min(axis=None), (shown["mean_test_score"] - shown["std_test_score"]).min())
    high = max(folds.max(axis=None), (shown["mean_test_score"] + shown["std_test_score"]).max())
    margin = 0.1 * (high - low) or 0.01
    return low - margin, high + margin


def _style(number: int) -> dict:
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 5,
        "linestyle": LINE_STYLES[number // len(COLORS) % len(LINE_STYLES)],
    }
