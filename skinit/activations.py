"""Activations of one's own, made of plain functions of one number."""

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

# Where an activation is looked at when it is made.
_RANGE, _N_RANDOM_POINTS = 30.0, 200
# Derivatives are compared with differences of each of these steps, because a steep function needs a small one.
_STEPS = (2.0**-10, 2.0**-14, 2.0**-18)
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False, repr=False)
class Activation:
    """An activation of one's own; `make_activation` makes and checks it.

    Two are equal if their names, and the code of their functions with all numbers that it refers to, are.

    Attributes
    ----------
    name : str
        What tables and messages call it.
    value, slope, bend : callable
        The functions given; None for a derivative that is computed by differences.
    """

    name: str
    value: Callable
    slope: Callable | None = None
    bend: Callable | None = None
    _identity: tuple = field(init=False)

    def __post_init__(self) -> None:
        functions = (self.value, self.slope, self.bend)
        # Once, because numbers that are referred to by name may change, while compiled code keeps them.
        object.__setattr__(self, "_identity", (self.name, *map(_identity, functions)))

    @cached_property
    def formulas(self) -> Formulas:
        """The functions as kernels call them."""
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
            # A local function, or a lambda.
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
    r"""Make an activation for hidden layers of plain Python functions of one number.

    numba compiles the functions. They may use what it knows of Python: arithmetic, comparisons, ``math`` and calls of
    other functions that are compiled by ``numba.njit``. Numbers that they refer to by name are constants from then on.

    They must not raise errors. Everything is computed in float64, and rounded where the network is of float32.

    Parameters
    ----------
    value : callable
        The activation :math:`f(u)`.
    slope : callable, default=None
        Its derivative :math:`f'(u)`, at a kink that of the left side. Without it, training uses differences, as below.
    bend : callable, default=None
        The second derivative :math:`f''(u)`, which products with the Hessian need. Without it they use differences.
    name : str, default=None
        What tables and messages call it, by default the name of `value`.

    Returns
    -------
    activation : Activation
        To be given to an estimator as `activation`, or in a list with one activation for each hidden layer. It cannot
        be changed. It can be pickled if its functions are defined at the top level of a module.

    Raises
    ------
    TypeError
        If a function does not take one number, does not return one, or cannot be compiled.
    ValueError
        If a value or a derivative is not finite, or if a derivative is wrong, somewhere from -30 to 30.

    Notes
    -----
    A slope that is left out is a central difference of the value, of fourth order with a step of :math:`2^{-10}`. Its
    error is about :math:`10^{-12} (1 + |f(u)|)` for functions as smooth as tanh. It takes seven evaluations of the
    value, so a slope that is given is faster. A bend that is left out is such a difference of the slope if that is
    given, and otherwise a second difference of the value, with an error of about :math:`10^{-9} (1 + |f(u)|)`. Within
    three steps of a kink of `f` or of its slope, differences are taken on the side where there is none. The slope is
    then wrong by at most :math:`10^{-4}` times what the second derivative jumps by, and the bend may be that of the
    other side.

    Derivatives are checked by such differences at 801 points from -30 to 30, to a relative :math:`10^{-5}`.

    Compiled code is not kept on disk: every process compiles it anew, which takes some seconds. A fit with a slope of
    its own runs as fast as the functions do; ``math.exp`` takes several times as long as what the built-in ones use.

    ``init="auto"`` draws weights of variance :math:`g^2 / d_\mathrm{in}`, with the gain `g` of
    :func:`skinit.initializers.gain`, so that the mean square of signals is the same in every layer.

    References
    ----------
    B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids" (1988), has the differences.

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
    >>> model = MLPClassifier((20, 20), [activation, "tanh"], max_iter=30, n_iter_no_change=30, random_state=0)
    >>> model.fit(X / 16, y).score(X / 16, y) > 0.9
    True

    A wrong derivative is found:

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
    """Raise ValueError if something is no activation; `name` says in the message what was given."""
    if (isinstance(activation, str) and activation in ACTIVATIONS) or isinstance(activation, Activation):
        return
    hint = "Did you mean skinit.make_activation(...) of it? " if callable(activation) else ""
    message = wrong_name(f"The {name}", activation, ACTIVATIONS, besides=", or made by skinit.make_activation")
    raise ValueError(f"{hint}{message}")


def _check_numbers(activation: Activation) -> None:
    """Check that value and derivatives are finite, and that derivatives are right."""
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
                source = "gave" if getattr(activation, what) is not None else "is by finite differences"
                raise ValueError(
                    f"The {what} of an activation must be finite: at u = {points[k]:.6g} it {source} {numbers[k]}."
                )
        for order, (what, of) in enumerate((("slope", "value"), ("bend", "slope"))):
            if getattr(activation, what) is not None:
                _check_derivative(activation, points, results[what], order, f"{what} must be the derivative of {of}")


def _check_derivative(activation: Activation, points, given: np.ndarray, order: int, message: str) -> None:
    """Check a derivative against differences of value (order 0) or slope (order 1), one-sided where there are kinks."""
    excess = np.full(len(points), np.inf)
    for step in _STEPS:
        shifted = evaluate(activation, points + step * np.arange(-2, 3)[:, None])[order]
        f2, f1, f0, g1, g2 = shifted
        rounding = 16 * np.finfo(np.float64).eps / step * np.abs(shifted).max(axis=0)
        central = (f2 - 8 * f1 + 8 * g1 - g2) / (12 * step)
        left, right = (3 * f0 - 4 * f1 + f2) / (2 * step), (4 * g1 - 3 * f0 - g2) / (2 * step)
        for difference in (central, left, right):
            excess = np.fmin(np.abs(given - difference) - _TOLERANCE * (1 + np.abs(given)) - rounding, excess)
    k = int(np.argmax(excess))
    if excess[k] > 0:
        raise ValueError(
            f"{message}: at u = {points[k]:.6g} it gave {given[k]:.6g}, and finite differences give {central[k]:.6g}."
        )


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _identity(function: Any) -> Any:
    """A key that functions share if their code and the values in it are equal, because unpickling makes new ones."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, FunctionType):
        return function
    names = function.__code__.co_names
    values = [function.__globals__.get(name) for name in names]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    values += function.__defaults__ or ()
    return function.__module__, function.__code__, tuple(map(_typed, values))


def _typed(value: Any) -> Any:
    """A value that is equal to those of the same type only; what may change, an array say, only to itself."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
