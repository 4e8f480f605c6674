r"""The curvature of the loss of a fitted or initialized estimator on given data.

The loss is the weighted mean over rows, without the L2 penalty unless asked for. Parameters are ordered as in one
vector: all weights layer by layer, each matrix row by row, then all intercepts. `layer` selects the weights of one
layer, the :math:`H_{w^{(k)}}` of M. Skorski, "Revisiting initialization of neural networks" (2020); its first layer is
0. The absolute error and the loss "quantile", whose second derivative is zero but for a kink, have in its place that of
the expected loss of residuals of Laplace's distribution with the spread of the targets, ``target_spread_``: 1 over the
spread, and ``min(quantile, 1 - quantile)`` over the spread. Nothing is changed in the estimator, and memory does not
grow with the number of rows.
"""

from .bounds import hessian_bound, layer_jacobian_norms
from .measures import hessian_norm, hessian_trace, layer_hessian_norms, max_stable_step, spectral_density
from .operators import hessian_operator

__all__ = [
    "hessian_bound",
    "hessian_norm",
    "hessian_operator",
    "hessian_trace",
    "layer_hessian_norms",
    "layer_jacobian_norms",
    "max_stable_step",
    "spectral_density",
]
