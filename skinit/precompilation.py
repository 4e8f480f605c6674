"""Compiling ahead of time."""

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

# What each parameter of `warmup` takes.
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
    """Compile what estimators need, so that no fit and no prediction has to wait for it.

    Without this, code is compiled when a fit or a prediction first needs it. Either way it is kept on disk, for
    this process and those to come. Without arguments everything is compiled, which takes about a minute; each argument
    leaves out what it does not name. From Python it suits a worker about to take requests, and as
    ``python -m skinit warmup`` an image::

        ENV NUMBA_CACHE_DIR=/opt/numba-cache
        RUN python -m skinit warmup --dtype float32 --activation relu && chmod -R a+rX /opt/numba-cache

    Parameters
    ----------
    dtype : {"float64", "float32", "all"}, a dtype, or a sequence of these, default="all"
        Of the training data; that of the weights and of the predictions follows it.
    activation : name, sequence of names, or "all", default="all"
        Activations of hidden layers.
    loss : name, sequence of names, or "all", default="all"
        "log_loss" is that of an `MLPClassifier` of more than two classes, "binary_log_loss" that of two classes or
        several labels. The others are those of an `MLPRegressor`, where "quantiles" is the loss "quantile" of several.
    solver : {"adam", "sgd", "lbfgs", "all"} or sequence of these, default="all"
    curvature : bool, default=True
        Whether to compile products with the Hessian, which ``init="hessian"``, ``learning_rate_init="auto"`` and
        `skinit.curvature` need.

    Returns
    -------
    seconds : dict of str to float
        What was compiled, and the seconds that it took; empty if all of it was there already.

    Raises
    ------
    ValueError
        If there is no such name.
    RuntimeError
        If compiled code cannot be kept.

    Notes
    -----
    Compiled code is kept below ``NUMBA_CACHE_DIR`` if that is set, and otherwise in the user's cache folder
    (``~/.cache/skinit`` on Linux). A process that runs as another user needs the same ``NUMBA_CACHE_DIR``, and may only
    be able to read it. If nothing can be kept, a fit compiles in memory, and warns.

    Compiled code belongs to the version of skinit, numba and Python, and to the type of the processor: on another type
    it is compiled again. For several types, set ``NUMBA_CPU_NAME`` to what they have in common (``x86-64-v3``, say) and
    ``NUMBA_CPU_FEATURES`` to nothing, in the image and where it runs. The eight folders that were used last are kept.

    Examples
    --------
    >>> import skinit
    >>> seconds = skinit.warmup(dtype="float64", activation="relu", loss="log_loss", solver="adam", curvature=False)
    >>> skinit.warmup(dtype="float64", activation="relu", loss="log_loss", solver="adam", curvature=False)
    {}
    """
    given = {"dtype": dtype, "activation": activation, "loss": loss, "solver": solver}
    names = {parameter: check_names(parameter, values) for parameter, values in given.items()}
    seconds = {part: compile_part(kernels) for part, kernels in make_parts(**names, curvature=curvature).items()}
    return {part: value for part, value in seconds.items() if value > 0}


def make_parts(
    *, dtype: Sequence[str], activation: Sequence[str], loss: Sequence[str], solver: Sequence[str], curvature: bool
) -> dict[str, list[Callable[[], object]]]:
    """What a user may choose, and for each choice the functions that compile the kernels it stands for."""
    parts: dict[str, list[Callable[[], object]]] = {}
    for precision in map(np.dtype, dtype):
        parts[f"{precision} training"] = [partial(compile_train, precision), partial(compile_multiply, precision)]
        parts[f"{precision} prediction"] = [partial(compile_predict, precision)]
        for name in activation:
            kernels = [compile_activate, compile_activate_with_slopes]
            if curvature:
                kernels.append(compile_activate_with_bends)
            # Gains of initializers are of float64.
            evaluations = [partial(evaluate, name, np.zeros(1, values)) for values in (precision, np.float64)]
            parts[f"{precision} activation {name}"] = [
                *(partial(each, name, precision) for each in kernels),
                *evaluations,
            ]
        for name in loss:
            kernels = [compile_loss, compile_curve] if curvature else [compile_loss]
            parts[f"{precision} loss {name}"] = [partial(each, name, precision) for each in kernels]
        for name in solver:
            # L-BFGS, SciPy's, needs no step.
            if name in STOCHASTIC_SOLVERS:
                update = STOCHASTIC_SOLVERS[name][0].update
                parts[f"{precision} solver {name}"] = [partial(compile_update, update, precision)]
        if curvature:
            parts[f"{precision} curvature"] = [partial(compile_multiply_directions, precision)]
    return parts


def compile_part(kernels: Sequence[Callable[[], object]]) -> float:
    """Compile the kernels of a part; return the seconds it took, 0 if all of them were there already."""
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
    """`values`, one or several, as a list of names, "all" standing for all that `parameter` takes."""
    valid_names = NAMES[parameter]
    values = list(values) if np.iterable(values) and not isinstance(values, str) else [values]
    if parameter == "dtype":
        values = [np.dtype(value).name if isinstance(value, (type, np.dtype)) else value for value in values]
    for value in values:
        if value not in (*valid_names, "all"):
            raise ValueError(wrong_name(parameter, value, valid_names, besides=", or 'all'"))
    return list(valid_names) if "all" in values else list(dict.fromkeys(values))
