"""Fingerprints, which tell whether a fit was done before.

Two fits have the same fingerprint only if everything that they depend on is the same. In doubt, fingerprints differ,
and the fit is done again.
"""

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from joblib.hashing import NumpyHasher
from sklearn import get_config

PACKAGE = Path(__file__).parent.parent
# Every fit depends on these packages, so their versions count once. The version of another package counts when a part
# of it is found.
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba")
# The top-level modules of Python, of these packages and of skinit, whose parts need not be looked at.
OF_EVERY_FIT = {*sys.stdlib_module_names, "numpy", "scipy", "sklearn", "numba", __name__.partition(".")[0]}
# Folders of installed packages, which change only with their versions.
INSTALLED = {"site-packages", "dist-packages"}
# Types of module-level values that count when a function uses them.
PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, np.ndarray, tuple, list, dict)


def fingerprint(value: object) -> str:
    """A digest that identifies a value, in this process and in later ones.

    Parameters
    ----------
    value : object
        A function or class is identified by its code and by the functions, classes and constants of its module that it
        uses, and a module by its file. Installed packages are identified by their version.

    Returns
    -------
    digest : str

    Raises
    ------
    TypeError
        If the value holds something that cannot be pickled.
    """
    try:
        return _Hasher().hash(value)
    except Exception as error:
        raise TypeError(f"{type(error).__name__}: {error}") from error


def environment() -> str:
    """Fingerprint of the packages' versions, skinit's own code and scikit-learn's settings."""
    return fingerprint((_versions(), get_config()))


@cache
def _versions() -> tuple:
    # The code of skinit may change within one version during development.
    sources = [(path.relative_to(PACKAGE).as_posix(), path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))]
    return (platform.python_version(), *map(version, PACKAGES), sha256(repr(sources).encode()).hexdigest())


class _Hasher(NumpyHasher):
    """joblib's hasher, extended to the code of functions and classes, because joblib hashes only their names."""

    def __init__(self) -> None:
        # The result of a fit does not depend on whether its data are memory-mapped.
        super().__init__(hash_name="sha1", coerce_mmap=True)
        self._met: set[int] = set()

    def save(self, obj: Any) -> None:
        if isinstance(obj, FunctionType):
            obj = self._describe(obj, _parts_of_function)
        elif isinstance(obj, type):
            # Pickle stores only the name of a class, to which its instances refer.
            description = self._describe(obj, _parts_of_class)
            if len(description) > 1:
                super().save(description)
        elif isinstance(obj, CodeType):
            obj = (obj.co_code, obj.co_names, obj.co_consts)
        super().save(obj)

    def _describe(self, item: Any, parts_of: Callable[[Any], Iterable[object]]) -> tuple:
        """The name of a function or class, with its version or code the first time that it is found."""
        name = f"{item.__module__}.{item.__qualname__}"
        if id(item) in self._met:
            return (name,)
        self._met.add(id(item))
        package = (item.__module__ or "").partition(".")[0]
        if package in OF_EVERY_FIT:
            return (name,)
        if _is_installed(item.__module__):
            return (name, str(getattr(sys.modules[package], "__version__", "")))
        return (name, *parts_of(item))


def _is_installed(module: str | None) -> bool:
    """Whether a module changes only with the version of its package."""
    package = (module or "").partition(".")[0]
    file = Path(getattr(sys.modules.get(module or ""), "__file__", None) or "")
    # Code typed into a notebook belongs to __main__, whose file is the notebook's installed launcher.
    return package in OF_EVERY_FIT or (package != "__main__" and bool(INSTALLED.intersection(file.parts)))


def _parts_of_function(function: FunctionType) -> Iterator[object]:
    yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        # An unassigned variable has an empty cell.
        with suppress(ValueError):
            yield cell.cell_contents
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if isinstance(value, (FunctionType, type, *PLAIN)):
            yield name, value
        elif isinstance(value, ModuleType) and not _is_installed(value.__name__):
            file = getattr(value, "__file__", None)
            yield name, file and Path(file).read_bytes()


def _parts_of_class(item: type) -> Iterator[object]:
    yield from item.__bases__
    for name, value in sorted(vars(item).items()):
        if isinstance(value, property):
            yield name, value.fget
        else:
            value = getattr(value, "__func__", value)
            # Docstrings have no effect, and other attributes belong to other classes.
            if isinstance(value, (FunctionType, *PLAIN)) and name not in ("__doc__", "__firstlineno__"):
                yield name, value


def _names(code: CodeType) -> set[str]:
    """Names that a function uses, including functions inside it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(chain(code.co_names, *map(_names, inner)))
