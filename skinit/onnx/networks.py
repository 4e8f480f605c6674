"""The nodes of a graph, from a network's inputs to its predictions."""

from collections.abc import Sequence

import numpy as np

from ..engine.network import Network
from ..estimators import MLPClassifier, MLPRegressor
from .formulas import ONNX_ACTIVATIONS, ONNX_OUTPUT_ACTIVATIONS
from .graph import Tensor


def add_preactivations(inputs: Tensor, network: Network) -> Tensor:
    """The output layer's preactivations.

    Raises
    ------
    ValueError
        If an activation is user-defined.
    """
    first, *others = zip(network.coefs, network.intercepts, strict=True)
    u = inputs.node("Gemm", *first)
    for activation, layer in zip(network.activations, others, strict=True):
        if not isinstance(activation, str):
            raise ValueError(
                f"The activation {activation.name!r} cannot be converted to ONNX, because it is a Python function: fit "
                f"with one of {', '.join(map(repr, sorted(ONNX_ACTIVATIONS)))}."
            )
        u = ONNX_ACTIVATIONS[activation](u).node("Gemm", *layer)
    return u


def add_predictions(u: Tensor, model: MLPRegressor) -> Tensor:
    """The result of `predict` as a matrix."""
    return ONNX_OUTPUT_ACTIVATIONS[model.out_activation_](u)


def add_labels_and_scores(
    u: Tensor, model: MLPClassifier, tables: Sequence[np.ndarray], *, raw_scores: bool
) -> tuple[Tensor, Tensor]:
    """The results of `predict` and `predict_proba`, or preactivations in place of probabilities.

    For two classes, the scores are -u and u, as in skl2onnx. `tables` comes from `label_tables`.
    """
    graph, probabilities_of = u.graph, ONNX_OUTPUT_ACTIVATIONS[model.out_activation_]
    if model._is_multilabel():
        return (u > 0).cast(np.int64), u if raw_scores else probabilities_of(u)
    if model._is_multioutput():
        stops = np.cumsum([len(table) for table in tables])
        groups = [u.columns(stop - len(table), stop) for table, stop in zip(tables, stops, strict=True)]
        columns = [_labels(group, table, keepdims=1) for group, table in zip(groups, tables, strict=True)]
        sequence = groups if raw_scores else [probabilities_of(group) for group in groups]
        return graph.node("Concat", *columns, axis=1), graph.node("SequenceConstruct", *sequence)
    if model._is_softmax():
        return _labels(u, tables[0]), u if raw_scores else probabilities_of(u)
    scores = graph.node("Concat", -u, u, axis=1)
    labels = _labels(scores, tables[0])
    if raw_scores:
        return labels, scores
    p = probabilities_of(u)
    return labels, graph.node("Concat", 1 - p, p, axis=1)


def _labels(scores: Tensor, table: np.ndarray, keepdims: int = 0) -> Tensor:
    """The label with the highest score in each row, or the first of several."""
    return scores.graph.node("Gather", table, scores.node("ArgMax", axis=1, keepdims=keepdims), axis=0)


def label_tables(model: MLPClassifier, *, as_numbers: bool) -> list[np.ndarray]:
    """The possible labels in each column of labels, in the order of their scores.

    Parameters
    ----------
    model : MLPClassifier
    as_numbers : bool
        Whether to use class indices as labels.

    Raises
    ------
    ValueError
        If ONNX has no type for the labels.
    """
    if model._is_multilabel():
        return [np.arange(2)] * model.n_outputs_
    columns = model.classes_ if model._is_multioutput() else [model.classes_]
    if as_numbers:
        columns = [np.arange(len(classes)) for classes in columns]
    # `predict` returns an array of one type.
    dtype = np.concatenate(columns).dtype
    tables = [_as_labels(classes.astype(dtype)) for classes in columns]
    if not (model._is_multioutput() or model._is_softmax()):
        # A network fitted to one class predicts only this class, so both labels are the same.
        (classes,) = tables
        tables = [classes[[0, -1]]]
    return tables


def _as_labels(classes: np.ndarray) -> np.ndarray:
    """Convert labels to a type that ONNX has and onnxruntime returns: strings, booleans, int64, float32 or float64."""
    kind = classes.dtype.kind
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(object)
    if kind == "b":
        return classes
    if kind in "iu" and classes.max() <= np.iinfo(np.int64).max:
        return classes.astype(np.int64)
    if kind == "f" and classes.dtype.itemsize <= 8:
        return classes.astype(np.result_type(classes, np.float32))
    raise ValueError(
        f"ONNX has no type for the labels {', '.join(map(repr, classes.tolist()[:3]))} of dtype {classes.dtype}: fit "
        "to strings or to integers."
    )
