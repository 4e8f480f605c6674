"""Files that are written as a whole or not at all."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

from .cleanup import cleaned_up


def check_writable(path: Path) -> None:
    """Check that `write_file` can write a file, and make the folder that it is to be in.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If it is a folder, if it must not be written to, or if its folder must not be.
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
    """Write a file beside its place, and put it there when it is complete.

    Whatever happens before, an error, Ctrl-C, a full disk or the end of the process, the file that was there stays as
    it was. Links go on pointing where they point, and permissions stay. A pipe or a device cannot be replaced; it is
    written to.

    Parameters
    ----------
    path : Path
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written.
    """
    check_writable(path)
    status = _status(path)
    if status is not None:
        # Also if it is a regular file: to replace it would drop what was printed.
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
                # Some file systems tell of a full disk only now.
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
    """The file itself, where `path` may be a link."""
    return Path(os.path.realpath(path))


def _keep_permissions(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "chown"):
        # Only root can give files away.
        with suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, stat.S_IMODE(status.st_mode))
