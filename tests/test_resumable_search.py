"""Resumable searches: the results of scikit-learn's, what the reuse of a fit depends on, and lost workers."""

import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from fragile import Fragile, fits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier
from skinit.model_selection import ResumableGridSearchCV, ResumableRandomizedSearchCV, fingerprints, fits
from skinit.model_selection.fingerprints import fingerprint
from skinit.model_selection.finished_fits import NAME, FinishedFits

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
X, Y = make_classification(60, 5, random_state=0)
NETWORK = MLPClassifier((4,), max_iter=3, random_state=0)
GRID = {"init": ["he", "xavier"], "alpha": [0.0, 0.1]}
N_FITS = 4 * 3


class Unpicklable:
    """An object that scikit-learn can clone, but that cannot be pickled."""

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError("never")


def search(memory=None, estimator=NETWORK, grid=GRID, X=X, y=Y, fit_parameters=None, **parameters):
    """Run a search with three folds."""
    parameters = {"cv": 3, "memory": memory, **parameters}
    return ResumableGridSearchCV(estimator, grid, **parameters).fit(X, y, **(fit_parameters or {}))


def assert_equal_results(results, expected, times=False):
    """Check for the same entries, bit by bit. Times count only if `times` is true."""
    assert list(results) == list(expected)
    for name, values in expected.items():
        if name == "params" or name.startswith("param_"):
            assert list(results[name]) == list(values)
        elif times or "time" not in name:
            assert results[name].dtype == values.dtype
            np.testing.assert_array_equal(results[name], values)


def plain_score(estimator, X, y):
    return estimator.score(X, y)


def several_scores(estimator, X, y):
    return {"half": estimator.score(X, y) / 2, "whole": estimator.score(X, y)}


SETTINGS = {
    "default": {},
    "name": {"scoring": "f1"},
    "callable": {"scoring": plain_score},
    "callable of several": {"scoring": several_scores, "refit": "half"},
    "several": {"scoring": ["accuracy", "f1"], "refit": "f1", "return_train_score": True},
    "dict": {"scoring": {"a": "accuracy", "b": make_scorer(accuracy_score)}, "refit": False},
    "training scores": {"return_train_score": True},
    "splitter": {"cv": KFold(3, shuffle=True, random_state=1)},
    "splits": {"cv": [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]},
    "refit": {"refit": lambda results: 1},
    "jobs": {"n_jobs": 2},
}


@pytest.mark.parametrize(("setting", "dtype"), [("default", np.float32), *((each, np.float64) for each in SETTINGS)])
def test_results_are_those_of_scikit_learn_with_and_without_reuse(tmp_path, setting, dtype):
    parameters, data = {"cv": 3, **SETTINGS[setting]}, X.astype(dtype)
    with parallel_config(backend="threading"):
        expected = GridSearchCV(NETWORK, GRID, **parameters).fit(data, Y)
        first = search(tmp_path, X=data, **parameters)
        again = search(tmp_path, X=data, **parameters)
        without = search(X=data, **parameters)
    assert_equal_results(without.cv_results_, expected.cv_results_)
    assert_equal_results(first.cv_results_, expected.cv_results_)
    assert_equal_results(again.cv_results_, first.cv_results_, times=True)
    assert (first.n_reused_fits_, again.n_reused_fits_) == (0, 4 * expected.n_splits_)
    for name in ("best_index_", "best_params_", "best_score_", "multimetric_"):
        assert getattr(again, name, None) == getattr(expected, name, None)
    if expected.refit:
        np.testing.assert_array_equal(again.predict(data), expected.predict(data))


@pytest.mark.parametrize("make", [csr_array, pd.DataFrame, lambda X: X.tolist()], ids=["csr", "frame", "list"])
def test_changed_data_of_any_kind_are_noticed(tmp_path, make):
    grid = {"logisticregression__C": [0.1, 1.0]}
    estimator = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    expected = GridSearchCV(estimator, grid, cv=3).fit(make(X), Y)
    assert search(tmp_path, estimator, grid, make(X)).n_reused_fits_ == 0
    # The estimator and the data are equal to the first, but other objects.
    again = search(tmp_path, clone(estimator), grid, make(X.copy()))
    assert again.n_reused_fits_ == 6
    assert_equal_results(again.cv_results_, expected.cv_results_)
    changed = X.copy()
    changed[-1, -1] = np.nextafter(changed[-1, -1], 9)
    assert search(tmp_path, estimator, grid, make(changed)).n_reused_fits_ == 0


def test_fit_parameters_are_passed_on_and_count_for_reuse(tmp_path):
    weights = np.linspace(0.1, 1, 60)
    expected = GridSearchCV(NETWORK, GRID, cv=3).fit(X, Y, sample_weight=weights)
    for n_reused in (0, N_FITS):
        result = search(tmp_path, fit_parameters={"sample_weight": weights})
        assert_equal_results(result.cv_results_, expected.cv_results_)
        assert result.n_reused_fits_ == n_reused
    assert search(tmp_path, fit_parameters={"sample_weight": weights**2}).n_reused_fits_ == 0
    assert search(tmp_path).n_reused_fits_ == 0


def test_metadata_is_routed(tmp_path):
    weights = np.linspace(0.1, 1, 60)
    with sklearn.config_context(enable_metadata_routing=True):
        network = clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        expected = GridSearchCV(network, GRID, cv=3).fit(X, Y, sample_weight=weights)
        for n_reused in (0, N_FITS):
            result = search(tmp_path, network, fit_parameters={"sample_weight": weights})
            assert_equal_results(result.cv_results_, expected.cv_results_)
            assert result.n_reused_fits_ == n_reused


def test_a_random_search_reuses_the_candidates_that_it_drew(tmp_path):
    drawn = {"alpha": [0.0, 0.1, 0.2, 0.3, 0.4], "init": ["he", "xavier"]}
    parameters = {"n_iter": 3, "cv": 3, "random_state": 0}
    expected = RandomizedSearchCV(NETWORK, drawn, **parameters).fit(X, Y)
    for n_reused in (0, 9):
        result = ResumableRandomizedSearchCV(NETWORK, drawn, **parameters, memory=tmp_path).fit(X, Y)
        assert_equal_results(result.cv_results_, expected.cv_results_)
        assert result.n_reused_fits_ == n_reused


CHANGES = {
    "network": {"estimator": clone(NETWORK).set_params(max_iter=4)},
    "seed": {"estimator": clone(NETWORK).set_params(random_state=1)},
    "pipeline": {"estimator": make_pipeline(NETWORK), "grid": {"mlpclassifier__alpha": [0.0, 0.1]}},
    "candidates": {"grid": {"init": ["orthogonal"], "alpha": [0.0, 0.1]}},
    "labels": {"y": np.where(np.arange(60) == 7, 1 - Y, Y)},
    "order of rows": {"X": X[::-1].copy(), "y": Y[::-1].copy()},
    "precision": {"X": X.astype(np.float32)},
    "folds": {"cv": 4},
    "shuffling": {"cv": KFold(3, shuffle=True, random_state=0)},
    "scoring": {"scoring": "f1"},
    "training scores": {"return_train_score": True},
    "score of errors": {"error_score": 0.0},
}


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """Return a folder with the fits of one search. Later searches add to it."""
    folder = tmp_path_factory.mktemp("memory")
    search(folder)
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_fits_of_another_search_are_not_reused(memory, change):
    assert search(memory, **CHANGES[change]).n_reused_fits_ == 0


@settings(max_examples=20)
@given(row=st.integers(0, 59), column=st.integers(0, 4), bit=st.integers(0, 63))
def test_data_that_differ_in_one_bit_have_other_fingerprints(row, column, bit):
    changed = X.copy()
    changed.view(np.uint64)[row, column] ^= np.uint64(1 << bit)
    assert fingerprint(changed) != fingerprint(X)


@pytest.mark.parametrize("package", ["numpy", "scipy", "scikit-learn", "numba"])
def test_another_version_of_a_package_runs_the_fits_again(memory, monkeypatch, package):
    version = fingerprints.version
    monkeypatch.setattr(fingerprints, "version", lambda name: "99" if name == package else version(name))
    fingerprints._versions.cache_clear()
    try:
        assert search(memory).n_reused_fits_ == 0
    finally:
        fingerprints._versions.cache_clear()


def test_other_settings_of_scikit_learn_run_the_fits_again(memory):
    with sklearn.config_context(transform_output="pandas"):
        assert search(memory).n_reused_fits_ == 0


SOURCE = """
from functools import partial
SCALE = 2.0
def helper(x):
    return x + 1
def score(estimator, X, y, times=3):
    return SCALE * times * helper(estimator.score(X, y))
class Base:
    def method(self):
        return [x for x in range(5)]
class Thing(Base):
    constant = 4
    @property
    def inner(self):
        return self.method()
    @classmethod
    def make(cls):
        return cls()
def outer(k):
    return lambda x: x + k
value = [score, partial(score, times=2), Thing(), outer(1)]
"""
EDITS = {
    "2.0": "2.5",
    "x + 1": "x + 2",
    "times=3": "times=4",
    "times=2": "times=1",
    "range(5)": "range(6)",
    "constant = 4": "constant = 5",
    "return self.method()": "return None",
    "cls()": "Thing",
    "x + k": "x * k",
    "outer(1)": "outer(2)",
}


def fingerprint_of_module(source):
    """Return the fingerprint of `value` in a module that is not installed."""
    module = types.ModuleType("of_ones_own")
    sys.modules["of_ones_own"] = module
    try:
        exec(source, module.__dict__)
        return fingerprint(module.value)
    finally:
        del sys.modules["of_ones_own"]


@pytest.mark.parametrize("edit", EDITS)
def test_changes_of_the_users_code_are_noticed(edit):
    assert fingerprint_of_module(SOURCE) == fingerprint_of_module("# a comment\n" + SOURCE)
    edited = SOURCE.replace(edit, EDITS[edit])
    assert fingerprint_of_module(edited) != fingerprint_of_module(SOURCE)


def test_changes_of_modules_that_the_users_code_imports_are_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = SOURCE.replace("helper(", "of_ones_own_too.helper(", 2).replace("def of_ones_own_too.", "def ")
    digests = []
    for shift in (1, 1, 2):
        (tmp_path / "of_ones_own_too.py").write_text(f"def helper(x):\n    return x + {shift}\n")
        sys.modules.pop("of_ones_own_too", None)
        importlib.invalidate_caches()
        digests.append(fingerprint_of_module(f"import of_ones_own_too\n{source}"))
    sys.modules.pop("of_ones_own_too", None)
    assert digests[0] == digests[1] != digests[2]


def test_fingerprints_are_the_same_in_another_process():
    code = """
import numpy as np, pandas as pd, sys
from sklearn.compose import make_column_transformer
from sklearn.metrics import make_scorer, accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skinit import MLPClassifier
from skinit.initializers import RandomNormal
from skinit.model_selection.fingerprints import environment, fingerprint
frame = pd.DataFrame({"x": [1.0, np.nan], "text": ["a", None], "kind": pd.Categorical(["u", "v"])})
pipeline = make_pipeline(make_column_transformer((OneHotEncoder(), ["text"])), MLPClassifier(init=RandomNormal(std=2)))
value = [frame, pipeline, make_scorer(accuracy_score), {"b", "a", "c"}, {"z": 1, "y": lambda x: x}, environment()]
digest = fingerprint(value)
"""
    here = {"__name__": "__main__"}
    exec(code, here)
    command = [sys.executable, "-c", f"{code}\nprint(digest)"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    there = subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout.strip()
    assert there == here["digest"]


def test_repeated_fits_without_a_seed_are_kept_separately(tmp_path):
    grid = {"random_state": [None] * 4}
    first, again = (search(tmp_path, grid=grid).cv_results_ for _ in range(2))
    assert_equal_results(again, first, times=True)
    assert len(list((tmp_path / NAME).iterdir())) == N_FITS


@pytest.mark.parametrize("part", ["estimator", "parameters", "scorer", "fit_params"])
def test_objects_without_a_fingerprint_are_named_before_the_first_fit(tmp_path, part):
    lock, parameters = threading.Lock(), {}
    estimator, grid = Fragile(tmp_path), {"number": [0, 1]}
    if part == "estimator":
        estimator.event = Unpicklable()
    elif part == "parameters":
        grid = {"event": [Unpicklable(), Unpicklable()]}
    elif part == "scorer":
        parameters["scoring"] = lambda estimator, X, y: lock is None
    else:
        estimator, grid = NETWORK, GRID
        parameters["fit_parameters"] = {"sample_weight": np.ones(60), "monitor": lock}
    with pytest.raises(TypeError, match=f"its {part} is not"):
        search(tmp_path, estimator, grid, **parameters)
    assert fits_of(tmp_path) == 0


@pytest.mark.parametrize("memory", [3, True, ["folder"]])
def test_memory_must_be_a_folder(memory):
    with pytest.raises(TypeError, match="memory must be the path of a folder"):
        search(memory)


def test_a_folder_that_cannot_be_made_is_refused_before_the_first_fit(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        search(tmp_path / "file", Fragile(tmp_path), {"number": [0]})
    assert fits_of(tmp_path) == 0


@pytest.mark.parametrize(
    "make", [str, Path, lambda path: joblib.Memory(path, verbose=0)], ids=["str", "path", "joblib"]
)
def test_memory_may_be_a_string_a_path_or_a_joblib_memory(tmp_path, make):
    search(make(tmp_path))
    assert search(make(tmp_path)).n_reused_fits_ == N_FITS
    assert search(joblib.Memory(None)).n_reused_fits_ == 0


@pytest.mark.parametrize("damage", ["empty", "half", "bit", "other", "folder"])
def test_the_fit_of_a_damaged_file_is_run_again(tmp_path, damage):
    expected = search(tmp_path).cv_results_
    path = sorted((tmp_path / NAME).iterdir())[5]
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
        (path / "file").touch()
    else:
        half = len(content) // 2
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        path.write_bytes({"empty": b"", "half": content[:half], "bit": flipped, "other": b"{}"}[damage])
    with warnings.catch_warnings():
        # A file cannot replace this folder, which the search warns about.
        warnings.simplefilter("ignore", RuntimeWarning)
        again = search(tmp_path)
    assert again.n_reused_fits_ == N_FITS - 1
    assert_equal_results(again.cv_results_, expected)
    assert [path.suffix for path in (tmp_path / NAME).iterdir()] == [".json"] * N_FITS


def test_a_full_disk_does_not_stop_the_search(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FinishedFits, "keep", fail)
    with pytest.warns(RuntimeWarning, match="finished fits are not kept: No space left on device") as caught:
        result = search(tmp_path)
    assert [each.filename for each in caught if each.category is RuntimeWarning] == [__file__]
    assert_equal_results(result.cv_results_, search().cv_results_)


def test_failed_fits_are_run_again(tmp_path):
    grid = {"number": [0, 1, 2]}
    failing = search(tmp_path, Fragile(tmp_path, event=ValueError("no"), on=1), grid)
    assert np.isnan(failing.cv_results_["mean_test_score"]).tolist() == [False, True, False]
    again = search(tmp_path, Fragile(tmp_path, event=ValueError("no"), on=1), grid)
    assert again.n_reused_fits_ == 6
    assert_equal_results(again.cv_results_, failing.cv_results_)
    with pytest.raises(ValueError, match="^no$"):
        search(tmp_path, Fragile(tmp_path, event=ValueError("no"), on=1), grid, error_score="raise")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_keeps_finished_fits(tmp_path, n_jobs):
    grid, before = {"number": list(range(6))}, Fragile(tmp_path, event=KeyboardInterrupt(), on=4)
    others = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), parallel_config(backend="threading"):
        search(tmp_path, before, grid, n_jobs=n_jobs)
    # joblib does not wait for fits that other threads have begun.
    for thread in set(threading.enumerate()) - others:
        thread.join(timeout=60)
    n_kept = len(list((tmp_path / NAME).iterdir()))
    assert n_kept >= 12 - n_jobs
    n_fits = fits_of(tmp_path)
    # These fits do the same, but their parameters differ.
    again = search(tmp_path, before, {"number": [0, 1, 2, 3]}, refit=False)
    assert again.n_reused_fits_ == n_kept
    assert fits_of(tmp_path) == n_fits + 12 - n_kept


KILLED_SEARCH = """
import sys
sys.path.insert(0, sys.argv[1])
from joblib import parallel_config
from fragile import Fragile
from test_resumable_search import search
with parallel_config(backend="threading"):
    search(sys.argv[2], Fragile(sys.argv[2], event="kill once", on=5), {"number": list(range(8))}, n_jobs=2)
"""


@POSIX
def test_a_killed_search_resumes(tmp_path):
    command = [sys.executable, "-c", KILLED_SEARCH, str(Path(__file__).parent), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    n_fits, n_kept = fits_of(tmp_path), len(list((tmp_path / NAME).glob("*.json")))
    assert 1 <= n_kept <= 17
    estimator, grid = Fragile(str(tmp_path), event="kill once", on=5), {"number": list(range(8))}
    again = search(tmp_path, estimator, grid, refit=False)
    assert again.n_reused_fits_ == n_kept
    assert fits_of(tmp_path) == n_fits + 24 - n_kept
    assert_equal_results(again.cv_results_, GridSearchCV(estimator, grid, cv=3).fit(X, Y).cv_results_)


@POSIX
def test_a_search_survives_a_lost_process(tmp_path):
    estimator, grid = Fragile(str(tmp_path), event="kill once", on=2), {"number": list(range(5))}
    with pytest.warns(RuntimeWarning, match=r"A worker was lost \(TerminatedWorkerError\)") as caught:
        result = search(estimator=estimator, grid=grid, n_jobs=2)
    assert caught[-1].filename == __file__
    assert (tmp_path / "killed").exists()
    assert_equal_results(result.cv_results_, GridSearchCV(estimator, grid, cv=3).fit(X, Y).cv_results_)


@POSIX
@pytest.mark.filterwarnings("ignore:A worker was lost")
def test_a_fit_that_always_kills_its_process_ends_the_search_after_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(fits, "MOST_LOSSES", 2)
    estimator = Fragile(str(tmp_path), event="kill", on=0)
    with pytest.raises(RuntimeError, match="A worker was lost 2 times in a row"):
        search(tmp_path, estimator, {"number": list(range(6))}, n_jobs=2, cv=2)
    # Only the two folds of the first candidate, and the fits that ran beside them, may be missing.
    assert len(list((tmp_path / NAME).iterdir())) >= 8


def test_results_that_arrive_together_are_kept_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(fits, "FITS_PER_GROUP", 2)
    with parallel_config(backend="multiprocessing"):
        first = search(tmp_path, n_jobs=2)
        again = search(tmp_path, n_jobs=2)
    assert (first.n_reused_fits_, again.n_reused_fits_) == (0, N_FITS)
    assert_equal_results(again.cv_results_, search().cv_results_)


@pytest.mark.parametrize("kind", [ResumableGridSearchCV, ResumableRandomizedSearchCV])
def test_searches_are_estimators_of_scikit_learn(tmp_path, kind):
    unfitted = kind(NETWORK, GRID, cv=2, memory=tmp_path)
    assert clone(unfitted).get_params()["memory"] == tmp_path
    assert "memory=" in repr(unfitted)
    fitted = pickle.loads(
        pickle.dumps(
            clone(unfitted).set_params(**({"n_iter": 2} if "n_iter" in unfitted.get_params() else {})).fit(X, Y)
        )
    )
    assert fitted.n_reused_fits_ == 0
    base = kind.__mro__[2]
    assert list(base(NETWORK, GRID).get_params()) == [name for name in unfitted.get_params() if name != "memory"]
    parameters = {
        name: value for name, value in base(NETWORK, GRID).get_params(deep=False).items() if name != "estimator"
    }
    assert parameters == {name: kind(NETWORK, GRID).get_params()[name] for name in parameters}
