"""Warnings that point at the user's line of code."""

import sys
import warnings

# Modules to skip between the user's line and the line that warns: this package, and scikit-learn's method wrappers.
_INNER = ("skinit", "sklearn.base", "sklearn.callback", "sklearn.utils")


def warn_user(message: str | Warning, category: type[Warning] = UserWarning, *, within: tuple[str, ...] = ()) -> None:
    """Warn at the user's line, the innermost line outside of this package and scikit-learn's method wrappers.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning
        The category, if the message is a str.
    within : tuple of str
        Further modules to skip.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inner(frame.f_globals.get("__name__", ""), within):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inner(module: str, within: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in (*_INNER, *within))
