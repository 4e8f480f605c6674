"""Methods that finish, or leave an estimator as it was."""

from collections.abc import Callable
from functools import wraps


def all_or_nothing(method: Callable) -> Callable:
    """Make a method that returns the estimator finish, or leave the estimator as it was, whatever is raised.

    The method runs on a copy of the estimator, and may put new arrays into its attributes, but not change old ones.
    At its end the estimator takes over all attributes of the copy in one step that no signal can interrupt.
    """

    @wraps(method)
    def run(self, *args, **kwargs):
        working = object.__new__(type(self))
        working.__dict__.update(self.__dict__)
        method(working, *args, **kwargs)
        self.__dict__ = working.__dict__
        return self

    return run
