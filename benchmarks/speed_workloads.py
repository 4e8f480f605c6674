"""The workloads of the speed benchmark: data, networks and what to do with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, make_classification, make_friedman1
from sklearn.preprocessing import StandardScaler

import skinit

# In the order of the report. skinit and the processor's peak are measured with them.
PEERS = ("scikit-learn", "PyTorch", "JAX")
# scikit-learn's defaults, because the other libraries have different ones.
LEARNING_RATE = 1e-3
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
ALPHA = 1e-4
BATCH_SIZE = 200


@dataclass(frozen=True)
class Workload:
    """Something to do, for each library in its own way.

    Parameters
    ----------
    name : str
    task : str
        The method of the libraries' classes that does it.
    data : callable
        Returns X and y.
    times : int
        The number of epochs of a fit, of products or of calls.
    peers : tuple of str
        The other libraries that can do it.
    goal : float
        How many times as fast as the best of them skinit should be.
    peak_goal : float or None
        The part of skinit's time on one core that the multiply-adds should take at the processor's peak.
    scaling_goal : float or None
        How many times as fast skinit should be on two cores as on one.
    busy_processes : int
        The number of other processes that compete for the cores.
    compiled : bool
        Whether `torch.compile` is tried, which takes long to compile.
    remark : str
        A remark for the report.
    """

    name: str
    task: str
    data: Callable[[], tuple[Any, np.ndarray]]
    hidden_layer_sizes: tuple[int, ...] = (100,)
    activation: str = "relu"
    dtype: str = "float64"
    times: int = 1
    solver: str = "adam"
    is_regression: bool = False
    peers: tuple[str, ...] = PEERS
    goal: float = 1.3
    peak_goal: float | None = None
    scaling_goal: float | None = None
    busy_processes: int = 0
    compiled: bool = False
    remark: str = ""

    @property
    def has_peak(self) -> bool:
        """Whether the processor's peak is measured for the multiply-adds of this workload."""
        return self.task == "fit" and self.solver == "adam" and self.peers == PEERS and not self.busy_processes

    def load(self) -> tuple[Any, np.ndarray]:
        """Return X and y, in the dtype of the workload. Classes are numbered from 0."""
        X, y = self.data()
        return X.astype(self.dtype), y.astype(self.dtype if self.is_regression else np.int64)

    def layer_sizes(self, X, y) -> list[int]:
        """Return the units of each layer, from input to output."""
        n_classes = 1 if self.is_regression else int(y.max()) + 1
        return [X.shape[1], *self.hidden_layer_sizes, 1 if n_classes == 2 else n_classes]

    def parameters(self) -> dict:
        """Return the parameters of an estimator that trains for all epochs, whatever the loss does."""
        return {
            "hidden_layer_sizes": self.hidden_layer_sizes,
            "activation": self.activation,
            "solver": self.solver,
            "max_iter": self.times,
            "tol": 0.0,
            "n_iter_no_change": np.inf,
            "random_state": 0,
        }


# Data.


def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def table():
    return make_classification(20_000, 20, n_informative=10, random_state=0)


def large_table():
    return make_classification(1_000_000, 20, n_informative=10, random_state=0)


def images():
    X, y = make_classification(6_000, 784, n_informative=60, n_classes=10, random_state=0)
    return X / X.std(axis=0), y


def curved_surface():
    X, y = make_friedman1(5_000, 20, noise=0.5, random_state=0)
    return StandardScaler().fit_transform(X), (y - y.mean()) / y.std()


def texts():
    """Draw rows of about 100 of 20,000 words, frequent ones more often (Zipf's law), scaled to unit length."""
    random_state = np.random.RandomState(0)
    n_rows, n_words, length = 10_000, 20_000, 133
    frequency = 1 / np.arange(10, n_words + 10)
    words = random_state.choice(n_words, n_rows * length, p=frequency / frequency.sum())
    counts = sparse.coo_array(
        (np.ones(words.size), (np.repeat(np.arange(n_rows), length), words)), shape=(n_rows, n_words)
    ).tocsr()
    counts.data = 1 + np.log(counts.data)
    X = sparse.csr_matrix(sparse.diags_array(1 / np.sqrt(counts.multiply(counts).sum(axis=1))) @ counts)
    return X, np.argmax(X @ random_state.standard_normal((n_words, 20)), axis=1)


# The common start of all libraries, and the loss that shows equal work.


@dataclass(frozen=True)
class Start:
    """Initial parameters as scikit-learn draws them, and the state of the generator after the draw."""

    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    generator_state: tuple

    @classmethod
    def of(cls, workload: Workload, X, y: np.ndarray) -> "Start":
        random_state = np.random.RandomState(0)
        parameters = {**workload.parameters(), "random_state": random_state}
        network = skinit.MLPClassifier(init="sklearn", **parameters).initialize(X, y)
        return cls(network.coefs_, network.intercepts_, random_state.get_state())

    def row_orders(self, n_rows: int, epochs: int) -> Iterator[np.ndarray]:
        """Yield the order of rows of each epoch, drawn as scikit-learn draws it."""
        random_state = np.random.RandomState()
        random_state.set_state(self.generator_state)
        order = np.arange(n_rows)
        for _ in range(epochs):
            permutation = np.arange(n_rows)
            random_state.shuffle(permutation)
            order = order[permutation]
            yield order


def training_loss(workload: Workload, X, y: np.ndarray, coefs: list, intercepts: list) -> float:
    """Return the mean loss and penalty on all rows, in float64 by the same code for all libraries.

    One logistic output has the log loss of two classes, and several outputs have the log loss of as many classes. A
    regression has half the mean squared error.
    """
    activations = X.astype(np.float64)
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        activations = activations @ coef.astype(np.float64) + intercept
        if k < len(coefs) - 1:
            activations = np.tanh(activations) if workload.activation == "tanh" else np.maximum(activations, 0)
    outputs = activations
    if workload.is_regression:
        losses = 0.5 * (outputs[:, 0] - y) ** 2
    elif outputs.shape[1] == 1:
        losses = np.logaddexp(0, outputs[:, 0]) - y * outputs[:, 0]
    else:
        losses = logsumexp(outputs, axis=1) - outputs[np.arange(y.size), y]
    penalty = 0.5 * ALPHA * sum(float(np.sum(np.square(coef, dtype=np.float64))) for coef in coefs) / y.size
    return float(losses.mean()) + penalty


SCIKIT_LEARN_ONLY = ("scikit-learn",)

WORKLOADS = [
    Workload("digits-100 float64 relu", "fit", digits, times=20, peak_goal=0.6, scaling_goal=1.5),
    Workload("digits-100 float64 tanh", "fit", digits, activation="tanh", times=20, peak_goal=0.6, scaling_goal=1.5),
    Workload(
        "digits-100 float32 relu",
        "fit",
        digits,
        dtype="float32",
        times=20,
        peak_goal=0.6,
        scaling_goal=1.5,
        compiled=True,
    ),
    Workload(
        "digits-100 float32 tanh",
        "fit",
        digits,
        activation="tanh",
        dtype="float32",
        times=20,
        peak_goal=0.6,
        scaling_goal=1.5,
    ),
    Workload(
        "digits-100 float64 relu beside two busy processes",
        "fit",
        digits,
        times=20,
        busy_processes=2,
        remark="the processes never pause, and the machine has two cores",
    ),
    Workload("569x30-100 float64", "fit", breast_cancer, times=50),
    Workload("20,000x20-(100,) float64", "fit", table, times=5, scaling_goal=1.7),
    Workload(
        "20,000x20-(64,64,64) float32",
        "fit",
        table,
        (64, 64, 64),
        dtype="float32",
        times=5,
        scaling_goal=1.6,
        compiled=True,
    ),
    Workload(
        "6,000x784-(512,512) float32",
        "fit",
        images,
        (512, 512),
        dtype="float32",
        times=2,
        peak_goal=0.85,
        scaling_goal=1.8,
        compiled=True,
    ),
    Workload(
        "6,000x784-(512,512) float64",
        "fit",
        images,
        (512, 512),
        times=2,
        peak_goal=0.85,
        scaling_goal=1.8,
        compiled=True,
    ),
    Workload(
        "twenty tanh layers of 64 float64",
        "fit",
        digits,
        (64,) * 20,
        "tanh",
        times=5,
        peak_goal=0.55,
        scaling_goal=1.4,
    ),
    Workload(
        "5,000x20-100 regression, L-BFGS",
        "fit",
        curved_surface,
        times=30,
        solver="lbfgs",
        is_regression=True,
        peers=SCIKIT_LEARN_ONLY,
        remark="torch.optim.LBFGS has another line search, so it would not do the same work",
    ),
    Workload(
        "sparse 10,000x20,000 at 0.5%",
        "fit",
        texts,
        peers=SCIKIT_LEARN_ONLY,
        remark="the other libraries have no layer for training on sparse mini-batches",
    ),
    Workload("predict 1,000,000x20", "predict", large_table),
    Workload(
        "predict one row",
        "predict_one",
        digits,
        times=300,
        goal=1.0,
        remark="skinit and scikit-learn also check their input and translate class numbers",
    ),
    Workload(
        "GridSearchCV, 50 fits",
        "search",
        digits,
        times=10,
        peers=SCIKIT_LEARN_ONLY,
        goal=5.0,
        remark="skinit searches ten initializers and scikit-learn ten seeds, with 5 folds and the best backend",
    ),
    Workload(
        "200 Hessian products",
        "hessian_products",
        digits,
        activation="tanh",
        times=200,
        peers=("PyTorch", "JAX"),
        goal=1.0,
        remark="power iteration on digits-100 float64 tanh; scikit-learn has no Hessian products",
    ),
]

# skinit alone fits the same network with one thread to the first rows of a table. The variants are numbers of rows.
GROWTH = Workload("20 features, 10,000 to 1,000,000 rows", "growth", large_table, times=3, peers=())
GROWTH_ROWS = (10_000, 100_000, 1_000_000)
