"""
Choose an init for a deep network
=================================

With one or two hidden layers nearly every `init` works. With ten, some do not train at
all. Cross-validate a few of them and compare.

.. index:: ! deep network, ! init
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate

from skinit import MLPClassifier
from skinit.inspection import InitComparisonDisplay

warnings.simplefilter("ignore", ConvergenceWarning)  # 20 epochs are few on purpose
X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# Each network has ten hidden layers of 32 relu units, and is scored in three folds.

results = {}
for init in ["random", "sklearn", "he", "orthogonal", "hessian"]:
    network = MLPClassifier((32,) * 10, init=init, max_iter=20, random_state=0)
    results[init] = cross_validate(network, X, y, cv=3, return_estimator=True)
    print(f"{init:10} {results[init]['test_score'].mean():.2f}")

# %%
# "random" draws weights so small that the signal is lost on its way. The user guide has
# advice for more cases (:ref:`which-init`).

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
InitComparisonDisplay.from_cv_results(results, ax=axes)
plt.show()
