"""Compiling ahead of time leaves nothing to compile, and wrong names are explained."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import skinit
from skinit.cli import main
from skinit.kernels import cache
from skinit.kernels.activations import ACTIVATIONS
from skinit.kernels.losses import LOSSES
from skinit.precompilation import NAMES, make_parts

WARM_UP = """
import json, sys, skinit
print(json.dumps(skinit.warmup(dtype="float32", activation="tanh", loss="log_loss", curvature=sys.argv[1] == "True")))
"""

# Runs the estimator methods that use kernels, and prints the functions compiled on the way.
FIT = """
import json, sys, warnings
import numpy as np, scipy.sparse
from numba.core.event import install_recorder
import skinit, skinit.curvature

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4)).astype(np.float32)
y = np.arange(30) % 3

def network(**parameters):
    return skinit.MLPClassifier((5, 4), "tanh", max_iter=2, random_state=0, **parameters)

with install_recorder("numba:compile") as recorder:
    for solver in ("adam", "sgd", "lbfgs"):
        network(solver=solver).fit(X, y).predict_proba(X)
        if sys.argv[1] == "True":
            fitted = network(solver=solver, init="hessian", learning_rate_init="auto").fit(X, y)
            skinit.curvature.hessian_norm(fitted, X, y, kind="gauss_newton")
    network(early_stopping=True, batch_size=7).fit(X, y, rng.random(30))
    network().partial_fit(X[:9], y[:9], classes=[0, 1, 2]).score(X, y)
    network().fit(scipy.sparse.csr_array(X), y).predict(scipy.sparse.csc_array(X))
    network().fit(np.asfortranarray(X), y).predict(X[::2, ::-1])
    for init in ("sklearn", "orthogonal", "lsuv", "hessian_jacobian", "hessian_closed_form"):
        network(init=init).initialize(X, y)
print(json.dumps([str(event.data["dispatcher"]) for _, event in recorder.buffer]))
"""


def test_after_warmup_new_processes_compile_nothing(tmp_path):
    def run(code, curvature):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", code, str(curvature)]
        return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)

    activation_and_loss = ["float32 activation tanh", "float32 loss log_loss"]
    solvers = [f"float32 solver {name}" for name in ("sgd", "adam")]
    compiled = run(WARM_UP, curvature=False)
    assert list(compiled) == ["float32 training", "float32 prediction", *activation_and_loss, *solvers]
    assert min(compiled.values()) > 0
    assert run(FIT, curvature=False) == []
    assert list(run(WARM_UP, curvature=True)) == [*activation_and_loss, "float32 curvature"]
    assert run(FIT, curvature=True) == []


def test_all_means_every_name():
    parts = make_parts(**NAMES, curvature=True)
    for dtype in ("float32", "float64"):
        assert {f"{dtype} activation {name}" for name in ACTIVATIONS} < set(parts)
        assert {f"{dtype} loss {name}" for name in LOSSES} < set(parts)
        assert {f"{dtype} solver {name}" for name in ("adam", "sgd")} < set(parts)


@pytest.mark.parametrize(
    ("parameter", "value", "words", "start"),
    [
        ("dtype", "flaot32", "got 'flaot32'", "Did you mean 'float32'"),
        ("dtype", np.int64, "got 'int64'", "Did you mean 'float64'? dtype"),
        ("dtype", None, "got None", "dtype"),
        ("activation", ["relu", "Tanh"], "got 'Tanh'", "Did you mean 'tanh'? activation"),
        ("loss", "log-loss", "got 'log-loss'", "Did you mean 'log_loss' or"),
        ("solver", 3, "got 3", "solver"),
    ],
)
def test_wrong_names_are_explained(parameter, value, words, start):
    with pytest.raises(ValueError, match=f"{parameter} must be one of .*, or 'all', {words}") as caught:
        skinit.warmup(**{parameter: value})
    assert str(caught.value).startswith(start)


QUICK = ["--dtype", "float64", "--activation", "relu", "--loss", "log_loss", "--solver", "adam", "--no-curvature"]


def test_the_command_needs_no_optional_package_and_prints_the_folder(capsys, monkeypatch):
    for name in ("rich", "pandas", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["warmup", *QUICK]) == 0
    *parts, summary = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in parts] == [
        "[1/5] float64 training",
        "[2/5] float64 prediction",
        "[3/5] float64 activation relu",
        "[4/5] float64 loss log_loss",
        "[5/5] float64 solver adam",
    ]
    assert os.path.isdir(summary.split("Kept in ")[1])


def test_the_command_explains_wrong_names(capsys):
    assert main(["warmup", "--activation", "tanhh"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("skinit: --activation: Did you mean 'tanh'? The value must be one of 'all', 'elu',")
    assert err.count("\n") == 1


def test_the_command_explains_that_code_cannot_be_kept(capsys, monkeypatch):
    monkeypatch.setattr(cache, "failure", OSError(28, "No space left on device"))
    assert main(["warmup", *QUICK]) == 2
    err = capsys.readouterr().err
    assert "(No space left on device): set NUMBA_CACHE_DIR to a folder that can be written to" in err
    assert err.count("\n") == 1
