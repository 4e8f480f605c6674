"""Atomic operations on entries of int64 vectors, and ways to wait, for threads that share memory."""

import os
import time

from numba import boolean, int64, types, void
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic

from .processor import declare, processor

# Whether the operating system has the POSIX functions that waiting needs.
HAS_POSIX = os.name == "posix"
# The number of the monotonic clock. Windows does not have it, so `nanoseconds` reads no clock there.
_MONOTONIC_CLOCK = getattr(time, "CLOCK_MONOTONIC", 1)
# The alignment of int64 entries in bytes.
_ITEM_BYTES = 8

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic
def load(typing_context, values, index):
    """Read ``values[index]`` (acquire): writes that another thread made before its `store` are then visible too."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(pointer, "acquire", _ITEM_BYTES)

    return int64(values, types.intp), generate


@intrinsic
def store(typing_context, values, index, value):
    """Set ``values[index] = value`` after all earlier writes of this thread (release)."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], pointer, "release", _ITEM_BYTES)
        return context.get_dummy_value()

    return void(values, types.intp, int64), generate


@intrinsic
def exchange(typing_context, values, index, expected, value):
    """Compare and swap: set ``values[index] = value`` if the entry equals `expected`. Return whether it was set."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
        result = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return boolean(values, types.intp, int64, int64), generate


@intrinsic
def pause(typing_context):
    """Tell the processor that this loop waits for another thread."""

    def generate(context, builder, signature, arguments):
        if processor().is_x86:
            builder.call(declare(builder.module, "llvm.x86.sse2.pause", ir.VoidType(), []), [])
        return context.get_dummy_value()

    return void(), generate


@intrinsic
def nanoseconds(typing_context):
    """The time of the monotonic clock in nanoseconds. Always 0 on Windows."""

    def generate(context, builder, signature, arguments):
        if not HAS_POSIX:
            return ir.Constant(_INT64, 0)
        # A timespec on 64-bit systems.
        time_of_day = ir.ArrayType(_INT64, 2)
        now = cgutils.alloca_once(builder, time_of_day)
        clock_gettime = declare(builder.module, "clock_gettime", _INT32, [_INT32, time_of_day.as_pointer()])
        builder.call(clock_gettime, [ir.Constant(_INT32, _MONOTONIC_CLOCK), now])
        seconds, rest = (builder.extract_value(builder.load(now), part) for part in (0, 1))
        return builder.add(builder.mul(seconds, ir.Constant(_INT64, 10**9)), rest)

    return int64(), generate


@intrinsic
def give_way(typing_context):
    """Let another thread that waits for a core run on this core."""

    def generate(context, builder, signature, arguments):
        if HAS_POSIX:
            builder.call(declare(builder.module, "sched_yield", _INT32, []), [])
        return context.get_dummy_value()

    return void(), generate


@intrinsic
def sleep(typing_context, microseconds):
    """Sleep for at least this many microseconds."""

    def generate(context, builder, signature, arguments):
        if HAS_POSIX:
            usleep = declare(builder.module, "usleep", _INT32, [_INT32])
            builder.call(usleep, [builder.trunc(arguments[0], _INT32)])
        return context.get_dummy_value()

    return void(int64), generate
