"""Draw the picture of the README and the start page: ``python docs/readme_picture.py``.

Which initialization trains ten hidden layers? Five-fold cross-validation on the digits, twenty epochs of Adam.
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate

from skinit import MLPClassifier
from skinit.inspection import InitComparisonDisplay

PICTURE = Path(__file__).parent / "_static" / "readme.png"
SCHEMES = ["zero", "random", "xavier", "he", "orthogonal", "hessian"]


def main() -> None:
    """Train, draw and write."""
    # Twenty epochs are enough for the schemes that train.
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(return_X_y=True)
    results = {}
    for init in SCHEMES:
        network = MLPClassifier((64,) * 10, "relu", init=init, max_iter=20, random_state=0)
        results[init] = cross_validate(network, X / 16, y, return_estimator=True)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    InitComparisonDisplay.from_cv_results(results, ax=axes)
    axes[1].set_xlabel(axes[1].get_xlabel().replace("score", "accuracy on held-out folds"))
    figure.suptitle("Ten hidden layers of 64 relu units on the digits: MLPClassifier(init=...)")
    # Without the name of the software, the file changes only if the picture does.
    figure.savefig(PICTURE, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
