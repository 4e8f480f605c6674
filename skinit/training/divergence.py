"""Divergence: the error that ends training without a finite result, and the advice in its message."""

import numpy as np
from scipy.sparse import issparse

from ..engine.data import TrainingData
from ..engine.predictions import predict_preactivations
from .batches import check_batch_size

# The quantity of an error if no epoch has a finite score.
VALIDATION_SCORES = "validation scores"
# X is called large above this magnitude. Standardized data rarely exceed 10.
LARGE_INPUT = 100.0
# Targets, or predictions before training, are called large above this magnitude.
LARGE = 1e3
# The number of rows for which predictions before training are computed.
N_ROWS = 1024


class DivergenceError(ValueError):
    """Training has reached weights or a loss that are NaN or infinite.

    Each parameter is also an attribute.

    Parameters
    ----------
    epoch : int
        The epoch (or iteration of "lbfgs") in which they were found. It is 0 before the first epoch.
    advice : str, default=""
        The likely cause and a remedy.
    quantity : str, default="parameter weights"
        The numbers that are not finite, for example "loss".

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skinit import DivergenceError, MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> try:
    ...     MLPRegressor(solver="sgd", learning_rate_init=1e100, random_state=0).fit(X, y)
    ... except DivergenceError as error:
    ...     print("diverged in epoch", error.epoch)
    diverged in epoch 1
    """

    def __init__(self, epoch: int, advice: str = "", quantity: str = "parameter weights") -> None:
        super().__init__(epoch, advice, quantity)
        self.epoch = epoch
        self.advice = advice
        self.quantity = quantity

    def __str__(self) -> str:
        return (
            f"Solver produced non-finite {self.quantity}. The input data may contain large values and need to be "
            f"preprocessed. Training diverged in epoch {self.epoch}: {self.advice}."
        )


def explain_divergence(
    estimator, data: TrainingData, is_first: bool, smallest_restart: float, quantity: str = "parameter weights"
) -> str:
    """The likely cause of a divergence, and a remedy: scaling, weights, the penalty, or the learning rate.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        The estimator with the weights from which training started.
    data : TrainingData
    is_first : bool
        Whether the initializer drew these weights. If not, they come from an earlier fit or from the user.
    smallest_restart : float
        The factor of the automatic learning rate at the last restart.
    quantity : str, default="parameter weights"
        The numbers that are not finite.

    Returns
    -------
    advice : str
    """
    if quantity == VALIDATION_SCORES and estimator.scoring not in (None, "loss"):
        return f"scoring={estimator.scoring!r} gave no finite score in any epoch"
    network = estimator._own_network()
    values = data.X.data if issparse(data.X) else data.X
    largest_input = max(values.max(initial=0.0), -values.min(initial=0.0))
    if largest_input > LARGE_INPUT:
        return f"scale X, whose largest magnitude is {largest_input:.3g} (StandardScaler)"
    largest_target = max(data.targets.max(), -data.targets.min())
    if not network.loss.entry.is_of_classes and largest_target > LARGE:
        return f"scale y, whose largest magnitude is {largest_target:.3g} (TransformedTargetRegressor)"
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = predict_preactivations(network, data.X[:N_ROWS])
        if estimator.out_activation_ == "exp":
            outputs = np.exp(outputs)
    largest_output = np.abs(outputs).max()
    if not largest_output <= LARGE:
        if is_first:
            return f"change init={estimator.init!r}: the untrained network has outputs as large as {largest_output:.3g}"
        return (
            "call fit with warm_start=False: the weights that training continued from give outputs as large as "
            f"{largest_output:.3g}"
        )
    if data.sample_weight is not None and (data.sample_weight < 0).any():
        return "remove the negative sample weights, because with them the loss may have no lower bound"
    mean_weight = data.row_weights().mean() * data.weight_scale
    if estimator.solver == "lbfgs":
        if estimator.alpha > mean_weight * len(data.targets):
            return f"reduce alpha={estimator.alpha!r}: the penalty outweighs the loss"
        return f"increase alpha={estimator.alpha!r}: neither the data nor the initial weights are large"
    batch_weight = mean_weight * check_batch_size(estimator, len(data.targets))
    rate = estimator.learning_rate_init_
    if estimator.alpha > batch_weight and not rate * estimator.alpha < batch_weight:
        return f"reduce alpha={estimator.alpha!r}: a step of the penalty alone is larger than the weights"
    if estimator.learning_rate_init == "auto":
        return (
            f'give learning_rate_init a number: "auto" tried learning rates from {rate:.3g} down to '
            f"{rate * smallest_restart:.3g}, and neither the data nor the initial weights are large"
        )
    return f"reduce learning_rate_init={rate!r}: neither the data nor the initial weights are large"
