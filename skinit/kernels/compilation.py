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
from numba.extending import intrinsic

# For functions that are compiled as part of the kernels that call them. Nobody else does: ways in from Python and from
# pointers would be compiled in vain.
_INNER: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
inner: Any = njit(**_INNER)


class Kernel(types.WrapperAddressProtocol):
    """A function compiled for one signature, without the GIL and cached on disk; also an argument of other kernels.

    Multiply-adds may be fused; sums are not reordered, as the range reductions of `elementary` would lose their
    accuracy.

    It takes arguments of exactly these types. numba's dispatcher, which looks at the types of all arguments in every
    call, and up the addresses of those that are kernels, takes longer than a small network takes to predict.
    """

    def __init__(self, function: Callable, signature: Any) -> None:
        dispatcher = njit(signature, cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)
        self.cache_folder = dispatcher.stats.cache_path
        self._signature = signature
        # Keeps the code in memory.
        self._compiled = dispatcher.get_compile_result(signature)
        self._address = self._compiled.library.get_pointer_to_function(self._compiled.fndesc.llvm_cfunc_wrapper_name)

    def __call__(self, *arguments) -> Any:
        return self._compiled.entry_point(*arguments)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature


@intrinsic
def prefer_wide_vectors(typing_context):
    """To be called by a kernel that is to use the widest vectors the processor has.

    LLVM stops at 256 bits on processors that could do 512, out of regard for the rest of a program, which the first of
    them slowed down. Here the rest is BLAS, which uses 512.
    """

    def generate(context, builder, signature, arguments):
        attributes = builder.function.attributes
        # llvmlite's set takes no attributes that have values, but writes out what is in it.
        if isinstance(attributes, set):
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


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
