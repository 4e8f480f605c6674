"""A picture of the curvature of the loss by layer, and of its spectrum."""

import numpy as np

from ...curvature import (
    hessian_bound,
    layer_hessian_norms,
    layer_jacobian_norms,
    max_stable_step,
    spectral_density,
)
from ...curvature.measures import stability_factor
from ...curvature.operators import PARAMETERS
from ...validation import checks_parameters
from ..signals import SignalPropagation
from .panels import COLORS, GREY, check_matplotlib, draw_by_layer, legend_above, make_panels, scale_y

# The number of decades of the density that are shown. They include a single eigenvalue among a million, and cut off the
# tails of the nodes' normal densities.
DENSITY_DECADES = 7
# The number of Lanczos steps for each random vector. Sixty steps would move the curve, which is seven decades high, by
# less than a tenth of a decade.
N_STEPS = 40


class CurvatureDisplay:
    r"""A picture of the curvature of the loss, in three panels.

    - :math:`\|H_{w^{(k)}}\|`, the spectral norm of the Hessian with respect to the weights of each layer, and an upper
      bound on the norm of its Gauss-Newton part (:func:`~skinit.curvature.hessian_bound`). If activations are not
      piecewise linear, the norm of the Hessian may exceed this bound.
    - :math:`\|J^{(k)}\|`, the spectral norm of each layer's Jacobian, averaged over rows. A layer with a norm above 1
      can amplify signals. A layer with a norm below 1 can only damp them.
    - The density of the eigenvalues of the whole Hessian, on a logarithmic axis of seven decades. Two lines mark the
      largest eigenvalue, and the limit above which the steps of training would oscillate and grow. If the limit is far
      to the right, as for a small learning rate, an arrow at the right edge marks it.

    Layer `k` has the weights ``coefs_[k]``. The output layer is shaded. For several outputs, this is the Hessian of the
    sum over outputs, which training minimizes. The vertical axes of the first two panels are logarithmic and at least
    two decades high. If there are zeros, a linear part at the bottom shows them.

    Parameters
    ----------
    hessian_norm, hessian_bound, jacobian_norm : ndarray of shape (n_layers,)
        The norms and bounds of each layer, as in :class:`~skinit.inspection.SignalPropagation`.
    eigenvalues, density : ndarray of shape (n_points,)
        The results of :func:`~skinit.curvature.spectral_density`.
    largest_eigenvalue : float or None, default=None
        The largest eigenvalue of the Hessian. None draws no mark.
    stability_limit : float or None, default=None
        The eigenvalue above which steps grow, which is 2 / learning rate for gradient descent. None draws no mark.

    Attributes
    ----------
    ax_ : ndarray of shape (3,) of matplotlib Axes
        The panels, in the order above.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    See Also
    --------
    skinit.curvature : The functions that measure the curvature.
    SignalPropagationDisplay : Activations, deltas and gradients by layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import CurvatureDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian", random_state=0).initialize(X, y)
    >>> display = CurvatureDisplay.from_estimator(network, X, y)
    >>> display.hessian_norm.round(1)
    array([1.1, 1.1, 1.1])
    >>> round(display.largest_eigenvalue, 1)
    3.7
    >>> display.ax_[2].get_ylabel()
    'density of eigenvalues'
    """

    def __init__(
        self,
        *,
        hessian_norm: np.ndarray,
        hessian_bound: np.ndarray,
        jacobian_norm: np.ndarray,
        eigenvalues: np.ndarray,
        density: np.ndarray,
        largest_eigenvalue: float | None = None,
        stability_limit: float | None = None,
    ) -> None:
        self.hessian_norm = hessian_norm
        self.hessian_bound = hessian_bound
        self.jacobian_norm = jacobian_norm
        self.eigenvalues = eigenvalues
        self.density = density
        self.largest_eigenvalue = largest_eigenvalue
        self.stability_limit = stability_limit

    def plot(self, ax=None) -> "CurvatureDisplay":
        """Draw the curvature.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of 3 matplotlib Axes, default=None
            A single Axes is divided into three; three Axes are used as they are. None makes a new figure.

        Returns
        -------
        display : CurvatureDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the number of axes is wrong.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        self.figure_, self.ax_ = make_panels(ax, (2, 2), [(0, 0), (0, 1), (1, slice(None))], (10, 6.5))
        hessians, jacobians, spectrum = self.ax_
        draw_by_layer(
            hessians,
            {"norm of Hessian": self.hessian_norm, "bound": self.hessian_bound},
            unit="loss / weight²",
        )
        scale_y(hessians, self.hessian_norm, self.hessian_bound)
        draw_by_layer(jacobians, {"norm of Jacobian": self.jacobian_norm}, unit="output / input")
        jacobians.axhline(1, color=GREY, linestyle=":", zorder=0)
        scale_y(jacobians, self.jacobian_norm, [1])
        self._draw_spectrum(spectrum)
        for panel in self.ax_:
            legend_above(panel)
        return self

    def _draw_spectrum(self, ax) -> None:
        highest = self.density.max()
        ax.plot(self.eigenvalues, self.density, color=COLORS[0], label="density")
        ax.fill_between(self.eigenvalues, self.density, color=COLORS[0], alpha=0.2, linewidth=0)
        ax.set_yscale("log", nonpositive="mask")
        ax.set_ylim(highest / 10**DENSITY_DECADES, 3 * highest)
        if self.largest_eigenvalue is not None:
            label = f"largest eigenvalue {self.largest_eigenvalue:.3g}"
            ax.axvline(self.largest_eigenvalue, color=COLORS[2], linestyle="--", label=label)
        left, right = self.eigenvalues[[0, -1]]
        if self.stability_limit is not None:
            label = f"limit of stable steps {self.stability_limit:.3g}"
            # Extend the axis up to twice the width of the spectrum to show the limit.
            if self.stability_limit <= right + (right - left):
                ax.axvline(self.stability_limit, color=COLORS[1], linestyle="-.", label=label)
            else:
                arrow = {"marker": 9, "linestyle": "", "markersize": 10, "color": COLORS[1]}
                ax.plot(1, 0.5, transform=ax.transAxes, clip_on=False, label=f"{label} (far right)", **arrow)
        ax.set_xlabel("eigenvalue of the Hessian (loss / parameter²)")
        ax.set_ylabel("density of eigenvalues")
        ax.grid(alpha=0.3)

    @classmethod
    @checks_parameters({name: PARAMETERS[name] for name in ("n_vectors", "random_state")})
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sample_weight=None,
        n_vectors: int = 3,
        random_state=0,
        ax=None,
        signals: SignalPropagation | None = None,
    ) -> "CurvatureDisplay":
        """Measure the curvature of the loss of an estimator, and draw it.

        The L2 penalty is left out. The limit of stable steps is marked only for the solver "sgd". It follows from the
        initial learning rate and the momentum: 2 / learning rate without momentum, and otherwise as in
        :func:`~skinit.curvature.max_stable_step`.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted or initialized.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        n_vectors : int, default=3
            Number of random vectors over which the spectral density is averaged. Each takes 40 products with the
            Hessian, about as costly as 130 gradients. More vectors make the density smoother.
        random_state : int, RandomState instance or None, default=0
            Determines the random vectors.
        ax : matplotlib Axes or array-like of 3 matplotlib Axes, default=None
            The same as for :meth:`plot`.
        signals : SignalPropagation or None, default=None
            The result of :func:`~skinit.inspection.signal_propagation` for the same arguments. Its norms are drawn and
            not measured again.

        Returns
        -------
        display : CurvatureDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the data do not fit the estimator, if the Hessian is not finite, or if the number of axes is wrong.
        TypeError
            If the estimator is not an estimator of skinit, for example if it is a pipeline.
        sklearn.exceptions.NotFittedError
            If the estimator has no weights.

        Examples
        --------
        Without momentum, the automatic learning rate is about half of the largest stable learning rate, so the limit is
        about twice the largest eigenvalue:

        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> from skinit.inspection import CurvatureDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier(
        ...     (20,), solver="sgd", momentum=0, learning_rate_init="auto", random_state=0
        ... )
        >>> display = CurvatureDisplay.from_estimator(network.initialize(X, y), X, y)
        >>> round(display.stability_limit / display.largest_eigenvalue, 1)
        2.0
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        measure = {"sample_weight": sample_weight}
        measure_at_random = measure | {"random_state": random_state}
        eigenvalues, density = spectral_density(
            estimator, X, y, n_vectors=n_vectors, n_steps=N_STEPS, **measure_at_random
        )
        # Gradient descent is stable up to a rate of 2 / largest eigenvalue, which is infinite if no eigenvalue is
        # positive.
        largest_eigenvalue = 2 / max_stable_step(estimator, X, y, penalty=False, **measure_at_random)
        stability_limit = None
        if estimator.solver == "sgd" and estimator.momentum < 1 and largest_eigenvalue > 0:
            factor = stability_factor(estimator.momentum, estimator.nesterovs_momentum)
            stability_limit = factor / estimator.learning_rate_init_
        norms = (
            {
                "hessian_norm": layer_hessian_norms(estimator, X, y, **measure_at_random),
                "hessian_bound": hessian_bound(estimator, X, y, **measure),
                "jacobian_norm": layer_jacobian_norms(estimator, X, y, **measure),
            }
            if signals is None
            else {name: getattr(signals, name) for name in ("hessian_norm", "hessian_bound", "jacobian_norm")}
        )
        return cls(
            **norms,
            eigenvalues=eigenvalues,
            density=density,
            largest_eigenvalue=largest_eigenvalue,
            stability_limit=stability_limit,
        ).plot(ax)
