"""The workloads in JAX, as its users would write them.

An epoch is one compiled call, a `lax.scan` over mini-batches whose state is donated.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .speed_estimators import Skinit
from .speed_worker import Run
from .speed_workloads import ALPHA, BATCH_SIZE, BETA_1, BETA_2, EPSILON, LEARNING_RATE, Start, Workload, training_loss

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}
# Rows for each call if predictions are made in blocks.
BLOCK = 10_000


class Jax:
    """Everything that is done only once comes before the clock starts: compilation and transfer of data."""

    def __init__(self, n_threads: int) -> None:
        # With this option arrays keep their dtype, float64 too. JAX has as many threads as the process may use cores.
        jax.config.update("jax_enable_x64", True)

    @staticmethod
    def _parameters(coefs, intercepts) -> list[tuple[jax.Array, jax.Array]]:
        return [(jnp.array(coef), jnp.array(intercept)) for coef, intercept in zip(coefs, intercepts, strict=True)]

    @staticmethod
    def _outputs(workload: Workload, parameters, inputs: jax.Array) -> jax.Array:
        activations = inputs
        for coef, intercept in parameters[:-1]:
            activations = ACTIVATIONS[workload.activation](activations @ coef + intercept)
        coef, intercept = parameters[-1]
        return activations @ coef + intercept

    @classmethod
    def _loss_of(cls, workload: Workload, parameters, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        outputs = cls._outputs(workload, parameters, inputs)
        if outputs.shape[1] == 1:
            return jnp.mean(jax.nn.softplus(outputs) - targets * outputs)
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(outputs), axis=1))

    @staticmethod
    def _targets(workload: Workload, y: np.ndarray) -> jax.Array:
        """Return targets of ones and zeros, which are faster on a CPU than looking up classes by number."""
        n_classes = int(y.max()) + 1
        if n_classes == 2:
            return jnp.asarray(y.astype(workload.dtype).reshape(-1, 1))
        return jax.nn.one_hot(y, n_classes, dtype=workload.dtype)

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        start = Start.of(workload, X, y)
        inputs, targets = jnp.asarray(X), self._targets(workload, y)
        batch_size = min(BATCH_SIZE, y.size)
        n_whole = y.size // batch_size * batch_size

        def step(inputs, targets, state, rows):
            parameters, first_moments, second_moments, n_steps = state
            loss, gradient = jax.value_and_grad(partial(self._loss_of, workload))(
                parameters, inputs[rows], targets[rows]
            )
            # scikit-learn divides the penalty by the rows of the batch.
            strength = ALPHA / rows.size
            gradient = [
                (slope + strength * coef, intercept_slope)
                for (slope, intercept_slope), (coef, _) in zip(gradient, parameters, strict=True)
            ]
            n_steps += 1
            rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**n_steps) / (1 - BETA_1**n_steps)
            rate = rate.astype(workload.dtype)
            first_moments = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first_moments, gradient)
            second_moments = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second_moments, gradient)
            parameters = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), parameters, first_moments, second_moments
            )
            return (parameters, first_moments, second_moments, n_steps), loss

        # The data are arguments, because XLA would fold the variables of a closure as constants.
        @partial(jax.jit, donate_argnums=0)
        def run_epoch(state, inputs, targets, order):
            step_on_rows = partial(step, inputs, targets)
            state, losses = jax.lax.scan(step_on_rows, state, order[:n_whole].reshape(-1, batch_size))
            if n_whole < order.size:
                state, loss = step_on_rows(state, order[n_whole:])
                losses = jnp.append(losses, loss)
            return state, losses

        def train():
            parameters = self._parameters(start.coefs, start.intercepts)
            moments = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
            state = (parameters, *moments, jnp.zeros((), jnp.float64))
            losses = []
            for order in start.row_orders(y.size, workload.times):
                state, epoch_losses = run_epoch(state, inputs, targets, order.astype(np.int32))
                losses.append(epoch_losses)
            return jax.block_until_ready(state)[0]

        def check(parameters) -> float:
            coefs, intercepts = zip(*jax.tree.map(np.asarray, parameters), strict=True)
            return training_loss(workload, X, y, coefs, intercepts)

        return {"": Run(train, check)}

    def _fitted(self, workload: Workload, X, y):
        fitted = Skinit(1).fitted(workload, X, y)
        return self._parameters(fitted.coefs_, fitted.intercepts_)

    def predict(self, workload: Workload, X, y) -> dict[str, Run]:
        parameters = self._fitted(workload, X, y)
        inputs = jnp.asarray(X)

        def predict(inputs: jax.Array) -> jax.Array:
            return self._outputs(workload, parameters, inputs)[:, 0] > 0

        whole = jax.jit(predict)
        blocks = jax.jit(lambda inputs: jax.lax.map(predict, inputs.reshape(-1, BLOCK, X.shape[1])))
        return {
            "whole": Run(lambda: np.asarray(whole(inputs)), np.mean),
            "blocks": Run(lambda: np.asarray(blocks(inputs)), np.mean),
        }

    def predict_one(self, workload: Workload, X, y) -> dict[str, Run]:
        parameters = self._fitted(workload, X, y)
        predict = jax.jit(lambda row: jnp.argmax(self._outputs(workload, parameters, row)))
        rows = [X[i : i + 1] for i in range(workload.times)]
        return {"": Run(lambda: [int(predict(row)) for row in rows], np.mean)}

    def hessian_products(self, workload: Workload, X, y) -> dict[str, Run]:
        start = Start.of(workload, X, y)
        inputs, targets = jnp.asarray(X), self._targets(workload, y)
        parameters = self._parameters(start.coefs, start.intercepts)
        n_parameters = sum(parameter.size for parameter in jax.tree.leaves(parameters))

        def iterate(parameters, multiply) -> jax.Array:
            def step(direction, _):
                product = multiply(direction)
                norm = jnp.sqrt(sum(jnp.sum(part * part) for part in jax.tree.leaves(product)))
                return jax.tree.map(lambda part: part / norm, product), norm

            direction = jax.tree.map(lambda part: jnp.full_like(part, n_parameters**-0.5), parameters)
            return jax.lax.scan(step, direction, length=workload.times)[1][-1]

        def loss_of(parameters, inputs, targets) -> jax.Array:
            return self._loss_of(workload, parameters, inputs, targets)

        @jax.jit
        def by_forward_mode(parameters, inputs, targets) -> jax.Array:
            gradient = partial(jax.grad(loss_of), inputs=inputs, targets=targets)
            return iterate(parameters, lambda direction: jax.jvp(gradient, (parameters,), (direction,))[1])

        @jax.jit
        def by_linearization(parameters, inputs, targets) -> jax.Array:
            # The part that does not depend on the direction is computed once.
            gradient = partial(jax.grad(loss_of), inputs=inputs, targets=targets)
            return iterate(parameters, jax.linearize(gradient, parameters)[1])

        return {
            "jvp of grad": Run(lambda: float(by_forward_mode(parameters, inputs, targets)), float),
            "linearize": Run(lambda: float(by_linearization(parameters, inputs, targets)), float),
        }
