"""The Hessian of a network's loss on given data, as products with directions."""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from .data import TrainingData
from .kernels.activations import compile_activate_with_bends
from .kernels.arguments import Curvature, CurvatureFunctions, CurvatureWorkspace, Parameters
from .kernels.curvature import ALL_LAYERS, compile_add_hessian_products
from .kernels.losses import compile_curve, compile_loss
from .kernels.products import compile_multiply, spare_size
from .network import Network

# Rows at a time: memory does not grow with the data.
BLOCK = 256
# Multiply-adds of a compiled call that has a choice, and of a block of rows for one direction, which has none. At the
# rates of narrow and of wide layers both take about a tenth of a second, so that Ctrl-C is answered soon.
CALL_WORK, BLOCK_WORK = 400_000_000, 2_000_000_000


class HessianProducts:
    """Products with the Hessian of the mean loss, or its Gauss-Newton part, at the network's parameters of the moment.

    Parameters
    ----------
    network : Network
    data : TrainingData
    block : int
        Rows at a time.
    """

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        block: int = BLOCK,
    ) -> None:
        dtype = network.theta.dtype
        sizes = network.layer_sizes
        checked = network.check_data(data)
        inputs, targets, weights = checked
        n_rows = len(targets)
        self.network = network
        self.weight_sum = float(weights.sum(dtype=np.float64) if weights.size else n_rows)
        self._rows = np.arange(n_rows)
        # A row is multiplied six times by the weights of each layer: twice forward, and back four times.
        row_work = 6 * network.row_work(inputs)
        self._block = min(block, n_rows, max(1, BLOCK_WORK // row_work))
        # Adding a block to the products costs as much as a row, even if rows are sparse.
        self._parts_per_call = max(1, CALL_WORK // (self._block * row_work + 6 * network.n_weights))
        self._kernel = compile_add_hessian_products(dtype)
        functions = CurvatureFunctions(
            compile_activate_with_bends(network.activation, dtype).address,
            compile_loss(network.loss, dtype).address,
            compile_curve(network.loss, dtype).address,
            compile_multiply(dtype).address,
        )
        n_dense_features = sizes[0] if inputs.X.shape[0] > 0 else 0
        n_units, most_units = int(sizes[1:].sum()), int(sizes[1:].max())
        sizes_of_fields = [*6 * [self._block * n_units], *2 * [self._block * most_units], *2 * [network.n_weights]]
        workspace = CurvatureWorkspace._make(
            [
                np.empty((self._block, n_dense_features), dtype),
                np.empty((self._block, targets.shape[1]), dtype),
                np.ones(self._block, dtype),
                *(np.empty(size, dtype) for size in sizes_of_fields),
                np.empty(spare_size(max(*sizes, self._block), dtype), dtype),
            ]
        )
        self._arguments = Curvature(functions, Parameters(network.theta, sizes), checked, workspace)

    def multiply(self, directions: np.ndarray, layers, gauss_newton: bool = False) -> np.ndarray:
        """Products of the Hessian with each row of `directions`.

        Parameters
        ----------
        directions : ndarray of shape (m, at least the number of parameters asked for)
        layers : sequence of int of length m
            The layer whose weights a direction starts with, or `ALL_LAYERS` for one of all parameters.
        gauss_newton : bool, default=False

        Returns
        -------
        products : ndarray like `directions`
        """
        layers = np.asarray(layers, dtype=np.int64)
        products = np.zeros_like(directions)
        n_directions = max(1, min(self._parts_per_call, len(directions)))
        n_rows = self._block * (self._parts_per_call // n_directions)
        for first in range(0, len(directions), n_directions):
            some = slice(first, first + n_directions)
            for start in range(0, self._rows.size, n_rows):
                self._kernel(
                    self._arguments,
                    self._rows[start : start + n_rows],
                    self._block,
                    gauss_newton,
                    layers[some],
                    directions[some],
                    products[some],
                )
        with np.errstate(all="ignore"):
            products /= self.weight_sum
        return products

    def as_operator(self, layer: int = ALL_LAYERS, gauss_newton: bool = False, alpha: float = 0.0) -> LinearOperator:
        """The matrix of these products, of all parameters or of one layer's weights, with an L2 penalty of `alpha`."""
        network = self.network
        dtype = network.theta.dtype
        size = network.theta.size if layer == ALL_LAYERS else network.coefs[layer].size
        n_weights = network.n_weights if layer == ALL_LAYERS else size
        ridge = alpha / self.weight_sum

        def multiply(columns):
            with np.errstate(all="ignore"):
                columns = np.asarray(columns, dtype).reshape(size, -1)
                directions = np.ascontiguousarray(columns.T)
                result = self.multiply(directions, [layer] * len(directions), gauss_newton).T
                if ridge != 0:
                    result[:n_weights] += dtype.type(ridge) * columns[:n_weights]
            return result

        return LinearOperator(
            (size, size),
            matvec=lambda v: multiply(v).ravel(),
            rmatvec=lambda v: multiply(v).ravel(),
            matmat=multiply,
            rmatmat=multiply,
            dtype=dtype,
        )
