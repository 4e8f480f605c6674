"""Pictures in scikit-learn's convention: `from_estimator` or `from_cv_results`, `plot(ax)`, `ax_` and `figure_`."""

from .curvature import CurvatureDisplay
from .init_comparison import InitComparisonDisplay
from .signal_propagation import SignalPropagationDisplay

__all__ = ["CurvatureDisplay", "InitComparisonDisplay", "SignalPropagationDisplay"]
