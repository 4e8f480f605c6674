"""The shortest time that a processor needs for the multiply-adds of a training, in any library."""

from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from skinit.kernels.processor import prefer_wide_vectors, processor
from skinit.kernels.vectors import Vectors

from .speed_worker import Run
from .speed_workloads import Workload

# The number of independent sums: more than the multiply-adds that a processor has in progress, and fewer than its
# registers.
N_SUMS = 12


@intrinsic
def _add_products(typing_context, x, n_rounds):
    """Add x * x to each of `N_SUMS` vectors that stay in registers, in each round."""

    def generate(context, builder, signature, arguments):
        dtype = signature.args[0]
        vectors = Vectors(builder, dtype, processor().vector_bytes * 8 // dtype.bitwidth)
        factor = vectors.repeat(arguments[0])
        sums = [cgutils.alloca_once_value(builder, vectors.zero) for _ in range(N_SUMS)]
        with cgutils.for_range(builder, arguments[1]):
            for total in sums:
                builder.store(vectors.multiply_add(factor, factor, builder.load(total)), total)
        # The result depends on all sums, so the compiler cannot drop any.
        return vectors.sum(reduce(builder.fadd, map(builder.load, sums)))

    return x(x, types.intp), generate


@njit(nogil=True, cache=True)
def add_products(x, n_rounds):
    """Do one multiply-add for each lane of `N_SUMS` vectors in each round."""
    prefer_wide_vectors()
    return _add_products(x, n_rounds)


class Peak:
    """Compute as many multiply-adds as training has in its matrix products, on numbers in registers."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        sizes = workload.layer_sizes(X, y)
        # The forward pass, the gradients of weights, and the deltas, which the input layer does not have.
        of_a_row = 3 * sum(fan_in * fan_out for fan_in, fan_out in zip(sizes, sizes[1:], strict=False))
        of_a_row -= sizes[0] * sizes[1]
        lanes = processor().vector_bytes // X.dtype.itemsize
        n_rounds = workload.times * X.shape[0] * of_a_row // (N_SUMS * lanes * self.n_threads)
        factors = [np.ones((), X.dtype)[()]] * self.n_threads

        def add() -> None:
            with ThreadPoolExecutor(self.n_threads) as pool:
                list(pool.map(add_products, factors, [n_rounds] * self.n_threads))

        return {"": Run(add)}
