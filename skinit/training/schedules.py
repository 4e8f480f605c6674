r"""Learning-rate schedules: the factor of the learning rate at each step, known before training.

A schedule is a function ``(step, n_steps) -> factor``. It takes the number of a step, which starts at 0, and the number
of steps in `max_iter` epochs. To add a schedule, add an entry to `SCHEDULES`. Rules that depend on the course of
training ("adaptive") or on the number of samples seen ("invscaling") are in :class:`~skinit.training.solvers.SGD`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from ..validation import NumberInterval

Schedule = Callable[[int, int], float]

# The factors that a schedule may return.
FACTORS = NumberInterval(Real, 0, None, closed="left")
# The fraction of the steps in which "one_cycle" warms up.
WARM_UP = 0.3
# The factor of "one_cycle" at the first step.
FIRST_FACTOR = 0.04
# The number of epochs over which an automatic learning rate warms up.
WARM_UP_EPOCHS = 3


def linear(step: int, n_steps: int) -> float:
    """From 1 down to 0 in a straight line."""
    return 1 - step / n_steps


def cosine(step: int, n_steps: int) -> float:
    """From 1 down to 0 along half a period of the cosine.

    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), but without restarts.
    """
    return (1 + math.cos(math.pi * step / n_steps)) / 2


def one_cycle(step: int, n_steps: int) -> float:
    """From 0.04 up to 1 within 30% of the steps, then down to 0 along a cosine.

    L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning rates"
    (2018).
    """
    n_rising = WARM_UP * n_steps
    if step < n_rising:
        return FIRST_FACTOR + (1 - FIRST_FACTOR) * step / n_rising
    return (1 + math.cos(math.pi * (step - n_rising) / (n_steps - n_rising))) / 2


SCHEDULES: dict[str, Schedule] = {"cosine": cosine, "linear": linear, "one_cycle": one_cycle}


def warm_up(step: int, n_steps: int) -> float:
    """Up to 1 in a straight line. `SCHEDULES` leaves it out, because it makes sense only over a few epochs."""
    return (step + 1) / n_steps


@dataclass(frozen=True)
class WarmUpAndTail:
    """The schedule of an automatic learning rate: up to 1 over the first epochs, and down to 0 over the tail.

    The warm-up follows P. Goyal et al., "Accurate, large minibatch SGD" (2017).

    Parameters
    ----------
    n_epochs : int
        Number of epochs in all.
    begin, end : float
        The epochs in which the tail begins and ends.
    """

    n_epochs: int
    begin: float
    end: float

    @classmethod
    def over(cls, n_epochs: int) -> "WarmUpAndTail":
        """The schedule with a tail over the second half of the epochs."""
        return cls(n_epochs, n_epochs / 2, n_epochs)

    def __call__(self, step: int, n_steps: int) -> float:
        n_batches = n_steps // self.n_epochs
        rise = (step + 1) / (WARM_UP_EPOCHS * n_batches)
        fall = (self.end - step / n_batches) / (self.end - self.begin)
        return max(0.0, min(1.0, rise, fall))

    def begin_tail(self, epoch: int) -> "WarmUpAndTail":
        """The schedule with a tail that begins after `epoch` epochs and lasts for as many epochs."""
        return replace(self, begin=epoch, end=2 * epoch)


def factors(schedule: Schedule, first: int, n: int, n_steps: int) -> np.ndarray:
    """The factors of `n` steps, from step `first` on, in float64. From step `n_steps` - 1 on, the factor is constant.

    Raises
    ------
    ValueError
        If the schedule does not return a finite number of at least 0.
    """
    return np.array([_factor(schedule, min(step, n_steps - 1), n_steps) for step in range(first, first + n)])


def _factor(schedule: Schedule, step: int, n_steps: int) -> float:
    factor = schedule(step, n_steps)
    if not FACTORS.is_satisfied_by(factor):
        raise ValueError(
            "learning_rate must be a function (step, n_steps) that returns a finite factor >= 0, but it returned "
            f"{factor!r} for step {step} of {n_steps}."
        )
    return float(factor)
