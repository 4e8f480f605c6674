"""What initializers that look at the data have in common."""

from abc import abstractmethod

import numpy as np

from ..engine.network import Network, TrainingData
from .base import Initializer


class DataDependentInitializer(Initializer):
    """Base class of initializers that look at a sample of the training data.

    A subclass has a parameter `sample_size` and writes `initialize_on`.
    """

    sample_size: int

    @abstractmethod
    def initialize_on(self, network: Network, rng: np.random.RandomState, sample: TrainingData) -> None:
        """Set all parameters of `network`, looking at a sample of the data.

        Parameters
        ----------
        network : Network
            Its `coefs` and `intercepts` are written to.
        rng : numpy.random.RandomState
            The only source of randomness to use.
        sample : TrainingData
            At most `sample_size` rows, none of them of weight zero.
        """

    def initialize(self, network, rng, data=None):
        self._validate_params()
        if data is None:
            raise ValueError(f"{type(self).__name__} looks at the data: initialize(network, rng, data) needs them.")
        if data.sample_weight is not None and not data.sample_weight.any():
            data = data._replace(sample_weight=None)
        # A row of weight zero is as good as absent.
        rows = np.arange(data.targets.shape[0]) if data.sample_weight is None else np.flatnonzero(data.sample_weight)
        # The sample is drawn from the generator only where there is something to choose.
        if rows.size > self.sample_size:
            rows = rows[np.sort(rng.permutation(rows.size)[: self.sample_size])]
        # Data that overflow are found below.
        with np.errstate(all="ignore"):
            self.initialize_on(network, rng, data.take(rows))
        if not np.isfinite(network.theta).all():
            raise ValueError(
                f"{self!r} found no finite weights: the data may contain large values and need to be preprocessed."
            )
