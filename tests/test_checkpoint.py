"""The callback `Checkpoint`: a fit that continues from a file equals the uninterrupted fit, bit by bit."""

import json
import os
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skinit.training.fit
from skinit import MLPClassifier, MLPRegressor
from skinit.engine.passes import DataPasses
from skinit.initializers import RandomNormal

pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")

from skinit.callbacks import BestWeights, Checkpoint, EarlyStopping, History  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning"),
]

X, y = load_iris(return_X_y=True)
WEIGHTS = np.linspace(0.5, 2, len(X))


class StopError(Exception):
    """Ends a fit before its time."""


class Ends:
    """Raises at the end of the given epoch. Epochs count from 1, and go on counting when training restarts."""

    def __init__(self, epoch, error=StopError):
        self.epoch, self.error, self.seen = epoch, error, []

    def setup(self, estimator, context):
        pass

    on_fit_task_begin = teardown = setup

    def on_fit_task_end(self, estimator, context):
        if context.max_subtasks == 0:
            self.seen.append(context.task_id + 1)
            if self.seen[-1] == self.epoch:
                raise self.error


def make(estimator=MLPClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (4,), "activation": "tanh", "batch_size": 40, "max_iter": 10, "random_state": 0}
    return estimator(**{**defaults, **parameters})


def interrupt(network, path, epoch, *data, others=(), **keywords):
    """Begin a fit with a checkpoint, and raise in the given epoch."""
    with pytest.raises(StopError):
        clone(network).set_callbacks(Checkpoint(path), *others, Ends(epoch)).fit(*data, **keywords)


def assert_same_fit(first, second):
    names = ["n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "best_iter_", "learning_rate_init_"]
    for name in [*names, "validation_scores_", "validation_loss_curve_", "best_validation_score_"]:
        assert getattr(first, name) == getattr(second, name)
    for a, b in zip(first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


KINDS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adamw": {"solver": "adamw", "shuffle": False},
    "schedule": {"learning_rate": "one_cycle"},
    "average": {"average": True, "early_stopping": True},
    "late_average": {"solver": "sgd", "average": 400},
    "decaying_average": {"average": 0.9},
    "dropout": {"dropout": 0.3, "early_stopping": True},
    "auto": {"solver": "sgd", "learning_rate_init": "auto", "init": "hessian"},
    "early tail": {"solver": "sgd", "learning_rate_init": "auto", "tol": 10.0, "n_iter_no_change": 2},
    "early_stopping": {"early_stopping": True, "learning_rate_init": 0.1, "scoring": "loss", "n_iter_no_change": 3},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_fit_is_the_uninterrupted_fit_bit_by_bit(kind, dtype, tmp_path):
    network = make(**KINDS[kind])
    data = X.astype(dtype), y, WEIGHTS
    alone = clone(network).fit(*data)
    for n_epochs in (1, alone.n_iter_ - 1):
        path = tmp_path / f"{n_epochs}.npz"
        # The epoch in which a hook raises is not in the file.
        interrupt(network, path, n_epochs + 1, *data)
        with np.load(path) as file:
            assert file["theta"].dtype == dtype
        resumed = clone(network).set_callbacks(Checkpoint(path)).fit(*data)
        assert_same_fit(resumed, alone)
    if not network.early_stopping:
        # Another epoch shows that the solver's state was restored too.
        assert_same_fit(resumed.set_callbacks().partial_fit(X, y), alone.partial_fit(X, y))


@pytest.mark.parametrize("container", [list, csr_array])
@pytest.mark.parametrize(("estimator", "targets"), [(MLPClassifier, y), (MLPRegressor, X[:, :2])])
def test_a_fit_resumes_with_lists_and_sparse_data(estimator, targets, container, tmp_path):
    network, path = make(estimator, early_stopping=True), tmp_path / "fit.npz"
    data = container(X), targets
    given = {"X_val": container(X[::3]), "y_val": targets[::3], "sample_weight_val": WEIGHTS[::3]}
    interrupt(network, path, 6, *data, **given)
    assert_same_fit(
        clone(network).set_callbacks(Checkpoint(path)).fit(*data, **given), clone(network).fit(*data, **given)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_restarts_are_the_same_wherever_the_fit_was_interrupted(dtype, tmp_path, monkeypatch):
    # A step that is far too large.
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1e3)
    network = make(solver="sgd", learning_rate_init="auto", dropout=0.1)
    data = X.astype(dtype), y
    counter = Ends(None)
    alone = clone(network).set_callbacks(counter).fit(*data)
    assert alone.learning_rate_init_ < 1e3
    # The hook does not run for epochs that a restart discards. `seen` has the others.
    for epoch in counter.seen[1:]:
        path = tmp_path / f"{epoch}.npz"
        interrupt(network, path, epoch, *data)
        resumed = clone(network).set_callbacks(Checkpoint(path)).fit(*data)
        assert_same_fit(resumed, alone)


def test_a_resumed_fit_can_restart(tmp_path, monkeypatch):
    network, path = make(solver="sgd", learning_rate_init="auto", average=True), tmp_path / "fit.npz"
    attempts = []

    def shows_too_large_steps(history, _):
        # The interrupted first fit ends before this epoch.
        if history.n_iter_ == 4 and not attempts:
            attempts.append(list(history.loss_curve_))
            return True
        return False

    monkeypatch.setattr("skinit.training.loop.History.shows_too_large_steps", shows_too_large_steps)
    alone = clone(network).fit(X, y)
    (before,) = attempts
    attempts.clear()
    interrupt(network, path, 3, X, y)
    resumed = clone(network).set_callbacks(Checkpoint(path)).fit(X, y)
    assert attempts == [before]
    assert_same_fit(resumed, alone)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("seed", [None, np.random.RandomState(3), np.random.RandomState(np.random.PCG64(3))])
def test_the_random_generator_resumes(seed, early_stopping, tmp_path):
    network, path = make(early_stopping=early_stopping), tmp_path / "fit.npz"
    generator = np.random.mtrand._rand if seed is None else seed
    start = generator.get_state(legacy=False)
    alone = clone(network).set_params(random_state=seed).fit(X, y)
    following = generator.randint(2**31)
    generator.set_state(start)
    interrupt(network.set_params(random_state=seed), path, 5, X, y)
    # The global generator of another process is in another state.
    generator.seed(99) if seed is None else generator.set_state(start)
    resumed = make(early_stopping=early_stopping, random_state=seed).set_callbacks(Checkpoint(path)).fit(X, y)
    assert_same_fit(resumed, alone)
    assert generator.randint(2**31) == following


SCRIPT = """
import json, os, signal, sys, warnings
from sklearn.datasets import load_iris
from skinit import MLPClassifier
from skinit.callbacks import Checkpoint
warnings.simplefilter("ignore")
path, when, n_calls = sys.argv[1], sys.argv[2], int(sys.argv[3])

def kill_after(function):
    left = [n_calls]
    def run(*args):
        left[0] -= 1
        if left[0] == 0 and when.startswith("before"):
            os.kill(os.getpid(), signal.SIGKILL)
        function(*args)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return run

if when != "never":
    name = when.split()[-1]
    setattr(os, name, kill_after(getattr(os, name)))
X, y = load_iris(return_X_y=True)
network = MLPClassifier((4,), batch_size=40, max_iter=12, early_stopping=True, random_state=0)
network.set_callbacks(Checkpoint(path)).fit(X, y)
print(json.dumps([network.loss_curve_, network.validation_scores_, [coef.tolist() for coef in network.coefs_]]))
"""


def test_a_fit_resumes_after_its_process_is_killed(tmp_path):
    path = tmp_path / "fit.npz"

    def run(*words):
        command = [sys.executable, "-c", SCRIPT, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    # In the first epoch, before there is a file; while a file is written; and right after a file is written.
    for words in (("before fsync", 1), ("before replace", 4), ("replace", 3)):
        assert run(path, *words).returncode == -signal.SIGKILL
    with np.load(path) as file:
        assert 1 < json.loads(file["numbers"].tobytes())["history"]["n_iter_"] < 12
    resumed = run(path, "never", 0)
    assert resumed.returncode == 0, resumed.stderr
    alone = MLPClassifier((4,), batch_size=40, max_iter=12, early_stopping=True, random_state=0).fit(X, y)
    coefs = [coef.tolist() for coef in alone.coefs_]
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(resumed.stdout) == [alone.loss_curve_, alone.validation_scores_, coefs]


def test_a_fit_resumes_after_ctrl_c(tmp_path):
    network, path = make(), tmp_path / "fit.npz"
    with pytest.warns(UserWarning, match="interrupted by user"):
        interrupted = clone(network).set_callbacks(Checkpoint(path), Ends(4, KeyboardInterrupt)).fit(X, y)
    assert interrupted.n_iter_ == 4
    assert_same_fit(clone(network).set_callbacks(Checkpoint(path)).fit(X, y), network.fit(X, y))


@pytest.mark.parametrize("kind", ["adam", "sgd", "average", "auto"])
def test_a_larger_max_iter_continues_the_training(kind, tmp_path):
    network, path = make(**KINDS[kind], verbose=False), tmp_path / "fit.npz"
    if kind == "auto":
        # The tail of the automatic rate depends on max_iter.
        network.set_params(learning_rate="invscaling")
    for n_epochs in (3, 7, 10):
        resumed = clone(network).set_params(max_iter=n_epochs).set_callbacks(Checkpoint(path, every=4)).fit(X, y)
        assert_same_fit(resumed, clone(network).set_params(max_iter=n_epochs).fit(X, y))
    # A smaller max_iter does not undo epochs.
    assert clone(network).set_params(max_iter=2).set_callbacks(Checkpoint(path)).fit(X, y).n_iter_ == 10


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("parameters", [{"tol": 10.0, "n_iter_no_change": 4}, {"early_stopping": True, "tol": 1.0}])
def test_a_finished_fit_is_restored_without_training(parameters, every, tmp_path, monkeypatch):
    network, checkpoint = make(max_iter=100, **parameters), Checkpoint(tmp_path / "fit.npz", every=every)
    ended = clone(network).set_callbacks(checkpoint).fit(X, y)
    assert ended.n_iter_ < 20
    monkeypatch.setattr(DataPasses, "run", None)
    assert_same_fit(clone(network).set_callbacks(checkpoint).fit(X, y), ended)
    assert_same_fit(clone(network).set_params(max_iter=200).set_callbacks(checkpoint).fit(X, y), ended)


def test_every_sets_the_number_of_epochs_between_files(tmp_path):
    path, history = tmp_path / "fit.npz", History()
    with pytest.raises(StopError):
        make().set_callbacks(Checkpoint(path, every=3), Ends(8)).fit(X, y)
    make().set_callbacks(Checkpoint(path, every=3), history).fit(X, y)
    assert history.to_frame()["epoch"].tolist() == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("is_first", [False, True])
def test_other_callbacks_resume(is_first, tmp_path):
    network = make(solver="sgd", learning_rate_init=0.5, max_iter=40, early_stopping=True, n_iter_no_change=np.inf)

    def callbacks():
        return [EarlyStopping("validation_loss", patience=6), BestWeights("validation_loss"), BestWeights()]

    alone = clone(network).set_callbacks(*callbacks()).fit(X, y)
    assert 8 < alone.n_iter_ < 40
    for epoch in range(2, alone.n_iter_ + 1):
        path = tmp_path / f"{epoch}.npz"
        interrupt(network, path, epoch, X, y, others=callbacks())
        others = callbacks()
        others.insert(0 if is_first else len(others), Checkpoint(path))
        resumed = clone(network).set_callbacks(*others).fit(X, y)
        assert_same_fit(resumed, alone)
        # A callback's decision in the last epoch counts too.
        assert_same_fit(clone(network).set_callbacks(*others).fit(X, y), alone)


def fresh_search(path, others=()):
    model = make_pipeline(StandardScaler(), make().set_callbacks(Checkpoint(path), *others))
    return GridSearchCV(model, {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2, error_score="raise")


@pytest.mark.parametrize(("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)])
def test_a_search_resumes_fit_by_fit(backend, n_jobs, tmp_path):
    path = tmp_path / "{fit}.npz"
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        with pytest.raises(StopError):
            fresh_search(path, [Ends(4)]).fit(X, y)
        assert list(tmp_path.iterdir())
        history = History()
        resumed = fresh_search(path, [history]).fit(X, y)
    alone = fresh_search(tmp_path / "alone{fit}.npz").fit(X, y)
    assert_same_fit(resumed.best_estimator_[-1], alone.best_estimator_[-1])
    np.testing.assert_array_equal(resumed.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    # This fit was interrupted in its fourth epoch, so it resumed at epoch 3.
    assert (history.to_frame().groupby("fit")["epoch"].min() == 3).any()
    # One file for each of two candidates in two folds, and one for the best candidate on all rows.
    names = [path.name for path in tmp_path.iterdir()]
    assert len([name for name in names if not name.startswith("alone")]) == 5
    assert not any(name.startswith(".") for name in names)


def test_one_file_for_many_fits_is_refused(tmp_path):
    network = make().set_callbacks(Checkpoint(tmp_path / "fit.npz"))
    search = GridSearchCV(network, {"alpha": [0.1, 1.0]}, error_score="raise")
    for many_fits in (
        lambda: search.fit(X, y),
        lambda: cross_val_score(network, X, y, error_score="raise"),
        lambda: BaggingClassifier(network, n_estimators=2).fit(X, y),
    ):
        with pytest.raises(ValueError, match=r"fit.npz' of Checkpoint is one file for many fits: put \{fit\} into"):
            many_fits()
    assert not list(tmp_path.iterdir())


def function_of_shape(shape, rng):
    return rng.uniform(-1, 1, shape)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 0.5}, "alpha=0.5 differs from .* written with alpha=0.0001. Keep alpha"),
        ({"solver": "sgd"}, "solver='sgd' differs from .* solver='adam'"),
        ({"random_state": 1}, "random_state=1 differs"),
        ({"init": function_of_shape}, r"init=test_checkpoint.function_of_shape differs from .* init='sklearn'"),
        ({"init": RandomNormal(0.2)}, r"init=RandomNormal\(std=0.2\) differs"),
        ({"dropout": np.array([0.2])}, r"dropout=\[0.2\] differs from .* dropout=0.0"),
        ({"hidden_layer_sizes": (5,)}, r"another network, with layer_sizes=\[4, 4, 3\]; this one has \[4, 5, 3\]"),
        ({"estimator": MLPRegressor}, "another network, with estimator=MLPClassifier; this one has MLPRegressor"),
    ],
)
def test_a_checkpoint_of_other_parameters_is_refused(parameters, message, tmp_path):
    path = tmp_path / "fit.npz"
    make().set_callbacks(Checkpoint(path)).fit(X, y)
    network = make(**parameters).set_callbacks(Checkpoint(path))
    written, before = path.read_bytes(), vars(network).copy()
    with pytest.raises(ValueError, match=message):
        network.fit(X, y)
    assert vars(network) == before
    assert path.read_bytes() == written


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": X + 1e-10}, "other data, which differ in X. Keep the data to continue, or delete the file"),
        ({"X": X[::-1]}, "differ in X"),
        ({"X": X[1:], "y": y[1:], "X_val": X}, "differ in X, y"),
        ({"X": X.astype(np.float32)}, "another network, with dtype=float64; this one has float32"),
        ({"y": np.roll(y, 1)}, "differ in y."),
        ({"sample_weight": WEIGHTS}, "differ in sample_weight."),
        ({"X_val": X[:-1], "y_val": y[:-1]}, "differ in X_val, y_val."),
    ],
)
def test_a_checkpoint_of_other_data_is_refused(changes, message, tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz")
    data = {"X": X, "y": y, "X_val": X, "y_val": y}
    make(early_stopping=True).set_callbacks(checkpoint).fit(**data)
    with pytest.raises(ValueError, match=message):
        make(early_stopping=True).set_callbacks(checkpoint).fit(**(data | changes))


def test_data_are_compared_by_their_numbers(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz")
    alone = make().set_callbacks(checkpoint).fit(X, y)
    for same in (X.tolist(), np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2]):
        assert_same_fit(make().set_callbacks(checkpoint).fit(same, y.tolist()), alone)


@pytest.mark.parametrize(
    "schedule",
    [{"learning_rate": "cosine"}, {"learning_rate": lambda step, n_steps: 1.0}, {"learning_rate_init": "auto"}],
)
def test_a_schedule_cannot_change_its_length(schedule, tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz")
    make(**schedule).set_callbacks(checkpoint).fit(X, y)
    with pytest.raises(ValueError, match="max_iter=11 differs from .* with max_iter=10: the learning rates of"):
        make(**schedule, max_iter=11).set_callbacks(checkpoint).fit(X, y)


def test_best_weights_cannot_be_added_to_a_started_fit(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz")
    make().set_callbacks(checkpoint).fit(X, y)
    with pytest.raises(ValueError, match=r"BestWeights\(monitor='loss'\) was not set when .* best weights of no monit"):
        make().set_callbacks(checkpoint, BestWeights()).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, "Checkpoint takes the solvers 'adam', 'adamw', 'sgd', got solver='lbfgs'"),
        ({"warm_start": True}, "Checkpoint takes warm_start=False, got True"),
    ],
)
def test_fits_that_cannot_resume_are_refused(parameters, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(**parameters).set_callbacks(Checkpoint(tmp_path / "fit.npz")).fit(X, y)


def test_two_checkpoints_on_one_fit_are_refused(tmp_path):
    checkpoints = [Checkpoint(tmp_path / name) for name in ("first.npz", "second.npz")]
    with pytest.raises(ValueError, match="A fit takes at most one Checkpoint, got 2"):
        make().set_callbacks(*checkpoints).fit(X, y)


def test_partial_fit_is_refused(tmp_path):
    network = make().set_callbacks(Checkpoint(tmp_path / "fit.npz"))
    with pytest.raises(ValueError, match="partial_fit does not support the callback Checkpoint"):
        network.partial_fit(X, y, classes=[0, 1, 2])


def test_invalid_parameters_are_named(tmp_path):
    with pytest.raises(ValueError, match="The 'every' parameter of Checkpoint must be an int in the range"):
        Checkpoint("fit.npz", every=0)
    with pytest.raises(ValueError, match="The 'path' parameter of Checkpoint must be an instance of 'str'"):
        Checkpoint(None)
    for path, what in ((tmp_path, "a folder"), (tmp_path / "none" / "fit.npz", "a file in a missing folder")):
        with pytest.raises(ValueError, match=f"must be a file in a folder that exists, got {what}"):
            make().set_callbacks(Checkpoint(path)).fit(X, y)


def damaged_files(path):
    """Yield contents of files that are no whole checkpoints."""
    whole = path.read_bytes()
    yield b""
    yield b"some text"
    yield whole[:-200]
    # Flip a bit of a weight.
    place = whole.index(b"theta.npy") + 200
    yield whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    np.savez(path, theta=np.ones(3))
    yield path.read_bytes()
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    yield path.read_bytes()


def test_a_damaged_file_is_reported(tmp_path):
    path = tmp_path / "fit.npz"
    make().set_callbacks(Checkpoint(path)).fit(X, y)
    for content in damaged_files(path):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="fit.npz' is not a checkpoint of skinit, or is damaged: delete it"):
            make().set_callbacks(Checkpoint(path)).fit(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theta", np.zeros(1)),
        ("theta", np.zeros(35, np.float32)),
        ("rows", np.full(150, 10**9)),
        ("rows", np.arange(150.0)),
        ("Adam_slots", np.zeros((2, 3))),
        ("Adam_n_steps", np.zeros(0, np.int64)),
        ("first_theta", np.zeros(5)),
        ("best_loss", np.zeros(5)),
    ],
)
def test_arrays_that_compiled_code_would_trust_are_checked(name, value, tmp_path):
    path = tmp_path / "fit.npz"
    make().set_callbacks(Checkpoint(path), BestWeights()).fit(X, y)
    with np.load(path) as file:
        arrays = dict(file) | {name: value}
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"{name} of the saved training state"):
        make(max_iter=12).set_callbacks(Checkpoint(path), BestWeights()).fit(X, y)


def test_numbers_that_compiled_code_would_trust_are_checked(tmp_path):
    path = tmp_path / "fit.npz"
    make(dropout=0.1).set_callbacks(Checkpoint(path)).fit(X, y)
    with np.load(path) as file:
        arrays = dict(file)
    numbers = json.loads(arrays["numbers"].tobytes())
    for change in ({"seed": 0.5}, {"seed": "1"}, {"slots": 1}):
        changed = numbers | {"solver": [numbers["solver"][0] | change]}
        np.savez(path, **(arrays | {"numbers": np.frombuffer(json.dumps(changed).encode(), np.uint8)}))
        with pytest.raises(ValueError, match="An? Adam has the numbers"):
            make(dropout=0.1, max_iter=12).set_callbacks(Checkpoint(path)).fit(X, y)


def test_a_failed_write_leaves_the_previous_file(tmp_path, monkeypatch):
    path = tmp_path / "fit.npz"
    make(max_iter=3).set_callbacks(Checkpoint(path)).fit(X, y)
    before = path.read_bytes()

    def no_space(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        make().set_callbacks(Checkpoint(path)).fit(X, y)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_changes_no_bit_and_holds_no_pickle(tmp_path):
    path = tmp_path / "fit.npz"
    assert_same_fit(make().set_callbacks(Checkpoint(path)).fit(X, y), make().fit(X, y))
    with np.load(path, allow_pickle=False) as file:
        assert {array.dtype.kind for array in dict(file).values()} == {"f", "i", "u"}


def test_resuming_is_announced(tmp_path, capsys):
    path = tmp_path / "fit.npz"
    interrupt(make(), path, 8, X, y)
    make(verbose=True).set_callbacks(Checkpoint(path)).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Training continues after epoch 7."
    assert lines[1].startswith("Iteration 8, loss = ")
