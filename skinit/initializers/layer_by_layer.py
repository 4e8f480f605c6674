"""An initializer for each layer."""

from .base import Initializer


class LayerByLayer(Initializer):
    """One initializer for the weights of each layer; intercepts zero.

    It is what "auto" stands for where hidden layers have activations of different families.

    Parameters
    ----------
    initializers : list of Initializer
        One for each layer, the output layer included, that look at the shape of their layer only.
    """

    def __init__(self, initializers: list[Initializer]) -> None:
        self.initializers = initializers

    def initialize(self, network, rng, data=None):
        for initializer, coef, intercept in zip(self.initializers, network.coefs, network.intercepts, strict=True):
            coef[...] = initializer.sample(coef.shape, rng)
            intercept[...] = 0
