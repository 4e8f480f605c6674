"""Vector code in LLVM's language: loads, stores, sums and multiply-adds of whole vectors."""

from numba.core.cgutils import ir

from .processor import declare, emit_multiply_add

_INT32 = ir.IntType(32)


class Vectors:
    """Emits code for vectors of one dtype.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    dtype : numba.types.Float
    n_lanes : int
    """

    def __init__(self, builder, dtype, n_lanes: int) -> None:
        self.builder, self.n_lanes = builder, n_lanes
        self.scalar = ir.DoubleType() if dtype.bitwidth == 64 else ir.FloatType()
        self.item_bytes = dtype.bitwidth // 8
        self.type = ir.VectorType(self.scalar, n_lanes)
        self.zero = ir.Constant(self.type, None)
        self._name = f"v{n_lanes}f{dtype.bitwidth}"
        self._mask = ir.VectorType(ir.IntType(1), n_lanes)

    def _call(self, name: str, result, arguments):
        types_of_arguments = [argument.type for argument in arguments]
        return self.builder.call(declare(self.builder.module, name, result, types_of_arguments), arguments)

    def multiply_add(self, x, y, z):
        """Return x * y + z, with one rounding if the processor supports this."""
        return emit_multiply_add(self.builder, self._name, x, y, z)

    def repeat(self, value, scalar=None):
        """A vector with `value` in all lanes."""
        vector = ir.VectorType(scalar or self.scalar, self.n_lanes)
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
        return self.builder.shuffle_vector(
            first, undefined, ir.Constant(ir.VectorType(_INT32, self.n_lanes), [0] * self.n_lanes)
        )

    def first_lanes(self, count):
        """A mask of the first `count` lanes."""
        lanes = ir.Constant(ir.VectorType(_INT32, self.n_lanes), list(range(self.n_lanes)))
        return self.builder.icmp_signed("<", lanes, self.repeat(self.builder.trunc(count, _INT32), _INT32))

    def _pointer(self, pointer):
        pointer = self.builder.bitcast(pointer, self.type.as_pointer())
        # If pointers in this version of LLVM have types, the names of its functions contain them.
        return pointer, "p0" if getattr(pointer.type, "is_opaque", False) else f"p0{self._name}"

    def load(self, pointer, mask=None):
        """The vector at `pointer`, with zeros in the lanes that the mask leaves out."""
        pointer, name = self._pointer(pointer)
        if mask is None:
            vector = self.builder.load(pointer)
            vector.align = self.item_bytes
            return vector
        alignment = ir.Constant(_INT32, self.item_bytes)
        return self._call(f"llvm.masked.load.{self._name}.{name}", self.type, [pointer, alignment, mask, self.zero])

    def store(self, vector, pointer, mask=None) -> None:
        """Write a vector, or only the lanes that the mask selects."""
        pointer, name = self._pointer(pointer)
        if mask is None:
            self.builder.store(vector, pointer).align = self.item_bytes
            return
        alignment = ir.Constant(_INT32, self.item_bytes)
        self._call(f"llvm.masked.store.{self._name}.{name}", ir.VoidType(), [vector, pointer, alignment, mask])

    def sum(self, vector):
        """The sum of all lanes. The upper half is added to the lower half until one lane is left."""
        n_lanes = self.n_lanes
        while n_lanes > 1:
            n_lanes //= 2
            lanes = ir.VectorType(_INT32, n_lanes)
            low, high = (
                self.builder.shuffle_vector(vector, vector, ir.Constant(lanes, list(range(first, first + n_lanes))))
                for first in (0, n_lanes)
            )
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, ir.Constant(_INT32, 0))
