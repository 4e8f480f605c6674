"""Products of matrices against NumPy, for every shape around the edges of tiles, and on other processors."""

import numpy as np
import pytest
from elsewhere import run_for
from hypothesis import given
from hypothesis import strategies as st

from skinit.kernels.processor import processor
from skinit.kernels.products import ACCUMULATE, OVERWRITE, SCALE, compile_multiply, spare_size

DTYPES = [np.float32, np.float64]
SIZES = st.integers(1, 70)
# Fills memory that must be neither read nor written.
GUARD = np.nan


def guarded(values):
    """Return a copy of a matrix, and its memory with guards before and after it."""
    memory = np.full(values.size + 64, GUARD, values.dtype)
    inside = memory[32 : 32 + values.size].reshape(values.shape)
    inside[...] = values
    return inside, memory


def check(n_rows, n_inner, n_columns, mode, is_transposed, dtype):
    rng = np.random.default_rng([n_rows, n_inner, n_columns])
    A, B, start = (
        rng.normal(size=shape).astype(dtype) for shape in [(n_rows, n_inner), (n_inner, n_columns), (n_rows, n_columns)]
    )
    out, memory = guarded(start)
    given_A, _ = guarded(A.T if is_transposed else A)
    given_B, _ = guarded(B)
    spare, spare_memory = guarded(np.full(spare_size(n_inner, out.dtype), GUARD, dtype))
    compile_multiply(out.dtype)(given_A, is_transposed, given_B, out, mode, spare)
    product = A.astype(np.float64) @ B
    expected = {OVERWRITE: product, ACCUMULATE: start + product, SCALE: start * product}[mode]
    # A sum of n products has at most n + 1 roundings, each relative to the sum of the magnitudes.
    magnitudes = np.abs(A).astype(np.float64) @ np.abs(B)
    if mode != OVERWRITE:
        magnitudes = np.abs(start) + magnitudes if mode == ACCUMULATE else np.abs(start) * magnitudes
    assert (np.abs(out - expected) <= (n_inner + 2) * np.finfo(dtype).eps * magnitudes).all()
    for guards in (memory, spare_memory):
        assert np.isnan(guards[:32]).all()
        assert np.isnan(guards[-32:]).all()


@given(SIZES, SIZES, SIZES, st.sampled_from([OVERWRITE, ACCUMULATE, SCALE]), st.booleans(), st.sampled_from(DTYPES))
def test_products_are_those_of_numpy_and_touch_nothing_else(n_rows, n_inner, n_columns, mode, is_transposed, dtype):
    check(n_rows, n_inner, n_columns, mode, is_transposed, dtype)


@given(SIZES, SIZES, SIZES, st.sampled_from(DTYPES))
def test_outputs_have_the_same_bits_in_every_tile(n_rows, n_inner, n_columns, dtype):
    rng = np.random.default_rng([n_rows, n_inner, n_columns])
    A, B = rng.normal(size=(n_rows, n_inner)).astype(dtype), rng.normal(size=(n_inner, n_columns + 1)).astype(dtype)
    multiply = compile_multiply(np.dtype(dtype))
    spare = np.empty(spare_size(n_inner, np.dtype(dtype)), dtype)
    whole, part, last = (np.empty(shape, dtype) for shape in [(n_rows, n_columns + 1), (n_rows, 2), (1, n_columns + 1)])
    multiply(A, False, B, whole, OVERWRITE, spare)
    multiply(A, False, np.ascontiguousarray(B[:, -2:]), part, OVERWRITE, spare)
    np.testing.assert_array_equal(part, whole[:, -2:])
    multiply(A[-1:], False, B, last, OVERWRITE, spare)
    np.testing.assert_array_equal(last, whole[-1:])
    transposed = np.empty_like(whole)
    multiply(np.ascontiguousarray(A.T), True, B, transposed, OVERWRITE, spare)
    np.testing.assert_array_equal(transposed, whole)


def test_numbers_that_are_not_finite_stay_in_their_row_and_column():
    A, B = np.ones((9, 5)), np.ones((5, 11))
    A[8, 2], B[3, 10] = np.nan, np.inf
    out = np.empty((9, 11))
    compile_multiply(out.dtype)(A, False, B, out, OVERWRITE, np.full(1000, GUARD))
    np.testing.assert_array_equal(np.isnan(out), (np.arange(9) == 8)[:, None] & np.ones(11, bool))
    assert np.isinf(out[:8, 10]).all()
    assert np.isfinite(out[:8, :10]).all()


# Code for other processors, each in its own process. The host must be able to run it.

ELSEWHERE = """
import hashlib, json
import numpy as np
from test_products import check
from skinit.kernels.processor import processor
from skinit.kernels.products import compile_multiply, spare_size

for dtype in (np.float32, np.float64):
    for n_rows, n_inner, n_columns in [(1, 1, 1), (3, 5, 2), (9, 17, 10), (8, 64, 24), (20, 33, 49), (5, 40, 1)]:
        for mode in range(3):
            for is_transposed in (False, True):
                check(n_rows, n_inner, n_columns, mode, is_transposed, dtype)

digest = hashlib.sha256()
rng = np.random.RandomState(0)
for dtype in (np.float32, np.float64):
    for n_columns in (1, 10, 49):
        A, B = rng.uniform(-1, 1, (20, 33)).astype(dtype), rng.uniform(-1, 1, (33, n_columns)).astype(dtype)
        out = np.empty((20, n_columns), dtype)
        spare = np.empty(spare_size(33, np.dtype(dtype)), dtype)
        compile_multiply(np.dtype(dtype))(A, False, B, out, 0, spare)
        digest.update(out.tobytes())
print(json.dumps([processor()._asdict(), digest.hexdigest()]))
"""


needs_avx2 = pytest.mark.skipif(processor().vector_bytes < 32, reason="needs a processor with AVX2")


@needs_avx2
def test_bits_are_the_same_on_every_processor_with_fused_multiply_adds(tmp_path):
    haswell, digest = run_for("haswell", ELSEWHERE, tmp_path / "haswell")
    assert (haswell["vector_bytes"], haswell["has_multiply_add"], haswell["has_masks"]) == (32, True, False)
    host, host_digest = run_for(None, ELSEWHERE, tmp_path / "host")
    assert host == processor()._asdict()
    assert host_digest == digest


@needs_avx2
def test_products_are_right_without_fused_multiply_adds(tmp_path):
    generic, _ = run_for("x86-64", ELSEWHERE, tmp_path)
    assert (generic["vector_bytes"], generic["has_multiply_add"], generic["has_masks"]) == (16, False, False)
