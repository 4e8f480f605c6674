"""The estimators: scikit-learn faces of a network."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, r2_score
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
from .kernels.losses import LOG_OUTPUT_ACTIVATIONS, OUTPUT_ACTIVATIONS


class MLPClassifier(ClassifierMixin, BaseMultilayerPerceptron):
    r"""Multilayer perceptron classifier.

    A drop-in for :class:`sklearn.neural_network.MLPClassifier`, compiled, whose initial weights are a parameter. It
    minimizes the log loss with an L2 penalty,

    .. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell(u_i, y_i) + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

    where :math:`s_i` are sample weights and :math:`u_i` the preactivations of the output layer: a softmax for more than
    two classes, a logistic function for each output otherwise (two classes, multilabel).

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,), default=(100,)
        The ith element is the number of units in the ith hidden layer. An empty tuple makes a linear model.

    activation : str or Activation, or list or tuple of these, default="relu"
        Activation of the hidden layers, or a list or tuple with one for each of them. scikit-learn's:

        - "identity": f(u) = u
        - "logistic": f(u) = 1 / (1 + exp(-u))
        - "tanh": f(u) = tanh(u)
        - "relu": f(u) = max(0, u)

        and besides:

        - "leaky_relu": f(u) = u, or 0.01 u where u < 0
        - "elu": f(u) = u, or exp(u) - 1 where u < 0
        - "selu": elu with the two scales of self-normalizing networks
        - "softplus": f(u) = log(1 + exp(u))
        - "softsign": f(u) = u / (1 + \|u\|)
        - "silu": f(u) = u / (1 + exp(-u))
        - "gelu": f(u) = u P(Z <= u) for a standard normal Z

        :func:`skinit.make_activation` makes one of your own functions.

    init : str, Initializer or callable, default="sklearn"
        How weights are drawn: a name (:func:`skinit.initializers.get_initializer_names` lists them), an
        :class:`~skinit.initializers.Initializer`, whose parameters can be searched over (``init__std``), or a function
        ``(shape, rng) -> array``. "sklearn" draws the weights that scikit-learn draws. "auto" is He's scheme for the
        relu family, LeCun's for selu, and Xavier's otherwise, layer by layer.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The solver for weight optimization: SciPy's L-BFGS, stochastic gradient descent with momentum, Adam, or Adam
        with decoupled `weight_decay`. On small data sets "lbfgs" can converge faster and perform better.

    alpha : float, default=0.0001
        Strength of the L2 regularization term, which is divided by the sample size when added to the loss.

    batch_size : int or "auto", default="auto"
        Size of mini-batches for the stochastic solvers. "auto" is ``min(200, n_samples)``.

    learning_rate : str or callable, default="constant"
        Learning rate schedule. scikit-learn's, of which the last two are used by ``solver="sgd"`` only:

        - "constant": `learning_rate_init` all the time.
        - "invscaling": ``learning_rate_init / t ** power_t`` after `t` samples.
        - "adaptive": divided by 5 each time the training loss (or the validation score, with `early_stopping`) has not
          improved by `tol` for `n_iter_no_change` epochs.

        and besides, for every stochastic solver, `learning_rate_init` times a factor that depends on the step
        :math:`t = 0, 1, \dots` of the :math:`T` steps of `max_iter` epochs:

        - "linear": :math:`1 - t/T`.
        - "cosine": :math:`(1 + \cos(\pi t/T)) / 2`.
        - "one_cycle": from 0.04 up to 1 in a straight line while :math:`t < 0.3\,T`, then down along half a cosine.
        - a function ``(step, n_steps) -> factor``.

        Where training stops before `max_iter`, the rest of the schedule is not used; ``n_iter_no_change=np.inf`` runs
        all of it. Each `partial_fit` is an epoch, and after `max_iter` of them the factor stays what it is.

    learning_rate_init : float or "auto", default=0.001
        The initial learning rate of the stochastic solvers. "auto" takes it from the curvature of the loss at the
        initial weights (:mod:`skinit.training.step_size` has the rule), and starts again with a quarter of it, up to
        eight times, where the loss rises above that of the untrained network, or back near it, or is not finite.

        With ``learning_rate="constant"``, the automatic rate warms up in a straight line over 3 epochs, and falls to
        zero in a straight line over the last half of `max_iter` epochs, its tail. Where the loss (or the validation
        score, with `early_stopping`) has not improved by `tol` for `n_iter_no_change` epochs before, the tail begins at
        once, lasts as many epochs as came before it, and ends the training. `partial_fit` has the warm-up only, because
        nobody knows its last epoch. Any other `learning_rate` multiplies the automatic rate as it does a number.

    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations of "lbfgs".

    shuffle : bool, default=True
        Whether to shuffle samples before each epoch of the stochastic solvers.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split of `early_stopping`, and the shuffling.

    tol : float, default=1e-4
        Tolerance for the optimization: training stops when loss or score has not improved by at least `tol` for
        `n_iter_no_change` consecutive epochs.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch. 2 prints a table: epoch, loss, validation score and loss, learning
        rate, and seconds since the start.

    warm_start : bool, default=False
        Whether `fit` goes on from the previous solution, rather than from new weights.

    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the training data and stop when the validation score does not
        improve. Two classes are split in proportion, as in scikit-learn. The weights with the best score are
        restored. `fit` takes validation rows of your own, `X_val`. Used by the stochastic solvers.

    validation_fraction : float, default=0.1
        The proportion of training data to set aside for `early_stopping`, between 0 and 1.

    beta_1 : float, default=0.9
        Decay rate of Adam's first moment, in [0, 1).

    beta_2 : float, default=0.999
        Decay rate of Adam's second moment, in [0, 1).

    epsilon : float, default=1e-8
        Added to the root of Adam's second moment.

    n_iter_no_change : int, default=10
        Number of epochs without an improvement of `tol` after which to stop. May be ``np.inf``.

    max_fun : int, default=15000
        Maximum number of loss function calls of "lbfgs".

    scoring : str, callable or None, default=None
        What `early_stopping` maximizes on the validation rows. None: the accuracy. "loss": the loss without its
        penalty, whose negative is the score. Or a name that :func:`sklearn.metrics.get_scorer_names` lists, or a
        scorer ``(estimator, X, y) -> float``.

    weight_decay : float, default=0.01
        Decoupled weight decay of ``solver="adamw"``: each step also multiplies the weights, not the intercepts, by
        ``1 - learning_rate * weight_decay``. `alpha` counts besides.

    average : bool, int or float, default=False
        Whether to validate and to predict with an average of the parameters over the steps of a stochastic solver. As
        in :class:`~sklearn.linear_model.SGDClassifier`, True averages all steps, and an int those from the one at which
        so many samples were seen. A float `d` between 0 and 1 averages with a decay: each step weighs `d` times as much
        as the next. `partial_fit` goes on from the parameters after the last step.

    dropout : float or array-like of shape (n_layers - 2,), default=0.0
        The probability in [0, 1) with which each step of a stochastic solver leaves out a hidden unit of a row, or one
        for each hidden layer. The units that are left are divided by one minus it. `loss_curve_` has the losses with
        units left out. All units count in predictions, validation, curvature and the automatic learning rate.

    class_weight : dict, list of dicts, "balanced" or None, default=None
        Weights of classes, ``{class_label: weight}``; a class that is not in the dict has the weight 1. They multiply
        `sample_weight`, in all that is done with training data. Multilabel targets take a list with a dict for each
        label, like ``[{0: 1, 1: 5}, {0: 1, 1: 1}]``, whose weights are multiplied. "balanced" gives each class the
        weight ``n_samples / (n_classes * np.bincount(y))``, and cannot be used with `partial_fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    loss_ : float
        The current loss, regularization included.

    best_loss_ : float or None
        The least loss reached by a stochastic solver. None with ``early_stopping=True``.

    loss_curve_ : list of float
        Loss of each epoch, averaged over its mini-batches as the weights moved on. Stochastic solvers only.

    validation_scores_ : list of float or None
        Score on the validation data after each epoch, see `scoring`. None with ``early_stopping=False``.

    best_validation_score_ : float or None
        The best of them.

    validation_loss_curve_ : list of float or None
        Loss on the validation data after each epoch, without the penalty. None with ``early_stopping=False``.

    best_iter_ : int or None
        The epoch of the last `fit` that had the best validation score, counted from 1, whose weights are kept. 0 if
        none was better than the weights that a warm start began with. None with ``early_stopping=False``.

    t_ : int
        The number of training samples seen by the solver.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer, views of one vector.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer, likewise.

    initializer_ : Initializer
        The initializer that drew the first weights.

    learning_rate_init_ : float
        The initial learning rate used; with "auto" the one found, before any schedule. Stochastic solvers only.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if `X` has names that are all strings.

    n_iter_ : int
        The number of epochs, or iterations, run. 0 after `initialize`.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs.

    out_activation_ : str
        Name of the output activation.

    See Also
    --------
    MLPRegressor : The same for regression.
    skinit.initializers : What `init` takes.
    skinit.callbacks : Monitors for `set_callbacks`: norms of the Hessian and of gradients while training.

    Notes
    -----
    The loss is computed from preactivations, so that its gradient is exact for confident predictions too. As
    scikit-learn clips probabilities at machine epsilon, no output of a sample counts for more than 36.04 in
    `loss_curve_`.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015). I. Sutskever et al., "On the
    importance of initialization and momentum in deep learning" (2013).

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
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.95
    True
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

    _parameter_constraints: dict = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    _fitted_attributes = (*BaseMultilayerPerceptron._fitted_attributes, "classes_", "_label_binarizer")

    def _check_X_y(self, X, y, *, is_first, incremental):
        X, y = self._validate(X, y, multi_output=True, order="C", reset=is_first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            trained = self._label_binarizer.classes_
            if not is_first and not np.array_equal(self.classes_, trained):
                raise ValueError(
                    f"classes_={self.classes_} are not those that the weights were trained with, {trained}."
                )
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
        n_outputs = len(self.classes_) if self._is_softmax() else targets.shape[1]
        self.n_outputs_ = n_outputs
        return X, targets

    def _check_fitted_attributes(self, network):
        super()._check_fitted_attributes(network)
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

    def _is_softmax(self):
        return self._label_binarizer.y_type_ == "multiclass"

    def _encode(self, y):
        """Class numbers in one column; for multilabel targets a column of 0 and 1 for each label."""
        if self._is_multilabel():
            indicators = self._label_binarizer.transform(y)
            return getattr(indicators, "toarray", lambda: indicators)()
        encoder = LabelEncoder()
        encoder.classes_ = self.classes_
        return encoder.transform(y).reshape(-1, 1)

    def _decode(self, preactivations):
        """Labels of the most probable classes."""
        if self._is_softmax():
            return self.classes_[preactivations.argmax(axis=1)]
        positive = (preactivations > 0).astype(int)
        if self._is_multilabel():
            return self._label_binarizer.inverse_transform(positive)
        # With one class seen, there is no other to predict.
        return self.classes_[np.minimum(positive.ravel(), len(self.classes_) - 1)]

    def _class_weights(self, targets):
        if self.class_weight is None:
            return None
        classes = [np.arange(2)] * targets.shape[1] if self._is_multilabel() else [self.classes_]
        return class_weights_of_outputs(self.class_weight, classes, targets.astype(np.intp))

    def _loss_name(self):
        return "log_loss" if self._is_softmax() else "binary_log_loss"

    def _from_targets(self, targets):
        numbers = targets.astype(int)
        return numbers if self._is_multilabel() else self.classes_[numbers.ravel()]

    def _stratify(self, targets):
        return targets.astype(bool) if self.n_outputs_ == 1 else None

    def _score_outputs(self, targets, preactivations, sample_weight):
        if not np.isfinite(preactivations).all():
            return np.nan
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
            The target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        classes : array of shape (n_classes,), default=None
            Classes across all calls to `partial_fit`: required in the first call, may be left out later. `y` does not
            need to contain all of them.

        Returns
        -------
        self : object
            The estimator.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(NO_BALANCED_PARTIAL_FIT)
        if _check_partial_fit_first_call(self, classes):
            is_multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if is_multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The predicted classes.
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
        y_prob : ndarray of shape (n_samples, n_classes)
            The predicted probability of each class, in the order of `classes_`. For multilabel targets that of each
            label.
        """
        preactivations = self._validated_preactivations(X)
        probabilities = OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)
        if self.n_outputs_ == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X):
        r"""Logarithms of probability estimates.

        They are computed from the preactivations :math:`u` of the output layer, for the softmax as
        :math:`u_j - u_m - \log(1 + \sum_{i \ne m} e^{u_i - u_m})` with the largest, :math:`u_m`. So they keep their
        digits where a probability rounds to 0 or to 1, and are finite.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes)
            The logarithms of ``predict_proba(X)``.
        """
        preactivations = self._validated_preactivations(X)
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
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the logarithm of the odds of ``classes_[1]``, which `predict` chooses where it is positive.
            With more, one score for each class, whose softmax is `predict_proba`. For multilabel targets the
            logarithm of the odds of each label.
        """
        preactivations = self._validated_preactivations(X)
        return preactivations.ravel() if self.n_outputs_ == 1 else preactivations

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, BaseMultilayerPerceptron):
    r"""Multilayer perceptron regressor.

    A drop-in for :class:`sklearn.neural_network.MLPRegressor`, compiled, whose initial weights are a parameter. It
    minimizes the squared error or the Poisson deviance with an L2 penalty,

    .. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell(u_i, y_i) + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

    where :math:`s_i` are sample weights and :math:`u_i` the preactivations of the output layer.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        The loss: half of the squared error, or half of the Poisson deviance of exp(u), which needs ``y >= 0``.

    hidden_layer_sizes : array-like of shape (n_layers - 2,), default=(100,)
        The ith element is the number of units in the ith hidden layer. An empty tuple makes a linear model.

    activation : str or Activation, or list or tuple of these, default="relu"
        Activation of the hidden layers, or a list or tuple with one for each of them. scikit-learn's:

        - "identity": f(u) = u
        - "logistic": f(u) = 1 / (1 + exp(-u))
        - "tanh": f(u) = tanh(u)
        - "relu": f(u) = max(0, u)

        and besides:

        - "leaky_relu": f(u) = u, or 0.01 u where u < 0
        - "elu": f(u) = u, or exp(u) - 1 where u < 0
        - "selu": elu with the two scales of self-normalizing networks
        - "softplus": f(u) = log(1 + exp(u))
        - "softsign": f(u) = u / (1 + \|u\|)
        - "silu": f(u) = u / (1 + exp(-u))
        - "gelu": f(u) = u P(Z <= u) for a standard normal Z

        :func:`skinit.make_activation` makes one of your own functions.

    init : str, Initializer or callable, default="sklearn"
        How weights are drawn: a name (:func:`skinit.initializers.get_initializer_names` lists them), an
        :class:`~skinit.initializers.Initializer`, whose parameters can be searched over (``init__std``), or a function
        ``(shape, rng) -> array``. "sklearn" draws the weights that scikit-learn draws. "auto" is He's scheme for the
        relu family, LeCun's for selu, and Xavier's otherwise, layer by layer.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The solver for weight optimization: SciPy's L-BFGS, stochastic gradient descent with momentum, Adam, or Adam
        with decoupled `weight_decay`. On small data sets "lbfgs" can converge faster and perform better.

    alpha : float, default=0.0001
        Strength of the L2 regularization term, which is divided by the sample size when added to the loss.

    batch_size : int or "auto", default="auto"
        Size of mini-batches for the stochastic solvers. "auto" is ``min(200, n_samples)``.

    learning_rate : str or callable, default="constant"
        Learning rate schedule. scikit-learn's, of which the last two are used by ``solver="sgd"`` only:

        - "constant": `learning_rate_init` all the time.
        - "invscaling": ``learning_rate_init / t ** power_t`` after `t` samples.
        - "adaptive": divided by 5 each time the training loss (or the validation score, with `early_stopping`) has not
          improved by `tol` for `n_iter_no_change` epochs.

        and besides, for every stochastic solver, `learning_rate_init` times a factor that depends on the step
        :math:`t = 0, 1, \dots` of the :math:`T` steps of `max_iter` epochs:

        - "linear": :math:`1 - t/T`.
        - "cosine": :math:`(1 + \cos(\pi t/T)) / 2`.
        - "one_cycle": from 0.04 up to 1 in a straight line while :math:`t < 0.3\,T`, then down along half a cosine.
        - a function ``(step, n_steps) -> factor``.

        Where training stops before `max_iter`, the rest of the schedule is not used; ``n_iter_no_change=np.inf`` runs
        all of it. Each `partial_fit` is an epoch, and after `max_iter` of them the factor stays what it is.

    learning_rate_init : float or "auto", default=0.001
        The initial learning rate of the stochastic solvers. "auto" takes it from the curvature of the loss at the
        initial weights (:mod:`skinit.training.step_size` has the rule), and starts again with a quarter of it, up to
        eight times, where the loss rises above that of the untrained network, or back near it, or is not finite.

        With ``learning_rate="constant"``, the automatic rate warms up in a straight line over 3 epochs, and falls to
        zero in a straight line over the last half of `max_iter` epochs, its tail. Where the loss (or the validation
        score, with `early_stopping`) has not improved by `tol` for `n_iter_no_change` epochs before, the tail begins at
        once, lasts as many epochs as came before it, and ends the training. `partial_fit` has the warm-up only, because
        nobody knows its last epoch. Any other `learning_rate` multiplies the automatic rate as it does a number.

    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations of "lbfgs".

    shuffle : bool, default=True
        Whether to shuffle samples before each epoch of the stochastic solvers.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split of `early_stopping`, and the shuffling.

    tol : float, default=1e-4
        Tolerance for the optimization: training stops when loss or score has not improved by at least `tol` for
        `n_iter_no_change` consecutive epochs.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch. 2 prints a table: epoch, loss, validation score and loss, learning
        rate, and seconds since the start.

    warm_start : bool, default=False
        Whether `fit` goes on from the previous solution, rather than from new weights.

    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the training data and stop when the validation score does not
        improve. The weights with the best score are restored. Used by the stochastic solvers.

    validation_fraction : float, default=0.1
        The proportion of training data to set aside for `early_stopping`, between 0 and 1.

    beta_1 : float, default=0.9
        Decay rate of Adam's first moment, in [0, 1).

    beta_2 : float, default=0.999
        Decay rate of Adam's second moment, in [0, 1).

    epsilon : float, default=1e-8
        Added to the root of Adam's second moment.

    n_iter_no_change : int, default=10
        Number of epochs without an improvement of `tol` after which to stop. May be ``np.inf``.

    max_fun : int, default=15000
        Maximum number of loss function calls of "lbfgs".

    scoring : str, callable or None, default=None
        What `early_stopping` maximizes on the validation rows. None: the
        coefficient of determination. "loss": the loss without its
        penalty, whose negative is the score. Or a name that :func:`sklearn.metrics.get_scorer_names` lists, or a
        scorer ``(estimator, X, y) -> float``.

    weight_decay : float, default=0.01
        Decoupled weight decay of ``solver="adamw"``: each step also multiplies the weights, not the intercepts, by
        ``1 - learning_rate * weight_decay``. `alpha` counts besides.

    average : bool, int or float, default=False
        Whether to validate and to predict with an average of the parameters over the steps of a stochastic solver. As
        in :class:`~sklearn.linear_model.SGDClassifier`, True averages all steps, and an int those from the one at which
        so many samples were seen. A float `d` between 0 and 1 averages with a decay: each step weighs `d` times as much
        as the next. `partial_fit` goes on from the parameters after the last step.

    dropout : float or array-like of shape (n_layers - 2,), default=0.0
        The probability in [0, 1) with which each step of a stochastic solver leaves out a hidden unit of a row, or one
        for each hidden layer. The units that are left are divided by one minus it. `loss_curve_` has the losses with
        units left out. All units count in predictions, validation, curvature and the automatic learning rate.

    Attributes
    ----------
    loss_ : float
        The current loss, regularization included.

    best_loss_ : float or None
        The least loss reached by a stochastic solver. None with ``early_stopping=True``.

    loss_curve_ : list of float
        Loss of each epoch, averaged over its mini-batches as the weights moved on. Stochastic solvers only.

    validation_scores_ : list of float or None
        Score on the validation data after each epoch, see `scoring`. None with ``early_stopping=False``.

    best_validation_score_ : float or None
        The best of them.

    validation_loss_curve_ : list of float or None
        Loss on the validation data after each epoch, without the penalty. None with ``early_stopping=False``.

    best_iter_ : int or None
        The epoch of the last `fit` that had the best validation score, counted from 1, whose weights are kept. 0 if
        none was better than the weights that a warm start began with. None with ``early_stopping=False``.

    t_ : int
        The number of training samples seen by the solver.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer, views of one vector.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer, likewise.

    initializer_ : Initializer
        The initializer that drew the first weights.

    learning_rate_init_ : float
        The initial learning rate used; with "auto" the one found, before any schedule. Stochastic solvers only.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if `X` has names that are all strings.

    n_iter_ : int
        The number of epochs, or iterations, run. 0 after `initialize`.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs.

    out_activation_ : str
        Name of the output activation.

    See Also
    --------
    MLPClassifier : The same for classification.
    skinit.initializers : What `init` takes.
    skinit.callbacks : Monitors for `set_callbacks`: norms of the Hessian and of gradients while training.

    Notes
    -----
    With several outputs and the squared error, the loss reported is the mean over outputs, while training descends
    along the gradient of the sum: both as in scikit-learn.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015). I. Sutskever et al., "On the
    importance of initialization and momentum in deep learning" (2013).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", alpha=10, random_state=0),
    ... )
    >>> model.fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
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

    def _check_X_y(self, X, y, *, is_first, incremental):
        X, y = self._validate(X, y, multi_output=True, y_numeric=True, order="C", reset=is_first)
        if y.dtype.kind not in "biuf":
            raise ValueError(f"y must hold real numbers, got {y.dtype}.")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = y.reshape(len(y), -1)
        if self.loss == "poisson" and (targets < 0).any():
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'poisson': y must be >= 0, got "
                f"{targets.min()}."
            )
        if is_first:
            self.n_outputs_ = targets.shape[1]
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {targets.shape[1]} output(s), but {type(self).__name__} was fitted with {self.n_outputs_}."
            )
        return X, targets

    def _loss_name(self):
        return self.loss

    def _from_targets(self, targets):
        return targets.ravel() if targets.shape[1] == 1 else targets

    def _stratify(self, targets):
        return None

    def _score_outputs(self, targets, preactivations, sample_weight):
        with np.errstate(over="ignore"):
            predictions = OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)
        if not np.isfinite(predictions).all():
            return np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            return float(r2_score(targets, predictions, sample_weight=sample_weight))

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
            The predicted values.
        """
        preactivations = self._validated_preactivations(X)
        with np.errstate(over="ignore"):
            predictions = OUTPUT_ACTIVATIONS[self.out_activation_](preactivations)
        if not np.isfinite(predictions).all():
            raise ValueError(f"The network's outputs overflow {predictions.dtype}: scale X.")
        return predictions.ravel() if self.n_outputs_ == 1 else predictions
