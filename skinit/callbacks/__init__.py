"""Callbacks that monitor training, stop it, and save its results, for scikit-learn 1.9 or later."""

from .checkpoint import Checkpoint
from .history import History
from .monitors import CurvatureMonitor, GradientMonitor
from .stopping import BestWeights, EarlyStopping

__all__ = ["BestWeights", "Checkpoint", "CurvatureMonitor", "EarlyStopping", "GradientMonitor", "History"]
