"""A network: layer sizes, activation, loss, and one vector of parameters."""

import operator
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..activations import Activation, check_activation
from ..kernels.activations import evaluate
from ..kernels.arguments import Data, Inputs
from ..kernels.compilation import Kernel
from .blas import blas_threads
from .data import TrainingData, as_inputs, is_ready
from .losses import LossFunction

# The most multiply-adds in the forward passes of one compiled call. They take at most 0.1 s on a slow core, because
# Ctrl-C waits for the end of the call.
CALL_MULTIPLY_ADDS = 10**8
# The most rows that go through a network together, in training and in predictions.
MOST_BLOCK_ROWS = 512


class Network:
    """A multilayer perceptron whose weights and intercepts are views of one vector.

    Layer `k` maps activations of shape (n, d_k) to (n, d_{k+1}) through ``coefs[k]`` of shape (d_k, d_{k+1}).

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths d_0 (features), ..., d_L (outputs).
    activation : str or Activation, or list or tuple of these
        One activation for all hidden layers, or one for each of them.
    loss : LossFunction or str
        The loss, which determines the output activation. A name means the loss with the constants of its entry.
    dtype : numpy.dtype
        float32 or float64.
    theta : ndarray of shape (n_parameters,), or None
        The parameters, by default new ones.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        All weights, layer by layer, then all intercepts. New ones are zero.
    coefs, intercepts : list of ndarray
        Views of `theta`. Write to them, but do not replace them, because kernels read `theta`.
    activations : tuple of str and Activation
        The activation of each hidden layer.
    widths : tuple of int
        The layer sizes.
    layer_sizes : ndarray of shape (n_layers + 1,)
        The layer sizes as an array, for kernels.
    largest_coef : int
        Number of weights in the layer with the most weights.

    Raises
    ------
    ValueError
        If there is no such activation or loss, if the number of activations differs from the number of hidden layers,
        or if the constants of the loss do not fit the number of outputs.
    MemoryError
        If there is not enough memory for the parameters.
    """

    def __init__(
        self, layer_sizes, activation, loss: LossFunction | str, dtype: np.dtype, theta: np.ndarray | None = None
    ) -> None:
        sizes = [int(size) for size in layer_sizes]
        shapes = list(pairwise(sizes))
        self.widths = tuple(sizes)
        # None differs from every activation and loss, so the setters check the given ones.
        self._activation: Any = None
        self._loss: Any = None
        self.activation = activation
        self.loss = loss
        self.n_weights = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        self.largest_coef = max(fan_in * fan_out for fan_in, fan_out in shapes)
        n_parameters = self.n_weights + sum(sizes[1:])
        try:
            self.theta = np.zeros(n_parameters, dtype=dtype) if theta is None else theta
        except (MemoryError, ValueError, OverflowError):
            raise MemoryError(
                f"A network with layers of {', '.join(map(str, sizes))} units has {n_parameters:.3g} parameters, too "
                "many for the memory of this machine."
            ) from None
        self.layer_sizes = np.array(sizes, dtype=np.int64)
        self.layer_sizes.flags.writeable = False
        self.coefs: list[np.ndarray] = []
        self.intercepts: list[np.ndarray] = []
        coef_start, intercept_start = 0, self.n_weights
        for fan_in, fan_out in shapes:
            coef = self.theta[coef_start : coef_start + fan_in * fan_out]
            self.coefs.append(coef.reshape(fan_in, fan_out))
            self.intercepts.append(self.theta[intercept_start : intercept_start + fan_out])
            coef_start += fan_in * fan_out
            intercept_start += fan_out
        self._arrays = (self.theta, *self.coefs, *self.intercepts)
        self._shapes_and_dtypes = [(view.shape, view.dtype) for view in self._arrays[1:]]

    @property
    def activation(self) -> str | Activation | tuple[str | Activation, ...]:
        """One activation for all hidden layers, or one for each of them, as it was given."""
        return self._activation

    @activation.setter
    def activation(self, activation) -> None:
        # A check would take a noticeable part of a prediction for one row.
        if activation is self._activation and activation is not None:
            return
        self.activations = _check_activations(activation, len(self.widths) - 2)
        self._activation = tuple(activation) if isinstance(activation, list) else activation

    def activation_of_weights(self, k: int):
        """The activation for which the weights of layer `k` are drawn.

        The output layer has none, so its weights are drawn for the activation of the last hidden layer.
        """
        return self.activations[min(k, len(self.activations) - 1)] if self.activations else self.activation

    def activation_addresses(self, compile_activation: Callable[[Any, np.dtype], Kernel]) -> np.ndarray:
        """The address of the kernel for each hidden layer's activation."""
        return _activation_addresses(compile_activation, self.activations, self.theta.dtype)

    @property
    def loss(self) -> LossFunction:
        """The loss, with its constants."""
        return self._loss

    @loss.setter
    def loss(self, loss: LossFunction | str) -> None:
        if loss == self._loss:
            return
        loss = loss if isinstance(loss, LossFunction) else LossFunction.of(loss)
        loss.check_outputs(self.widths[-1])
        self._loss = loss

    def with_theta(self, theta: np.ndarray) -> "Network":
        """A network of the same shape with another vector of parameters, which is not copied."""
        return Network(self.widths, self.activation, self.loss, theta.dtype, theta)

    def as_attributes(self) -> dict:
        """The fitted attributes that an estimator with this network has."""
        return {"_network": self, "coefs_": list(self.coefs), "intercepts_": list(self.intercepts)}

    @classmethod
    def from_parameters(cls, coefs, intercepts, activation, loss: LossFunction | str) -> "Network":
        """A network with copies of the given weights and intercepts.

        Raises
        ------
        ValueError
            If they are not real numbers, or if their shapes do not make a network.
        """
        coefs = _check_parameters("coefs_", coefs, n_dimensions=2)
        intercepts = _check_parameters("intercepts_", intercepts, n_dimensions=1)
        if len(coefs) != len(intercepts):
            raise ValueError(f"coefs_ has {len(coefs)} layer(s), but intercepts_ has {len(intercepts)}.")
        for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
            if intercept.shape[0] != coef.shape[1]:
                raise ValueError(
                    f"coefs_[{k}] has shape {coef.shape}, so intercepts_[{k}] must have shape ({coef.shape[1]},), "
                    f"got {intercept.shape}."
                )
            if k > 0 and coef.shape[0] != coefs[k - 1].shape[1]:
                raise ValueError(
                    f"coefs_[{k - 1}] has shape {coefs[k - 1].shape}, so coefs_[{k}] must have "
                    f"{coefs[k - 1].shape[1]} row(s), got shape {coef.shape}."
                )
        dtype = np.result_type(*coefs, *intercepts)
        if dtype not in (np.float32, np.float64):
            dtype = np.dtype(np.float64)
        network = cls([len(coefs[0]), *map(len, intercepts)], activation, loss, dtype)
        with np.errstate(over="ignore"):
            for view, values in zip(network._arrays[1:], [*coefs, *intercepts], strict=True):
                view[...] = values
        return network

    def has_parameters(self, coefs, intercepts) -> bool:
        """Whether these arrays are the network's own views, and not only equal to them."""
        if not (isinstance(coefs, list) and isinstance(intercepts, list)):
            return False
        own, given = self._arrays[1:], [*coefs, *intercepts]
        if len(own) != len(given) or not all(map(operator.is_, own, given)):
            return False
        # Users can assign to the shape and the dtype of an array.
        return [(view.shape, view.dtype) for view in own] == self._shapes_and_dtypes

    def is_intact(self) -> bool:
        """Whether the network still has the arrays that it was made with."""
        return self.theta is self._arrays[0] and self.has_parameters(self.coefs, self.intercepts)

    def check_finite(self) -> None:
        """Raise ValueError if a parameter is NaN or infinite."""
        # A finite sum proves that all parameters are finite, and is faster to check. Finite parameters may overflow it.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(self.theta.sum()) or np.isfinite(self.theta).all():
                return
        names = [f"{name}_[{k}]" for name in ("coefs", "intercepts") for k in range(len(self.coefs))]
        bad = [name for name, view in zip(names, self._arrays[1:], strict=True) if not np.isfinite(view).all()]
        raise ValueError(f"{' and '.join(bad)} must be finite, got NaN or infinity.")

    def check_data(self, data: TrainingData) -> Data:
        """The data as kernels take them, after a check that sizes, dtypes and memory order fit the network.

        Raises
        ------
        ValueError
            If they do not fit.
        """
        dtype = self.theta.dtype
        targets, sample_weight = data.targets, data.sample_weight
        inputs = as_inputs(data.X, dtype, in_order=True)
        n_rows = len(targets)
        n_features, n_outputs = self.widths[0], self.widths[-1]
        if inputs.shape != (n_rows, n_features):
            raise ValueError(
                f"X has shape {inputs.shape}, but there are {n_rows} rows of targets, and the network has {n_features} "
                "input(s)."
            )
        groups = self.loss.groups(n_outputs)
        if targets.shape[1] != len(groups):
            raise ValueError(
                f"The targets have {targets.shape[1]} column(s), but the network has {n_outputs} output(s)."
            )
        if self.loss.entry.is_of_classes and self.loss.entry.target_of != "an output" and n_rows:
            for column, group in zip(targets.T, groups, strict=True):
                n_classes = group.stop - group.start
                if not (column.min() >= 0 and column.max() < n_classes):
                    raise ValueError(
                        f"The targets are classes number {column.min():g} to {column.max():g}, but the network has "
                        f"outputs for {n_classes} classes, number 0 to {n_classes - 1}."
                    )
        if sample_weight is not None and sample_weight.shape != (n_rows,):
            raise ValueError(f"sample_weight has shape {sample_weight.shape}, but there are {n_rows} rows.")
        for name, values in (("targets", targets), ("sample_weight", sample_weight), ("X", inputs.X)):
            if values is not None and not is_ready(values, dtype):
                raise ValueError(f"{name} must be C-contiguous and of {dtype}, got {values.dtype}.")
        return Data(inputs, targets, np.empty(0, dtype) if sample_weight is None else sample_weight)

    def copy(self) -> "Network":
        """A network with its own copy of the parameters."""
        copied = Network(self.widths, self.activation, self.loss, self.theta.dtype)
        copied.theta[:] = self.theta
        return copied

    def check_columns(self, X) -> None:
        """Raise ValueError unless X has one column for each input."""
        if X.shape[1] != self.widths[0]:
            raise ValueError(f"X has {X.shape[1]} column(s), but coefs_[0] has {self.widths[0]} row(s).")

    def row_work(self, inputs: Inputs) -> int:
        """Multiply-adds of one row's forward pass. In a sparse row, only the stored entries count."""
        n_rows, n_features = inputs.shape
        n_inputs = n_features if len(inputs.X) > 0 else inputs.data.size // max(n_rows, 1)
        return max(1, self.n_weights - (n_features - n_inputs) * self.widths[1])

    def largest_product(self, n_rows: int) -> int:
        """Multiply-adds of the largest matrix product in a forward pass of `n_rows` rows."""
        return n_rows * self.largest_coef

    def propagate(self, X) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield the input and the preactivations of one layer after the other, for all rows of a dense or sparse X.

        The preactivations of layer `k` have shape (n, d_{k+1}). A caller that scales a layer's weights must scale its
        preactivations in place too, because the next layer's input is computed from them.
        """
        activations = X
        last = len(self.coefs) - 1
        for k, (coef, intercept) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            with blas_threads(self.largest_product(X.shape[0])):
                preactivations = np.asarray(activations @ coef)
            preactivations += intercept
            yield activations, preactivations
            if k < last:
                activations, _, _ = evaluate(self.activations[k], preactivations)


@cache
def _activation_addresses(compile_activation, activations: tuple, dtype: np.dtype) -> np.ndarray:
    # Cached, because this would take a large part of a prediction for one row.
    addresses = np.array([compile_activation(each, dtype).address for each in activations], np.int64)
    addresses.flags.writeable = False
    return addresses


def _check_activations(activation, n_hidden: int) -> tuple[str | Activation, ...]:
    """The activation of each hidden layer."""
    if not isinstance(activation, (list, tuple)):
        check_activation("activation", activation)
        return (activation,) * n_hidden
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation must be one for all hidden layers, or a list of {n_hidden}, one for each hidden layer, got "
            f"{activation!r}."
        )
    for k, each in enumerate(activation):
        check_activation(f"activation[{k}]", each)
    return tuple(activation)


def _check_parameters(name: str, arrays, n_dimensions: int) -> list[np.ndarray]:
    """Weights or intercepts, which a user may have set, as a list of arrays of real numbers."""
    kind = "matrix" if n_dimensions == 2 else "vector"
    if not isinstance(arrays, (list, tuple, np.ndarray)) or len(arrays) == 0:
        raise ValueError(f"{name} must be a list of arrays, one for each layer, got {arrays!r}.")
    checked = []
    for k, values in enumerate(arrays):
        try:
            array = np.asarray(values)
        except ValueError:
            raise ValueError(f"{name}[{k}] must be a {kind} of numbers, got rows of different lengths.") from None
        if array.dtype == object:
            with suppress(TypeError, ValueError):
                array = array.astype(np.float64)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name}[{k}] must hold real numbers, got {array.dtype}.")
        if array.ndim != n_dimensions or 0 in array.shape:
            raise ValueError(f"{name}[{k}] must be a {kind} with at least one entry, got shape {array.shape}.")
        checked.append(array)
    return checked
