r"""Dropout: a training step leaves out hidden units at random.

N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014). Each unit of each row
is left out with the probability `p`. The others are divided by :math:`1 - p`, which keeps their expected values.

A random number depends only on the seed, the step, the row, the layer and the unit. So results have the same bits for
every number of threads. The generator is SplitMix64: G. L. Steele, D. Lea and C. H. Flood, "Fast splittable
pseudorandom number generators" (2014).
"""

import numpy as np

from .compilation import inner

# The increment of SplitMix64: 2^64 divided by the golden ratio, rounded to an odd number.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
# The shift in the first round of SplitMix64's mixing function.
SHIFT_1 = np.uint64(30)
# The factor in the first round.
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
# The shift in the second round.
SHIFT_2 = np.uint64(27)
# The factor in the second round.
MIX_2 = np.uint64(0x94D049BB133111EB)
# The shift in the last round, which has no factor.
SHIFT_3 = np.uint64(31)
# This shift leaves the upper half of a random number, which is compared with the probability.
HALF = np.uint64(32)


@inner
def _mix(z):
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return z ^ (z >> SHIFT_3)


@inner
def _split(state, number):
    """The state of a generator that splits off from `state`. Each `number` gives another generator."""
    return _mix(state + (np.uint64(number) + np.uint64(1)) * GAMMA)


@inner
def drop_units(activations, slopes, rate, seed, step, first_row, layer):
    """Leave out units of a layer at random, and divide the others by 1 - rate. Treat their slopes in the same way.

    `activations` and `slopes` have shape (n, d). Their first row is row `first_row` of the pass.
    """
    Float = activations.dtype.type
    factor = Float(1.0 / (1.0 - rate))
    bound = np.uint64(rate * 4294967296.0)
    of_layer = _split(_split(np.uint64(seed), step), layer)
    for i in range(activations.shape[0]):
        state = _split(of_layer, first_row + i)
        for j in range(activations.shape[1]):
            is_kept = _split(state, j) >> HALF >= bound
            scale = factor if is_kept else Float(0)
            activations[i, j] *= scale
            slopes[i, j] *= scale
