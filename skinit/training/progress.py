"""The lines that `verbose` prints while a network trains."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps

from ..kernels.compilation import announcing_compilation

# The value of `verbose` that asks for a table.
TABLE = 2
# The names of the table's columns.
HEADER = ("epoch", "loss", "validation score", "validation loss", "learning rate", "seconds")
# The width of each column in characters.
WIDTHS = (6, 12, 18, 17, 15, 9)


class Progress:
    """Prints the progress of training.

    Parameters
    ----------
    verbose : bool or int
        0 prints nothing, 2 prints a table with a row for each epoch, and other values print scikit-learn's lines.
    """

    def __init__(self, verbose: bool | int) -> None:
        self._verbose = int(verbose)
        self._start = time.perf_counter()
        self._has_header = False

    def note(self, *words: str) -> None:
        """Print words, unless `verbose` is 0."""
        if self._verbose:
            print(*words)

    def note_epoch(self, history, learning_rate: float, validates: bool) -> None:
        """Print the numbers of the last epoch."""
        if self._verbose not in (0, TABLE):
            print(f"Iteration {history.n_iter_}, loss = {history.loss_:.8f}")
            if validates:
                print(f"Validation score: {history.validation_scores_[-1]:f}")
        elif self._verbose:
            if not self._has_header:
                self._print_row(HEADER)
                self._has_header = True
            validation = ("", "")
            if validates:
                validation = (f"{history.validation_scores_[-1]:.6g}", f"{history.validation_loss_curve_[-1]:.6g}")
            seconds = time.perf_counter() - self._start
            numbers = (f"{history.n_iter_}", f"{history.loss_:.6g}", *validation)
            self._print_row((*numbers, f"{learning_rate:.3g}", f"{seconds:.1f}"))

    @staticmethod
    def _print_row(cells: tuple[str, ...]) -> None:
        print("".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True)))


def tells_of_compilation(method: Callable) -> Callable:
    """Decorate an estimator's method so that it announces a long compilation if `verbose` is set."""

    @wraps(method)
    def run(self, *args, **kwargs):
        with announcing_compilation() if self.verbose else nullcontext():
            return method(self, *args, **kwargs)

    return run
