"""How kernels are compiled: on first use, once for each dtype, and kept on disk (`cache`).

A kernel that calls other kernels (an activation, a loss, a solver's step) takes their addresses as arguments, so it is
compiled only once for each dtype. Each activation, loss and step is compiled when it is first needed.
"""

import ctypes
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, njit, types
from numba.core import cgutils, config, event, serialize
from numba.core.codegen import JITCPUCodegen, ll
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from ..interrupts import interruptible
from . import cache as disk

# numba's options for kernels. They count no references to arrays, because kernels allocate nothing, and because threads
# would wait for each other to change the counts.
JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
# The seconds of compilation before `MESSAGE` appears.
PATIENCE = 1.0
# "Once", because compiled code is kept on disk.
MESSAGE = "Compiling, once for this machine ..."
# For functions that are compiled as part of the kernels that call them. Only other compiled code calls these, so the
# CPython and C wrappers would never be used.
inner: Any = njit(**(JIT_OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}))
# For functions that return a view of an array, because only inlined functions can do so without reference counts. Also
# for functions with many arguments that are called in one place.
inlined: Any = njit(**(JIT_OPTIONS | {"inline": "always"}))


class Kernel:
    """A function compiled for one signature. It releases the GIL and is cached on disk.

    The compiler neither fuses multiply-adds nor reorders sums, so all kinds of processors compute the same bits.

    Arguments must have exactly the types of the signature. numba's dispatcher would inspect the types of all arguments
    in every call, and look up the addresses of kernels among them. This takes longer than a small network's prediction.

    Raises
    ------
    RuntimeError
        If numba's compiler is switched off.
    """

    def __init__(self, function: Callable, signature: Any) -> None:
        if getattr(config, "DISABLE_JIT", False):
            raise RuntimeError("skinit needs numba's compiler: unset NUMBA_DISABLE_JIT (numba.config.DISABLE_JIT).")
        self.signature = signature
        making = Making(function, signature)
        try:
            # Ctrl-C during numba's work would leave its registries half loaded.
            self._library, self._entry_point, self._address = interruptible(making.run)
        except BaseException:
            making.give_up()
            raise
        # Threads that are left when the interpreter ends may still run the code, and they hold only its address.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._library))

    def __call__(self, *arguments) -> Any:
        return self._entry_point(*arguments)

    @property
    def address(self) -> int:
        """The address of the machine code. Other kernels call the code by this number (`function_at`)."""
        return self._address


class Making(event.Listener):
    """Loads or compiles one kernel. Another thread can cancel the compilation.

    Parameters
    ----------
    function : callable
    signature : numba signature
    """

    def __init__(self, function: Callable, signature: Any) -> None:
        self._function, self._signature = function, signature
        self._thread: int | None = None
        self._is_given_up = False

    def run(self) -> tuple[Any, Callable, int]:
        """Load or compile; return the library that holds the code, the entry point for Python, and the address.

        Every kernel has its own LLVM engine. An inner function that is not inlined is a symbol. So if two kernels
        shared an engine, both would call the copy that was loaded first, and its results may have other bits, because
        each copy is optimized in its own context. Even the process that compiles a kernel loads the serialized code.
        """
        with global_compiler_lock:
            context = cpu_target.target_context
            context.refresh()
            library_state, description, environment, *_, environments = pickle.loads(self.machine_code())
            library = JITCPUCodegen(description.qualname).unserialize_library(library_state)
            entry_point = context.get_executable(library, description, environment)
            for each in environments:
                library.codegen.set_env(each.env_name, each)
            return library, entry_point, library.get_pointer_to_function(description.llvm_cfunc_wrapper_name)

    def machine_code(self) -> bytes:
        """The compiled function as numba serializes it, read from disk if possible."""
        if not disk.can_be_kept(self._function):
            return self._compile()
        name = disk.file_name(self._function, self._signature)
        code = disk.load(name)
        if code is None:
            announcement = _announcement.get()
            with announcement.during_compilation() if announcement else nullcontext():
                code = self._compile()
            disk.keep(name, code)
        return code

    def _compile(self) -> bytes:
        self._thread = threading.get_ident()
        dispatcher = njit(**JIT_OPTIONS)(self._function)
        with event.install_listener("numba:run_pass", self):
            dispatcher.compile(self._signature)
        return serialize.dumps(dispatcher.get_compile_result(self._signature)._reduce())

    def give_up(self) -> None:
        """End `run` before the compiler's next pass, if it is still compiling."""
        self._is_given_up = True

    def on_start(self, event) -> None:
        if self._is_given_up and threading.get_ident() == self._thread:
            raise GivenUpError

    def on_end(self, event) -> None:
        pass


class GivenUpError(BaseException):
    """Ends a compilation whose result is no longer needed."""


class Announcement:
    """Announces once that kernels are being compiled, after `PATIENCE` seconds of compilation.

    Parameters
    ----------
    say : callable
        Called with a line of text, in another thread.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._seconds_left = PATIENCE

    @contextmanager
    def during_compilation(self) -> Iterator[None]:
        """Time the block, which compiles one kernel, and announce compilation after `PATIENCE` seconds in all."""
        if self._seconds_left <= 0:
            yield
            return
        timer = threading.Timer(self._seconds_left, self._say, [MESSAGE])
        timer.daemon = True
        began = time.perf_counter()
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._seconds_left -= time.perf_counter() - began


_announcement: ContextVar[Announcement | None] = ContextVar("_announcement", default=None)


@contextmanager
def announcing_compilation(say: Callable[[str], object] = print) -> Iterator[None]:
    """Within the block, announce compilation that takes longer than a second. Kernels on disk are not compiled.

    Parameters
    ----------
    say : callable, default=print
        Called with a line of text, in another thread.
    """
    token = _announcement.set(Announcement(say))
    try:
        yield
    finally:
        _announcement.reset(token)


def _pause_compilation() -> None:
    """Wait until no other thread compiles, and keep others from starting."""
    global_compiler_lock.acquire()
    ll.ffi.lib._lock.__enter__()


def _resume_compilation() -> None:
    ll.ffi.lib._lock.__exit__()
    global_compiler_lock.release()


# A process forked during a compilation would wait forever for a thread that it does not have.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_pause_compilation, after_in_parent=_resume_compilation, after_in_child=_resume_compilation
    )


def function_at(signature: Callable) -> Any:
    """A function that kernels call to turn the address of another kernel into a function.

    numba accepts the other kernel as an argument too, but then asks Python for its address in every call, which takes
    as long as predicting a row.

    Parameters
    ----------
    signature : callable
        Returns the signature of the other kernel for a dtype.

    Returns
    -------
    function : callable
        Takes the address and any array that has the dtype.
    """

    @intrinsic
    def function(typing_context, address, like):
        function_type = types.FunctionType(signature(as_dtype(like.dtype)))

        def generate(context, builder, signature, arguments):
            function = cgutils.create_struct_proxy(function_type)(context, builder)
            for name in ("py_addr", "jit_addr"):
                setattr(function, name, cgutils.get_null_value(getattr(function, name).type))
            function.c_addr = builder.inttoptr(arguments[0], cgutils.voidptr_t)
            return function._getvalue()

        return function_type(types.int64, like), generate

    return function


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
        # A slice of a matrix's columns is not contiguous.
        self.strided_matrix = types.Array(self.scalar, 2, "A", readonly=True)


@cache
def array_types(dtype: np.dtype) -> ArrayTypes:
    """The `ArrayTypes` of `dtype`."""
    return ArrayTypes(dtype)


FLOAT64_VECTOR = types.Array(types.float64, 1, "C")
FLOAT64_DATA = types.Array(types.float64, 1, "C", readonly=True)
INT64_VECTOR = types.Array(types.int64, 1, "C")
INT64_MATRIX = types.Array(types.int64, 2, "C")
INT64_DATA = types.Array(types.int64, 1, "C", readonly=True)
INT32_DATA = types.Array(types.int32, 1, "C", readonly=True)
