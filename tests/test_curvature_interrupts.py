"""Ctrl-C while the curvature of wide layers is measured, each in its own process."""

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
from skinit import MLPClassifier, MLPRegressor
from skinit import curvature, inspection
from skinit.callbacks import CurvatureMonitor
rng = np.random.default_rng(0)
X, y = rng.normal(size=({n_rows}, {n_features})), rng.integers(0, 10, {n_rows})
model = MLPClassifier({hidden}, "tanh", init="zeros", random_state=0).initialize(X[:20], np.arange(20) % 10)
for coef in model.coefs_:
    coef[...] = rng.standard_normal(coef.shape) / np.sqrt(len(coef))
# Compiled before the clock runs.
small = MLPClassifier((3,), "tanh").initialize(X[:20, :3], y[:20])
measure = lambda model, X, y: {call}
measure(small, X[:20, :3], y[:20])

def interrupt():
    global sent
    time.sleep({delay})
    sent = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    measure(model, X, y)
except KeyboardInterrupt:
    print(time.monotonic() - sent, flush=True)
else:
    print("done", flush=True)
os._exit(0)
"""
CALLS = {
    "operator": "curvature.hessian_operator(model, X, y) @ np.ones((model._network.theta.size, 8))",
    "norm": "curvature.hessian_norm(model, X, y)",
    "layer norms": "curvature.layer_hessian_norms(model, X, y)",
    "Jacobians": "curvature.layer_jacobian_norms(model, X, y)",
    "bound": "curvature.hessian_bound(model, X, y)",
    "trace": "curvature.hessian_trace(model, X, y, n_products=12)",
    "density": "curvature.spectral_density(model, X, y, n_vectors=1)",
    "step": "curvature.max_stable_step(model, X, y)",
    "signals": "inspection.signal_propagation(model, X, y)",
}
# A slow and busy machine answers within this time too. One uninterrupted call would take several seconds.
SECONDS = 1.5


@pytest.mark.parametrize("delay", [0.7])
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_is_answered_while_a_wide_layer_is_measured(call, delay):
    numbers = {"n_rows": 2000, "n_features": 300, "hidden": (1200, 1200), "delay": delay}
    script = textwrap.dedent(SCRIPT).format(call=CALLS[call], **numbers)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, env=os.environ, timeout=120
    )
    assert result.stderr == ""
    if result.stdout == "done\n":
        pytest.skip("the measurement ended before the signal")
    assert float(result.stdout) < SECONDS
