"""Training gives the same bits on every processor with fused multiply-adds."""

import hashlib
import warnings
from itertools import product

import numpy as np
import pytest
from elsewhere import run_for

from skinit import MLPClassifier, MLPRegressor
from skinit.kernels.activations import ACTIVATIONS
from skinit.kernels.processor import processor

pytestmark = pytest.mark.skipif(not processor().has_multiply_add, reason="the expected bits need fused multiply-adds")

# NumPy draws uniform numbers without calling the system's math library, so the data are the same on every machine.
RNG = np.random.RandomState(0)
X = RNG.uniform(-1, 1, (90, 13))
TARGETS = {
    "three classes": RNG.randint(3, size=90),
    "two classes": RNG.randint(2, size=90),
    "numbers": RNG.uniform(0, 2, 90),
    "counts": RNG.randint(4, size=(90, 2)),
}


def train(activation, targets, solver, dtype):
    """Return the weights, intercepts and losses of a small training."""
    estimator = MLPClassifier if "classes" in targets else MLPRegressor
    parameters = {"loss": "poisson"} if targets == "counts" else {}
    model = estimator(
        hidden_layer_sizes=(33, 17),
        activation=activation,
        init="auto",
        solver=solver,
        max_iter=3,
        batch_size=40,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(**parameters).fit(X.astype(dtype), TARGETS[targets])
    return [*model.coefs_, *model.intercepts_, np.array(model.loss_curve_)]


def digests(cases):
    """Return a digest of the numbers of each training."""
    found = {}
    for case in cases:
        digest = hashlib.sha256()
        for numbers in train(*case):
            assert np.isfinite(numbers).all()
            digest.update(numbers.tobytes())
        found[" ".join(case)] = digest.hexdigest()[:16]
    return found


# These change only if the mathematics changes. The changelog then says so.
DIGESTS = {
    "relu three classes adam float64": "11e69b67af68b700",
    "tanh numbers sgd float32": "9fd478f806bce854",
}
SMALL = [("relu", "three classes", "adam", "float64"), ("tanh", "numbers", "sgd", "float32")]
ALL = [
    *product(ACTIVATIONS, ["three classes"], ["adam"], ["float32", "float64"]),
    *product(["tanh"], ["two classes", "numbers", "counts"], ["adam", "sgd"], ["float32", "float64"]),
]
ELSEWHERE = """
import json
import test_bits
print(json.dumps(test_bits.digests(test_bits.ALL)))
"""


def test_the_bits_of_a_small_training_are_those_of_every_other_machine():
    assert digests(SMALL) == DIGESTS


@pytest.mark.skipif(processor().vector_bytes < 32, reason="needs a processor with AVX2")
def test_code_for_another_processor_computes_the_same_bits(tmp_path):
    assert run_for("haswell", ELSEWHERE, tmp_path) == digests(ALL)
