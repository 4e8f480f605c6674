"""Converters for skl2onnx, which declare the types and shapes of a graph's outputs and add its nodes."""

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn_classifier
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common._topology import Operator, Scope, Variable
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
    TensorType,
    guess_numpy_type,
    guess_tensor_type,
)

from ..base import BaseMultilayerPerceptron
from ..estimators import MLPClassifier, MLPRegressor
from .graph import Graph, Tensor
from .networks import add_labels_and_scores, add_preactivations, add_predictions, label_tables

TENSOR_TYPES: dict[np.dtype, type[TensorType]] = {
    np.dtype(np.float32): FloatTensorType,
    np.dtype(np.float64): DoubleTensorType,
    np.dtype(np.int64): Int64TensorType,
    np.dtype(np.bool_): BooleanTensorType,
    np.dtype(object): StringTensorType,
}
CLASSIFIER, REGRESSOR = "SkinitMLPClassifier", "SkinitMLPRegressor"
# skl2onnx's options for classifiers.
CONVERTER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
    "raw_scores": [True, False],
}


def register() -> None:
    """Register the converters of networks with skl2onnx."""
    update_registered_converter(
        MLPClassifier,
        CLASSIFIER,
        _infer_outputs_of_classifier,
        _convert_classifier,
        parser=_parse_classifier,
        options=CONVERTER_OPTIONS,
    )
    update_registered_converter(
        MLPRegressor, REGRESSOR, _infer_outputs_of_regressor, _convert_regressor, parser=_parse_regressor
    )


# A parser declares outputs in the network's precision. Within an ensemble, skl2onnx does not call the parser, and
# declares outputs in the precision of the ensemble's input.


def _parse_regressor(scope: Scope, model, inputs, custom_parsers=None) -> list[Variable]:
    return _declare(scope, REGRESSOR, model, inputs, variable=_number_type(model)())


def _parse_classifier(scope: Scope, model, inputs, custom_parsers=None) -> list[Variable]:
    real_type = _number_type(model)()
    if model._is_multioutput():
        # Probabilities as in `predict_proba`, without dicts of labels and probabilities.
        outputs = {"label": Int64TensorType(), "probabilities": SequenceType(real_type)}
        return _declare(scope, CLASSIFIER, model, inputs, **outputs)
    outputs = _parse_sklearn_classifier(scope, model, inputs, custom_parsers)
    if not scope.get_options(model, {"zipmap": True})["zipmap"]:
        outputs[1].set_type(real_type)
    return outputs


def _number_type(model: BaseMultilayerPerceptron):
    """The type of a tensor in the network's precision."""
    return TENSOR_TYPES[model._own_network().theta.dtype]


def _declare(scope: Scope, alias: str, model, inputs, **outputs) -> list[Variable]:
    operator = scope.declare_local_operator(alias, model)
    operator.inputs = inputs
    for name, output_type in outputs.items():
        operator.outputs.append(scope.declare_local_variable(name, output_type))
    return operator.outputs


def _infer_outputs_of_regressor(operator: Operator) -> None:
    _check_inputs(operator)
    (predictions,) = operator.outputs
    predictions.set_type(_real_type(predictions)([_n_rows(operator), operator.raw_operator.n_outputs_]))


def _infer_outputs_of_classifier(operator: Operator) -> None:
    _check_inputs(operator)
    model, n_rows = operator.raw_operator, _n_rows(operator)
    labels, scores = operator.outputs
    tables = _label_tables(operator.scope_inst, model)
    has_columns = model._is_multioutput() or model._is_multilabel()
    labels.set_type(TENSOR_TYPES[tables[0].dtype]([n_rows, len(tables)] if has_columns else [n_rows]))
    if model._is_multioutput():
        scores.set_type(SequenceType(_number_type(model)([n_rows, None])))
    else:
        # Two classes have one output and two scores.
        scores.set_type(_real_type(scores)([n_rows, max(2, model.n_outputs_)]))


def _n_rows(operator: Operator):
    return operator.inputs[0].get_first_dimension()


def _real_type(output: Variable):
    """The declared type, or float32 if an ensemble declared the type of its integer input."""
    return type(guess_tensor_type(output.type))


def _label_tables(scope: Scope, model: MLPClassifier) -> list[np.ndarray]:
    options = scope.get_options(model, {"zipmap": True, "nocl": False})
    tables = label_tables(model, as_numbers=options["nocl"])
    if options["zipmap"]:
        # Keys of dicts are integers or strings.
        tables = [table if table.dtype == object else table.astype(np.int64) for table in tables]
    return tables


def _check_inputs(operator: Operator) -> None:
    """Raise an error if the inputs are not numbers, or if their number differs from the network's."""
    model = operator.raw_operator
    name = type(model).__name__
    for variable in operator.inputs:
        if isinstance(variable.type, StringTensorType):
            raise TypeError(
                f"{name} takes numbers, but the input {variable.raw_name!r} has strings: encode them in a step before "
                "the network."
            )
    widths = [variable.get_second_dimension() for variable in operator.inputs]
    # skl2onnx gives None for an unknown width.
    if None not in widths and sum(widths) != model.n_features_in_:
        raise ValueError(
            f"X has {sum(widths)} column(s), but {name} was fitted with n_features_in_={model.n_features_in_}."
        )


def _convert_regressor(scope: Scope, operator: Operator, container: ModelComponentContainer) -> None:
    u = _add_network(scope, operator, container)
    _add_output(add_predictions(u, operator.raw_operator), operator.outputs[0])


def _convert_classifier(scope: Scope, operator: Operator, container: ModelComponentContainer) -> None:
    model = operator.raw_operator
    raw_scores = container.get_options(model, {"raw_scores": False})["raw_scores"]
    u = _add_network(scope, operator, container)
    outputs = add_labels_and_scores(u, model, _label_tables(scope, model), raw_scores=raw_scores)
    for tensor, variable in zip(outputs, operator.outputs, strict=True):
        _add_output(tensor, variable)


def _add_network(scope: Scope, operator: Operator, container: ModelComponentContainer) -> Tensor:
    """Add the network's nodes to the graph's inputs, and return the output layer's preactivations."""
    network = operator.raw_operator._own_network()
    graph = Graph(scope, container, network.theta.dtype)
    columns = [Tensor(graph, variable.full_name).cast(graph.dtype) for variable in operator.inputs]
    inputs = graph.node("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]
    return add_preactivations(inputs, network)


def _add_output(tensor: Tensor, variable: Variable) -> None:
    """Give a tensor the declared name and type of an output."""
    if isinstance(variable.type, FloatTensorType | DoubleTensorType):
        tensor = tensor.cast(guess_numpy_type(variable.type))
    tensor.graph.rename(tensor, variable.full_name)
