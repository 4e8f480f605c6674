"""
Search on a cluster
===================

Within ``parallel_config(backend="dask")`` a search runs on the machines of a cluster.
``ResumableGridSearchCV`` survives the loss of a worker. With `memory` it also continues
where it was interrupted.

.. index:: ! cluster, ! dask, ! grid search
"""

import warnings
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPClassifier
from skinit.model_selection import ResumableGridSearchCV

warnings.simplefilter("ignore", ConvergenceWarning)  # 10 epochs are few on purpose
X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# This cluster lives in the process of the script. For a real one, give ``Client`` the
# address of its scheduler.

client = Client(
    processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
)
inits = ["random", "sklearn", "he", "orthogonal"]
depths = [1, 2, 4, 8]
grid = {"init": inits, "hidden_layer_sizes": [(32,) * depth for depth in depths]}
search = ResumableGridSearchCV(
    MLPClassifier(max_iter=10, random_state=0), grid, cv=3, memory=mkdtemp()
)
with parallel_config(backend="dask"):
    search.fit(X, y)
print(search.best_params_)

# %%
# If the same search runs again, it takes every fit from the folder.

search.fit(X, y)
print("fits taken from the folder:", search.n_reused_fits_)
client.close()

# %%
# The picture shows the mean score of each candidate.

scores = search.cv_results_["mean_test_score"].reshape(len(depths), len(inits))
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
image = ax.imshow(scores, vmin=0, vmax=1)
for (row, column), score in np.ndenumerate(scores):
    color = "white" if score < 0.5 else "black"
    ax.text(column, row, f"{score:.2f}", ha="center", va="center", color=color)
ax.set_xticks(range(len(inits)), inits)
ax.set_yticks(range(len(depths)), depths)
ax.set(xlabel="init", ylabel="hidden layers", title="accuracy")
plt.show()

# %%
# :doc:`/cluster` shows other kinds of clusters, and what happens when a worker dies.
