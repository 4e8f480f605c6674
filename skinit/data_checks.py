"""Checks and conversion of the user's data for a network."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import _check_sample_weight, validate_data

from .class_weight import row_weights
from .engine.data import TrainingData, cast, integers_in_range, normalize_weights, with_valid_indices
from .engine.network import Network
from .training.solvers import STOCHASTIC_SOLVERS
from .validation import ValidatedEstimator


class DataChecksMixin(ValidatedEstimator):
    """The estimators' checks of X, y and sample weights."""

    def _check_data(
        self,
        X,
        y,
        sample_weight,
        *,
        incremental: bool,
        network: Network | None = None,
        first: TrainingData | None = None,
    ) -> TrainingData:
        """Validate data for a fit or for a measurement.

        Parameters
        ----------
        incremental : bool
            Whether y may lack some of the known classes.
        network : Network or None
            The network to continue from or to measure.
        first : TrainingData or None
            The training data, if the data to check are validation rows.
        """
        X, targets = self._check_X_y(X, y, is_first=network is None and first is None, incremental=incremental)
        # A network keeps the dtype that it was initialized with.
        dtype = X.dtype
        if network is not None:
            dtype = network.theta.dtype
        elif first is not None:
            dtype = first.targets.dtype
        X, targets = cast(X, dtype, "X"), np.require(cast(targets, dtype, "y"), requirements=["C", "A"])
        class_weights = self._class_weights(targets if first is None else first.targets)
        if sample_weight is None and class_weights is None:
            return TrainingData(X, targets, None)
        with integers_in_range("sample_weight"):
            sample_weight = _check_sample_weight(sample_weight, X)
        if class_weights is not None:
            sample_weight = sample_weight * row_weights(class_weights, targets.astype(np.intp))
            if not np.any(sample_weight):
                raise ValueError(
                    f"sample_weight times the weights from class_weight={self.class_weight!r} is zero for every row; "
                    "at least one row needs a weight."
                )
        if not np.any(sample_weight):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        weights, scale = normalize_weights(sample_weight, dtype)
        total = weights.sum(dtype=np.float64)
        # A sum that does not exceed its rounding error may be zero.
        if not total > np.finfo(np.float64).eps * np.abs(weights).sum(dtype=np.float64):
            raise ValueError(f"Sample weights must have a positive sum, got {total * scale:.3g}.")
        return TrainingData(X, targets, weights, scale)

    def _check_validation_data(self, X, y, sample_weight, data: TrainingData) -> TrainingData | None:
        """Check the validation rows, if there are any; `data` are the training rows."""
        if X is None and y is None and sample_weight is None:
            return None
        if y is None:
            raise ValueError("X_val and sample_weight_val need y_val, which was not provided.")
        if X is None:
            raise ValueError("y_val and sample_weight_val need X_val, which was not provided.")
        if not self.early_stopping or self.solver not in STOCHASTIC_SOLVERS:
            raise ValueError(
                "X_val and y_val need early_stopping=True and a stochastic solver, got "
                f"early_stopping={self.early_stopping} and solver={self.solver!r}."
            )
        try:
            validation = self._check_data(X, y, sample_weight, incremental=True, first=data)
        except ValueError as error:
            raise ValueError(f"X_val, y_val or sample_weight_val: {error}") from error
        if len(validation.targets) < 2:
            raise ValueError("X_val and y_val must have at least 2 rows, got 1.")
        return validation

    def _class_weights(self, targets: np.ndarray) -> list[np.ndarray] | None:
        """The weights of each output's classes, or None if all classes have the same weight."""
        return None

    def _validate(self, X, y="no_validation", **options) -> tuple:
        """scikit-learn's validation of X and y, or of X alone, with the same options for all public functions.

        A sparse X becomes a well-formed CSR matrix.
        """
        X, y = (
            with_valid_indices(values, name) if issparse(values) else values for name, values in (("X", X), ("y", y))
        )
        # scikit-learn's check for finite numbers uses their sum, which may overflow.
        with np.errstate(over="ignore", invalid="ignore"), integers_in_range("X and y"):
            validated = validate_data(self, X, y, accept_sparse="csr", dtype=(np.float64, np.float32), **options)
        X, *y = validated if isinstance(validated, tuple) else (validated,)
        if not X.dtype.isnative:
            # A frame keeps a foreign byte order, which compiled code cannot read.
            X = X.astype(X.dtype.newbyteorder("="))
        return X, *y
