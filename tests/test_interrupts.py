"""`interruptible` behaves like a plain call, except for Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from skinit.interrupts import interruptible


def test_the_result_is_returned():
    assert interruptible(divmod, 7, 2) == (3, 1)
    assert interruptible(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


def test_errors_are_raised():
    with pytest.raises(np.linalg.LinAlgError):
        interruptible(np.linalg.cholesky, -np.eye(2))


def test_the_function_sees_the_context_of_its_caller():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        interruptible(np.exp, np.array([1e4]))


def test_other_threads_call_the_function_directly():
    threads = []
    worker = threading.Thread(target=lambda: threads.append(interruptible(threading.current_thread)))
    worker.start()
    worker.join()
    assert threads == [worker]


def test_interruptible_works_while_a_module_is_imported(tmp_path):
    (tmp_path / "importing.py").write_text("""
import importlib, threading
from skinit.interrupts import interruptible
thread = interruptible(threading.current_thread)
module = interruptible(importlib.import_module, __name__)
""")
    script = "import importing, threading; print(importing.thread is threading.main_thread())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "True\n"


def test_ctrl_c_does_not_wait_for_the_function():
    is_over = threading.Event()
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            # If the signal were ignored, the wait would end by itself after 30 seconds.
            interruptible(is_over.wait, 30)
        assert not is_over.is_set()
        # Python waits for this thread before it exits.
        assert "skinit-wait" in [thread.name for thread in threading.enumerate()]
    finally:
        is_over.set()


def test_ctrl_c_reaches_tests_even_if_the_suite_ignores_the_signal():
    test = f"{__file__}::{test_ctrl_c_does_not_wait_for_the_function.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    run = subprocess.run(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
