"""How kernels are compiled: on first use, once for each dtype, and kept on disk.

A kernel that takes other kernels as arguments (an activation, a loss, a solver's step) takes them as
first-class functions: pointers with a fixed signature. It is then compiled once for each dtype,
and every activation, loss or step is compiled on its own, when it is first asked for.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, njit, types


def compile_kernel(function: Callable, signature: Any) -> Any:
    """Compile `function` for one signature, without the GIL and cached on disk.

    Multiply-adds may be fused; sums are not reordered, as the range reductions of `elementary` would lose their
    accuracy.
    """
    return njit(signature, cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)


class ArrayTypes:
    """The numba types of C-contiguous arrays of one floating dtype.

    Parameters
    ----------
    dtype : numpy.dtype
        float32 or float64.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.scalar = from_dtype(np.dtype(dtype))
        self.vector = types.Array(self.scalar, 1, "C")
        self.matrix = types.Array(self.scalar, 2, "C")
        # A user's data may be read-only (a memory map, a joblib worker's share).
        self.data_vector = types.Array(self.scalar, 1, "C", readonly=True)
        self.data_matrix = types.Array(self.scalar, 2, "C", readonly=True)


@cache
def array_types(dtype: np.dtype) -> ArrayTypes:
    """The `ArrayTypes` of `dtype`."""
    return ArrayTypes(dtype)


FLOAT64_VECTOR = types.Array(types.float64, 1, "C")
INT64_DATA = types.Array(types.int64, 1, "C", readonly=True)
INT32_DATA = types.Array(types.int32, 1, "C", readonly=True)


def input_types(dtype: np.dtype) -> Any:
    """Of `rows_of_X`: a dense matrix, or the data, indices and indptr of a CSR matrix."""
    arrays = array_types(dtype)
    return types.Tuple((arrays.data_matrix, arrays.data_vector, INT32_DATA, INT64_DATA))


class KernelPointer(types.WrapperAddressProtocol):
    """A compiled kernel as an argument of another: its address, looked up once.

    A kernel itself would do, but numba would look its address up in every call, which takes longer than a small
    network takes to predict.
    """

    def __init__(self, kernel: Any, signature: Any) -> None:
        self._kernel = kernel
        self._signature = signature
        result = kernel.get_compile_result(signature)
        self._address = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature


def compile_pointer(function: Callable, signature: Any) -> KernelPointer:
    """Compile `function` as an argument of other kernels."""
    return KernelPointer(compile_kernel(function, signature), signature)
