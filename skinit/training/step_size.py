r"""Step sizes from the curvature: ``learning_rate_init="auto"``.

The quadratic model of the loss along a step :math:`-\gamma d` is
:math:`L - \gamma g^T d + \tfrac{\gamma^2}{2} d^T H d`, with the gradient `g` and the Hessian `H` of a mini-batch.

*Gradient descent*: :math:`\gamma^* = 1 / \|H\|` is sure to lower it for :math:`d = g` (I. Goodfellow et al., "Deep
Learning", section 4.3.1; M. Skorski, section 1.2), at half of the largest stable step. The curvature of the L2 penalty
is added to the norm.

The losses "absolute_error" and "quantile", whose second derivative is zero but for a kink, have in its place the
curvature that :mod:`skinit.curvature` states.

*Adam*: its first step is :math:`d = \mathrm{sign}(g)`, along which the model is least at
:math:`\gamma^* = \|g\|_1 / |d^T H d|`.

*Momentum* :math:`\beta` goes on along old steps, :math:`1 / (1 - \beta)` times as far in all as a single step. The
largest stable step of heavy-ball and of Nesterov's momentum is within a factor of two of that without
(:func:`~skinit.curvature.max_stable_step`), but what was right for the gradient of now is carried into curvature met
later. So the step is :math:`\min(1, 2.5 \sqrt{1 - \beta})\,\gamma^*`, which is near :math:`\gamma^*` for a momentum
of 0.9. For more it lies between :math:`\gamma^*` and :math:`(1 - \beta) \gamma^*`, which would keep the sum of all
steps. For Adam, :math:`\beta = \beta_1`.

*Warm-up and tail*: a rate may be so large if it begins small, because training then moves to where the curvature is
lower (J. Gilmer et al., "A loss curvature perspective on training instability in deep learning", 2021), and if it ends
small, because the noise of mini-batches then ends too. With ``learning_rate="constant"``, the rate warms up over three
epochs and falls to zero over the tail (`WarmUpAndTail`). The tail is the last half of
`max_iter` epochs. Where progress stops before, it begins then and lasts as long as training did before, so that a pause
of the loss does not keep it from being run. A schedule that the user gives multiplies the step as it is.

``python -m benchmarks quality`` measures what comes of it.
"""

import numpy as np

from ..curvature.spectrum import NotFiniteError, spectral_norm
from ..engine.data import TrainingData
from ..engine.hessian import HessianProducts
from ..engine.network import Network
from ..engine.passes import DataPasses
from ..kernels.curvature import ALL_LAYERS
from .solvers import AutomaticStep

# Rows that the curvature is measured on, as whole mini-batches as far as they go.
ROWS = 256
MOST_BATCHES = 8
# A step need not be exact: a relative tolerance, and restarts of the Lanczos iteration.
NORM_TOLERANCE, NORM_ITERATIONS = 0.05, 20
# With momentum, a step is this many times the root of one minus momentum as large as without, but not larger.
WITH_MOMENTUM = 2.5
# The smallest learning rate to choose.
SMALLEST = 1e-8


def sign_step(products: HessianProducts, gradient: np.ndarray) -> float:
    """The step along the signs of the gradient at which the quadratic model is least."""
    direction = np.sign(gradient)
    product = products.multiply(direction.reshape(1, -1), [ALL_LAYERS])[0]
    curvature = abs(float(direction @ product))
    return float(np.abs(gradient).sum(dtype=np.float64)) / curvature if curvature > 0 else np.inf


def automatic_step(
    network: Network,
    data: TrainingData,
    batch_size: int,
    alpha: float,
    rule: AutomaticStep,
    memory: float,
) -> float:
    """The learning rate for training a network from where it is: the median over mini-batches of the rule above.

    Parameters
    ----------
    network : Network
    data : TrainingData
    batch_size : int
    alpha : float
        Strength of the L2 penalty.
    rule : AutomaticStep
        The solver's entry.
    memory : float
        The part of a step that the next one repeats: momentum, or Adam's beta_1.

    Returns
    -------
    learning_rate : float
        Finite and positive.
    """
    n_rows = data.targets.shape[0]
    batch_size = min(batch_size, n_rows)
    # Fixed, not drawn from the estimator's generator, and not the first rows, as data may be sorted.
    rows = np.random.RandomState(0).permutation(n_rows)[: max(batch_size, ROWS)]
    n_batches = min(rows.size // batch_size, MOST_BATCHES)
    steps = []
    for batch in rows[: n_batches * batch_size].reshape(n_batches, batch_size):
        sample = data.take(batch)
        if sample.sample_weight is not None and not sample.sample_weight.sum() > 0:
            continue
        with HessianProducts(network, sample) as products:
            if rule.follows_signs:
                _, gradient = DataPasses(network, sample, batch_size, alpha).loss_and_gradient()
                steps.append(sign_step(products, gradient.astype(network.theta.dtype)))
            else:
                try:
                    norm, _ = spectral_norm(
                        products.as_operator(), NORM_TOLERANCE, NORM_ITERATIONS, np.random.RandomState(0)
                    )
                except NotFiniteError:
                    norm = np.nan
                norm += alpha / float(sample.row_weights().sum())
                steps.append(1 / norm if norm > 0 else np.inf)
    # Momentum 1 never forgets: no step is small enough, and the smallest is as good as any.
    part = min(1.0, WITH_MOMENTUM * np.sqrt(1 - memory))
    step = part * np.median(steps) if steps else np.nan
    if not np.isfinite(step):
        return rule.fallback
    return float(np.clip(step, SMALLEST, rule.largest))
