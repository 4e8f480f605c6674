"""A callback that records the losses, the learning rate and the time of each epoch."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ..training.solvers import STOCHASTIC_SOLVERS
from .base import Log, is_epoch

if TYPE_CHECKING:
    import pandas

COLUMNS = ["fit", "epoch", "loss", "validation_score", "validation_loss", "learning_rate", "seconds"]


class History(Log):
    """Callback that records the losses, the learning rate and the time of each epoch, as a table.

    Set it on an estimator of skinit with ``set_callbacks``. Pipelines and searches pass it on, and the table then has
    all of their fits. The callback does not change the results of training.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.

    See Also
    --------
    CurvatureMonitor : Records the norm of the Hessian.
    sklearn.callback.ScoringMonitor : Records scores.

    Notes
    -----
    ``get_logs()`` is inherited from :class:`sklearn.callback.ScoringMonitor`. It returns the same numbers as
    :meth:`to_frame`, and ``get_logs("all")`` adds the earlier fits. Both include epochs before a restart of
    ``learning_rate_init="auto"``. If a fit continues from the file of a :class:`Checkpoint`, its first recorded epoch
    is the epoch in the file.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import History
    >>> X, y = load_iris(return_X_y=True)
    >>> history = History()
    >>> network = MLPClassifier((10,), learning_rate="linear", max_iter=3, random_state=0)
    >>> network = network.set_callbacks(history).fit(X, y)
    >>> frame = history.to_frame()[["epoch", "loss", "learning_rate"]]
    >>> frame.round({"loss": 2, "learning_rate": 5})
       epoch  loss  learning_rate
    0      1  1.23        0.00100
    1      2  1.20        0.00067
    2      3  1.18        0.00033
    """

    def __init__(self) -> None:
        super().__init__()

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit, which is not recorded."""
        if is_epoch(context):
            super().on_fit_task_end(estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator)

    def to_frame(self) -> "pandas.DataFrame":
        """The epochs of the most recent fit or search as a table.

        Returns
        -------
        frame : pandas.DataFrame
            A row for each epoch, with the columns

            - `fit`: the path of scikit-learn's task numbers that identifies the epoch's fit. In
              :class:`~sklearn.model_selection.GridSearchCV`, (0, 0, k) is the fit on split ``k % n_splits`` of
              candidate ``k // n_splits`` in `cv_results_`, and (0, 1) is the fit of the best candidate on all rows. A
              pipeline adds the number of its step;
            - `epoch`: the number of the epoch, or of the iteration of "lbfgs", counted from 1;
            - `loss`: as in `loss_curve_`;
            - `validation_score` and `validation_loss`: NaN without ``early_stopping=True``;
            - `learning_rate`: the learning rate of the epoch's last step, NaN with "lbfgs";
            - `seconds`: the seconds since the fit began.

            If ``learning_rate_init="auto"`` restarts training, only the epochs since the restart are in the table.

        Raises
        ------
        ValueError
            If there has been no fit.

        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas: pip install pandas") from error
        fits: dict[tuple, dict[int, dict]] = {}
        for row in self.get_logs().data:
            epochs = fits.setdefault(row["parent_task_id_path"], {})
            # If this epoch or later epochs are known already, training has restarted.
            for later in [epoch for epoch in epochs if epoch >= row["epoch"]]:
                del epochs[later]
            epochs[row["epoch"]] = row
        rows = [{"fit": fit, **row} for fit, epochs in fits.items() for row in epochs.values()]
        return pandas.DataFrame(rows, columns=COLUMNS)

    def _record(self, estimator, X, y, sample_weight=None, **validation) -> dict:
        began = estimator._callback_fit_ctx.init_time
        score, loss = np.nan, np.nan
        if estimator.early_stopping and estimator.solver in STOCHASTIC_SOLVERS:
            score, loss = estimator.validation_scores_[-1], estimator.validation_loss_curve_[-1]
        return {
            "epoch": estimator.n_iter_,
            "loss": estimator.loss_,
            "validation_score": score,
            "validation_loss": loss,
            "learning_rate": getattr(estimator, "_last_rate", np.nan),
            "seconds": (datetime.now(UTC) - began).total_seconds(),
        }
