"""Multilayer perceptrons for scikit-learn, compiled, whose initialization is a parameter."""

from .estimators import MLPClassifier, MLPRegressor
from .version import __version__

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
