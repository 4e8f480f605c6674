"""Activations, deltas and gradients through depth."""

import numpy as np

from ..signals import SignalPropagation, signal_propagation
from .panels import check_matplotlib, draw_by_layer, legend_above, make_panels, scale_y


class SignalPropagationDisplay:
    r"""Signal propagation through depth, as a picture of four panels.

    - *Activations*: their variance over rows and units, the part of it that is due to the rows, and the square of their
      mean. The part due to the rows is all that a layer knows of its input: a flat line is a signal that neither
      vanishes nor explodes.
    - *Units* that do not do their part: saturated, dead, and copies (:math:`1 - d / n` with `d` distinct ones among
      `n`).
    - *Deltas* :math:`\partial L / \partial u_k`, the derivatives of the loss with respect to preactivations: their
      variance.
    - *Gradients*: the norm :math:`\|\partial L / \partial W_k\|`, and its ratio to :math:`\|W_k\|`, which says what
      step changes the weights much.

    Layer `k` is that of the weights ``coefs_[k]``; the place of the output layer is shaded. All axes but that of the
    units are logarithmic, at least two decades wide, so that what is nearly constant looks so. Where there are zeros, a
    linear part below has room for them. Infinite values are triangles at the upper edge; what is not defined is left
    out.

    Parameters
    ----------
    report : SignalPropagation
        The result of :func:`~skinit.inspection.signal_propagation`.

    Attributes
    ----------
    ax_ : ndarray of shape (4,) of matplotlib Axes
        The panels, in the order above.
    figure_ : matplotlib Figure
        Figure with the panels.

    See Also
    --------
    skinit.inspection.signal_propagation : The numbers, and what they mean.
    CurvatureDisplay : The curvature of the loss by layer, and its spectrum.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import SignalPropagationDisplay, signal_propagation
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20,) * 10, "tanh", init="random", random_state=0).initialize(X, y)
    >>> report = signal_propagation(network, X, y)
    >>> display = SignalPropagationDisplay(report).plot()
    >>> display.ax_[0].get_ylabel()
    'activations²'
    """

    def __init__(self, report: SignalPropagation) -> None:
        self.report = report

    def plot(self, ax=None) -> "SignalPropagationDisplay":
        """Draw the report.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of 4 matplotlib Axes, default=None
            A single one is divided into four; of an array, each is drawn in. None: a new figure is made.

        Returns
        -------
        display : SignalPropagationDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the number of axes is another.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.ticker import PercentFormatter

        report = self.report
        self.figure_, self.ax_ = make_panels(ax, (2, 2), [(0, 0), (0, 1), (1, 0), (1, 1)], (10, 6.5))
        activations, units, deltas, gradients = self.ax_
        with np.errstate(over="ignore"):
            squared_mean = np.square(report.activation_mean, dtype=np.float64)
        draw_by_layer(
            activations,
            {
                "variance": report.activation_variance,
                "due to rows": report.row_variance,
                "squared mean": squared_mean,
            },
            unit="activations²",
        )
        scale_y(activations, report.activation_variance, report.row_variance, squared_mean)
        draw_by_layer(
            units,
            {
                "saturated": report.saturated,
                "dead": report.dead,
                "copies of others": 1 - report.distinct_units / report.n_units,
            },
            unit="share of units",
        )
        units.set_ylim(-0.05, 1.05)
        units.yaxis.set_major_formatter(PercentFormatter(1))
        draw_by_layer(deltas, {"variance of deltas": report.delta_variance}, unit="(loss / preactivation)²")
        scale_y(deltas, report.delta_variance)
        draw_by_layer(
            gradients,
            {"norm of gradient": report.gradient_norm, "ratio to weights": report.gradient_to_weight},
            unit="loss / weight, or weight²",
        )
        scale_y(gradients, report.gradient_norm, report.gradient_to_weight)
        for panel in self.ax_:
            legend_above(panel)
        return self

    @classmethod
    def from_estimator(cls, estimator, X, y, *, sample_weight=None, ax=None) -> "SignalPropagationDisplay":
        """Measure the signal propagation of an estimator, and draw it.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted or initialized.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        ax : matplotlib Axes or array-like of 4 matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : SignalPropagationDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the data do not fit the estimator.
        sklearn.exceptions.NotFittedError
            If the estimator has no weights.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> from skinit.inspection import SignalPropagationDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((20, 20), random_state=0).initialize(X, y)
        >>> SignalPropagationDisplay.from_estimator(network, X, y)
        <...SignalPropagationDisplay object at ...>
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        return cls(signal_propagation(estimator, X, y, sample_weight=sample_weight)).plot(ax)
