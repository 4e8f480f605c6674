"""Small networks use fewer BLAS threads, and the number is restored afterwards."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skinit import MLPClassifier
from skinit.engine import blas
from skinit.engine.blas import blas_threads


def n_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def two_threads():
    """Set two BLAS threads, whatever the machine has, so that a lower number shows."""
    with threadpool_limits(2, user_api="blas"):
        yield


def test_small_products_run_on_one_thread_and_large_ones_on_all():
    before = n_threads()
    with blas_threads(blas.SINGLE_THREAD_BELOW - 1):
        assert set(n_threads()) == {1}
    with blas_threads(blas.SINGLE_THREAD_BELOW):
        assert n_threads() == before
    assert n_threads() == before


def test_the_limit_is_left_alone_for_products_too_small_for_blas_threads():
    before = n_threads()
    with blas_threads(blas.NEVER_THREADED_BELOW - 1):
        assert n_threads() == before


def test_every_thread_can_limit_and_restore_blas_threads():
    before = n_threads()
    seen = []

    def look():
        with blas_threads(blas.NEVER_THREADED_BELOW):
            seen.extend(n_threads())

    for _ in range(2):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        with blas_threads(blas.NEVER_THREADED_BELOW):
            seen.extend(n_threads())
    assert set(seen) == {1}
    assert n_threads() == before


def test_the_number_of_threads_is_restored_after_an_error():
    before = n_threads()
    with pytest.raises(RuntimeError), blas_threads(blas.NEVER_THREADED_BELOW):
        raise RuntimeError
    assert n_threads() == before


def test_the_last_of_several_holders_restores_the_number_of_threads():
    before = n_threads()
    first, second = blas_threads(blas.NEVER_THREADED_BELOW), blas_threads(blas.NEVER_THREADED_BELOW)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(n_threads()) == {1}
    second.__exit__(None, None, None)
    assert n_threads() == before


def test_concurrent_fits_leave_the_number_of_threads_as_it_was():
    before = n_threads()
    X = np.random.RandomState(0).standard_normal((60, 4))
    y = np.arange(60) % 2

    def fit():
        for seed in range(5):
            MLPClassifier((5,), max_iter=3, random_state=seed, tol=0).fit(X, y).predict(X)

    threads = [threading.Thread(target=fit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert n_threads() == before


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_network_gives_the_same_bits_on_any_number_of_threads(solver):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 40))
    y = np.arange(300) % 3
    coefs = []
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"):
            model = MLPClassifier((50,), solver=solver, max_iter=3, random_state=0).fit(X, y)
            coefs.append((model.coefs_[0], model.predict_proba(X)))
    np.testing.assert_array_equal(coefs[0][0], coefs[1][0])
    np.testing.assert_array_equal(coefs[0][1], coefs[1][1])
