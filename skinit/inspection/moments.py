"""Means and variances of rows that arrive in blocks."""

import numpy as np


class Moments:
    """Weighted means and variances of columns, updated with each block of rows (T. Chan et al., 1979)."""

    def __init__(self, size: int) -> None:
        self.weight_sum = 0.0
        self.mean = np.zeros(size)
        self._squares = np.zeros(size)

    def add(self, rows: np.ndarray, weights: np.ndarray) -> None:
        """Add rows with weights. The weights must not sum to zero."""
        weight_sum = weights.sum()
        mean = weights @ rows / weight_sum
        difference = mean - self.mean
        total = self.weight_sum + weight_sum
        self._squares += weights @ (rows - mean) ** 2 + difference**2 * self.weight_sum * weight_sum / total
        self.mean += difference * weight_sum / total
        self.weight_sum = total

    @property
    def variance(self) -> np.ndarray:
        """The variance of each column."""
        return self._squares / self.weight_sum

    @property
    def pooled_variance(self) -> float:
        """The variance over the rows and columns together."""
        return float(self.variance.mean() + self.mean.var())

    @property
    def root_mean_square(self) -> np.ndarray:
        """The root mean square of each column."""
        return np.sqrt(self.variance + self.mean**2)
