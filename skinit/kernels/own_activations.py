"""Activations that users write as plain functions of one number.

They are computed in float64 for networks of both precisions, because a number in Python's source is a float64, and
because missing derivatives are replaced by differences, which need float64. They are not kept on disk, because the name
of the folder does not depend on their source (see `cache`), so every process compiles them again.
"""

import dis
from collections.abc import Callable
from types import FunctionType
from typing import Any

from numba import float64, njit, types

from ..interrupts import interruptible
from .activations import Formulas
from .compilation import JIT_OPTIONS
from .elementary import jittable

# The step h of first differences. Their error of fourth order, h^4 = 2^-40, is about as large as their rounding error,
# 2^-52 / h = 2^-42. A power of two makes u + h exact.
FIRST_STEP = 2.0**-10
# The step h of second differences. Their error of fourth order, h^4 = 2^-36, is about as large as their rounding error,
# 2^-52 / h^2 = 2^-34.
SECOND_STEP = 2.0**-9
# Beyond this magnitude of u, the steps grow in proportion to u, because the rounding error would dominate otherwise.
FAR_FROM_ZERO = 32.0
# A kink is assumed if the two one-sided first differences deviate from the central difference by more than this in sum,
# relative to 1 plus the magnitude of the central difference.
FIRST_KINK = 1e-6
# A kink is also assumed if second differences deviate by more than this. The limit is larger, because one-sided second
# differences have an error of second order, and one-sided first differences have an error of third order.
SECOND_KINK = 1e-3
# The weight of second differences in the search for a kink, so small that they only break ties of third differences.
TIE = 1e-6


def make_formulas(value: Callable, slope: Callable | None = None, bend: Callable | None = None) -> Formulas:
    """The formulas of an activation from functions of one number. Differences replace missing derivatives.

    Raises
    ------
    TypeError
        If a function cannot be compiled, or does not return a real number. The message names the function.
    """
    scalar_value = _compile(value, "value")
    scalar_slope = _compile(_make_difference(scalar_value) if slope is None else slope, "slope")
    if bend is not None:
        scalar_bend = _compile(bend, "bend")
    elif slope is not None:
        scalar_bend = _compile(_make_difference(scalar_slope), "bend")
    else:
        scalar_bend = _compile(_make_second_difference(scalar_value), "bend")

    @_inline
    def own_value(u):
        return type(u)(scalar_value(float64(u)))

    @_inline
    def own_slope(u, value):
        return type(u)(scalar_slope(float64(u)))

    @_inline
    def own_bend(u, value, slope):
        return type(u)(scalar_bend(float64(u)))

    return Formulas(own_value, own_slope, own_bend)


def _inline(function: Callable) -> Any:
    # A loop that contains a call does not become vector code.
    return njit(**(JIT_OPTIONS | {"forceinline": True}))(function)


def _compile(function: Any, name: str) -> Any:
    """The function compiled for a float64, so that kernels can call it."""
    function = getattr(function, "py_func", function)
    expected = (
        f"{name} must be a function of one number that returns a number, in the part of Python that numba compiles "
        "(arithmetic, comparisons, math, functions compiled by numba.njit)"
    )
    if not isinstance(function, FunctionType):
        # For example math.tanh, which numba knows.
        function = _make_call(function, repr(function))
    if any(instruction.opname == "RAISE_VARARGS" for instruction in dis.get_instructions(function)):
        raise TypeError(f"{expected}, and must not raise errors, which compiled loops cannot pass on.")
    if function.__defaults__:
        function = _make_call(_inline(function), function.__qualname__)
    compiled = _inline(function)
    try:
        interruptible(compiled.compile, (float64,))
    except Exception as error:
        raise TypeError(f"{expected}, got {function.__qualname__}: {_shortened(str(error))}") from error
    (overload,) = compiled.overloads.values()
    result = overload.signature.return_type
    if not isinstance(result, types.Float | types.Integer | types.Boolean):
        raise TypeError(f"{expected}, but {function.__qualname__} returns {result}.")
    return compiled


def _make_call(given: Callable, name: str) -> Callable:
    def call(u):
        return given(u)

    call.__qualname__ = name
    return call


def _shortened(message: str) -> str:
    """numba's message, without the place in its compiler and without the source."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and not line.startswith(("Failed in ", "During: ", "File "))]
    # The next line names the function that cannot be called.
    return " ".join(told[: 2 if told and told[0].endswith(":") else 1])


@jittable
def _is_left_smoother(before, at, after, step):
    """Whether the left side of a point is free of kinks.

    Third differences are small without a kink, but also if the kink is in their middle. Second differences, with the
    weight `TIE`, tell these cases apart. At the kink itself neither side has a kink, and the left side counts.
    """
    f1, f2, f3 = before
    g1, g2, g3 = after
    left = abs(at - 3 * f1 + 3 * f2 - f3) + TIE * abs(at - 2 * f1 + f2)
    right = abs(at - 3 * g1 + 3 * g2 - g3) + TIE * abs(at - 2 * g1 + g2)
    return left <= right + 4 * step * step * step


def _make_difference(function: Callable) -> Callable:
    """The derivative of a function of one number, by differences.

    If there is a kink or a jump within three steps of `u`, the central difference deviates from a one-sided
    difference. The result is then the one-sided difference on the side without the kink.
    """

    def difference(u):
        step = FIRST_STEP * max(1.0, abs(u) / FAR_FROM_ZERO)
        f1, f2, f3 = function(u - step), function(u - 2 * step), function(u - 3 * step)
        g1, g2, g3 = function(u + step), function(u + 2 * step), function(u + 3 * step)
        at = function(u)
        left = (11 * at - 18 * f1 + 9 * f2 - 2 * f3) / (6 * step)
        right = (18 * g1 - 11 * at - 9 * g2 + 2 * g3) / (6 * step)
        central = (f2 - 8 * f1 + 8 * g1 - g2) / (12 * step)
        if abs(left - central) + abs(right - central) <= FIRST_KINK * (1 + abs(central)):
            return central
        return left if _is_left_smoother((f1, f2, f3), at, (g1, g2, g3), step) else right

    return difference


def _make_second_difference(function: Callable) -> Callable:
    """The second derivative of a function of one number, by differences. Kinks are treated as in `_make_difference`."""

    def second_difference(u):
        step = SECOND_STEP * max(1.0, abs(u) / FAR_FROM_ZERO)
        f1, f2, f3 = function(u - step), function(u - 2 * step), function(u - 3 * step)
        g1, g2, g3 = function(u + step), function(u + 2 * step), function(u + 3 * step)
        at, square = function(u), step * step
        left = (2 * at - 5 * f1 + 4 * f2 - f3) / square
        right = (2 * at - 5 * g1 + 4 * g2 - g3) / square
        central = (16 * (f1 + g1) - (f2 + g2) - 30 * at) / (12 * square)
        if abs(left - central) + abs(right - central) <= SECOND_KINK * (1 + abs(central)):
            return central
        return left if _is_left_smoother((f1, f2, f3), at, (g1, g2, g3), step) else right

    return second_difference
