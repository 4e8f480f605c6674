r"""The gain of an activation, computed by Gaussian quadrature.

For preactivations :math:`u \sim N(0, 1)`,

.. math:: g_\mathrm{forward} = E[f(u)^2]^{-1/2}, \qquad g_\mathrm{backward} = E[f'(u)^2]^{-1/2}.

With weights of variance :math:`g^2 / d`, where :math:`d` is the number of a layer's inputs (forward) or units
(backward), the layer keeps the mean square of activations (forward) or of deltas (backward). Both gains are
:math:`\sqrt 2` for relu: K. He et al., "Delving deep into rectifiers" (2015).
"""

from functools import cache

import numpy as np

from ..activations import Activation, check_activation
from ..kernels.activations import evaluate
from ..validation import wrong_name

# The normal density beyond this many standard deviations is negligible in float64.
LIMIT = 12.0
# The number of nodes on each side of zero. The sides are integrated separately, because activations may have a kink at
# zero.
N_NODES = 200


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes on both sides of zero, and the weights of the standard normal distribution."""
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    positive = LIMIT * (nodes + 1) / 2
    density = np.exp(-(positive**2) / 2) / np.sqrt(2 * np.pi)
    half = weights * LIMIT / 2 * density
    return np.concatenate([-positive, positive]), np.concatenate([half, half])


@cache
def gain(activation: str | Activation, direction: str = "forward") -> float:
    r"""The scale of weights that keeps the mean square of a signal through the activation.

    For standard normal preactivations :math:`u`, the gain is :math:`E[f(u)^2]^{-1/2}` (forward) or
    :math:`E[f'(u)^2]^{-1/2}` (backward). With the forward gain `g`, weights of variance :math:`g^2 / d_\mathrm{in}`
    keep the mean square of activations from layer to layer. With the backward gain `g`, weights of variance
    :math:`g^2 / d_\mathrm{out}` keep the mean square of backpropagated deltas.

    Parameters
    ----------
    activation : str or Activation
        Name of an activation, or an activation made by :func:`skinit.make_activation`.
    direction : {"forward", "backward"}, default="forward"
        Whether to keep the mean square of activations (forward) or of backpropagated deltas (backward).

    Returns
    -------
    gain : float
        The gain, computed by Gaussian quadrature. It is infinite if the activation (or its slope) is zero everywhere.

    Raises
    ------
    ValueError
        If there is no such activation or direction.

    References
    ----------
    The gain :math:`\sqrt 2` of relu is from K. He et al., "Delving deep into rectifiers" (2015).

    Examples
    --------
    The square of relu's gain is the factor 2 of He's scheme. tanh damps signals more than it damps deltas:

    >>> from skinit.initializers import gain
    >>> round(gain("relu") ** 2, 12)
    2.0
    >>> round(gain("tanh"), 3), round(gain("tanh", direction="backward"), 3)
    (1.593, 1.467)
    """
    check_activation("activation", activation)
    if direction not in ("backward", "forward"):
        raise ValueError(wrong_name("The direction", direction, ("backward", "forward")))
    nodes, weights = _quadrature()
    values, slopes, _ = evaluate(activation, nodes)
    signal = values if direction == "forward" else slopes
    with np.errstate(divide="ignore", over="ignore"):
        return float(1 / np.sqrt(np.sum(weights * signal**2)))
