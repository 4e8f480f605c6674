"""The processor that numba compiles for: its vectors, and its fused multiply-adds."""

from functools import cache
from typing import Any, NamedTuple

from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.core.codegen import ll
from numba.core.registry import cpu_target
from numba.extending import intrinsic


class Processor(NamedTuple):
    """The properties of a processor that products depend on.

    Attributes
    ----------
    vector_bytes : int
    tile_rows : int
        Rows of a tile (see `products`), so few that its sums fit into the vector registers.
    has_multiply_add : bool
        Whether it multiplies and adds with one rounding.
    has_masks : bool
        Whether it loads a part of a vector as fast as a whole vector.
    is_x86 : bool
    """

    vector_bytes: int
    tile_rows: int
    has_multiply_add: bool
    has_masks: bool
    is_x86: bool


@cache
def processor() -> Processor:
    """The processor that numba compiles for, deduced from the code that LLVM generates for a multiply-add."""
    codegen = cpu_target.target_context.codegen()
    target = ll.Target.from_triple(ll.get_process_triple())
    machine = target.create_target_machine(
        cpu=codegen._get_host_cpu_name(), features=codegen._get_host_cpu_features(), opt=3
    )
    module = ir.Module()
    module.triple = ll.get_process_triple()
    vector = ir.VectorType(ir.FloatType(), 16)
    function = ir.Function(module, ir.FunctionType(vector, [vector] * 3), "multiply_add")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(builder.call(declare(module, "llvm.fma.v16f32", vector, [vector] * 3), function.args))
    assembly = machine.emit_assembly(ll.parse_assembly(str(module)))
    has_masks = "zmm" in assembly
    is_x86 = "xmm" in assembly or "ymm" in assembly or has_masks
    return Processor(
        vector_bytes=64 if has_masks else 32 if "ymm" in assembly else 16,
        tile_rows=8 if has_masks or not is_x86 else 4,
        has_multiply_add="fmaf" not in assembly,
        has_masks=has_masks,
        is_x86=is_x86,
    )


def declare(module, name: str, result, arguments) -> Any:
    """Declare an external function in a module of LLVM."""
    return cgutils.get_or_insert_function(module, ir.FunctionType(result, arguments), name)


def emit_multiply_add(builder, type_name: str, x, y, z):
    """Emit x * y + z for numbers or vectors, with one rounding if the processor supports this."""
    if not processor().has_multiply_add:
        return builder.fadd(builder.fmul(x, y), z)
    return builder.call(declare(builder.module, f"llvm.fma.{type_name}", x.type, [x.type] * 3), [x, y, z])


@intrinsic
def multiply_add(typing_context, x, y, z):
    """Return x * y + z for three numbers of one dtype, with one rounding if the processor supports this.

    Kernels fuse nothing else, because compilers for different processors would fuse different operations.
    """

    def generate(context, builder, signature, arguments):
        return emit_multiply_add(builder, f"f{signature.return_type.bitwidth}", *arguments)

    if isinstance(x, types.Float) and x == y == z:
        return x(x, x, x), generate
    return None


@intrinsic
def prefer_wide_vectors(typing_context):
    """Make the kernel that calls this use the widest vectors of the processor.

    LLVM prefers 256 bits on processors that support 512, because on early models, vectors of 512 bits slowed down the
    rest of a program. Here the rest is products, which use 512 bits too.
    """

    def generate(context, builder, signature, arguments):
        attributes = builder.function.attributes
        # llvmlite's set refuses to add an attribute that has a value, but writes out every attribute in it.
        if isinstance(attributes, set):
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
