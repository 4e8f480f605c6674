"""Averages of the parameters over the steps of training."""

import numpy as np

from ..engine.network import Network


class Averaging:
    r"""The average of the parameters over steps, in a vector that compiled code updates after each step.

    After the `k`-th step that counts, the average `a` becomes :math:`(1 - w_k)\, a + w_k\, \theta`. With
    :math:`w_k = 1/k`, it is the mean of the parameters: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic
    approximation by averaging" (1992). With :math:`w_k = (1 - d) / (1 - d^k)`, it is a weighted mean, where each step
    has `d` times the weight of the next step.

    Parameters
    ----------
    network : Network
        The network with its initial parameters.
    average : True, int or float
        True: all steps count. An int: steps count as soon as this many samples have been seen. A float below 1: all
        steps count, and the decay `d` is this number.

    Attributes
    ----------
    vector : ndarray of shape (n_parameters,)
        The average.
    last_theta : ndarray of shape (n_parameters,)
        The parameters after the last step.
    """

    def __init__(self, network: Network, average: bool | int | float) -> None:
        self.vector = network.theta.copy()
        self.last_theta = network.theta.copy()
        is_decay = average < 1
        self._decay = float(average) if is_decay else None
        self._first_sample = 1 if is_decay else int(average)
        self._n_samples = self._n_averaged = 0

    def copy(self) -> "Averaging":
        """An average in the same state, with copies of the vectors."""
        copied = object.__new__(Averaging)
        copied.__dict__.update(self.__dict__)
        copied.vector, copied.last_theta = self.vector.copy(), self.last_theta.copy()
        return copied

    def begin(self, theta: np.ndarray) -> None:
        """Continue from the parameters after the last step if `theta` is the average; otherwise start again."""
        if np.array_equal(theta, self.vector):
            theta[:] = self.last_theta
        else:
            self.vector[:] = self.last_theta[:] = theta
            self._n_averaged = 0

    def end(self, theta: np.ndarray) -> None:
        """Replace the parameters by their average, and keep them for `begin`."""
        self.last_theta[:] = theta
        theta[:] = self.vector

    def next_weights(self, n_rows: int, batch_size: int) -> np.ndarray:
        """The weights :math:`w_k` of the next epoch's steps, in float64. The steps then count as taken."""
        seen = self._n_samples + np.minimum(np.arange(batch_size, n_rows + batch_size, batch_size), n_rows)
        self._n_samples += n_rows
        numbers = self._n_averaged + np.cumsum(seen >= self._first_sample)
        self._n_averaged = int(numbers[-1])
        # Before the first step that counts, the average equals the parameters.
        numbers = np.maximum(numbers, 1)
        if self._decay is None:
            return 1.0 / numbers
        return (1.0 - self._decay) / (1.0 - self._decay**numbers)
