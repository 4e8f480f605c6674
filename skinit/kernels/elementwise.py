"""Loops over the entries of matrices."""

from .compilation import inner


@inner
def copy(values, out):
    """out = values, in loops because numba takes two seconds to compile the assignment of a whole array."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@inner
def apply(function, values):
    """values = function(values), in one loop because rows may be too short for vector code."""
    flat = values.reshape(values.size)
    for i in range(flat.size):
        flat[i] = function(flat[i])
