"""
Find out why a network does not train
=====================================

If the loss does not fall, use ``signal_propagation``. It measures every layer, even
before the first epoch, and says what is wrong and what to try.

.. index:: ! convergence, ! does not train
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skinit import MLPClassifier
from skinit.inspection import signal_propagation

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# This network has eight hidden layers, and weights that are too small for them.
# ``initialize`` draws the weights without training.

network = MLPClassifier((32,) * 8, "tanh", init="random", max_iter=20, random_state=0)
broken = signal_propagation(network.initialize(X, y), X[:300], y[:300])
for finding in broken.findings:
    print(finding)

# %%
# Follow the advice, and look again.

network.set_params(init="orthogonal")
mended = signal_propagation(network.initialize(X, y), X[:300], y[:300])
print("findings:", mended.findings)

# %%
# In the first network, the signal of the input shrinks from layer to layer. In the
# second, it reaches every layer.

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for signals, init, color in [(broken, "random", "C3"), (mended, "orthogonal", "C0")]:
    ax.semilogy(signals.row_variance, "o-", color=color, linewidth=2, label=init)
ax.set(xlabel="layer, from 0", ylabel="variance of the outputs over the rows")
ax.legend(title="init")
plt.show()

# %%
# :ref:`sphx_glr_auto_gallery_inspection_plot_01_deep_logistic.py` also shows gradients
# and curvature.
