"""Fuzzed calls are right, or end in a clear error that changes nothing."""

import pytest

from benchmarks.fuzz import run_case

# The seed and number of each case that was wrong once, and what was wrong.
FOUND = {
    (0, 14): "weights put in by hand were replaced although the data were wrong",
    (0, 114): "a penalty in single precision overflowed with tiny sample weights",
    (0, 1503): "products for the automatic step warned of an overflow",
    (2, 931): "norms of the initializer warned of an invalid division",
    (2, 1236): "the variance of huge preactivations warned of an overflow",
    (2, 4202): "classes_ of a regressor",
}


@pytest.mark.parametrize("block", range(10))
def test_fuzzed_cases_have_no_faults(block):
    for number in range(15 * block, 15 * (block + 1)):
        run_case(number, 7, lambda line: None)


@pytest.mark.parametrize(("seed", "number"), FOUND)
def test_cases_that_were_wrong_once_have_no_faults(seed, number):
    run_case(number, seed, lambda line: None)
