"""Export of models as ONNX graphs."""

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
    """Convert a fitted network, or a model that contains one, to an ONNX graph.

    The graph takes any number of rows and computes in the precision of the network, like `predict`. It needs a runtime
    such as onnxruntime, but neither skinit nor Python. ``pip install 'skinit[onnx]'`` installs the packages that write
    it.

    Parameters
    ----------
    estimator : estimator
        A fitted or initialized :class:`MLPClassifier` or :class:`MLPRegressor`, or any model that skl2onnx converts: a
        pipeline, a column transformer, a search (its best estimator), an ensemble.

    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features), default=None
        An example of the graph's input; one row is enough. An array or a sparse matrix makes one dense input "X", with
        its dtype and number of columns. A data frame makes one input of shape (n_samples, 1) for each column, with the
        column's type and name; "_" replaces characters that ONNX does not allow in names. X is optional for a network,
        which then gets one input "X" of its own dtype.

    Returns
    -------
    model : onnx.ModelProto
        A graph with the output of `predict`, and for classifiers also with the output of `predict_proba`, as arrays.
        Predictions of a regressor always have two dimensions. For several columns of labels, the probabilities are a
        sequence of arrays.

    Raises
    ------
    ImportError
        If onnx or skl2onnx is not installed.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If an activation is user-defined (:func:`skinit.make_activation`), if ONNX has no type for the labels in
        `classes_`, if X has other columns than in the fit, or if X is required and missing.
    TypeError
        If the network would get strings as input.

    See Also
    --------
    skinit.onnx : Import it to use ``skl2onnx.to_onnx``, which has more options.

    Notes
    -----
    Results differ by rounding, because other programs sum in another order. A graph raises no errors where `predict`
    would: rows with NaN give NaN predictions and probabilities, and predictions that overflow are infinite. skl2onnx
    converts the other steps of a pipeline, and they may be less precise.

    References
    ----------
    Operators: https://onnx.ai/onnx/operators. Converters for other models: https://onnx.ai/sklearn-onnx.

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
    >>> labels[[0, 50, 100]].tolist(), model.predict(X[[0, 50, 100]]).tolist()
    ([0, 1, 2], [0, 1, 2])
    >>> float(np.abs(probabilities - model.predict_proba(X)).max().round(9))
    0.0
    """
    from .onnx import skl2onnx

    check_is_fitted(estimator)
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    # Without "zipmap", probabilities are arrays and not dicts.
    options = {id(each): {"zipmap": False} for each in _chain(estimator) if is_classifier(each)}
    return skl2onnx.to_onnx(estimator, initial_types=_input_types(estimator, X), options=options)


def _chain(estimator) -> Iterator[Any]:
    """The estimator, and if it is a pipeline or a search, the estimator in it that predicts."""
    yield estimator
    if isinstance(estimator, Pipeline):
        yield from _chain(estimator[-1])
    elif hasattr(estimator, "best_estimator_"):
        yield from _chain(estimator.best_estimator_)


def _input_types(estimator, X) -> list[tuple]:
    """Names and types of a graph's inputs, in skl2onnx's form."""
    if X is None:
        if not isinstance(estimator, BaseMultilayerPerceptron):
            raise ValueError(
                f"to_onnx needs X for a {type(estimator).__name__}, to know the types of its columns: "
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
        # Numbers or strings, for example from a data frame.
        values = np.array(values.tolist()).reshape(values.shape)
    ((_, tensor_type),) = guess_initial_types(values)
    return tensor_type
