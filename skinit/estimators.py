"""`MLPClassifier` and `MLPRegressor`, the estimators that users import."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, d2_absolute_error_score, d2_pinball_score, r2_score
from sklearn.preprocessing import LabelBinarizer, LabelEncoder
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)

from .base import BaseMultilayerPerceptron, all_or_nothing
from .class_weight import NO_BALANCED_PARTIAL_FIT, class_weights_of_outputs
from .engine.losses import LossFunction
from .kernels.losses import LOG_OUTPUT_ACTIVATIONS, OUTPUT_ACTIVATIONS
from .label_columns import LabelColumns
from .target_spread import target_spread
from .validation import NumberInterval


class MLPClassifier(ClassifierMixin, BaseMultilayerPerceptron):
    r"""Multilayer perceptron classifier.

    A compiled drop-in replacement for :class:`sklearn.neural_network.MLPClassifier`, with a parameter for the initial
    weights. It minimizes the log loss with an L2 penalty,

    .. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell(u_i, y_i) + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

    where :math:`s_i` is the weight of row `i`, :math:`u_i` are its preactivations in the output layer, :math:`\ell` is
    the log loss, and :math:`W_k` are the weights of layer `k`. For more than two classes, the output activation is a
    softmax; for two classes and for multilabel targets, it is a logistic function for each output. If `y` has several
    columns of labels, each with its own classes, each column has its own softmax, and the loss is the sum over columns.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        The ith element is the number of units in the ith hidden layer. An int makes one hidden layer. An empty tuple
        makes a linear model.

    activation : str or Activation, or list or tuple of these, default="relu"
        Activation of the hidden layers, or a list or tuple with one activation for each hidden layer. scikit-learn has
        these:

        - "identity": f(u) = u
        - "logistic": f(u) = 1 / (1 + exp(-u))
        - "tanh": f(u) = tanh(u)
        - "relu": f(u) = max(0, u)

        skinit adds these:

        - "leaky_relu": f(u) = u, or 0.01 u where u < 0
        - "elu": f(u) = u, or exp(u) - 1 where u < 0
        - "selu": elu with the two scales of self-normalizing networks
        - "softplus": f(u) = log(1 + exp(u))
        - "softsign": f(u) = u / (1 + \|u\|)
        - "silu": f(u) = u / (1 + exp(-u))
        - "gelu": f(u) = u P(Z <= u) for a standard normal Z

        :func:`skinit.make_activation` makes an activation from your own functions.

    init : str, Initializer or callable, default="sklearn"
        How the initial weights are drawn: a name (:func:`skinit.initializers.get_initializer_names` lists them), an
        :class:`~skinit.initializers.Initializer`, whose parameters can be searched over (``init__std``), or a function
        ``(shape, rng) -> array`` of ``shape = (fan_in, fan_out)`` and a ``numpy.random.RandomState``. "sklearn"
        draws the same weights as scikit-learn. "auto" chooses for each layer: He's scheme for the relu family, LeCun's
        for selu, and Xavier's otherwise.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The solver for weight optimization: L-BFGS (:func:`scipy.optimize.minimize`), stochastic gradient descent with
        momentum, Adam, or Adam with decoupled `weight_decay`. On small data sets "lbfgs" can converge faster and
        perform better.

    alpha : float, default=0.0001
        Strength of the L2 penalty, :math:`\alpha \ge 0`, which leaves out the intercepts. The penalty is divided by the
        sum of the sample weights, which is the number of rows by default. In a step of a stochastic solver, the sum is
        over the rows of the mini-batch, as in scikit-learn.

    batch_size : int or "auto", default="auto"
        Number of rows in a mini-batch of the stochastic solvers. "auto" is ``min(200, n_samples)``. "lbfgs" uses all
        rows in each step.

    learning_rate : str or callable, default="constant"
        Learning rate schedule. scikit-learn has three; only ``solver="sgd"`` uses the last two:

        - "constant": always `learning_rate_init`.
        - "invscaling": ``learning_rate_init / t ** power_t`` after `t` samples.
        - "adaptive": divided by 5 each time the training loss (or the validation score, with `early_stopping`) has not
          improved by `tol` for `n_iter_no_change` epochs.

        skinit adds schedules for every stochastic solver. The learning rate is `learning_rate_init` times a factor,
        which depends on the step :math:`t = 0, 1, \ldots` and on the number :math:`T` of steps in `max_iter` epochs:

        - "linear": :math:`1 - t/T`.
        - "cosine": :math:`(1 + \cos(\pi t/T)) / 2`.
        - "one_cycle": rises linearly from 0.04 to 1 while :math:`t < 0.3\,T`, then falls along half a cosine.
        - a function ``(step, n_steps) -> factor``.

        If training stops before `max_iter`, the rest of the schedule is not used; ``n_iter_no_change=np.inf`` runs all
        of it. Each `partial_fit` is one epoch, and the factor stays constant after `max_iter` epochs.

    learning_rate_init : float or "auto", default=0.001
        The initial learning rate of the stochastic solvers. "auto" computes it from the curvature of the loss at the
        initial weights (:mod:`skinit.training.step_size` has the rule). If the loss becomes infinite, exceeds the
        untrained loss by a tenth, or climbs back most of the way after a fall, training restarts with a quarter of the
        rate, at most eight times.

        With ``learning_rate="constant"``, the automatic rate rises linearly over the first 3 epochs, and falls linearly
        to zero over its tail, the last half of the `max_iter` epochs. If the loss (or the validation score, with
        `early_stopping`) has not improved by `tol` for `n_iter_no_change` epochs before that, the tail begins at once,
        lasts as many epochs as came before it, and ends the training. `partial_fit` has only the rise, because its last
        epoch is unknown. Any other `learning_rate` uses the automatic rate as it would use a number.

    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations for "lbfgs".

    shuffle : bool, default=True
        Whether to shuffle samples before each epoch of the stochastic solvers.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split for `early_stopping`, the shuffling, and the units that
        `dropout` drops. Pass an int for the same results in each fit.

    tol : float, default=1e-4
        Tolerance for the optimization. A stochastic solver stops when the loss (or the validation score, with
        `early_stopping`) has not improved by at least `tol` for `n_iter_no_change` consecutive epochs. "lbfgs" stops
        when no entry of the gradient exceeds `tol` in magnitude.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch. 2 prints a table with the epoch, the loss, the validation score and
        loss, the learning rate, and the seconds since the start.

    warm_start : bool, default=False
        Whether `fit` continues from the previous solution instead of drawing new weights.

    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether the momentum of ``solver="sgd"`` is Nesterov's.

    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the training data and stop when the validation score does not
        improve. The split is stratified for two classes, as in scikit-learn. The weights with the best score are
        restored. To use your own validation rows, pass them to `fit` as `X_val` and `y_val`. "lbfgs" ignores this.

    validation_fraction : float, default=0.1
        The fraction of the training data to set aside for `early_stopping`, in [0, 1).

    beta_1 : float, default=0.9
        Decay rate of the first moment of "adam" and "adamw", in [0, 1).

    beta_2 : float, default=0.999
        Decay rate of the second moment of "adam" and "adamw", in [0, 1).

    epsilon : float, default=1e-8
        Added to the square root of the second moment of "adam" and "adamw", so that no step divides by zero.

    n_iter_no_change : int or np.inf, default=10
        A stochastic solver stops after more than this number of epochs without an improvement of `tol`.

    max_fun : int, default=15000
        Maximum number of evaluations of the loss and its gradient for "lbfgs".

    scoring : str, callable or None, default=None
        The score that `early_stopping` maximizes on the validation rows. None is the accuracy, averaged over columns if
        `y` has several columns of labels. "loss" is the negative of the loss without its penalty. Otherwise a name that
        :func:`sklearn.metrics.get_scorer_names` lists, or a scorer ``(estimator, X, y) -> float``. A scorer also gets
        `sample_weight` if the rows have weights.

    weight_decay : float, default=0.01
        Decoupled weight decay of ``solver="adamw"``: each step also multiplies the weights, not the intercepts, by
        ``1 - learning_rate * weight_decay``. The penalty `alpha` applies as well.

    average : bool, int or float, default=False
        Whether to validate and to predict with an average of the parameters over the steps of a stochastic solver. As
        in :class:`~sklearn.linear_model.SGDClassifier`, True averages all steps, and an int starts averaging once that
        many samples have been seen. A float `d` between 0 and 1 is the decay of an exponential moving average: each
        step weighs `d` times as much as the next. `partial_fit` continues from the parameters after the last step, not
        from the average.

    dropout : float or array-like of shape (n_layers - 2,), default=0.0
        The probability in [0, 1) that a step of a stochastic solver drops a hidden unit for a row, or one probability
        for each hidden layer. The outputs of the remaining units are divided by one minus this probability.
        `loss_curve_` contains the losses with units dropped. Predictions, validation, curvature and the automatic
        learning rate use all units.

    class_weight : dict, list of dicts, "balanced" or None, default=None
        Weights of classes, ``{class_label: weight}``. A class that is not in the dict has weight 1. Class weights
        multiply `sample_weight` wherever training data are used. Multilabel targets take a list with one dict for each
        label, and several columns of labels a list with one dict for each column, like
        ``[{0: 1, 1: 5}, {0: 1, 1: 1}]``. The weights from the dicts are multiplied. "balanced" gives each class the
        weight ``n_samples / (n_classes * np.bincount(y))``, and cannot be used with `partial_fit`.

    label_smoothing : float, default=0.0
        The part `s` of each target, in [0, 1), that is spread evenly over all classes. With `n` classes, the target of
        the true class is ``1 - s + s / n``, and the target of each other class is ``s / n``. For multilabel targets,
        `n` is 2 for each label.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        The class labels, sorted. For several columns of labels, a list with the classes of each column.

    loss_ : float
        The current loss, regularization included.

    best_loss_ : float or None
        The lowest loss that a stochastic solver reached. None with ``early_stopping=True``.

    loss_curve_ : list of float
        Loss of each epoch, regularization included, averaged over its mini-batches while the weights change. Stochastic
        solvers only.

    validation_scores_ : list of float or None
        Score on the validation data after each epoch; see `scoring`. None with ``early_stopping=False``.

    best_validation_score_ : float or None
        The best of `validation_scores_`. None with ``early_stopping=False``.

    validation_loss_curve_ : list of float or None
        Loss on the validation data after each epoch, without the penalty. None with ``early_stopping=False``.

    best_iter_ : int or None
        The epoch of the last `fit` with the best validation score, counted from 1. Its weights are kept. 0 if no epoch
        was better than the initial weights of a warm start. None with ``early_stopping=False``, unless
        :class:`~skinit.callbacks.BestWeights` restored an epoch.

    t_ : int
        The number of training samples seen by the solver.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer, in float32 if `X` is in float32, and otherwise in float64. The arrays are views of one
        vector.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer. The arrays are views of the same vector.

    initializer_ : Initializer
        The initializer that drew the initial weights.

    learning_rate_init_ : float
        The initial learning rate in use, before any schedule. With "auto", it is the computed rate. Stochastic solvers
        only.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all feature names of `X` are strings.

    n_iter_ : int
        The number of epochs, or of iterations for "lbfgs". 0 after `initialize`.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of the network's outputs. For several columns of labels, the total number of classes over all columns.

    out_activation_ : str
        The output activation: "softmax", or "logistic" for two classes and for multilabel targets.

    See Also
    --------
    MLPRegressor : The same for regression.
    skinit.initializers : Initializers for `init`.
    skinit.callbacks : Callbacks for `set_callbacks`: early stopping, best weights, checkpoints, tables, norms.

    Notes
    -----
    The loss is computed from preactivations, so its gradient is exact even for predictions near 0 or 1. scikit-learn
    clips probabilities at machine epsilon. `loss_curve_` has the same limit: no output of a row adds more than 36.04.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015). I. Sutskever et al., "On the
    importance of initialization and momentum in deep learning" (2013). C. Szegedy et al., "Rethinking the Inception
    architecture for computer vision" (2016), section 7, for `label_smoothing`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinit import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(init="he", random_state=0))
    >>> round(model.fit(X_train, y_train).score(X_test, y_test), 3)
    0.978
    """

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        init="sklearn",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        scoring=None,
        weight_decay=0.01,
        average=False,
        dropout=0.0,
        class_weight=None,
        label_smoothing=0.0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.scoring = scoring
        self.weight_decay = weight_decay
        self.average = average
        self.dropout = dropout
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    _parameter_constraints: dict = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [NumberInterval(Real, 0, 1, closed="left")],
    }

    _fitted_attributes = (*BaseMultilayerPerceptron._fitted_attributes, "classes_", "_label_binarizer")

    def _check_X_y(self, X, y, *, is_first, incremental):
        X, y = self._validate(X, y, multi_output=True, order="C", reset=is_first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelColumns(y.T) if LabelColumns.are_in(y) else LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif not is_first and not self._has_trained_classes():
            raise ValueError(
                f"classes_={self.classes_} differs from the classes that the weights were trained with, "
                f"{self._label_binarizer.classes_}."
            )
        elif self._is_multioutput():
            self._label_binarizer.check(y, all_of_them=self.warm_start and not incremental)
        elif LabelColumns.are_in(y):
            raise ValueError(
                f"y has {y.shape[1]} columns of labels, but classes_ has the classes of one column, {self.classes_}. "
                "Pass partial_fit a list with the classes of each column, or call fit with warm_start=False."
            )
        else:
            classes = unique_labels(y)
            if self.warm_start and not incremental:
                if set(classes) != set(self.classes_):
                    raise ValueError(
                        "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                        f"Previously got {self.classes_}, `y` has {classes}"
                    )
            elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        targets = self._encode(y)
        if self._is_multioutput():
            self.n_outputs_ = sum(map(len, self.classes_))
        else:
            self.n_outputs_ = len(self.classes_) if self._is_softmax() else targets.shape[1]
        return X, targets

    def _has_trained_classes(self):
        trained = self._label_binarizer
        if self._is_multioutput():
            return trained.has_classes(self.classes_)
        return np.array_equal(self.classes_, trained.classes_)

    def _check_fitted_attributes(self, network):
        super()._check_fitted_attributes(network)
        if self._is_multioutput():
            if not self._has_trained_classes():
                raise ValueError(
                    f"classes_={self.classes_} differs from the classes that the weights were trained with, "
                    f"{self._label_binarizer.classes_}."
                )
            return
        n_classes = np.size(self.classes_)
        is_binary = not self._is_softmax() and not self._is_multilabel()
        fits = n_classes <= 2 if is_binary else n_classes == self.n_outputs_
        if np.ndim(self.classes_) != 1 or n_classes == 0 or not fits or (is_binary and self.n_outputs_ != 1):
            raise ValueError(
                f"classes_ has {n_classes} class(es), which disagrees with n_outputs_={self.n_outputs_} and "
                f"{self._label_binarizer.y_type_} targets."
            )

    def _is_multilabel(self):
        return self._label_binarizer.y_type_.startswith("multilabel")

    def _is_multioutput(self):
        return isinstance(self._label_binarizer, LabelColumns)

    def _is_softmax(self):
        return self._label_binarizer.y_type_ == "multiclass"

    def _encode(self, y):
        """The class indices in each column of labels, or a column of 0 and 1 for each label of multilabel targets."""
        if self._is_multioutput():
            return self._label_binarizer.numbers(y)
        if self._is_multilabel():
            # scikit-learn would accept one column of class indices in place of the labels.
            if y.ndim != 2:
                raise ValueError(
                    f"y must have a column of 0 and 1 for each of the {len(self.classes_)} labels, got shape {y.shape}."
                )
            indicators = self._label_binarizer.transform(y)
            return getattr(indicators, "toarray", lambda: indicators)()
        encoder = LabelEncoder()
        encoder.classes_ = self.classes_
        return encoder.transform(y).reshape(-1, 1)

    def _decode(self, preactivations):
        """Labels of the most probable classes."""
        if self._is_multioutput():
            return self._label_binarizer.labels(self._numbers(preactivations))
        if self._is_softmax():
            return self.classes_[preactivations.argmax(axis=1)]
        positive = (preactivations > 0).astype(int)
        if self._is_multilabel():
            return self._label_binarizer.inverse_transform(positive)
        # If there is only one class, index 1 is out of range.
        return self.classes_[np.minimum(positive.ravel(), len(self.classes_) - 1)]

    def _numbers(self, preactivations):
        """The indices of the most probable classes for several columns of labels."""
        groups = self._label_binarizer.split(preactivations)
        return np.stack([group.argmax(axis=1) for group in groups], axis=1)

    def _class_weights(self, targets):
        if self.class_weight is None:
            return None
        if self._is_multioutput():
            classes = self.classes_
        else:
            classes = [np.arange(2)] * targets.shape[1] if self._is_multilabel() else [self.classes_]
        return class_weights_of_outputs(self.class_weight, classes, targets.astype(np.intp))

    def _loss_function(self):
        if self._is_multioutput():
            return LossFunction.of("log_losses", self.label_smoothing, *self._label_binarizer.starts())
        return LossFunction.of("log_loss" if self._is_softmax() else "binary_log_loss", self.label_smoothing)

    def _from_targets(self, targets):
        numbers = targets.astype(int)
        if self._is_multioutput():
            return self._label_binarizer.labels(numbers)
        return numbers if self._is_multilabel() else self.classes_[numbers.ravel()]

    def _stratify(self, targets):
        return targets.astype(bool) if self.n_outputs_ == 1 else None

    def _score_outputs(self, targets, preactivations, sample_weight):
        if not np.isfinite(preactivations).all():
            return np.nan
        if self._is_multioutput():
            return _mean_accuracy(targets.astype(int), self._numbers(preactivations), sample_weight)
        labels = preactivations.argmax(axis=1) if self._is_softmax() else (preactivations > 0).astype(int)
        return float(accuracy_score(targets.astype(int), labels, sample_weight=sample_weight))

    @available_if(lambda est: est._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Update the model with a single epoch over the given data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        classes : array of shape (n_classes,), or list of arrays, default=None
            Classes across all calls to `partial_fit`. The first call requires them, later calls do not. `y` does not
            need to contain all of them. For several columns of labels, pass a list with the classes of each column.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        AttributeError
            With ``solver="lbfgs"``.
        ValueError
            If the data or a parameter is invalid, for example ``early_stopping=True``. The estimator is then unchanged.
        DivergenceError
            If training diverges (a ValueError). The estimator is then unchanged.
        KeyboardInterrupt
            On Ctrl-C. The estimator is then unchanged.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(NO_BALANCED_PARTIAL_FIT)
        if _are_several(classes) or (classes is None and isinstance(getattr(self, "classes_", None), list)):
            self._set_classes_of_columns(classes)
        elif _check_partial_fit_first_call(self, classes):
            if len(self.classes_) == 0:
                raise ValueError("classes must have at least one class, got none.")
            is_multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if is_multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _set_classes_of_columns(self, classes):
        """Set the classes of several columns in the first call of `partial_fit`, and check them in later calls."""
        if not hasattr(self, "classes_"):
            self._label_binarizer = LabelColumns(classes)
            self.classes_ = self._label_binarizer.classes_
        elif classes is not None and not LabelColumns(classes).has_classes(self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )

    def score(self, X, y, sample_weight=None):
        """The accuracy of the predictions.

        For multilabel targets, all labels of a sample must be right, as in scikit-learn. For several columns of labels,
        the score is the mean accuracy over columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            The fraction of correct rows, between 0 and 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        if isinstance(getattr(self, "classes_", None), list):
            return _mean_accuracy(np.asarray(y), self.predict(X), sample_weight)
        return super().score(X, y, sample_weight)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted classes. For multilabel targets, there is a column of 0 and 1 for each label.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        return self._decode(self._validated_preactivations(X))

    def predict_proba(self, X):
        """Probability estimates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes), or list of ndarray
            The predicted probability of each class, in the order of `classes_`. For multilabel targets, the probability
            of each label. For several columns of labels, a list with one array for each column, as in scikit-learn's
            forests. The dtype is the dtype of `coefs_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        preactivations = self._validated_preactivations(X)
        if self._is_multioutput():
            softmax = OUTPUT_ACTIVATIONS[self.out_activation_]
            return [softmax(group.copy()) for group in self._label_binarizer.split(preactivations)]
        probabilities = OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)
        if self.n_outputs_ == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X):
        r"""Logarithms of probability estimates.

        They are computed from the preactivations :math:`u` of the output layer, so they are finite and accurate even
        where a probability rounds to 0 or to 1. For the softmax, they are
        :math:`u_j - u_m - \log(1 + \sum_{i \ne m} e^{u_i - u_m})`, where :math:`u_m` is the largest preactivation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes), or list of ndarray
            The logarithms of ``predict_proba(X)``, in the same format.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.

        Examples
        --------
        A probability of exp(-1000) is 0 in float64, but its logarithm is known:

        >>> from skinit import MLPClassifier
        >>> network = MLPClassifier((), init="zero").initialize([[0.0], [1.0]], [0, 1])
        >>> network.coefs_[0][...] = 1000
        >>> float(network.predict_proba([[1.0]])[0, 0])
        0.0
        >>> float(network.predict_log_proba([[1.0]])[0, 0])
        -1000.0
        """
        preactivations = self._validated_preactivations(X)
        if self._is_multioutput():
            log_softmax = LOG_OUTPUT_ACTIVATIONS[self.out_activation_]
            return [log_softmax(group) for group in self._label_binarizer.split(preactivations)]
        if self.n_outputs_ == 1:
            preactivations = np.hstack([-preactivations, preactivations])
        return LOG_OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)

    def decision_function(self, X):
        """Confidence scores: the preactivations of the output layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), or list of ndarray
            For two classes, the log-odds of ``classes_[1]``; `predict` chooses this class if they are positive. For
            more classes, one score for each class; their softmax is `predict_proba`. For multilabel targets, the
            log-odds of each label. For several columns of labels, a list with one array for each column.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        preactivations = self._validated_preactivations(X)
        if self._is_multioutput():
            return self._label_binarizer.split(preactivations)
        return preactivations.ravel() if self.n_outputs_ == 1 else preactivations

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _are_several(classes) -> bool:
    """Whether these are the classes of several columns of labels, and not only the 0 and 1 of multilabel targets."""
    if not (isinstance(classes, (list, tuple)) and len(classes) > 1 and all(np.ndim(each) == 1 for each in classes)):
        return False
    return not all(set(np.asarray(each).tolist()) <= {0, 1} for each in classes)


def _mean_accuracy(y, predictions, sample_weight) -> float:
    """The mean over columns of the fraction of correct rows."""
    if y.shape != predictions.shape:
        raise ValueError(f"y must have the shape of the predictions, {predictions.shape}, got {y.shape}.")
    return float(np.average((y == predictions).mean(axis=1), weights=sample_weight))


class MLPRegressor(RegressorMixin, BaseMultilayerPerceptron):
    r"""Multilayer perceptron regressor.

    A compiled drop-in replacement for :class:`sklearn.neural_network.MLPRegressor`, with a parameter for the initial
    weights. It minimizes the mean of a loss :math:`\ell` with an L2 penalty,

    .. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell(u_i, y_i) + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

    where :math:`s_i` is the weight of row `i`, :math:`u_i` are its preactivations in the output layer, and :math:`W_k`
    are the weights of layer `k`.

    Parameters
    ----------
    loss : str, default="squared_error"
        The loss of a prediction `q`, which is :math:`u` unless stated otherwise. scikit-learn has these:

        - "squared_error": half of ``(q - y)**2``
        - "poisson": half of the Poisson deviance, with ``q = exp(u)``; needs ``y >= 0``

        skinit adds these:

        - "absolute_error": ``abs(q - y)``, for predictions of the median
        - "huber": half of ``(q - y)**2`` up to a distance of `huber_delta`, and linear beyond
        - "quantile": the pinball loss ``max(t * (y - q), (t - 1) * (y - q))`` of the level `t` in `quantile`
        - "gamma": half of the gamma deviance, with ``q = exp(u)``; needs ``y > 0``

        The second derivative of "absolute_error" and "quantile" is zero or undefined. Everything that uses the
        curvature of the loss (``init="hessian"``, ``learning_rate_init="auto"``, :mod:`skinit.curvature`) uses
        ``1 / target_spread_`` and ``min(t, 1 - t) / target_spread_`` in its place.

    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        The ith element is the number of units in the ith hidden layer. An int makes one hidden layer. An empty tuple
        makes a linear model.

    activation : str or Activation, or list or tuple of these, default="relu"
        Activation of the hidden layers, or a list or tuple with one activation for each hidden layer. scikit-learn has
        these:

        - "identity": f(u) = u
        - "logistic": f(u) = 1 / (1 + exp(-u))
        - "tanh": f(u) = tanh(u)
        - "relu": f(u) = max(0, u)

        skinit adds these:

        - "leaky_relu": f(u) = u, or 0.01 u where u < 0
        - "elu": f(u) = u, or exp(u) - 1 where u < 0
        - "selu": elu with the two scales of self-normalizing networks
        - "softplus": f(u) = log(1 + exp(u))
        - "softsign": f(u) = u / (1 + \|u\|)
        - "silu": f(u) = u / (1 + exp(-u))
        - "gelu": f(u) = u P(Z <= u) for a standard normal Z

        :func:`skinit.make_activation` makes an activation from your own functions.

    init : str, Initializer or callable, default="sklearn"
        How the initial weights are drawn: a name (:func:`skinit.initializers.get_initializer_names` lists them), an
        :class:`~skinit.initializers.Initializer`, whose parameters can be searched over (``init__std``), or a function
        ``(shape, rng) -> array`` of ``shape = (fan_in, fan_out)`` and a ``numpy.random.RandomState``. "sklearn"
        draws the same weights as scikit-learn. "auto" chooses for each layer: He's scheme for the relu family, LeCun's
        for selu, and Xavier's otherwise.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The solver for weight optimization: L-BFGS (:func:`scipy.optimize.minimize`), stochastic gradient descent with
        momentum, Adam, or Adam with decoupled `weight_decay`. On small data sets "lbfgs" can converge faster and
        perform better.

    alpha : float, default=0.0001
        Strength of the L2 penalty, :math:`\alpha \ge 0`, which leaves out the intercepts. The penalty is divided by the
        sum of the sample weights, which is the number of rows by default. In a step of a stochastic solver, the sum is
        over the rows of the mini-batch, as in scikit-learn.

    batch_size : int or "auto", default="auto"
        Number of rows in a mini-batch of the stochastic solvers. "auto" is ``min(200, n_samples)``. "lbfgs" uses all
        rows in each step.

    learning_rate : str or callable, default="constant"
        Learning rate schedule. scikit-learn has three; only ``solver="sgd"`` uses the last two:

        - "constant": always `learning_rate_init`.
        - "invscaling": ``learning_rate_init / t ** power_t`` after `t` samples.
        - "adaptive": divided by 5 each time the training loss (or the validation score, with `early_stopping`) has not
          improved by `tol` for `n_iter_no_change` epochs.

        skinit adds schedules for every stochastic solver. The learning rate is `learning_rate_init` times a factor,
        which depends on the step :math:`t = 0, 1, \ldots` and on the number :math:`T` of steps in `max_iter` epochs:

        - "linear": :math:`1 - t/T`.
        - "cosine": :math:`(1 + \cos(\pi t/T)) / 2`.
        - "one_cycle": rises linearly from 0.04 to 1 while :math:`t < 0.3\,T`, then falls along half a cosine.
        - a function ``(step, n_steps) -> factor``.

        If training stops before `max_iter`, the rest of the schedule is not used; ``n_iter_no_change=np.inf`` runs all
        of it. Each `partial_fit` is one epoch, and the factor stays constant after `max_iter` epochs.

    learning_rate_init : float or "auto", default=0.001
        The initial learning rate of the stochastic solvers. "auto" computes it from the curvature of the loss at the
        initial weights (:mod:`skinit.training.step_size` has the rule). If the loss becomes infinite, exceeds the
        untrained loss by a tenth, or climbs back most of the way after a fall, training restarts with a quarter of the
        rate, at most eight times.

        With ``learning_rate="constant"``, the automatic rate rises linearly over the first 3 epochs, and falls linearly
        to zero over its tail, the last half of the `max_iter` epochs. If the loss (or the validation score, with
        `early_stopping`) has not improved by `tol` for `n_iter_no_change` epochs before that, the tail begins at once,
        lasts as many epochs as came before it, and ends the training. `partial_fit` has only the rise, because its last
        epoch is unknown. Any other `learning_rate` uses the automatic rate as it would use a number.

    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations for "lbfgs".

    shuffle : bool, default=True
        Whether to shuffle samples before each epoch of the stochastic solvers.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split for `early_stopping`, the shuffling, and the units that
        `dropout` drops. Pass an int for the same results in each fit.

    tol : float, default=1e-4
        Tolerance for the optimization. A stochastic solver stops when the loss (or the validation score, with
        `early_stopping`) has not improved by at least `tol` for `n_iter_no_change` consecutive epochs. "lbfgs" stops
        when no entry of the gradient exceeds `tol` in magnitude.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch. 2 prints a table with the epoch, the loss, the validation score and
        loss, the learning rate, and the seconds since the start.

    warm_start : bool, default=False
        Whether `fit` continues from the previous solution instead of drawing new weights.

    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether the momentum of ``solver="sgd"`` is Nesterov's.

    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the training data and stop when the validation score does not
        improve. The weights with the best score are restored. To use your own validation rows, pass them to `fit` as
        `X_val` and `y_val`. "lbfgs" ignores this.

    validation_fraction : float, default=0.1
        The fraction of the training data to set aside for `early_stopping`, in [0, 1).

    beta_1 : float, default=0.9
        Decay rate of the first moment of "adam" and "adamw", in [0, 1).

    beta_2 : float, default=0.999
        Decay rate of the second moment of "adam" and "adamw", in [0, 1).

    epsilon : float, default=1e-8
        Added to the square root of the second moment of "adam" and "adamw", so that no step divides by zero.

    n_iter_no_change : int or np.inf, default=10
        A stochastic solver stops after more than this number of epochs without an improvement of `tol`.

    max_fun : int, default=15000
        Maximum number of evaluations of the loss and its gradient for "lbfgs".

    scoring : str, callable or None, default=None
        The score that `early_stopping` maximizes on the validation rows. None is the coefficient of determination, but
        :func:`sklearn.metrics.d2_absolute_error_score` for the loss "absolute_error" and
        :func:`sklearn.metrics.d2_pinball_score`, averaged over quantiles, for "quantile". "loss" is the negative of the
        loss without its penalty. Otherwise a name that :func:`sklearn.metrics.get_scorer_names` lists, or a scorer
        ``(estimator, X, y) -> float``.

    weight_decay : float, default=0.01
        Decoupled weight decay of ``solver="adamw"``: each step also multiplies the weights, not the intercepts, by
        ``1 - learning_rate * weight_decay``. The penalty `alpha` applies as well.

    average : bool, int or float, default=False
        Whether to validate and to predict with an average of the parameters over the steps of a stochastic solver. As
        in :class:`~sklearn.linear_model.SGDClassifier`, True averages all steps, and an int starts averaging once that
        many samples have been seen. A float `d` between 0 and 1 is the decay of an exponential moving average: each
        step weighs `d` times as much as the next. `partial_fit` continues from the parameters after the last step, not
        from the average.

    dropout : float or array-like of shape (n_layers - 2,), default=0.0
        The probability in [0, 1) that a step of a stochastic solver drops a hidden unit for a row, or one probability
        for each hidden layer. The outputs of the remaining units are divided by one minus this probability.
        `loss_curve_` contains the losses with units dropped. Predictions, validation, curvature and the automatic
        learning rate use all units.

    huber_delta : float or "auto", default=1.0
        The distance beyond which the loss "huber" is linear. "auto" is the spread of the training targets: their median
        absolute deviation from their median, times 1.4826.

    quantile : float or array-like, default=0.5
        The level of the loss "quantile", between 0 and 1, or a list of increasing levels if `y` has one column.
        `predict` then returns one column for each level. Quantiles never cross, because each is the previous quantile
        plus a softplus.

    Attributes
    ----------
    loss_ : float
        The current loss, regularization included.

    best_loss_ : float or None
        The lowest loss that a stochastic solver reached. None with ``early_stopping=True``.

    loss_curve_ : list of float
        Loss of each epoch, regularization included, averaged over its mini-batches while the weights change. Stochastic
        solvers only.

    validation_scores_ : list of float or None
        Score on the validation data after each epoch; see `scoring`. None with ``early_stopping=False``.

    best_validation_score_ : float or None
        The best of `validation_scores_`. None with ``early_stopping=False``.

    validation_loss_curve_ : list of float or None
        Loss on the validation data after each epoch, without the penalty. None with ``early_stopping=False``.

    best_iter_ : int or None
        The epoch of the last `fit` with the best validation score, counted from 1. Its weights are kept. 0 if no epoch
        was better than the initial weights of a warm start. None with ``early_stopping=False``, unless
        :class:`~skinit.callbacks.BestWeights` restored an epoch.

    t_ : int
        The number of training samples seen by the solver.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer, in float32 if `X` is in float32, and otherwise in float64. The arrays are views of one
        vector.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer. The arrays are views of the same vector.

    initializer_ : Initializer
        The initializer that drew the initial weights.

    learning_rate_init_ : float
        The initial learning rate in use, before any schedule. With "auto", it is the computed rate. Stochastic solvers
        only.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all feature names of `X` are strings.

    n_iter_ : int
        The number of epochs, or of iterations for "lbfgs". 0 after `initialize`.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs.

    huber_delta_ : float
        The `huber_delta` in use. Only with ``loss="huber"``.

    target_spread_ : float
        The spread of the training targets, as defined for `huber_delta`. Only with the losses "absolute_error" and
        "quantile".

    out_activation_ : str
        The output activation: "identity", or "exp" for the losses "poisson" and "gamma", or "cumulative_softplus" for
        several quantiles.

    See Also
    --------
    MLPClassifier : The same for classification.
    skinit.initializers : Initializers for `init`.
    skinit.callbacks : Callbacks for `set_callbacks`: early stopping, best weights, checkpoints, tables, norms.

    Notes
    -----
    With several outputs, training minimizes the sum of the loss over outputs. The reported loss is the mean over
    outputs, or the sum for "poisson". Both are as in scikit-learn.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015). I. Sutskever et al., "On the
    importance of initialization and momentum in deep learning" (2013). P. J. Huber, "Robust estimation of a location
    parameter" (1964). R. Koenker and G. Bassett, "Regression quantiles" (1978).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     MLPRegressor(
    ...         hidden_layer_sizes=(10,), solver="lbfgs", alpha=10, random_state=0
    ...     ),
    ... )
    >>> round(model.fit(X, y).score(X, y), 2)
    0.62
    """

    _parameter_constraints: dict = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"})],
        "huber_delta": [StrOptions({"auto"}), NumberInterval(Real, 0, None, closed="neither")],
        "quantile": ["array-like", NumberInterval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        init="sklearn",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        scoring=None,
        weight_decay=0.01,
        average=False,
        dropout=0.0,
        huber_delta=1.0,
        quantile=0.5,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.scoring = scoring
        self.weight_decay = weight_decay
        self.average = average
        self.dropout = dropout
        self.huber_delta = huber_delta
        self.quantile = quantile

    def _check_X_y(self, X, y, *, is_first, incremental):
        X, y = self._validate(X, y, multi_output=True, y_numeric=True, order="C", reset=is_first)
        if issparse(y):
            y = y.toarray()
        if y.dtype.kind not in "biuf":
            raise ValueError(f"y must hold real numbers, got {y.dtype}.")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = y.reshape(len(y), -1)
        lowest = targets.min()
        if (self.loss == "poisson" and lowest < 0) or (self.loss == "gamma" and lowest <= 0):
            raise ValueError(
                f"Some value(s) of y are out of the valid range of the loss {self.loss!r}: y must be "
                f"{'>=' if self.loss == 'poisson' else '>'} 0, got {lowest}."
            )
        n_outputs = targets.shape[1]
        if self._has_several_quantiles():
            if n_outputs > 1:
                raise ValueError(
                    f"quantile={self.quantile!r} needs a y of one column, got {n_outputs} columns: set quantile to one "
                    "number, or fit one estimator for each column (MultiOutputRegressor)."
                )
            n_outputs = len(self._check_levels())
        if is_first:
            self.n_outputs_ = n_outputs
        elif n_outputs != self.n_outputs_:
            what = "quantile" if self._has_several_quantiles() else "y"
            raise ValueError(
                f"{what} has {n_outputs} output(s), but {type(self).__name__} was fitted with {self.n_outputs_}."
            )
        return X, targets

    def _measure_targets(self, data, *, incremental):
        needed = {"huber": "huber_delta_", "absolute_error": "target_spread_", "quantile": "target_spread_"}
        name = needed.get(self.loss)
        known = {each: self.__dict__.pop(each, None) for each in set(needed.values())}
        if name == "huber_delta_" and self.huber_delta != "auto":
            self.huber_delta_ = float(self.huber_delta)
        elif name is not None:
            # Training that continues keeps the constants of its loss, although new targets have another spread.
            self.__dict__[name] = known[name] if incremental and known[name] is not None else target_spread(data)

    def _loss_function(self):
        fitted = self.__dict__
        if self.loss == "huber":
            return LossFunction.of(self.loss, fitted.get("huber_delta_", 1.0))
        if self.loss == "absolute_error":
            return LossFunction.of(self.loss, fitted.get("target_spread_", 1.0))
        if self.loss == "quantile":
            name = "quantiles" if self._has_several_quantiles() else "quantile"
            levels = self._check_levels()
            n_outputs = fitted.get("n_outputs_", len(levels))
            if name == "quantiles" and n_outputs != len(levels):
                raise ValueError(
                    f"quantile={self.quantile!r} needs {len(levels)} output(s), but the network has {n_outputs}: call "
                    "fit with warm_start=False."
                )
            return LossFunction.of(name, fitted.get("target_spread_", 1.0), *levels)
        return LossFunction.of(self.loss)

    def _has_several_quantiles(self):
        return self.loss == "quantile" and np.iterable(self.quantile)

    def _check_levels(self):
        """The levels in `quantile`, in increasing order."""
        levels = list(self.quantile) if self._has_several_quantiles() else [self.quantile]
        interval = NumberInterval(Real, 0, 1, closed="neither")
        if not (levels and all(map(interval.is_satisfied_by, levels)) and (np.diff(levels) > 0).all()):
            raise ValueError(
                "quantile must be a number between 0 and 1, or a list of such numbers that increase, got "
                f"{self.quantile!r}."
            )
        return [float(level) for level in levels]

    def _predict(self, preactivations):
        """Predictions from preactivations. They are infinite where the exponential function overflows."""
        with np.errstate(over="ignore"):
            return OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)

    def _from_targets(self, targets):
        return targets.ravel() if targets.shape[1] == 1 else targets

    def _stratify(self, targets):
        return None

    def _score_outputs(self, targets, preactivations, sample_weight):
        predictions = self._predict(preactivations)
        if not np.isfinite(predictions).all():
            return np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            if self.loss == "absolute_error":
                return float(d2_absolute_error_score(targets, predictions, sample_weight=sample_weight))
            if self.loss == "quantile":
                return self._explained_pinball_loss(targets, predictions, sample_weight)
            return float(r2_score(targets, predictions, sample_weight=sample_weight))

    def _explained_pinball_loss(self, y, predictions, sample_weight):
        r"""The mean over quantiles of :math:`D^2`, the fraction by which the pinball loss is below a constant's."""
        levels = self._check_levels()
        columns = predictions.T if self._has_several_quantiles() else [predictions]
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for level, column in zip(levels, columns, strict=True)
        ]
        return float(np.mean(scores))

    def score(self, X, y, sample_weight=None):
        r"""The coefficient of determination :math:`R^2` of the predictions, or a :math:`D^2` for several quantiles.

        :math:`R^2 = 1 - \sum_i s_i (y_i - \hat y_i)^2 / \sum_i s_i (y_i - \bar y)^2`, averaged over outputs, for every
        `loss`. If `quantile` is a list, the score is the mean over quantiles of
        :func:`sklearn.metrics.d2_pinball_score`, which is 0 for the quantiles of `y` itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true values.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            At most 1, and negative if a constant would predict better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        if self._has_several_quantiles():
            return self._explained_pinball_loss(y, self.predict(X).reshape(-1, self.n_outputs_), sample_weight)
        return super().score(X, y, sample_weight)

    @available_if(lambda est: est._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None):
        """Update the model with a single epoch over the given data.

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
            The estimator.

        Raises
        ------
        AttributeError
            With ``solver="lbfgs"``.
        ValueError
            If the data or a parameter is invalid, for example ``early_stopping=True``. The estimator is then unchanged.
        DivergenceError
            If training diverges (a ValueError). The estimator is then unchanged.
        KeyboardInterrupt
            On Ctrl-C. The estimator is then unchanged.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict target values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values, in the dtype of `coefs_`. If `quantile` is a list, there is one column for each level.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` does not fit the estimator, or if the network's outputs overflow.
        """
        preactivations = self._validated_preactivations(X)
        predictions = self._predict(preactivations)
        if not np.isfinite(predictions).all():
            raise ValueError(f"The network's outputs overflow {predictions.dtype}: scale X.")
        return predictions.ravel() if self.n_outputs_ == 1 and not self._has_several_quantiles() else predictions
