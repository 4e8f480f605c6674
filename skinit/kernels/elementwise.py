"""Loops over the entries of matrices."""

from .compilation import inner


@inner
def copy(values, out):
    """out = values; the assignment of whole arrays takes numba two seconds to compile."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@inner
def apply(function, values):
    """values = function(values), by one loop: rows may be too short for vector code."""
    flat = values.reshape(values.size)
    for i in range(flat.size):
        flat[i] = function(flat[i])
