"""Machine code on disk, so that a kernel is compiled once on each machine, not once in every process.

numba's own cache checks only the file of the compiled function, but kernels inline functions from other files. After
an upgrade it would run the machine code of the old version. Here the folder's name is a digest of all kernel sources,
of the versions of everything that compiles them, and of the processor. So no process runs code that was compiled from
other sources, by other versions, or for another processor.

A file holds a checksum and the machine code of one kernel, because a single flipped bit in machine code may do
anything. A damaged or unreadable file is compiled again and replaced. If the folder cannot be written to, every process
spends a few seconds on compilation and warns.
"""

import contextlib
import hashlib
import os
import pkgutil
import platform
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numba.core import config
from numba.core.registry import cpu_target
from numba.misc.appdirs import user_cache_dir

from ..user_warnings import warn_user
from ..version import __version__

# The package whose sources name the folder.
KERNELS_PACKAGE = __name__.rpartition(".")[0]
# Old folders are removed until this many are left. A folder with all kernels takes about 10 MB.
N_FOLDERS = 8
# The prefix of folder names. Folders without this prefix are never removed.
PREFIX = "skinit-kernels-"
# Settings of numba that change the machine code.
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "ENABLE_AVX")
# The first bytes of every file.
FILE_HEADER = b"skinit kernel\n"
# The number of bytes in the checksum, which follows the header.
DIGEST_SIZE = hashlib.sha256().digest_size

# The last error that prevented code from being kept.
failure: OSError | None = None


def root() -> Path:
    """``$NUMBA_CACHE_DIR``, or a folder in the user's cache folder."""
    chosen = getattr(config, "CACHE_DIR", "")
    # An empty XDG_CACHE_HOME counts as unset.
    folders = [chosen, user_cache_dir("skinit", appauthor=False), os.path.expanduser("~/.cache/skinit")]
    return Path(next((folder for folder in folders if folder and (folder == chosen or os.path.isabs(folder))), ""))


def _source(module: str) -> str:
    spec = find_spec(module)
    get_source = getattr(spec and spec.loader, "get_source", lambda name: None)
    source = get_source(module)
    if source is None:
        raise OSError(f"the source of {module} cannot be read")
    return source


@cache
def folder() -> Path:
    """The folder for the machine code of these sources on this processor.

    Raises
    ------
    OSError
        If the sources that name the folder cannot be read, or if the user has no home folder.
    """
    if root() == Path():
        raise OSError("the user has no home folder")
    names = sorted(
        module.name for module in pkgutil.iter_modules(sys.modules[KERNELS_PACKAGE].__path__, f"{KERNELS_PACKAGE}.")
    )
    identity = (
        [(name, _source(name)) for name in names],
        # numba compiles with llvmlite, and the coefficients of `elementary` are fitted with NumPy and SciPy.
        [__version__, *(sys.modules[name].__version__ for name in ("numba", "llvmlite", "numpy", "scipy"))],
        [platform.python_version(), sys.implementation.cache_tag],
        cpu_target.target_context.codegen().magic_tuple(),
        [(name, getattr(config, name, None)) for name in SETTINGS],
    )
    return root() / f"{PREFIX}{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}"


def _parts(function: Any) -> Iterator:
    """The function and everything in its closures, including users' functions."""
    function = getattr(function, "py_func", function)
    yield function
    for cell in getattr(function, "__closure__", None) or ():
        yield from _parts(cell.cell_contents)


def can_be_kept(function: Callable) -> bool:
    """Whether the sources that name the folder contain the function and all functions in its closures."""
    # `all` stops at the first function from elsewhere, so the closures of that function are not inspected.
    return all(str(getattr(part, "__module__", "")).startswith(f"{KERNELS_PACKAGE}.") for part in _parts(function))


def file_name(function: Callable, signature) -> str:
    """A file name that no other kernel has."""
    names = [f"{part.__module__}.{part.__qualname__}" for part in _parts(function)]
    digest = hashlib.sha256(repr((names, str(signature))).encode()).hexdigest()
    return f"{function.__name__}-{digest[:16]}"


def load(name: str) -> bytes | None:
    """The code kept under this name, or None if it is missing or damaged."""
    try:
        path = folder() / name
        # Reading from a pipe would never end.
        if not path.is_file():
            return None
        data = path.read_bytes()
    except OSError:
        return None
    start = len(FILE_HEADER) + DIGEST_SIZE
    if data[:start] != FILE_HEADER + _checksum(name, data[start:]):
        return None
    _touch(path.parent)
    return data[start:]


def keep(name: str, code: bytes) -> None:
    """Keep code under this name, and warn once if that is impossible.

    The file appears complete or not at all, so other processes may read and write at the same time.
    """
    global failure
    try:
        directory = folder()
        is_new = not directory.is_dir()
        directory.mkdir(parents=True, exist_ok=True)
        if is_new:
            _remove_old(directory)
        _write(directory / name, FILE_HEADER + _checksum(name, code) + code)
    except OSError as error:
        if failure is None:
            warn_user(
                f"Compiled code cannot be kept in {root()} ({error.strerror or error}), so every process spends a few "
                "seconds on compilation. Set NUMBA_CACHE_DIR to a folder that can be written to, or fill one "
                "beforehand by `python -m skinit warmup`."
            )
        failure = error


def _checksum(name: str, code: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + code).digest()


def _write(path: Path, data: bytes) -> None:
    temporary = path.parent / f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        temporary.write_bytes(data)
        if path.is_dir():
            # A folder cannot be replaced by a file.
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@cache
def _touch(directory: Path) -> None:
    """Mark a folder as used, once in each process."""
    with contextlib.suppress(OSError):
        os.utime(directory)


def _remove_old(current: Path) -> None:
    """Remove the least recently used folders. A process that still uses one has its code in memory."""
    others = [path for path in current.parent.glob(f"{PREFIX}*") if path != current]
    ages = []
    for path in others:
        with contextlib.suppress(OSError):
            ages.append((path.stat().st_mtime, path))
    for _, path in sorted(ages, reverse=True)[N_FOLDERS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
