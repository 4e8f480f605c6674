"""A picture that compares initialization schemes by their scores and learning curves."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from ...initializers import Initializer
from ...validation import wrong_name
from .panels import COLORS, GREY, check_matplotlib, legend_above, line_style, make_panels, scale_y

# A candidate is drawn at the edge if it is this many times farther from the best score than the median candidate. At
# its own place, it would leave only a tenth of the axis to the better half.
FAR = 10
# The position of the edge, as a fraction of the axis.
EDGE = 0.02
# The height of a row of scores, in inches.
ROW_HEIGHT = 0.35
# The height that each further setting adds to a row, in inches.
SETTING_HEIGHT = 0.15
# The width of a line in a scheme's name, in letters.
NAME_WIDTH = 28


class InitComparisonDisplay:
    """A picture that compares initialization schemes.

    - *Learning curves*, if there are any: the training loss by epoch, as the mean over fits (folds or seeds) and a band
      from the lowest to the highest loss. A fit that stopped early keeps its last loss. The axis is logarithmic if
      losses span more than a decade.
    - *Scores*: the mean and standard deviation over fits, and a dot for each fit. If other parameters have several
      settings, a scheme has a bar for each setting, and the printed numbers are those of the best bar. A triangle at
      the left edge is a much worse candidate. Its distance from the best candidate is more than ten times the median
      distance, and more than ten times the median standard deviation. A candidate with a failed fit has only dots.

    Parameters
    ----------
    inits : list of str of length n_candidates
        The name of each candidate's scheme.
    test_scores : ndarray of shape (n_candidates, n_fits)
        The score of each fit, or NaN if the fit failed.
    settings : list of str of length n_candidates or None, default=None
        The other differences between candidates, in words.
    loss_curves : list of length n_candidates or None, default=None
        For each candidate, a list of curves, one for each fit that did not fail. A curve is a list with the training
        loss of each epoch.
    score_name : str, default="score"
        The label of the axis of scores.
    greater_is_better : bool, default=True
        False for losses. Their axis runs from right to left, so that the best is always on the right.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of shape (2,) of matplotlib Axes
        The scores, or the learning curves and the scores.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Searches over `init` like over every other parameter.
    skinit.initializers : The initialization schemes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import InitComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), max_iter=10, n_iter_no_change=20, random_state=0)
    >>> schemes = {"init": ["zero", "xavier", "he"], "learning_rate_init": [0.01, 0.1]}
    >>> search = GridSearchCV(network, schemes, cv=3).fit(X, y)
    >>> display = InitComparisonDisplay.from_cv_results(search.cv_results_)
    >>> display.test_scores.mean(axis=1).round(1)
    array([0.3, 0.3, 0.7, 0.7, 0.7, 0.7])

    Cross-validation that returns its estimators adds learning curves. With zero weights, the loss stays at log(3),
    which is 1.1:

    >>> from sklearn.model_selection import cross_validate
    >>> results = {
    ...     init: cross_validate(
    ...         network.set_params(init=init), X, y, cv=3, return_estimator=True
    ...     )
    ...     for init in schemes["init"]
    ... }
    >>> display = InitComparisonDisplay.from_cv_results(results)
    >>> round(display.loss_curves[0][0][-1], 1)
    1.1
    """

    def __init__(
        self,
        *,
        inits: Sequence[str],
        test_scores: np.ndarray,
        settings: Sequence[str] | None = None,
        loss_curves: Sequence[Sequence] | None = None,
        score_name: str = "score",
        greater_is_better: bool = True,
    ) -> None:
        self.inits = inits
        self.test_scores = test_scores
        self.settings = settings
        self.loss_curves = loss_curves
        self.score_name = score_name
        self.greater_is_better = greater_is_better

    def plot(self, ax=None) -> "InitComparisonDisplay":
        """Draw the comparison.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of 2 matplotlib Axes, default=None
            With learning curves, a single Axes is divided into two, and two Axes are used as they are. Without learning
            curves, a single Axes is used. None makes a new figure.

        Returns
        -------
        display : InitComparisonDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the number of axes is wrong, if there are no candidates, or if arguments differ in the number of
            candidates.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        self._check_candidates()
        n_panels = 1 + (self.loss_curves is not None)
        n_rows = len(set(self.inits))
        height = max(3.0, 1.5 + ROW_HEIGHT * n_rows + SETTING_HEIGHT * (len(self.inits) - n_rows))
        cells = [(0, column) for column in range(n_panels)]
        self.figure_, panels = make_panels(ax, (1, n_panels), cells, (5.5 * n_panels + 1, height))
        if self.loss_curves is not None:
            self._draw_curves(panels[0], self.loss_curves)
        self._draw_scores(panels[-1])
        self.ax_ = panels if n_panels > 1 else panels[0]
        return self

    def _check_candidates(self) -> None:
        n_candidates = len(self.inits)
        if n_candidates == 0:
            raise ValueError("inits is empty: there is nothing to compare.")
        shape = np.shape(self.test_scores)
        if len(shape) != 2 or shape[0] != n_candidates:
            raise ValueError(f"test_scores must have the shape ({n_candidates}, n_fits), like inits, got {shape}.")
        for name, values in (("settings", self.settings), ("loss_curves", self.loss_curves)):
            if values is not None and len(values) != n_candidates:
                raise ValueError(f"{name} must have {n_candidates} entries, like inits, got {len(values)}.")

    def _draw_curves(self, ax, loss_curves: Sequence[Sequence]) -> None:
        from matplotlib.ticker import MaxNLocator

        all_curves = [[curve for curve in curves if len(curve)] for curves in loss_curves]
        n_epochs = max((len(curve) for curves in all_curves for curve in curves), default=0)
        epochs = np.arange(1, n_epochs + 1)
        labels = self.inits if self.settings is None else map("{}, {}".format, self.inits, self.settings)
        drawn = []
        for number, (curves, label) in enumerate(zip(all_curves, labels, strict=True)):
            if not curves:
                continue
            losses = np.array([np.pad(curve, (0, n_epochs - len(curve)), mode="edge") for curve in curves])
            style = line_style(number)
            # Markers are at different epochs, so that overlapping curves can be told apart.
            first_marker = n_epochs * number // (10 * len(self.inits))
            markers = {"markevery": (first_marker, max(1, n_epochs // 10)), "markersize": 4}
            ax.plot(epochs, losses.mean(axis=0), label=label, **style, **markers)
            band = {"color": style["color"], "alpha": 0.2, "linewidth": 0}
            ax.fill_between(epochs, losses.min(axis=0), losses.max(axis=0), **band)
            drawn += losses[np.isfinite(losses)].tolist()
        if drawn and max(drawn) > 10 * min(drawn):
            scale_y(ax, drawn)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("epoch")
        ax.set_ylabel("training loss")
        ax.grid(alpha=0.3)
        legend_above(ax)

    def _draw_scores(self, ax) -> None:
        scores = np.asarray(self.test_scores, dtype=np.float64)
        scores = np.where(np.isfinite(scores), scores, np.nan)
        means, deviations = scores.mean(axis=1), scores.std(axis=1)
        sign = 1 if self.greater_is_better else -1
        is_far = sign * means < _lowest_shown(sign * means, deviations)
        near = means[~is_far & ~np.isnan(means)]
        middle = (near.min() + near.max()) / 2 if near.size else 0.0
        settings = self.settings if self.settings is not None else [""] * len(self.inits)
        numbers = {setting: number for number, setting in enumerate(dict.fromkeys(settings))}
        # If there are more settings than colors, as in a random search, settings have no colors of their own.
        is_told_apart = 1 < len(numbers) <= len(COLORS)
        rows = list(dict.fromkeys(self.inits))
        for row, init in enumerate(rows):
            candidates = [number for number, name in enumerate(self.inits) if name == init]
            height = 0.8 / len(candidates)
            places = {candidate: row - 0.4 + height * (i + 0.5) for i, candidate in enumerate(candidates)}
            for candidate, y in places.items():
                style = line_style(row)
                if is_told_apart:
                    style = line_style(numbers[settings[candidate]]) | {"label": settings[candidate]}
                style |= {"linestyle": ""}
                if is_far[candidate]:
                    ax.plot(EDGE, y, transform=ax.get_yaxis_transform(), **(style | {"marker": "<"}))
                else:
                    each = np.full(scores.shape[1], y + 0.3 * height)
                    ax.plot(scores[candidate], each, ".", color=style["color"], alpha=0.6)
                    ax.errorbar(means[candidate], y, xerr=deviations[candidate], capsize=3, **style)
            best = max(candidates, key=np.nan_to_num(sign * means, nan=-np.inf).__getitem__)
            mean, deviation, y = means[best], deviations[best], places[best]
            if np.isnan(mean):
                failed = np.isnan(scores[candidates])
                _write(ax, f"{failed.sum()} of {failed.size} failed", EDGE, row, at_edge=True)
            elif is_far[best]:
                _write(ax, self._format_spread(mean, deviation), EDGE, y, at_edge=True)
            elif sign * mean <= sign * middle:
                _write(ax, self._format_spread(mean, deviation), mean + sign * deviation, y)
            else:
                _write(ax, self._format_spread(mean, deviation), mean - sign * deviation, y, to_the_left=True)
        for boundary in range(1, len(rows)):
            ax.axhline(boundary - 0.5, color=GREY, linewidth=0.5, alpha=0.3)
        ax.set_yticks(range(len(rows)), [fill(name, NAME_WIDTH, break_long_words=False) for name in rows])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        if not self.greater_is_better:
            ax.invert_xaxis()
        ax.set_xlabel(f"{self.score_name}: mean ± std, and each fit")
        ax.grid(axis="x", alpha=0.3)
        legend_above(ax)

    def _format_spread(self, mean: float, deviation: float) -> str:
        # A loss may have any order of magnitude.
        digits = ".3f" if (0 if self.greater_is_better else 0.1) <= abs(mean) < 1000 else ".2e"
        return f"{mean:{digits}} ± {deviation:{digits}}"

    @classmethod
    def from_cv_results(
        cls, cv_results: Mapping, *, param_name: str | None = None, metric: str = "score", ax=None
    ) -> "InitComparisonDisplay":
        """Draw the results of a search over `init`, or of a cross-validation of each scheme.

        Parameters
        ----------
        cv_results : dict
            Either `cv_results_` of a search over `init`, such as :class:`~sklearn.model_selection.GridSearchCV`. Other
            parameters that differ become settings. Or a dict from names of schemes to results of
            :func:`~sklearn.model_selection.cross_validate`, with learning curves if ``return_estimator=True``.
        param_name : str or None, default=None
            The searched parameter that holds the scheme. None finds the only one that is `init` or ends in `__init`.
        metric : str, default="score"
            The metric to draw if several were measured, as in ``mean_test_<metric>``.
        ax : matplotlib Axes or array-like of matplotlib Axes, default=None
            The same as for :meth:`plot`.

        Returns
        -------
        display : InitComparisonDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If there is no parameter `init` or more than one, if the metric was not measured, or if there is nothing to
            compare.
        TypeError
            If `cv_results` is anything else, for example a search.
        """
        check_matplotlib(f"{cls.__name__}.from_cv_results")
        if not hasattr(cv_results, "keys"):
            hint = " Pass its cv_results_." if hasattr(cv_results, "cv_results_") else ""
            raise TypeError(f"cv_results must be a dict, got {type(cv_results).__name__}.{hint}")
        if "params" in cv_results:
            arguments = _read_search(cv_results, param_name, metric)
        else:
            arguments = _read_cross_validations(cv_results, metric)
        return cls(**arguments, score_name="score" if metric == "score" else metric.replace("_", " ")).plot(ax)


def _lowest_shown(means: np.ndarray, deviations: np.ndarray) -> float:
    """The lowest mean that is drawn at its value. Lower means are drawn at the edge."""
    distances = np.nanmax(means, initial=-np.inf) - means[~np.isnan(means)]
    if not distances.size:
        return -np.inf
    typical = max(np.median(distances), np.nanmedian(deviations))
    return np.nanmax(means) - FAR * typical if typical > 0 else -np.inf


def _write(ax, text: str, x: float, y: float, *, to_the_left: bool = False, at_edge: bool = False) -> None:
    """Write text beside a point. At the edge, `x` is a fraction of the axis."""
    ax.annotate(
        text,
        (x, y),
        xycoords=("axes fraction", "data") if at_edge else "data",
        xytext=(-7 if to_the_left else 7, 0),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        va="center",
        fontsize="small",
    )


def _read_search(cv_results: Mapping, param_name: str | None, metric: str) -> dict:
    """The display's arguments for the results of a search."""
    candidates = cv_results["params"]
    searched = list(dict.fromkeys(name for parameters in candidates for name in parameters))
    param_name = _find_init(searched, param_name)
    prefix = param_name.removesuffix("init")
    others = [name for name in searched if name != param_name and not name.startswith(f"{param_name}__")]
    varied = [name for name in others if len({repr(parameters.get(name)) for parameters in candidates}) > 1]
    splits = {
        int(match[1]): name
        for name in cv_results
        if (match := re.fullmatch(rf"split(\d+)_test_{re.escape(metric)}", name))
    }
    if not splits:
        measured = [name.removeprefix("mean_test_") for name in cv_results if name.startswith("mean_test_")]
        raise ValueError(wrong_name("metric", metric, measured))
    settings = [
        ", ".join(f"{name.removeprefix(prefix)}={_describe(p[name])}" for name in varied if name in p) or "default"
        for p in candidates
    ]
    return {
        "inits": [_describe_init(parameters, param_name) for parameters in candidates],
        "test_scores": np.column_stack([cv_results[splits[number]] for number in sorted(splits)]),
        "settings": settings if varied else None,
    }


def _find_init(searched: list[str], param_name: str | None) -> str:
    if param_name is not None:
        if param_name not in searched:
            raise ValueError(wrong_name("param_name", param_name, searched, besides=", which were searched over"))
        return param_name
    found = [name for name in searched if name.split("__")[-1] == "init"]
    if not found:
        raise ValueError(f"cv_results must be of a search over 'init', got one over {searched}.")
    if len(found) > 1:
        raise ValueError(f"There are several parameters 'init': choose param_name from {found}.")
    return found[0]


def _describe_init(parameters: Mapping, param_name: str) -> str:
    """The scheme of a candidate in words, with its searched parameters."""
    init = parameters.get(param_name, "default")
    own = {
        name.removeprefix(f"{param_name}__"): value
        for name, value in parameters.items()
        if name.startswith(f"{param_name}__")
    }
    if isinstance(init, Initializer):
        return " ".join(str(clone(init).set_params(**own)).split())
    return getattr(init, "__name__", str(init))


def _describe(value) -> str:
    """A short form of a parameter's value."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple) and len(value) > 2 and len(set(value)) == 1:
        return f"({value[0]},) * {len(value)}"
    return str(value)


def _read_cross_validations(cv_results: Mapping, metric: str) -> dict:
    """The display's arguments for a cross-validation of each scheme."""
    if not cv_results:
        raise ValueError("cv_results is empty: there is nothing to compare.")
    for init, result in cv_results.items():
        if not isinstance(result, Mapping) or not any(name.startswith("test_") for name in result):
            raise ValueError(
                "cv_results must be `cv_results_` of a search, or a dict from names of schemes to results of "
                f"cross_validate; got {type(result).__name__} for {init!r}."
            )
        if f"test_{metric}" not in result:
            measured = [name.removeprefix("test_") for name in result if name.startswith("test_")]
            raise ValueError(wrong_name("metric", metric, measured))
    curves = [
        [curve for estimator in result.get("estimator", ()) if (curve := _loss_curve(estimator)) is not None]
        for result in cv_results.values()
    ]
    n_folds = {init: len(result[f"test_{metric}"]) for init, result in cv_results.items()}
    if len(set(n_folds.values())) > 1:
        raise ValueError(f"Cross-validations must have the same number of folds, got {n_folds}.")
    return {
        "inits": [str(init) for init in cv_results],
        "test_scores": np.array([result[f"test_{metric}"] for result in cv_results.values()]),
        "loss_curves": curves if any(curves) else None,
    }


def _loss_curve(estimator) -> list[float] | None:
    """The losses of a fitted network, also in a pipeline or with transformed targets, or None if there are none."""
    if isinstance(estimator, Pipeline):
        return _loss_curve(estimator[-1])
    if isinstance(estimator, TransformedTargetRegressor):
        return _loss_curve(getattr(estimator, "regressor_", None))
    return getattr(estimator, "loss_curve_", None)
