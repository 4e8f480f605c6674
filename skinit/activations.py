"""User-defined activations, made from plain functions of one number."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from .kernels.activations import ACTIVATIONS, Formulas, evaluate
from .kernels.own_activations import make_formulas
from .validation import check_takes, wrong_name

# A new activation is checked between minus and plus this number, at the points of a grid and at random points.
_RANGE = 30.0
# The number of random points, which find faults between the points of the grid.
_N_RANDOM_POINTS = 200
# Derivatives are compared with finite differences of each of these steps. A steep function needs a small step.
_STEPS = (2.0**-10, 2.0**-14, 2.0**-18)
# A given derivative may differ from the finite difference by this much, relative to 1 plus its magnitude.
_MAX_DEVIATION = 1e-5


@dataclass(frozen=True, eq=False, repr=False)
class Activation:
    """A user-defined activation. `make_activation` makes and checks it.

    Two activations are equal if they have equal names and equal functions, that is, the same code with the same values
    of global variables, closures and defaults.

    Attributes
    ----------
    name : str
        The name in tables and messages.
    value, slope, bend : callable
        The user's functions. None means that finite differences compute the derivative.
    """

    name: str
    value: Callable
    slope: Callable | None = None
    bend: Callable | None = None
    _identity: tuple = field(init=False)

    def __post_init__(self) -> None:
        functions = (self.value, self.slope, self.bend)
        # Computed once, because global numbers may change later, while compiled code keeps their values.
        object.__setattr__(self, "_identity", (self.name, *map(_identity, functions)))

    @cached_property
    def formulas(self) -> Formulas:
        """The functions in the form that kernels call."""
        return make_formulas(self.value, self.slope, self.bend)

    def __eq__(self, other: object) -> bool:
        return self._identity == other._identity if isinstance(other, Activation) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        derivatives = {"slope": self.slope, "bend": self.bend}
        given = [f"{name}={_name(function)}" for name, function in derivatives.items() if function is not None]
        own_name = [f"name={self.name!r}"] if self.name != _name(self.value) else []
        return f"make_activation({', '.join([_name(self.value), *given, *own_name])})"

    def __deepcopy__(self, memo: dict) -> "Activation":
        return self

    def __reduce__(self) -> tuple:
        for function in (self.value, self.slope, self.bend):
            # A local function or a lambda has "<" in its name.
            if function is not None and "<" in getattr(function, "__qualname__", ""):
                raise pickle.PicklingError(
                    f"The activation {self.name!r} cannot be pickled, because {function.__qualname__} cannot be "
                    f"imported from {function.__module__}: define it with a def statement at the top level of a module."
                )
        return type(self), (self.name, self.value, self.slope, self.bend)


def make_activation(
    value: Callable[[float], float],
    slope: Callable[[float], float] | None = None,
    bend: Callable[[float], float] | None = None,
    name: str | None = None,
) -> Activation:
    r"""Make an activation for hidden layers from plain Python functions of one number.

    numba compiles the functions. They may use the Python that numba supports: arithmetic, comparisons, ``math``, and
    calls of other functions compiled by ``numba.njit``. Global numbers that they use become constants when the
    functions are compiled. The functions must not raise errors. They compute in float64, and a float32 network rounds
    their results.

    Parameters
    ----------
    value : callable
        The activation :math:`f(u)`.
    slope : callable, default=None
        The derivative :math:`f'(u)`. At a kink, it must be the derivative from the left. Without `slope`, training uses
        finite differences (see Notes).
    bend : callable, default=None
        The second derivative :math:`f''(u)`, used in products with the Hessian. Without `bend`, these products use
        finite differences.
    name : str, default=None
        The name in tables and messages. The default is the name of `value`.

    Returns
    -------
    activation : Activation
        Pass it to an estimator as `activation`, or in a list with one activation for each hidden layer. It is
        immutable. It can be pickled if its functions are defined at the top level of a module.

    Raises
    ------
    TypeError
        If a function does not take one number, does not return a number, or cannot be compiled, or if `name` is not a
        string.
    ValueError
        If a function raises an error, if a value or a derivative is not finite, or if a derivative is wrong, at a
        checked point from -30 to 30.

    Notes
    -----
    If `slope` is None, the slope is a fourth-order central difference of the value, with a step of :math:`2^{-10}`. Its
    error is about :math:`10^{-12} (1 + |f(u)|)` for functions as smooth as tanh. It takes seven evaluations of the
    value, so a given slope is faster. If `bend` is None and `slope` is given, the bend is the same difference of the
    slope. If both are None, the bend is a second difference of the value, with an error of about
    :math:`10^{-9} (1 + |f(u)|)`. Within three steps of a kink of `f` or of its slope, differences use the points on one
    side of the kink. The error of the slope is then at most :math:`10^{-4}` times the jump of the second derivative,
    and the bend may be the bend on the other side of the kink.

    Given derivatives are compared with differences at 801 points from -30 to 30, with a relative tolerance of
    :math:`10^{-5}`.

    Compiled code is not kept on disk, so every process compiles it again, which takes a few seconds. If a slope is
    given, only the speed of the functions matters in a fit. ``math.exp`` is several times slower than the exponential
    of the built-in activations.

    ``init="auto"`` draws weights of variance :math:`g^2 / d_\mathrm{in}`, with the gain `g` from
    :func:`skinit.initializers.gain`, so that the mean square of signals is the same in every layer.

    References
    ----------
    The finite differences are from B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids"
    (1988).

    Examples
    --------
    >>> import math
    >>> from sklearn.datasets import load_digits
    >>> from skinit import MLPClassifier, make_activation
    >>> def bent_identity(u):
    ...     return (math.sqrt(u * u + 1) - 1) / 2 + u
    >>> def bent_identity_slope(u):
    ...     return u / (2 * math.sqrt(u * u + 1)) + 1
    >>> activation = make_activation(bent_identity, bent_identity_slope)
    >>> activation
    make_activation(bent_identity, slope=bent_identity_slope)
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(
    ...     (20, 20), [activation, "tanh"], max_iter=30, n_iter_no_change=30, random_state=0
    ... )
    >>> round(model.fit(X / 16, y).score(X / 16, y), 2)
    0.94

    A wrong derivative raises an error:

    >>> make_activation(math.tanh, slope=math.cos)
    Traceback (most recent call last):
    ...
    ValueError: slope must be the derivative of value: at u = ... it gave ..., and finite differences give ....
    """
    for what, function in (("value", value), ("slope", slope), ("bend", bend)):
        if function is None and what != "value":
            continue
        if not callable(function):
            raise TypeError(f"{what} must be a function of one number, got {function!r}.")
        check_takes(function, (0.0,), what, "(u)")
    if not (name is None or isinstance(name, str)):
        raise TypeError(f"name must be a string or None, got {name!r}.")
    activation = Activation(_name(value) if name is None else name, value, slope, bend)
    _check_numbers(activation)
    return activation


def check_activation(name: str, activation: Any) -> None:
    """Raise ValueError unless `activation` is an activation or the name of one; `name` is its name in the message."""
    if (isinstance(activation, str) and activation in ACTIVATIONS) or isinstance(activation, Activation):
        return
    hint = f"Did you mean skinit.make_activation({_name(activation)})? " if callable(activation) else ""
    message = wrong_name(f"The {name}", activation, ACTIVATIONS, besides=", or made by skinit.make_activation")
    raise ValueError(f"{hint}{message}")


def _check_numbers(activation: Activation) -> None:
    """Check that the value and the derivatives are finite, and that the derivatives are right."""
    points = np.linspace(-_RANGE, _RANGE, 601)
    points = np.concatenate([points, np.random.RandomState(0).uniform(-_RANGE, _RANGE, _N_RANDOM_POINTS)])
    with np.errstate(all="ignore"):
        try:
            results = dict(zip(("value", "slope", "bend"), evaluate(activation, points), strict=True))
        except (ArithmeticError, LookupError, ValueError) as error:
            raise ValueError(
                f"The functions of an activation must not raise errors; from -30 to 30 they raised {error!r}."
            ) from error
        for what, numbers in results.items():
            if not np.isfinite(numbers).all():
                k = int(np.argmin(np.isfinite(numbers)))
                source = "it gave" if getattr(activation, what) is not None else "finite differences give"
                raise ValueError(
                    f"The {what} of an activation must be finite: at u = {points[k]:.6g} {source} {numbers[k]}."
                )
        for order, (what, of) in enumerate((("slope", "value"), ("bend", "slope"))):
            if getattr(activation, what) is not None:
                _check_derivative(activation, points, results[what], order, f"{what} must be the derivative of {of}")


def _check_derivative(activation: Activation, points, given: np.ndarray, order: int, message: str) -> None:
    """Check a derivative against differences of the value (order 0) or of the slope (order 1).

    One-sided differences count as well as central differences, because only a one-sided difference is right at a kink.
    """
    excess = np.full(len(points), np.inf)
    for step in _STEPS:
        shifted = evaluate(activation, points + step * np.arange(-2, 3)[:, None])[order]
        f2, f1, f0, g1, g2 = shifted
        rounding = 16 * np.finfo(np.float64).eps / step * np.abs(shifted).max(axis=0)
        central = (f2 - 8 * f1 + 8 * g1 - g2) / (12 * step)
        left, right = (3 * f0 - 4 * f1 + f2) / (2 * step), (4 * g1 - 3 * f0 - g2) / (2 * step)
        for difference in (central, left, right):
            excess = np.fmin(np.abs(given - difference) - _MAX_DEVIATION * (1 + np.abs(given)) - rounding, excess)
    k = int(np.argmax(excess))
    if excess[k] > 0:
        raise ValueError(
            f"{message}: at u = {points[k]:.6g} it gave {given[k]:.6g}, and finite differences give {central[k]:.6g}."
        )


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _identity(function: Any) -> Any:
    """A key that is equal for functions with the same code and values, because unpickling makes new functions."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, FunctionType):
        return function
    names = function.__code__.co_names
    values = [function.__globals__.get(name) for name in names]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    values += function.__defaults__ or ()
    return function.__module__, function.__code__, tuple(map(_typed, values))


def _typed(value: Any) -> Any:
    """A key for a value. Equal values of one type have equal keys. Each mutable value (an array) has its own key."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
