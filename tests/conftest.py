"""Shared by all tests."""

import signal
from pathlib import Path

import pytest

import skinit


def pytest_configure(config):
    """Drop compiled kernels older than any kernel source.

    numba looks at the file of the compiled function only, and kernels inline functions of other files.
    """
    kernels = Path(skinit.__file__).parent / "kernels"
    newest = max(source.stat().st_mtime for source in kernels.glob("*.py"))
    for index in kernels.glob("__pycache__/*.nbi"):
        if index.stat().st_mtime < newest:
            index.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """Ctrl-C raises in every test, also where the suite was started with the signal ignored, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own tests ask for."""
    return 42
