"""Searches on a dask cluster of two processes: equal results, lost workers, threads, and the command line."""

import json
import os
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from fragile import Fragile
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_resumable_search import GRID, N_FITS, NETWORK, X, Y, assert_equal_results, search

import skinit
from skinit.cli import cluster, main
from skinit.model_selection import dask_futures
from skinit.model_selection.finished_fits import NAME

distributed = pytest.importorskip("distributed", reason="needs distributed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals"),
]
# Large enough that dask sends the rows once and not with every fit.
ROWS = np.tile(X, (10, 1))
LABELS = np.tile(Y, 10)
QUICK = ["--hidden", "3", "--init", "he", "zero", "--max-iter", "2", "--cv", "2"]


@pytest.fixture(scope="module")
def client():
    """A client of a cluster with two processes of one thread each."""
    # Workers import the classes that tests define.
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        mock.patch.dict(os.environ, {"PYTHONPATH": path}),
        distributed.LocalCluster(**options, silence_logs=50) as local,
        distributed.Client(local) as client,
        parallel_config(backend="dask", client=client),
    ):
        yield client


@pytest.fixture
def both(client):
    """The client, once both workers are there."""
    client.wait_for_workers(2, timeout=60)
    return client


def expected(estimator, grid, **parameters):
    """Return the results of scikit-learn's search in this process."""
    with parallel_config(backend="sequential"):
        return GridSearchCV(estimator, grid, cv=3, **parameters).fit(ROWS, LABELS).cv_results_


def test_results_are_the_same_bits(both, tmp_path):
    estimator = make_pipeline(StandardScaler(), NETWORK)
    grid = {f"mlpclassifier__{name}": values for name, values in GRID.items()}
    first, again = (search(tmp_path, estimator, grid, ROWS, LABELS, return_train_score=True) for _ in range(2))
    assert_equal_results(first.cv_results_, expected(estimator, grid, return_train_score=True))
    assert_equal_results(again.cv_results_, first.cv_results_, times=True)
    # The client keeps the finished fits.
    assert again.n_reused_fits_ == N_FITS == len(list((tmp_path / NAME).iterdir()))


def test_each_worker_uses_one_thread(both):
    assert set(both.run(skinit.get_num_threads).values()) == {1}


def test_a_search_survives_a_lost_worker(both, tmp_path):
    estimator, grid = Fragile(str(tmp_path), event="kill once", on=2), {"number": list(range(6))}
    result = search(tmp_path, estimator, grid, ROWS, LABELS, refit=False)
    assert (tmp_path / "killed").exists()
    assert_equal_results(result.cv_results_, expected(estimator, grid))


def test_errors_of_fits_reach_the_client(both, tmp_path):
    with pytest.raises(ZeroDivisionError, match="^no$"):
        search(
            None, Fragile(str(tmp_path), event=ZeroDivisionError("no"), on=1), {"number": [0, 1]}, error_score="raise"
        )


def test_workers_compile_before_they_take_work(both, tmp_path):
    class Warmup(distributed.WorkerPlugin):
        def setup(self, worker):
            skinit.warmup(dtype="float64", activation="relu", loss="binary_log_loss", solver="adam", curvature=False)
            (tmp_path / f"{os.getpid()}").touch()

    both.register_plugin(Warmup(), name="warmup")
    try:
        assert {path.name for path in tmp_path.iterdir()} == {str(pid) for pid in both.run(os.getpid).values()}
    finally:
        both.unregister_worker_plugin("warmup")


def run(client, out, *options):
    """Run the command line on the cluster."""
    address = client.scheduler.address
    return main(["--backend", "dask", "--scheduler", address, "--out", str(out), *QUICK, *options])


def without_times(folder):
    table = pd.read_csv(folder / "cv_results.csv")
    return table.loc[:, ~table.columns.str.contains("time")]


def test_the_command_line_runs_on_a_cluster(both, tmp_path, capsys):
    assert run(both, tmp_path / "a") == 0
    assert "4 fits (2 folds of each candidate), relu, adam, 2 at a time." in capsys.readouterr().out
    assert main(["--out", str(tmp_path / "b"), *QUICK, "--n-jobs", "1"]) == 0
    pd.testing.assert_frame_equal(without_times(tmp_path / "a"), without_times(tmp_path / "b"))
    # Finished fits are reused whichever backend ran them.
    assert run(both, tmp_path / "b") == 0
    assert f"4 fits were taken from '{tmp_path / 'b' / NAME}'" in capsys.readouterr().out


def test_a_scheduler_file_is_an_address_too(both, tmp_path, capsys):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": both.scheduler.address}))
    options = ["--backend", "dask", "--scheduler", str(tmp_path / "scheduler.json"), "--out", str(tmp_path)]
    assert main([*options, *QUICK]) == 0


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "{}", "[]", "3"])
def test_a_file_without_an_address_is_one_line(tmp_path, capsys, content):
    path = tmp_path / "table.csv"
    path.write_text(content)
    assert main(["--backend", "dask", "--scheduler", str(path), "--out", str(tmp_path), *QUICK]) == 2
    assert capsys.readouterr().err == (
        f"skinit: --scheduler '{path}' is not a scheduler file. Write one with dask scheduler --scheduler-file.\n"
    )


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "nothing://here", "127.0.0.1:port"])
def test_a_scheduler_that_does_not_answer_is_reported_in_one_line(monkeypatch, tmp_path, capsys, scheduler):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    assert main(["--backend", "dask", "--scheduler", scheduler, "--out", str(tmp_path), *QUICK]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"skinit: --scheduler '{scheduler}': ")
    assert err.count("\n") == 1


def test_inconsistent_options_are_reported_in_one_line(monkeypatch, tmp_path, capsys):
    options = ["--out", str(tmp_path), *QUICK]
    assert main(["--backend", "dask", *options]) == 2
    assert (
        capsys.readouterr().err == "skinit: --backend dask needs --scheduler, the address of the cluster's scheduler.\n"
    )
    assert main(["--scheduler", "tcp://127.0.0.1:1", *options]) == 2
    assert capsys.readouterr().err == "skinit: --scheduler needs --backend dask.\n"
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert main(["--backend", "dask", "--scheduler", "tcp://127.0.0.1:1", *options]) == 2
    assert capsys.readouterr().err == "skinit: --backend dask needs distributed: pip install 'skinit[cluster]'\n"


def test_a_fit_that_always_kills_its_worker_does_not_stop_the_others(both, tmp_path):
    both.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    try:
        estimator, split = Fragile(str(tmp_path), event="kill", on=0), (np.arange(400), np.arange(400, 600))
        with pytest.raises(RuntimeError, match="A fit was given up: .*workers died"):
            search(tmp_path, estimator, {"number": [0, 1, 2, 3]}, ROWS, LABELS, cv=[split])
    finally:
        both.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 3))
    assert len(list((tmp_path / NAME).iterdir())) == 3


def test_a_cluster_that_has_lost_all_workers_is_an_error(client, monkeypatch):
    monkeypatch.setattr(dask_futures, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(dask_futures, "MOST_SECONDS_WITHOUT", 0.3)
    client.cluster.scale(0)
    try:
        while client.ncores():
            time.sleep(0.05)
        with pytest.raises(RuntimeError, match="has had no worker for 0.3 seconds"):
            list(dask_futures.run_on_dask(client, [(0, (int, (), {}))]))
    finally:
        client.cluster.scale(2)
