"""An estimator that fails or kills its process on demand, in a module of its own so that workers import little."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Fragile(ClassifierMixin, BaseEstimator):
    """A classifier by the sign of the first column that records its fits, and fails in the fit with the number `on`."""

    def __init__(self, folder, number=0, *, event=None, on=-1):
        self.folder = folder
        self.number = number
        self.event = event
        self.on = on

    def fit(self, X, y):
        with open(os.path.join(self.folder, "fits"), "a") as file:
            file.write(f"{self.number}\n")
        # Results that are waited for arrive before the next fit ends.
        time.sleep(0.02)
        if self.number == self.on:
            if self.event == "kill once":
                # Only the first fit can make the folder.
                try:
                    os.mkdir(os.path.join(self.folder, "killed"))
                except FileExistsError:
                    pass
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
            elif self.event == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.event is not None:
                raise self.event
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > self.number / 10).astype(int)]


def fits_of(folder):
    """Return how many fits `Fragile` has recorded."""
    path = Path(folder, "fits")
    return len(path.read_text().splitlines()) if path.exists() else 0
