"""The cost of curvature: Hessian products in units of gradients, and initialization in units of epochs.

All figures are ratios of medians, measured in turn in one process with one BLAS thread.
"""

import time
import warnings
from statistics import median

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skinit import MLPClassifier
from skinit.curvature import hessian_operator
from skinit.engine.data import TrainingData
from skinit.engine.passes import DataPasses

from .speed_workloads import digits

NETWORKS = [((100,), "relu"), ((100,), "tanh"), ((64,) * 10, "relu"), ((64,) * 10, "tanh"), ((512, 512), "relu")]
N_DIRECTIONS = 8


def seconds_of(functions: dict, repeat: int) -> dict[str, float]:
    """Return the median time of each function. The functions are called in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeat):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - began)
    return {name: median(values) for name, values in times.items()}


def measure(hidden_layer_sizes: tuple[int, ...], activation: str, repeat: int) -> dict[str, float]:
    """Return the ratios for one network on the digits."""
    X, y = digits()
    parameters = {
        "hidden_layer_sizes": hidden_layer_sizes,
        "activation": activation,
        "solver": "sgd",
        "random_state": 0,
    }
    model = MLPClassifier(**parameters, max_iter=1, batch_size=200).fit(X, y)
    untrained = {init: MLPClassifier(**parameters, init=init) for init in ("he", "hessian")}
    operator = hessian_operator(model, X, y)
    layer = len(model.coefs_) // 2
    layer_operator = hessian_operator(model, X, y, layer=layer)
    gauss_newton = hessian_operator(model, X, y, kind="gauss_newton")
    targets = y.reshape(-1, 1).astype(float)
    passes = DataPasses(model._own_network(), TrainingData(X, targets, None), len(y), 0.0)
    rng = np.random.RandomState(0)
    vectors = rng.standard_normal((operator.shape[0], N_DIRECTIONS))
    layer_vector = rng.standard_normal(layer_operator.shape[0])
    seconds = seconds_of(
        {
            "gradient": lambda: passes.loss_and_gradient(),
            "product": lambda: operator.matvec(vectors[:, 0]),
            "gauss_newton": lambda: gauss_newton.matvec(vectors[:, 0]),
            "layer": lambda: layer_operator.matvec(layer_vector),
            "several": lambda: operator.matmat(vectors),
            "epoch": lambda: model.fit(X, y),
            "he": lambda: untrained["he"].initialize(X, y),
            "hessian": lambda: untrained["hessian"].initialize(X, y),
        },
        repeat,
    )
    return {
        "product / gradient": seconds["product"] / seconds["gradient"],
        "Gauss-Newton product / gradient": seconds["gauss_newton"] / seconds["gradient"],
        "layer product / gradient": seconds["layer"] / seconds["gradient"],
        f"{N_DIRECTIONS} products at once / one by one": seconds["several"] / (N_DIRECTIONS * seconds["product"]),
        "(init='hessian' - init='he') / epoch": (seconds["hessian"] - seconds["he"])
        / (seconds["epoch"] - seconds["he"]),
    }


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument(
        "--repeat", type=int, default=9, metavar="N", help="number of timed calls of each function (default: 9)"
    )
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Measure all networks and print the ratios."""
    for hidden_layer_sizes, activation in NETWORKS:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            ratios = measure(hidden_layer_sizes, activation, arguments.repeat)
        name = (
            "-".join(map(str, hidden_layer_sizes)) if len(hidden_layer_sizes) < 5 else f"{len(hidden_layer_sizes)} x 64"
        )
        print(f"digits, {name}, {activation}")
        for what, ratio in ratios.items():
            print(f"    {what:42} {ratio:6.2f}")
