"""Multilayer perceptrons for scikit-learn, compiled, whose initialization is a parameter."""

from .divergence import DivergenceError
from .estimators import MLPClassifier, MLPRegressor
from .version import __version__
from .warmup import warmup

__all__ = ["DivergenceError", "MLPClassifier", "MLPRegressor", "__version__", "warmup"]
