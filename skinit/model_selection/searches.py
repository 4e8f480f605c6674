"""Resumable searches over hyperparameters."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from .finished_fits import FinishedFits
from .fits import Fits


class ResumableSearch:
    """A base class that makes a search of scikit-learn resumable. List it before the class of the search."""

    memory: Any
    n_reused_fits_: int

    def _run_search(self, evaluate_candidates: Callable, *, callback_ctx=None) -> None:
        fits = self._take_over_fits(evaluate_candidates)
        # scikit-learn has callbacks since version 1.9.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        super()._run_search(evaluate_candidates, **context)  # type: ignore[misc]
        self.n_reused_fits_ = fits.n_reused

    def _take_over_fits(self, evaluate_candidates: Callable) -> Fits:
        """Make `evaluate_candidates` run its fits with `Fits` instead of joblib."""
        # scikit-learn has no public interface for this. The variable is local to this call of scikit-learn's `fit`.
        variables = zip(evaluate_candidates.__code__.co_freevars, evaluate_candidates.__closure__ or (), strict=True)
        cell = dict(variables).get("parallel")
        if cell is None:
            raise NotImplementedError("This version of skinit cannot resume searches of this version of scikit-learn.")
        fits = Fits(_open_memory(self.memory), parallel=cell.cell_contents)
        cell.cell_contents = fits.run
        return fits


def _open_memory(memory: Any) -> FinishedFits | None:
    # joblib.Memory(None) keeps nothing.
    location = getattr(memory, "location", memory)
    if location is None:
        return None
    if not isinstance(location, (str, os.PathLike)):
        raise TypeError(f"memory must be the path of a folder, a joblib.Memory or None, got {memory!r}.")
    return FinishedFits(Path(location))


class ResumableGridSearchCV(ResumableSearch, GridSearchCV):
    """A grid search that resumes after an interruption and survives the loss of workers.

    It is scikit-learn's :class:`~sklearn.model_selection.GridSearchCV` with the same results, bit for bit, and two
    differences:

    - With `memory`, each fit is kept when it finishes. If the search is interrupted or killed, run it again, and it
      resumes.
    - If a worker process is lost, because it was killed or its machine is gone, its fits are run again. This works with
      joblib's processes and on dask and ray clusters. :doc:`/cluster` has details.

    Parameters
    ----------
    estimator, param_grid
        The same as for :class:`~sklearn.model_selection.GridSearchCV`.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        The same as well.
    memory : str, path, joblib.Memory or None, default=None
        A folder. Each fit is kept in its subfolder ``finished-fits`` as soon as it is finished. A search reuses a fit
        if all of this is the same: the estimator and its parameters, the rows of the training and test set, the
        scoring, the parameters of `fit`, the versions of Python, NumPy, SciPy, scikit-learn, numba, skinit and the
        packages of pipeline steps, and the code of your own functions and classes. None keeps nothing.

    Attributes
    ----------
    n_reused_fits_ : int
        Number of fits taken from memory. Their times in ``cv_results_`` are from the original run.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        The same as for :class:`~sklearn.model_selection.GridSearchCV`.

    Raises
    ------
    TypeError
        If `memory` has another type, or if it is given and a fit depends on something that cannot be pickled.
    RuntimeError
        If a worker is lost three times in a row before a fit is finished.

    Notes
    -----
    Fits that raise an error are not kept. A fit without a seed (``random_state=None``) is kept with the result that it
    had. A fit taken from memory calls no callbacks and gives no warnings. If a callback has recorded something, it
    counts as a different parameter in the next search. The best estimator is always fitted again on all rows.

    Only the searching process reads and writes the folder, so workers need no access to it. A damaged file is ignored.
    Nothing is ever deleted; you may delete the folder at any time.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.model_selection import ResumableGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), max_iter=20, random_state=0)
    >>> folder = mkdtemp()
    >>> search = ResumableGridSearchCV(
    ...     network, {"init": ["he", "xavier"]}, cv=3, memory=folder
    ... ).fit(X / 8, y)
    >>> search = ResumableGridSearchCV(
    ...     network, {"init": ["he", "xavier", "zero"]}, cv=3, memory=folder
    ... ).fit(X / 8, y)
    >>> len(search.cv_results_["params"]) * 3, search.n_reused_fits_
    (9, 6)
    """

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
        memory=None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory


class ResumableRandomizedSearchCV(ResumableSearch, RandomizedSearchCV):
    """A randomized search that resumes after an interruption and survives the loss of workers.

    It is scikit-learn's :class:`~sklearn.model_selection.RandomizedSearchCV` with the same results, bit for bit, and
    two differences:

    - With `memory`, each fit is kept when it finishes. If the search is interrupted or killed, run it again, and it
      resumes.
    - If a worker process is lost, because it was killed or its machine is gone, its fits are run again. This works with
      joblib's processes and on dask and ray clusters. :doc:`/cluster` has details.

    Parameters
    ----------
    estimator, param_distributions
        The same as for :class:`~sklearn.model_selection.RandomizedSearchCV`.
    n_iter, scoring, n_jobs, refit, cv, verbose, pre_dispatch, random_state, error_score, return_train_score
        The same as well.
    memory : str, path, joblib.Memory or None, default=None
        A folder. Each fit is kept in its subfolder ``finished-fits`` as soon as it is finished. A search reuses a fit
        if all of this is the same: the estimator and its parameters, the rows of the training and test set, the
        scoring, the parameters of `fit`, the versions of Python, NumPy, SciPy, scikit-learn, numba, skinit and the
        packages of pipeline steps, and the code of your own functions and classes. None keeps nothing.

    Attributes
    ----------
    n_reused_fits_ : int
        Number of fits taken from memory. Their times in ``cv_results_`` are from the original run.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        The same as for :class:`~sklearn.model_selection.RandomizedSearchCV`.

    Raises
    ------
    TypeError
        If `memory` has another type, or if it is given and a fit depends on something that cannot be pickled.
    RuntimeError
        If a worker is lost three times in a row before a fit is finished.

    Notes
    -----
    Fits that raise an error are not kept. A fit without a seed (``random_state=None``) is kept with the result that it
    had. A fit taken from memory calls no callbacks and gives no warnings. If a callback has recorded something, it
    counts as a different parameter in the next search. The best estimator is always fitted again on all rows.

    Only the searching process reads and writes the folder, so workers need no access to it. A damaged file is ignored.
    Nothing is ever deleted; you may delete the folder at any time.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.model_selection import ResumableRandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), max_iter=20, random_state=0)
    >>> rates = {"learning_rate_init": loguniform(1e-3, 1e-1)}
    >>> search = ResumableRandomizedSearchCV(
    ...     network, rates, n_iter=4, cv=3, random_state=0, memory=mkdtemp()
    ... )
    >>> search.fit(X / 8, y).n_reused_fits_
    0
    >>> search.fit(X / 8, y).n_reused_fits_
    12
    """

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        memory=None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory
