r"""The curvature of the loss of a fitted or initialized estimator on given data.

The loss is the weighted mean over rows,

.. math:: \frac{1}{\sum_i s_i} \sum_i s_i \ell(u_i, y_i),

with the row weights :math:`s_i` and the preactivations :math:`u_i` of the output layer. For several outputs,
:math:`\ell` is the sum over outputs, which training minimizes, even if ``loss_`` reports the mean over outputs. The L2
penalty is added only on request.

The parameters form one vector: first the weights layer by layer, each matrix row by row, then all intercepts. `layer`
selects the weights of one layer, counted from 0. Their Hessian is the :math:`H_{w^{(k)}}` of M. Skorski, "Revisiting
initialization of neural networks" (2020).

The second derivative of the losses "absolute_error" and "quantile" is zero except at a kink. It is replaced by the
second derivative of the expected loss if residuals have a Laplace distribution with the spread of the targets,
``target_spread_``. This replacement is 1 over the spread for "absolute_error", and ``min(quantile, 1 - quantile)`` over
the spread for "quantile".

The functions do not change the estimator, and their memory does not grow with the number of rows.
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
