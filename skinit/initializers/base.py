"""The base class of initializers, and checks of the weights that they draw."""

from collections.abc import Callable

import numpy as np

from ..engine.network import Network, TrainingData
from ..validation import ValidatedEstimator, check_takes


class Initializer(ValidatedEstimator):
    r"""Base class of all initializers, which draw the initial weights of a network.

    A subclass defines `sample`, and takes its parameters in ``__init__`` like every scikit-learn object. An instance
    can then be the `init` of an estimator, and its parameters can be searched over.

    Examples
    --------
    Write a subclass, and search over its parameter. At a scale of 0.001, signals vanish in three hidden layers, and the
    network guesses one of three classes:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skinit import MLPClassifier
    >>> from skinit.initializers import Initializer
    >>> class Laplace(Initializer):
    ...     def __init__(self, scale=0.1):
    ...         self.scale = scale
    ...
    ...     def sample(self, shape, rng):
    ...         return rng.laplace(scale=self.scale, size=shape)
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(
    ...     (10,) * 3, init=Laplace(), learning_rate_init=0.01, max_iter=50, random_state=0
    ... )
    >>> search = GridSearchCV(network, {"init__scale": [0.001, 0.3]}).fit(X, y)
    >>> search.cv_results_["mean_test_score"].round(1)
    array([0.3, 0.9])
    >>> search.best_estimator_.initializer_
    Laplace(scale=0.3)

    A function is enough if there is no parameter to search over. The standard deviation of a Laplace distribution is
    :math:`\sqrt 2` times its scale:

    >>> def laplace(shape, rng):
    ...     return rng.laplace(scale=0.1, size=shape)
    >>> network = MLPClassifier((1000,), init=laplace, random_state=0).initialize(X, y)
    >>> round(float(network.coefs_[0].std()), 2)
    0.14
    """

    def sample(self, shape: tuple[int, int], rng: np.random.RandomState) -> np.ndarray:
        """Draw the weights of one layer.

        Parameters
        ----------
        shape : tuple (fan_in, fan_out)
            The layer's number of inputs and number of units.
        rng : numpy.random.RandomState
            The only source of randomness to use.

        Returns
        -------
        coef : ndarray of shape (fan_in, fan_out)
            The weights, of any real dtype. They are converted to the dtype of the network.

        Raises
        ------
        NotImplementedError
            If the subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define sample(shape, rng), which draws the weights of one layer."
        )

    def initialize(self, network: Network, rng: np.random.RandomState, data: TrainingData | None = None) -> None:
        """Set all parameters of `network`.

        By default, `sample` draws the weights of each layer in turn, and intercepts are zero. An initializer that uses
        more than the shape of a layer, such as its activation or the data, overrides this method.

        Parameters
        ----------
        network : Network
            The network. The method writes into its `coefs` and `intercepts`.
        rng : numpy.random.RandomState
            The only source of randomness to use.
        data : TrainingData or None, default=None
            The training data. Most initializers ignore them.

        Raises
        ------
        TypeError
            If the weights are not real numbers.
        ValueError
            If the weights have the wrong shape or are not finite, if a parameter is invalid, or if the initializer
            needs data and gets none. `network` may then be partly initialized.
        """
        self._validate_params()
        for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
            coef[...] = check_weights(self.sample(coef.shape, rng), coef, self)
            intercept[...] = 0


class FunctionInitializer(Initializer):
    """An initializer made from a plain function.

    Parameters
    ----------
    function : callable
        ``function(shape, rng)`` returns the weights of one layer, an array of shape `shape`.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function

    def sample(self, shape, rng):
        """Draw the weights of one layer with the function."""
        try:
            return self.function(shape, rng)
        except TypeError as error:
            check_takes(self.function, (shape, rng), f"init={self.function!r}", "(shape, rng)")
            # If the traceback has no inner frame, the call itself failed. The function is compiled and hides its
            # signature.
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise TypeError(f"init={self.function!r} must take the arguments (shape, rng): {error}") from error
            raise


def draw_parameters(
    initializer: Initializer, network: Network, rng: np.random.RandomState, data: TrainingData | None
) -> None:
    """Let an initializer set all parameters of a network, and check that it did.

    Raises
    ------
    TypeError
        If the initializer's methods do not take the arguments that `Initializer` describes, or if they replace arrays
        of the network.
    ValueError
        If some weights are not finite.
    """
    try:
        initializer.initialize(network, rng, data)
    except TypeError:
        check_takes(initializer.initialize, (network, rng, data), f"{initializer!r}.initialize", "(network, rng, data)")
        check_takes(initializer.sample, ((1, 1), rng), f"{initializer!r}.sample", "(shape, rng)")
        raise
    if not network.is_intact():
        raise TypeError(
            f"{initializer!r}.initialize must write into the arrays of the network, as in network.coefs[0][...] = "
            "weights, and must not replace them."
        )
    try:
        network.check_finite()
    except ValueError as error:
        raise ValueError(f"The initializer {initializer!r} must set finite weights: {error}") from None


def check_weights(weights, coef: np.ndarray, source: object) -> np.ndarray:
    """Convert weights to the dtype of `coef`, or raise an error if they have another shape or are not finite."""
    shape = coef.shape

    def expected() -> str:
        name = f"init={source.function!r}" if isinstance(source, FunctionInitializer) else f"The initializer {source!r}"
        return f"{name} must return an array of real numbers of shape {shape} (fan_in, fan_out)"

    try:
        given = np.asarray(weights)
        if weights is None or given.dtype.kind not in "biufO" or np.ma.is_masked(weights):
            raise TypeError(given.dtype)
        with np.errstate(over="ignore"):
            given = given.astype(np.float64).astype(coef.dtype, copy=False)
    except (TypeError, ValueError) as error:
        kind = f"{type(weights).__name__} of {weights.dtype}" if hasattr(weights, "dtype") else type(weights).__name__
        raise TypeError(f"{expected()}, got {kind}.") from error
    if given.shape != shape:
        hint = " Return its transpose." if given.shape == shape[::-1] else ""
        raise ValueError(f"{expected()}, got an array of shape {given.shape}.{hint}")
    if not np.isfinite(given).all():
        raise ValueError(f"{expected()}, and finite in {coef.dtype}; got NaN or infinity.")
    return given
