"""Compiled multilayer perceptrons for scikit-learn, with the initialization as a parameter."""

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from . import callbacks as callbacks
    from . import curvature as curvature
    from . import initializers as initializers
    from . import inspection as inspection
    from . import model_selection as model_selection
    from .activations import make_activation
    from .conversion import from_sklearn, to_sklearn
    from .engine.team import get_num_threads, set_num_threads
    from .estimators import MLPClassifier, MLPRegressor
    from .onnx_export import to_onnx
    from .persistence import TRUSTED_TYPES
    from .precompilation import warmup
    from .training.divergence import DivergenceError

__all__ = [
    "DataNotScaledWarning",
    "DivergenceError",
    "MLPClassifier",
    "MLPRegressor",
    "TRUSTED_TYPES",
    "__version__",
    "from_sklearn",
    "get_num_threads",
    "make_activation",
    "set_num_threads",
    "to_onnx",
    "to_sklearn",
    "warmup",
]

# The module of each name. A module is imported when one of its names is first used, so that `python -m skinit`, which
# imports this package first, answers Ctrl-C from the start.
_MODULE_OF_NAME = {
    "DataNotScaledWarning": "scaling",
    "DivergenceError": "training.divergence",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "TRUSTED_TYPES": "persistence",
    "from_sklearn": "conversion",
    "get_num_threads": "engine.team",
    "make_activation": "activations",
    "set_num_threads": "engine.team",
    "to_onnx": "onnx_export",
    "to_sklearn": "conversion",
    "warmup": "precompilation",
}
# The public modules, which are imported when they are first used.
_MODULES = ("callbacks", "curvature", "initializers", "inspection", "model_selection")


def __getattr__(name: str) -> object:
    if name in _MODULE_OF_NAME:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF_NAME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
