"""Fingerprints: whether a fit is one that was done before.

Two fits have the same fingerprint only if everything that they are made of is the same. Where that cannot be told, the
fingerprints differ, and the fit is done again.
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
# What every fit depends on, and counts once. Another package adds its version where something of it is met.
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba")
OF_EVERY_FIT = {*sys.stdlib_module_names, "numpy", "scipy", "sklearn", "numba", __name__.partition(".")[0]}
# Where packages are installed that only change with their versions.
INSTALLED = {"site-packages", "dist-packages"}
# Values of a module that the functions in it may use.
PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, np.ndarray, tuple, list, dict)


def fingerprint(value: object) -> str:
    """What tells a value from every other, in this process and in later ones.

    Parameters
    ----------
    value : object
        Functions and classes count by their code, and by that of the functions, classes and constants of their module
        that they use; a module that they use counts by its file. What is installed counts by its version.

    Returns
    -------
    digest : str

    Raises
    ------
    TypeError
        If it holds something that cannot be pickled.
    """
    try:
        return _Hasher().hash(value)
    except Exception as error:
        raise TypeError(f"{type(error).__name__}: {error}") from error


def environment() -> str:
    """Fingerprint of the versions, of skinit's own code and of scikit-learn's settings."""
    return fingerprint((_versions(), get_config()))


@cache
def _versions() -> tuple:
    # Of skinit there may be several states of one version.
    sources = [(path.relative_to(PACKAGE).as_posix(), path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))]
    return (platform.python_version(), *map(version, PACKAGES), sha256(repr(sources).encode()).hexdigest())


class _Hasher(NumpyHasher):
    """joblib's hasher, which knows functions and classes by their names alone."""

    def __init__(self) -> None:
        # To a fit it makes no difference where its data lie.
        super().__init__(hash_name="sha1", coerce_mmap=True)
        self._met: set[int] = set()

    def save(self, obj: Any) -> None:
        if isinstance(obj, FunctionType):
            obj = self._describe(obj, _parts_of_function)
        elif isinstance(obj, type):
            # A class is pickled by its name, which its instances refer to.
            description = self._describe(obj, _parts_of_class)
            if len(description) > 1:
                super().save(description)
        elif isinstance(obj, CodeType):
            obj = (obj.co_code, obj.co_names, obj.co_consts)
        super().save(obj)

    def _describe(self, item: Any, parts_of: Callable[[Any], Iterable[object]]) -> tuple:
        """The name of a function or class, with its version or code where it is met first."""
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
    # What is typed into a notebook belongs to a module that is installed, the notebook's own.
    return package in OF_EVERY_FIT or (package != "__main__" and bool(INSTALLED.intersection(file.parts)))


def _parts_of_function(function: FunctionType) -> Iterator[object]:
    yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        # A name that has no value yet has no contents.
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
            # Documentation does nothing, and what else a class may hold belongs to other classes.
            if isinstance(value, (FunctionType, *PLAIN)) and name not in ("__doc__", "__firstlineno__"):
                yield name, value


def _names(code: CodeType) -> set[str]:
    """Names that a function uses, in functions within it too."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(chain(code.co_names, *map(_names, inner)))
