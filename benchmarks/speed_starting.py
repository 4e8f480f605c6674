"""The time of the first fit of a new process, with and without compiled code in the cache."""

import json
import os
import subprocess
import sys
import tempfile
import time

# The data are tiny, so imports and compilation take most of the time. The first of two equal fits is longer by its
# compilation.
SCRIPT = """
import json, sys, time, warnings
import numpy as np
from {module} import MLPClassifier

warnings.simplefilter("ignore")
X = np.random.RandomState(0).standard_normal((200, 20))
y = np.arange(200) % 3
MLPClassifier(max_iter=1).fit(X, y)
first_fit_ended = time.time()

def added(targets=y, **parameters):
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        MLPClassifier(max_iter=1, **parameters).fit(X, targets)
        seconds.append(time.perf_counter() - began)
    return seconds[0] - seconds[1]

others = {{}}
if {measures_others}:
    others = {{
        "another activation, tanh": added(activation="tanh"),
        "another loss, of two classes": added(y % 2),
        "another solver, sgd": added(solver="sgd"),
        "another solver, lbfgs": added(solver="lbfgs"),
    }}
print(json.dumps([first_fit_ended, others]))
"""


def _start(module: str, cache: str, measures_others: bool = False) -> tuple[float, dict[str, float]]:
    """Return the seconds from the start of a process to the end of its first fit, and what other fits add."""
    began = time.time()
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module, measures_others=measures_others)],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    first_fit_ended, others = json.loads(process.stdout)
    return first_fit_ended - began, others


def measure_starts(repeat: int) -> dict[str, list[float]]:
    """Return the seconds of each start, measured in turn: skinit with an empty and a full cache, and scikit-learn."""
    seconds: dict[str, list[float]] = {}
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as cache:
            first, others = _start("skinit", cache, measures_others=True)
            compiled_before, _ = _start("skinit", cache)
            scikit_learn, _ = _start("sklearn.neural_network", cache)
        measured = {"empty cache": first, **others, "compiled before": compiled_before, "scikit-learn": scikit_learn}
        for name, value in measured.items():
            seconds.setdefault(name, []).append(value)
    return seconds
