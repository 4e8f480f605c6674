"""Matrix products of small and medium sizes, as vector code for the processor that numba compiles for.

Each entry of the output is one chain of fused multiply-adds in the order of the inner index. So its bits depend neither
on the width of vectors nor on the tile that contains it.

A tile of the output has up to `TILE_VECTORS` vectors in each of its rows. Its sums stay in registers while the inner
index runs. Each step loads a row of B for the tile's columns, and multiplies it by one entry of each row of A (K.
Goto and R. A. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008). If the columns do not fill the
last vector, processors with AVX-512 skip the missing lanes. For other processors, the columns of B that a tile needs
are first copied to a contiguous panel, which is padded with zeros.
"""

from functools import cache

import numpy as np
from numba import boolean, int64, types, void
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic

from .compilation import Kernel, array_types, inner
from .processor import prefer_wide_vectors, processor
from .vectors import Vectors

# The largest number of vectors in a row of a tile. The sums, a row of B and one entry of A then take 28 of the 32
# registers of AVX-512, where a tile has 8 rows, and all 16 registers of AVX2, where it has 4.
TILE_VECTORS = 3
# The largest number of bytes in a row of a panel. Processors that need panels have vectors of at most 32 bytes.
PANEL_BYTES = TILE_VECTORS * 32
# The number of vectors of the output that are computed together if B is one column.
COLUMN_VECTORS = 4
# The number of sums into which a row times a column is divided. It is the same on all processors, so that they round
# alike, and fills the widest vectors.
SUM_LANES = 16

# Modes of a product.
(
    OVERWRITE,  # out = A @ B
    ACCUMULATE,  # out = out + A @ B
    SCALE,  # out = out * (A @ B), entry by entry
) = 0, 1, 2

_INDEX = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_INDEX, value)


def _offset(builder, pointer, n_bytes):
    return builder.gep(builder.bitcast(pointer, _BYTES), [n_bytes])


def _array(context, builder, array_type, value):
    """A pointer to the first entry of a matrix, the shape of the matrix, and its strides in bytes."""
    array = context.make_array(array_type)(context, builder, value)
    return array.data, cgutils.unpack_tuple(builder, array.shape), cgutils.unpack_tuple(builder, array.strides)


def _lanes(dtype) -> int:
    return processor().vector_bytes // (dtype.bitwidth // 8)


@intrinsic
def lanes(typing_context, values):
    """The number of entries of an array that fit into a vector."""

    def generate(context, builder, signature, arguments):
        return _constant(_lanes(signature.args[0].dtype))

    return types.intp(values), generate


@intrinsic
def tile_rows(typing_context):
    """The number of rows in a tile."""

    def generate(context, builder, signature, arguments):
        return _constant(processor().tile_rows)

    return types.intp(), generate


@intrinsic
def needs_panels(typing_context):
    """Whether B must be copied to panels."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(ir.IntType(1), not processor().has_masks)

    return types.boolean(), generate


def _make_tile(n_vectors: int):
    @intrinsic
    def tile(typing_context, A, is_transposed, B, panel, out, i, j, mode):
        """Compute the tile of `out` that starts at row `i` and column `j` and is `n_vectors` vectors wide."""
        signature = types.void(A, is_transposed, B, panel, out, types.intp, types.intp, types.intp)
        return signature, generate

    def generate(context, builder, signature, arguments):
        n_rows = processor().tile_rows
        _, is_transposed, _, panel, _, i, j, mode = arguments
        A, A_shape, A_strides = _array(context, builder, signature.args[0], arguments[0])
        B, _, (B_step, _) = _array(context, builder, signature.args[2], arguments[2])
        out, (_, n_columns), (out_row, _) = _array(context, builder, signature.args[4], arguments[4])
        n_A_rows, n_steps = (builder.select(is_transposed, A_shape[1 - axis], A_shape[axis]) for axis in (0, 1))
        A_row, A_step = (builder.select(is_transposed, A_strides[1 - axis], A_strides[axis]) for axis in (0, 1))
        vectors = Vectors(builder, signature.args[4].dtype, _lanes(signature.args[4].dtype))
        n_bytes = vectors.n_lanes * vectors.item_bytes
        if processor().has_masks:
            B = _offset(builder, B, builder.mul(j, _constant(vectors.item_bytes)))
        else:
            B = context.make_array(signature.args[3])(context, builder, panel).data
            B_step = _constant(n_vectors * n_bytes)

        # Rows below the last row of A repeat this row, and are not stored.
        n_left = builder.sub(n_A_rows, i)
        rows = range(n_rows)
        is_row = [builder.icmp_signed("<", _constant(row), n_left) for row in rows]
        last_row = builder.mul(builder.sub(n_left, _constant(1)), A_row)
        A_offsets = [builder.select(is_row[row], builder.mul(_constant(row), A_row), last_row) for row in rows]
        first = builder.add(builder.mul(i, out_row), builder.mul(j, _constant(vectors.item_bytes)))
        out_rows = [_offset(builder, out, builder.add(first, builder.mul(_constant(row), out_row))) for row in rows]
        n_before = builder.add(j, _constant((n_vectors - 1) * vectors.n_lanes))
        mask = vectors.first_lanes(builder.sub(n_columns, n_before))
        masks = [None] * (n_vectors - 1) + [mask]
        B_masks = masks if processor().has_masks else [None] * n_vectors

        def out_pointer(row, part):
            return _offset(builder, out_rows[row], _constant(part * n_bytes))

        parts = range(n_vectors)
        sums = [[cgutils.alloca_once_value(builder, vectors.zero) for _ in parts] for _ in rows]
        with builder.if_then(builder.icmp_signed("==", mode, _constant(ACCUMULATE))):
            for row in rows:
                with builder.if_then(is_row[row]):
                    for part in parts:
                        builder.store(vectors.load(out_pointer(row, part), masks[part]), sums[row][part])

        A_position = cgutils.alloca_once_value(builder, _offset(builder, A, builder.mul(i, A_row)))
        B_position = cgutils.alloca_once_value(builder, builder.bitcast(B, _BYTES))
        with cgutils.for_range(builder, n_steps):
            A_here, B_here = builder.load(A_position), builder.load(B_position)
            B_row = [vectors.load(_offset(builder, B_here, _constant(p * n_bytes)), B_masks[p]) for p in parts]
            for row in rows:
                number = _offset(builder, A_here, A_offsets[row])
                number = builder.load(builder.bitcast(number, vectors.scalar.as_pointer()))
                repeated = vectors.repeat(number)
                for part in parts:
                    total = vectors.multiply_add(repeated, B_row[part], builder.load(sums[row][part]))
                    builder.store(total, sums[row][part])
            builder.store(_offset(builder, A_here, A_step), A_position)
            builder.store(_offset(builder, B_here, B_step), B_position)

        is_scale = builder.icmp_signed("==", mode, _constant(SCALE))
        for row in rows:
            with builder.if_then(is_row[row]):
                with builder.if_then(is_scale):
                    for part in parts:
                        total = builder.load(sums[row][part])
                        scaled = builder.fmul(total, vectors.load(out_pointer(row, part), masks[part]))
                        builder.store(scaled, sums[row][part])
                for part in parts:
                    vectors.store(builder.load(sums[row][part]), out_pointer(row, part), masks[part])
        return context.get_dummy_value()

    return tile


_tile_of_1, _tile_of_2, _tile_of_3 = (_make_tile(n_vectors) for n_vectors in (1, 2, 3))


@inner
def _tiles(A, is_transposed, B, panel, out, j, n_vectors, mode):
    """Compute all tiles that start at column `j`."""
    for i in range(0, out.shape[0], tile_rows()):
        if n_vectors == 3:
            _tile_of_3(A, is_transposed, B, panel, out, i, j, mode)
        elif n_vectors == 2:
            _tile_of_2(A, is_transposed, B, panel, out, i, j, mode)
        else:
            _tile_of_1(A, is_transposed, B, panel, out, i, j, mode)


@inner
def _pack(B, j, width, panel):
    """Copy `width` columns of B, from column `j` on, to the panel. Write zeros for missing columns."""
    n_columns = min(width, B.shape[1] - j)
    for k in range(B.shape[0]):
        start = k * width
        for column in range(n_columns):
            panel[start + column] = B[k, j + column]
        for column in range(n_columns, width):
            panel[start + column] = 0


@intrinsic
def _dot(typing_context, A, i, column):
    """Row `i` of A times a column. Each lane sums every `SUM_LANES`-th product. Lanes are added in a fixed order."""

    def generate(context, builder, signature, arguments):
        A, (_, n_columns), (A_row, _) = _array(context, builder, signature.args[0], arguments[0])
        column = context.make_array(signature.args[2])(context, builder, arguments[2]).data
        vectors = Vectors(builder, signature.args[2].dtype, SUM_LANES)
        n_bytes = _constant(SUM_LANES * vectors.item_bytes)
        row = cgutils.alloca_once_value(builder, _offset(builder, A, builder.mul(arguments[1], A_row)))
        position = cgutils.alloca_once_value(builder, builder.bitcast(column, _BYTES))
        sums = cgutils.alloca_once_value(builder, vectors.zero)
        lanes = _constant(SUM_LANES)
        with cgutils.for_range(builder, builder.sdiv(n_columns, lanes)):
            x, y = vectors.load(builder.load(row)), vectors.load(builder.load(position))
            builder.store(vectors.multiply_add(x, y, builder.load(sums)), sums)
            builder.store(_offset(builder, builder.load(row), n_bytes), row)
            builder.store(_offset(builder, builder.load(position), n_bytes), position)
        mask = vectors.first_lanes(builder.srem(n_columns, lanes))
        x, y = vectors.load(builder.load(row), mask), vectors.load(builder.load(position), mask)
        return vectors.sum(vectors.multiply_add(x, y, builder.load(sums)))

    return A.dtype(A, types.intp, column), generate


@intrinsic
def sum_of_squares(typing_context, values):
    """The sum of squares in float64. Each lane sums every `SUM_LANES`-th square. Lanes are added in a fixed order."""

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        (size,) = cgutils.unpack_tuple(builder, array.shape)
        given, wide = (Vectors(builder, dtype, SUM_LANES) for dtype in (signature.args[0].dtype, types.float64))
        position = cgutils.alloca_once_value(builder, builder.bitcast(array.data, _BYTES))
        sums = cgutils.alloca_once_value(builder, wide.zero)

        def add(vector):
            vector = vector if given.scalar == wide.scalar else builder.fpext(vector, wide.type)
            builder.store(wide.multiply_add(vector, vector, builder.load(sums)), sums)

        lanes = _constant(SUM_LANES)
        with cgutils.for_range(builder, builder.sdiv(size, lanes)):
            add(given.load(builder.load(position)))
            builder.store(_offset(builder, builder.load(position), _constant(SUM_LANES * given.item_bytes)), position)
        add(given.load(builder.load(position), given.first_lanes(builder.srem(size, lanes))))
        return wide.sum(builder.load(sums))

    return types.float64(values), generate


@intrinsic
def _transposed_column(typing_context, A, column, out, i, mode):
    """Combine `COLUMN_VECTORS` vectors of `out`, from entry `i` on, with the same entries of A.T @ column."""

    def generate(context, builder, signature, arguments):
        A, (n_rows, n_columns), (A_row, _) = _array(context, builder, signature.args[0], arguments[0])
        column, out = (context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (1, 2))
        _, _, _, i, mode = arguments
        vectors = Vectors(builder, signature.args[2].dtype, _lanes(signature.args[2].dtype))
        parts = range(COLUMN_VECTORS)
        starts = [builder.add(i, _constant(part * vectors.n_lanes)) for part in parts]
        masks = [vectors.first_lanes(builder.sub(n_columns, start)) for start in starts]
        offsets = [builder.mul(start, _constant(vectors.item_bytes)) for start in starts]
        sums = [cgutils.alloca_once_value(builder, vectors.zero) for _ in parts]
        with builder.if_then(builder.icmp_signed("==", mode, _constant(ACCUMULATE))):
            for part in parts:
                builder.store(vectors.load(_offset(builder, out, offsets[part]), masks[part]), sums[part])
        with cgutils.for_range(builder, n_rows) as loop:
            row = _offset(builder, A, builder.mul(loop.index, A_row))
            repeated = vectors.repeat(builder.load(builder.gep(column, [loop.index])))
            for part in parts:
                numbers = vectors.load(builder.gep(row, [offsets[part]]), masks[part])
                builder.store(vectors.multiply_add(numbers, repeated, builder.load(sums[part])), sums[part])
        with builder.if_then(builder.icmp_signed("==", mode, _constant(SCALE))):
            for part in parts:
                before = vectors.load(_offset(builder, out, offsets[part]), masks[part])
                builder.store(builder.fmul(builder.load(sums[part]), before), sums[part])
        for part in parts:
            vectors.store(builder.load(sums[part]), _offset(builder, out, offsets[part]), masks[part])
        return context.get_dummy_value()

    return types.void(A, column, out, types.intp, types.intp), generate


@inner
def _multiply_by_column(A, is_transposed, column, out, mode):
    """`_multiply` for a B and an `out` of one column, which are given as vectors."""
    if is_transposed:
        for i in range(0, out.size, COLUMN_VECTORS * lanes(out)):
            _transposed_column(A, column, out, i, mode)
        return
    for i in range(A.shape[0]):
        total = _dot(A, i, column)
        if mode == OVERWRITE:
            out[i] = total
        elif mode == ACCUMULATE:
            out[i] += total
        else:
            out[i] *= total


def _multiply(A, is_transposed, B, out, mode, spare):
    """out = A @ B, or out + A @ B, or out * (A @ B), depending on `mode`.

    The shapes are (n, m) for A, or (m, n) if `is_transposed`, (m, p) for B, and (n, p) for `out`. All arrays have one
    dtype. `spare` has room for a panel of B, which takes `PANEL_BYTES` for each row of B.
    """
    prefer_wide_vectors()
    if out.shape[1] == 1:
        _multiply_by_column(A, is_transposed, B.reshape(B.size), out.reshape(out.size), mode)
        return
    width = lanes(out)
    n_left = (out.shape[1] + width - 1) // width
    n_panels = (n_left + TILE_VECTORS - 1) // TILE_VECTORS
    j = 0
    while n_left > 0:
        # Panels of nearly equal width, because the narrowest tiles are the slowest.
        n_vectors = (n_left + n_panels - 1) // n_panels
        if needs_panels():
            _pack(B, j, n_vectors * width, spare)
        _tiles(A, is_transposed, B, spare, out, j, n_vectors, mode)
        j += n_vectors * width
        n_left -= n_vectors
        n_panels -= 1


def multiply_signature(dtype):
    """The signature of `_multiply`."""
    arrays = array_types(dtype)
    return void(arrays.strided_matrix, boolean, arrays.data_matrix, arrays.matrix, int64, arrays.vector)


@cache
def compile_multiply(dtype: np.dtype) -> Kernel:
    """``multiply(A, is_transposed, B, out, mode, spare)``: combine A @ B with `out`, depending on `mode`."""
    return Kernel(_multiply, multiply_signature(dtype))


def spare_size(longest: int, dtype: np.dtype) -> int:
    """The number of entries that `spare` needs for products whose inner dimension is at most `longest`."""
    return longest * (PANEL_BYTES // dtype.itemsize)
