"""Initializers, which draw the initial weights of a network."""

from .base import Initializer
from .constant import Constant, Identity, Zeros
from .gain import gain
from .hessian import Hessian
from .lsuv import LSUV
from .orthogonal import Orthogonal
from .random import RandomNormal, RandomUniform, TruncatedNormal
from .registry import get_initializer, get_initializer_names
from .scikit_learn import ScikitLearn
from .sparse import Sparse
from .variance_scaling import VarianceScaling

__all__ = [
    "LSUV",
    "Constant",
    "Hessian",
    "Identity",
    "Initializer",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "ScikitLearn",
    "Sparse",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "gain",
    "get_initializer",
    "get_initializer_names",
]
