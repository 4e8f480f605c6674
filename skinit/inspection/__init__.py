"""Why a network does not train: what is measured layer by layer, what follows from it, and pictures of it."""

from .displays import CurvatureDisplay, InitComparisonDisplay, SignalPropagationDisplay
from .findings import Finding
from .signals import SignalPropagation, signal_propagation

__all__ = [
    "CurvatureDisplay",
    "Finding",
    "InitComparisonDisplay",
    "SignalPropagation",
    "SignalPropagationDisplay",
    "signal_propagation",
]
