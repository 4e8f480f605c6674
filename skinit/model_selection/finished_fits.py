"""A folder of finished fits, each in a small file."""

import json
import os
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

# The name of the folder with the files.
NAME = "finished-fits"


class FinishedFits:
    """Results of fits, each in a separate file with the fit's fingerprint as its name.

    A file appears only when it is complete. A damaged file is ignored.

    Parameters
    ----------
    folder : Path
        The parent folder. It is created if it does not exist.

    Raises
    ------
    OSError
        If the folder cannot be created or written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / NAME
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(self._folder / f"{token_hex(8)}.tmp", b"").unlink()

    def get(self, key: str) -> object | None:
        """The result of a fit; None if there is none, or if its file is damaged.

        Parameters
        ----------
        key : str

        Returns
        -------
        result : object
        """
        try:
            digest, _, body = self._path(key).read_bytes().partition(b"\n")
            return json.loads(body) if digest.decode() == sha256(body).hexdigest() else None
        except (OSError, ValueError):
            return None

    def keep(self, key: str, result: object) -> None:
        """Keep the result of a fit.

        Parameters
        ----------
        key : str
        result : object
            A value that JSON can store: numbers (bits are preserved), strings, lists, dictionaries with string keys.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        body = json.dumps(result).encode()
        beside = self._folder / f"{key}-{token_hex(8)}.tmp"
        try:
            os.replace(self._write(beside, b"%s\n%s" % (sha256(body).hexdigest().encode(), body)), self._path(key))
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    @staticmethod
    def _write(path: Path, content: bytes) -> Path:
        path.write_bytes(content)
        return path
