"""Predictions: consecutive rows through the network in one compiled call."""

from functools import cache

import numpy as np
from numba import int64, void

from .activations import activate_signature
from .arguments import Inputs, Parameters, argument_type
from .compilation import INT64_DATA, Kernel, array_types, function_at
from .products import OVERWRITE, multiply_signature
from .propagation import add_intercept, coef_of, input_products, intercept_of

_activate_at = function_at(activate_signature)
_multiply_at = function_at(multiply_signature)


def _predict_rows(parameters, inputs_of_data, rows, activate_address, multiply_address, workspaces, spare, out):
    """Write to `out` the output layer's preactivations of the consecutive rows of X numbered `rows`.

    Layers write to the two rows of `workspaces` in turn.
    """
    theta, layer_sizes = parameters
    activate, multiply = _activate_at(activate_address, theta), _multiply_at(multiply_address, theta)
    n = rows.size
    last = layer_sizes.size - 2
    X = inputs_of_data.X
    inputs = X[rows[0] : rows[0] + n] if X.shape[0] > 0 else X
    activations = out
    for k in range(last + 1):
        coef = coef_of(theta, layer_sizes, k)
        intercept = intercept_of(theta, layer_sizes, k)
        fan_out = layer_sizes[k + 1]
        products = out if k == last else workspaces[k % 2][: n * fan_out].reshape(n, fan_out)
        if k == 0:
            input_products(inputs_of_data, rows, inputs, coef, products, multiply, spare)
        else:
            multiply(activations, False, coef, products, OVERWRITE, spare)
        if k < last:
            activate(products, intercept)
        else:
            add_intercept(products, intercept)
        activations = products


@cache
def compile_predict_rows(dtype: np.dtype) -> Kernel:
    """`_predict_rows`, whatever the activation."""
    arrays = array_types(dtype)
    return Kernel(
        _predict_rows,
        void(
            argument_type(Parameters, dtype),
            argument_type(Inputs, dtype),
            INT64_DATA,
            int64,
            int64,
            arrays.matrix,
            arrays.vector,
            arrays.matrix,
        ),
    )
