"""The base class of the estimators: parameters, validation, and training from the data to the fitted attributes."""

from abc import ABC, abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import _fit_context, clone
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from .activations import Activation
from .all_or_nothing import all_or_nothing
from .data_checks import DataChecksMixin
from .engine.data import TrainingData, is_ready
from .engine.losses import LossFunction
from .engine.network import Network
from .engine.predictions import predict_and_check, predict_preactivations
from .initializers import Initializer, get_initializer, get_initializer_names
from .initializers.base import draw_parameters
from .initializers.registry import initializers_with
from .kernels.activations import ACTIVATIONS
from .kernels.losses import OUTPUT_ACTIVATIONS
from .persistence import PersistenceMixin
from .scaling import warn_of_unscaled
from .training.batches import check_batch_size
from .training.divergence import DivergenceError, explain_divergence
from .training.fit import (
    MAX_RESTARTS,
    RESTART_FACTOR,
    choose_learning_rate,
    fit_lbfgs,
    fit_stochastic,
)
from .training.loop import History
from .training.progress import tells_of_compilation
from .training.schedules import SCHEDULES
from .training.solvers import STOCHASTIC_SOLVERS
from .training.tasks import CallbackSupportMixin, TrainingTasks, with_callbacks
from .validation import NumberInterval, wrong_name

# The trained network must have finite outputs on this many rows.
CHECKED_ROWS = 200


class BaseMultilayerPerceptron(CallbackSupportMixin, PersistenceMixin, DataChecksMixin, ABC):
    """Base class of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS)), Activation, list, tuple],
        "init": [StrOptions(set(get_initializer_names())), Initializer, callable],
        "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", *SCHEDULES}), callable],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "average": [
            "boolean",
            Interval(Integral, 1, None, closed="left"),
            NumberInterval(Real, 0, 1, closed="neither"),
        ],
    }

    # Attributes that predictions and later training need.
    _fitted_attributes: tuple[str, ...] = ("coefs_", "intercepts_", "n_outputs_", "out_activation_")

    @abstractmethod
    def _check_X_y(self, X, y, *, is_first, incremental):
        """Validate X and y, set the attributes that depend on `y`, and return X and the network's targets."""

    @abstractmethod
    def _loss_function(self) -> LossFunction:
        """The loss for the fitted targets."""

    def _measure_targets(self, data: TrainingData, *, incremental: bool) -> None:
        """Set the attributes that the loss computes from the targets of a fit."""

    @abstractmethod
    def _from_targets(self, targets):
        """The user's labels or numbers for the network's targets, in the form that a scorer takes."""

    @abstractmethod
    def _stratify(self, targets):
        """Labels to stratify the validation split by, or None."""

    @abstractmethod
    def _score_outputs(self, targets, preactivations, sample_weight) -> float:
        """The validation score for the output layer's preactivations."""

    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the model to data matrix X and target(s) y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. A C-contiguous float32 or float64 array is not copied, and weights and predictions have its
            dtype. Other numbers are converted to float64.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values (class labels in classification, real numbers in regression).

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows for ``early_stopping=True``. All rows of X are then used for training, and
            `validation_fraction` is ignored. In a pipeline, ``Pipeline(..., transform_input=["X_val"])`` transforms
            them like X.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation rows.

        sample_weight_val : array-like of shape (n_val,), default=None
            Sample weights of the validation rows. `class_weight` applies as well.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid. The estimator is then unchanged.

        TypeError
            If `init`, `learning_rate` or `scoring` is a function that takes other arguments, or if `init` or `scoring`
            does not return numbers. The estimator is then unchanged.

        DivergenceError
            If training diverges (a ValueError). The estimator is then unchanged.

        KeyboardInterrupt
            On Ctrl-C before the end of the first epoch, and on any Ctrl-C in a search or an ensemble. The estimator is
            then unchanged. On a later Ctrl-C, `fit` warns and keeps the result of the finished epochs.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    @tells_of_compilation
    def initialize(self, X, y, sample_weight=None):
        """Draw the weights without training, so that you can inspect the untrained network and predict with it.

        The estimator then counts as fitted, with ``n_iter_ == 0``. `partial_fit`, and `fit` with ``warm_start=True``,
        continue from its weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self : object
            The initialized estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid. The estimator is then unchanged.

        TypeError
            If `init` is a function that takes other arguments, or that does not return an array of real numbers. The
            estimator is then unchanged.

        Examples
        --------
        An untrained network guesses one of three classes:

        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((10,), random_state=0).initialize(X, y)
        >>> network.n_iter_, network.coefs_[0].shape, round(network.score(X, y), 2)
        (0, (4, 10), 0.33)
        """
        data = self._check_data(X, y, sample_weight, incremental=False)
        self._measure_targets(data, incremental=False)
        self._initialize(data, check_random_state(self.random_state))
        if self.solver in STOCHASTIC_SOLVERS:
            batch_size = check_batch_size(self, len(data.targets))
            self.learning_rate_init_ = choose_learning_rate(self, self._network, data, batch_size)
        return self

    # The decorator is on `_fit`, so that errors in the teardown of callbacks are errors of the fit.
    @with_callbacks
    @tells_of_compilation
    def _fit(self, X, y, sample_weight, validation=(None, None, None), *, incremental):
        given = X, y
        names = ("sample_weight", "X_val", "y_val", "sample_weight_val")
        metadata = dict(zip(names, (sample_weight, *validation), strict=True))
        if incremental:
            # scikit-learn checks parameters only in the first partial_fit.
            self._validate_params()
        is_first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        network = None
        if not is_first:
            network = self._own_network()
            self._check_going_on(network)
        data = self._check_data(X, y, sample_weight, network=network, incremental=incremental)
        validation_data = self._check_validation_data(*validation, data)
        if not (incremental or issparse(data.X)):
            warn_of_unscaled(data.X)
        random_state = check_random_state(self.random_state)
        self._random_state = random_state
        self._measure_targets(data, incremental=incremental)
        if network is None:
            self._initialize(data, random_state)
            network = self._own_network()
        network = network.copy()
        network.loss = self._loss_function()
        tasks = None
        if hasattr(self, "_skl_callbacks"):
            tasks = TrainingTasks(self, *given, metadata, 1 if incremental else self.max_iter)
        try:
            if self.solver in STOCHASTIC_SOLVERS:
                fit_stochastic(self, network, data, validation_data, random_state, incremental, tasks)
            else:
                fit_lbfgs(self, network, data, tasks)
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = predict_preactivations(network, data.X[:CHECKED_ROWS])
            if not np.isfinite(outputs).all():
                raise DivergenceError(self.n_iter_, quantity="predictions")
        except DivergenceError as error:
            advice = explain_divergence(self, data, is_first, RESTART_FACTOR**MAX_RESTARTS, error.quantity)
            raise DivergenceError(error.epoch, advice, error.quantity) from None
        # No signal can interrupt this single step.
        self.__dict__.update(network.as_attributes())
        if tasks is not None:
            tasks.finish()
        return self

    def _check_hidden_layer_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if np.iterable(sizes) else [sizes]
        if any(not isinstance(size, Integral) or isinstance(size, bool) for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
        if any(size >= 2**31 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be < 2**31, got {sizes}.")
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _check_going_on(self, network: Network) -> None:
        """Check that `hidden_layer_sizes` and the output activation fit the weights that training continues from."""
        fitted, asked = list(network.widths[1:-1]), self._check_hidden_layer_sizes()
        if fitted != asked:
            raise ValueError(
                f"hidden_layer_sizes={asked} differs from the hidden layers of the weights to continue from, {fitted}: "
                "keep hidden_layer_sizes, or call fit with warm_start=False."
            )
        out_activation = network.loss.entry.out_activation
        if out_activation != self.out_activation_:
            raise ValueError(
                f"The loss {network.loss.name!r} has the output activation {out_activation!r}, but the weights to "
                f"continue from were trained with out_activation_={self.out_activation_!r}: keep the loss, or call fit "
                "with warm_start=False."
            )

    def _initialize(self, data: TrainingData, random_state) -> None:
        """Draw new weights, and forget earlier training."""
        layer_sizes = [
            data.X.shape[1],
            *self._check_hidden_layer_sizes(),
            self.n_outputs_,
        ]
        network = Network(layer_sizes, self.activation, self._loss_function(), data.X.dtype)
        self.initializer_ = clone(get_initializer(self.init, self.activation))
        draw_parameters(self.initializer_, network, random_state, data)
        if self.verbose and hasattr(self.initializer_, "report_"):
            print(self.initializer_.report_)
        self.n_layers_ = len(layer_sizes)
        self.out_activation_ = network.loss.entry.out_activation
        self.__dict__.update(network.as_attributes())
        for name in ("_optimizer", "learning_rate_init_", *History.__dataclass_fields__):
            self.__dict__.pop(name, None)
        history = History()
        if self.solver in STOCHASTIC_SOLVERS:
            self.__dict__.update(history.attributes(self.early_stopping))
        else:
            self.n_iter_, self.t_ = history.n_iter_, history.t_

    def _own_network(self, *, allow_nonfinite: bool = False) -> Network:
        """The network with `coefs_` and `intercepts_`, which a user may have replaced or unpickled.

        The checks here are the only protection of compiled code, which does not check shapes.

        Raises
        ------
        NotFittedError
            If a fitted attribute is missing.
        ValueError
            If fitted attributes disagree, or if a weight is not finite and `allow_nonfinite` is False.
        """
        # Keep the dict, because a fit that ends in another thread gives the estimator a new one.
        attributes = self.__dict__
        if any(name not in attributes for name in self._fitted_attributes):
            check_is_fitted(self, self._fitted_attributes)
        known: Network | None = attributes.get("_network")
        coefs, intercepts = attributes["coefs_"], attributes["intercepts_"]
        if known is not None and known.has_parameters(coefs, intercepts):
            network = known
        else:
            network = Network.from_parameters(coefs, intercepts, self.activation, self._loss_function())
        network.activation, network.loss = self.activation, self._loss_function()
        if not allow_nonfinite:
            network.check_finite()
        self._check_fitted_attributes(network)
        return network

    def _check_fitted_attributes(self, network: Network) -> None:
        """Check that the other fitted attributes agree with the shapes of the weights."""
        widths = network.widths
        for name, size, reason in (
            ("n_features_in_", widths[0], "coefs_[0] has {expected} row(s)"),
            ("n_outputs_", widths[-1], "coefs_[-1] has {expected} column(s)"),
            ("n_layers_", len(widths), "coefs_ has {n_layers} layer(s)"),
        ):
            value = self.__dict__.get(name, size)
            if not isinstance(value, (int, Integral)) or value != size:
                reason = reason.format(expected=size, n_layers=len(widths) - 1)
                raise ValueError(f"{name}={value!r} disagrees with coefs_: {reason}.")
        if not (isinstance(self.out_activation_, str) and self.out_activation_ in OUTPUT_ACTIVATIONS):
            raise ValueError(wrong_name("out_activation_", self.out_activation_, OUTPUT_ACTIVATIONS))

    def _objects_for(self, name, value, nested):
        return initializers_with(nested, value, self.activation) if name == "init" else []

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def _validated_preactivations(self, X):
        """The output layer's preactivations for the user's X."""
        attributes = self.__dict__
        network = self._own_network(allow_nonfinite=True)
        outputs, are_finite = predict_and_check(network, X) if self._is_plain(X, network) else (None, False)
        if not are_finite:
            network.check_finite()
            (X,) = self._validate(X, reset=False)
            outputs = predict_preactivations(network, X)
            self._check_finite_outputs(outputs, X)
        if network is not attributes.get("_network"):
            # Weights that a user replaced become views of one vector, so that the next call need not copy them.
            attributes.update(network.as_attributes())
        return outputs

    def _is_plain(self, X, network: Network) -> bool:
        """Whether a finite X passes all checks unchanged. The checks take longer than a prediction of one row."""
        attributes = self.__dict__
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and is_ready(X, network.theta.dtype)
            and len(X) > 0
            and X.shape[1] == attributes.get("n_features_in_")
            # scikit-learn warns if an array is given after a fit to a frame.
            and "feature_names_in_" not in attributes
        )

    def _check_finite_outputs(self, outputs, X) -> None:
        if not np.isfinite(outputs).all():
            values = X.data if issparse(X) else np.asarray(X, dtype=np.float64)
            largest_weight = max(float(np.abs(coef).max()) for coef in self.coefs_)
            raise ValueError(
                f"The network's outputs overflow {outputs.dtype}: the largest magnitude in X is "
                f"{np.abs(values).max(initial=0):.3g}, and in coefs_ {largest_weight:.3g}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
