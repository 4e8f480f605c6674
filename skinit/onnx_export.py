"""Models leave Python as ONNX graphs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .base import BaseMultilayerPerceptron

if TYPE_CHECKING:
    from onnx import ModelProto


def to_onnx(estimator: BaseEstimator, X: Any = None) -> "ModelProto":
    """Convert a fitted network, or a model that has one in it, to an ONNX graph.

    The graph computes in the precision of the network, as `predict` does, for any number of rows. It needs neither
    skinit nor Python, but a runtime such as onnxruntime. The packages that write it come with
    ``pip install 'skinit[onnx]'``.

    Parameters
    ----------
    estimator : estimator
        A fitted or initialized :class:`MLPClassifier` or :class:`MLPRegressor`, or what skl2onnx converts: a pipeline,
        a column transformer, a search (its best estimator), an ensemble.

    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features), default=None
        Data like those that the graph is to take, of which one row suffices. An array, or a sparse matrix, stands for
        one dense input "X" of its dtype and number of columns. A data frame stands for an input of shape
        (n_samples, 1) for each column, of its type and name, in which "_" takes the place of what no name of ONNX may
        have. Networks need no X: without it they take one input "X" of their dtype.

    Returns
    -------
    model : onnx.ModelProto
        A graph whose outputs are those of `predict`, and of classifiers those of `predict_proba` too, as arrays. Of a
        regressor, predictions always have two dimensions. Of several columns of labels, probabilities are a sequence
        of arrays.

    Raises
    ------
    ImportError
        If onnx or skl2onnx is not installed.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If an activation is of your own functions (:func:`skinit.make_activation`), if ONNX has no labels like those of
        `classes_`, if X has other columns than the estimator was fitted with, or if X is needed.
    TypeError
        If the network would be given strings.

    See Also
    --------
    skinit.onnx : What to import for ``skl2onnx.to_onnx``, which has more options.

    Notes
    -----
    Rounding differs, because other programs sum in another order. A graph raises no errors: rows with NaN have NaN for
    predictions and probabilities, and predictions that overflow are infinite, where `predict` raises. What stands
    before the network in a pipeline is skl2onnx's, and may be less precise.

    References
    ----------
    The operators: https://onnx.ai/onnx/operators. The converters of what is not a network: https://onnx.ai/sklearn-onnx.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import skinit
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> network = skinit.MLPClassifier((8,), "silu", solver="lbfgs", random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> graph = skinit.to_onnx(model, X)
    >>> session = onnxruntime.InferenceSession(graph.SerializeToString())
    >>> labels, probabilities = session.run(None, {"X": X})
    >>> bool((labels == model.predict(X)).all()), np.allclose(probabilities, model.predict_proba(X))
    (True, True)
    """
    from .onnx import skl2onnx

    check_is_fitted(estimator)
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    # Arrays of probabilities, in the place of dicts.
    options = {id(each): {"zipmap": False} for each in _chain(estimator) if is_classifier(each)}
    return skl2onnx.to_onnx(estimator, initial_types=_input_types(estimator, X), options=options)


def _chain(estimator) -> Iterator[Any]:
    """The estimator, and if it is a pipeline or a search, what predicts in it."""
    yield estimator
    if isinstance(estimator, Pipeline):
        yield from _chain(estimator[-1])
    elif hasattr(estimator, "best_estimator_"):
        yield from _chain(estimator.best_estimator_)


def _input_types(estimator, X) -> list[tuple]:
    """Names and types of the inputs of a graph, as skl2onnx takes them."""
    if X is None:
        if not isinstance(estimator, BaseMultilayerPerceptron):
            raise ValueError(
                f"to_onnx needs X for a {type(estimator).__name__}, to know which columns of which types it takes: "
                "give some rows of the data."
            )
        network = estimator._own_network()
        return [("X", _tensor_type(np.empty((1, network.widths[0]), network.theta.dtype)))]
    if hasattr(X, "columns"):
        names = list(getattr(estimator, "feature_names_in_", X.columns))
        missing = [name for name in names if name not in X.columns]
        if missing:
            raise ValueError(f"X lacks the column(s) {missing}, which {type(estimator).__name__} was fitted with.")
        return [(str(name), _tensor_type(X[[name]].dropna().to_numpy())) for name in names]
    X = X[:1].toarray() if issparse(X) else np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got shape {X.shape}.")
    return [("X", _tensor_type(X))]


def _tensor_type(values: np.ndarray):
    """skl2onnx's type for the rows of a matrix."""
    from skl2onnx.algebra.type_helper import guess_initial_types

    if values.dtype == object:
        # Of numbers, or of strings, maybe of a data frame.
        values = np.array(values.tolist()).reshape(values.shape)
    ((_, tensor_type),) = guess_initial_types(values)
    return tensor_type
