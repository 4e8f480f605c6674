"""Tensors of an ONNX graph that support arithmetic like arrays."""

from typing import Union

import numpy as np
from numpy.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common._topology import Scope

# Larger than the number of columns of any matrix.
MANY = 2**31 - 1

Operand = Union["Tensor", float, np.ndarray]


class Graph:
    """The graph that skl2onnx builds, with constants in the precision of a network.

    Parameters
    ----------
    scope : Scope
        The source of unique names.
    container : ModelComponentContainer
        The container for nodes and constants.
    dtype : numpy.dtype
        The dtype of Python numbers in formulas.
    """

    def __init__(self, scope: Scope, container: ModelComponentContainer, dtype: np.dtype) -> None:
        self._scope = scope
        self._container = container
        self.dtype = dtype

    def tensor(self, values: Operand) -> "Tensor":
        """The given tensor, or a constant tensor with the given values."""
        if isinstance(values, Tensor):
            return values
        if not isinstance(values, np.ndarray):
            values = np.array(values, self.dtype)
        name = self._scope.get_unique_variable_name("constant")
        if values.dtype == object:
            texts = [text.encode() for text in values.ravel().tolist()]
            self._container.add_initializer(name, TensorProto.STRING, values.shape, texts)
        else:
            self._container.add_initializer(name, None, values.shape, numpy_helper.from_array(values))
        return Tensor(self, name)

    def node(self, operator: str, *inputs: Operand, **attributes) -> "Tensor":
        """The result of an ONNX operator."""
        name = self._scope.get_unique_variable_name(operator.lower())
        names = [self.tensor(each).name for each in inputs]
        self._container.add_node(
            operator, names, name, name=self._scope.get_unique_operator_name(operator), **attributes
        )
        return Tensor(self, name)

    def rename(self, tensor: "Tensor", name: str) -> None:
        """Give a tensor the name that skl2onnx chose."""
        self._container.add_node("Identity", tensor.name, name, name=self._scope.get_unique_operator_name("Identity"))


class Tensor:
    """The result of a node, or a constant, by its name in the graph."""

    # With None, NumPy leaves an operation on an array and a tensor to the tensor.
    __array_ufunc__ = None

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def node(self, operator: str, *others: Operand, **attributes) -> "Tensor":
        """The result of an operator with this tensor as its first input."""
        return self.graph.node(operator, self, *others, **attributes)

    def cast(self, dtype: DTypeLike) -> "Tensor":
        """This tensor with its numbers converted to the ONNX type of a NumPy dtype."""
        return self.node("Cast", to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def columns(self, start: int, stop: int = MANY) -> "Tensor":
        """The columns of a matrix from `start` to before `stop`, by default to the last."""
        return self.node("Slice", np.array([start]), np.array([stop]), np.array([1]))

    def __add__(self, other: Operand) -> "Tensor":
        return self.node("Add", other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> "Tensor":
        return self.node("Sub", other)

    def __rsub__(self, other: Operand) -> "Tensor":
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: Operand) -> "Tensor":
        return self.node("Mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> "Tensor":
        return self.node("Div", other)

    def __rtruediv__(self, other: Operand) -> "Tensor":
        return self.graph.node("Div", other, self)

    def __neg__(self) -> "Tensor":
        return self.node("Neg")

    def __abs__(self) -> "Tensor":
        return self.node("Abs")

    def __gt__(self, other: Operand) -> "Tensor":
        return self.node("Greater", other)
