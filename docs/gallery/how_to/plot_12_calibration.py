"""
Calibrate the probabilities of a classifier
===========================================

A network that trains for too long is too sure of its predictions. scikit-learn's
``CalibratedClassifierCV`` corrects the probabilities with rows that it holds out from
training.

.. index:: ! calibration, ! probabilities
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skinit import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # 100 epochs are many on purpose

# %%
# One label in ten is wrong, so no classifier can be sure of every row. The network
# learns the wrong labels by heart.

X, y = make_classification(2_000, n_informative=5, flip_y=0.2, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
network = MLPClassifier(learning_rate_init=0.01, max_iter=100, random_state=0)
models = {
    "network": network.fit(X_train, y_train),
    "calibrated": CalibratedClassifierCV(network).fit(X_train, y_train),
}

# %%
# A model is sure of a row if it gives a class a probability above 0.9. The table shows
# how often it is then right, and the log loss of all probabilities (lower is better).
# In the picture, a model is well calibrated where its line is close to the diagonal.

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
print("            right if sure  log loss")
for name, model in models.items():
    probabilities = model.predict_proba(X_test)
    is_sure = probabilities.max(axis=1) > 0.9
    right = model.score(X_test[is_sure], y_test[is_sure])
    print(f"{name:10}  {right:13.0%}  {log_loss(y_test, probabilities):8.2f}")
    CalibrationDisplay.from_predictions(y_test, probabilities[:, 1], name=name, ax=ax)
ax.set(xlabel="predicted probability of class 1", ylabel="share of rows in class 1")
plt.show()

# %%
# Stop earlier, and the network is less sure in the first place:
# :ref:`sphx_glr_auto_gallery_how_to_plot_04_validation_rows.py`.
