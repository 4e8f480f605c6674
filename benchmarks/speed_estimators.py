"""The workloads in skinit and scikit-learn, which share their interface."""

from dataclasses import replace
from functools import partial

import numpy as np
import sklearn.neural_network
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

import skinit
from skinit.curvature import hessian_operator

from .speed_worker import Run
from .speed_workloads import GROWTH_ROWS, Workload, training_loss

# Rows of the fit before predictions are timed.
FITTED_ROWS = 1_000
# Epochs of the fit before predictions are timed.
FITTED_EPOCHS = 20


class _Estimators:
    """The workloads in estimators of either package."""

    classifier: type
    regressor: type
    parameters: dict
    # The parameters that GridSearchCV searches over: ten fits for each fold.
    grid: dict

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def _estimator(self, workload: Workload):
        make = self.regressor if workload.is_regression else self.classifier
        return make(**workload.parameters(), **self.parameters)

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        estimator = self._estimator(workload)
        return {"": self._fit(estimator, workload, X, y)}

    @staticmethod
    def _fit(estimator, workload: Workload, X, y) -> Run:
        return Run(
            lambda: estimator.fit(X, y),
            lambda fitted: training_loss(workload, X, y, fitted.coefs_, fitted.intercepts_),
        )

    def fitted(self, workload: Workload, X, y):
        """Return an estimator that can predict."""
        estimator = self._estimator(workload).set_params(max_iter=FITTED_EPOCHS)
        return estimator.fit(X[:FITTED_ROWS], y[:FITTED_ROWS])

    def predict(self, workload: Workload, X, y) -> dict[str, Run]:
        estimator = self.fitted(workload, X, y)
        return {"": Run(lambda: estimator.predict(X), np.mean)}

    def predict_one(self, workload: Workload, X, y) -> dict[str, Run]:
        estimator = self.fitted(workload, X, y)
        rows = [X[i : i + 1] for i in range(workload.times)]
        return {"": Run(lambda: [estimator.predict(row)[0] for row in rows], np.mean)}

    def search(self, workload: Workload, X, y) -> dict[str, Run]:
        estimator = self._estimator(workload)

        def search(backend: str) -> GridSearchCV:
            # Each of the simultaneous fits gets one BLAS thread.
            with parallel_config(backend, n_jobs=self.n_threads), threadpool_limits(1, "blas"):
                return GridSearchCV(estimator, self.grid, cv=5, refit=False, error_score="raise").fit(X, y)

        def n_fits(search: GridSearchCV) -> float:
            return len(search.cv_results_["params"]) * search.n_splits_

        backends = ("sequential",) if self.n_threads == 1 else ("threading", "loky")
        return {backend: Run(partial(search, backend), n_fits) for backend in backends}


class ScikitLearn(_Estimators):
    classifier = sklearn.neural_network.MLPClassifier
    regressor = sklearn.neural_network.MLPRegressor
    parameters: dict = {}
    grid = {"random_state": list(range(10))}


class Skinit(_Estimators):
    classifier = skinit.MLPClassifier
    regressor = skinit.MLPRegressor
    parameters = {"init": "sklearn"}
    grid = {
        "init": [
            "random",
            "xavier_uniform",
            "xavier_normal",
            "he_uniform",
            "he_normal",
            "lecun_uniform",
            "lecun_normal",
            "truncated_normal",
            "orthogonal",
            "sparse",
        ]
    }

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        runs = super().fit(workload, X, y)
        if workload.busy_processes and self.n_threads > 1:
            runs["one thread"] = replace(runs[""], call=partial(self._with_one_thread, runs[""].call))
        return runs

    @staticmethod
    def _with_one_thread(call):
        skinit.set_num_threads(1)
        try:
            return call()
        finally:
            skinit.set_num_threads(None)

    def hessian_products(self, workload: Workload, X, y) -> dict[str, Run]:
        network = self._estimator(workload).initialize(X, y)

        def iterate() -> float:
            operator = hessian_operator(network, X, y)
            direction = np.full(operator.shape[0], operator.shape[0] ** -0.5)
            for _ in range(workload.times):
                product = operator.matvec(direction)
                norm = np.linalg.norm(product)
                direction = product / norm
            return norm

        return {"": Run(iterate, float)}

    def growth(self, workload: Workload, X, y) -> dict[str, Run]:
        """Fit the same network to more and more rows."""
        estimator = self._estimator(workload)
        return {str(n_rows): self._fit(estimator, workload, X[:n_rows], y[:n_rows]) for n_rows in GROWTH_ROWS}
