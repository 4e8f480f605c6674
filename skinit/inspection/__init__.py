"""Why a network does not train: measurements for each layer, findings from them, and pictures."""

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
