"""The matrix products of training alone, through the BLAS that comes with SciPy, in one compiled loop."""

import numpy as np
from numba import njit

from .speed_worker import Run
from .speed_workloads import BATCH_SIZE, Workload


@njit(nogil=True, cache=True)
def multiply_batches(X, activations, coefs, deltas, gradients, batch_size):
    """All products of an epoch, for each mini-batch: forward, of the weights' gradients, and of the deltas."""
    last = len(coefs) - 1
    for start in range(0, X.shape[0], batch_size):
        n = min(batch_size, X.shape[0] - start)
        inputs = X[start : start + n]
        np.dot(inputs, coefs[0], activations[0][:n])
        for k in range(1, last + 1):
            np.dot(activations[k - 1][:n], coefs[k], activations[k][:n])
        for k in range(last, 0, -1):
            np.dot(activations[k - 1][:n].T, deltas[k][:n], gradients[k])
            np.dot(deltas[k][:n], coefs[k].T, deltas[k - 1][:n])
        np.dot(inputs.T, deltas[0][:n], gradients[0])


class Limit:
    """Arrays of the layers' shapes, multiplied as in training, and nothing else."""

    def __init__(self, n_threads: int) -> None:
        pass

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        sizes = workload.layer_sizes(X, y)
        random_state = np.random.RandomState(0)

        def draw(n_rows: int, n_columns: int) -> np.ndarray:
            # Of a size that neither grows nor vanishes from layer to layer.
            return (random_state.standard_normal((n_rows, n_columns)) / np.sqrt(n_rows)).astype(X.dtype)

        coefs = tuple(draw(fan_in, fan_out) for fan_in, fan_out in zip(sizes, sizes[1:], strict=False))
        gradients = tuple(np.empty_like(coef) for coef in coefs)
        batch_size = min(BATCH_SIZE, X.shape[0])
        activations, deltas = (tuple(draw(batch_size, size) for size in sizes[1:]) for _ in range(2))

        def multiply() -> None:
            for _ in range(workload.times):
                multiply_batches(X, activations, coefs, deltas, gradients, batch_size)

        return {"": Run(multiply)}
