"""The grid search over schemes and hidden layers.

It knows neither tables nor terminals, so that worker processes have little to import.
"""

from collections.abc import Callable
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

# Fits for each worker between two reports: few make progress visible, many keep the workers busy.
FITS_PER_REPORT = 4


class Trial(Pipeline):
    """A pipeline that ends in a network, and takes its divergence for a result rather than an error.

    `GridSearchCV` counts fits that raise an error, whatever it is, and raises one itself if all of them do.
    """

    def fit(self, X, y=None, **params):
        """Fit as a pipeline does; `network_` is None if the network diverged."""
        self.network_ = None
        try:
            super().fit(X, y, **params)
        except DivergenceError:
            return self
        network = getattr(self[-1], "regressor_", self[-1])
        if np.isfinite(network.loss_):
            self.network_ = network
        return self


def score_trial(trial: Trial, X, y) -> dict[str, float]:
    """Score a fitted trial on a fold: accuracy or R², with the training loss and the number of epochs.

    Parameters
    ----------
    trial : Trial
    X, y : array-like
        The fold.

    Returns
    -------
    scores : dict of str to float
        All NaN if the network diverged.
    """
    network = trial.network_
    if network is None:
        return {"score": nan, "train_loss": nan, "epochs": nan}
    return {"score": trial.score(X, y), "train_loss": network.loss_, "epochs": network.n_iter_}


class ReportingGridSearchCV(ResumableGridSearchCV):
    """A grid search that reports as it goes.

    Parameters
    ----------
    estimator, param_grid, cv, n_jobs, memory
        As those of `ResumableGridSearchCV`.
    report : callable
        Called after each group of candidates with the results so far (like `cv_results_`) and the group, a slice.
    """

    def __init__(self, estimator, param_grid, *, cv, n_jobs, memory: Path, report: Callable[[dict, slice], None]):
        super().__init__(
            estimator,
            param_grid,
            scoring=score_trial,
            n_jobs=n_jobs,
            cv=cv,
            refit=False,
            error_score="raise",
            memory=memory,
        )
        self.report = report

    def _run_search(self, evaluate_candidates):
        fits = self._take_over_fits(evaluate_candidates)
        candidates = list(ParameterGrid(self.param_grid))
        group_size = ceil(FITS_PER_REPORT * effective_n_jobs(self.n_jobs) / self.cv.get_n_splits())
        for group in gen_batches(len(candidates), group_size):
            self.report(evaluate_candidates(candidates[group]), group)
        self.n_reused_fits_ = fits.n_reused

    def __getstate__(self):
        # Worker processes get a copy, and what reports to a terminal cannot be copied.
        return {**super().__getstate__(), "report": None}


class SchemeSearch:
    """A search over initialization schemes and hidden layers.

    Parameters
    ----------
    preprocessor : transformer
        What makes numbers of X.
    task : {"classification", "regression"}
    inits : list of str
    hidden_layer_sizes : list of tuple of int
    cv : int
        Number of folds.
    n_jobs : int
    seed : int
        Seed of the folds and of the networks.
    memory : Path
        Folder that fits are kept in as they are finished, and taken from.
    **network_parameters
        Other parameters of the networks.
    """

    def __init__(
        self,
        preprocessor,
        task: str,
        inits: list[str],
        hidden_layer_sizes: list[tuple[int, ...]],
        *,
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
            # Losses, and what a learning rate does, would otherwise depend on the unit of the target.
            network = TransformedTargetRegressor(
                MLPRegressor(random_state=seed, **network_parameters), transformer=StandardScaler()
            )
            self._prefix = "network__regressor__"
            self._folds = KFold(cv, shuffle=True, random_state=seed)
            self._dummy = DummyRegressor()
        self._trial = Trial([("preprocessor", preprocessor), ("network", network)])
        self._n_jobs = n_jobs
        self._memory = memory
        self.n_reused_fits = 0
        self._grid = {
            f"{self._prefix}hidden_layer_sizes": hidden_layer_sizes,
            f"{self._prefix}init": inits,
        }

    @property
    def n_candidates(self) -> int:
        """Pairs of scheme and hidden layers."""
        return len(ParameterGrid(self._grid))

    def candidate(self, parameters: dict) -> tuple[str, tuple[int, ...]]:
        """Scheme and hidden layers of an entry of ``cv_results_["params"]``."""
        return parameters[f"{self._prefix}init"], parameters[f"{self._prefix}hidden_layer_sizes"]

    def warm_up(self, X, y) -> None:
        """Train a network for one epoch, so that the times of the search are not those of compilation."""
        parameters = ParameterGrid(self._grid)[0]
        trial = clone(self._trial).set_params(**parameters, **{f"{self._prefix}max_iter": 1})
        with parallel_config(backend="sequential"):
            score_trial(trial.fit(X, y), X, y)

    def run(self, X, y, report: Callable[[dict, slice], None]) -> dict:
        """Search; return ``cv_results_``."""
        search = ReportingGridSearchCV(
            self._trial, self._grid, cv=self._folds, n_jobs=self._n_jobs, memory=self._memory, report=report
        )
        results = search.fit(X, y).cv_results_
        self.n_reused_fits = search.n_reused_fits_
        return results

    def chance_scores(self, X, y) -> np.ndarray:
        """Scores, fold by fold, of predicting the commonest class or the mean."""
        # Here, and not on a cluster: they take no time.
        with parallel_config(backend="sequential"):
            return cross_val_score(self._dummy, np.zeros((len(y), 1)), y, cv=self._folds)

    def loss_curves(self, X, y) -> dict[tuple[str, tuple[int, ...]], list[float]]:
        """Training loss, epoch by epoch, of one fit of each candidate on all rows; diverged ones are left out."""
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
