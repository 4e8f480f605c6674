"""Writes files completely or not at all."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

from ..validation import nearest_name_hint
from .cleanup import cleaned_up


def similar_files(path: Path) -> list[str]:
    """Names of the files in a path's folder that it may stand for.

    Parameters
    ----------
    path : Path

    Returns
    -------
    names : list of str
        Names that are alike without their suffixes, because all tables have a few suffixes in common.
    """
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        return []
    return [name for name in siblings if nearest_name_hint(_stem(path.name), [_stem(name)])]


def _stem(name: str) -> str:
    return name.partition(".")[0]


def check_writable(path: Path) -> None:
    """Check that `write_file` can write a file, and create its folder.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the path is a folder, or if the file or its folder is not writable.
    """
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("Is a directory")
    if status is not None and not os.access(path, os.W_OK):
        raise PermissionError("Permission denied")
    if status is None or stat.S_ISREG(status.st_mode):
        folder = _target(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_file(path: Path, content: bytes) -> None:
    """Write a temporary file, and move it into place when it is complete.

    After an error, Ctrl-C, a full disk or the end of the process, the previous file is unchanged. Links keep their
    targets, and files keep their permissions. A pipe or a device cannot be replaced, so it is written to directly.

    Parameters
    ----------
    path : Path
    content : bytes

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    check_writable(path)
    status = _status(path)
    if status is not None:
        # If the file is also standard output or standard error, replacing it would lose the printed text.
        for descriptor in (1, 2):
            if os.path.samestat(status, os.fstat(descriptor)):
                with open(os.dup(descriptor), "wb") as file:
                    file.write(content)
                return
        if not stat.S_ISREG(status.st_mode):
            path.write_bytes(content)
            return
    target = _target(path)
    beside = target.with_name(f".skinit-{token_hex(8)}.tmp")
    with cleaned_up(partial(beside.unlink, missing_ok=True)):
        try:
            with open(beside, "xb") as file:
                if status is not None:
                    _keep_permissions(beside, status)
                file.write(content)
                file.flush()
                # Some file systems report a full disk only here.
                os.fsync(file.fileno())
            os.replace(beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _target(path: Path) -> Path:
    """The file itself, if `path` is a link."""
    return Path(os.path.realpath(path))


def _keep_permissions(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "chown"):
        # Only root can change the owner of a file.
        with suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, stat.S_IMODE(status.st_mode))
