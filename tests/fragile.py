"""An estimator on which something happens, apart from the tests so that workers have little to import."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Fragile(ClassifierMixin, BaseEstimator):
    """A classifier of the first column that writes down its fits, and has one on which something happens."""

    def __init__(self, folder, number=0, *, event=None, on=-1):
        self.folder = folder
        self.number = number
        self.event = event
        self.on = on

    def fit(self, X, y):
        with open(os.path.join(self.folder, "fits"), "a") as file:
            file.write(f"{self.number}\n")
        # So that whoever waits for results has them before those to come.
        time.sleep(0.02)
        if self.number == self.on:
            if self.event == "kill once":
                # Only the first can make the folder.
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
    """How many fits a `Fragile` has written down."""
    path = Path(folder, "fits")
    return len(path.read_text().splitlines()) if path.exists() else 0
