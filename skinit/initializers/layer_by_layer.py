"""The initializer that uses a separate initializer for each layer."""

from .base import Initializer


class LayerByLayer(Initializer):
    """A separate initializer for the weights of each layer; intercepts zero.

    "auto" stands for this initializer if hidden layers have activations of different families.

    Parameters
    ----------
    initializers : list of Initializer
        One initializer for each layer, including the output layer. Each must draw its weights from the shape of the
        layer alone.
    """

    def __init__(self, initializers: list[Initializer]) -> None:
        self.initializers = initializers

    def initialize(self, network, rng, data=None):
        for initializer, coef, intercept in zip(self.initializers, network.coefs, network.intercepts, strict=True):
            coef[...] = initializer.sample(coef.shape, rng)
            intercept[...] = 0
