"""The grid search over schemes and hidden layers.

The module does not import the libraries for tables and terminals, so that worker processes start quickly.
"""

from collections.abc import Callable
from functools import partial
from math import ceil, nan
from pathlib import Path

import numpy as np
from joblib import effective_n_jobs, parallel_config
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import KFold, ParameterGrid, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed

from ..estimators import MLPClassifier, MLPRegressor
from ..model_selection import ResumableGridSearchCV
from ..model_selection.finished_fits import FinishedFits
from ..model_selection.fits import Fits
from ..training.divergence import DivergenceError
from .schemes import Scheme

# Fits for each worker between two reports. With fewer, the bar moves more often; with more, no worker waits.
FITS_PER_REPORT = 4


class Trial(Pipeline):
    """A pipeline that ends in a network, and treats divergence as a result instead of an error.

    `GridSearchCV` treats all errors of fits alike, and raises an error if all fits fail.
    """

    def fit(self, X, y=None, **params):
        """Fit like a pipeline; `network_` is None if the network diverged."""
        self.network_ = None
        try:
            super().fit(X, y, **params)
        except DivergenceError:
            return self
        network = getattr(self[-1], "regressor_", self[-1])
        if np.isfinite(network.loss_):
            self.network_ = network
        return self


def score_trial(trial: Trial, X, y, scorer: Callable) -> dict[str, float]:
    """Score a fitted trial on a fold, with the training loss and the number of epochs.

    Parameters
    ----------
    trial : Trial
    X, y : array-like
        The rows and targets of the fold.
    scorer : callable
        A scorer of scikit-learn, called with the trial and the fold.

    Returns
    -------
    scores : dict of str to float
        All NaN if the network diverged.
    """
    network = trial.network_
    if network is None:
        return {"score": nan, "train_loss": nan, "epochs": nan}
    return {"score": scorer(trial, X, y), "train_loss": network.loss_, "epochs": network.n_iter_}


class ReportingGridSearchCV(ResumableGridSearchCV):
    """A grid search that reports its progress.

    Parameters
    ----------
    estimator, param_grid, cv, n_jobs, memory
        As in `ResumableGridSearchCV`.
    scorer : callable
        As in `score_trial`.
    report : callable
        Called after each group of candidates with the results so far (like `cv_results_`) and the group, a slice.
    """

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scorer: Callable,
        cv,
        n_jobs,
        memory: Path,
        report: Callable[[dict, slice], None],
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=partial(score_trial, scorer=scorer),
            n_jobs=n_jobs,
            cv=cv,
            refit=False,
            error_score="raise",
            memory=memory,
        )
        self.scorer = scorer
        self.report = report

    def _run_search(self, evaluate_candidates):
        fits = self._take_over_fits(evaluate_candidates)
        candidates = list(ParameterGrid(self.param_grid))
        group_size = ceil(FITS_PER_REPORT * effective_n_jobs(self.n_jobs) / self.cv.get_n_splits())
        for group in gen_batches(len(candidates), group_size):
            self.report(evaluate_candidates(candidates[group]), group)
        self.n_reused_fits_ = fits.n_reused

    def __getstate__(self):
        # Worker processes get a copy, but `report` uses a terminal and cannot be copied.
        return {**super().__getstate__(), "report": None}


class SchemeSearch:
    """A search over initialization schemes and hidden layers.

    Parameters
    ----------
    preprocessor : transformer
        The transformer from X to numbers.
    task : {"classification", "regression"}
    schemes : list of Scheme
    hidden_layer_sizes : list of tuple of int
    scorer : callable
        As in `score_trial`.
    cv : int
        Number of folds.
    n_jobs : int
    seed : int
        Seed of the folds and of the networks.
    memory : Path
        Folder that keeps finished fits for later searches.
    **network_parameters
        Other parameters of the networks.
    """

    def __init__(
        self,
        preprocessor,
        task: str,
        schemes: list[Scheme],
        hidden_layer_sizes: list[tuple[int, ...]],
        *,
        scorer: Callable,
        cv: int,
        n_jobs: int,
        seed: int,
        memory: Path,
        **network_parameters,
    ) -> None:
        if task == "classification":
            network = MLPClassifier(random_state=seed, **network_parameters)
            self._prefix = "network__"
            self._folds = StratifiedKFold(cv, shuffle=True, random_state=seed)
            self._dummy = DummyClassifier()
        else:
            # Otherwise losses and the effect of a learning rate would depend on the unit of the target.
            network = TransformedTargetRegressor(
                MLPRegressor(random_state=seed, **network_parameters), transformer=StandardScaler()
            )
            self._prefix = "network__regressor__"
            self._folds = KFold(cv, shuffle=True, random_state=seed)
            self._dummy = DummyRegressor()
        self._trial = Trial([("preprocessor", preprocessor), ("network", network)])
        self._scorer = scorer
        self._n_jobs = n_jobs
        self._memory = memory
        self.n_reused_fits = 0
        self._schemes = schemes
        self._grid = [
            {
                f"{self._prefix}{name}": [value]
                for name, value in {"hidden_layer_sizes": hidden, **scheme.parameters}.items()
            }
            for hidden in hidden_layer_sizes
            for scheme in schemes
        ]

    @property
    def n_candidates(self) -> int:
        """The number of pairs of a scheme and hidden layers."""
        return len(ParameterGrid(self._grid))

    def candidate(self, parameters: dict) -> tuple[str, tuple[int, ...]]:
        """The scheme and hidden layers of an entry in ``cv_results_["params"]``."""
        own = {name.removeprefix(self._prefix): value for name, value in parameters.items()}
        hidden = own.pop("hidden_layer_sizes")
        # Workers and files return equal initializers, not identical objects.
        return next(scheme.text for scheme in self._schemes if repr(scheme.parameters) == repr(own)), hidden

    def warm_up(self, X, y) -> None:
        """Train a network with each scheme for one epoch, so that measured times do not include compilation."""
        for parameters in ParameterGrid(self._grid[: len(self._schemes)]):
            trial = clone(self._trial).set_params(**parameters, **{f"{self._prefix}max_iter": 1})
            with parallel_config(backend="sequential"):
                score_trial(trial.fit(X, y), X, y, self._scorer)

    def run(self, X, y, report: Callable[[dict, slice], None]) -> dict:
        """Search; return ``cv_results_``."""
        search = ReportingGridSearchCV(
            self._trial,
            self._grid,
            scorer=self._scorer,
            cv=self._folds,
            n_jobs=self._n_jobs,
            memory=self._memory,
            report=report,
        )
        results = search.fit(X, y).cv_results_
        self.n_reused_fits = search.n_reused_fits_
        return results

    def fit(self, X, y, init: str, hidden: tuple[int, ...]) -> Trial:
        """Fit a candidate to all rows."""
        parameters = next(each for each in ParameterGrid(self._grid) if self.candidate(each) == (init, hidden))
        return clone(self._trial).set_params(**parameters).fit(X, y)

    def chance_scores(self, X, y) -> np.ndarray:
        """The score in each fold for predicting the most frequent class or the mean."""
        rows = np.zeros((len(y), 1))
        # Run in this process, because these fits take no time.
        with parallel_config(backend="sequential"):
            return cross_val_score(self._dummy, rows, y, scoring=self._scorer, cv=self._folds, error_score="raise")

    def chance_score(self, y, y_test) -> float:
        """The score on test rows for predicting the most frequent class or the mean of the training rows."""
        dummy = clone(self._dummy).fit(np.zeros((len(y), 1)), y)
        return self._scorer(dummy, np.zeros((len(y_test), 1)), y_test)

    def loss_curves(self, X, y) -> dict[tuple[str, tuple[int, ...]], list[float]]:
        """The training loss by epoch for one fit of each candidate to all rows, without candidates that diverge."""
        all_parameters = list(ParameterGrid(self._grid))
        fits = Fits(FinishedFits(self._memory), Parallel(n_jobs=self._n_jobs))
        results = fits.run(
            delayed(_loss_curve)(clone(self._trial).set_params(**parameters), X, y) for parameters in all_parameters
        )
        return {
            self.candidate(parameters): result["loss_curve"]
            for parameters, result in zip(all_parameters, results, strict=True)
            if result["loss_curve"] is not None
        }


def _loss_curve(trial: Trial, X, y) -> dict[str, list[float] | None]:
    curve = getattr(trial.fit(X, y).network_, "loss_curve_", None)
    return {"loss_curve": None if curve is None else [float(loss) for loss in curve]}
