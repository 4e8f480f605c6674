"""Compilation of kernels ahead of time: `skinit.warmup`."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numba.core.event import install_recorder

from .kernels import cache
from .kernels.activations import (
    ACTIVATIONS,
    compile_activate,
    compile_activate_with_bends,
    compile_activate_with_slopes,
    evaluate,
)
from .kernels.curvature import compile_multiply_directions
from .kernels.losses import LOSSES, compile_curve, compile_loss
from .kernels.prediction import compile_predict
from .kernels.products import compile_multiply
from .kernels.training import compile_train
from .kernels.updates import compile_update
from .training.solvers import STOCHASTIC_SOLVERS
from .validation import wrong_name

# The names that each parameter of `warmup` takes.
NAMES = {
    "dtype": ("float64", "float32"),
    "activation": tuple(ACTIVATIONS),
    "loss": tuple(LOSSES),
    "solver": (*STOCHASTIC_SOLVERS, "lbfgs"),
}


def warmup(
    *,
    dtype: str | type | np.dtype | Sequence = "all",
    activation: str | Sequence[str] = "all",
    loss: str | Sequence[str] = "all",
    solver: str | Sequence[str] = "all",
    curvature: bool = True,
) -> dict[str, float]:
    """Compile the code of the estimators, so that no fit or prediction has to wait for it.

    Without `warmup`, code is compiled when a fit or a prediction first needs it. Compiled code is kept on disk for
    later processes either way. Without arguments, everything is compiled, which takes about a minute. Each argument
    restricts compilation to the names that it lists. Call `warmup` before a worker takes requests, or run
    ``python -m skinit warmup`` to build an image::

        ENV NUMBA_CACHE_DIR=/opt/numba-cache
        RUN python -m skinit warmup --dtype float32 --activation relu && chmod -R a+rX /opt/numba-cache

    Parameters
    ----------
    dtype : {"float64", "float32", "all"}, a dtype, or a sequence of these, default="all"
        The dtype of the training data, which is also the dtype of weights and predictions.
    activation : name, sequence of names, or "all", default="all"
        Activations of hidden layers.
    loss : name, sequence of names, or "all", default="all"
        "log_loss" is the loss of an `MLPClassifier` with more than two classes, and "binary_log_loss" with two classes
        or multilabel targets. The others are losses of an `MLPRegressor`; "quantiles" is the loss "quantile" with a
        list of levels.
    solver : {"adam", "adamw", "sgd", "lbfgs", "all"} or sequence of these, default="all"
        Solvers. "adamw" takes the compiled step of "adam", and "lbfgs" needs none.
    curvature : bool, default=True
        Whether to compile products with the Hessian, which ``init="hessian"``, ``learning_rate_init="auto"`` and
        `skinit.curvature` need.

    Returns
    -------
    seconds : dict of str to float
        The compiled parts, and the seconds that each of them took. Empty if everything was compiled before.

    Raises
    ------
    ValueError
        If there is no such name.
    RuntimeError
        If compiled code cannot be written to disk.

    Notes
    -----
    Compiled code is kept below ``NUMBA_CACHE_DIR`` if it is set, and otherwise in the user's cache folder
    (``~/.cache/skinit`` on Linux). A process that runs as another user needs the same ``NUMBA_CACHE_DIR``; read access
    is enough. If no folder is writable, a fit compiles in memory and warns.

    Compiled code is valid for one version of skinit, numba and Python, and for one type of processor; for another, it
    is compiled again. To share it between types, set ``NUMBA_CPU_NAME`` to their common subset (such as ``x86-64-v3``)
    and ``NUMBA_CPU_FEATURES`` to an empty string, both in the image and at run time. The eight most recently used
    folders are kept.

    Examples
    --------
    >>> import skinit
    >>> seconds = skinit.warmup(
    ...     dtype="float64",
    ...     activation="relu",
    ...     loss="log_loss",
    ...     solver="adam",
    ...     curvature=False,
    ... )
    >>> skinit.warmup(
    ...     dtype="float64",
    ...     activation="relu",
    ...     loss="log_loss",
    ...     solver="adam",
    ...     curvature=False,
    ... )
    {}
    """
    given = {"dtype": dtype, "activation": activation, "loss": loss, "solver": solver}
    names = {parameter: check_names(parameter, values) for parameter, values in given.items()}
    seconds = {part: compile_part(kernels) for part, kernels in make_parts(**names, curvature=curvature).items()}
    return {part: value for part, value in seconds.items() if value > 0}


def make_parts(
    *, dtype: Sequence[str], activation: Sequence[str], loss: Sequence[str], solver: Sequence[str], curvature: bool
) -> dict[str, list[Callable[[], object]]]:
    """The parts that a user may choose, each with the functions that compile its kernels."""
    parts: dict[str, list[Callable[[], object]]] = {}
    for precision in map(np.dtype, dtype):
        parts[f"{precision} training"] = [partial(compile_train, precision), partial(compile_multiply, precision)]
        parts[f"{precision} prediction"] = [partial(compile_predict, precision)]
        for name in activation:
            kernels = [compile_activate, compile_activate_with_slopes]
            if curvature:
                kernels.append(compile_activate_with_bends)
            # Initializers compute gains in float64.
            evaluations = [partial(evaluate, name, np.zeros(1, values)) for values in (precision, np.float64)]
            parts[f"{precision} activation {name}"] = [
                *(partial(each, name, precision) for each in kernels),
                *evaluations,
            ]
        for name in loss:
            kernels = [compile_loss, compile_curve] if curvature else [compile_loss]
            parts[f"{precision} loss {name}"] = [partial(each, name, precision) for each in kernels]
        for name in solver:
            # SciPy's L-BFGS needs no compiled step.
            if name in STOCHASTIC_SOLVERS:
                update = STOCHASTIC_SOLVERS[name][0].update
                parts[f"{precision} solver {name}"] = [partial(compile_update, update, precision)]
        if curvature:
            parts[f"{precision} curvature"] = [partial(compile_multiply_directions, precision)]
    return parts


def compile_part(kernels: Sequence[Callable[[], object]]) -> float:
    """Compile the kernels of a part. Return the seconds that this took, or 0 if all were compiled before."""
    began = time.perf_counter()
    with install_recorder("numba:compile") as recorder:
        for compile_kernel in kernels:
            compile_kernel()
    if cache.failure is not None:
        raise RuntimeError(
            f"Compiled code cannot be kept in {cache.root()} ({cache.failure.strerror or cache.failure}): set "
            "NUMBA_CACHE_DIR to a folder that can be written to."
        ) from cache.failure
    return time.perf_counter() - began if recorder.buffer else 0.0


def check_names(parameter: str, values) -> list[str]:
    """One or several `values` as a list of names; "all" stands for all names that `parameter` takes."""
    valid_names = NAMES[parameter]
    values = list(values) if np.iterable(values) and not isinstance(values, str) else [values]
    if parameter == "dtype":
        values = [np.dtype(value).name if isinstance(value, (type, np.dtype)) else value for value in values]
    for value in values:
        if value not in (*valid_names, "all"):
            raise ValueError(wrong_name(parameter, value, valid_names, besides=", or 'all'"))
    return list(valid_names) if "all" in values else list(dict.fromkeys(values))
