"""A process forked at any moment neither hangs nor stays on one BLAS thread."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

# `wait` gives a child ten seconds, then kills it.
CHILDREN = """
import os, signal, sys, threading, time, warnings
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from skinit import MLPClassifier
from skinit.engine.blas import NEVER_THREADED_BELOW, blas_threads
from skinit.kernels.updates import compile_update

warnings.simplefilter("ignore")
threadpool_limits(2, user_api="blas")
X = np.random.RandomState(0).standard_normal((60, 40))
y = np.arange(60) % 3

def fit():
    return MLPClassifier((50,), max_iter=3, random_state=0, tol=0).fit(X, y).coefs_[0]

def n_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

def fork(function):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if function() else 1
        finally:
            os._exit(status)
    return child

def wait(child):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return "right" if status == 0 else "wrong"
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"
"""


def run(code):
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILDREN + code],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    )
    return process.stdout.split()


def test_a_fork_while_other_threads_fit():
    outcomes = run("""
expected = fit()
done = False

def fit_on():
    while not done:
        fit()

def is_right():
    return n_threads() == {2} and (fit() == expected).all() and n_threads() == {2}

threads = [threading.Thread(target=fit_on) for _ in range(3)]
for thread in threads:
    thread.start()
try:
    for i in range(30):
        time.sleep(0.003 * (i % 7))
        print(wait(fork(is_right)))
finally:
    done = True
""")
    assert outcomes == ["right"] * 30


def test_a_fork_while_another_thread_changes_the_number_of_blas_threads():
    outcomes = run("""
done = False

def change():
    while not done:
        with blas_threads(NEVER_THREADED_BELOW):
            pass

def is_right():
    with blas_threads(NEVER_THREADED_BELOW):
        inside = n_threads()
    return inside == {1} and n_threads() == {2}

thread = threading.Thread(target=change)
thread.start()
try:
    for _ in range(20):
        print(wait(fork(is_right)))
finally:
    done = True
""")
    assert outcomes == ["right"] * 20


def test_a_fork_while_blas_is_limited():
    outcomes = run("""
block = blas_threads(NEVER_THREADED_BELOW)
block.__enter__()

def leaves_it_with_all_threads():
    inside = n_threads()
    block.__exit__(None, None, None)
    return inside == {1} and n_threads() == {2}

print(wait(fork(leaves_it_with_all_threads)))
entered, leave = threading.Event(), threading.Event()

def hold():
    with blas_threads(NEVER_THREADED_BELOW):
        entered.set()
        leave.wait()

thread = threading.Thread(target=hold)
thread.start()
entered.wait()
print(wait(fork(leaves_it_with_all_threads)))
block.__exit__(None, None, None)
print(wait(fork(lambda: n_threads() == {2})))
leave.set()
thread.join()
print("right" if n_threads() == {2} else "wrong")
""")
    assert outcomes == ["right"] * 4


def test_a_fork_while_another_thread_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    outcomes = run("""
from numba.core.event import Listener, install_listener

class Tell(Listener):
    n_passes = 0

    def on_start(self, event):
        self.n_passes += 1
        if self.n_passes == 20:
            compiling.set()
            time.sleep(0.2)

    def on_end(self, event):
        pass

compiling = threading.Event()

def compiles():
    steps = [compile_update(name, np.dtype("float64")) for name in ("adam", "sgd")]
    theta = np.zeros(2)
    steps[1](theta, np.ones(2), np.zeros((1, 2)), 0, np.array([0.0, 0.0]), 1.0, 1, 0.0, 1.0, 1.0)
    return theta.sum() == -2

thread = threading.Thread(target=compile_update, args=("sgd", np.dtype("float64")))
with install_listener("numba:run_pass", Tell()):
    thread.start()
    compiling.wait()
    print(wait(fork(compiles)))
    thread.join()
print(wait(fork(compiles)))
""")
    assert outcomes == ["right"] * 2
