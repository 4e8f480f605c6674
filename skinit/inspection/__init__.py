"""Tools that find out why a network does not train: measurements of each layer, findings, and pictures."""

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
