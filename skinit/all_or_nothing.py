"""Methods that either finish or leave an estimator unchanged."""

from collections.abc import Callable
from functools import wraps


def all_or_nothing(method: Callable) -> Callable:
    """Decorate a method that returns the estimator, so that an exception leaves the estimator unchanged.

    The method runs on a shallow copy of the estimator. It may set attributes to new arrays, but must not change
    existing arrays. When it has finished, the estimator takes over all attributes of the copy in one step, which no
    signal can interrupt.
    """

    @wraps(method)
    def run(self, *args, **kwargs):
        working = object.__new__(type(self))
        working.__dict__.update(self.__dict__)
        method(working, *args, **kwargs)
        self.__dict__ = working.__dict__
        return self

    return run
