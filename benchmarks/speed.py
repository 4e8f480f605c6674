"""How much faster skinit fits than scikit-learn.

Both train the same architecture on the same data with the same solver, batches, epochs and initial weights
(``init="sklearn"``), in turn in one process. Machines differ and are noisy: what counts is the ratio of the medians.
Equal final losses show that the work was equal. Compilation is left out (a fit before the first counted one) and
measured apart, in a new process with an empty cache.
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skinit


@dataclass
class Workload:
    """Something to fit."""

    name: str
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    hidden_layer_sizes: tuple[int, ...] = (100,)
    activation: str = "relu"
    dtype: type = np.float64
    max_iter: int = 20
    goal: float = 2.0
    parameters: dict = field(default_factory=dict)

    def estimators(self) -> dict:
        """scikit-learn's estimator and ours, for the same training."""
        parameters = {
            "hidden_layer_sizes": self.hidden_layer_sizes,
            "activation": self.activation,
            "max_iter": self.max_iter,
            # All epochs, whatever the loss does.
            "n_iter_no_change": np.inf,
            "random_state": 0,
            **self.parameters,
        }
        return {
            "scikit-learn": sklearn.neural_network.MLPClassifier(**parameters),
            "skinit": skinit.MLPClassifier(init="sklearn", **parameters),
        }


def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def table():
    return make_classification(20_000, 20, n_informative=10, random_state=0)


def images():
    X, y = make_classification(6_000, 784, n_informative=60, n_classes=10, random_state=0)
    return X / X.std(axis=0), y


WORKLOADS = [
    Workload("digits-100 float64 relu", digits),
    Workload("digits-100 float64 tanh", digits, activation="tanh"),
    Workload("digits-100 float32 relu", digits, dtype=np.float32),
    Workload("digits-100 float32 tanh", digits, activation="tanh", dtype=np.float32),
    Workload("20,000x20-(100,) float64", table, max_iter=5),
    Workload("6,000x784-(512,512) float32", images, (512, 512), dtype=np.float32, max_iter=3, goal=1.0),
    Workload("digits-20 tanh layers of 64 float64", digits, (64,) * 20, "tanh", max_iter=5),
]


def measure(workload: Workload, n_threads: int, repeat: int) -> dict[str, dict]:
    """Seconds of `repeat` fits of each library, in turn, and the final loss of each."""
    X, y = workload.data()
    X = X.astype(workload.dtype)
    estimators = workload.estimators()
    seconds: dict[str, list[float]] = {name: [] for name in estimators}
    with warnings.catch_warnings(), threadpool_limits(n_threads):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for estimator in estimators.values():
            estimator.fit(X, y)
        for _ in range(repeat):
            for name, estimator in estimators.items():
                began = time.perf_counter()
                estimator.fit(X, y)
                seconds[name].append(time.perf_counter() - began)
    return {name: {"seconds": seconds[name], "loss": float(estimators[name].loss_)} for name in estimators}


FIRST_FIT = """
import time, warnings
from benchmarks.speed import WORKLOADS
warnings.simplefilter("ignore")
X, y = WORKLOADS[{index}].data()
estimator = WORKLOADS[{index}].estimators()["skinit"]
seconds = []
for _ in range(2):
    began = time.perf_counter()
    estimator.fit(X.astype(WORKLOADS[{index}].dtype), y)
    seconds.append(time.perf_counter() - began)
print(seconds[0] - seconds[1])
"""


def measure_compilation(workload: Workload, cache: str) -> float:
    """Seconds that the first fit of a new process takes longer than its second, with numba's cache in `cache`."""
    process = subprocess.run(
        [sys.executable, "-c", FIRST_FIT.format(index=WORKLOADS.index(workload))],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(process.stdout)


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="counted fits of each library (default: 5)")
    parser.add_argument("--only", metavar="TEXT", default="", help="only workloads whose names contain TEXT")
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Measure all workloads on one and two threads and print a table."""
    print(
        f"skinit {skinit.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}, "
        f"{os.cpu_count()} cores; medians of {arguments.repeat} fits, interleaved\n"
    )
    header = (
        f"{'workload':36} {'threads':>7} {'ratio':>6} {'goal':>5} "
        f"{'loss skinit':>13} {'loss sklearn':>13} {'compile s':>9}"
    )
    print(header)
    print("-" * len(header))
    for workload in WORKLOADS:
        if arguments.only not in workload.name:
            continue
        with tempfile.TemporaryDirectory() as cache:
            compilation = measure_compilation(workload, cache)
        for n_threads in (1, 2):
            results = measure(workload, n_threads, arguments.repeat)
            ratio = median(results["scikit-learn"]["seconds"]) / median(results["skinit"]["seconds"])
            print(
                f"{workload.name:36} {n_threads:7d} {ratio:6.2f} {workload.goal:5.1f} "
                f"{results['skinit']['loss']:13.9f} {results['scikit-learn']['loss']:13.9f} {compilation:9.1f}",
                flush=True,
            )
    print(
        "\nratio: scikit-learn's median time over skinit's. compile: what the first fit with an empty cache takes "
        "longer than the second, once a machine."
    )
