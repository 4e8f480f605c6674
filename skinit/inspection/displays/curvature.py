"""The curvature of the loss by layer, and its spectrum."""

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

# Decades of the density that are shown: an eigenvalue of its own among a million is still in sight, while the tails of
# the normal densities that nodes are drawn as are cut off.
DENSITY_DECADES = 7
# Lanczos steps for each random vector. Sixty move a curve that is seven decades high by less than a tenth of one.
N_STEPS = 40


class CurvatureDisplay:
    r"""The curvature of the loss, as a picture of three panels.

    - :math:`\|H_{w^{(k)}}\|`, the spectral norm of the Hessian with respect to the weights of each layer, and the
      upper bound of its Gauss-Newton part (:func:`~skinit.curvature.hessian_bound`). Where activations are not
      piecewise linear, the norm may be above it.
    - :math:`\|J^{(k)}\|`, the spectral norm of each layer's Jacobian, averaged over rows. Layers above 1 can amplify,
      layers below 1 can only damp.
    - The density of the eigenvalues of the whole Hessian, on a logarithmic axis of seven decades, with two marks: the
      largest eigenvalue, and that above which the steps of the training would oscillate and grow. Where it is far off
      to the right, as it is with small steps, an arrow at the edge stands for it.

    Layer `k` is that of the weights ``coefs_[k]``; the place of the output layer is shaded. The axes of layers are
    logarithmic and at least two decades wide, with a linear part below that has room for zeros.

    Parameters
    ----------
    hessian_norm, hessian_bound, jacobian_norm : ndarray of shape (n_layers,)
        By layer, as :func:`~skinit.inspection.signal_propagation` has them too.
    eigenvalues, density : ndarray of shape (n_points,)
        As of :func:`~skinit.curvature.spectral_density`.
    largest_eigenvalue : float or None, default=None
        None: not marked.
    stability_limit : float or None, default=None
        The eigenvalue above which steps grow: 2/step for gradient descent. None: not marked.

    Attributes
    ----------
    ax_ : ndarray of shape (3,) of matplotlib Axes
        The panels, in the order above.
    figure_ : matplotlib Figure
        Figure with the panels.

    See Also
    --------
    skinit.curvature : The functions that measure what is drawn.
    SignalPropagationDisplay : Activations, deltas and gradients through depth.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import CurvatureDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian", random_state=0).initialize(X, y)
    >>> display = CurvatureDisplay.from_estimator(network, X, y)
    >>> display.hessian_norm.shape
    (3,)
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
            A single one is divided into three; of an array, each is drawn in. None: a new figure is made.

        Returns
        -------
        display : CurvatureDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the number of axes is another.
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
            # A limit within twice the spectrum's width is worth the room that it takes.
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

        The loss is without its L2 penalty. The limit of stable steps is that of the estimator's solver "sgd" with its
        initial step and its momentum: 2/step without momentum, and otherwise as in
        :func:`~skinit.curvature.max_stable_step`. It is not marked for other solvers.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted or initialized.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        n_vectors : int, default=3
            Random vectors that the spectral density is averaged over, each 40 products with the Hessian, about as
            costly as 130 gradients. More make it smoother.
        random_state : int, RandomState instance or None, default=0
            Of the random vectors.
        ax : matplotlib Axes or array-like of 3 matplotlib Axes, default=None
            As for :meth:`plot`.
        signals : SignalPropagation or None, default=None
            What :func:`~skinit.inspection.signal_propagation` found with the same arguments: its norms by layer are
            drawn, and not measured again.

        Returns
        -------
        display : CurvatureDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the data do not fit the estimator, or if the Hessian is not finite.
        sklearn.exceptions.NotFittedError
            If the estimator has no weights.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> from skinit.inspection import CurvatureDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((20,), solver="sgd", momentum=0, learning_rate_init="auto", random_state=0)
        >>> CurvatureDisplay.from_estimator(network.initialize(X, y), X, y)
        <...CurvatureDisplay object at ...>
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        measure = {"sample_weight": sample_weight}
        measure_at_random = measure | {"random_state": random_state}
        eigenvalues, density = spectral_density(
            estimator, X, y, n_vectors=n_vectors, n_steps=N_STEPS, **measure_at_random
        )
        # Steps of gradient descent are stable up to 2 over the largest eigenvalue; infinite ones if none is positive.
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
