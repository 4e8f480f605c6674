"""Fixtures and checks for all tests."""

import signal

import pytest
from hypothesis import HealthCheck, settings
from kernel_arguments import check_arguments

from skinit.kernels import compilation
from skinit.kernels.compilation import Kernel

# Examples are the same in every run, and no limit depends on how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

_call = Kernel.__call__


def _checked_call(kernel, *arguments):
    check_arguments(kernel.signature, arguments)
    return _call(kernel, *arguments)


Kernel.__call__ = _checked_call  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """Make Ctrl-C raise KeyboardInterrupt even if the suite runs in the background, where SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _compilation_is_silent(monkeypatch):
    """Print the same lines whether kernels are compiled or read from disk."""
    monkeypatch.setattr(compilation, "PATIENCE", 1e6)


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own tests ask for."""
    return 42
