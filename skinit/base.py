"""What the classifier and the regressor share: parameters, validation, and the way from data to a trained network."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import _fit_context, clone
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from .blas import blas_threads
from .initializers import Initializer, get_initializer, get_initializer_names
from .kernels.activations import ACTIVATIONS
from .kernels.losses import LOSSES
from .network import Inputs, Network, TrainingData
from .passes import DataPasses
from .solvers import STOCHASTIC_SOLVERS, make_solver, minimize_lbfgs
from .step_size import automatic_step
from .tasks import CallbackSupportMixin, StopTraining, TrainingTasks, with_callbacks
from .training import DivergenceError, History, train
from .validation import ValidatedEstimator

# Rows at a time where a solver wants the gradient of all rows.
FULL_BATCH_BLOCK = 1024
# Magnitudes from which data, or outputs of an untrained network, are called large in an error message.
LARGE = 1e3
# With learning_rate_init="auto": how often, and with which part of the learning rate, training starts again if the loss
# rises above this multiple of the untrained network's.
MAX_RESTARTS = 8
RESTART_FACTOR = 0.25
LOSS_TOLERANCE = 1.1


class BaseMultilayerPerceptron(CallbackSupportMixin, ValidatedEstimator, ABC):
    """Base class of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "init": [
            StrOptions(set(get_initializer_names())),
            Initializer,
            callable,
        ],
        "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
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
    }

    @abstractmethod
    def _check_X_y(self, X, y, *, is_first, incremental):
        """Validate, and set what a subclass derives from `y`; return X and the network's targets."""

    @abstractmethod
    def _loss_name(self) -> str:
        """Name of the loss for the targets seen."""

    @abstractmethod
    def _stratify(self, targets):
        """Labels to stratify the validation split by, or None."""

    @abstractmethod
    def _score_outputs(self, targets, preactivations, sample_weight) -> float:
        """Validation score of the output layer's preactivations."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model to data matrix X and target(s) y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. A C-contiguous float32 or float64 array is not copied; weights and predictions have its
            dtype.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values (class labels in classification, real numbers in regression).

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid; the estimator is then as it was.

        DivergenceError
            A ValueError: if training diverges; the estimator is then as it was.
        """
        with self._unchanged_on_error():
            return self._fit(X, y, sample_weight, incremental=False)

    @_fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X, y, sample_weight=None):
        """Draw the weights and set every fitted attribute, without training (``n_iter_ == 0``).

        The untrained network can be inspected and can predict; `partial_fit`, and `fit` with ``warm_start=True``, go on
        from its weights.

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
        """
        with self._unchanged_on_error():
            X, targets = self._check_X_y(X, y, is_first=True, incremental=False)
            sample_weight = self._check_sample_weight(sample_weight, X)
            self._initialize(X, targets, sample_weight, check_random_state(self.random_state))
            if self.solver in STOCHASTIC_SOLVERS:
                data = TrainingData(X, targets, sample_weight)
                passes = self._make_passes(self._network, data, self._check_batch_size(X.shape[0]))
                self.learning_rate_init_ = self._choose_learning_rate(passes, data)
            return self

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Put every attribute back if the block fails; training works on copies of arrays."""
        before = dict(self.__dict__)
        try:
            yield
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    # Here, within `_unchanged_on_error`, for errors in the teardown of callbacks.
    @with_callbacks
    def _fit(self, X, y, sample_weight, incremental):
        given = X, y
        is_first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, targets = self._check_X_y(X, y, is_first=is_first, incremental=incremental)
        sample_weight = self._check_sample_weight(sample_weight, X)
        random_state = check_random_state(self.random_state)
        self._random_state = random_state
        if is_first:
            self._initialize(X, targets, sample_weight, random_state)
        network = self._own_network()
        self._check_architecture(network)
        if network.theta.dtype != X.dtype:
            # What goes on keeps the precision it started with.
            X = X.astype(network.theta.dtype)
            targets = targets.astype(X.dtype)
        if sample_weight is not None:
            sample_weight = sample_weight.astype(X.dtype, copy=False)
        network = network.copy()
        tasks = None
        if hasattr(self, "_skl_callbacks"):
            tasks = TrainingTasks(self, *given, sample_weight, 1 if incremental else self.max_iter)
        try:
            if self.solver in STOCHASTIC_SOLVERS:
                self._fit_stochastic(network, X, targets, sample_weight, random_state, incremental, tasks)
            else:
                self._fit_lbfgs(network, X, targets, sample_weight, tasks)
        except DivergenceError as error:
            raise DivergenceError(error.epoch, self._explain_divergence(X, targets, is_first)) from None
        self._set_network(network)
        if tasks is not None:
            tasks.finish()
        return self

    def _check_sample_weight(self, sample_weight, X):
        if sample_weight is None:
            return None
        sample_weight = _check_sample_weight(sample_weight, X).astype(X.dtype, copy=False)
        if not np.any(sample_weight):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return sample_weight

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

    def _check_architecture(self, network: Network) -> None:
        """Whether the weights to go on from are those of the layers asked for."""
        fitted, asked = network.layer_sizes[1:-1].tolist(), self._check_hidden_layer_sizes()
        if fitted != asked:
            raise ValueError(
                f"hidden_layer_sizes={asked} cannot go on from weights of hidden layers {fitted}: "
                "keep hidden_layer_sizes, or fit anew with warm_start=False."
            )

    def _initialize(self, X, targets, sample_weight, random_state) -> None:
        """Draw new weights, and forget what was learned."""
        layer_sizes = [
            X.shape[1],
            *self._check_hidden_layer_sizes(),
            self.n_outputs_,
        ]
        network = Network(layer_sizes, self.activation, self._loss_name(), X.dtype)
        self.initializer_ = clone(get_initializer(self.init, self.activation))
        self.initializer_.initialize(network, random_state, TrainingData(X, targets, sample_weight))
        if self.verbose and hasattr(self.initializer_, "report_"):
            print(self.initializer_.report_)
        self.n_layers_ = len(layer_sizes)
        self.out_activation_ = LOSSES[network.loss].out_activation
        self._set_network(network)
        for name in History.__dataclass_fields__:
            self.__dict__.pop(name, None)
        history = History()
        if self.solver in STOCHASTIC_SOLVERS:
            self.__dict__.update(history.attributes(self.early_stopping))
        else:
            self.n_iter_, self.t_ = history.n_iter_, history.t_

    def _set_network(self, network: Network) -> None:
        self._network = network
        self.coefs_ = list(network.coefs)
        self.intercepts_ = list(network.intercepts)

    def _own_network(self) -> Network:
        """The network of `coefs_` and `intercepts_`, which a user may have replaced or unpickled."""
        network = self.__dict__.get("_network")
        if network is None or not network.has_parameters(self.coefs_, self.intercepts_):
            network = Network.from_parameters(self.coefs_, self.intercepts_, self.activation, self._loss_name())
            self._set_network(network)
        # Parameters may have been set since.
        network.activation, network.loss = self.activation, self._loss_name()
        return network

    def __getstate__(self):
        # The weights are in `coefs_` and `intercepts_` already.
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_network"}

    def _fit_stochastic(self, network, X, targets, sample_weight, random_state, incremental, tasks) -> None:
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        data = TrainingData(X, targets, sample_weight)
        rows = np.arange(X.shape[0])
        score = None
        if self.early_stopping:
            rows, validation_rows = self._split(rows, targets, random_state)
            score = self._make_score(network, data.take(validation_rows))
        passes = self._make_passes(network, data, self._check_batch_size(rows.size))
        solver = self.__dict__.get("_optimizer") if incremental else None
        is_automatic = self.learning_rate_init == "auto"
        with blas_threads(network.largest_product(passes.block_size)):
            if solver is None:
                self.learning_rate_init_ = self._choose_learning_rate(passes, data)
                parameters = {**self.get_params(deep=False), "learning_rate_init": self.learning_rate_init_}
                solver = make_solver(self.solver, network.theta, parameters)
            loss_limit = np.inf
            start, generator_state = network.theta.copy(), random_state.get_state()
            if is_automatic:
                # What the first epoch would report without its steps: batches weigh the penalty as training does.
                no_step = np.zeros((1, network.theta.size), network.theta.dtype)
                loss_limit = LOSS_TOLERANCE * passes.run(rows, "sgd", no_step, np.zeros(3))[0] / rows.size
                # An infinite gradient times no learning rate is not a number.
                network.theta[:] = start
            for n_restarts in range(MAX_RESTARTS + 1):
                attempt, history = deepcopy(solver), History.of(self)
                attempt.scale_learning_rate(RESTART_FACTOR**n_restarts)
                try:
                    train(
                        passes,
                        attempt,
                        history,
                        rows=rows,
                        random_state=random_state,
                        shuffle=self.shuffle,
                        max_iter=self.max_iter,
                        tol=self.tol,
                        n_iter_no_change=self.n_iter_no_change,
                        score=score,
                        verbose=self.verbose,
                        incremental=incremental,
                        # After so many restarts a loss that rises is not the learning rate's fault.
                        loss_limit=loss_limit if n_restarts < MAX_RESTARTS else np.inf,
                        tasks=tasks,
                    )
                    break
                except DivergenceError as error:
                    if not is_automatic or n_restarts == MAX_RESTARTS:
                        raise
                    if self.verbose:
                        print(f"The loss rose in epoch {error.epoch}. Starting again with a smaller learning rate.")
                    network.theta[:] = start
                    random_state.set_state(generator_state)
                    if tasks is not None:
                        tasks.discard(error.epoch)
        self.learning_rate_init_ *= RESTART_FACTOR**n_restarts
        self._optimizer = attempt
        self.__dict__.update(history.attributes(self.early_stopping))

    def _make_passes(self, network, data, batch_size) -> DataPasses:
        inputs = Inputs.from_array(data.X, data.X.dtype)
        return DataPasses(network, inputs, data.targets, data.sample_weight, batch_size, self.alpha)

    def _choose_learning_rate(self, passes, data) -> float:
        if self.learning_rate_init != "auto":
            return float(self.learning_rate_init)
        memory = self.momentum if self.solver == "sgd" else self.beta_1
        return automatic_step(passes, data, solver=self.solver, memory=memory)

    def _split(self, rows, targets, random_state):
        training_rows, validation_rows = train_test_split(
            rows,
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=self._stratify(targets),
        )
        if validation_rows.size < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return training_rows, validation_rows

    def _make_score(self, network, validation_data):
        def score() -> float:
            preactivations = network.preactivations(validation_data.X)
            return self._score_outputs(validation_data.targets, preactivations, validation_data.sample_weight)

        return score

    def _check_batch_size(self, n_samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=2,
            )
        return min(int(self.batch_size), n_samples)

    def _fit_lbfgs(self, network, X, targets, sample_weight, tasks) -> None:
        def report(n_iter, loss):
            self.n_iter_, self.loss_ = n_iter, loss
            if self.verbose:
                print(f"Iteration {n_iter}, loss = {loss:.8f}")
            if tasks is not None:
                # SciPy tells of an iteration when it is over.
                tasks.begin("iteration")
                if tasks.end(network, {"n_iter_": n_iter, "loss_": loss}):
                    raise StopTraining

        block = min(FULL_BATCH_BLOCK, X.shape[0])
        passes = self._make_passes(network, TrainingData(X, targets, sample_weight), block)
        with blas_threads(network.largest_product(passes.block_size)), suppress(StopTraining):
            self.n_iter_, self.loss_ = minimize_lbfgs(
                passes,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=self.tol,
                report=report,
            )
        if not np.isfinite(network.theta).all():
            raise DivergenceError(self.n_iter_)

    def _explain_divergence(self, X, targets, is_first) -> str:
        """Which of scaling, initial weights and learning rate to change, by what can be seen of each."""
        values = X.data if issparse(X) else X
        largest_input = max(values.max(initial=0.0), -values.min(initial=0.0))
        if largest_input > LARGE:
            return f"scale X, whose largest magnitude is {largest_input:.3g} (StandardScaler)"
        largest_target = max(targets.max(), -targets.min())
        if self._loss_name() in ("squared_error", "poisson") and largest_target > LARGE:
            return f"scale y, whose largest magnitude is {largest_target:.3g} (TransformedTargetRegressor)"
        outputs = self._own_network().preactivations(X[:FULL_BATCH_BLOCK])
        largest_output = np.abs(outputs).max()
        if is_first and not largest_output <= LARGE:
            return f"change init={self.init!r}: untrained, the network has outputs as large as {largest_output:.3g}"
        if self.solver == "lbfgs":
            return f"increase alpha={self.alpha!r}: neither the data nor the initial weights are large"
        return (
            f"reduce learning_rate_init={self.learning_rate_init!r}: neither the data nor the initial weights are large"
        )

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def _validated_preactivations(self, X):
        """The output layer's preactivations for data that a user gives."""
        check_is_fitted(self)
        network = self._own_network()
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"],
            dtype=(np.float64, np.float32),
            reset=False,
        )
        return network.preactivations(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
