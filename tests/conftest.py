"""Shared by all tests."""

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


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own tests ask for."""
    return 42
