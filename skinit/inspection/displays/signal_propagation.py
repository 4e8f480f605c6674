"""A picture of activations, deltas and gradients, layer by layer."""

import numpy as np

from ..signals import SignalPropagation, signal_propagation
from .panels import check_matplotlib, draw_by_layer, legend_above, make_panels, scale_y


class SignalPropagationDisplay:
    r"""A picture of signal propagation through the layers, in four panels.

    - *Activations*: their variance over rows and units, the part of it that is due to the rows, and the square of their
      mean. Only the part due to the rows carries information about the input. If its line is flat, the signal neither
      vanishes nor explodes.
    - *Units* that contribute little: the fractions of saturated units, dead units, and copies (:math:`1 - d / n` if `d`
      of `n` units are distinct).
    - *Deltas*: the variance of :math:`\partial \ell_i / \partial u_k`, the derivatives of each row's loss with respect
      to preactivations.
    - *Gradients*: the norm :math:`\|\partial L / \partial W_k\|`, and its ratio to :math:`\|W_k\|`. The learning rate
      of gradient descent times this ratio is the relative change of the weights in a step.

    Layer `k` has the weights ``coefs_[k]``. The output layer is shaded. The vertical axis of the units is linear. The
    others are logarithmic and at least two decades high, so that nearly constant values look constant. If there are
    zeros, a linear part at the bottom shows them. Infinite values are triangles at the upper edge. Undefined values are
    left out.

    Parameters
    ----------
    report : SignalPropagation
        The result of :func:`~skinit.inspection.signal_propagation`.

    Attributes
    ----------
    ax_ : ndarray of shape (4,) of matplotlib Axes
        The panels, in the order above.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    See Also
    --------
    skinit.inspection.signal_propagation : The numbers and their meaning.
    CurvatureDisplay : The curvature of the loss by layer, and its spectrum.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import SignalPropagationDisplay, signal_propagation
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20,) * 10, "tanh", init="random", random_state=0)
    >>> network = network.initialize(X, y)
    >>> report = signal_propagation(network, X, y)
    >>> display = SignalPropagationDisplay(report).plot()
    >>> display.ax_[0].get_ylabel()
    'activations²'

    The first panel shows that the part of the variance that is due to the rows falls by many orders of magnitude:

    >>> import numpy as np
    >>> np.log10(report.row_variance[[0, -1]]).astype(int)
    array([ -3, -30])
    """

    def __init__(self, report: SignalPropagation) -> None:
        self.report = report

    def plot(self, ax=None) -> "SignalPropagationDisplay":
        """Draw the report.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of 4 matplotlib Axes, default=None
            A single Axes is divided into four; four Axes are used as they are. None makes a new figure.

        Returns
        -------
        display : SignalPropagationDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the number of axes is wrong.
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
            The same as for :meth:`plot`.

        Returns
        -------
        display : SignalPropagationDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the data do not fit the estimator, or if the number of axes is wrong.
        TypeError
            If the estimator is not an estimator of skinit, for example if it is a pipeline.
        sklearn.exceptions.NotFittedError
            If the estimator has no weights.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> from skinit.inspection import SignalPropagationDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((20, 20), random_state=0).initialize(X, y)
        >>> display = SignalPropagationDisplay.from_estimator(network, X, y)
        >>> display.report.saturated.round(1)
        array([0.4, 0.4, nan])
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        return cls(signal_propagation(estimator, X, y, sample_weight=sample_weight)).plot(ax)
