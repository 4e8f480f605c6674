"""What `verbose` prints while a network trains."""

import re

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_iris

import skinit.training.fit
from skinit import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
HEADER = ["epoch", "loss", "validation score", "validation loss", "learning rate", "seconds"]


def lines_of(network, capsys, dtype=np.float64):
    network.fit(X.astype(dtype), y)
    return capsys.readouterr().out.splitlines()


def without_numbers(line):
    return re.sub(r"-?\d+\.\d+", "*", line)


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"early_stopping": True, "tol": 10.0, "n_iter_no_change": 2},
        {"solver": "sgd", "tol": 10.0, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2, "max_iter": 30},
    ],
)
@pytest.mark.parametrize("verbose", [1, True, 3, 10])
def test_verbose_1_prints_the_lines_of_scikit_learn(verbose, parameters, estimator, capsys):
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 6, "random_state": 0, "verbose": verbose, **parameters}
    ours = lines_of({"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[estimator](**parameters), capsys)
    theirs = lines_of(getattr(neural_network, estimator)(**parameters), capsys)
    assert [without_numbers(line) for line in ours] == [without_numbers(line) for line in theirs]
    numbers = [[float(word) for word in re.findall(r"-?\d+\.\d+", " ".join(lines))] for lines in (ours, theirs)]
    # Six or eight digits are printed, and the last one is rounded.
    np.testing.assert_allclose(*numbers, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_2_prints_a_table(early_stopping, dtype, capsys):
    # Each epoch has one step.
    parameters = {"solver": "sgd", "learning_rate": "linear", "batch_size": 135 if early_stopping else 150}
    network = MLPClassifier((4,), max_iter=5, random_state=0, verbose=2, early_stopping=early_stopping, **parameters)
    header, *rows = lines_of(network, capsys, dtype)
    assert re.split(r"\s{2,}", header.strip()) == HEADER
    # Cells are right-aligned with the names of columns.
    ends = [header.index(name) + len(name) for name in HEADER]
    cells = [[row[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)] for row in rows]
    assert [len(row) for row in rows] == [len(header)] * 5
    epochs, losses, scores, validation_losses, rates, seconds = zip(*cells, strict=True)
    assert epochs == ("1", "2", "3", "4", "5")
    assert losses == tuple(f"{loss:.6g}" for loss in network.loss_curve_)
    if early_stopping:
        assert scores == tuple(f"{score:.6g}" for score in network.validation_scores_)
        assert validation_losses == tuple(f"{loss:.6g}" for loss in network.validation_loss_curve_)
    else:
        assert scores == validation_losses == ("",) * 5
    assert rates == ("0.001", "0.0008", "0.0006", "0.0004", "0.0002")
    assert [float(number) for number in seconds] == sorted(map(float, seconds))


def test_the_table_says_why_training_ended(capsys):
    network = MLPClassifier((4,), random_state=0, verbose=2, tol=10.0, n_iter_no_change=2)
    *rows, reason = lines_of(network, capsys)
    assert len(rows) == 1 + network.n_iter_
    assert reason == "Training loss did not improve more than tol=10.000000 for 2 consecutive epochs. Stopping."


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_automatic_rate_and_its_restarts_are_printed(verbose, capsys, monkeypatch):
    # A step that is far too large.
    monkeypatch.setattr(skinit.training.fit, "automatic_step", lambda *args, **kwargs: 1234.567)
    network = MLPClassifier((4,), "tanh", solver="sgd", learning_rate_init="auto", max_iter=5, random_state=0)
    first, *others = lines_of(network.set_params(verbose=verbose), capsys)
    assert first == 'learning_rate_init="auto" found 1.23e+03.'
    restarts = [line for line in others if "Starting again" in line]
    assert len(restarts) == round(np.log(network.learning_rate_init_ / 1234.567) / np.log(0.25)) > 0
    assert all(
        re.fullmatch(r"The loss rose in epoch \d+\. Starting again with .* learning rate\.", it) for it in restarts
    )
    assert sum("validation score" in line for line in others) == (verbose == 2)


def test_nothing_is_printed_without_verbose(capsys):
    assert lines_of(MLPClassifier((4,), max_iter=3, learning_rate_init="auto", init="hessian"), capsys) == []
