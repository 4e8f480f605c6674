"""The loss of a network: its name, its constants, and its values for given preactivations."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from ..kernels.losses import LOSSES, Loss, compile_loss
from ..validation import wrong_name


class LossFunction(NamedTuple):
    """A loss of `LOSSES` and the constants that it takes.

    Attributes
    ----------
    name : str
    constants : tuple of float
        The constants of the loss, without the cap on log losses.
    """

    name: str
    constants: tuple[float, ...]

    @classmethod
    def of(cls, name: str, *constants: float) -> "LossFunction":
        """The loss with this name. Without `constants`, it has the default constants.

        Raises
        ------
        ValueError
            If no loss has this name.
        """
        if not (isinstance(name, str) and name in LOSSES):
            raise ValueError(wrong_name("The loss", name, LOSSES))
        return cls(name, constants or LOSSES[name].constants)

    @property
    def entry(self) -> Loss:
        """The entry of the loss in `LOSSES`."""
        return LOSSES[self.name]

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError if the constants, which compiled code trusts, do not fit this number of outputs."""
        n_more = len(self.constants) - len(self.entry.constants)
        starts = self.constants[len(self.entry.constants) :]
        if self.entry.target_of == "a group of outputs":
            is_right = n_more > 1 and starts[0] == 0 and starts[-1] == n_outputs and min(np.diff(starts)) >= 1
        elif self.entry.has_constant_for_each_output:
            is_right = n_more == n_outputs
        else:
            is_right = n_more == 0
        are_finite = all(isinstance(constant, Real) and np.isfinite(constant) for constant in self.constants)
        if not (is_right and are_finite):
            raise ValueError(
                f"The constants {self.constants} do not fit the loss {self.name!r} of {n_outputs} output(s)."
            )

    def groups(self, n_outputs: int) -> list[slice]:
        """For each column of targets, the outputs that it belongs to."""
        if self.entry.target_of == "an output":
            return [slice(k, k + 1) for k in range(n_outputs)]
        if self.entry.target_of == "all outputs":
            return [slice(0, n_outputs)]
        starts = [int(start) for start in self.constants[len(self.entry.constants) :]]
        return [slice(start, stop) for start, stop in zip(starts, starts[1:], strict=False)]

    def reported_scale(self, n_outputs: int) -> float:
        """The factor that turns a sum over outputs into the reported loss."""
        return 1.0 / n_outputs if self.entry.reports_mean_over_outputs else 1.0

    def kernel_constants(self, cap: float = np.inf) -> np.ndarray:
        """The constants as kernels take them. A single log loss is at most `cap`."""
        return np.array([cap, *self.constants])

    def loss_and_deltas(
        self, preactivations: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """The weighted sum of the rows' losses, and its derivatives with respect to the preactivations, in their dtype.

        Parameters
        ----------
        preactivations : ndarray of shape (n, n_outputs)
        targets : ndarray of shape (n, n_targets)
            One column for each group in `groups`.
        weights : ndarray of shape (n,)

        Returns
        -------
        loss : float
        deltas : ndarray of shape (n, n_outputs)
        """
        dtype = preactivations.dtype
        arrays = [np.ascontiguousarray(array, dtype) for array in (preactivations, targets, weights)]
        deltas = np.empty_like(arrays[0])
        return compile_loss(self.name, dtype)(*arrays, deltas, self.kernel_constants()), deltas

    def curve_norms(self, preactivations: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The spectral norm of the loss's second derivative for each row, in float64."""
        return self.entry.curve_norms(preactivations, targets, self.kernel_constants())
