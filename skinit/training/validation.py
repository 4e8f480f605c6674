"""Validation: the score and the loss of a network on rows that are not used for training."""

from copy import copy
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from ..engine.data import TrainingData
from ..engine.network import Network
from ..engine.predictions import predict_preactivations
from ..validation import check_takes


class Quality(NamedTuple):
    """The score of a network (higher is better) and its loss."""

    score: float
    loss: float


class Validation:
    """The validation rows, and the score that the estimator's `scoring` selects.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        An estimator with the fitted attributes that predictions need.
    data : TrainingData

    Raises
    ------
    ValueError
        If `scoring` is not a scorer.
    TypeError
        If `scoring` is a function that takes other arguments.
    """

    def __init__(self, estimator, data: TrainingData) -> None:
        self._data = data
        self._weights = data.row_weights()
        # A scorer predicts with an estimator, so this copy gets the current weights. It has no column names, because
        # the validation rows are an array without names.
        self._estimator = copy(estimator)
        self._estimator.__dict__.pop("feature_names_in_", None)
        scoring = estimator.scoring
        self._scorer = None
        if scoring not in (None, "loss"):
            self._scorer = check_scoring(estimator, scoring)
            self._y = estimator._from_targets(data.targets)
            check_takes(self._scorer, (estimator, data.X, self._y), "scoring", "(estimator, X, y)")
            self._options = {}
            if data.sample_weight is not None:
                self._options["sample_weight"] = data.sample_weight * data.weight_scale

    def measure(self, network: Network) -> Quality:
        """The score and the mean loss of a network, without a penalty. The score is NaN if outputs are not finite."""
        X, targets, sample_weight, _ = self._data
        outputs = predict_preactivations(network, X)
        total, _ = network.loss.loss_and_deltas(outputs, targets, self._weights)
        loss = total * network.loss.reported_scale(network.widths[-1]) / float(self._weights.sum())
        if self._estimator.scoring == "loss":
            return Quality(-loss, loss)
        if self._scorer is None:
            return Quality(self._estimator._score_outputs(targets, outputs, sample_weight), loss)
        if not np.isfinite(outputs).all():
            return Quality(np.nan, loss)
        self._estimator.__dict__.update(network.as_attributes())
        try:
            score = self._scorer(self._estimator, X, self._y, **self._options)
        except Exception as error:
            error.add_note(f"scoring={self._estimator.scoring!r} raised this error on the validation rows.")
            raise
        if not isinstance(score, Real):
            raise TypeError(f"scoring must return a number, but {self._estimator.scoring!r} returned {score!r}.")
        return Quality(float(score), loss)


def split(
    estimator, rows: np.ndarray, data: TrainingData, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Split row indices into training rows and validation rows, as scikit-learn does."""
    try:
        training_rows, validation_rows = train_test_split(
            rows,
            random_state=random_state,
            test_size=estimator.validation_fraction,
            stratify=estimator._stratify(data.targets),
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot set aside validation_fraction={estimator.validation_fraction!r} of "
            f"{rows.size} row(s): {error}"
        ) from error
    if validation_rows.size < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    for part, part_rows in (("to train on", training_rows), ("to validate on", validation_rows)):
        weights = data.row_weights()[part_rows]
        if not weights.sum() > 0:
            raise ValueError(
                f"With early_stopping=True, the sample weights of the {part_rows.size} rows {part} sum to "
                f"{weights.sum():.3g}; they need a positive sum. Change validation_fraction="
                f"{estimator.validation_fraction} or random_state, or leave out rows of weight zero."
            )
    return training_rows, validation_rows
