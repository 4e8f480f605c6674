"""
Weight the classes of imbalanced data
=====================================

If one class is rare, a classifier can be right nearly always and still miss most rows
of that class. ``class_weight="balanced"`` gives both classes the same weight in the
loss.

.. index:: ! class_weight, ! imbalanced classes
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import accuracy_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

from skinit import MLPClassifier

# %%
# One row in 20 belongs to class 1.

X, y = make_moons((3_800, 200), noise=0.4, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# With balanced weights the network finds more rows of the rare class (recall). The
# price is more false alarms (lower precision), and probabilities that are too high for
# the rare class. If you need true probabilities, leave out the weights and lower the
# threshold, for example with
# :class:`~sklearn.model_selection.TunedThresholdClassifierCV`.

figure, axes = plt.subplots(
    1, 2, figsize=(7.3, 4), sharex=True, sharey=True, layout="constrained"
)
print("class_weight  accuracy  recall  precision")
for class_weight, ax in zip([None, "balanced"], axes, strict=True):
    network = MLPClassifier(
        (30,), class_weight=class_weight, learning_rate_init=0.01, random_state=0
    )
    predicted = network.fit(X_train, y_train).predict(X_test)
    accuracy = accuracy_score(y_test, predicted)
    recall = recall_score(y_test, predicted)
    precision = precision_score(y_test, predicted)
    print(f"{class_weight!s:12}  {accuracy:8.2f}  {recall:6.2f}  {precision:9.2f}")

    DecisionBoundaryDisplay.from_estimator(
        network, X, response_method="predict", cmap="coolwarm", alpha=0.3, ax=ax
    )
    for label, color in enumerate(["C0", "C3"]):
        ax.scatter(*X_test[y_test == label].T, s=10, color=color)
    ax.set(title=f"class_weight={class_weight!r}\nfinds {recall:.0%} of the red class")
plt.show()
