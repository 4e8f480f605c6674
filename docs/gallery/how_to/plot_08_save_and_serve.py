"""
Save, load and serve a network
==============================

Save a model with skops if you load it in Python again, because loading a skops file
runs no code from the file. Convert it to ONNX to predict without Python. Both formats
take pipelines.

.. index:: ! save model, ! load model, ! serve, ! ONNX, ! skops
"""

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import skops.io
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skinit import TRUSTED_TYPES, MLPClassifier, to_onnx

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
network = MLPClassifier((50,), learning_rate_init=0.01, random_state=0)
model = make_pipeline(MinMaxScaler(), network)
model.fit(X_train, y_train)
folder = Path(mkdtemp())

# %%
# Save and load
# -------------
#
# skops loads only types that you trust. ``TRUSTED_TYPES`` has the types of skinit.

skops.io.dump(model, folder / "digits.skops")
loaded = skops.io.load(folder / "digits.skops", trusted=TRUSTED_TYPES)
agreement = np.mean(loaded.predict(X_test) == model.predict(X_test))
print(f"labels that agree: {agreement:.0%}")

# %%
# Serve
# -----
#
# Runtimes for many languages read ONNX files. This page uses onnxruntime.

graph = to_onnx(model, X_train)
(folder / "digits.onnx").write_bytes(graph.SerializeToString())
session = onnxruntime.InferenceSession(folder / "digits.onnx")
labels, probabilities = session.run(None, {session.get_inputs()[0].name: X_test})
print(f"labels that agree: {np.mean(labels == model.predict(X_test)):.0%}")

# %%
# Each title is the label that the ONNX file predicts for the image.

figure, axes = plt.subplots(2, 4, figsize=(7, 4), layout="constrained")
for ax, image, label in zip(axes.flat, X_test, labels, strict=False):
    ax.imshow(image.reshape(8, 8), cmap="gray_r")
    ax.set_axis_off()
    ax.set_title(label)
plt.show()

# %%
# :doc:`/deployment` has more formats, and lists what cannot be converted.
