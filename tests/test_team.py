"""Threads that share the work of a fit: the same bits for any number of threads, and no threads left afterwards."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import int64, types, void
from scipy.sparse import csr_array

import skinit.engine.passes
import skinit.engine.team
from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import hessian_norm
from skinit.engine.team import Team, get_num_threads, set_num_threads
from skinit.kernels.compilation import Kernel
from skinit.kernels.team import board_size, claim, close_phase, finish, open_phase
from skinit.training.divergence import DivergenceError

rng = np.random.RandomState(0)
X, labels, numbers = rng.normal(size=(500, 30)), rng.randint(3, size=500), rng.normal(size=(500, 2))
weights = rng.randint(3, size=500)
SPARSE = csr_array(np.where(np.abs(X) < 1, 0, X))
SHORT = {"max_iter": 3, "random_state": 0}

# Layers whose gradients are sums of shards, wide layers, and blocks of rows that are whole mini-batches or parts of
# them.
FITS = {
    "one layer": lambda dtype: MLPClassifier((20,), **SHORT).fit(X.astype(dtype), labels),
    "wide": lambda dtype: MLPClassifier((130, 150), "tanh", solver="sgd", **SHORT).fit(X.astype(dtype), labels),
    "deep": lambda dtype: MLPRegressor(hidden_layer_sizes=(9,) * 6, **SHORT).fit(X.astype(dtype), numbers),
    "one unit": lambda dtype: MLPRegressor(hidden_layer_sizes=(1, 40), **SHORT).fit(X[:, :1].astype(dtype), X[:, 1]),
    "no hidden layer": lambda dtype: MLPClassifier((), **SHORT).fit(X.astype(dtype), labels),
    "sparse": lambda dtype: MLPClassifier((120,), **SHORT).fit(SPARSE.astype(dtype), labels),
    "odd batches": lambda dtype: MLPClassifier((70,), batch_size=197, **SHORT).fit(X.astype(dtype), labels, weights),
    "long batches": lambda dtype: MLPClassifier((70,), batch_size=450, **SHORT).fit(X.astype(dtype), labels),
    "lbfgs": lambda dtype: MLPClassifier((70,), solver="lbfgs", **SHORT).fit(X.astype(dtype), labels),
    "early stopping": lambda dtype: MLPClassifier((70,), early_stopping=True, **SHORT).fit(X.astype(dtype), labels),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def use_threads(monkeypatch):
    """Return a function that sets the number of threads, whatever the machine has and however short fits are."""
    monkeypatch.setattr(skinit.engine.team, "SHARED_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(skinit.engine.team, "MOST_WAITING", np.inf)
    return lambda n_threads: monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda: n_threads)


@pytest.fixture
def started(monkeypatch):
    """Return the list of the helper threads that were started."""
    threads, start = [], threading.Thread.start

    def spy(thread):
        if thread.name == skinit.engine.team.HELPER_NAME:
            threads.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", spy)
    return threads


def parameters(model):
    return [model.loss_, *model.coefs_, *model.intercepts_]


def assert_same_bits(results):
    for other in results[1:]:
        for result, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FITS)
def test_bits_do_not_depend_on_the_number_of_threads(name, dtype, use_threads, started, monkeypatch):
    monkeypatch.setattr(skinit.engine.passes, "MOST_BLOCK_ROWS", 200)
    results = []
    for n_threads in (1, 2, 3, 5):
        started.clear()
        use_threads(n_threads)
        results.append(parameters(FITS[name](dtype)))
        assert (len(started) > 0) == (n_threads > 1)
        assert not any(thread.is_alive() for thread in started)
    assert_same_bits(results)


def test_helpers_are_gone_after_an_error(use_threads, started):
    use_threads(3)
    with pytest.raises(DivergenceError):
        MLPRegressor(hidden_layer_sizes=(70,), solver="sgd", learning_rate_init=1e6, random_state=0).fit(X, numbers)
    assert len(started) == 2
    assert not any(thread.is_alive() for thread in started)


def test_helpers_are_gone_after_ctrl_c(use_threads, started, monkeypatch):
    use_threads(3)
    one_pass = skinit.engine.passes.DataPasses._pass

    def interrupted(self, purpose):
        totals = one_pass(self, purpose)
        os.kill(os.getpid(), signal.SIGINT)
        return totals

    monkeypatch.setattr(skinit.engine.passes.DataPasses, "_pass", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier((70,), **SHORT).fit(X, labels)
    assert len(started) == 2
    assert not any(thread.is_alive() for thread in started)


def test_fits_succeed_if_no_thread_can_be_started(use_threads, monkeypatch):
    expected = parameters(FITS["one layer"](np.float64))

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    use_threads(3)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert_same_bits([expected, parameters(FITS["one layer"](np.float64))])


def test_sixteen_user_threads_can_fit_at_once(use_threads):
    expected = parameters(FITS["deep"](np.float64))
    use_threads(5)
    with ThreadPoolExecutor(16) as executor:
        results = list(executor.map(lambda _: parameters(FITS["deep"](np.float64)), range(32)))
    assert_same_bits([expected, *results])


def test_simultaneous_fits_divide_the_threads(use_threads, started):
    use_threads(6)
    with Team(8, 0, 1, 1), Team(8, 0, 1, 1):
        # This fit has two of six threads, so it starts one helper.
        FITS["one layer"](np.float64)
    assert len(started) == 1


def test_short_work_starts_no_threads(started, monkeypatch):
    monkeypatch.setattr(skinit.engine.team, "get_num_threads", lambda: 3)
    model = MLPClassifier((5,), solver="lbfgs", **SHORT).fit(X, labels)
    hessian_norm(model, X, labels)
    assert started == []


def test_a_team_continues_alone_while_others_need_the_cores(use_threads, monkeypatch):
    use_threads(3)
    with Team(3, 0, 1, 1) as team:
        board = team.shared.board
        help = threading.Event().wait
        monkeypatch.setattr(team, "_grow", lambda n_helpers, help: None)
        monkeypatch.setattr(skinit.engine.team, "MOST_WAITING", 0.25)
        monkeypatch.setattr(skinit.engine.team, "JUDGED_SECONDS", 0.0)
        with team.working(help):
            assert board[skinit.engine.team.HELPERS] == 2
            board[skinit.engine.team.WAITED] = 10**12
        with team.working(help):
            assert board[skinit.engine.team.HELPERS] == 0
        # It tries again after a while.
        team._alone_until = 0.0
        with team.working(help):
            assert board[skinit.engine.team.HELPERS] == 2


def _claim_in_turn(board, n_items, ranks, items):
    open_phase(board, n_items)
    for i in range(ranks.size):
        items[i] = claim(board, ranks[i])
        if items[i] >= 0:
            finish(board, ranks[i])
    close_phase(board)


_INT64_VECTOR = types.int64[::1]
claim_in_turn = Kernel(_claim_in_turn, void(_INT64_VECTOR, int64, _INT64_VECTOR, _INT64_VECTOR))


@given(st.integers(1, 6), st.integers(0, 40), st.randoms(use_true_random=False))
def test_each_item_is_claimed_once_and_threads_take_their_own_items_first(n_threads, n_items, random):
    board = np.zeros(board_size(n_threads), np.int64)
    board[skinit.engine.team.HELPERS] = n_threads - 1
    for _ in range(3):
        # There are so many claims that no thread can be left with an item.
        ranks = [rank for rank in range(n_threads) for _ in range(n_items + 1)]
        random.shuffle(ranks)
        items = np.empty(len(ranks), np.int64)
        claim_in_turn(board, n_items, np.array(ranks, np.int64), items)
        assert sorted(items[items >= 0]) == list(range(n_items))
        for rank in range(n_threads):
            own = range(n_items * rank // n_threads, n_items * (rank + 1) // n_threads)
            claimed = [item for item, of in zip(items.tolist(), ranks, strict=True) if of == rank and item >= 0]
            # A thread claims all of its own items that are left before those of others.
            is_own = [item in own for item in claimed]
            assert is_own == sorted(is_own, reverse=True)
        # If the threads claim in turn, each has only its own items.
        ranks = np.array([rank for _ in range(n_items) for rank in range(n_threads)], np.int64)
        items = np.empty(ranks.size, np.int64)
        claim_in_turn(board, n_items, ranks, items)
        shares = [sorted(items[(ranks == rank) & (items >= 0)]) for rank in range(n_threads)]
        if n_items % n_threads == 0:
            size = n_items // n_threads
            assert shares == [list(range(size * rank, size * (rank + 1))) for rank in range(n_threads)]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs os.sched_getaffinity")
def test_a_helper_may_run_on_the_same_cores_as_its_caller():
    cores, is_over = [], threading.Event()

    def help(rank):
        is_over.wait()
        cores.append(os.sched_getaffinity(0))

    with Team(2, skinit.engine.team.SHARED_MULTIPLY_ADDS, 1, 1) as team:
        team._grow(1, help)
        is_over.set()
    assert cores == [os.sched_getaffinity(0)]


# Forks and the end of a process.

PREAMBLE = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
import skinit.engine.passes, skinit.engine.team
from skinit import MLPClassifier
skinit.engine.team.SHARED_MULTIPLY_ADDS = 0
skinit.engine.team.get_num_threads = lambda: 3
rng = np.random.RandomState(0)
X, y = rng.normal(size=(500, 30)), rng.randint(3, size=500)
def fit(max_iter=3):
    return MLPClassifier((70,), max_iter=max_iter, tol=0, n_iter_no_change=10**9, random_state=0).fit(X, y)
expected = fit().coefs_[0]
"""


def run(code):
    return subprocess.run([sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_while_others_fit_fits_correctly():
    outcome = run("""
thread = threading.Thread(target=fit, args=(10**5,), daemon=True)
thread.start()
codes = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(fit().coefs_[0], expected) else 1)
    codes.append(os.waitpid(child, 0)[1])
print(codes == [0] * 20)
os._exit(0)
""")
    assert (outcome.returncode, outcome.stdout) == (0, "True\n"), outcome.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_forked_during_a_fit_completes_it_alone():
    outcome = run("""
one_pass, calls, children = skinit.engine.passes.DataPasses._pass, [], []
def forking(self, purpose):
    calls.append(1)
    if len(calls) == 2:
        children.append(os.fork())
    return one_pass(self, purpose)
skinit.engine.passes.DataPasses._pass = forking
is_right = np.array_equal(fit().coefs_[0], expected)
if children == [0]:
    os._exit(0 if is_right else 1)
print(is_right, os.waitpid(children[0], 0)[1])
""")
    assert (outcome.returncode, outcome.stdout) == (0, "True 0\n"), outcome.stderr


def test_a_process_can_end_during_a_fit_of_a_daemon_thread():
    outcome = run("""
for _ in range(3):
    threading.Thread(target=fit, args=(10**6,), daemon=True).start()
import time
time.sleep(0.2)
print("end")
""")
    assert (outcome.returncode, outcome.stdout) == (0, "end\n"), outcome.stderr


# The number of threads.


@pytest.fixture
def _without_limits(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(skinit.engine.team.joblib, "cpu_count", lambda: 8)
    yield
    set_num_threads(None)


@pytest.mark.usefixtures("_without_limits")
def test_the_number_of_threads_is_that_of_cores_up_to_either_limit(monkeypatch):
    assert get_num_threads() == 8
    set_num_threads(5)
    assert get_num_threads() == 5
    for value, expected in {"3": 3, " 7 ": 5, "2,1": 2, "": 5, "1": 1}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert get_num_threads() == expected
    set_num_threads(np.int64(100))
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert get_num_threads() == 8


@pytest.mark.usefixtures("_without_limits")
@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2", True, np.nan])
def test_an_invalid_number_of_threads_is_refused(n_threads):
    set_num_threads(2)
    with pytest.raises(ValueError, match=r"n_threads must be an integer of at least 1, or None for no limit, got"):
        set_num_threads(n_threads)
    assert get_num_threads() == 2


@pytest.mark.usefixtures("_without_limits")
@pytest.mark.parametrize("value", ["banana", "0", "-2", "1.5", "two", "²", ","])
def test_an_invalid_omp_num_threads_is_refused_and_changes_nothing(value, monkeypatch):
    model = MLPClassifier((5,), **SHORT).fit(X, labels)
    before = [coef.copy() for coef in model.coefs_]
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    with pytest.raises(ValueError, match="OMP_NUM_THREADS must be an integer of at least 1, got") as error:
        model.fit(X, labels)
    assert repr(value) in str(error.value)
    for coef, expected in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(coef, expected)


@pytest.mark.usefixtures("_without_limits")
def test_a_worker_of_a_pool_has_one_thread(monkeypatch):
    monkeypatch.setattr(multiprocessing.process.current_process(), "_config", {"daemon": True})
    assert get_num_threads() == 1
