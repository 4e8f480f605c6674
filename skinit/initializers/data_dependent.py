"""The base class of initializers that use the data."""

from abc import abstractmethod

import numpy as np

from ..engine.network import Network, TrainingData
from .base import Initializer


class DataDependentInitializer(Initializer):
    """Base class of initializers that use a sample of the training data.

    A subclass has a parameter `sample_size` and defines `initialize_on`.
    """

    sample_size: int

    @abstractmethod
    def initialize_on(self, network: Network, rng: np.random.RandomState, sample: TrainingData) -> None:
        """Set all parameters of `network` from a sample of the data.

        Parameters
        ----------
        network : Network
            The method writes into its `coefs` and `intercepts`.
        rng : numpy.random.RandomState
            The only source of randomness to use.
        sample : TrainingData
            At most `sample_size` rows, all with non-zero weight.
        """

    def initialize(self, network, rng, data=None):
        self._validate_params()
        if data is None:
            raise ValueError(f"{type(self).__name__} uses the data: pass them to initialize(network, rng, data).")
        if data.sample_weight is not None and not data.sample_weight.any():
            data = data._replace(sample_weight=None)
        rows = np.arange(data.targets.shape[0]) if data.sample_weight is None else np.flatnonzero(data.sample_weight)
        if rows.size > self.sample_size:
            rows = rows[np.sort(rng.permutation(rows.size)[: self.sample_size])]
        # The check below finds overflow.
        with np.errstate(all="ignore"):
            self.initialize_on(network, rng, data.take(rows))
        if not np.isfinite(network.theta).all():
            raise ValueError(
                f"{self!r} found no finite weights: the data may contain large values. Scale X (StandardScaler) and y."
            )
