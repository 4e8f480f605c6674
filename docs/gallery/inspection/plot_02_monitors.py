"""
Record curvature and gradients during training
==============================================

Two callbacks record norms after each epoch. One records the norm of the Hessian, which limits the learning rate, and
the other the norm of each layer's gradient. They need scikit-learn 1.9 or later.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skinit import MLPClassifier
from skinit.callbacks import CurvatureMonitor, GradientMonitor

# Networks train for a fixed number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# The network trains by plain gradient descent with mini-batches of a hundred rows, at two learning rates. `every`
# limits the cost, because a norm of the Hessian takes a few dozen passes over the rows on which it is measured.

N_EPOCHS = 20
RATES = [0.1, 0.4]
logs = {}
for rate in RATES:
    curvature, gradients = CurvatureMonitor(every=2, sample_size=300), GradientMonitor()
    network = MLPClassifier(
        (32, 32), "tanh", solver="sgd", momentum=0, batch_size=100, random_state=0
    )
    network.set_params(learning_rate_init=rate, max_iter=N_EPOCHS).set_callbacks(
        curvature, gradients
    ).fit(X, y)
    logs[rate] = (
        curvature.get_logs().data_as_pandas,
        gradients.get_logs().data_as_pandas,
    )
    largest = logs[rate][0]["hessian_norm"].max()
    print(
        f"rate {rate}: loss {network.loss_:.3f}, norm of the Hessian at most "
        f"{largest:.1f}, 2 / rate {2 / rate:g}"
    )

# %%
# The dotted lines are at 2 divided by the rate. Above them, a step along the steepest direction overshoots the
# minimum and ends higher than it began. With the smaller rate the norm stays far below the line. With the larger rate
# it approaches its line and turns back. J. Cohen et al., "Gradient descent on neural networks typically occurs at the
# edge of stability" (2021), describe why gradient descent often does this.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.3, 3.6), layout="constrained")
for (rate, (curvature, gradients)), color in zip(
    logs.items(), ["#0072B2", "#D55E00"], strict=True
):
    left.plot(
        curvature["n_iter"],
        curvature["hessian_norm"],
        "o-",
        markersize=4,
        color=color,
        label=f"rate {rate}",
    )
    left.axhline(2 / rate, color=color, linestyle=":")
    for layer, style in enumerate(["-", "--", ":"]):
        label = f"layer {layer}" if rate == RATES[0] else None
        right.plot(
            gradients["n_iter"],
            gradients[f"gradient_norm_{layer}"],
            style,
            color=color,
            label=label,
        )
left.set(
    xlabel="epoch",
    ylabel="norm of the Hessian",
    yscale="log",
    title="Curvature, and 2 / rate",
)
right.set(
    xlabel="epoch",
    ylabel="norm of the gradient",
    yscale="log",
    title="Gradients by layer",
)
for ax in (left, right):
    ax.legend()
    ax.grid(alpha=0.3)
plt.show()
