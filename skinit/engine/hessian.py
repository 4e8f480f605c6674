"""Products of directions with the Hessian of a network's loss on given data.

The loss is the sum over outputs, which training minimizes, even if it reports the mean over outputs.
"""

from contextlib import nullcontext
from functools import partial

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..kernels.activations import compile_activate_with_bends
from ..kernels.arguments import Curvature, CurvatureFunctions, CurvatureWorkspace, Parameters
from ..kernels.curvature import (
    ALL_LAYERS,
    CURVATURE_JOB_SIZE,
    FIRST_BLOCK,
    IS_GAUSS_NEWTON,
    N_DIRECTIONS,
    STOP_BLOCK,
    compile_multiply_directions,
)
from ..kernels.losses import compile_curve, compile_loss
from ..kernels.products import compile_multiply, spare_size
from .data import TrainingData
from .network import Network
from .team import Team

# The largest number of rows in a block.
BLOCK = 64
# The largest number of shards. It is small because each shard has a product for every direction.
MOST_CURVATURE_SHARDS = 4
# The largest size, in bytes, of the results that blocks keep from one product to the next.
KEPT_BYTES = 2**26
# The largest size, in bytes, of the products of all shards, so small that they stay in the cache. Larger products took
# twice as long for layers of 256 units.
PRODUCTS_BYTES = 2**23
# The largest number of multiply-adds in a compiled call with several blocks or directions. In narrow layers they take
# about a tenth of a second, so Ctrl-C is answered soon.
CALL_WORK = 400_000_000
# The largest number of multiply-adds in the shortest call: one block of rows and one direction. They take about a tenth
# of a second too, because wide layers are faster.
BLOCK_WORK = 2_000_000_000


class HessianProducts:
    """Products with the Hessian of the mean loss over rows, or its Gauss-Newton part, at the network's parameters.

    In a with block, the helper threads stay between products. Otherwise they start and end in each call of `multiply`.

    Parameters
    ----------
    network : Network
    data : TrainingData
    block : int
        The largest number of rows that go through the network together.
    """

    def __init__(self, network: Network, data: TrainingData, block: int = BLOCK) -> None:
        dtype = network.theta.dtype
        self.network = network
        self._data = network.check_data(data)
        inputs, targets, weights = self._data
        n_rows = len(targets)
        self.weight_sum = float(weights.sum(dtype=np.float64) if weights.size else n_rows)
        # A row is multiplied six times by the weights of each layer: twice forward, and four times backward.
        row_work = network.row_work(inputs)
        self._block = min(block, n_rows, max(1, BLOCK_WORK // (6 * row_work)))
        self._n_blocks = -(-n_rows // self._block)
        self._n_shards = min(self._n_blocks, MOST_CURVATURE_SHARDS)
        # Adding a block to the products costs as much as a dense row, even if the rows are sparse.
        self._parts_per_call = max(1, CALL_WORK // (6 * (self._block * row_work + network.n_weights)))
        self._kernel = compile_multiply_directions(dtype)
        self._team = Team(self._n_shards, n_rows * row_work, CURVATURE_JOB_SIZE, 0)
        self._most_directions = 0
        # The parameters with which blocks have been passed forward.
        self._passed_theta = np.empty(0, dtype)
        # Whether the results of each block are kept.
        self._is_passed = np.zeros(self._n_blocks, bool)
        self._is_passed_for_gauss_newton = False

    def __enter__(self) -> "HessianProducts":
        self._team.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        self._team.__exit__(*exception)

    def _make_room(self, n_directions: int) -> None:
        """Prepare the arguments of the kernel for this many directions at a time."""
        if n_directions <= self._most_directions:
            return
        self._team.stop()
        network, data = self.network, self._data
        dtype, sizes = network.theta.dtype, network.layer_sizes
        n_units, n_parameters = int(sizes[1:].sum()), network.theta.size
        n_features = sizes[0] if len(data.inputs.X) > 0 else 0
        row_bytes = dtype.itemsize * (n_features + 4 * n_units)
        n_kept = max(1, min(self._n_blocks, int(KEPT_BYTES // (self._block * row_bytes))))
        n_rows, n_threads = n_kept * self._block, self._team.most_threads
        workspace = CurvatureWorkspace(
            inputs=np.empty((n_rows, n_features), dtype),
            targets=np.empty((n_rows, data.targets.shape[1]), dtype),
            weights=np.ones(n_rows, dtype),
            activations=np.empty(n_rows * n_units, dtype),
            slopes=np.empty(n_rows * n_units, dtype),
            bends=np.empty(n_rows * n_units, dtype),
            deltas=np.empty(n_rows * n_units, dtype),
            transposed=np.empty(network.n_weights, dtype),
            layers=np.empty(n_directions, np.int64),
            directions=np.empty((n_directions, n_parameters), dtype),
            products=np.empty((self._n_shards * n_directions, n_parameters), dtype),
            tangents=np.empty((n_threads, self._block * n_units), dtype),
            activation_tangents=np.empty((n_threads, self._block * n_units), dtype),
            delta_tangents=np.empty((n_threads, self._block * n_units), dtype),
            transposed_directions=np.empty((n_threads, network.n_weights), dtype),
            spare=np.empty((n_threads, spare_size(max(*sizes, self._block), dtype)), dtype),
        )
        functions = CurvatureFunctions(
            network.activation_addresses(compile_activate_with_bends),
            compile_loss(network.loss.name, dtype).address,
            compile_curve(network.loss.name, dtype).address,
            compile_multiply(dtype).address,
        )
        self._arguments = Curvature(
            functions,
            Parameters(network.theta, sizes),
            data,
            np.arange(len(data.targets)),
            self._block,
            network.loss.kernel_constants(),
            workspace,
            self._team.shared,
        )
        self._most_directions, self._n_kept = n_directions, n_kept
        self._is_passed[:] = False

    def multiply(self, directions: np.ndarray, layers, gauss_newton: bool = False) -> np.ndarray:
        """The product of the Hessian with each row of `directions`.

        Parameters
        ----------
        directions : ndarray of shape (m, n)
            A row starts with its direction. If it is longer, the other entries are ignored.
        layers : sequence of int of length m
            The layer whose weights each direction covers, or `ALL_LAYERS` if it covers all parameters.
        gauss_newton : bool, default=False

        Returns
        -------
        products : ndarray like `directions`
        """
        layers = np.asarray(layers, dtype=np.int64)
        products = np.zeros_like(directions)
        shard_bytes = self._n_shards * self.network.theta.nbytes
        n_at_once = max(1, min(self._parts_per_call, len(directions), PRODUCTS_BYTES // shard_bytes))
        self._make_room(n_at_once)
        self._forget_other_passes(gauss_newton)
        with nullcontext() if self._team.is_open() else self._team:
            for first in range(0, len(directions), n_at_once):
                some = slice(first, first + n_at_once)
                self._multiply_some(directions[some], layers[some], gauss_newton, products[some])
        with np.errstate(all="ignore"):
            products /= self.weight_sum
        return products

    def _forget_other_passes(self, gauss_newton: bool) -> None:
        """Forget the results of blocks if they belong to other parameters, or if the products need further results."""
        theta = self.network.theta
        # Gauss-Newton products need no deltas, so the results for products with the Hessian are enough for them.
        is_enough = self._is_passed_for_gauss_newton == gauss_newton or (gauss_newton and self._is_passed.all())
        # Compare bits, because NaN is not equal to itself.
        if not (is_enough and np.array_equal(self._passed_theta.view(np.uint8), theta.view(np.uint8))):
            self._passed_theta = theta.copy()
            self._is_passed[:] = False
        if not self._is_passed.any():
            self._is_passed_for_gauss_newton = gauss_newton

    def _multiply_some(self, directions, layers, gauss_newton: bool, out) -> None:
        """Write the products of the summed loss's Hessian to `out`. The workspace must have room for all directions."""
        arguments = self._arguments._replace(team=self._team.shared)
        workspace, job = arguments.workspace, arguments.team.job
        n, size = directions.shape
        workspace.layers[:n], workspace.directions[:n, :size] = layers, directions
        shards = workspace.products.reshape(self._n_shards, -1, workspace.products.shape[1])[:, :n]
        shards[:] = 0
        job[N_DIRECTIONS], job[IS_GAUSS_NEWTON] = n, gauss_newton
        n_blocks = min(self._n_kept, max(1, self._parts_per_call // n))
        for first in range(0, self._n_blocks, n_blocks):
            stop = min(first + n_blocks, self._n_blocks)
            job[FIRST_BLOCK], job[STOP_BLOCK] = first, stop
            with self._team.working(partial(self._help, arguments)):
                self._kernel(arguments, 0, int(self._is_passed[first:stop].all()))
            if self._n_kept == self._n_blocks:
                self._is_passed[first:stop] = True
        out[:] = shards[:, :, :size].sum(axis=0)

    def _help(self, arguments: Curvature, rank: int) -> None:
        """Help another thread with its products until they end."""
        self._kernel(arguments, rank, 0)

    def as_operator(self, layer: int = ALL_LAYERS, gauss_newton: bool = False, alpha: float = 0.0) -> LinearOperator:
        """The Hessian as an operator, for all parameters or the weights of a layer, with an L2 penalty of `alpha`."""
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
