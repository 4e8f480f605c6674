r"""Step sizes from the curvature: ``learning_rate_init="auto"``.

The quadratic model of the loss along a step :math:`-\gamma d` is
:math:`L - \gamma g^T d + \tfrac{\gamma^2}{2} d^T H d`, with the gradient `g` and the Hessian `H` of a mini-batch. The
loss is the sum over outputs, which training minimizes.

*Gradient descent*: the step :math:`\gamma^* = 1 / \|H\|` always lowers the model for :math:`d = g` (I. Goodfellow et
al., "Deep Learning", section 4.3.1; M. Skorski, section 1.2). It is half of the largest stable step. The curvature of
the L2 penalty is added to the norm.

The second derivative of the losses "absolute_error" and "quantile" is zero except at a kink. It is replaced by the
curvature that :mod:`skinit.curvature` describes.

*Adam*: the first step has :math:`d = \mathrm{sign}(g)`. Along it, the model is smallest at
:math:`\gamma^* = \|g\|_1 / |d^T H d|`.

*Momentum* :math:`\beta` repeats each step in later steps, so in all it moves the parameters :math:`1 / (1 - \beta)`
times as far as a single step. Heavy-ball and Nesterov's momentum change the largest stable step by at most a factor of
two (:func:`~skinit.curvature.max_stable_step`), but the repeated steps reach places where the curvature is different.
So the step is :math:`\min(1, 2.5 \sqrt{1 - \beta})\,\gamma^*`, which is near :math:`\gamma^*` for a momentum of 0.9.
For a larger momentum, it is between :math:`\gamma^*` and :math:`(1 - \beta) \gamma^*`. A step of
:math:`(1 - \beta) \gamma^*`, together with its repetitions, moves the parameters as far as a single step
:math:`\gamma^*`. For Adam, :math:`\beta = \beta_1`.

*Warm-up and tail*: the learning rate may be this large if it starts and ends small. After a small start, training moves
to a lower curvature (J. Gilmer et al., "A loss curvature perspective on training instability in deep learning", 2021).
At the end, small steps let the noise of mini-batches vanish. With ``learning_rate="constant"``, the learning rate
therefore warms up over three epochs and falls to zero over the tail (`WarmUpAndTail`). The tail is the second half of
the `max_iter` epochs. If progress stops earlier, the tail begins then, and lasts for as many epochs as training took
before, so training goes on if the loss only paused. A schedule from the user multiplies the step without a warm-up or a
tail.

``python -m benchmarks quality`` measures the results.
"""

import numpy as np

from ..curvature.spectrum import NotFiniteError, spectral_norm
from ..engine.data import TrainingData
from ..engine.hessian import HessianProducts
from ..engine.network import Network
from ..engine.passes import DataPasses
from ..kernels.curvature import ALL_LAYERS
from .solvers import AutomaticStep

# The curvature is measured on this many rows, or on one mini-batch if that has more rows.
CURVATURE_ROWS = 256
# The largest number of mini-batches into which these rows are divided.
MOST_BATCHES = 8
# The relative tolerance of the Hessian's norm. It is large because a step need not be exact.
STEP_NORM_TOLERANCE = 0.05
# The largest number of restarts of the Lanczos iteration.
NORM_ITERATIONS = 20
# A momentum of b multiplies the step by this number times the square root of 1 - b, but by at most 1.
WITH_MOMENTUM = 2.5
# The smallest learning rate to choose.
SMALLEST_RATE = 1e-8


def sign_step(products: HessianProducts, gradient: np.ndarray) -> float:
    """The step along the signs of the gradient at which the quadratic model is smallest."""
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
    """The learning rate for training a network from its current parameters: the median step over mini-batches.

    Parameters
    ----------
    network : Network
    data : TrainingData
    batch_size : int
    alpha : float
        Strength of the L2 penalty.
    rule : AutomaticStep
        The properties of the solver.
    memory : float
        The fraction of a step that the next step repeats: momentum, or Adam's beta_1.

    Returns
    -------
    learning_rate : float
        Finite and positive.
    """
    n_rows = data.targets.shape[0]
    batch_size = min(batch_size, n_rows)
    # Rows are drawn because data may be sorted, and with a fixed seed so that every call takes the same rows.
    rows = np.random.RandomState(0).permutation(n_rows)[: max(batch_size, CURVATURE_ROWS)]
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
                        products.as_operator(), STEP_NORM_TOLERANCE, NORM_ITERATIONS, np.random.RandomState(0)
                    )
                except NotFiniteError:
                    norm = np.nan
                norm += alpha / float(sample.row_weights().sum())
                steps.append(1 / norm if norm > 0 else np.inf)
    # With a momentum of 1, no step is small enough, so the smallest one is as good as any other.
    part = min(1.0, WITH_MOMENTUM * np.sqrt(1 - memory))
    step = part * np.median(steps) if steps else np.nan
    if not np.isfinite(step):
        return rule.fallback
    return float(np.clip(step, SMALLEST_RATE, rule.largest))
