"""The initializer that draws scikit-learn's initial weights."""

import math
from functools import partial

from .base import Initializer
from .random import draw


class ScikitLearn(Initializer):
    r"""The initial weights and intercepts of scikit-learn, bit for bit.

    .. math:: W_{ij},\, b_j \sim U(-r, r), \qquad r = \sqrt{c / (d_\mathrm{in} + d_\mathrm{out})},

    with :math:`c = 2` for the logistic activation and 6 for all others (Xavier's uniform scheme). Intercepts are random
    too. If hidden layers have different activations, the output layer uses the `c` of the last hidden layer. With the
    same `random_state`, training gives the results of scikit-learn up to rounding.

    References
    ----------
    The scheme is from X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010).

    Examples
    --------
    Both packages reach the same loss after 20 epochs:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier as Reference
    >>> from skinit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ours = MLPClassifier(init="sklearn", max_iter=20, random_state=0).fit(X, y)
    >>> theirs = Reference(max_iter=20, random_state=0).fit(X, y)
    >>> round(float(ours.loss_), 8), round(float(theirs.loss_), 8)
    (0.81406924, 0.81406924)
    """

    def initialize(self, network, rng, data=None):
        for k, (coef, intercept) in enumerate(zip(network.coefs, network.intercepts, strict=True)):
            numerator = 2.0 if network.activation_of_weights(k) == "logistic" else 6.0
            bound = math.sqrt(numerator / sum(coef.shape))
            coef[...] = draw(partial(rng.uniform, -bound, bound), coef.shape)
            intercept[...] = rng.uniform(-bound, bound, intercept.shape)
